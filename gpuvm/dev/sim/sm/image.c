// SPDX-License-Identifier: MIT
/* Textures and surfaces. */
#include "gpuvm/dev/sim/sm/core.h"

uop_fn image_select(const struct sm20_insn *in)
{
	(void)in;
	return NULL;
}

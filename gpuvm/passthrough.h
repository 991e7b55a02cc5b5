/* SPDX-License-Identifier: MIT */
/* One guest with the whole card.  Private to the core. */
#ifndef GPUVM_PASSTHROUGH_H
#define GPUVM_PASSTHROUGH_H

#include "gpuvm/gpuvm.h"

/* Takes the card from the mediator, clears it and gives it to v, the only vGPU. */
int passthrough_begin(struct vgpu *v);
/* The card back to the mediator, if v has it. */
void passthrough_end(struct vgpu *v);

#endif

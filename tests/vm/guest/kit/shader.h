/* SPDX-License-Identifier: MIT */
/*
 * sm_20 programs on a compute channel.  Code is what `gpuvm asm` made at build
 * time, read from NV_KERNELS/NAME.bin; arguments lie in c0 from its start.
 */
#ifndef TESTS_VM_GUEST_KIT_SHADER_H
#define TESTS_VM_GUEST_KIT_SHADER_H

#include "tests/vm/guest/kit/nv.h"

#define NV_KERNELS "/lib/kernels"

struct shader {
	struct nv_chan *chan; /* borrowed; opened with nv_compute */
	struct nouveau_bo *code, *constants;
	uint32_t used; /* bytes of code */
	uint32_t entry; /* of the program loaded last */
};
struct shader_grid {
	uint32_t grid, block, shared; /* blocks, threads of one, bytes of s[] of one */
};

int shader_open(struct nv_chan *, struct shader *);
void shader_close(struct shader *);
int shader_load(struct shader *, const char *name);
/* Submits one launch of what was loaded last with n words of arguments; at most 4 buffers. */
int shader_launch(struct shader *, const struct shader_grid *, const uint32_t *args, uint32_t n,
		  const struct nv_ref *, int nr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A guest's VRAM as memory files that it may map (hv_map).
 *
 * Always true:
 *  1. A file holds chunks of one part and nothing else: no other guest's, none
 *     of the mediator's own VRAM, no USERD page of the card.
 *  2. What is lent stays lent until the guest is gone; then the device lets go
 *     of the files before the chunks go back to the pool (lend_free), so that
 *     a mapping or descriptor which somebody kept reaches memory that is
 *     nobody's.
 */
#ifndef GPUVM_LEND_H
#define GPUVM_LEND_H

#include <stdint.h>

struct vgpu;

/*
 * Makes files of all of the guest's VRAM; nothing if it was done before.
 * -EOPNOTSUPP: the device or the hypervisor cannot.  Other errors are the
 * world's, and it can be tried again.
 */
int lend_start(struct vgpu *);
/*
 * The file behind the guest's VRAM at `at`: *fd (borrowed) from *fd_at on, *run
 * bytes of at most len.  -ERANGE outside its VRAM, -ENOENT if nothing is lent.
 */
int lend_find(const struct vgpu *, uint64_t at, uint64_t len, int *fd, uint64_t *fd_at,
	      uint64_t *run);
/* Before the part is freed; the guest is off the card.  Accepts a guest to whom nothing was lent. */
void lend_free(struct vgpu *);

#endif

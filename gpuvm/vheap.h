/* SPDX-License-Identifier: MIT */
/*
 * The mediator's own VRAM, handed out in 4 KiB pages: shadow tables, shadow
 * instance blocks, USERD pages, runlists.  Never given to a guest.
 */
#ifndef GPUVM_VHEAP_H
#define GPUVM_VHEAP_H

#include <stdint.h>

#include "gpuvm/base/addr.h"

struct vheap;

/* [base, base+len), 4 KiB aligned. */
int vheap_new(hvram_t base, uint64_t len, struct vheap **out);
void vheap_free(struct vheap *); /* accepts NULL */
/*
 * len is rounded up to pages; align is a power of two of at least 4096 (-EINVAL
 * else, and for len 0).  -ENOSPC.  Contents are undefined.
 */
int vheap_alloc(struct vheap *, uint64_t len, uint64_t align, hvram_t *out);
/* at and len as they were allocated. */
void vheap_release(struct vheap *, hvram_t at, uint64_t len);
uint64_t vheap_used(const struct vheap *);
uint64_t vheap_size(const struct vheap *);
/* Whether [at, at+len) lies in allocated pages of the heap. */
int vheap_holds(const struct vheap *, hvram_t at, uint64_t len);

#endif

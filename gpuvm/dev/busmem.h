/* SPDX-License-Identifier: MIT */
/* Bus memory as the record and replay shims know it: what dma_map was told, and what changed there. */
#ifndef GPUVM_DEV_BUSMEM_H
#define GPUVM_DEV_BUSMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvm/base/addr.h"
#include "gpuvm/base/list.h"

struct busmem {
	struct list node;
	uint64_t at;
	uint8_t *mem; /* borrowed, len bytes, from dma_map to dma_unmap */
	size_t len;
	uint8_t *copy; /* owned; the contents last seen, or NULL if nobody asks for changes */
};

/* watched: remember the contents of now, for busmem_changes(). */
int busmem_new(dma_t at, void *mem, size_t len, bool watched, struct busmem **out);
/* Takes it off its list.  Accepts NULL. */
void busmem_free(struct busmem *);
/* The mapping on head that holds all of [at, at+len), or NULL. */
struct busmem *busmem_find(const struct list *head, uint64_t at, uint64_t len);

typedef void (*busmem_change_fn)(void *ctx, dma_t at, const void *data, size_t len);
/* Calls fn for each range that differs from what was last seen, in order, a page at most. */
void busmem_changes(struct busmem *, busmem_change_fn fn, void *ctx);

#endif

// SPDX-License-Identifier: MIT
/*
 * Bus memory of the shims.  The memory belongs to somebody who may write it at
 * any time, and so may the device: each page is read once into a buffer and
 * only that is compared, kept and reported.
 */
#include "gpuvm/dev/busmem.h"

#include <errno.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"

#define PAGE_LEN 4096u

static void seen(void *ctx, dma_t at, const void *data, size_t len)
{
	(void)ctx;
	(void)at;
	(void)data;
	(void)len;
}

int busmem_new(dma_t at, void *mem, size_t len, bool watched, struct busmem **out)
{
	struct busmem *b = mem_new(struct busmem);

	if (!b)
		return -ENOMEM;
	list_init(&b->node);
	b->at = dma_x(at);
	b->mem = mem;
	b->len = len;
	if (watched) {
		b->copy = mem_calloc(1, len ? len : 1);
		if (!b->copy) {
			busmem_free(b);
			return -ENOMEM;
		}
		/* The first look goes by differences too: pages of zeros cost the copy nothing. */
		busmem_changes(b, seen, NULL);
	}
	*out = b;
	return 0;
}

void busmem_free(struct busmem *b)
{
	if (!b)
		return;
	list_del(&b->node);
	mem_free(b->copy);
	mem_free(b);
}

struct busmem *busmem_find(const struct list *head, uint64_t at, uint64_t len)
{
	struct busmem *b;

	list_for_each(b, head, node)
		if (at >= b->at && range_ok(at - b->at, len, b->len))
			return b;
	return NULL;
}

void busmem_changes(struct busmem *b, busmem_change_fn fn, void *ctx)
{
	uint8_t now[PAGE_LEN];

	for (size_t off = 0; off < b->len; off += PAGE_LEN) {
		size_t n = b->len - off < PAGE_LEN ? b->len - off : PAGE_LEN;
		size_t lo = 0, hi = n;

		if (!memcmp(b->mem + off, b->copy + off, n))
			continue;
		memcpy(now, b->mem + off, n);
		while (lo < n && now[lo] == b->copy[off + lo])
			lo++;
		while (hi > lo && now[hi - 1] == b->copy[off + hi - 1])
			hi--;
		if (lo == hi)
			continue;
		memcpy(b->copy + off + lo, now + lo, hi - lo);
		fn(ctx, dma(b->at + off + lo), now + lo, hi - lo);
	}
}

// SPDX-License-Identifier: MIT
/*
 * The mediator's own VRAM: a bitmap of 4 KiB pages, searched first-fit.
 *
 * First-fit, so that what was released is used again before pages that nobody
 * touched: on a software card only touched VRAM costs memory.  No page below
 * `front` is free, so a full front is not walked again.  Free pages are 0,
 * allocated ones 1; `used` is the number of ones.
 */
#include "gpuvm/vheap.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"

#define PAGE_SHIFT 12
#define PAGE_LEN (1ull << PAGE_SHIFT)

struct vheap {
	uint64_t base;
	uint64_t nr, used; /* pages */
	uint64_t front;	   /* every page below it is allocated; at most nr */
	uint64_t *map;	   /* one bit a page, owned */
};

int vheap_new(hvram_t base, uint64_t len, struct vheap **out)
{
	struct vheap *h;

	if (!len || !is_aligned(hvram_x(base) | len, PAGE_LEN) || hvram_x(base) + len < len)
		return -EINVAL;
	h = mem_new(struct vheap);
	if (!h)
		return -ENOMEM;
	h->base = hvram_x(base);
	h->nr = len >> PAGE_SHIFT;
	h->map = mem_calloc((h->nr + 63) / 64, sizeof(*h->map));
	if (!h->map) {
		vheap_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void vheap_free(struct vheap *h)
{
	if (!h)
		return;
	mem_free(h->map);
	mem_free(h);
}

/* The first page in [from, to) whose bit is `want`; to if there is none. */
static uint64_t next_bit(const uint64_t *map, uint64_t from, uint64_t to, bool want)
{
	while (from < to) {
		uint64_t w = map[from / 64];

		w = (want ? w : ~w) >> (from % 64);
		if (w) {
			from += (uint64_t)__builtin_ctzll(w);
			return from < to ? from : to;
		}
		from = align_down(from, 64) + 64;
	}
	return to;
}

static void set_bits(uint64_t *map, uint64_t from, uint64_t to, bool val)
{
	while (from < to) {
		uint64_t end = align_down(from, 64) + 64;
		uint64_t mask;

		if (end > to)
			end = to;
		mask = bits_put(~0ull, (unsigned int)((end - 1) % 64), (unsigned int)(from % 64));
		if (val)
			map[from / 64] |= mask;
		else
			map[from / 64] &= ~mask;
		from = end;
	}
}

/* The first page from p on that stands at a multiple of align on the card; UINT64_MAX for none. */
static uint64_t page_aligned(const struct vheap *h, uint64_t p, uint64_t align)
{
	uint64_t at = h->base + (p << PAGE_SHIFT);
	uint64_t up = align_up(at, align);

	return up < at ? UINT64_MAX : (up - h->base) >> PAGE_SHIFT;
}

/* The first free run of nr pages that starts in [from, to); UINT64_MAX for none. */
static uint64_t find_run(const struct vheap *h, uint64_t from, uint64_t to, uint64_t nr,
			 uint64_t align)
{
	uint64_t p = from;

	for (;;) {
		uint64_t used;

		p = next_bit(h->map, p, to, false);
		p = page_aligned(h, p, align);
		if (p >= to || nr > h->nr - p)
			return UINT64_MAX;
		used = next_bit(h->map, p, p + nr, true);
		if (used == p + nr)
			return p;
		p = used + 1;
	}
}

int vheap_alloc(struct vheap *h, uint64_t len, uint64_t align, hvram_t *out)
{
	uint64_t nr = (len >> PAGE_SHIFT) + !is_aligned(len, PAGE_LEN);
	uint64_t p;

	if (!nr || align < PAGE_LEN || (align & (align - 1)))
		return -EINVAL;
	if (nr > h->nr - h->used)
		return -ENOSPC;
	h->front = next_bit(h->map, h->front, h->nr, false);
	p = find_run(h, h->front, h->nr, nr, align);
	if (p == UINT64_MAX)
		return -ENOSPC;
	set_bits(h->map, p, p + nr, true);
	h->used += nr;
	*out = hvram(h->base + (p << PAGE_SHIFT));
	return 0;
}

int vheap_holds(const struct vheap *h, hvram_t at, uint64_t len)
{
	uint64_t off = hvram_x(at) - h->base, size = h->nr << PAGE_SHIFT;
	uint64_t first, end;

	if (hvram_x(at) < h->base || !len || !range_ok(off, len, size))
		return 0;
	first = off >> PAGE_SHIFT;
	end = ((off + len - 1) >> PAGE_SHIFT) + 1;
	return next_bit(h->map, first, end, false) == end;
}

void vheap_release(struct vheap *h, hvram_t at, uint64_t len)
{
	uint64_t p = (hvram_x(at) - h->base) >> PAGE_SHIFT;
	uint64_t nr = (len >> PAGE_SHIFT) + !is_aligned(len, PAGE_LEN);

	assert(is_aligned(hvram_x(at), PAGE_LEN) && vheap_holds(h, at, nr << PAGE_SHIFT));
	set_bits(h->map, p, p + nr, false);
	h->front = p < h->front ? p : h->front;
	h->used -= nr;
}

uint64_t vheap_used(const struct vheap *h)
{
	return h->used << PAGE_SHIFT;
}

uint64_t vheap_size(const struct vheap *h)
{
	return h->nr << PAGE_SHIFT;
}

// SPDX-License-Identifier: MIT
/*
 * A domain's RAM by foreign mappings.
 *
 * 1. A page of the window is either mapped from the guest (its pin count is not
 *    0) or anonymous memory of nobody: a GPU that is late with a page which was
 *    unpinned meets zeros, never a fault and never somebody's memory.
 * 2. A foreign mapping holds the page in Xen's books.  A page that the guest
 *    gives back while it is pinned stays readable here and is nobody else's
 *    until the unpin.
 * 3. The cache shows a frame as it was when it was mapped; Xen says when frames
 *    change (xen_ram_stale), and then it is emptied.
 */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/hv/xen_impl.h"

#define PAGE 4096ull
#define WINDOW_PAGES (XEN_WINDOW / PAGE)

static void *sparse(uint64_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int xen_ram_init(struct xen_guest *g)
{
	g->ram.window = sparse(XEN_WINDOW, PROT_READ | PROT_WRITE);
	g->ram.pins = sparse(WINDOW_PAGES * sizeof *g->ram.pins, PROT_READ | PROT_WRITE);
	return g->ram.window && g->ram.pins ? 0 : -ENOMEM;
}

static void cache_drop(struct xen_guest *g)
{
	for (unsigned int i = 0; i < XEN_CACHE; i++) {
		struct xen_cached *c = &g->ram.cache[i];

		if (c->used)
			xenforeignmemory_unmap(xen_port(g)->fm, c->mem, 1);
		memset(c, 0, sizeof *c);
	}
}

void xen_ram_stale(struct xen_guest *g)
{
	cache_drop(g);
}

void xen_ram_fini(struct xen_guest *g)
{
	cache_drop(g);
	if (g->ram.window)
		munmap(g->ram.window, XEN_WINDOW);
	if (g->ram.pins)
		munmap(g->ram.pins, WINDOW_PAGES * sizeof *g->ram.pins);
	g->ram.window = NULL;
	g->ram.pins = NULL;
}

/* at: where, or NULL for anywhere.  NULL if the frame is not RAM that can be written. */
static uint8_t *map_frame(struct xen_guest *g, uint64_t gfn, void *at)
{
	xen_pfn_t pfn = gfn;
	int err = 0;
	void *p = xenforeignmemory_map2(xen_port(g)->fm, g->domid, at, PROT_READ | PROT_WRITE,
					at ? MAP_FIXED | MAP_SHARED : MAP_SHARED, 1, &pfn, &err);

	if (!p)
		return NULL;
	g->stats.foreign++;
	if (!err)
		return p;
	xenforeignmemory_unmap(xen_port(g)->fm, p, 1);
	return NULL;
}

/* Nothing of the guest's is there any more. */
static void blank(uint8_t *at)
{
	void *p = mmap(at, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	/* Replacing a page of an existing mapping splits it in two at worst; without that room, no page. */
	if (p == MAP_FAILED)
		munmap(at, PAGE);
}

static uint8_t *page_of(struct xen_guest *g, uint64_t gfn)
{
	struct xen_cached *oldest = &g->ram.cache[0];
	uint8_t *p;

	if (gfn >= WINDOW_PAGES)
		return NULL;
	if (g->ram.pins[gfn])
		return g->ram.window + gfn * PAGE;
	for (unsigned int i = 0; i < XEN_CACHE; i++) {
		struct xen_cached *c = &g->ram.cache[i];

		if (c->used && c->gfn == gfn) {
			c->used = ++g->ram.clock;
			g->stats.cache_hits++;
			return c->mem;
		}
		if (c->used < oldest->used)
			oldest = c;
	}
	p = map_frame(g, gfn, NULL);
	if (!p)
		return NULL;
	if (oldest->used)
		xenforeignmemory_unmap(xen_port(g)->fm, oldest->mem, 1);
	*oldest = (struct xen_cached){ .gfn = gfn, .used = ++g->ram.clock, .mem = p };
	return p;
}

static int copy(struct xen_guest *g, uint64_t at, uint8_t *buf, size_t len, bool write)
{
	while (len) {
		uint64_t in = at % PAGE, n = len < PAGE - in ? len : PAGE - in;
		uint8_t *p = page_of(g, at / PAGE);

		if (!p)
			return -EFAULT;
		if (write)
			memcpy(p + in, buf, n);
		else
			memcpy(buf, p + in, n);
		at += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int xen_ram_read(struct hv_guest *hg, gpa_t src, void *buf, size_t len)
{
	return copy(xen_guest_of(hg), gpa_x(src), buf, len, false);
}

int xen_ram_write(struct hv_guest *hg, gpa_t dst, const void *buf, size_t len)
{
	return copy(xen_guest_of(hg), gpa_x(dst), (uint8_t *)buf, len, true);
}

int xen_ram_pin(struct hv_guest *hg, gpa_t page, dma_t *out)
{
	struct xen_guest *g = xen_guest_of(hg);
	uint64_t gfn = gpa_x(page) / PAGE;
	uint8_t *at;

	if (!is_aligned(gpa_x(page), PAGE) || gfn >= WINDOW_PAGES)
		return -EFAULT;
	if (g->ram.pins[gfn] == UINT16_MAX)
		return -ENOSPC;
	at = g->ram.window + gfn * PAGE;
	if (!g->ram.pins[gfn] && !map_frame(g, gfn, at)) {
		blank(at);
		return -EFAULT;
	}
	g->stats.pinned += !g->ram.pins[gfn]++;
	*out = dma(XEN_DMA_BASE + (uint64_t)hg->id * XEN_WINDOW + gpa_x(page));
	return 0;
}

void xen_ram_unpin(struct hv_guest *hg, gpa_t page)
{
	struct xen_guest *g = xen_guest_of(hg);
	uint64_t gfn = gpa_x(page) / PAGE;

	/* An unpin without its pin is a bug of the core, never a guest's doing. */
	assert(gfn < WINDOW_PAGES && g->ram.pins[gfn]);
	if (--g->ram.pins[gfn])
		return;
	g->stats.pinned--;
	blank(g->ram.window + gfn * PAGE);
}

/* One range: what of it is RAM shows itself when a page is pinned. */
int xen_ram_range(struct hv_guest *hg, unsigned int i, struct hv_ram *out)
{
	struct xen_guest *g = xen_guest_of(hg);

	if (i)
		return -ENOENT;
	*out = (struct hv_ram){ .gpa = gpa(0),
				.dma = dma(XEN_DMA_BASE + (uint64_t)hg->id * XEN_WINDOW),
				.mem = g->ram.window,
				.len = XEN_WINDOW,
				.fd = -1 };
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * What a connection maps: index page, ring, RAM.
 *
 * 1. Counts and references are copied out of the domain's pages once, and only
 *    the copy is looked at.
 * 2. Whatever the domain names, Xen lets us map only what it granted, of its
 *    own; so a wrong reference fails, and costs the domain its connection.
 * 3. Mapped here, a page stays the domain's in Xen's books until it is unmapped,
 *    however the domain takes its grant back or ends.
 */
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/hv/pvback_impl.h"

struct wanted {
	uint32_t ring_pages, ram_pages, lists;
	uint32_t list[XEN_PV_LISTS];
	uint32_t *ref; /* owned: the ring's, then the RAM's */
};

/* A copy of what the index page says, checked. */
static int index_take(struct pvback_guest *g, struct wanted *w, const char **what)
{
	struct xen_pv_index copy;

	memcpy(&copy, g->map.index, sizeof copy);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*what = "index: another version";
	if (copy.magic != XEN_PV_MAGIC || copy.version != XEN_PV_VERSION)
		return -EPROTO;
	*what = "index: ring-pages is not what was asked for";
	if (copy.ring_pages != align_up(g->proc.ring_len, XEN_PV_PAGE) / XEN_PV_PAGE)
		return -EINVAL;
	*what = "index: RAM is nothing, or more than ram-pages-max";
	if (!copy.ram_pages || copy.ram_pages > PVBACK_RAM_PAGES)
		return -EINVAL;
	w->ring_pages = copy.ring_pages;
	w->ram_pages = copy.ram_pages;
	w->lists = xen_pv_lists((uint64_t)w->ring_pages + w->ram_pages);
	*what = "index: more pages than it can list";
	if (w->lists > XEN_PV_LISTS)
		return -EINVAL;
	memcpy(w->list, copy.list, sizeof w->list);
	return 0;
}

static int refs_take(struct pvback_guest *g, struct wanted *w, const char **what)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	uint32_t left = w->ring_pages + w->ram_pages, *to;

	*what = "out of memory";
	w->ref = mem_calloc(left, sizeof *w->ref);
	if (!w->ref)
		return -ENOMEM;
	*what = "a list page was not granted";
	to = w->ref;
	for (uint32_t i = 0; i < w->lists; i++) {
		uint32_t n = left < XEN_PV_REFS ? left : XEN_PV_REFS;
		void *page = lib->ops->map(lib, g->domid, &w->list[i], 1);

		if (!page)
			return -EFAULT;
		memcpy(to, page, n * sizeof *to);
		lib->ops->unmap(lib, page, 1);
		to += n;
		left -= n;
	}
	return 0;
}

static int pages_map(struct pvback_guest *g, const struct wanted *w, const char **what)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	struct pvback_map *m = &g->map;

	*what = "a page of the ring was not granted";
	m->ring = lib->ops->map(lib, g->domid, w->ref, w->ring_pages);
	if (!m->ring)
		return -EFAULT;
	m->ring_pages = w->ring_pages;
	*what = "a page of RAM was not granted";
	m->ram = lib->ops->map(lib, g->domid, w->ref + w->ring_pages, w->ram_pages);
	if (!m->ram)
		return -EFAULT;
	m->ram_pages = w->ram_pages;
	return 0;
}

int pvback_map(struct pvback_guest *g, uint32_t index_ref, const char **what)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	struct wanted *w = mem_new(struct wanted);
	int err;

	*what = "out of memory";
	if (!w)
		return -ENOMEM;
	*what = "the index page was not granted";
	g->map.index = lib->ops->map_notify(lib, g->domid, index_ref, XEN_PV_BACK_ALIVE, g->port);
	err = g->map.index ? index_take(g, w, what) : -EFAULT;
	if (!err)
		err = refs_take(g, w, what);
	if (!err)
		err = pages_map(g, w, what);
	mem_free(w->ref);
	mem_free(w);
	if (err) {
		pvback_unmap(g);
		return err;
	}
	g->proc.ring = g->map.ring;
	g->proc.g.ram_len = (uint64_t)g->map.ram_pages * XEN_PV_PAGE;
	return 0;
}

void pvback_unmap(struct pvback_guest *g)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	struct pvback_map *m = &g->map;

	if (m->ram)
		lib->ops->unmap(lib, m->ram, m->ram_pages);
	if (m->ring)
		lib->ops->unmap(lib, m->ring, m->ring_pages);
	/* Last: the domain is told by its byte, and may take everything back then. */
	if (m->index)
		lib->ops->unmap(lib, m->index, 1);
	*m = (struct pvback_map){ 0 };
	g->proc.ring = NULL;
	g->proc.g.ram_len = 0;
}

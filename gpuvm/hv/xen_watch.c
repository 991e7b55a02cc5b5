// SPDX-License-Identifier: MIT
/*
 * Write tracking: pages of type HVMMEM_ioreq_server, whose stores arrive as
 * requests and are carried out here.
 *
 * A page is in the table exactly while Xen has it of that type.
 */
#include <inttypes.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/xen_impl.h"

#define PAGE 4096ull

/* Where gfn is, or would have to stand. */
static uint32_t place(const struct xen_watched *w, uint64_t gfn)
{
	uint32_t lo = 0, hi = w->nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->gfn[mid] < gfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool xen_watches(const struct xen_guest *g, uint64_t gfn)
{
	uint32_t i = place(&g->watched, gfn);

	return i < g->watched.nr && g->watched.gfn[i] == gfn;
}

static int claim(struct xen_guest *g, bool on)
{
	return xendevicemodel_map_mem_type_to_ioreq_server(
		       xen_port(g)->dm, g->domid, g->server, HVMMEM_ioreq_server,
		       on ? XEN_DMOP_IOREQ_MEM_ACCESS_WRITE : 0) ?
		       -errno :
		       0;
}

static int set_type(struct xen_guest *g, uint64_t gfn, hvmmem_type_t type)
{
	return xendevicemodel_set_mem_type(xen_port(g)->dm, g->domid, type, gfn, 1) ? -errno : 0;
}

static int make_room(struct xen_watched *w)
{
	uint32_t room = w->room ? 2 * w->room : 16;
	uint64_t *p;

	if (w->nr < w->room)
		return 0;
	p = mem_calloc(room, sizeof *p);
	if (!p)
		return -ENOMEM;
	if (w->nr)
		memcpy(p, w->gfn, w->nr * sizeof *p);
	mem_free(w->gfn);
	w->gfn = p;
	w->room = room;
	return 0;
}

int xen_watch(struct hv_guest *hg, gpa_t page)
{
	struct xen_guest *g = xen_guest_of(hg);
	struct xen_watched *w = &g->watched;
	uint64_t gfn = gpa_x(page) / PAGE;
	uint32_t i;
	int err;

	if (xen_watches(g, gfn))
		return -EEXIST;
	err = make_room(w);
	if (!err && !w->nr)
		err = claim(g, true);
	if (err)
		return err;
	err = set_type(g, gfn, HVMMEM_ioreq_server);
	if (err) {
		if (!w->nr)
			claim(g, false);
		return err;
	}
	i = place(w, gfn);
	memmove(w->gfn + i + 1, w->gfn + i, (w->nr - i) * sizeof *w->gfn);
	w->gfn[i] = gfn;
	w->nr++;
	return 0;
}

void xen_unwatch(struct hv_guest *hg, gpa_t page)
{
	struct xen_guest *g = xen_guest_of(hg);
	struct xen_watched *w = &g->watched;
	uint64_t gfn = gpa_x(page) / PAGE;
	uint32_t i = place(w, gfn);

	if (i == w->nr || w->gfn[i] != gfn)
		return;
	/* A domain that is gone has no types; one that lives must not trap for ever. */
	if (set_type(g, gfn, HVMMEM_ram_rw) && xen_domain_lives(xen_port(g), g->domid))
		log_warn(hg->hv->log, "%s: page %#" PRIx64 " stays write-protected", hg->name, gfn);
	memmove(w->gfn + i, w->gfn + i + 1, (w->nr - i - 1) * sizeof *w->gfn);
	if (!--w->nr)
		claim(g, false);
}

void xen_watch_fini(struct xen_guest *g)
{
	while (g->watched.nr)
		xen_unwatch(&g->g, gpa(g->watched.gfn[0] * PAGE));
	mem_free(g->watched.gfn);
	g->watched = (struct xen_watched){ 0 };
}

// SPDX-License-Identifier: MIT
/*
 * Birth and death of a domain's vGPU.
 *
 * 1. A guest is whole (server made, processors bound, function claimed) before
 *    hv_xen_guest_new() answers 0; what does not fit is refused there.
 * 2. The domain's end is seen through xenstore; a dying guest is not served, and
 *    reap detaches it outside of any upcall.
 * 3. Death is complete: afterwards nothing of the domain's memory is mapped here,
 *    so Xen can give its frames back.
 */
#include <string.h>
#include <sys/mman.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/xen_impl.h"

#define FRAMES 2 /* of an IOREQ server: buffered requests, requests */
#define PORT_CF8 0xcf8u
#define PORT_CFF 0xcffu

bool xen_domain_lives(struct xen *p, domid_t domid)
{
	return xs_is_domain_introduced(p->xs, domid);
}

static int server_new(struct xen_guest *g)
{
	struct xen *p = xen_port(g);
	void *pages = NULL;

	if (xendevicemodel_create_ioreq_server(p->dm, g->domid, HVM_IOREQSRV_BUFIOREQ_ATOMIC,
					       &g->server))
		return -errno;
	g->has_server = true;
	g->page_res = xenforeignmemory_map_resource(
		p->fm, g->domid, XENMEM_resource_ioreq_server, g->server,
		XENMEM_resource_ioreq_server_frame_bufioreq, FRAMES, &pages, PROT_READ | PROT_WRITE, 0);
	if (!g->page_res)
		return -errno;
	g->buffered = pages;
	g->vcpu = ((struct shared_iopage *)((uint8_t *)pages + 4096))->vcpu_ioreq;
	return 0;
}

static int claim(struct xen_guest *g, uint8_t slot)
{
	return xendevicemodel_map_pcidev_to_ioreq_server(xen_port(g)->dm, g->domid, g->server, 0, 0,
							 slot, 0) ?
		       -errno :
		       0;
}

static int claim_all(struct xen_guest *g)
{
	int err = claim(g, g->slot);

	if (err || !g->bridge)
		return err;
	err = claim(g, 0);
	if (!err && xendevicemodel_map_io_range_to_ioreq_server(xen_port(g)->dm, g->domid, g->server,
								0, PORT_CF8, PORT_CFF))
		err = -errno;
	return err;
}

static int bind(struct xen_guest *g, unsigned int i, evtchn_port_t remote)
{
	int port = xenevtchn_bind_interdomain(xen_port(g)->ev, g->domid, remote);

	if (port < 0)
		return -errno;
	g->port[i] = (evtchn_port_t)port;
	g->port_bound[i] = true;
	return 0;
}

/* A processor has a port as soon as the server knows it: all that the domain was created with. */
static int bind_all(struct xen_guest *g)
{
	evtchn_port_t posted = 0;
	int err = 0;

	if (xendevicemodel_get_ioreq_server_info(xen_port(g)->dm, g->domid, g->server, NULL, NULL,
						 &posted))
		return -errno;
	while (!err && g->nr_vcpus < XEN_VCPUS && g->vcpu[g->nr_vcpus].vp_eport) {
		err = bind(g, g->nr_vcpus, g->vcpu[g->nr_vcpus].vp_eport);
		g->nr_vcpus += !err;
	}
	return err ? err : bind(g, XEN_VCPUS, posted);
}

static void server_free(struct xen_guest *g)
{
	struct xen *p = xen_port(g);

	for (unsigned int i = 0; i <= XEN_VCPUS; i++)
		if (g->port_bound[i])
			xenevtchn_unbind(p->ev, g->port[i]);
	if (g->has_server)
		xen_ranges_drop(g);
	if (g->page_res)
		xenforeignmemory_unmap_resource(p->fm, g->page_res);
	if (g->has_server)
		xendevicemodel_destroy_ioreq_server(p->dm, g->domid, g->server);
}

static void guest_free(struct xen_guest *g)
{
	struct xen *p = xen_port(g);

	list_del(&g->g.node);
	p->nr_dying -= g->dying;
	p->slot[g->g.id] = NULL;
	if (g->has_server)
		xen_watch_fini(g);
	server_free(g);
	xen_ram_fini(g);
	mem_free(g->rom);
	mem_free(g);
}

void xen_guest_reap(struct xen_guest *g)
{
	struct hv *h = g->g.hv;

	if (g->attached)
		h->up->detach(h->core, &g->g);
	g->attached = false;
	g->g.vgpu = NULL;
	guest_free(g);
}

void xen_guest_kill(struct hv_guest *hg, const char *why)
{
	struct xen_guest *g = xen_guest_of(hg);

	if (g->dying)
		return;
	g->dying = true;
	xen_of(hg->hv)->nr_dying++;
	log_info(hg->hv->log, "guest %s ended: %s", hg->name, why);
}

static int guest_init(struct xen_guest *g, const struct hv_xen_cfg *c)
{
	struct xen *p = xen_port(g);
	struct hv *h = g->g.hv;
	int err;

	if (!xen_domain_lives(p, g->domid))
		return -ESRCH;
	if (c->rom_len) {
		g->rom = mem_calloc(1, c->rom_len);
		if (!g->rom)
			return -ENOMEM;
		memcpy(g->rom, c->rom, c->rom_len);
		g->rom_len = c->rom_len;
	}
	err = xen_ram_init(g);
	if (!err)
		err = server_new(g);
	if (!err)
		err = claim_all(g);
	if (err)
		return err;
	g->g.ram_len = XEN_WINDOW;
	g->g.cfg = c->cfg;
	err = h->up->attach(h->core, &g->g);
	g->g.cfg = NULL;
	if (err < 0)
		return err;
	g->attached = true;
	if (xendevicemodel_set_ioreq_server_state(p->dm, g->domid, g->server, 1))
		return -errno;
	return bind_all(g);
}

static int slot_find(const struct xen *p, domid_t domid, uint32_t *slot)
{
	*slot = XEN_GUESTS;
	for (uint32_t i = 0; i < XEN_GUESTS; i++) {
		if (p->slot[i] && p->slot[i]->domid == domid)
			return -EEXIST;
		if (!p->slot[i] && *slot == XEN_GUESTS)
			*slot = i;
	}
	return *slot < XEN_GUESTS ? 0 : -ENOSPC;
}

static bool sound(const struct hv_xen_cfg *c)
{
	if (!c->slot || c->slot > 31 || c->rom_len & (c->rom_len - 1))
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(c->bar_len); i++)
		if (c->bar_len[i] > 1ull << 32 || c->bar_len[i] & (c->bar_len[i] - 1))
			return false;
	return true;
}

int hv_xen_guest_new(struct hv *hv, const struct hv_xen_cfg *c, struct hv_guest **out)
{
	struct xen *p = xen_of(hv);
	struct xen_guest *g;
	uint32_t slot;
	int err = slot_find(p, c->domid, &slot);

	if (err)
		return err;
	if (!sound(c))
		return -EINVAL;
	g = mem_new(struct xen_guest);
	if (!g)
		return -ENOMEM;
	g->g = (struct hv_guest){ .hv = hv, .id = slot };
	log_clean(g->g.name, sizeof g->g.name, c->name);
	g->domid = c->domid;
	log_clean(g->domain, sizeof g->domain, c->domain ? c->domain : "");
	g->slot = c->slot;
	g->bridge = c->bridge;
	memcpy(g->bar_len, c->bar_len, sizeof g->bar_len);
	p->slot[slot] = g;
	list_add_tail(&p->guests, &g->g.node);
	err = guest_init(g, c);
	if (err) {
		xen_guest_reap(g);
		return err;
	}
	*out = &g->g;
	return 0;
}

void hv_xen_guest_drop(struct hv_guest *hg, const char *why)
{
	xen_guest_kill(hg, why);
	if (!xen_of(hg->hv)->dispatching)
		xen_guest_reap(xen_guest_of(hg));
}

void hv_xen_guest_domain(const struct hv_guest *hg, struct hv_xen_domain *out)
{
	const struct xen_guest *g = xen_guest_of(hg);

	*out = (struct hv_xen_domain){ .domid = g->domid };
	memcpy(out->name, g->domain, sizeof out->name);
}

void hv_xen_guest_stats(const struct hv_guest *hg, struct hv_xen_stats *out)
{
	*out = xen_guest_of(hg)->stats;
}

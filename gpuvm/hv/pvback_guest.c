// SPDX-License-Identifier: MIT
/*
 * Birth, death and RAM of a domain that reaches its GPU without traps.
 *
 * 1. RAM is there from connection to disconnection, one range from
 *    guest-physical 0 on; outside of that there is none.
 * 2. Death is complete: afterwards nothing of the domain's memory is mapped
 *    here, so Xen can give its frames back.
 */
#include <assert.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/pvback_impl.h"

#define PAGE 4096ull

/* ---- RAM ------------------------------------------------------------------------- */

static uint64_t ram_len(const struct hv_guest *hg)
{
	return pvback_guest_of(hg)->map.ram_pages * PAGE;
}

static uint64_t window(const struct hv_guest *hg)
{
	return ((uint64_t)PROC_GUESTS + 1 + hg->id) << 32;
}

_Static_assert(PROC_GUESTS + 1 + PVBACK_GUESTS <= 128, "windows of 4 GiB below 2^39");
_Static_assert(PVBACK_RAM_PAGES <= PROC_RAM_MAX / PAGE, "a window holds it");

int pvback_ram_read(struct hv_guest *hg, gpa_t src, void *buf, size_t len)
{
	if (!range_ok(gpa_x(src), len, ram_len(hg)))
		return -EFAULT;
	memcpy(buf, pvback_guest_of(hg)->map.ram + gpa_x(src), len);
	return 0;
}

int pvback_ram_write(struct hv_guest *hg, gpa_t dst, const void *buf, size_t len)
{
	if (!range_ok(gpa_x(dst), len, ram_len(hg)))
		return -EFAULT;
	memcpy(pvback_guest_of(hg)->map.ram + gpa_x(dst), buf, len);
	return 0;
}

int pvback_ram_pin(struct hv_guest *hg, gpa_t page, dma_t *out)
{
	if (!is_aligned(gpa_x(page), PAGE) || !range_ok(gpa_x(page), PAGE, ram_len(hg)))
		return -EFAULT;
	pvback_guest_of(hg)->pins++;
	*out = dma(window(hg) + gpa_x(page));
	return 0;
}

void pvback_ram_unpin(struct hv_guest *hg, gpa_t page)
{
	struct pvback_guest *g = pvback_guest_of(hg);

	/* An unpin without its pin is a bug of the core, never a guest's doing. */
	assert(g->pins && range_ok(gpa_x(page), PAGE, ram_len(hg)));
	g->pins--;
}

int pvback_ram_range(struct hv_guest *hg, unsigned int i, struct hv_ram *out)
{
	if (i || !ram_len(hg))
		return -ENOENT;
	*out = (struct hv_ram){ .gpa = gpa(0),
				.dma = dma(window(hg)),
				.mem = pvback_guest_of(hg)->map.ram,
				.len = ram_len(hg),
				.fd = -1 };
	return 0;
}

/* ---- interrupts ---------------------------------------------------------------------- */

int pvback_irq(struct hv_guest *hg, unsigned int vector)
{
	struct pvback_guest *g = pvback_guest_of(hg);

	(void)vector;
	if (g->proc.dying || !pvback_connected(g))
		return -ENODEV;
	__atomic_add_fetch(&g->map.index->irqs, 1, __ATOMIC_SEQ_CST);
	g->tell = true;
	return 0;
}

/* Somebody waits for the ring to move. */
static void wake(struct proc_guest *proc)
{
	container_of(proc, struct pvback_guest, proc)->tell = true;
}

/* ---- life -------------------------------------------------------------------------------- */

void pvback_guest_kill(struct hv_guest *hg, const char *why)
{
	struct pvback_guest *g = pvback_guest_of(hg);

	if (g->proc.dying)
		return;
	g->proc.dying = true;
	pvback_of(hg->hv)->nr_dying++;
	log_info(hg->hv->log, "guest %s ended: %s", hg->name, why);
	if (g->map.ring)
		proc_ring_dead(&g->proc, why);
}

static void guest_free(struct pvback_guest *g)
{
	struct pvback *p = pvback_port(g);

	list_del(&g->proc.g.node);
	p->nr_dying -= g->proc.dying;
	p->slot[g->proc.g.id] = NULL;
	pvback_link_fini(g);
	mem_free(g);
}

void pvback_guest_reap(struct pvback_guest *g)
{
	struct hv *h = g->proc.g.hv;

	if (g->proc.attached)
		h->up->detach(h->core, &g->proc.g);
	g->proc.attached = false;
	g->proc.g.vgpu = NULL;
	guest_free(g);
}

static int slot_find(const struct pvback *p, uint16_t domid, uint32_t *slot)
{
	*slot = PVBACK_GUESTS;
	for (uint32_t i = 0; i < PVBACK_GUESTS; i++) {
		if (p->slot[i] && p->slot[i]->domid == domid)
			return -EEXIST;
		if (!p->slot[i] && *slot == PVBACK_GUESTS)
			*slot = i;
	}
	return *slot < PVBACK_GUESTS ? 0 : -ENOSPC;
}

static int guest_init(struct pvback_guest *g, const struct hv_pvback_cfg *c)
{
	struct hv_guest *hg = &g->proc.g;
	struct hv *h = hg->hv;
	int err;

	hg->cfg = c->cfg;
	err = h->up->attach(h->core, hg);
	hg->cfg = NULL;
	if (err < 0)
		return err;
	g->proc.attached = true;
	return pvback_link_start(g, c);
}

int hv_pvback_guest_new(struct hv *hv, const struct hv_pvback_cfg *c, struct hv_guest **out)
{
	struct pvback *p = pvback_of(hv);
	struct pvback_guest *g;
	uint32_t slot;
	int err = slot_find(p, c->domid, &slot);

	if (err)
		return err;
	if (!p->lib->ops->lives(p->lib, c->domid))
		return -ESRCH;
	for (unsigned int i = 0; i < ARRAY_SIZE(c->bar_len); i++)
		if (c->bar_len[i] > 1ull << 32 || !is_aligned(c->bar_len[i], PAGE))
			return -EINVAL;
	g = mem_new(struct pvback_guest);
	if (!g)
		return -ENOMEM;
	g->proc.g = (struct hv_guest){ .hv = hv, .id = slot };
	log_clean(g->proc.g.name, sizeof g->proc.g.name, c->name);
	g->proc.wake = wake;
	g->proc.posted = true;
	g->domid = c->domid;
	memcpy(g->proc.bar_len, c->bar_len, sizeof g->proc.bar_len);
	g->proc.ring_len = proc_ring_len(g->proc.bar_len);
	p->slot[slot] = g;
	list_add_tail(&p->guests, &g->proc.g.node);
	err = guest_init(g, c);
	if (err) {
		g->drop = g->named;
		pvback_guest_reap(g);
		return err;
	}
	*out = &g->proc.g;
	return 0;
}

void hv_pvback_guest_drop(struct hv_guest *hg, const char *why)
{
	struct pvback_guest *g = pvback_guest_of(hg);

	g->drop = true;
	pvback_guest_kill(hg, why);
	if (!pvback_of(hg->hv)->dispatching)
		pvback_guest_reap(g);
}

void hv_pvback_guest_stats(const struct hv_guest *hg, struct hv_pvback_stats *out)
{
	const struct pvback_guest *g = pvback_guest_of(hg);

	*out = g->stats;
	out->domid = g->domid;
	out->connected = pvback_connected(g);
	out->granted = g->map.ring ? g->map.ring_pages + (uint64_t)g->map.ram_pages + 1 : 0;
}

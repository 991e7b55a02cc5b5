// SPDX-License-Identifier: MIT
/*
 * VRAM objects of an hp-pv guest in its BAR1: as memory where its hypervisor
 * and the device have such, else access by access.
 *
 *  1. A page of BAR1 shows one object or nothing; what shows nothing is refused
 *     like any register.
 *  2. An access that comes here is right even where the page is memory: a guest
 *     need not use it.  It reaches the object it began in and nothing else.
 *  3. What is mapped is the guest's own VRAM, as lend.h gives it: the file also
 *     holds what its driver keeps there, which is the guest's to spoil, as it is
 *     in every other mode.
 */
#include <errno.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/hp_private.h"
#include "gpuvm/lend.h"
#include "gpuvm/units.h"

#define PAGE 4096ull
#define NR_PAGES ((uint32_t)(GF100_BAR1_LEN / PAGE))

/* Whether the guest can have it as memory. */
static bool can_map(const struct vgpu *v)
{
	return dev_has(v->g->dev, DEV_CAP_VRAM_FD) && hv_has(v->guest->hv, HV_CAP_MAP);
}

static bool taken(const struct hp_objects *o, uint32_t page)
{
	return o->window[page / 64] >> page % 64 & 1;
}

static void mark(struct hp_objects *o, uint32_t page, uint32_t n, bool on)
{
	for (uint32_t i = page; i < page + n; i++) {
		if (on)
			o->window[i / 64] |= 1ull << i % 64;
		else
			o->window[i / 64] &= ~(1ull << i % 64);
	}
}

/* n free pages in a row, from where the last search ended; NR_PAGES if there are none. */
static uint32_t find(const struct hp_objects *o, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t k = 0; k < 2 * NR_PAGES; k++) {
		uint32_t page = (o->window_next + k) % NR_PAGES;

		run = taken(o, page) || !page ? 0 : run;
		run += !taken(o, page);
		if (run == n)
			return page + 1 - n;
	}
	return NR_PAGES;
}

static int map(struct vgpu *v, uint64_t vram, uint64_t off, uint64_t len)
{
	uint64_t at, run;
	int err = 0, fd;

	for (uint64_t done = 0; !err && done < len; done += run) {
		err = lend_find(v, vram + done, len - done, &fd, &at, &run);
		if (!err)
			err = hv_map(v->guest, HV_BAR1, (uint32_t)(off + done), (uint32_t)run, fd, at);
	}
	if (err)
		hv_unmap(v->guest, HV_BAR1, (uint32_t)off, (uint32_t)len);
	return err;
}

int hp_window_show(struct vgpu *v, struct hp_object *b, uint64_t *off)
{
	struct hp_objects *o = &v->hp->obj;
	uint32_t n, page;
	int err;

	*off = b->window * PAGE;
	if (b->shown)
		return 0;
	if (b->len > GF100_BAR1_LEN)
		return -ENOSPC;
	n = (uint32_t)(b->len / PAGE);
	page = find(o, n);
	if (page == NR_PAGES)
		return -ENOSPC;
	err = can_map(v) ? lend_start(v) : 0;
	if (!err && can_map(v))
		err = map(v, drv_bo_addr(b->bo), page * PAGE, b->len);
	if (err)
		return err;
	mark(o, page, n, true);
	o->window_next = (page + n) % NR_PAGES;
	b->shown = true;
	b->window = page;
	*off = page * PAGE;
	return 0;
}

void hp_window_hide(struct vgpu *v, struct hp_object *b)
{
	uint32_t n = (uint32_t)(b->len / PAGE);

	if (!b->shown)
		return;
	hv_unmap(v->guest, HV_BAR1, (uint32_t)(b->window * PAGE), (uint32_t)b->len);
	mark(&v->hp->obj, b->window, n, false);
	b->shown = false;
}

/* The object that the page shows, or NULL.  Accesses come in runs: the last one's object is looked at first. */
static const struct hp_object *shown_in(struct hp_objects *o, uint32_t page)
{
	for (uint32_t k = 0; k < o->nr_bo; k++) {
		uint32_t i = (o->window_last + k) % o->nr_bo;
		const struct hp_object *b = &o->bo[i];

		if (!b->bo || !b->shown || page < b->window || page - b->window >= b->len / PAGE)
			continue;
		o->window_last = i;
		return b;
	}
	return NULL;
}

int hp_window_access(struct vgpu *v, struct hv_access *a)
{
	struct hp_objects *o = &v->hp->obj;
	const struct hp_object *b;
	uint64_t at;
	int err;

	if (v->hp->state != HP_SESSION_ON || !mmio_size_ok(a->size) ||
	    !range_ok(a->off, a->size, GF100_BAR1_LEN))
		return -EINVAL;
	b = shown_in(o, (uint32_t)(a->off / PAGE));
	at = b ? a->off - b->window * PAGE : 0;
	if (!b || !range_ok(at, a->size, b->len))
		return -EPERM;
	at += drv_bo_addr(b->bo);
	if (a->write)
		return aperture_vram_wr(v, at, &a->val, a->size);
	a->val = 0;
	err = aperture_vram_rd(v, at, &a->val, a->size);
	a->val = err ? mmio_ones(a->size) : a->val;
	return err;
}

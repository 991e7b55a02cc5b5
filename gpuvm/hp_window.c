// SPDX-License-Identifier: MIT
/*
 * VRAM objects of an hp-pv guest in its BAR1, as memory.
 *
 *  1. A page of BAR1 shows one object or nothing; what shows nothing is refused
 *     like any register.
 *  2. What is mapped is the guest's own VRAM, as lend.h gives it: the file also
 *     holds what its driver keeps there, which is the guest's to spoil, as it is
 *     in every other mode.
 */
#include <errno.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/hp_private.h"
#include "gpuvm/lend.h"

#define PAGE 4096ull
#define NR_PAGES ((uint32_t)(GF100_BAR1_LEN / PAGE))

bool hp_window_can(const struct vgpu *v)
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
	err = lend_start(v);
	if (!err)
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

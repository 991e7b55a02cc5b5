// SPDX-License-Identifier: MIT
/*
 * Passthrough: one guest drives the card itself, without shadows or scheduler;
 * the baseline that the other modes are measured against.
 *
 * Always true while g->passthrough is set:
 *  1. It is the only vGPU, and the mediator has nothing on the card: its heap
 *     and BAR1 are down, its shadows gone.
 *  2. The card's VRAM was zeroed before, and is reset and zeroed after.
 *  3. The device knows no memory but this guest's RAM, at its own physical
 *     addresses; configuration space stays virtual.
 */
#include "gpuvm/passthrough.h"

#include "gpuvm/base/bits.h"
#include "gpuvm/host.h"

static int wipe(struct gpuvm *g)
{
	int r = dev_reset(g->dev);

	return r ? r : dev_vram_zero(g->dev, hvram(0), g->dev->info.vram_len);
}

int passthrough_begin(struct vgpu *v)
{
	struct gpuvm *g = v->g;
	int r;

	host_stop(g);
	g->passthrough = v;
	r = wipe(g);
	if (r)
		log_error(g->log, "guest %s: the card cannot be reset", v->name);
	return r;
}

void passthrough_end(struct vgpu *v)
{
	struct gpuvm *g = v->g;
	char msg[200];

	if (g->passthrough != v)
		return;
	g->passthrough = NULL;
	if (wipe(g)) {
		log_error(g->log, "the card cannot be reset after guest %s", v->name);
		return;
	}
	if (host_start(g, msg, sizeof msg)) {
		log_error(g->log, "the card does not come up after guest %s: %s", v->name, msg);
		host_stop(g);
	}
}

/* The device takes naturally aligned accesses only; others go byte by byte. */
static uint64_t bar_rd(struct dev *d, int bar, uint32_t off, uint8_t size)
{
	uint64_t val = 0;

	if (is_aligned(off, size))
		return bar == 0 && size == 4 ? dev_rd32(d, off) : dev_bar_rd(d, bar, off, size);
	for (uint8_t i = 0; i < size; i++)
		val |= (dev_bar_rd(d, bar, off + i, 1) & 0xff) << 8 * i;
	return val;
}

static void bar_wr(struct dev *d, int bar, uint32_t off, uint8_t size, uint64_t val)
{
	if (!is_aligned(off, size)) {
		for (uint8_t i = 0; i < size; i++)
			dev_bar_wr(d, bar, off + i, 1, val >> 8 * i & 0xff);
		return;
	}
	if (bar == 0 && size == 4)
		dev_wr32(d, off, (uint32_t)val);
	else
		dev_bar_wr(d, bar, off, size, val);
}

static int bar_of(enum hv_space s)
{
	switch (s) {
	case HV_BAR0: return 0;
	case HV_BAR1: return 1;
	case HV_BAR3: return 3;
	default: return -1;
	}
}

int passthrough_access(struct vgpu *v, struct hv_access *a)
{
	struct dev *d = v->g->dev;
	int bar = bar_of(a->space);
	uint64_t len = bar == 0 ? GF100_MMIO_LEN : bar > 0 ? d->info.bar_len[bar] : 0;

	if (a->space == HV_CFG)
		return a->write ? vgpu_cfg_wr(v, a->off, a->size, a->val) :
				  vgpu_cfg_rd(v, a->off, a->size, &a->val);
	if ((a->size != 1 && a->size != 2 && a->size != 4 && a->size != 8) ||
	    !range_ok(a->off, a->size, len)) {
		vgpu_fault(v, "access of %u bytes at 0x%x, which is no BAR of its card", a->size,
			   a->off);
		return -EINVAL;
	}
	if (a->write)
		bar_wr(d, bar, a->off, a->size, a->val);
	else
		a->val = bar_rd(d, bar, a->off, a->size);
	return 0;
}

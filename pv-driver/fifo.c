// SPDX-License-Identifier: MIT
/*
 * PFIFO: PBDMAs, USERD pages, the runlist, taking a channel off the GPU.
 * The order of register writes is nouveau's [nvkm/engine/fifo/gf100.c].
 *
 *  1. The runlist buffer the GPU may be reading is never written: two buffers
 *     take turns, and the next write waits until the last commit is through.
 *  2. A channel is in the list exactly while chan.runnable is set.
 */
#include <errno.h>

#include "pv-driver/private.h"

#define RUNLIST_SUBMIT_ALL 0x01f00000u
#define RUNLIST_LEN 4096

/* Which PBDMA serves which engine, as nouveau spreads them. */
static const uint8_t engine_pbdma[NR_ENGINES] = {
	[ENGINE_GR] = 0, [ENGINE_MSPDEC] = 1, [ENGINE_MSPPP] = 1,
	[ENGINE_MSVLD] = 1, [ENGINE_CE0] = 2, [ENGINE_CE1] = 1,
};

static int count_pbdmas(struct drv *d)
{
	wr32(d, NV_PFIFO_PBDMA_ENABLE, ~0u);
	d->info.nr_pbdma = (uint32_t)__builtin_popcount(rd32(d, NV_PFIFO_PBDMA_ENABLE));
	return d->info.nr_pbdma ? 0 : -ENODEV;
}

static void start(struct drv *d)
{
	uint32_t all = (1u << d->info.nr_pbdma) - 1;

	wr32(d, NV_PMC_PBDMA_ENABLE, all);
	wr32(d, NV_PFIFO_PBDMA_ENABLE, all);
	for (uint32_t e = 0; d->info.nr_pbdma >= 3 && e < NR_ENGINES; e++)
		wr32(d, reg_at(REGID_PFIFO_ENG_PBDMA_MASK, e), ~(1u << engine_pbdma[e]));
	for (uint32_t p = 0; p < d->info.nr_pbdma; p++) {
		mask32(d, reg_at(REGID_PBDMA_HALT_MASK, p), 0x10000100, 0);
		wr32(d, reg_at(REGID_PBDMA_INTR, p), ~0u);
		wr32(d, reg_at(REGID_PBDMA_INTR_EN, p), 0xfffffeff);
	}
	mask32(d, NV_PFIFO_ENABLE, 0, 1);
	wr32(d, NV_PFIFO_USERD_BASE,
	     USERD_BASE_VALID | (uint32_t)(map_va(d->fifo.userd_bar1) >> 12));
	wr32(d, NV_PFIFO_INTR, ~0u);
	wr32(d, NV_PFIFO_INTR_EN, ~PFIFO_INTR_ENGINE);
	wr32(d, NV_PFIFO_ENG_INTR_MASK, 1);
}

int fifo_init(struct drv *d)
{
	struct fifo *f = &d->fifo;
	struct vas_range r = { .target = PTE_VRAM, .page_shift = FERMI_SMALL_SHIFT };
	int err;

	err = count_pbdmas(d);
	for (unsigned int i = 0; !err && i < 2; i++)
		err = imem_new(d, RUNLIST_LEN, false, &f->runlist[i]);
	if (!err)
		err = imem_new(d, GF100_NR_CHAN * USERD_LEN, false, &f->userd);
	if (err)
		return err;
	r.addr = f->userd->addr;
	r.len = f->userd->len;
	err = vas_map_range(d->bar1.vas, &r, &f->userd_bar1);
	if (!err)
		start(d);
	return err;
}

void fifo_fini(struct drv *d)
{
	struct fifo *f = &d->fifo;

	if (f->userd_bar1) {
		wr32(d, NV_PFIFO_INTR_EN, 0);
		mask32(d, NV_PFIFO_ENABLE, 1, 0);
	}
	vas_unmap(f->userd_bar1);
	imem_free(f->userd);
	imem_free(f->runlist[0]);
	imem_free(f->runlist[1]);
	*f = (struct fifo){ 0 };
}

int fifo_runlist_commit(struct drv *d)
{
	struct fifo *f = &d->fifo;
	struct imem *list = f->runlist[!f->active];
	uint32_t nr = 0;
	int err;

	err = wait_reg(d, NV_PFIFO_RUNLIST_STATUS, RUNLIST_STATUS_PENDING, false,
		       "the previous runlist");
	if (err)
		return err;
	f->active = !f->active;
	for (uint32_t c = 0; c < GF100_NR_CHAN; c++) {
		if (!f->chan[c] || !f->chan[c]->runnable)
			continue;
		imem_wr32(list, nr * RUNLIST_ENTRY_LEN, c);
		imem_wr32(list, nr * RUNLIST_ENTRY_LEN + 4, RUNLIST_WORD1);
		nr++;
	}
	flush_bar(d);
	wr32(d, NV_PFIFO_RUNLIST_ADDR, (uint32_t)(list->addr >> 12));
	wr32(d, NV_PFIFO_RUNLIST_SUBMIT, RUNLIST_SUBMIT_ALL | nr);
	d->stats.runlist_commits++;
	return wait_reg(d, NV_PFIFO_RUNLIST_STATUS, RUNLIST_STATUS_PENDING, false, "the runlist");
}

int fifo_kick(struct drv *d, uint32_t chid)
{
	wr32(d, NV_PFIFO_KICK, chid);
	return wait_reg(d, NV_PFIFO_KICK, 1u << 20, false, "the channel kick");
}

uint64_t fifo_userd(const struct drv *d, uint32_t chid, uint32_t off)
{
	return map_va(d->fifo.userd_bar1) + (uint64_t)chid * USERD_LEN + off;
}

// SPDX-License-Identifier: MIT
/*
 * The mediator as the card's driver.
 *
 * Always true while started:
 *  1. BAR1 maps the USERD array (one page per channel, in the mediator's heap)
 *     at offset 0 and nothing else; BAR3 maps nothing.  No guest address ever
 *     reaches the card's own apertures.
 *  2. PFIFO_USERD_BASE is 0, so a store to BAR1 offset c * 4096 + USERD_GP_PUT
 *     is channel c's doorbell.
 *  3. Every wait for the card is bounded.
 *
 * The order of bring-up is what stock nouveau does [nvkm/engine/fifo/gf100.c,
 * nvkm/subdev/bar/gf100.c, nvkm/engine/gr/gf100.c].  Microcode is not ours to
 * ship: on a board it must have been loaded, and an engine that does not come
 * up is left out with a warning.
 */
#include "gpuvm/host.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"

#define PAGE 4096ull
/* What nouveau gives a handshake at most. */
#define HANDSHAKE_NS 2000000000ull
/* Where the clock is moved by hand a wait ends after this many reads. */
#define WAIT_READS (1u << 20)
/* A small-page table with the PDE's size field at its largest divisor: 16 MiB, far more than the USERD array. */
#define TABLE_SIZE_FIELD 3u
#define USERD_ARRAY_LEN (GF100_NR_CHAN * PAGE)

bool host_wait(struct gpuvm *g, uint32_t reg, uint32_t mask, uint32_t want, uint64_t ns)
{
	uint64_t start = dev_now(g->dev);

	for (uint32_t i = 0; i < WAIT_READS; i++) {
		if ((dev_rd32(g->dev, reg) & mask) == want)
			return true;
		if (dev_now(g->dev) - start > ns)
			return false;
		/* The model's engines need a processor to obey on. */
		if (i % 16 == 15)
			sched_yield();
	}
	return false;
}

const char *host_engine_name(enum fermi_engine e)
{
	static const char *const name[NR_ENGINES] = {
		"graphics", "MSPDEC", "MSPPP", "MSVLD", "copy engine 0", "copy engine 1",
	};

	return (unsigned int)e < NR_ENGINES ? name[e] : "no engine";
}

/* Clears and sets bits of PMC_ENABLE; the read in between makes the reset reach the unit. */
static void unit_reset(struct gpuvm *g, uint32_t bits)
{
	uint32_t v = dev_rd32(g->dev, NV_PMC_ENABLE);

	dev_wr32(g->dev, NV_PMC_ENABLE, v & ~bits);
	dev_rd32(g->dev, NV_PMC_ENABLE);
	dev_wr32(g->dev, NV_PMC_ENABLE, v | bits);
	dev_rd32(g->dev, NV_PMC_ENABLE);
}

/* ---- BAR1 ------------------------------------------------------------------------- */

static int bar1_alloc(struct gpuvm *g)
{
	struct host *h = g->host;
	uint64_t table = (fermi_geom[0].nr_small >> TABLE_SIZE_FIELD) * sizeof(uint64_t);
	int r = vheap_alloc(g->heap, USERD_ARRAY_LEN, PAGE, &g->userd);

	if (!r)
		r = vheap_alloc(g->heap, INST_LEN, PAGE, &h->bar1_inst);
	if (!r)
		r = vheap_alloc(g->heap, PAGE, PAGE, &h->bar1_dir);
	if (!r)
		r = vheap_alloc(g->heap, table, PAGE, &h->bar1_table);
	return r;
}

static void release(struct gpuvm *g, hvram_t *at, uint64_t len)
{
	if (hvram_x(*at))
		vheap_release(g->heap, *at, len);
	*at = hvram(0);
}

static void bar1_release(struct gpuvm *g)
{
	struct host *h = g->host;

	release(g, &h->bar1_table, (fermi_geom[0].nr_small >> TABLE_SIZE_FIELD) * sizeof(uint64_t));
	release(g, &h->bar1_dir, PAGE);
	release(g, &h->bar1_inst, INST_LEN);
	release(g, &g->userd, USERD_ARRAY_LEN);
}

/* The directory has one page only: the limit in the instance block keeps the walker inside it. */
static int bar1_write(struct gpuvm *g)
{
	struct host *h = g->host;
	uint64_t limit = USERD_ARRAY_LEN - 1, dir = hvram_x(h->bar1_dir);
	uint64_t pde = pde_pack_small(PDE_VRAM, hvram_x(h->bar1_table)) |
		       bits_put(TABLE_SIZE_FIELD, 3, 2);
	uint64_t pte[GF100_NR_CHAN];
	uint32_t vm[4] = { lo32(dir) | PTE_VRAM, hi32(dir), lo32(limit), hi32(limit) };
	int r;

	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		pte[i] = pte_pack(PTE_VRAM, hvram_x(g->userd) + i * PAGE, PTE_PRESENT);
	r = dev_vram_zero(g->dev, g->userd, USERD_ARRAY_LEN);
	if (!r)
		r = dev_vram_zero(g->dev, h->bar1_inst, INST_LEN);
	if (!r)
		r = dev_vram_zero(g->dev, h->bar1_dir, PAGE);
	if (!r)
		r = dev_vram_zero(g->dev, h->bar1_table,
				  (fermi_geom[0].nr_small >> TABLE_SIZE_FIELD) * sizeof(uint64_t));
	if (!r)
		r = dev_vram_wr(g->dev, h->bar1_table, pte, sizeof pte);
	if (!r)
		r = dev_vram_wr(g->dev, h->bar1_dir, &pde, sizeof pde);
	if (!r)
		r = dev_vram_wr(g->dev, hvram(hvram_x(h->bar1_inst) + INST_PDB_LO), vm, sizeof vm);
	return r;
}

static void tlb_flush(struct gpuvm *g, hvram_t dir)
{
	dev_wr32(g->dev, NV_FLUSH_BAR, 1);
	host_wait(g, NV_FLUSH_BAR, 2, 0, HANDSHAKE_NS);
	dev_wr32(g->dev, NV_PFB_TLB_PDB, (uint32_t)(hvram_x(dir) >> 12) << 4 | PTE_VRAM);
	dev_wr32(g->dev, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
	/* PFB_MMU_CTRL bit 15: the flush is queued [nvkm/subdev/mmu/vmmgf100.c]. */
	host_wait(g, NV_PFB_MMU_CTRL, 1u << 15, 1u << 15, HANDSHAKE_NS);
}

static int bar1_start(struct gpuvm *g, char *msg, size_t n)
{
	int r = bar1_alloc(g);

	if (r) {
		snprintf(msg, n, "the mediator's VRAM is too small for its own tables");
		return r;
	}
	r = bar1_write(g);
	if (r) {
		snprintf(msg, n, "the card's VRAM cannot be written (%s)", strerror(-r));
		return r;
	}
	/* 128 KiB large pages, as the shadows' default. */
	dev_wr32(g->dev, NV_PFB_MMU_CTRL, dev_rd32(g->dev, NV_PFB_MMU_CTRL) & ~1u);
	dev_wr32(g->dev, NV_PBUS_BAR3_BLOCK, 0);
	dev_wr32(g->dev, NV_PBUS_BAR1_BLOCK,
		 CHAN_INST_VALID | (uint32_t)(hvram_x(g->host->bar1_inst) >> 12));
	tlb_flush(g, g->host->bar1_dir);
	return 0;
}

/* ---- engines ------------------------------------------------------------------------ */

static uint32_t engine_pmc_bit(enum fermi_engine e)
{
	switch (e) {
	case ENGINE_GR: return PMC_ENABLE_PGRAPH;
	case ENGINE_CE0: return PMC_ENABLE_CE0;
	case ENGINE_CE1: return PMC_ENABLE_CE1;
	default: return 0;
	}
}

static bool graphics_start(struct gpuvm *g)
{
	dev_wr32(g->dev, NV_PGRAPH_INTR, ~0u);
	dev_wr32(g->dev, NV_PGRAPH_INTR_EN, ~0u);
	dev_wr32(g->dev, NV_FECS_SCRATCH_CLR, ~0u);
	dev_wr32(g->dev, NV_FECS_DMACTL, 0);
	dev_wr32(g->dev, NV_FECS_CPUCTL, 2);
	if (!host_wait(g, NV_FECS_SCRATCH, 1u << 31, 1u << 31, HANDSHAKE_NS))
		return false;
	g->host->gr_ctx_len = dev_rd32(g->dev, reg_at(REGID_FECS_SCRATCH, 1));
	return true;
}

static bool copy_start(struct gpuvm *g, uint32_t base, uint32_t index)
{
	uint32_t off = base - NV_CE0_INTR_CLR;

	dev_wr32(g->dev, NV_CE0_DMACTL + off, 1);
	dev_wr32(g->dev, NV_CE0_ENTRY + off, 0);
	dev_wr32(g->dev, NV_CE0_CPUCTL + off, 2);
	dev_wr32(g->dev, NV_CE0_CTX_ENABLE + off, 3);
	dev_wr32(g->dev, NV_CE0_INDEX + off, index);
	return true;
}

static bool engine_start(struct gpuvm *g, enum fermi_engine e)
{
	switch (e) {
	case ENGINE_GR: return graphics_start(g);
	case ENGINE_CE0: return copy_start(g, NV_CE0_INTR_CLR, 0);
	case ENGINE_CE1: return copy_start(g, NV_CE1_INTR_CLR, 1);
	default: return false;
	}
}

void host_engine_reset(struct gpuvm *g, enum fermi_engine e)
{
	unit_reset(g, engine_pmc_bit(e));
	g->stats.engine_resets++;
	if (!engine_start(g, e)) {
		g->host->engines &= ~(1u << e);
		log_error(g->log, "%s did not come up again after a reset", host_engine_name(e));
	}
}

static void engines_start(struct gpuvm *g)
{
	static const enum fermi_engine all[] = { ENGINE_GR, ENGINE_CE0, ENGINE_CE1 };

	g->host->engines = 0;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (engine_start(g, all[i]))
			g->host->engines |= 1u << all[i];
		else
			log_warn(g->log, "%s did not start: has its microcode been loaded?",
				 host_engine_name(all[i]));
	}
}

/* ---- PFIFO ---------------------------------------------------------------------------- */

/* Which PBDMA serves which engine: graphics 0, CE1 1, CE0 2, as nouveau spreads them over three. */
static void pfifo_spread(struct gpuvm *g)
{
	static const uint8_t pbdma[NR_ENGINES] = { 0, 1, 1, 1, 2, 1 };

	for (uint32_t e = 0; e < NR_ENGINES; e++)
		dev_wr32(g->dev, reg_at(REGID_PFIFO_ENG_PBDMA_MASK, e), ~(1u << pbdma[e]));
}

static void pfifo_start(struct gpuvm *g)
{
	dev_wr32(g->dev, NV_PMC_PBDMA_ENABLE, ~0u);
	dev_wr32(g->dev, NV_PFIFO_PBDMA_ENABLE, ~0u);
	if (g->dev->info.nr_pbdma >= 3)
		pfifo_spread(g);
	for (uint32_t p = 0; p < g->dev->info.nr_pbdma; p++) {
		uint32_t halt = reg_at(REGID_PBDMA_HALT_MASK, p);

		dev_wr32(g->dev, halt, dev_rd32(g->dev, halt) & ~0x10000100u);
		dev_wr32(g->dev, reg_at(REGID_PBDMA_INTR, p), ~0u);
		dev_wr32(g->dev, reg_at(REGID_PBDMA_INTR_EN, p), HOST_PBDMA_INTR_EN);
	}
	for (uint32_t c = 0; c < g->dev->info.nr_chan; c++) {
		dev_wr32(g->dev, reg_at(REGID_PFIFO_CHAN_STATE, c), 0);
		dev_wr32(g->dev, reg_at(REGID_PFIFO_CHAN_INST, c), 0);
	}
	dev_wr32(g->dev, NV_PFIFO_ENABLE, dev_rd32(g->dev, NV_PFIFO_ENABLE) | 1);
	dev_wr32(g->dev, NV_PFIFO_USERD_BASE, USERD_BASE_VALID);
	dev_wr32(g->dev, NV_PFIFO_INTR, ~0u);
	dev_wr32(g->dev, NV_PFIFO_INTR_EN, ~0u);
	dev_wr32(g->dev, NV_PFIFO_ENG_INTR_MASK, 1);
}

/* What the engines stamp with is what guests read (gpuvm/unit_ptimer.c). */
static void set_time(struct gpuvm *g)
{
	uint64_t now = dev_now(g->dev);

	dev_wr32(g->dev, NV_PTIMER_TIME_HI, hi32(now));
	dev_wr32(g->dev, NV_PTIMER_TIME_LO, lo32(now));
}

int host_start(struct gpuvm *g, char *msg, size_t n)
{
	uint32_t boot0 = dev_rd32(g->dev, NV_PMC_BOOT_0);
	int r;

	if (!g->host)
		g->host = mem_new(struct host);
	if (!g->host) {
		snprintf(msg, n, "out of memory");
		return -ENOMEM;
	}
	if ((boot0 & 0x1ff00000) != (GF100_BOOT_0 & 0x1ff00000)) {
		snprintf(msg, n, "the device is no GF100 (BOOT_0 reads 0x%08x)", boot0);
		return -ENODEV;
	}
	dev_wr32(g->dev, NV_PMC_INTR_EN, 0);
	dev_wr32(g->dev, NV_PTIMER_INTR_EN, 0);
	set_time(g);
	g->host->started = true;
	unit_reset(g, PMC_ENABLE_PFIFO | PMC_ENABLE_PGRAPH | PMC_ENABLE_CE0 | PMC_ENABLE_CE1);
	r = bar1_start(g, msg, n);
	if (r)
		return r;
	pfifo_start(g);
	engines_start(g);
	r = shadow_new(g->dev, g->heap, g->log, &g->shadow);
	if (r) {
		snprintf(msg, n, "the mediator's VRAM is too small for the shadows (%s)",
			 strerror(-r));
		return r;
	}
	dev_wr32(g->dev, NV_PMC_INTR_EN, 1);
	return 0;
}

void host_stop(struct gpuvm *g)
{
	if (!g->host)
		return;
	shadow_free(g->shadow);
	g->shadow = NULL;
	if (g->host->started) {
		dev_wr32(g->dev, NV_PMC_INTR_EN, 0);
		dev_wr32(g->dev, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000);
		host_wait(g, NV_PFIFO_RUNLIST_STATUS, RUNLIST_STATUS_PENDING, 0, LIMIT_KICK_NS);
		dev_wr32(g->dev, NV_PFIFO_ENABLE, 0);
		unit_reset(g, PMC_ENABLE_PFIFO);
		dev_wr32(g->dev, NV_PBUS_BAR1_BLOCK, 0);
	}
	g->host->started = false;
	memset(g->host->stall, 0, sizeof g->host->stall);
	if (g->heap)
		bar1_release(g);
}

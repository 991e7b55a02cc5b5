// SPDX-License-Identifier: MIT
/*
 * PMC: chip id, the interrupt tree, unit enables.
 *
 * Always true: PMC_INTR shows the units' levels as they are; enable and mask
 * only decide whether they reach the line.  A PMC_ENABLE bit that goes from 1
 * to 0 resets its unit before the write returns.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/private.h"

/* Falcons that PMC_ENABLE resets together with what they serve. */
#define PMU_BASE 0x10a000
#define CE0_BASE 0x104000
#define CE1_BASE 0x105000

void pmc_reset(struct sim *s)
{
	static const struct sim_preset presets[] = {
		{ NV_PMC_BOOT_0, GF100_BOOT_0 },
		/* The VBIOS leaves everything on. */
		{ NV_PMC_ENABLE, 0xffffffff },
		{ NV_PMC_PBDMA_ENABLE, (1u << GF100_NR_PBDMA) - 1 },
		{ NV_PMC_INTR_MASK, 0xffffffff },
		{ NV_PMC_INTR_MASK_NONSTALL, 0xffffffff },
	};

	sim_preset(s, presets, ARRAY_SIZE(presets));
}

static void reset_units(struct sim *s, uint32_t off)
{
	if (off & PMC_ENABLE_PFIFO)
		pfifo_reset(s);
	if (off & PMC_ENABLE_PGRAPH) {
		pfifo_engine_reset(s, ENGINE_GR);
		pgraph_reset(s);
	}
	if (off & PMC_ENABLE_CE0) {
		pfifo_engine_reset(s, ENGINE_CE0);
		falcon_reset_at(s, CE0_BASE);
	}
	if (off & PMC_ENABLE_CE1) {
		pfifo_engine_reset(s, ENGINE_CE1);
		falcon_reset_at(s, CE1_BASE);
	}
	if (off & PMC_ENABLE_PMU)
		falcon_reset_at(s, PMU_BASE);
}

static uint32_t pmc_rd(struct sim *s, uint32_t off)
{
	if (off == NV_PMC_INTR)
		return s->intr_pending;
	return sim_reg_rd(s, off);
}

static void pmc_wr(struct sim *s, uint32_t off, uint32_t val)
{
	uint32_t old = sim_reg_load(s, off);

	switch (off) {
	case NV_PMC_BOOT_1:
		return; /* only little endian is modelled */
	case NV_PMC_INTR_EN:
	case NV_PMC_INTR_MASK:
		sim_reg_store(s, off, val);
		sim_intr_update(s);
		return;
	case NV_PMC_ENABLE:
		sim_reg_store(s, off, val);
		reset_units(s, old & ~val);
		pfifo_wake(s);
		return;
	case NV_PMC_PBDMA_ENABLE:
		sim_reg_store(s, off, val & ((1u << GF100_NR_PBDMA) - 1));
		return;
	default:
		sim_reg_wr(s, off, val);
	}
}

const struct sim_unit pmc_units[] = {
	{ "PMC", 0x000000, 0x000ffc, pmc_rd, pmc_wr },
	{ 0 },
};

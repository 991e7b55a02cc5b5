// SPDX-License-Identifier: MIT
/*
 * PFB: large-page size and TLB flushes.  Always true: a flush is done when its
 * write returns, so the queue is always empty and all its slots are free.
 */
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/fermi/pte.h"

/* Bit 15: the last flush was queued; bits 16-23: free slots.  Drivers poll both. */
#define MMU_CTRL_IDLE 0x00ff8000u
#define MMU_CTRL_64K 1u

void pfb_reset(struct sim *s)
{
	sim_reg_store(s, NV_PFB_MMU_CTRL, MMU_CTRL_IDLE);
}

static void pfb_wr(struct sim *s, uint32_t off, uint32_t val)
{
	switch (off) {
	case NV_PFB_MMU_CTRL:
		sim_reg_store(s, off, MMU_CTRL_IDLE | (val & MMU_CTRL_64K));
		mmu_set_geometry(s, val & MMU_CTRL_64K);
		return;
	case NV_PFB_TLB_FLUSH:
		if (val & TLB_FLUSH_GO)
			mmu_flush(s, sim_reg_load(s, NV_PFB_TLB_PDB), val);
		return;
	default:
		sim_reg_wr(s, off, val);
	}
}

const struct sim_unit pfb_units[] = {
	{ "PFB", 0x100000, 0x100ffc, NULL, pfb_wr },
	{ 0 },
};

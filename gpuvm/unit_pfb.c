// SPDX-License-Identifier: MIT
/*
 * The virtual PFB and the flush registers.  Always true: a flush is complete
 * when its store returns, so what drivers poll reads done at once; the card's
 * own TLB is flushed only by the shadows, with directories of theirs.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/units.h"

#define MMU_CTRL_LARGE_64K 1u
/* Bit 15: the flush was taken; 16-23: free slots.  Zero in either costs a driver 2 s a flush. */
#define MMU_CTRL_READY 0x00ff8000u

uint32_t unit_pfb_mmu_ctrl_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)i;
	return MMU_CTRL_READY | vgpu_reg_load(v, off);
}

void unit_pfb_mmu_ctrl_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	uint32_t old = vgpu_reg_load(v, off);

	(void)i;
	vgpu_reg_store(v, off, val & MMU_CTRL_LARGE_64K);
	if ((old ^ val) & MMU_CTRL_LARGE_64K &&
	    shadow_set_large_64k(v->shadow, val & MMU_CTRL_LARGE_64K))
		vgpu_fault(v, "its BARs do not follow the page size");
}

void unit_pfb_tlb_flush_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	unsigned int bad;
	int err;

	(void)off;
	(void)i;
	if (!(val & TLB_FLUSH_GO))
		return;
	err = shadow_flush(v->shadow, vgpu_reg_load(v, NV_PFB_TLB_PDB), val);
	if (err)
		vgpu_fault(v, "TLB flush of directory 0x%08x: error %d",
			   vgpu_reg_load(v, NV_PFB_TLB_PDB), -err);
	if (!v->g->audit_each_flush)
		return;
	bad = shadow_audit(v->g->shadow, v->g->log ? v->g->log->out : NULL);
	if (bad)
		log_error(v->g->log, "%s: %u isolation violations after a TLB flush", v->name, bad);
}

/* PBUS and L2 flushes: every store through a BAR has reached memory before its access ended. */
void unit_pfb_flush_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)v;
	(void)off;
	(void)i;
	(void)val;
}

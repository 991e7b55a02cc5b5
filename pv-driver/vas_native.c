// SPDX-License-Identifier: MIT
/*
 * Page tables as nouveau keeps them: in instance memory, written by the CPU,
 * made to count by the TLB flush registers [nvkm/subdev/mmu/vmmgf100.c].
 *
 * Tables are zeroed before a directory entry names them.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/private.h"

static int native_tab_new(struct drv *d, enum pt_kind kind, uint32_t shift, uint32_t nr,
			  struct ptab *t)
{
	(void)kind;
	(void)shift;
	return imem_new(d, nr * 8ull, true, &t->mem);
}

static void native_tab_free(struct drv *d, struct ptab *t)
{
	(void)d;
	imem_free(t->mem);
}

static int native_pde(struct drv_vas *v, uint32_t slot)
{
	const struct vas_pde *p = &v->pde[slot];
	uint64_t e = bits_put(p->shift, 3, 2);

	if (p->large)
		e |= pde_pack_large(PDE_VRAM, p->large->mem->addr);
	if (p->small)
		e |= pde_pack_small(PDE_VRAM, p->small->mem->addr);
	imem_wr64(v->pd->mem, slot * 8ull, e);
	return 0;
}

static int native_set(struct drv *d, struct ptab *t, uint32_t index, uint32_t n, uint64_t e,
		      uint64_t step)
{
	uint64_t pte[64];

	(void)d;
	for (uint32_t k; n; n -= k, index += k) {
		k = n < ARRAY_SIZE(pte) ? n : (uint32_t)ARRAY_SIZE(pte);
		for (uint32_t i = 0; i < k; i++, e += step)
			pte[i] = e;
		imem_wr(t->mem, index * 8ull, pte, k * 8);
	}
	return 0;
}

static uint64_t native_get(struct ptab *t, uint32_t index)
{
	return imem_rd64(t->mem, index * 8ull);
}

/* The queue of flushes is as deep as PFB_MMU_CTRL says. */
static int native_flush(struct drv_vas *v)
{
	struct drv *d = v->drv;
	uint32_t type = TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES | (v->bar ? TLB_FLUSH_HUB_ONLY : 0);

	flush_bar(d);
	if (d->no_flush)
		return 0;
	wait_reg(d, NV_PFB_MMU_CTRL, 0x00ff0000, true, "a free TLB flush slot");
	wr32(d, NV_PFB_TLB_PDB, (uint32_t)(v->pd->mem->addr >> 12 << 4));
	wr32(d, NV_PFB_TLB_FLUSH, type);
	wait_reg(d, NV_PFB_MMU_CTRL, 0x00008000, true, "the TLB flush");
	d->stats.tlb_flushes++;
	return 0;
}

static int native_bind(struct drv_vas *v, struct imem *inst)
{
	imem_wr32(inst, INST_PDB_LO, lo32(v->pd->mem->addr));
	imem_wr32(inst, INST_PDB_HI, hi32(v->pd->mem->addr));
	return 0;
}

static int native_chan(struct drv_vas *v, uint32_t chid, bool on)
{
	(void)v;
	(void)chid;
	(void)on;
	return 0;
}

const struct vas_backend vas_native = {
	.name = "native",
	.tab_new = native_tab_new,
	.tab_free = native_tab_free,
	.pde = native_pde,
	.set = native_set,
	.get = native_get,
	.flush = native_flush,
	.bind = native_bind,
	.chan = native_chan,
};

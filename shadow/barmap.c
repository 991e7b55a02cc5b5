// SPDX-License-Identifier: MIT
/*
 * The guest's BAR1 and BAR3 address spaces.  The device's own BARs are the
 * mediator's; a guest's BAR access is resolved here, in software, by a walk of
 * the guest's tables.
 *
 * A cached translation is one page of the guest's own numbers, checked again
 * by whoever uses it (shadow_gmem_*), so a stale one can only hurt the guest
 * that did not flush.
 */
#include <string.h>

#include "gpuvm/base/mem.h"
#include "shadow/pv_private.h"
#include "shadow/window.h"

#define BLOCK_TRANSLATE (1u << 31)

static struct bar *bar_of(struct shadow_guest *sg, int bar)
{
	return bar == 1 ? &sg->bar[0] : bar == 3 ? &sg->bar[1] : NULL;
}

void bar_drop(struct shadow_guest *sg, bool all, uint32_t target, uint64_t addr)
{
	for (size_t i = 0; i < ARRAY_SIZE(sg->bar); i++) {
		struct bar *b = &sg->bar[i];

		if (b->tlb &&
		    (all || (b->mode == BAR_VAS && b->pdb_target == target && b->pdb == addr)))
			memset(b->tlb, 0, BAR_TLB_LEN * sizeof(b->tlb[0]));
	}
}

void barmap_fini(struct shadow_guest *sg)
{
	for (size_t i = 0; i < ARRAY_SIZE(sg->bar); i++)
		mem_free(sg->bar[i].tlb);
}

static int bind(struct shadow_guest *sg, struct bar *b, uint32_t block)
{
	uint64_t inst = CHAN_INST_ADDR(block);
	uint32_t w[4];
	int err;

	if (!(block & BLOCK_TRANSLATE)) {
		b->mode = BAR_LINEAR;
		return 0;
	}
	b->mode = BAR_DEAD; /* until everything is known to be right */
	if (!b->tlb) {
		b->tlb = mem_calloc(BAR_TLB_LEN, sizeof(b->tlb[0]));
		if (!b->tlb)
			return -ENOMEM;
	}
	memset(b->tlb, 0, BAR_TLB_LEN * sizeof(b->tlb[0]));
	if (sg->pv) {
		/* Its tables and limit are set by shadow_pv_bar_dir(). */
		b->mode = BAR_VAS;
		b->pdb_target = ~0u;
		return 0;
	}
	err = shadow_gmem_rd(sg, PTE_VRAM, inst + INST_PDB_LO, w, sizeof(w));
	if (err) {
		if (err == -EFAULT)
			sg_fault(sg, SHADOW_FAULT_INST, inst);
		return err;
	}
	b->pdb_target = w[0] & 3;
	b->pdb = align_down((uint64_t)w[1] << 32 | w[0], 4096);
	b->limit = (uint64_t)w[3] << 32 | w[2];
	if (b->pdb_target == 1 || b->pdb >> FERMI_PHYS_BITS) {
		sg_fault(sg, SHADOW_FAULT_PDB, b->pdb);
		return -EFAULT;
	}
	b->mode = BAR_VAS;
	return 0;
}

int shadow_bar_bind(struct shadow_guest *sg, int bar, uint32_t block)
{
	struct bar *b = bar_of(sg, bar);
	int err = b ? bind(sg, b, block) : -EINVAL;

	return b ? window_bar(sg, bar == 3) ?: err : err;
}

/* Entry i of a guest table if it is present; 0 otherwise. */
static int entry(struct shadow_guest *sg, uint32_t pde_tgt, uint64_t table, uint64_t i, uint64_t *e)
{
	int err;

	*e = 0;
	err = shadow_gmem_rd(sg, pde_tgt == PDE_VRAM ? PTE_VRAM : pde_tgt, table + i * 8, e, 8);
	if (err || !(*e & PTE_PRESENT))
		*e = 0;
	return err;
}

/* The present entry for va in the guest's own tables, *e 0 if there is none, and its page size. */
static int find(struct shadow_guest *sg, const struct bar *b, uint64_t va, uint64_t *out,
		uint32_t *page_shift)
{
	const struct fermi_geom *g = &fermi_geom[sg->large_64k];
	uint64_t in_pde = va & ((1ull << g->pde_shift) - 1);
	uint64_t i = in_pde >> FERMI_SMALL_SHIFT, pde, e = 0;
	uint32_t shift = FERMI_SMALL_SHIFT;
	int err;

	err = shadow_gmem_rd(sg, b->pdb_target, b->pdb + (va >> g->pde_shift) * 8, &pde, 8);
	if (err)
		return err;
	if (pde_small_target(pde) != PDE_NONE && i < g->nr_small >> pde_size_shift(pde)) {
		err = entry(sg, pde_small_target(pde), pde_small_addr(pde), i, &e);
		if (err)
			return err;
	}
	i = in_pde >> g->large_shift;
	if (!e && pde_large_target(pde) != PDE_NONE && i < g->nr_large >> pde_size_shift(pde)) {
		shift = g->large_shift;
		err = entry(sg, pde_large_target(pde), pde_large_addr(pde), i, &e);
		if (err)
			return err;
	}
	*out = e;
	*page_shift = shift;
	return 0;
}

/* The guest's translation of the 4 KiB page at va. */
static int walk(struct shadow_guest *sg, const struct bar *b, uint64_t va, struct bar_ent *out)
{
	uint32_t shift = FERMI_SMALL_SHIFT;
	uint64_t e = 0;
	int err = 0;

	if (va >> FERMI_VA_BITS || va > b->limit)
		return -EFAULT;
	if (sg->pv)
		pv_bar_entry(sg, (uint32_t)(b - sg->bar), va, &e, &shift);
	else
		err = find(sg, b, va, &e, &shift);
	if (err)
		return err;
	if (!e || pte_target(e) == 1)
		return -EFAULT;
	out->tag = (va >> FERMI_SMALL_SHIFT) + 1;
	out->target = pte_target(e);
	out->addr = pte_addr(e) + (align_down(va, 4096) & ((1ull << shift) - 1));
	out->ro = e & PTE_RO;
	if (out->target == PTE_VRAM && !range_ok(out->addr, 4096, part_vram_len(sg->cfg.part)))
		return -EFAULT;
	return 0;
}

static int linear(struct shadow_guest *sg, uint64_t off, struct shadow_loc *out)
{
	if (off >= part_vram_len(sg->cfg.part)) {
		sg_fault(sg, SHADOW_FAULT_BAR, off);
		return -EFAULT;
	}
	*out = (struct shadow_loc){ .target = PTE_VRAM, .addr = off, .run = 4096 - off % 4096 };
	return 0;
}

int shadow_bar_xlate(struct shadow_guest *sg, int bar, uint64_t off, bool write,
		     struct shadow_loc *out)
{
	struct bar *b = bar_of(sg, bar);
	struct bar_ent *t, e;
	int err = -EFAULT;

	if (!b)
		return -EINVAL;
	if (b->mode == BAR_LINEAR)
		return linear(sg, off, out);
	if (b->mode == BAR_DEAD)
		goto fault;
	t = &b->tlb[(off >> FERMI_SMALL_SHIFT) % BAR_TLB_LEN];
	if (t->tag != (off >> FERMI_SMALL_SHIFT) + 1) {
		err = walk(sg, b, off, &e);
		if (err)
			goto fault;
		*t = e;
	}
	if ((write && t->ro) || off > b->limit) {
		err = -EFAULT;
		goto fault;
	}
	*out = (struct shadow_loc){ .target = t->target,
				    .addr = t->addr + off % 4096,
				    .run = 4096 - off % 4096 };
	return 0;
fault:
	if (err == -EFAULT)
		sg_fault(sg, SHADOW_FAULT_BAR, off);
	return err;
}

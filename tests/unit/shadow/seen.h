/* SPDX-License-Identifier: MIT */
/* What the device sees: a walker over what it would read, and where a guest's pages are for it. */
#ifndef TESTS_UNIT_SHADOW_SEEN_H
#define TESTS_UNIT_SHADOW_SEEN_H

#include "tests/unit/shadow/rig.h"

static inline uint64_t dev_rd64(struct rig *r, uint64_t at)
{
	uint64_t v = 0;

	assert_int_equal(dev_vram_rd(&r->f.dev, hvram(at), &v, 8), 0);
	return v;
}

/*
 * The entry by which the device reaches va on the channel whose instance block is at inst; 0: a
 * fault.
 */
static inline uint64_t dev_walk(struct rig *r, hvram_t inst, uint64_t va, uint32_t *shift)
{
	const struct fermi_geom *g = &fermi_geom[0];
	uint64_t pd = dev_rd64(r, hvram_x(inst) + INST_PDB_LO), in = va % (1ull << g->pde_shift),
		 pde, e = 0;

	assert_int_equal(pd & 3, PTE_VRAM);
	pde = dev_rd64(r, align_down(pd, 4096) + (va >> g->pde_shift) * 8);
	*shift = 12;
	if (pde_small_target(pde) && in >> 12 < g->nr_small >> pde_size_shift(pde)) {
		assert_int_equal(pde_small_target(pde), PDE_VRAM);
		e = dev_rd64(r, pde_small_addr(pde) + (in >> 12) * 8);
	}
	if (e & PTE_PRESENT)
		return e;
	*shift = g->large_shift;
	if (pde_large_target(pde) && in >> g->large_shift < g->nr_large >> pde_size_shift(pde)) {
		assert_int_equal(pde_large_target(pde), PDE_VRAM);
		e = dev_rd64(r, pde_large_addr(pde) + (in >> g->large_shift) * 8);
	}
	return e & PTE_PRESENT ? e : 0;
}

/* The card's address of guest VRAM a. */
static inline uint64_t host_of(struct guest *g, uint64_t a)
{
	uint32_t nr;
	const hvram_t *chunk = part_chunks(g->part, &nr);

	assert_true(a >> PART_CHUNK_SHIFT < nr);
	return hvram_x(chunk[a >> PART_CHUNK_SHIFT]) + a % PART_CHUNK_LEN;
}

/* The bus address that the null hypervisor gives RAM. */
static inline uint64_t bus_of(struct guest *g, uint64_t a)
{
	return (uint64_t)(g->hv->id + 1) << 32 | a;
}

#endif

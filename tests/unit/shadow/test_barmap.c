// SPDX-License-Identifier: MIT
/* BAR tables: where an offset leads, what is cached until when, and what is refused. */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

#define BAR_INST 0x9000ull
#define BAR_BLOCK (1u << 31 | (uint32_t)(BAR_INST >> 12))

static void bar_setup(struct rig *r, struct guest *g)
{
	guest_wr64(r, g, PTE_VRAM, BAR_INST + INST_PDB_LO, G_DIR);
	guest_wr64(r, g, PTE_VRAM, BAR_INST + INST_LIMIT_LO, GF100_BAR1_LEN - 1);
	guest_wr64(r, g, PTE_VRAM, G_DIR,
		   pde_pack_small(PDE_VRAM, G_SMALL) | pde_pack_large(PDE_VRAM, G_LARGE));
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, pte_pack(PTE_VRAM, 0x5000, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 16, pte_pack(PTE_SYS, 0x6000, PTE_PRESENT | PTE_RO));
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 24, pte_pack(PTE_VRAM, RIG_PART, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 32, pte_pack(1, 0, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_LARGE + 8,
		   pte_pack(PTE_VRAM, 0x20000, PTE_PRESENT | PTE_PRIV));
	guest_wr64(r, g, PTE_VRAM, G_LARGE + 1023 * 8, pte_pack(PTE_VRAM, 0x20000, PTE_PRESENT));
}

static void walks(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_loc l;

	(void)st;
	bar_setup(r, g);
	assert_int_equal(shadow_bar_bind(g->sg, 1, BAR_BLOCK), 0);
	for (int pass = 0; pass < 2; pass++) { /* walked, then cached */
		assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1234, true, &l), 0);
		assert_true(l.target == PTE_VRAM && l.addr == 0x5234 && l.run == 0x1000 - 0x234);
		assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x2ffc, false, &l), 0);
		assert_true(l.target == PTE_SYS && l.addr == 0x6ffc && l.run == 4);
		assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x2ffc, true, &l),
				 -EFAULT); /* read-only */
		assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x43010, false, &l), -EFAULT);
		assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x25010, true, &l), 0);
		assert_true(l.target == PTE_VRAM && l.addr == 0x25010);
	}
	rig_free(r);
}

static void refused(void **st)
{
	static const uint64_t bad[] = { 0,	    0x3000,	    0x4000,	0x5000, 0x40000,
					1ull << 27, GF100_BAR1_LEN, 1ull << 40, ~0ull };
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_loc l;

	(void)st;
	bar_setup(r, g);
	assert_int_equal(shadow_bar_bind(g->sg, 3, BAR_BLOCK), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(shadow_bar_xlate(g->sg, 3, bad[i], false, &l), -EFAULT);
		assert_int_equal(g->faults[SHADOW_FAULT_BAR], i + 1);
		assert_int_equal(g->last_where, bad[i]);
	}
	/* The last page below the limit still works, and not with a lower limit. */
	assert_int_equal(shadow_bar_xlate(g->sg, 3, GF100_BAR1_LEN - 4, false, &l), 0);
	assert_int_equal(l.addr, 0x3fffc);
	guest_wr64(r, g, PTE_VRAM, BAR_INST + INST_LIMIT_LO, GF100_BAR3_LEN - 1);
	assert_int_equal(shadow_bar_bind(g->sg, 3, BAR_BLOCK), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 3, GF100_BAR1_LEN - 4, false, &l), -EFAULT);
	assert_int_equal(shadow_bar_xlate(g->sg, 2, 0, false, &l), -EINVAL);
	rig_free(r);
}

static void cached_until_flush(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_loc l;

	(void)st;
	bar_setup(r, g);
	assert_int_equal(shadow_bar_bind(g->sg, 1, BAR_BLOCK), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), 0);
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, pte_pack(PTE_VRAM, 0x8000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR + 0x1000), 0); /* another directory */
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), 0);
	assert_int_equal(l.addr, 0x5000);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), 0);
	assert_int_equal(l.addr, 0x8000);
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, 0);
	assert_int_equal(shadow_flush(g->sg, 0, TLB_FLUSH_GO | TLB_FLUSH_ALL_PDBS), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), -EFAULT);
	/* A bind forgets too, and the other BAR is another matter. */
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, pte_pack(PTE_VRAM, 0x8000, PTE_PRESENT));
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), 0);
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, pte_pack(PTE_VRAM, 0xa000, PTE_PRESENT));
	assert_int_equal(shadow_bar_bind(g->sg, 3, BAR_BLOCK), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 3, 0x1000, false, &l), 0);
	assert_int_equal(l.addr, 0xa000);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), 0);
	assert_int_equal(l.addr, 0x8000);
	assert_int_equal(shadow_bar_bind(g->sg, 1, BAR_BLOCK), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), 0);
	assert_int_equal(l.addr, 0xa000);
	rig_free(r);
}

static void collisions(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_loc l;

	(void)st;
	bar_setup(r, g);
	/* Pages that share a cache slot. */
	for (uint32_t i = 0; i < 4; i++)
		guest_wr64(r, g, PTE_VRAM, G_SMALL + (7 + i * BAR_TLB_LEN) * 8ull,
			   pte_pack(PTE_VRAM, 0x10000 + i * 4096ull, PTE_PRESENT));
	assert_int_equal(shadow_bar_bind(g->sg, 1, BAR_BLOCK), 0);
	for (uint32_t n = 0; n < 8; n++) {
		uint32_t i = n % 4;

		assert_int_equal(shadow_bar_xlate(g->sg, 1,
						  (7 + i * (uint64_t)BAR_TLB_LEN) * 4096 + 8, true,
						  &l),
				 0);
		assert_int_equal(l.addr, 0x10008 + i * 4096ull);
	}
	rig_free(r);
}

static void linear_and_dead(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_loc l;

	(void)st;
	assert_int_equal(shadow_bar_xlate(g->sg, 1, RIG_PART - 8, true, &l), 0);
	assert_true(l.target == PTE_VRAM && l.addr == RIG_PART - 8 && l.run == 8);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, RIG_PART, true, &l), -EFAULT);
	/* Instance block outside; directory of no known target: nothing leads anywhere. */
	assert_int_equal(shadow_bar_bind(g->sg, 1, 1u << 31 | (uint32_t)(RIG_PART >> 12)), -EFAULT);
	assert_int_equal(g->faults[SHADOW_FAULT_INST], 1);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0, false, &l), -EFAULT);
	bar_setup(r, g);
	guest_wr64(r, g, PTE_VRAM, BAR_INST + INST_PDB_LO, G_DIR | 1);
	assert_int_equal(shadow_bar_bind(g->sg, 1, BAR_BLOCK), -EFAULT);
	assert_int_equal(g->faults[SHADOW_FAULT_PDB], 1);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), -EFAULT);
	assert_int_equal(shadow_bar_bind(g->sg, 1, 0), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x1000, false, &l), 0);
	assert_int_equal(l.addr, 0x1000);
	rig_free(r);
}

static void pages_of_64k(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_loc l;

	(void)st;
	bar_setup(r, g);
	assert_int_equal(shadow_bar_bind(g->sg, 1, BAR_BLOCK), 0);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x31004, false, &l), 0);
	assert_int_equal(l.addr, 0x31004); /* page 1 of 128 KiB */
	guest_wr64(r, g, PTE_VRAM, G_LARGE + 3 * 8, pte_pack(PTE_VRAM, 0x50000, PTE_PRESENT));
	shadow_set_large_64k(g->sg, true);
	assert_int_equal(shadow_bar_xlate(g->sg, 1, 0x31004, false, &l), 0);
	assert_int_equal(l.addr, 0x51004);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(walks),
		cmocka_unit_test(refused),
		cmocka_unit_test(cached_until_flush),
		cmocka_unit_test(collisions),
		cmocka_unit_test(linear_and_dead),
		cmocka_unit_test(pages_of_64k),
	};

	return cmocka_run_group_tests_name("shadow barmap", t, NULL, NULL);
}

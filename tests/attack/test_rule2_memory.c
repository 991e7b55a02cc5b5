// SPDX-License-Identifier: MIT
/*
 * Rule 2: every present shadow entry points at VRAM of that guest or at a
 * pinned frame of that guest; what cannot be translated is not present and a
 * counted guest fault, never frame 0.
 *
 * Claim: no page table entry, directory entry or BAR address of the attacker's
 * reads or writes anything that is not its own.
 */
#include "tests/attack/attack.h"

static int setup(void **state)
{
	rig_setup(state);
	victim_fill(*state);
	return 0;
}

static uint64_t shadow_faults(const struct rig *r)
{
	const struct shadow_stats *s = shadow_guest_stats(r->v[EVIL]->shadow);
	uint64_t n = 0;

	for (int f = 0; f < NR_SHADOW_FAULTS; f++)
		n += s->faults[f];
	return n;
}

/* One hostile small-page entry: counted, not present, and nothing gets through. */
static void try_pte(struct rig *r, uint64_t pte)
{
	uint64_t faults = shadow_faults(r), guest = r->v[EVIL]->stats.guest_faults;
	struct raw c;

	evil_start(&c, r);
	raw_map(&c, PROBE, pte);
	raw_flush(&c);
	evil_use(&c);
	assert_true(shadow_faults(r) > faults);
	assert_true(r->v[EVIL]->stats.guest_faults > guest);
	assert_true(evil_got_nothing(&c, PROBE, PROBE));
	assert_true(raw_dead(&c)); /* the read faulted: nothing was there */
	assert_int_equal(vram_rd32(r, EVIL, LOOT), NOTHING);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	raw_unbind(&c);
	wr(r, EVIL, NV_PFIFO_MMU_FAULT_UNITS, ~0u);
	raw_map(&c, PROBE, 0);
}

static void test_foreign_vram(void **state)
{
	struct rig *r = *state;

	try_pte(r, raw_pte(victim_card_vram(r)));
	try_pte(r, raw_pte(victim_card_vram(r)) | PTE_PRIV | PTE_VOLATILE);
	try_pte(r, raw_pte(RIG_VRAM));		 /* first byte past its own */
	try_pte(r, raw_pte(2 * RIG_VRAM + V_VRAM));
	try_pte(r, raw_pte(hvram_x(r->g->userd)));  /* the mediator's */
	try_pte(r, raw_pte(hvram_x(r->g->host->bar1_table)));
	try_pte(r, raw_pte((1ull << 40) - 4096));
	try_pte(r, raw_pte(r->g->dev->info.vram_len - 4096));
}

static void test_foreign_ram_and_frame_0(void **state)
{
	struct rig *r = *state;

	try_pte(r, raw_pte_sys(victim_bus_ram(r)));
	try_pte(r, raw_pte_sys(RIG_RAM)); /* not its RAM: must not become frame 0 */
	try_pte(r, pte_pack(PTE_SYS_NC, victim_bus_ram(r), PTE_PRESENT));
	try_pte(r, pte_pack(PTE_SYS_NC, RIG_RAM + 0x1000, PTE_PRESENT));
	try_pte(r, raw_pte_sys((1ull << 40) - 4096));
	try_pte(r, raw_pte_sys(dma_x(r->v[EVIL]->ram[0].dma))); /* its own, by the bus's name */
}

static void test_reserved_target(void **state)
{
	struct rig *r = *state;

	try_pte(r, pte_pack((enum pte_target)1, MINE, PTE_PRESENT));
	try_pte(r, pte_pack((enum pte_target)1, victim_card_vram(r), PTE_PRESENT));
}

/* Read-only stays read-only. */
static void test_read_only_page(void **state)
{
	struct rig *r = *state;
	struct raw c;

	evil_start(&c, r);
	raw_map(&c, PROBE, raw_pte(LOOT + 0x1000) | PTE_RO);
	raw_flush(&c);
	vram_wr32(r, EVIL, LOOT + 0x1000, 1);
	vram_wr32(r, EVIL, MINE, 2);
	raw_m2mf(&c, PROBE, MINE, 4);
	raw_fence(&c);
	raw_submit(&c);
	raw_run(r, 4);
	assert_int_equal(vram_rd32(r, EVIL, LOOT + 0x1000), 1);
}

/* A large page of 128 KiB whose tail lies beyond the part, or that names the card's address. */
static void test_large_pages(void **state)
{
	struct rig *r = *state;
	const uint64_t bad[] = {
		RIG_VRAM - 0x10000,			   /* half of it is not its own */
		RIG_VRAM, victim_card_vram(r) & ~0x1ffffull, /* none of it is */
		(1ull << 40) - 0x20000,
	};
	const uint64_t sys[] = {
		RIG_RAM - 0x10000, RIG_RAM, victim_bus_ram(r) & ~0x1ffffull,
	};
	uint64_t table = 0x500000, faults;
	struct raw c;

	evil_start(&c, r);
	/* VA 128 MiB: the second directory entry, large pages only. */
	vram_wr64(r, EVIL, BASE + RAW_DIR + 8, pde_pack_large(PDE_VRAM, table));
	for (size_t i = 0; i < ARRAY_SIZE(bad) + ARRAY_SIZE(sys); i++) {
		bool is_sys = i >= ARRAY_SIZE(bad);
		uint64_t pte = is_sys ? raw_pte_sys(sys[i - ARRAY_SIZE(bad)]) : raw_pte(bad[i]);

		evil_revive(&c);
		faults = shadow_faults(r);
		vram_wr64(r, EVIL, table, pte);
		raw_flush(&c);
		evil_use(&c);
		assert_true(shadow_faults(r) > faults);
		assert_true(evil_got_nothing(&c, 0x8000000 + (V_VRAM & 0x1ffff), 0x8000000));
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
}

/* 64 KiB pages chosen by the guest: the geometry is the guest's only in its own tables. */
static void test_page_size_switch(void **state)
{
	struct rig *r = *state;
	uint64_t table = 0x500000;
	struct raw c;

	evil_start(&c, r);
	wr(r, EVIL, NV_PFB_MMU_CTRL, 1);
	vram_wr64(r, EVIL, BASE + RAW_DIR + 8, pde_pack_large(PDE_VRAM, table));
	for (uint32_t i = 0; i < 1024; i++)
		vram_wr64(r, EVIL, table + i * 8, raw_pte(RIG_VRAM + i * 0x10000));
	raw_flush(&c);
	assert_int_equal(dev_rd32(r->g->dev, NV_PFB_MMU_CTRL) & 1, 0);
	assert_true(evil_got_nothing(&c, 0x4000000, 0x4000000));
	evil_revive(&c);
	assert_true(evil_got_nothing(&c, 0x4000000 + 0x100000, 0x4000000));
	wr(r, EVIL, NV_PFB_MMU_CTRL, 0);
	raw_flush(&c);
	assert_true(victim_whole(r));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* Directory entries: tables that are not the attacker's memory, wholly or at their end. */
static void test_directory_entries(void **state)
{
	struct rig *r = *state;
	hvram_t own;
	uint64_t faults;
	struct raw c;

	assert_int_equal(part_vram_g2h(r->v[EVIL]->part, gvram(0x500000), 4096, &own), 0);
	const uint64_t bad[] = {
		pde_pack_small(PDE_VRAM, RIG_VRAM),
		pde_pack_small(PDE_VRAM, RIG_VRAM - 0x20000),	   /* half of the table */
		pde_pack_small(PDE_VRAM, victim_card_vram(r)),
		pde_pack_small(PDE_SYS, RIG_RAM),
		pde_pack_small(PDE_SYS, RIG_RAM - 0x1000),
		pde_pack_small(PDE_SYS_NC, victim_bus_ram(r)),
		pde_pack_large(PDE_VRAM, RIG_VRAM - 0x1000),
		pde_pack_large(PDE_SYS, victim_bus_ram(r)),
		pde_pack_small(PDE_VRAM, (1ull << 40) - 0x1000),
	};

	evil_start(&c, r);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		evil_revive(&c);
		faults = shadow_faults(r);
		vram_wr64(r, EVIL, BASE + RAW_DIR + 8, bad[i]);
		raw_flush(&c);
		evil_use(&c);
		if (shadow_faults(r) <= faults)
			fail_msg("entry %zu: not counted", i);
		assert_true(evil_got_nothing(&c, 0x8000000, 0x8000000));
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
}

/* The attacker's BARs and its window are checked by the same rules. */
static void test_bars(void **state)
{
	struct rig *r = *state;
	uint64_t inst = 0x800000;
	const uint64_t bad[] = {
		raw_pte(victim_card_vram(r)), raw_pte(RIG_VRAM), raw_pte_sys(victim_bus_ram(r)),
		raw_pte_sys(RIG_RAM), pte_pack((enum pte_target)1, MINE, PTE_PRESENT),
	};

	space_make(r, EVIL, inst, 0xffffff);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		space_map(r, EVIL, inst, (uint32_t)i, bad[i]);
	for (int bar = 1; bar <= 3; bar += 2) {
		enum hv_space s = bar == 1 ? HV_BAR1 : HV_BAR3;

		space_bind(r, EVIL, bar, inst);
		for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
			uint64_t faults = r->v[EVIL]->stats.guest_faults;

			assert_int_not_equal(ld(r, EVIL, s, i * 4096, 4, NULL), SECRET);
			st(r, EVIL, s, i * 4096, 4, 0xbadbadba);
			if (r->v[EVIL]->stats.guest_faults <= faults)
				fail_msg("BAR%d, entry %u: not counted", bar, i);
		}
	}
	assert_true(victim_whole(r));
}

/* Freed memory: an entry is taken away, and after the flush the GPU no longer gets there. */
static void test_unmapped_page(void **state)
{
	struct rig *r = *state;
	struct raw c;

	evil_start(&c, r);
	raw_map(&c, PROBE, raw_pte_sys(0x30000));
	raw_flush(&c);
	evil_use(&c);
	assert_int_equal(hv_null_pins(r->hg[EVIL]), 1);
	assert_true(raw_copy(&c, PROBE, MINE, 4));
	raw_map(&c, PROBE, 0);
	raw_flush(&c);
	evil_use(&c);
	assert_int_equal(hv_null_pins(r->hg[EVIL]), 0);
	vram_wr32(r, EVIL, LOOT, NOTHING);
	raw_m2mf(&c, LOOT, PROBE, 4);
	raw_fence(&c);
	raw_submit(&c);
	raw_run(r, 4);
	assert_true(raw_dead(&c));
	assert_int_equal(vram_rd32(r, EVIL, LOOT), NOTHING);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_foreign_vram),
		T(test_foreign_ram_and_frame_0),
		T(test_reserved_target),
		T(test_read_only_page),
		T(test_bars),
		T(test_unmapped_page),
	};
	/* Of tables in the guest's own memory; else foreign_frames in test_pv_calls.c, types in test_pv.c. */
	const struct CMUnitTest own_tables[] = {
		T(test_large_pages),
		T(test_page_size_switch),
		T(test_directory_entries),
	};

	return attack_run_group(tests) + attack_run_group(own_tables) + attack_run_group_pv(tests);
}

// SPDX-License-Identifier: MIT
/*
 * Rule 5: guest-writable memory is read once: copy, validate, use the copy.
 *
 * Claim: another processor that rewrites page table entries, directory entries
 * and runlist entries, between good and hostile ones, in the middle of every look
 * the mediator takes at them and after it, never gets a hostile one into what the
 * GPU walks: after every flush the audit is clean, and no copy ever carries the
 * victim's secret.
 *
 * The tables are in the attacker's RAM, where its other processor can write
 * while the mediator looks.
 */
#include "tests/attack/attack.h"
#include "tests/attack/flip.h"

/* Where things lie in the attacker's RAM. */
#define T_TABLE 0x100000ull /* table of small pages, an eighth: 4096 entries */
#define T_LIST 0x200000ull
#define T_DIR 0x300000ull
#define ROUNDS 60
/* The audit also notes what changed since the flush, which here is everything: only violations count. */

static int setup(void **state)
{
	rig_setup(state);
	victim_fill(*state);
	return 0;
}

/* Every shadow entry that is present now must be the attacker's own memory. */
static void test_flipping_table_entries(void **state)
{
	struct rig *r = *state;
	const uint64_t values[] = {
		raw_pte(MINE), raw_pte(victim_card_vram(r)), raw_pte_sys(0x30000),
		raw_pte_sys(victim_bus_ram(r)), 0, raw_pte(hvram_x(r->g->userd)),
		raw_pte_sys(RIG_RAM),
	};
	struct flip f = { .at = T_TABLE, .n = 512, .values = values,
			  .nr_values = ARRAY_SIZE(values), .step = 1 };
	struct raw c;

	evil_start(&c, r);
	vram_wr64(r, EVIL, BASE + RAW_DIR + 8, pde_pack_small(PDE_SYS, T_TABLE) | 3u << 2);
	flip_start(&f, r->hg[EVIL]);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		evil_revive(&c);
		raw_flush(&c);
		evil_use(&c);
		assert_int_equal(gpuvm_audit(r->g, NULL), 0);
		for (uint32_t page = 0; round % 10 == 0 && page < 8; page++) {
			evil_revive(&c);
			assert_true(evil_got_nothing(&c, 0x8000000 + page * 4096,
						     0x8000000 + page * 4096));
		}
	}
	flip_end(&f);
	assert_true(f.looks >= ROUNDS);
	assert_true(victim_whole(r));
}

/* The entry that leads to the table: to the attacker's, and to nobody's. */
static void test_flipping_directory_entries(void **state)
{
	struct rig *r = *state;
	const uint64_t values[] = {
		pde_pack_small(PDE_SYS, T_TABLE) | 3u << 2,
		pde_pack_small(PDE_SYS, victim_bus_ram(r)),
		pde_pack_small(PDE_VRAM, victim_card_vram(r)),
		pde_pack_small(PDE_VRAM, RIG_VRAM - 4096),
		pde_pack_large(PDE_SYS, RIG_RAM - 4096),
		0,
	};
	struct flip f = { .at = T_DIR, .n = 64, .values = values,
			  .nr_values = ARRAY_SIZE(values), .step = 1 };
	struct raw c;

	/* A directory in RAM, too. */
	raw_fifo_init(r, EVIL);
	raw_build(&c, r, EVIL, 5, BASE);
	vram_wr64(r, EVIL, BASE + INST_PDB_LO, T_DIR | PTE_SYS);
	raw_bind(&c);
	raw_runlist(r, EVIL, BASE + 0x5000, &c.id, 1);
	flip_start(&f, r->hg[EVIL]);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		wr(r, EVIL, NV_PFB_TLB_PDB, (uint32_t)(T_DIR >> 12) << 4 | PTE_SYS);
		wr(r, EVIL, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
		evil_use(&c);
		assert_int_equal(gpuvm_audit(r->g, NULL), 0);
	}
	flip_end(&f);
	assert_true(f.looks >= ROUNDS);
	assert_true(victim_whole(r));
}

/* Ids in a runlist in RAM: what is committed is what was checked. */
static void test_flipping_runlist(void **state)
{
	struct rig *r = *state;
	uint64_t values[4];
	struct flip f = { .at = T_LIST, .n = 64, .values = values, .nr_values = 4, .step = 1 };
	struct raw c, v;

	evil_start(&c, r);
	raw_start(&v, r, VICTIM, 9, BASE);
	raw_runlist(r, VICTIM, BASE + 0x5000, NULL, 0);
	values[0] = 5 | 4ull << 32;
	values[1] = hchan_x(r->v[VICTIM]->chan[9]->host) | 4ull << 32;
	values[2] = 0xffffffffull | 4ull << 32;
	values[3] = 128 | 4ull << 32;
	flip_start(&f, r->hg[EVIL]);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		wr(r, EVIL, NV_PFIFO_RUNLIST_ADDR, (uint32_t)(T_LIST >> 12) | PTE_SYS << 28);
		wr(r, EVIL, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000 | 64);
		assert_true(RUNLIST_COUNT(dev_rd32(r->g->dev, NV_PFIFO_RUNLIST_STATUS)) <= 1);
		assert_int_equal(gpuvm_audit(r->g, NULL), 0);
	}
	flip_end(&f);
	assert_true(f.looks >= ROUNDS);
	raw_fence(&v);
	raw_submit(&v);
	raw_run(r, 4);
	assert_false(raw_fenced(&v)); /* the victim's channel never came on */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_flipping_runlist),
	};
	/* Of tables in the guest's own memory; else rewritten in test_pv_race.c. */
	const struct CMUnitTest own_tables[] = {
		T(test_flipping_table_entries),
		T(test_flipping_directory_entries),
	};

	return attack_run_group(tests) + attack_run_group(own_tables) + attack_run_group_pv(tests);
}

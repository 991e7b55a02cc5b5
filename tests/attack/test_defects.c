// SPDX-License-Identifier: MIT
/*
 * Defects of the ancestor's that no other attack test goes through, by their
 * numbers in docs/isolation.md, with every shadowing option set and for a paravirtual guest.
 */
#include "tests/attack/attack.h"

#define BAR_SPACE 0x400000ull
#define BAR_MEM 0x800000ull

static int setup(void **state)
{
	rig_setup(state);
	victim_fill(*state);
	return 0;
}

/* 11: a store of one or two bytes changes one or two bytes, whichever way it goes. */
static void test_11_narrow_stores(void **state)
{
	static const struct {
		uint32_t off;
		uint8_t size;
	} at[] = { { 0x10, 1 }, { 0x11, 1 }, { 0x13, 1 }, { 0x16, 2 }, { 0x18, 2 }, { 0xffe, 2 } };
	struct rig *r = *state;

	if (rig_mode == VGPU_FULL) {
		space_make(r, EVIL, BAR_SPACE, 0xffffff);
		space_map(r, EVIL, BAR_SPACE, 0, raw_pte(BAR_MEM));
		space_bind(r, EVIL, 1, BAR_SPACE);
	}
	for (size_t k = 0; k < ARRAY_SIZE(at); k++)
		for (int way = 0; way < 2; way++) {
			uint32_t word = at[k].off & ~3u, want = 0x55555555, old = 0x55555555;
			uint32_t mask = (at[k].size == 1 ? 0xffu : 0xffffu) << (at[k].off & 3) * 8;
			uint64_t val = 0xfffffffffffffaa5ull;

			if (!way && rig_mode != VGPU_FULL)
				continue; /* its BAR1 tables are its driver's to ask for */
			vram_wr32(r, EVIL, BAR_MEM + word, old);
			vram_wr32(r, EVIL, BAR_MEM + word + 4, old);
			want = (want & ~mask) | ((uint32_t)val << (at[k].off & 3) * 8 & mask);
			if (way)
				st(r, EVIL, HV_BAR0, NV_PRAMIN + (BAR_MEM & 0xfffff) + at[k].off,
				   at[k].size, val);
			else
				st(r, EVIL, HV_BAR1, at[k].off, at[k].size, val);
			assert_int_equal(vram_rd32(r, EVIL, BAR_MEM + word), want);
			assert_int_equal(vram_rd32(r, EVIL, BAR_MEM + word + 4), old);
		}
	assert_true(victim_whole(r));
}

/* 12: the channel table ends with the last channel. */
static void test_12_range_edges(void **state)
{
	struct rig *r = *state;
	uint32_t last = reg_at(REGID_PFIFO_CHAN_INST, GF100_NR_CHAN - 1), before[GF100_NR_CHAN];
	uint64_t denied;

	for (uint32_t h = 0; h < GF100_NR_CHAN; h++)
		before[h] = dev_rd32(r->g->dev, reg_at(REGID_PFIFO_CHAN_INST, h));
	denied = r->v[EVIL]->stats.denied;
	wr(r, EVIL, last + 8, CHAN_INST_VALID | 0x100);
	wr(r, EVIL, last + 12, ~0u);
	assert_int_equal(r->v[EVIL]->stats.denied, denied + 2);
	assert_int_equal(rd(r, EVIL, last + 8), MMIO_DENIED);
	for (uint32_t h = 0; h < GF100_NR_CHAN; h++)
		assert_int_equal(dev_rd32(r->g->dev, reg_at(REGID_PFIFO_CHAN_INST, h)), before[h]);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* 13: each of the registers that say how much VRAM there is says the same, and none can be written. */
static void test_13_vram_size(void **state)
{
	struct rig *r = *state;
	uint32_t n = rd(r, EVIL, NV_PRIVRING_FBP_COUNT), mib = rd(r, EVIL, NV_FBP_MIB_COMMON);
	uint64_t sum = 0;

	wr(r, EVIL, NV_PRIVRING_FBP_COUNT, 99);
	st(r, EVIL, HV_BAR0, NV_PRIVRING_FBP_COUNT + 1, 1, 99);
	wr(r, EVIL, NV_FBP_MIB_COMMON, 99);
	wr(r, EVIL, reg_at(REGID_FBP_MIB, 0), 99);
	assert_int_equal(rd(r, EVIL, NV_PRIVRING_FBP_COUNT), n);
	assert_int_equal(rd(r, EVIL, NV_FBP_MIB_COMMON), mib);
	for (uint32_t i = 0; i < n; i++)
		sum += rd(r, EVIL, reg_at(REGID_FBP_MIB, i));
	assert_int_equal(sum << 20, RIG_VRAM);
}

static uint64_t guest_time(struct rig *r, int i)
{
	uint32_t hi, lo;

	do {
		hi = rd(r, i, NV_PTIMER_TIME_HI);
		lo = rd(r, i, NV_PTIMER_TIME_LO);
	} while (hi != rd(r, i, NV_PTIMER_TIME_HI));
	return (uint64_t)hi << 32 | lo;
}

/* 14: a second of the guest's timer is a second, and setting it is nobody else's business. */
static void test_14_seconds(void **state)
{
	struct rig *r = *state;
	uint64_t mine = guest_time(r, EVIL), other = guest_time(r, VICTIM);

	assert_int_equal(dev_advance(r->g->dev, 3000000000ull), 0);
	assert_in_range(guest_time(r, EVIL) - mine, 3000000000ull - 64, 3000000000ull + 64);
	wr(r, EVIL, NV_PTIMER_TIME_HI, 0xdead);
	wr(r, EVIL, NV_PTIMER_TIME_LO, 0);
	assert_in_range(guest_time(r, VICTIM) - other, 3000000000ull - 64, 3000000000ull + 64);
}

/* 15: a channel's old instance block means nothing once it was bound to another. */
static void test_15_old_instance_block(void **state)
{
	struct rig *r = *state;
	uint32_t inst[INST_LEN / 4], now[INST_LEN / 4];
	struct raw c, d;
	hvram_t at;

	evil_start(&c, r);
	raw_unbind(&c);
	raw_build(&d, r, EVIL, 5, BASE + 0x80000);
	raw_bind(&d);
	at = shadow_chan_inst(r->v[EVIL]->chan[5]->shadow);
	assert_int_equal(dev_vram_rd(r->g->dev, at, inst, sizeof inst), 0);
	for (uint32_t k = 0; k < INST_LEN / 4; k++)
		vram_wr32(r, EVIL, BASE + k * 4, (uint32_t)victim_card_vram(r) + k);
	assert_false(shadow_watched(r->v[EVIL]->shadow, gvram(BASE), INST_LEN));
	evil_use(&d);
	assert_int_equal(dev_vram_rd(r->g->dev, at, now, sizeof now), 0);
	assert_memory_equal(inst, now, sizeof inst);
	assert_null(shadow_chan_by_inst(r->v[EVIL]->shadow, gvram(BASE)));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* 5, 6: a page that the guest has no more (ballooned out) is nowhere in its tables, and asking for it hurts nobody. */
static void test_5_page_gone(void **state)
{
	struct rig *r = *state;
	struct raw c;

	evil_start(&c, r);
	raw_map(&c, PROBE, raw_pte_sys(0x5000));
	raw_flush(&c);
	evil_use(&c);
	assert_true(hv_null_pins(r->hg[EVIL]) > 0);
	assert_int_equal(hv_null_revoke(r->hg[EVIL], gpa(0x5000), 4096), 0);
	raw_flush(&c);
	assert_true(evil_got_nothing(&c, PROBE, PROBE));
	assert_true(raw_dead(&c));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

#define ATTACK(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_11_narrow_stores),
		ATTACK(test_12_range_edges),
		ATTACK(test_13_vram_size),
		ATTACK(test_14_seconds),
	};
	/* With tables in the guest's own memory; else tests/unit/core/test_pv.c. */
	const struct CMUnitTest own_tables[] = {
		ATTACK(test_5_page_gone),
		ATTACK(test_15_old_instance_block),
	};
	int failed = 0;

	for (rig_opts = 0; rig_opts <= SHADOW_OPTS_ALL; rig_opts++) {
		failed += cmocka_run_group_tests(tests, NULL, NULL);
		failed += cmocka_run_group_tests(own_tables, NULL, NULL);
	}
	rig_opts = 0;
	rig_mode = VGPU_NAIVE_PV;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}

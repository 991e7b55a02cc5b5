// SPDX-License-Identifier: MIT
/* Channels that hang or fault are stopped; everybody else's work completes with right results. */
#include "tests/t.h"

#include "gpuvm/recover.h"
#include "tests/unit/core/raw.h"

#define BASE 0x100000ull
#define SRC 0x200000ull
#define DST 0x210000ull
#define MS 1000000ull

static void fill(struct rig *r, int i, uint32_t seed)
{
	for (uint32_t k = 0; k < 64; k++)
		vram_wr32(r, i, SRC + k * 4, seed + k);
}

static bool filled(struct rig *r, int i, uint32_t seed)
{
	for (uint32_t k = 0; k < 64; k++)
		if (vram_rd32(r, i, DST + k * 4) != seed + k)
			return false;
	return true;
}

static void start(struct raw *c, struct rig *r, int i)
{
	raw_start(c, r, i, 5, BASE);
	raw_map(c, SRC, raw_pte(SRC));
	raw_map(c, DST, raw_pte(DST));
	raw_flush(c);
}

static void hang_with(struct rig *r, uint32_t options)
{
	struct raw a, b;

	r->v[0]->cfg.timeout_ms = 5;
	start(&a, r, 0);
	start(&b, r, 1);
	fill(r, 1, 0xb0b0);
	raw_hang(&a, options);
	raw_submit(&a);
	raw_run(r, 2);
	raw_m2mf(&b, DST, SRC, 256);
	raw_fence(&b);
	raw_submit(&b);
	for (int k = 0; k < 4; k++)
		raw_step(r, MS);
	assert_false(raw_dead(&a));
	assert_false(raw_fenced(&b));
	for (int k = 0; k < 4; k++)
		raw_step(r, MS);
	assert_true(raw_dead(&a));
	assert_int_equal(r->v[0]->stats.watchdog, 1);
	assert_int_equal(r->v[1]->stats.watchdog, 0);
	assert_true(raw_wait(&b));
	assert_true(filled(r, 1, 0xb0b0));
	assert_true(rd(r, 0, NV_PFIFO_INTR) & PFIFO_INTR_SCHED);
	assert_int_equal(rd(r, 0, NV_PFIFO_SCHED_INTR), 0x0a);
	assert_false(rd(r, 1, NV_PFIFO_INTR) & PFIFO_INTR_SCHED);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);

	/* The guilty guest binds the channel anew and works again. */
	raw_unbind(&a);
	start(&a, r, 0);
	fill(r, 0, 0xa0a0);
	assert_true(raw_copy(&a, DST, SRC, 256));
	assert_true(filled(r, 0, 0xa0a0));
}

static void test_hang_holding_the_pbdma(void **state)
{
	hang_with(*state, 0);
}

static void test_hang_waiting_apart(void **state)
{
	hang_with(*state, SEM_SWITCH);
}

/* Nothing is held, so both are on the card: the one who waits behind the other is not to blame. */
static void test_watchdog_spares_the_waiter(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	assert_int_equal(sched_set_policy(r->g->sched, sched_policy_find("null"), 0), 0);
	/* The waiter's time is over first. */
	r->v[0]->cfg.timeout_ms = 8;
	r->v[1]->cfg.timeout_ms = 5;
	/* Graphics has one PBDMA: who stands on it without switching bars it for all. */
	start(&a, r, 0);
	start(&b, r, 1);
	dev_wr32(r->g->dev, NV_PFIFO_PBDMA_ENABLE, 1);
	fill(r, 1, 0xc0c0);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	raw_m2mf(&b, DST, SRC, 256);
	raw_fence(&b);
	raw_submit(&b);
	for (int k = 0; k < 7; k++)
		raw_step(r, MS);
	assert_false(raw_dead(&a));
	assert_false(raw_dead(&b));
	for (int k = 0; k < 4; k++)
		raw_step(r, MS);
	assert_true(raw_dead(&a));
	assert_false(raw_dead(&b));
	assert_true(raw_wait(&b));
	assert_true(filled(r, 1, 0xc0c0));
	assert_int_equal(r->v[1]->stats.watchdog, 0);
}

static void fault_on(struct rig *r, uint64_t dst, uint64_t src, bool write)
{
	struct raw a, b;
	uint32_t unit = FAULT_UNIT_PGRAPH, info;

	start(&a, r, 0);
	start(&b, r, 1);
	fill(r, 1, 0xd0d0);
	raw_m2mf(&a, dst, src, 256);
	raw_fence(&a);
	raw_submit(&a);
	raw_m2mf(&b, DST, SRC, 256);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	assert_true(filled(r, 1, 0xd0d0));
	assert_true(raw_dead(&a));
	assert_false(raw_fenced(&a));
	assert_int_equal(r->v[0]->stats.mmu_faults, 1);
	assert_int_equal(r->v[1]->stats.mmu_faults, 0);
	/* What the guest's handler reads is in its own numbers. */
	assert_true(rd(r, 0, NV_PFIFO_INTR) & PFIFO_INTR_MMU_FAULT);
	assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 1u << unit);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_INST, unit)), BASE >> 12);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_VALO, unit)), write ? dst : src);
	info = rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_INFO, unit));
	assert_int_equal(!!(info & FAULT_INFO_WRITE), write);
	assert_false(rd(r, 1, NV_PFIFO_INTR) & PFIFO_INTR_MMU_FAULT);
	/* The card is whole again. */
	assert_int_equal(dev_rd32(r->g->dev, NV_PFIFO_ENG_FAULT), 0);
	assert_int_equal(dev_rd32(r->g->dev, NV_PFIFO_ENG_FREEZE), 0);
	assert_int_equal(dev_rd32(r->g->dev, NV_PFIFO_MMU_FAULT_UNITS), 0);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_read_fault(void **state)
{
	fault_on(*state, DST, 0x3000000, false);
}

static void test_write_fault(void **state)
{
	fault_on(*state, 0x3000000, SRC, true);
}

/* The PBDMA itself faults: the ring's table is gone. */
static void test_fault_of_the_pbdma(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	start(&a, r, 0);
	start(&b, r, 1);
	raw_map(&a, RAW_VA + RAW_RING, 0);
	raw_flush(&a);
	raw_fence(&a);
	raw_submit(&a);
	raw_run(r, 5);
	assert_true(raw_dead(&a));
	assert_int_equal(r->v[0]->stats.mmu_faults, 1);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* A reset of the engine under another guest's feet costs it nothing but time. */
static void test_engine_reset_spares_others(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	assert_int_equal(sched_set_policy(r->g->sched, sched_policy_find("null"), 0), 0);
	start(&a, r, 0);
	start(&b, r, 1);
	fill(r, 1, 0xe0e0);
	raw_hang(&b, SEM_SWITCH);
	raw_m2mf(&b, DST, SRC, 256);
	raw_fence(&b);
	raw_submit(&b);
	raw_hang(&a, SEM_SWITCH);
	raw_submit(&a);
	raw_run(r, 3);
	gpuvm_recover(r->g, r->v[0]->chan[5], GPUVM_ENG_GR);
	assert_true(raw_dead(&a));
	assert_false(raw_dead(&b));
	assert_int_equal(r->g->stats.engine_resets, 1);
	vram_wr32(r, 1, BASE + RAW_FENCE + 16, 0x600d600d);
	assert_true(raw_wait(&b));
	assert_true(filled(r, 1, 0xe0e0));
}

/* A kick takes a channel off that waits for ever, and it can go on later. */
static void test_guest_kick(void **state)
{
	struct rig *r = *state;
	const uint32_t id = 5;
	struct raw a;

	start(&a, r, 0);
	raw_hang(&a, 0);
	raw_fence(&a);
	raw_submit(&a);
	raw_run(r, 2);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, id), 0x001f0000);
	wr(r, 0, NV_PFIFO_KICK, id);
	assert_int_equal(rd(r, 0, NV_PFIFO_KICK), id);
	assert_false(dev_rd32(r->g->dev, reg_at(REGID_PFIFO_CHAN_STATE,
						hchan_x(r->v[0]->chan[id]->host))) &
		     CHAN_STATE_LOADED);
	vram_wr32(r, 0, BASE + RAW_FENCE + 16, 0x600d600d);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_STATE, id), 0x001f0001);
	assert_true(raw_wait(&a));
}

/* Faults one after the other: each one's guest hears of it, the card goes on. */
static void test_many_faults(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	start(&b, r, 1);
	for (uint32_t n = 0; n < 20; n++) {
		start(&a, r, 0);
		raw_m2mf(&a, DST, 0x3000000 + n * 4096, 256);
		raw_fence(&a);
		raw_submit(&a);
		raw_run(r, 3);
		assert_true(raw_dead(&a));
		wr(r, 0, NV_PFIFO_MMU_FAULT_UNITS, ~0u);
		raw_unbind(&a);
		raw_fence(&b);
		raw_submit(&b);
		assert_true(raw_wait(&b));
	}
	assert_int_equal(r->v[0]->stats.mmu_faults, 20);
	assert_int_equal(part_pool_free_chans(r->g->pool), GF100_NR_CHAN - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_hang_holding_the_pbdma),
		RIG_TEST(test_hang_waiting_apart),
		RIG_TEST(test_watchdog_spares_the_waiter),
		RIG_TEST(test_read_fault),
		RIG_TEST(test_write_fault),
		RIG_TEST(test_fault_of_the_pbdma),
		RIG_TEST(test_engine_reset_spares_others),
		RIG_TEST(test_guest_kick),
		RIG_TEST(test_many_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * Rule 7: a guest may die, hang, flood or lie at any step; only that guest is hurt.
 *
 * Claim: whatever the attacker does or stops doing, the victim's copies complete
 * with right data, the mediator never waits for the attacker, and nothing of the
 * dead is left (channels, VRAM, heap, pins).
 */
#include "tests/attack/attack.h"

struct before {
	uint64_t vram, heap, reserved;
	uint32_t chans;
};

static struct before look(struct rig *r)
{
	return (struct before){ part_pool_free_vram(r->g->pool), vheap_used(r->g->heap),
				r->g->shadow_reserved, part_pool_free_chans(r->g->pool) };
}

static void same(struct rig *r, const struct before *b)
{
	struct before now = look(r);

	assert_int_equal(now.vram, b->vram);
	assert_int_equal(now.heap, b->heap);
	assert_int_equal(now.reserved, b->reserved);
	assert_int_equal(now.chans, b->chans);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* What an attacker gets done before it dies: one step more each time. */
static void live(struct raw *c, struct rig *r, int steps)
{
	const uint32_t id = 5;

	if (steps-- > 0)
		raw_fifo_init(r, EVIL);
	if (steps-- > 0)
		raw_build(c, r, EVIL, id, BASE);
	if (steps-- > 0)
		wr(r, EVIL, reg_at(REGID_PFIFO_CHAN_INST, id), CHAN_INST_VALID | BASE >> 12);
	if (steps-- > 0)
		wr(r, EVIL, reg_at(REGID_PFIFO_CHAN_STATE, id), 0x001f0001);
	if (steps-- > 0) {
		raw_map(c, PROBE, raw_pte_sys(0x30000)); /* a pinned page */
		raw_flush(c);
	}
	if (steps-- > 0)
		raw_runlist(r, EVIL, BASE + 0x5000, &id, 1);
	if (steps-- > 0) {
		raw_hang(c, 0);
		raw_submit(c); /* queued, perhaps running */
	}
	if (steps-- > 0)
		raw_run(r, 2);
	if (steps-- > 0) {
		raw_mthd(c, 7, HOST_SET_OBJECT, ENGINE_SW << 16 | 0x906e);
		raw_submit(c);
	}
	if (steps-- > 0)
		wr(r, EVIL, NV_PFIFO_KICK, id);
	if (steps-- > 0)
		wr(r, EVIL, reg_at(REGID_PFIFO_CHAN_STATE, id), 0);
	if (steps-- > 0)
		raw_runlist(r, EVIL, BASE + 0x5000, NULL, 0);
}

static void test_death_at_every_step(void **state)
{
	struct rig *r = *state;
	struct before b;
	struct raw c, v;

	hv_null_guest_free(r->hg[EVIL]);
	assert_true(victim_works(r, &v));
	b = look(r);
	for (int steps = 0; steps <= 12; steps++) {
		rig_guest(r, EVIL, false);
		live(&c, r, steps);
		hv_null_guest_free(r->hg[EVIL]);
		same(r, &b);
		raw_fence(&v);
		raw_submit(&v);
		assert_true(raw_wait(&v));
	}
	rig_guest(r, EVIL, false);
}

/* The guest dies while its own work holds the engine and the victim's waits behind it. */
static void test_death_in_front_of_the_victim(void **state)
{
	struct rig *r = *state;
	struct raw c, v;

	raw_start(&v, r, VICTIM, 9, BASE);
	evil_start(&c, r);
	raw_hang(&c, 0);
	raw_submit(&c);
	raw_run(r, 2);
	raw_fence(&v);
	raw_submit(&v);
	raw_run(r, 2);
	assert_false(raw_fenced(&v));
	hv_null_guest_free(r->hg[EVIL]);
	assert_true(raw_wait(&v));
	rig_guest(r, EVIL, false);
}

static void test_hang(void **state)
{
	struct rig *r = *state;
	struct raw c, v;

	r->v[EVIL]->cfg.timeout_ms = 10;
	assert_true(victim_works(r, &v));
	for (int n = 0; n < 5; n++) {
		evil_start(&c, r);
		raw_hang(&c, n & 1 ? SEM_SWITCH : 0);
		raw_submit(&c);
		raw_run(r, 1);
		raw_fence(&v);
		raw_submit(&v);
		for (int k = 0; k < 30; k++)
			raw_step(r, 1000000);
		assert_true(raw_fenced(&v));
		assert_true(raw_dead(&c));
		raw_end(&c);
	}
	assert_int_equal(r->v[EVIL]->stats.watchdog, 5);
	assert_int_equal(r->v[VICTIM]->stats.watchdog, 0);
}

/* Doorbells with every value, most of them for entries that were never written. */
static void test_flood_of_doorbells(void **state)
{
	struct rig *r = *state;
	struct raw c, v;

	evil_start(&c, r);
	assert_true(victim_works(r, &v));
	for (int n = 0; n < 200; n++) {
		for (int k = 0; k < 100; k++)
			raw_doorbell(&c, (uint32_t)(n * 100 + k) % 512);
		if (n % 20)
			continue;
		raw_fence(&v);
		raw_submit(&v);
		assert_true(raw_wait(&v));
	}
	assert_true(r->v[EVIL]->ent->nr_queued <= 1);
}

static void test_flood_of_faults(void **state)
{
	struct rig *r = *state;
	struct raw c, v;

	assert_true(victim_works(r, &v));
	for (int n = 0; n < 50; n++) {
		evil_start(&c, r);
		raw_m2mf(&c, PROBE + 0x100000, PROBE, 4096);
		raw_submit(&c);
		raw_fence(&v);
		raw_submit(&v);
		assert_true(raw_wait(&v));
		assert_true(raw_dead(&c));
		raw_end(&c);
	}
	assert_int_equal(r->v[EVIL]->stats.mmu_faults, 50);
	assert_int_equal(r->v[VICTIM]->stats.mmu_faults, 0);
	assert_int_equal(r->v[VICTIM]->stats.guest_faults, 0);
}

/* Errors of every kind in one push buffer, none of them acknowledged. */
static void test_flood_of_errors(void **state)
{
	struct rig *r = *state;
	struct raw c, v;

	assert_true(victim_works(r, &v));
	for (uint32_t n = 0; n < 8; n++) {
		evil_start(&c, r);
		raw_mthd(&c, RAW_SUBC, HOST_SET_OBJECT, CLASS_M2MF_GF100);
		for (uint32_t k = 0; k < 20; k++) {
			raw_mthd(&c, RAW_SUBC, 0x1ffc, k);
			raw_mthd(&c, n & 7, 0x60, k);
			raw_word(&c, (6 + (k & 1)) << 29 | k << 16);
		}
		raw_submit(&c);
		raw_run(r, 2);
		raw_fence(&v);
		raw_submit(&v);
		for (int k = 0; k < 150 && !raw_fenced(&v); k++)
			raw_step(r, 1000000);
		assert_true(raw_fenced(&v));
		raw_unbind(&c);
	}
	assert_int_equal(r->v[VICTIM]->stats.guest_faults, 0);
	assert_false(rd(r, VICTIM, NV_PFIFO_INTR) & PFIFO_INTR_PBDMA);
	assert_int_equal(rd(r, VICTIM, NV_PGRAPH_INTR), 0);
}

/* Bind, list, kick, unlist, unbind, again and again. */
static void test_churn(void **state)
{
	struct rig *r = *state;
	struct before b;
	struct raw c, v;

	assert_true(victim_works(r, &v));
	b = look(r);
	raw_fifo_init(r, EVIL);
	for (uint32_t n = 0; n < 200; n++) {
		raw_build(&c, r, EVIL, n % GF100_NR_CHAN, BASE);
		raw_bind(&c);
		raw_runlist(r, EVIL, BASE + 0x5000, &c.id, 1);
		raw_hang(&c, SEM_SWITCH);
		raw_submit(&c);
		if (n & 1)
			wr(r, EVIL, NV_PFIFO_KICK, c.id);
		if (n & 2)
			raw_run(r, 1);
		if (n & 4)
			raw_runlist(r, EVIL, BASE + 0x5000, NULL, 0);
		if (n & 8)
			vgpu_reset(r->v[EVIL]);
		raw_end(&c);
		if (n & 8)
			raw_fifo_init(r, EVIL);
		if (n % 16 == 0) {
			raw_fence(&v);
			raw_submit(&v);
			assert_true(raw_wait(&v));
		}
	}
	raw_run(r, 3);
	same(r, &b);
}

/* All of the table memory it can get, then more: refused on its own account. */
static void test_shadow_memory_is_its_own(void **state)
{
	struct rig *r = *state;
	struct raw c, v;
	uint64_t used;

	evil_start(&c, r);
	used = vheap_used(r->g->heap);
	for (uint64_t i = 1; i < 512; i++)
		vram_wr64(r, EVIL, BASE + RAW_DIR + i * 8,
			  pde_pack_small(PDE_VRAM, BASE + RAW_TABLE));
	raw_flush(&c);
	evil_use(&c);
	assert_true(shadow_guest_stats(r->v[EVIL]->shadow)->faults[SHADOW_FAULT_QUOTA] > 0);
	assert_true(vheap_used(r->g->heap) - used <= r->v[EVIL]->shadow_quota);
	assert_true(victim_works(r, &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_death_at_every_step),
		RIG_TEST(test_death_in_front_of_the_victim),
		RIG_TEST(test_hang),
		RIG_TEST(test_flood_of_doorbells),
		RIG_TEST(test_flood_of_faults),
		RIG_TEST(test_flood_of_errors),
		RIG_TEST(test_churn),
	};
	/* Of tables in the guest's own memory; else table_quota in test_pv_calls.c. */
	const struct CMUnitTest own_tables[] = { RIG_TEST(test_shadow_memory_is_its_own) };

	return attack_run_group(tests) + attack_run_group(own_tables) + attack_run_group_pv(tests);
}

// SPDX-License-Identifier: MIT
/*
 * Endless submissions, a thousand times over, of random guests under random
 * policies.  Each is stopped within its limit and ten milliseconds of the
 * card's time, whatever waits beside it completes with right results, and
 * nothing is left behind.
 */
#include "tests/t.h"

#include "gpuvm/submit.h"
#include "tests/unit/core/raw.h"

#define BASE 0x100000ull
#define SRC 0x200000ull
#define DST 0x210000ull
#define MS 1000000ull
#define TIMES 1000
#define SLACK_NS (10 * MS)

static uint32_t draw(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33) % n;
}

static void use_policy(struct rig *r, uint32_t n)
{
	const struct sched_policy *p = sched_policy_at(n);

	assert_non_null(p);
	assert_int_equal(sched_set_policy(r->g->sched, p, dev_now(r->g->dev)), 0);
}

static uint32_t nr_policies(void)
{
	uint32_t n = 0;

	while (sched_policy_at(n))
		n++;
	return n;
}

/* The neighbour's copy, before, behind and beside what never ends. */
static void neighbour_asks(struct raw *c, uint32_t seed)
{
	for (uint32_t k = 0; k < 16; k++)
		vram_wr32(c->r, c->i, SRC + k * 4, seed + k);
	vram_wr32(c->r, c->i, DST, ~seed);
	raw_m2mf(c, DST, SRC, 64);
	raw_fence(c);
	raw_submit(c);
}

static bool neighbour_has(struct raw *c, uint32_t seed)
{
	for (uint32_t k = 0; k < 16; k++)
		if (vram_rd32(c->r, c->i, DST + k * 4) != seed + k)
			return false;
	return raw_fenced(c);
}

/* Steps until the victim is stopped; answers how long that took by the card's clock. */
static uint64_t until_dead(struct raw *victim, uint64_t most)
{
	uint64_t start = dev_now(victim->r->g->dev), now = start;

	while (!raw_dead(victim) && now < start + most) {
		raw_step(victim->r, MS / 2);
		now = dev_now(victim->r->g->dev);
	}
	return now - start;
}

static void once(struct rig *r, uint64_t *seed, uint32_t policies, uint32_t n)
{
	uint32_t who = draw(seed, 2), before = draw(seed, 2), limit = 1 + draw(seed, 8), policy = draw(seed, policies);
	uint64_t counted = r->v[who]->stats.watchdog, other = r->v[!who]->stats.watchdog, took;
	struct raw victim, beside;

	use_policy(r, policy);
	r->v[who]->cfg.timeout_ms = limit;
	r->v[!who]->cfg.timeout_ms = LIMIT_SUBMIT_MS;
	raw_start(&victim, r, (int)who, 5, BASE);
	raw_start(&beside, r, (int)!who, 5, BASE);
	raw_map(&beside, SRC, raw_pte(SRC));
	raw_map(&beside, DST, raw_pte(DST));
	raw_flush(&beside);
	if (before)
		neighbour_asks(&beside, n);
	raw_hang(&victim, draw(seed, 2) ? SEM_SWITCH : 0);
	raw_submit(&victim);
	raw_run(r, 2);
	if (!before)
		neighbour_asks(&beside, n);
	/* Under some policies the victim has to wait for its turn before its time runs. */
	took = until_dead(&victim, 1000 * MS);
	if (!raw_dead(&victim) || took > limit * MS + SLACK_NS)
		fail_msg("%u, %s: stopped after %llu us, the limit is %u ms", n, sched_policy_at(policy)->name,
			 (unsigned long long)took / 1000, limit);
	raw_wait(&beside);
	if (!neighbour_has(&beside, n))
		fail_msg("%u, %s: the neighbour's copy is wrong", n, sched_policy_at(policy)->name);
	assert_int_equal(r->v[who]->stats.watchdog, counted + 1);
	assert_int_equal(r->v[!who]->stats.watchdog, other);
	raw_run(r, 4);
	assert_int_equal(r->v[0]->ent->nr_running + r->v[1]->ent->nr_running, 0);
	assert_int_equal(r->v[0]->ent->nr_queued + r->v[1]->ent->nr_queued, 0);
	raw_unbind(&victim);
	raw_unbind(&beside);
	if (n % 50 == 0)
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_a_thousand_times(void **state)
{
	struct rig *r = *state;
	uint32_t policies = nr_policies();
	uint64_t seed = 5, used_before = 0;

	for (uint32_t n = 0; n < TIMES; n++) {
		once(r, &seed, policies, n);
		/* What is made once is made by then. */
		if (n == 20)
			used_before = vheap_used(r->g->heap);
	}
	assert_int_equal(vheap_used(r->g->heap), used_before);
	assert_true(list_empty(&r->g->busy));
	assert_int_equal(r->v[0]->stats.watchdog + r->v[1]->stats.watchdog, TIMES);
}

int main(void)
{
	const struct CMUnitTest tests[] = { RIG_TEST(test_a_thousand_times) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * The scheduler core, call by call: limits, counters, budget, cancel, death of
 * an ent, change of policy, the audit itself, and each allocation failing.
 */
#include "tests/t.h"

#include <errno.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"

/* What the backend was told, in order. */
struct seen {
	struct sched_work *w[512];
	uint64_t seq[512];
	unsigned int nr, dropped;
	int fail; /* submit answers this */
};

static int seen_submit(void *core, struct sched_work *w)
{
	struct seen *s = core;

	assert_int_equal(w->state, SCHED_RUNNING);
	if (s->fail)
		return s->fail;
	assert_true(s->nr < ARRAY_SIZE(s->w));
	s->seq[s->nr] = w->seq;
	s->w[s->nr++] = w;
	return 0;
}

static void seen_dropped(void *core, struct sched_work *w)
{
	struct seen *s = core;

	(void)w;
	s->dropped++;
}

static const struct sched_backend backend = { seen_submit, seen_dropped };

static struct sched *sched_of(const struct sched_policy *p, struct seen *seen, unsigned int engines)
{
	struct sched *s = NULL;

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(sched_new(p, &backend, seen, engines, 0, &s), 0);
	return s;
}

static struct sched_ent *ent_of(struct sched *s, const char *name, uint32_t max_work)
{
	struct sched_ent_cfg cfg = { .name = name, .max_work = max_work };
	struct sched_ent *e = NULL;

	assert_int_equal(sched_ent_new(s, &cfg, 0, &e), 0);
	return e;
}

static void submit(struct sched_ent *e, unsigned int engine, uint64_t now)
{
	assert_int_equal(sched_submit(e, engine, NULL, now, NULL), 0);
}

static void audit_clean(const struct sched *s)
{
	char msg[256] = "";

	if (sched_audit(s, msg, sizeof(msg)) < 0)
		fail_msg("audit: %s", msg);
}

static void policies_by_name(void **state)
{
	unsigned int n = 0;

	(void)state;
	assert_ptr_equal(sched_policy_find("null"), &sched_null);
	assert_ptr_equal(sched_policy_find("fifo"), &sched_fifo);
	assert_null(sched_policy_find("FIFO"));
	assert_null(sched_policy_find(""));
	while (sched_policy_at(n)) {
		assert_ptr_equal(sched_policy_find(sched_policy_at(n)->name), sched_policy_at(n));
		n++;
	}
	assert_true(n >= 2);
	assert_null(sched_policy_at(UINT32_MAX));
}

static void bad_arguments(void **state)
{
	struct sched_ent_cfg cfg = { .name = "a", .weight = SCHED_WEIGHT_MAX + 1 };
	struct sched_ent *e = NULL;
	struct seen seen;
	struct sched *s = NULL;

	(void)state;
	assert_int_equal(sched_new(&sched_null, &backend, &seen, 0, 0, &s), -EINVAL);
	assert_int_equal(sched_new(&sched_null, &backend, &seen, SCHED_MAX_ENGINES + 1, 0, &s),
			 -EINVAL);
	assert_null(s);
	s = sched_of(&sched_null, &seen, 2);
	assert_int_equal(sched_ent_new(s, &cfg, 0, &e), -EINVAL);
	cfg = (struct sched_ent_cfg){ .name = "a", .cap_pct = 101 };
	assert_int_equal(sched_ent_new(s, &cfg, 0, &e), -EINVAL);
	assert_null(e);
	assert_int_equal(s->nr_ents, 0);
	e = ent_of(s, "a name that is longer than the room there is for it", 0);
	assert_int_equal(strlen(e->name), sizeof(e->name) - 1);
	assert_int_equal(e->weight, SCHED_WEIGHT_DEFAULT);
	assert_int_equal(sched_ent_set(e, 0, 0), -EINVAL);
	assert_int_equal(sched_ent_set(e, SCHED_WEIGHT_MAX + 1, 0), -EINVAL);
	assert_int_equal(sched_ent_set(e, 1, 101), -EINVAL);
	assert_int_equal(e->weight, SCHED_WEIGHT_DEFAULT);
	assert_int_equal(sched_ent_set(e, SCHED_WEIGHT_MAX, 100), 0);
	assert_int_equal(e->weight, SCHED_WEIGHT_MAX);
	assert_int_equal(sched_submit(e, 2, NULL, 0, NULL), -EINVAL);
	audit_clean(s);
	sched_ent_free(e, 0);
	sched_ent_free(NULL, 0);
	sched_free(s);
	sched_free(NULL);
}

static void quota_refuses_and_counts(void **state)
{
	struct seen seen;
	struct sched *s = sched_of(&sched_fifo, &seen, 2);
	struct sched_ent *e = ent_of(s, "a", 3);

	(void)state;
	submit(e, 0, 0);
	submit(e, 1, 0);
	submit(e, 0, 0);
	assert_int_equal(sched_submit(e, 1, NULL, 0, NULL), -EDQUOT);
	assert_int_equal(e->stats.refused, 1);
	assert_int_equal(e->stats.submitted, 3);
	sched_pump(s, 0); /* one on each engine: two places free */
	submit(e, 0, 0);
	submit(e, 0, 0);
	assert_int_equal(sched_submit(e, 0, NULL, 0, NULL), -EDQUOT);
	audit_clean(s);
	sched_ent_free(e, 0);
	assert_int_equal(seen.dropped, 5);
	sched_free(s);
}

static void fifo_is_one_at_a_time_in_arrival_order(void **state)
{
	struct seen seen;
	struct sched *s = sched_of(&sched_fifo, &seen, 2);
	struct sched_ent *a = ent_of(s, "a", 0), *b = ent_of(s, "b", 0);

	(void)state;
	submit(b, 0, 10);
	submit(a, 0, 20);
	submit(b, 0, 30);
	submit(a, 1, 40);
	assert_int_equal(sched_pump(s, 50), SCHED_NEVER);
	assert_int_equal(seen.nr, 2); /* engine 1 does not wait for engine 0 */
	assert_ptr_equal(seen.w[0]->ent, b);
	assert_ptr_equal(seen.w[1]->ent, a);
	sched_done(seen.w[0], 7, 60);
	sched_pump(s, 60);
	assert_int_equal(seen.nr, 3);
	assert_int_equal(seen.seq[2], 1);
	sched_cancel(seen.w[2], 65); /* as good as an end for who waits */
	sched_pump(s, 70);
	assert_int_equal(seen.nr, 4);
	assert_int_equal(seen.seq[3], 2);
	audit_clean(s);
	assert_int_equal(b->stats.ran_ns[0], 7);
	assert_int_equal(b->stats.done, 1);
	assert_int_equal(b->stats.held_ns, 40 + 40);
	assert_int_equal(b->stats.held_max_ns, 40);
	assert_int_equal(a->stats.dropped, 1);
	assert_int_equal(seen.dropped, 1);
	sched_ent_free(a, 80);
	sched_ent_free(b, 80);
	sched_free(s);
}

/* One pump is bounded, says "again at once", and no engine waits for another's flood. */
static void pump_is_budgeted(void **state)
{
	struct seen seen;
	struct sched *s = sched_of(&sched_null, &seen, 2);
	struct sched_ent *a = ent_of(s, "a", 300), *b = ent_of(s, "b", 0);
	unsigned int pumps = 0;

	(void)state;
	for (int i = 0; i < 300; i++)
		submit(a, 0, 0);
	submit(b, 1, 0);
	while (sched_pump(s, 5) == 5) {
		assert_int_equal(b->nr_running, 1);
		assert_true(seen.nr <= ++pumps * 128);
		audit_clean(s);
	}
	assert_true(pumps >= 2);
	assert_int_equal(seen.nr, 301);
	assert_int_equal(s->nr_running[0], 300);
	sched_ent_free(a, 9);
	sched_ent_free(b, 9);
	assert_int_equal(seen.dropped, 301);
	sched_free(s);
}

static void backend_error_drops_the_work(void **state)
{
	struct seen seen;
	struct sched *s = sched_of(&sched_fifo, &seen, 1);
	struct sched_ent *a = ent_of(s, "a", 0);

	(void)state;
	submit(a, 0, 0);
	submit(a, 0, 0);
	seen.fail = -EIO;
	sched_pump(s, 1);
	assert_int_equal(seen.dropped, 2); /* the first's failure frees the engine for the second */
	assert_int_equal(a->stats.started, 0);
	assert_int_equal(a->stats.dropped, 2);
	assert_int_equal(a->stats.held_ns, 0);
	seen.fail = 0;
	submit(a, 0, 2);
	sched_pump(s, 3);
	assert_int_equal(a->stats.started, 1);
	audit_clean(s);
	sched_ent_free(a, 4);
	sched_free(s);
}

/* ---- a policy of the test's own: says "not before t", counts calls, fails on demand ---- */

struct plan {
	uint64_t not_before, tick_every;
	int fail_init, fail_add_after; /* add fails when this many have succeeded; -1 never */
	unsigned int inits, finis, adds, dels, wakes, ticks;
	uint64_t charged;
};

static struct plan plan;

static int plan_init(struct sched *s, uint64_t now)
{
	(void)now;
	plan.inits++;
	s->policy_data = &plan;
	return plan.fail_init;
}

static void plan_fini(struct sched *s)
{
	assert_ptr_equal(s->policy_data, &plan);
	plan.finis++;
}

static int plan_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)now;
	assert_null(ent->policy);
	ent->policy = &plan;
	if (plan.fail_add_after >= 0 && plan.adds == (unsigned int)plan.fail_add_after)
		return -ENOMEM;
	plan.adds++;
	return 0;
}

static void plan_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)now;
	assert_ptr_equal(ent->policy, &plan);
	ent->policy = NULL;
	plan.dels++;
}

static void plan_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	(void)s;
	(void)now;
	assert_false(list_empty(&ent->queue[engine]));
	plan.wakes++;
}

static struct sched_ent *plan_pick(struct sched *s, unsigned int engine, uint64_t now,
				   uint64_t *again)
{
	struct sched_ent *ent;

	if (now < plan.not_before) {
		*again = plan.not_before;
		return NULL;
	}
	list_for_each(ent, &s->ents, node)
		if (!list_empty(&ent->queue[engine]))
			return ent;
	fail_msg("asked though nobody has work on engine %u", engine);
	return NULL;
}

static void plan_charge(struct sched *s, struct sched_ent *ent, unsigned int engine,
			uint64_t ran_ns, uint64_t now)
{
	(void)s;
	(void)ent;
	(void)engine;
	(void)now;
	plan.charged += ran_ns;
}

static uint64_t plan_tick(struct sched *s, uint64_t now)
{
	(void)s;
	plan.ticks++;
	return plan.tick_every ? now + plan.tick_every : now;
}

static const struct sched_policy plan_policy = {
	.name = "plan",
	.init = plan_init,
	.fini = plan_fini,
	.add = plan_add,
	.del = plan_del,
	.wake = plan_wake,
	.pick = plan_pick,
	.charge = plan_charge,
	.tick = plan_tick,
};

static void plan_reset(void)
{
	plan = (struct plan){ .fail_add_after = -1 };
}

static void pump_answers_when_to_call_again(void **state)
{
	struct seen seen;
	struct sched *s;
	struct sched_ent *a;

	(void)state;
	plan_reset();
	plan.not_before = 500;
	plan.tick_every = 1000;
	s = sched_of(&plan_policy, &seen, 2);
	a = ent_of(s, "a", 0);
	submit(a, 0, 0);
	submit(a, 0, 0);
	submit(a, 1, 0);
	assert_int_equal(plan.wakes, 2);
	assert_int_equal(sched_pump(s, 100), 500);
	assert_int_equal(plan.ticks, 1);
	assert_int_equal(sched_pump(s, 499), 500);
	assert_int_equal(seen.nr, 0);
	assert_int_equal(sched_pump(s, 500), 1100); /* now only the tick is left */
	assert_int_equal(seen.nr, 3);
	sched_pump(s, 1100);
	assert_int_equal(plan.ticks, 2);
	plan.tick_every = 0; /* a tick that asks for now is called next time, not in a circle */
	assert_int_equal(sched_pump(s, 2100), 2101);
	sched_done(seen.w[0], 40, 2200);
	sched_done(seen.w[2], 2, 2200);
	assert_int_equal(plan.charged, 42);
	sched_cancel(seen.w[1], 2200);
	assert_int_equal(plan.charged, 42);
	sched_ent_free(a, 2200);
	sched_free(s);
	assert_int_equal(plan.dels, 1);
	assert_int_equal(plan.finis, 1);
}

static void policy_changes_under_load(void **state)
{
	struct seen seen;
	struct sched *s = sched_of(&sched_fifo, &seen, 2);
	struct sched_ent *a = ent_of(s, "a", 0), *b = ent_of(s, "b", 0);

	(void)state;
	plan_reset();
	for (int i = 0; i < 3; i++) {
		submit(a, 0, 0);
		submit(b, 0, 0);
	}
	sched_pump(s, 1);
	assert_int_equal(seen.nr, 1);
	assert_int_equal(sched_set_policy(s, &plan_policy, 2), 0);
	assert_int_equal(plan.adds, 2);
	assert_int_equal(plan.wakes, 2);
	assert_ptr_equal(s->policy, &plan_policy);
	sched_pump(s, 3);
	assert_int_equal(seen.nr, 6);
	sched_done(seen.w[0], 10, 4); /* started under fifo, charged to the new policy */
	assert_int_equal(plan.charged, 10);
	submit(a, 0, 5);
	assert_int_equal(sched_set_policy(s, &sched_fifo, 6), 0);
	assert_int_equal(plan.dels, 2);
	assert_int_equal(plan.finis, 1);
	assert_null(a->policy);
	assert_int_equal(sched_pump(s, 7), SCHED_NEVER); /* five still run: fifo waits for all */
	assert_int_equal(seen.nr, 6);
	for (int i = 1; i < 6; i++)
		sched_done(seen.w[i], 1, 8);
	sched_pump(s, 9);
	assert_int_equal(seen.nr, 7);
	audit_clean(s);
	sched_ent_free(a, 10);
	sched_ent_free(b, 10);
	sched_free(s);
}

static void failed_change_keeps_the_old_policy(void **state)
{
	struct seen seen;
	struct sched *s;
	struct sched_ent *e[3];
	int mark[3];

	(void)state;
	plan_reset();
	s = sched_of(&sched_null, &seen, 1);
	for (int i = 0; i < 3; i++) {
		e[i] = ent_of(s, "e", 0);
		e[i]->policy = &mark[i]; /* stands for the old policy's own */
	}
	plan.fail_init = -EIO;
	assert_int_equal(sched_set_policy(s, &plan_policy, 0), -EIO);
	assert_int_equal(plan.finis, 1);
	assert_int_equal(plan.dels, 0);
	for (int n = 0; n < 3; n++) {
		plan_reset();
		plan.fail_add_after = n;
		assert_int_equal(sched_set_policy(s, &plan_policy, 0), -ENOMEM);
		assert_int_equal(plan.dels, n + 1); /* the one that failed too */
		assert_int_equal(plan.finis, 1);
		assert_ptr_equal(s->policy, &sched_null);
		assert_null(s->policy_data);
		for (int i = 0; i < 3; i++)
			assert_ptr_equal(e[i]->policy, &mark[i]);
	}
	for (int i = 0; i < 3; i++)
		sched_ent_free(e[i], 0);
	sched_free(s);
	/* The same at birth. */
	plan_reset();
	plan.fail_init = -EIO;
	s = NULL;
	assert_int_equal(sched_new(&plan_policy, &backend, &seen, 1, 0, &s), -EIO);
	assert_null(s);
	assert_int_equal(plan.finis, 1);
}

/* Each kind of damage is found: an audit that always says "clean" proves nothing. */
static void audit_finds_damage(void **state)
{
	struct seen seen;
	struct sched *s = sched_of(&sched_fifo, &seen, 2);
	struct sched_ent *a = ent_of(s, "a", 0);
	struct sched_work *w;
	char msg[256];

	(void)state;
	for (int i = 0; i < 3; i++)
		submit(a, 0, 0);
	sched_pump(s, 0);
	w = list_first(&a->queue[0], struct sched_work, node);
#define DAMAGE(field, by)                                                                          \
	do {                                                                                       \
		__typeof__(field) was = field;                                                     \
		field += (by);                                                                     \
		msg[0] = '\0';                                                                     \
		assert_int_equal(sched_audit(s, msg, sizeof(msg)), -EPROTO);                       \
		assert_true(strlen(msg) > 10);                                                     \
		field = was;                                                                       \
		audit_clean(s);                                                                    \
	} while (0)
	DAMAGE(a->nr_queued, 1);
	DAMAGE(a->nr_running, 1);
	DAMAGE(a->running[1], 1);
	DAMAGE(a->weight, SCHED_WEIGHT_MAX);
	DAMAGE(a->cap_pct, 101);
	DAMAGE(a->max_work, 0u - 255u);
	DAMAGE(a->stats.submitted, 1);
	DAMAGE(a->stats.dropped, 1);
	DAMAGE(a->stats.started, 0ull - 1);
	DAMAGE(s->nr_queued[0], 1);
	DAMAGE(s->nr_running[1], 1);
	DAMAGE(s->nr_ents, 1);
	DAMAGE(s->next_seq, 0ull - 2);
	DAMAGE(w->seq, 1);
	DAMAGE(w->engine, 1);
	DAMAGE(seen.w[0]->engine, 1);
#undef DAMAGE
	w->state = SCHED_RUNNING;
	assert_int_equal(sched_audit(s, msg, sizeof(msg)), -EPROTO);
	w->state = SCHED_QUEUED;
	seen.w[0]->ent = NULL;
	assert_int_equal(sched_audit(s, msg, sizeof(msg)), -EPROTO);
	seen.w[0]->ent = a;
	sched_ent_free(a, 0);
	sched_free(s);
}

static void dump_names_everybody(void **state)
{
	struct seen seen;
	struct sched *s = sched_of(&sched_fifo, &seen, 2);
	struct sched_ent *a = ent_of(s, "anna", 0);
	char buf[2048] = "";
	FILE *f = fmemopen(buf, sizeof(buf), "w");

	(void)state;
	sched_ent_set(a, 512, 40);
	submit(a, 1, 0);
	sched_dump(s, f);
	fclose(f);
	assert_non_null(strstr(buf, "policy fifo"));
	assert_non_null(strstr(buf, "ent anna: weight 512, cap 40%, 1 queued"));
	assert_non_null(strstr(buf, "engine 1: 1 queued, 0 running"));
	sched_ent_free(a, 0);
	sched_free(s);
}

static int fail_at;

static int fail_nth(void)
{
	return fail_at-- == 0;
}

/* A whole life in which the n-th allocation fails, for all n: nothing is lost or leaked. */
static void allocation_failures(void **state)
{
	int failures = 0;

	(void)state;
	for (int n = 0;; n++) {
		struct sched_ent_cfg cfg = { .name = "x" };
		struct sched_ent *e[2] = { NULL };
		struct seen seen = { .nr = 0 };
		struct sched *s = NULL;
		unsigned int submitted = 0;
		bool hit;

		fail_at = n;
		mem_fault_hook = fail_nth;
		if (sched_new(&sched_null, &backend, &seen, 2, 0, &s) == 0) {
			for (int i = 0; i < 2; i++)
				sched_ent_new(s, &cfg, 0, &e[i]);
			for (unsigned int i = 0; i < 8; i++)
				if (e[i % 2])
					submitted += !sched_submit(e[i % 2], i / 4, NULL, 0, NULL);
			sched_set_policy(s, &sched_fifo, 1);
			audit_clean(s);
			sched_pump(s, 2);
			audit_clean(s);
			assert_int_equal(s->nr_queued[0] + s->nr_queued[1] + seen.nr, submitted);
			sched_ent_free(e[0], 3);
			sched_ent_free(e[1], 3);
			assert_int_equal(seen.dropped, submitted);
			sched_free(s);
		}
		mem_fault_hook = NULL;
		hit = fail_at < 0;
		if (!hit)
			break;
		failures++;
	}
	assert_int_equal(failures, 1 + 2 + 8 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_by_name),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(quota_refuses_and_counts),
		cmocka_unit_test(fifo_is_one_at_a_time_in_arrival_order),
		cmocka_unit_test(pump_is_budgeted),
		cmocka_unit_test(backend_error_drops_the_work),
		cmocka_unit_test(pump_answers_when_to_call_again),
		cmocka_unit_test(policy_changes_under_load),
		cmocka_unit_test(failed_change_keeps_the_old_policy),
		cmocka_unit_test(audit_finds_damage),
		cmocka_unit_test(dump_names_everybody),
		cmocka_unit_test(allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

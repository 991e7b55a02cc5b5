// SPDX-License-Identifier: MIT
/*
 * One property test for every built-in policy, in virtual time.
 *
 * Claim: whatever the arrivals, lengths, weights, caps, latency classes,
 * deaths, cancels, refused hand-overs, clock jumps and policy changes,
 *  1. each accepted work ends exactly once, and what is queued is served as
 *     soon as nothing new comes: nothing is lost or done twice;
 *  2. a policy that promises to conserve work leaves no engine idle while
 *     somebody is ready there, and no policy leaves it idle without saying
 *     when it wants to be asked again;
 *  3. a policy that promises no starvation serves each work within a bound,
 *     against ents that flood;
 *  4. a policy that promises weights gives ents that stay ready their part
 *     within two points;
 *  5. a cap holds within two points under every policy.
 * The seed is the only input.
 */
#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/sched.h"

#define NR_ENT 8
#define NR_ENGINE 3
#define NR_JOB 60000
#define STEPS 12000
#define MS 1000000ull
#define HOUR 3600000000000ull

enum job_state { JOB_NONE, JOB_QUEUED, JOB_RUNNING, JOB_ENDED };

struct job {
	enum job_state state;
	int ent;
	unsigned int engine;
	struct sched_work *w;
	uint64_t len, queued;
	struct job *behind; /* on the engine */
};

struct room {
	struct sched *s;
	struct sched_ent *ent[NR_ENT];
	struct job job[NR_JOB];
	unsigned int nr_job, ended;
	struct job *on[NR_ENGINE]; /* what the engine runs, and what is behind it */
	uint64_t ends[NR_ENGINE];
	uint64_t t, again; /* true time; when the scheduler asked to be called */
	int64_t jump;	   /* the clock shows t + jump */
	uint64_t max_wait[NR_ENT], had[NR_ENT];
	unsigned int seed;
	bool refuse; /* some hand-overs fail */
};

static unsigned int rnd(struct room *m, unsigned int n)
{
	return (unsigned int)rand_r(&m->seed) % n;
}

static uint64_t clock_of(const struct room *m)
{
	return m->t + (uint64_t)m->jump;
}

static int job_take(void *core, struct sched_work *w)
{
	struct room *m = core;
	struct job *j = w->cookie, **last = &m->on[w->engine];

	assert_int_equal(j->state, JOB_QUEUED);
	if (m->refuse && rnd(m, 50) == 0)
		return -EIO;
	j->state = JOB_RUNNING;
	if (m->t - j->queued > m->max_wait[j->ent])
		m->max_wait[j->ent] = m->t - j->queued;
	if (!*last)
		m->ends[w->engine] = m->t + j->len;
	while (*last)
		last = &(*last)->behind;
	*last = j;
	return 0;
}

static void job_unlink(struct room *m, struct job *j)
{
	struct job **at = &m->on[j->engine];
	bool first = *at == j;

	while (*at != j)
		at = &(*at)->behind;
	*at = j->behind;
	if (first && m->on[j->engine])
		m->ends[j->engine] = m->t + m->on[j->engine]->len;
}

static void job_dropped(void *core, struct sched_work *w)
{
	struct room *m = core;
	struct job *j = w->cookie;

	assert_true(j->state == JOB_QUEUED || j->state == JOB_RUNNING);
	if (j->state == JOB_RUNNING)
		job_unlink(m, j);
	j->state = JOB_ENDED;
	m->ended++;
}

static const struct sched_backend backend = { job_take, job_dropped };

static struct room *room_new(const char *spec, unsigned int seed)
{
	struct room *m = calloc(1, sizeof(*m));
	struct sched_choice c;
	char msg[300];

	assert_non_null(m);
	m->seed = seed;
	assert_int_equal(sched_new(&sched_null, &backend, m, NR_ENGINE, 0, &m->s), 0);
	assert_int_equal(sched_choice_open(spec, &c, msg, sizeof(msg)), 0);
	assert_int_equal(sched_use(m->s, &c, 0), 0);
	return m;
}

static void room_free(struct room *m)
{
	for (int i = 0; i < NR_ENT; i++)
		sched_ent_free(m->ent[i], clock_of(m));
	assert_int_equal(m->ended, m->nr_job);
	sched_free(m->s);
	free(m);
}

static void ent_make(struct room *m, int i, const struct sched_ent_cfg *cfg)
{
	assert_int_equal(sched_ent_new(m->s, cfg, clock_of(m), &m->ent[i]), 0);
}

static bool arrive(struct room *m, int i, unsigned int engine, uint64_t len)
{
	struct job *j = &m->job[m->nr_job];
	int r;

	assert_true(m->nr_job < NR_JOB);
	*j = (struct job){ .state = JOB_QUEUED, .ent = i, .engine = engine, .len = len, .queued = m->t };
	r = sched_submit(m->ent[i], engine, j, clock_of(m), &j->w);
	assert_true(r == 0 || r == -EDQUOT);
	m->nr_job += r == 0;
	return r == 0;
}

static void pump(struct room *m)
{
	uint64_t now = clock_of(m), again;

	do
		again = sched_pump(m->s, now);
	while (again == now);
	assert_true(again > now);
	m->again = again == SCHED_NEVER ? SCHED_NEVER : again - (uint64_t)m->jump;
	for (unsigned int e = 0; e < NR_ENGINE; e++) {
		if (m->on[e] || !m->s->ready[e].nr)
			continue;
		if (m->s->policy->promises & SCHED_CONSERVING)
			fail_msg("%s: engine %u idles though %u are ready", m->s->policy->name, e,
				 m->s->ready[e].nr);
		assert_true(m->again != SCHED_NEVER);
	}
}

static uint64_t next_event(const struct room *m)
{
	uint64_t next = m->again;

	for (unsigned int e = 0; e < NR_ENGINE; e++)
		if (m->on[e] && m->ends[e] < next)
			next = m->ends[e];
	return next;
}

/* Everything that ends at this time ends. */
static void finish(struct room *m)
{
	for (unsigned int e = 0; e < NR_ENGINE; e++)
		while (m->on[e] && m->ends[e] <= m->t) {
			struct job *j = m->on[e];

			job_unlink(m, j);
			j->state = JOB_ENDED;
			m->ended++;
			m->had[j->ent] += j->len;
			sched_done(j->w, j->len, clock_of(m));
		}
}

static void audit(const struct room *m)
{
	char msg[256] = "";

	if (sched_audit(m->s, msg, sizeof(msg)) < 0)
		fail_msg("%s: %s", m->s->policy->name, msg);
}

/* To the next event, or by some of the way there. */
static void advance(struct room *m, uint64_t most)
{
	uint64_t next = next_event(m);

	m->t = next - m->t < most ? (next > m->t ? next : m->t) : m->t + most;
	finish(m);
	pump(m);
}

static void random_ent(struct room *m, int i)
{
	struct sched_ent_cfg cfg = { .name = "ent",
				     .weight = 1 + rnd(m, 4) * rnd(m, 1000),
				     .cap_pct = rnd(m, 4) ? 0 : 1 + rnd(m, 100),
				     .latency_us = rnd(m, 3) ? 0 : 100 + rnd(m, 20000),
				     .budget_pct = 1 + rnd(m, 100),
				     .max_work = 1 + rnd(m, 30) };

	if (!m->ent[i])
		ent_make(m, i, &cfg);
	else
		assert_int_equal(sched_ent_tune(m->ent[i], &cfg, clock_of(m)), 0);
}

static void random_cancel(struct room *m)
{
	struct job *j = m->nr_job ? &m->job[m->nr_job - 1 - rnd(m, m->nr_job < 40 ? m->nr_job : 40)] : NULL;

	if (j && (j->state == JOB_QUEUED || j->state == JOB_RUNNING))
		sched_cancel(j->w, clock_of(m));
}

static void random_step(struct room *m, const struct sched_policy *mine)
{
	unsigned int what = rnd(m, 100);
	int i = (int)rnd(m, NR_ENT);

	if (what < 60 && m->ent[i])
		arrive(m, i, rnd(m, NR_ENGINE), 1 + rnd(m, rnd(m, 10) ? 300000 : 6000000));
	else if (what < 66)
		random_cancel(m);
	else if (what < 78)
		random_ent(m, i);
	else if (what < 80 && m->ent[i]) {
		sched_ent_free(m->ent[i], clock_of(m));
		m->ent[i] = NULL;
	} else if (what == 80) {
		m->jump += rnd(m, 2) ? (int64_t)(HOUR * rnd(m, 50)) : -(int64_t)(rnd(m, 1000) * MS);
		if (m->jump < 0)
			m->jump = 0;
	} else if (what == 81) {
		const struct sched_policy *other = sched_policy_at(rnd(m, 10));

		assert_int_equal(sched_set_policy(m->s, other, clock_of(m)), 0);
		pump(m);
		assert_int_equal(sched_set_policy(m->s, mine, clock_of(m)), 0);
	}
	pump(m);
	if (rnd(m, 3) == 0)
		advance(m, rnd(m, 1000000));
	audit(m);
}

/* Claims 1 and 2. */
static void random_load(const char *spec, unsigned int seed)
{
	struct room *m = room_new(spec, seed);
	const struct sched_policy *mine = m->s->policy;
	uint64_t stop;

	m->refuse = true;
	for (int n = 0; n < STEPS; n++)
		random_step(m, mine);
	assert_true(m->nr_job > STEPS / 10);
	m->refuse = false;
	/* Caps of one percent, and fixed slots, may take their time. */
	stop = m->t + 1000 * 1000 * MS;
	while (m->ended < m->nr_job) {
		if (next_event(m) == SCHED_NEVER || m->t > stop)
			fail_msg("%s: %u of %u works never end", spec, m->nr_job - m->ended, m->nr_job);
		advance(m, SCHED_NEVER);
	}
	audit(m);
	room_free(m);
}

/* Keeps `depth` works of each ent but the first queued on engine 0. */
static void top_up(struct room *m, int first, uint32_t depth, uint64_t len)
{
	for (int i = first; i < NR_ENT; i++)
		while (m->ent[i]->nr_queued + m->ent[i]->nr_running < depth)
			arrive(m, i, 0, len / 4 + rnd(m, (unsigned int)(len * 3 / 4)));
}

/* Claim 3: one work at a time against seven that flood, with up to ten times the weight. */
static void no_starvation(const char *spec)
{
	struct room *m = room_new(spec, 7);
	/* Its part is at least 1/71: so many of the longest works, twice, and a round of dfq's or of slots. */
	uint64_t bound = 71 * 4 * MS * 2 + 200 * MS;

	for (int i = 0; i < NR_ENT; i++)
		ent_make(m, i, &(struct sched_ent_cfg){ .name = "e", .weight = i ? 256 + rnd(m, 384) : 64 });
	if (m->s->policy->promises & SCHED_NO_STARVATION) {
		while (m->t < 10000 * MS) {
			top_up(m, 1, 4, 4 * MS);
			if (!m->ent[0]->nr_queued && !m->ent[0]->nr_running)
				arrive(m, 0, 0, 100000);
			pump(m);
			advance(m, SCHED_NEVER);
		}
		if (m->max_wait[0] > bound || !m->had[0])
			fail_msg("%s: waited %llu us, the bound is %llu us", spec,
				 (unsigned long long)m->max_wait[0] / 1000, (unsigned long long)bound / 1000);
	}
	room_free(m);
}

/* Claim 4: lengths and weights unlike, always backlogged. */
static void weights_hold(const char *spec)
{
	struct room *m = room_new(spec, 11);
	uint64_t weights = 0, all = 0;

	for (int i = 0; i < NR_ENT; i++) {
		ent_make(m, i, &(struct sched_ent_cfg){ .name = "e", .weight = 64u << (i % 4) });
		weights += m->ent[i]->weight;
	}
	if (m->s->policy->promises & SCHED_WEIGHTED) {
		while (m->t < 20000 * MS) {
			for (int i = 0; i < NR_ENT; i++)
				while (m->ent[i]->nr_queued + m->ent[i]->nr_running < 3)
					arrive(m, i, 0, MS / 4 + rnd(m, (unsigned int)(MS * (i + 1) / 2)));
			pump(m);
			advance(m, SCHED_NEVER);
		}
		for (int i = 0; i < NR_ENT; i++)
			all += m->had[i];
		for (int i = 0; i < NR_ENT; i++) {
			double share = 100.0 * (double)m->had[i] / (double)all;
			double due = 100.0 * m->ent[i]->weight / (double)weights;

			if (share < due - 2 || share > due + 2)
				fail_msg("%s: ent %d had %.1f %%, its due is %.1f %%", spec, i, share, due);
		}
	}
	room_free(m);
}

/* Claim 5: the capped one floods; the others are idle, then flood too. */
static void cap_holds(const char *spec, bool alone)
{
	struct room *m = room_new(spec, 13);
	double used;

	for (int i = 0; i < NR_ENT; i++)
		ent_make(m, i, &(struct sched_ent_cfg){ .name = "e", .weight = i ? 32 : 2048,
							.cap_pct = i ? 0 : 30 });
	while (m->t < 10000 * MS) {
		top_up(m, alone ? NR_ENT : 1, 2, 2 * MS);
		while (m->ent[0]->nr_queued < 4)
			arrive(m, 0, 0, MS / 2 + rnd(m, 3 * MS));
		pump(m);
		advance(m, SCHED_NEVER);
	}
	used = 100.0 * (double)m->had[0] / (double)m->t;
	if (used > 32)
		fail_msg("%s: used %.1f %% under a cap of 30", spec, used);
	/* Who promises to let nobody wait without need lets the capped one have its cap. */
	if (alone && (m->s->policy->promises & SCHED_CONSERVING) && used < 28)
		fail_msg("%s: only %.1f %% of a cap of 30 though nobody else had work", spec, used);
	room_free(m);
}

static void each(void (*f)(const char *spec))
{
	const struct sched_policy *p;

	for (unsigned int i = 0; (p = sched_policy_at(i)); i++)
		f(p->name);
	f("wfq:grace=0");
	f("rr:slice=100us");
	f("fixed:slice=500us,factor=1");
	f("dfq:free=5ms,samples=1,depth=1");
	f("band:grace=0");
}

static void loads(const char *spec)
{
	random_load(spec, 1);
	random_load(spec, 20150301);
}

static void caps(const char *spec)
{
	cap_holds(spec, true);
	cap_holds(spec, false);
}

static void test_random_load(void **state)
{
	(void)state;
	each(loads);
}

static void test_no_starvation(void **state)
{
	(void)state;
	each(no_starvation);
}

static void test_weights(void **state)
{
	(void)state;
	each(weights_hold);
}

static void test_caps(void **state)
{
	(void)state;
	each(caps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_load),
		cmocka_unit_test(test_no_starvation),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

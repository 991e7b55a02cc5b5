// SPDX-License-Identifier: MIT
/*
 * The scheduler under random load, against a plain model of what was asked.
 *
 * Claim: whatever the order of arrivals, ends, cancels, deaths of ents, weight
 * changes, policy changes, refused hand-overs and failing allocations,
 *  - each accepted work is handed over at most once and ends exactly once;
 *  - null leaves nothing queued once the pump is content; fifo hands over the
 *    oldest work of an engine, and only when nothing runs there;
 *  - the counters are what the model counts, and the audit is clean at each step.
 * The clock is moved by hand; the seed is the only input.
 */
#include "tests/t.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"

#define NR_ENT 7
#define NR_ENGINE 3
#define NR_JOB 40000
#define STEPS 20000

enum job_state { JOB_NONE, JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_DROPPED };

struct job {
	enum job_state state;
	int ent;
	unsigned int engine;
	struct sched_work *w;
	uint64_t queued, ends; /* model time */
};

struct model {
	struct sched *s;
	struct sched_ent *ent[NR_ENT];
	struct sched_ent_stats want[NR_ENT];
	struct job job[NR_JOB];
	unsigned int nr_job, first; /* jobs below first have ended */
	unsigned int running[NR_ENGINE];
	unsigned int seed;
	uint64_t now;
	bool fifo;
	unsigned int nr_failed, nr_cancelled, nr_died, nr_switched, nr_oom; /* the run met each */
};

static unsigned int rnd(struct model *m, unsigned int n)
{
	return (unsigned int)rand_r(&m->seed) % n;
}

static int job_submit(void *core, struct sched_work *w)
{
	struct model *m = core;
	struct job *j = w->cookie;

	assert_int_equal(j->state, JOB_QUEUED);
	assert_ptr_equal(j->w, w);
	assert_ptr_equal(w->ent, m->ent[j->ent]);
	assert_int_equal(w->engine, j->engine);
	/* Both policies go by arrival. */
	for (struct job *k = &m->job[m->first]; k < j; k++)
		assert_false(k->state == JOB_QUEUED && k->engine == j->engine);
	if (m->fifo)
		assert_int_equal(m->running[j->engine], 0);
	if (rnd(m, 16) == 0) {
		m->nr_failed++;
		return -EIO;
	}
	j->state = JOB_RUNNING;
	j->ends = m->now + rnd(m, 3000);
	m->running[j->engine]++;
	m->want[j->ent].started++;
	m->want[j->ent].held_ns += m->now - j->queued;
	if (m->now - j->queued > m->want[j->ent].held_max_ns)
		m->want[j->ent].held_max_ns = m->now - j->queued;
	return 0;
}

static void job_dropped(void *core, struct sched_work *w)
{
	struct model *m = core;
	struct job *j = w->cookie;

	assert_true(j->state == JOB_QUEUED || j->state == JOB_RUNNING);
	if (j->state == JOB_RUNNING)
		m->running[j->engine]--;
	j->state = JOB_DROPPED;
	m->want[j->ent].dropped++;
}

static const struct sched_backend backend = { job_submit, job_dropped };

static int fail_at = -1;

static int fail_nth(void)
{
	return fail_at-- == 0;
}

/* Sometimes the next allocation fails. */
static bool maybe_oom(struct model *m)
{
	fail_at = rnd(m, 12) ? -1 : 0;
	mem_fault_hook = fail_nth;
	return fail_at == 0;
}

static void end_oom(struct model *m, bool armed)
{
	m->nr_oom += armed;
	mem_fault_hook = NULL;
}

static void arrive(struct model *m)
{
	int i = (int)rnd(m, NR_ENT);
	struct job *j = &m->job[m->nr_job];
	uint32_t queued = 0;
	bool oom;
	int r;

	if (!m->ent[i] || m->nr_job == NR_JOB)
		return;
	for (struct job *k = &m->job[m->first]; k < j; k++)
		queued += k->state == JOB_QUEUED && k->ent == i;
	*j = (struct job){ .state = JOB_QUEUED, .ent = i, .engine = rnd(m, NR_ENGINE),
			   .queued = m->now };
	oom = maybe_oom(m);
	r = sched_submit(m->ent[i], j->engine, j, m->now, &j->w);
	end_oom(m, oom);
	if (queued >= m->ent[i]->max_work) {
		assert_int_equal(r, -EDQUOT);
		m->want[i].refused++;
	} else {
		assert_int_equal(r, oom ? -ENOMEM : 0);
	}
	if (r < 0) {
		j->state = JOB_NONE;
		return;
	}
	m->want[i].submitted++;
	m->nr_job++;
}

/* Every running work whose time is over ends. */
static void finish(struct model *m)
{
	for (unsigned int i = m->first; i < m->nr_job; i++) {
		struct job *j = &m->job[i];

		if (j->state != JOB_RUNNING || j->ends > m->now)
			continue;
		j->state = JOB_DONE;
		m->running[j->engine]--;
		m->want[j->ent].done++;
		m->want[j->ent].ran_ns[j->engine] += i;
		sched_done(j->w, i, m->now);
	}
	while (m->first < m->nr_job && m->job[m->first].state >= JOB_DONE)
		m->first++;
}

static void cancel(struct model *m)
{
	struct job *j;

	if (m->first == m->nr_job)
		return;
	j = &m->job[m->first + rnd(m, m->nr_job - m->first)];
	if (j->state != JOB_QUEUED && j->state != JOB_RUNNING)
		return;
	sched_cancel(j->w, m->now);
	assert_int_equal(j->state, JOB_DROPPED);
	m->nr_cancelled++;
}

static void die(struct model *m, int i)
{
	sched_ent_free(m->ent[i], m->now);
	m->ent[i] = NULL;
	for (unsigned int k = m->first; k < m->nr_job; k++)
		assert_false(m->job[k].ent == i && m->job[k].state < JOB_DONE);
	m->nr_died++;
}

static void be_born(struct model *m, int i)
{
	struct sched_ent_cfg cfg = { .name = "ent", .max_work = 1 + rnd(m, 20) };
	bool oom = maybe_oom(m);
	int r = sched_ent_new(m->s, &cfg, m->now, &m->ent[i]);

	end_oom(m, oom);
	assert_int_equal(r, oom ? -ENOMEM : 0);
	memset(&m->want[i], 0, sizeof(m->want[i]));
}

static void change_policy(struct model *m)
{
	bool oom = maybe_oom(m);
	bool fifo = rnd(m, 2);
	int r = sched_set_policy(m->s, fifo ? &sched_fifo : &sched_null, m->now);

	end_oom(m, oom);
	assert_int_equal(r, oom ? -ENOMEM : 0);
	if (r < 0)
		return;
	m->nr_switched += fifo != m->fifo;
	m->fifo = fifo;
}

static void pump(struct model *m)
{
	uint64_t again;

	do
		again = sched_pump(m->s, m->now);
	while (again == m->now);
	assert_int_equal(again, SCHED_NEVER);
	for (unsigned int i = m->first; i < m->nr_job; i++)
		if (m->job[i].state == JOB_QUEUED)
			assert_true(m->fifo && m->running[m->job[i].engine]);
}

static void check(struct model *m)
{
	char msg[256] = "";

	if (sched_audit(m->s, msg, sizeof(msg)) < 0)
		fail_msg("audit: %s", msg);
	for (unsigned int e = 0; e < NR_ENGINE; e++)
		assert_int_equal(m->s->nr_running[e], m->running[e]);
	for (int i = 0; i < NR_ENT; i++)
		if (m->ent[i])
			assert_memory_equal(&m->ent[i]->stats, &m->want[i], sizeof(m->want[i]));
}

static void step(struct model *m)
{
	unsigned int what = rnd(m, 100);
	int i = (int)rnd(m, NR_ENT);

	m->now += rnd(m, 400);
	if (what < 70)
		arrive(m);
	else if (what < 80)
		cancel(m);
	else if (what < 84)
		change_policy(m);
	else if (what < 94 && !m->ent[i])
		be_born(m, i);
	else if (what < 95 && m->ent[i])
		die(m, i);
	else if (m->ent[i])
		assert_int_equal(sched_ent_set(m->ent[i], 1 + rnd(m, SCHED_WEIGHT_MAX), 0), 0);
	if (rnd(m, 4) == 0)
		finish(m);
	if (rnd(m, 3))
		pump(m);
	check(m);
}

static void run(unsigned int seed)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->seed = seed;
	assert_int_equal(sched_new(&sched_null, &backend, m, NR_ENGINE, 0, &m->s), 0);
	for (int n = 0; n < STEPS; n++)
		step(m);
	/* Everybody who may still run does so to the end. */
	for (int n = 0; m->first < m->nr_job; n++) {
		assert_true(n < NR_JOB);
		m->now += 3000;
		finish(m);
		pump(m);
		check(m);
	}
	assert_true(m->nr_job > 5000 && m->nr_failed > 100 && m->nr_cancelled > 50 &&
		    m->nr_died > 50 && m->nr_switched > 50 && m->nr_oom > 100);
	for (int i = 0; i < NR_ENT; i++)
		sched_ent_free(m->ent[i], m->now);
	sched_free(m->s);
	free(m);
}

static void random_load(void **state)
{
	(void)state;
	run(1);
	run(20140619);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

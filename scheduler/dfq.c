// SPDX-License-Identifier: MIT
/*
 * Disengaged fair queueing: intercede rarely.
 *
 * Most of the time (`free`) works go to the engine as they come, a few per ent
 * at a time, and are only counted.  Between such runs the engine is drained
 * and each ready ent runs alone for a few works, to learn how long its works
 * are.  Count times length is what each had; its virtual time advances by that
 * over its weight, and who is ahead of the hindmost by a whole free run or
 * more stays out of the next one.
 *
 * Fair over a few runs, not within one; nearly no cost in between.  Works that
 * differ wildly within one ent defeat the sampling.
 *
 * Always true, per engine: an ent is on `turns` iff it is ready there; in FREE,
 * who is denied is not picked, unless nobody else had work when the run began.
 */
#include <errno.h>
#include <inttypes.h>

#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"

enum { FREE_RUN, SAMPLES, DEPTH };

static const struct sched_policy_param dfq_params[] = {
	{ "free", 30000000, 1000000, 1000000000, true, "length of a free run, at least" },
	{ "samples", 4, 1, 100, false, "works of each that are timed between free runs" },
	{ "depth", 4, 1, 64, false, "works of each that may be on the engine in a free run" },
	{ NULL, 0, 0, 0, false, NULL },
};

/* Sampling one ent ends after this long, whatever its works; a free run is this many times the sampling. */
#define SAMPLE_NS 5000000ull
#define FREE_TIMES 5

enum dfq_phase { DRAIN, SAMPLE, FREE };

struct dfq_member {
	struct sched_ent *ent;
	struct list turn;
	uint64_t v;	    /* ns at the default weight */
	uint64_t len;	    /* of its works, from the samples */
	uint64_t count;	    /* works ended in this free run */
	uint64_t sampled_ns;
	uint32_t sampled;   /* works, in this sampling */
	uint32_t round;	    /* of its last sampling */
	bool denied, active;
};

struct dfq_ent {
	struct dfq_member m[SCHED_MAX_ENGINES];
};

struct dfq {
	struct dfq_engine {
		enum dfq_phase phase;
		struct list turns;
		struct dfq_member *cur; /* being sampled */
		uint32_t round, denied; /* denied: how many of those on turns */
		uint64_t phase_at, free_end;
		uint64_t v; /* of the hindmost active one when it was last looked */
	} e[SCHED_MAX_ENGINES];
};

static struct dfq_engine *engine_of(struct sched *s, unsigned int engine)
{
	return &((struct dfq *)s->policy_data)->e[engine];
}

static struct dfq_member *member_of(struct sched_ent *ent, unsigned int engine)
{
	return &((struct dfq_ent *)ent->policy)->m[engine];
}

static int dfq_init(struct sched *s, uint64_t now)
{
	struct dfq *q = mem_new(struct dfq);

	s->policy_data = q;
	if (!q)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++) {
		list_init(&q->e[e].turns);
		q->e[e].phase_at = now;
	}
	return 0;
}

static void dfq_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

static int dfq_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct dfq_ent *t = mem_new(struct dfq_ent);

	(void)s;
	(void)now;
	ent->policy = t;
	if (!t)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++) {
		t->m[e].ent = ent;
		list_init(&t->m[e].turn);
	}
	return 0;
}

static void dfq_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)now;
	for (unsigned int e = 0; ent->policy && e < s->nr_engines; e++)
		if (engine_of(s, e)->cur == member_of(ent, e))
			engine_of(s, e)->cur = NULL;
	mem_free(ent->policy);
	ent->policy = NULL;
}

static void dfq_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct dfq_engine *d = engine_of(s, engine);
	struct dfq_member *m = member_of(ent, engine);

	(void)now;
	if (!m->active && m->v < d->v)
		m->v = d->v; /* who was away is not owed the time */
	m->active = true;
	list_add_tail(&d->turns, &m->turn);
	d->denied += m->denied;
}

static void dfq_sleep(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct dfq_engine *d = engine_of(s, engine);
	struct dfq_member *m = member_of(ent, engine);

	(void)now;
	list_del(&m->turn);
	d->denied -= m->denied;
}

static void dfq_charge(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t ran_ns,
		       uint64_t now)
{
	struct dfq_engine *d = engine_of(s, engine);
	struct dfq_member *m = member_of(ent, engine);
	uint64_t ran = ran_ns < 1ull << 40 ? ran_ns : 1ull << 40;

	(void)now;
	if (d->phase == SAMPLE && d->cur == m) {
		m->sampled++;
		m->sampled_ns += ran;
		m->v += ran * SCHED_WEIGHT_DEFAULT / ent->weight;
	} else if (ran) {
		m->count++;
		/* Not sampled yet: what the core says is all there is to go by. */
		if (!m->len)
			m->len = ran;
	}
}

/* The free run's account: counts times lengths, scaled down if they claim more time than there was. */
static void settle(struct sched *s, struct dfq_engine *d, unsigned int engine, uint64_t now)
{
	uint64_t passed = now - d->phase_at, claimed = 0;
	struct sched_ent *ent;

	list_for_each(ent, &s->ents, node)
		claimed += member_of(ent, engine)->count * member_of(ent, engine)->len;
	list_for_each(ent, &s->ents, node) {
		struct dfq_member *m = member_of(ent, engine);
		double used = (double)m->count * (double)m->len;

		if (claimed > passed)
			used *= (double)passed / (double)claimed;
		m->v += (uint64_t)(used * SCHED_WEIGHT_DEFAULT / ent->weight);
		m->active = m->count || m->sampled || sched_ready(ent, engine) || ent->running[engine];
		/* Whom its cap holds back is not waited for: nobody is ahead of it. */
		m->active &= !ent->capped[engine].in;
		m->count = 0;
	}
}

/* Who is ahead of the hindmost by the length of the coming run stays out of it. */
static void begin_free(struct sched *s, struct dfq_engine *d, unsigned int engine, uint64_t now)
{
	uint64_t sampling = now - d->phase_at, len = s->param[FREE_RUN];
	struct sched_ent *ent;
	bool any = false;

	len = len > FREE_TIMES * sampling ? len : FREE_TIMES * sampling;
	len = len < 100 * s->param[FREE_RUN] ? len : 100 * s->param[FREE_RUN];
	list_for_each(ent, &s->ents, node) {
		const struct dfq_member *m = member_of(ent, engine);

		if (m->active && (!any || m->v < d->v)) {
			d->v = m->v;
			any = true;
		}
	}
	d->denied = 0;
	list_for_each(ent, &s->ents, node) {
		struct dfq_member *m = member_of(ent, engine);
		bool ready = sched_ready(ent, engine);

		m->denied = m->active && m->v >= d->v + len;
		if (m->sampled)
			m->len = m->sampled_ns / m->sampled;
		m->sampled = 0;
		m->sampled_ns = 0;
		d->denied += ready && m->denied;
	}
	d->phase = FREE;
	d->phase_at = now;
	d->free_end = now + len;
}

static bool sampled_enough(const struct sched *s, const struct dfq_member *m)
{
	return m->sampled >= s->param[SAMPLES] || m->sampled_ns >= SAMPLE_NS;
}

/* Whom to run alone next; NULL when all who are ready have been. */
static struct dfq_member *sample_next(struct sched *s, struct dfq_engine *d, unsigned int engine)
{
	struct dfq_member *m;

	if (d->cur && sched_ready(d->cur->ent, engine) && !sampled_enough(s, d->cur))
		return d->cur;
	d->cur = NULL;
	m = list_first(&d->turns, struct dfq_member, turn);
	/* Those of this round have gone to the back. */
	if (!m || m->round == d->round)
		return NULL;
	m->round = d->round;
	list_del(&m->turn);
	list_add_tail(&d->turns, &m->turn);
	d->cur = m;
	return m;
}

static struct dfq_member *free_next(struct sched *s, struct dfq_engine *d, unsigned int engine)
{
	/* Everybody who has work is ahead: then let them, rather than let the engine stand. */
	bool all = d->denied == s->ready[engine].nr && !s->nr_running[engine] && d->denied > 1;
	struct dfq_member *m;

	list_for_each(m, &d->turns, turn) {
		if ((m->denied && !all) || m->ent->running[engine] >= s->param[DEPTH])
			continue;
		list_del(&m->turn);
		list_add_tail(&d->turns, &m->turn);
		return m;
	}
	return NULL;
}

static struct sched_ent *dfq_pick(struct sched *s, unsigned int engine, uint64_t now, uint64_t *again)
{
	struct dfq_engine *d = engine_of(s, engine);
	struct dfq_member *m;

	if (d->phase == FREE && now >= d->free_end)
		d->phase = DRAIN;
	if (d->phase == FREE) {
		m = free_next(s, d, engine);
		*again = d->free_end;
		return m ? m->ent : NULL;
	}
	if (s->nr_running[engine])
		return NULL;
	if (d->phase == DRAIN) {
		settle(s, d, engine, now);
		d->phase = SAMPLE;
		d->phase_at = now;
		d->round++;
		d->cur = NULL;
	}
	m = sample_next(s, d, engine);
	if (m)
		return m->ent;
	begin_free(s, d, engine, now);
	m = free_next(s, d, engine);
	*again = d->free_end;
	return m ? m->ent : NULL;
}

static void dfq_dump(const struct sched *s, FILE *f)
{
	static const char *const phase[] = { "draining", "sampling", "free" };
	const struct dfq *q = s->policy_data;
	const struct sched_ent *ent;

	for (unsigned int e = 0; e < s->nr_engines; e++) {
		fprintf(f, "  engine %u: %s\n", e, phase[q->e[e].phase]);
		list_for_each(ent, &s->ents, node) {
			const struct dfq_member *m = &((const struct dfq_ent *)ent->policy)->m[e];

			fprintf(f, "  engine %u: %s: %" PRId64 " us ahead, works of %" PRIu64 " us%s\n", e,
				ent->name, (int64_t)(m->v - q->e[e].v) / 1000, m->len / 1000,
				m->denied ? ", denied" : "");
		}
	}
}

const struct sched_policy sched_dfq = {
	.abi = SCHED_POLICY_ABI,
	.name = "dfq",
	.help = "disengaged fair queueing: free runs, sampled in between",
	.promises = SCHED_NO_STARVATION,
	.params = dfq_params,
	.init = dfq_init,
	.fini = dfq_fini,
	.add = dfq_add,
	.del = dfq_del,
	.wake = dfq_wake,
	.sleep = dfq_sleep,
	.pick = dfq_pick,
	.charge = dfq_charge,
	.dump = dfq_dump,
};

// SPDX-License-Identifier: MIT
/*
 * Earliest deadline first for the latency class, within budgets; the rest of
 * the time by virtual time and weight.
 *
 * A latency ent has budget_pct of each of its periods (latency_us) in the
 * class: its deadline is one period after it woke, unless it woke again so
 * soon that the old budget and deadline still hold (the rule of the constant
 * bandwidth server, which keeps its use of any interval within budget_pct of
 * it and one budget).  Out of budget it goes on as everybody else until the
 * deadline, when it gets the next one.  So a latency ent that wants more than
 * it said hurts nobody.
 *
 * The others (and who is out of budget) are served by least virtual time, with
 * short slices: a latency ent waits for one of those at most.
 *
 * Always true, per engine: a ready ent is in `urgent` (by deadline; it has
 * budget left) or in `rest` (by v); who is out of budget is in `spent` by its
 * deadline too, ready or not.
 */
#include <errno.h>
#include <inttypes.h>

#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"

enum { SLICE };

static const struct sched_policy_param edf_params[] = {
	{ "slice", 1000000, 10000, 1000000000, true, "how long one may run before it is decided anew" },
	{ NULL, 0, 0, 0, false, NULL },
};

#define V_ONE 65536u
#define CHARGE_MAX (1ull << 40)

struct edf_member {
	struct sched_ent *ent;
	bool urgent; /* where node is, if it is in a heap; and whom its running work is charged to */
	struct sched_heap_node node, spent;
	uint64_t deadline;
	int64_t budget; /* ns left until deadline */
	uint64_t v;
};

struct edf_ent {
	struct edf_member m[SCHED_MAX_ENGINES];
};

struct edf {
	struct edf_engine {
		struct sched_heap urgent, rest, spent;
		uint64_t v; /* the virtual time of who was served last from rest: where newcomers start */
	} e[SCHED_MAX_ENGINES];
};

static struct edf_engine *engine_of(struct sched *s, unsigned int engine)
{
	return &((struct edf *)s->policy_data)->e[engine];
}

static struct edf_member *member_of(struct sched_ent *ent, unsigned int engine)
{
	return &((struct edf_ent *)ent->policy)->m[engine];
}

static uint64_t period_of(const struct edf_member *m)
{
	return (uint64_t)m->ent->latency_us * 1000;
}

static int64_t budget_of(const struct edf_member *m)
{
	return (int64_t)(period_of(m) * m->ent->budget_pct / 100);
}

static void hook(struct edf_engine *d, struct edf_member *m)
{
	m->urgent = m->ent->latency_us && m->budget > 0;
	if (m->urgent)
		sched_heap_add(&d->urgent, &m->node, m->deadline, m->ent->id);
	else
		sched_heap_add(&d->rest, &m->node, m->v, m->ent->id);
}

static void unhook(struct edf_engine *d, struct edf_member *m)
{
	sched_heap_del(m->urgent ? &d->urgent : &d->rest, &m->node);
}

/* A new period if the old one is over, or if what is left of it would be more than budget_pct. */
static void renew(struct edf_member *m, uint64_t now)
{
	bool over = (int64_t)(now - m->deadline) >= 0;

	/* Compared as budget / left > full / period, without the division. */
	if (!over && (__int128)m->budget * (__int128)period_of(m) <=
			     (__int128)budget_of(m) * (__int128)(m->deadline - now))
		return;
	m->deadline = now + period_of(m);
	m->budget = budget_of(m);
}

static int edf_init(struct sched *s, uint64_t now)
{
	(void)now;
	s->policy_data = mem_new(struct edf);
	return s->policy_data ? 0 : -ENOMEM;
}

static void edf_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

static int edf_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct edf_ent *t = mem_new(struct edf_ent);

	(void)s;
	ent->policy = t;
	if (!t)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++) {
		t->m[e].ent = ent;
		t->m[e].deadline = now;
	}
	return 0;
}

static void edf_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)now;
	for (unsigned int e = 0; ent->policy && e < s->nr_engines; e++) {
		struct edf_engine *d = engine_of(s, e);
		struct edf_member *m = member_of(ent, e);

		unhook(d, m);
		sched_heap_del(&d->spent, &m->spent);
	}
	mem_free(ent->policy);
	ent->policy = NULL;
}

static void edf_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct edf_engine *d = engine_of(s, engine);
	struct edf_member *m = member_of(ent, engine);

	if (ent->latency_us && !m->spent.in)
		renew(m, now);
	/* Who was away is not owed the time. */
	if ((int64_t)(m->v - d->v) < 0)
		m->v = d->v;
	hook(d, m);
}

static void edf_sleep(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	(void)now;
	unhook(engine_of(s, engine), member_of(ent, engine));
}

/* Those whose deadline has come have a budget again. */
static void replenish(struct edf_engine *d, unsigned int engine, uint64_t now)
{
	struct sched_heap_node *n;

	while ((n = sched_heap_first(&d->spent)) && (int64_t)(now - n->key) >= 0) {
		struct edf_member *m = container_of(n, struct edf_member, spent);

		sched_heap_del(&d->spent, n);
		/* In step with its periods, unless it slept over one. */
		m->deadline += period_of(m);
		m->budget += budget_of(m);
		if ((int64_t)(now - m->deadline) >= 0 || m->budget <= 0) {
			m->deadline = now + period_of(m);
			if (m->budget <= 0)
				sched_heap_add(&d->spent, n, m->deadline, m->ent->id);
		}
		if (m->budget > 0 && sched_ready(m->ent, engine)) {
			unhook(d, m);
			hook(d, m);
		}
	}
}

static struct sched_ent *edf_pick(struct sched *s, unsigned int engine, uint64_t now,
				  uint64_t *again)
{
	struct edf_engine *d = engine_of(s, engine);
	struct sched_heap_node *n;
	struct edf_member *m;

	(void)again;
	if (s->nr_running[engine])
		return NULL;
	replenish(d, engine, now);
	n = sched_heap_first(&d->urgent);
	if (!n)
		n = sched_heap_first(&d->rest);
	m = container_of(n, struct edf_member, node);
	if (!m->urgent && (int64_t)(m->v - d->v) > 0)
		d->v = m->v;
	m->ent->slice_ns = s->param[SLICE];
	return m->ent;
}

static void edf_charge(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t ran_ns,
		       uint64_t now)
{
	struct edf_engine *d = engine_of(s, engine);
	struct edf_member *m = member_of(ent, engine);
	bool ready = m->node.in;
	uint64_t ran = ran_ns < CHARGE_MAX ? ran_ns : CHARGE_MAX;

	(void)now;
	if (ready)
		unhook(d, m);
	if (m->urgent && ent->latency_us) {
		m->budget -= (int64_t)ran;
		if (m->budget <= 0 && !m->spent.in)
			sched_heap_add(&d->spent, &m->spent, m->deadline, ent->id);
	} else {
		m->v += ran * V_ONE / ent->weight;
	}
	if (ready)
		hook(d, m);
}

static void edf_changed(struct sched *s, struct sched_ent *ent, uint32_t old_weight, uint64_t now)
{
	(void)old_weight;
	for (unsigned int e = 0; e < s->nr_engines; e++) {
		struct edf_engine *d = engine_of(s, e);
		struct edf_member *m = member_of(ent, e);
		bool ready = m->node.in;

		if (ready)
			unhook(d, m);
		sched_heap_del(&d->spent, &m->spent);
		m->deadline = now;
		m->budget = 0;
		if (ent->latency_us)
			renew(m, now);
		if (ready)
			hook(d, m);
	}
}

static void edf_dump(const struct sched *s, FILE *f)
{
	const struct sched_ent *ent;

	for (unsigned int e = 0; e < s->nr_engines; e++)
		list_for_each(ent, &s->ents, node) {
			const struct edf_member *m = &((const struct edf_ent *)ent->policy)->m[e];

			if (ent->latency_us)
				fprintf(f, "  engine %u: %s: budget %" PRId64 " us until %" PRIu64 " us%s\n",
					e, ent->name, m->budget / 1000, m->deadline / 1000,
					m->spent.in ? ", spent" : "");
		}
}

const struct sched_policy sched_edf = {
	.abi = SCHED_POLICY_ABI,
	.name = "edf",
	.help = "earliest deadline within budgets for the latency class, then by weight",
	.promises = SCHED_CONSERVING | SCHED_NO_STARVATION,
	.params = edf_params,
	.init = edf_init,
	.fini = edf_fini,
	.add = edf_add,
	.del = edf_del,
	.wake = edf_wake,
	.sleep = edf_sleep,
	.pick = edf_pick,
	.charge = edf_charge,
	.changed = edf_changed,
	.dump = edf_dump,
};

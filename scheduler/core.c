// SPDX-License-Identifier: MIT
/*
 * The scheduler core: queues, hand-over and counters.  Which ent goes next is
 * the policy's question; everything else about a work is decided here.
 *
 * Always true between calls (sched_audit checks it):
 *  1. A work is on exactly one list: its ent's queue for its engine (QUEUED,
 *     oldest first), or its engine's running list (RUNNING).
 *  2. submitted == done + dropped + queued + running for each ent, and the
 *     sched's counts are the sums over its ents.  A refused submit counts in
 *     refused only.
 *  3. A work ends in exactly one sched_done() or one backend->dropped().
 */
#include "scheduler/sched.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gpuvm/base/mem.h"

/*
 * Works handed over per engine and pump: long enough that the pump's own cost
 * vanishes, short enough that a flood cannot keep the core's thread from
 * interrupts, traps and the other engines.
 */
#define PUMP_BUDGET 64

#define MAX_WORK_DEFAULT 256

int sched_new(const struct sched_policy *policy, const struct sched_backend *backend, void *core,
	      unsigned int nr_engines, uint64_t now, struct sched **out)
{
	struct sched *s;
	int r;

	if (!nr_engines || nr_engines > SCHED_MAX_ENGINES)
		return -EINVAL;
	s = mem_new(struct sched);
	if (!s)
		return -ENOMEM;
	s->policy = policy;
	s->backend = backend;
	s->core = core;
	s->nr_engines = nr_engines;
	list_init(&s->ents);
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&s->running[e]);
	s->next_tick = policy->tick ? now : SCHED_NEVER;
	r = policy->init(s, now);
	if (r < 0) {
		sched_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void sched_free(struct sched *s)
{
	if (!s)
		return;
	assert(list_empty(&s->ents));
	s->policy->fini(s);
	mem_free(s);
}

/* Exchanges what a policy owns: its table, its data, and its pointer in each ent. */
static void swap_policy(struct sched *s, const struct sched_policy **policy, void **data,
			void **ent_data)
{
	const struct sched_policy *p = s->policy;
	void *d = s->policy_data;
	struct sched_ent *ent;

	s->policy = *policy;
	s->policy_data = *data;
	*policy = p;
	*data = d;
	list_for_each(ent, &s->ents, node) {
		void *t = ent->policy;

		ent->policy = *ent_data;
		*ent_data++ = t;
	}
}

/* init and add of every ent; on failure nr_added tells how many ents del must see. */
static int policy_start(struct sched *s, uint64_t now, uint32_t *nr_added)
{
	struct sched_ent *ent;
	int r;

	*nr_added = 0;
	r = s->policy->init(s, now);
	if (r < 0)
		return r;
	list_for_each(ent, &s->ents, node) {
		++*nr_added;
		r = s->policy->add(s, ent, now);
		if (r < 0)
			return r;
	}
	return 0;
}

static void policy_stop(struct sched *s, uint64_t now, uint32_t nr_added)
{
	struct sched_ent *ent;

	list_for_each(ent, &s->ents, node) {
		if (!nr_added--)
			break;
		s->policy->del(s, ent, now);
	}
	s->policy->fini(s);
}

int sched_set_policy(struct sched *s, const struct sched_policy *policy, uint64_t now)
{
	const struct sched_policy *other = policy;
	void **ent_data = mem_calloc(s->nr_ents ? s->nr_ents : 1, sizeof(*ent_data));
	void *data = NULL;
	uint32_t nr_added;
	struct sched_ent *ent;
	int r;

	if (!ent_data)
		return -ENOMEM;
	assert(!s->in_backend);
	swap_policy(s, &other, &data, ent_data);
	r = policy_start(s, now, &nr_added);
	if (r < 0) {
		policy_stop(s, now, nr_added);
		swap_policy(s, &other, &data, ent_data);
	} else {
		/* The old one leaves only now that the new one cannot fail any more. */
		swap_policy(s, &other, &data, ent_data);
		policy_stop(s, now, s->nr_ents);
		swap_policy(s, &other, &data, ent_data);
		s->next_tick = policy->tick ? now : SCHED_NEVER;
		list_for_each(ent, &s->ents, node)
			for (unsigned int e = 0; policy->wake && e < s->nr_engines; e++)
				if (!list_empty(&ent->queue[e]))
					policy->wake(s, ent, e, now);
	}
	mem_free(ent_data);
	return r;
}

static bool weight_ok(uint32_t weight, uint32_t cap_pct)
{
	return weight && weight <= SCHED_WEIGHT_MAX && cap_pct <= 100;
}

int sched_ent_new(struct sched *s, const struct sched_ent_cfg *cfg, uint64_t now,
		  struct sched_ent **out)
{
	uint32_t weight = cfg->weight ? cfg->weight : SCHED_WEIGHT_DEFAULT;
	struct sched_ent *ent;
	int r;

	if (!weight_ok(weight, cfg->cap_pct))
		return -EINVAL;
	ent = mem_new(struct sched_ent);
	if (!ent)
		return -ENOMEM;
	assert(!s->in_backend);
	ent->sched = s;
	ent->weight = weight;
	ent->cap_pct = cfg->cap_pct;
	ent->max_work = cfg->max_work ? cfg->max_work : MAX_WORK_DEFAULT;
	snprintf(ent->name, sizeof(ent->name), "%s", cfg->name ? cfg->name : "");
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&ent->queue[e]);
	list_add_tail(&s->ents, &ent->node);
	s->nr_ents++;
	r = s->policy->add(s, ent, now);
	if (r < 0) {
		sched_ent_free(ent, now);
		return r;
	}
	*out = ent;
	return 0;
}

void sched_ent_free(struct sched_ent *ent, uint64_t now)
{
	struct sched_work *w, *tmp;
	struct sched *s;

	if (!ent)
		return;
	s = ent->sched;
	for (unsigned int e = 0; e < s->nr_engines; e++) {
		list_for_each_safe(w, tmp, &s->running[e], node)
			if (w->ent == ent)
				sched_cancel(w, now);
		list_for_each_safe(w, tmp, &ent->queue[e], node)
			sched_cancel(w, now);
	}
	s->policy->del(s, ent, now);
	list_del(&ent->node);
	s->nr_ents--;
	mem_free(ent);
}

int sched_ent_set(struct sched_ent *ent, uint32_t weight, uint32_t cap_pct)
{
	if (!weight_ok(weight, cap_pct))
		return -EINVAL;
	ent->weight = weight;
	ent->cap_pct = cap_pct;
	return 0;
}

int sched_submit(struct sched_ent *ent, unsigned int engine, void *cookie, uint64_t now,
		 struct sched_work **out)
{
	struct sched *s = ent->sched;
	struct sched_work *w;
	bool first;

	assert(!s->in_backend);
	if (engine >= s->nr_engines)
		return -EINVAL;
	if (ent->nr_queued >= ent->max_work) {
		ent->stats.refused++;
		return -EDQUOT;
	}
	w = mem_new(struct sched_work);
	if (!w)
		return -ENOMEM;
	w->ent = ent;
	w->engine = engine;
	w->state = SCHED_QUEUED;
	w->seq = s->next_seq++;
	w->queued_ns = now;
	w->cookie = cookie;
	first = list_empty(&ent->queue[engine]);
	list_add_tail(&ent->queue[engine], &w->node);
	ent->nr_queued++;
	s->nr_queued[engine]++;
	ent->stats.submitted++;
	if (out)
		*out = w;
	if (first && s->policy->wake)
		s->policy->wake(s, ent, engine, now);
	return 0;
}

/* Takes w off the list it is on, and out of the counts that go with it. */
static void work_unlink(struct sched_work *w)
{
	struct sched *s = w->ent->sched;

	list_del(&w->node);
	if (w->state == SCHED_QUEUED) {
		w->ent->nr_queued--;
		s->nr_queued[w->engine]--;
	} else {
		w->ent->nr_running--;
		w->ent->running[w->engine]--;
		s->nr_running[w->engine]--;
	}
}

static void work_drop(struct sched_work *w)
{
	struct sched *s = w->ent->sched;

	work_unlink(w);
	w->ent->stats.dropped++;
	s->in_backend = true;
	s->backend->dropped(s->core, w);
	s->in_backend = false;
	mem_free(w);
}

void sched_cancel(struct sched_work *w, uint64_t now)
{
	(void)now;
	assert(!w->ent->sched->in_backend);
	work_drop(w);
}

void sched_done(struct sched_work *w, uint64_t ran_ns, uint64_t now)
{
	struct sched_ent *ent = w->ent;
	struct sched *s = ent->sched;

	assert(!s->in_backend && w->state == SCHED_RUNNING);
	work_unlink(w);
	ent->stats.done++;
	ent->stats.ran_ns[w->engine] += ran_ns;
	if (s->policy->charge)
		s->policy->charge(s, ent, w->engine, ran_ns, now);
	mem_free(w);
}

/* Moves w to the engine's running list and hands it over. */
static void work_start(struct sched_work *w, uint64_t now)
{
	struct sched_ent *ent = w->ent;
	struct sched *s = ent->sched;
	unsigned int engine = w->engine;
	uint64_t held = now > w->queued_ns ? now - w->queued_ns : 0;
	int r;

	work_unlink(w);
	w->state = SCHED_RUNNING;
	w->started_ns = now;
	list_add_tail(&s->running[engine], &w->node);
	ent->nr_running++;
	ent->running[engine]++;
	s->nr_running[engine]++;
	s->in_backend = true;
	r = s->backend->submit(s->core, w);
	s->in_backend = false;
	if (r < 0) {
		work_drop(w);
		if (s->policy->charge)
			s->policy->charge(s, ent, engine, 0, now);
		return;
	}
	ent->stats.started++;
	ent->stats.held_ns += held;
	if (held > ent->stats.held_max_ns)
		ent->stats.held_max_ns = held;
}

/* Serves one engine; answers when to ask again: never the past, which would spin. */
static uint64_t pump_engine(struct sched *s, unsigned int engine, uint64_t now)
{
	for (int i = 0; i < PUMP_BUDGET; i++) {
		uint64_t again = SCHED_NEVER;
		struct sched_ent *ent;

		if (!s->nr_queued[engine])
			return SCHED_NEVER;
		ent = s->policy->pick(s, engine, now, &again);
		if (!ent)
			return again > now ? again : now + 1;
		assert(!list_empty(&ent->queue[engine]));
		work_start(list_first(&ent->queue[engine], struct sched_work, node), now);
	}
	return s->nr_queued[engine] ? now : SCHED_NEVER;
}

uint64_t sched_pump(struct sched *s, uint64_t now)
{
	uint64_t wake;

	assert(!s->in_backend);
	if (s->policy->tick && now >= s->next_tick) {
		uint64_t next = s->policy->tick(s, now);

		s->next_tick = next > now ? next : now + 1;
	}
	wake = s->next_tick;
	for (unsigned int e = 0; e < s->nr_engines; e++) {
		uint64_t again = pump_engine(s, e, now);

		if (again < wake)
			wake = again;
	}
	return wake;
}

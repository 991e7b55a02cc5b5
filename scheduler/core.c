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
 *  4. ready.c's rules hold for every ent and engine.
 */
#include "scheduler/private.h"

#include <assert.h>
#include <dlfcn.h>
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

uint64_t sched_clock(struct sched *s, uint64_t now)
{
	now += s->skew;
	if (now < s->clock) {
		s->skew += s->clock - now;
		now = s->clock;
	}
	s->clock = now;
	return now;
}

/* Back to the caller's time. */
static uint64_t caller_time(const struct sched *s, uint64_t t)
{
	return t == SCHED_NEVER ? t : t - s->skew;
}

static void default_params(const struct sched_policy *p, uint64_t *param)
{
	memset(param, 0, sizeof(*param) * SCHED_MAX_PARAMS);
	for (unsigned int i = 0; p->params && p->params[i].name; i++)
		param[i] = p->params[i].def;
}

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
	s->clock = now;
	s->next_tick = policy->tick ? now : SCHED_NEVER;
	default_params(policy, s->param);
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
	if (s->so)
		dlclose(s->so);
	mem_free(s);
}

/* What a policy owns in a sched, its ents' pointers aside. */
struct tenancy {
	struct sched_choice choice;
	void *data;
};

/* Exchanges what a policy owns: its table, parameters, data, and its pointer in each ent. */
static void swap_policy(struct sched *s, struct tenancy *t, void **ent_data)
{
	struct tenancy old = { .choice = { .policy = s->policy, .so = s->so },
			       .data = s->policy_data };
	struct sched_ent *ent;

	memcpy(old.choice.param, s->param, sizeof(s->param));
	s->policy = t->choice.policy;
	s->so = t->choice.so;
	s->policy_data = t->data;
	memcpy(s->param, t->choice.param, sizeof(s->param));
	*t = old;
	list_for_each(ent, &s->ents, node) {
		void *p = ent->policy;

		ent->policy = *ent_data;
		*ent_data++ = p;
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

/* Tells the policy of everybody who is ready, or takes that back. */
static void policy_wake_all(struct sched *s, bool awake, uint64_t now)
{
	void (*tell)(struct sched *, struct sched_ent *, unsigned int, uint64_t) =
		awake ? s->policy->wake : s->policy->sleep;
	struct sched_ent *ent;

	if (!tell)
		return;
	list_for_each(ent, &s->ents, node)
		for (unsigned int e = 0; e < s->nr_engines; e++)
			if (sched_ready(ent, e))
				tell(s, ent, e, now);
}

int sched_use(struct sched *s, struct sched_choice *c, uint64_t now)
{
	void **ent_data = mem_calloc(s->nr_ents ? s->nr_ents : 1, sizeof(*ent_data));
	struct tenancy other = { .choice = *c };
	uint32_t nr_added;
	int r;

	if (!ent_data)
		return -ENOMEM;
	assert(!s->in_backend);
	now = sched_clock(s, now);
	swap_policy(s, &other, ent_data);
	r = policy_start(s, now, &nr_added);
	if (r < 0) {
		policy_stop(s, now, nr_added);
		swap_policy(s, &other, ent_data);
	} else {
		/* The old one leaves only now that the new one cannot fail any more. */
		swap_policy(s, &other, ent_data);
		policy_wake_all(s, false, now);
		policy_stop(s, now, s->nr_ents);
		swap_policy(s, &other, ent_data);
		if (other.choice.so)
			dlclose(other.choice.so);
		c->so = NULL;
		s->next_tick = s->policy->tick ? now : SCHED_NEVER;
		policy_wake_all(s, true, now);
	}
	mem_free(ent_data);
	return r;
}

int sched_set_policy(struct sched *s, const struct sched_policy *policy, uint64_t now)
{
	struct sched_choice c = { .policy = policy };

	default_params(policy, c.param);
	return sched_use(s, &c, now);
}

void sched_set_watch(struct sched *s, const struct sched_watch *w)
{
	s->watch = w ? *w : (struct sched_watch){ 0 };
}

/* cfg with its defaults filled in; -EINVAL if it cannot be. */
static int cfg_check(const struct sched_ent_cfg *cfg, struct sched_ent_cfg *out)
{
	*out = *cfg;
	if (!out->weight)
		out->weight = SCHED_WEIGHT_DEFAULT;
	if (!out->max_work)
		out->max_work = MAX_WORK_DEFAULT;
	if (!out->budget_pct)
		out->budget_pct = SCHED_BUDGET_DEFAULT;
	return out->weight > SCHED_WEIGHT_MAX || out->cap_pct > 100 || out->budget_pct > 100 ||
			       out->latency_us > SCHED_LATENCY_MAX_US ?
		       -EINVAL :
		       0;
}

static void cfg_take(struct sched_ent *ent, const struct sched_ent_cfg *cfg)
{
	ent->sched->nr_latency += !!cfg->latency_us;
	ent->sched->nr_latency -= !!ent->latency_us;
	ent->weight = cfg->weight;
	ent->cap_pct = cfg->cap_pct;
	ent->latency_us = cfg->latency_us;
	ent->budget_pct = cfg->budget_pct;
}

int sched_ent_new(struct sched *s, const struct sched_ent_cfg *asked, uint64_t now,
		  struct sched_ent **out)
{
	struct sched_ent_cfg cfg;
	struct sched_ent *ent;
	int r = cfg_check(asked, &cfg);

	if (r < 0)
		return r;
	ent = mem_new(struct sched_ent);
	if (!ent)
		return -ENOMEM;
	assert(!s->in_backend);
	now = sched_clock(s, now);
	ent->sched = s;
	ent->id = s->next_id++;
	cfg_take(ent, &cfg);
	ent->max_work = cfg.max_work;
	snprintf(ent->name, sizeof(ent->name), "%s", cfg.name ? cfg.name : "");
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&ent->queue[e]);
	ready_init(ent, now);
	list_add_tail(&s->ents, &ent->node);
	s->nr_ents++;
	r = s->policy->add(s, ent, now);
	if (r < 0) {
		sched_ent_free(ent, now - s->skew);
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
		/* The queue first: nothing of it is to start when what runs goes away. */
		list_for_each_safe(w, tmp, &ent->queue[e], node)
			sched_cancel(w, now);
		list_for_each_safe(w, tmp, &s->running[e], node)
			if (w->ent == ent)
				sched_cancel(w, now);
	}
	s->policy->del(s, ent, sched_clock(s, now));
	list_del(&ent->node);
	s->nr_ents--;
	s->nr_latency -= !!ent->latency_us;
	mem_free(ent);
}

int sched_ent_tune(struct sched_ent *ent, const struct sched_ent_cfg *asked, uint64_t now)
{
	struct sched *s = ent->sched;
	uint32_t old_weight = ent->weight;
	struct sched_ent_cfg cfg;
	int r = cfg_check(asked, &cfg);

	if (r < 0)
		return r;
	now = sched_clock(s, now);
	cfg_take(ent, &cfg);
	if (s->policy->changed)
		s->policy->changed(s, ent, old_weight, now);
	ready_changed(ent, now);
	return 0;
}

int sched_ent_set(struct sched_ent *ent, uint32_t weight, uint32_t cap_pct)
{
	struct sched_ent_cfg cfg = { .weight = weight,
				     .cap_pct = cap_pct,
				     .latency_us = ent->latency_us,
				     .budget_pct = ent->budget_pct };

	if (!weight)
		return -EINVAL;
	return sched_ent_tune(ent, &cfg, ent->sched->clock - ent->sched->skew);
}

int sched_submit(struct sched_ent *ent, unsigned int engine, void *cookie, uint64_t now,
		 struct sched_work **out)
{
	struct sched *s = ent->sched;
	struct sched_work *w;

	assert(!s->in_backend);
	now = sched_clock(s, now);
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
	list_add_tail(&ent->queue[engine], &w->node);
	ent->nr_queued++;
	s->nr_queued[engine]++;
	ent->stats.submitted++;
	if (out)
		*out = w;
	ready_update(ent, engine, now);
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

/* A work has left engine, which did ran_ns for it since it was known what the engine does. */
static void engine_settle(struct sched *s, unsigned int engine, uint64_t ran_ns, uint64_t now)
{
	uint64_t had = now - s->known[engine];

	if (had > ran_ns)
		s->lost[engine] += had - ran_ns;
	s->known[engine] = now;
}

static void work_drop(struct sched_work *w, uint64_t now)
{
	struct sched_ent *ent = w->ent;
	struct sched *s = ent->sched;
	unsigned int engine = w->engine;
	bool ran = w->state == SCHED_RUNNING;

	work_unlink(w);
	if (ran)
		engine_settle(s, engine, 0, now);
	ent->stats.dropped++;
	s->in_backend = true;
	s->backend->dropped(s->core, w);
	s->in_backend = false;
	mem_free(w);
	if (ran && s->policy->charge)
		s->policy->charge(s, ent, engine, 0, now);
	ready_update(ent, engine, now);
}

void sched_cancel(struct sched_work *w, uint64_t now)
{
	struct sched *s = w->ent->sched;

	assert(!s->in_backend);
	work_drop(w, sched_clock(s, now));
}

void sched_done(struct sched_work *w, uint64_t ran_ns, uint64_t now)
{
	struct sched_ent *ent = w->ent;
	struct sched *s = ent->sched;
	unsigned int engine = w->engine;

	assert(!s->in_backend && w->state == SCHED_RUNNING);
	now = sched_clock(s, now);
	work_unlink(w);
	engine_settle(s, engine, ran_ns, now);
	ent->stats.done++;
	ent->stats.ran_ns[engine] += ran_ns;
	if (s->watch.ended)
		s->watch.ended(s->watch.arg, w, ran_ns, now);
	mem_free(w);
	ready_charge(ent, engine, ran_ns, now);
	if (s->policy->charge)
		s->policy->charge(s, ent, engine, ran_ns, now);
	ready_update(ent, engine, now);
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
	w->slice_ns = ent->slice_ns;
	list_add_tail(&s->running[engine], &w->node);
	ent->nr_running++;
	ent->running[engine]++;
	if (!s->nr_running[engine])
		s->known[engine] = now;
	s->nr_running[engine]++;
	ready_update(ent, engine, now);
	s->in_backend = true;
	r = s->backend->submit(s->core, w);
	s->in_backend = false;
	if (r < 0) {
		work_drop(w, now);
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
	uint64_t release = SCHED_NEVER;

	for (int i = 0; i < PUMP_BUDGET; i++) {
		uint64_t again = SCHED_NEVER;
		struct sched_ent *ent;

		release = ready_release(s, engine, now);
		if (!s->ready[engine].nr)
			return release;
		s->picks++;
		ent = s->policy->pick(s, engine, now, &again);
		if (!ent) {
			again = again < release ? again : release;
			return again > now ? again : now + 1;
		}
		assert(sched_ready(ent, engine));
		work_start(list_first(&ent->queue[engine], struct sched_work, node), now);
		ent->slice_ns = 0;
	}
	return s->ready[engine].nr ? now : release;
}

uint64_t sched_pump(struct sched *s, uint64_t now)
{
	uint64_t wake;

	assert(!s->in_backend);
	now = sched_clock(s, now);
	if (s->policy->tick && now >= s->next_tick) {
		uint64_t next = s->policy->tick(s, now);

		s->next_tick = next > now ? next : now + 1;
	}
	wake = SCHED_NEVER;
	for (unsigned int e = 0; e < s->nr_engines; e++) {
		uint64_t again = pump_engine(s, e, now);

		if (again < wake)
			wake = again;
	}
	/* Last: a wake during the round may have started the tick. */
	if (s->next_tick < wake)
		wake = s->next_tick;
	return caller_time(s, wake);
}

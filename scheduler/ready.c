// SPDX-License-Identifier: MIT
/*
 * Who may be picked: ents with work whose cap is not used up.
 *
 * A cap is a bucket per engine.  It fills by cap percent of the engine's time
 * (working or idle; not while a work had it and it did nothing), up to what
 * CAP_WINDOW_NS gives, and what its own works took empties it, below zero if one
 * ran long.  So the time used in any interval T is at most
 * cap * (T + CAP_WINDOW_NS) and one work, and a work that was too long is
 * paid back.
 *
 * Always true:
 *  1. ent->ready[e].in iff it has work queued on e and, if it has a cap, no
 *     work of it runs there and its bucket is not empty.
 *  2. ent->capped[e].in iff it is not ready for the bucket's sake alone.
 *  3. The policy has seen a wake for each ready pair and a sleep for each other.
 */
#include "scheduler/private.h"

/*
 * Short against the 1 s windows in which caps are judged (2 % of one), long
 * against a work of ordinary length, which would else always overdraw.
 */
#define CAP_WINDOW_NS 20000000ll

static int64_t cap_full(const struct sched_ent *ent)
{
	return CAP_WINDOW_NS * ent->cap_pct / 100;
}

/* When the engine's time is known. */
static uint64_t known_at(const struct sched *s, unsigned int engine, uint64_t now)
{
	return s->nr_running[engine] ? s->known[engine] : now;
}

/* Stands still while a work runs: what that has of it shows when it has ended. */
static uint64_t engine_time(const struct sched *s, unsigned int engine, uint64_t now)
{
	return known_at(s, engine, now) - s->lost[engine];
}

static void cap_fill(struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct sched_cap *c = &ent->cap[engine];
	uint64_t at = engine_time(ent->sched, engine, now), passed = at - c->at;
	/* More than this fills any bucket, however deep in debt it may be after one work. */
	const uint64_t enough = UINT64_MAX / 4096;

	passed = passed < enough ? passed : enough;
	c->at = at;
	if (c->left_ns < cap_full(ent))
		c->left_ns += (int64_t)(passed / 100 * ent->cap_pct + passed % 100 * ent->cap_pct / 100);
	if (c->left_ns > cap_full(ent))
		c->left_ns = cap_full(ent);
}

void ready_init(struct sched_ent *ent, uint64_t now)
{
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		ent->cap[e] = (struct sched_cap){ .left_ns = cap_full(ent), .at = engine_time(ent->sched, e, now) };
}

static void set_ready(struct sched_ent *ent, unsigned int engine, bool ready, uint64_t now)
{
	struct sched *s = ent->sched;
	const struct sched_work *w = list_first(&ent->queue[engine], struct sched_work, node);

	if (ready && ent->ready[engine].in) {
		if (ent->ready[engine].key != w->seq)
			sched_heap_move(&s->ready[engine], &ent->ready[engine], w->seq, 0);
	} else if (ready) {
		sched_heap_add(&s->ready[engine], &ent->ready[engine], w->seq, 0);
		if (s->policy->tick && s->next_tick == SCHED_NEVER)
			s->next_tick = now;
		if (s->policy->wake)
			s->policy->wake(s, ent, engine, now);
	} else if (ent->ready[engine].in) {
		sched_heap_del(&s->ready[engine], &ent->ready[engine]);
		if (s->policy->sleep)
			s->policy->sleep(s, ent, engine, now);
	}
}

void ready_update(struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct sched *s = ent->sched;
	bool ready = !list_empty(&ent->queue[engine]), waits = false;

	if (ent->cap_pct && ready) {
		cap_fill(ent, engine, now);
		/* One at a time: what runs is not in the bucket yet. */
		if (ent->running[engine])
			ready = false;
		else
			waits = ent->cap[engine].left_ns <= 0;
	}
	if (waits && !ent->capped[engine].in) {
		uint64_t wait = (uint64_t)-ent->cap[engine].left_ns * 100 / ent->cap_pct + 100;

		sched_heap_add(&s->capped[engine], &ent->capped[engine], known_at(s, engine, now) + wait,
			       ent->id);
	} else if (!waits) {
		sched_heap_del(&s->capped[engine], &ent->capped[engine]);
	}
	set_ready(ent, engine, ready && !waits, now);
}

void ready_charge(struct sched_ent *ent, unsigned int engine, uint64_t ran_ns, uint64_t now)
{
	const uint64_t most = INT64_MAX / 4096;

	if (!ent->cap_pct)
		return;
	cap_fill(ent, engine, now);
	ent->cap[engine].left_ns -= (int64_t)(ran_ns < most ? ran_ns : most);
	/* A debt is never so deep that nobody could live to see it paid. */
	if (ent->cap[engine].left_ns < -(int64_t)most)
		ent->cap[engine].left_ns = -(int64_t)most;
}

uint64_t ready_release(struct sched *s, unsigned int engine, uint64_t now)
{
	struct sched_heap_node *n;

	while ((n = sched_heap_first(&s->capped[engine]))) {
		struct sched_ent *ent =
			container_of(n - engine, struct sched_ent, capped[0]);

		if (n->key > now)
			return n->key;
		/* The end of what runs tells. */
		if (n->key > known_at(s, engine, now))
			return SCHED_NEVER;
		sched_heap_del(&s->capped[engine], n);
		ready_update(ent, engine, now);
	}
	return SCHED_NEVER;
}

void ready_changed(struct sched_ent *ent, uint64_t now)
{
	for (unsigned int e = 0; e < ent->sched->nr_engines; e++) {
		struct sched_cap *c = &ent->cap[e];

		sched_heap_del(&ent->sched->capped[e], &ent->capped[e]);
		/* A new cap starts without the old one's debt or hoard. */
		if (c->left_ns > cap_full(ent) || c->left_ns < 0)
			c->left_ns = c->left_ns < 0 ? 0 : cap_full(ent);
		c->at = engine_time(ent->sched, e, now);
		ready_update(ent, e, now);
	}
}

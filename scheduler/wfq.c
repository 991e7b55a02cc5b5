// SPDX-License-Identifier: MIT
/*
 * Weighted fair queueing by virtual time: earliest eligible virtual deadline.
 *
 * A member's v is the engine time it had, divided by its weight; V, the
 * virtual time of the engine, is the weighted mean of all members' v, so it
 * advances by ran / (sum of weights).  lag = weight * (V - v) is what ideal
 * sharing owes it.  Served is, among those who are owed something (v <= V),
 * who has the earliest deadline v + unit / weight, where unit is the longest
 * work the engine has seen lately: how long the next one will be is not known.
 * For ents that stay ready, lag stays within one longest unit: nobody starts a
 * unit unless ideal sharing would have started it, and the deadline order is
 * the one in which ideal sharing would finish units of that length.
 *
 * Who leaves with v > V was served ahead of time and stays a member until V
 * has come up to it: leaving and coming back gains nothing.  Who leaves with
 * v <= V may come back within `grace`; if it would be the one to serve and that
 * is worth the wait (think.h, `patience`), the engine waits for it.  A wait in
 * vain is charged to it.  If it comes later it is still owed what it was owed, up
 * to OWED_MAX.  With grace=0 the engine never waits and nothing is kept.
 *
 * Always true, per engine:
 *  1. weights and sum are over the members: states other than OUT.
 *  2. READY members are in `due` (by deadline) or `ahead` (by v, v > V when
 *     put there); LEFT ones in `left` (by v); BACK_SOON ones in `back_soon`
 *     (by deadline) and on `expiry` (by time); RUNNING ones in none.
 *  3. Virtual times may wrap; differences within one engine stay below 2^62.
 */
#include <errno.h>
#include <inttypes.h>

#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"
#include "scheduler/think.h"

enum { SLICE, GRACE, PATIENCE };

static const struct sched_policy_param wfq_params[] = {
	{ "slice", 1000000, 10000, 1000000000, true, "how long one may run before it is decided anew" },
	{ "grace", 2000000, 0, 100000000, true, "how long the engine may wait for who is owed time" },
	{ "patience", 100, 0, 1000, false, "how long it may stand still for one, in percent of what that one works" },
	{ NULL, 0, 0, 0, false, NULL },
};

/* Virtual time is ns * 2^16 / weight: a unit for the heaviest of 1 ns is still one. */
#define V_ONE 65536u
/* One charge: 2^40 ns is 18 minutes; times V_ONE it stays below 2^56. */
#define CHARGE_MAX (1ull << 40)
/* What is kept for who stays away: so much that its neighbours can bear being behind by it. */
#define OWED_MAX 50000000ull

enum wfq_state { OUT, READY, RUNNING, LEFT, BACK_SOON };

struct wfq_member {
	struct sched_ent *ent;
	unsigned int engine;
	enum wfq_state state;
	bool due; /* READY: in due, not in ahead */
	uint64_t v;
	struct think think;
	uint64_t owed;	 /* OUT: kept for it, ns */
	uint64_t left_at, waited;
	uint32_t weight; /* as summed */
	struct sched_heap_node node;
	struct list expiry;
};

struct wfq_ent {
	struct wfq_member m[SCHED_MAX_ENGINES];
};

struct wfq {
	struct wfq_engine {
		struct sched_heap due, ahead, left, back_soon;
		struct list expiry; /* BACK_SOON, who left first first */
		uint64_t base; /* virtual times are summed relative to it */
		__int128 sum;  /* weight * (v - base) */
		uint64_t weights;
		uint64_t unit; /* longest work lately, ns */
		uint64_t patience; /* the parameter */
		struct wfq_member *run; /* who was picked last, while it runs */
		uint64_t run_since, run_charged; /* what of its work v holds already, ns */
		uint64_t wait_since; /* the engine stands still for somebody since then; 0: it does not */
	} e[SCHED_MAX_ENGINES];
};

static uint64_t v_of(uint64_t ns, uint32_t weight)
{
	return (ns < CHARGE_MAX ? ns : CHARGE_MAX) * V_ONE / weight;
}

static struct wfq_engine *engine_of(struct sched *s, unsigned int engine)
{
	return &((struct wfq *)s->policy_data)->e[engine];
}

static struct wfq_member *first_of(const struct sched_heap *h)
{
	struct sched_heap_node *n = sched_heap_first(h);

	return n ? container_of(n, struct wfq_member, node) : NULL;
}

/* ---- members and V ------------------------------------------------------------------- */

static uint64_t virtual_now(struct wfq_engine *w)
{
	int64_t d;

	if (!w->weights)
		return w->base;
	/* Towards minus infinity: who stands exactly at the mean must not look ahead of it. */
	d = (int64_t)(w->sum / (__int128)w->weights);
	if (w->sum % (__int128)w->weights < 0)
		d--;
	w->sum -= (__int128)d * (__int128)w->weights;
	w->base += (uint64_t)d;
	return w->base;
}

static void sum_add(struct wfq_engine *w, struct wfq_member *m)
{
	m->weight = m->ent->weight;
	w->sum += (__int128)m->weight * (int64_t)(m->v - w->base);
	w->weights += m->weight;
}

static void sum_del(struct wfq_engine *w, struct wfq_member *m)
{
	w->sum -= (__int128)m->weight * (int64_t)(m->v - w->base);
	w->weights -= m->weight;
	if (!w->weights) {
		/* The last one's time stays the engine's. */
		w->base = m->v;
		w->sum = 0;
	}
}

static void v_add(struct wfq_engine *w, struct wfq_member *m, int64_t dv)
{
	m->v += (uint64_t)dv;
	if (m->state != OUT)
		w->sum += (__int128)m->weight * dv;
}

static uint64_t deadline(const struct wfq_engine *w, const struct wfq_member *m)
{
	return m->v + v_of(w->unit, m->weight);
}

/* Off whatever it is on; its state is to be set anew. */
static void unhook(struct wfq_engine *w, struct wfq_member *m)
{
	switch (m->state) {
	case READY: sched_heap_del(m->due ? &w->due : &w->ahead, &m->node); break;
	case LEFT: sched_heap_del(&w->left, &m->node); break;
	case BACK_SOON:
		sched_heap_del(&w->back_soon, &m->node);
		list_del(&m->expiry);
		break;
	case OUT:
	case RUNNING: break;
	}
}

static void become_ready(struct wfq_engine *w, struct wfq_member *m)
{
	m->state = READY;
	m->due = (int64_t)(m->v - virtual_now(w)) <= 0;
	if (m->due)
		sched_heap_add(&w->due, &m->node, deadline(w, m), m->ent->id);
	else
		sched_heap_add(&w->ahead, &m->node, m->v, m->ent->id);
}

/* V may have moved: who has been caught up with is due, who was only waiting for that is out. */
static void catch_up(struct wfq_engine *w)
{
	struct wfq_member *m;

	while ((m = first_of(&w->left)) && (int64_t)(m->v - virtual_now(w)) <= 0) {
		unhook(w, m);
		sum_del(w, m);
		m->state = OUT;
	}
	while ((m = first_of(&w->ahead)) && (int64_t)(m->v - virtual_now(w)) <= 0) {
		unhook(w, m);
		become_ready(w, m);
	}
}

/* It goes out; what it was owed stays its own. */
static void go_out(struct wfq_engine *w, struct wfq_member *m)
{
	int64_t ahead = (int64_t)(m->v - virtual_now(w));
	__int128 owed = -(__int128)ahead * m->weight / V_ONE;

	m->owed = owed <= 0 ? 0 : owed < (__int128)OWED_MAX ? (uint64_t)owed : OWED_MAX;
	sum_del(w, m);
	m->state = OUT;
}

/* It has no work and none runs.  Without grace what it is owed is forgotten. */
static void leave(struct wfq_engine *w, struct wfq_member *m, uint64_t grace, uint64_t now)
{
	m->left_at = now;
	m->waited = 0;
	m->owed = 0;
	if ((int64_t)(m->v - virtual_now(w)) > 0) {
		m->state = LEFT;
		sched_heap_add(&w->left, &m->node, m->v, m->ent->id);
	} else if (grace && think_worth(&m->think, w->patience)) {
		m->state = BACK_SOON;
		sched_heap_add(&w->back_soon, &m->node, deadline(w, m), m->ent->id);
		list_add_tail(&w->expiry, &m->expiry);
	} else if (grace) {
		go_out(w, m);
	} else {
		sum_del(w, m);
		m->state = OUT;
	}
}

/* It did not come back in time: what it is owed is kept, what it owes is remembered. */
static void give_up(struct wfq_engine *w, struct wfq_member *m)
{
	if ((int64_t)(m->v - virtual_now(w)) > 0)
		leave(w, m, 0, m->left_at);
	else
		go_out(w, m);
}

/* Time that the engine stood still counts against whom it stood still for. */
static void end_wait(struct wfq_engine *w, struct wfq_member *m, uint64_t now)
{
	if (w->wait_since && m && now > w->wait_since)
		m->waited += now - w->wait_since;
	w->wait_since = 0;
}

/* Those whose grace is over lose their lag, and pay if the engine waited for them. */
static void expire(struct wfq_engine *w, uint64_t grace, uint64_t now)
{
	while (!list_empty(&w->expiry)) {
		struct wfq_member *m = list_first(&w->expiry, struct wfq_member, expiry);

		if (now - m->left_at < grace)
			return;
		if (m == first_of(&w->back_soon))
			end_wait(w, m, now);
		unhook(w, m);
		v_add(w, m, (int64_t)v_of(m->waited < grace ? m->waited : grace, m->weight));
		give_up(w, m);
	}
}

/* Who came back, but is held back by its cap now, is not worth a wait. */
static void drop_capped(struct wfq_engine *w, uint64_t now)
{
	struct wfq_member *m;

	while ((m = first_of(&w->back_soon)) && m->ent->capped[m->engine].in) {
		end_wait(w, m, now);
		unhook(w, m);
		think_held(&m->think);
		give_up(w, m);
	}
}

/* Puts into v what the running work has used so far, so that V is right for who joins. */
static void settle(struct wfq_engine *w, uint64_t now)
{
	uint64_t ran, most;

	if (!w->run)
		return;
	ran = now - w->run_since;
	/* A clock that jumped does not count: no more than works took so far. */
	most = w->unit;
	ran = ran < most ? ran : most;
	if (ran <= w->run_charged)
		return;
	v_add(w, w->run, (int64_t)v_of(ran - w->run_charged, w->run->weight));
	w->run_charged = ran;
}

/* ---- the policy's calls ------------------------------------------------------------------- */

static int wfq_init(struct sched *s, uint64_t now)
{
	struct wfq *q = mem_new(struct wfq);

	(void)now;
	s->policy_data = q;
	if (!q)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++) {
		list_init(&q->e[e].expiry);
		q->e[e].patience = s->param[PATIENCE];
	}
	return 0;
}

static void wfq_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

static int wfq_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct wfq_ent *t = mem_new(struct wfq_ent);

	(void)s;
	(void)now;
	ent->policy = t;
	if (!t)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++) {
		t->m[e].ent = ent;
		t->m[e].engine = e;
		list_init(&t->m[e].expiry);
	}
	return 0;
}

static void wfq_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct wfq_ent *t = ent->policy;

	(void)now;
	for (unsigned int e = 0; t && e < s->nr_engines; e++) {
		struct wfq_engine *w = engine_of(s, e);
		struct wfq_member *m = &t->m[e];

		if (w->run == m)
			w->run = NULL;
		w->wait_since = 0;
		unhook(w, m);
		if (m->state != OUT)
			sum_del(w, m);
	}
	mem_free(t);
	ent->policy = NULL;
}

static void wfq_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct wfq_engine *w = engine_of(s, engine);
	struct wfq_member *m = &((struct wfq_ent *)ent->policy)->m[engine];

	settle(w, now);
	catch_up(w);
	expire(w, s->param[GRACE], now);
	if (m->state != RUNNING)
		think_back(&m->think, s->param[GRACE], now);
	if (m->state == BACK_SOON && m == first_of(&w->back_soon))
		w->wait_since = 0;
	if (m->state == OUT) {
		m->v = virtual_now(w) - v_of(m->owed, ent->weight);
		sum_add(w, m);
	} else {
		unhook(w, m);
	}
	become_ready(w, m);
}

static void wfq_sleep(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct wfq_engine *w = engine_of(s, engine);
	struct wfq_member *m = &((struct wfq_ent *)ent->policy)->m[engine];

	unhook(w, m);
	if (ent->running[engine])
		m->state = RUNNING;
	else
		leave(w, m, 0, now); /* cancelled, or its cap is used up */
	think_held(&m->think);
}

static void wfq_charge(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t ran_ns,
		       uint64_t now)
{
	struct wfq_engine *w = engine_of(s, engine);
	struct wfq_member *m = &((struct wfq_ent *)ent->policy)->m[engine];
	uint64_t charged = 0, ran = ran_ns < CHARGE_MAX ? ran_ns : CHARGE_MAX;
	enum wfq_state state = m->state;

	if (w->run == m) {
		charged = w->run_charged;
		w->run = NULL;
	}
	if (state == OUT) {
		/* Started under another policy: it joins to pay. */
		m->v = virtual_now(w);
		sum_add(w, m);
		m->state = state = RUNNING;
	}
	unhook(w, m);
	v_add(w, m, (int64_t)v_of(ran, m->weight) - (int64_t)v_of(charged, m->weight));
	think_ran(&m->think, ran);
	/* Forgotten slowly: one length for all makes the deadline order the right one. */
	w->unit = ran > w->unit ? ran : w->unit - (w->unit - ran) / 4096;
	if (state == READY)
		become_ready(w, m);
	else if (ent->running[engine])
		m->state = RUNNING;
	else if (list_empty(&ent->queue[engine])) {
		think_left(&m->think, now);
		leave(w, m, s->param[GRACE], now);
	} else {
		/* Its cap holds it back: it is not expected at once. */
		leave(w, m, 0, now);
	}
	catch_up(w);
}

static struct sched_ent *wfq_pick(struct sched *s, unsigned int engine, uint64_t now,
				  uint64_t *again)
{
	struct wfq_engine *w = engine_of(s, engine);
	struct wfq_member *m, *soon;

	if (s->nr_running[engine])
		return NULL;
	drop_capped(w, now);
	expire(w, s->param[GRACE], now);
	catch_up(w);
	m = first_of(&w->due);
	soon = first_of(&w->back_soon);
	if (soon && (!m || (int64_t)(soon->node.key - m->node.key) < 0)) {
		if (!w->wait_since)
			w->wait_since = now;
		*again = soon->left_at + s->param[GRACE];
		return NULL;
	}
	end_wait(w, soon, now);
	/* Rounding, or a member that is owed but not ready, may leave nobody due. */
	if (!m)
		m = first_of(&w->ahead);
	w->run = m;
	w->run_since = now;
	w->run_charged = 0;
	m->ent->slice_ns = s->param[SLICE];
	return m->ent;
}

static void wfq_changed(struct sched *s, struct sched_ent *ent, uint32_t old_weight, uint64_t now)
{
	struct wfq_ent *t = ent->policy;

	if (ent->weight == old_weight)
		return;
	for (unsigned int e = 0; e < s->nr_engines; e++) {
		struct wfq_engine *w = engine_of(s, e);
		struct wfq_member *m = &t->m[e];
		int64_t lag;

		if (m->state == OUT)
			continue;
		settle(w, now);
		/* What it is owed, or owes, stays what it is. */
		lag = (int64_t)((__int128)(int64_t)(virtual_now(w) - m->v) * m->weight / ent->weight);
		unhook(w, m);
		sum_del(w, m);
		m->v = virtual_now(w) - (uint64_t)lag;
		sum_add(w, m);
		if (m->state == READY)
			become_ready(w, m);
		else if (m->state != RUNNING)
			leave(w, m, 0, now);
		catch_up(w);
	}
}

static void wfq_dump(const struct sched *s, FILE *f)
{
	const struct wfq *q = s->policy_data;
	const struct sched_ent *ent;

	for (unsigned int e = 0; e < s->nr_engines; e++)
		list_for_each(ent, &s->ents, node) {
			const struct wfq_member *m = &((const struct wfq_ent *)ent->policy)->m[e];
			int64_t ahead = (int64_t)(m->v - q->e[e].base);

			if (m->state != OUT)
				fprintf(f, "  engine %u: %s: lag %" PRId64 " us\n", e, ent->name,
					(int64_t)(-(__int128)ahead * m->weight / V_ONE / 1000));
		}
}

const struct sched_policy sched_wfq = {
	.abi = SCHED_POLICY_ABI,
	.name = "wfq",
	.help = "weighted fair queueing by virtual time, lag at most one unit",
	.promises = SCHED_NO_STARVATION | SCHED_WEIGHTED,
	.params = wfq_params,
	.init = wfq_init,
	.fini = wfq_fini,
	.add = wfq_add,
	.del = wfq_del,
	.wake = wfq_wake,
	.sleep = wfq_sleep,
	.pick = wfq_pick,
	.charge = wfq_charge,
	.changed = wfq_changed,
	.dump = wfq_dump,
};

// SPDX-License-Identifier: MIT
/*
 * BAND, as the GPUvm authors' later branch has it: as CREDIT, but the first
 * who is not both out of budget and over its part is served, and before the
 * engine goes to one who is over its part, the one who ran last and is not
 * gets `grace` to come back.  The wait is what makes short works fair against
 * long ones, and what the engine idles for.
 */
#include "scheduler/budget.h"

static const struct sched_policy_param band_params[] = {
	{ "period", 30000000, 1000000, 10000000000, true, "budgets are handed out this often" },
	{ "grace", 500000, 0, 100000000, true, "how long the engine is kept for who ran last" },
	{ NULL, 0, 0, 0, false, NULL },
};

/* The first who is not (out of budget and over its part), else the first of all. */
static struct budget_ent *choose(struct budget *b, unsigned int engine)
{
	struct budget_engine *be = &b->e[engine];
	struct budget_ent *first = NULL;

	for (struct list *n = be->turns.next; n != &be->turns; n = n->next) {
		struct budget_ent *t = budget_at(n, engine);

		if (!first)
			first = t;
		if (t->e[engine].b >= 0 || !budget_over(b, t, engine))
			return t;
	}
	return first;
}

/*
 * Whether the engine should be kept a moment for cur before it goes to next.
 * Not if it is cur's cap that holds it back: the engine would idle for nothing.
 */
static bool worth_waiting(struct budget *b, unsigned int engine, const struct budget_ent *next)
{
	const struct budget_ent *cur = b->e[engine].cur;

	return cur && cur != next && !sched_ready(cur->ent, engine) && !cur->ent->capped[engine].in &&
	       budget_over(b, next, engine) && !budget_over(b, cur, engine) &&
	       next->e[engine].u > cur->e[engine].u;
}

static struct sched_ent *serve(struct sched *s, unsigned int engine, struct budget_ent *t)
{
	struct budget_engine *be = &((struct budget *)s->policy_data)->e[engine];

	be->held = NULL;
	be->cur = t;
	t->ent->slice_ns = sched_no_slice(s, engine);
	return t->ent;
}

static struct sched_ent *band_pick(struct sched *s, unsigned int engine, uint64_t now,
				   uint64_t *again)
{
	struct budget *b = s->policy_data;
	struct budget_engine *be = &b->e[engine];
	struct budget_ent *next;

	if (s->nr_running[engine])
		return NULL;
	if (be->held && sched_ready(be->held->ent, engine))
		return serve(s, engine, be->held);
	if (be->held && now < be->held_until) {
		*again = be->held_until;
		return NULL;
	}
	if (be->cur && sched_ready(be->cur->ent, engine)) {
		list_del(&be->cur->e[engine].turn);
		list_add_tail(&be->turns, &be->cur->e[engine].turn);
	}
	next = choose(b, engine);
	if (!be->held && s->param[BUDGET_GRACE] && worth_waiting(b, engine, next)) {
		be->held = be->cur;
		be->held_until = now + s->param[BUDGET_GRACE];
		*again = be->held_until;
		return NULL;
	}
	return serve(s, engine, next);
}

const struct sched_policy sched_band = {
	.abi = SCHED_POLICY_ABI,
	.name = "band",
	.help = "budgets, bandwidth used and hand-back, as in GPUvm's BAND",
	.promises = 0,
	.params = band_params,
	.init = budget_init,
	.fini = budget_fini,
	.add = budget_add,
	.del = budget_del,
	.wake = budget_wake,
	.sleep = budget_sleep,
	.pick = band_pick,
	.charge = budget_charge,
	.changed = budget_changed,
	.tick = budget_tick,
	.dump = budget_dump,
};

// SPDX-License-Identifier: MIT
/*
 * CREDIT, as the GPUvm authors' later branch has it: the one who ran last goes
 * to the back of the line; the first with budget left is served, else the
 * first of all.  It never waits, so who comes back a moment too late finds the
 * engine taken: short works lose against long ones.
 */
#include "scheduler/budget.h"

static const struct sched_policy_param credit_params[] = {
	{ "period", 30000000, 1000000, 10000000000, true, "budgets are handed out this often" },
	{ NULL, 0, 0, 0, false, NULL },
};

static struct sched_ent *credit_pick(struct sched *s, unsigned int engine, uint64_t now,
				     uint64_t *again)
{
	struct budget *b = s->policy_data;
	struct budget_engine *be = &b->e[engine];
	struct budget_ent *first = NULL;

	(void)now;
	(void)again;
	if (s->nr_running[engine])
		return NULL;
	if (be->cur && sched_ready(be->cur->ent, engine)) {
		list_del(&be->cur->e[engine].turn);
		list_add_tail(&be->turns, &be->cur->e[engine].turn);
	}
	for (struct list *n = be->turns.next; n != &be->turns; n = n->next) {
		struct budget_ent *t = budget_at(n, engine);

		if (!first || t->e[engine].b >= 0) {
			first = t;
			if (t->e[engine].b >= 0)
				break;
		}
	}
	be->cur = first;
	first->ent->slice_ns = sched_no_slice(s, engine);
	return first->ent;
}

const struct sched_policy sched_credit = {
	.abi = SCHED_POLICY_ABI,
	.name = "credit",
	.help = "budgets by period, as in GPUvm's CREDIT",
	.promises = SCHED_CONSERVING,
	.params = credit_params,
	.init = budget_init,
	.fini = budget_fini,
	.add = budget_add,
	.del = budget_del,
	.wake = budget_wake,
	.sleep = budget_sleep,
	.pick = credit_pick,
	.charge = budget_charge,
	.changed = budget_changed,
	.tick = budget_tick,
	.dump = budget_dump,
};

// SPDX-License-Identifier: MIT
/*
 * Round robin, the "best effort" of vendors: who has work takes turns of one
 * slice, longer by weight.  A turn ends early when the work runs out, and a
 * work longer than the slice is let run and not paid back: fair in turns, not
 * in time.
 */
#include "scheduler/turns.h"

enum { SLICE };

static const struct sched_policy_param rr_params[] = {
	{ "slice", 2000000, 10000, 1000000000, true, "length of a turn at the default weight" },
	{ NULL, 0, 0, 0, false, NULL },
};

static struct sched_ent *rr_pick(struct sched *s, unsigned int engine, uint64_t now, uint64_t *again)
{
	struct turn_engine *te = &((struct turns *)s->policy_data)->e[engine];

	(void)now;
	(void)again;
	if (s->nr_running[engine])
		return NULL;
	if (turns_over(te, engine)) {
		struct turn_ent *t = turns_rotate(te, engine);

		turns_begin(te, t, turns_by_weight(t->ent, s->param[SLICE]));
	}
	return turns_serve(te);
}

const struct sched_policy sched_rr = {
	.abi = SCHED_POLICY_ABI,
	.name = "rr",
	.help = "turns of one slice for who has work (best effort)",
	.promises = SCHED_CONSERVING | SCHED_NO_STARVATION,
	.params = rr_params,
	.init = turns_init,
	.fini = turns_fini,
	.add = turns_add,
	.del = turns_del,
	.wake = turns_wake,
	.sleep = turns_sleep,
	.pick = rr_pick,
	.charge = turns_charge,
};

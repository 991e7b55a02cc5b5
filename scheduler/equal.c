// SPDX-License-Identifier: MIT
/*
 * Equal share: who has work takes turns of one slice, longer by weight, and a
 * turn that ran over is paid back: each later turn is shorter by the debt over
 * the averaging factor, down to nothing.  So long works cost their owner
 * turns, not their neighbours time, as long as the neighbours stay ready.
 *
 * Always true: a debt is never negative.
 */
#include "scheduler/turns.h"

enum { SLICE, FACTOR };

static const struct sched_policy_param equal_params[] = {
	{ "slice", 0, 0, 1000000000, true, "length of a turn; 0: 2 ms up to 8 ents, else 1 ms" },
	{ "factor", 33, 1, 60, false, "turns over which an overshoot is paid back" },
	{ NULL, 0, 0, 0, false, NULL },
};

static uint64_t slice_of(const struct sched *s, const struct sched_ent *ent)
{
	return turns_by_weight(ent, s->param[SLICE] ? s->param[SLICE] : s->nr_ents <= 8 ? 2000000 : 1000000);
}

static void end_turn(struct turn_engine *te, unsigned int engine)
{
	if (te->cur && te->used > te->len)
		te->cur->debt[engine] += te->used - te->len;
	te->cur = NULL;
}

/* The length of t's next turn after what it pays back; 0: it is all paid away. */
static uint64_t turn_len(struct sched *s, struct turn_ent *t, unsigned int engine)
{
	uint64_t len = slice_of(s, t->ent), debt = t->debt[engine];
	uint64_t pay = debt / s->param[FACTOR] + (debt % s->param[FACTOR] != 0);

	pay = pay < len ? pay : len;
	t->debt[engine] -= pay;
	return len - pay;
}

static struct sched_ent *equal_pick(struct sched *s, unsigned int engine, uint64_t now,
				    uint64_t *again)
{
	struct turn_engine *te = &((struct turns *)s->policy_data)->e[engine];

	(void)now;
	(void)again;
	if (s->nr_running[engine])
		return NULL;
	if (turns_over(te, engine))
		end_turn(te, engine);
	/* Once round at most: when all would skip, the first does not, so that the engine works. */
	for (uint32_t left = s->ready[engine].nr; !te->cur; left--) {
		struct turn_ent *t = turns_rotate(te, engine);
		uint64_t len = turn_len(s, t, engine);

		if (len || !left)
			turns_begin(te, t, len);
	}
	return turns_serve(te);
}

const struct sched_policy sched_equal = {
	.abi = SCHED_POLICY_ABI,
	.name = "equal",
	.help = "turns for who has work, overshoot paid back",
	.promises = SCHED_CONSERVING | SCHED_NO_STARVATION | SCHED_WEIGHTED,
	.params = equal_params,
	.init = turns_init,
	.fini = turns_fini,
	.add = turns_add,
	.del = turns_del,
	.wake = turns_wake,
	.sleep = turns_sleep,
	.pick = equal_pick,
	.charge = turns_charge,
};

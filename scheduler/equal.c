// SPDX-License-Identifier: MIT
/*
 * Equal share: who has work takes turns of one slice, longer by weight, and a
 * turn that ran over is paid back: each later turn is shorter by the debt over
 * the averaging factor, down to nothing.  So long works cost their owner
 * turns, not their neighbours time, as long as the neighbours stay ready.
 *
 * Always true: an ent is on its engine's list iff it is ready there; a debt is
 * never negative.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"

enum { SLICE, FACTOR };

static const struct sched_policy_param equal_params[] = {
	{ "slice", 0, 0, 1000000000, true, "length of a turn; 0: 2 ms up to 8 ents, else 1 ms" },
	{ "factor", 33, 1, 60, false, "turns over which an overshoot is paid back" },
	{ NULL, 0, 0, 0, false, NULL },
};

struct equal_ent {
	struct sched_ent *ent;
	struct list turn[SCHED_MAX_ENGINES];
	uint64_t debt[SCHED_MAX_ENGINES];
};

struct equal {
	struct equal_engine {
		struct list turns;
		struct equal_ent *cur;
		uint64_t len, used; /* of cur's turn */
	} e[SCHED_MAX_ENGINES];
};

static int equal_init(struct sched *s, uint64_t now)
{
	struct equal *q = mem_new(struct equal);

	(void)now;
	s->policy_data = q;
	if (!q)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&q->e[e].turns);
	return 0;
}

static void equal_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

static int equal_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct equal_ent *t = mem_new(struct equal_ent);

	(void)s;
	(void)now;
	ent->policy = t;
	if (!t)
		return -ENOMEM;
	t->ent = ent;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&t->turn[e]);
	return 0;
}

static void equal_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct equal *q = s->policy_data;

	(void)now;
	for (unsigned int e = 0; e < s->nr_engines; e++)
		if (q->e[e].cur == ent->policy)
			q->e[e].cur = NULL;
	mem_free(ent->policy);
	ent->policy = NULL;
}

static void equal_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct equal *q = s->policy_data;
	struct equal_ent *t = ent->policy;

	(void)now;
	list_add_tail(&q->e[engine].turns, &t->turn[engine]);
}

static void equal_sleep(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct equal_ent *t = ent->policy;

	(void)s;
	(void)now;
	list_del(&t->turn[engine]);
}

static uint64_t slice_of(const struct sched *s, const struct sched_ent *ent)
{
	uint64_t ns = s->param[SLICE] ? s->param[SLICE] : s->nr_ents <= 8 ? 2000000 : 1000000;

	ns = ns * ent->weight / SCHED_WEIGHT_DEFAULT;
	return ns ? ns : 1;
}

static void end_turn(struct equal_engine *qe, unsigned int engine)
{
	if (qe->cur && qe->used > qe->len)
		qe->cur->debt[engine] += qe->used - qe->len;
	qe->cur = NULL;
}

/* The length of t's next turn after what it pays back; 0: it is all paid away. */
static uint64_t turn_len(struct sched *s, struct equal_ent *t, unsigned int engine)
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
	struct equal *q = s->policy_data;
	struct equal_engine *qe = &q->e[engine];

	(void)now;
	(void)again;
	if (s->nr_running[engine])
		return NULL;
	if (qe->cur && (!sched_ready(qe->cur->ent, engine) || qe->used >= qe->len))
		end_turn(qe, engine);
	/* Once round at most: when all would skip, the first does not, so that the engine works. */
	for (uint32_t left = s->ready[engine].nr; !qe->cur; left--) {
		struct list *first = qe->turns.next;
		struct equal_ent *t = list_entry(first - engine, struct equal_ent, turn[0]);
		uint64_t len = turn_len(s, t, engine);

		list_del(first);
		list_add_tail(&qe->turns, first);
		if (len || !left) {
			qe->cur = t;
			qe->len = len;
			qe->used = 0;
		}
	}
	qe->cur->ent->slice_ns = qe->len > qe->used ? qe->len - qe->used : 1;
	return qe->cur->ent;
}

static void equal_charge(struct sched *s, struct sched_ent *ent, unsigned int engine,
			 uint64_t ran_ns, uint64_t now)
{
	struct equal *q = s->policy_data;

	(void)now;
	if (q->e[engine].cur == ent->policy)
		q->e[engine].used += ran_ns;
}

const struct sched_policy sched_equal = {
	.abi = SCHED_POLICY_ABI,
	.name = "equal",
	.help = "turns for who has work, overshoot paid back",
	.promises = SCHED_CONSERVING | SCHED_NO_STARVATION | SCHED_WEIGHTED,
	.params = equal_params,
	.init = equal_init,
	.fini = equal_fini,
	.add = equal_add,
	.del = equal_del,
	.wake = equal_wake,
	.sleep = equal_sleep,
	.pick = equal_pick,
	.charge = equal_charge,
};

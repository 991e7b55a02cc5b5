// SPDX-License-Identifier: MIT
/*
 * Round robin, the "best effort" of vendors: who has work takes turns of one
 * slice, longer by weight.  A turn ends early when the work runs out, and a
 * work longer than the slice is let run and not paid back: fair in turns, not
 * in time.
 *
 * Always true: an ent is on its engine's list iff it is ready there; cur, if
 * any, is the one whose turn it is, ready or not.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"

enum { SLICE };

static const struct sched_policy_param rr_params[] = {
	{ "slice", 2000000, 10000, 1000000000, true, "length of a turn at the default weight" },
	{ NULL, 0, 0, 0, false, NULL },
};

struct rr_ent {
	struct sched_ent *ent;
	struct list turn[SCHED_MAX_ENGINES];
};

struct rr {
	struct rr_engine {
		struct list turns;
		struct rr_ent *cur;
		uint64_t used; /* of cur's turn */
	} e[SCHED_MAX_ENGINES];
};

static int rr_init(struct sched *s, uint64_t now)
{
	struct rr *rr = mem_new(struct rr);

	(void)now;
	s->policy_data = rr;
	if (!rr)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&rr->e[e].turns);
	return 0;
}

static void rr_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

static int rr_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct rr_ent *t = mem_new(struct rr_ent);

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

static void rr_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct rr *rr = s->policy_data;

	(void)now;
	for (unsigned int e = 0; e < s->nr_engines; e++)
		if (rr->e[e].cur == ent->policy)
			rr->e[e].cur = NULL;
	mem_free(ent->policy);
	ent->policy = NULL;
}

static void rr_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct rr *rr = s->policy_data;
	struct rr_ent *t = ent->policy;

	(void)now;
	list_add_tail(&rr->e[engine].turns, &t->turn[engine]);
}

static void rr_sleep(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct rr_ent *t = ent->policy;

	(void)s;
	(void)now;
	list_del(&t->turn[engine]);
}

static uint64_t slice_of(const struct sched *s, const struct sched_ent *ent)
{
	uint64_t ns = s->param[SLICE] * ent->weight / SCHED_WEIGHT_DEFAULT;

	return ns ? ns : 1;
}

static struct sched_ent *rr_pick(struct sched *s, unsigned int engine, uint64_t now, uint64_t *again)
{
	struct rr *rr = s->policy_data;
	struct rr_engine *re = &rr->e[engine];
	struct list *first = re->turns.next;

	(void)now;
	(void)again;
	if (s->nr_running[engine])
		return NULL;
	if (!re->cur || !sched_ready(re->cur->ent, engine) ||
	    re->used >= slice_of(s, re->cur->ent)) {
		re->cur = list_entry(first - engine, struct rr_ent, turn[0]);
		re->used = 0;
		list_del(first);
		list_add_tail(&re->turns, first);
	}
	re->cur->ent->slice_ns = slice_of(s, re->cur->ent) - re->used;
	return re->cur->ent;
}

static void rr_charge(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t ran_ns,
		      uint64_t now)
{
	struct rr *rr = s->policy_data;

	(void)now;
	if (rr->e[engine].cur == ent->policy)
		rr->e[engine].used += ran_ns;
}

const struct sched_policy sched_rr = {
	.abi = SCHED_POLICY_ABI,
	.name = "rr",
	.help = "turns of one slice for who has work (best effort)",
	.promises = SCHED_CONSERVING | SCHED_NO_STARVATION,
	.params = rr_params,
	.init = rr_init,
	.fini = rr_fini,
	.add = rr_add,
	.del = rr_del,
	.wake = rr_wake,
	.sleep = rr_sleep,
	.pick = rr_pick,
	.charge = rr_charge,
};

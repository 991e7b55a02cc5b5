// SPDX-License-Identifier: MIT
/*
 * Turns of who has work.  A turn ends when its length is used up or its owner
 * has nothing more to do; how long it is is the policy's question.
 *
 * Always true: an ent is on its engine's line iff it is ready there.
 */
#include "scheduler/turns.h"

#include <errno.h>

#include "gpuvm/base/mem.h"

int turns_init(struct sched *s, uint64_t now)
{
	struct turns *q = mem_new(struct turns);

	(void)now;
	s->policy_data = q;
	if (!q)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&q->e[e].line);
	return 0;
}

void turns_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

int turns_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct turn_ent *t = mem_new(struct turn_ent);

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

void turns_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct turns *q = s->policy_data;

	(void)now;
	for (unsigned int e = 0; e < s->nr_engines; e++)
		if (q->e[e].cur == ent->policy)
			q->e[e].cur = NULL;
	mem_free(ent->policy);
	ent->policy = NULL;
}

void turns_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct turns *q = s->policy_data;
	struct turn_ent *t = ent->policy;

	(void)now;
	list_add_tail(&q->e[engine].line, &t->turn[engine]);
}

void turns_sleep(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct turn_ent *t = ent->policy;

	(void)s;
	(void)now;
	list_del(&t->turn[engine]);
}

void turns_charge(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t ran_ns,
		  uint64_t now)
{
	struct turns *q = s->policy_data;

	(void)now;
	if (q->e[engine].cur == ent->policy)
		q->e[engine].used += ran_ns;
}

bool turns_over(const struct turn_engine *te, unsigned int engine)
{
	return !te->cur || !sched_ready(te->cur->ent, engine) || te->used >= te->len;
}

struct turn_ent *turns_rotate(struct turn_engine *te, unsigned int engine)
{
	struct list *first = te->line.next;

	list_del(first);
	list_add_tail(&te->line, first);
	return list_entry(first - engine, struct turn_ent, turn[0]);
}

void turns_begin(struct turn_engine *te, struct turn_ent *t, uint64_t len)
{
	te->cur = t;
	te->len = len;
	te->used = 0;
}

struct sched_ent *turns_serve(struct turn_engine *te)
{
	te->cur->ent->slice_ns = te->len > te->used ? te->len - te->used : 1;
	return te->cur->ent;
}

uint64_t turns_by_weight(const struct sched_ent *ent, uint64_t ns)
{
	ns = ns * ent->weight / SCHED_WEIGHT_DEFAULT;
	return ns ? ns : 1;
}

// SPDX-License-Identifier: MIT
/*
 * Budgets by period, after the later generation of GPUvm's own scheduler.
 *
 * Each period P hands out what the engine did in it, (P - idle), by weight;
 * what an ent runs is taken from its budget b.  b beyond P is halved, below -P
 * cut to -P.  After IDLE_WINDOWS periods without work everybody starts anew.
 * u is what an ent used in a window of N + 1 periods (works are not preempted,
 * so each may hold the engine once); at the window's end the mean is taken off.
 *
 * Always true: an ent is on its engine's turns iff it is ready there; weights
 * is the sum of the ents' weights.
 */
#include "scheduler/budget.h"

#include <errno.h>
#include <inttypes.h>

#include "gpuvm/base/mem.h"

#define IDLE_WINDOWS 100u

int budget_init(struct sched *s, uint64_t now)
{
	struct budget *b = mem_new(struct budget);

	s->policy_data = b;
	if (!b)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&b->e[e].turns);
	b->period_end = now + s->param[BUDGET_PERIOD];
	return 0;
}

void budget_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

int budget_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct budget *b = s->policy_data;
	struct budget_ent *t = mem_new(struct budget_ent);

	(void)now;
	ent->policy = t;
	if (!t)
		return -ENOMEM;
	t->ent = ent;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		list_init(&t->e[e].turn);
	b->weights += ent->weight;
	return 0;
}

void budget_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct budget *b = s->policy_data;
	struct budget_ent *t = ent->policy;

	(void)now;
	if (!t)
		return;
	b->weights -= ent->weight;
	for (unsigned int e = 0; e < s->nr_engines; e++) {
		if (b->e[e].cur == t)
			b->e[e].cur = NULL;
		if (b->e[e].held == t)
			b->e[e].held = NULL;
	}
	mem_free(t);
	ent->policy = NULL;
}

void budget_changed(struct sched *s, struct sched_ent *ent, uint32_t old_weight, uint64_t now)
{
	struct budget *b = s->policy_data;

	(void)now;
	b->weights += ent->weight;
	b->weights -= old_weight;
}

void budget_wake(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct budget *b = s->policy_data;
	struct budget_ent *t = ent->policy;

	(void)now;
	list_add_tail(&b->e[engine].turns, &t->e[engine].turn);
}

void budget_sleep(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t now)
{
	struct budget_ent *t = ent->policy;

	(void)s;
	(void)now;
	list_del(&t->e[engine].turn);
}

void budget_charge(struct sched *s, struct sched_ent *ent, unsigned int engine, uint64_t ran_ns,
		   uint64_t now)
{
	struct budget *b = s->policy_data;
	struct budget_ent *t = ent->policy;
	/* One work cannot unhinge the sums, however long it claims to have run. */
	int64_t ran = ran_ns < INT64_MAX / 65536 ? (int64_t)ran_ns : INT64_MAX / 65536;

	(void)now;
	t->e[engine].b -= ran;
	t->e[engine].u += ran;
	b->e[engine].busy += (uint64_t)ran;
	b->e[engine].window_busy += (uint64_t)ran;
}

bool budget_over(const struct budget *b, const struct budget_ent *t, unsigned int engine)
{
	return t->e[engine].u > (int64_t)(b->e[engine].window_busy * (t->ent->weight * 1.0 /
								      (double)b->weights));
}

static int64_t by_weight(const struct budget *b, const struct sched_ent *ent, int64_t ns)
{
	return b->weights ? (int64_t)((double)ns * ent->weight / (double)b->weights) : 0;
}

static void end_period(struct sched *s, struct budget *b, unsigned int engine)
{
	struct budget_engine *be = &b->e[engine];
	int64_t p = (int64_t)s->param[BUDGET_PERIOD];
	int64_t worked = be->busy < (uint64_t)p ? (int64_t)be->busy : p;
	bool anew = false;
	struct sched_ent *ent;

	if (be->busy)
		be->idle_windows = 0;
	else
		anew = ++be->idle_windows == IDLE_WINDOWS;
	list_for_each(ent, &s->ents, node) {
		struct budget_account *a = &((struct budget_ent *)ent->policy)->e[engine];

		if (anew) {
			a->b = by_weight(b, ent, p);
			a->u = 0;
			continue;
		}
		a->b += by_weight(b, ent, worked);
		if (a->b > p)
			a->b /= 2;
		if (a->b < -p)
			a->b = -p;
	}
	/* A work longer than a period was charged in one: the rest of it counts in the next. */
	be->busy -= (uint64_t)worked;
}

static void end_window(struct sched *s, struct budget *b, unsigned int engine)
{
	int64_t used = 0, floor = -2 * (int64_t)(s->nr_ents + 1) * (int64_t)s->param[BUDGET_PERIOD];
	struct sched_ent *ent;

	list_for_each(ent, &s->ents, node)
		used += ((struct budget_ent *)ent->policy)->e[engine].u;
	list_for_each(ent, &s->ents, node) {
		struct budget_account *a = &((struct budget_ent *)ent->policy)->e[engine];

		a->u -= by_weight(b, ent, used);
		if (a->u < floor)
			a->u = 0;
	}
	b->e[engine].window_busy = 0;
}

uint64_t budget_tick(struct sched *s, uint64_t now)
{
	struct budget *b = s->policy_data;
	uint64_t p = s->param[BUDGET_PERIOD];
	bool idle = true;

	/* Beyond this many periods nothing changes any more: everybody has started anew. */
	for (uint32_t n = 0; now >= b->period_end && n <= IDLE_WINDOWS; n++) {
		b->period_end += p;
		for (unsigned int e = 0; e < s->nr_engines; e++)
			end_period(s, b, e);
		if (++b->periods < s->nr_ents + 1)
			continue;
		b->periods = 0;
		for (unsigned int e = 0; e < s->nr_engines; e++)
			end_window(s, b, e);
	}
	if (now >= b->period_end)
		b->period_end = now + p;
	for (unsigned int e = 0; e < s->nr_engines; e++)
		idle &= b->e[e].idle_windows > IDLE_WINDOWS && !s->ready[e].nr && !s->nr_running[e];
	return idle ? SCHED_NEVER : b->period_end;
}

void budget_dump(const struct sched *s, FILE *f)
{
	const struct budget *b = s->policy_data;
	const struct sched_ent *ent;

	for (unsigned int e = 0; e < s->nr_engines; e++) {
		if (b->e[e].held)
			fprintf(f, "  engine %u waits for %s\n", e, b->e[e].held->ent->name);
		list_for_each(ent, &s->ents, node) {
			const struct budget_account *a =
				&((const struct budget_ent *)ent->policy)->e[e];

			fprintf(f, "  engine %u: %s: budget %" PRId64 " us, used %" PRId64 " us\n", e,
				ent->name, a->b / 1000, a->u / 1000);
		}
	}
}

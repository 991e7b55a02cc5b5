/* SPDX-License-Identifier: MIT */
/*
 * Budgets by period: the book-keeping that CREDIT and BAND share.  Private to
 * those two.
 */
#ifndef SCHEDULER_BUDGET_H
#define SCHEDULER_BUDGET_H

#include "scheduler/sched.h"

enum budget_param { BUDGET_PERIOD, BUDGET_GRACE };

struct budget_ent {
	struct sched_ent *ent;
	struct budget_account {
		struct list turn; /* on the engine's turns while ready */
		int64_t b;	  /* budget left, ns */
		int64_t u;	  /* used, less what the others used on average, ns */
	} e[SCHED_MAX_ENGINES];
};

struct budget {
	struct budget_engine {
		struct list turns;
		struct budget_ent *cur; /* who ran last */
		uint64_t busy, window_busy; /* engine time in this period, and in this window */
		uint32_t idle_windows;
		struct budget_ent *held; /* whom the engine waits for */
		uint64_t held_until;
	} e[SCHED_MAX_ENGINES];
	uint64_t period_end;
	uint32_t periods; /* of this window */
	uint64_t weights; /* sum over ents */
};

int budget_init(struct sched *, uint64_t now);
void budget_fini(struct sched *);
int budget_add(struct sched *, struct sched_ent *, uint64_t now);
void budget_del(struct sched *, struct sched_ent *, uint64_t now);
void budget_wake(struct sched *, struct sched_ent *, unsigned int engine, uint64_t now);
void budget_sleep(struct sched *, struct sched_ent *, unsigned int engine, uint64_t now);
void budget_charge(struct sched *, struct sched_ent *, unsigned int engine, uint64_t ran_ns,
		   uint64_t now);
void budget_changed(struct sched *, struct sched_ent *, uint32_t old_weight, uint64_t now);
uint64_t budget_tick(struct sched *, uint64_t now);
void budget_dump(const struct sched *, FILE *);
/* Whether it used more than its part of what the engine did in this window. */
bool budget_over(const struct budget *, const struct budget_ent *, unsigned int engine);

static inline struct budget_ent *budget_at(struct list *n, unsigned int engine)
{
	struct budget_account *a = container_of(n, struct budget_account, turn);

	return container_of(a - engine, struct budget_ent, e[0]);
}

#endif

/* SPDX-License-Identifier: MIT */
/* Turns: the book-keeping that RR and EQUAL share.  Private to those two. */
#ifndef SCHEDULER_TURNS_H
#define SCHEDULER_TURNS_H

#include "scheduler/sched.h"

struct turn_ent {
	struct sched_ent *ent;
	struct list turn[SCHED_MAX_ENGINES];	/* on the engine's line while ready */
	uint64_t debt[SCHED_MAX_ENGINES];	/* overrun to be paid back, ns; 0 for who never pays */
};

struct turns {
	struct turn_engine {
		struct list line;
		struct turn_ent *cur; /* whose turn it is, ready or not; NULL between turns */
		uint64_t len, used;   /* of cur's turn */
	} e[SCHED_MAX_ENGINES];
};

int turns_init(struct sched *, uint64_t now);
void turns_fini(struct sched *);
int turns_add(struct sched *, struct sched_ent *, uint64_t now);
void turns_del(struct sched *, struct sched_ent *, uint64_t now);
void turns_wake(struct sched *, struct sched_ent *, unsigned int engine, uint64_t now);
void turns_sleep(struct sched *, struct sched_ent *, unsigned int engine, uint64_t now);
void turns_charge(struct sched *, struct sched_ent *, unsigned int engine, uint64_t ran_ns, uint64_t now);

/* Whether cur's turn is over: its length is used up, or it has nothing to do; also if there is no cur. */
bool turns_over(const struct turn_engine *, unsigned int engine);
/* The first of the line goes to its back; somebody must be ready. */
struct turn_ent *turns_rotate(struct turn_engine *, unsigned int engine);
/* t's turn begins. */
void turns_begin(struct turn_engine *, struct turn_ent *t, uint64_t len);
/* cur, with what is left of its turn as its slice. */
struct sched_ent *turns_serve(struct turn_engine *);
/* ns at weight 256; never 0. */
uint64_t turns_by_weight(const struct sched_ent *, uint64_t ns);

#endif

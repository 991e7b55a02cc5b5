/* SPDX-License-Identifier: MIT */
/* Arrival order, for policies that go by it. */
#ifndef SCHEDULER_OLDEST_H
#define SCHEDULER_OLDEST_H

#include "scheduler/sched.h"

/* The ready ent whose first work on engine arrived before all others'; NULL if nobody is ready. */
static inline struct sched_ent *sched_oldest(const struct sched *s, unsigned int engine)
{
	struct sched_heap_node *n = sched_heap_first(&s->ready[engine]);

	return n ? container_of(n - engine, struct sched_ent, ready[0]) : NULL;
}

#endif

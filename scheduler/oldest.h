/* SPDX-License-Identifier: MIT */
/* Arrival order, for policies that go by it. */
#ifndef SCHEDULER_OLDEST_H
#define SCHEDULER_OLDEST_H

#include "scheduler/sched.h"

/* The ent whose first work on engine arrived before all others'; NULL if none is queued. */
static inline struct sched_ent *sched_oldest(const struct sched *s, unsigned int engine)
{
	struct sched_ent *ent, *best = NULL;
	uint64_t best_seq = UINT64_MAX;

	list_for_each(ent, &s->ents, node) {
		const struct sched_work *w =
			list_first(&ent->queue[engine], struct sched_work, node);

		if (w && w->seq < best_seq) {
			best = ent;
			best_seq = w->seq;
		}
	}
	return best;
}

#endif

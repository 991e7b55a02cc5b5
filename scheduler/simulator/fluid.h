/* SPDX-License-Identifier: MIT */
/*
 * Ideal sharing, against which lag is measured: at each moment the engine's
 * work is divided, by weight, among the flows that have work, however finely.
 *
 * A flow's lag is what ideal sharing would have given it since it last had
 * nothing to do, less what it had.  Lags add up to zero.  A flow that is ahead
 * (lag < 0) when its work ends still counts until ideal sharing has come up to
 * it; one that is behind gives up what it was owed to the others.  For flows
 * that always have work this is generalized processor sharing.
 */
#ifndef SCHEDULER_SIMULATOR_FLUID_H
#define SCHEDULER_SIMULATOR_FLUID_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/heap.h"

struct fluid_flow {
	struct sched_heap_node ahead; /* by v, while it only counts because it was ahead */
	double weight, v;	      /* v: what it had, over weight, in the engine's virtual time */
	bool counts, has_work;
};

struct fluid {
	struct sched_heap ahead;
	double v; /* mean of the counting flows' v, by weight; the last one's when none counts */
	double weights;
};

/* The flow has work from now on, or has none any more. */
void fluid_work(struct fluid *, struct fluid_flow *, bool has_work);
/* It had the engine for ns. */
void fluid_serve(struct fluid *, struct fluid_flow *, double ns);
static inline double fluid_lag(const struct fluid *f, const struct fluid_flow *w)
{
	return w->counts ? (f->v - w->v) * w->weight : 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Ideal sharing: an engine that serves everybody with work at once, each by
 * weight (generalized processor sharing).  What policies are measured against.
 */
#ifndef SCHEDULER_SIMULATOR_FLUID_H
#define SCHEDULER_SIMULATOR_FLUID_H

#include <stdint.h>

#include "scheduler/heap.h"

struct fluid_flow {
	struct sched_heap_node node; /* by finish, while it has work */
	double weight, finish;	     /* virtual time at which its work is done */
	double arrived;		     /* ns of work in all */
};

struct fluid {
	struct sched_heap busy;
	double v, weights;
	uint64_t at;
};

void fluid_arrive(struct fluid *, struct fluid_flow *, uint64_t size, uint64_t now);
/* What it has had until now, ns. */
double fluid_served(struct fluid *, const struct fluid_flow *, uint64_t now);

#endif

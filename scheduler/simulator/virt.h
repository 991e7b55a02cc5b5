/* SPDX-License-Identifier: MIT */
/*
 * One run of a mix under a policy, in virtual time: the live scheduler's own
 * code over engines that do nothing but take time.
 */
#ifndef SCHEDULER_SIMULATOR_VIRT_H
#define SCHEDULER_SIMULATOR_VIRT_H

#include <stdio.h>

#include "scheduler/simulator/measure.h"
#include "scheduler/simulator/mix.h"

struct timeline; /* timeline.h */

struct virt_cfg {
	const struct mix *mix;
	struct sched_choice *choice; /* its shared object is taken over */
	uint64_t seed;
	struct timeline *timeline; /* borrowed; NULL: none */
};

struct virt_result {
	struct measure *engine[SCHED_MAX_ENGINES]; /* owned; NULL beyond the mix's engines */
	uint64_t arrivals, refused, picks, events;
	char policy[32], params[256];
};

/* 0, -ENOMEM, or -EPROTO with a line in msg if the scheduler broke a rule. */
int virt_run(const struct virt_cfg *, struct virt_result *out, char *msg, size_t n);
void virt_result_free(struct virt_result *);

#endif

/* SPDX-License-Identifier: MIT */
/* The workers, and what a launch and its workers tell each other.  sm.h says what is always true. */
#ifndef GPUVM_DEV_SIM_SM_POOL_H
#define GPUVM_DEV_SIM_SM_POOL_H

#include "gpuvm/dev/sim/sm/isa.h"

struct sm {
	struct sim *sim;
	enum sm_isa isa;
	uint32_t nr;
	struct worker **worker; /* nr of them; [0] belongs to whoever calls sm_run() */
	pthread_mutex_t lock;
	pthread_cond_t go, done;
	uint64_t turn;	   /* grows with each call for help */
	uint32_t running;  /* helpers still at work */
	struct sm_launch *launch;
	const struct engine_ctx *ctx;
	bool quit;
	uint64_t *tally; /* owned; NULL: nobody asked */
	uint32_t share;	 /* how many workers the grid under way, or the last one, can occupy; 0: none yet */
	int64_t beside;	 /* sm_beside() without what is under way */
};

/* Warp instructions between two looks at stop and two holds of dma_lock: below a millisecond. */
#define SLICE 20000

#endif

/* SPDX-License-Identifier: MIT */
/* `gpuvm-bench sched`: policies live.  sched_live.c runs guests, sched.c compares. */
#ifndef BENCH_SCHED_H
#define BENCH_SCHED_H

#include "bench/bench.h"

#define SCHED_GUESTS_MAX 12 /* with 128 MiB each they fit the card */

/* One kind of guest: what it launches, and what gpuvm run is told of it. */
struct sched_kind {
	const char *name;
	const char *steps;	    /* of the kernel spin */
	const char *queues, *depth; /* depth 1: each kernel is waited for before the next is launched */
	const char *every;	    /* us between two launches; NULL: as fast as they go */
	const char *option, *value; /* of gpuvm run; NULL: none */
};

/* Guests are of the two kinds in turn. */
struct sched_shape {
	const char *name, *help;
	struct sched_kind kind[2];
	const char *policies; /* NULL: the usual ones, and no holding as the floor */
};

struct sched_live {
	struct bench *b;
	const struct sched_shape *shape;
	const char *policy;
	unsigned int nr, seconds; /* guests; how long the last one to start works */
	unsigned int late;	  /* the odd ones start so many seconds later */
	char trace[4200];	  /* where the daemon records */
	double steps;		  /* result: of all guests' kernels, a second of the time all worked */
};

/* One daemon, all guests, to the end; the trace is written.  0, or -1 after a line on stderr. */
int sched_live_run(struct sched_live *);

#endif

/* SPDX-License-Identifier: MIT */
/* `gpuvm-bench modes`: workloads in every mode.  modes.c runs them, modes_report.c shows what came out. */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "bench/bench.h"

#define MODES_MAX 12
#define MODES_WORK_MAX 26

/*
 * As gpuvm-work names them; but MODES_CLOSE is all that the others leave of the
 * process's life, for the driver closes when the process ends.
 */
enum modes_phase {
	MODES_INIT,
	MODES_BUILD, /* the OpenCL compiler's time: no GPU in it */
	MODES_HTOD,
	MODES_LAUNCH,
	MODES_DTOH,
	MODES_CLOSE,
	NR_MODES_PHASES
};

/* A way to reach the GPU; the first one of the table is what the others are compared with. */
struct modes_config {
	const char *name, *mode; /* mode: as gpuvm run --mode takes it */
	/* Most times native that is aimed at for whole programs; 0: no aim. */
	double compute_bound, init_bound;
};

/* One workload in one configuration: the median run. */
struct modes_cell {
	bool ran, verified; /* verified: right by the workload's own check, and bit-identical to native */
	double seconds;	    /* of the whole process */
	double phase[NR_MODES_PHASES]; /* seconds */
	double driver_seconds; /* the same without the compiler's */
	char checksum[20];
	json_t *counters; /* owned: the guest's, by the paper's names; NULL natively */
};

struct modes {
	struct bench *b;
	const char *size;
	unsigned int nr_configs, nr_works, repeat;
	const struct modes_config *config;
	const char *work[MODES_WORK_MAX]; /* into a table, or into names */
	char names[400];
	struct modes_cell cell[MODES_WORK_MAX][MODES_MAX];
};

extern const char *const modes_phase[NR_MODES_PHASES];

/* A table on standard output, a row of JSON for each cell, a plot if b->out names a folder.  0, or 1 after a line. */
int modes_report(struct modes *);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * gpuvm-work: OpenCL workloads, each checked against a reference on the CPU.
 *
 * 1. A workload is a table entry: setup() makes the input, run() launches,
 *    check() computes what must come out.  Moving data, timing, comparing and
 *    reporting are the same for all of them (job.c).
 * 2. Input depends on the seed and the size, or on a file, only, so output can be compared
 *    between devices and modes by its checksum.
 * 3. Errors are sticky: after the first, which has printed its line, every
 *    job_ call does nothing.  A workload looks at job.err only where it loops
 *    on what the device answered.
 * 4. Where a product is added to something, kernels and references say fma:
 *    whether a compiler fuses the two must not decide the result.
 */
#ifndef BENCH_WORK_WORK_H
#define BENCH_WORK_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/work/cl.h"
#include "bench/work/rng.h"
#include "bench/work/table.h"

/* What n, iters and extra count is the workload's own; its file says. */
struct work_size {
	uint32_t n, iters, extra;
};

enum size_name { SIZE_TINY, SIZE_PAPER, SIZE_STRESS, NR_SIZES };
/* The phases of the paper's breakdown. */
/* BUILD is the OpenCL compiler's, which needs no GPU; the paper's programs came compiled. */
enum phase { PHASE_INIT, PHASE_BUILD, PHASE_HTOD, PHASE_LAUNCH, PHASE_DTOH, PHASE_CLOSE, NR_PHASES };

struct job;
struct work {
	const char *name, *help;
	const char *program; /* bench/kernels/<program>.cl, or NULL: no kernel */
	struct work_size size[NR_SIZES];
	void (*setup)(struct job *); /* buffers and input; nothing is open yet */
	/*
	 * In place of setup(), from a table of so many columns; fills sz.n too.  NULL: input is always
	 * generated.
	 */
	void (*load)(struct job *, const struct table *);
	unsigned int columns;
	const char *row; /* what they are, for --list */
	/*
	 * Everything between HtoD and DtoH; NULL: nothing.  May run several times, each with fresh
	 * input.
	 */
	void (*run)(struct job *);
	/* Fills want of each buffer with BUF_OUT, which starts as a copy of in. */
	void (*check)(struct job *);
};

enum {
	BUF_IN = 1,	/* written to the device before run() */
	BUF_OUT = 2,	/* read back after run(), compared, part of the checksum */
	BUF_PINNED = 4, /* device object in host memory */
	BUF_HOST = 8,	/* no device object; with BUF_OUT, run() fills out itself */
};

enum buf_kind { BUF_BITS, BUF_FLOAT };

struct buf {
	const char *name;
	size_t len;
	unsigned int flags;
	enum buf_kind kind;
	float rel, abs;	      /* BUF_FLOAT: |got - want| <= rel * |want| + abs */
	void *in, *out, *want; /* owned; out and want only with BUF_OUT */
	cl_mem mem;	      /* owned while the device is open */
};

/* How pulse goes; 0: as its size says. */
struct pace {
	uint32_t seconds; /* until when it begins another kernel */
	uint32_t steps;	  /* how long a kernel is */
	uint32_t queues;  /* 1 to CL_QUEUES: each is waited for by a thread of its own */
	uint32_t every_us; /* between two launches; 0: as fast as they go */
	uint32_t depth;	  /* kernels of a queue that are under way; 1: each is waited for */
};
#define PACE_DEPTH_MAX 64

#define JOB_BUFS 12

struct job {
	const struct work *work; /* borrowed */
	struct work_size sz;
	const char *input; /* file, borrowed; NULL: from the seed */
	uint32_t seed;
	struct rng rng;
	struct cl cl;
	struct buf buf[JOB_BUFS];
	unsigned int nr_bufs;
	int err; /* the first one */
	enum phase phase;
	uint64_t phase_start; /* ns */
	uint64_t ns[NR_PHASES];
	uint64_t launches; /* of one run() */
	float param[16];   /* for what setup() hands on to run() and check() */
	struct pace pace;
};

/* A zeroed buffer of len bytes.  Out of memory ends the program. */
struct buf *job_buf(struct job *, const char *name, size_t len, unsigned int flags);
/* Compare as floats. */
void buf_tolerance(struct buf *, float rel, float abs);
void *job_host(size_t len); /* zeroed scratch for mem_free(); out of memory ends the program */

/* From here on time counts for p. */
void job_phase(struct job *, enum phase p);
/* Prints "gpuvm-work: <workload>: ..." for the first error. */
void job_fail(struct job *, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for what is wrong with a row of the input. */
void job_fail_row(struct job *, const struct table *, uint32_t row, const char *what);

/*
 * All phases once (repeat times HtoD to DtoH); us[p] gets the median of each.  0 or negative errno
 * after a line.
 */
int job_run(struct job *, unsigned int repeat, double us[NR_PHASES]);
/* Computes and compares; 0, or -EILSEQ after a line that names the first difference. */
int job_check(struct job *);
/* FNV-1a over every byte of every buffer with BUF_OUT. */
uint64_t job_checksum(const struct job *);
void job_fini(struct job *);

/* Every workload, NULL last. */
extern const struct work *const work_all[];

extern const struct work work_nop, work_loop, work_madd, work_mmul, work_fmadd, work_fmmul,
	work_vadd;
extern const struct work work_cpy, work_pincpy, work_backprop, work_bfs, work_heartwall,
	work_hotspot;
extern const struct work work_lud, work_nn, work_nw, work_srad, work_srad2, work_gaussian;
extern const struct work work_pathfinder, work_kmeans, work_nbody;
extern const struct work work_many, work_trip, work_churn, work_side, work_pulse;

#endif

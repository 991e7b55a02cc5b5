/* SPDX-License-Identifier: MIT */
/* The OpenCL objects of one job: one device, some queues, one program. */
#ifndef BENCH_WORK_CL_H
#define BENCH_WORK_CL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stddef.h>
#include <stdint.h>

#define CL_KERNELS 8
#define CL_QUEUES 4

struct cl {
	cl_device_id dev;
	char name[200]; /* the device's; kept after close */
	cl_context ctx;
	cl_command_queue q[CL_QUEUES]; /* all but the first are made when they are first used */
	cl_program prog;
	struct {
		const char *name;
		cl_kernel k;
	} kern[CL_KERNELS];
	unsigned int nr_kerns;
};

/* Generated from bench/kernels; a NULL name ends it. */
struct kernel_file {
	const char *name, *text;
};
extern const struct kernel_file kernel_files[];

struct job;
struct buf;
/*
 * Takes the first GPU, else the first device of any kind; the job's error is -ENODEV if there is
 * none.
 */
void cl_open(struct job *);
/* Accepts what was only half opened; runs after an error too. */
void cl_close(struct job *);
void cl_buf(struct job *, struct buf *);

struct grid {
	unsigned int dim, queue;
	size_t global[2], local[2];
};

static inline struct grid grid1(size_t global, size_t local)
{
	return (struct grid){ .dim = 1, .global = { global, 1 }, .local = { local, 1 } };
}

static inline struct grid grid2(size_t gx, size_t gy, size_t lx, size_t ly)
{
	return (struct grid){ .dim = 2, .global = { gx, gy }, .local = { lx, ly } };
}

/* n rounded up to whole groups of g. */
static inline size_t groups_of(size_t n, size_t g)
{
	return (n + g - 1) / g * g;
}

/*
 * Enqueues one kernel.  args has one letter for each: b struct buf *,
 * m cl_mem *, u uint32_t, i int32_t, f double (handed on as float).
 */
void job_launch(struct job *, const char *kernel, struct grid, const char *args, ...);
/* The whole buffer, waiting. */
void job_write(struct job *, struct buf *, const void *from);
void job_read(struct job *, struct buf *, size_t at, void *to, size_t len);
void job_copy(struct job *, struct buf *from, struct buf *to);
/* mode: CL_MAP_READ or CL_MAP_WRITE_INVALIDATE_REGION; NULL after an error. */
void *job_map(struct job *, cl_mem, size_t len, cl_map_flags mode);
void job_unmap(struct job *, cl_mem, void *);
void job_flush(struct job *, unsigned int queue);
/* Flushes; what to wait for until all that the queue has now is done, or NULL after an error.  job_wait() takes it. */
cl_event job_mark(struct job *, unsigned int queue);
void job_wait(struct job *, cl_event); /* accepts NULL */
/* Waits for all queues. */
void job_finish(struct job *);

#endif

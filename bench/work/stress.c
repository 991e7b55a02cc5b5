// SPDX-License-Identifier: MIT
/*
 * Shapes that strain the way to the device rather than its cores.
 *
 *   many   iters tiny kernels on n words, one wait at the end
 *   trip   the same, waiting after each
 *   churn  iters times: a buffer is made, mapped, filled, used, mapped, read, released
 *   side   a kernel of `extra` steps on one queue, iters tiny ones on another beside it
 */
#include <string.h>

#include "bench/work/work.h"

enum { X, LONG };
#define CHURN_WORDS_MAX 65536

static void fill(struct job *j, struct buf *b)
{
	for (size_t i = 0; i < b->len / 4; i++)
		((uint32_t *)b->in)[i] = rng_u32(&j->rng);
}

static void setup_words(struct job *j)
{
	fill(j, job_buf(j, "x", j->sz.n * 4ul, BUF_IN | BUF_OUT));
}

static void bumps(struct job *j, unsigned int queue, bool wait)
{
	struct grid g = grid1(j->sz.n, 64);

	g.queue = queue;
	for (uint32_t i = 0; i < j->sz.iters && !j->err; i++) {
		job_launch(j, "bump", g, "bu", &j->buf[X], i);
		if (wait)
			job_finish(j);
	}
}

static void run_many(struct job *j)
{
	bumps(j, 0, false);
}

static void run_trip(struct job *j)
{
	bumps(j, 0, true);
}

static void check_words(struct job *j)
{
	uint32_t *x = j->buf[X].want;

	for (uint32_t i = 0; i < j->sz.n; i++)
		for (uint32_t k = 0; k < j->sz.iters; k++)
			x[i] = x[i] * 3 + k;
}

static void setup_side(struct job *j)
{
	setup_words(j);
	fill(j, job_buf(j, "long", 64 * 4, BUF_IN | BUF_OUT));
}

static void run_side(struct job *j)
{
	struct grid g = grid1(64, 32);

	job_launch(j, "spin", g, "bu", &j->buf[LONG], j->sz.extra);
	job_flush(j, 0);
	bumps(j, 1, false);
}

static void check_side(struct job *j)
{
	uint32_t *x = j->buf[LONG].want;

	check_words(j);
	for (unsigned int i = 0; i < 64; i++)
		for (uint32_t k = 0; k < j->sz.extra; k++)
			x[i] = x[i] * 1664525u + 1013904223u;
}

/* ---- churn: round i has a buffer of its own size and leaves the sum of what came out --------- */

static uint32_t churn_words(const struct job *j, uint32_t round)
{
	struct rng r = { .state = j->seed + round * 31ull };

	return 1 + rng_below(&r, j->sz.n);
}

static uint32_t churn_word(const struct job *j, uint32_t round, uint32_t i)
{
	return (i + j->seed) * 2654435761u + round;
}

static void setup_churn(struct job *j)
{
	job_buf(j, "sum", j->sz.iters * 4ul, BUF_OUT | BUF_HOST);
}

static void churn_round(struct job *j, uint32_t round)
{
	uint32_t n = churn_words(j, round), sum = 0, *p;
	cl_int e;
	cl_mem m = clCreateBuffer(j->cl.ctx, CL_MEM_READ_WRITE, n * 4ul, NULL, &e);

	if (e != CL_SUCCESS) {
		job_fail(j, -1, "clCreateBuffer: OpenCL error %d", e);
		return;
	}
	p = job_map(j, m, n * 4ul, CL_MAP_WRITE_INVALIDATE_REGION);
	for (uint32_t i = 0; p && i < n; i++)
		p[i] = churn_word(j, round, i);
	job_unmap(j, m, p);
	job_launch(j, "scramble", grid1(groups_of(n, 64), 64), "muu", &m, n, round);
	p = job_map(j, m, n * 4ul, CL_MAP_READ);
	for (uint32_t i = 0; p && i < n; i++)
		sum = sum * 31 + p[i];
	job_unmap(j, m, p);
	((uint32_t *)j->buf[0].out)[round] = sum;
	clReleaseMemObject(m);
}

static void run_churn(struct job *j)
{
	for (uint32_t r = 0; r < j->sz.iters && !j->err; r++)
		churn_round(j, r);
}

static void check_churn(struct job *j)
{
	uint32_t *sum = j->buf[0].want;

	for (uint32_t r = 0; r < j->sz.iters; r++)
		for (uint32_t i = 0; i < churn_words(j, r); i++)
			sum[r] = sum[r] * 31 + ((churn_word(j, r, i) ^ r) + i);
}

const struct work work_many = {
	.name = "many",
	.help = "many tiny kernels, one wait",
	.program = "loop",
	.size = { { .n = 256, .iters = 50 },
		  { .n = 256, .iters = 1000 },
		  { .n = 256, .iters = 10000 } },
	.setup = setup_words,
	.run = run_many,
	.check = check_words,
};
const struct work work_trip = {
	.name = "trip",
	.help = "tiny kernels, waiting after each: launch latency",
	.program = "loop",
	.size = { { .n = 256, .iters = 20 },
		  { .n = 256, .iters = 500 },
		  { .n = 256, .iters = 5000 } },
	.setup = setup_words,
	.run = run_trip,
	.check = check_words,
};
const struct work work_churn = {
	.name = "churn",
	.help = "buffers made, mapped, used and released",
	.program = "churn",
	.size = { { .n = 4096, .iters = 10 },
		  { .n = CHURN_WORDS_MAX, .iters = 200 },
		  { .n = CHURN_WORDS_MAX, .iters = 2000 } },
	.setup = setup_churn,
	.run = run_churn,
	.check = check_churn,
};
const struct work work_side = {
	.name = "side",
	.help = "a long and short kernels side by side",
	.program = "loop",
	.size = { { .n = 256, .iters = 20, .extra = 20000 },
		  { .n = 256, .iters = 200, .extra = 2000000 },
		  { .n = 256, .iters = 1000, .extra = 20000000 } },
	.setup = setup_side,
	.run = run_side,
	.check = check_side,
};

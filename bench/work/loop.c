// SPDX-License-Identifier: MIT
/*
 * nop opens and closes a context; loop keeps n items busy for iters dependent steps, with next to
 * no data.
 */
#include "bench/work/work.h"

static void nothing(struct job *j)
{
	(void)j;
}

static void setup_loop(struct job *j)
{
	struct buf *x = job_buf(j, "x", j->sz.n * 4ul, BUF_IN | BUF_OUT);

	for (uint32_t i = 0; i < j->sz.n; i++)
		((uint32_t *)x->in)[i] = rng_u32(&j->rng);
}

static void run_loop(struct job *j)
{
	job_launch(j, "spin", grid1(j->sz.n, 32), "bu", &j->buf[0], j->sz.iters);
}

static void check_loop(struct job *j)
{
	uint32_t *x = j->buf[0].want;

	for (uint32_t i = 0; i < j->sz.n; i++)
		for (uint32_t k = 0; k < j->sz.iters; k++)
			x[i] = x[i] * 1664525u + 1013904223u;
}

const struct work work_nop = {
	.name = "nop",
	.help = "opens and closes a context",
	.setup = nothing,
	.check = nothing,
};
const struct work work_loop = {
	.name = "loop",
	.help = "a long loop without data",
	.program = "loop",
	.size = { { .n = 64, .iters = 1000 },
		  { .n = 256, .iters = 1000000 },
		  { .n = 256, .iters = 4000000 } },
	.setup = setup_loop,
	.run = run_loop,
	.check = check_loop,
};

// SPDX-License-Identifier: MIT
/* Gravity among n bodies, all pairs, one step. */
#include <math.h>

#include "bench/work/work.h"

enum { BODY, ACCEL };
#define GROUP 128
#define SOFT 0.01f

static void setup(struct job *j)
{
	float *b = job_buf(j, "body", j->sz.n * 16ul, BUF_IN)->in;
	struct buf *a = job_buf(j, "accel", j->sz.n * 16ul, BUF_OUT);

	/*
	 * rsqrt is approximate, and terms of both signs add up: the error is one of the sum of
	 * magnitudes.
	 */
	buf_tolerance(a, 1e-4f, 1e-6f * (float)j->sz.n);
	for (uint32_t i = 0; i < 4 * j->sz.n; i++)
		b[i] = i % 4 == 3 ? 0.5f + rng_unit(&j->rng) : 2 * rng_unit(&j->rng) - 1;
}

static void run(struct job *j)
{
	job_launch(j, "attract", grid1(j->sz.n, GROUP), "bbuf", &j->buf[BODY], &j->buf[ACCEL],
		   j->sz.n, (double)SOFT);
}

static void check(struct job *j)
{
	const float *b = j->buf[BODY].in;
	float *a = j->buf[ACCEL].want;

	for (uint32_t i = 0; i < j->sz.n; i++)
		for (uint32_t k = 0; k < j->sz.n; k++) {
			float x = b[4 * k] - b[4 * i], y = b[4 * k + 1] - b[4 * i + 1];
			float z = b[4 * k + 2] - b[4 * i + 2];
			float inv = 1 / sqrtf(x * x + y * y + z * z + SOFT);
			float s = b[4 * k + 3] * inv * inv * inv;

			a[4 * i] += s * x;
			a[4 * i + 1] += s * y;
			a[4 * i + 2] += s * z;
		}
}

const struct work work_nbody = {
	.name = "nbody",
	.help = "gravity, all pairs",
	.program = "nbody",
	.size = { { .n = 256 }, { .n = 4096 }, { .n = 8192 } },
	.setup = setup,
	.run = run,
	.check = check,
};

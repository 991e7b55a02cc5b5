// SPDX-License-Identifier: MIT
/* n points in DIMS dimensions into K clusters, iters rounds; the host moves the centres. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

enum { FEATURE, CENTRE, MEMBER };
#define DIMS 16
#define K 8

static float *buffers(struct job *j)
{
	size_t n = j->sz.n;
	float *f = job_buf(j, "feature", n * DIMS * 4, BUF_IN)->in;

	job_buf(j, "centre", K * DIMS * 4, 0);
	job_buf(j, "member", n * 4, BUF_OUT);
	return f;
}

/* The device has all points' first dimension, then all their second, and so on. */
static void load(struct job *j, const struct table *t)
{
	float *f;

	if (t->rows < K) {
		job_fail_row(j, t, t->rows - 1, "the end, but there must be at least 8 points");
		return;
	}
	j->sz.n = t->rows;
	f = buffers(j);
	for (size_t i = 0; i < t->rows; i++)
		for (size_t d = 0; d < DIMS; d++)
			f[d * t->rows + i] = (float)t->v[i * DIMS + d];
}

static void setup(struct job *j)
{
	size_t n = j->sz.n;
	float *f = buffers(j);

	for (size_t i = 0; i < n * DIMS; i++)
		f[i] = rng_unit(&j->rng) * 100;
}

/* The first K points. */
static void first_centres(const struct job *j, float *centre)
{
	const float *f = j->buf[FEATURE].in;

	for (unsigned int c = 0; c < K; c++)
		for (unsigned int d = 0; d < DIMS; d++)
			centre[c * DIMS + d] = f[d * (size_t)j->sz.n + c];
}

/* Means of the members, added in order; a centre without any stays. */
static void move_centres(const struct job *j, const uint32_t *member, float *centre)
{
	const float *f = j->buf[FEATURE].in;
	float sum[K * DIMS] = { 0 };
	unsigned int nr[K] = { 0 };

	for (uint32_t i = 0; i < j->sz.n; i++) {
		if (member[i] >= K)
			continue; /* the comparison will find it */
		nr[member[i]]++;
		for (unsigned int d = 0; d < DIMS; d++)
			sum[member[i] * DIMS + d] += f[d * (size_t)j->sz.n + i];
	}
	for (unsigned int i = 0; i < K * DIMS; i++)
		if (nr[i / DIMS])
			centre[i] = sum[i] / (float)nr[i / DIMS];
}

static void run(struct job *j)
{
	struct buf *b = j->buf;
	float centre[K * DIMS];

	first_centres(j, centre);
	for (uint32_t r = 0; r < j->sz.iters && !j->err; r++) {
		job_write(j, &b[CENTRE], centre);
		job_launch(j, "assign", grid1(groups_of(j->sz.n, 256), 256), "bbbuuu", &b[FEATURE],
			   &b[CENTRE], &b[MEMBER], j->sz.n, DIMS, K);
		job_read(j, &b[MEMBER], 0, b[MEMBER].out, b[MEMBER].len);
		move_centres(j, b[MEMBER].out, centre);
	}
}

static uint32_t closest(const struct job *j, const float *centre, uint32_t i)
{
	const float *f = j->buf[FEATURE].in;
	float least = FLT_MAX;
	uint32_t best = 0;

	for (uint32_t c = 0; c < K; c++) {
		float sum = 0;

		for (unsigned int d = 0; d < DIMS; d++) {
			float v = f[d * (size_t)j->sz.n + i] - centre[c * DIMS + d];

			sum = fmaf(v, v, sum);
		}
		if (sum < least) {
			least = sum;
			best = c;
		}
	}
	return best;
}

static void check(struct job *j)
{
	uint32_t *member = j->buf[MEMBER].want;
	float centre[K * DIMS];

	first_centres(j, centre);
	for (uint32_t r = 0; r < j->sz.iters; r++) {
		for (uint32_t i = 0; i < j->sz.n; i++)
			member[i] = closest(j, centre, i);
		move_centres(j, member, centre);
	}
}

const struct work work_kmeans = {
	.name = "kmeans",
	.help = "points into clusters",
	.program = "kmeans",
	.size = { { .n = 500, .iters = 2 },
		  { .n = 32768, .iters = 4 },
		  { .n = 262144, .iters = 4 } },
	.setup = setup,
	.load = load,
	.columns = DIMS,
	.row = "; --input: 16 coordinates of a point",
	.run = run,
	.check = check,
};

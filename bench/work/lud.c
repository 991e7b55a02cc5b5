// SPDX-License-Identifier: MIT
/*
 * LU decomposition of a matrix of n x n, in blocks: many short kernels; and
 * gaussian elimination, shorter ones still.  The matrices are dominated by
 * their diagonal, so no pivot is needed and errors do not grow.
 */
#include <math.h>
#include <string.h>

#include "bench/work/work.h"

#define BLOCK 16
enum { M, VEC, FACTORS };

static void fill(struct job *j, float *m)
{
	size_t n = j->sz.n;

	for (size_t i = 0; i < n * n; i++)
		m[i] = rng_unit(&j->rng) - 0.5f;
	for (size_t i = 0; i < n; i++)
		m[i * n + i] += (float)n;
}

static void setup_lud(struct job *j)
{
	struct buf *m = job_buf(j, "m", (size_t)j->sz.n * j->sz.n * 4, BUF_IN | BUF_OUT);

	/*
	 * A quotient may be off by 2.5 ulp (OpenCL 1.2, 7.4), more where it is a product with the
	 * inverse.
	 */
	buf_tolerance(m, 1e-5f, 1e-6f);
	fill(j, m->in);
}

static void run_lud(struct job *j)
{
	uint32_t n = j->sz.n;

	for (uint32_t o = 0; o < n; o += BLOCK) {
		size_t left = n - o - BLOCK;

		job_launch(j, "diagonal", grid1(BLOCK, BLOCK), "buu", &j->buf[M], n, o);
		if (!left)
			break;
		job_launch(j, "perimeter", grid1(2 * left, 2 * BLOCK), "buu", &j->buf[M], n, o);
		job_launch(j, "inner", grid2(left, left, BLOCK, BLOCK), "buu", &j->buf[M], n, o);
	}
}

static void check_lud(struct job *j)
{
	float *m = j->buf[M].want;
	size_t n = j->sz.n;

	for (size_t k = 0; k < n; k++)
		for (size_t i = k + 1; i < n; i++) {
			float f = m[i * n + k] /= m[k * n + k];

			for (size_t c = k + 1; c < n; c++)
				m[i * n + c] = fmaf(-f, m[k * n + c], m[i * n + c]);
		}
}

static void setup_gaussian(struct job *j)
{
	size_t n = j->sz.n;
	struct buf *m = job_buf(j, "a", n * n * 4, BUF_IN | BUF_OUT);
	struct buf *v = job_buf(j, "b", n * 4, BUF_IN | BUF_OUT);

	job_buf(j, "factors", n * 4, 0);
	buf_tolerance(m, 1e-5f, 1e-6f);
	buf_tolerance(v, 1e-5f, 1e-6f);
	fill(j, m->in);
	for (size_t i = 0; i < n; i++)
		((float *)v->in)[i] = rng_unit(&j->rng);
}

static void run_gaussian(struct job *j)
{
	struct buf *b = j->buf;
	uint32_t n = j->sz.n;

	for (uint32_t t = 0; t + 1 < n; t++) {
		size_t wide = groups_of(n - t, BLOCK);

		job_launch(j, "factors", grid1(groups_of(n - t - 1, 64), 64), "bbuu", &b[M],
			   &b[FACTORS], n, t);
		job_launch(j, "eliminate", grid2(wide, wide, BLOCK, BLOCK), "bbbuu", &b[M], &b[VEC],
			   &b[FACTORS], n, t);
	}
}

static void check_gaussian(struct job *j)
{
	float *a = j->buf[M].want, *b = j->buf[VEC].want;
	size_t n = j->sz.n;

	for (size_t t = 0; t + 1 < n; t++)
		for (size_t y = t + 1; y < n; y++) {
			float f = a[y * n + t] / a[t * n + t];

			a[y * n + t] = 0;
			for (size_t x = t + 1; x < n; x++)
				a[y * n + x] = fmaf(-f, a[t * n + x], a[y * n + x]);
			b[y] = fmaf(-f, b[t], b[y]);
		}
}

const struct work work_lud = {
	.name = "lud",
	.help = "LU decomposition; many short kernels",
	.program = "lud",
	.size = { { .n = 64 }, { .n = 256 }, { .n = 1024 } },
	.setup = setup_lud,
	.run = run_lud,
	.check = check_lud,
};
const struct work work_gaussian = {
	.name = "gaussian",
	.help = "gaussian elimination; two kernels a row",
	.program = "gaussian",
	.size = { { .n = 32 }, { .n = 208 }, { .n = 512 } },
	.setup = setup_gaussian,
	.run = run_gaussian,
	.check = check_gaussian,
};

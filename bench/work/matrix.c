// SPDX-License-Identifier: MIT
/*
 * Matrices of n x n, and vectors of n: madd, mmul (32-bit integers, as the
 * paper's), fmadd, fmmul (floats; fmmul multiplies element by element), vadd.
 */
#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

enum { A, B, C };
#define TILE 16

static void new_buffers(struct job *j, size_t nr)
{
	job_buf(j, "a", nr * 4, BUF_IN);
	job_buf(j, "b", nr * 4, BUF_IN);
	job_buf(j, "c", nr * 4, BUF_OUT);
}

static void setup_int(struct job *j)
{
	size_t nr = (size_t)j->sz.n * j->sz.n;

	new_buffers(j, nr);
	for (unsigned int k = A; k <= B; k++)
		for (size_t i = 0; i < nr; i++)
			((uint32_t *)j->buf[k].in)[i] = rng_u32(&j->rng);
}

static void fill_float(struct job *j, size_t nr)
{
	new_buffers(j, nr);
	for (unsigned int k = A; k <= B; k++)
		for (size_t i = 0; i < nr; i++)
			((float *)j->buf[k].in)[i] = rng_unit(&j->rng) + 0.5f;
}

static void setup_float(struct job *j)
{
	fill_float(j, (size_t)j->sz.n * j->sz.n);
}

static void setup_vector(struct job *j)
{
	fill_float(j, j->sz.n);
}

/* The kernel of a matrix workload has its name. */
static void run_matrix(struct job *j)
{
	uint32_t n = j->sz.n;

	job_launch(j, j->work->name, grid2(n, n, TILE, TILE), "bbbu", &j->buf[A], &j->buf[B],
		   &j->buf[C], n);
}

static void run_vadd(struct job *j)
{
	job_launch(j, "vadd", grid1(j->sz.n, 256), "bbb", &j->buf[A], &j->buf[B], &j->buf[C]);
}

static void check_madd(struct job *j)
{
	const uint32_t *a = j->buf[A].in, *b = j->buf[B].in;
	uint32_t *c = j->buf[C].want;

	for (size_t i = 0; i < j->buf[C].len / 4; i++)
		c[i] = a[i] + b[i];
}

static void check_mmul(struct job *j)
{
	const uint32_t *a = j->buf[A].in, *b = j->buf[B].in;
	uint32_t *c = j->buf[C].want;
	size_t n = j->sz.n;

	for (size_t y = 0; y < n; y++)
		for (size_t k = 0; k < n; k++)
			for (size_t x = 0; x < n; x++)
				c[y * n + x] += a[y * n + k] * b[k * n + x];
}

/* fmadd and vadd. */
static void check_sum(struct job *j)
{
	const float *a = j->buf[A].in, *b = j->buf[B].in;
	float *c = j->buf[C].want;

	for (size_t i = 0; i < j->buf[C].len / 4; i++)
		c[i] = a[i] + b[i];
}

static void check_fmmul(struct job *j)
{
	const float *a = j->buf[A].in, *b = j->buf[B].in;
	float *c = j->buf[C].want;

	for (size_t i = 0; i < j->buf[C].len / 4; i++)
		c[i] = a[i] * b[i];
}

const struct work work_madd = {
	.name = "madd",
	.help = "integer matrix sum",
	.program = "matrix",
	.size = { { .n = 64 }, { .n = 1024 }, { .n = 2048 } },
	.setup = setup_int,
	.run = run_matrix,
	.check = check_madd,
};
const struct work work_mmul = {
	.name = "mmul",
	.help = "integer matrix product, tiled",
	.program = "matrix",
	.size = { { .n = 64 }, { .n = 1024 }, { .n = 1536 } },
	.setup = setup_int,
	.run = run_matrix,
	.check = check_mmul,
};
const struct work work_fmadd = {
	.name = "fmadd",
	.help = "float matrix sum",
	.program = "matrix",
	.size = { { .n = 64 }, { .n = 1024 }, { .n = 2048 } },
	.setup = setup_float,
	.run = run_matrix,
	.check = check_sum,
};
const struct work work_fmmul = {
	.name = "fmmul",
	.help = "float matrices, product of elements",
	.program = "matrix",
	.size = { { .n = 64 }, { .n = 1024 }, { .n = 2048 } },
	.setup = setup_float,
	.run = run_matrix,
	.check = check_fmmul,
};
const struct work work_vadd = {
	.name = "vadd",
	.help = "sum of two vectors",
	.program = "matrix",
	.size = { { .n = 4096 }, { .n = 4 << 20 }, { .n = 8 << 20 } },
	.setup = setup_vector,
	.run = run_vadd,
	.check = check_sum,
};

// SPDX-License-Identifier: MIT
/* Heat on a chip of n x n cells, iters steps. */
#include <math.h>
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

enum { TEMP, POWER, OTHER };

#define GROUP 16
#define STEP 0.05f
#define RX 0.4f
#define RY 0.6f
#define RZ 0.01f
#define AMBIENT 80.0f

static void buffers(struct job *j, float **t, float **p)
{
	size_t nr = (size_t)j->sz.n * j->sz.n;

	*t = job_buf(j, "temp", nr * 4, BUF_IN | BUF_OUT)->in;
	*p = job_buf(j, "power", nr * 4, BUF_IN)->in;
	job_buf(j, "other", nr * 4, 0);
}

/* Row by row from the top left. */
static void load(struct job *j, const struct table *in)
{
	uint32_t n = (uint32_t)lround(sqrt(in->rows));
	float *t, *p;

	if (n * n != in->rows || n % GROUP) {
		job_fail_row(j, in, in->rows - 1, "the end, but the cells are not n x n with n a multiple of 16");
		return;
	}
	j->sz.n = n;
	buffers(j, &t, &p);
	for (uint32_t i = 0; i < in->rows; i++) {
		t[i] = (float)in->v[2 * i];
		p[i] = (float)in->v[2 * i + 1];
	}
}

static void setup(struct job *j)
{
	size_t nr = (size_t)j->sz.n * j->sz.n;
	float *t, *p;

	buffers(j, &t, &p);
	for (size_t i = 0; i < nr; i++) {
		t[i] = 320 + 20 * rng_unit(&j->rng);
		p[i] = rng_unit(&j->rng);
	}
}

/* iters is even, so the last result is in TEMP. */
static void run(struct job *j)
{
	uint32_t n = j->sz.n;

	for (uint32_t i = 0; i < j->sz.iters; i++)
		job_launch(j, "heat", grid2(n, n, GROUP, GROUP), "bbbufffff",
			   &j->buf[i % 2 ? OTHER : TEMP], &j->buf[POWER],
			   &j->buf[i % 2 ? TEMP : OTHER], n, (double)STEP, (double)RX, (double)RY,
			   (double)RZ, (double)AMBIENT);
}

static void one_step(uint32_t n, const float *temp, const float *power, float *out)
{
	for (uint32_t y = 0; y < n; y++)
		for (uint32_t x = 0; x < n; x++) {
			size_t at = (size_t)y * n + x;
			float t = temp[at];
			float up = y ? temp[at - n] : t, down = y < n - 1 ? temp[at + n] : t;
			float left = x ? temp[at - 1] : t, right = x < n - 1 ? temp[at + 1] : t;
			float v = fmaf(fmaf(-2.0f, t, up + down), RY, power[at]);

			v = fmaf(fmaf(-2.0f, t, left + right), RX, v);
			v = fmaf(AMBIENT - t, RZ, v);
			out[at] = fmaf(STEP, v, t);
		}
}

static void check(struct job *j)
{
	float *t = j->buf[TEMP].want, *other = job_host(j->buf[TEMP].len);

	for (uint32_t i = 0; i < j->sz.iters; i += 2) {
		one_step(j->sz.n, t, j->buf[POWER].in, other);
		one_step(j->sz.n, other, j->buf[POWER].in, t);
	}
	mem_free(other);
}

const struct work work_hotspot = {
	.name = "hotspot",
	.help = "heat on a chip",
	.program = "hotspot",
	.size = { { .n = 64, .iters = 4 }, { .n = 512, .iters = 2 }, { .n = 1024, .iters = 20 } },
	.setup = setup,
	.load = load,
	.columns = 2,
	.row = "; --input: TEMPERATURE POWER of a cell, row by row",
	.run = run,
	.check = check,
};

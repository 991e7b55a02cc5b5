// SPDX-License-Identifier: MIT
/* nn: the NEAREST of n places to a given one; the host picks them from the distances. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "bench/work/work.h"

enum { PLACE, DIST, PICK };
#define NEAREST 5
#define LAT 30.0f
#define LNG 90.0f

static float *buffers(struct job *j)
{
	float *p = job_buf(j, "place", j->sz.n * 8ul, BUF_IN)->in;
	struct buf *d = job_buf(j, "distance", j->sz.n * 4ul, BUF_OUT);
	struct buf *pick = job_buf(j, "nearest", NEAREST * 4, BUF_OUT | BUF_HOST);

	/* sqrt may be off by 4 ulp in the embedded profile (OpenCL 1.2, 10). */
	buf_tolerance(d, 1e-6f, 0);
	buf_tolerance(pick, 1e-6f, 0);
	return p;
}

static void load(struct job *j, const struct table *t)
{
	float *p;

	j->sz.n = t->rows;
	p = buffers(j);
	for (uint32_t i = 0; i < 2 * t->rows; i++)
		p[i] = (float)t->v[i];
}

static void setup(struct job *j)
{
	float *p = buffers(j);

	for (uint32_t i = 0; i < j->sz.n; i++) {
		p[2 * i] = rng_unit(&j->rng) * 70;
		p[2 * i + 1] = rng_unit(&j->rng) * 360;
	}
}

/* The smallest of d, in order. */
static void nearest(const float *d, uint32_t n, float *pick)
{
	for (unsigned int k = 0; k < NEAREST; k++)
		pick[k] = FLT_MAX;
	for (uint32_t i = 0; i < n; i++) {
		float v = d[i];

		for (unsigned int k = 0; k < NEAREST; k++)
			if (v < pick[k]) {
				float t = pick[k];

				pick[k] = v;
				v = t;
			}
	}
}

static void run(struct job *j)
{
	struct buf *b = j->buf;

	job_launch(j, "distances", grid1(groups_of(j->sz.n, 256), 256), "bbuff", &b[PLACE],
		   &b[DIST], j->sz.n, (double)LAT, (double)LNG);
	job_read(j, &b[DIST], 0, b[DIST].out, b[DIST].len);
	nearest(b[DIST].out, j->sz.n, b[PICK].out);
}

static void check(struct job *j)
{
	const float *p = j->buf[PLACE].in;
	float *d = j->buf[DIST].want;

	for (uint32_t i = 0; i < j->sz.n; i++) {
		float y = p[2 * i] - LAT, x = p[2 * i + 1] - LNG;

		d[i] = sqrtf(fmaf(y, y, x * x));
	}
	nearest(d, j->sz.n, j->buf[PICK].want);
}

const struct work work_nn = {
	.name = "nn",
	.help = "nearest neighbours",
	.program = "nn",
	.size = { { .n = 1000 }, { .n = 42764 }, { .n = 1 << 20 } },
	.setup = setup,
	.load = load,
	.columns = 2,
	.row = "; --input: LATITUDE LONGITUDE of a place",
	.run = run,
	.check = check,
};

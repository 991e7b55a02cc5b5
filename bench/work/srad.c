// SPDX-License-Identifier: MIT
/*
 * Speckle reducing anisotropic diffusion of an image, iters steps.  srad:
 * extra columns and n rows, whatever their sizes; statistics of the whole
 * image by the device.  srad2: n x n, whole tiles, statistics of a corner by
 * the host.
 */
#include <math.h>
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

enum { IMAGE, COEFF, DIFF, PART };
#define GROUP 256
#define LAMBDA 0.5f
#define CORNER 128

static uint32_t columns(const struct job *j)
{
	return j->sz.extra ? j->sz.extra : j->sz.n;
}

static void setup(struct job *j)
{
	size_t nr = (size_t)j->sz.n * columns(j);
	struct buf *image = job_buf(j, "image", nr * 4, BUF_IN | BUF_OUT);
	float *p = image->in;

	job_buf(j, "coeff", nr * 4, 0);
	job_buf(j, "diff", nr * 16, 0);
	job_buf(j, "part", groups_of(nr, GROUP) / GROUP * 8, 0);
	/* Quotients, exp and log may each be off by some ulp; log near 1, times 255, is off by more. */
	if (j->sz.extra)
		buf_tolerance(image, 1e-5f, 1e-3f);
	else
		buf_tolerance(image, 1e-5f, 0);
	for (size_t i = 0; i < nr; i++) {
		float v = rng_unit(&j->rng);

		p[i] = j->sz.extra ? 20 + 200 * v : expf(v);
	}
}

/* What the diffusion calls q0 squared: variance over squared mean. */
static float spread(double sum, double square, double nr)
{
	double mean = sum / nr;

	return (float)((square / nr - mean * mean) / (mean * mean));
}

static float whole_spread(struct job *j, float *part)
{
	size_t nr = j->buf[IMAGE].len / 4;
	double sum = 0, square = 0;

	job_launch(j, "moments", grid1(groups_of(nr, GROUP), GROUP), "bbu", &j->buf[IMAGE],
		   &j->buf[PART], (uint32_t)nr);
	job_read(j, &j->buf[PART], 0, part, j->buf[PART].len);
	for (size_t i = 0; i < j->buf[PART].len / 8; i++) {
		sum += (double)part[2 * i];
		square += (double)part[2 * i + 1];
	}
	return spread(sum, square, (double)nr);
}

static float corner_spread(const float *image, uint32_t n)
{
	uint32_t side = n < CORNER ? n : CORNER;
	double sum = 0, square = 0;

	for (uint32_t y = 0; y < side; y++)
		for (uint32_t x = 0; x < side; x++) {
			double v = (double)image[(size_t)y * n + x];

			sum += v;
			square += v * v;
		}
	return spread(sum, square, (double)side * side);
}

static void one_step(struct job *j, const char *diffuse, float q0)
{
	struct buf *b = j->buf;
	uint32_t w = columns(j), h = j->sz.n;
	struct grid g = grid2(groups_of(w, 16), groups_of(h, 16), 16, 16);

	job_launch(j, diffuse, g, "bbbuuf", &b[IMAGE], &b[COEFF], &b[DIFF], w, h, (double)q0);
	job_launch(j, "update", g, "bbbuuf", &b[IMAGE], &b[COEFF], &b[DIFF], w, h, (double)LAMBDA);
}

static void run_srad(struct job *j)
{
	size_t nr = j->buf[IMAGE].len / 4;
	struct grid g = grid1(groups_of(nr, GROUP), GROUP);
	float *part = job_host(j->buf[PART].len);

	job_launch(j, "extract", g, "bu", &j->buf[IMAGE], (uint32_t)nr);
	for (uint32_t i = 0; i < j->sz.iters; i++)
		one_step(j, "diffuse", whole_spread(j, part));
	job_launch(j, "compress", g, "bu", &j->buf[IMAGE], (uint32_t)nr);
	mem_free(part);
}

static void run_srad2(struct job *j)
{
	size_t len = (size_t)(j->sz.n < CORNER ? j->sz.n : CORNER) * j->sz.n * 4;
	float *rows = job_host(len);

	for (uint32_t i = 0; i < j->sz.iters; i++) {
		job_read(j, &j->buf[IMAGE], 0, rows, len);
		one_step(j, "diffuse_tile", corner_spread(rows, j->sz.n));
	}
	mem_free(rows);
}

/* The four differences of pixel (x, y), edges seeing themselves. */
static void differences(const float *image, uint32_t w, uint32_t h, size_t at, float d[4])
{
	uint32_t x = (uint32_t)(at % w), y = (uint32_t)(at / w);

	d[0] = image[y ? at - w : at] - image[at];
	d[1] = image[y < h - 1 ? at + w : at] - image[at];
	d[2] = image[x ? at - 1 : at] - image[at];
	d[3] = image[x < w - 1 ? at + 1 : at] - image[at];
}

static float coefficient(float v, const float d[4], float q0)
{
	float lap = (d[0] + d[1] + d[2] + d[3]) / v;
	float g2 = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + d[3] * d[3]) / (v * v);
	float den = 1 + 0.25f * lap;
	float q = (0.5f * g2 - 0.0625f * lap * lap) / (den * den);
	float c = 1 / (1 + (q - q0) / (q0 * (1 + q0)));

	return c < 0 ? 0 : c > 1 ? 1 : c;
}

static void reference_step(const struct job *j, float *image, float *c, float *diff, float q0)
{
	uint32_t w = columns(j), h = j->sz.n;
	size_t nr = (size_t)w * h;

	for (size_t i = 0; i < nr; i++) {
		differences(image, w, h, i, diff + 4 * i);
		c[i] = coefficient(image[i], diff + 4 * i, q0);
	}
	for (size_t i = 0; i < nr; i++) {
		const float *d = diff + 4 * i;
		float south = c[i / w < h - 1 ? i + w : i], east = c[i % w < w - 1 ? i + 1 : i];

		image[i] +=
			0.25f * LAMBDA * (c[i] * d[0] + south * d[1] + c[i] * d[2] + east * d[3]);
	}
}

static void check(struct job *j)
{
	size_t nr = j->buf[IMAGE].len / 4;
	float *image = j->buf[IMAGE].want, *c = job_host(nr * 4), *diff = job_host(nr * 16);

	for (size_t i = 0; j->sz.extra && i < nr; i++)
		image[i] = expf(image[i] / 255);
	for (uint32_t k = 0; k < j->sz.iters; k++) {
		double sum = 0, square = 0;

		for (size_t i = 0; i < nr; i++) {
			sum += (double)image[i];
			square += (double)image[i] * (double)image[i];
		}
		reference_step(j, image, c, diff,
			       j->sz.extra ? spread(sum, square, (double)nr) :
					     corner_spread(image, j->sz.n));
	}
	for (size_t i = 0; j->sz.extra && i < nr; i++)
		image[i] = logf(image[i]) * 255;
	mem_free(c);
	mem_free(diff);
}

const struct work work_srad = {
	.name = "srad",
	.help = "speckle reduction of an image, with exp and log",
	.program = "srad",
	.size = { { .n = 50, .extra = 45, .iters = 3 },
		  { .n = 502, .extra = 458, .iters = 100 },
		  { .n = 1000, .extra = 1004, .iters = 50 } },
	.setup = setup,
	.run = run_srad,
	.check = check,
};
const struct work work_srad2 = {
	.name = "srad2",
	.help = "speckle reduction in tiles, statistics by the host",
	.program = "srad",
	.size = { { .n = 64, .iters = 2 }, { .n = 2048, .iters = 2 }, { .n = 2048, .iters = 8 } },
	.setup = setup,
	.run = run_srad2,
	.check = check,
};

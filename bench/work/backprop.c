// SPDX-License-Identifier: MIT
/*
 * Back propagation in a perceptron of n inputs, 16 hidden units and one
 * output; one step of training.  The host does what is between the layers, by
 * the same function for the device and for the reference.
 */
#include <math.h>
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

#define H 16
#define RATE 0.3f
#define MOMENTUM 0.3f
#define TARGET 0.1f

enum { X, W, OLD, PARTIAL, FACTOR };

static void setup(struct job *j)
{
	size_t n = j->sz.n;
	float *x = job_buf(j, "x", n * 4, BUF_IN)->in;
	float *w = job_buf(j, "w", n * H * 4, BUF_IN | BUF_OUT)->in;
	float *old = job_buf(j, "old", n * H * 4, BUF_IN | BUF_OUT)->in;

	job_buf(j, "partial", n / H * H * 4, BUF_OUT);
	job_buf(j, "rate", H * 4, 0);
	for (size_t i = 0; i < n; i++)
		x[i] = rng_unit(&j->rng);
	for (size_t i = 0; i < n * H; i++) {
		w[i] = (rng_unit(&j->rng) - 0.5f) * 0.01f;
		old[i] = rng_unit(&j->rng) * 0.001f;
	}
	for (unsigned int h = 0; h < H; h++)
		j->param[h] = rng_unit(&j->rng) - 0.5f;
}

static float squash(float x)
{
	return 1.0f / (1.0f + expf(-x));
}

/*
 * From the sums of the hidden units to their learning rates times delta; param holds the output's
 * weights.
 */
static void between(const struct job *j, const float *partial, float rate[H])
{
	float hidden[H], out = 0, delta;

	for (unsigned int h = 0; h < H; h++) {
		float sum = 0;

		for (size_t g = 0; g < j->sz.n / H; g++)
			sum += partial[g * H + h];
		hidden[h] = squash(sum);
		out += hidden[h] * j->param[h];
	}
	out = squash(out);
	delta = out * (1 - out) * (TARGET - out);
	for (unsigned int h = 0; h < H; h++)
		rate[h] = RATE * hidden[h] * (1 - hidden[h]) * j->param[h] * delta;
}

static void run(struct job *j)
{
	struct buf *b = j->buf;
	float rate[H];

	job_launch(j, "forward", grid2(H, j->sz.n, H, H), "bbb", &b[X], &b[W], &b[PARTIAL]);
	job_read(j, &b[PARTIAL], 0, b[PARTIAL].out, b[PARTIAL].len);
	between(j, b[PARTIAL].out, rate);
	job_write(j, &b[FACTOR], rate);
	job_launch(j, "adjust", grid2(H, j->sz.n, H, H), "bbbbf", &b[X], &b[W], &b[OLD], &b[FACTOR],
		   (double)MOMENTUM);
}

/* The device adds a group's products as a tree. */
static void reference_forward(const struct job *j)
{
	const float *x = j->buf[X].in, *w = j->buf[W].in;
	float *partial = j->buf[PARTIAL].want, t[H];

	for (size_t g = 0; g < j->sz.n / H; g++)
		for (unsigned int h = 0; h < H; h++) {
			for (unsigned int r = 0; r < H; r++)
				t[r] = x[g * H + r] * w[(g * H + r) * H + h];
			for (unsigned int s = H / 2; s; s >>= 1)
				for (unsigned int r = 0; r < s; r++)
					t[r] += t[r + s];
			partial[g * H + h] = t[0];
		}
}

static void check(struct job *j)
{
	const float *x = j->buf[X].in;
	float *w = j->buf[W].want, *old = j->buf[OLD].want, rate[H];

	reference_forward(j);
	between(j, j->buf[PARTIAL].want, rate);
	for (size_t i = 0; i < (size_t)j->sz.n * H; i++) {
		float d = fmaf(rate[i % H], x[i / H], MOMENTUM * old[i]);

		w[i] += d;
		old[i] = d;
	}
}

const struct work work_backprop = {
	.name = "backprop",
	.help = "training step of a perceptron",
	.program = "backprop",
	.size = { { .n = 1024 }, { .n = 65536 }, { .n = 262144 } },
	.setup = setup,
	.run = run,
	.check = check,
};

// SPDX-License-Identifier: MIT
/*
 * heartwall: follows `extra` points over `iters` frames of n x n pixels.  The
 * film is made: a random texture that drifts a few pixels a frame, with noise.
 */
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

enum { FILM, FRAME, TEMPL, POS };

/* Radius of the template and of the search. */
struct window {
	int r, s;
};

static struct window window_of(const struct job *j)
{
	return j->sz.n < 200 ? (struct window){ 4, 4 } : (struct window){ 12, 20 };
}

/* Frame 0 and the iters after it. */
static void make_film(struct job *j, uint8_t *film)
{
	unsigned int n = j->sz.n, w = n + 4 * j->sz.iters;
	uint8_t *texture = job_host((size_t)w * w);

	for (size_t i = 0; i < (size_t)w * w; i++)
		texture[i] = (uint8_t)rng_below(&j->rng, 240);
	for (unsigned int f = 0; f <= j->sz.iters; f++)
		for (unsigned int y = 0; y < n; y++)
			for (unsigned int x = 0; x < n; x++)
				*film++ = (uint8_t)(texture[(y + 3 * f) * w + x + 2 * f] +
						    rng_below(&j->rng, 15));
	mem_free(texture);
}

static size_t frame_len(const struct job *j)
{
	return (size_t)j->sz.n * j->sz.n;
}

static void setup(struct job *j)
{
	struct window v = window_of(j);
	int n = (int)j->sz.n, side = 2 * v.r + 1, edge = v.r + v.s, *t, *pos;
	uint8_t *film = job_buf(j, "film", frame_len(j) * (j->sz.iters + 1), BUF_HOST)->in;

	job_buf(j, "frame", frame_len(j), 0);
	t = job_buf(j, "templ", j->sz.extra * (size_t)(side * side) * 4, BUF_IN | BUF_OUT)->in;
	pos = job_buf(j, "pos", j->sz.extra * 8ul, BUF_IN | BUF_OUT)->in;
	make_film(j, film);
	for (uint32_t p = 0; p < j->sz.extra; p++) {
		int x = edge + (int)rng_below(&j->rng, (uint32_t)(n - 2 * edge));
		int y = edge + (int)rng_below(&j->rng, (uint32_t)(n - 2 * edge));

		pos[2 * p] = x;
		pos[2 * p + 1] = y;
		for (int i = 0; i < side * side; i++)
			*t++ = film[(y - v.r + i / side) * n + x - v.r + i % side];
	}
}

static void run(struct job *j)
{
	struct window v = window_of(j);

	for (unsigned int f = 1; f <= j->sz.iters; f++) {
		job_phase(j, PHASE_HTOD);
		job_write(j, &j->buf[FRAME], (uint8_t *)j->buf[FILM].in + f * frame_len(j));
		job_phase(j, PHASE_LAUNCH);
		job_launch(j, "track", grid1(j->sz.extra * 256ul, 256), "bbbuuu", &j->buf[FRAME],
			   &j->buf[TEMPL], &j->buf[POS], j->sz.n, (uint32_t)v.r, (uint32_t)v.s);
		job_finish(j);
	}
}

static int difference(const struct job *j, const uint8_t *frame, const int *t, int x0, int y0)
{
	int side = 2 * window_of(j).r + 1, sum = 0;

	for (int y = 0; y < side; y++)
		for (int x = 0; x < side; x++) {
			int d = frame[(y0 + y) * (int)j->sz.n + x0 + x] - t[y * side + x];

			sum += d * d;
		}
	return sum;
}

static int keep_inside(int v, int min, int max)
{
	return v < min ? min : v > max ? max : v;
}

static void track_point(const struct job *j, const uint8_t *frame, int *t, int *pos)
{
	struct window v = window_of(j);
	int n = (int)j->sz.n, side = 2 * v.r + 1, span = 2 * v.s + 1, edge = v.r + v.s;
	int best = INT32_MAX, at = 0;
	const uint8_t *first;

	for (int d = 0; d < span * span; d++) {
		int x = pos[0] + d % span - edge, y = pos[1] + d / span - edge;
		int sum = difference(j, frame, t, x, y);

		if (sum < best) {
			best = sum;
			at = d;
		}
	}
	pos[0] = keep_inside(pos[0] + at % span - v.s, edge, n - 1 - edge);
	pos[1] = keep_inside(pos[1] + at / span - v.s, edge, n - 1 - edge);
	first = frame + (pos[1] - v.r) * n + pos[0] - v.r;
	for (int i = 0; i < side * side; i++)
		t[i] = (3 * t[i] + first[i / side * n + i % side] + 2) >> 2;
}

static void check(struct job *j)
{
	int side = 2 * window_of(j).r + 1;
	int *t = j->buf[TEMPL].want, *pos = j->buf[POS].want;

	for (unsigned int f = 1; f <= j->sz.iters; f++)
		for (uint32_t p = 0; p < j->sz.extra; p++)
			track_point(j, (uint8_t *)j->buf[FILM].in + f * frame_len(j),
				    t + p * (uint32_t)(side * side), pos + 2 * p);
}

const struct work work_heartwall = {
	.name = "heartwall",
	.help = "follows points through a film; few long kernels",
	.program = "tracking",
	.size = { { .n = 96, .iters = 2, .extra = 6 },
		  { .n = 608, .iters = 5, .extra = 51 },
		  { .n = 608, .iters = 20, .extra = 102 } },
	.setup = setup,
	.run = run,
	.check = check,
};

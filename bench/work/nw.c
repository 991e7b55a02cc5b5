// SPDX-License-Identifier: MIT
/* Needleman-Wunsch: how well two random sequences of n letters align. */
#include "bench/work/work.h"

enum { SCORE, M };
#define BLOCK 16
#define LETTERS 24
#define GAP 10

static void setup(struct job *j)
{
	uint32_t n = j->sz.n, w = n + 1;
	int table[LETTERS][LETTERS];
	int *score = job_buf(j, "score", (size_t)n * n * 4, BUF_IN)->in;
	int *m = job_buf(j, "m", (size_t)w * w * 4, BUF_IN | BUF_OUT)->in;
	/* The second sequence stands in row 1 of m until the scores are made. */
	int *column = m + w;

	for (unsigned int a = 0; a < LETTERS; a++)
		for (unsigned int b = 0; b <= a; b++)
			table[a][b] = table[b][a] = a == b ? 5 : (int)rng_below(&j->rng, 8) - 5;
	for (uint32_t i = 0; i < n; i++)
		column[i] = (int)rng_below(&j->rng, LETTERS);
	for (uint32_t y = 0; y < n; y++) {
		uint32_t row = rng_below(&j->rng, LETTERS);

		for (uint32_t x = 0; x < n; x++)
			score[(size_t)y * n + x] = table[row][column[x]];
	}
	for (uint32_t i = 0; i < n; i++)
		column[i] = 0;
	for (uint32_t i = 0; i < w; i++)
		m[i] = m[(size_t)i * w] = -GAP * (int)i;
}

static void run(struct job *j)
{
	uint32_t blocks = j->sz.n / BLOCK;

	for (uint32_t d = 0; d < 2 * blocks - 1; d++) {
		uint32_t first = d < blocks ? 0 : d - blocks + 1;
		uint32_t last = d < blocks ? d : blocks - 1;

		job_launch(j, "block", grid1((last - first + 1) * (size_t)BLOCK, BLOCK), "bbuuui",
			   &j->buf[SCORE], &j->buf[M], j->sz.n, d, first, GAP);
	}
}

static int max(int a, int b)
{
	return a > b ? a : b;
}

static void check(struct job *j)
{
	const int *score = j->buf[SCORE].in;
	int *m = j->buf[M].want;
	size_t n = j->sz.n, w = n + 1;

	for (size_t y = 1; y <= n; y++)
		for (size_t x = 1; x <= n; x++)
			m[y * w + x] = max(m[(y - 1) * w + x - 1] + score[(y - 1) * n + x - 1],
					   max(m[y * w + x - 1], m[(y - 1) * w + x]) - GAP);
}

const struct work work_nw = {
	.name = "nw",
	.help = "alignment of two sequences",
	.program = "nw",
	.size = { { .n = 64 }, { .n = 2048 }, { .n = 3072 } },
	.setup = setup,
	.run = run,
	.check = check,
};

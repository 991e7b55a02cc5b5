// SPDX-License-Identifier: MIT
/* Cheapest way down a wall of n columns and iters rows. */
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

enum { WALL, FIRST, OTHER, RESULT };
#define GROUP 256
/* Rows a launch; each costs two of the group's items. */
#define ROWS 20

static void setup(struct job *j)
{
	size_t n = j->sz.n;
	int *wall = job_buf(j, "wall", n * j->sz.iters * 4, BUF_IN)->in;
	int *first = job_buf(j, "first", n * 4, BUF_IN)->in;

	job_buf(j, "other", n * 4, 0);
	job_buf(j, "result", n * 4, BUF_OUT | BUF_HOST);
	for (size_t i = 0; i < n * j->sz.iters; i++)
		wall[i] = (int)rng_below(&j->rng, 10);
	for (size_t i = 0; i < n; i++)
		first[i] = (int)rng_below(&j->rng, 10);
}

static void run(struct job *j)
{
	unsigned int from = FIRST;

	for (uint32_t r = 0; r < j->sz.iters; r += ROWS) {
		uint32_t rows = j->sz.iters - r < ROWS ? j->sz.iters - r : ROWS,
			 own = GROUP - 2 * rows;
		unsigned int to = from == FIRST ? OTHER : FIRST;

		job_launch(j, "descend", grid1(groups_of(j->sz.n, own) / own * GROUP, GROUP),
			   "bbbuuu", &j->buf[WALL], &j->buf[from], &j->buf[to], j->sz.n, r, rows);
		from = to;
	}
	job_finish(j);
	job_phase(j, PHASE_DTOH);
	job_read(j, &j->buf[from], 0, j->buf[RESULT].out, j->buf[RESULT].len);
}

static int min(int a, int b)
{
	return a < b ? a : b;
}

static void check(struct job *j)
{
	const int *wall = j->buf[WALL].in;
	int *v = j->buf[RESULT].want, *old = job_host(j->buf[RESULT].len);
	size_t n = j->sz.n;

	memcpy(v, j->buf[FIRST].in, n * 4);
	for (uint32_t r = 0; r < j->sz.iters; r++) {
		memcpy(old, v, n * 4);
		for (size_t x = 0; x < n; x++) {
			int best = min(old[x], min(old[x ? x - 1 : x], old[x < n - 1 ? x + 1 : x]));

			v[x] = best + wall[r * n + x];
		}
	}
	mem_free(old);
}

const struct work work_pathfinder = {
	.name = "pathfinder",
	.help = "cheapest way down a wall",
	.program = "pathfinder",
	.size = { { .n = 1000, .iters = 33 },
		  { .n = 100000, .iters = 100 },
		  { .n = 250000, .iters = 100 } },
	.setup = setup,
	.run = run,
	.check = check,
};

// SPDX-License-Identifier: MIT
/* Breadth-first search from node 0 of a random graph of n nodes with 2 to 10 edges each. */
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/mem.h"

enum { START, EDGE, MASK, VISITED, COST, NEXT, MORE };
#define EDGES_MIN 2
#define EDGES_MAX 10
#define NODES_MAX (1u << 24)
#define FAR 0xffffffffu

/* What is no part of the graph. */
static void rest(struct job *j)
{
	uint32_t n = j->sz.n, *cost;

	((uint32_t *)job_buf(j, "mask", n * 4ul, BUF_IN)->in)[0] = 1;
	((uint32_t *)job_buf(j, "visited", n * 4ul, BUF_IN)->in)[0] = 1;
	cost = job_buf(j, "cost", n * 4ul, BUF_IN | BUF_OUT)->in;
	memset(cost, 0xff, n * 4ul);
	cost[0] = 0;
	job_buf(j, "next", n * 4ul, BUF_IN);
	job_buf(j, "more", 4, 0);
}

static void setup(struct job *j)
{
	uint32_t n = j->sz.n;
	uint32_t *start = job_buf(j, "start", (n + 1) * 4ul, BUF_IN)->in, *edge;

	for (uint32_t i = 0; i < n; i++)
		start[i + 1] = start[i] + EDGES_MIN + rng_below(&j->rng, EDGES_MAX - EDGES_MIN + 1);
	edge = job_buf(j, "edge", start[n] * 4ul, BUF_IN)->in;
	for (uint32_t e = 0; e < start[n]; e++)
		edge[e] = rng_below(&j->rng, n);
	rest(j);
}

/* Edges of each node in the order of the file. */
static void load(struct job *j, const struct table *t)
{
	uint32_t *start, *edge, *at, n = 0;

	for (uint32_t i = 0; i < 2 * t->rows; i++) {
		double v = t->v[i];

		if (v < 0 || v >= NODES_MAX || v != (uint32_t)v) {
			job_fail_row(j, t, i / 2, "not a node from 0 to 16777215");
			return;
		}
		n = v >= n ? (uint32_t)v + 1 : n;
	}
	j->sz.n = n;
	start = job_buf(j, "start", (n + 1) * 4ul, BUF_IN)->in;
	edge = job_buf(j, "edge", t->rows * 4ul, BUF_IN)->in;
	at = job_host(n * 4ul);
	for (uint32_t i = 0; i < t->rows; i++)
		start[(uint32_t)t->v[2 * i] + 1]++;
	for (uint32_t i = 0; i < n; i++) {
		start[i + 1] += start[i];
		at[i] = start[i];
	}
	for (uint32_t i = 0; i < t->rows; i++)
		edge[at[(uint32_t)t->v[2 * i]]++] = (uint32_t)t->v[2 * i + 1];
	mem_free(at);
	rest(j);
}

static void run(struct job *j)
{
	struct buf *b = j->buf;
	struct grid g = grid1(groups_of(j->sz.n, 256), 256);
	uint32_t more;

	do {
		more = 0;
		job_write(j, &b[MORE], &more);
		job_launch(j, "expand", g, "bbbbbbu", &b[START], &b[EDGE], &b[MASK], &b[VISITED],
			   &b[COST], &b[NEXT], j->sz.n);
		job_launch(j, "commit", g, "bbbbu", &b[MASK], &b[VISITED], &b[NEXT], &b[MORE],
			   j->sz.n);
		job_read(j, &b[MORE], 0, &more, 4);
		/* A graph of n nodes has less than n levels: what goes on longer is wrong. */
	} while (!j->err && more && j->launches < 2ull * j->sz.n);
}

static void check(struct job *j)
{
	const uint32_t *start = j->buf[START].in, *edge = j->buf[EDGE].in;
	uint32_t *cost = j->buf[COST].want, *queue = job_host(j->sz.n * 4ul);
	uint32_t head = 0, tail = 1;

	while (head < tail) {
		uint32_t i = queue[head++];

		for (uint32_t e = start[i]; e < start[i + 1]; e++)
			if (cost[edge[e]] == FAR) {
				cost[edge[e]] = cost[i] + 1;
				queue[tail++] = edge[e];
			}
	}
	mem_free(queue);
}

const struct work work_bfs = {
	.name = "bfs",
	.help = "breadth-first search in a random graph",
	.program = "bfs",
	.size = { { .n = 1000 }, { .n = 1 << 20 }, { .n = 2 << 20 } },
	.setup = setup,
	.load = load,
	.columns = 2,
	.row = "; --input: FROM TO, an edge between two nodes from 0 up",
	.run = run,
	.check = check,
};

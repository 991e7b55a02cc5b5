// SPDX-License-Identifier: MIT
/*
 * pulse: kernels of one length, one behind the other, on one or more queues.
 *
 * With one queue and depth 1 the program waits for each kernel before it
 * launches the next, as Gdev's benchmarks do; with more, a queue has `depth`
 * kernels under way, so that the device always has the next one at hand.  Each
 * queue has a buffer of its own.
 */
#include <errno.h>

#include "bench/work/work.h"
#include "gpuvm/base/clock.h"

static const char *const names[CL_QUEUES] = { "x0", "x1", "x2", "x3" };

static uint32_t or(uint32_t asked, uint32_t def)
{
	return asked ? asked : def;
}

static void setup_pulse(struct job *j)
{
	for (unsigned int q = 0; q < or(j->pace.queues, 1); q++) {
		struct buf *x = job_buf(j, names[q], j->sz.n * 4ul, BUF_IN | BUF_OUT);

		for (uint32_t i = 0; i < j->sz.n; i++)
			((uint32_t *)x->in)[i] = rng_u32(&j->rng);
	}
}

/* Half of what may be under way goes at once: the other half keeps the device busy meanwhile. */
static void batch(struct job *j, unsigned int q, uint32_t n)
{
	struct grid g = grid1(j->sz.n, 32);

	g.queue = q;
	for (uint32_t i = 0; i < n; i++)
		job_launch(j, "spin", g, "bu", &j->buf[q], or(j->pace.steps, j->sz.iters));
}

/* Launches fall behind rather than bunch up: a period that has passed is not made up for. */
static void pause_until(uint64_t at)
{
	struct timespec t = { .tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void run_pulse(struct job *j)
{
	uint32_t queues = or(j->pace.queues, 1), depth = or(j->pace.depth, 1), round = 0;
	uint64_t end = clock_ns() + j->pace.seconds * 1000000000ull;
	uint32_t each = (depth + 1) / 2, parts = depth > 1 ? 2 : 1;
	cl_event under_way[CL_QUEUES][2] = { { NULL } };
	uint64_t next = clock_ns();

	while (!j->err && (j->pace.seconds ? clock_ns() < end : round < j->sz.extra)) {
		for (unsigned int q = 0; q < queues; q++) {
			cl_event *slot = &under_way[q][round % parts];

			if (j->pace.every_us) {
				pause_until(next);
				next = clock_ns() > next ? clock_ns() : next;
				next += j->pace.every_us * 1000ull;
			}
			job_wait(j, *slot);
			batch(j, q, each);
			*slot = job_mark(j, q);
		}
		round++;
	}
	for (unsigned int q = 0; q < queues; q++)
		for (unsigned int i = 0; i < parts; i++)
			job_wait(j, under_way[q][i]);
}

/* x -> x * mul + add, n times over, is again such a step. */
static void check_pulse(struct job *j)
{
	uint32_t queues = or(j->pace.queues, 1), mul = 1, add = 0, m = 1664525u, a = 1013904223u;
	uint64_t n = j->launches / queues * or(j->pace.steps, j->sz.iters);

	for (; n; n >>= 1) {
		if (n & 1) {
			add = add * m + a;
			mul *= m;
		}
		a = a * m + a;
		m *= m;
	}
	for (unsigned int q = 0; q < queues; q++)
		for (uint32_t i = 0; i < j->sz.n; i++) {
			uint32_t *x = &((uint32_t *)j->buf[q].want)[i];

			*x = *x * mul + add;
		}
}

const struct work work_pulse = {
	.name = "pulse",
	.help = "kernels of one length back to back; see --seconds and what follows",
	.program = "loop",
	.size = { { .n = 64, .iters = 500, .extra = 8 },
		  { .n = 256, .iters = 20000, .extra = 100 },
		  { .n = 256, .iters = 20000, .extra = 1000 } },
	.setup = setup_pulse,
	.run = run_pulse,
	.check = check_pulse,
};

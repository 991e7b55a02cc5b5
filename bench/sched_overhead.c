// SPDX-License-Identifier: MIT
/*
 * What does holding back cost when the GPU has all it can do?  Two guests of
 * kernels alike, dozens under way each, under every policy; the floor is the
 * policy that holds nothing, in the same round.
 *
 * Always true: a round begins and ends with no holding, and each policy is
 * compared with the mean of the two; the figure is the median of the rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/sched.h"
#include "scheduler/sched.h"

#define ROUNDS 3
#define POLICIES_MAX 16
#define SECONDS 3
#define WORST 1.05
#define MEAN 1.02

static const struct sched_shape full_load = {
	.name = "overhead",
	.help = "two alike with dozens of kernels under way",
	.kind = { { "one", "24000", "2", "32", NULL, NULL, NULL }, { "two", "24000", "2", "32", NULL, NULL, NULL } },
};

/* ns for one step of a kernel, or -1. */
static double step_ns(struct bench *b, const char *policy, const char *trace)
{
	struct sched_live l = { .b = b, .shape = &full_load, .policy = policy, .nr = 2, .seconds = SECONDS };
	int err;

	snprintf(l.trace, sizeof l.trace, "%s", trace);
	err = sched_live_run(&l);
	unlink(trace);
	return err || l.steps <= 0 ? -1 : 1e9 / l.steps;
}

struct rounds {
	double ratio[POLICIES_MAX][ROUNDS], ns[POLICIES_MAX][ROUNDS], floor[ROUNDS];
	unsigned int nr;
};

static int run_round(struct bench *b, struct rounds *r, const char *trace)
{
	double *floor = &r->floor[r->nr], after;

	*floor = step_ns(b, "null", trace);
	for (unsigned int i = 1; sched_policy_at(i) && i < POLICIES_MAX; i++) {
		r->ns[i][r->nr] = step_ns(b, sched_policy_at(i)->name, trace);
		if (r->ns[i][r->nr] < 0)
			return -1;
	}
	after = step_ns(b, "null", trace);
	if (*floor < 0 || after < 0)
		return -1;
	*floor = (*floor + after) / 2;
	for (unsigned int i = 1; sched_policy_at(i) && i < POLICIES_MAX; i++)
		r->ratio[i][r->nr] = r->ns[i][r->nr] / *floor;
	r->nr++;
	return 0;
}

static void print(struct bench *b, struct rounds *r)
{
	double sum = 0, worst = 0, floor = bench_median(r->floor, r->nr);
	unsigned int n = 0;
	char name[40];

	for (unsigned int i = 1; sched_policy_at(i) && i < POLICIES_MAX; i++, n++) {
		double ratio = bench_median(r->ratio[i], r->nr);

		snprintf(name, sizeof name, "full load, %s", sched_policy_at(i)->name);
		bench_row(b, &(struct bench_result){ .name = name, .unit = "ns", .value = bench_median(r->ns[i], r->nr),
						     .floor = floor, .floor_name = "no holding, a kernel's step",
						     .ratio = ratio, .target_kind = '<', .target = WORST });
		sum += ratio;
		worst = ratio > worst ? ratio : worst;
	}
	bench_row(b, &(struct bench_result){ .name = "full load, mean of the policies", .unit = "ns",
					     .value = sum / n * floor, .floor = floor, .floor_name = "no holding",
					     .ratio = sum / n, .target_kind = '<', .target = MEAN });
}

int bench_sched_overhead(struct bench *b)
{
	char dir[] = "/tmp/gpuvm-overhead-XXXXXX", trace[64];
	struct rounds *r = calloc(1, sizeof *r);
	int err = !r || !mkdtemp(dir);

	snprintf(trace, sizeof trace, "%s/trace", dir);
	for (int i = 0; !err && i < (b->quick ? 1 : ROUNDS); i++)
		err = run_round(b, r, trace);
	if (!err)
		print(b, r);
	rmdir(dir);
	free(r);
	return err ? 1 : 0;
}

// SPDX-License-Identifier: MIT
/*
 * How long does a scheduling decision take with 2, 64 and 1,024 guests that
 * all have work?  A decision is one sched_pump() that starts one work.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "gpuvm/base/clock.h"
#include "scheduler/sched.h"

#define ENTS_MAX 1024
#define ROUNDS 20000
#define BOUND_US 1.0

struct room {
	struct sched *s;
	struct sched_ent *ent[ENTS_MAX];
	struct sched_work *running;
	unsigned int nr;
};

static int take(void *core, struct sched_work *w)
{
	((struct room *)core)->running = w;
	return 0;
}

static void forget(void *core, struct sched_work *w)
{
	(void)core;
	(void)w;
}

static const struct sched_backend backend = { .submit = take, .dropped = forget };

static int room_open(struct room *r, const struct sched_policy *p, unsigned int nr)
{
	r->nr = nr;
	if (sched_new(p, &backend, r, 1, 0, &r->s))
		return -1;
	for (unsigned int i = 0; i < nr; i++) {
		struct sched_ent_cfg cfg = { .name = "ent", .weight = 64 + i % 7 * 64 };

		if (sched_ent_new(r->s, &cfg, 0, &r->ent[i]))
			return -1;
		for (int k = 0; k < 2; k++)
			if (sched_submit(r->ent[i], 0, NULL, 0, NULL))
				return -1;
	}
	return 0;
}

/* The median decision, us; the next submission is not timed. */
static double median_decision(struct room *r, unsigned int rounds)
{
	static double v[ROUNDS];
	uint64_t now = 1;

	sched_pump(r->s, now);
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t t, len = 100000 + i * 7919 % 900000;
		struct sched_work *w = r->running;
		struct sched_ent *ent = w ? w->ent : NULL;

		/* Without a work it is a slot that nobody may use: on to the next. */
		now += len;
		r->running = NULL;
		t = clock_ns();
		if (w)
			sched_done(w, len, now);
		sched_pump(r->s, now);
		v[i] = (double)(clock_ns() - t) / 1000;
		if (w)
			sched_submit(ent, 0, NULL, now, NULL);
	}
	return bench_median(v, rounds);
}

static int measure(const struct sched_policy *p, unsigned int nr, unsigned int rounds, double *us)
{
	static struct room r;
	int err;

	memset(&r, 0, sizeof(r));
	err = room_open(&r, p, nr);
	if (!err)
		*us = median_decision(&r, rounds);
	for (unsigned int i = 0; i < nr; i++)
		sched_ent_free(r.ent[i], 0);
	sched_free(r.s);
	return err;
}

/* What reading the clock twice costs: part of every decision measured. */
static double clock_cost(void)
{
	static double v[1000];

	for (int i = 0; i < 1000; i++) {
		uint64_t t = clock_ns();

		v[i] = (double)(clock_ns() - t) / 1000;
	}
	return bench_median(v, 1000);
}

int bench_sched_decision(struct bench *b)
{
	static const unsigned int sizes[] = { 2, 64, 1024 };
	double us[3], clock = clock_cost();
	const struct sched_policy *p;
	char name[64];

	for (unsigned int i = 0; (p = sched_policy_at(i)); i++) {
		/* Nothing is held there: a decision is not a choice. */
		if (p == &sched_null)
			continue;
		for (int k = 0; k < 3; k++) {
			if (measure(p, sizes[k], b->quick ? ROUNDS / 10 : ROUNDS, &us[k])) {
				fprintf(stderr, "gpuvm-bench: sched-decision: out of memory\n");
				return 1;
			}
			snprintf(name, sizeof(name), "decision, %s, %u guests", p->name, sizes[k]);
			bench_row(b, &(struct bench_result){ .name = name, .unit = "us", .value = us[k],
							     .floor = BOUND_US,
							     .floor_name = "the bound for 64",
							     .ratio = us[k] / BOUND_US, .target = 1,
							     .target_kind = k == 1 ? '<' : ' ' });
		}
		/* Of the decision itself: what the clock costs would hide the growth. */
		us[1] = us[1] > clock ? us[1] - clock : 0.001;
		us[2] = us[2] > clock ? us[2] - clock : 0.001;
		snprintf(name, sizeof(name), "growth, %s, 64 to 1024", p->name);
		bench_row(b, &(struct bench_result){ .name = name, .unit = "us", .value = us[2], .floor = us[1],
						     .floor_name = "64 guests; log2 grows by 1.67",
						     .ratio = us[2] / us[1], .target = 1.67,
						     .target_kind = p == &sched_wfq || p == &sched_edf ||
									    p == &sched_fifo ?
									    '<' : ' ' });
	}
	return 0;
}

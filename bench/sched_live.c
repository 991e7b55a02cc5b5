// SPDX-License-Identifier: MIT
/*
 * One live run of `gpuvm-bench sched`: a daemon with a policy, OpenCL guests
 * (gpuvm-work pulse) that launch kernels of one length each, and what the daemon
 * recorded.  Every guest checks its results; the isolation audit is asked at
 * the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/sched.h"
#include "gpuvm/base/clock.h"

struct live_run {
	struct sched_live *l;
	struct bench_daemon daemon;
	struct child guest[SCHED_GUESTS_MAX];
};

static int start_daemon(struct live_run *r)
{
	const struct sched_live *l = r->l;

	return bench_daemon_start(l->b, "sim:vram=2G,sm=1",
				  (char *[]){ (char *)"--policy", (char *)l->policy, (char *)"--sched-trace",
					      (char *)l->trace, NULL },
				  &r->daemon);
}

static int start_guest(struct live_run *r, unsigned int i)
{
	const struct sched_live *l = r->l;
	const struct sched_kind *k = &l->shape->kind[i % 2];
	char work[4200], name[16], seconds[16];

	snprintf(work, sizeof work, "%s/gpuvm-work", l->b->bin);
	snprintf(name, sizeof name, "%s%u", k->name, i / 2);
	snprintf(seconds, sizeof seconds, "%u", l->seconds + (i % 2 ? 0 : l->late));
	return child_start(l->b,
			   (char *[]){ (char *)"gpuvm", (char *)"run", (char *)"--socket", r->daemon.socket,
				       (char *)"--vram", (char *)"128M", (char *)"--name", name,
				       (char *)(k->option ? k->option : "--weight"),
				       (char *)(k->option ? k->value : "256"), (char *)"--", work,
				       (char *)"--json", (char *)"--steps", (char *)k->steps,
				       (char *)"--queues", (char *)k->queues, (char *)"--depth",
				       (char *)k->depth, (char *)"--every", (char *)(k->every ? k->every : "0"),
				       (char *)"--seconds", seconds, (char *)"pulse", NULL },
			   true, &r->guest[i]);
}

/* The guest's kernel steps a second, or -1. */
static double end_guest(struct live_run *r, unsigned int i)
{
	const struct sched_shape *s = r->l->shape;
	char *text = NULL;
	int code = child_wait(&r->guest[i], &text);
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;
	double launches = json_number_value(json_object_get(o, "launches"));
	double us = json_number_value(json_object_get(json_object_get(o, "us"), "launch"));

	json_decref(o);
	free(text);
	if (code || launches < 1 || us <= 0) {
		fprintf(stderr, "gpuvm-bench: sched: a guest ended with %d\n", code);
		return -1;
	}
	return launches * strtod(s->kind[i % 2].steps, NULL) / us * 1e6;
}

int sched_live_run(struct sched_live *l)
{
	struct live_run r = { .l = l };
	unsigned int started = 0;
	int err = start_daemon(&r);

	if (err)
		return -1;
	l->steps = 0;
	for (unsigned int second = 0; second < 2 && !err; second++) {
		struct timespec t = { .tv_sec = l->late };

		if (second && l->late)
			nanosleep(&t, NULL);
		for (unsigned int i = second; i < l->nr && !err; i += 2) {
			err = start_guest(&r, i);
			started |= !err ? 1u << i : 0;
		}
	}
	for (unsigned int i = 0; i < l->nr; i++)
		if (started & 1u << i) {
			double steps = end_guest(&r, i);

			err |= steps < 0;
			l->steps += steps;
		}
	err |= bench_daemon_stop(l->b, &r.daemon);
	return err ? -1 : 0;
}

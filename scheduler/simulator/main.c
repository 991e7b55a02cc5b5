// SPDX-License-Identifier: MIT
/*
 * gpuvm-sched: scheduling policies in virtual time.
 *
 * Exit status: 0 done, 1 something failed, 2 the command line or its input is wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/simulator/playback.h"
#include "scheduler/simulator/report.h"
#include "scheduler/simulator/timeline.h"

#define POLICIES_MAX 32

struct options {
	const char *policy[POLICIES_MAX];
	unsigned int nr;
	const char *workload, *trace, *plot, *timeline;
	uint64_t seed, time, window;
	bool json, list, recorded, closed;
};

static const char usage[] =
	"usage: gpuvm-sched [options]\n"
	"  --policy SPEC     NAME[:param=value,...] or ./FILE.so; again for more; 'all' (wfq)\n"
	"  --workload W      a built-in mix or a file that describes one (gdev)\n"
	"  --trace FILE      what gpuvmd --sched-trace recorded, instead of a workload\n"
	"  --closed          with --trace: a work comes as long after the one before it as it did then,\n"
	"                    instead of at the same time: guests that wait for their own work\n"
	"  --recorded        what happened in the recording, instead of running it anew under a policy\n"
	"  --seed N          of everything random (1)\n"
	"  --time T          length of the run, as 30s or 2h (the workload's)\n"
	"  --window T        length of one sample of fairness (the workload's)\n"
	"  --json            figures as JSON\n"
	"  --plot FILE       shares and fairness by window, .png or .svg (needs gnuplot)\n"
	"  --timeline FILE   what ran when, for Perfetto or chrome://tracing\n"
	"  --list            policies with their parameters, and built-in workloads\n"
	"  --help            this text\n";

static int bad(const char *fmt, const char *arg)
{
	fprintf(stderr, "gpuvm-sched: ");
	fprintf(stderr, fmt, arg);
	fprintf(stderr, "\n");
	return 2;
}

static void add_all(struct options *o)
{
	const struct sched_policy *p;

	for (unsigned int i = 0; (p = sched_policy_at(i)) && o->nr < POLICIES_MAX; i++)
		o->policy[o->nr++] = p->name;
}

static int parse_opt(struct options *o, int c)
{
	char *end;

	switch (c) {
	case 'p':
		if (!strcmp(optarg, "all"))
			add_all(o);
		else if (o->nr == POLICIES_MAX)
			return bad("too many policies at '%s'", optarg);
		else
			o->policy[o->nr++] = optarg;
		return 0;
	case 'w': o->workload = optarg; return 0;
	case 't': o->trace = optarg; return 0;
	case 'P': o->plot = optarg; return 0;
	case 'T': o->timeline = optarg; return 0;
	case 'j': o->json = true; return 0;
	case 'l': o->list = true; return 0;
	case 'r': o->recorded = true; return 0;
	case 'c': o->closed = true; return 0;
	case 's':
		o->seed = strtoull(optarg, &end, 10);
		return *end || end == optarg ? bad("--seed %s: not a number", optarg) : 0;
	case 'd':
		return sched_parse_time(optarg, &o->time) || !o->time ?
			       bad("--time %s: not a time, as 30s or 2h", optarg) : 0;
	case 'W':
		return sched_parse_time(optarg, &o->window) || !o->window ?
			       bad("--window %s: not a time, as 100ms or 1s", optarg) : 0;
	default: return bad("see gpuvm-sched --help%s", "");
	}
}

/* 0: go on; -1: help was printed; else an exit code. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "workload", required_argument, NULL, 'w' },
		{ "trace", required_argument, NULL, 't' },
		{ "closed", no_argument, NULL, 'c' },
		{ "recorded", no_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "time", required_argument, NULL, 'd' },
		{ "window", required_argument, NULL, 'W' },
		{ "json", no_argument, NULL, 'j' },
		{ "plot", required_argument, NULL, 'P' },
		{ "timeline", required_argument, NULL, 'T' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, err = 0;

	*o = (struct options){ .seed = 1 };
	while (!err && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return -1;
		}
		err = parse_opt(o, c);
	}
	if (err)
		return err;
	if (optind < argc)
		return bad("%s: unexpected argument", argv[optind]);
	if (o->workload && o->trace)
		return bad("--workload and --trace exclude each other%s", "");
	if (o->closed && !o->trace)
		return bad("--closed goes with --trace%s", "");
	if (o->recorded && (!o->trace || o->nr))
		return bad("--recorded goes with --trace and without --policy%s", "");
	if (!o->nr)
		o->policy[o->nr++] = "wfq";
	if (o->nr > 1 && (o->plot || o->timeline))
		return bad("--plot and --timeline are for one policy%s", "");
	return 0;
}

static int list(void)
{
	const struct sched_policy *p;
	const struct mix_builtin *b;

	printf("policies\n");
	for (unsigned int i = 0; (p = sched_policy_at(i)); i++) {
		printf("  %-8s %s\n", p->name, p->help);
		for (const struct sched_policy_param *q = p->params; q && q->name; q++)
			printf("    %s=%.6g%s: %s\n", q->name, (double)q->def / (q->is_time ? 1e6 : 1),
			       q->is_time ? "ms" : "", q->help);
	}
	printf("workloads\n");
	for (unsigned int i = 0; (b = mix_builtin_at(i)); i++)
		printf("  %-10s %s\n", b->name, b->help);
	return 0;
}

static int open_mix(const struct options *o, struct mix *m)
{
	const char *name = o->workload ? o->workload : "gdev";
	char msg[300];
	int r = o->trace ? mix_open_trace(o->trace, m, msg, sizeof(msg)) :
			   mix_open(name, m, msg, sizeof(msg));

	if (r)
		return bad("%s", msg);
	for (uint32_t i = 0; o->closed && i < m->nr_guests; i++)
		m->guest[i].pattern = MIX_CLOSED;
	if (o->time)
		m->time = o->time;
	if (o->window || m->window > m->time)
		m->window = o->window ? o->window : m->time;
	if (m->window > m->time || m->time / m->window > 100000 ||
	    m->time / m->window * m->nr_guests > 20000000) {
		mix_free(m);
		return bad("--window does not fit the time: 1 to 100000 windows%s", "");
	}
	return 0;
}

static int run_one(const struct options *o, const struct mix *m, const char *spec, struct virt_result *res)
{
	struct sched_choice choice;
	struct virt_cfg cfg = { .mix = m, .choice = &choice, .seed = o->seed };
	char msg[400];
	int r;

	if (sched_choice_open(spec, &choice, msg, sizeof(msg)))
		return bad("%s", msg);
	if (o->timeline && (r = timeline_open(o->timeline, &cfg.timeline))) {
		sched_choice_close(&choice);
		return bad("--timeline: %s", strerror(-r));
	}
	snprintf(msg, sizeof(msg), "out of memory");
	r = o->recorded ? playback_run(m, cfg.timeline, res) : virt_run(&cfg, res, msg, sizeof(msg));
	sched_choice_close(&choice);
	if (timeline_close(cfg.timeline) && !r)
		r = bad("--timeline %s: cannot be written", o->timeline);
	else if (r)
		bad("%s", msg);
	return r ? 1 : 0;
}

static int show(const struct options *o, const struct report_run *run)
{
	json_t *all = json_array();
	int r;

	if (!o->json)
		report_table(run, o->nr, stdout);
	for (unsigned int i = 0; o->json && i < o->nr; i++)
		json_array_append_new(all, report_json(&run[i]));
	if (o->json) {
		json_dumpf(o->nr == 1 ? json_array_get(all, 0) : all, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(all);
	r = o->plot ? report_plot(run, o->plot) : 0;
	if (r == -EINVAL)
		return bad("--plot %s: the name must end in .png or .svg", o->plot);
	if (r) {
		bad(r == -ENOENT ? "--plot %s: gnuplot is not there" : "--plot %s: gnuplot failed", o->plot);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct virt_result res[POLICIES_MAX];
	struct report_run run[POLICIES_MAX];
	struct options o;
	struct mix m;
	int err = parse(argc, argv, &o);

	if (err)
		return err < 0 ? 0 : err;
	if (o.list)
		return list();
	err = open_mix(&o, &m);
	if (err)
		return err;
	for (unsigned int i = 0; i < o.nr && !err; i++) {
		err = run_one(&o, &m, o.policy[i], &res[i]);
		run[i] = (struct report_run){ .res = &res[i], .mix = &m, .seed = o.seed };
	}
	if (!err)
		err = show(&o, run);
	for (unsigned int i = 0; i < o.nr; i++)
		virt_result_free(&res[i]);
	mix_free(&m);
	return err;
}

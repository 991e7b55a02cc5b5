// SPDX-License-Identifier: MIT
/* gpuvm-bench: the front door is a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"

static const struct {
	const char *name, *help;
	int (*run)(struct bench *);
	bool in_all;
} suites[] = {
	{ "trap", "one trapped access against a bare signal and ping-pong", bench_trap, true },
	{ "shadow", "page-table entries shadowed a second against a hand-written loop", bench_shadow, true },
	{ "track", "a flush after one changed entry, by number of tables and options", bench_track, true },
	{ "copy", "copy engine throughput against memcpy", bench_copy, true },
	{ "idle", "memory of an idle virtual GPU", bench_idle, true },
	{ "doorbell", "doorbell to completion interrupt, native and full", bench_doorbell, true },
	{ "compute", "OpenCL kernels against PoCL, launch latency", bench_compute, true },
	{ "sched-decision", "a scheduling decision with 2, 64 and 1,024 guests", bench_sched_decision, true },
	{ "sched-overhead", "full load under each policy against no holding", bench_sched_overhead, true },
	{ "sched", "guests of unlike lengths under each policy, live and simulated", bench_sched, false },
	{ "pv", "paravirtual page-table calls: batching gain, 1 GiB mapped against native", bench_pv, true },
	{ "share", "guests share the GPU, on real files and OpenCL (make run)", bench_share, false },
	{ "modes", "whole programs in every mode and option set, against native", bench_modes, false },
};

#define NR_SUITES (sizeof suites / sizeof suites[0])

static void usage(void)
{
	printf("usage: gpuvm-bench SUITE [--json FILE] [--quick]\n"
	       "       gpuvm-bench sched [--policies SPEC,SPEC...] [--guests N] [--seconds N] [--shape NAME]\n"
	       "                         [--out FOLDER]   recordings, plots, timelines\n"
	       "     shapes: gdev, deep, weights3, weights9, cap30, latency (all)\n"
	       "       gpuvm-bench modes [--quick] [--works NAME,NAME...] [--out FOLDER]   a plot\n\n"
	       "  all            every suite but sched, modes and share\n");
	for (size_t i = 0; i < NR_SUITES; i++)
		printf("  %-14s %s\n", suites[i].name, suites[i].help);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, compare);
	return n ? v[n / 2] : 0;
}

void bench_row(struct bench *b, const struct bench_result *r)
{
	char target[32] = "-";
	const char *verdict = "";

	if (r->target_kind != ' ') {
		bool met = r->target_kind == '<' ? r->ratio <= r->target : r->ratio >= r->target;

		snprintf(target, sizeof target, "%c= %.3g", r->target_kind, r->target);
		verdict = met ? "met" : "SHORT";
	}
	if (!json_array_size(b->rows))
		printf("%-34s %12s %12s %8s %10s  %s\n", "what", "value", "floor", "ratio", "target",
		       "floor is");
	printf("%-34s %7.4g %-4s %7.4g %-4s %8.3f %7s %-5s  %s\n", r->name, r->value, r->unit,
	       r->floor, r->unit, r->ratio, target, verdict, r->floor_name);
	fflush(stdout);
	json_array_append_new(
		b->rows, json_pack("{s:s, s:s, s:f, s:f, s:s, s:f, s:f, s:s%, s:s}", "name", r->name,
				   "unit", r->unit, "value", r->value, "floor", r->floor,
				   "floor_name", r->floor_name, "ratio", r->ratio, "target",
				   r->target, "target_kind", &r->target_kind, (size_t)1, "options",
				   r->options ? r->options : ""));
}

static int bad(const char *what)
{
	fprintf(stderr, "gpuvm-bench: %s; see gpuvm-bench --help\n", what);
	return 2;
}

static int run(struct bench *b, const char *suite)
{
	int err = 0;
	bool found = false;

	for (size_t i = 0; i < NR_SUITES && !err; i++)
		if (!strcmp(suite, suites[i].name) || (!strcmp(suite, "all") && suites[i].in_all)) {
			found = true;
			err = suites[i].run(b);
		}
	if (!found)
		return bad("no such suite");
	if (!err && b->json && strcmp(suite, "share") &&
	    json_dump_file(b->report ? b->report : b->rows, b->json, JSON_INDENT(2))) {
		fprintf(stderr, "gpuvm-bench: cannot write %s\n", b->json);
		err = 1;
	}
	return err;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	ssize_t n = readlink("/proc/self/exe", b.bin, sizeof b.bin - 1);
	char *slash;
	int err;

	b.bin[n > 0 ? n : 0] = '\0';
	slash = strrchr(b.bin, '/');
	if (slash)
		*slash = '\0';
	if (argc < 2)
		return bad("a suite is missing");
	if (!strcmp(argv[1], "--help")) {
		usage();
		return 0;
	}
	if (!strcmp(argv[1], "doorbell-probe"))
		return bench_doorbell_probe();
	if (!strcmp(argv[1], "trap-probe"))
		return bench_trap_probe();
	if (!strcmp(argv[1], "pv-probe"))
		return bench_pv_probe();
	if (!strcmp(argv[1], "pv-map-probe"))
		return bench_pv_map_probe();
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--quick"))
			b.quick = true;
		else if (!strcmp(argv[i], "--json") && i + 1 < argc)
			b.json = argv[++i];
		else if (!strcmp(argv[i], "--policies") && i + 1 < argc)
			b.policies = argv[++i];
		else if (!strcmp(argv[i], "--guests") && i + 1 < argc)
			b.guests = (unsigned int)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
			b.seconds = (unsigned int)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--shape") && i + 1 < argc)
			b.shape = argv[++i];
		else if (!strcmp(argv[i], "--works") && i + 1 < argc)
			b.works = argv[++i];
		else if (!strcmp(argv[i], "--out") && i + 1 < argc)
			b.out = argv[++i];
		else
			return bad("unknown option");
	}
	b.rows = json_array();
	err = b.rows ? run(&b, argv[1]) : 1;
	json_decref(b.report);
	json_decref(b.rows);
	return err;
}

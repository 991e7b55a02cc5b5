// SPDX-License-Identifier: MIT
/*
 * How fast are the shader cores, against PoCL on the same processor?
 *
 * Both run gpuvm-work's kernels natively, in this run, with two threads each:
 * PoCL's pool and the software GPU's shader workers.  The figure of a kernel
 * is the median time of its launch phase, which holds every launch of the
 * algorithm and what the host reads between them, not compilation (the first
 * repetition) and not the upload.  Results are checked by gpuvm-work itself.
 */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/bench.h"
#include "gpuvm/base/bits.h"

#define TARGET 0.2

/* Sizes at which a launch takes much longer than starting it, where the workload has one. */
static const struct {
	const char *name, *size;
} kernels[] = {
	{ "vadd", "paper" },	 { "mmul", "paper" }, { "nbody", "paper" },
	{ "hotspot", "stress" }, { "srad", "paper" }, { "bfs", "paper" },
};

enum side { POCL, NATIVE, FULL };

/* Launch phase in microseconds and number of launches; 0, or -1. */
static int measure(const struct bench *b, enum side side, const char *name, const char *size,
		   double *us, double *launches)
{
	char prog[4200], repeat[8];
	char *argv[16];
	int k = 0, code;
	json_t *r;

	snprintf(prog, sizeof prog, "%s/gpuvm-work", b->bin);
	snprintf(repeat, sizeof repeat, "%d", b->quick ? 3 : 5);
	if (side == POCL) {
		argv[k++] = (char *)"/usr/bin/env";
		argv[k++] = (char *)"OCL_ICD_VENDORS=pocl.icd";
		argv[k++] = (char *)"POCL_MAX_PTHREAD_COUNT=2";
	} else {
		argv[k++] = (char *)"gpuvm";
		argv[k++] = (char *)"run";
		argv[k++] = (char *)"--private";
		argv[k++] = (char *)(side == NATIVE ? "--mode=native" : "--mode=full");
		argv[k++] = (char *)"--gpu=sim:vram=1G,sm=2";
		argv[k++] = (char *)"--";
	}
	argv[k++] = prog;
	argv[k++] = (char *)"--json";
	argv[k++] = (char *)"--repeat";
	argv[k++] = repeat;
	argv[k++] = (char *)"--size";
	argv[k++] = (char *)size;
	argv[k++] = (char *)name;
	argv[k] = NULL;
	r = child_json(b, argv, &code);
	*us = json_number_value(json_object_get(json_object_get(r, "us"), "launch"));
	if (launches)
		*launches = json_number_value(json_object_get(r, "launches"));
	json_decref(r);
	return code || *us <= 0 ? -1 : 0;
}

static int latency(struct bench *b)
{
	static const struct {
		enum side side, floor;
		const char *name, *floor_name;
	} rows[] = {
		{ NATIVE, POCL, "launch and wait, native", "PoCL" },
		{ FULL, NATIVE, "launch and wait, full", "native" },
	};
	double us[3], n[3];

	for (enum side s = POCL; s <= FULL; s++)
		if (measure(b, s, "trip", "paper", &us[s], &n[s]) || n[s] <= 0)
			return -1;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		double v = us[rows[i].side] / n[rows[i].side];
		double f = us[rows[i].floor] / n[rows[i].floor];

		bench_row(b, &(struct bench_result){ .name = rows[i].name,
						     .unit = "us",
						     .value = v,
						     .floor = f,
						     .floor_name = rows[i].floor_name,
						     .ratio = v / f,
						     .target_kind = ' ' });
	}
	return 0;
}

static int speeds(struct bench *b)
{
	double sum = 0, ours = 0, theirs = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(kernels); i++) {
		char name[60];
		double pocl, native;

		if (measure(b, POCL, kernels[i].name, kernels[i].size, &pocl, NULL) ||
		    measure(b, NATIVE, kernels[i].name, kernels[i].size, &native, NULL))
			return -1;
		sum += log(pocl / native);
		ours += log(native);
		theirs += log(pocl);
		snprintf(name, sizeof name, "speed of %s", kernels[i].name);
		bench_row(b, &(struct bench_result){ .name = name,
						     .unit = "ms",
						     .value = native / 1000,
						     .floor = pocl / 1000,
						     .floor_name = "PoCL (ratio of speeds)",
						     .ratio = pocl / native,
						     .target_kind = ' ' });
	}
	bench_row(b, &(struct bench_result){ .name = "speed, geometric mean",
					     .unit = "ms",
					     .value = exp(ours / ARRAY_SIZE(kernels)) / 1000,
					     .floor = exp(theirs / ARRAY_SIZE(kernels)) / 1000,
					     .floor_name = "PoCL (ratio of speeds)",
					     .ratio = exp(sum / ARRAY_SIZE(kernels)),
					     .target = TARGET,
					     .target_kind = '>' });
	return 0;
}

int bench_compute(struct bench *b)
{
	static const char *const vendors[] = { "pocl.icd", "rusticl.icd" };
	char path[4200];

	snprintf(path, sizeof path, "%s/gpuvm-work", b->bin);
	if (access(path, X_OK)) {
		fprintf(stderr,
			"gpuvm-bench: compute: left out, gpuvm-work was not built (no OpenCL)\n");
		return 0;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(vendors); i++) {
		snprintf(path, sizeof path, "/etc/OpenCL/vendors/%s", vendors[i]);
		if (access(path, R_OK)) {
			fprintf(stderr, "gpuvm-bench: compute: left out, %s is missing\n", path);
			return 0;
		}
	}
	if (speeds(b) || latency(b)) {
		fprintf(stderr, "gpuvm-bench: compute: a workload failed\n");
		return 1;
	}
	return 0;
}

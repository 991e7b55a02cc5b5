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
#include <stdlib.h>
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

/* What the software GPU counted in its file: launches, instructions of warps, of lanes. */
struct tally {
	uint64_t launches, warps, lanes;
};

struct run {
	double us, launches; /* of the launch phase, and in it */
	struct tally all;    /* of all repetitions; native only */
};

static int tally_read(const char *path, struct tally *t)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fread(t, sizeof *t, 1, f) == 1;

	if (f)
		fclose(f);
	unlink(path);
	return ok ? 0 : -1;
}

/* 0, or -1. */
static int measure(const struct bench *b, enum side side, const char *name, const char *size,
		   struct run *run)
{
	char prog[4200], repeat[8], gpu[160], path[] = "/tmp/gpuvm-bench-XXXXXX";
	char *argv[16];
	int k = 0, code;
	json_t *r;

	*run = (struct run){ 0 };
	if (side == NATIVE) {
		int fd = mkstemp(path);

		if (fd < 0)
			return -1;
		close(fd);
	}
	snprintf(gpu, sizeof gpu, "--gpu=sim:vram=1G,sm=2%s%s", side == NATIVE ? ",count=" : "",
		 side == NATIVE ? path : "");
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
		argv[k++] = gpu;
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
	run->us = json_number_value(json_object_get(json_object_get(r, "us"), "launch"));
	run->launches = json_number_value(json_object_get(r, "launches"));
	json_decref(r);
	if (side == NATIVE && tally_read(path, &run->all))
		return -1;
	return code || run->us <= 0 ? -1 : 0;
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
	struct run r[3];

	for (enum side s = POCL; s <= FULL; s++)
		if (measure(b, s, "trip", "paper", &r[s]) || r[s].launches <= 0)
			return -1;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		double v = r[rows[i].side].us / r[rows[i].side].launches;
		double f = r[rows[i].floor].us / r[rows[i].floor].launches;

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

/* Instructions a second of one repetition: each launches as much as any other. */
static void rate(struct bench *b, const char *kernel, const struct run *r)
{
	double each = r->all.launches ? r->launches / (double)r->all.launches / r->us : 0;
	char name[60];

	snprintf(name, sizeof name, "instructions of %s, threads", kernel);
	bench_row(b, &(struct bench_result){
			     .name = name,
			     .unit = "M/s",
			     .value = (double)r->all.lanes * each,
			     .floor = (double)r->all.warps * each * 32,
			     .floor_name = "32 for each warp's (ratio of lanes in use)",
			     .ratio = (double)r->all.lanes / ((double)r->all.warps * 32),
			     .target_kind = ' ' });
}

static int speeds(struct bench *b)
{
	double sum = 0, ours = 0, theirs = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(kernels); i++) {
		char name[60];
		double pocl, native;
		struct run p, n;

		if (measure(b, POCL, kernels[i].name, kernels[i].size, &p) ||
		    measure(b, NATIVE, kernels[i].name, kernels[i].size, &n))
			return -1;
		pocl = p.us;
		native = n.us;
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
		rate(b, kernels[i].name, &n);
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

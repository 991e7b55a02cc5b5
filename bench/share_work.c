// SPDX-License-Identifier: MIT
/*
 * The OpenCL part of the main job: what gpuvm-work is asked to run, and one
 * result made of the lines it prints.  Each workload has compared its own
 * results with a reference; equal checksums say that two runs computed the same.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/share.h"

static const char *const workloads[] = { "backprop", "bfs", "hotspot", "lud", "pathfinder", "kmeans",
					 "nbody", NULL };

bool share_work_there(const struct bench *b)
{
	char path[4200];
	const char *const need[] = { "gpuvm-work", "../lib/libgpuvm-drm.so" };

	for (unsigned int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", b->bin, need[i]);
		if (access(path, R_OK))
			return false;
	}
	return true;
}

const char *const *share_work_list(void)
{
	return workloads;
}

json_t *share_work_result(const char *text)
{
	json_t *sums = json_object(), *line;
	const char *phase, *end;
	json_int_t bytes = 0;
	double us = 0;
	json_t *v;

	for (; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		line = json_loadb(text, (size_t)(end - text), 0, NULL);
		bytes += json_integer_value(json_object_get(line, "bytes"));
		json_object_foreach(json_object_get(line, "us"), phase, v)
			us += json_number_value(v);
		v = json_object_get(line, "checksum");
		if (v)
			json_object_set(sums, json_string_value(json_object_get(line, "name")), v);
		json_decref(line);
	}
	/* A workload whose results were wrong says nothing of a checksum, or ends the whole with an error. */
	return json_pack("{s:b, s:I, s:f, s:o}", "verified",
			 json_object_size(sums) == sizeof workloads / sizeof *workloads - 1, "bytes", bytes,
			 "seconds", us / 1e6, "checksums", sums);
}

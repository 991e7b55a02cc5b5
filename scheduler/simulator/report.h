/* SPDX-License-Identifier: MIT */
/* The figures of runs, for people, programs and plots. */
#ifndef SCHEDULER_SIMULATOR_REPORT_H
#define SCHEDULER_SIMULATOR_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "scheduler/simulator/virt.h"

struct report_run {
	const struct virt_result *res;
	const struct mix *mix;
	uint64_t seed;
};

/* One run in full; several as a line each. */
void report_table(const struct report_run *, unsigned int nr, FILE *);
/* The caller's; NULL when out of memory. */
json_t *report_json(const struct report_run *);
/* Shares by window, PNG or SVG by the file's name, through gnuplot.  -EINVAL, -ENOENT (no gnuplot), -EIO. */
int report_plot(const struct report_run *, const char *path);

#endif

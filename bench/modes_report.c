// SPDX-License-Identifier: MIT
/*
 * The modes compared: seconds natively and times native in each configuration,
 * where the time goes, and whether the aims are met.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/modes.h"

/* A program whose kernels take so much of its native time, the compiler's not counted, is bound by computing. */
#define COMPUTE_BOUND 0.5

/* With or without what the OpenCL compiler took, which no mode has a part in. */
enum kind { WITH_BUILD, WITHOUT_BUILD };

static double seconds(const struct modes_cell *x, enum kind k)
{
	return k == WITH_BUILD ? x->seconds : x->driver_seconds;
}

static double times_native(const struct modes *m, unsigned int w, unsigned int c, enum kind k)
{
	const struct modes_cell *n = &m->cell[w][0], *x = &m->cell[w][c];

	return n->ran && x->ran && seconds(n, k) > 0 ? seconds(x, k) / seconds(n, k) : NAN;
}

static bool compute_bound(const struct modes *m, unsigned int w)
{
	const struct modes_cell *n = &m->cell[w][0];

	return n->phase[MODES_LAUNCH] >= COMPUTE_BOUND * n->driver_seconds;
}

static void print_table(const struct modes *m)
{
	printf("Whole programs without the OpenCL compiler, size %s: seconds natively, then times native "
	       "(! = not verified)\n%-11s %-6s",
	       m->size, "workload", "bound");
	for (unsigned int c = 0; c < m->nr_configs; c++)
		printf(" %14s", m->config[c].name);
	printf("\n");
	for (unsigned int w = 0; w < m->nr_works; w++) {
		printf("%-11s %-6s %13.4f%s", m->work[w], compute_bound(m, w) ? "kernel" : "init",
		       m->cell[w][0].driver_seconds, m->cell[w][0].verified ? " " : "!");
		for (unsigned int c = 1; c < m->nr_configs; c++)
			printf(" %13.2f%s", times_native(m, w, c, WITHOUT_BUILD), m->cell[w][c].verified ? " " : "!");
		printf("\n");
	}
}

/* Where the time of a configuration goes, over all workloads. */
static void print_phases(const struct modes *m)
{
	printf("\nShare of each phase, all workloads together, percent\n%-16s", "");
	for (unsigned int p = 0; p < NR_MODES_PHASES; p++)
		printf(" %8s", modes_phase[p]);
	printf("\n");
	for (unsigned int c = 0; c < m->nr_configs; c++) {
		double sum[NR_MODES_PHASES] = { 0 }, all = 0;

		for (unsigned int w = 0; w < m->nr_works; w++)
			for (unsigned int p = 0; p < NR_MODES_PHASES; p++) {
				sum[p] += m->cell[w][c].phase[p];
				all += m->cell[w][c].phase[p];
			}
		printf("%-16s", m->config[c].name);
		for (unsigned int p = 0; p < NR_MODES_PHASES; p++)
			printf(" %8.1f", all > 0 ? 100 * sum[p] / all : 0);
		printf("\n");
	}
}

static double counter(const struct modes_cell *c, const char *key)
{
	return json_number_value(json_object_get(json_object_get(c->counters, "counters"), key));
}

static void print_counters(const struct modes *m)
{
	static const char *const keys[] = { "flushes", "shadowings", "ptes_scanned", "ptes_changed", "hypercalls",
					    "bar0_trapped", "bar1_trapped", "bar3_trapped", "submissions" };

	printf("\nCounters of the guests, mean of a workload\n%-16s", "");
	for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
		printf(" %12s", keys[k]);
	printf("\n");
	for (unsigned int c = 1; c < m->nr_configs; c++) {
		printf("%-16s", m->config[c].name);
		for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
			double sum = 0;

			for (unsigned int w = 0; w < m->nr_works; w++)
				sum += counter(&m->cell[w][c], keys[k]);
			printf(" %12.0f", sum / m->nr_works);
		}
		printf("\n");
	}
	printf("\n");
}

static json_t *row(const struct modes *m, unsigned int w, unsigned int c)
{
	const struct modes_cell *x = &m->cell[w][c];
	json_t *phases = json_object();
	double times = times_native(m, w, c, WITH_BUILD), driver = times_native(m, w, c, WITHOUT_BUILD);

	for (unsigned int p = 0; p < NR_MODES_PHASES; p++)
		json_object_set_new(phases, modes_phase[p], json_real(x->phase[p]));
	return json_pack("{s:s, s:s, s:s, s:b, s:f, s:f, s:o?, s:o?, s:s, s:o, s:O?}", "config", m->config[c].name,
			 "workload", m->work[w], "size", m->size, "verified", x->verified, "seconds",
			 x->seconds, "driver_seconds", x->driver_seconds, "ratio_native",
			 isnan(times) ? NULL : json_real(times), "ratio_native_driver",
			 isnan(driver) ? NULL : json_real(driver), "bound",
			 compute_bound(m, w) ? "kernel" : "init", "phases", phases, "counters",
			 json_object_get(x->counters, "counters"));
}

/* The geometric mean over the workloads of one kind; NAN if there is none. */
static double mean_times(const struct modes *m, unsigned int c, bool bound, enum kind k)
{
	double sum = 0;
	unsigned int n = 0;

	for (unsigned int w = 0; w < m->nr_works; w++) {
		double t = times_native(m, w, c, k);

		if (compute_bound(m, w) != bound || isnan(t))
			continue;
		sum += log(t);
		n++;
	}
	return n ? exp(sum / n) : NAN;
}

static void aim(const struct modes *m, unsigned int c, bool bound, enum kind k, double target)
{
	double t = mean_times(m, c, bound, k);
	char name[64];
	struct bench_result r = { .name = name, .unit = "x", .value = t, .floor = 1, .floor_name = "native",
				  .ratio = t, .target = target, .target_kind = '<',
				  .options = m->config[c].mode };

	snprintf(name, sizeof name, "%s, %s-bound%s", m->config[c].name, bound ? "kernel" : "init",
		 k == WITH_BUILD ? "" : ", no compiler");
	if (!isnan(t))
		bench_row(m->b, &r);
}

static int plot(const struct modes *m)
{
	char path[4300];
	FILE *f;
	int err;

	snprintf(path, sizeof path, "%s/modes.svg", m->b->out);
	f = popen("gnuplot 2>&1 >/dev/null", "we");
	if (!f)
		return -errno;
	fprintf(f,
		"set terminal svg size 1400,560 dynamic background 'white'\nset output '%s'\n"
		"set style data histogram\nset style histogram clustered gap 2\nset style fill solid 0.9\n"
		"set logscale y\nset ylabel 'times native'\nset xtics rotate by -40 nomirror\nset grid y\n"
		"set key outside top center horizontal\n"
		"set title 'Whole programs without the OpenCL compiler, size %s'\nplot ",
		path, m->size);
	for (unsigned int c = 1; c < m->nr_configs; c++)
		fprintf(f, "%s'-' using 2:xtic(1) title '%s'", c > 1 ? ", " : "", m->config[c].name);
	fprintf(f, "\n");
	for (unsigned int c = 1; c < m->nr_configs; c++) {
		for (unsigned int w = 0; w < m->nr_works; w++)
			fprintf(f, "%s %g\n", m->work[w], times_native(m, w, c, WITHOUT_BUILD));
		fprintf(f, "e\n");
	}
	err = pclose(f);
	if (err)
		fprintf(stderr, "gpuvm-bench: modes: %s\n",
			err == 127 << 8 ? "gnuplot is not there" : "gnuplot failed");
	else
		printf("plot: %s\n", path);
	return err ? -EIO : 0;
}

static bool all_verified(const struct modes *m)
{
	for (unsigned int w = 0; w < m->nr_works; w++)
		for (unsigned int c = 0; c < m->nr_configs; c++)
			if (!m->cell[w][c].verified)
				return false;
	return true;
}

int modes_report(struct modes *m)
{
	int err = 0;

	print_table(m);
	print_phases(m);
	print_counters(m);
	for (unsigned int c = 1; c < m->nr_configs; c++) {
		if (m->config[c].compute_bound > 0) {
			for (int k = WITH_BUILD; k <= WITHOUT_BUILD; k++) {
				aim(m, c, true, k, m->config[c].compute_bound);
				aim(m, c, false, k, m->config[c].init_bound);
			}
		}
	}
	for (unsigned int w = 0; w < m->nr_works; w++)
		for (unsigned int c = 0; c < m->nr_configs; c++)
			json_array_append_new(m->b->rows, row(m, w, c));
	if (m->b->out)
		err = plot(m);
	if (!all_verified(m)) {
		fprintf(stderr, "gpuvm-bench: modes: not every result was verified\n");
		err = 1;
	}
	return err ? 1 : 0;
}

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

/* What was aimed at for one program in one configuration; 0: nothing. */
static double aim_of(const struct modes *m, unsigned int w, unsigned int c)
{
	return compute_bound(m, w) ? m->config[c].compute_bound : m->config[c].init_bound;
}

static void print_aims(const struct modes *m)
{
	printf("\nAims, program by program: times native, at most; by how much not\n%-11s %-6s", "workload", "bound");
	for (unsigned int c = 1; c < m->nr_configs; c++)
		if (m->config[c].compute_bound > 0)
			printf("  %-22s", m->config[c].name);
	printf("\n");
	for (unsigned int w = 0; w < m->nr_works; w++) {
		printf("%-11s %-6s", m->work[w], compute_bound(m, w) ? "kernel" : "init");
		for (unsigned int c = 1; c < m->nr_configs; c++) {
			double aim = aim_of(m, w, c), t = times_native(m, w, c, WITHOUT_BUILD);
			char verdict[16] = "met";

			if (aim <= 0)
				continue;
			if (!(t <= aim))
				snprintf(verdict, sizeof verdict, "+%.1f %%", 100 * (t / aim - 1));
			printf("  %5.2f <= %-4.3g %-8s", t, aim, verdict);
		}
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
	return json_pack("{s:s, s:s, s:s, s:b, s:f, s:f, s:o?, s:o?, s:o?, s:s, s:o, s:O?}", "config",
			 m->config[c].name, "workload", m->work[w], "size", m->size, "verified",
			 x->verified, "seconds", x->seconds, "driver_seconds", x->driver_seconds, "ratio_native",
			 isnan(times) ? NULL : json_real(times), "ratio_native_driver",
			 isnan(driver) ? NULL : json_real(driver), "aim",
			 aim_of(m, w, c) > 0 ? json_real(aim_of(m, w, c)) : NULL, "bound",
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

/* ---- the plot --------------------------------------------------------------------- */

/* A hue for each kind of virtualization, lighter as it gets faster; in the order of the configurations. */
static const char *const colour[] = { "#000000", "#8c8c8c", "#67000d", "#cb181d", "#ef6548",
				      "#fdae6b", "#fee0a0", "#08306b", "#4292c6", "#41ab5d" };
static const char *const phase_colour[NR_MODES_PHASES - 1] = { "#54278f", "#9ebcda", "#41ab5d", "#4eb3d3",
							       "#bdbdbd" };
#define NR_COLOURS (sizeof colour / sizeof colour[0])

/* Gnuplot takes _ for a subscript unless told not to; names have none, but for that. */
static void plot_data(FILE *f, const struct modes *m)
{
	fprintf(f, "$times << EOD\n-");
	for (unsigned int c = 1; c < m->nr_configs; c++)
		fprintf(f, " \"%s\"", m->config[c].name);
	for (unsigned int w = 0; w < m->nr_works; w++) {
		fprintf(f, "\n\"%s%s\"", m->work[w], compute_bound(m, w) ? "*" : "");
		for (unsigned int c = 1; c < m->nr_configs; c++)
			fprintf(f, " %g", times_native(m, w, c, WITHOUT_BUILD));
	}
	fprintf(f, "\nEOD\n$phases << EOD\n-");
	for (unsigned int p = 0; p < NR_MODES_PHASES; p++)
		if (p != MODES_BUILD)
			fprintf(f, " %s", modes_phase[p]);
	/* The first program is the driver's own; the others' start is OpenCL's in every mode. */
	for (unsigned int c = 0; c < m->nr_configs; c++) {
		fprintf(f, "\n\"%s\"", m->config[c].name);
		for (unsigned int p = 0; p < NR_MODES_PHASES; p++)
			if (p != MODES_BUILD)
				fprintf(f, " %g", m->cell[0][c].phase[p] * 1e3);
	}
	fprintf(f, "\nEOD\n");
}

static void plot_panels(FILE *f, const struct modes *m)
{
	fprintf(f, "set multiplot\nset style data histogram\nset style fill solid 1 border rgb '#ffffff'\n"
		   "set border 3\nset tics nomirror\nset grid y lt 1 lc rgb '#dddddd'\nset key noenhanced\n"
		   "set size 1,0.6\nset origin 0,0.4\nset style histogram clustered gap 1.5\nset boxwidth 1\n"
		   "set logscale y\nset yrange [0.8:*]\nset ytics (0.8,1,1.2,1.5,2,3,5,10,20,50,100)\n"
		   "set ylabel 'times native'\nset xtics scale 0 noenhanced\nset key outside top center horizontal\n"
		   "set title 'Whole programs without the OpenCL compiler, size %s (* bound by kernels)'\n"
		   "plot ",
		m->size);
	for (unsigned int c = 1; c < m->nr_configs; c++)
		fprintf(f, "$times using %u:xtic(1) title columnheader(%u) lc rgb '%s', ", c + 1, c + 1,
			colour[c % NR_COLOURS]);
	fprintf(f,
		"1 lt 1 lc rgb '#000000' notitle\n"
		"set size 1,0.4\nset origin 0,0\nunset logscale y\nset yrange [0:*]\nset ytics auto\n"
		"set style histogram rowstacked\nset boxwidth 0.6\nset ylabel 'ms'\n"
		"set key outside right center vertical\nset title 'Where the time of %s goes'\nplot ",
		m->work[0]);
	for (unsigned int p = 0; p + 1 < NR_MODES_PHASES; p++)
		fprintf(f, "%s$phases using %u:xtic(1) title columnheader(%u) lc rgb '%s'", p ? ", " : "", p + 2,
			p + 2, phase_colour[p]);
	fprintf(f, "\nunset multiplot\n");
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
	fprintf(f, "set terminal svg size 1500,900 dynamic font 'sans,13' background 'white'\nset output '%s'\n",
		path);
	plot_data(f, m);
	plot_panels(f, m);
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
	json_t *rows = json_array();
	int err = 0;

	print_table(m);
	print_aims(m);
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
			json_array_append_new(rows, row(m, w, c));
	m->b->report = json_pack("{s:s, s:i, s:o, s:O}", "size", m->size, "repeat", (int)m->repeat, "rows", rows,
				 "aims", m->b->rows);
	if (m->b->out)
		err = plot(m);
	if (!all_verified(m)) {
		fprintf(stderr, "gpuvm-bench: modes: not every result was verified\n");
		err = 1;
	}
	return err ? 1 : 0;
}

// SPDX-License-Identifier: MIT
/* Plots through gnuplot: each guest's part of engine 0 by window, and the fairness of each window below. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "scheduler/simulator/report.h"

/* More lines than this cannot be told apart. */
#define LINES_MAX 12

static const char *terminal_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot && !strcmp(dot, ".png"))
		return "png size 1000,700";
	if (dot && !strcmp(dot, ".svg"))
		return "svg size 1000,700";
	return NULL;
}

static void put_data(const struct report_run *r, uint32_t lines, FILE *f)
{
	const struct measure *m = r->res->engine[0];

	fprintf(f, "$d << EOD\n");
	for (uint32_t w = 0; w < m->nr_windows; w++) {
		fprintf(f, "%g", (double)w * (double)m->window / 1e9);
		for (uint32_t i = 0; i < lines; i++)
			fprintf(f, " %g", 100 * m->guest[i].got[w] / (double)m->window);
		if (m->window_jain[w] > 0)
			fprintf(f, " %g\n", m->window_jain[w]);
		else
			fprintf(f, " NaN\n");
	}
	fprintf(f, "EOD\n");
}

static void put_script(const struct report_run *r, const char *path, const char *term, FILE *f)
{
	const struct measure *m = r->res->engine[0];
	uint32_t lines = m->nr_guests < LINES_MAX ? m->nr_guests : LINES_MAX;

	fprintf(f, "set terminal %s\nset output '", term);
	for (const char *p = path; *p; p++)
		fprintf(f, *p == '\'' ? "''" : "%c", *p);
	fprintf(f, "'\n");
	put_data(r, lines, f);
	fprintf(f, "set multiplot layout 2,1 title '%s, workload %s' noenhanced\n"
		   "set key outside noenhanced\nset xlabel 'seconds'\nset ylabel 'engine time, %%'\n"
		   "set yrange [0:100]\nplot ",
		r->res->policy, strpbrk(r->mix->name, "'\n") ? "from a file" : r->mix->name);
	for (uint32_t i = 0; i < lines; i++)
		fprintf(f, "%s$d using 1:%u with lines lw 2 title '%s'", i ? ", " : "", i + 2,
			r->mix->guest[i].name);
	fprintf(f, "\nset ylabel 'Jain index of the window'\nset yrange [*:1.01]\n"
		   "plot $d using 1:%u with points pt 7 ps 0.6 title 'jain %.4f', 0.97 with lines dt 2 title '0.97'\n"
		   "unset multiplot\n",
		lines + 2, m->jain);
}

int report_plot(const struct report_run *r, const char *path)
{
	const char *term = terminal_of(path);
	void (*old)(int);
	int status;
	FILE *f;

	if (!term)
		return -EINVAL;
	f = popen("gnuplot 2>&1 >/dev/null", "we");
	if (!f)
		return -errno;
	/* gnuplot may be gone before it has read all. */
	old = signal(SIGPIPE, SIG_IGN);
	put_script(r, path, term, f);
	status = pclose(f);
	signal(SIGPIPE, old);
	if (status == -1 || !WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status) ? -EIO : 0;
}

// SPDX-License-Identifier: MIT
/*
 * What a mode costs: every workload natively, passed through, in full
 * virtualization with each option, and in the paravirtual modes, as the paper's
 * figure has it.
 *
 *  1. One daemon serves all guests of a run; a configuration's guest is alone.
 *  2. A cell's time is the life of the program's process, by the shell around
 *     it: what starts and ends a guest (gpuvm run) is not in it.
 *  3. A result counts only if the program found it right and its checksum is the
 *     one of the native run.
 *  4. Configurations alternate within a repetition: a machine that gets slower
 *     does so for all of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/modes.h"
#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"

const char *const modes_phase[NR_MODES_PHASES] = { "init", "build", "htod", "launch", "dtoh", "close" };

static const struct modes_config configs[] = {
	{ "native", "native", 0, 0 },
	{ "passthrough", "passthrough", 0, 0 },
	{ "full", "full", 0, 0 },
	{ "full,bar-remap", "full,bar-remap", 0, 0 },
	{ "full,lazy", "full,lazy", 0, 0 },
	{ "full,optimized", "full,optimized", 0, 0 },
	{ "full,best", "full,best", 1.2, 3 },
	{ "naive-pv", "naive-pv", 0, 0 },
	{ "multicall", "naive-pv,multicall", 1.1, 2 },
	{ "hp-pv", "hp-pv", 1.05, 1.3 },
};

/*
 * Of gpuvm-work, but for DRIVER: gpuvm-copy with one small file, which is the
 * driver's start and close with little between them and no OpenCL around.
 */
#define DRIVER "driver"
static const char *const all_works[] = {
	DRIVER, "nop", "loop", "madd", "mmul", "fmadd", "fmmul", "cpy", "pincpy", "backprop",
	"bfs", "heartwall", "hotspot", "lud", "nn", "nw", "srad", "srad2", "gaussian", "pathfinder",
	"kmeans"
};
/* One of each kind: nothing, compute, copies, many kernels, churn. */
static const char *const quick_works[] = { DRIVER, "nop", "mmul", "cpy", "lud", "hotspot", "churn" };

struct run {
	struct modes *m;
	struct bench_daemon daemon;
};

/*
 * Folder, mode, socket, then the program.  A guest's counters are asked for from
 * inside it, after the program: the guest lives as long as the shell.
 */
static const char script[] = "mode=$1; socket=$2; shift 2; a=$(date +%s%N); \"$@\" || exit; "
			     "b=$(date +%s%N); echo \"[$((b - a))]\"; "
			     "[ \"$mode\" = native ] || exec \"$0/gpuvm\" show bench --json --socket \"$socket\"";

static int start_guest(struct run *r, unsigned int w, const struct modes_config *c, struct child *child)
{
	struct modes *m = r->m;
	bool native = !strcmp(c->mode, "native"), driver = !strcmp(m->work[w], DRIVER);
	char work[4200], copy[4200];
	char *guest[] = { (char *)"gpuvm", (char *)"run", (char *)"--socket",
			  native ? (char *)"/nonexistent/native-needs-no-daemon" : r->daemon.socket,
			  (char *)"--mode", (char *)c->mode, (char *)"--vram", (char *)"512M",
			  (char *)"--name", (char *)"bench", (char *)"--", (char *)"sh", (char *)"-c",
			  (char *)script, m->b->bin, (char *)c->mode, r->daemon.socket,
			  /* the program */
			  driver ? copy : work, (char *)"--json", driver ? work : (char *)"--size",
			  driver ? NULL : (char *)m->size, (char *)m->work[w], NULL };

	snprintf(work, sizeof work, "%s/gpuvm-work", m->b->bin);
	snprintf(copy, sizeof copy, "%s/gpuvm-copy", m->b->bin);
	return child_start(m->b, guest, true, child);
}

/* The next JSON value of several; *text moves behind it.  NULL: none. */
static json_t *next_value(const char **text)
{
	json_error_t at;
	json_t *v = json_loads(*text, JSON_DISABLE_EOF_CHECK, &at);

	*text += v ? at.position : 0;
	return v;
}

/* What the script printed: the program's report, its life in ns, the guest's counters. */
static void read_cell(const char *text, struct modes_cell *out)
{
	json_t *work = next_value(&text), *life = next_value(&text), *us = json_object_get(work, "us");
	json_t *file = json_array_get(json_object_get(work, "files"), 0);
	const char *sum = json_string_value(json_object_get(file ? file : work, file ? "hash" : "checksum"));
	double known = 0;

	*out = (struct modes_cell){ .ran = work && life,
				    .seconds = json_number_value(json_array_get(life, 0)) / 1e9,
				    .counters = next_value(&text) };
	for (unsigned int i = 0; i < MODES_CLOSE; i++)
		out->phase[i] = json_number_value(json_object_get(us, modes_phase[i])) / 1e6;
	if (file) {
		out->phase[MODES_INIT] = json_number_value(json_object_get(work, "init_seconds"));
		out->phase[MODES_LAUNCH] = json_number_value(json_object_get(work, "seconds"));
	}
	for (unsigned int i = 0; i < MODES_CLOSE; i++)
		known += out->phase[i];
	out->phase[MODES_CLOSE] = out->seconds - known;
	out->driver_seconds = out->seconds - out->phase[MODES_BUILD];
	snprintf(out->checksum, sizeof out->checksum, "%s", sum ? sum : "");
	json_decref(work);
	json_decref(life);
}

static int one_run(struct run *r, unsigned int w, const struct modes_config *c, struct modes_cell *out)
{
	struct child child;
	char *text = NULL;
	int code = start_guest(r, w, c, &child);

	if (!code)
		code = child_wait(&child, &text);
	read_cell(text ? text : "", out);
	free(text);
	if (code)
		fprintf(stderr, "gpuvm-bench: modes: %s in %s ended with %d\n", r->m->work[w], c->name, code);
	out->ran = out->ran && !code;
	return code ? -1 : 0;
}

static int by_seconds(const void *a, const void *b)
{
	double x = ((const struct modes_cell *)a)->seconds, y = ((const struct modes_cell *)b)->seconds;

	return x < y ? -1 : x > y;
}

/* runs[k][c]: the k-th run in configuration c; the median becomes the cell. */
static void keep_median(struct modes *m, unsigned int w, struct modes_cell (*runs)[MODES_MAX])
{
	for (unsigned int c = 0; c < m->nr_configs; c++) {
		struct modes_cell sorted[8];
		bool same = true;

		for (unsigned int k = 0; k < m->repeat; k++) {
			sorted[k] = runs[k][c];
			same = same && runs[k][c].ran && runs[0][0].ran &&
			       !strcmp(runs[k][c].checksum, runs[0][0].checksum);
		}
		qsort(sorted, m->repeat, sizeof sorted[0], by_seconds);
		for (unsigned int k = 0; k < m->repeat; k++)
			if (k != m->repeat / 2)
				json_decref(sorted[k].counters);
		m->cell[w][c] = sorted[m->repeat / 2];
		m->cell[w][c].verified = same;
	}
}

static int run_work(struct run *r, unsigned int w)
{
	struct modes_cell runs[8][MODES_MAX] = { 0 };
	struct modes *m = r->m;
	int err = 0;

	for (unsigned int k = 0; k < m->repeat; k++)
		for (unsigned int c = 0; c < m->nr_configs; c++) {
			if (isatty(STDERR_FILENO))
				fprintf(stderr, "\r\033[K%u of %u: %s in %s", w + 1, m->nr_works, m->work[w],
					m->config[c].name);
			err |= one_run(r, w, &m->config[c], &runs[k][c]);
		}
	keep_median(m, w, runs);
	return err;
}

/* NAME,NAME... into m->names; an unknown name fails in its first run. */
static int pick_works(struct modes *m, const char *list)
{
	char *at = m->names, *name;

	if (strlen(list) >= sizeof m->names) {
		fprintf(stderr, "gpuvm-bench: modes: --works is too long\n");
		return 1;
	}
	strcpy(m->names, list);
	while ((name = strsep(&at, ",")))
		if (*name && m->nr_works < MODES_WORK_MAX)
			m->work[m->nr_works++] = name;
	return 0;
}

static int plan(struct modes *m, struct bench *b)
{
	const char *const *work = b->quick ? quick_works : all_works;
	unsigned int n = b->quick ? ARRAY_SIZE(quick_works) : ARRAY_SIZE(all_works);

	m->b = b;
	m->size = b->quick ? "tiny" : "paper";
	m->repeat = b->quick ? 1 : 3;
	m->config = configs;
	m->nr_configs = ARRAY_SIZE(configs);
	if (b->out && mkdir(b->out, 0777) && errno != EEXIST) {
		fprintf(stderr, "gpuvm-bench: modes: %s: %s\n", b->out, strerror(errno));
		return 1;
	}
	if (b->works)
		return pick_works(m, b->works);
	memcpy(m->work, work, n * sizeof *work);
	m->nr_works = n;
	return 0;
}

int bench_modes(struct bench *b)
{
	struct modes *m = mem_new(struct modes);
	struct run r = { .m = m };
	int err;

	if (!m)
		return 1;
	err = plan(m, b);
	if (!err)
		err = bench_daemon_start(b, "sim:vram=1G", NULL, &r.daemon);
	if (err) {
		mem_free(m);
		return 1;
	}
	for (unsigned int w = 0; w < m->nr_works; w++)
		run_work(&r, w);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	err = bench_daemon_stop(b, &r.daemon);
	err |= modes_report(m);
	for (unsigned int w = 0; w < m->nr_works; w++)
		for (unsigned int c = 0; c < m->nr_configs; c++)
			json_decref(m->cell[w][c].counters);
	mem_free(m);
	return err ? 1 : 0;
}

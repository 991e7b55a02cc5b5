// SPDX-License-Identifier: MIT
/*
 * Policies live: the same OpenCL guests under each policy on the software GPU,
 * measured from what the daemon recorded, by the simulator's own definitions;
 * and beside it the simulator, run on the same recording under the same policy.
 *
 * Always true: figures cover the time in which all guests were at work, in
 * windows of which the first begins when the last guest has come up.  backlog
 * is the part of that time in which a guest had work waiting or running by the
 * daemon's record, so a small share cannot come from a guest with nothing to do.
 */
#include "bench/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "scheduler/simulator/playback.h"
#include "scheduler/simulator/report.h"
#include "scheduler/simulator/timeline.h"

#define WINDOW_NS 1000000000ull
/* A guest has come up when so many works of at least this length were seen: what comes before prepares. */
#define UP_WORKS 10
#define UP_NS 50000

static const struct sched_shape shapes[] = {
	{ "gdev", "each guest waits for its kernel before it launches the next, as in Gdev's experiment",
	  { { "short", "16000", "1", "1", NULL, NULL, NULL }, { "long", "96000", "1", "1", NULL, NULL, NULL } },
	  NULL },
	{ "deep", "each guest has dozens of kernels under way",
	  { { "short", "6000", "2", "64", NULL, NULL, NULL }, { "long", "36000", "2", "64", NULL, NULL, NULL } },
	  NULL },
	{ "weights3", "as deep, weights 1:3, due shares 25 and 75 %",
	  { { "short", "6000", "2", "64", NULL, "--weight", "100" },
	    { "long", "18000", "2", "64", NULL, "--weight", "300" } }, "wfq" },
	{ "weights9", "as deep, weights 1:9, due shares 10 and 90 %",
	  { { "short", "6000", "2", "64", NULL, "--weight", "100" },
	    { "long", "18000", "2", "64", NULL, "--weight", "900" } }, "wfq" },
	{ "cap30", "as deep, the first guest capped at 30 %",
	  { { "short", "6000", "2", "64", NULL, "--cap", "30" },
	    { "long", "18000", "2", "64", NULL, NULL, NULL } }, "wfq" },
	{ "latency", "a small kernel each 4 ms of a latency class (4 ms) against a hog",
	  { { "rt", "600", "1", "2", "4000", "--latency", "4ms" },
	    { "hog", "6000", "2", "64", NULL, NULL, NULL } }, "edf" },
};

struct compare {
	struct bench *b;
	const struct sched_shape *shape;
	unsigned int nr, seconds, late;
	double floor; /* steps a second without holding */
	char dir[4100]; /* traces, plots, timelines */
};

/* ---- the recording ------------------------------------------------------------------------- */

static uint64_t came_up(const struct mix_guest *g)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < g->nr_work; i++)
		if (g->work[i].size >= UP_NS && ++n == UP_WORKS)
			return g->work[i].at;
	return g->nr_work ? g->work[0].at : 0;
}

/* So that a window begins when the last guest is up, and the record ends when the first one goes; -1: never all. */
static int cut(struct mix *m)
{
	uint64_t up = 0, end = UINT64_MAX, shift;

	for (uint32_t i = 0; i < m->nr_guests; i++) {
		const struct mix_guest *g = &m->guest[i];
		uint64_t at = came_up(g), last = 0;

		for (uint32_t k = 0; k < g->nr_work; k++)
			last = g->work[k].size >= UP_NS && g->work[k].ended > last ? g->work[k].ended : last;
		up = at > up ? at : up;
		end = last < end ? last : end;
	}
	if (end < up + WINDOW_NS)
		return -1;
	shift = WINDOW_NS - up % WINDOW_NS;
	for (uint32_t i = 0; i < m->nr_guests; i++)
		for (uint32_t k = 0; k < m->guest[i].nr_work; k++) {
			m->guest[i].work[k].at += shift;
			m->guest[i].work[k].ended += shift;
		}
	m->time = end + shift;
	m->window = WINDOW_NS;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct mix_guest *)a)->name, ((const struct mix_guest *)b)->name);
}

static int open_record(const char *path, unsigned int nr, struct mix *m)
{
	char msg[400];

	if (mix_open_trace(path, m, msg, sizeof msg)) {
		fprintf(stderr, "gpuvm-bench: sched: %s\n", msg);
		return -1;
	}
	if (m->nr_guests == nr && !cut(m)) {
		qsort(m->guest, m->nr_guests, sizeof(*m->guest), by_name);
		return 0;
	}
	fprintf(stderr, "gpuvm-bench: sched: %s: the guests never worked all at the same time\n", path);
	mix_free(m);
	return -1;
}

/* Part of the time since the last guest came up in which a guest wanted the engine. */
static double backlog(const struct measure *m, uint32_t guest)
{
	double wanted = 0, all = 0;

	for (uint32_t w = 0; w < m->nr_windows; w++)
		if (m->window_jain[w] > 0) {
			wanted += m->guest[guest].wanted[w];
			all += (double)m->window;
		}
	return all > 0 ? wanted / all : 0;
}

/* Part of the same time in which the engine stood still although somebody wanted it: what holding back costs. */
static double stood(const struct measure *m)
{
	double got = 0, all = 0;

	for (uint32_t w = 0; w < m->nr_windows; w++) {
		double wanted = 0;

		if (m->window_jain[w] <= 0)
			continue;
		for (uint32_t i = 0; i < m->nr_guests; i++) {
			got += m->guest[i].got[w];
			wanted = m->guest[i].wanted[w] > wanted ? m->guest[i].wanted[w] : wanted;
		}
		all += wanted;
	}
	return all > got && all > 0 ? 1 - got / all : 0;
}

/* ---- one policy --------------------------------------------------------------------------------- */

static int simulate(struct mix *m, const char *policy, struct virt_result *res)
{
	struct sched_choice choice;
	struct virt_cfg cfg = { .mix = m, .choice = &choice, .seed = 1 };
	char msg[400];
	int err = sched_choice_open(policy, &choice, msg, sizeof msg);

	for (uint32_t i = 0; i < m->nr_guests; i++)
		m->guest[i].pattern = MIX_CLOSED;
	if (!err)
		err = virt_run(&cfg, res, msg, sizeof msg);
	if (err)
		fprintf(stderr, "gpuvm-bench: sched: %s\n", msg);
	return err ? -1 : 0;
}

static void print_head(const struct compare *c)
{
	printf("\n%s: %s; %u guests, the second half %u s late, %u s in windows of 1 s\n", c->shape->name,
	       c->shape->help, c->nr, c->late, c->seconds);
	printf("%-12s %17s %17s %17s %15s %8s %8s  %s\n", "policy", "jain    simul.", "worst   simul.",
	       "min/max simul.", "lag/unit  sim.", "stood", "no hold", "shares (simulated; backlog)");
}

static void print_row(const struct compare *c, const char *policy, const struct virt_result *live,
		      const struct virt_result *sim, const struct mix *mix, double steps)
{
	const struct measure *l = live->engine[0], *s = sim->engine[0];

	printf("%-12.12s %8.4f %8.4f %8.4f %8.4f %8.3f %8.3f %7.2f %7.2f %7.1f%% %7.3f ", policy, l->jain,
	       s->jain, l->worst_window, s->worst_window, l->min_max, s->min_max,
	       l->unit ? l->max_lag / (double)l->unit : 0, s->unit ? s->max_lag / (double)s->unit : 0,
	       100 * stood(l), c->floor > 0 ? steps / c->floor : 1);
	for (uint32_t i = 0; i < mix->nr_guests; i++)
		printf(" %s %.1f %% (%.1f; %.0f)", mix->guest[i].name, 100 * l->guest[i].share,
		       100 * s->guest[i].share, 100 * backlog(l, i));
	for (uint32_t i = 0; i < mix->nr_guests; i++)
		if (mix->guest[i].latency_us)
			printf(" %s p99 %.2f (%.2f) ms", mix->guest[i].name,
			       (double)hist_at(&l->guest[i].response, 0.99) / 1e6,
			       (double)hist_at(&s->guest[i].response, 0.99) / 1e6);
	printf("\n");
	fflush(stdout);
}

static void add_json(const struct compare *c, const char *policy, const struct report_run *live,
		     const struct report_run *sim, double steps)
{
	json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:f, s:o}", "shape", c->shape->name, "policy", policy,
			      "steps_per_s", steps, "of_no_holding", c->floor > 0 ? steps / c->floor : 1.0,
			      "stood", stood(live->res->engine[0]), "backlog", json_object());
	static const char *const top[] = { "jain", "worst_window", "min_max", "max_lag_units", "shares",
					   "windows", "utilisation", "switches" };
	json_t *figures = report_json(live);

	for (uint32_t i = 0; i < live->mix->nr_guests; i++)
		json_object_set_new(json_object_get(o, "backlog"), live->mix->guest[i].name,
				    json_real(backlog(live->res->engine[0], i)));
	for (size_t i = 0; i < ARRAY_SIZE(top); i++)
		json_object_set(o, top[i], json_object_get(figures, top[i]));
	json_object_set_new(o, "simulated", report_json(sim));
	json_decref(figures);
	json_array_append_new(c->b->rows, o);
}

/* The plot and the timeline of what happened, beside the recording. */
static int draw(const struct compare *c, const char *trace, const struct report_run *live)
{
	struct virt_result again;
	struct timeline *t;
	char path[4300];
	int err;

	if (!c->b->out)
		return 0;
	snprintf(path, sizeof path, "%s.png", trace);
	err = report_plot(live, path);
	if (err)
		fprintf(stderr, "gpuvm-bench: sched: no plot: %s\n",
			err == -2 ? "gnuplot is not there" : "gnuplot failed");
	snprintf(path, sizeof path, "%s.json", trace);
	if (timeline_open(path, &t))
		return -1;
	err = playback_run(live->mix, t, &again);
	virt_result_free(&again);
	return timeline_close(t) || err ? -1 : 0;
}

static int report(struct compare *c, const struct sched_live *l)
{
	struct virt_result live, sim = { 0 };
	struct report_run run;
	struct mix mix;
	int err;

	if (open_record(l->trace, c->nr, &mix))
		return -1;
	err = playback_run(&mix, NULL, &live);
	snprintf(live.policy, sizeof live.policy, "%.24s, live", l->policy);
	run = (struct report_run){ .res = &live, .mix = &mix };
	if (!err)
		err = draw(c, l->trace, &run);
	if (!err)
		err = simulate(&mix, l->policy, &sim);
	if (!err) {
		const struct report_run sim_run = { .res = &sim, .mix = &mix, .seed = 1 };

		print_row(c, l->policy, &live, &sim, &mix, l->steps);
		add_json(c, l->policy, &run, &sim_run, l->steps);
	}
	virt_result_free(&sim);
	virt_result_free(&live);
	mix_free(&mix);
	return err ? -1 : 0;
}

static int run_policy(struct compare *c, const char *policy, unsigned int nr)
{
	struct sched_live l = { .b = c->b, .shape = c->shape, .policy = policy, .nr = c->nr,
				.seconds = c->seconds, .late = c->late };
	int err;

	snprintf(l.trace, sizeof l.trace, "%s/%s-%u-%.*s", c->dir, c->shape->name, nr,
		 (int)strcspn(policy, ":/"), policy);
	err = sched_live_run(&l);
	if (!err && !nr)
		c->floor = l.steps; /* it came first */
	if (!err)
		err = report(c, &l);
	if (!c->b->out)
		unlink(l.trace);
	return err;
}

/* ---- all ------------------------------------------------------------------------------------------ */

/* The next policy of a list; a part with '=' and no ':' is a parameter of the one before it. */
static char *next_policy(char **list)
{
	char *at = *list, *p = at, *part;

	if (!at || !*at)
		return NULL;
	do {
		size_t len;

		p += strcspn(p, ",");
		part = *p ? p + 1 : p;
		len = strcspn(part, ",");
		if (!*p || !memchr(part, '=', len) || memchr(part, ':', len))
			break;
		p = part;
	} while (true);
	*list = *p ? p + 1 : p;
	*p = '\0';
	return at;
}

static int check_policies(const char *policies)
{
	char *copy = strdup(policies), *at = copy, *p;
	struct sched_choice c;
	char msg[400];
	int err = !copy;

	while (!err && (p = next_policy(&at))) {
		err = sched_choice_open(p, &c, msg, sizeof msg);
		if (err)
			fprintf(stderr, "gpuvm-bench: %s\n", msg);
		else
			sched_choice_close(&c);
	}
	free(copy);
	return err ? 2 : 0;
}

static int run_shape(struct compare *c, const char *policies)
{
	char *copy = strdup(policies), *at = copy, *p;
	unsigned int nr = 0;
	int err = !copy;

	print_head(c);
	c->floor = 0;
	if (!err && !c->shape->policies)
		err = run_policy(c, "null", nr);
	nr++;
	while (!err && (p = next_policy(&at)))
		err = run_policy(c, p, nr++);
	free(copy);
	return err ? 1 : 0;
}

int bench_sched(struct bench *b)
{
	const char *policies = b->policies ? b->policies : "fifo,credit,band,wfq,wfq:grace=10ms,patience=200";
	struct compare c = { .b = b,
			     .nr = b->guests ? b->guests : 2,
			     .seconds = b->seconds ? b->seconds : b->quick ? 4 : 12,
			     .late = b->quick ? 1 : 3 };
	int err = check_policies(policies);
	bool found = false;

	if (!err && (c.nr < 2 || c.nr > SCHED_GUESTS_MAX)) {
		fprintf(stderr, "gpuvm-bench: sched: --guests is 2 to %d\n", SCHED_GUESTS_MAX);
		err = 2;
	}
	snprintf(c.dir, sizeof c.dir, "%s", b->out ? b->out : "/tmp/gpuvm-sched-XXXXXX");
	if (!err && (b->out ? mkdir(c.dir, 0777) && access(c.dir, W_OK) : !mkdtemp(c.dir))) {
		fprintf(stderr, "gpuvm-bench: cannot write to %s\n", c.dir);
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(shapes) && !err; i++)
		if (!b->shape || !strcmp(b->shape, shapes[i].name)) {
			found = true;
			c.shape = &shapes[i];
			err = run_shape(&c, b->policies || !c.shape->policies ? policies : c.shape->policies);
		}
	if (!err && !found) {
		fprintf(stderr, "gpuvm-bench: sched: --shape is gdev, deep, weights3, weights9, cap30 or latency\n");
		err = 2;
	}
	if (!b->out)
		rmdir(c.dir);
	return err;
}

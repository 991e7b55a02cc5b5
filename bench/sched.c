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
			m->guest[i].work[k].started += shift;
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

/* A time in which some work had engine 0, and what the engine did of it.  They follow each other. */
struct stay {
	uint64_t from, to, ran;
	uint64_t lost; /* until `from`: time in which works had the engine and it did nothing */
};

struct stays {
	struct stay *at; /* owned */
	size_t nr;
};

static int by_end(const void *a, const void *b)
{
	const struct stay *x = a, *y = b;

	return x->to < y->to ? -1 : x->to > y->to;
}

static int stays_of(const struct mix *mix, struct stays *out)
{
	uint64_t last = 0, lost = 0;
	size_t room = 1;

	for (uint32_t i = 0; i < mix->nr_guests; i++)
		room += mix->guest[i].nr_work;
	*out = (struct stays){ calloc(room, sizeof *out->at), 0 };
	if (!out->at)
		return -1;
	for (uint32_t i = 0; i < mix->nr_guests; i++)
		for (uint32_t k = 0; k < mix->guest[i].nr_work; k++) {
			const struct mix_work *w = &mix->guest[i].work[k];

			if (!w->engine)
				out->at[out->nr++] = (struct stay){ w->started, w->ended, w->size, 0 };
		}
	qsort(out->at, out->nr, sizeof *out->at, by_end);
	for (size_t i = 0; i < out->nr; i++) {
		struct stay *s = &out->at[i];

		s->from = s->from > last ? s->from : last;
		s->ran = s->ran < s->to - s->from ? s->ran : s->to - s->from;
		s->lost = lost;
		lost += s->to - s->from - s->ran;
		last = s->to;
	}
	return 0;
}

/* The engine's own time at t: it stands while a work has the engine and the host does not run it. */
static uint64_t engine_time(const struct stays *s, uint64_t t)
{
	size_t lo = 0, hi = s->nr;
	const struct stay *x;
	double part;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->at[mid].to < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->nr)
		return s->nr ? t - s->at[s->nr - 1].lost -
				       (s->at[s->nr - 1].to - s->at[s->nr - 1].from - s->at[s->nr - 1].ran) :
			       t;
	x = &s->at[lo];
	if (t <= x->from)
		return t - x->lost;
	part = (double)(t - x->from) / (double)(x->to - x->from);
	return x->from - x->lost + (uint64_t)(part * (double)x->ran);
}

/* 99 of 100 of a guest's works had ended so long after they came, by the engine's own time. */
static uint64_t response_p99(const struct stays *s, const struct mix *mix, uint32_t guest)
{
	struct hist *h = calloc(1, sizeof *h);
	uint64_t ns = 0;

	for (uint32_t k = 0; h && k < mix->guest[guest].nr_work; k++) {
		const struct mix_work *w = &mix->guest[guest].work[k];

		if (!w->engine && w->ended < mix->time)
			hist_add(h, engine_time(s, w->ended) - engine_time(s, w->at < w->ended ? w->at : w->ended));
	}
	if (h)
		ns = hist_at(h, 0.99);
	free(h);
	return ns;
}

static double within_counted(const struct measure *m, uint64_t from, uint64_t to)
{
	double ns = 0;

	while (from < to) {
		uint64_t w = from / m->window, end = (w + 1) * m->window < to ? (w + 1) * m->window : to;

		if (w < m->nr_windows && m->window_jain[w] > 0)
			ns += (double)(end - from);
		from = end;
	}
	return ns;
}

/* What became of the time in which somebody wanted engine 0, over the windows that count; parts of it. */
struct engine_use {
	double stood; /* nobody had it: what holding back costs */
	double late;  /* somebody had it, and the host did not run it, or its end was seen late */
};

static struct engine_use engine_use(const struct measure *m, const struct stays *s)
{
	double got = 0, all = 0, had = 0;

	for (size_t i = 0; i < s->nr; i++)
		had += within_counted(m, s->at[i].from, s->at[i].to);
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
	return (struct engine_use){ .stood = all > had ? 1 - had / all : 0,
				    .late = all > 0 && had > got ? (had - got) / all : 0 };
}

/* ---- one policy --------------------------------------------------------------------------------- */

static int simulate(struct mix *m, const char *policy, struct virt_result *res)
{
	struct sched_choice choice;
	struct virt_cfg cfg = { .mix = m, .choice = &choice, .seed = 1 };
	char msg[400];
	int err = sched_choice_open(policy, &choice, msg, sizeof msg);

	for (uint32_t i = 0; i < m->nr_guests; i++) {
		m->guest[i].pattern = MIX_CLOSED;
		m->guest[i].endless = true;
	}
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
	printf("%-12s %24s %24s %15s %15s %7s %7s %8s  %s\n", "policy", "jain  simulated  differ",
	       "worst  simulated  differ", "min/max  sim.", "lag/unit  sim.", "stood", "late", "no hold",
	       "shares (simulated; backlog)");
}

static void print_row(const struct compare *c, const char *policy, const struct virt_result *live,
		      const struct virt_result *sim, const struct mix *mix, const struct stays *stays, double steps)
{
	const struct measure *l = live->engine[0], *s = sim->engine[0];
	struct engine_use use = engine_use(l, stays);

	printf("%-12.12s %7.4f %8.4f %7.4f %8.4f %8.4f %7.4f %7.3f %7.3f %7.2f %7.2f %6.1f%% %6.1f%% %7.3f ", policy,
	       l->jain, s->jain, l->jain - s->jain, l->worst_window, s->worst_window,
	       l->worst_window - s->worst_window, l->min_max, s->min_max,
	       l->unit ? l->max_lag / (double)l->unit : 0, s->unit ? s->max_lag / (double)s->unit : 0,
	       100 * use.stood, 100 * use.late, c->floor > 0 ? steps / c->floor : 1);
	for (uint32_t i = 0; i < mix->nr_guests; i++)
		printf(" %s %.1f %% (%.1f; %.0f)", mix->guest[i].name, 100 * l->guest[i].share,
		       100 * s->guest[i].share, 100 * backlog(l, i));
	for (uint32_t i = 0; i < mix->nr_guests; i++)
		if (mix->guest[i].latency_us)
			printf(" %s p99 %.2f (%.2f; wall %.2f) ms", mix->guest[i].name,
			       (double)response_p99(stays, mix, i) / 1e6,
			       (double)hist_at(&s->guest[i].response, 0.99) / 1e6,
			       (double)hist_at(&l->guest[i].response, 0.99) / 1e6);
	printf("\n");
	fflush(stdout);
}

static void add_json(const struct compare *c, const char *policy, const struct report_run *live,
		     const struct report_run *sim, const struct stays *stays, double steps)
{
	struct engine_use use = engine_use(live->res->engine[0], stays);
	json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:o, s:o}", "shape", c->shape->name, "policy", policy,
			      "steps_per_s", steps, "of_no_holding", c->floor > 0 ? steps / c->floor : 1.0,
			      "stood", use.stood, "late", use.late, "backlog", json_object(), "p99_engine_ms",
			      json_object());
	static const char *const top[] = { "jain", "worst_window", "min_max", "max_lag_units", "shares",
					   "windows", "utilisation", "switches" };
	json_t *figures = report_json(live);

	for (uint32_t i = 0; i < live->mix->nr_guests; i++) {
		const char *name = live->mix->guest[i].name;

		json_object_set_new(json_object_get(o, "backlog"), name,
				    json_real(backlog(live->res->engine[0], i)));
		json_object_set_new(json_object_get(o, "p99_engine_ms"), name,
				    json_real((double)response_p99(stays, live->mix, i) / 1e6));
	}
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
	struct virt_result live = { 0 }, sim = { 0 };
	struct stays stays = { NULL, 0 };
	struct report_run run;
	struct mix mix;
	int err;

	if (open_record(l->trace, c->nr, &mix))
		return -1;
	err = stays_of(&mix, &stays) || playback_run(&mix, NULL, &live);
	snprintf(live.policy, sizeof live.policy, "%.24s, live", l->policy);
	run = (struct report_run){ .res = &live, .mix = &mix };
	if (!err)
		err = draw(c, l->trace, &run);
	if (!err)
		err = simulate(&mix, l->policy, &sim);
	if (!err) {
		const struct report_run sim_run = { .res = &sim, .mix = &mix, .seed = 1 };

		print_row(c, l->policy, &live, &sim, &mix, &stays, l->steps);
		add_json(c, l->policy, &run, &sim_run, &stays, l->steps);
	}
	free(stays.at);
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

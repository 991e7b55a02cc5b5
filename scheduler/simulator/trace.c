// SPDX-License-Identifier: MIT
/* Reading a recording (scheduler/record.h) as a mix: each guest's works at the times they came. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "scheduler/record.h"
#include "scheduler/simulator/mix.h"

#define WORKS_MAX 50000000u

struct reader {
	const char *path;
	unsigned long line;
	struct mix *m;
	uint64_t end;
};

static struct mix_guest *find(struct mix *m, const char *name)
{
	/* The last one first: lines of one guest come in runs. */
	for (uint32_t i = m->nr_guests; i-- > 0;)
		if (!strcmp(m->guest[i].name, name))
			return &m->guest[i];
	return NULL;
}

static struct mix_guest *find_or_add(struct mix *m, const char *name)
{
	struct mix_guest *g = find(m, name);

	if (g || m->nr_guests == MIX_MAX_GUESTS)
		return g;
	g = mem_realloc(m->guest, (m->nr_guests + 1) * sizeof(*g));
	if (!g)
		return NULL;
	m->guest = g;
	g = &m->guest[m->nr_guests++];
	*g = (struct mix_guest){ .pattern = MIX_TRACE, .depth = 1, .units = 1 };
	snprintf(g->name, sizeof(g->name), "%s", name);
	return g;
}

static int add_work(struct mix_guest *g, const struct mix_work *w)
{
	if (g->nr_work == WORKS_MAX)
		return -E2BIG;
	if (!(g->nr_work & (g->nr_work - 1))) {
		struct mix_work *more =
			mem_realloc(g->work, (g->nr_work ? 2ul * g->nr_work : 1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		g->work = more;
	}
	g->work[g->nr_work++] = *w;
	return 0;
}

/* 0, -EINVAL for a line that is none, or -ENOMEM. */
static int read_line(struct reader *r, const char *line)
{
	uint32_t weight, cap, latency, budget;
	struct mix_guest *g;
	struct mix_work w;
	char name[32];
	int end = 0;

	if (sscanf(line, "guest %31s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %n", name, &weight,
		   &cap, &latency, &budget, &end) == 5 && !line[end]) {
		if (!weight || weight > SCHED_WEIGHT_MAX || cap > 100 || budget > 100 ||
		    latency > SCHED_LATENCY_MAX_US)
			return -EINVAL;
		g = find_or_add(r->m, name);
		if (!g)
			return -ENOMEM;
		g->weight = weight;
		g->cap_pct = cap;
		g->latency_us = latency;
		g->budget_pct = budget;
		return 0;
	}
	if (sscanf(line, "work %31s %u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %n", name, &w.engine,
		   &w.at, &w.started, &w.size, &w.ended, &end) != 6 || line[end] || w.engine >= SCHED_MAX_ENGINES ||
	    w.at > 1ull << 52 || w.ended > 1ull << 52 || w.size > w.ended)
		return -EINVAL;
	g = find_or_add(r->m, name);
	if (!g)
		return -ENOMEM;
	w.size = w.size ? w.size : 1;
	w.started = w.started < w.ended ? w.started : w.ended;
	if (w.ended > r->end)
		r->end = w.ended;
	if (w.engine >= r->m->nr_engines)
		r->m->nr_engines = w.engine + 1;
	return add_work(g, &w);
}

static int by_time(const void *a, const void *b)
{
	const struct mix_work *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static int read_all(struct reader *r, FILE *f)
{
	char line[256];
	int err = 0;

	while (!err && fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		r->line++;
		if (len && line[len - 1] == '\n')
			line[len - 1] = '\0';
		else if (!feof(f))
			return -EINVAL;
		if (r->line == 1)
			err = strcmp(line, SCHED_RECORD_HEAD) ? -EINVAL : 0;
		else if (*line)
			err = read_line(r, line);
	}
	if (!err && r->line == 0)
		r->line = 1;
	return err || r->end ? err : -ENODATA;
}

int mix_open_trace(const char *path, struct mix *out, char *msg, size_t n)
{
	struct reader r = { .path = path, .m = out };
	FILE *f = fopen(path, "re");
	int err;

	memset(out, 0, sizeof(*out));
	if (!f) {
		err = -errno;
		snprintf(msg, n, "%s: %s", path, strerror(errno));
		return err;
	}
	err = read_all(&r, f);
	fclose(f);
	if (err) {
		snprintf(msg, n, "%s:%lu: %s", path, r.line,
			 err == -ENODATA ? "there is no work in it" :
			 err == -EINVAL	 ? "not a line of a scheduler recording" :
					   "out of memory");
		mix_free(out);
		return err;
	}
	for (uint32_t i = 0; i < out->nr_guests; i++)
		qsort(out->guest[i].work, out->guest[i].nr_work, sizeof(struct mix_work), by_time);
	snprintf(out->name, sizeof(out->name), "%s", path);
	out->time = r.end + 1;
	out->window = out->time < 4000000000ull ? out->time / 4 + 1 : 1000000000ull;
	return 0;
}

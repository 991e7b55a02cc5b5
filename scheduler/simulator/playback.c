// SPDX-License-Identifier: MIT
/*
 * A recording measured as it was: who had the engine when, and who wanted it,
 * with the simulator's figures.  No policy decides anything here.
 *
 * Always true: pieces of engine time do not overlap, since the daemon charges
 * each work from the end of the one before it.
 */
#include "scheduler/simulator/playback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "scheduler/simulator/fluid.h"
#include "scheduler/simulator/timeline.h"

/* One whose next work comes this soon has not been away: so long the daemon itself may take to see it. */
#define BACK_NS 100000u

/* At one moment: who ends makes room, who comes is there before anybody begins, who goes has been there. */
enum event_kind { SERVED, COMES, SERVING, GOES };

struct event {
	uint64_t at;
	enum event_kind kind;
	uint32_t guest;
};

struct playback {
	const struct mix *mix;
	struct timeline *timeline;
	unsigned int engine;
	struct measure *m;
	struct event *event; /* owned */
	size_t nr, room;
	int err;
};

static void event_add(struct playback *p, uint64_t at, enum event_kind kind, uint32_t guest)
{
	if (p->nr == p->room) {
		size_t room = p->room ? 2 * p->room : 1024;
		struct event *more = mem_realloc(p->event, room * sizeof(*more));

		if (!more) {
			p->err = -ENOMEM;
			return;
		}
		p->event = more;
		p->room = room;
	}
	p->event[p->nr++] = (struct event){ at, kind, guest };
}

static void wanted(struct playback *p, uint32_t guest, uint64_t from, uint64_t to)
{
	if (from == to)
		return;
	measure_wanted(p->m, guest, from, to);
	event_add(p, from, COMES, guest);
	event_add(p, to, GOES, guest);
}

static void add_work(struct playback *p, uint32_t guest, const struct mix_work *w)
{
	uint64_t began = w->ended - w->size, ended = w->ended < p->mix->time ? w->ended : p->mix->time;
	struct measure_guest *mg = &p->m->guest[guest];
	const char *name = p->mix->guest[guest].name;

	if (began >= ended)
		return;
	measure_got(p->m, guest, began, ended);
	event_add(p, began, SERVING, guest);
	event_add(p, ended, SERVED, guest);
	hist_add(&mg->wait, began > w->at ? began - w->at : 0);
	hist_add(&mg->response, w->ended - w->at);
	mg->works++;
	p->m->works++;
	if (w->size > p->m->unit)
		p->m->unit = w->size;
	if (p->timeline) {
		timeline_ran(p->timeline, p->engine, name, began, ended);
		timeline_waited(p->timeline, guest, name, w->at, began > w->at ? began : w->at);
	}
}

static void add_guest(struct playback *p, uint32_t guest)
{
	const struct mix_guest *g = &p->mix->guest[guest];
	uint64_t from = 0, to = 0, at;

	measure_weight(p->m, guest, g->weight);
	for (uint32_t i = 0; i < g->nr_work; i++) {
		const struct mix_work *w = &g->work[i];

		if (w->engine != p->engine || w->at >= p->mix->time)
			continue;
		/* Two clocks took these times: it cannot have run before it came. */
		at = w->at < w->ended - w->size ? w->at : w->ended - w->size;
		if (at > to + BACK_NS) {
			wanted(p, guest, from, to);
			from = to = at;
		}
		if (w->ended > to)
			to = w->ended < p->mix->time ? w->ended : p->mix->time;
		add_work(p, guest, w);
	}
	wanted(p, guest, from, to);
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* The lag of each guest whenever it begins, and the switches. */
static int follow(struct playback *p)
{
	struct fluid_flow *flow = mem_calloc(p->mix->nr_guests, sizeof(*flow));
	uint32_t running = UINT32_MAX, last = UINT32_MAX;
	struct fluid f = { 0 };
	uint64_t settled = 0;

	if (!flow)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->mix->nr_guests; i++)
		flow[i].weight = p->mix->guest[i].weight;
	qsort(p->event, p->nr, sizeof(*p->event), by_time);
	for (size_t i = 0; i < p->nr; i++) {
		const struct event *e = &p->event[i];

		if (running != UINT32_MAX && e->at > settled)
			fluid_serve(&f, &flow[running], (double)(e->at - settled));
		settled = e->at;
		switch (e->kind) {
		case SERVED: running = UINT32_MAX; break;
		case COMES: fluid_work(&f, &flow[e->guest], true); break;
		case GOES: fluid_work(&f, &flow[e->guest], false); break;
		case SERVING:
			running = e->guest;
			p->m->switches += last != UINT32_MAX && last != running;
			last = running;
			if (!p->mix->guest[running].cap_pct)
				measure_lag(p->m, fluid_lag(&f, &flow[running]));
			break;
		}
	}
	mem_free(flow);
	return p->err;
}

int playback_run(const struct mix *mix, struct timeline *t, struct virt_result *out)
{
	int r = 0;

	memset(out, 0, sizeof(*out));
	snprintf(out->policy, sizeof(out->policy), "as recorded");
	for (unsigned int e = 0; e < mix->nr_engines && !r; e++) {
		struct playback p = { .mix = mix, .timeline = t, .engine = e };

		r = measure_new(mix->nr_guests, mix->time, mix->window, &out->engine[e]);
		p.m = out->engine[e];
		for (uint32_t i = 0; i < mix->nr_guests && !r; i++)
			add_guest(&p, i);
		if (!r)
			r = p.err ? p.err : follow(&p);
		if (!r) {
			measure_finish(p.m);
			out->arrivals += p.m->works;
		}
		mem_free(p.event);
	}
	if (r)
		virt_result_free(out);
	return r;
}

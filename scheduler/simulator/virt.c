// SPDX-License-Identifier: MIT
/*
 * The virtual machine room.  Events in order of time: arrivals, ends of works,
 * and the times at which the scheduler asked to be called.
 *
 * Always true:
 *  1. An engine runs what it was given in the order it was given, one at a
 *     time, each for its size and the cost of a switch.
 *  2. Everything random is drawn from its guest's own stream, one draw for
 *     each arrival and each gap: the same seed gives the same arrivals of open
 *     guests under every policy.
 */
#include "scheduler/simulator/virt.h"

#include <errno.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "scheduler/simulator/fluid.h"
#include "scheduler/simulator/timeline.h"

#define AUDIT_EVERY 65536 /* events: an audit walks everything */

struct guest;

/* One of a guest's places for an arrival: a loop has `depth`, others one. */
struct slot {
	struct sched_heap_node node; /* when its next arrival comes */
	struct guest *g;
	uint32_t left; /* works of this arrival that have not ended */
	uint32_t nr; /* MIX_CLOSED: the work that came last */
};

struct guest {
	const struct mix_guest *m;
	uint32_t id;
	struct sched_ent *ent;
	struct rng rng;
	struct slot *slot; /* owned */
	uint32_t next_work; /* MIX_TRACE */
	struct on_engine {
		struct fluid_flow flow;
		uint32_t works; /* here now */
		uint64_t since; /* works went from 0 */
	} e[SCHED_MAX_ENGINES];
};

struct job {
	struct job *next; /* behind it on the engine, or free */
	struct slot *slot;
	struct sched_work *w;
	uint64_t arrived, started, size;
	uint32_t nr; /* MIX_CLOSED: which of the guest's works */
};

struct engine {
	struct sched_heap_node node; /* when `first` ends */
	struct job *first, **last;   /* handed over */
	struct guest *owner;	     /* whose context is on it */
	uint64_t began, settled;     /* settled: until when the fluid knows of what runs */
	struct fluid fluid;
};

struct virt {
	const struct virt_cfg *cfg;
	struct virt_result *res;
	struct sched *s;
	struct guest *guest;
	struct engine engine[SCHED_MAX_ENGINES];
	struct sched_heap events;
	struct sched_heap_node pump; /* when the scheduler wants to be called */
	struct job *free;
	uint64_t now, end;
	int err;
};

static void at(struct virt *v, struct sched_heap_node *n, uint64_t when, uint64_t tie)
{
	if (when < v->end)
		sched_heap_move(&v->events, n, when, tie);
	else
		sched_heap_del(&v->events, n);
}

/* ---- engines -------------------------------------------------------------------------- */

/* Tells the ideal engine what the real one has done until now. */
static void settle(struct virt *v, unsigned int nr)
{
	struct engine *e = &v->engine[nr];

	if (e->first && v->now > e->settled)
		fluid_serve(&e->fluid, &e->first->slot->g->e[nr].flow, (double)(v->now - e->settled));
	e->settled = v->now > e->settled ? v->now : e->settled;
}

/* One that came at once when the one before it had ended was there before anybody decided. */
#define AT_ONCE_NS 50000u

/* Which of a recorded guest's works follows; nr_work: none. */
static uint32_t work_after(const struct mix_guest *m, uint32_t nr)
{
	return nr + 1 == m->nr_work && m->endless && m->nr_work > 1 ? m->nr_work / 2 : nr + 1;
}

/*
 * The work after j's comes as it came in the recording: while j's ran, so long
 * after its beginning; or so long after its end.
 */
static void come_after(struct virt *v, const struct job *j, bool ended)
{
	struct guest *g = j->slot->g;
	const struct mix_work *w, *next;
	uint64_t began, gap;

	if (g->m->pattern != MIX_CLOSED || work_after(g->m, j->nr) != g->next_work ||
	    g->next_work == g->m->nr_work || j->slot->node.in)
		return;
	next = &g->m->work[g->next_work];
	w = next - 1;
	if ((next->at >= w->ended) != ended)
		return;
	began = w->ended - w->size;
	gap = ended ? next->at - w->ended : next->at > began ? next->at - began : 0;
	at(v, &j->slot->node, v->now + (ended && gap < AT_ONCE_NS ? 0 : gap), g->id);
}

static void begin(struct virt *v, struct engine *e, unsigned int nr)
{
	struct job *j = e->first;
	struct guest *g = j->slot->g;
	struct measure *m = v->res->engine[nr];
	uint64_t cost = e->owner && e->owner != g ? v->cfg->mix->swtch : 0;

	if (e->owner != g)
		m->switches += e->owner != NULL;
	e->owner = g;
	e->began = e->settled = v->now + cost;
	/* Lag grows until it is served; a capped guest's has no bound. */
	if (!g->m->cap_pct)
		measure_lag(m, fluid_lag(&e->fluid, &g->e[nr].flow));
	/* Behind every arrival of the same moment: who comes back at once is there in time. */
	sched_heap_add(&v->events, &e->node, e->began + j->size, 1u << 30);
	come_after(v, j, false);
}

static int take(void *core, struct sched_work *w)
{
	struct virt *v = core;
	struct engine *e = &v->engine[w->engine];
	struct job *j = w->cookie;

	j->started = v->now;
	j->next = NULL;
	*e->last = j;
	e->last = &j->next;
	if (e->first == j)
		begin(v, e, w->engine);
	return 0;
}

static void dropped(void *core, struct sched_work *w)
{
	struct virt *v = core;
	struct job *j = w->cookie;

	/* The room closes: the engines are not asked again. */
	j->next = v->free;
	v->free = j;
}

static const struct sched_backend backend = { .submit = take, .dropped = dropped };

/* ---- arrivals ----------------------------------------------------------------------------- */

static uint64_t gap(struct guest *g)
{
	return g->m->gap.a > 0 ? dist_draw(&g->m->gap, &g->rng) : 0;
}

static int submit(struct virt *v, struct slot *s, uint64_t size, unsigned int nr)
{
	struct on_engine *o = &s->g->e[nr];
	struct job *j = v->free;
	int r;

	if (j)
		v->free = j->next;
	else
		j = mem_new(struct job);
	if (!j)
		return -ENOMEM;
	*j = (struct job){ .slot = s, .arrived = v->now, .size = size, .nr = s->nr };
	v->res->arrivals++;
	r = sched_submit(s->g->ent, nr, j, v->now, &j->w);
	if (r < 0) {
		j->next = v->free;
		v->free = j;
		v->res->refused += r == -EDQUOT;
		return r == -EDQUOT ? 0 : r;
	}
	s->left++;
	if (!o->works++) {
		o->since = v->now;
		settle(v, nr);
		fluid_work(&v->engine[nr].fluid, &o->flow, true);
	}
	if (size > v->res->engine[nr]->unit)
		v->res->engine[nr]->unit = size;
	return 0;
}

static int arrive_trace(struct virt *v, struct slot *s)
{
	struct guest *g = s->g;
	int r = 0;

	while (!r && g->next_work < g->m->nr_work && g->m->work[g->next_work].at <= v->now) {
		const struct mix_work *w = &g->m->work[g->next_work++];

		r = submit(v, s, w->size, w->engine);
	}
	if (g->next_work < g->m->nr_work)
		at(v, &s->node, g->m->work[g->next_work].at, g->id);
	return r;
}

static int arrive(struct virt *v, struct slot *s)
{
	struct guest *g = s->g;
	int r = 0;

	if (g->m->pattern == MIX_TRACE)
		return arrive_trace(v, s);
	if (g->m->pattern == MIX_CLOSED) {
		const struct mix_work *w = &g->m->work[g->next_work];

		s->nr = g->next_work;
		g->next_work = work_after(g->m, g->next_work);
		return submit(v, s, w->size, w->engine);
	}
	if (g->m->stop && v->now >= g->m->stop)
		return 0;
	for (uint32_t i = 0; i < g->m->units && !r; i++)
		r = submit(v, s, dist_draw(&g->m->size, &g->rng), g->m->engine);
	/* A loop whose arrival was refused tries again; a periodic guest comes anyway. */
	if (g->m->pattern == MIX_PERIODIC || !s->left)
		at(v, &s->node, v->now + (gap(g) ? gap(g) : 1000), g->id);
	return r;
}

/* Whether the end of this slot's work is the moment at which the next one comes. */
static bool returns_now(const struct virt *v, const struct slot *s)
{
	if (s->g->m->pattern == MIX_CLOSED)
		return s->node.in && s->node.key == v->now;
	return s->left == 1 && s->g->m->pattern == MIX_LOOP && !(s->g->m->gap.a > 0);
}

static void end_work(struct virt *v, struct engine *e, unsigned int nr)
{
	struct measure *m = v->res->engine[nr];
	struct job *j = e->first;
	struct slot *s = j->slot;
	struct guest *g = s->g;
	struct measure_guest *mg = &m->guest[g->id];
	struct sched_work *w = j->w;

	settle(v, nr);
	come_after(v, j, true);
	e->first = j->next;
	if (!e->first)
		e->last = &e->first;
	measure_got(m, g->id, e->began, v->now);
	m->works++;
	mg->works++;
	hist_add(&mg->wait, e->began - j->arrived);
	hist_add(&mg->response, v->now - j->arrived);
	if (v->cfg->timeline) {
		timeline_ran(v->cfg->timeline, nr, g->m->name, e->began, v->now);
		timeline_waited(v->cfg->timeline, g->id, g->m->name, j->arrived, j->started);
	}
	if (!--g->e[nr].works) {
		measure_wanted(m, g->id, g->e[nr].since, v->now);
		/* One that comes back at this very moment has never been away. */
		if (!returns_now(v, s))
			fluid_work(&e->fluid, &g->e[nr].flow, false);
	}
	if (!--s->left && g->m->pattern == MIX_LOOP)
		at(v, &s->node, v->now + gap(g), g->id);
	sched_done(w, j->size, v->now);
	j->next = v->free;
	v->free = j;
	if (e->first)
		begin(v, e, nr);
}

/* ---- a run --------------------------------------------------------------------------------- */

static int build_guest(struct virt *v, uint32_t i)
{
	const struct mix_guest *m = &v->cfg->mix->guest[i];
	struct guest *g = &v->guest[i];
	struct sched_ent_cfg cfg = { .name = m->name,
				     .weight = m->weight,
				     .cap_pct = m->cap_pct,
				     .latency_us = m->latency_us,
				     .budget_pct = m->budget_pct,
				     .max_work = m->max_work ? m->max_work : 100000 };
	int r = sched_ent_new(v->s, &cfg, 0, &g->ent);

	if (r < 0)
		return r;
	g->m = m;
	g->id = i;
	rng_seed(&g->rng, v->cfg->seed, i);
	g->slot = mem_calloc(m->depth, sizeof(*g->slot));
	if (!g->slot)
		return -ENOMEM;
	for (unsigned int e = 0; e < v->cfg->mix->nr_engines; e++) {
		g->e[e].flow.weight = g->ent->weight;
		measure_weight(v->res->engine[e], i, g->ent->weight);
	}
	for (uint32_t k = 0; k < m->depth; k++) {
		bool recorded = m->pattern == MIX_TRACE || m->pattern == MIX_CLOSED;
		uint64_t first = recorded && m->nr_work ? m->work[0].at : m->start;

		g->slot[k].g = g;
		/* Periodic guests are not in step. */
		if (m->pattern == MIX_PERIODIC)
			first += gap(g);
		if (!recorded || m->nr_work)
			at(v, &g->slot[k].node, first, i);
	}
	return 0;
}

static int build(struct virt *v)
{
	const struct mix *mix = v->cfg->mix;
	int r = sched_new(sched_policy_at(0), &backend, v, mix->nr_engines, 0, &v->s);

	if (!r)
		r = sched_use(v->s, v->cfg->choice, 0);
	if (r < 0)
		return r;
	snprintf(v->res->policy, sizeof(v->res->policy), "%s", v->s->policy->name);
	sched_print_params(v->s, v->res->params, sizeof(v->res->params));
	v->guest = mem_calloc(mix->nr_guests, sizeof(*v->guest));
	if (!v->guest)
		return -ENOMEM;
	for (unsigned int e = 0; e < mix->nr_engines && !r; e++) {
		v->engine[e].last = &v->engine[e].first;
		r = measure_new(mix->nr_guests, mix->time, mix->window, &v->res->engine[e]);
	}
	for (uint32_t i = 0; i < mix->nr_guests && !r; i++)
		r = build_guest(v, i);
	return r;
}

static int handle(struct virt *v, struct sched_heap_node *n)
{
	if (n == &v->pump)
		return 0;
	for (unsigned int e = 0; e < v->cfg->mix->nr_engines; e++)
		if (n == &v->engine[e].node) {
			end_work(v, &v->engine[e], e);
			return 0;
		}
	return arrive(v, container_of(n, struct slot, node));
}

static int run(struct virt *v, char *msg, size_t n)
{
	struct sched_heap_node *next;
	int r = 0;

	while (!r && (next = sched_heap_first(&v->events)) && next->key < v->end) {
		uint64_t again;

		v->now = next->key;
		sched_heap_del(&v->events, next);
		r = handle(v, next);
		v->res->events++;
		/* Everything of one moment happens before anybody decides. */
		next = sched_heap_first(&v->events);
		if (!r && (!next || next->key > v->now)) {
			do
				again = sched_pump(v->s, v->now);
			while (again == v->now);
			at(v, &v->pump, again, 1u << 31);
		}
		if (!r && v->res->events % AUDIT_EVERY == 0)
			r = sched_audit(v->s, msg, n);
	}
	return r ? r : sched_audit(v->s, msg, n);
}

/* What had not ended when the room closed. */
static void cut(struct virt *v)
{
	for (unsigned int e = 0; e < v->cfg->mix->nr_engines; e++) {
		struct engine *en = &v->engine[e];

		if (en->first && v->end > en->began)
			measure_got(v->res->engine[e], en->owner->id, en->began, v->end);
		for (uint32_t i = 0; i < v->cfg->mix->nr_guests; i++)
			if (v->guest[i].e[e].works)
				measure_wanted(v->res->engine[e], i, v->guest[i].e[e].since, v->end);
		measure_finish(v->res->engine[e]);
	}
	v->res->picks = v->s->picks;
}

static void close_room(struct virt *v)
{
	struct job *j;

	for (uint32_t i = 0; v->guest && i < v->cfg->mix->nr_guests; i++) {
		sched_ent_free(v->guest[i].ent, v->now);
		mem_free(v->guest[i].slot);
	}
	mem_free(v->guest);
	sched_free(v->s);
	while ((j = v->free)) {
		v->free = j->next;
		mem_free(j);
	}
}

int virt_run(const struct virt_cfg *cfg, struct virt_result *out, char *msg, size_t n)
{
	struct virt v = { .cfg = cfg, .res = out, .end = cfg->mix->time };
	int r;

	memset(out, 0, sizeof(*out));
	snprintf(msg, n, "out of memory");
	r = build(&v);
	if (!r)
		r = run(&v, msg, n);
	if (!r)
		cut(&v);
	close_room(&v);
	if (r)
		virt_result_free(out);
	return r;
}

void virt_result_free(struct virt_result *r)
{
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		measure_free(r->engine[e]);
	memset(r, 0, sizeof(*r));
}

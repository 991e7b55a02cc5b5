// SPDX-License-Identifier: MIT
/* Fairness figures; measure.h defines each of them. */
#include "scheduler/simulator/measure.h"

#include <errno.h>

#include "gpuvm/base/mem.h"

/* A guest contends in a window if it wanted the engine for at least this part of it. */
#define CONTENDS 0.5

void hist_add(struct hist *h, uint64_t ns)
{
	unsigned int top = ns < HIST_STEPS ? 0 : (unsigned int)(63 - __builtin_clzll(ns)) - 5;
	unsigned int at = ns < HIST_STEPS ? (unsigned int)ns :
					    (top + 1) * HIST_STEPS + (unsigned int)(ns >> top) % HIST_STEPS;

	if (at >= HIST_STEPS * HIST_DOUBLINGS)
		at = HIST_STEPS * HIST_DOUBLINGS - 1;
	h->count[at]++;
	h->nr++;
	h->sum += (double)ns;
	if (ns > h->max)
		h->max = ns;
}

uint64_t hist_at(const struct hist *h, double part)
{
	uint64_t want = (uint64_t)(part * (double)h->nr + 0.999999), seen = 0;

	for (unsigned int at = 0; at < HIST_STEPS * HIST_DOUBLINGS; at++) {
		unsigned int top = at / HIST_STEPS;
		uint64_t v;

		seen += h->count[at];
		if (!seen || seen < want)
			continue;
		/* The upper end of the step: a percentile is never understated. */
		v = top ? ((HIST_STEPS + (uint64_t)at % HIST_STEPS + 1) << (top - 1)) - 1 : at;
		return v < h->max ? v : h->max;
	}
	return h->max;
}

int measure_new(uint32_t nr_guests, uint64_t time, uint64_t window, struct measure **out)
{
	struct measure *m = mem_new(struct measure);

	if (!m)
		return -ENOMEM;
	m->nr_windows = (uint32_t)((time + window - 1) / window);
	m->window = window;
	m->time = time;
	m->guest = mem_calloc(nr_guests, sizeof(*m->guest));
	m->window_jain = mem_calloc(m->nr_windows, sizeof(*m->window_jain));
	if (!m->guest || !m->window_jain)
		goto err;
	m->nr_guests = nr_guests;
	for (uint32_t i = 0; i < nr_guests; i++) {
		m->guest[i].weight = 1;
		m->guest[i].got = mem_calloc(m->nr_windows, sizeof(double));
		m->guest[i].wanted = mem_calloc(m->nr_windows, sizeof(double));
		if (!m->guest[i].got || !m->guest[i].wanted)
			goto err;
	}
	*out = m;
	return 0;
err:
	measure_free(m);
	return -ENOMEM;
}

void measure_free(struct measure *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->nr_guests; i++) {
		mem_free(m->guest[i].got);
		mem_free(m->guest[i].wanted);
	}
	mem_free(m->guest);
	mem_free(m->window_jain);
	mem_free(m);
}

void measure_weight(struct measure *m, uint32_t guest, uint32_t weight)
{
	m->guest[guest].weight = weight;
}

/* Spreads from..to over the windows it covers. */
static void spread(const struct measure *m, double *row, uint64_t from, uint64_t to)
{
	if (to > m->time)
		to = m->time;
	while (from < to) {
		uint64_t w = from / m->window, end = (w + 1) * m->window;

		end = end < to ? end : to;
		row[w] += (double)(end - from);
		from = end;
	}
}

void measure_got(struct measure *m, uint32_t guest, uint64_t from, uint64_t to)
{
	spread(m, m->guest[guest].got, from, to);
	m->guest[guest].total += (double)(to - from);
	m->busy += (double)(to - from);
}

void measure_wanted(struct measure *m, uint32_t guest, uint64_t from, uint64_t to)
{
	spread(m, m->guest[guest].wanted, from, to);
	m->guest[guest].backlog += (double)(to - from);
}

void measure_lag(struct measure *m, double ns)
{
	if (ns > m->max_lag)
		m->max_lag = ns;
	if (ns > 0)
		hist_add(&m->lag, (uint64_t)ns);
}

/* x and x^2 of a set. */
struct spread {
	double sum, squares, least, most;
	uint32_t nr;
};

static void spread_add(struct spread *s, double x)
{
	if (!s->nr || x < s->least)
		s->least = x;
	if (!s->nr || x > s->most)
		s->most = x;
	s->sum += x;
	s->squares += x * x;
	s->nr++;
}

static double spread_jain(const struct spread *s)
{
	return s->squares > 0 ? s->sum * s->sum / (s->nr * s->squares) : 1;
}

static void finish_window(struct measure *m, uint32_t w)
{
	/* The last window may be cut short by the end of the run. */
	uint64_t from = w * m->window, len = m->time - from < m->window ? m->time - from : m->window;
	double got = 0, weights = 0, all = 0;
	struct spread s = { 0 };
	uint32_t contend = 0;

	for (uint32_t i = 0; i < m->nr_guests; i++) {
		const struct measure_guest *g = &m->guest[i];

		all += g->got[w];
		if (g->wanted[w] < CONTENDS * (double)len)
			continue;
		contend++;
		got += g->got[w];
		weights += g->weight;
	}
	if (len == m->window && all / (double)len < m->least_utilisation)
		m->least_utilisation = all / (double)len;
	if (contend < 2 || len < m->window)
		return;
	for (uint32_t i = 0; i < m->nr_guests; i++) {
		struct measure_guest *g = &m->guest[i];

		if (g->wanted[w] < CONTENDS * (double)len)
			continue;
		g->contended += g->got[w];
		g->due += got * g->weight / weights;
		spread_add(&s, g->got[w] / g->weight);
	}
	m->window_jain[w] = spread_jain(&s);
	if (!m->counted++ || m->window_jain[w] < m->worst_window)
		m->worst_window = m->window_jain[w];
}

void measure_finish(struct measure *m)
{
	struct spread s = { 0 };
	double contended = 0;

	m->worst_window = 1;
	m->least_utilisation = 1;
	m->counted = 0;
	for (uint32_t w = 0; w < m->nr_windows; w++)
		finish_window(m, w);
	for (uint32_t i = 0; i < m->nr_guests; i++) {
		if (m->guest[i].due > 0)
			spread_add(&s, m->guest[i].contended / m->guest[i].due);
		contended += m->guest[i].contended;
	}
	m->jain = spread_jain(&s);
	m->min_max = s.nr && s.most > 0 ? s.least / s.most : 1;
	m->utilisation = m->busy / (double)m->time;
	for (uint32_t i = 0; i < m->nr_guests; i++) {
		struct measure_guest *g = &m->guest[i];

		g->share = contended > 0 ? g->contended / contended :
			   m->busy > 0	 ? g->total / m->busy :
					   0;
		g->busy = g->total / (double)m->time;
		g->backlog /= (double)m->time;
	}
}

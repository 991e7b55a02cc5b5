// SPDX-License-Identifier: MIT
/* Figures as a table and as JSON.  Top-level figures are engine 0's. */
#include "scheduler/simulator/report.h"

#include <inttypes.h>

/* A table of a thousand guests helps nobody. */
#define GUESTS_SHOWN 24

static double lag_units(const struct measure *m, double lag)
{
	return m->unit ? lag / (double)m->unit : 0;
}

static void put_time(FILE *f, uint64_t ns)
{
	if (ns < 1000000)
		fprintf(f, " %7.1fus", (double)ns / 1e3);
	else
		fprintf(f, " %7.2fms", (double)ns / 1e6);
}

static void print_engine(const struct report_run *r, unsigned int e, FILE *f)
{
	const struct measure *m = r->res->engine[e];

	fprintf(f, "engine %u: %.1f %% used, %" PRIu64 " works, %" PRIu64 " switches\n", e,
		100 * m->utilisation, m->works, m->switches);
	fprintf(f, "  jain %.4f, worst window %.4f of %u, min/max %.3f, lag at most %.2f units, p99 %.2f\n",
		m->jain, m->worst_window, m->counted, m->min_max, lag_units(m, m->max_lag),
		lag_units(m, (double)hist_at(&m->lag, 0.99)));
	fprintf(f, "  %-16s %6s %7s %7s %8s %9s %9s %9s %9s %9s\n", "guest", "weight", "share", "busy",
		"backlog", "works", "wait p50", "wait p99", "resp p50", "resp p99");
	for (uint32_t i = 0; i < m->nr_guests && i < GUESTS_SHOWN; i++) {
		const struct measure_guest *g = &m->guest[i];

		if (!g->works && g->backlog <= 0)
			continue;
		fprintf(f, "  %-16s %6.0f %6.1f%% %6.1f%% %7.1f%% %9" PRIu64, r->mix->guest[i].name,
			g->weight, 100 * g->share, 100 * g->busy, 100 * g->backlog, g->works);
		put_time(f, hist_at(&g->wait, 0.5));
		put_time(f, hist_at(&g->wait, 0.99));
		put_time(f, hist_at(&g->response, 0.5));
		put_time(f, hist_at(&g->response, 0.99));
		fprintf(f, "\n");
	}
	if (m->nr_guests > GUESTS_SHOWN)
		fprintf(f, "  ... and %u more (--json has them all)\n", m->nr_guests - GUESTS_SHOWN);
}

static void print_line(const struct report_run *r, FILE *f)
{
	const struct measure *m = r->res->engine[0];

	fprintf(f, "%-10s %7.4f %7.4f %8.3f %8.2f %7.1f%% %9" PRIu64 " ", r->res->policy, m->jain,
		m->worst_window, m->min_max, lag_units(m, m->max_lag), 100 * m->utilisation,
		m->switches);
	for (uint32_t i = 0; i < m->nr_guests && i < 6; i++)
		fprintf(f, " %s %.1f%%", r->mix->guest[i].name, 100 * m->guest[i].share);
	fprintf(f, "\n");
}

void report_table(const struct report_run *r, unsigned int nr, FILE *f)
{
	fprintf(f, "workload %s, %.6g s in windows of %.6g s, seed %" PRIu64 "\n", r->mix->name,
		(double)r->mix->time / 1e9, (double)r->mix->window / 1e9, r->seed);
	if (nr == 1) {
		fprintf(f, "policy %s%s%s: %" PRIu64 " arrivals, %" PRIu64 " refused, %" PRIu64 " decisions\n",
			r->res->policy, *r->res->params ? ":" : "", r->res->params, r->res->arrivals,
			r->res->refused, r->res->picks);
		for (unsigned int e = 0; e < r->mix->nr_engines; e++)
			print_engine(r, e, f);
		return;
	}
	fprintf(f, "%-10s %7s %7s %8s %8s %8s %9s  %s\n", "policy", "jain", "worst", "min/max", "lag/unit",
		"used", "switches", "shares");
	for (unsigned int i = 0; i < nr; i++)
		print_line(&r[i], f);
}

static json_t *hist_json(const struct hist *h)
{
	return json_pack("{s:f, s:I, s:I, s:I, s:I, s:I}", "mean_ns", h->nr ? h->sum / (double)h->nr : 0.0,
			 "p50_ns", (json_int_t)hist_at(h, 0.5), "p90_ns", (json_int_t)hist_at(h, 0.9),
			 "p99_ns", (json_int_t)hist_at(h, 0.99), "p999_ns", (json_int_t)hist_at(h, 0.999),
			 "max_ns", (json_int_t)h->max);
}

static json_t *guest_json(const struct report_run *r, const struct measure *m, uint32_t i)
{
	const struct measure_guest *g = &m->guest[i];

	return json_pack("{s:s, s:f, s:f, s:f, s:f, s:I, s:o, s:o}", "name", r->mix->guest[i].name, "weight",
			 g->weight, "share", g->share, "busy", g->busy, "backlog", g->backlog, "works",
			 (json_int_t)g->works, "wait", hist_json(&g->wait), "response",
			 hist_json(&g->response));
}

static json_t *engine_json(const struct report_run *r, unsigned int e)
{
	const struct measure *m = r->res->engine[e];
	json_t *guests = json_array(), *windows = json_array(), *shares = json_object();

	for (uint32_t i = 0; i < m->nr_guests; i++) {
		json_array_append_new(guests, guest_json(r, m, i));
		json_object_set_new(shares, r->mix->guest[i].name, json_real(m->guest[i].share));
	}
	for (uint32_t w = 0; w < m->nr_windows; w++) {
		double got = 0;

		for (uint32_t i = 0; i < m->nr_guests; i++)
			got += m->guest[i].got[w];
		json_array_append_new(windows, json_real(got / (double)m->window));
	}
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "jain",
			 m->jain, "worst_window", m->worst_window, "min_max", m->min_max, "max_lag_units",
			 lag_units(m, m->max_lag), "p99_lag_units",
			 lag_units(m, (double)hist_at(&m->lag, 0.99)), "utilisation", m->utilisation,
			 "least_window_utilisation", m->least_utilisation, "windows",
			 (json_int_t)m->counted, "unit_ns", (json_int_t)m->unit, "switches",
			 (json_int_t)m->switches, "works", (json_int_t)m->works, "shares", shares, "guests",
			 guests, "utilisation_by_window", windows);
}

json_t *report_json(const struct report_run *r)
{
	static const char *const top[] = { "jain", "worst_window", "windows", "min_max", "max_lag_units",
					   "p99_lag_units", "utilisation", "switches", "shares" };
	json_t *engines = json_array(), *o;

	for (unsigned int e = 0; e < r->mix->nr_engines; e++)
		json_array_append_new(engines, engine_json(r, e));
	o = json_pack("{s:s, s:s, s:s, s:I, s:f, s:f}", "policy", r->res->policy, "params", r->res->params,
		      "workload", r->mix->name, "seed", (json_int_t)r->seed, "seconds",
		      (double)r->mix->time / 1e9, "window_seconds", (double)r->mix->window / 1e9);
	for (size_t i = 0; o && i < sizeof(top) / sizeof(top[0]); i++)
		json_object_set(o, top[i], json_object_get(json_array_get(engines, 0), top[i]));
	if (!o || json_object_set_new(o, "arrivals", json_integer((json_int_t)r->res->arrivals)) ||
	    json_object_set_new(o, "refused", json_integer((json_int_t)r->res->refused)) ||
	    json_object_set_new(o, "decisions", json_integer((json_int_t)r->res->picks)) ||
	    json_object_set_new(o, "engines", engines)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

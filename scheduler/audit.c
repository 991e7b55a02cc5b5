// SPDX-License-Identifier: MIT
/*
 * Looking at a sched: the audit, which proves what core.c promises at its top,
 * and the dump.  Both only read.
 */
#include <errno.h>
#include <inttypes.h>

#include "scheduler/sched.h"

/* Longest name that a line quotes is the ent's own buffer, so msg needs no more than a line. */
#define BROKEN(...) (snprintf(msg, n, __VA_ARGS__), -EPROTO)

static int audit_queue(const struct sched_ent *ent, unsigned int engine, uint32_t *count, char *msg,
		       size_t n)
{
	const struct sched_work *w;
	uint64_t last = 0;

	list_for_each(w, &ent->queue[engine], node) {
		if (w->node.next->prev != &w->node)
			return BROKEN("ent %s: queue %u is torn", ent->name, engine);
		if (w->ent != ent || w->engine != engine || w->state != SCHED_QUEUED)
			return BROKEN("ent %s: a work on queue %u belongs elsewhere", ent->name,
				      engine);
		if ((*count && w->seq <= last) || w->seq >= ent->sched->next_seq)
			return BROKEN("ent %s: queue %u is out of order at %" PRIu64, ent->name,
				      engine, w->seq);
		last = w->seq;
		++*count;
	}
	return 0;
}

/* How many of the engine's running works are ent's (all of them for NULL). */
static uint32_t count_running(const struct sched *s, unsigned int engine,
			      const struct sched_ent *ent)
{
	const struct sched_work *w;
	uint32_t nr = 0;

	list_for_each(w, &s->running[engine], node)
		nr += !ent || w->ent == ent;
	return nr;
}

/* The rules at the top of ready.c, as far as they can be seen without a clock. */
static int audit_ready(const struct sched_ent *ent, unsigned int engine, char *msg, size_t n)
{
	const struct sched_work *w = list_first(&ent->queue[engine], struct sched_work, node);
	bool ready = ent->ready[engine].in, capped = ent->capped[engine].in;

	if ((ready || capped) && !w)
		return BROKEN("ent %s: ready or capped on engine %u without work", ent->name, engine);
	if (ready && (capped || ent->ready[engine].key != w->seq))
		return BROKEN("ent %s: ready on engine %u by the wrong work", ent->name, engine);
	if (ready && ent->cap_pct && ent->running[engine])
		return BROKEN("ent %s: capped and ready on engine %u while it runs", ent->name, engine);
	if (w && !ready && !ent->cap_pct)
		return BROKEN("ent %s: has work on engine %u but is not ready", ent->name, engine);
	return 0;
}

static int audit_ent(const struct sched *s, const struct sched_ent *ent, uint32_t *queued,
		     uint32_t *running, char *msg, size_t n)
{
	uint32_t nr_queued = 0, nr_running = 0;
	const struct sched_ent_stats *st = &ent->stats;

	if (ent->sched != s)
		return BROKEN("ent %s: belongs to another sched", ent->name);
	if (!ent->weight || ent->weight > SCHED_WEIGHT_MAX || ent->cap_pct > 100)
		return BROKEN("ent %s: weight %u, cap %u", ent->name, ent->weight, ent->cap_pct);
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++) {
		uint32_t q = 0, r = count_running(s, e, ent);
		int err = audit_queue(ent, e, &q, msg, n);

		if (err < 0)
			return err;
		if (r != ent->running[e])
			return BROKEN("ent %s: %u works run on engine %u, counted %u", ent->name, r,
				      e, ent->running[e]);
		err = audit_ready(ent, e, msg, n);
		if (err < 0)
			return err;
		queued[e] += q;
		running[e] += r;
		nr_queued += q;
		nr_running += r;
	}
	if (nr_queued != ent->nr_queued || nr_running != ent->nr_running)
		return BROKEN("ent %s: %u queued and %u running, counted %u and %u", ent->name,
			      nr_queued, nr_running, ent->nr_queued, ent->nr_running);
	if (nr_queued > ent->max_work)
		return BROKEN("ent %s: %u queued, allowed %u", ent->name, nr_queued, ent->max_work);
	if (st->submitted != st->done + st->dropped + nr_queued + nr_running)
		return BROKEN("ent %s: %" PRIu64 " submitted, %" PRIu64 " done, %" PRIu64
			      " dropped, %u queued, %u running",
			      ent->name, st->submitted, st->done, st->dropped, nr_queued,
			      nr_running);
	if (st->started < st->done + nr_running || st->held_max_ns > st->held_ns)
		return BROKEN("ent %s: %" PRIu64 " started, %" PRIu64 " done, %u running",
			      ent->name, st->started, st->done, nr_running);
	return 0;
}

int sched_audit(const struct sched *s, char *msg, size_t n)
{
	uint32_t queued[SCHED_MAX_ENGINES] = { 0 }, running[SCHED_MAX_ENGINES] = { 0 };
	const struct sched_ent *ent;
	const struct sched_work *w;
	uint32_t nr = 0;

	list_for_each(ent, &s->ents, node) {
		int r = audit_ent(s, ent, queued, running, msg, n);

		if (r < 0)
			return r;
		nr++;
	}
	if (nr != s->nr_ents)
		return BROKEN("%u ents, counted %u", nr, s->nr_ents);
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++) {
		if (queued[e] != s->nr_queued[e])
			return BROKEN("engine %u: %u queued, counted %u", e, queued[e],
				      s->nr_queued[e]);
		/* A running work of no known ent shows as a difference between the two counts. */
		if (running[e] != s->nr_running[e] || count_running(s, e, NULL) != running[e])
			return BROKEN("engine %u: %u running, %u of known ents, counted %u", e,
				      count_running(s, e, NULL), running[e], s->nr_running[e]);
		if (e >= s->nr_engines && (queued[e] || running[e]))
			return BROKEN("engine %u has work but does not exist", e);
		list_for_each(w, &s->running[e], node)
			if (w->engine != e || w->state != SCHED_RUNNING)
				return BROKEN("engine %u: work %" PRIu64 " is not running there", e,
					      w->seq);
	}
	return 0;
}

void sched_dump(const struct sched *s, FILE *f)
{
	const struct sched_ent *ent;

	char params[256];

	sched_print_params(s, params, sizeof(params));
	fprintf(f, "scheduler: policy %s%s%s, %u ents, %" PRIu64 " decisions\n", s->policy->name,
		*params ? ":" : "", params, s->nr_ents, s->picks);
	for (unsigned int e = 0; e < s->nr_engines; e++)
		fprintf(f, "  engine %u: %u queued, %u running\n", e, s->nr_queued[e],
			s->nr_running[e]);
	list_for_each(ent, &s->ents, node) {
		const struct sched_ent_stats *st = &ent->stats;

		fprintf(f, "  ent %s: weight %u", ent->name, ent->weight);
		if (ent->cap_pct)
			fprintf(f, ", cap %u%%", ent->cap_pct);
		if (ent->latency_us)
			fprintf(f, ", latency %u us with %u%%", ent->latency_us, ent->budget_pct);
		fprintf(f, ", %u queued, %u running\n", ent->nr_queued, ent->nr_running);
		fprintf(f,
			"    submitted %" PRIu64 ", started %" PRIu64 ", done %" PRIu64
			", dropped %" PRIu64 ", refused %" PRIu64 "\n",
			st->submitted, st->started, st->done, st->dropped, st->refused);
		fprintf(f, "    held %" PRIu64 " ns (longest %" PRIu64 "), ran", st->held_ns,
			st->held_max_ns);
		for (unsigned int e = 0; e < s->nr_engines; e++)
			fprintf(f, " %" PRIu64, st->ran_ns[e]);
		fprintf(f, " ns\n");
	}
	if (s->policy->dump)
		s->policy->dump(s, f);
}

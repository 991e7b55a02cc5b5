/* SPDX-License-Identifier: MIT */
/*
 * A binary trace ring: what happened lately, in fixed-size events.
 *
 * One thread writes; any thread may read at the same time and gets only whole
 * events, skipping those that were overwritten under it.  No lock, no system
 * call, no allocation after trace_new().  When off, an event costs one load
 * and one branch.  Time is a parameter.
 *
 * Each unit that traces registers a table of named kinds once, and adds the
 * base it gets to its own enum.
 */
#ifndef GPUVM_BASE_TRACE_H
#define GPUVM_BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_MAX_OWNERS 16 /* tables; a handful of units trace, each once */

/* name (up to 39 letters) and what a, b, c mean, all [a-z0-9_]; NULL for an unused argument. */
struct trace_kind {
	const char *name, *a, *b, *c;
};

struct trace_event {
	uint64_t time;
	uint64_t kind; /* base of the owner + index in its table */
	uint64_t a, b, c;
};

struct trace {
	bool on;
	uint64_t mask;		  /* events in the ring - 1 */
	uint64_t claimed, filled; /* events ever begun, and ever finished */
	struct trace_event *ring; /* owned */
	struct {
		const struct trace_kind *kinds; /* borrowed */
		uint32_t nr;
	} owner[TRACE_MAX_OWNERS];
	uint32_t nr_owners, nr_kinds;
};

/*
 * Room for the last nr events, rounded up to a power of two (-EINVAL for 0 or
 * more than 2^24).  Off at first.
 */
int trace_new(uint32_t nr, struct trace **out);
void trace_free(struct trace *); /* accepts NULL */
/*
 * kinds must outlive the trace.  -EINVAL for a bad name or an empty table,
 * -ENOSPC beyond TRACE_MAX_OWNERS.
 */
int trace_register(struct trace *, const struct trace_kind *kinds, uint32_t nr, uint32_t *base);
/* By the writing thread, or before it starts. */
void trace_enable(struct trace *, bool on);

void trace_store(struct trace *, uint64_t time, uint32_t kind, uint64_t a, uint64_t b, uint64_t c);

/* t may be NULL. */
static inline void trace_put(struct trace *t, uint64_t time, uint32_t kind, uint64_t a, uint64_t b,
			     uint64_t c)
{
	if (t && __builtin_expect(t->on, 0))
		trace_store(t, time, kind, a, b, c);
}

/* Events ever written; the ring holds the last of them. */
uint64_t trace_count(const struct trace *);
/*
 * The event number *at (from 0, counted since trace_new) or the oldest one
 * still there if that is gone; *at moves behind it.  false: none yet.
 */
bool trace_next(const struct trace *, uint64_t *at, struct trace_event *out);
/* The name of a kind and its arguments; NULL if nobody registered it. */
const struct trace_kind *trace_kind_of(const struct trace *, uint64_t kind);

/* One event a line: "seconds name a=0x1 b=0x2 ..." and {"t":time,"kind":"name","a":1,...}. */
void trace_dump(const struct trace *, FILE *);
void trace_dump_json(const struct trace *, FILE *);

#endif

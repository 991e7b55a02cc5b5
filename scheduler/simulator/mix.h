/* SPDX-License-Identifier: MIT */
/*
 * A mix: the guests of one run and what they ask the engines for.  From a
 * built-in name, a text (docs/policies.md has the format), or a trace that the
 * daemon recorded.
 */
#ifndef SCHEDULER_SIMULATOR_MIX_H
#define SCHEDULER_SIMULATOR_MIX_H

#include <stddef.h>
#include <stdint.h>

#include "scheduler/sched.h"

#define MIX_MAX_GUESTS 4096
#define MIX_MAX_DEPTH 256

enum dist_kind { DIST_CONST, DIST_UNIFORM, DIST_EXP, DIST_PARETO };

/* Lengths of time, ns. */
struct dist {
	enum dist_kind kind;
	double a, b, c; /* const a | uniform a..b | mean a | least a, shape b, most c */
};

/* A recorded work. */
struct mix_work {
	uint64_t at, started, size, ended; /* started and ended: of a recording */
	unsigned int engine;
};

enum mix_pattern {
	MIX_LOOP,     /* depth works at a time; the next one `gap` after one has ended */
	MIX_PERIODIC, /* one arrival each `gap`, whatever became of the last */
	MIX_TRACE,    /* as recorded */
	MIX_CLOSED,   /* as recorded, but each work comes as long after the one before it as it did then */
};

struct mix_guest {
	char name[32];
	uint32_t weight, cap_pct, latency_us, budget_pct, max_work; /* 0: as in sched_ent_cfg */
	enum mix_pattern pattern;
	struct dist size, gap;
	uint32_t depth, units; /* units: works of one arrival */
	uint64_t start, stop;  /* stop 0: with the run */
	unsigned int engine;
	struct mix_work *work; /* owned; MIX_TRACE: by time */
	uint32_t nr_work;
	bool endless; /* MIX_CLOSED: its later half comes again and again, so that it has work as long as it lasts */
};

struct mix {
	char name[64];
	uint64_t time, window; /* of the run; of one sample of fairness */
	uint64_t swtch;	       /* what it costs an engine to go from one guest to another */
	struct mix_guest *guest; /* owned */
	uint32_t nr_guests;
	unsigned int nr_engines; /* that somebody uses */
};

/* -EINVAL with "FILE:LINE: what" in msg, -ENOENT, -ENOMEM. */
int mix_parse(const char *file, const char *text, struct mix *out, char *msg, size_t n);
/* A file, or a built-in mix's name. */
int mix_open(const char *name, struct mix *out, char *msg, size_t n);
/* What `gpuvmd --sched-trace` wrote. */
int mix_open_trace(const char *path, struct mix *out, char *msg, size_t n);
void mix_free(struct mix *);

/* Built-in mixes; NULL past the end. */
struct mix_builtin {
	const char *name, *help, *text;
};
const struct mix_builtin *mix_builtin_at(unsigned int i);

/* ---- a stream of random lengths, the same for the same seed everywhere ------------------- */
struct rng {
	uint64_t s;
};
void rng_seed(struct rng *, uint64_t seed, uint64_t stream);
uint64_t dist_draw(const struct dist *, struct rng *);

#endif

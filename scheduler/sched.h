/* SPDX-License-Identifier: MIT */
/*
 * The GPU scheduler: who may use which engine next.
 *
 * Nouns: a sched holds one policy; an ent is what is scheduled (one per vGPU);
 * a work is one piece an ent wants an engine to do, and the unit of hand-over.
 * Engines are numbers 0..nr_engines-1; what they are is the core's business.
 *
 * Life of a work: sched_submit() queues it on its ent; sched_pump() asks the
 * policy whom to serve and hands works to the backend; the core reports the
 * end by sched_done().  The scheduler never blocks, never reads a clock (time
 * is a parameter, ns, monotonic) and has no threads; all calls come from the
 * core's thread.
 */
#ifndef SCHEDULER_SCHED_H
#define SCHEDULER_SCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gpuvm/base/list.h"

struct sched;
struct sched_ent;
struct sched_work;

#define SCHED_MAX_ENGINES 4 /* the queues of an ent are an array; GF100 has three engines we schedule */
#define SCHED_NEVER UINT64_MAX
#define SCHED_WEIGHT_DEFAULT 256 /* Xen's credit scheduler: 1..65535, default 256 */
#define SCHED_WEIGHT_MAX 65535

enum sched_state { SCHED_QUEUED, SCHED_RUNNING };

struct sched_work {
	struct list node; /* sched: on the ent's queue, or on the engine's running list */
	struct sched_ent *ent;
	unsigned int engine;
	enum sched_state state;
	uint64_t seq; /* arrival order over all ents */
	uint64_t queued_ns, started_ns;
	void *cookie; /* the core's */
};

/* What the core does for the scheduler.  Neither call may call back into a sched_*() function. */
struct sched_backend {
	/*
	 * Hands w to the device; returns at once.  On a negative answer the work
	 * is dropped as if it had ended at once (the core has told the guest).
	 */
	int (*submit)(void *core, struct sched_work *w);
	/*
	 * w is forgotten: cancelled, its ent went away (w->state tells whether it
	 * was still queued), or submit failed.  Free what cookie owns.
	 */
	void (*dropped)(void *core, struct sched_work *w);
};

struct sched_ent_cfg {
	const char *name;
	uint32_t weight;   /* 1..SCHED_WEIGHT_MAX; 0 means default */
	uint32_t cap_pct;  /* most it may use of an engine, percent; 0 means no cap */
	uint32_t max_work; /* works queued at a time; further ones are refused with -EDQUOT; 0 means 256 */
};

struct sched_ent_stats {
	uint64_t submitted, started, done, dropped, refused;
	uint64_t ran_ns[SCHED_MAX_ENGINES];  /* time on the engine */
	uint64_t held_ns; /* sum over works of started - queued */
	uint64_t held_max_ns;
};

struct sched_ent {
	struct sched *sched;
	struct list node; /* on sched's ents */
	char name[32];
	uint32_t weight, cap_pct, max_work;
	uint32_t nr_queued, nr_running;
	struct list queue[SCHED_MAX_ENGINES];	/* works, oldest first */
	uint32_t running[SCHED_MAX_ENGINES];	/* works on the engine now */
	struct sched_ent_stats stats;
	void *policy; /* the policy's own, between add and del */
};

/*
 * A policy.  All calls on the core's thread; none may block or call back into
 * sched_submit/sched_done.  init and add may fail with a negative errno; del
 * and fini must accept what a failed add or init left.
 */
struct sched_policy {
	const char *name;
	int (*init)(struct sched *, uint64_t now); /* may set sched->policy_data */
	void (*fini)(struct sched *);
	int (*add)(struct sched *, struct sched_ent *, uint64_t now);
	void (*del)(struct sched *, struct sched_ent *, uint64_t now);
	/* ent got work on an engine where it had none queued. Optional. */
	void (*wake)(struct sched *, struct sched_ent *, unsigned int engine, uint64_t now);
	/*
	 * Whose oldest work should start on engine now?  NULL: nobody (yet), and
	 * *again may be set to when to ask again (else it is asked at the next
	 * submit or done).  Only called while some ent has work queued there.
	 * The answer must have work queued on engine: queues also shrink by
	 * cancel, of which no policy is told.
	 */
	struct sched_ent *(*pick)(struct sched *, unsigned int engine, uint64_t now, uint64_t *again);
	/* A work of ent ended after ran_ns on engine (0 if the backend refused it). Optional. */
	void (*charge)(struct sched *, struct sched_ent *, unsigned int engine, uint64_t ran_ns,
		       uint64_t now);
	/* Periodic book-keeping; answers when to be called next, SCHED_NEVER for not. Optional. */
	uint64_t (*tick)(struct sched *, uint64_t now);
	void (*dump)(const struct sched *, FILE *); /* optional */
};

struct sched {
	const struct sched_policy *policy;
	void *policy_data;
	const struct sched_backend *backend;
	void *core;
	unsigned int nr_engines;
	struct list ents;
	uint32_t nr_ents;
	uint32_t nr_queued[SCHED_MAX_ENGINES];
	struct list running[SCHED_MAX_ENGINES]; /* works on the device */
	uint32_t nr_running[SCHED_MAX_ENGINES];
	uint64_t next_seq, next_tick;
	bool in_backend; /* a backend callback is running */
};

/* Built-in policies by name; NULL if unknown.  sched_policy_at(i): for listing; NULL past the end. */
const struct sched_policy *sched_policy_find(const char *name);
const struct sched_policy *sched_policy_at(unsigned int i);

int sched_new(const struct sched_policy *, const struct sched_backend *, void *core,
	      unsigned int nr_engines, uint64_t now, struct sched **out);
/* Accepts NULL and a half-built one.  Every ent must be gone. */
void sched_free(struct sched *);
/* Changes the policy under load; queued and running work stays.  On error the old one goes on. */
int sched_set_policy(struct sched *, const struct sched_policy *, uint64_t now);

int sched_ent_new(struct sched *, const struct sched_ent_cfg *, uint64_t now, struct sched_ent **out);
/*
 * Its works, queued and running (the core has stopped those), end in
 * backend->dropped.  Accepts NULL and one whose add failed.
 */
void sched_ent_free(struct sched_ent *, uint64_t now);
/* -EINVAL with nothing changed for weight 0 or above the maximum, or cap above 100. */
int sched_ent_set(struct sched_ent *, uint32_t weight, uint32_t cap_pct);

/* Queues a work.  -EDQUOT beyond max_work, -EINVAL for a bad engine.  Call sched_pump() after. */
int sched_submit(struct sched_ent *, unsigned int engine, void *cookie, uint64_t now,
		 struct sched_work **out);
/* A running work ended after ran_ns on its engine; frees it. */
void sched_done(struct sched_work *, uint64_t ran_ns, uint64_t now);
/* Takes one queued or running work back without charging it; backend->dropped is called. */
void sched_cancel(struct sched_work *, uint64_t now);
/* Starts whatever the policy allows; answers when to call again at the latest (SCHED_NEVER: at the next event). */
uint64_t sched_pump(struct sched *, uint64_t now);
/* Consistency of queues and counters; 0, or -EPROTO with one line in msg. */
int sched_audit(const struct sched *, char *msg, size_t n);
void sched_dump(const struct sched *, FILE *);

extern const struct sched_policy sched_null; /* null.c: no holding; the worked example */
extern const struct sched_policy sched_fifo; /* fifo.c: arrival order, one work an engine */

#endif

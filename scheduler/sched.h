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
 * is a parameter, ns) and has no threads; all calls come from the core's
 * thread.  A clock that steps back is taken to have stood still for the step.
 *
 * An ent is ready on an engine while it has work queued there and its cap
 * allows it; policies hear of ready ents only (wake, sleep).
 */
#ifndef SCHEDULER_SCHED_H
#define SCHEDULER_SCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gpuvm/base/list.h"
#include "scheduler/heap.h"

struct sched;
struct sched_ent;
struct sched_work;

#define SCHED_MAX_ENGINES 4 /* the queues of an ent are an array; GF100 has three engines we schedule */
#define SCHED_NEVER UINT64_MAX
#define SCHED_WEIGHT_DEFAULT 256 /* Xen's credit scheduler: 1..65535, default 256 */
#define SCHED_WEIGHT_MAX 65535
#define SCHED_LATENCY_MAX_US 10000000u /* ten seconds: longer is not a latency class */
#define SCHED_BUDGET_DEFAULT 50
#define SCHED_MAX_PARAMS 6
#define SCHED_POLICY_ABI 2 /* changes with struct sched_policy and what it refers to */

enum sched_state { SCHED_QUEUED, SCHED_RUNNING };

struct sched_work {
	struct list node; /* sched: on the ent's queue, or on the engine's running list */
	struct sched_ent *ent;
	unsigned int engine;
	enum sched_state state;
	uint64_t seq; /* arrival order over all ents */
	uint64_t queued_ns, started_ns;
	/*
	 * When it starts: for how long the policy lets it; 0 for as long as it is.  The core may only end it
	 * between two of its pieces, and runs at least one.
	 */
	uint64_t slice_ns;
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
	/*
	 * Latency class: its work wants to end this soon after it came, for as
	 * much as budget_pct of each such period.  0: it is in no hurry.
	 */
	uint32_t latency_us;
	uint32_t budget_pct; /* 1..100; 0 means SCHED_BUDGET_DEFAULT */
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
	uint32_t latency_us, budget_pct;
	uint32_t nr_queued, nr_running;
	struct list queue[SCHED_MAX_ENGINES];	/* works, oldest first */
	uint32_t running[SCHED_MAX_ENGINES];	/* works on the engine now */
	struct sched_heap_node ready[SCHED_MAX_ENGINES];  /* on sched.ready, by its oldest work's seq */
	struct sched_heap_node capped[SCHED_MAX_ENGINES]; /* on sched.capped, by when its cap lets it go on */
	struct sched_cap {
		int64_t left_ns; /* what it may still use; below 0 it has to wait */
		uint64_t at;	 /* when left_ns was true, by the engine's time (ready.c) */
	} cap[SCHED_MAX_ENGINES];
	uint64_t slice_ns; /* set by the policy's pick: goes to the work it lets start */
	uint32_t id; /* in order of birth: breaks ties */
	struct sched_ent_stats stats;
	void *policy; /* the policy's own, between add and del */
};

static inline bool sched_ready(const struct sched_ent *ent, unsigned int engine)
{
	return ent->ready[engine].in;
}

/* What a policy promises; docs/policies.md explains, the property test holds each to it. */
enum sched_promise {
	SCHED_CONSERVING = 1 << 0,    /* an engine never idles while somebody is ready there */
	SCHED_NO_STARVATION = 1 << 1, /* who is ready is served, whatever the others do */
	SCHED_WEIGHTED = 1 << 2,      /* who stays ready gets engine time by weight */
};

/* A number that a policy can be given, as in "band:period=30ms". */
struct sched_policy_param {
	const char *name; /* NULL ends the table */
	uint64_t def, min, max; /* ns if is_time */
	bool is_time;
	const char *help;
};

/*
 * A policy.  All calls on the core's thread; none may block or call back into
 * sched_submit/sched_done.  init and add may fail with a negative errno; del
 * and fini must accept what a failed add or init left.
 */
struct sched_policy {
	uint32_t abi; /* SCHED_POLICY_ABI */
	const char *name, *help;
	uint32_t promises;		  /* enum sched_promise */
	const struct sched_policy_param *params; /* at most SCHED_MAX_PARAMS; NULL: none.  Values: sched->param[] */
	int (*init)(struct sched *, uint64_t now); /* may set sched->policy_data */
	void (*fini)(struct sched *);
	int (*add)(struct sched *, struct sched_ent *, uint64_t now);
	/* ent is ready nowhere (it was put to sleep); works of it may still run. */
	void (*del)(struct sched *, struct sched_ent *, uint64_t now);
	/* ent became ready on engine.  Optional. */
	void (*wake)(struct sched *, struct sched_ent *, unsigned int engine, uint64_t now);
	/*
	 * ent is no longer ready on engine: its last queued work there started
	 * (running[] counts it already) or went away, or its cap is used up.
	 * Optional.
	 */
	void (*sleep)(struct sched *, struct sched_ent *, unsigned int engine, uint64_t now);
	/*
	 * Whose oldest work should start on engine now?  NULL: nobody (yet), and
	 * *again may be set to when to ask again (else it is asked at the next
	 * event).  Only called while some ent is ready there, and must answer one
	 * that is.  May set the ent's slice_ns, which is 0 before the call.
	 */
	struct sched_ent *(*pick)(struct sched *, unsigned int engine, uint64_t now, uint64_t *again);
	/*
	 * A running work of ent left engine after ran_ns (0 if the backend refused
	 * it or it was cancelled).  Before wake, if ent becomes ready by it.  Optional.
	 */
	void (*charge)(struct sched *, struct sched_ent *, unsigned int engine, uint64_t ran_ns,
		       uint64_t now);
	/* ent's weight, cap or latency class are others now; old_weight was its weight.  Optional. */
	void (*changed)(struct sched *, struct sched_ent *, uint32_t old_weight, uint64_t now);
	/*
	 * Periodic book-keeping; answers when to be called next, SCHED_NEVER for
	 * "once somebody wakes".  May come late; must not loop over missed periods
	 * without a bound.  Optional.
	 */
	uint64_t (*tick)(struct sched *, uint64_t now);
	void (*dump)(const struct sched *, FILE *); /* optional */
};

/* A policy with its parameters, as users name it: "wfq", "band:period=30ms", "./mine.so:x=3". */
struct sched_choice {
	const struct sched_policy *policy;
	uint64_t param[SCHED_MAX_PARAMS];
	void *so; /* owned: what dlopen() gave, or NULL */
};

/* Sees each work that ended; for recording. */
struct sched_watch {
	void (*ended)(void *arg, const struct sched_work *, uint64_t ran_ns, uint64_t now);
	void *arg;
};

struct sched {
	const struct sched_policy *policy;
	void *policy_data;
	uint64_t param[SCHED_MAX_PARAMS];
	void *so; /* owned: the policy's shared object, or NULL */
	const struct sched_backend *backend;
	struct sched_watch watch;
	void *core;
	unsigned int nr_engines;
	struct list ents;
	uint32_t nr_ents, next_id;
	uint32_t nr_latency; /* ents of the latency class */
	struct sched_heap ready[SCHED_MAX_ENGINES];  /* ents that may be picked, longest waiting first */
	struct sched_heap capped[SCHED_MAX_ENGINES]; /* ents that wait for their cap */
	uint32_t nr_queued[SCHED_MAX_ENGINES];
	struct list running[SCHED_MAX_ENGINES]; /* works on the device */
	uint32_t nr_running[SCHED_MAX_ENGINES];
	/*
	 * Time in which works had an engine that did nothing for them: a host that ran it late, an end that was
	 * seen late.  Caps are parts of the other time.
	 */
	uint64_t lost[SCHED_MAX_ENGINES];
	uint64_t known[SCHED_MAX_ENGINES]; /* while works run: until when `lost` is known */
	uint64_t next_seq, next_tick;
	uint64_t clock, skew; /* the last time seen, and what is added because a clock stepped back */
	uint64_t picks;	      /* decisions made */
	bool in_backend; /* a backend callback is running */
};

/* The slice of a policy that knows none: piece by piece (the first fills it) while others wait, else all there is. */
static inline uint64_t sched_no_slice(const struct sched *s, unsigned int engine)
{
	return s->ready[engine].nr > 1;
}

/* Built-in policies by name (policies.c); NULL if unknown.  sched_policy_at(i): for listing; NULL past the end. */
const struct sched_policy *sched_policy_find(const char *name);
const struct sched_policy *sched_policy_at(unsigned int i);

/*
 * Reads "NAME[:param=value,...]"; a NAME with a '/' is a shared object that
 * exports `const struct sched_policy sched_policy_plugin`.  -EINVAL with one line in msg.
 */
int sched_choice_open(const char *spec, struct sched_choice *out, char *msg, size_t n);
/* Accepts one that sched_use() took. */
void sched_choice_close(struct sched_choice *);
/* A time with its unit ("500us", "30ms", "2s"), or "0"; ns. -EINVAL. */
int sched_parse_time(const char *s, uint64_t *ns);
/* Parameters as "period=30ms,..." of the policy in use. */
void sched_print_params(const struct sched *, char *buf, size_t n);

int sched_new(const struct sched_policy *, const struct sched_backend *, void *core,
	      unsigned int nr_engines, uint64_t now, struct sched **out);
/* Accepts NULL and a half-built one.  Every ent must be gone. */
void sched_free(struct sched *);
/* Changes the policy under load; queued and running work stays.  On error the old one goes on. */
int sched_set_policy(struct sched *, const struct sched_policy *, uint64_t now);
/* The same with parameters and a shared object, which is taken over (choice->so is NULL then) on success only. */
int sched_use(struct sched *, struct sched_choice *, uint64_t now);
void sched_set_watch(struct sched *, const struct sched_watch *); /* NULL: nobody */

int sched_ent_new(struct sched *, const struct sched_ent_cfg *, uint64_t now, struct sched_ent **out);
/*
 * Its works, queued and running (the core has stopped those), end in
 * backend->dropped.  Accepts NULL and one whose add failed.
 */
void sched_ent_free(struct sched_ent *, uint64_t now);
/* -EINVAL with nothing changed for weight 0 or above the maximum, or cap above 100. */
int sched_ent_set(struct sched_ent *, uint32_t weight, uint32_t cap_pct);
/* Weight, cap, latency_us and budget_pct of cfg (0 as in sched_ent_new); name and max_work stay. */
int sched_ent_tune(struct sched_ent *, const struct sched_ent_cfg *, uint64_t now);

/* Queues a work.  -EDQUOT beyond max_work, -EINVAL for a bad engine.  Call sched_pump() after. */
int sched_submit(struct sched_ent *, unsigned int engine, void *cookie, uint64_t now,
		 struct sched_work **out);
/* A running work ended after ran_ns of its engine's own time; frees it. */
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
extern const struct sched_policy sched_rr;   /* rr.c: round robin with slices */
extern const struct sched_policy sched_credit; /* credit.c: budgets by period */
extern const struct sched_policy sched_band;   /* band.c: budgets, bandwidth used, hand-back */
extern const struct sched_policy sched_fixed;  /* fixed.c: a slot for everybody, used or not */
extern const struct sched_policy sched_equal;  /* equal.c: slots for who has work, overshoot paid back */
extern const struct sched_policy sched_wfq;    /* wfq.c: weighted fair queueing by virtual time */
extern const struct sched_policy sched_dfq;    /* dfq.c: disengaged fair queueing */
extern const struct sched_policy sched_edf;    /* edf.c: earliest deadline within budgets, then fair */

#endif

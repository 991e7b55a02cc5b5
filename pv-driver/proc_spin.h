/* SPDX-License-Identifier: MIT */
/*
 * How long a guest polls for an answer before it sleeps.
 *
 *  1. Short waits are worth polling for; when they are long, the processor is
 *     somebody else's, and the budget shrinks to SPIN_MIN.
 *  2. A budget of SPIN_MIN may be shorter than any answer takes, so that success
 *     alone would never raise it again: now and then a wait is a trial with all
 *     of max.  If the answer comes in it, the budget is max again; else the next
 *     trial comes later, twice as many waits at a time, TRIAL_MAX at most.
 *
 * Threads share one without locks: a lost update costs a trial.
 */
#ifndef PV_DRIVER_PROC_SPIN_H
#define PV_DRIVER_PROC_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define SPIN_MIN 32u
#define TRIAL_MIN 8u
#define TRIAL_MAX 1024u

struct proc_spin {
	uint32_t max;	/* polls before sleeping at most; 0: never poll */
	uint32_t now;	/* atomic: what proved worth it lately */
	uint32_t until; /* atomic: waits until the next trial */
	uint32_t gap;	/* atomic: waits between trials */
};

static inline void proc_spin_init(struct proc_spin *s, uint32_t max)
{
	*s = (struct proc_spin){ .max = max, .now = max, .until = TRIAL_MIN, .gap = TRIAL_MIN };
}

static inline uint32_t proc_spin_load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void proc_spin_store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* How often the next wait may poll. */
static inline uint32_t proc_spin_budget(struct proc_spin *s)
{
	uint32_t now = proc_spin_load(&s->now), until = proc_spin_load(&s->until);

	if (now > SPIN_MIN || s->max <= SPIN_MIN)
		return now;
	proc_spin_store(&s->until, until ? until - 1 : 0);
	return until ? now : s->max;
}

/* Whether the answer came within that budget. */
static inline void proc_spin_result(struct proc_spin *s, uint32_t budget, bool came)
{
	uint32_t now = proc_spin_load(&s->now), gap = proc_spin_load(&s->gap);
	bool trial = now <= SPIN_MIN && budget > now;

	if (came && trial) {
		now = s->max;
		gap = TRIAL_MIN;
	} else if (came) {
		now += now / 8 + 1;
	} else if (trial) {
		gap = gap * 2 < TRIAL_MAX ? gap * 2 : TRIAL_MAX;
		proc_spin_store(&s->until, gap);
	} else {
		now = now / 2 > SPIN_MIN ? now / 2 : SPIN_MIN;
	}
	proc_spin_store(&s->gap, gap);
	proc_spin_store(&s->now, now < s->max ? now : s->max);
}

#endif

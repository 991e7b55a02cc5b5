/* SPDX-License-Identifier: MIT */
/*
 * Whether the engine should stand still a moment for who just left it.
 *
 * A stint is what one works between two absences.  Waiting costs at most the
 * absence, cut at `grace` (nobody is waited for longer); it gains a stint in due
 * time, if the absence ends within grace.  So it is worth it as long as the mean
 * cost of a wait that succeeds is at most `patience` percent of the mean stint.
 * All means are of what was seen lately, with and without waiting.
 *
 * Whatever the guest does, the engine stands still for it for at most patience
 * percent of what it works in the long run: once an absence costs more, it is not
 * waited for until its absences are short again.
 */
#ifndef SCHEDULER_THINK_H
#define SCHEDULER_THINK_H

#include <stdbool.h>
#include <stdint.h>

#define THINK_ONE 256u	/* hits: all */
#define THINK_LATELY 16 /* absences that a mean goes back, roughly */

struct think {
	uint64_t stint;	  /* works since it came, ns */
	uint64_t left_at; /* 0: not away by itself */
	uint64_t works;	  /* mean stint, ns */
	uint64_t cost;	  /* mean absence cut at grace, ns */
	uint32_t hits;	  /* absences below grace, of THINK_ONE */
	bool known;
};

static inline void think_ran(struct think *t, uint64_t ns)
{
	t->stint += ns;
}

static inline uint64_t think_mean(uint64_t mean, uint64_t x)
{
	return mean + x / THINK_LATELY - mean / THINK_LATELY;
}

/* It has nothing more to do. */
static inline void think_left(struct think *t, uint64_t now)
{
	t->works = t->known ? think_mean(t->works, t->stint) : t->stint;
	t->stint = 0;
	t->left_at = now;
}

/* It has been held back, which says nothing about its own absences. */
static inline void think_held(struct think *t)
{
	t->left_at = 0;
}

static inline void think_back(struct think *t, uint64_t grace, uint64_t now)
{
	uint64_t away = now - t->left_at;
	bool hit = away < grace;

	if (!t->left_at)
		return;
	t->left_at = 0;
	away = hit ? away : grace;
	t->cost = t->known ? think_mean(t->cost, away) : away;
	t->hits = t->known ? (15 * t->hits + (hit ? THINK_ONE : 0) + 8) / 16 : hit ? THINK_ONE : 0;
	t->known = true;
}

/* One whose habits are not known yet is waited for, once. */
static inline bool think_worth(const struct think *t, uint64_t patience)
{
	return !t->known ||
	       (__int128)t->cost * 100 * THINK_ONE <= (__int128)t->works * patience * t->hits;
}

#endif

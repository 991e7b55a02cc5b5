/* SPDX-License-Identifier: MIT */
/*
 * Fairness figures of one engine, from who used it when and who wanted it
 * when.  The simulator and the live benchmark both measure with this.
 *
 * A guest contends in a window if it had work waiting or running for at least
 * half of it; a window counts if two guests contend in it.  A contender's due
 * is its weight's part of what the contenders got together; x = got / due.
 *   jain          (sum x)^2 / (n sum x^2), x over all counted windows
 *   worst_window  the least such index of any counted window
 *   min_max       least x / greatest x over all counted windows
 *   shares        got / what all contenders got, over all counted windows
 * lag is what ideal sharing (fluid.h) would have given a guest until now, less
 * what it got; in units of the longest work.
 */
#ifndef SCHEDULER_SIMULATOR_MEASURE_H
#define SCHEDULER_SIMULATOR_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

/* A histogram of times with 32 steps for each doubling: 3 % exact. */
#define HIST_STEPS 32
#define HIST_DOUBLINGS 50
struct hist {
	uint32_t count[HIST_STEPS * HIST_DOUBLINGS];
	uint64_t nr, max;
	double sum;
};
void hist_add(struct hist *, uint64_t ns);
/* The value that part (0..1) of all stay below or at; 0 if empty. */
uint64_t hist_at(const struct hist *, double part);

struct measure_guest {
	double *got, *wanted; /* per window, ns */
	double weight;
	struct hist wait, response;
	uint64_t works;
	double total; /* ns */
	/* figures, after measure_finish: */
	double due, contended; /* ns, over the counted windows */
	double share, busy;    /* of what contenders got; of the whole time */
	double backlog;	       /* part of the whole time in which it had work waiting or running */
};

struct measure {
	struct measure_guest *guest; /* owned */
	uint32_t nr_guests, nr_windows;
	uint64_t window, time;
	struct hist lag; /* of guests that were owed time when a work of theirs began */
	double max_lag; /* ns */
	uint64_t unit;	/* longest work */
	uint64_t switches, works;
	double busy; /* ns of engine time */
	/* figures, after measure_finish: */
	double *window_jain; /* owned; 0 where a window does not count */
	double jain, worst_window, min_max, utilisation, least_utilisation;
	uint32_t counted;
};

/* time is rounded up to whole windows.  -ENOMEM. */
int measure_new(uint32_t nr_guests, uint64_t time, uint64_t window, struct measure **out);
void measure_free(struct measure *); /* accepts NULL */
void measure_weight(struct measure *, uint32_t guest, uint32_t weight);
/* The guest had the engine from..to / had work waiting or running from..to. */
void measure_got(struct measure *, uint32_t guest, uint64_t from, uint64_t to);
void measure_wanted(struct measure *, uint32_t guest, uint64_t from, uint64_t to);
void measure_lag(struct measure *, double ns);
void measure_finish(struct measure *);

#endif

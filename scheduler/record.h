/* SPDX-License-Identifier: MIT */
/*
 * A recording of what a live scheduler was asked for, as text:
 *
 *   gpuvm-sched-trace 2
 *   guest NAME weight cap_pct latency_us budget_pct
 *   work NAME engine arrived_ns started_ns ran_ns ended_ns
 *
 * A guest line comes before its first work; a later one of the same name says
 * what changed.  Times count from the beginning of the recording; a work had
 * its engine for the last ran_ns before it ended.
 */
#ifndef SCHEDULER_RECORD_H
#define SCHEDULER_RECORD_H

#include <stdint.h>

#include "scheduler/sched.h"

#define SCHED_RECORD_HEAD "gpuvm-sched-trace 2"

struct sched_record;

/* Creates the file (or empties it) and begins to record s. Negative errno. */
int sched_record_open(const char *path, struct sched *s, uint64_t now, struct sched_record **out);
/* Ends the recording; -EIO if anything could not be written.  Accepts NULL. */
int sched_record_close(struct sched_record *);

#endif

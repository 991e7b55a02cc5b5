/* SPDX-License-Identifier: MIT */
/* A run as Chrome trace events (JSON), which Perfetto and chrome://tracing open. */
#ifndef SCHEDULER_SIMULATOR_TIMELINE_H
#define SCHEDULER_SIMULATOR_TIMELINE_H

#include <stdint.h>

struct timeline;

/* Negative errno. */
int timeline_open(const char *path, struct timeline **out);
/* A row for each engine (what ran) and for each guest (what waited). */
void timeline_ran(struct timeline *, unsigned int engine, const char *guest, uint64_t from, uint64_t to);
void timeline_waited(struct timeline *, uint32_t row, const char *guest, uint64_t from, uint64_t to);
/* -EIO if it could not all be written.  Accepts NULL. */
int timeline_close(struct timeline *);

#endif

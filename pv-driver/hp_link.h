/* SPDX-License-Identifier: MIT */
/* The guest's end of the request ring (hp_abi.h). */
#ifndef PV_DRIVER_HP_LINK_H
#define PV_DRIVER_HP_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-driver/bus.h"
#include "pv-driver/hp_abi.h"

struct hp_link {
	struct bus *bus; /* borrowed */
	struct bus_mem mem; /* owned: HP_RING_LEN bytes */
	uint64_t timeout_ns;
	pthread_mutex_t lock; /* innermost; guards head and the slots */
	uint32_t head;
	uint32_t rung; /* head when it was last considered whether to ring */
	uint64_t bells; /* stores to the doorbell, and those spared */
	uint64_t spared;
	uint32_t tag; /* of the last call; its callers hold a lock of their own */
	uint32_t features; /* agreed */
};

#define HP_BAR_PAGE 5

/* Starts a session; what it asked for is in *what when it fails. */
int hp_link_open(struct bus *, uint64_t timeout_ns, struct hp_link **out, const char **what);
/* Ends it.  Accepts NULL. */
void hp_link_close(struct hp_link *);
uint32_t hp_reg_rd(struct bus *, enum hp_reg);
/*
 * Posts a request; len bytes at rest (NULL: none) follow it.  It is looked at when
 * somebody rings next, at the latest.  -ETIMEDOUT if the ring stays full.
 */
int hp_post(struct hp_link *, struct hp_req *, const void *rest, size_t len, bool bell);
/* Posts, rings, waits for the answer: its error, its values in val (7 words; may be NULL). */
int hp_call(struct hp_link *, struct hp_req *, uint64_t *val);
static inline struct hp_ring *hp_ring(const struct hp_link *l)
{
	return l->mem.cpu;
}

#endif

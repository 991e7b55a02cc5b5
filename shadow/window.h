/* SPDX-License-Identifier: MIT */
/*
 * Inside the shadow room: what of a guest's BARs does not trap (window.c), and
 * which pages may have been written unseen (track.c), which hang together.
 */
#ifndef SHADOW_WINDOW_H
#define SHADOW_WINDOW_H

#include <stdio.h>

#include "shadow/private.h"

/* What of BAR1 and BAR3 does not trap (window.c). */
struct window {
	uint64_t *have[2]; /* owned: a word for each page, of nr[] */
	uint32_t nr[2];
	uint64_t live[2];  /* bit per block: looked at by flushes */
	uint64_t dirty[2]; /* bit per block: to be looked at before the next flush of its tables */
	bool closed;	   /* nothing is a window now */
	bool off;	   /* on its way out: no page is anything */
};

/* ---- track.c -------------------------------------------------------------------------------- */
/* Starts from what the tables hold now; a no-op if it is on. */
int track_on(struct shadow_guest *);
void track_off(struct shadow_guest *);
/* Entry e as accepted came into (on) or leaves a table that the device knows; tracking is on. */
void track_entry(struct shadow_guest *, uint64_t e, uint32_t page_shift, bool on);
/* The device has let go of every entry that left. */
void track_settle(struct shadow_guest *);
/* The guest stored to its VRAM and the store trapped. */
void track_written(struct shadow_guest *, uint64_t at, uint64_t len);
/* The moment that a reader notes before it reads; 0 while tracking is off. */
uint64_t track_now(struct shadow_guest *);
/* Whether nothing in the range can have been written since the moment; false if since is 0. */
bool track_clean(const struct shadow_guest *, uint32_t target, uint64_t at, uint64_t len,
		 uint64_t since);

/*
 * Windows: stores to the page do not trap (on), or trap again once hv_unmapped().
 * Entries hold while tracking is off as well.
 */
void track_window(struct shadow_guest *, uint64_t at, bool on);
/* Before a scan: pages whose windows are gone for good. */
void track_acked(struct shadow_guest *);
/* A table was read from there: its pages had better trap, as long as they change little. */
void track_table(struct shadow_guest *, uint32_t target, uint64_t at, uint64_t len);
/* ... and was found as before, or not. */
void track_read(struct shadow_guest *, uint32_t target, uint64_t at, uint64_t len, bool same);
/* Whether the page is a table's that had better trap. */
bool track_traps(const struct shadow_guest *, uint64_t at);
/* A trapped access to such a page; true if that was one too many. */
bool track_heat(struct shadow_guest *, uint64_t at);
/* Whether stores to the page may go unseen because of windows. */
bool track_bare(const struct shadow_guest *, uint64_t at);

/* ---- window.c ------------------------------------------------------------------------------- */
int window_on(struct shadow_guest *); /* -EOPNOTSUPP: the port or the device cannot */
int window_off(struct shadow_guest *);
void window_free(struct shadow_guest *); /* the guest is going */
/* Looks again at all of BAR i (0: BAR1, 1: BAR3), or at both; an error is the world's. */
int window_bar(struct shadow_guest *, uint32_t i);
int window_all(struct shadow_guest *);
/* The guest flushed that address space (all: every one). */
int window_flush(struct shadow_guest *, bool all, uint32_t target, uint64_t addr);
/* Which pages may be windows has changed: looked at with the next flush or trapped access. */
void window_recheck(struct shadow_guest *);
/* RAM [start, start+len) goes away.  -EBUSY: the guest may still reach it. */
int window_revoke(struct shadow_guest *, uint64_t start, uint64_t len);
/* track_window() for what there is. */
void window_recount(struct shadow_guest *);
/* What is a window may be one; the number of violations. */
unsigned int window_audit(struct shadow_guest *, FILE *out);

#endif

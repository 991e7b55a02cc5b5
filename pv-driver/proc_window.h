/* SPDX-License-Identifier: MIT */
/*
 * The guest half of windows (proc_abi.h): BAR pages that the mediator offers as
 * memory are mapped over the BAR when they are first touched.  Called from the
 * SIGSEGV handler of any thread: async-signal-safe but for init, range, fini.
 */
#ifndef PV_DRIVER_PROC_WINDOW_H
#define PV_DRIVER_PROC_WINDOW_H

#include "pv-driver/proc_client.h"

/* Descriptors of files kept; another one under the same place closes it. */
#define PROC_WINDOW_FILES 64u

struct proc_window {
	struct proc_client *client; /* borrowed */
	uint8_t *base[6];	    /* borrowed: the BARs */
	uint64_t bar_len[6];
	uint64_t nr;	/* words in have[]; 0 in a process without windows */
	uint64_t *have; /* owned: page[]'s word for each page mapped here, else 0 */
	uint64_t seen;	/* atomic: gen up to which have[] is right */
	uint64_t live;	/* atomic: pages mapped */
	uint32_t lock;	/* atomic: 1 while held */
	int ram_fd;	/* borrowed */
	struct {
		uint32_t nr; /* 0: none */
		int fd;	     /* owned */
	} file[PROC_WINDOW_FILES];
};

/* bar: the process's own mappings, NULL where there is none.  -ENOMEM. */
int proc_window_init(struct proc_window *, struct proc_client *, uint8_t *const bar[6], int ram_fd);
void proc_window_fini(struct proc_window *); /* accepts a zeroed one */
/* True if the page at off is mapped now: what faulted runs again. */
bool proc_window_open(struct proc_window *, uint32_t space, uint32_t off);
/* Maps the whole range.  -EAGAIN if a page of it is no memory or cannot be mapped. */
int proc_window_range(struct proc_window *, int bar, uint64_t off, uint64_t len);
/* After an access that was waited for: lets go of what the mediator took back. */
void proc_window_sync(struct proc_window *);
/* Whether a store there has to be waited for because pages are mapped. */
bool proc_window_orders(const struct proc_window *, uint32_t space, uint32_t off);
/* In a child after fork: its BARs trap everywhere. */
void proc_window_forked(struct proc_window *);

#endif

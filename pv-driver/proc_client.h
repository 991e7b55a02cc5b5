/* SPDX-License-Identifier: MIT */
/*
 * The guest half of the ring (proc_abi.h): carries one BAR access to the
 * mediator.  Called from the SIGSEGV handler of any thread of any process of
 * the guest, with signals blocked; async-signal-safe.
 */
#ifndef PV_DRIVER_PROC_CLIENT_H
#define PV_DRIVER_PROC_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-driver/proc_abi.h"
#include "pv-driver/proc_spin.h"

/* Exit status of a guest process whose guest was ended by the mediator, or whose mediator is gone. */
#define PROC_EXIT_DEAD 71

struct proc_client {
	struct proc_ring *ring; /* borrowed: the shared mapping */
	int kick, life;		/* borrowed */
	bool posted;
	struct proc_spin spin; /* nothing of it on a single processor */
	struct proc_far *far; /* borrowed; NULL: the mediator is a process here */
	uint64_t posted_to; /* atomic: behind the last position whose store did not wait */
};

/* spin_max: polls before sleeping at most; PROC_SPIN_AUTO looks at how many processors this process may use. */
#define PROC_SPIN_AUTO UINT32_MAX
void proc_client_init(struct proc_client *, struct proc_ring *, int kick, int life, uint32_t spin_max);
/* The mediator is in another domain: kick is /dev/xen/evtchn. */
void proc_client_far(struct proc_client *, struct proc_far *);
/* A load's answer (cut to size); 0 for a store.  Does not return if the guest was ended. */
uint64_t proc_client_access(struct proc_client *, uint32_t space, uint32_t off, uint8_t size,
			    bool write, uint64_t val);
/* Waits until every store that this process posted so far was served. */
void proc_client_settle(struct proc_client *);
/* One line on stderr and exit status PROC_EXIT_DEAD, if the guest was ended or the mediator is gone. */
void proc_client_check(struct proc_client *);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The port for domains of Xen whose GPU needs no traps: naive-pv and hp-pv for
 * PV, PVH and HVM domains.  A guest is a domain; its programs reach the mediator
 * by the process guest's ring (pv-driver/proc_abi.h) in pages that the domain
 * grants (pv-driver/xen_abi.h), with an event channel for what is a wake-up there.
 *
 * A guest has its GPU from hv_pvback_guest_new() to the end of its domain.
 * While a program of its drives it the two are connected; between two of them
 * the GPU is reset, and nothing of the domain's memory is mapped.
 *
 * What was attached stays in xenstore, so that a mediator started again finds it.
 *
 * Bus addresses: guest id's window is 4 GiB below the virtual machines', behind
 * the last process guest's.
 */
#ifndef GPUVM_HV_PVBACK_H
#define GPUVM_HV_PVBACK_H

#include "gpuvm/hv/hv.h"

struct pvback_lib;

#define PVBACK_GUESTS 16u

/* lib is taken over, also on errors. */
int hv_pvback_open(const struct hv_up *up, void *core, const struct log *log,
		   struct pvback_lib *lib, struct hv **out);

struct hv_pvback_cfg {
	const char *name;
	uint16_t domid;
	const char *mode;    /* for the domain to read, as gpuvm run --mode has it */
	uint64_t bar_len[6]; /* as of struct hv_process_cfg */
	/* What a mediator that is started again needs to know; one that was kept is not looked at. */
	const char *keep;
	const void *cfg; /* for up->attach, see struct hv_guest */
};

/*
 * Calls up->attach and makes the nodes in xenstore.  Its domain's end detaches
 * the guest.  -ESRCH: no such domain.  -EEXIST: it is a guest of this port.
 * -ENOSPC: all slots taken.
 */
int hv_pvback_guest_new(struct hv *, const struct hv_pvback_cfg *, struct hv_guest **out);
/* Detaches from outside, for good: its nodes go. */
void hv_pvback_guest_drop(struct hv_guest *, const char *why);
/*
 * What hv_pvback_guest_new() was told to keep for a domain that still lives and is no guest
 * now (free it); *at is where to go on, 0 at first.  NULL: no more.
 */
char *hv_pvback_kept(struct hv *, unsigned int *at);

struct hv_pvback_stats {
	uint16_t domid;
	uint64_t connections; /* so far */
	uint64_t refused;     /* connections */
	uint64_t accesses, bad;
	uint64_t events, notifies;
	uint64_t granted;     /* pages mapped now */
	bool connected;
};
void hv_pvback_guest_stats(const struct hv_guest *, struct hv_pvback_stats *out);

#endif

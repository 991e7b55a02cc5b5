/* SPDX-License-Identifier: MIT */
/*
 * The process port: a guest is a process whose BARs are mapped without access
 * rights.  Its loads and stores fault, the fault handler (pv-driver/trap.c)
 * decodes them and puts them on a ring in shared memory (pv-driver/proc_abi.h),
 * and dispatch() serves the rings, as a hypervisor serves I/O requests.
 */
#ifndef GPUVM_HV_PROCESS_H
#define GPUVM_HV_PROCESS_H

#include "gpuvm/hv/hv.h"

int hv_process_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out);

struct hv_process_cfg {
	const char *name;
	uint64_t ram_len;    /* page-aligned, at most 4 GiB; the memfd is sparse */
	uint64_t bar_len[6]; /* told to the guest; pages, at most 4 GiB; [5] is the PV call page, 0 = absent */
	bool posted;	     /* stores do not wait */
	/* Stores outside the BARs with windows that may change memory or windows; len 0: none. */
	struct hv_process_range {
		enum hv_space space;
		uint32_t off, len;
	} ordered[8];
	const void *cfg;     /* for up->attach, see struct hv_guest */
};

/* What to send to the guest (proc_abi.h says what each is); the caller closes all of them after sending. */
struct hv_process_fds {
	int ring, ram, irq, kick, life;
};

/*
 * Creates the shared memory, calls up->attach, and answers the guest's ends.
 * -ENOSPC when all slots (111) are taken.  From then on dispatch() watches the
 * life socket: its hang-up is the guest's death.
 */
int hv_process_guest_new(struct hv *, const struct hv_process_cfg *, struct hv_guest **out,
			 struct hv_process_fds *fds);
/*
 * Detaches a guest from outside (gpuvm detach); its processes see `dead`.
 * Frees it before returning, or, when called from inside an upcall, at the end
 * of that dispatch.
 */
void hv_process_guest_drop(struct hv_guest *, const char *why);

struct hv_process_stats {
	uint64_t served, reads, writes, bad; /* bad: malformed slots */
	uint64_t wakes;			     /* times a sleeping side had to be woken */
	uint64_t holes;			     /* positions taken by a process that died before using them */
	uint64_t pins;			     /* pages pinned now, sum of counts */
	uint64_t files;			     /* times it was given a file to map */
};
void hv_process_guest_stats(const struct hv_guest *, struct hv_process_stats *out);

#endif

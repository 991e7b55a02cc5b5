/* SPDX-License-Identifier: MIT */
/*
 * The null hypervisor: a guest in the caller's own thread, its RAM an array.
 * The worked example of a port, and what unit tests drive the core with.
 */
#ifndef GPUVM_HV_NULL_H
#define GPUVM_HV_NULL_H

#include "gpuvm/hv/hv.h"

int hv_null_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out);

/* A guest with ram_len bytes of RAM from gpa 0; calls up->attach. cfg: see struct hv_guest. */
int hv_null_guest_new(struct hv *, const char *name, uint64_t ram_len, const void *cfg,
		      struct hv_guest **out);
/* Calls up->detach and frees the guest. */
void hv_null_guest_free(struct hv_guest *);

/* What a guest's load or store would do; answers what up->access answered. */
int hv_null_access(struct hv_guest *, enum hv_space, uint32_t off, uint8_t size, bool write,
		   uint64_t *val);
void *hv_null_ram(struct hv_guest *);
/* Whether the guest's BAR is memory there: which, as hv_map was given it.  The file is borrowed. */
bool hv_null_window(struct hv_guest *, enum hv_space, uint32_t off, int *fd, uint64_t *at);
/* From now on pages that are unmapped stay reachable until that many trapped accesses have ended. */
void hv_null_lag(struct hv_guest *, unsigned int accesses);
/* Interrupts raised so far, pages pinned now (sum of counts), last kill reason or NULL. */
unsigned int hv_null_irqs(const struct hv_guest *);
unsigned long hv_null_pins(const struct hv_guest *);
const char *hv_null_killed(const struct hv_guest *);
/*
 * Takes RAM away (pages): calls up->revoke once and answers it; on 0 the range
 * is no longer the guest's.  A pin left by a revoke that answered 0 is an assertion failure.
 */
int hv_null_revoke(struct hv_guest *, gpa_t start, uint64_t len);
/*
 * Tests: the n-th call from now (1 = the next) of read, write, irq, pin, ram, map or unmap
 * over all guests fails with err, and only that one.  n or err 0 switches it off.
 */
void hv_null_fail_after(struct hv *, unsigned int n, int err);

#endif

/* SPDX-License-Identifier: MIT */
/* What the probes of gpuvm-xen-bench share. */
#ifndef BENCH_XEN_GUEST_H
#define BENCH_XEN_GUEST_H

#include <stddef.h>
#include <stdint.h>

struct drv;

/* Sorts v; ns. */
double probe_median(uint64_t *v, size_t n);
/* A figure, as a line for dom0. */
void probe_say(const char *name, double value, const char *unit);
/* A line on stderr; 1. */
int probe_failed(const char *what);
/* doorbell.c */
int probe_doorbell(struct drv *);
/* tracked.c */
int probe_tracked(struct drv *);
/* call.c */
int probe_call(struct drv *);

#endif

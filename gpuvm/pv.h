/* SPDX-License-Identifier: MIT */
/*
 * The PV call page of a naive-pv guest: negotiation, and calls from a ring in
 * its RAM (pv-driver/pv_abi.h), carried out by the shadows (shadow/pv.h).
 */
#ifndef GPUVM_PV_H
#define GPUVM_PV_H

#include <stdint.h>

struct pv_op;
struct vgpu;
struct vgpu_pv;

/* Operations per call when the guest may have as many as fit. */
#define PV_OPS_DEFAULT UINT32_MAX

struct pv_stats {
	uint64_t calls;	   /* hypercalls */
	uint64_t ops;	   /* operations looked at */
	uint64_t failed;   /* operations that failed */
	uint64_t bad_calls; /* calls that were refused as a whole */
	uint64_t bytes;	   /* copied out of rings */
	uint64_t ops_max;  /* most operations in one call */
};

/* ops: operations per call; 0 or 1 is one change per call, as naive as it gets.  v->shadow exists. */
int vgpu_pv_new(struct vgpu *, uint32_t ops);
void vgpu_pv_free(struct vgpu *); /* accepts half-built */
/* The ring is forgotten and every table goes; the guest's channels are unbound. */
void vgpu_pv_reset(struct vgpu *);
int vgpu_pv_rd(struct vgpu *, uint32_t off, uint8_t size, uint64_t *val);
int vgpu_pv_wr(struct vgpu *, uint32_t off, uint8_t size, uint64_t val);
/* One operation for a driver of the mediator's own; errors as shadow/pv.h has them. */
int vgpu_pv_op(struct vgpu *, const struct pv_op *, uint32_t *value);
const struct pv_stats *vgpu_pv_stats(const struct vgpu *);

#endif

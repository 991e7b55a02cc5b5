/* SPDX-License-Identifier: MIT */
/*
 * The DRM service of an hp-pv guest: it has no registers but a call page, and
 * a ring of requests in its RAM (pv-driver/hp_abi.h); the driver core runs
 * here, on the guest's vGPU.
 *
 * All of it happens on the core's thread, and none of it waits for the GPU's
 * work: a step takes at most LIMIT_HP_WORK of requests.
 */
#ifndef GPUVM_HP_H
#define GPUVM_HP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hv_access;
struct vgpu;
struct vgpu_hp;

struct hp_stats {
	uint64_t sessions, bells, requests, calls, submits, pieces;
	uint64_t bytes;	 /* copied out of the ring */
	uint64_t failed; /* requests that failed */
	uint64_t bad_rings;
	uint64_t events; /* interrupts that said fences moved */
	uint64_t vases, bos, chans, sys_bytes, vram_bytes; /* now */
};

/* v->shadow exists and keeps page tables (shadow_pv_new). */
int vgpu_hp_new(struct vgpu *);
/* Its channels are off the card.  Accepts half-built. */
void vgpu_hp_free(struct vgpu *);
void vgpu_hp_reset(struct vgpu *);
int vgpu_hp_rd(struct vgpu *, uint32_t off, uint8_t size, uint64_t *val);
/* BAR1, which shows VRAM objects.  -EPERM, -EINVAL where it shows none. */
int hp_window_access(struct vgpu *, struct hv_access *);
int vgpu_hp_wr(struct vgpu *, uint32_t off, uint8_t size, uint64_t val);
/* The card's or a virtual unit's interrupt for the driver here; a fence may have moved; a channel stopped. */
void vgpu_hp_irq(struct vgpu *);
void vgpu_hp_event(struct vgpu *);
void vgpu_hp_stopped(struct vgpu *);
/* One step's share of what waits; true if some is left. */
bool vgpu_hp_step(struct vgpu *);
/* Nobody will step until something happens: the bell is wanted from now on.  True if there is work after all. */
bool vgpu_hp_arm(struct vgpu *);
/* The ring's or the fences' RAM goes: so does the session. */
void vgpu_hp_revoke(struct vgpu *, uint64_t start, uint64_t len);
const struct hp_stats *vgpu_hp_stats(const struct vgpu *);
/* Number of violations, a line each. */
unsigned int vgpu_hp_audit(const struct vgpu *, FILE *out);
void vgpu_hp_dump(struct vgpu *, FILE *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Inside the DRM service: hp.c (page, ring, life), hp_op.c (requests),
 * hp_window.c (objects in BAR1), hp_bus.c (what the driver stands on).
 */
#ifndef GPUVM_HP_PRIVATE_H
#define GPUVM_HP_PRIVATE_H

#include "gpuvm/gpuvm.h"
#include "gpuvm/hp.h"
#include "pv-driver/bus.h"
#include "pv-driver/drv.h"
#include "pv-driver/hp_abi.h"

/* ---- hp_bus.c --------------------------------------------------------------------- */

struct hp_bus {
	struct bus bus;
	struct vgpu *vgpu;
	/* Guest RAM for what the guest reads and the driver has: HP_HOST_LEN bytes. */
	uint64_t gpa;
	uint8_t *mem;
	uint32_t used;
};
void hp_bus_init(struct hp_bus *, struct vgpu *, uint64_t gpa, uint8_t *mem);

/* ---- hp_op.c ------------------------------------------------------------------------ */

struct hp_object {
	struct drv_bo *bo; /* owned; NULL: the id is free */
	uint64_t len;
	uint32_t next; /* free: the next free id */
	bool vram;
	bool shown; /* in BAR1 */
	uint32_t window; /* page of BAR1 */
};

/* A guest's session: all of it goes with the ring. */
struct hp_objects {
	struct drv *drv; /* owned */
	struct drv_vas *vas[LIMIT_HP_VASES]; /* owned; id n is vas[n - 1] */
	struct hp_object *bo;		     /* owned; id n is bo[n - 1] */
	uint32_t nr_bo, free_bo;	     /* free_bo: an id, 0 for none */
	struct drv_chan *chan[HP_CHANS];     /* owned, by the guest's id */
	bool told[HP_CHANS];		     /* the guest knows that it is dead */
	/* BAR1's pages that show something, a bit each; where the next search starts */
	uint64_t window[GF100_BAR1_LEN / 4096 / 64];
	uint32_t window_next;
	uint32_t window_last; /* index of the object whose window was accessed last */
};
struct hp_reply {
	uint64_t val[7];
};
/* What a request costs of a step's LIMIT_HP_WORK. */
uint32_t hp_op_cost(const struct hp_req *);
/* req and the pieces behind it are a copy.  0 or an errno. */
int hp_op_do(struct vgpu *, const struct hp_req *, const struct hp_piece *, struct hp_reply *);
/* Tells the guest of channels that died; whether there were any. */
bool hp_op_look(struct vgpu *);
void hp_op_free_all(struct vgpu *);

/* ---- hp_window.c ---------------------------------------------------------------------- */
/* VRAM objects in BAR1. */
int hp_window_show(struct vgpu *, struct hp_object *, uint64_t *off);
/* Accepts an object that is not shown. */
void hp_window_hide(struct vgpu *, struct hp_object *);

/* ---- hp.c ------------------------------------------------------------------------------ */

struct vgpu_hp {
	uint32_t drv_version, drv_features, ring_lo, ring_hi; /* as the guest wrote them */
	uint32_t state; /* enum hp_session */
	/* While the session is on. */
	uint64_t ring;	/* guest-physical */
	uint32_t use;	/* features agreed */
	uint32_t tail;	/* requests taken */
	uint32_t head;	/* as the guest last said */
	uint32_t work;	/* left of this step's */
	bool irq, look, more; /* to do in the next step */
	bool watching; /* the ring is looked at in each step: nobody need ring */
	struct hp_bus bus;
	struct hp_objects obj;
	struct hp_stats stats;
};
/* Tells the guest a channel's state. */
void hp_tell(struct vgpu *, uint32_t chid, uint32_t state);

#endif

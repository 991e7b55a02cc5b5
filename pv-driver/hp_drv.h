/* SPDX-License-Identifier: MIT */
/*
 * The driver core's far side: where the mediator runs the driver, objects,
 * address spaces and channels here stand for the mediator's, and each
 * operation is a request (hp_abi.h).
 *
 * drv.lock is held, unless a line says otherwise.
 */
#ifndef PV_DRIVER_HP_DRV_H
#define PV_DRIVER_HP_DRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-driver/drv.h"

struct drv;
struct drv_bo;
struct drv_chan;
struct drv_piece;
struct drv_vas;
struct vas_map;

/* Whether the bus leads to a mediator of that kind. */
bool hp_offered(struct drv *);
/* drv.hp and drv.info; line as drv_open() wants it. */
int hp_open(struct drv *, char *msg, size_t n);
void hp_close(struct drv *); /* accepts half-open */
uint64_t hp_time(struct drv *);
uint64_t hp_vram_free(struct drv *);
/* Looks for channels that died; the interrupt's handler. */
void hp_irq(struct drv *);
/* A thread that sleeps until an interrupt comes (1) or goes (-1). */
void hp_waiter(struct drv *, int delta);

int hp_vas_new(struct drv *, struct drv_vas *);
void hp_vas_free(struct drv_vas *);

/* The mediator's object for VRAM; system memory is told of when it is mapped first. */
int hp_bo_vram(struct drv_bo *);
void hp_bo_free(struct drv_bo *);
int hp_bo_map(struct drv_vas *, struct drv_bo *, uint32_t flags, struct vas_map **out);
/* Takes the mapping out of the lists and frees it. */
void hp_unmap(struct vas_map *);
/* Where BAR1 shows the object. */
int hp_bo_expose(struct drv_bo *, uint64_t *off);

/* ---- hp_keep.c: freed small objects, kept for the next of their kind ---------------- */
/* The object, or the mapping, is no longer its user's; true: it is kept, and nothing more is to be done. */
bool hp_keep_bo(struct drv_bo *);
bool hp_keep_map(struct vas_map *);
/* One that was kept, or NULL. */
struct drv_bo *hp_keep_take(struct drv *, uint64_t len, uint32_t flags);
struct vas_map *hp_keep_take_map(struct drv_vas *, struct drv_bo *, uint32_t flags);
/* Gives back all that is kept; false if there was nothing. */
bool hp_keep_shrink(struct drv *);

/* chid, fence and ring of a channel that has its push buffer. */
int hp_chan_new(struct drv_chan *);
void hp_chan_free(struct drv_chan *);
void hp_chan_stop(struct drv_chan *);
/* No lock but the channel's push_lock. */
int hp_chan_submit(struct drv_chan *, const struct drv_piece *, uint32_t n);

#endif

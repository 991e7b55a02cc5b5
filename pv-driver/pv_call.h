/* SPDX-License-Identifier: MIT */
/* The driver's end of the PV calls (pv_abi.h).  drv.lock is held. */
#ifndef PV_DRIVER_PV_CALL_H
#define PV_DRIVER_PV_CALL_H

#include <stdint.h>

#include "pv-driver/bus.h"
#include "pv-driver/pv_abi.h"

struct drv;

struct pv_link {
	struct bus_mem ring; /* owned */
	uint32_t use;	     /* PV_FEAT_* agreed */
	uint32_t ops_max, work_max, res;
	uint32_t seq; /* of the last doorbell */
	/* The call being put together. */
	uint32_t nr, len, work;
};

/* drv.pv and drv.backend, if the bus has a call page; 0 also if it has none. */
int pv_open(struct drv *);
void pv_close(struct drv *); /* accepts half-open */
/*
 * Adds an operation; list as PV_OP_MAP_LIST wants it.  Errors are those of a
 * call that was full and went out, and of this operation if calls hold one.
 */
int pv_add(struct drv *, const struct pv_op *, const uint64_t *list);
/* Rings for what waits.  0 only if all of it succeeded. */
int pv_commit(struct drv *);
/* One operation by itself, and its value. */
int pv_ask(struct drv *, const struct pv_op *, uint32_t *value);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The GPU that the environment names (GPUVM_GUEST, GPUVM_NATIVE), brought up
 * with the nouveau interface on it: what stands behind a render node.
 */
#ifndef PV_DRIVER_DRM_CARD_H
#define PV_DRIVER_DRM_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvm/base/log.h"

struct bus;
struct dev;
struct drv;
struct drv_chan;
struct nvdrm;

struct drm_card {
	struct dev *dev; /* owned; NULL in a guest */
	struct bus *bus; /* owned */
	struct drv *drv; /* owned */
	struct nvdrm *drm; /* owned */
	struct log log;
	uint64_t limit_ns; /* GPUVM_LIMIT: how long work may stand; 0: for ever */
};

struct drm_card_cfg {
	void (*lost)(void *arg, struct drv_chan *, const char *why); /* drv_cfg's */
	void *lost_arg;
	/* Several processes' clients: what one gave back is not another's while anything still leads there. */
	bool shared;
};
/* One line in msg (n bytes) on any error. */
int drm_card_new(const struct drm_card_cfg *, struct drm_card **out, char *msg, size_t n);
/* Accepts NULL and half-built; not with a limit, whose thread stays. */
void drm_card_free(struct drm_card *);

#endif

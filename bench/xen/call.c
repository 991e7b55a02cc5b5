// SPDX-License-Identifier: MIT
/*
 * What a guest without traps pays to have something done: a table made and freed
 * (naive-pv: two calls), or an object (hp-pv: two requests); half of it is said.
 */
#include <errno.h>
#include <string.h>

#include "bench/xen/guest.h"
#include "gpuvm/base/clock.h"
#include "pv-driver/private.h"
#include "pv-driver/pv_abi.h"
#include "pv-driver/pv_call.h"

#define ROUNDS 60

static int table(struct drv *drv)
{
	struct pv_op op = { .code = PV_OP_ALLOC, .index = PV_KIND_SMALL, .count = 3 };
	uint32_t id, none;
	int err;

	pthread_mutex_lock(&drv->lock);
	err = pv_ask(drv, &op, &id);
	op = (struct pv_op){ .code = PV_OP_FREE, .id = id };
	if (!err)
		err = pv_ask(drv, &op, &none);
	pthread_mutex_unlock(&drv->lock);
	return err;
}

static int object(struct drv *drv)
{
	struct drv_bo *bo;
	int err = drv_bo_new(drv, 4096, DRV_BO_VRAM, &bo);

	if (!err)
		drv_bo_free(bo);
	return err;
}

int probe_call(struct drv *drv)
{
	uint64_t v[ROUNDS];
	int err = drv->pv || drv->hp ? 0 : -EOPNOTSUPP;

	for (int i = 0; !err && i < ROUNDS; i++) {
		v[i] = clock_ns();
		err = drv->pv ? table(drv) : object(drv);
		v[i] = clock_ns() - v[i];
	}
	if (err)
		return probe_failed(strerror(-err));
	probe_say("call", probe_median(v, ROUNDS) / 2000, "us");
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Small objects that were freed, kept for the next one of their kind: it costs
 * no request and no change of page tables.
 *
 *  1. What is kept is this driver's, and one process's: nobody else is handed
 *     any of it, and a driver with more than one process's objects keeps
 *     nothing (drv_cfg.no_keep).  System memory is zeroed when it is taken
 *     again, as fresh memory is; VRAM holds what it held, as fresh VRAM may.
 *  2. An idle mapping is still in the page tables: a GPU program that goes on
 *     using a freed address reaches memory of its own process.  It is nobody's
 *     until it is taken again, with the same object, space and flags.
 *  3. Kept objects are the first to go when memory is short, the oldest first.
 */
#include <string.h>

#include "pv-driver/hp_drv.h"
#include "pv-driver/private.h"

/* Larger ones cost more to zero than to ask for. */
#define KEEP_LEN (64ull << 10)
#define KEEP_BYTES (1ull << 20)
#define KEEP_NR 64u

static bool can_keep(const struct drv_bo *bo)
{
	const struct drv *d = bo->drv;

	/* Nothing that the program may still have mapped through BAR1, nor memory of its own. */
	return d->hp && !d->cfg.no_keep && bo->hp_id && bo->len <= KEEP_LEN && !bo->exposed &&
	       (bo->sys.cpu || bo->flags & DRV_BO_VRAM);
}

static void take_out(struct drv_bo *bo)
{
	struct drv *d = bo->drv;

	list_del(&bo->keep);
	list_init(&bo->keep);
	d->kept_bytes -= bo->len;
	d->nr_kept--;
}

static void drop_oldest(struct drv *d)
{
	struct drv_bo *bo = list_first(&d->kept, struct drv_bo, keep);

	take_out(bo);
	bo_free(bo);
}

bool hp_keep_map(struct vas_map *m)
{
	if (!m->bo || !can_keep(m->bo))
		return false;
	m->idle = true;
	return true;
}

bool hp_keep_bo(struct drv_bo *bo)
{
	struct drv *d = bo->drv;
	struct vas_map *m;

	if (!can_keep(bo))
		return false;
	list_for_each(m, &bo->maps, bo_node)
		m->idle = true;
	list_add_tail(&d->kept, &bo->keep);
	d->kept_bytes += bo->len;
	d->nr_kept++;
	while (d->kept_bytes > KEEP_BYTES || d->nr_kept > KEEP_NR)
		drop_oldest(d);
	return true;
}

struct drv_bo *hp_keep_take(struct drv *d, uint64_t len, uint32_t flags)
{
	struct drv_bo *bo;

	list_for_each(bo, &d->kept, keep) {
		if (bo->len != align_up(len, PAGE) || bo->flags != flags)
			continue;
		take_out(bo);
		if (bo->sys.cpu)
			memset(bo->sys.cpu, 0, bo->len);
		d->stats.bos_reused++;
		return bo;
	}
	return NULL;
}

struct vas_map *hp_keep_take_map(struct drv_vas *v, struct drv_bo *bo, uint32_t flags)
{
	struct vas_map *m;

	list_for_each(m, &bo->maps, bo_node) {
		if (!m->idle || m->vas != v || m->flags != flags)
			continue;
		m->idle = false;
		return m;
	}
	return NULL;
}

bool hp_keep_shrink(struct drv *d)
{
	bool any = d->nr_kept;

	while (d->nr_kept)
		drop_oldest(d);
	return any;
}

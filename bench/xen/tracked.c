// SPDX-License-Identifier: MIT
/*
 * A store to a page-table page in this guest's own memory.  With the option
 * `track` the mediator has such pages write-protected from their reading to
 * their first change, so that one store is a trap; without, all are plain.
 *
 * The driver core keeps its tables in VRAM.  So the table of one mapping is
 * copied to system memory here, and the directory pointed at the copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/xen/guest.h"
#include "gpuvm/base/clock.h"
#include "pv-driver/private.h"

#define ROUNDS 20

struct table {
	struct drv *drv;
	struct drv_vas *vas;
	struct drv_bo *copy; /* the table's entries, in system memory */
	uint32_t slot;	     /* in the directory */
	uint64_t pde;	     /* as the driver has it */
};

/* The directory's entry becomes e, and counts. */
static int point(struct table *t, uint64_t e)
{
	int err;

	pthread_mutex_lock(&t->drv->lock);
	imem_wr64(t->vas->pd->mem, t->slot * 8, e);
	err = vas_flush(t->vas);
	pthread_mutex_unlock(&t->drv->lock);
	return err;
}

/* Copies the table behind va; the directory shows the copy. */
static int move(struct table *t, uint64_t va)
{
	struct imem *table;
	int err;

	t->slot = (uint32_t)(va >> fermi_geom[0].pde_shift);
	table = t->vas->pde[t->slot].small ? t->vas->pde[t->slot].small->mem : NULL;
	if (!table)
		return -ENOENT;
	err = drv_bo_new(t->drv, table->len, DRV_BO_SYS, &t->copy);
	if (err)
		return err;
	pthread_mutex_lock(&t->drv->lock);
	imem_rd(table, 0, drv_bo_cpu(t->copy), table->len);
	t->pde = imem_rd64(t->vas->pd->mem, t->slot * 8);
	pthread_mutex_unlock(&t->drv->lock);
	return point(t, (t->pde & ~pde_pack_small(PDE_SYS_NC, ~0ull)) |
			pde_pack_small(PDE_SYS, drv_bo_addr(t->copy)));
}

/* The GPU uses the address space: what was put off until then is done. */
static int use(struct drv_chan *chan)
{
	struct drv_push p;
	struct drv_fence f;
	int err = drv_push_begin(chan, 0, &p);

	if (!err)
		err = drv_push_end(&p, &f);
	return err ? err : drv_fence_wait(&f, DRV_WAIT_POLL, 10000000000ull);
}

static int stores(struct table *t, struct drv_chan *chan)
{
	volatile uint64_t *entry = drv_bo_cpu(t->copy);
	uint64_t v[ROUNDS];
	int err = 0;

	/* The last entry: nothing is mapped there, and stays so. */
	entry += drv_bo_len(t->copy) / 8 - 1;
	for (int i = 0; !err && i < ROUNDS; i++) {
		pthread_mutex_lock(&t->drv->lock);
		err = vas_flush(t->vas);
		pthread_mutex_unlock(&t->drv->lock);
		if (!err)
			err = use(chan);
		v[i] = clock_ns();
		*entry = 0;
		v[i] = clock_ns() - v[i];
	}
	if (!err)
		probe_say("table-store", probe_median(v, ROUNDS) / 1000, "us");
	return err;
}

int probe_tracked(struct drv *drv)
{
	struct table t = { .drv = drv };
	struct drv_chan *chan = NULL;
	struct drv_bo *bo = NULL;
	uint64_t va;
	int err = drv_vas_new(drv, &t.vas);

	if (!err)
		err = drv_chan_new(t.vas, DRV_ENGINE_GR, &chan);
	if (!err)
		err = drv_bo_new(drv, 4096, DRV_BO_SYS, &bo);
	if (!err)
		err = drv_vas_map(t.vas, bo, 0, &va);
	if (!err)
		err = move(&t, va);
	if (!err)
		err = stores(&t, chan);
	if (t.pde && point(&t, t.pde) && !err)
		err = -EIO;
	drv_chan_free(chan);
	drv_bo_free(bo);
	drv_bo_free(t.copy);
	drv_vas_free(t.vas);
	return err ? probe_failed(strerror(-err)) : 0;
}

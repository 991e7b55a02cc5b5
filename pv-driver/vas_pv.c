// SPDX-License-Identifier: MIT
/*
 * Page tables that the mediator keeps: each change is asked for (pv_abi.h).
 *
 *  1. What was asked for is kept in a copy, since nobody lets us read tables.
 *  2. Changes wait in the ring and go out with the flush that makes them
 *     count; without multicall each goes out at once.
 *  3. A directory is out of use (channels, BAR) before it is freed, and freed
 *     before its tables are.
 */
#include <errno.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/private.h"
#include "pv-driver/pv_call.h"

static int pv_tab_new(struct drv *d, enum pt_kind kind, uint32_t shift, uint32_t nr,
		      struct ptab *t)
{
	static const uint32_t kinds[] = { [PT_DIR] = PV_KIND_DIR,
					  [PT_SMALL] = PV_KIND_SMALL,
					  [PT_LARGE] = PV_KIND_LARGE };
	struct pv_op op = { .code = PV_OP_ALLOC, .index = kinds[kind], .count = shift };

	if (kind != PT_DIR) {
		t->copy = mem_calloc(nr, 8);
		if (!t->copy)
			return -ENOMEM;
	}
	return pv_ask(d, &op, &t->id);
}

static void pv_tab_free(struct drv *d, struct ptab *t)
{
	struct pv_op op = { .code = PV_OP_FREE, .id = t->id };
	uint32_t none;

	mem_free(t->copy);
	if (t->id && pv_ask(d, &op, &none))
		log_warn(d->cfg.log, "the mediator keeps page %u", t->id);
}

static uint32_t id_of(const struct ptab *t)
{
	return t ? t->id : 0;
}

static int pv_pde(struct drv_vas *v, uint32_t slot)
{
	const struct vas_pde *p = &v->pde[slot];
	struct pv_op op = { .code = PV_OP_MAP_TABLE, .id = v->pd->id, .index = slot };

	op.a = (uint64_t)id_of(p->large) << 32 | id_of(p->small);
	return pv_add(v->drv, &op, NULL);
}

/* A change each. */
static int set_each(struct drv *d, struct ptab *t, uint32_t index, uint32_t n, uint64_t e,
		    uint64_t step)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++, e += step) {
		struct pv_op op = { .code = e ? PV_OP_MAP : PV_OP_UNMAP, .id = t->id,
				    .index = index + i, .count = 1, .a = e };

		err = pv_add(d, &op, NULL);
	}
	return err;
}

static int pv_set(struct drv *d, struct ptab *t, uint32_t index, uint32_t n, uint64_t e,
		  uint64_t step)
{
	/* One page further in an entry is 16: the address starts at bit 4, without its low 12 bits. */
	struct pv_op op = { .code = e ? PV_OP_MAP_RUN : PV_OP_UNMAP, .id = t->id, .index = index,
			    .count = n, .a = e, .b = step << 8 };

	for (uint32_t i = 0; i < n; i++)
		t->copy[index + i] = e + i * step;
	return d->pv->use & PV_FEAT_RUN ? pv_add(d, &op, NULL)
					: set_each(d, t, index, n, e, step);
}

static uint64_t pv_get(struct ptab *t, uint32_t index)
{
	return t->copy[index];
}

static int pv_flush(struct drv_vas *v)
{
	struct pv_op op = { .code = PV_OP_FLUSH, .id = v->pd->id };
	int err = v->drv->no_flush ? 0 : pv_add(v->drv, &op, NULL);

	if (!err)
		err = pv_commit(v->drv);
	v->drv->stats.tlb_flushes += !v->drv->no_flush;
	return err;
}

static int bar_dir(struct drv_vas *v, uint32_t id)
{
	struct pv_op op = { .code = PV_OP_BAR_DIR, .id = id, .index = v->bar, .a = v->limit };
	int err = pv_add(v->drv, &op, NULL);

	return err ? err : pv_commit(v->drv);
}

/* The page names no directory: the mediator knows it. */
static int pv_bind(struct drv_vas *v, struct imem *inst)
{
	imem_wr64(inst, INST_PDB_LO, 0);
	return v->bar ? bar_dir(v, v->pd->id) : 0;
}

static int pv_chan(struct drv_vas *v, uint32_t chid, bool on)
{
	struct pv_op op = { .code = PV_OP_SET_DIR, .id = on ? v->pd->id : 0, .index = chid };
	int err = pv_add(v->drv, &op, NULL);

	return err ? err : pv_commit(v->drv);
}

static void pv_gone(struct drv_vas *v)
{
	if (v->bar)
		bar_dir(v, 0);
}

const struct vas_backend vas_pv = {
	.name = "pv",
	.tab_new = pv_tab_new,
	.tab_free = pv_tab_free,
	.pde = pv_pde,
	.set = pv_set,
	.get = pv_get,
	.flush = pv_flush,
	.bind = pv_bind,
	.chan = pv_chan,
	.gone = pv_gone,
};

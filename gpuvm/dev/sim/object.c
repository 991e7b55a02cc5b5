// SPDX-License-Identifier: MIT
/*
 * The classes a channel can bind, and the classes of GR that only keep what
 * they are told (2D, 3D, compute).
 *
 * Slot i of a channel's objects belongs to classes[i].  A latching class takes
 * every method; of 3D and compute, the report (QUERY_GET) acts, because
 * drivers use it as a fence.
 */
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/dev/sim/xfer.h"
#include "gpuvm/fermi/methods.h"

struct latch {
	uint32_t mthd[0x4000 / 4];
};

static const struct engine_class *const classes[FIFO_NR_CLASSES] = {
	&m2mf_class, &twod_class, &threed_class, &compute_class, &copy0_class, &copy1_class,
};

uint32_t object_slot(const struct engine_class *k)
{
	uint32_t i = 0;

	while (classes[i] != k)
		i++;
	return i;
}

const struct engine_class *object_class(uint32_t e, uint32_t class_id, uint32_t *slot)
{
	for (uint32_t i = 0; i < FIFO_NR_CLASSES; i++) {
		/* The copy engines' microcode takes any class [nvkm/engine/ce/fuc/com.fuc]. */
		if (classes[i]->engine != e || (e == ENGINE_GR && classes[i]->class_id != class_id))
			continue;
		*slot = i;
		return classes[i];
	}
	return NULL;
}

static enum engine_result latch_mthd(const struct engine_ctx *x, void *state, uint32_t mthd,
				     uint32_t val, struct engine_error *err)
{
	struct latch *l = state;

	(void)x;
	(void)err;
	l->mthd[mthd / 4] = val;
	return ENGINE_OK;
}

static enum engine_result query(const struct engine_ctx *x, const struct latch *l, uint32_t get,
				struct engine_error *err)
{
	struct engine_report r = {
		.va = (uint64_t)(l->mthd[GR_QUERY_ADDRESS_HIGH / 4] & 0xff) << 32 |
		      l->mthd[GR_QUERY_ADDRESS_LOW / 4],
		.value = l->mthd[GR_QUERY_SEQUENCE / 4],
		.is_short = get & GR_QUERY_GET_SHORT,
	};

	return engine_report(x, &r, err);
}

static enum engine_result query_mthd(const struct engine_ctx *x, void *state, uint32_t mthd,
				     uint32_t val, struct engine_error *err)
{
	latch_mthd(x, state, mthd, val, err);
	return mthd == GR_QUERY_GET ? query(x, state, val, err) : ENGINE_OK;
}

const struct engine_class twod_class = {
	CLASS_2D_GF100, ENGINE_GR, sizeof(struct latch), latch_mthd, NULL,
};
const struct engine_class threed_class = {
	CLASS_3D_GF100, ENGINE_GR, sizeof(struct latch), query_mthd, NULL,
};
const struct engine_class compute_class = {
	CLASS_COMPUTE_GF100, ENGINE_GR, sizeof(struct latch), query_mthd, NULL,
};

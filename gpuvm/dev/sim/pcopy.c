// SPDX-License-Identifier: MIT
/*
 * The copy engines, classes 0x90b5 and 0x90b8, with the methods that nouveau's
 * own microcode gives them [nvkm/engine/ce/fuc/com.fuc].
 *
 * A method with a bit outside its mask is refused and not kept; EXEC acts on
 * what is kept.
 */
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/dev/sim/xfer.h"
#include "gpuvm/fermi/methods.h"

struct pcopy {
	uint32_t reg[CE_QUERY_COUNTER / 4 + 1];
	uint64_t done; /* of a copy that was stopped */
};

struct mthd_mask {
	uint32_t first, count, mask[14];
};

#define TILE_MASKS                                                                                 \
	{                                                                                          \
		0xfff, 0x7ffff, 0x1fff, 0x7ff, 0xfff, 0x7ffff, 0x1fff                              \
	}

static const struct mthd_mask mthd_masks[] = {
	{ CE_NOP, 1, { ~0u } },
	{ CE_PM_TRIGGER, 1, { ~0u } },
	{ CE_SRC_TILE_MODE, 7, TILE_MASKS },
	{ CE_DST_TILE_MODE, 7, TILE_MASKS },
	{ CE_EXEC, 2, { ~0u, ~0u } },
	{ CE_SRC_ADDRESS_HIGH, 14,
	  { 0xff, ~0u, 0xff, ~0u, 0x7ffff, 0x7ffff, 0xffff, 0x1fff, 0x333ffff, ~0u, ~0u, 0xff, ~0u,
	    ~0u } },
};

/* The bits a method may have; false if there is no such method. */
static bool mthd_mask(uint32_t mthd, uint32_t *mask)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(mthd_masks); i++) {
		const struct mthd_mask *m = &mthd_masks[i];

		if (mthd < m->first || mthd >= m->first + 4 * m->count)
			continue;
		*mask = m->mask[(mthd - m->first) / 4];
		return true;
	}
	return false;
}

static uint64_t addr40(const struct pcopy *c, uint32_t hi)
{
	return (uint64_t)c->reg[hi / 4] << 32 | c->reg[hi / 4 + 1];
}

/* x and width count elements of elem bytes. */
static struct surface surface(const struct pcopy *c, bool linear, uint32_t tile, uint32_t addr,
			      uint32_t pitch, uint32_t elem)
{
	struct surface s = { .base = addr40(c, addr), .pitch = c->reg[pitch / 4] };

	if (linear)
		return s;
	surface_mode(&s, c->reg[tile / 4]);
	s.gx = 0; /* every mode but 0xe has blocks of one 64-byte column */
	s.width = (uint64_t)c->reg[tile / 4 + 1] * elem;
	s.height = c->reg[tile / 4 + 2];
	s.z = c->reg[tile / 4 + 4];
	s.x = (uint64_t)c->reg[tile / 4 + 5] * elem;
	s.y = c->reg[tile / 4 + 6];
	return s;
}

static struct remap remap(const struct pcopy *c)
{
	uint32_t f = c->reg[CE_FORMAT / 4];
	struct remap m = {
		.comp_len = ((f >> 16) & 3) + 1,
		.src_comps = ((f >> 20) & 3) + 1,
		.dst_comps = ((f >> 24) & 3) + 1,
		.konst = { c->reg[CE_SWZ_CONST0 / 4], c->reg[CE_SWZ_CONST1 / 4] },
	};

	for (uint32_t i = 0; i < 4; i++)
		m.from[i] = (f >> (4 * i)) & 0xf;
	return m;
}

static enum engine_result exec(const struct engine_ctx *x, struct pcopy *c, uint32_t val,
			       struct engine_error *err)
{
	struct remap m = remap(c);
	bool swz = val & CE_EXEC_SWZ;
	struct xfer t = {
		.src = surface(c, val & CE_EXEC_SRC_LINEAR, CE_SRC_TILE_MODE, CE_SRC_ADDRESS_HIGH,
			       CE_SRC_PITCH, swz ? m.comp_len * m.src_comps : 1),
		.dst = surface(c, val & CE_EXEC_DST_LINEAR, CE_DST_TILE_MODE, CE_DST_ADDRESS_HIGH,
			       CE_DST_PITCH, swz ? m.comp_len * m.dst_comps : 1),
		.line = c->reg[CE_XCNT / 4], .lines = c->reg[CE_YCNT / 4],
		.remap = swz ? &m : NULL, .done = &c->done,
	};
	struct engine_report r = {
		.va = addr40(c, CE_QUERY_ADDRESS_HIGH),
		.value = c->reg[CE_QUERY_COUNTER / 4],
		.is_short = val & CE_EXEC_QUERY_SHORT,
	};
	enum engine_result res = xfer_run(x, &t, err);

	if (res == ENGINE_OK && val & CE_EXEC_QUERY)
		res = engine_report(x, &r, err);
	return res;
}

static enum engine_result pcopy_mthd(const struct engine_ctx *x, void *state, uint32_t mthd,
				     uint32_t val, struct engine_error *err)
{
	struct pcopy *c = state;
	uint32_t mask;

	if (!mthd_mask(mthd, &mask))
		return ENGINE_ILLEGAL_METHOD;
	if (val & ~mask) {
		err->code = CE_ERROR_BITFIELD;
		return ENGINE_DATA_ERROR;
	}
	if (mthd == CE_EXEC)
		return exec(x, c, val, err);
	c->reg[mthd / 4] = val;
	c->done = 0;
	return ENGINE_OK;
}

const struct engine_class copy0_class = {
	.class_id = CLASS_COPY0_GF100, .engine = ENGINE_CE0, .state_len = sizeof(struct pcopy),
	.mthd = pcopy_mthd,
};
const struct engine_class copy1_class = {
	.class_id = CLASS_COPY1_GF100, .engine = ENGINE_CE1, .state_len = sizeof(struct pcopy),
	.mthd = pcopy_mthd,
};

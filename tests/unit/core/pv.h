/* SPDX-License-Identifier: MIT */
/*
 * Paravirtual guests without a driver: calls put together operation by
 * operation in the guest's RAM, so that a test decides every bit of them.
 */
#ifndef TESTS_UNIT_CORE_PV_H
#define TESTS_UNIT_CORE_PV_H

#include "gpuvm/pv.h"
#include "pv-driver/pv_abi.h"
#include "shadow/pv_private.h"
#include "tests/unit/core/raw.h"

#define PV_RING 0x20000u /* guest-physical */
#define PV_RES (PV_RING_MAX - 16384)
#define PV_ALL (PV_FEAT_RUN | PV_FEAT_LIST | PV_FEAT_MULTICALL)
#define ONE 1ull
#define SMALL_NR 32768u

/* One guest's ring and the call being put together in it. */
struct pvg {
	struct rig *r;
	int i;
	uint32_t nr, len, seq;
};

static inline void pv_guests(struct rig *r, uint32_t ops, const char *spec)
{
	const struct vgpu_cfg cfg = { .mode = VGPU_NAIVE_PV, .vram_len = RIG_VRAM, .pv_ops = ops };

	rig_open_on(r, spec);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(hv_null_guest_new(r->hv, i ? "b" : "a", RIG_RAM, &cfg, &r->hg[i]), 0);
		r->v[i] = r->hg[i]->vgpu;
	}
}

static inline int pv_setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof(*r));

	pv_guests(r, PV_OPS_DEFAULT, "sim:vram=256M,clock=manual");
	*state = r;
	return 0;
}

#define PV_TEST(f) cmocka_unit_test_setup_teardown(f, pv_setup, rig_teardown)

static inline uint32_t pv_rd(struct rig *r, int i, uint32_t reg)
{
	return (uint32_t)ld(r, i, HV_BAR_PV, reg, 4, NULL);
}

static inline int pv_wr(struct rig *r, int i, uint32_t reg, uint32_t val)
{
	return st(r, i, HV_BAR_PV, reg, 4, val);
}

/* Registers a ring; answers the state. */
static inline uint32_t pv_try(struct rig *r, int i, uint32_t version, uint32_t feat, uint64_t at,
			      uint32_t len)
{
	pv_wr(r, i, PV_REG_DRV_VERSION, version);
	pv_wr(r, i, PV_REG_DRV_FEATURES, feat);
	pv_wr(r, i, PV_REG_RING_LO, lo32(at));
	pv_wr(r, i, PV_REG_RING_HI, hi32(at));
	pv_wr(r, i, PV_REG_RING_LEN, len);
	pv_wr(r, i, PV_REG_ENABLE, 1);
	return pv_rd(r, i, PV_REG_ENABLE);
}

static inline uint8_t *pv_ram(struct pvg *c)
{
	return (uint8_t *)hv_null_ram(c->r->hg[c->i]) + PV_RING;
}

static inline void pv_begin(struct pvg *c)
{
	c->nr = 0;
	c->len = PV_OPS_OFF;
}

static inline void pv_up(struct pvg *c, struct rig *r, int i)
{
	*c = (struct pvg){ .r = r, .i = i };
	assert_int_equal(pv_try(r, i, 1, PV_ALL, PV_RING, PV_RING_MAX), PV_STATE_ON);
	pv_begin(c);
}

static inline void pv_op(struct pvg *c, const struct pv_op *op)
{
	assert_true(c->len + sizeof(*op) <= PV_RES);
	memcpy(pv_ram(c) + c->len, op, sizeof(*op));
	c->len += sizeof(*op);
	c->nr++;
}

/* The entries of a PV_OP_MAP_LIST that was just added. */
static inline void pv_list(struct pvg *c, const uint64_t *e, uint32_t n)
{
	uint32_t len = (n + 3) / 4 * 32;

	assert_true(c->len + len <= PV_RES);
	memset(pv_ram(c) + c->len, 0, len);
	memcpy(pv_ram(c) + c->len, e, n * 8ull);
	c->len += len;
}

static inline const struct pv_call *pv_head(struct pvg *c)
{
	return (const struct pv_call *)pv_ram(c);
}

static inline const struct pv_result *pv_res(struct pvg *c, uint32_t k)
{
	return (const struct pv_result *)(pv_ram(c) + PV_RES) + k;
}

/* Rings; the call's error.  The next call starts empty. */
static inline uint32_t pv_go(struct pvg *c)
{
	struct pv_call h = { .nr = c->nr, .len = c->len, .res = PV_RES };

	memcpy(pv_ram(c), &h, sizeof(h));
	pv_wr(c->r, c->i, PV_REG_CALL, ++c->seq);
	assert_int_equal(pv_head(c)->done, c->seq);
	assert_int_equal(pv_rd(c->r, c->i, PV_REG_CALL), c->seq);
	pv_begin(c);
	return pv_head(c)->error;
}

static inline uint32_t pv_do(struct pvg *c, uint16_t code, uint32_t id, uint32_t index,
			     uint32_t count, uint64_t a, uint64_t b)
{
	struct pv_op op = { .code = code, .id = id, .index = index, .count = count, .a = a, .b = b };

	pv_op(c, &op);
	return pv_go(c);
}

static inline uint32_t pv_alloc(struct pvg *c, enum pv_kind kind, uint32_t shift)
{
	assert_int_equal(pv_do(c, PV_OP_ALLOC, 0, kind, shift, 0, 0), PV_OK);
	return pv_res(c, 0)->value;
}

/* Entry i of a table as the device has it. */
static inline uint64_t pv_dev(struct pvg *c, uint32_t id, uint32_t i)
{
	const struct spt *t = c->r->v[c->i]->shadow->pv->page[id].t;
	uint64_t e = 0;

	assert_int_equal(dev_vram_rd(c->r->g->dev, hvram(hvram_x(t->at) + i * 8ull), &e, 8), 0);
	return e;
}

/* The card's address of guest VRAM at. */
static inline uint64_t pv_card(struct pvg *c, uint64_t at)
{
	hvram_t h = hvram(0);

	assert_int_equal(part_vram_g2h(c->r->v[c->i]->part, gvram(at), 4096, &h), 0);
	return hvram_x(h);
}

/* A directory with one full small table in entry 0. */
struct pvspace {
	uint32_t dir, small;
};

static inline struct pvspace pv_space(struct pvg *c)
{
	struct pvspace s = { pv_alloc(c, PV_KIND_DIR, 0), pv_alloc(c, PV_KIND_SMALL, 0) };

	assert_int_equal(pv_do(c, PV_OP_MAP_TABLE, s.dir, 0, 0, s.small, 0), PV_OK);
	return s;
}

/* A channel that works in the space, with its own pages mapped there. */
static inline void pv_start(struct pvg *c, struct pvspace s, struct raw *k, uint32_t id, uint64_t base)
{
	assert_int_equal(pv_do(c, PV_OP_MAP_RUN, s.small, (RAW_VA + RAW_RING) >> 12, 3,
			       raw_pte(base + RAW_RING), 4096), PV_OK);
	assert_int_equal(pv_do(c, PV_OP_SET_DIR, s.dir, id, 0, 0, 0), PV_OK);
	assert_int_equal(pv_do(c, PV_OP_FLUSH, s.dir, 0, 0, 0, 0), PV_OK);
	raw_start(k, c->r, c->i, id, base);
}

static inline uint32_t pv_map(struct pvg *c, struct pvspace s, uint64_t va, uint64_t pte)
{
	uint32_t err = pv_do(c, PV_OP_MAP, s.small, (uint32_t)(va >> 12), 1, pte, 0);

	assert_int_equal(pv_do(c, PV_OP_FLUSH, s.dir, 0, 0, 0, 0), PV_OK);
	return err;
}

#endif

// SPDX-License-Identifier: MIT
/* PV calls: negotiation, operations and their results, and what the GPU then walks. */
#include "tests/t.h"

#include "gpuvm/metrics.h"
#include "tests/unit/core/pv.h"

static void negotiation(void **state)
{
	struct rig *r = *state;
	int err;

	assert_int_equal(pv_rd(r, 0, PV_REG_MAGIC), PV_MAGIC);
	assert_int_equal(pv_rd(r, 0, PV_REG_VERSION), PV_VERSION);
	assert_int_equal(pv_rd(r, 0, PV_REG_FEATURES), PV_ALL);
	assert_int_equal(pv_rd(r, 0, PV_REG_RING_MAX), PV_RING_MAX);
	assert_true(pv_rd(r, 0, PV_REG_OPS_MAX) >= 512);
	assert_int_equal(pv_try(r, 0, 0, PV_ALL, PV_RING, 4096), PV_STATE_BAD_VERSION);
	assert_int_equal(pv_try(r, 0, 2, PV_ALL, PV_RING, 4096), PV_STATE_BAD_VERSION);
	assert_int_equal(pv_try(r, 0, 1, 8, PV_RING, 4096), PV_STATE_BAD_FEATURES);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, PV_RING + 8, 4096), PV_STATE_BAD_RING);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, PV_RING, 4097), PV_STATE_BAD_RING);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, PV_RING, 0), PV_STATE_BAD_RING);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, PV_RING, PV_RING_MAX + 4096), PV_STATE_BAD_RING);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, RIG_RAM, 4096), PV_STATE_BAD_RING);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, RIG_RAM - 4096, 8192), PV_STATE_BAD_RING);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, ONE << 63, 4096), PV_STATE_BAD_RING);
	assert_int_equal(pv_try(r, 0, 1, PV_ALL, PV_RING, 4096), PV_STATE_ON);
	pv_wr(r, 0, PV_REG_ENABLE, 0);
	assert_int_equal(pv_rd(r, 0, PV_REG_ENABLE), PV_STATE_OFF);
	/* Only aligned dwords inside the page, and only registers. */
	ld(r, 0, HV_BAR_PV, 0, 8, &err);
	assert_int_equal(err, -EINVAL);
	ld(r, 0, HV_BAR_PV, 2, 4, &err);
	assert_int_equal(err, -EINVAL);
	ld(r, 0, HV_BAR_PV, 4096, 4, &err);
	assert_int_equal(err, -EINVAL);
	assert_int_equal(pv_wr(r, 0, PV_REG_MAGIC, 1), -EPERM);
	assert_int_equal(pv_wr(r, 0, 0x800, 1), -EPERM);
	assert_int_equal(pv_rd(r, 0, 0x800), 0);
}

static void no_ring_no_call(void **state)
{
	struct rig *r = *state;
	uint64_t faults = r->v[0]->stats.guest_faults;

	pv_wr(r, 0, PV_REG_CALL, 7);
	assert_int_equal(r->v[0]->stats.guest_faults, faults + 1);
	assert_int_equal(pv_rd(r, 0, PV_REG_CALL), 0);
}

/* A guest of full virtualization has no such page. */
static void full_has_none(void **state)
{
	struct rig *r = *state;
	int err;

	assert_int_equal(ld(r, 0, HV_BAR_PV, 0, 4, &err), 0xffffffff);
	assert_int_equal(err, -EINVAL);
}

/* One call, one operation: what the mode is without multicall. */
static void naive_is_naive(void **state)
{
	struct rig r;
	struct pvg c = { .r = &r };
	struct pv_op op = { .code = PV_OP_ALLOC, .index = PV_KIND_DIR };
	uint32_t t;

	(void)state;
	pv_guests(&r, 1, "sim:vram=256M,clock=manual");
	assert_int_equal(pv_rd(&r, 0, PV_REG_FEATURES), 0);
	assert_int_equal(pv_rd(&r, 0, PV_REG_OPS_MAX), 1);
	assert_int_equal(pv_try(&r, 0, 1, PV_ALL, PV_RING, PV_RING_MAX), PV_STATE_BAD_FEATURES);
	assert_int_equal(pv_try(&r, 0, 1, 0, PV_RING, PV_RING_MAX), PV_STATE_ON);
	pv_begin(&c);
	pv_op(&c, &op);
	pv_op(&c, &op);
	assert_int_equal(pv_go(&c), PV_ERR_WORK);
	t = pv_alloc(&c, PV_KIND_SMALL, 0);
	assert_int_equal(pv_do(&c, PV_OP_MAP, t, 0, 1, raw_pte(0x1000), 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, t, 0, 1, raw_pte(0x1000), 4096), PV_ERR_OP);
	assert_int_equal(pv_do(&c, PV_OP_MAP_LIST, t, 0, 0, 0, 0), PV_ERR_OP);
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, t, 0, 2, 0, 0), PV_ERR_OP);
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, t, 0, 1, 0, 0), PV_OK);
	for (int i = 0; i < 2; i++)
		hv_null_guest_free(r.hg[i]);
	assert_int_equal(gpuvm_audit(r.g, stderr), 0);
	gpuvm_free(r.g);
}

static void gpu_walks_them(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;
	struct raw k;

	pv_up(&c, r, 0);
	s = pv_space(&c);
	pv_start(&c, s, &k, 3, 0x100000);
	assert_int_equal(pv_map(&c, s, 0x1000000, raw_pte(0x200000)), PV_OK);
	assert_int_equal(pv_map(&c, s, 0x1001000, raw_pte_sys(0x40000)), PV_OK);
	vram_wr32(r, 0, 0x200000, 0xfeedf00d);
	assert_true(raw_copy(&k, 0x1001000, 0x1000000, 4));
	assert_int_equal(((uint32_t *)hv_null_ram(r->hg[0]))[0x40000 / 4], 0xfeedf00d);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	/* Taken away: the GPU faults there, and nobody else is concerned. */
	assert_int_equal(pv_map(&c, s, 0x1001000, 0), PV_OK);
	assert_false(raw_copy(&k, 0x1001000, 0x1000000, 4));
	assert_true(raw_dead(&k));
}

static void types(void **state)
{
	struct rig *r = *state;
	uint32_t dir, small, large, half;
	struct pvg c;

	pv_up(&c, r, 0);
	dir = pv_alloc(&c, PV_KIND_DIR, 0);
	small = pv_alloc(&c, PV_KIND_SMALL, 0);
	large = pv_alloc(&c, PV_KIND_LARGE, 0);
	half = pv_alloc(&c, PV_KIND_LARGE, 1);
	assert_int_equal(pv_do(&c, PV_OP_ALLOC, 0, 0, 0, 0, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_ALLOC, 0, PV_KIND_END, 0, 0, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_ALLOC, 0, PV_KIND_SMALL, 4, 0, 0), PV_ERR_INDEX);
	assert_int_equal(pv_do(&c, PV_OP_ALLOC, 0, PV_KIND_DIR, 1, 0, 0), PV_ERR_INDEX);
	/* A directory is no table, a table no directory, a small one no large one. */
	assert_int_equal(pv_do(&c, PV_OP_MAP, dir, 0, 1, raw_pte(0), 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, dir, 0, 1, 0, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, small, 0, 0, large, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, dir, 0, 0, large, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, dir, 0, 0, (uint64_t)small << 32, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, dir, 0, 0, dir, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_SET_DIR, small, 1, 0, 0, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_BAR_DIR, large, 1, 0, 0, 0), PV_ERR_KIND);
	assert_int_equal(pv_do(&c, PV_OP_FLUSH, small, 0, 0, 0, 0), PV_ERR_KIND);
	/* Both tables of an entry have one size. */
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, dir, 0, 0, (uint64_t)half << 32 | small, 0),
			 PV_ERR_INDEX);
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, dir, 0, 0, (uint64_t)large << 32 | small, 0), PV_OK);
	/* A large page that does not start on its size is nobody's memory. */
	assert_int_equal(pv_do(&c, PV_OP_MAP, large, 0, 1, raw_pte(0x1000), 0), PV_ERR_ENTRY);
	assert_int_equal(pv_dev(&c, large, 0), 0);
	assert_int_equal(pv_do(&c, PV_OP_MAP, large, 0, 1, raw_pte(0x20000), 0), PV_OK);
	assert_int_equal(pte_addr(pv_dev(&c, large, 0)), pv_card(&c, 0x20000));
}

static void in_use(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;

	pv_up(&c, r, 0);
	s = pv_space(&c);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.small, 0, 0, 0, 0), PV_ERR_BUSY);
	/* One entry names a table: not a second one, of whatever directory. */
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, s.dir, 1, 0, s.small, 0), PV_ERR_BUSY);
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, pv_alloc(&c, PV_KIND_DIR, 0), 0, 0, s.small, 0),
			 PV_ERR_BUSY);
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, s.dir, 0, 0, s.small, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_SET_DIR, s.dir, 5, 0, 0, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_ERR_BUSY);
	assert_int_equal(pv_do(&c, PV_OP_BAR_DIR, s.dir, 3, 0, 0xfff, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_SET_DIR, 0, 5, 0, 0, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_ERR_BUSY);
	assert_int_equal(pv_do(&c, PV_OP_BAR_DIR, 0, 3, 0, 0, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_ERR_ID);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.small, 0, 0, 0, 0), PV_OK);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* Element i of a batch goes to index + i, in each of the two forms. */
static void batches(void **state)
{
	static const uint32_t lens[] = { 1, 2, 3, 4, 5, 127, 128, 129, 510, 1024, 1025, 4000 };
	struct rig *r = *state;
	uint64_t e[4000];
	uint32_t t;
	struct pvg c;

	pv_up(&c, r, 0);
	t = pv_alloc(&c, PV_KIND_SMALL, 0);
	for (size_t k = 0; k < ARRAY_SIZE(lens); k++) {
		uint32_t n = lens[k], at = SMALL_NR - n;
		struct pv_op op = { .code = PV_OP_MAP_LIST, .id = t, .index = at, .count = n };

		for (uint32_t i = 0; i < n; i++)
			e[i] = raw_pte((i * 7 + k) % 8192 * 4096ull) | (i & 1 ? PTE_RO : 0);
		pv_op(&c, &op);
		pv_list(&c, e, n);
		assert_int_equal(pv_go(&c), PV_OK);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(pv_dev(&c, t, at + i),
					 pte_move(e[i], PTE_VRAM, pv_card(&c, pte_addr(e[i]))));
		assert_int_equal(pv_dev(&c, t, at - 1), 0);
		assert_int_equal(pv_do(&c, PV_OP_UNMAP, t, at, n, 0, 0), PV_OK);
		assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, t, 10, n, raw_pte(0x3000), 8192), PV_OK);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(pte_addr(pv_dev(&c, t, 10 + i)),
					 pv_card(&c, 0x3000 + i * 8192ull));
			assert_int_equal(pv_dev(&c, t, at + i) && at + i >= 10 + n, 0);
		}
		assert_int_equal(pv_do(&c, PV_OP_UNMAP, t, 0, SMALL_NR, 0, 0), PV_OK);
		for (uint32_t i = 0; i < SMALL_NR; i += 61)
			assert_int_equal(pv_dev(&c, t, i), 0);
	}
}

static void stop_at_first_error(void **state)
{
	struct rig *r = *state;
	struct pvg c;
	uint32_t t;

	pv_up(&c, r, 0);
	t = pv_alloc(&c, PV_KIND_SMALL, 0);
	for (uint32_t i = 0; i < 5; i++) {
		struct pv_op op = { .code = PV_OP_MAP, .id = i == 2 ? 99 : t, .index = i, .count = 1,
				    .a = raw_pte(i * 4096) };

		pv_op(&c, &op);
	}
	assert_int_equal(pv_go(&c), PV_ERR_ID);
	assert_int_equal(pv_head(&c)->good, 2);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(pv_res(&c, i)->error,
				 i < 2 ? PV_OK : i == 2 ? PV_ERR_ID : PV_ERR_SKIPPED);
		assert_int_equal(pv_dev(&c, t, i) != 0, i < 2);
	}
	/* No operation at all is fine, too. */
	assert_int_equal(pv_go(&c), PV_OK);
}

static void bad_entries(void **state)
{
	struct rig *r = *state;
	const uint64_t e[6] = { raw_pte(0), raw_pte_sys(0), raw_pte(RIG_VRAM), raw_pte_sys(RIG_RAM), 0,
				raw_pte(RIG_VRAM - 4096) };
	struct pv_op op = { .code = PV_OP_MAP_LIST, .index = 100, .count = 6 };
	struct pvg c;

	pv_up(&c, r, 0);
	op.id = pv_alloc(&c, PV_KIND_SMALL, 0);
	/* What was there before must not survive a refused entry. */
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, op.id, 100, 6, raw_pte(0x8000), 4096), PV_OK);
	pv_op(&c, &op);
	pv_list(&c, e, 6);
	assert_int_equal(pv_go(&c), PV_ERR_ENTRY);
	assert_int_equal(pv_res(&c, 0)->value, 2);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(pv_dev(&c, op.id, 100 + i) != 0, i == 0 || i == 1 || i == 5);
	/* A run that leaves the part: the pages inside are mapped, the rest are not there. */
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, op.id, 0, 4, raw_pte(RIG_VRAM - 8192), 4096),
			 PV_ERR_ENTRY);
	assert_int_equal(pv_res(&c, 0)->value, 2);
	assert_int_equal(pv_dev(&c, op.id, 1) != 0, 1);
	assert_int_equal(pv_dev(&c, op.id, 2), 0);
}

static void pins(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;

	pv_up(&c, r, 0);
	s = pv_space(&c);
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, s.small, 0, 10, raw_pte_sys(0x40000), 4096), PV_OK);
	assert_int_equal(hv_null_pins(r->hg[0]), 10);
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, s.small, 0, 10, raw_pte_sys(0x40000), 4096), PV_OK);
	assert_int_equal(hv_null_pins(r->hg[0]), 10);
	/* The GPU may still have them cached: they stay until the flush. */
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, s.small, 0, 4, 0, 0), PV_OK);
	assert_int_equal(hv_null_pins(r->hg[0]), 10);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	assert_int_equal(pv_do(&c, PV_OP_FLUSH, s.dir, 0, 0, 0, 0), PV_OK);
	assert_int_equal(hv_null_pins(r->hg[0]), 6);
	/* A table freed with entries in it: the same. */
	assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, s.dir, 0, 0, 0, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.small, 0, 0, 0, 0), PV_OK);
	assert_int_equal(hv_null_pins(r->hg[0]), 6);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	assert_int_equal(pv_do(&c, PV_OP_FLUSH, s.dir, 0, 0, 0, 0), PV_OK);
	assert_int_equal(hv_null_pins(r->hg[0]), 0);
}

static void revoke(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;
	uint32_t alone;

	pv_up(&c, r, 0);
	s = pv_space(&c);
	alone = pv_alloc(&c, PV_KIND_SMALL, 3);
	assert_int_equal(pv_do(&c, PV_OP_MAP, s.small, 0, 1, raw_pte_sys(0x40000), 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_MAP, alone, 0, 1, raw_pte_sys(0x40000), 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_MAP, alone, 1, 1, raw_pte_sys(0x41000), 0), PV_OK);
	assert_int_equal(hv_null_revoke(r->hg[0], gpa(0x40000), 4096), 0);
	assert_int_equal(pv_dev(&c, s.small, 0), 0);
	assert_int_equal(pv_dev(&c, alone, 0), 0);
	assert_int_equal(pv_dev(&c, alone, 1) != 0, 1);
	assert_int_equal(pv_do(&c, PV_OP_MAP, alone, 0, 1, raw_pte_sys(0x40000), 0), PV_ERR_ENTRY);
	/* The ring's own page, too: calls end, nothing else does. */
	assert_int_equal(hv_null_revoke(r->hg[0], gpa(PV_RING), 4096), 0);
	pv_wr(r, 0, PV_REG_CALL, 77);
	assert_int_equal(vgpu_pv_stats(r->v[0])->bad_calls, 1);
}

static void bars(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;
	int err;

	pv_up(&c, r, 0);
	s = pv_space(&c);
	vram_wr32(r, 0, 0x300000, 0x12345678);
	assert_int_equal(pv_do(&c, PV_OP_MAP, s.small, 2, 1, raw_pte(0x300000), 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_BAR_DIR, s.dir, 3, 0, 0x2fff, 0), PV_OK);
	wr(r, 0, NV_PBUS_BAR3_BLOCK, 1u << 31);
	assert_int_equal(ld(r, 0, HV_BAR3, 0x2000, 4, &err), 0x12345678);
	assert_int_equal(err, 0);
	st(r, 0, HV_BAR3, 0x2004, 4, 0x9abcdef0);
	assert_int_equal(vram_rd32(r, 0, 0x300004), 0x9abcdef0);
	ld(r, 0, HV_BAR3, 0x1000, 4, &err);
	assert_int_equal(err, -EINVAL);
	ld(r, 0, HV_BAR3, 0x3000, 4, &err);
	assert_int_equal(err, -EINVAL);
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, s.small, 2, 1, 0, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FLUSH, s.dir, 0, 0, 0, 0), PV_OK);
	ld(r, 0, HV_BAR3, 0x2000, 4, &err);
	assert_int_equal(err, -EINVAL);
}

static void work_is_bounded(void **state)
{
	struct rig *r = *state;
	uint32_t t, most = pv_rd(r, 0, PV_REG_WORK_MAX) / (SMALL_NR + 1);
	struct pv_op op = { .code = PV_OP_MAP_RUN, .count = SMALL_NR, .a = raw_pte(0) };
	struct pvg c;

	pv_up(&c, r, 0);
	t = pv_alloc(&c, PV_KIND_SMALL, 0);
	op.id = t;
	for (uint32_t i = 0; i < 100; i++)
		pv_op(&c, &op);
	assert_int_equal(pv_go(&c), PV_ERR_WORK);
	assert_int_equal(pv_head(&c)->good, most);
	assert_int_equal(pv_res(&c, 99)->error, PV_ERR_SKIPPED);
}

static void reset_takes_all(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;
	struct raw k;

	pv_up(&c, r, 0);
	s = pv_space(&c);
	pv_start(&c, s, &k, 1, 0x100000);
	assert_int_equal(pv_do(&c, PV_OP_MAP, s.small, 9, 1, raw_pte_sys(0x1000), 0), PV_OK);
	vgpu_reset(r->v[0]);
	assert_int_equal(hv_null_pins(r->hg[0]), 0);
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->table_bytes, 0);
	assert_int_equal(pv_rd(r, 0, PV_REG_ENABLE), PV_STATE_OFF);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	pv_up(&c, r, 0);
	s = pv_space(&c);
	pv_start(&c, s, &k, 1, 0x100000);
	assert_int_equal(pv_map(&c, s, 0x1000000, raw_pte(0x200000)), PV_OK);
	assert_true(raw_copy(&k, 0x1000000, 0x1000000, 4));
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static void counters(void **state)
{
	struct rig *r = *state;
	struct pv_op op = { .code = PV_OP_UNMAP, .count = 1 };
	json_t *m, *pv;
	struct pvg c;

	pv_up(&c, r, 0);
	op.id = pv_alloc(&c, PV_KIND_SMALL, 0);
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, op.id, 0, 100, raw_pte(0), 4096), PV_OK);
	for (int i = 0; i < 8; i++)
		pv_op(&c, &op);
	assert_int_equal(pv_go(&c), PV_OK);
	assert_int_equal(metrics_json(r->g, &m), 0);
	pv = json_object_get(json_array_get(json_object_get(m, "guests"), 0), "pv");
	assert_int_equal(number(pv, "hypercalls"), 3);
	assert_int_equal(number(pv, "operations"), 10);
	assert_int_equal(number(pv, "operations_max"), 8);
	assert_int_equal(number(pv, "ptes_mapped"), 100);
	assert_int_equal(number(pv, "ptes_unmapped"), 1);
	assert_int_equal(number(pv, "small_tables"), 1);
	assert_true(json_real_value(json_object_get(pv, "operations_per_hypercall")) > 3.3);
	json_decref(m);
}

/* The audit notices books that do not fit. */
static void audit_sees(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pv *pv;
	struct pvg c;
	uint64_t e = raw_pte(0), was;
	hvram_t at;

	pv_up(&c, r, 0);
	s = pv_space(&c);
	assert_int_equal(pv_map(&c, s, 0, raw_pte(0x5000)), PV_OK);
	pv = r->v[0]->shadow->pv;
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	pv->page[s.dir].dir->refs++;
	assert_true(gpuvm_audit(r->g, NULL) > 0);
	pv->page[s.dir].dir->refs--;
	pv->page[s.small].kind = SHADOW_PV_LARGE;
	assert_true(gpuvm_audit(r->g, NULL) > 0);
	pv->page[s.small].kind = SHADOW_PV_SMALL;
	pv->page[s.small].in = NULL;
	assert_true(gpuvm_audit(r->g, NULL) > 0);
	pv->page[s.small].in = pv->page[s.dir].dir;
	at = pv->page[s.small].t->at;
	assert_int_equal(dev_vram_rd(r->g->dev, at, &was, 8), 0);
	assert_int_equal(dev_vram_wr(r->g->dev, at, &e, 8), 0);
	assert_true(gpuvm_audit(r->g, NULL) > 0);
	assert_int_equal(dev_vram_wr(r->g->dev, at, &was, 8), 0);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PV_TEST(negotiation),	 PV_TEST(no_ring_no_call), RIG_TEST(full_has_none),
		cmocka_unit_test(naive_is_naive), PV_TEST(gpu_walks_them), PV_TEST(types),
		PV_TEST(in_use),	 PV_TEST(batches),	   PV_TEST(stop_at_first_error),
		PV_TEST(bad_entries),	 PV_TEST(pins),		   PV_TEST(revoke),
		PV_TEST(bars),		 PV_TEST(work_is_bounded), PV_TEST(reset_takes_all),
		PV_TEST(counters),	 PV_TEST(audit_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

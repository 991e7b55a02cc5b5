// SPDX-License-Identifier: MIT
/*
 * Hostile PV calls.
 *
 * Claim: whatever numbers a paravirtual guest puts into a call (ids, indexes,
 * counts, lengths, addresses), nothing of another guest or of the mediator gets
 * into a table, nothing in use is freed, the work of a call is bounded, memory
 * for tables by the quota, and the only one who sees an error is the guest.
 */
#include "tests/attack/attack.h"
#include "tests/unit/core/pv.h"

/* Around a limit, and where 32 bits of any kind end. */
static uint32_t edge(uint32_t max, unsigned int k)
{
	const uint32_t e[] = { 0, 1, max - 1, max, max + 1, 0x7fffffff, 0x80000000, 0x80000001,
			       0xfffffffe, 0xffffffff };

	return e[k % ARRAY_SIZE(e)];
}
#define EDGES 10u

static void whole(struct rig *r)
{
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	assert_true(victim_whole(r));
}

/* Each operation with each field at each edge, the others sound. */
static void every_number(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	for (uint16_t code = 0; code <= PV_OP_END + 1; code++)
		for (unsigned int k = 0; k < 4 * EDGES; k++) {
			struct pv_op op = { .code = code, .index = 1, .count = 1, .a = raw_pte(0x1000) };
			unsigned int field = k / EDGES;

			/* Fresh: the operation before may have freed or emptied anything. */
			pv_wr(r, EVIL, PV_REG_ENABLE, 0);
			vgpu_reset(r->v[EVIL]);
			pv_up(&c, r, EVIL);
			s = pv_space(&c);
			op.id = code == PV_OP_FLUSH || code == PV_OP_SET_DIR || code == PV_OP_BAR_DIR ||
						code == PV_OP_MAP_TABLE ? s.dir : s.small;
			if (field == 0)
				op.id = edge(SHADOW_PV_IDS, k);
			else if (field == 1)
				op.index = edge(code == PV_OP_SET_DIR ? GF100_NR_CHAN :
						code == PV_OP_MAP_TABLE ? 8192 : SMALL_NR, k);
			else if (field == 2)
				op.count = edge(SMALL_NR, k);
			else
				op.a = (uint64_t)edge(SHADOW_PV_IDS, k) << 32 | edge(SHADOW_PV_IDS, k + 1);
			pv_op(&c, &op);
			pv_go(&c);
		}
	whole(r);
}

/* The indexes that gxen's check let through: a 32-bit product that wraps to a small number. */
static void wrapping_index(void **state)
{
	static const uint32_t index[] = { 0x20000000, 0x20000001, 0x40000000, 0x80000000, 0xe0000000 };
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;

	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	for (size_t k = 0; k < ARRAY_SIZE(index); k++) {
		assert_int_equal(pv_do(&c, PV_OP_MAP, s.small, index[k], 1, raw_pte(0), 0), PV_ERR_INDEX);
		assert_int_equal(pv_do(&c, PV_OP_MAP_TABLE, s.dir, index[k], 0, 0, 0), PV_ERR_INDEX);
		assert_int_equal(pv_do(&c, PV_OP_UNMAP, s.small, 1, index[k] * 8 + 0x80000000u, 0, 0),
				 PV_ERR_WORK);
	}
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, s.small, SMALL_NR - 1, 2, 0, 0), PV_ERR_INDEX);
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, s.small, UINT32_MAX, 2, 0, 0), PV_ERR_INDEX);
	assert_int_equal(pv_do(&c, PV_OP_UNMAP, s.small, 0, 0, 0, 0), PV_ERR_INDEX);
	assert_int_equal(pv_dev(&c, s.small, 0), 0);
}

/* Channel ids beyond the table, BARs there are none of. */
static void wrong_users(void **state)
{
	static const uint32_t chan[] = { 128, 129, 0x7fffffff, 0x80000000, 0xfffffffd, 0xffffffff };
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	for (size_t k = 0; k < ARRAY_SIZE(chan); k++) {
		assert_int_equal(pv_do(&c, PV_OP_SET_DIR, s.dir, chan[k], 0, 0, 0), PV_ERR_ID);
		assert_int_equal(pv_do(&c, PV_OP_BAR_DIR, s.dir, chan[k], 0, ~0ull, 0), PV_ERR_ID);
	}
	assert_int_equal(pv_do(&c, PV_OP_BAR_DIR, s.dir, 0, 0, 0, 0), PV_ERR_ID);
	assert_int_equal(pv_do(&c, PV_OP_BAR_DIR, s.dir, 2, 0, 0, 0), PV_ERR_ID);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_OK);
	whole(r);
}

/* Headers that promise more than there is; nr, len and res at every edge. */
static void wrong_headers(void **state)
{
	struct rig *r = *state;
	uint32_t most = pv_rd(r, EVIL, PV_REG_OPS_MAX);
	struct pvg c;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	for (unsigned int k = 0; k < 3 * EDGES; k++) {
		struct pv_call h = { .nr = 1, .len = PV_OPS_OFF + 32, .res = PV_RES };
		uint32_t e = edge(k < EDGES ? most : PV_RING_MAX, k);

		if (k < EDGES)
			h.nr = e;
		else if (k < 2 * EDGES)
			h.len = e;
		else
			h.res = e;
		memset(pv_ram(&c) + PV_OPS_OFF, 0xff, 4096);
		memcpy(pv_ram(&c), &h, sizeof(h));
		pv_wr(r, EVIL, PV_REG_CALL, 1000 + k);
		/* An unknown operation, a header that is refused, or nothing to do. */
		if (h.res != PV_OPS_OFF && h.res > sizeof(h))
			assert_true(pv_head(&c)->error != PV_OK || h.nr == 0);
	}
	whole(r);
}

/* A list longer than the call, the ring, or any table. */
static void list_beyond_ring(void **state)
{
	static const uint32_t count[] = { 5, 8, 4095, 8192, 32768, 0x1fffffff, 0x20000000, 0x3fffffff,
					  0x40000000, 0x7fffffff, 0x80000000, 0xfffffffd, 0xffffffff };
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;

	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	for (size_t k = 0; k < ARRAY_SIZE(count); k++) {
		struct pv_op op = { .code = PV_OP_MAP_LIST, .id = s.small, .count = count[k] };
		const uint64_t e[4] = { raw_pte(0), raw_pte(0), raw_pte(0), raw_pte(0) };

		pv_op(&c, &op);
		pv_list(&c, e, 4);
		assert_int_equal(pv_go(&c), PV_ERR_CALL);
		assert_int_equal(pv_dev(&c, s.small, 0), 0);
	}
}

static void foreign_frames(void **state)
{
	struct rig *r = *state;
	uint64_t bad[8];
	struct pvspace s;
	struct pvg c;
	struct raw k;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	bad[0] = raw_pte(victim_card_vram(r));
	bad[1] = raw_pte_sys(victim_bus_ram(r));
	bad[2] = raw_pte(hvram_x(r->v[EVIL]->shadow->pv->page[s.small].t->at));
	bad[3] = raw_pte(hvram_x(r->g->userd));
	bad[4] = raw_pte(RIG_VRAM);
	bad[5] = raw_pte_sys(RIG_RAM);
	bad[6] = raw_pte_sys(0xfffffff000ull);
	bad[7] = pte_pack((enum pte_target)1, 0x1000, PTE_PRESENT);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(pv_map(&c, s, PROBE + i * 4096, bad[i]), PV_ERR_ENTRY);
		assert_int_equal(pv_dev(&c, s.small, (PROBE >> 12) + (uint32_t)i), 0);
	}
	/* Runs whose last page is foreign, or whose address would wrap. */
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, s.small, 0, 3, raw_pte(0xffffffe000ull), 4096),
			 PV_ERR_INDEX);
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, s.small, 0, 32768, raw_pte(0), 1ull << 60),
			 PV_ERR_INDEX);
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, s.small, 0, 2, raw_pte(0), -4096ull), PV_ERR_INDEX);
	assert_int_equal(pv_do(&c, PV_OP_MAP_RUN, s.small, 0, 2, raw_pte(0), 1), PV_ERR_INDEX);
	pv_start(&c, s, &k, 5, BASE);
	assert_int_equal(pv_map(&c, s, MINE, raw_pte(MINE)), PV_OK);
	assert_int_equal(pv_map(&c, s, LOOT, raw_pte(LOOT)), PV_OK);
	assert_true(evil_got_nothing(&k, PROBE, PROBE));
	whole(r);
}

/* What the guest writes into its instance block or its VRAM is not what the GPU walks. */
static void own_tables_are_nothing(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;
	struct raw k;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	pv_start(&c, s, &k, 5, BASE);
	assert_int_equal(pv_map(&c, s, LOOT, raw_pte(LOOT)), PV_OK);
	/* raw_start() wrote a directory of its own and named it; so do flushes by register. */
	raw_map(&k, PROBE, raw_pte(victim_card_vram(r)));
	vram_wr64(r, EVIL, BASE + INST_PDB_LO, BASE + RAW_DIR);
	raw_flush(&k);
	wr(r, EVIL, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES | TLB_FLUSH_ALL_PDBS);
	assert_true(evil_got_nothing(&k, PROBE, PROBE));
	whole(r);
}

static void ids_are_ones_own(void **state)
{
	struct pvg evil, other;
	struct rig *r = *state;
	struct pvspace s;

	victim_fill(r);
	pv_up(&evil, r, EVIL);
	pv_up(&other, r, VICTIM);
	s = pv_space(&other);
	assert_int_equal(pv_do(&evil, PV_OP_MAP, s.small, 0, 1, raw_pte(0), 0), PV_ERR_ID);
	assert_int_equal(pv_do(&evil, PV_OP_SET_DIR, s.dir, 1, 0, 0, 0), PV_ERR_ID);
	assert_int_equal(pv_do(&evil, PV_OP_FREE, s.small, 0, 0, 0, 0), PV_ERR_ID);
	assert_int_equal(pv_do(&evil, PV_OP_FLUSH, s.dir, 0, 0, 0, 0), PV_ERR_ID);
	whole(r);
}

/* Freed under a working channel, one way and the other: refused, and the channel works on. */
static void free_in_use(void **state)
{
	struct rig *r = *state;
	struct pvspace s;
	struct pvg c;
	struct raw k;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	pv_start(&c, s, &k, 5, BASE);
	assert_int_equal(pv_map(&c, s, MINE, raw_pte(MINE)), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.small, 0, 0, 0, 0), PV_ERR_BUSY);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_ERR_BUSY);
	assert_true(raw_copy(&k, MINE, MINE, 4));
	/* It leaves the directory; the card may still have it loaded, so it stays. */
	assert_int_equal(pv_do(&c, PV_OP_SET_DIR, 0, 5, 0, 0, 0), PV_OK);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_ERR_BUSY);
	raw_unbind(&k);
	assert_int_equal(pv_do(&c, PV_OP_FREE, s.dir, 0, 0, 0, 0), PV_OK);
	whole(r);
}

/* All the table memory there is: the quota ends it, the victim has its own, and it comes back. */
static void table_quota(void **state)
{
	struct rig *r = *state;
	uint64_t quota = r->v[EVIL]->shadow_quota;
	struct pvg evil, other;
	uint32_t n = 0, err;

	victim_fill(r);
	pv_up(&evil, r, EVIL);
	pv_up(&other, r, VICTIM);
	while (!(err = pv_do(&evil, PV_OP_ALLOC, 0, PV_KIND_DIR, 0, 0, 0)))
		n++;
	assert_int_equal(err, PV_ERR_QUOTA);
	assert_int_equal(n, quota / 65536);
	pv_space(&other);
	for (uint32_t id = 1; id <= n; id++)
		assert_int_equal(pv_do(&evil, PV_OP_FREE, id, 0, 0, 0, 0), PV_OK);
	/* Tables wait for a flush before their memory is free; nobody has to ask for it. */
	for (int round = 0; round < 3; round++) {
		for (n = 0; !pv_do(&evil, PV_OP_ALLOC, 0, PV_KIND_LARGE, 3, 0, 0);)
			n++;
		assert_int_equal(n, SHADOW_PV_IDS < quota / 4096 ? SHADOW_PV_IDS : quota / 4096);
		for (uint32_t id = 1; id <= n; id++)
			assert_int_equal(pv_do(&evil, PV_OP_FREE, id, 0, 0, 0, 0), PV_OK);
	}
	whole(r);
}

/* What one guest had in its tables is not in the pages the next one gets. */
static void tables_are_scrubbed(void **state)
{
	struct pvg evil, other;
	struct rig *r = *state;
	uint32_t t;
	hvram_t at;
	uint64_t e;

	victim_fill(r);
	pv_up(&evil, r, EVIL);
	pv_up(&other, r, VICTIM);
	t = pv_alloc(&other, PV_KIND_SMALL, 3);
	at = r->v[VICTIM]->shadow->pv->page[t].t->at;
	assert_int_equal(pv_do(&other, PV_OP_MAP_RUN, t, 0, 4096, raw_pte(0), 4096), PV_OK);
	assert_int_equal(pv_do(&other, PV_OP_FREE, t, 0, 0, 0, 0), PV_OK);
	vgpu_reset(r->v[VICTIM]);
	for (uint32_t i = 0; i < 4096; i++) {
		assert_int_equal(dev_vram_rd(r->g->dev, hvram(hvram_x(at) + i * 8ull), &e, 8), 0);
		assert_int_equal(e, 0);
	}
	whole(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PV_TEST(every_number),	  PV_TEST(wrapping_index), PV_TEST(wrong_users),
		PV_TEST(wrong_headers),	  PV_TEST(list_beyond_ring), PV_TEST(foreign_frames),
		PV_TEST(own_tables_are_nothing), PV_TEST(ids_are_ones_own), PV_TEST(free_in_use),
		PV_TEST(table_quota),	  PV_TEST(tables_are_scrubbed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

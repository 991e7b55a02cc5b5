// SPDX-License-Identifier: MIT
/*
 * Address spaces: what the tables in VRAM say, what addresses are given out, what a missing flush
 * does.
 */
#include "tests/unit/drv/gpu.h"

#define PDE_SPAN (1ull << 27)

/* Every page of bo at va, as the GPU would find it. */
static void check_mapped(struct gpu *g, struct drv_vas *v, struct drv_bo *bo, uint64_t va,
			 uint32_t want_shift, uint32_t want_target, uint64_t want_flags)
{
	uint64_t pte, pte2, at, page = 1ull << want_shift;
	uint32_t shift, shift2;

	for (at = 0; at < drv_bo_len(bo); at += page) {
		assert_int_equal(walk_vram(g, drv_vas_pdb(v), va + at, &pte, &shift), 0);
		assert_int_equal(shift, want_shift);
		assert_int_equal(pte_addr(pte), drv_bo_addr(bo) + at);
		assert_int_equal(pte_target(pte), want_target);
		assert_int_equal(pte & (PTE_RO | PTE_PRIV), want_flags);
		assert_int_equal(drv_vas_walk(v, va + at, &pte2, &shift2), 0);
		assert_int_equal(pte2, pte);
		assert_int_equal(shift2, shift);
	}
	assert_int_equal(at, drv_bo_len(bo));
}

static void check_unmapped(struct gpu *g, struct drv_vas *v, uint64_t va, uint64_t len)
{
	uint64_t pte;
	uint32_t shift;

	for (uint64_t at = 0; at < len; at += 4096) {
		assert_int_not_equal(walk_vram(g, drv_vas_pdb(v), va + at, &pte, &shift), 0);
		assert_int_equal(drv_vas_walk(v, va + at, &pte, &shift), -EFAULT);
	}
}

struct want {
	uint64_t len;
	uint32_t bo_flags, map_flags;
	uint32_t shift, target;
	uint64_t pte_flags;
};

static const struct want wants[] = {
	{ 4096, DRV_BO_SYS, 0, 12, PTE_SYS, 0 },
	{ 3 << 20, DRV_BO_SYS, DRV_MAP_SYS_NC, 12, PTE_SYS_NC, 0 },
	{ 1, DRV_BO_VRAM, 0, 12, PTE_VRAM, 0 },
	{ 5 << 20, DRV_BO_VRAM, DRV_MAP_RO, 17, PTE_VRAM, PTE_RO },
	{ 1 << 20, DRV_BO_VRAM | DRV_BO_SMALL, DRV_MAP_PRIV, 12, PTE_VRAM, PTE_PRIV },
	{ 120000, DRV_BO_VRAM, 0, 12, PTE_VRAM, 0 },
	{ 131072, DRV_BO_VRAM, 0, 17, PTE_VRAM, 0 },
	{ 40u << 20, DRV_BO_VRAM, 0, 17, PTE_VRAM, 0 },
	{ 20u << 20, DRV_BO_SYS, 0, 12, PTE_SYS, 0 },
	{ 100, DRV_BO_VRAM | DRV_BO_BAR1, 0, 12, PTE_VRAM, 0 },
};

static void tables_with(const struct drv_cfg *cfg, bool never_large)
{
	struct drv_bo *bo[ARRAY_SIZE(wants)];
	uint64_t va[ARRAY_SIZE(wants)];
	struct gpu g = { 0 };
	struct drv_vas *v;

	gpu_up(&g, cfg);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		assert_int_equal(drv_bo_new(g.drv, wants[i].len, wants[i].bo_flags, &bo[i]), 0);
		assert_int_equal(drv_vas_map(v, bo[i], wants[i].map_flags, &va[i]), 0);
		assert_true(va[i] >= PDE_SPAN);
		assert_true(va[i] + drv_bo_len(bo[i]) <= 0xf8000000ull || va[i] > 0xffffffffull);
		for (size_t j = 0; j < i; j++)
			assert_true(va[i] + drv_bo_len(bo[i]) <= va[j] ||
				    va[j] + drv_bo_len(bo[j]) <= va[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++)
		check_mapped(&g, v, bo[i], va[i], never_large ? 12 : wants[i].shift,
			     wants[i].target, wants[i].pte_flags);
	for (size_t i = 0; i < ARRAY_SIZE(wants); i += 2) {
		assert_int_equal(drv_vas_unmap(v, va[i]), 0);
		assert_int_equal(drv_vas_unmap(v, va[i]), -ENOENT);
		check_unmapped(&g, v, va[i], wants[i].len);
	}
	/* Freeing an object unmaps it; the odd ones were left alone so far. */
	for (size_t i = 1; i < ARRAY_SIZE(wants); i += 2) {
		uint64_t len = drv_bo_len(bo[i]);

		check_mapped(&g, v, bo[i], va[i], never_large ? 12 : wants[i].shift,
			     wants[i].target, wants[i].pte_flags);
		drv_bo_free(bo[i]);
		check_unmapped(&g, v, va[i], len);
	}
	assert_int_equal(drv_vas_free(v), 0);
	gpu_down(&g);
}

static void tables_short(void **state)
{
	(void)state;
	tables_with(NULL, false);
}

static void tables_full(void **state)
{
	struct drv_cfg cfg = { .full_tables = true };

	(void)state;
	tables_with(&cfg, false);
}

static void tables_small_pages(void **state)
{
	struct drv_cfg cfg = { .small_pages = true };

	(void)state;
	tables_with(&cfg, true);
}

/* The PDE size field is what makes short tables short. */
static void size_field(void **state)
{
	static const struct {
		uint64_t len;
		uint32_t shift;
	} want[] = {
		{ 1 << 20, 3 }, { 16 << 20, 3 }, { 17 << 20, 2 }, { 33 << 20, 1 }, { 65 << 20, 0 }
	};
	struct gpu g = { 0 };
	struct drv_bo *bo;
	struct drv_vas *v;
	uint64_t va, pde;

	(void)state;
	gpu_up(&g, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(drv_vas_new(g.drv, &v), 0);
		assert_int_equal(drv_bo_new(g.drv, want[i].len, DRV_BO_VRAM, &bo), 0);
		assert_int_equal(drv_vas_map(v, bo, 0, &va), 0);
		assert_int_equal(
			dev_vram_rd(g.dev, hvram(drv_vas_pdb(v) + va / PDE_SPAN * 8), &pde, 8), 0);
		assert_int_equal(pde_size_shift(pde), want[i].shift);
		drv_bo_free(bo);
		assert_int_equal(drv_vas_free(v), 0);
	}
	gpu_down(&g);
}

/* A range longer than a directory slot, and the slot that is never given out. */
static void many_slots(void **state)
{
	struct drv_cfg cfg = { .full_tables = true };
	struct gpu g = { 0 };
	struct drv_bo *bo;
	struct drv_vas *v;
	uint64_t va[40], pte;
	uint32_t shift;

	(void)state;
	gpu_up(&g, &cfg);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_bo_new(g.drv, 200ull << 20, DRV_BO_VRAM, &bo), 0);
	for (size_t i = 0; i < ARRAY_SIZE(va); i++) {
		assert_int_equal(drv_vas_map(v, bo, 0, &va[i]), 0);
		assert_true(va[i] + drv_bo_len(bo) <= 0xf8000000ull || va[i] > 0xffffffffull);
		assert_int_equal(
			walk_vram(&g, drv_vas_pdb(v), va[i] + (199ull << 20), &pte, &shift), 0);
		assert_int_equal(pte_addr(pte), drv_bo_addr(bo) + (199ull << 20));
	}
	assert_true(va[ARRAY_SIZE(va) - 1] > 0xffffffffull);
	gpu_down(&g);
}

/* VRAM and table memory all come back, many times over. */
static void nothing_leaks(void **state)
{
	struct drv_stats first, s;
	struct gpu g = { 0 };
	struct drv_bo *bo[3];
	struct drv_vas *v;
	uint64_t va;

	(void)state;
	gpu_up(&g, NULL);
	drv_stats(g.drv, &first);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(drv_vas_new(g.drv, &v), 0);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(drv_bo_new(g.drv, (k + 1) * 300000ull,
						    k ? DRV_BO_VRAM : DRV_BO_SYS, &bo[k]), 0);
			assert_int_equal(drv_vas_map(v, bo[k], 0, &va), 0);
		}
		drv_bo_free(bo[1]);
		assert_int_equal(drv_vas_free(v), 0);
		drv_bo_free(bo[0]);
		drv_bo_free(bo[2]);
	}
	drv_stats(g.drv, &s);
	assert_int_equal(s.vram_free, first.vram_free);
	assert_true(s.tlb_flushes > first.tlb_flushes);
	gpu_down(&g);
}

static void too_much(void **state)
{
	struct gpu g = { 0 };
	struct drv_bo *bo;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(drv_bo_new(g.drv, 256ull << 20, DRV_BO_VRAM, &bo), -ENOSPC);
	assert_int_equal(drv_bo_new(g.drv, 0, DRV_BO_VRAM, &bo), -EINVAL);
	assert_int_equal(drv_bo_new(g.drv, ~0ull, DRV_BO_SYS, &bo), -EINVAL);
	/* Larger than BAR1's part that we use: fails, and gives its VRAM back. */
	assert_int_equal(drv_bo_new(g.drv, 64ull << 20, DRV_BO_VRAM | DRV_BO_BAR1, &bo), -ENOSPC);
	assert_int_equal(drv_bo_new(g.drv, 200ull << 20, DRV_BO_VRAM, &bo), 0);
	gpu_down(&g);
}

/* What the CE reads at va. */
static uint8_t gpu_peek(struct drv_chan *ch, uint64_t va, struct drv_bo *to, uint64_t to_va)
{
	struct drv_fence f;

	assert_int_equal(drv_copy_ce(ch, 0, to_va, va, 64, &f), 0);
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
	return *(volatile uint8_t *)drv_bo_cpu(to);
}

/*
 * Without the flush the GPU goes on using the old translation; with it, it
 * sees the new page.  The allocator gives the freed address out again.
 */
static void stale(void **state)
{
	struct drv_bo *a, *b, *to;
	uint64_t va_a, va_b, va_to;
	struct drv_chan *ch;
	struct gpu g = { 0 };
	struct drv_vas *v;

	(void)state;
	for (int flush = 0; flush < 2; flush++) {
		gpu_up(&g, NULL);
		assert_int_equal(drv_vas_new(g.drv, &v), 0);
		assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &ch), 0);
		assert_int_equal(drv_bo_new(g.drv, 4096, DRV_BO_SYS, &to), 0);
		assert_int_equal(drv_vas_map(v, to, 0, &va_to), 0);
		assert_int_equal(drv_bo_new(g.drv, 4096, DRV_BO_SYS, &a), 0);
		assert_int_equal(drv_bo_new(g.drv, 4096, DRV_BO_SYS, &b), 0);
		memset(drv_bo_cpu(a), 0xaa, 4096);
		memset(drv_bo_cpu(b), 0xbb, 4096);
		assert_int_equal(drv_vas_map(v, a, 0, &va_a), 0);
		assert_int_equal(gpu_peek(ch, va_a, to, va_to), 0xaa);
		drv_knob_tlb_flush(g.drv, flush);
		assert_int_equal(drv_vas_unmap(v, va_a), 0);
		assert_int_equal(drv_vas_map(v, b, 0, &va_b), 0);
		assert_int_equal(va_b, va_a);
		assert_int_equal(gpu_peek(ch, va_b, to, va_to), flush ? 0xbb : 0xaa);
		drv_knob_tlb_flush(g.drv, true);
		gpu_down(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_short), cmocka_unit_test(tables_full),
		cmocka_unit_test(tables_small_pages), cmocka_unit_test(size_field),
		cmocka_unit_test(many_slots), cmocka_unit_test(nothing_leaks),
		cmocka_unit_test(too_much), cmocka_unit_test(stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

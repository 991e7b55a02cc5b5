// SPDX-License-Identifier: MIT
/*
 * bar-remap: which pages of a guest's BARs become memory, that they follow its
 * tables, and that what it writes there unseen still counts after a flush.
 */
#include "tests/t.h"

#include <unistd.h>

#include "gpuvm/lend.h"
#include "tests/unit/core/raw.h"

#define SPACE 0x400000ull /* instance block of a BAR's address space */
#define MEM 0x800000ull	  /* what the BARs show */
#define LIMIT 0x3ffffffull
#define BASE 0x100000ull

static int remap_setup(void **state)
{
	rig_opts = SHADOW_OPT_REMAP;
	return rig_setup(state);
}

static int remap_teardown(void **state)
{
	rig_opts = 0;
	return rig_teardown(state);
}

#define REMAP_TEST(f) cmocka_unit_test_setup_teardown(f, remap_setup, remap_teardown)

static void flush_all(struct rig *r)
{
	wr(r, 0, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES | TLB_FLUSH_ALL_PDBS);
}

/* Where guest 0's access to the BAR goes without the mediator; UINT64_MAX: it traps. */
static uint64_t window(struct rig *r, enum hv_space s, uint32_t off)
{
	uint64_t at, fd_at, run;
	int fd, own;

	if (!hv_null_window(r->hg[0], s, off, &fd, &at))
		return UINT64_MAX;
	for (uint64_t a = 0; a < RIG_VRAM; a += run) {
		struct hv_ram ram;

		assert_int_equal(lend_find(r->v[0], a, RIG_VRAM, &own, &fd_at, &run), 0);
		assert_int_equal(hv_ram(r->hg[0], 0, &ram), 0);
		if (lseek(fd, 0, SEEK_END) == lseek(own, 0, SEEK_END) && at < run)
			return a + at;
	}
	return UINT64_MAX - 1; /* some other file: its RAM */
}

#define TRAPS UINT64_MAX
#define RAM (UINT64_MAX - 1)

/* BAR3 with pages 0.. of MEM at offset 0, and page n of the test's choice. */
static void bar3_make(struct rig *r)
{
	space_make(r, 0, SPACE, LIMIT);
	for (uint32_t p = 0; p < 8; p++)
		space_map(r, 0, SPACE, p, raw_pte(MEM + p * 4096));
	space_bind(r, 0, 3, SPACE);
}

static void test_what_is_memory(void **state)
{
	struct rig *r = *state;
	uint64_t traps;

	bar3_make(r);
	space_map(r, 0, SPACE, 8, raw_pte_sys(0x3000));
	space_map(r, 0, SPACE, 9, raw_pte(MEM) | PTE_RO);
	space_map(r, 0, SPACE, 10, pte_pack(PTE_VRAM, MEM, PTE_PRESENT | 0xfeull << 36));
	space_map(r, 0, SPACE, 11, raw_pte(RIG_VRAM));
	space_map(r, 0, SPACE, 12, raw_pte(RIG_VRAM - 4096));
	space_map(r, 0, SPACE, 13, raw_pte_sys(RIG_RAM));
	space_map(r, 0, SPACE, 15, pte_pack(1, MEM, PTE_PRESENT));
	assert_int_equal(window(r, HV_BAR3, 0), TRAPS);
	st(r, 0, HV_BAR3, 0x10, 4, 0x1234);
	for (uint32_t p = 0; p < 8; p++)
		assert_int_equal(window(r, HV_BAR3, p * 4096), MEM + p * 4096);
	assert_int_equal(window(r, HV_BAR3, 8 * 4096), RAM);
	for (uint32_t p = 9; p < 12; p++)
		assert_int_equal(window(r, HV_BAR3, p * 4096), TRAPS);
	assert_int_equal(window(r, HV_BAR3, 12 * 4096), RIG_VRAM - 4096);
	for (uint32_t p = 13; p < 20; p++)
		assert_int_equal(window(r, HV_BAR3, p * 4096), TRAPS);
	/* One memory, however it is reached. */
	traps = r->v[0]->stats.writes[HV_BAR3] + r->v[0]->stats.reads[HV_BAR3];
	assert_int_equal(ld(r, 0, HV_BAR3, 0x10, 4, NULL), 0x1234);
	st(r, 0, HV_BAR3, 3 * 4096 + 8, 8, 0x1122334455667788ull);
	assert_int_equal(vram_rd32(r, 0, MEM + 3 * 4096 + 12), 0x11223344);
	st(r, 0, HV_BAR3, 8 * 4096 + 4, 4, 0x77);
	assert_int_equal(((uint32_t *)hv_null_ram(r->hg[0]))[0x3004 / 4], 0x77);
	assert_int_equal(r->v[0]->stats.writes[HV_BAR3] + r->v[0]->stats.reads[HV_BAR3], traps);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_follows_flushes(void **state)
{
	struct rig *r = *state;
	const struct shadow_stats *s = shadow_guest_stats(r->v[0]->shadow);

	bar3_make(r);
	st(r, 0, HV_BAR3, 0, 4, 1);
	assert_int_equal(s->windows, 8);
	space_map(r, 0, SPACE, 2, raw_pte(MEM + 0x100000));
	space_map(r, 0, SPACE, 5, 0);
	space_map(r, 0, SPACE, 30, raw_pte(MEM + 0x200000));
	assert_int_equal(window(r, HV_BAR3, 2 * 4096), MEM + 2 * 4096);
	flush_all(r);
	assert_int_equal(window(r, HV_BAR3, 1 * 4096), MEM + 1 * 4096);
	assert_int_equal(window(r, HV_BAR3, 2 * 4096), MEM + 0x100000);
	assert_int_equal(window(r, HV_BAR3, 5 * 4096), TRAPS);
	assert_int_equal(window(r, HV_BAR3, 30 * 4096), MEM + 0x200000);
	assert_true(s->windows == 8 && s->windows_opened == 10 && s->windows_closed == 2);
	/* A limit, another block, no block at all, a reset. */
	vram_wr64(r, 0, SPACE + INST_LIMIT_LO, 4095);
	space_bind(r, 0, 3, SPACE);
	assert_int_equal(window(r, HV_BAR3, 0), MEM);
	assert_int_equal(window(r, HV_BAR3, 4096), TRAPS);
	wr(r, 0, NV_PBUS_BAR3_BLOCK, 0);
	assert_int_equal(s->windows, 0);
	space_bind(r, 0, 3, SPACE);
	assert_int_equal(window(r, HV_BAR3, 0), MEM);
	vgpu_reset(r->v[0]);
	assert_int_equal(s->windows, 0);
	assert_int_equal(window(r, HV_BAR3, 0), TRAPS);
}

/* Nothing is reached behind a switched-off decoder, nor by a guest that was failed. */
static void test_closed(void **state)
{
	struct rig *r = *state;
	int err;

	bar3_make(r);
	st(r, 0, HV_BAR3, 0, 4, 1);
	assert_int_equal(window(r, HV_BAR3, 0), MEM);
	st(r, 0, HV_CFG, 4, 2, 0);
	assert_int_equal(window(r, HV_BAR3, 0), TRAPS);
	ld(r, 0, HV_BAR3, 0, 4, &err);
	assert_int_equal(err, -EPERM);
	st(r, 0, HV_CFG, 4, 2, 6);
	st(r, 0, HV_BAR3, 0, 4, 1);
	assert_int_equal(window(r, HV_BAR3, 0), MEM);
	vgpu_fail(r->v[0], "a test");
	assert_int_equal(window(r, HV_BAR3, 0), TRAPS);
	ld(r, 0, HV_BAR3, 0, 4, NULL);
	assert_int_equal(window(r, HV_BAR3, 0), TRAPS);
	vgpu_reset(r->v[0]);
	bar3_make(r);
	ld(r, 0, HV_BAR3, 0, 4, NULL);
	assert_int_equal(window(r, HV_BAR3, 0), MEM);
}

/* A large page, as all the small ones it is; in both geometries. */
static void test_large_pages(void **state)
{
	struct rig *r = *state;

	for (uint32_t g = 0; g < 2; g++) {
		uint64_t dir = SPACE + 0x10000, table = SPACE + 0x100000, len = g ? 0x10000 : 0x20000;

		wr(r, 0, NV_PFB_MMU_CTRL, g);
		space_make(r, 0, SPACE, LIMIT);
		vram_wr64(r, 0, dir, pde_pack_small(PDE_VRAM, SPACE + 0x40000) |
					     pde_pack_large(PDE_VRAM, table));
		vram_wr64(r, 0, table + 8, raw_pte(MEM + 0x40000));
		space_map(r, 0, SPACE, (uint32_t)(len / 4096) + 3, raw_pte(MEM + 0x800000));
		space_bind(r, 0, 3, SPACE);
		ld(r, 0, HV_BAR3, (uint32_t)len, 4, NULL);
		assert_int_equal(window(r, HV_BAR3, (uint32_t)len - 4096), TRAPS);
		for (uint32_t at = 0; at < len; at += 4096)
			assert_int_equal(window(r, HV_BAR3, (uint32_t)len + at),
					 at == 3 * 4096 ? MEM + 0x800000 : MEM + 0x40000 + at);
		assert_int_equal(window(r, HV_BAR3, 2 * (uint32_t)len), TRAPS);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
}

/* Bound channels' USERD and instance blocks trap; before and after they are memory. */
static void test_channels_trap(void **state)
{
	struct rig *r = *state;
	uint32_t userd = 5 * 4096;
	struct raw c;

	raw_fifo_init(r, 0);
	raw_build(&c, r, 0, 5, BASE);
	space_make(r, 0, SPACE, LIMIT);
	for (uint32_t p = 0; p < 16; p++)
		space_map(r, 0, SPACE, p, raw_pte(BASE + p * 4096));
	space_map(r, 0, SPACE, 5, raw_pte(BASE + 0x1000));
	space_bind(r, 0, 1, SPACE);
	ld(r, 0, HV_BAR1, 0, 4, NULL);
	assert_int_equal(window(r, HV_BAR1, 0), BASE);
	assert_int_equal(window(r, HV_BAR1, userd), BASE + 0x1000);
	raw_bind(&c);
	assert_int_equal(window(r, HV_BAR1, 0), TRAPS);
	assert_int_equal(window(r, HV_BAR1, userd), TRAPS);
	/* Another way to the page behind is memory still: no doorbell there. */
	assert_int_equal(window(r, HV_BAR1, 4096), BASE + 0x1000);
	raw_flush(&c);
	raw_runlist(r, 0, BASE + 0x5000, &c.id, 1);
	for (uint32_t k = 0; k < 8; k++)
		vram_wr32(r, 0, MEM + k * 4, k + 1);
	raw_map(&c, 0, raw_pte(MEM));
	raw_flush(&c);
	assert_true(raw_copy(&c, 16, 0, 16));
	assert_int_equal(vram_rd32(r, 0, MEM + 20), 2);
	assert_int_equal(window(r, HV_BAR1, userd), TRAPS);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	raw_unbind(&c);
	ld(r, 0, HV_BAR1, userd, 4, NULL);
	assert_int_equal(window(r, HV_BAR1, 0), BASE);
	assert_int_equal(window(r, HV_BAR1, userd), BASE + 0x1000);
	/* USERD somewhere else. */
	raw_bind(&c);
	wr(r, 0, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | 8);
	ld(r, 0, HV_BAR1, userd, 4, NULL);
	assert_int_equal(window(r, HV_BAR1, userd), BASE + 0x1000);
	assert_int_equal(window(r, HV_BAR1, 13 * 4096), TRAPS);
}

/*
 * The guest writes its channel's table through BAR3 windows, which nobody sees,
 * and flushes; the GPU must then go where the table says, in every option set,
 * with a guest that lets go of windows at once or late, and with the audit clean.
 */
static void tables_unseen(uint32_t opts, bool lag)
{
	uint64_t probe = 0x1000000;
	uint32_t at = (uint32_t)(RAW_TABLE + (probe >> 12) * 8);
	void *state = NULL;
	struct rig *r;
	struct raw c;

	rig_opts = opts;
	rig_setup(&state);
	r = state;
	hv_null_lag(r->hg[0], lag ? 3 : 0);
	raw_start(&c, r, 0, 5, BASE);
	raw_map(&c, 0x200000, raw_pte(MEM));
	raw_flush(&c);
	for (uint32_t n = 0; n < 100; n++)
		vram_wr32(r, 0, MEM + 0x1000 * (n + 1), 0xd00d00 + n);
	space_make(r, 0, SPACE, LIMIT);
	for (uint32_t p = 0; p < RAW_LEN / 4096; p++)
		space_map(r, 0, SPACE, p, raw_pte(BASE + p * 4096));
	space_bind(r, 0, 3, SPACE);
	for (uint32_t n = 0; n < 100; n++) {
		/* Bursts and pauses, so that with track the page goes hot and cold. */
		uint32_t burst = n % 25 == 0 ? 60 : 1, quiet = n % 30 == 3 ? 12 : 0;

		for (uint32_t k = 0; k < burst; k++)
			st(r, 0, HV_BAR3, at, 8, raw_pte(MEM + 0x1000 * (n + 1)));
		raw_flush(&c);
		assert_true(raw_copy(&c, 0x200000, probe, 4));
		assert_int_equal(vram_rd32(r, 0, MEM), 0xd00d00 + n);
		while (quiet--)
			raw_flush(&c);
	}
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	rig_teardown(&state);
	rig_opts = 0;
}

static void test_tables_unseen(void **state)
{
	(void)state;
	for (uint32_t opts = 0; opts <= SHADOW_OPTS_ALL; opts++) {
		tables_unseen(opts, false);
		tables_unseen(opts, true);
	}
}

/* With track a table page traps while it is quiet, and is a window while it is not. */
static void test_hot_and_cold(void **state)
{
	struct rig *r = *state;
	struct raw c;
	unsigned int n = 0;

	assert_int_equal(vgpu_set_opts(r->v[0], SHADOW_OPTS_ALL), 0);
	space_make(r, 0, SPACE, LIMIT);
	for (uint32_t p = 0; p < RAW_LEN / 4096; p++)
		space_map(r, 0, SPACE, p, raw_pte(BASE + p * 4096));
	space_bind(r, 0, 3, SPACE);
	st(r, 0, HV_BAR3, RAW_TABLE + 0x8000, 8, 0);
	raw_start(&c, r, 0, 5, BASE);
	assert_int_equal(window(r, HV_BAR3, RAW_TABLE + 0x8000), BASE + RAW_TABLE + 0x8000);
	for (; window(r, HV_BAR3, RAW_TABLE + 0x8000) != TRAPS; n++) {
		assert_true(n < 100);
		raw_map(&c, 0x200000, raw_pte(MEM + n * 4096));
		raw_flush(&c);
		assert_true(raw_copy(&c, 0x200000, 0x200000, 4));
	}
	assert_true(n > 2);
	/* All of its quiet pages. */
	raw_flush(&c);
	assert_int_equal(window(r, HV_BAR3, RAW_TABLE + 0x9000), TRAPS);
	for (n = 0; window(r, HV_BAR3, RAW_TABLE + 0x8000) == TRAPS; n++) {
		assert_true(n < 200);
		st(r, 0, HV_BAR3, RAW_TABLE + 0x8000 + n % 512 * 8, 8, raw_pte(MEM));
	}
	assert_true(n > 4);
	assert_int_equal(window(r, HV_BAR3, RAW_TABLE + 0x9000), TRAPS);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	/* Without track nothing of this matters. */
	assert_int_equal(vgpu_set_opts(r->v[0], SHADOW_OPT_REMAP), 0);
	flush_all(r);
	assert_int_equal(window(r, HV_BAR3, RAW_TABLE + 0x9000), BASE + RAW_TABLE + 0x9000);
}

/* A guest that is slow to let go of a table page: what it writes there meanwhile is seen by each flush. */
static void test_slow_to_let_go(void **state)
{
	struct rig *r = *state;
	uint32_t at = (uint32_t)(RAW_TABLE + (0x1000000 >> 12) * 8);
	struct raw c;

	assert_int_equal(vgpu_set_opts(r->v[0], SHADOW_OPT_REMAP | SHADOW_OPT_TRACK), 0);
	hv_null_lag(r->hg[0], 1u << 30);
	space_make(r, 0, SPACE, LIMIT);
	for (uint32_t p = 0; p < RAW_LEN / 4096; p++)
		space_map(r, 0, SPACE, p, raw_pte(BASE + p * 4096));
	space_bind(r, 0, 3, SPACE);
	st(r, 0, HV_BAR3, at, 8, 0);
	raw_start(&c, r, 0, 5, BASE);
	raw_map(&c, 0x200000, raw_pte(MEM));
	for (int n = 0; n < 20; n++)
		raw_flush(&c); /* quiet: it is to trap */
	assert_false(hv_unmapped(r->hg[0]));
	for (uint32_t n = 0; n < 5; n++) {
		uint64_t traps = r->v[0]->stats.writes[HV_BAR3];

		vram_wr32(r, 0, MEM + 0x1000 * (n + 1), 0xd00d00 + n);
		st(r, 0, HV_BAR3, at, 8, raw_pte(MEM + 0x1000 * (n + 1)));
		assert_int_equal(r->v[0]->stats.writes[HV_BAR3], traps);
		raw_flush(&c);
		assert_true(raw_copy(&c, 0x200000, 0x1000000, 4));
		assert_int_equal(vram_rd32(r, 0, MEM), 0xd00d00 + n);
	}
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* RAM that goes away is let go of before the revoke is answered. */
static void test_revoke(void **state)
{
	struct rig *r = *state;

	bar3_make(r);
	space_map(r, 0, SPACE, 8, raw_pte_sys(0x3000));
	space_map(r, 0, SPACE, 9, raw_pte_sys(0x100000));
	hv_null_lag(r->hg[0], 1);
	ld(r, 0, HV_BAR3, 0, 4, NULL);
	assert_int_equal(window(r, HV_BAR3, 8 * 4096), RAM);
	assert_int_equal(hv_null_revoke(r->hg[0], gpa(0x3000), 4096), -EBUSY);
	rd(r, 0, NV_PMC_BOOT_0); /* the guest lets go */
	assert_int_equal(hv_null_revoke(r->hg[0], gpa(0x3000), 4096), 0);
	assert_int_equal(window(r, HV_BAR3, 8 * 4096), TRAPS);
	assert_int_equal(window(r, HV_BAR3, 9 * 4096), RAM);
	flush_all(r);
	assert_int_equal(window(r, HV_BAR3, 8 * 4096), TRAPS);
}

/* Switched on and off at run time; off, each access is the mediator's again. */
static void test_switched(void **state)
{
	struct rig *r = *state;
	uint32_t opts;

	assert_int_equal(shadow_opts_parse("optimized", &opts), 0);
	bar3_make(r);
	for (int n = 0; n < 10; n++) {
		assert_int_equal(vgpu_set_opts(r->v[0], n % 3 ? opts : SHADOW_OPT_REMAP), 0);
		st(r, 0, HV_BAR3, 4, 4, (uint64_t)n);
		assert_int_equal(window(r, HV_BAR3, 0), MEM);
		assert_int_equal(ld(r, 0, HV_BAR3, 4, 4, NULL), n);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
		assert_int_equal(vgpu_set_opts(r->v[0], n % 2 ? SHADOW_OPT_LAZY : 0), 0);
		assert_int_equal(window(r, HV_BAR3, 0), TRAPS);
		assert_int_equal(ld(r, 0, HV_BAR3, 4, 4, NULL), n);
	}
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->windows, 0);
}

/* Each call of the port fails once: what is a window is right all the same, and the next flush mends the rest. */
static void test_port_faults(void **state)
{
	struct rig *r = *state;

	bar3_make(r);
	for (unsigned int n = 1; n < 40; n++) {
		space_map(r, 0, SPACE, n % 6, raw_pte(MEM + n * 0x10000));
		space_map(r, 0, SPACE, 8 + n % 3, n % 2 ? raw_pte(MEM + 4096) : 0);
		hv_null_fail_after(r->hv, 1 + n % 5, n % 4 ? -EIO : -ENOSPC);
		ld(r, 0, HV_BAR3, n % 6 * 4096, 4, NULL);
		flush_all(r);
		hv_null_fail_after(r->hv, 0, 0);
		flush_all(r);
		assert_int_equal(window(r, HV_BAR3, n % 6 * 4096), MEM + n * 0x10000);
		assert_int_equal(window(r, HV_BAR3, (8 + n % 3) * 4096), n % 2 ? MEM + 4096 : TRAPS);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REMAP_TEST(test_what_is_memory),
		REMAP_TEST(test_follows_flushes),
		REMAP_TEST(test_closed),
		REMAP_TEST(test_large_pages),
		REMAP_TEST(test_channels_trap),
		cmocka_unit_test(test_tables_unseen),
		REMAP_TEST(test_hot_and_cold),
		REMAP_TEST(test_slow_to_let_go),
		REMAP_TEST(test_revoke),
		REMAP_TEST(test_switched),
		REMAP_TEST(test_port_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

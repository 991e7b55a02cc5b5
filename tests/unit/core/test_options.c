// SPDX-License-Identifier: MIT
/*
 * Shadowing options seen from the guest: whatever set is on, what the GPU
 * itself writes into the guest's tables counts after the next flush, and
 * switching in the middle of work changes no result.
 */
#include "tests/t.h"

#include "tests/unit/core/raw.h"

#define BASE 0x100000ull
#define SRC 0x200000ull	   /* what the GPU copies into its table */
#define DST 0x210000ull	   /* what it reads through PROBE */
#define PAGES 0x400000ull  /* where PROBE leads, by turns */
#define PROBE 0x1000000ull /* virtual */
#define WINDOW 0x2000000ull /* virtual: the table page that has PROBE's entry */
#define TURNS 6

/* Work of the channel through addresses that are mapped at the virtual address SRC and DST. */
static void start(struct raw *c, struct rig *r)
{
	uint64_t table = BASE + RAW_TABLE + (PROBE >> 12) * 8;

	raw_start(c, r, 0, 5, BASE);
	raw_map(c, SRC, raw_pte(SRC));
	raw_map(c, DST, raw_pte(DST));
	raw_map(c, WINDOW, raw_pte(table & ~0xfffull));
	raw_flush(c);
	for (uint64_t n = 0; n < TURNS; n++)
		vram_wr32(r, 0, PAGES + n * 4096, 0x70000000u + (uint32_t)n);
}

/* The GPU turns PROBE to page n by writing its own table; then it must read that page there. */
static void turn(struct raw *c, struct rig *r, uint64_t n)
{
	uint64_t in_page = (PROBE >> 12) * 8 % 4096;

	vram_wr64(r, 0, SRC, raw_pte(PAGES + n * 4096));
	assert_true(raw_copy(c, WINDOW + in_page, SRC, 8));
	raw_flush(c);
	assert_true(raw_copy(c, DST, PROBE, 4));
	assert_int_equal(vram_rd32(r, 0, DST), 0x70000000u + n);
}

static void test_tables_written_by_the_gpu(void **state)
{
	(void)state;
	for (rig_opts = 0; rig_opts <= SHADOW_OPTS_ALL; rig_opts++) {
		struct rig *r;
		struct raw c;
		void *st = NULL;

		rig_setup(&st);
		r = st;
		start(&c, r);
		for (uint64_t n = 0; n < TURNS; n++)
			turn(&c, r, n);
		rig_teardown(&st);
	}
	rig_opts = 0;
}

static void test_switched_between_flush_and_use(void **state)
{
	struct rig *r = *state;
	struct raw c;

	start(&c, r);
	for (uint32_t opts = 0; opts <= SHADOW_OPTS_ALL; opts++)
		for (uint32_t next = 0; next <= SHADOW_OPTS_ALL; next++) {
			uint64_t n = (opts + next) % TURNS;

			assert_int_equal(vgpu_set_opts(r->v[0], opts), 0);
			turn(&c, r, n);
			vram_wr64(r, 0, BASE + RAW_TABLE + (PROBE >> 12) * 8,
				  raw_pte(PAGES + (n + 1) % TURNS * 4096));
			raw_flush(&c);
			assert_int_equal(vgpu_set_opts(r->v[0], next), 0);
			assert_true(raw_copy(&c, DST, PROBE, 4));
			assert_int_equal(vram_rd32(r, 0, DST), 0x70000000u + (n + 1) % TURNS);
			assert_int_equal(gpuvm_audit(r->g, stderr), 0);
		}
}

/* Flushes while nothing runs are gathered; work that runs gets its tables at once. */
static void test_lazy_gathers_flushes(void **state)
{
	struct rig *r = *state;
	const struct shadow_stats *s = shadow_guest_stats(r->v[0]->shadow);
	struct raw c;
	uint64_t scans, put_off;

	start(&c, r);
	assert_true(raw_copy(&c, DST, SRC, 4));
	assert_int_equal(shadow_guest_set_opts(r->v[0]->shadow, SHADOW_OPT_LAZY), 0);
	raw_run(r, 4);
	scans = s->shadowings;
	put_off = s->deferred;
	for (uint64_t n = 0; n < TURNS; n++) {
		raw_map(&c, PROBE + n * 4096, raw_pte(PAGES + n * 4096));
		raw_flush(&c);
	}
	assert_int_equal(s->shadowings, scans);
	assert_int_equal(s->deferred, put_off + TURNS);
	for (uint64_t n = 0; n < TURNS; n++) {
		assert_true(raw_copy(&c, DST, PROBE + n * 4096, 4));
		assert_int_equal(vram_rd32(r, 0, DST), 0x70000000u + n);
	}
	assert_int_equal(s->shadowings, scans + 1);
	/* A semaphore wait: the processor may map what comes after it while it lasts. */
	raw_hang(&c, 0);
	raw_submit(&c);
	raw_run(r, 2);
	raw_map(&c, PROBE, raw_pte(PAGES + 4096));
	raw_flush(&c);
	assert_int_equal(s->shadowings, scans + 2);
	vram_wr32(r, 0, BASE + RAW_FENCE + 16, 0x600d600d);
	assert_true(raw_copy(&c, DST, PROBE, 4));
	assert_int_equal(vram_rd32(r, 0, DST), 0x70000001u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_written_by_the_gpu),
		RIG_TEST(test_switched_between_flush_and_use),
		RIG_TEST(test_lazy_gathers_flushes),
	};

	return cmocka_run_group_tests_name("shadowing options", tests, NULL, NULL);
}

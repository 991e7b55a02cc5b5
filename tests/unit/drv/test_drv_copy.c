// SPDX-License-Identifier: MIT
/* Copies by every engine against memcpy, CPU access to both kinds of memory. */
#include "gpuvm/base/mem.h"
#include "tests/unit/drv/gpu.h"

#define LEN (3u << 20)

enum { M2MF, CE0, CE1, NR_BY };

static int copy_by(struct drv_chan *ch, int by, uint64_t dst, uint64_t src, uint64_t len,
		   struct drv_fence *f)
{
	return by == M2MF ? drv_copy_m2mf(ch, dst, src, len, f)
			  : drv_copy_ce(ch, by == CE1, dst, src, len, f);
}

struct rig {
	struct gpu g;
	struct drv_vas *v;
	struct drv_chan *ch;
	struct drv_bo *bo[4]; /* system, VRAM large, VRAM small, system non-coherent */
	uint64_t va[4];
	uint8_t *model[4]; /* what each should hold */
};

static void rig_up(struct rig *r, const struct drv_cfg *cfg)
{
	static const uint32_t flags[4] = { DRV_BO_SYS, DRV_BO_VRAM, DRV_BO_VRAM | DRV_BO_SMALL,
					   DRV_BO_SYS };

	memset(r, 0, sizeof(*r));
	gpu_up(&r->g, cfg);
	assert_int_equal(drv_vas_new(r->g.drv, &r->v), 0);
	assert_int_equal(drv_chan_new(r->v, DRV_ENGINE_ALL, &r->ch), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(drv_bo_new(r->g.drv, LEN, flags[i], &r->bo[i]), 0);
		assert_int_equal(
			drv_vas_map(r->v, r->bo[i], i == 3 ? DRV_MAP_SYS_NC : 0, &r->va[i]), 0);
		r->model[i] = mem_calloc(1, LEN);
		assert_non_null(r->model[i]);
		fill(r->model[i], LEN, (uint64_t)i + 1);
		assert_int_equal(drv_bo_wr(r->bo[i], 0, r->model[i], LEN), 0);
	}
}

static void rig_down(struct rig *r)
{
	for (int i = 0; i < 4; i++)
		mem_free(r->model[i]);
	gpu_down(&r->g);
}

static void rig_check(struct rig *r)
{
	uint8_t *got = mem_calloc(1, LEN);

	assert_non_null(got);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(drv_bo_rd(r->bo[i], 0, got, LEN), 0);
		assert_memory_equal(got, r->model[i], LEN);
	}
	mem_free(got);
}

/* Random pieces between all kinds of memory; whole objects compared, so strays show too. */
static void random_copies_with(const struct drv_cfg *cfg, enum drv_wait how)
{
	static const uint32_t most[] = { 1, 63, 4096, 10000, LEN / 2 };
	uint64_t seed = 99, len, from, to;
	struct drv_fence f;
	struct rig r;
	int a, b;

	rig_up(&r, cfg);
	for (int by = 0; by < NR_BY; by++) {
		for (int i = 0; i < 60; i++) {
			a = (int)(rnd(&seed) % 4);
			b = (a + 1 + (int)(rnd(&seed) % 3)) % 4;
			len = 1 + rnd(&seed) % most[rnd(&seed) % ARRAY_SIZE(most)];
			from = rnd(&seed) % (LEN - len);
			to = rnd(&seed) % (LEN - len);
			assert_int_equal(copy_by(r.ch, by, r.va[b] + to, r.va[a] + from, len, &f),
					 0);
			memcpy(r.model[b] + to, r.model[a] + from, len);
		}
		assert_int_equal(drv_fence_wait(&f, how, 0), 0);
		rig_check(&r);
	}
	rig_down(&r);
}

static void random_copies(void **state)
{
	(void)state;
	random_copies_with(NULL, DRV_WAIT_POLL);
}

static void random_copies_irq(void **state)
{
	struct drv_cfg cfg = { .full_tables = true, .fence_vram = true };

	(void)state;
	random_copies_with(&cfg, DRV_WAIT_IRQ);
}

/* More lines than an engine counts at once. */
static void long_copy(void **state)
{
	const uint64_t len = (40u << 20) + 12345;
	struct drv_bo *src, *mid, *dst;
	uint64_t va_s, va_m, va_d;
	struct drv_chan *ch;
	struct drv_fence f;
	struct gpu g = { 0 };
	struct drv_vas *v;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_ALL, &ch), 0);
	assert_int_equal(drv_bo_new(g.drv, len, DRV_BO_SYS, &src), 0);
	assert_int_equal(drv_bo_new(g.drv, len, DRV_BO_VRAM, &mid), 0);
	assert_int_equal(drv_bo_new(g.drv, len, DRV_BO_SYS, &dst), 0);
	assert_int_equal(drv_vas_map(v, src, DRV_MAP_RO, &va_s), 0);
	assert_int_equal(drv_vas_map(v, mid, 0, &va_m), 0);
	assert_int_equal(drv_vas_map(v, dst, 0, &va_d), 0);
	fill(drv_bo_cpu(src), len, 5);
	for (int by = 0; by < NR_BY; by++) {
		memset(drv_bo_cpu(dst), 0, len);
		assert_int_equal(copy_by(ch, by, va_m, va_s, len, NULL), 0);
		assert_int_equal(copy_by(ch, by, va_d, va_m, len, &f), 0);
		assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
		assert_memory_equal(drv_bo_cpu(dst), drv_bo_cpu(src), len);
	}
	gpu_down(&g);
}

/* CPU access to VRAM at odd places, across the window's end. */
static void cpu_access(void **state)
{
	static uint8_t buf[300000], got[300000];
	struct drv_bo *bo, *small;
	struct gpu g = { 0 };
	uint64_t seed = 3;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(drv_bo_new(g.drv, 5u << 20, DRV_BO_VRAM, &bo), 0);
	assert_int_equal(drv_bo_new(g.drv, 8192, DRV_BO_VRAM | DRV_BO_BAR1, &small), 0);
	for (int i = 0; i < 12; i++) {
		uint64_t len = 1 + rnd(&seed) % (sizeof(buf) - 1),
			 at = rnd(&seed) % ((5u << 20) - len);

		fill(buf, len, (uint64_t)i);
		assert_int_equal(drv_bo_wr(bo, at, buf, len), 0);
		memset(got, 0, sizeof(got));
		assert_int_equal(dev_vram_rd(g.dev, hvram(drv_bo_addr(bo) + at), got, len), 0);
		assert_memory_equal(got, buf, len);
		memset(got, 0, sizeof(got));
		assert_int_equal(drv_bo_rd(bo, at, got, len), 0);
		assert_memory_equal(got, buf, len);
	}
	assert_int_equal(drv_bo_wr(small, 13, buf, 5000), 0);
	assert_int_equal(dev_vram_rd(g.dev, hvram(drv_bo_addr(small) + 13), got, 5000), 0);
	assert_memory_equal(got, buf, 5000);
	assert_int_equal(drv_bo_rd(bo, 5u << 20, got, 1), -ERANGE);
	assert_int_equal(drv_bo_wr(bo, ~0ull, got, 2), -ERANGE);
	gpu_down(&g);
}

static void wrong_engine(void **state)
{
	struct drv_chan *ch;
	struct gpu g = { 0 };
	struct drv_vas *v;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &ch), 0);
	assert_int_equal(drv_copy_m2mf(ch, 0, 0, 1, NULL), -ENODEV);
	assert_int_equal(drv_copy_ce(ch, 1, 0, 0, 1, NULL), -ENODEV);
	assert_int_equal(drv_copy_ce(ch, 2, 0, 0, 1, NULL), -ENODEV);
	assert_int_equal(drv_copy_ce(ch, 0, 0, 0, 1ull << 39, NULL), -E2BIG);
	gpu_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_copies), cmocka_unit_test(random_copies_irq),
		cmocka_unit_test(long_copy),	 cmocka_unit_test(cpu_access),
		cmocka_unit_test(wrong_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

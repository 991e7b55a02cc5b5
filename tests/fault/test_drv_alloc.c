// SPDX-License-Identifier: MIT
/*
 * The n-th allocation fails, for every n, in bring-up and in making a channel:
 * -ENOMEM comes out, nothing stays behind, and the next try works.
 */
#include <pthread.h>

#include "gpuvm/base/mem.h"
#include "tests/unit/drv/gpu.h"

/*
 * The hook has no argument: these are its only way to know how far to count and
 * whose allocations, for the software GPU's threads allocate too.
 */
static long left;
static pthread_t counted;

static int fail_nth(void)
{
	return pthread_equal(pthread_self(), counted) && left >= 0 && left-- == 0;
}

static void arm(long n)
{
	left = n;
	counted = pthread_self();
	mem_fault_hook = fail_nth;
}

/* Whether the hook fired. */
static bool disarm(void)
{
	mem_fault_hook = NULL;
	return left < 0;
}

static void open_fails(void **state)
{
	struct drv_cfg cfg = { .timeout_ns = 60 * SECOND };
	struct gpu g = { 0 };
	bool fired = true;
	char msg[256];
	long n;
	int err;

	(void)state;
	for (int full = 0; full < 2; full++, fired = true) {
		cfg.full_tables = full;
		gpu_bus(&g);
		for (n = 0; fired; n++) {
			g.drv = NULL;
			arm(n);
			err = drv_open(g.bus, &cfg, &g.drv, msg, sizeof(msg));
			fired = disarm();
			assert_int_equal(err, fired ? -ENOMEM : 0);
			if (fired) {
				assert_null(g.drv);
				assert_true(msg[0] != '\0');
			}
		}
		assert_true(n > 20);
		gpu_down(&g);
	}
}

static int make_all(struct gpu *g, struct drv_vas **v, struct drv_bo **bo, struct drv_chan **ch)
{
	uint64_t va;
	int err;

	err = drv_vas_new(g->drv, v);
	if (!err)
		err = drv_bo_new(g->drv, 1 << 20, DRV_BO_VRAM, bo);
	if (!err)
		err = drv_vas_map(*v, *bo, 0, &va);
	if (!err)
		err = drv_chan_new(*v, DRV_ENGINE_ALL, ch);
	return err;
}

static void use_fails(void **state)
{
	struct drv_stats before, after;
	struct drv_chan *ch;
	struct drv_bo *bo;
	struct gpu g = { 0 };
	struct drv_fence f;
	struct drv_push p;
	struct drv_vas *v;
	bool fired = true;
	long n;
	int err;

	(void)state;
	gpu_up(&g, NULL);
	drv_stats(g.drv, &before);
	for (n = 0; fired; n++) {
		v = NULL;
		bo = NULL;
		ch = NULL;
		arm(n);
		err = make_all(&g, &v, &bo, &ch);
		fired = disarm();
		assert_int_equal(err, fired ? -ENOMEM : 0);
		if (!err) {
			assert_int_equal(drv_push_begin(ch, 0, &p), 0);
			assert_int_equal(drv_push_end(&p, &f), 0);
			assert_int_equal(drv_fence_wait(&f, DRV_WAIT_IRQ, 0), 0);
		}
		drv_chan_free(ch);
		drv_bo_free(bo);
		assert_int_equal(drv_vas_free(v), 0);
		drv_stats(g.drv, &after);
		assert_int_equal(after.vram_free, before.vram_free);
	}
	assert_true(n > 20);
	gpu_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_fails),
		cmocka_unit_test(use_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

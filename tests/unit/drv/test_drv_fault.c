// SPDX-License-Identifier: MIT
/* Channels that do wrong: they die with a reason in words, and only they. */
#include "tests/unit/drv/gpu.h"

struct rig {
	struct gpu g;
	struct drv_vas *v;
	struct drv_chan *bad, *good;
	struct drv_bo *bo, *ro;
	uint64_t va, ro_va;
};

static void rig_up(struct rig *r, uint32_t engines)
{
	memset(r, 0, sizeof(*r));
	gpu_up(&r->g, NULL);
	assert_int_equal(drv_vas_new(r->g.drv, &r->v), 0);
	assert_int_equal(drv_bo_new(r->g.drv, 1 << 20, DRV_BO_SYS, &r->bo), 0);
	assert_int_equal(drv_vas_map(r->v, r->bo, 0, &r->va), 0);
	assert_int_equal(drv_bo_new(r->g.drv, 4096, DRV_BO_SYS, &r->ro), 0);
	assert_int_equal(drv_vas_map(r->v, r->ro, DRV_MAP_RO, &r->ro_va), 0);
	assert_int_equal(drv_chan_new(r->v, engines, &r->bad), 0);
	assert_int_equal(drv_chan_new(r->v, DRV_ENGINE_ALL, &r->good), 0);
}

/* The good channel copies by all engines, then all goes. */
static void rig_down(struct rig *r)
{
	uint8_t *p = drv_bo_cpu(r->bo);
	struct drv_chan *again;
	struct drv_fence f;

	for (int i = 0; i < 3; i++) {
		fill(p, 100000, (uint64_t)i);
		memset(p + 500000, 0, 100000);
		assert_int_equal(i == 2 ? drv_copy_m2mf(r->good, r->va + 500000, r->va, 100000, &f)
					: drv_copy_ce(r->good, (unsigned int)i, r->va + 500000,
						      r->va, 100000, &f),
				 0);
		assert_int_equal(drv_fence_wait(&f, DRV_WAIT_IRQ, 0), 0);
		assert_memory_equal(p, p + 500000, 100000);
	}
	assert_int_equal(drv_chan_status(r->good, NULL, 0), 0);
	drv_chan_free(r->bad);
	assert_int_equal(drv_chan_new(r->v, DRV_ENGINE_ALL, &again), 0);
	assert_int_equal(drv_copy_ce(again, 0, r->va, r->va + 4096, 4096, &f), 0);
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
	gpu_down(&r->g);
}

static void check_dead(struct rig *r, const struct drv_fence *f, const char *word)
{
	struct drv_push p;
	char why[128];

	assert_int_equal(drv_fence_wait(f, DRV_WAIT_IRQ, 0), -EIO);
	assert_int_equal(drv_fence_wait(f, DRV_WAIT_POLL, 0), -EIO);
	assert_int_equal(drv_chan_status(r->bad, why, sizeof(why)), -EIO);
	if (!strstr(why, word))
		fail_msg("'%s' is not in '%s'", word, why);
	assert_int_equal(drv_push_begin(r->bad, 1, &p), -EIO);
	assert_int_equal(drv_push_raw(r->bad, r->va, 1), -EIO);
}

/*
 * Reads from nowhere, writes to what is read-only, goes past the end of the space, by each engine.
 */
static void mmu_faults(void **state)
{
	static const uint32_t engine[] = { DRV_ENGINE_CE0, DRV_ENGINE_CE1, DRV_ENGINE_GR };
	struct drv_stats s;
	struct drv_fence f;
	uint64_t src, dst;
	struct rig r;
	int err;

	(void)state;
	for (int e = 0; e < 3; e++) {
		for (int how = 0; how < 3; how++) {
			rig_up(&r, engine[e]);
			src = how == 0 ? 0x1000 : how == 1 ? r.va : 0xff00000000ull;
			dst = how == 1 ? r.ro_va : r.va;
			err = e == 2 ? drv_copy_m2mf(r.bad, dst, src, 256, &f)
				     : drv_copy_ce(r.bad, (unsigned int)e, dst, src, 256, &f);
			assert_int_equal(err, 0);
			check_dead(&r, &f, how == 1 ? "writing" : "reading");
			drv_stats(r.g.drv, &s);
			assert_int_equal(s.faults, 1);
			rig_down(&r);
		}
	}
}

/* The indirect buffer points nowhere: the PBDMA itself faults. */
static void pbdma_fault(void **state)
{
	struct drv_fence f;
	struct drv_push p;
	struct rig r;

	(void)state;
	rig_up(&r, DRV_ENGINE_CE0);
	assert_int_equal(drv_push_begin(r.bad, 0, &p), 0);
	assert_int_equal(drv_push_end(&p, &f), 0);
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
	assert_int_equal(drv_push_raw(r.bad, 0x2000, 4), 0);
	/* Not submitted any more, or submitted and never reached. */
	f.seq++;
	check_dead(&r, &f, "MMU fault");
	rig_down(&r);
}

static void push_bad(struct rig *r, uint32_t subc, uint32_t mthd, uint32_t val, struct drv_fence *f)
{
	struct drv_push p;

	assert_int_equal(drv_push_begin(r->bad, 2, &p), 0);
	drv_push_mthd(&p, subc, mthd, 1);
	drv_push_data(&p, val);
	assert_int_equal(drv_push_end(&p, f), 0);
}

static void host_errors(void **state)
{
	struct drv_fence f;
	struct drv_stats s;
	struct rig r;

	(void)state;
	/* A method for a subchannel that has no object. */
	rig_up(&r, DRV_ENGINE_CE0);
	push_bad(&r, 7, 0x100, 1, &f);
	check_dead(&r, &f, "engine that is not there");
	drv_stats(r.g.drv, &s);
	assert_int_equal(s.pbdma_errors, 1);
	rig_down(&r);
	/* A host method that does not exist. */
	rig_up(&r, DRV_ENGINE_CE0);
	push_bad(&r, 0, 0x60, 1, &f);
	check_dead(&r, &f, "illegal method");
	rig_down(&r);
	/* A semaphore operation that does not exist. */
	rig_up(&r, DRV_ENGINE_CE0);
	push_bad(&r, 0, HOST_SEM_TRIGGER, 3, &f);
	check_dead(&r, &f, "semaphore");
	rig_down(&r);
}

/*
 * An engine's complaint does not hold back the host's fence behind it: the
 * fence may pass, the channel dies all the same, and takes nothing more.
 */
static void check_dies(struct rig *r, const char *word)
{
	struct wait w = wait_begin(60 * SECOND);
	struct drv_push p;
	char why[128];

	while (!drv_chan_status(r->bad, why, sizeof(why)))
		assert_int_equal(wait_more(&w), 0);
	if (!strstr(why, word))
		fail_msg("'%s' is not in '%s'", word, why);
	assert_int_equal(drv_push_begin(r->bad, 1, &p), -EIO);
}

static void engine_errors(void **state)
{
	struct drv_fence f;
	struct drv_stats s;
	struct rig r;

	(void)state;
	rig_up(&r, DRV_ENGINE_ALL);
	push_bad(&r, DRV_SUBC_M2MF, 0x1ffc, 1, &f);
	check_dies(&r, "PGRAPH");
	drv_stats(r.g.drv, &s);
	assert_int_equal(s.engine_errors, 1);
	rig_down(&r);
	rig_up(&r, DRV_ENGINE_ALL);
	push_bad(&r, DRV_SUBC_CE0, 0x1ffc, 1, &f);
	check_dies(&r, "copy engine 0");
	rig_down(&r);
	rig_up(&r, DRV_ENGINE_ALL);
	push_bad(&r, DRV_SUBC_CE1, 0x1ffc, 1, &f);
	check_dies(&r, "copy engine 1");
	rig_down(&r);
}

/* Many channels fault at the same time; every one is told. */
static void all_at_once(void **state)
{
	struct drv_chan *ch[6];
	struct drv_fence f[6];
	struct rig r;
	char why[128];

	(void)state;
	rig_up(&r, DRV_ENGINE_ALL);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(drv_chan_new(r.v, DRV_ENGINE_ALL, &ch[i]), 0);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(i % 3 == 2
					 ? drv_copy_m2mf(ch[i], 0x3000 + i, r.va, 64, &f[i])
					 : drv_copy_ce(ch[i], i % 3, 0x3000 + i, r.va, 64, &f[i]),
				 0);
	for (unsigned int i = 0; i < 6; i++) {
		assert_int_equal(drv_fence_wait(&f[i], i & 1 ? DRV_WAIT_IRQ : DRV_WAIT_POLL, 0),
				 -EIO);
		drv_chan_status(ch[i], why, sizeof(why));
		assert_non_null(strstr(why, "writing"));
		drv_chan_free(ch[i]);
	}
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmu_faults),	 cmocka_unit_test(pbdma_fault),
		cmocka_unit_test(host_errors),	 cmocka_unit_test(engine_errors),
		cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

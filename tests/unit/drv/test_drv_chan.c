// SPDX-License-Identifier: MIT
/* Channels, pushes and fences: many at once, full rings, waits that end and waits that do not. */
#include <pthread.h>

#include "tests/unit/drv/gpu.h"

#define NR_THREADS 4
#define PIECE (64u << 10)

struct worker {
	struct gpu *g;
	struct drv_vas *v; /* shared by some, own by others */
	int id, bad;
	pthread_t thread;
};

/*
 * The job of one thread: a channel, two objects, copies there and back. cmocka's asserts stay out
 * of threads.
 */
static int work(struct worker *w)
{
	enum drv_wait how = w->id & 1 ? DRV_WAIT_IRQ : DRV_WAIT_POLL;
	struct drv_bo *sys = NULL, *vram = NULL;
	struct drv_chan *ch = NULL;
	uint64_t va_s, va_v;
	struct drv_fence f;
	uint8_t *p;
	int err;

	err = drv_chan_new(w->v, DRV_ENGINE_ALL, &ch);
	if (!err)
		err = drv_bo_new(w->g->drv, 2 * PIECE, DRV_BO_SYS, &sys);
	if (!err)
		err = drv_bo_new(w->g->drv, PIECE, DRV_BO_VRAM, &vram);
	if (!err)
		err = drv_vas_map(w->v, sys, 0, &va_s);
	if (!err)
		err = drv_vas_map(w->v, vram, 0, &va_v);
	for (int i = 0; !err && i < 20; i++) {
		p = drv_bo_cpu(sys);
		fill(p, PIECE, (uint64_t)(w->id * 1000 + i));
		memset(p + PIECE, 0, PIECE);
		err = drv_copy_ce(ch, i & 1, va_v, va_s, PIECE, NULL);
		if (!err)
			err = drv_copy_m2mf(ch, va_s + PIECE, va_v, PIECE, &f);
		if (!err)
			err = drv_fence_wait(&f, how, 0);
		if (!err && memcmp(p, p + PIECE, PIECE) != 0)
			err = -EBADMSG;
	}
	drv_chan_free(ch);
	drv_bo_free(sys);
	drv_bo_free(vram);
	return err;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	for (int round = 0; !w->bad && round < 3; round++)
		w->bad = work(w);
	return NULL;
}

static void threads(void **state)
{
	struct worker w[NR_THREADS];
	struct drv_stats before, after;
	struct gpu g = { 0 };
	struct drv_vas *v[2];

	(void)state;
	gpu_up(&g, NULL);
	drv_stats(g.drv, &before);
	assert_int_equal(drv_vas_new(g.drv, &v[0]), 0);
	assert_int_equal(drv_vas_new(g.drv, &v[1]), 0);
	for (int i = 0; i < NR_THREADS; i++) {
		w[i] = (struct worker){ .g = &g, .v = v[i / 2], .id = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, worker_main, &w[i]), 0);
	}
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].bad, 0);
	}
	assert_int_equal(drv_vas_free(v[0]), 0);
	assert_int_equal(drv_vas_free(v[1]), 0);
	drv_stats(g.drv, &after);
	assert_int_equal(after.vram_free, before.vram_free);
	assert_int_equal(after.faults, 0);
	assert_int_equal(after.pbdma_errors, 0);
	assert_true(after.nonstall > 0);
	gpu_down(&g);
}

/* Every channel id in use at once; the next is refused; each one works. */
static void all_channels(void **state)
{
	struct drv_cfg cfg = { .ring_entries = 8, .push_len = 4096 };
	struct drv_chan *ch[GF100_NR_CHAN], *more;
	struct gpu g = { 0 };
	struct drv_push p;
	struct drv_fence f;
	struct drv_vas *v;

	(void)state;
	gpu_up(&g, &cfg);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &ch[i]), 0);
		assert_int_equal(drv_chan_id(ch[i]), i);
	}
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &more), -ENOSPC);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		assert_int_equal(drv_push_begin(ch[i], 0, &p), 0);
		assert_int_equal(drv_push_end(&p, &f), 0);
		assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
	}
	drv_chan_free(ch[77]);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &ch[77]), 0);
	assert_int_equal(drv_chan_id(ch[77]), 77);
	gpu_down(&g);
}

/* Small ring and push buffer, far more pushes than either holds, none waited for until the end. */
static void wraps(void **state)
{
	struct drv_cfg cfg = { .ring_entries = 8, .push_len = 4096 };
	const uint64_t n = 3000;
	struct drv_chan *ch;
	struct drv_bo *bo;
	struct gpu g = { 0 };
	struct drv_fence f;
	struct drv_push p;
	struct drv_vas *v;
	uint64_t va, seed = 11;
	uint32_t nops;

	(void)state;
	gpu_up(&g, &cfg);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE1, &ch), 0);
	assert_int_equal(drv_bo_new(g.drv, n * 4, DRV_BO_SYS, &bo), 0);
	assert_int_equal(drv_vas_map(v, bo, 0, &va), 0);
	for (uint32_t i = 0; i < n; i++) {
		nops = (uint32_t)(rnd(&seed) % 300);
		assert_int_equal(drv_push_begin(ch, nops + 5, &p), 0);
		for (uint32_t k = 0; k < nops; k++)
			drv_push_data(&p, 0);
		drv_push_mthd(&p, 0, HOST_SEM_ADDR_HI, 4);
		drv_push_data(&p, hi32(va + i * 4));
		drv_push_data(&p, lo32(va + i * 4));
		drv_push_data(&p, i ^ 0x5a5a0000);
		drv_push_data(&p, SEM_RELEASE | SEM_RELEASE_4B);
		assert_int_equal(drv_push_end(&p, &f), 0);
	}
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_IRQ, 0), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(((uint32_t *)drv_bo_cpu(bo))[i], i ^ 0x5a5a0000);
	gpu_down(&g);
}

/*
 * A semaphore that is never released holds the channel: waits end with -ETIMEDOUT, freeing still
 * works.
 */
static void stuck(void **state)
{
	struct drv_cfg cfg = { .ring_entries = 8, .push_len = 4096 };
	struct drv_chan *ch, *other;
	struct drv_fence f, of;
	struct gpu g = { 0 };
	struct drv_bo *bo;
	struct drv_push p;
	struct drv_vas *v;
	uint64_t va;
	int err = 0;

	(void)state;
	gpu_up(&g, &cfg);
	g.drv->cfg.timeout_ns = 30000000;
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_bo_new(g.drv, 4096, DRV_BO_SYS, &bo), 0);
	assert_int_equal(drv_vas_map(v, bo, 0, &va), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &ch), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE1, &other), 0);
	assert_int_equal(drv_push_begin(ch, 5, &p), 0);
	drv_push_mthd(&p, 0, HOST_SEM_ADDR_HI, 4);
	drv_push_data(&p, hi32(va));
	drv_push_data(&p, lo32(va));
	drv_push_data(&p, 1);
	drv_push_data(&p, SEM_ACQUIRE_EQ | SEM_SWITCH);
	assert_int_equal(drv_push_end(&p, &f), 0);
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), -ETIMEDOUT);
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_IRQ, 0), -ETIMEDOUT);
	/* The ring fills up; the one who wants more gives up in time. */
	for (int i = 0; !err && i < 20; i++) {
		err = drv_push_begin(ch, 0, &p);
		if (!err)
			assert_int_equal(drv_push_end(&p, NULL), 0);
	}
	assert_int_equal(err, -ETIMEDOUT);
	/* Others do not mind. */
	assert_int_equal(drv_push_begin(other, 0, &p), 0);
	assert_int_equal(drv_push_end(&p, &of), 0);
	assert_int_equal(drv_fence_wait(&of, DRV_WAIT_IRQ, 60 * SECOND), 0);
	/* Nor does the channel, once released. */
	*(volatile uint32_t *)drv_bo_cpu(bo) = 1;
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_IRQ, 60 * SECOND), 0);
	drv_chan_free(other);
	drv_chan_free(ch);
	gpu_down(&g);
}

/* Freed while it waits for what never comes: the id's next owner starts clean. */
static void freed_while_stuck(void **state)
{
	struct drv_chan *ch;
	struct drv_fence f;
	struct gpu g = { 0 };
	struct drv_bo *bo;
	struct drv_push p;
	struct drv_vas *v;
	uint64_t va;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_bo_new(g.drv, 4096, DRV_BO_SYS, &bo), 0);
	assert_int_equal(drv_vas_map(v, bo, 0, &va), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(drv_chan_new(v, DRV_ENGINE_ALL, &ch), 0);
		assert_int_equal(drv_chan_id(ch), 0);
		assert_int_equal(drv_push_begin(ch, 0, &p), 0);
		assert_int_equal(drv_push_end(&p, &f), 0);
		assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
		assert_int_equal(drv_push_begin(ch, 5, &p), 0);
		drv_push_mthd(&p, 0, HOST_SEM_ADDR_HI, 4);
		drv_push_data(&p, hi32(va));
		drv_push_data(&p, lo32(va));
		drv_push_data(&p, 1);
		drv_push_data(&p, i & 1 ? SEM_ACQUIRE_EQ : SEM_ACQUIRE_GE | SEM_SWITCH);
		assert_int_equal(drv_push_end(&p, &f), 0);
		assert_false(drv_fence_done(&f));
		drv_chan_free(ch);
	}
	assert_int_equal(drv_vas_free(v), 0);
	gpu_down(&g);
}

static void push_limits(void **state)
{
	struct drv_cfg cfg = { .push_len = 4096 };
	struct drv_chan *ch;
	struct gpu g = { 0 };
	struct drv_fence f;
	struct drv_push p;
	struct drv_vas *v;

	(void)state;
	gpu_up(&g, &cfg);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, 0, &ch), 0);
	assert_int_equal(drv_push_begin(ch, 1024, &p), -E2BIG);
	assert_int_equal(drv_push_begin(ch, ~0u, &p), -E2BIG);
	assert_int_equal(drv_push_begin(ch, 1, &p), 0);
	drv_push_data(&p, 0);
	drv_push_data(&p, 0xffffffff);
	assert_int_equal(drv_push_end(&p, NULL), -EOVERFLOW);
	assert_int_equal(drv_push_begin(ch, 1, &p), 0);
	drv_push_cancel(&p);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(drv_push_begin(ch, 1024 - 16, &p), 0);
		for (int k = 0; k < 1024 - 16; k++)
			drv_push_data(&p, 0);
		assert_int_equal(drv_push_end(&p, &f), 0);
	}
	assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
	gpu_down(&g);
}

/* Commands the caller placed itself, between ordinary pushes, in order. */
static void raw_entries(void **state)
{
	struct drv_cfg cfg = { .ring_entries = 8 };
	struct drv_chan *ch;
	struct gpu g = { 0 };
	struct drv_fence f;
	struct drv_push p;
	struct drv_bo *bo;
	struct drv_vas *v;
	uint32_t *w;
	uint64_t va;

	(void)state;
	gpu_up(&g, &cfg);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, 0, &ch), 0);
	assert_int_equal(drv_bo_new(g.drv, 4096, DRV_BO_SYS, &bo), 0);
	assert_int_equal(drv_vas_map(v, bo, 0, &va), 0);
	w = drv_bo_cpu(bo);
	for (uint32_t i = 0; i < 20; i++) {
		w[0] = push_header(PUSH_INC, 0, HOST_SEM_ADDR_HI, 4);
		w[1] = hi32(va + 256);
		w[2] = lo32(va + 256);
		w[3] = i + 1;
		w[4] = SEM_RELEASE | SEM_RELEASE_4B;
		assert_int_equal(drv_push_raw(ch, va, 5), 0);
		assert_int_equal(drv_push_begin(ch, 0, &p), 0);
		assert_int_equal(drv_push_end(&p, &f), 0);
		assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
		assert_int_equal(w[64], i + 1);
	}
	gpu_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads), cmocka_unit_test(all_channels), cmocka_unit_test(wraps),
		cmocka_unit_test(stuck),   cmocka_unit_test(freed_while_stuck),
		cmocka_unit_test(push_limits), cmocka_unit_test(raw_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

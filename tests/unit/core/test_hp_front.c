// SPDX-License-Identifier: MIT
/*
 * The guest's end of hp-pv: drv.h on a bus that leads to the mediator in the
 * same thread.  The driver's objects, its flow control, what it says when
 * things die or are refused, and failures of the guest's own memory.
 */
#include "tests/t.h"

#include <unistd.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/bus.h"
#include "pv-driver/hp_drv.h"
#include "pv-driver/hp_link.h"
#include "pv-driver/private.h"
#include "tests/unit/core/hp.h"

#define SECOND 1000000000ull

struct front {
	struct bus bus;
	struct rig *r;
	struct drv *drv;
	uint64_t next; /* RAM that was not handed out yet */
};

static struct front *front_of(struct bus *b)
{
	return container_of(b, struct front, bus);
}

static void none(struct bus *b)
{
	(void)b;
}

static uint32_t call_rd(struct bus *b, uint32_t reg)
{
	uint32_t v = hpr_rd(front_of(b)->r, 0, reg);

	hp_step(front_of(b)->r);
	return v;
}

static void call_wr(struct bus *b, uint32_t reg, uint32_t val)
{
	hpr_wr(front_of(b)->r, 0, reg, val);
	hp_step(front_of(b)->r);
}

static uint64_t bar_len(struct bus *b, int bar)
{
	(void)b;
	return bar == 5 ? HP_PAGE_LEN : 0;
}

static void bar_rd(struct bus *b, int bar, uint64_t off, void *buf, size_t len)
{
	for (size_t k = 0; k < len; k += 4) {
		uint32_t v = (uint32_t)ld(front_of(b)->r, 0, HV_BAR1, (uint32_t)(off + k), 4, NULL);

		assert_int_equal(bar, 1);
		memcpy((char *)buf + k, &v, 4);
	}
}

static void bar_wr(struct bus *b, int bar, uint64_t off, const void *buf, size_t len)
{
	for (size_t k = 0; k < len; k += 4) {
		uint32_t v;

		memcpy(&v, (const char *)buf + k, 4);
		assert_int_equal(bar, 1);
		st(front_of(b)->r, 0, HV_BAR1, (uint32_t)(off + k), 4, v);
	}
}

static int mem_alloc(struct bus *b, uint64_t len, struct bus_mem *out)
{
	struct front *f = front_of(b);

	len = align_up(len, 4096);
	if (len > RIG_RAM - f->next)
		return -ENOMEM;
	*out = (struct bus_mem){ (uint8_t *)hv_null_ram(f->r->hg[0]) + f->next, f->next, len };
	memset(out->cpu, 0, len);
	f->next += len;
	return 0;
}

static void mem_put(struct bus *b, struct bus_mem *m)
{
	(void)b;
	*m = (struct bus_mem){ 0 };
}

/* No irq_fd: the test is the interrupt's thread. */
static const struct bus_ops ops = {
	.name = "test", .close = none, .bar_len = bar_len, .mem_alloc = mem_alloc, .mem_free = mem_put,
	.call_rd = call_rd, .call_wr = call_wr, .bar_rd = bar_rd, .bar_wr = bar_wr,
};

static int up(struct front *f, struct rig *r)
{
	const struct drv_cfg cfg = { .timeout_ns = 20 * SECOND };
	char msg[200];

	*f = (struct front){ .bus = { &ops }, .r = r, .next = 4096 };
	return drv_open(&f->bus, &cfg, &f->drv, msg, sizeof(msg));
}

static const struct hp_stats *stats(struct front *f)
{
	return vgpu_hp_stats(f->r->v[0]);
}

/* Steps until the fence passes or the channel is dead. */
static bool passes(struct front *f, const struct drv_fence *fence)
{
	for (int k = 0; k < 200000 && !drv_fence_done(fence) && !drv_chan_status(fence->chan, NULL, 0); k++)
		hp_later(f->r);
	return drv_fence_done(fence);
}

struct work {
	struct drv_vas *vas;
	struct drv_chan *chan;
	struct drv_bo *bo;
	uint64_t va;
};

static int work_up(struct front *f, struct work *w)
{
	int err = drv_vas_new(f->drv, &w->vas);

	if (!err)
		err = drv_bo_new(f->drv, 0x10000, DRV_BO_SYS, &w->bo);
	if (!err)
		err = drv_vas_map(w->vas, w->bo, 0, &w->va);
	return err ? err : drv_chan_new(w->vas, DRV_ENGINE_GR | DRV_ENGINE_CE0, &w->chan);
}

static void work_down(struct work *w)
{
	drv_chan_free(w->chan);
	drv_bo_free(w->bo);
	assert_int_equal(drv_vas_free(w->vas), 0);
}

static void copies(void **state)
{
	struct rig *r = *state;
	struct work w = { 0 };
	struct drv_fence fence;
	struct front f;
	uint8_t *p;

	assert_int_equal(up(&f, r), 0);
	assert_int_equal(drv_info(f.drv)->vram_len, RIG_VRAM);
	assert_int_equal(work_up(&f, &w), 0);
	p = drv_bo_cpu(w.bo);
	for (int k = 0; k < 0x4000; k++)
		p[k] = (uint8_t)(k * 11);
	assert_int_equal(drv_copy_m2mf(w.chan, w.va + 0x4000, w.va, 0x4000, &fence), 0);
	assert_true(passes(&f, &fence));
	assert_int_equal(drv_copy_ce(w.chan, 0, w.va + 0x8000, w.va + 0x4000, 0x4000, &fence), 0);
	assert_true(passes(&f, &fence));
	assert_memory_equal(p, p + 0x8000, 0x4000);
	assert_int_equal(drv_vas_unmap(w.vas, w.va), 0);
	work_down(&w);
	drv_close(f.drv);
	assert_int_equal(stats(&f)->bos + stats(&f)->vases + stats(&f)->chans, 0);
	assert_int_equal(r->v[0]->stats.guest_faults, 0);
}

/* A mediator that looks anyway need not be told; one that sleeps must be. */
static void bells(void **state)
{
	struct rig *r = *state;
	struct front f;
	uint64_t bells;

	assert_int_equal(up(&f, r), 0);
	/* drv_time() is a call: rung for or not, it is answered (the test's bus steps when it is asked or rung). */
	drv_time(f.drv);
	bells = f.drv->hp->bells;
	for (int k = 0; k < 20; k++)
		drv_time(f.drv);
	assert_int_equal(f.drv->hp->bells, bells);
	assert_true(f.drv->hp->spared >= 20);
	for (int k = 0; k < 5; k++) {
		assert_false(gpuvm_arm(r->g));
		drv_time(f.drv);
		assert_int_equal(f.drv->hp->bells, ++bells);
	}
	drv_close(f.drv);
}

/* What was posted quietly while the mediator slept makes the next one ring. */
static void quiet_then_loud(void **state)
{
	struct hp_req req = { .op = HP_OP_SYNC };
	struct rig *r = *state;
	struct front f;
	uint64_t bells, taken;

	assert_int_equal(up(&f, r), 0);
	drv_time(f.drv);
	assert_false(gpuvm_arm(r->g));
	bells = f.drv->hp->bells;
	taken = stats(&f)->requests;
	for (int k = 0; k < 10; k++)
		assert_int_equal(hp_post(f.drv->hp, &req, NULL, 0, false), 0);
	assert_int_equal(f.drv->hp->bells, bells);
	assert_int_equal(stats(&f)->requests, taken);
	assert_int_equal(hp_post(f.drv->hp, &req, NULL, 0, true), 0);
	assert_int_equal(f.drv->hp->bells, bells + 1);
	assert_int_equal(stats(&f)->requests, taken + 11);
	drv_close(f.drv);
}

/* The same size again: no request, the same address, zeroes. */
static void reuses(void **state)
{
	struct rig *r = *state;
	struct drv_bo *bo, *other;
	struct drv_stats s;
	struct drv_vas *v, *v2;
	uint64_t va, again, requests, bytes;
	struct front f;

	assert_int_equal(up(&f, r), 0);
	assert_int_equal(drv_vas_new(f.drv, &v), 0);
	assert_int_equal(drv_vas_new(f.drv, &v2), 0);
	assert_int_equal(drv_bo_new(f.drv, 0x3000, DRV_BO_SYS, &bo), 0);
	assert_int_equal(drv_vas_map(v, bo, 0, &va), 0);
	memset(drv_bo_cpu(bo), 0xa5, 0x3000);
	requests = stats(&f)->requests;
	bytes = stats(&f)->sys_bytes;
	for (int k = 0; k < 10; k++) {
		/* As the DRM interface does it: out of the space, then freed; or freed only. */
		if (k & 1)
			assert_int_equal(drv_vas_unmap(v, va), 0);
		drv_bo_free(bo);
		/* It is gone for whoever looks for it. */
		assert_int_equal(drv_vas_unmap(v, va), -ENOENT);
		assert_int_equal(drv_bo_new(f.drv, 0x3000, DRV_BO_SYS, &bo), 0);
		for (int b = 0; b < 0x3000; b++)
			assert_int_equal(((uint8_t *)drv_bo_cpu(bo))[b], 0);
		memset(drv_bo_cpu(bo), 0xa5, 0x3000);
		assert_int_equal(drv_vas_map(v, bo, 0, &again), 0);
		assert_int_equal(again, va);
	}
	hp_step(r);
	assert_int_equal(stats(&f)->requests, requests);
	assert_int_equal(stats(&f)->sys_bytes, bytes);
	drv_stats(f.drv, &s);
	assert_int_equal(s.bos_reused, 10);
	/* Other flags or another space are another mapping; another size or kind another object. */
	drv_bo_free(bo);
	assert_int_equal(drv_bo_new(f.drv, 0x3000, DRV_BO_SYS, &bo), 0);
	assert_int_equal(drv_vas_map(v2, bo, 0, &again), 0);
	assert_true(stats(&f)->requests > requests);
	assert_int_equal(drv_vas_map(v, bo, DRV_MAP_RO, &again), 0);
	assert_int_not_equal(again, va);
	assert_int_equal(drv_bo_new(f.drv, 0x2000, DRV_BO_SYS, &other), 0);
	drv_bo_free(bo);
	drv_bo_free(other);
	assert_int_equal(drv_vas_free(v), 0);
	assert_int_equal(drv_vas_free(v2), 0);
	drv_close(f.drv);
	assert_int_equal(stats(&f)->bos + stats(&f)->vases, 0);
}

/* What is kept is bounded, and given back before anybody goes without. */
static void keeps_little(void **state)
{
	const struct drv_cfg never = { .timeout_ns = 20 * SECOND, .no_keep = true };
	struct rig *r = *state;
	struct drv_bo *bo[200], *all;
	struct front f;
	uint64_t free;
	char msg[200];

	assert_int_equal(up(&f, r), 0);
	/* The largest piece of it that there is. */
	for (free = hp_vram_free(f.drv); drv_bo_new(f.drv, free, DRV_BO_VRAM, &all); free -= 64 << 10)
		assert_true(free > 1 << 20);
	drv_bo_free(all);
	for (int k = 0; k < 200; k++)
		assert_int_equal(drv_bo_new(f.drv, 0x1000, DRV_BO_VRAM, &bo[k]), 0);
	for (int k = 0; k < 200; k++)
		drv_bo_free(bo[k]);
	assert_int_equal(f.drv->nr_kept, 64);
	for (int k = 0; k < 40; k++)
		assert_int_equal(drv_bo_new(f.drv, 0x10000, DRV_BO_VRAM, &bo[k]), 0);
	for (int k = 0; k < 40; k++)
		drv_bo_free(bo[k]);
	assert_true(f.drv->kept_bytes <= 1 << 20 && f.drv->nr_kept);
	/* All of that, though some of it is kept. */
	assert_int_equal(drv_bo_new(f.drv, free, DRV_BO_VRAM, &all), 0);
	assert_int_equal(f.drv->nr_kept, 0);
	drv_bo_free(all);
	assert_int_equal(f.drv->nr_kept, 0);
	drv_close(f.drv);
	f = (struct front){ .bus = { &ops }, .r = r, .next = f.next };
	assert_int_equal(drv_open(&f.bus, &never, &f.drv, msg, sizeof(msg)), 0);
	assert_int_equal(drv_bo_new(f.drv, 0x1000, DRV_BO_VRAM, &all), 0);
	drv_bo_free(all);
	assert_int_equal(f.drv->nr_kept, 0);
	drv_close(f.drv);
}

/* More submissions than a ring holds: the driver waits for fences, and loses no channel. */
static void flow_control(void **state)
{
	struct drv_piece piece[300];
	struct rig *r = *state;
	struct work w = { 0 };
	struct drv_fence fence;
	struct front f;
	uint32_t *p;

	assert_int_equal(up(&f, r), 0);
	assert_int_equal(work_up(&f, &w), 0);
	p = drv_bo_cpu(w.bo);
	p[0] = push_header(PUSH_INC, DRV_SUBC_M2MF, HOST_REF_CNT, 1);
	p[1] = 5;
	for (int k = 0; k < 300; k++)
		piece[k] = (struct drv_piece){ w.va, 2 };
	for (int k = 0; k < 40; k++) {
		int err;

		while ((err = drv_push_list(w.chan, piece, 300, false, &fence)) == -EAGAIN)
			hp_later(r);
		assert_int_equal(err, 0);
	}
	assert_true(passes(&f, &fence));
	assert_int_equal(drv_chan_status(w.chan, NULL, 0), 0);
	assert_int_equal(stats(&f)->pieces, 40 * 300);
	assert_int_equal(drv_push_list(w.chan, piece, 2000, false, NULL), -E2BIG);
	work_down(&w);
	drv_close(f.drv);
}

/* VRAM objects are memory in BAR1 while they live, and each is its own. */
static void shown(void **state)
{
	struct rig *r = *state;
	uint64_t v[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, got = 0;
	struct drv_bo *bo[2];
	struct front f;

	assert_int_equal(up(&f, r), 0);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(drv_bo_new(f.drv, 0x20000, DRV_BO_VRAM, &bo[k]), 0);
		assert_int_equal(drv_bo_wr(bo[k], 0x1f000, &v[k], 8), 0);
	}
	for (int k = 0; k < 2; k++) {
		assert_int_equal(drv_bo_rd(bo[k], 0x1f000, &got, 8), 0);
		assert_int_equal(got, v[k]);
		assert_int_equal(drv_bo_rd(bo[k], 0x20000, &got, 8), -ERANGE);
		drv_bo_free(bo[k]);
	}
	drv_close(f.drv);
	assert_int_equal(r->v[0]->stats.denied, 0);
	/* Gone with the session. */
	assert_int_equal((uint32_t)ld(r, 0, HV_BAR1, 0x1f000, 4, NULL), 0xffffffffu);
}

/* The reason of a channel's end comes across. */
static void dies(void **state)
{
	struct rig *r = *state;
	struct work w = { 0 };
	struct drv_fence fence;
	char why[128] = "";
	struct front f;

	assert_int_equal(up(&f, r), 0);
	assert_int_equal(work_up(&f, &w), 0);
	assert_int_equal(drv_copy_m2mf(w.chan, 0x7000000000, w.va, 64, &fence), 0);
	assert_false(passes(&f, &fence));
	drv_irq(f.drv);
	assert_int_equal(drv_chan_status(w.chan, why, sizeof(why)), -EIO);
	assert_non_null(strstr(why, "MMU fault"));
	assert_non_null(strstr(why, "7000000000"));
	assert_int_equal(drv_fence_wait(&fence, DRV_WAIT_POLL, SECOND), -EIO);
	assert_int_equal(drv_copy_m2mf(w.chan, w.va, w.va, 64, &fence), -EIO);
	work_down(&w);
	drv_close(f.drv);
}

/* A vGPU that was switched off is no GPU any more. */
static void switched_off(void **state)
{
	struct rig *r = *state;
	struct work w = { 0 };
	char why[128];
	struct front f;

	assert_int_equal(up(&f, r), 0);
	assert_int_equal(work_up(&f, &w), 0);
	vgpu_fail(r->v[0], "the test says so");
	hp_step(r);
	assert_int_equal(drv_chan_status(w.chan, why, sizeof(why)), -EIO);
	vgpu_reset(r->v[0]);
	drv_close(f.drv);
	vgpu_fail(r->v[0], "the test says so");
	assert_int_equal(up(&f, r), -ENODEV);
}

/* What is refused is refused with the errno that a driver of one's own would give. */
static void refused(void **state)
{
	struct rig *r = *state;
	struct drv_stats s;
	struct work w = { 0 };
	struct drv_bo *bo;
	struct front f;
	uint64_t off;
	void *p;

	assert_int_equal(up(&f, r), 0);
	assert_int_equal(work_up(&f, &w), 0);
	drv_stats(f.drv, &s);
	assert_true(s.vram_free > RIG_VRAM / 2 && s.vram_free < RIG_VRAM);
	assert_int_equal(drv_bo_new(f.drv, RIG_VRAM, DRV_BO_VRAM, &bo), -ENOSPC);
	assert_int_equal(drv_bo_new(f.drv, RIG_RAM, DRV_BO_SYS, &bo), -ENOMEM);
	assert_int_equal(drv_bo_new(f.drv, 4096, DRV_BO_VRAM, &bo), 0);
	assert_int_equal(drv_bo_aperture(bo, &p), -EOPNOTSUPP);
	drv_bo_free(bo);
	assert_int_equal(drv_vas_free(w.vas), -EBUSY);
	assert_int_equal(drv_vas_walk(w.vas, w.va, &off, &(uint32_t){ 0 }), -EOPNOTSUPP);
	assert_int_equal(drv_vas_unmap(w.vas, 4096), -ENOENT);
	work_down(&w);
	drv_close(f.drv);
}

/* The hook has no argument: this is its only way to know how far to count. */
static long left;

static int fail_nth(void)
{
	return left >= 0 && left-- == 0;
}

/* Allocations of both ends: whatever fails, closing takes all of it. */
static void out_of_memory(void **state)
{
	struct rig *r = *state;
	bool fired = true;
	int n;

	for (n = 0; fired; n++) {
		struct work w = { 0 };
		struct front f;
		int err;

		left = n;
		mem_fault_hook = fail_nth;
		err = up(&f, r);
		if (!err)
			err = work_up(&f, &w);
		mem_fault_hook = NULL;
		fired = left < 0;
		assert_true(fired || !err);
		drv_close(f.drv);
		/* A vGPU that could not keep a register's value is switched off until its reset. */
		vgpu_reset(r->v[0]);
		assert_int_equal(stats(&f)->bos + stats(&f)->vases + stats(&f)->chans, 0);
		assert_int_equal(hv_null_pins(r->hg[0]), 0);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
	assert_true(n > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HP_TEST(copies),
		HP_TEST(bells),
		HP_TEST(quiet_then_loud),
		HP_TEST(reuses),
		HP_TEST(keeps_little), HP_TEST(flow_control), HP_TEST(shown), HP_TEST(dies), HP_TEST(refused),
		HP_TEST(switched_off), HP_TEST(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

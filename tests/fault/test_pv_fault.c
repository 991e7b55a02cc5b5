// SPDX-License-Identifier: MIT
/*
 * PV calls while the world fails: the n-th allocation, or the n-th call into
 * the hypervisor port, for every n.  The guest gets an error or its answer is
 * missing; the audit is clean, nothing stays pinned or allocated, and the same
 * call works the next time.
 */
#include "tests/t.h"

#include "gpuvm/base/mem.h"
#include "tests/unit/core/pv.h"

/* The hook has no argument: this is its only way to know how far to count. */
static long left;

static int fail_nth(void)
{
	return left >= 0 && left-- == 0;
}

/* A ring, an address space with pages of both kinds, taken down again.  True if all of it worked. */
static bool life(struct rig *r)
{
	static const struct pv_op ops[] = {
		{ .code = PV_OP_ALLOC, .index = PV_KIND_DIR },
		{ .code = PV_OP_ALLOC, .index = PV_KIND_SMALL, .count = 3 },
		{ .code = PV_OP_ALLOC, .index = PV_KIND_LARGE, .count = 3 },
		{ .code = PV_OP_MAP_TABLE, .id = 1, .a = 3ull << 32 | 2 },
		{ .code = PV_OP_MAP, .id = 2, .count = 1, .a = 1 },
		{ .code = PV_OP_MAP_RUN, .id = 2, .index = 1, .count = 8, .a = 2ull << 33 | 1, .b = 4096 },
		{ .code = PV_OP_SET_DIR, .id = 1, .index = 4 },
		{ .code = PV_OP_BAR_DIR, .id = 1, .index = 1, .a = 0xfffff },
		{ .code = PV_OP_FLUSH, .id = 1 },
		{ .code = PV_OP_UNMAP, .id = 2, .count = 9 },
		{ .code = PV_OP_SET_DIR, .index = 4 },
		{ .code = PV_OP_BAR_DIR, .index = 1 },
		{ .code = PV_OP_FREE, .id = 1 },
		{ .code = PV_OP_FREE, .id = 2 },
		{ .code = PV_OP_FREE, .id = 3 },
	};
	struct pvg c = { .r = r };
	struct pv_call h = { .nr = ARRAY_SIZE(ops), .len = PV_OPS_OFF + sizeof(ops), .res = PV_RES };

	if (pv_try(r, 0, 1, PV_ALL, PV_RING, PV_RING_MAX) != PV_STATE_ON)
		return false;
	memcpy(pv_ram(&c), &h, sizeof(h));
	memcpy(pv_ram(&c) + PV_OPS_OFF, ops, sizeof(ops));
	pv_wr(r, 0, PV_REG_CALL, 1);
	return pv_head(&c)->done == 1 && !pv_head(&c)->error && pv_head(&c)->good == ARRAY_SIZE(ops);
}

static void afterwards(struct rig *r)
{
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	vgpu_reset(r->v[0]);
	assert_int_equal(hv_null_pins(r->hg[0]), 0);
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->table_bytes, 0);
	assert_true(life(r));
	vgpu_reset(r->v[0]);
}

static void allocations(void **state)
{
	struct rig *r = *state;
	bool fired = true;
	int n;

	assert_true(life(r));
	vgpu_reset(r->v[0]);
	for (n = 0; fired; n++) {
		bool ok;

		left = n;
		mem_fault_hook = fail_nth;
		ok = life(r);
		mem_fault_hook = NULL;
		fired = left < 0;
		assert_int_equal(ok, !fired);
		afterwards(r);
	}
	assert_true(n > 6);
}

static void port_calls(void **state)
{
	static const int errs[] = { -EFAULT, -EIO, -ENOMEM };
	struct rig *r = *state;

	for (size_t e = 0; e < ARRAY_SIZE(errs); e++) {
		bool ok = false;

		for (unsigned int n = 1; !ok; n++) {
			assert_true(n < 200);
			hv_null_fail_after(r->hv, n, errs[e]);
			ok = life(r);
			hv_null_fail_after(r->hv, 0, 0);
			/* Probing the ring, reading it, a pin, or writing the answer: each fails once. */
			assert_true(!ok || n > 8);
			afterwards(r);
		}
	}
}

/* A guest that never comes to be leaves nothing. */
static void birth(void **state)
{
	struct vgpu_cfg cfg = { .mode = VGPU_NAIVE_PV, .vram_len = 8 << 20, .pv_ops = 100 };
	struct rig *r = *state;
	struct hv_guest *hg;
	int err = -1;

	for (int n = 0; err; n++) {
		assert_true(n < 200);
		left = n;
		mem_fault_hook = fail_nth;
		err = hv_null_guest_new(r->hv, "late", 1 << 20, &cfg, &hg);
		mem_fault_hook = NULL;
		assert_true(!err || left < 0);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
	hv_null_guest_free(hg);
}

int main(void)
{
	const struct CMUnitTest tests[] = { PV_TEST(allocations), PV_TEST(port_calls), PV_TEST(birth) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * An hp-pv session while the world fails: the n-th allocation, or the n-th call
 * into the hypervisor port, for every n.  The guest gets an error or its answer
 * is missing; the audit is clean, nothing stays pinned or allocated, and the
 * same session works the next time.
 */
#include "tests/t.h"

#include "gpuvm/base/mem.h"
#include "tests/unit/core/hp.h"

/* The hook has no argument: this is its only way to know how far to count. */
static long left;

static int fail_nth(void)
{
	return left >= 0 && left-- == 0;
}

/* Asks and does not insist on an answer. */
static bool ask(struct hpg *c, struct hp_req req)
{
	req.tag = ++c->tag;
	hp_put(c, &req, NULL, 0);
	for (int k = 0; k < 3 && hp_hdr(c)->answer.tag != c->tag; k++)
		hp_bell(c);
	memcpy(c->val, hp_hdr(c)->answer.val, sizeof(c->val));
	return hp_hdr(c)->answer.tag == c->tag && !hp_hdr(c)->answer.error;
}

/* True if all of it worked. */
static bool life(struct rig *r)
{
	struct hpg c = { .r = r };
	struct hp_chan ch;
	uint32_t vas, sys, vram;
	uint64_t va;
	bool ok;

	if (hp_start(r, 0, HP_VERSION, 0, HP_AT) != HP_SESSION_ON)
		return false;
	ok = ask(&c, (struct hp_req){ .op = HP_OP_INFO }) && ask(&c, (struct hp_req){ .op = HP_OP_VAS_NEW });
	vas = (uint32_t)c.val[0];
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_BO_NEW, .id = vas, .a = 8192, .b = HP_MEM });
	sys = (uint32_t)c.val[0];
	va = c.val[1];
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_BO_NEW, .a = 1 << 17, .b = HP_VRAM });
	vram = (uint32_t)c.val[0];
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_MAP, .id = vram, .id2 = vas });
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_CHAN_NEW, .id = vas, .n = DRV_ENGINE_GR });
	memcpy(&ch, c.val, sizeof(ch));
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_CHAN_FREE, .id = ch.id });
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_UNMAP, .id = sys, .id2 = vas, .a = va });
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_BO_FREE, .id = sys });
	ok = ok && ask(&c, (struct hp_req){ .op = HP_OP_BO_FREE, .id = vram });
	return ok && ask(&c, (struct hp_req){ .op = HP_OP_VAS_FREE, .id = vas });
}

static void afterwards(struct rig *r)
{
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	vgpu_reset(r->v[0]);
	assert_int_equal(hv_null_pins(r->hg[0]), 0);
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->table_bytes, 0);
	assert_int_equal(vgpu_hp_stats(r->v[0])->bos, 0);
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
		left = n;
		mem_fault_hook = fail_nth;
		life(r);
		mem_fault_hook = NULL;
		fired = left < 0;
		afterwards(r);
	}
	/* Bring-up alone takes dozens. */
	assert_true(n > 50);
}

static void port_calls(void **state)
{
	struct rig *r = *state;
	bool ok = false;
	unsigned int n, worked = 0;

	/* Some only tell the guest something; then all else works. */
	for (n = 1; n < 400 && worked < 40; n++) {
		hv_null_fail_after(r->hv, n, n % 2 ? -EFAULT : -EIO);
		ok = life(r);
		hv_null_fail_after(r->hv, 0, 0);
		worked = ok ? worked + 1 : 0;
		afterwards(r);
	}
	assert_true(ok && n > 50);
}

/* A guest that never comes to be leaves nothing. */
static void birth(void **state)
{
	struct vgpu_cfg cfg = { .mode = VGPU_HP_PV, .vram_len = 8 << 20 };
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
	const struct CMUnitTest tests[] = { HP_TEST(allocations), HP_TEST(port_calls), HP_TEST(birth) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

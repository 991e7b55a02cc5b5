// SPDX-License-Identifier: MIT
/*
 * VRAM objects of hp-pv guests in BAR1, access by access: what a guest sees
 * whose hypervisor has no memory to put there, or that does not use it.
 */
#include "tests/t.h"

#include "tests/unit/core/hp.h"

#define LEN 0x20000ull

static int access_at(struct rig *r, int i, uint64_t off, uint8_t size, bool write, uint64_t *val)
{
	struct hv_access a = { .space = HV_BAR1, .off = (uint32_t)off, .size = size, .write = write,
			       .val = write ? *val : 0 };
	int err = vgpu_access(r->v[i], &a);

	*val = a.val;
	return err;
}

static void up(struct hpg *c, struct rig *r)
{
	*c = (struct hpg){ .r = r };
	assert_int_equal(hp_start(r, 0, HP_VERSION, HP_FEAT_EXPOSE, HP_AT), HP_SESSION_ON);
}

static uint32_t object(struct hpg *c, uint64_t *off)
{
	struct hp_req req = { .op = HP_OP_BO_NEW, .a = LEN, .b = HP_VRAM };
	uint32_t id;

	assert_int_equal(hp_ask(c, req), 0);
	id = (uint32_t)c->val[0];
	assert_int_equal(hp_ask(c, (struct hp_req){ .op = HP_OP_EXPOSE, .id = id }), 0);
	*off = c->val[0];
	return id;
}

static void each_its_own(void **state)
{
	struct rig *r = *state;
	uint64_t off[3], v, end;
	struct hpg c;

	up(&c, r);
	for (int k = 0; k < 3; k++) {
		object(&c, &off[k]);
		v = 0x1111111111111111ull * (unsigned int)(k + 1);
		assert_int_equal(access_at(r, 0, off[k], 8, true, &v), 0);
		assert_int_equal(access_at(r, 0, off[k] + LEN - 8, 8, true, &v), 0);
	}
	for (int k = 2; k >= 0; k--) {
		assert_int_equal(access_at(r, 0, off[k], 8, false, &v), 0);
		assert_int_equal(v, 0x1111111111111111ull * (unsigned int)(k + 1));
		assert_int_equal(access_at(r, 0, off[k] + LEN - 1, 1, false, &v), 0);
		assert_int_equal(v, 0x11 * (k + 1));
		/* Into the next object, which may stand right behind it: no access at all. */
		end = off[k] + LEN - 4;
		v = ~0ull;
		assert_int_equal(access_at(r, 0, end, 8, true, &v), -EPERM);
		assert_int_equal(access_at(r, 0, end, 4, false, &v), 0);
		assert_int_equal(v, 0x11111111u * (unsigned int)(k + 1));
	}
	assert_int_equal(r->v[0]->stats.denied, 3);
}

static void refused(void **state)
{
	struct rig *r = *state;
	uint64_t off, v = 5;
	uint32_t id;
	struct hpg c;

	assert_int_equal(access_at(r, 0, 0x1000, 4, false, &v), -EPERM);
	up(&c, r);
	id = object(&c, &off);
	assert_int_equal(access_at(r, 0, off, 4, true, &v), 0);
	/* Where nothing is shown, beyond BAR1, of odd sizes, and by another guest. */
	assert_int_equal(access_at(r, 0, off + LEN, 4, false, &v), -EPERM);
	assert_int_equal(v, 0xffffffffu);
	assert_int_equal(access_at(r, 0, GF100_BAR1_LEN - 2, 4, false, &v), -EPERM);
	assert_int_equal(access_at(r, 0, off, 3, false, &v), -EPERM);
	assert_int_equal(access_at(r, 1, off, 4, false, &v), -EPERM);
	assert_int_equal(hp_ask(&c, (struct hp_req){ .op = HP_OP_BO_FREE, .id = id }), 0);
	assert_int_equal(access_at(r, 0, off, 4, false, &v), -EPERM);
	/* The next to stand there shows its own memory. */
	object(&c, &off);
	assert_int_equal(access_at(r, 0, off, 4, false, &v), 0);
	hpr_wr(r, 0, HP_REG_ENABLE, 0);
	assert_int_equal(access_at(r, 0, off, 4, false, &v), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = { HP_TEST(each_its_own), HP_TEST(refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

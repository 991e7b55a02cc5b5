// SPDX-License-Identifier: MIT
/*
 * The DRM service of hp-pv guests: session, requests, submissions, quotas,
 * what is left when something goes.
 */
#include "tests/t.h"

#include <unistd.h>

#include "tests/unit/core/hp.h"

static const struct hp_stats *stats(struct rig *r, int i)
{
	return vgpu_hp_stats(r->v[i]);
}

/* No register and no aperture of a GPU is there, whatever is tried; each try is counted. */
static void no_registers(void **state)
{
	static const enum hv_space spaces[] = { HV_BAR0, HV_BAR1, HV_BAR3 };
	struct rig *r = *state;
	uint64_t before = r->v[0]->stats.denied;
	int err;

	for (size_t k = 0; k < ARRAY_SIZE(spaces); k++) {
		assert_int_equal(ld(r, 0, spaces[k], 0, 4, &err), 0xffffffffu);
		assert_int_equal(err, -EPERM);
		assert_int_equal(st(r, 0, spaces[k], 0x200, 4, 0xdead), -EPERM);
	}
	assert_int_equal(r->v[0]->stats.denied, before + 6);
	assert_int_equal(hpr_rd(r, 0, HP_REG_MAGIC), HP_MAGIC);
	assert_int_equal(st(r, 0, HV_BAR_PV, HP_REG_MAGIC, 4, 1), -EPERM);
	assert_int_equal(st(r, 0, HV_BAR_PV, HP_REG_BELL, 8, 1), -EINVAL);
}

static void negotiation(void **state)
{
	struct rig *r = *state;

	assert_int_equal(hpr_rd(r, 0, HP_REG_ENABLE), HP_SESSION_OFF);
	assert_int_equal(hp_start(r, 0, 0, 0, HP_AT), HP_SESSION_BAD_VERSION);
	assert_int_equal(hp_start(r, 0, HP_VERSION + 1, 0, HP_AT), HP_SESSION_BAD_VERSION);
	assert_int_equal(hp_start(r, 0, HP_VERSION, 1u << 31, HP_AT), HP_SESSION_BAD_FEATURES);
	assert_int_equal(hp_start(r, 0, HP_VERSION, 0, HP_AT + 8), HP_SESSION_BAD_RING);
	assert_int_equal(hp_start(r, 0, HP_VERSION, 0, RIG_RAM - HP_RING_LEN + 4096), HP_SESSION_BAD_RING);
	assert_int_equal(hp_start(r, 0, HP_VERSION, 0, 1ull << 40), HP_SESSION_BAD_RING);
	assert_int_equal(hp_start(r, 0, HP_VERSION, 0, ~0xfffull), HP_SESSION_BAD_RING);
	assert_int_equal(hp_start(r, 0, HP_VERSION, 0, RIG_RAM - HP_RING_LEN), HP_SESSION_ON);
	hpr_wr(r, 0, HP_REG_ENABLE, 0);
	assert_int_equal(hpr_rd(r, 0, HP_REG_ENABLE), HP_SESSION_OFF);
	/* A bell without a session is the guest's fault. */
	assert_int_equal(hpr_wr(r, 0, HP_REG_BELL, 1), 0);
	assert_true(r->v[0]->stats.guest_faults > 0);
	assert_int_equal(hv_null_pins(r->hg[0]), 0);
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->table_bytes, 0);
}

static void info(void **state)
{
	struct rig *r = *state;
	struct hp_info i;
	struct hpg c;

	hp_up(&c, r, 0);
	assert_int_equal(hp_ask(&c, (struct hp_req){ .op = HP_OP_INFO }), 0);
	memcpy(&i, c.val, sizeof(i));
	assert_int_equal(i.boot0 >> 20 & 0x1ff, 0xc0);
	assert_int_equal(i.vram_len, RIG_VRAM);
	assert_true(i.vram_free && i.vram_free < RIG_VRAM);
	assert_true(i.nr_tpc && i.nr_gpc && i.entries >= 8);
	assert_int_equal(i.engines, DRV_ENGINE_ALL);
}

/* From RAM to VRAM and back, by the GPU, through objects of both kinds. */
static void copies(void **state)
{
	struct rig *r = *state;
	struct hpspace s;
	uint8_t *src, *dst;
	uint64_t vram;
	struct hpg c;

	hp_up(&c, r, 0);
	hp_space(&c, &s, HP_MEM);
	src = hp_ram(&c) + HP_MEM + 0x4000;
	dst = hp_ram(&c) + HP_MEM + 0x8000;
	for (int k = 0; k < 4096; k++)
		src[k] = (uint8_t)(k * 7);
	assert_int_equal(hp_ask(&c, (struct hp_req){ .op = HP_OP_BO_NEW, .id = s.vas, .a = 0x40000,
						    .b = HP_VRAM }), 0);
	vram = c.val[1];
	hp_submit(&c, &s, s.va, hp_m2mf(&c, &s, vram + 0x1000, s.va + 0x4000, 4096));
	assert_true(hp_wait(&c, &s, s.seq));
	hp_submit(&c, &s, s.va, hp_m2mf(&c, &s, s.va + 0x8000, vram + 0x1000, 4096));
	assert_true(hp_wait(&c, &s, s.seq));
	assert_memory_equal(src, dst, 4096);
	assert_int_equal(stats(r, 0)->submits, 2);
	assert_int_equal(stats(r, 0)->vram_bytes, 0x40000);
	assert_int_equal(stats(r, 0)->sys_bytes, 0x10000);
	assert_int_equal(r->v[0]->stats.guest_faults, 0);
	assert_true(r->v[0]->stats.submissions >= 2);
}

/* Many requests behind one bell, and more than a step's work: all are done, in order. */
static void batches(void **state)
{
	struct rig *r = *state;
	uint64_t steps = 0;
	struct hpg c;

	hp_up(&c, r, 0);
	for (int k = 0; k < 900; k++)
		hp_put(&c, &(struct hp_req){ .op = k % 2 ? HP_OP_VAS_NEW : HP_OP_VAS_FREE, .id = 1 }, NULL, 0);
	hpr_wr(r, 0, HP_REG_BELL, c.head);
	while (hpr_rd(r, 0, HP_REG_BELL) != c.head && steps++ < 1000)
		hp_step(r);
	assert_int_equal(hpr_rd(r, 0, HP_REG_BELL), 900);
	assert_int_equal(hp_hdr(&c)->tail, 900);
	/* 900 changes of tables are more than one step's. */
	assert_in_range(steps, 3, 900);
	assert_int_equal(stats(r, 0)->requests, 900);
	assert_int_equal(stats(r, 0)->vases, 1);
	assert_int_equal(stats(r, 0)->failed, 1);
}

/* What nobody asked an answer for is not answered, and what failed takes its channel down. */
static void posted_errors(void **state)
{
	struct rig *r = *state;
	struct hpspace s;
	struct hpg c;

	hp_up(&c, r, 0);
	hp_space(&c, &s, HP_MEM);
	hp_put(&c, &(struct hp_req){ .op = HP_OP_BO_FREE, .id = 77 }, NULL, 0);
	hp_bell(&c);
	assert_int_equal(hp_hdr(&c)->answer.tag, c.tag);
	assert_int_equal(hp_hdr(&c)->state[s.chan], HP_CHAN_RUNS);
	/* A piece of no words is nothing a ring can hold. */
	hp_submit(&c, &s, s.va, 0);
	assert_int_equal(hp_hdr(&c)->state[s.chan], HP_CHAN_DEAD);
	assert_int_equal(stats(r, 0)->failed, 2);
	/* Nobody else's: another one works. */
	assert_int_equal(hp_chan_open(&c, &s, DRV_ENGINE_GR), 0);
	hp_submit(&c, &s, s.va, hp_m2mf(&c, &s, s.va + 0x8000, s.va + 0x4000, 64));
	assert_true(hp_wait(&c, &s, s.seq));
}

/* A GPU fault ends the channel, its guest sees it, an interrupt comes if somebody waits. */
static void faults(void **state)
{
	struct rig *r = *state;
	struct hpspace s;
	unsigned int irqs;
	struct hpg c;

	hp_up(&c, r, 0);
	hp_space(&c, &s, HP_MEM);
	hp_hdr(&c)->waiters = 1;
	irqs = hv_null_irqs(r->hg[0]);
	hp_submit(&c, &s, s.va, hp_m2mf(&c, &s, 0x7000000000, s.va, 4096));
	assert_false(hp_wait(&c, &s, s.seq));
	assert_int_equal(hp_hdr(&c)->state[s.chan], HP_CHAN_DEAD);
	assert_true(hv_null_irqs(r->hg[0]) > irqs);
	/* What still comes for it is dropped without a word. */
	hp_submit(&c, &s, s.va, 4);
	assert_int_equal(hp_ask(&c, (struct hp_req){ .op = HP_OP_CHAN_FREE, .id = s.chan }), 0);
	assert_int_equal(hp_hdr(&c)->state[s.chan], HP_CHAN_NONE);
	assert_int_equal(stats(r, 0)->chans, 0);
}

/* Fences raise an interrupt only while the guest says that somebody sleeps. */
static void waiters(void **state)
{
	struct rig *r = *state;
	struct hpspace s;
	struct hpg c;

	hp_up(&c, r, 0);
	hp_space(&c, &s, HP_MEM);
	for (int w = 0; w < 2; w++) {
		unsigned int before = hv_null_irqs(r->hg[0]);

		hp_hdr(&c)->waiters = (uint32_t)w;
		hp_submit(&c, &s, s.va, hp_m2mf(&c, &s, s.va + 0x8000, s.va + 0x4000, 64));
		assert_true(hp_wait(&c, &s, s.seq));
		for (int k = 0; k < 1000 && w && hv_null_irqs(r->hg[0]) == before; k++) {
			hp_step(r);
			usleep(100);
		}
		assert_int_equal(hv_null_irqs(r->hg[0]) > before, w);
	}
}

static void quotas(void **state)
{
	struct rig *r = *state;
	struct hpspace s;
	uint32_t vas;
	struct hpg c;
	int err = 0, n;

	hp_up(&c, r, 0);
	vas = s.vas = hp_vas(&c);
	/* No more system memory in objects than there is. */
	assert_int_equal(hp_sys(&c, 0, 0, RIG_RAM), 0);
	assert_int_equal(hp_sys(&c, 0, 0, 4096), -EDQUOT);
	assert_int_equal(hp_ask(&c, (struct hp_req){ .op = HP_OP_BO_FREE, .id = 1 }), 0);
	assert_int_equal(hp_sys(&c, vas, 0, 4096), 0);
	/* Nor of VRAM; what is left is still to be had. */
	assert_int_equal(hp_ask(&c, (struct hp_req){ .op = HP_OP_BO_NEW, .a = RIG_VRAM, .b = HP_VRAM }),
			 -ENOSPC);
	assert_int_equal(hp_ask(&c, (struct hp_req){ .op = HP_OP_BO_NEW, .a = RIG_VRAM / 2, .b = HP_VRAM }), 0);
	for (n = 0; !err; n++)
		err = hp_ask(&c, (struct hp_req){ .op = HP_OP_VAS_NEW });
	assert_true(err == -EDQUOT || err == -ENOSPC);
	assert_true(n > 2 && n <= (int)LIMIT_HP_VASES);
	for (err = 0, n = 0; !err; n++)
		err = hp_chan_open(&c, &s, DRV_ENGINE_GR);
	assert_int_equal(err, -ENOSPC);
	assert_in_range(n, 8, LIMIT_VGPU_CHANS + 1);
	assert_int_equal(stats(r, 0)->chans, n - 1);
}

/* Everything goes with the session, the guest's RAM, its reset, or itself. */
static void ends(void **state)
{
	struct rig *r = *state;
	struct hpspace s;
	struct hpg c;

	for (int how = 0; how < 4; how++) {
		hp_up(&c, r, 0);
		hp_space(&c, &s, HP_MEM);
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
		hp_submit(&c, &s, s.va, hp_m2mf(&c, &s, s.va + 0x8000, s.va + 0x4000, 64));
		assert_true(hp_wait(&c, &s, s.seq));
		if (how == 0)
			hpr_wr(r, 0, HP_REG_ENABLE, 0);
		else if (how == 1)
			vgpu_reset(r->v[0]);
		else if (how == 2)
			hp_start(r, 0, 0, 0, 0);
		else
			for (int k = 0, err = -EBUSY; err && k < 10000; k++, hp_step(r))
				err = hv_null_revoke(r->hg[0], gpa(HP_AT), 4096);
		assert_int_not_equal(hpr_rd(r, 0, HP_REG_ENABLE), HP_SESSION_ON);
		assert_int_equal(stats(r, 0)->chans + stats(r, 0)->bos + stats(r, 0)->vases, 0);
		assert_int_equal(hv_null_pins(r->hg[0]), 0);
		assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->table_bytes, 0);
		for (uint32_t k = 0; k < GF100_NR_CHAN; k++)
			assert_null(r->v[0]->chan[k]);
	}
}

/* Two guests at once, in different states; the second does not notice the first's end. */
static void two(void **state)
{
	struct rig *r = *state;
	struct hpspace s[2];
	struct hpg c[2];

	for (int i = 0; i < 2; i++) {
		hp_up(&c[i], r, i);
		hp_space(&c[i], &s[i], HP_MEM + (uint64_t)i * 0x20000);
	}
	hp_submit(&c[1], &s[1], s[1].va, hp_m2mf(&c[1], &s[1], s[1].va + 0x8000, s[1].va + 0x4000, 64));
	hv_null_guest_free(r->hg[0]);
	r->hg[0] = NULL;
	assert_true(hp_wait(&c[1], &s[1], s[1].seq));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static int teardown(void **state)
{
	struct rig *r = *state;

	if (r->hg[0])
		return rig_teardown(state);
	hv_null_guest_free(r->hg[1]);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	gpuvm_free(r->g);
	test_free(r);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HP_TEST(no_registers), HP_TEST(negotiation), HP_TEST(info), HP_TEST(copies),
		HP_TEST(batches), HP_TEST(posted_errors), HP_TEST(faults), HP_TEST(waiters),
		HP_TEST(quotas), HP_TEST(ends),
		cmocka_unit_test_setup_teardown(two, hp_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

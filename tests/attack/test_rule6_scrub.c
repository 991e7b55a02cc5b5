// SPDX-License-Identifier: MIT
/*
 * Rule 6: VRAM, tables and scratch are scrubbed on release and again on assignment.
 *
 * Claim: a canary that one guest leaves wherever it can write, and then dies,
 * is found by the next guest nowhere it can read: VRAM, USERD pages, registers,
 * the state of engines.
 */
#include "tests/attack/attack.h"

#define CANARY 0xca4a47ed
#define LEN (8ull << 20)

static struct hv_guest *attach(struct rig *r, const char *name, uint64_t vram)
{
	const struct vgpu_cfg cfg = { .mode = rig_mode, .vram_len = vram };
	struct hv_guest *hg;

	assert_int_equal(hv_null_guest_new(r->hv, name, RIG_RAM, &cfg, &hg), 0);
	return hg;
}

/* Puts hg in guest 0's place, so that the rig's helpers drive it. */
static void take_place(struct rig *r, struct hv_guest *hg)
{
	r->hg[0] = hg;
	r->v[0] = hg->vgpu;
}

static int setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof *r);

	rig_open(r);
	rig_guest(r, 1, false);
	/* All but LEN of the card is somebody's, so that the next guest gets the same chunks. */
	attach(r, "filler", part_pool_free_vram(r->g->pool) - LEN);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	hv_null_guest_free(gpuvm_find(r->g, "filler")->guest);
	return rig_teardown(state);
}

static void test_vram(void **state)
{
	struct rig *r = *state;
	struct hv_guest *a = attach(r, "a", LEN);
	uint64_t at;

	take_place(r, a);
	wr(r, 0, NV_PBUS_BAR1_BLOCK, 0); /* BAR1 shows VRAM from 0 */
	for (at = 0; at < LEN; at += 8)
		st(r, 0, HV_BAR1, (uint32_t)at, 8, (uint64_t)CANARY << 32 | CANARY);
	assert_int_equal(ld(r, 0, HV_BAR1, LEN - 4, 4, NULL), CANARY);
	hv_null_guest_free(a);
	take_place(r, attach(r, "b", LEN));
	for (at = 0; at < LEN; at += 8)
		if (ld(r, 0, HV_BAR1, (uint32_t)at, 8, NULL))
			fail_msg("canary at 0x%llx", (unsigned long long)at);
}

/* The same through the GPU's eyes, for what the CPU may have in a cache. */
static void test_vram_read_by_the_gpu(void **state)
{
	struct rig *r = *state;
	struct hv_guest *a = attach(r, "a", LEN);
	struct raw c;

	take_place(r, a);
	for (uint64_t at = 0x300000; at < 0x310000; at += 4)
		vram_wr32(r, 0, at, CANARY);
	hv_null_guest_free(a);
	take_place(r, attach(r, "b", LEN));
	raw_start(&c, r, 0, 5, BASE);
	for (uint64_t at = 0; at < 0x10000; at += 0x1000) {
		raw_map(&c, 0x300000 + at, raw_pte(0x300000 + at));
		raw_map(&c, 0x320000 + at, raw_pte(0x320000 + at));
	}
	raw_flush(&c);
	vram_wr32(r, 0, 0x320000, 1);
	assert_true(raw_copy(&c, 0x320000, 0x300000, 0x10000));
	for (uint64_t at = 0x320000; at < 0x330000; at += 4)
		assert_int_equal(vram_rd32(r, 0, at), 0);
}

/* Same card channel, next owner: nothing of the first's USERD page or registers is left. */
static void test_userd_and_registers(void **state)
{
	struct rig *r = *state;
	struct hv_guest *a = attach(r, "a", LEN);
	uint32_t host, i;
	struct raw c;

	take_place(r, a);
	raw_start(&c, r, 0, 5, BASE);
	host = hchan_x(r->v[0]->chan[5]->host);
	for (uint32_t off = 0; off < USERD_LEN; off += 4)
		if (off != USERD_GP_PUT)
			st(r, 0, HV_BAR1, 5 * 4096 + off, 4, CANARY);
	for (uint32_t off = 0; off < 0x420000; off += 4)
		if (off < 0x2000 || off > 0x4000)
			wr(r, 0, off, CANARY);
	hv_null_guest_free(a);
	take_place(r, attach(r, "b", LEN));
	for (uint32_t off = 0; off < 0x420000; off += 4)
		if (reg_find(off, &i) != NR_REGS || space_find(off) != NR_SPACES)
			if (rd(r, 0, off) == CANARY)
				fail_msg("canary in register 0x%06x", off);
	raw_start(&c, r, 0, 5, BASE);
	assert_int_equal(hchan_x(r->v[0]->chan[5]->host), host);
	for (uint32_t off = 0; off < USERD_LEN; off += 4)
		assert_int_not_equal(ld(r, 0, HV_BAR1, 5 * 4096 + off, 4, NULL), CANARY);
}

/* An engine's object state: EXEC without addresses must not use those of the channel's last owner. */
static void test_engine_state(void **state)
{
	struct rig *r = *state;
	struct hv_guest *a = attach(r, "a", LEN);
	struct raw c;

	take_place(r, a);
	raw_start(&c, r, 0, 5, BASE);
	raw_map(&c, 0x300000, raw_pte(0x300000));
	raw_map(&c, 0x310000, raw_pte(0x310000));
	raw_flush(&c);
	assert_true(raw_copy(&c, 0x310000, 0x300000, 64));
	hv_null_guest_free(a);
	take_place(r, attach(r, "b", LEN));
	raw_start(&c, r, 0, 5, BASE);
	raw_map(&c, 0x300000, raw_pte(0x300000));
	raw_map(&c, 0x310000, raw_pte(0x310000));
	raw_flush(&c);
	vram_wr32(r, 0, 0x300000, CANARY);
	raw_mthd(&c, RAW_SUBC, HOST_SET_OBJECT, CLASS_M2MF_GF100);
	raw_mthd(&c, RAW_SUBC, M2MF_EXEC, M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
	raw_fence(&c);
	raw_submit(&c);
	raw_run(r, 4);
	assert_int_equal(vram_rd32(r, 0, 0x310000), 0);
}

/* Tables of the dead in the mediator's heap are zero before anybody's next table lies there. */
static void test_shadow_tables(void **state)
{
	struct rig *r = *state;
	struct hv_guest *a = attach(r, "a", LEN);
	uint64_t used = vheap_used(r->g->heap), inst;
	uint32_t words[INST_LEN / 4];
	struct raw c;

	take_place(r, a);
	raw_start(&c, r, 0, 5, BASE);
	inst = hvram_x(shadow_chan_inst(r->v[0]->chan[5]->shadow));
	hv_null_guest_free(a);
	take_place(r, attach(r, "b", LEN));
	assert_int_equal(vheap_used(r->g->heap), used);
	dev_vram_rd(r->g->dev, hvram(inst), words, sizeof words);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(words[i], 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_vram),
		T(test_vram_read_by_the_gpu),
		T(test_userd_and_registers),
		T(test_engine_state),
		T(test_shadow_tables),
	};

	return attack_run_group_few(tests) + attack_run_group_pv(tests);
}

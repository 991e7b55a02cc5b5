// SPDX-License-Identifier: MIT
/* Channels: whose instance block the card gets, which ids, and what is left when they go. */
#include "tests/t.h"

#include "gpuvm/base/mem.h"
#include "gpuvm/host.h"
#include "tests/unit/core/raw.h"

#define BASE 0x100000ull

static uint32_t card_inst(struct rig *r, uint32_t host)
{
	return dev_rd32(r->g->dev, reg_at(REGID_PFIFO_CHAN_INST, host));
}

static void test_the_card_gets_the_shadow(void **state)
{
	struct rig *r = *state;
	struct vgpu_chan *k;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	for (int i = 0; i < 2; i++) {
		uint64_t inst;

		k = r->v[i]->chan[5];
		inst = CHAN_INST_ADDR(card_inst(r, hchan_x(k->host)));
		assert_int_equal(inst, hvram_x(shadow_chan_inst(k->shadow)));
		assert_true(vheap_holds(r->g->heap, hvram(inst), INST_LEN));
		assert_ptr_equal(r->g->by_host[hchan_x(k->host)], k);
		/* What the guest reads back is what it wrote. */
		assert_int_equal(rd(r, i, reg_at(REGID_PFIFO_CHAN_INST, 5)),
				 CHAN_INST_VALID | CHAN_INST_POLL | BASE >> 12);
	}
	assert_int_not_equal(hchan_x(r->v[0]->chan[5]->host), hchan_x(r->v[1]->chan[5]->host));
}

static void test_unbind_gives_the_id_back(void **state)
{
	struct rig *r = *state;
	uint32_t before = part_pool_free_chans(r->g->pool), host;
	uint64_t heap = vheap_used(r->g->heap);
	struct raw a;

	raw_start(&a, r, 0, 5, BASE);
	host = hchan_x(r->v[0]->chan[5]->host);
	assert_int_equal(part_pool_free_chans(r->g->pool), before - 1);
	raw_unbind(&a);
	assert_null(r->v[0]->chan[5]);
	assert_null(r->g->by_host[host]);
	assert_int_equal(card_inst(r, host), 0);
	assert_int_equal(part_pool_free_chans(r->g->pool), before);
	assert_int_equal(vheap_used(r->g->heap), heap);
}

static void test_unbind_while_it_hangs(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 5), 0);
	assert_null(r->v[0]->chan[5]);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* The same value again changes nothing; another instance block is another channel. */
static void test_bind_again(void **state)
{
	struct rig *r = *state;
	struct vgpu_chan *k;
	struct raw a;

	raw_start(&a, r, 0, 5, BASE);
	k = r->v[0]->chan[5];
	assert_int_equal(vgpu_chan_bind(r->v[0], gchan(5), k->inst_reg), 0);
	assert_ptr_equal(r->v[0]->chan[5], k);
	raw_fence(&a);
	raw_submit(&a);
	assert_true(raw_wait(&a));
	raw_start(&a, r, 0, 5, BASE + 0x100000);
	assert_int_equal(gvram_x(shadow_chan_guest_inst(r->v[0]->chan[5]->shadow)), BASE + 0x100000);
	raw_fence(&a);
	raw_submit(&a);
	assert_true(raw_wait(&a));
}

static void test_ids_at_the_edges(void **state)
{
	static const uint32_t bad[] = { GF100_NR_CHAN, GF100_NR_CHAN + 1, 0x7fffffff, 0x80000000,
					0xffffffff };
	struct rig *r = *state;
	struct vgpu *v = r->v[0];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(vgpu_chan_bind(v, gchan(bad[i]), CHAN_INST_VALID | BASE >> 12),
				 -ERANGE);
		vgpu_chan_state(v, gchan(bad[i]), 1);
		vgpu_userd_wr(v, gchan(bad[i]), USERD_GP_PUT, 1);
		assert_int_equal(vgpu_userd_rd(v, gchan(bad[i]), USERD_GP_PUT), 0);
		assert_int_equal(vgpu_chan_kick(v, gchan(bad[i])), 0);
		vgpu_chan_release(v, gchan(bad[i]));
	}
	assert_int_equal(v->stats.doorbells, 0);
	raw_build(&(struct raw){ 0 }, r, 0, GF100_NR_CHAN - 1, BASE);
	assert_int_equal(vgpu_chan_bind(v, gchan(GF100_NR_CHAN - 1), CHAN_INST_VALID | BASE >> 12), 0);
	/* Offsets in a page. */
	assert_int_equal(vgpu_userd_rd(v, gchan(GF100_NR_CHAN - 1), USERD_LEN), 0);
	assert_int_equal(vgpu_userd_rd(v, gchan(GF100_NR_CHAN - 1), 0xffffffff), 0);
	vgpu_userd_wr(v, gchan(GF100_NR_CHAN - 1), USERD_LEN, 1);
	vgpu_userd_wr(v, gchan(GF100_NR_CHAN - 1), 2, 1);
}

static void test_instance_outside_the_part(void **state)
{
	static const uint64_t bad[] = { RIG_VRAM, RIG_VRAM + 4096, RIG_VRAM * 2, 0x80000000,
					0xfffffff000, RIG_VRAM - 4096 + RIG_VRAM };
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		wr(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 3), CHAN_INST_VALID | (uint32_t)(bad[i] >> 12));
		assert_null(r->v[0]->chan[3]);
		assert_true(r->v[0]->stats.guest_faults > i);
	}
	assert_int_equal(part_pool_free_chans(r->g->pool), GF100_NR_CHAN);
}

/* One guest takes all it may; the other still gets what it was promised, and more. */
static void test_channels_run_out(void **state)
{
	struct rig *r = *state;
	uint32_t bound = 0;

	raw_build(&(struct raw){ 0 }, r, 0, 0, BASE);
	raw_build(&(struct raw){ 0 }, r, 1, 0, BASE);
	r->v[0]->cfg.max_chan = LIMIT_VGPU_CHANS;
	for (uint32_t id = 0; id < GF100_NR_CHAN; id++)
		bound += !vgpu_chan_bind(r->v[0], gchan(id), CHAN_INST_VALID | BASE >> 12);
	assert_int_equal(bound, LIMIT_VGPU_CHANS);
	bound = 0;
	for (uint32_t id = 0; id < GF100_NR_CHAN; id++)
		bound += !vgpu_chan_bind(r->v[1], gchan(id), CHAN_INST_VALID | BASE >> 12);
	assert_int_equal(bound, LIMIT_VGPU_CHANS);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_promise_to_a_latecomer(void **state)
{
	const struct vgpu_cfg cfg = { .mode = VGPU_FULL, .vram_len = 4 << 20,
				      .max_chan = GF100_NR_CHAN };
	struct rig *r = *state;
	struct hv_guest *hog;
	uint32_t bound = 0;

	assert_int_equal(hv_null_guest_new(r->hv, "hog", RIG_RAM, &cfg, &hog), 0);
	for (uint32_t id = 0; id < GF100_NR_CHAN; id++)
		bound += !vgpu_chan_bind(hog->vgpu, gchan(id), CHAN_INST_VALID | BASE >> 12);
	assert_int_equal(bound, GF100_NR_CHAN - 2 * LIMIT_CHANS_PROMISED);
	for (int i = 0; i < 2; i++)
		for (uint32_t id = 0; id < LIMIT_CHANS_PROMISED; id++)
			assert_int_equal(vgpu_chan_bind(r->v[i], gchan(id),
							CHAN_INST_VALID | BASE >> 12), 0);
	hv_null_guest_free(hog);
	assert_int_equal(part_pool_free_chans(r->g->pool),
			 GF100_NR_CHAN - 2 * LIMIT_CHANS_PROMISED);
}

/* USERD starts as the guest's page is, but nothing counts as handed over. */
static void userd_from(struct rig *r, uint64_t addr, uint32_t target, bool good)
{
	uint64_t faults = r->v[0]->stats.guest_faults;
	struct raw a;

	raw_fifo_init(r, 0);
	raw_build(&a, r, 0, 5, BASE);
	vram_wr32(r, 0, BASE + RAMFC_USERD_LO, lo32(addr) | target);
	vram_wr32(r, 0, BASE + RAMFC_USERD_HI, hi32(addr));
	raw_bind(&a);
	assert_non_null(r->v[0]->chan[5]);
	assert_int_equal(vgpu_userd_rd(r->v[0], gchan(5), USERD_REF), good ? 0xabcd : 0);
	assert_int_equal(r->v[0]->stats.guest_faults > faults, !good);
	assert_int_equal(host_userd_rd(r->g, r->v[0]->chan[5]->host, USERD_GP_PUT), 0);
	raw_unbind(&a);
}

static void test_userd_contents(void **state)
{
	struct rig *r = *state;
	uint32_t *ram = hv_null_ram(r->hg[0]);

	vram_wr32(r, 0, 0x300000 + USERD_REF, 0xabcd);
	userd_from(r, 0x300000, PTE_VRAM, true);
	ram[(0x5000 + USERD_REF) / 4] = 0xabcd;
	userd_from(r, 0x5000, PTE_SYS, true);
	userd_from(r, 0x5000, PTE_SYS_NC, true);
	userd_from(r, RIG_VRAM, PTE_VRAM, false);
	userd_from(r, 0xfffffff000, PTE_VRAM, false);
	userd_from(r, RIG_RAM, PTE_SYS, false);
	userd_from(r, 0xfffffff000, PTE_SYS, false);
}

/* Every allocation on the way fails once; what was begun is undone. */
static int fail_in;
static int fail_nth(void)
{
	return fail_in && !--fail_in;
}

static void test_bind_without_memory(void **state)
{
	struct rig *r = *state;
	uint64_t heap = vheap_used(r->g->heap);
	struct raw a;
	int n, err = -1;

	raw_fifo_init(r, 0);
	raw_build(&a, r, 0, 5, BASE);
	for (n = 1; n < 200 && err; n++) {
		fail_in = n;
		mem_fault_hook = fail_nth;
		err = vgpu_chan_bind(r->v[0], gchan(5), CHAN_INST_VALID | BASE >> 12);
		mem_fault_hook = NULL;
		assert_int_equal(gpuvm_audit(r->g, stderr), 0);
		if (err) {
			assert_null(r->v[0]->chan[5]);
			assert_int_equal(vheap_used(r->g->heap), heap);
			assert_int_equal(part_pool_free_chans(r->g->pool), GF100_NR_CHAN);
		} else if (fail_in) {
			break; /* nothing left to fail */
		} else {
			/* Bound without its address space; that is a counted fault. */
			wr(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 5), 0);
			err = -1;
		}
	}
	assert_in_range(n, 2, 199);
	assert_int_equal(err, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_the_card_gets_the_shadow),
		RIG_TEST(test_unbind_gives_the_id_back),
		RIG_TEST(test_unbind_while_it_hangs),
		RIG_TEST(test_bind_again),
		RIG_TEST(test_ids_at_the_edges),
		RIG_TEST(test_instance_outside_the_part),
		RIG_TEST(test_channels_run_out),
		RIG_TEST(test_promise_to_a_latecomer),
		RIG_TEST(test_userd_contents),
		RIG_TEST(test_bind_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

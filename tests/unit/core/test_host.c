// SPDX-License-Identifier: MIT
/* The mediator as the card's driver: bring-up, refusals, the audit, and how it goes away. */
#include "tests/t.h"

#include "gpuvm/base/mem.h"
#include "gpuvm/host.h"
#include "tests/unit/core/raw.h"

#define BASE 0x100000ull

static struct dev *open_dev(const char *spec)
{
	struct dev *d;
	char msg[200] = "";

	if (dev_open(spec, NULL, &d, msg, sizeof msg))
		fail_msg("%s", msg);
	return d;
}

static int try_new(const char *spec, const struct gpuvm_cfg *cfg, char *msg, size_t n)
{
	struct gpuvm *g;
	int r = gpuvm_new(open_dev(spec), cfg, &g, msg, n);

	if (!r)
		gpuvm_free(g);
	return r;
}

static void test_card_is_up(void **state)
{
	struct rig *r = *state;
	struct dev *d = r->g->dev;

	assert_int_equal(r->g->host->engines, 1u << ENGINE_GR | 1u << ENGINE_CE0 | 1u << ENGINE_CE1);
	assert_true(r->g->host->gr_ctx_len > 0);
	assert_int_equal(dev_rd32(d, NV_PFIFO_ENABLE), 1);
	assert_int_equal(dev_rd32(d, NV_PFIFO_USERD_BASE), USERD_BASE_VALID);
	assert_int_equal(dev_rd32(d, NV_PBUS_BAR3_BLOCK), 0);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR_EN), 1);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	/* BAR1 is the USERD array and nothing else. */
	for (uint32_t c = 0; c < GF100_NR_CHAN; c++) {
		uint32_t v;

		host_userd_wr(r->g, hchan(c), USERD_REF, 0x1000 + c);
		dev_vram_rd(d, hvram(hvram_x(r->g->userd) + c * 4096 + USERD_REF), &v, 4);
		assert_int_equal(v, 0x1000 + c);
	}
	dev_bar_wr(d, 1, GF100_NR_CHAN * 4096, 4, 1);
	assert_int_equal(dev_rd32(d, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_BAR1);
	raw_run(r, 2);
	assert_int_equal(dev_rd32(d, NV_PFIFO_MMU_FAULT_UNITS), 0);
}

static void test_layout(void **state)
{
	static const struct {
		const char *spec;
		uint64_t heap, vram;
	} cards[] = {
		{ "sim:vram=256M,clock=manual", 16ull << 20, 256ull << 20 },
		{ "sim:vram=1G,clock=manual", 64ull << 20, 1024ull << 20 },
		{ "sim:vram=6G,clock=manual", 384ull << 20, 6144ull << 20 },
	};
	const struct gpuvm_cfg cfg = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cards); i++) {
		struct gpuvm *g;
		char msg[200];
		hvram_t at;

		assert_int_equal(gpuvm_new(open_dev(cards[i].spec), &cfg, &g, msg, sizeof msg), 0);
		assert_int_equal(vheap_size(g->heap), cards[i].heap);
		assert_int_equal(vheap_alloc(g->heap, 4096, 4096, &at), 0);
		/* The ends of VRAM are left alone, guests lie below the heap. */
		assert_true(hvram_x(at) >= cards[i].vram - (1 << 20) - cards[i].heap);
		assert_true(hvram_x(at) < cards[i].vram - (1 << 20));
		vheap_release(g->heap, at, 4096);
		assert_true(g->pool_len >= cards[i].vram - cards[i].heap - (5 << 20));
		assert_int_equal(gpuvm_audit(g, stderr), 0);
		gpuvm_free(g);
	}
}

static void test_refusals(void **state)
{
	struct gpuvm_cfg cfg = { .policy = "fairest" };
	char msg[200] = "";

	(void)state;
	assert_int_equal(try_new("sim:vram=256M,clock=manual", &cfg, msg, sizeof msg), -EINVAL);
	assert_non_null(strstr(msg, "fairest"));
	assert_null(strchr(msg, '\n'));
	cfg = (struct gpuvm_cfg){ .host_vram_len = 256ull << 20 };
	assert_int_equal(try_new("sim:vram=256M,clock=manual", &cfg, msg, sizeof msg), -EINVAL);
	assert_non_null(strstr(msg, "256 MiB"));
	cfg.host_vram_len = UINT64_MAX;
	assert_int_equal(try_new("sim:vram=256M,clock=manual", &cfg, msg, sizeof msg), -EINVAL);
	cfg.host_vram_len = 4096;
	assert_int_equal(try_new("sim:vram=256M,clock=manual", &cfg, msg, sizeof msg), -EINVAL);
	cfg.host_vram_len = 4 << 20;
	assert_int_equal(try_new("sim:vram=256M,clock=manual", &cfg, msg, sizeof msg), 0);
	cfg.host_vram_len = 0;
	assert_int_equal(try_new("null", &cfg, msg, sizeof msg), -EINVAL);
	assert_non_null(strstr(msg, "VRAM"));
}

static int fail_in;
static int fail_nth(void)
{
	return fail_in && !--fail_in;
}

static void test_no_memory(void **state)
{
	const struct gpuvm_cfg cfg = { 0 };
	int n, err = -1;

	(void)state;
	for (n = 1; n < 200; n++) {
		struct dev *d = open_dev("sim:vram=256M,clock=manual");
		struct gpuvm *g = NULL;
		char msg[200] = "";

		fail_in = n;
		mem_fault_hook = fail_nth;
		err = gpuvm_new(d, &cfg, &g, msg, sizeof msg);
		mem_fault_hook = NULL;
		if (!err)
			gpuvm_free(g);
		else
			assert_true(msg[0]);
		if (fail_in)
			break;
	}
	assert_int_equal(err, 0);
	assert_in_range(n, 5, 199);
}

/* What the audit is for: each thing planted on the card is found, and only that. */
static void plant(struct rig *r, uint32_t reg, uint32_t val)
{
	uint32_t was = dev_rd32(r->g->dev, reg);

	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	dev_wr32(r->g->dev, reg, val);
	assert_true(gpuvm_audit(r->g, NULL) > 0);
	dev_wr32(r->g->dev, reg, was);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_audit_finds_what_is_planted(void **state)
{
	struct rig *r = *state;
	struct vgpu_chan *k;
	struct raw a;

	raw_start(&a, r, 0, 5, BASE);
	raw_run(r, 2);
	k = r->v[0]->chan[5];
	plant(r, NV_PBUS_BAR1_BLOCK, CHAN_INST_VALID | 0x1234);
	plant(r, NV_PBUS_BAR3_BLOCK, CHAN_INST_VALID | 0x1234);
	plant(r, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | 1);
	plant(r, reg_at(REGID_PFIFO_CHAN_INST, 99), CHAN_INST_VALID | 0x1234);
	plant(r, reg_at(REGID_PFIFO_CHAN_INST, hchan_x(k->host)), CHAN_INST_VALID | 0x1234);

	host_userd_wr(r->g, k->host, USERD_GP_PUT, 3);
	assert_int_equal(gpuvm_audit(r->g, NULL), 1);
	host_userd_wr(r->g, k->host, USERD_GP_PUT, k->put_host);
	r->g->by_host[hchan_x(k->host)] = NULL;
	assert_true(gpuvm_audit(r->g, NULL) > 0);
	r->g->by_host[hchan_x(k->host)] = k;
	r->g->by_host[77] = k;
	assert_true(gpuvm_audit(r->g, NULL) > 0);
	r->g->by_host[77] = NULL;
	r->g->shadow_reserved++;
	assert_int_equal(gpuvm_audit(r->g, NULL), 1);
	r->g->shadow_reserved--;
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_engine_reset(void **state)
{
	static const enum fermi_engine all[] = { ENGINE_GR, ENGINE_CE0, ENGINE_CE1 };
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		host_engine_reset(r->g, all[i]);
	assert_int_equal(r->g->stats.engine_resets, 3);
	assert_int_equal(r->g->host->engines, 1u << ENGINE_GR | 1u << ENGINE_CE0 | 1u << ENGINE_CE1);
	assert_true(dev_rd32(r->g->dev, NV_FECS_SCRATCH) >> 31);
}

/* A wait for what does not come ends, also where time stands still. */
static void test_wait_is_bounded(void **state)
{
	struct rig *r = *state;

	assert_true(host_wait(r->g, NV_PMC_BOOT_0, ~0u, GF100_BOOT_0, 0));
	assert_false(host_wait(r->g, NV_PMC_BOOT_0, ~0u, 0, 1000));
}

static void test_fds_and_next(void **state)
{
	struct rig *r = *state;
	struct raw a;
	uint64_t next;
	int fds[GPUVM_FDS];

	assert_in_range(gpuvm_fds(r->g, fds), 1, 2);
	raw_run(r, 3);
	gpuvm_step(r->g, dev_now(r->g->dev), &next);
	assert_int_equal(next, SCHED_NEVER);
	raw_start(&a, r, 0, 5, BASE);
	raw_run(r, 3);
	raw_hang(&a, 0);
	raw_submit(&a);
	for (int k = 0; k < 12; k++) {
		raw_step(r, LIMIT_POLL_MAX_NS);
		gpuvm_step(r->g, dev_now(r->g->dev), &next);
		assert_true(next <= dev_now(r->g->dev) + 2 * LIMIT_POLL_MAX_NS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_card_is_up),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_memory),
		RIG_TEST(test_audit_finds_what_is_planted),
		RIG_TEST(test_engine_reset),
		RIG_TEST(test_wait_is_bounded),
		RIG_TEST(test_fds_and_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

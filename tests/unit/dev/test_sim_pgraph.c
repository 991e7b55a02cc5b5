// SPDX-License-Identifier: MIT
/* PGRAPH's handshakes in the order a driver makes them, FECS commands, and error interrupts. */
#include "tests/unit/dev/simkit.h"

#define READY 0x80000000u

static struct dev *setup_dev(void)
{
	return kit_open("vram=256M,clock=manual");
}

static void fecs_cmd(struct dev *d, uint32_t data, uint32_t cmd)
{
	dev_wr32(d, NV_FECS_SCRATCH_CLR, READY);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH) & READY, 0);
	dev_wr32(d, NV_FECS_DATA, data);
	dev_wr32(d, NV_FECS_CMD, cmd);
}

/* The whole bring-up, table of fermi-hardware.md 5.3. */
static void test_bring_up(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_PMC_ENABLE, ~PMC_ENABLE_PGRAPH);
	dev_wr32(d, NV_PMC_ENABLE, ~0u);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_STATUS) & 4, 0);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_IDLE2) & 1, 0);
	dev_wr32(d, NV_GPC_BCAST_MMU_WR, 0x1234);
	dev_wr32(d, 0x418880, 0x5678);
	assert_int_equal(dev_rd32(d, 0x418880), 0x5678);
	dev_wr32(d, NV_PMC_GR_FW_SWITCH, 0);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH) & READY, 0);
	dev_wr32(d, NV_FECS_DMACTL, 0);
	dev_wr32(d, NV_FECS_CPUCTL, 2);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH) & READY, READY);
	assert_int_not_equal(dev_rd32(d, NV_FECS_SCRATCH + 4), 0);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH + 4) % 4, 0);
	dev_wr32(d, NV_PGRAPH_PWR_HANDSHAKE, 0x12);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_PWR_HANDSHAKE), 0x02);
	for (uint32_t i = 0; i < 100; i++) {
		dev_wr32(d, NV_PGRAPH_ICMD_DATA, i);
		dev_wr32(d, NV_PGRAPH_ICMD_ADDR, 0xe100);
		assert_int_equal(dev_rd32(d, NV_PGRAPH_STATUS) & 4, 0);
		dev_wr32(d, NV_PGRAPH_MTHD_DATA, i);
		dev_wr32(d, NV_PGRAPH_MTHD_ADDR, 0x80000000 | i << 14 | 0x9097);
	}
	dev_close(d);
}

static void test_fecs(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_FECS_CPUCTL, 2);
	fecs_cmd(d, 0x80000123, 1);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH) & READY, READY);
	assert_int_equal(dev_rd32(d, NV_FECS_CHAN), 0x80000123);
	fecs_cmd(d, 0x80000123, 2);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH) & READY, READY);
	assert_int_equal(dev_rd32(d, NV_FECS_CHAN), 0x80000123);
	dev_wr32(d, NV_FECS_SCRATCH_SET + 8, 0xf0);
	dev_wr32(d, NV_FECS_SCRATCH_SET + 8, 0x0f);
	dev_wr32(d, NV_FECS_SCRATCH_CLR + 8, 0x81);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH + 8), 0x7e);
	dev_close(d);
}

static void test_switch(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	fecs_cmd(d, 0x80000123, 1);
	dev_wr32(d, NV_FECS_SWITCH, 0x1);
	assert_int_equal(dev_rd32(d, NV_FECS_CHAN), 0x80000123);
	/* To nobody: a channel's teardown. */
	dev_wr32(d, NV_FECS_CHAN_NEXT, 0x00000123);
	dev_wr32(d, NV_FECS_SWITCH, 0x100);
	assert_int_equal(dev_rd32(d, NV_FECS_CHAN), 0x123);
	dev_wr32(d, NV_FECS_CHAN_NEXT, 0x80000456);
	dev_wr32(d, NV_FECS_SWITCH, 0x100);
	assert_int_equal(dev_rd32(d, NV_FECS_CHAN), 0x80000456);
	dev_close(d);
}

static void test_fecs_error(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_PGRAPH_INTR_EN, ~0u);
	fecs_cmd(d, 0, 0x77);
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH) & READY, 0);
	assert_int_equal(dev_rd32(d, NV_FECS_INTR), 1);
	assert_int_not_equal(dev_rd32(d, NV_FECS_SCRATCH + 0x14), 0);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_INTR), 1u << 19);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PGRAPH);
	/* The bit in front stays while what is behind it does. */
	dev_wr32(d, NV_PGRAPH_INTR, 1u << 19);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_INTR), 1u << 19);
	dev_wr32(d, NV_FECS_INTR_CLR, 2);
	assert_int_equal(dev_rd32(d, NV_FECS_INTR), 1);
	dev_wr32(d, NV_FECS_INTR_CLR, 1);
	assert_int_equal(dev_rd32(d, NV_FECS_INTR), 0);
	dev_wr32(d, NV_PGRAPH_INTR, 1u << 19);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	dev_close(d);
}

static void test_error(void **state)
{
	struct dev *d = setup_dev();
	struct sim *s = kit_sim(d);
	struct engine_ctx ctx = {
		.sim = s, .vm = { .inst = 0x456000 }, .engine = ENGINE_GR, .subc = 5
	};

	(void)state;
	pthread_mutex_lock(&s->lock);
	pgraph_error(s, 1u << 20, &ctx, 0x31c, 0x99, 0x9039, 0x0c);
	pthread_mutex_unlock(&s->lock);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_INTR), 1u << 20);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	dev_wr32(d, NV_PGRAPH_INTR_EN, ~0u);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PGRAPH);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_TRAP_ADDR), 5u << 16 | 0x31c);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_TRAP_DATA), 0x99);
	assert_int_equal(dev_rd32(d, reg_at(REGID_PGRAPH_SUBC_CLASS, 5)), 0x9039);
	assert_int_equal(dev_rd32(d, NV_PGRAPH_DATA_ERROR), 0x0c);
	assert_int_equal((dev_rd32(d, NV_FECS_CHAN) & 0x0fffffff) << 12, 0x456000);
	dev_wr32(d, NV_PGRAPH_INTR, 1u << 20);
	dev_wr32(d, NV_PGRAPH_RESUME, 0x00010001);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bring_up), cmocka_unit_test(test_fecs),
		cmocka_unit_test(test_switch),	 cmocka_unit_test(test_fecs_error),
		cmocka_unit_test(test_error),
	};

	return cmocka_run_group_tests_name("sim_pgraph", tests, NULL, NULL);
}

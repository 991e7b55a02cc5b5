// SPDX-License-Identifier: MIT
/* The interrupt tree, masks, MSI edges and unit resets. */
#include "tests/unit/dev/simkit.h"

static struct dev *setup_dev(void)
{
	struct dev *d = kit_open("vram=256M,clock=manual");

	dev_wr32(d, NV_PBUS_INTR_EN, ~0u);
	return d;
}

/* A source that any driver can raise: a store where no register is. */
static void raise_pbus(struct dev *d)
{
	dev_bar_wr(d, 0, GF100_MMIO_LEN, 4, 0x1234);
}

static void test_tree(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	raise_pbus(d);
	/* The tree shows the level whether or not it is delivered. */
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PBUS);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR_NONSTALL), 0);
	assert_false(kit_irq(d, 0));
	dev_wr32(d, NV_PBUS_INTR, ~0u);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	dev_close(d);
}

static void test_edges(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	assert_false(kit_irq(d, 0));
	raise_pbus(d);
	assert_true(kit_irq(d, 0));
	/* One edge, one interrupt: it stays high. */
	raise_pbus(d);
	assert_false(kit_irq(d, 0));
	/* The handler's dance: off, serve, on.  Still pending, so a new one. */
	dev_wr32(d, NV_PMC_INTR_EN, 0);
	assert_false(kit_irq(d, 0));
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	assert_true(kit_irq(d, 0));
	/* Served: no new one. */
	dev_wr32(d, NV_PMC_INTR_EN, 0);
	dev_wr32(d, NV_PBUS_INTR, ~0u);
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	assert_false(kit_irq(d, 0));
	/* And again. */
	raise_pbus(d);
	assert_true(kit_irq(d, 0));
	dev_close(d);
}

/* The number that spares reading the file: another one whenever the file became readable, and only then. */
static void test_seq(void **state)
{
	struct dev *d = setup_dev();
	uint32_t seq = dev_irq_seq(d);

	(void)state;
	assert_int_equal(seq & 1, 0);
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	assert_int_equal(dev_irq_seq(d), seq);
	for (int i = 0; i < 3; i++) {
		raise_pbus(d);
		assert_true(kit_irq(d, 0));
		assert_int_not_equal(dev_irq_seq(d), seq);
		seq = dev_irq_seq(d);
		assert_int_equal(seq & 1, 0);
		dev_wr32(d, NV_PBUS_INTR, ~0u);
		assert_int_equal(dev_irq_seq(d), seq);
	}
	dev_close(d);
}

static void test_rearm(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_bar_wr(d, 0, 0x088704, 1, 0xff);
	assert_false(kit_irq(d, 0)); /* nothing pending */
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	raise_pbus(d);
	assert_true(kit_irq(d, 0));
	dev_bar_wr(d, 0, 0x088704, 1, 0xff);
	assert_true(kit_irq(d, 0));
	dev_bar_wr(d, 0, 0x088704, 1, 0x00);
	assert_false(kit_irq(d, 0));
	dev_wr32(d, 0x088704, 0xff);
	assert_true(kit_irq(d, 0));
	dev_close(d);
}

static void test_mask(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR_MASK), ~0u); /* 6.1 never writes it */
	dev_wr32(d, NV_PMC_INTR_MASK, ~PMC_INTR_PBUS);
	raise_pbus(d);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PBUS);
	assert_false(kit_irq(d, 0));
	dev_wr32(d, NV_PMC_INTR_MASK, PMC_INTR_PBUS);
	assert_true(kit_irq(d, 0));
	/* The other tree's switches raise nothing. */
	dev_wr32(d, NV_PMC_INTR_EN, 0);
	dev_wr32(d, NV_PMC_INTR_EN_NONSTALL, 1);
	assert_false(kit_irq(d, 0));
	dev_close(d);
}

/* Two sources share the line: the second raises no edge, the line falls with the last. */
static void test_two_sources(void **state)
{
	struct dev *d = setup_dev();
	struct sim *s = kit_sim(d);

	(void)state;
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	raise_pbus(d);
	assert_true(kit_irq(d, 0));
	pthread_mutex_lock(&s->lock);
	sim_intr(s, PMC_INTR_PMU, true);
	pthread_mutex_unlock(&s->lock);
	assert_false(kit_irq(d, 0));
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PBUS | PMC_INTR_PMU);
	dev_wr32(d, NV_PBUS_INTR, ~0u);
	assert_true(s->irq_line);
	pthread_mutex_lock(&s->lock);
	sim_intr(s, PMC_INTR_PMU, false);
	pthread_mutex_unlock(&s->lock);
	assert_false(s->irq_line);
	dev_close(d);
}

/* PMC_ENABLE off resets exactly that unit. */
static void test_unit_reset(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_PMU_CPUCTL, 2);
	dev_wr32(d, NV_FECS_CPUCTL, 2);
	dev_wr32(d, 0x104700, 1);
	dev_wr32(d, 0x105700, 2);
	assert_int_not_equal(dev_rd32(d, NV_PMU_SEND_RING), 0);
	dev_wr32(d, NV_PMC_ENABLE, ~PMC_ENABLE_PMU);
	assert_int_equal(dev_rd32(d, NV_PMU_SEND_RING), 0);
	assert_int_not_equal(dev_rd32(d, NV_FECS_SCRATCH) & 0x80000000, 0);
	dev_wr32(d, NV_PMC_ENABLE, ~(PMC_ENABLE_PMU | PMC_ENABLE_PGRAPH));
	assert_int_equal(dev_rd32(d, NV_FECS_SCRATCH), 0);
	assert_int_equal(dev_rd32(d, NV_FECS_UNITS) & 0x1f, 1);
	assert_int_equal(dev_rd32(d, 0x104700), 1);
	dev_wr32(d, NV_PMC_ENABLE, ~PMC_ENABLE_CE0);
	assert_int_equal(dev_rd32(d, 0x104700), 0);
	assert_int_equal(dev_rd32(d, NV_CE0_FALCON_SIZES), 0x1012);
	assert_int_equal(dev_rd32(d, 0x105700), 2);
	dev_wr32(d, NV_PMC_ENABLE, ~PMC_ENABLE_CE1);
	assert_int_equal(dev_rd32(d, 0x105700), 0);
	/* Turning on resets nothing. */
	dev_wr32(d, 0x105700, 3);
	dev_wr32(d, NV_PMC_ENABLE, ~0u);
	assert_int_equal(dev_rd32(d, 0x105700), 3);
	assert_int_equal(dev_rd32(d, NV_PMC_ENABLE), ~0u);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	     cmocka_unit_test(test_edges), cmocka_unit_test(test_seq),
		cmocka_unit_test(test_rearm),	     cmocka_unit_test(test_mask),
		cmocka_unit_test(test_two_sources),  cmocka_unit_test(test_unit_reset),
	};

	return cmocka_run_group_tests_name("sim_pmc", tests, NULL, NULL);
}

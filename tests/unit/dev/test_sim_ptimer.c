// SPDX-License-Identifier: MIT
/* PTIMER: time by hand and by the real clock, and its alarm. */
#include "tests/unit/dev/simkit.h"

static uint64_t time_of(struct dev *d)
{
	uint32_t hi = dev_rd32(d, NV_PTIMER_TIME_HI), lo, again;

	for (;;) {
		lo = dev_rd32(d, NV_PTIMER_TIME_LO);
		again = dev_rd32(d, NV_PTIMER_TIME_HI);
		if (again == hi)
			return (uint64_t)hi << 32 | lo;
		hi = again;
	}
}

static struct dev *manual(void)
{
	struct dev *d = kit_open("vram=256M,clock=manual");

	dev_wr32(d, NV_PMC_INTR_EN, 1);
	dev_wr32(d, NV_PTIMER_INTR_EN, 1);
	return d;
}

static void test_by_hand(void **state)
{
	struct dev *d = manual();

	(void)state;
	assert_int_equal(time_of(d), 0);
	assert_int_equal(time_of(d), 0);
	assert_int_equal(dev_now(d), 0);
	assert_int_equal(dev_advance(d, 1000), 0);
	assert_int_equal(dev_now(d), 1000);
	assert_int_equal(time_of(d), 1000 & ~31);
	dev_advance(d, 0x300000000ull - 1000);
	assert_int_equal(time_of(d), 0x300000000ull);
	dev_close(d);
}

static void test_set(void **state)
{
	struct dev *d = manual();

	(void)state;
	dev_advance(d, 5000);
	dev_wr32(d, NV_PTIMER_TIME_HI, 0x17);
	dev_wr32(d, NV_PTIMER_TIME_LO, 0xfffff000);
	assert_int_equal(time_of(d), 0x17fffff000ull);
	dev_advance(d, 0x2000);
	assert_int_equal(time_of(d), 0x1800001000ull);
	/* The device's own clock has nothing to do with what is written there. */
	assert_int_equal(dev_now(d), 5000 + 0x2000);
	dev_close(d);
}

static void test_alarm(void **state)
{
	struct dev *d = manual();

	(void)state;
	dev_wr32(d, NV_PTIMER_ALARM, 10000);
	dev_advance(d, 9999);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 0);
	assert_false(kit_irq(d, 0));
	dev_advance(d, 1);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 1);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PTIMER);
	assert_true(kit_irq(d, 0));
	dev_wr32(d, NV_PTIMER_INTR, 1);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	dev_advance(d, 1000000);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 0);
	/* The low half comes round after 4.3 s. */
	dev_advance(d, 1ull << 32);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 1);
	dev_close(d);
}

static void test_alarm_disabled(void **state)
{
	struct dev *d = manual();

	(void)state;
	dev_wr32(d, NV_PTIMER_INTR_EN, 0);
	dev_wr32(d, NV_PTIMER_ALARM, 100);
	dev_advance(d, 200);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 1);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	dev_wr32(d, NV_PTIMER_INTR_EN, 1);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PTIMER);
	assert_true(kit_irq(d, 0));
	dev_close(d);
}

/* A counter set to its very end wraps and goes on; the alarm too. */
static void test_wrap(void **state)
{
	struct dev *d = manual();

	(void)state;
	dev_wr32(d, NV_PTIMER_TIME_HI, ~0u);
	dev_wr32(d, NV_PTIMER_TIME_LO, 0xffffff00);
	dev_wr32(d, NV_PTIMER_ALARM, 0x100);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 0);
	dev_advance(d, 0x1ff);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 0);
	dev_advance(d, 1);
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 1);
	assert_int_equal(time_of(d), 0x100);
	dev_close(d);
}

/* Under the real clock time moves by itself and the alarm needs nobody to look. */
static void test_real(void **state)
{
	struct dev *d = kit_open("vram=256M");
	uint64_t t0 = time_of(d), t;

	(void)state;
	do
		t = time_of(d);
	while (t == t0); /* ends, or the test runner's deadline does it */
	assert_true(t > t0);
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	dev_wr32(d, NV_PTIMER_INTR_EN, 1);
	dev_wr32(d, NV_PTIMER_ALARM, lo32(time_of(d)) + 2000000);
	assert_true(kit_irq(d, 20000));
	assert_int_equal(dev_rd32(d, NV_PTIMER_INTR), 1);
	dev_wr32(d, NV_PTIMER_INTR, 1);
	/* An alarm moved closer while the thread sleeps on a far one. */
	dev_wr32(d, NV_PTIMER_ALARM, lo32(time_of(d)) + 4000000000u);
	dev_wr32(d, NV_PTIMER_ALARM, lo32(time_of(d)) + 2000000);
	assert_true(kit_irq(d, 20000));
	/* Set to the end of time, the thread must not spin with the lock held. */
	dev_wr32(d, NV_PTIMER_TIME_HI, ~0u);
	dev_wr32(d, NV_PTIMER_TIME_LO, ~0u);
	assert_true(time_of(d) < 1ull << 40);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_set),
		cmocka_unit_test(test_alarm),	cmocka_unit_test(test_alarm_disabled),
		cmocka_unit_test(test_wrap),	cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests_name("sim_ptimer", tests, NULL, NULL);
}

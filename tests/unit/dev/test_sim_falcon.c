// SPDX-License-Identifier: MIT
/*
 * Falcon ports of all five processors, what a start brings about, and a copy engine's error
 * interrupt.
 */
#include "tests/unit/dev/simkit.h"

static const struct {
	uint32_t base, code_len, data_len;
} falcons[] = {
	{ 0x104000, 0x1200, 0x800 },  { 0x105000, 0x1200, 0x800 },  { 0x10a000, 0x4000, 0x4000 },
	{ 0x409000, 0x4000, 0x4000 }, { 0x41a000, 0x4000, 0x4000 },
};

#define INC_WRITE (1u << 24)
#define INC_READ (1u << 25)

static struct dev *setup_dev(void)
{
	return kit_open("vram=256M,clock=manual");
}

/* As a driver uploads code: blocks of 64 words, a tag before each; then reads it back. */
static void test_code(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(falcons); f++) {
		uint32_t base = falcons[f].base, n = falcons[f].code_len / 4;

		dev_wr32(d, base + 0x180, INC_WRITE);
		for (uint32_t i = 0; i < n; i++) {
			if (i % 64 == 0)
				dev_wr32(d, base + 0x188, i / 64);
			dev_wr32(d, base + 0x184, i * 0x01010101u + base);
		}
		assert_int_equal(dev_rd32(d, base + 0x188), (n - 1) / 64);
		assert_int_equal(dev_rd32(d, base + 0x180) & 0xfffc, falcons[f].code_len);
		dev_wr32(d, base + 0x180, INC_READ);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(dev_rd32(d, base + 0x184), i * 0x01010101u + base);
		/* Past the end: nothing to read, nowhere to write. */
		assert_int_equal(dev_rd32(d, base + 0x184), 0);
		dev_wr32(d, base + 0x180, falcons[f].code_len);
		dev_wr32(d, base + 0x184, 5);
		assert_int_equal(dev_rd32(d, base + 0x184), 0);
	}
	dev_close(d);
}

static void test_data(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(falcons); f++) {
		uint32_t base = falcons[f].base, n = falcons[f].data_len / 4;

		dev_wr32(d, base + 0x1c0, INC_WRITE);
		for (uint32_t i = 0; i < n; i++)
			dev_wr32(d, base + 0x1c4, ~i);
		/* Without increment the port stays, and the word reads the same twice. */
		dev_wr32(d, base + 0x1c0, 0x40);
		assert_int_equal(dev_rd32(d, base + 0x1c4), ~0x10u);
		assert_int_equal(dev_rd32(d, base + 0x1c4), ~0x10u);
		dev_wr32(d, base + 0x1c4, 0xc0de);
		assert_int_equal(dev_rd32(d, base + 0x1c4), 0xc0de);
		dev_wr32(d, base + 0x1c0, INC_READ | 0x3c);
		assert_int_equal(dev_rd32(d, base + 0x1c4), ~0xfu);
		assert_int_equal(dev_rd32(d, base + 0x1c4), 0xc0de);
		assert_int_equal(dev_rd32(d, base + 0x1c4), ~0x11u);
		/* The second port is another one on the same memory. */
		dev_wr32(d, base + 0x1c8, 0x40);
		assert_int_equal(dev_rd32(d, base + 0x1cc), 0xc0de);
		assert_int_equal(dev_rd32(d, base + 0x1c0) & 0xfffc, 0x48);
	}
	dev_close(d);
}

static void test_sizes(void **state)
{
	struct dev *d = setup_dev();
	static const uint32_t bases[] = { 0x104000, 0x105000 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint32_t v = dev_rd32(d, bases[i] + 0x108);

		assert_int_equal((v & 0x1ff) << 8, 0x1200);
		assert_int_equal((v & 0x3fe00) >> 1, 0x800);
		assert_int_equal(dev_rd32(d, bases[i] + 0x12c) & 0x3f, 3);
	}
	dev_close(d);
}

/* nouveau gives up with -EBUSY if the rings stay 0. */
static void test_pmu(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	assert_int_equal(dev_rd32(d, NV_PMU_SEND_RING), 0);
	dev_wr32(d, NV_PMU_DMACTL, 0xffffffff);
	assert_int_equal(dev_rd32(d, NV_PMU_DMACTL) & 6, 0);
	assert_int_equal(dev_rd32(d, NV_PMU_BUSY), 0);
	dev_wr32(d, NV_PMU_CPUCTL, 1);
	assert_int_equal(dev_rd32(d, NV_PMU_SEND_RING), 0);
	dev_wr32(d, NV_PMU_CPUCTL, 2);
	assert_true(dev_rd32(d, NV_PMU_SEND_RING) >> 16 && dev_rd32(d, NV_PMU_SEND_RING) & 0xffff);
	assert_true(dev_rd32(d, NV_PMU_RECV_RING) >> 16 && dev_rd32(d, NV_PMU_RECV_RING) & 0xffff);
	dev_close(d);
}

static void test_ce_error(void **state)
{
	struct dev *d = setup_dev();
	struct sim *s = kit_sim(d);

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint32_t base = i ? 0x105000 : 0x104000, bit = i ? PMC_INTR_CE1 : PMC_INTR_CE0;
		struct engine_ctx ctx = { .sim = s, .vm = { .inst = 0x123000 }, .subc = 3,
					  .engine = i ? ENGINE_CE1 : ENGINE_CE0 };
		uint32_t ssta, intr;

		pthread_mutex_lock(&s->lock);
		ce_error(s, &ctx, 0x300, 0xdada, 7);
		pthread_mutex_unlock(&s->lock);
		assert_int_equal(dev_rd32(d, NV_PMC_INTR), bit);
		/* What nouveau's handler computes. */
		intr = dev_rd32(d, base + 0x01c);
		intr = dev_rd32(d, base + 0x008) & intr & ~(intr >> 16);
		assert_int_equal(intr, 0x40);
		ssta = dev_rd32(d, base + 0x040);
		assert_int_equal(ssta & 0xffff, 7);
		assert_int_equal(((ssta >> 16) & 0x7ff) << 2, 0x300);
		assert_int_equal(((ssta >> 16) & 0x3800) >> 11, 3);
		assert_int_equal(dev_rd32(d, base + 0x044), 0xdada);
		assert_int_equal((dev_rd32(d, base + 0x050) & 0x3fffffff) << 12, 0x123000);
		dev_wr32(d, base + 0x008, 0); /* read-only */
		assert_int_equal(dev_rd32(d, base + 0x008), 0x40);
		dev_wr32(d, base + 0x004, 0x10);
		assert_int_equal(dev_rd32(d, NV_PMC_INTR), bit);
		dev_wr32(d, base + 0x004, 0x40);
		assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	}
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code),	 cmocka_unit_test(test_data),
		cmocka_unit_test(test_sizes),	 cmocka_unit_test(test_pmu),
		cmocka_unit_test(test_ce_error),
	};

	return cmocka_run_group_tests_name("sim_falcon", tests, NULL, NULL);
}

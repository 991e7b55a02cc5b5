// SPDX-License-Identifier: MIT
/* PBUS: the PRAMIN window, host flushes, and accesses that nobody answers. */
#include "tests/unit/dev/simkit.h"

static struct dev *setup_dev(void)
{
	return kit_open("vram=256M,clock=manual");
}

static void test_pramin(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	for (uint64_t base = 0; base < 256 * MIB; base += 37 * MIB + 0x10000) {
		dev_wr32(d, NV_PBUS_PRAMIN_BASE, (uint32_t)(base >> 16));
		dev_wr32(d, NV_PRAMIN + 0x40, (uint32_t)base ^ 0x11);
		dev_wr32(d, NV_PRAMIN + 0xffffc, (uint32_t)base ^ 0x22);
		assert_int_equal(kit_rd32(d, base + 0x40), (uint32_t)base ^ 0x11);
		if (base + 0x100000 <= 256 * MIB)
			assert_int_equal(kit_rd32(d, base + 0xffffc), (uint32_t)base ^ 0x22);
		kit_wr32(d, base + 0x80, 0x8080);
		assert_int_equal(dev_rd32(d, NV_PRAMIN + 0x80), 0x8080);
	}
	dev_close(d);
}

static void test_pramin_end(void **state)
{
	struct dev *d = setup_dev();
	uint64_t end = d->info.vram_len;

	(void)state;
	dev_wr32(d, NV_PBUS_PRAMIN_BASE, (uint32_t)((end - 0x10000) >> 16));
	dev_wr32(d, NV_PRAMIN + 0xfffc, 5);
	assert_int_equal(kit_rd32(d, end - 4), 5);
	dev_wr32(d, NV_PRAMIN + 0x10000, 6); /* nowhere */
	assert_int_equal(dev_rd32(d, NV_PRAMIN + 0x10000) & 0xffff0000, 0xbad00000);
	dev_wr32(d, NV_PBUS_PRAMIN_BASE, 0xffffffff);
	dev_wr32(d, NV_PRAMIN, 7);
	assert_int_equal(dev_rd32(d, NV_PRAMIN) & 0xffff0000, 0xbad00000);
	assert_int_equal(kit_rd32(d, 0), 0);
	dev_close(d);
}

/* Narrow and wide accesses through BAR0. */
static void test_pramin_sizes(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_PBUS_PRAMIN_BASE, 0x10);
	dev_bar_wr(d, 0, NV_PRAMIN + 8, 8, 0x1122334455667788ull);
	assert_int_equal(kit_rd64(d, 0x100008), 0x1122334455667788ull);
	dev_bar_wr(d, 0, NV_PRAMIN + 9, 1, 0xab);
	dev_bar_wr(d, 0, NV_PRAMIN + 0xe, 2, 0xcdef);
	assert_int_equal(kit_rd64(d, 0x100008), 0xcdef33445566ab88ull);
	assert_int_equal(dev_bar_rd(d, 0, NV_PRAMIN + 0xa, 2), 0x5566);
	assert_int_equal(dev_bar_rd(d, 0, NV_PRAMIN + 0xf, 1), 0xcd);
	assert_int_equal(dev_bar_rd(d, 0, NV_PRAMIN + 8, 8), 0xcdef33445566ab88ull);
	dev_close(d);
}

static void test_flushes(void **state)
{
	static const uint32_t regs[] = { NV_FLUSH_BAR, NV_FLUSH_L2, NV_FLUSH_L2_INVALIDATE };
	struct dev *d = setup_dev();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		dev_wr32(d, regs[i], 1);
		assert_int_equal(dev_rd32(d, regs[i]) & 3, 0);
	}
	dev_wr32(d, NV_PRIVRING_COMMAND, 0x3f);
	assert_int_equal(dev_rd32(d, NV_PRIVRING_COMMAND) & 0x3f, 0);
	dev_close(d);
}

static void test_bad_access(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	assert_int_equal(dev_bar_rd(d, 0, 0x1234560, 4) >> 16, 0xbad0);
	assert_int_equal(dev_rd32(d, NV_PBUS_INTR), 2);
	assert_int_equal(dev_rd32(d, NV_PBUS_BAD_ADDR), 0x1234560);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0); /* not enabled */
	dev_wr32(d, NV_PBUS_INTR_EN, 0xe);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PBUS);
	/* The first stays until it was seen. */
	dev_bar_wr(d, 0, 0x1000008, 4, 0x77);
	assert_int_equal(dev_rd32(d, NV_PBUS_BAD_ADDR), 0x1234560);
	dev_wr32(d, NV_PBUS_BAD_ADDR, 0);
	dev_wr32(d, NV_PBUS_INTR, 2);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	dev_bar_wr(d, 0, 0x1000008, 4, 0x77);
	assert_int_equal(dev_rd32(d, NV_PBUS_BAD_ADDR), 0x1000008 | 2);
	assert_int_equal(dev_rd32(d, NV_PBUS_BAD_DATA), 0x77);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PBUS);
	dev_close(d);
}

/* A narrow store to a register that takes dwords only changes nothing and is noticed. */
static void test_narrow_store(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, NV_PBUS_PRAMIN_BASE, 0x1234);
	dev_bar_wr(d, 0, NV_PBUS_PRAMIN_BASE, 1, 0xff);
	dev_bar_wr(d, 0, NV_PBUS_PRAMIN_BASE + 2, 2, 0xffff);
	assert_int_equal(dev_rd32(d, NV_PBUS_PRAMIN_BASE), 0x1234);
	assert_int_equal(dev_rd32(d, NV_PBUS_INTR), 2);
	assert_int_equal(dev_bar_rd(d, 0, NV_PBUS_PRAMIN_BASE + 1, 1), 0x12);
	/* A wide one is two. */
	dev_bar_wr(d, 0, 0x020000, 8, 0xaaaabbbbccccddddull);
	assert_int_equal(dev_rd32(d, 0x020000), 0xccccdddd);
	assert_int_equal(dev_rd32(d, 0x020004), 0xaaaabbbb);
	dev_close(d);
}

static void test_vga_bytes(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_bar_wr(d, 0, 0x6013d4, 1, 0x1f);
	dev_bar_wr(d, 0, 0x6013d5, 1, 0x57);
	assert_int_equal(dev_bar_rd(d, 0, 0x6013d4, 1), 0x1f);
	assert_int_equal(dev_bar_rd(d, 0, 0x6013d5, 1), 0x57);
	assert_int_equal(dev_rd32(d, NV_PBUS_INTR), 0);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pramin),	     cmocka_unit_test(test_pramin_end),
		cmocka_unit_test(test_pramin_sizes), cmocka_unit_test(test_flushes),
		cmocka_unit_test(test_bad_access),   cmocka_unit_test(test_narrow_store),
		cmocka_unit_test(test_vga_bytes),
	};

	return cmocka_run_group_tests_name("sim_pbus", tests, NULL, NULL);
}

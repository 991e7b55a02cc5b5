// SPDX-License-Identifier: MIT
/* Configuration space as BAR0 shows it, and PROM behind its shadow switch. */
#include "gpuvm/fermi/vbios.h"
#include "tests/unit/dev/simkit.h"

#define CFG(off) (NV_PPCI_CONFIG + (off))

static struct dev *setup_dev(void)
{
	return kit_open("vram=256M,clock=manual");
}

static void test_header(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	assert_int_equal(dev_rd32(d, CFG(0)), 0x06d810de);
	assert_int_equal(dev_rd32(d, CFG(8)) >> 24, 0x03); /* display */
	assert_int_equal(dev_rd32(d, CFG(8)) & 0xff, GF100_BOOT_0 & 0xff);
	dev_wr32(d, CFG(0), 0);
	dev_wr32(d, CFG(8), ~0u);
	assert_int_equal(dev_rd32(d, CFG(0)), 0x06d810de);
	assert_int_equal(dev_rd32(d, CFG(8)), 0x030000a3);
	dev_close(d);
}

static void test_bar_sizes(void **state)
{
	static const struct {
		uint32_t off, flags;
		uint64_t len;
	} bars[] = { { 0x10, 0x0, GF100_BAR0_LEN },
		     { 0x14, 0xc, GF100_BAR1_LEN },
		     { 0x1c, 0xc, GF100_BAR3_LEN } };
	struct dev *d = setup_dev();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bars); i++) {
		dev_wr32(d, CFG(bars[i].off), ~0u);
		assert_int_equal(dev_rd32(d, CFG(bars[i].off)),
				 (~0u << __builtin_ctzll(bars[i].len)) | bars[i].flags);
	}
	dev_close(d);
}

static uint32_t find_cap(struct dev *d, uint32_t id)
{
	uint32_t at = dev_rd32(d, CFG(0x34)) & 0xff;

	assert_int_not_equal(dev_rd32(d, CFG(4)) & 0x00100000, 0);
	for (int n = 0; at && n < 16; n++) {
		uint32_t v = dev_rd32(d, CFG(at & ~3u));

		if ((v & 0xff) == id)
			return at;
		at = v >> 8 & 0xff;
	}
	return 0;
}

static void test_capabilities(void **state)
{
	struct dev *d = setup_dev();
	uint32_t msi;

	(void)state;
	assert_int_equal(find_cap(d, 0x01), 0x60);
	msi = find_cap(d, 0x05);
	assert_int_equal(msi, 0x68);
	assert_int_equal(find_cap(d, 0x10), 0x78);
	assert_int_equal(find_cap(d, 0x11), 0);
	/* MSI can be switched on, its shape cannot be changed. */
	dev_wr32(d, CFG(msi), ~0u);
	assert_int_equal(dev_rd32(d, CFG(msi)) & 0x0081ffff, 0x00817805);
	/* PCI Express: 5 GT/s, as nouveau reads it. */
	assert_int_equal(dev_rd32(d, CFG(0x88)) & 0x30000, 0x20000);
	assert_int_not_equal(dev_rd32(d, CFG(0x7c)) & 0x20, 0);
	assert_int_not_equal(dev_rd32(d, CFG(0x460)) & 0x200, 0);
	dev_wr32(d, NV_PCIE_VERSION, 1);
	assert_int_equal(dev_rd32(d, NV_PCIE_VERSION) & 1, 1);
	dev_close(d);
}

static void test_plain(void **state)
{
	struct dev *d = setup_dev();

	(void)state;
	dev_wr32(d, CFG(0x41c), 0x60);
	assert_int_equal(dev_rd32(d, CFG(0x41c)), 0x60);
	dev_wr32(d, CFG(0x704), 0x1234); /* re-arm has no storage */
	assert_int_equal(dev_rd32(d, CFG(0x704)), 0);
	dev_close(d);
}

static void test_prom(void **state)
{
	static const struct vbios_id id = { GF100_PCI_VENDOR, GF100_PCI_DEVICE, { 0 } };
	struct dev *d = setup_dev();
	uint8_t image[VBIOS_LEN], want[VBIOS_LEN], sum = 0;

	(void)state;
	vbios_build(want, &id);
	/* Shadowed at first, as a BIOS leaves it. */
	assert_int_equal(dev_rd32(d, CFG(0x50)) & 1, 1);
	assert_int_equal(dev_rd32(d, NV_PROM), 0);
	dev_wr32(d, CFG(0x50), 0);
	for (uint32_t i = 0; i < VBIOS_LEN; i += 4) {
		uint32_t v = dev_rd32(d, NV_PROM + i);

		memcpy(image + i, &v, 4);
	}
	for (uint32_t i = 0; i < VBIOS_LEN; i++)
		sum = (uint8_t)(sum + image[i]);
	assert_int_equal(sum, 0);
	/* The header is the builder's; the version is the card's own. */
	assert_memory_equal(image, want, 0x180);
	assert_int_equal(dev_rd32(d, NV_PROM + VBIOS_LEN), ~0u);
	assert_int_equal(dev_rd32(d, NV_PROM + 0x7fffc), ~0u);
	/* Flash is not written by stores. */
	dev_wr32(d, NV_PROM, 0);
	assert_int_equal(dev_rd32(d, NV_PROM) & 0xffff, 0xaa55);
	assert_int_equal(dev_bar_rd(d, 0, NV_PROM + 1, 1), 0xaa);
	dev_wr32(d, CFG(0x50), 1);
	assert_int_equal(dev_rd32(d, NV_PROM), 0);
	assert_int_equal(dev_rd32(d, NV_DISP_VBIOS_SHADOW) & 8, 0);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),	     cmocka_unit_test(test_bar_sizes),
		cmocka_unit_test(test_capabilities), cmocka_unit_test(test_plain),
		cmocka_unit_test(test_prom),
	};

	return cmocka_run_group_tests_name("sim_ppci", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* Memory size, fuses, VBIOS: what the vGPU says about itself, consistently. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

/* Every size a part can have, up to 8 GiB. */
static void partitions_always_add_up(void **state)
{
	(void)state;
	for (uint64_t mib = 2; mib <= 8192; mib += 2) {
		uint32_t n = unit_fbp_count(mib << 20);

		assert_in_range(n, 1, 6);
		assert_int_equal(mib % n, 0);
	}
}

static void registers_agree(void **state)
{
	struct rig *r = *state;
	uint32_t n = rd(r, 0, NV_FBP_COUNT), sum = 0;

	assert_int_equal(rd(r, 0, NV_PRIVRING_FBP_COUNT), n);
	assert_int_equal(rd(r, 0, NV_PFB_LTC_COUNT), n);
	assert_int_equal(rd(r, 0, NV_FBP_OFF_MASK), 0);
	assert_in_range(rd(r, 0, NV_LTC_PARAMS) >> 28, 1, 4);
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t mib = rd(r, 0, reg_at(REGID_FBP_MIB, i));

		assert_int_equal(mib, i < n ? rd(r, 0, NV_FBP_MIB_COMMON) : 0);
		sum += mib;
	}
	assert_int_equal((uint64_t)sum << 20, part_vram_len(r->v[0]->part));
}

static void chip_and_fuses(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rd(r, 0, NV_PMC_BOOT_0), GF100_BOOT_0);
	assert_int_equal(rd(r, 0, NV_PMC_BOOT_1), 0);
	assert_int_equal(rd(r, 0, NV_DISABLE_FUSES) & 7, 7);
	assert_int_equal(rd(r, 0, NV_POST_STATUS) & 2, 2);
	wr(r, 0, NV_POST_STATUS, 0);
	assert_int_equal(rd(r, 0, NV_POST_STATUS) & 2, 2);
	assert_int_equal(rd(r, 0, NV_STRAPS), dev_rd32(r->g->dev, NV_STRAPS));
	wr(r, 0, NV_PCIE_VERSION, 1);
	assert_int_equal(rd(r, 0, NV_PCIE_VERSION) & 1, 1);
}

static void prom_is_the_vbios(void **state)
{
	struct rig *r = *state;
	uint8_t sum = 0;

	assert_int_equal(rd(r, 0, NV_PROM), 0); /* hidden by the shadow */
	wr(r, 0, NV_PPCI_CONFIG + 0x50, 0);
	assert_int_equal(rd(r, 0, NV_PROM) & 0xffff, 0xaa55);
	for (uint32_t at = 0; at < VBIOS_LEN; at++)
		sum += (uint8_t)ld(r, 0, HV_BAR0, NV_PROM + at, 1, NULL);
	assert_int_equal(sum, 0);
	assert_int_equal(rd(r, 0, NV_PROM + VBIOS_LEN), ~0u);
	assert_int_equal(rd(r, 0, NV_PROM + 0x7fffc), ~0u);
	wr(r, 0, NV_PROM, 0);
	assert_int_equal(rd(r, 0, NV_PROM) & 0xffff, 0xaa55);
	wr(r, 0, NV_PPCI_CONFIG + 0x50, 1);
	assert_int_equal(rd(r, 0, NV_PROM), 0);
}

static void flushes_are_done_at_once(void **state)
{
	static const uint32_t regs[] = { NV_FLUSH_BAR, NV_FLUSH_L2, NV_FLUSH_L2_INVALIDATE };
	struct rig *r = *state;

	for (size_t k = 0; k < ARRAY_SIZE(regs); k++) {
		wr(r, 0, regs[k], 1);
		assert_int_equal(rd(r, 0, regs[k]) & 3, 0);
	}
	wr(r, 0, NV_PRIVRING_COMMAND, 0x3f);
	assert_int_equal(rd(r, 0, NV_PRIVRING_COMMAND) & 0x3f, 0);
}

static void mmu_control_is_ready(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rd(r, 0, NV_PFB_MMU_CTRL), 0x00ff8000);
	wr(r, 0, NV_PFB_MMU_CTRL, ~0u);
	assert_int_equal(rd(r, 0, NV_PFB_MMU_CTRL), 0x00ff8001);
	assert_int_equal(rd(r, 1, NV_PFB_MMU_CTRL), 0x00ff8000);
	assert_int_equal(dev_rd32(r->g->dev, NV_PFB_MMU_CTRL) & 1, 0);
}

static void tlb_flush_is_counted_once_per_go(void **state)
{
	struct rig *r = *state;
	uint64_t before = shadow_guest_stats(r->v[0]->shadow)->flushes;

	wr(r, 0, NV_PFB_TLB_PDB, 0x100 << 4);
	wr(r, 0, NV_PFB_TLB_FLUSH, TLB_FLUSH_ALL_PAGES); /* no go */
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->flushes, before);
	wr(r, 0, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
	assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->flushes, before + 1);
	assert_int_equal(rd(r, 0, NV_PFB_TLB_FLUSH), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partitions_always_add_up), RIG_TEST(registers_agree),
		RIG_TEST(chip_and_fuses),		    RIG_TEST(prom_is_the_vbios),
		RIG_TEST(flushes_are_done_at_once),	    RIG_TEST(mmu_control_is_ready),
		RIG_TEST(tlb_flush_is_counted_once_per_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

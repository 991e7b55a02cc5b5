// SPDX-License-Identifier: MIT
/* Falcon memory ports, the PMU's start, copy-engine errors. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

#define STORE_INC (1u << 24)
#define LOAD_INC (1u << 25)

static const uint32_t data_ctrl[] = { NV_FECS_DMEM_CTRL, NV_GPCCS_DMEM_CTRL, NV_PMU_DMEM_CTRL,
				      NV_FECS_IMEM_CTRL, NV_PMU_IMEM_CTRL };

static void ports_keep_what_was_stored(void **state)
{
	struct rig *r = *state;

	for (size_t p = 0; p < ARRAY_SIZE(data_ctrl); p++) {
		uint32_t ctrl = data_ctrl[p];

		wr(r, 0, ctrl, STORE_INC | 0x300);
		for (uint32_t k = 0; k < 300; k++)
			wr(r, 0, ctrl + 4, (uint32_t)p << 16 | k);
		assert_int_equal(rd(r, 0, ctrl), STORE_INC | (0x300 + 300 * 4));
		wr(r, 0, ctrl, LOAD_INC | 0x300);
		for (uint32_t k = 0; k < 300; k++)
			assert_int_equal(rd(r, 0, ctrl + 4), (uint32_t)p << 16 | k);
		/* Without the mode bits the port stands still. */
		wr(r, 0, ctrl, 0x304);
		assert_int_equal(rd(r, 0, ctrl + 4), (uint32_t)p << 16 | 1);
		assert_int_equal(rd(r, 0, ctrl + 4), (uint32_t)p << 16 | 1);
		wr(r, 0, ctrl + 4, 9);
		assert_int_equal(rd(r, 0, ctrl + 4), 9);
	}
	/* Each falcon's code and data were its own, and guest 1 has none of it. */
	for (size_t p = 0; p < ARRAY_SIZE(data_ctrl); p++) {
		wr(r, 0, data_ctrl[p], 0x308);
		assert_int_equal(rd(r, 0, data_ctrl[p] + 4), (uint32_t)p << 16 | 2);
		wr(r, 1, data_ctrl[p], 0x308);
		assert_int_equal(rd(r, 1, data_ctrl[p] + 4), 0);
	}
}

static void port_addresses_stay_inside(void **state)
{
	struct rig *r = *state;

	for (size_t p = 0; p < ARRAY_SIZE(data_ctrl); p++) {
		wr(r, 0, data_ctrl[p], ~0u);
		for (uint32_t k = 0; k < 20000; k++)
			wr(r, 0, data_ctrl[p] + 4, k);
		for (uint32_t k = 0; k < 20000; k++)
			rd(r, 0, data_ctrl[p] + 4);
		/* Part of a dword: no merge with a load that would move the port on. */
		wr(r, 0, data_ctrl[p], STORE_INC | LOAD_INC | 0x10);
		st(r, 0, HV_BAR0, data_ctrl[p] + 4, 1, 0xab);
		assert_int_equal(rd(r, 0, data_ctrl[p]) & 0xffff, 0x14);
	}
}

static void pmu_starts_and_resets(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rd(r, 0, NV_PMU_SEND_RING), 0);
	wr(r, 0, NV_PMU_DMACTL, 7);
	assert_int_equal(rd(r, 0, NV_PMU_DMACTL) & 6, 0);
	wr(r, 0, NV_PMU_DMEM_CTRL, 0);
	wr(r, 0, NV_PMU_DMEM_DATA, 0x77);
	wr(r, 0, NV_PMU_CPUCTL, 2);
	assert_int_not_equal(rd(r, 0, NV_PMU_SEND_RING), 0);
	assert_int_not_equal(rd(r, 0, NV_PMU_RECV_RING), 0);
	assert_int_equal(rd(r, 0, NV_PMU_BUSY), 0);
	wr(r, 0, NV_PMC_ENABLE, ~PMC_ENABLE_PMU);
	assert_int_equal(rd(r, 0, NV_PMU_SEND_RING), 0);
	wr(r, 0, NV_PMU_DMEM_CTRL, 0);
	assert_int_equal(rd(r, 0, NV_PMU_DMEM_DATA), 0);
}

static void copy_engine_error(void **state)
{
	static const uint32_t base[] = { 0x104000, 0x105000 };
	const struct vgpu_ce_error e = { .error = 0x1234, .data = 0x5678, .inst = gvram(0x7000) };
	struct rig *r = *state;

	for (unsigned int ce = 0; ce < 2; ce++) {
		uint32_t b = base[ce];

		vgpu_raise_ce(r->v[0], ce, &e);
		assert_int_equal(rd(r, 0, b + 0x040), 0x1234);
		assert_int_equal(rd(r, 0, b + 0x044), 0x5678);
		assert_int_equal(rd(r, 0, b + 0x050), 1u << 30 | 7);
		assert_int_equal(rd(r, 0, b + 0x008), 0x40);
		/* No driver routes it: the microcode has. */
		assert_int_equal(rd(r, 0, NV_PMC_INTR), ce ? PMC_INTR_CE1 : PMC_INTR_CE0);
		wr(r, 0, b + 0x01c, 0x00400040);	    /* routed elsewhere */
		assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
		wr(r, 0, b + 0x01c, 0x40);
		assert_int_equal(rd(r, 0, NV_PMC_INTR), ce ? PMC_INTR_CE1 : PMC_INTR_CE0);
		wr(r, 0, b + 0x004, 0x40);
		assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
		assert_int_equal(rd(r, 0, b + 0x008), 0);
	}
}

static void copy_engine_identity(void **state)
{
	struct rig *r = *state;

	for (uint32_t b = 0x104000; b <= 0x105000; b += 0x1000) {
		uint32_t sizes = rd(r, 0, b + 0x108);

		assert_int_equal(rd(r, 0, b + 0x12c) & 0xf, 3);
		/* Zero limits make a driver refuse the engine. */
		assert_int_not_equal((sizes & 0x1ff) << 8, 0);
		assert_int_not_equal((sizes & 0x3fe00) >> 1, 0);
		wr(r, 0, b + 0x100, 2);
		wr(r, 0, b + 0x048, 3);
		assert_int_equal(rd(r, 0, b + 0x048), 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(ports_keep_what_was_stored), RIG_TEST(port_addresses_stay_inside),
		RIG_TEST(pmu_starts_and_resets),      RIG_TEST(copy_engine_error),
		RIG_TEST(copy_engine_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* Configuration space: identity, BAR sizing, capabilities, what writes of any shape may change. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

static uint32_t cfg32(struct rig *r, uint32_t at)
{
	return (uint32_t)ld(r, 0, HV_CFG, at, 4, NULL);
}

static void header(void **state)
{
	struct rig *r = *state;

	assert_int_equal(cfg32(r, 0), 0x06d810de);
	assert_int_equal(cfg32(r, 8), 0x030000a3);
	assert_int_equal(cfg32(r, 0x0c) >> 16 & 0x7f, 0); /* type 0 */
	assert_int_equal(cfg32(r, 4) >> 16 & 0x10, 0x10); /* capability list */
	assert_int_equal(cfg32(r, 4) & 6, 6); /* no firmware runs: decode and bus master are on */
	assert_int_equal(cfg32(r, 0x3c) >> 8 & 0xff, 1);
}

static void bars_answer_sizing(void **state)
{
	static const struct {
		uint32_t at, low, hi;
	} bars[] = {
		{ 0x10, ~(GF100_BAR0_LEN - 1), 0 },
		{ 0x14, ~(GF100_BAR1_LEN - 1) | 0xc, 1 },
		{ 0x1c, ~(GF100_BAR3_LEN - 1) | 0xc, 1 },
		{ 0x24, ~0x7fu | 1, 0 },
		{ 0x30, 0xfff80001, 0 },
	};
	struct rig *r = *state;

	for (size_t b = 0; b < ARRAY_SIZE(bars); b++) {
		st(r, 0, HV_CFG, bars[b].at, 4, ~0u);
		assert_int_equal(cfg32(r, bars[b].at), bars[b].low);
		if (bars[b].hi) {
			st(r, 0, HV_CFG, bars[b].at + 4, 4, ~0u);
			assert_int_equal(cfg32(r, bars[b].at + 4), ~0u);
		}
		st(r, 0, HV_CFG, bars[b].at, 4, 0xf0000000);
		assert_int_equal(cfg32(r, bars[b].at) & 0xfffffff0, 0xf0000000);
	}
}

static void capabilities_end(void **state)
{
	static const uint8_t want[] = { 0x01, 0x05, 0x10 };
	struct rig *r = *state;
	uint32_t at = cfg32(r, 0x34) & 0xff;

	for (size_t k = 0; k < ARRAY_SIZE(want); k++) {
		assert_true(at >= 0x40 && !(at & 3));
		assert_int_equal(cfg32(r, at) & 0xff, want[k]);
		at = cfg32(r, at) >> 8 & 0xff;
	}
	assert_int_equal(at, 0);
}

static void msi_is_programmable(void **state)
{
	struct rig *r = *state;

	assert_int_equal(cfg32(r, 0x68) >> 16, 0x0080);
	st(r, 0, HV_CFG, 0x6c, 4, 0xfee00003);
	st(r, 0, HV_CFG, 0x70, 4, 0x12);
	st(r, 0, HV_CFG, 0x74, 2, 0x4123);
	st(r, 0, HV_CFG, 0x6a, 2, 0xffff);
	assert_int_equal(cfg32(r, 0x68) >> 16, 0x0081); /* enable, and nothing of what it does not offer */
	assert_int_equal(cfg32(r, 0x6c), 0xfee00000);
	assert_int_equal(cfg32(r, 0x70), 0x12);
	assert_int_equal(cfg32(r, 0x74), 0x4123);
}

static void edges_of_the_space(void **state)
{
	struct rig *r = *state;
	uint64_t val;
	int err;

	assert_int_equal(ld(r, 0, HV_CFG, 0x100, 4, &err), 0);
	assert_int_equal(err, 0);
	assert_int_equal(st(r, 0, HV_CFG, 0x100, 4, ~0u), 0);
	assert_int_equal(ld(r, 0, HV_CFG, 0xffc, 4, &err), 0);
	for (uint32_t at = 0xffd; at < 0x1004; at++) {
		val = 0;
		assert_int_equal(vgpu_cfg_rd(r->v[0], at, 4, &val), -EINVAL);
		assert_int_equal(val, 0xffffffff);
		assert_int_equal(vgpu_cfg_wr(r->v[0], at, 4, 0), -EINVAL);
	}
	assert_int_equal(vgpu_cfg_rd(r->v[0], ~0u, 8, &val), -EINVAL);
	assert_int_equal(vgpu_cfg_rd(r->v[0], 0, 3, &val), -EINVAL);
}

/* Random stores of every size and alignment: a read-only bit never changes, a byte outside the store neither. */
static void random_stores_keep_read_only_bits(void **state)
{
	struct rig *r = *state;
	uint8_t fixed[256], mask[256], before[256];
	uint64_t seed = 42;

	/* What is writable, found by writing all ones and all zeroes. */
	for (uint32_t at = 0; at < 256; at++) {
		uint8_t a, b;

		st(r, 0, HV_CFG, at, 1, 0xff);
		a = (uint8_t)ld(r, 0, HV_CFG, at, 1, NULL);
		st(r, 0, HV_CFG, at, 1, 0x00);
		b = (uint8_t)ld(r, 0, HV_CFG, at, 1, NULL);
		mask[at] = a ^ b;
		fixed[at] = a & b;
		before[at] = b;
	}
	for (int k = 0; k < 20000; k++) {
		uint8_t size = (uint8_t)(1u << (k & 3));
		uint32_t at;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		at = (uint32_t)(seed >> 33) % (256 - size + 1);
		st(r, 0, HV_CFG, at, size, (seed ^ seed << 17) & mmio_ones(size));
		for (uint32_t b = 0; b < 256; b++) {
			uint8_t now = (uint8_t)ld(r, 0, HV_CFG, b, 1, NULL);

			if (k % 64 == 0 || (b + 8 >= at && b <= at + 16)) {
				assert_int_equal(now & ~mask[b], fixed[b]);
				if (b < at || b >= at + size)
					assert_int_equal(now, before[b]);
			}
			before[b] = now;
		}
	}
}

static void low_power_stops_decode(void **state)
{
	struct rig *r = *state;
	int err;

	st(r, 0, HV_CFG, 0x64, 1, 3);
	assert_int_equal(ld(r, 0, HV_BAR0, 0, 4, &err), 0xffffffff);
	assert_int_equal(err, -EPERM);
	st(r, 0, HV_CFG, 0x64, 1, 0);
	assert_int_equal(rd(r, 0, NV_PMC_BOOT_0), GF100_BOOT_0);
}

static void mirror_and_space_are_one(void **state)
{
	struct rig *r = *state;

	for (uint32_t at = 0; at < 256; at += 4)
		assert_int_equal(rd(r, 0, NV_PPCI_CONFIG + at), cfg32(r, at));
	wr(r, 0, NV_PPCI_CONFIG + 0x10, 0xd2000000);
	assert_int_equal(cfg32(r, 0x10), 0xd2000000);
	st(r, 0, HV_CFG, 0x3c, 1, 0x0b);
	assert_int_equal(rd(r, 0, NV_PPCI_CONFIG + 0x3c) & 0xff, 0x0b);
	/* A byte in the mirror leaves its neighbours alone. */
	st(r, 0, HV_BAR0, NV_PPCI_CONFIG + 0x71, 1, 0x5a);
	assert_int_equal(cfg32(r, 0x70), 0x5a00);
	assert_int_equal(cfg32(r, 0x10), 0xd2000000);
	wr(r, 0, NV_PPCI_CONFIG + 0x460, 0x2200);
	assert_int_equal(rd(r, 0, NV_PPCI_CONFIG + 0x460), 0x2200);
	/* What drivers read of PCI Express. */
	assert_int_equal(rd(r, 0, NV_PPCI_CONFIG + 0x7c) & 0x20, 0x20);
	assert_int_equal(rd(r, 0, NV_PPCI_CONFIG + 0x88) >> 20 & 0x3f, 16);
}

static void starts_off_when_a_firmware_runs(void **state)
{
	struct rig *r = test_calloc(1, sizeof(*r));
	int err;

	(void)state;
	rig_open(r);
	rig_guest(r, 0, true);
	ld(r, 0, HV_BAR0, 0, 4, &err);
	assert_int_equal(err, -EPERM);
	st(r, 0, HV_CFG, 4, 2, 2);
	assert_int_equal(rd(r, 0, NV_PMC_BOOT_0), GF100_BOOT_0);
	vgpu_reset(r->v[0]);
	ld(r, 0, HV_BAR0, 0, 4, &err);
	assert_int_equal(err, -EPERM);
	hv_null_guest_free(r->hg[0]);
	gpuvm_free(r->g);
	test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(header),
		RIG_TEST(bars_answer_sizing),
		RIG_TEST(capabilities_end),
		RIG_TEST(msi_is_programmable),
		RIG_TEST(edges_of_the_space),
		RIG_TEST(random_stores_keep_read_only_bits),
		RIG_TEST(low_power_stops_decode),
		RIG_TEST(mirror_and_space_are_one),
		cmocka_unit_test(starts_off_when_a_firmware_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

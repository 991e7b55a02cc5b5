// SPDX-License-Identifier: MIT
/* PRAMIN: a window on the guest's own VRAM, and on nothing beyond it. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

static void base(struct rig *r, int i, uint32_t val)
{
	wr(r, i, NV_PBUS_PRAMIN_BASE, val);
}

static void shows_the_guests_vram(void **state)
{
	struct rig *r = *state;

	vram_wr32(r, 0, 0, 0x11111111);
	vram_wr32(r, 1, 0, 0x22222222);
	vram_wr32(r, 0, RIG_VRAM - 4, 0x33333333);
	assert_int_equal(vram_rd32(r, 0, 0), 0x11111111);
	assert_int_equal(vram_rd32(r, 1, 0), 0x22222222);
	assert_int_equal(vram_rd32(r, 0, RIG_VRAM - 4), 0x33333333);
	assert_int_equal(vram_rd32(r, 1, RIG_VRAM - 4), 0);
}

static void any_size_and_place(void **state)
{
	struct rig *r = *state;
	uint8_t model[64] = { 0 };
	uint64_t seed = 7;

	base(r, 0, 0x10);
	for (int k = 0; k < 4000; k++) {
		uint8_t size = (uint8_t)(1u << (k & 3));
		uint32_t at;
		uint64_t v, want = 0;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		at = (uint32_t)(seed >> 40) % (sizeof(model) - 7);
		v = (seed ^ seed >> 31) & mmio_ones(size);
		if (k & 4) {
			assert_int_equal(st(r, 0, HV_BAR0, NV_PRAMIN + at, size, v), 0);
			memcpy(model + at, &v, size);
		}
		memcpy(&want, model + at, size);
		assert_int_equal(ld(r, 0, HV_BAR0, NV_PRAMIN + at, size, NULL), want);
	}
}

/* Base in 64 KiB steps, offset up to 1 MiB: the sum decides, in 64 bits. */
static void beyond_the_part(void **state)
{
	static const struct {
		uint32_t base, at;
		uint8_t size;
		bool inside;
	} cases[] = {
		{ (RIG_VRAM >> 16) - 16, 0xffffc, 4, true },
		{ (RIG_VRAM >> 16) - 16, 0xffff8, 8, true },
		{ (RIG_VRAM >> 16) - 1, 0xfffc, 4, true },
		{ (RIG_VRAM >> 16) - 1, 0xfffd, 4, false },
		{ (RIG_VRAM >> 16) - 1, 0xfffc, 8, false },
		{ (RIG_VRAM >> 16) - 1, 0x10000, 4, false },
		{ RIG_VRAM >> 16, 0, 1, false },
		{ 0x7fff, 0, 4, false },
		{ 0x8000, 0, 4, false },
		{ 0xffff, 0xffffc, 4, false },
		{ 0x10000, 0, 4, false },   /* 4 GiB */
		{ 0xffffff, 0xffffc, 4, false },
		{ 0xffffff, 0x10000, 4, false }, /* the sum leaves 40 bits */
	};
	struct rig *r = *state;

	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		uint64_t faults = r->v[0]->stats.guest_faults, val;
		int err;

		base(r, 0, cases[k].base);
		val = ld(r, 0, HV_BAR0, NV_PRAMIN + cases[k].at, cases[k].size, &err);
		assert_int_equal(err, cases[k].inside ? 0 : -EINVAL);
		assert_int_equal(st(r, 0, HV_BAR0, NV_PRAMIN + cases[k].at, cases[k].size, ~0ull),
				 cases[k].inside ? 0 : -EINVAL);
		if (!cases[k].inside)
			assert_int_equal(val, aperture_denied(cases[k].at, cases[k].size));
		assert_int_equal(r->v[0]->stats.guest_faults - faults, cases[k].inside ? 0 : 2);
	}
	/* High bits of the base are no address. */
	base(r, 0, 0xff000000);
	assert_int_equal(rd(r, 0, NV_PBUS_PRAMIN_BASE), 0);
}

/* An access that begins or ends outside the window. */
static void across_the_windows_edge(void **state)
{
	struct rig *r = *state;
	int err;

	base(r, 0, 0);
	wr(r, 0, NV_PRAMIN, 0x04030201);
	wr(r, 0, NV_PRAMIN + PRAMIN_LEN - 4, 0x0d0c0b0a);
	ld(r, 0, HV_BAR0, NV_PRAMIN - 4, 8, &err);
	assert_int_equal(err, -EPERM);
	assert_int_equal(ld(r, 0, HV_BAR0, NV_PRAMIN - 4, 8, NULL) >> 32, 0x04030201);
	assert_int_equal(ld(r, 0, HV_BAR0, NV_PRAMIN + PRAMIN_LEN - 4, 8, NULL) & 0xffffffff, 0x0d0c0b0a);
	st(r, 0, HV_BAR0, NV_PRAMIN - 2, 4, 0xaabbccdd);
	assert_int_equal(rd(r, 0, NV_PRAMIN), 0x0403aabb);
}

/* A store into an instance block in use is seen by its shadow at once. */
static void stores_reach_the_shadows(void **state)
{
	struct rig *r = *state;
	struct shadow_chan *c;
	hvram_t h;
	uint64_t w = 0;

	space_make(r, 0, 0x100000, 0xffffff);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 0), CHAN_INST_VALID | 0x100);
	assert_non_null(r->v[0]->chan[0]);
	c = r->v[0]->chan[0]->shadow;
	vram_wr64(r, 0, 0x100000 + INST_CTX_CE0, 0x123456000ull | INST_CTX_VALID);
	h = hvram(hvram_x(shadow_chan_inst(c)) + INST_CTX_CE0);
	assert_int_equal(dev_vram_rd(r->g->dev, h, &w, sizeof(w)), 0);
	assert_int_equal(w, 0x123456000ull | INST_CTX_VALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(shows_the_guests_vram),   RIG_TEST(any_size_and_place),
		RIG_TEST(beyond_the_part),	   RIG_TEST(across_the_windows_edge),
		RIG_TEST(stores_reach_the_shadows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* BAR1 and BAR3 through the guest's own tables, and USERD pages in BAR1. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

#define INST 0x100000ull
#define DATA 0x800000ull

static const struct {
	int bar;
	enum hv_space space;
	uint32_t len;
} bars[] = { { 1, HV_BAR1, GF100_BAR1_LEN }, { 3, HV_BAR3, GF100_BAR3_LEN } };

/* Pages 0 and 1 of the BAR: VRAM at DATA, then RAM at 0x3000; page 2 read-only VRAM; page 3 absent. */
static void make_space(struct rig *r, int i)
{
	space_make(r, i, INST, 0x3fffff);
	space_map(r, i, INST, 0, pte_pack(PTE_VRAM, DATA, PTE_PRESENT));
	space_map(r, i, INST, 1, pte_pack(PTE_SYS, 0x3000, PTE_PRESENT | PTE_VOLATILE));
	space_map(r, i, INST, 2, pte_pack(PTE_VRAM, DATA + 0x5000, PTE_PRESENT | PTE_RO));
}

static uint8_t *ram(struct rig *r, int i)
{
	return hv_null_ram(r->hg[i]);
}

static void both_kinds_of_memory(void **state)
{
	struct rig *r = *state;

	make_space(r, 0);
	for (size_t b = 0; b < ARRAY_SIZE(bars); b++) {
		space_bind(r, 0, bars[b].bar, INST);
		for (uint8_t size = 1; size <= 8; size *= 2) {
			uint64_t v = 0x1122334455667788ull & mmio_ones(size);

			assert_int_equal(st(r, 0, bars[b].space, 0x10, size, v), 0);
			assert_int_equal(ld(r, 0, bars[b].space, 0x10, size, NULL), v);
			assert_int_equal(st(r, 0, bars[b].space, 0x1010, size, v), 0);
			assert_int_equal(ld(r, 0, bars[b].space, 0x1010, size, NULL), v);
			assert_memory_equal(ram(r, 0) + 0x3010, &v, size);
		}
		assert_int_equal(vram_rd32(r, 0, DATA + 0x10), 0x55667788);
	}
	assert_int_equal(r->v[0]->stats.guest_faults, 0);
}

static void across_a_page(void **state)
{
	struct rig *r = *state;
	uint64_t v = 0x8877665544332211ull;

	make_space(r, 0);
	space_bind(r, 0, 3, INST);
	for (uint32_t at = 0xff9; at < 0x1000; at++) {
		assert_int_equal(st(r, 0, HV_BAR3, at, 8, v), 0);
		assert_int_equal(ld(r, 0, HV_BAR3, at, 8, NULL), v);
		/* Its tail went to RAM, its head to VRAM. */
		assert_memory_equal(ram(r, 0) + 0x3000, (uint8_t *)&v + (0x1000 - at), at + 8 - 0x1000);
		assert_int_equal(ld(r, 0, HV_BAR3, 0xfff, 1, NULL), v >> 8 * (0xfff - at) & 0xff);
		v = v << 7 | v >> 57;
	}
}

static void missing_and_read_only_pages(void **state)
{
	struct rig *r = *state;
	uint64_t f0;
	int err;

	make_space(r, 0);
	vram_wr32(r, 0, DATA + 0x5000, 0x600d);
	for (size_t b = 0; b < ARRAY_SIZE(bars); b++) {
		space_bind(r, 0, bars[b].bar, INST);
		f0 = shadow_guest_stats(r->v[0]->shadow)->faults[SHADOW_FAULT_BAR];
		assert_int_equal(ld(r, 0, bars[b].space, 0x3000, 4, &err), MMIO_DENIED);
		assert_int_equal(err, -EINVAL);
		assert_int_equal(st(r, 0, bars[b].space, 0x3000, 4, 1), -EINVAL);
		assert_int_equal(ld(r, 0, bars[b].space, 0x2000, 4, &err), 0x600d);
		assert_int_equal(st(r, 0, bars[b].space, 0x2000, 4, 0xbad), -EINVAL);
		assert_int_equal(vram_rd32(r, 0, DATA + 0x5000), 0x600d);
		/* Beyond the address space's limit, to the BAR's last byte. */
		ld(r, 0, bars[b].space, 0x400000, 4, &err);
		assert_int_equal(err, -EINVAL);
		ld(r, 0, bars[b].space, bars[b].len - 4, 4, &err);
		assert_int_equal(err, -EINVAL);
		assert_int_equal(shadow_guest_stats(r->v[0]->shadow)->faults[SHADOW_FAULT_BAR] - f0, 5);
		/* An access half on a missing page: what is there is answered. */
		assert_int_equal(st(r, 0, bars[b].space, 0x2ffc, 8, 0), -EINVAL);
		ld(r, 0, bars[b].space, 0x2ffc, 8, &err);
		assert_int_equal(err, -EINVAL);
	}
}

static void outside_the_bars(void **state)
{
	struct rig *r = *state;
	uint64_t val;

	assert_int_equal(vgpu_bar1_rd(r->v[0], GF100_BAR1_LEN - 4, 8, &val), -EINVAL);
	assert_int_equal(val, ~0ull);
	assert_int_equal(vgpu_bar1_wr(r->v[0], GF100_BAR1_LEN, 1, 0), -EINVAL);
	assert_int_equal(vgpu_bar3_rd(r->v[0], GF100_BAR3_LEN - 4, 8, &val), -EINVAL);
	assert_int_equal(vgpu_bar3_wr(r->v[0], ~0u, 1, 0), -EINVAL);
	assert_int_equal(vgpu_bar3_rd(r->v[0], 0, 3, &val), -EINVAL);
}

/* A table of the guest's that names pages not its own shows nothing. */
static void foreign_pages_show_nothing(void **state)
{
	static const uint64_t ptes[] = { RIG_VRAM, 0xff00000000ull, 128ull << 20 };
	struct rig *r = *state;
	int err;

	space_make(r, 0, INST, 0x3fffff);
	for (size_t k = 0; k < ARRAY_SIZE(ptes); k++)
		space_map(r, 0, INST, (uint32_t)k, pte_pack(PTE_VRAM, ptes[k], PTE_PRESENT));
	space_map(r, 0, INST, 3, pte_pack(PTE_SYS, RIG_RAM, PTE_PRESENT));
	space_map(r, 0, INST, 4, pte_pack((enum pte_target)1, DATA, PTE_PRESENT));
	space_bind(r, 0, 3, INST);
	for (uint32_t page = 0; page < 5; page++) {
		assert_int_equal(ld(r, 0, HV_BAR3, page << 12, 4, &err), MMIO_DENIED);
		assert_int_equal(err, -EINVAL);
		assert_int_equal(st(r, 0, HV_BAR3, page << 12, 4, 0), -EINVAL);
	}
}

/* ---- USERD -------------------------------------------------------------------------------- */

#define USERD_IN_BAR1 0x200000u

/* Channel 2 of the guest bound, its USERD array at USERD_IN_BAR1 and in VRAM at DATA. */
static void bind_channel(struct rig *r)
{
	space_make(r, 0, INST, 0x3fffff);
	for (uint32_t c = 0; c < 4; c++)
		space_map(r, 0, INST, (USERD_IN_BAR1 >> 12) + c,
			  pte_pack(PTE_VRAM, DATA + c * USERD_LEN, PTE_PRESENT));
	space_bind(r, 0, 1, INST);
	wr(r, 0, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | USERD_IN_BAR1 >> 12);
	vram_wr32(r, 0, 0x180000 + RAMFC_SIGNATURE, RAMFC_SIGNATURE_VALUE);
	vram_wr32(r, 0, 0x180000 + RAMFC_USERD_LO, (uint32_t)DATA + 2 * USERD_LEN);
	vram_wr32(r, 0, 0x180000 + RAMFC_GPFIFO_HI, 9 << 16);
	vram_wr64(r, 0, 0x180000 + INST_PDB_LO, INST + 0x10000);
	vram_wr64(r, 0, 0x180000 + INST_LIMIT_LO, 0x3fffff);
	wr(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 2), CHAN_INST_VALID | 0x180);
	assert_non_null(r->v[0]->chan[2]);
}

static void a_store_to_gp_put_is_a_doorbell(void **state)
{
	const uint32_t page = USERD_IN_BAR1 + 2 * USERD_LEN;
	struct rig *r = *state;

	bind_channel(r);
	st(r, 0, HV_BAR1, page + USERD_GP_PUT, 4, 3);
	assert_int_equal(r->v[0]->stats.doorbells, 1);
	assert_int_equal(ld(r, 0, HV_BAR1, page + USERD_GP_PUT, 4, NULL), 3);
	/* The plain page of its VRAM is not what the card reads. */
	assert_int_equal(vram_rd32(r, 0, DATA + 2 * USERD_LEN + USERD_GP_PUT), 0);
	/* One store over GP_GET and GP_PUT; one of a byte. */
	st(r, 0, HV_BAR1, page + USERD_GP_GET, 8, 5ull << 32);
	assert_int_equal(r->v[0]->stats.doorbells, 2);
	assert_int_equal(ld(r, 0, HV_BAR1, page + USERD_GP_PUT, 4, NULL), 5);
	st(r, 0, HV_BAR1, page + USERD_GP_PUT, 1, 7);
	assert_int_equal(ld(r, 0, HV_BAR1, page + USERD_GP_PUT, 2, NULL), 7);
	assert_int_equal(r->v[0]->stats.doorbells, 3);
}

static void an_unbound_channels_page_is_memory(void **state)
{
	const uint32_t page = USERD_IN_BAR1 + 1 * USERD_LEN;
	struct rig *r = *state;

	bind_channel(r);
	st(r, 0, HV_BAR1, page + USERD_GP_PUT, 4, 0x42);
	assert_int_equal(r->v[0]->stats.doorbells, 0);
	assert_int_equal(vram_rd32(r, 0, DATA + 1 * USERD_LEN + USERD_GP_PUT), 0x42);
	/* Straddling an unbound page and a bound one. */
	st(r, 0, HV_BAR1, page + USERD_LEN - 4, 8, 0x99ull << 32 | 0x77);
	assert_int_equal(vram_rd32(r, 0, DATA + 2 * USERD_LEN - 4), 0x77);
	assert_int_equal(vram_rd32(r, 0, DATA + 2 * USERD_LEN), 0);
	assert_int_equal(ld(r, 0, HV_BAR1, page + USERD_LEN - 4, 4, NULL), 0x77);
}

/* Without the valid bit, or through BAR3, there is no doorbell. */
static void only_the_array_in_bar1_rings(void **state)
{
	const uint32_t page = USERD_IN_BAR1 + 2 * USERD_LEN;
	struct rig *r = *state;

	bind_channel(r);
	space_bind(r, 0, 3, INST);
	st(r, 0, HV_BAR3, page + USERD_GP_PUT, 4, 9);
	assert_int_equal(r->v[0]->stats.doorbells, 0);
	assert_int_equal(vram_rd32(r, 0, DATA + 2 * USERD_LEN + USERD_GP_PUT), 9);
	wr(r, 0, NV_PFIFO_USERD_BASE, USERD_IN_BAR1 >> 12);
	st(r, 0, HV_BAR1, page + USERD_GP_PUT, 4, 8);
	assert_int_equal(r->v[0]->stats.doorbells, 0);
	/* An array that would reach beyond the BAR, at the top of its 40 bits. */
	wr(r, 0, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | 0x0fffffff);
	st(r, 0, HV_BAR1, page + USERD_GP_PUT, 4, 8);
	assert_int_equal(r->v[0]->stats.doorbells, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(both_kinds_of_memory),
		RIG_TEST(across_a_page),
		RIG_TEST(missing_and_read_only_pages),
		RIG_TEST(outside_the_bars),
		RIG_TEST(foreign_pages_show_nothing),
		RIG_TEST(a_store_to_gp_put_is_a_doorbell),
		RIG_TEST(an_unbound_channels_page_is_memory),
		RIG_TEST(only_the_array_in_bar1_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

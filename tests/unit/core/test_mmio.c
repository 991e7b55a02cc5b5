// SPDX-License-Identifier: MIT
/* BAR0's dispatcher: sizes, alignment, parts of dwords, what is denied, decode off. */
#include "tests/t.h"

#include "gpuvm/base/mem.h"
#include "tests/unit/core/rig.h"

/* Between units: no row, no range. */
#define NOWHERE 0x050000

static void unknown_is_denied(void **state)
{
	struct rig *r = *state;
	struct vgpu_stats *s = &r->v[0]->stats;
	int err;

	assert_int_equal(ld(r, 0, HV_BAR0, NOWHERE, 4, &err), MMIO_DENIED);
	assert_int_equal(err, -EPERM);
	assert_int_equal(st(r, 0, HV_BAR0, NOWHERE, 4, 1), -EPERM);
	assert_int_equal(s->denied, 2);
	assert_int_equal(s->guest_faults, 2);
	assert_int_equal(ld(r, 0, HV_BAR0, NOWHERE, 8, &err), (uint64_t)MMIO_DENIED << 32 | MMIO_DENIED);
	assert_int_equal(ld(r, 0, HV_BAR0, NOWHERE + 1, 1, &err), 0xda);
	assert_int_equal(r->v[1]->stats.denied, 0);
	/* The upper half of BAR0 holds no registers. */
	assert_int_equal(ld(r, 0, HV_BAR0, GF100_MMIO_LEN, 4, &err), MMIO_DENIED);
	assert_int_equal(ld(r, 0, HV_BAR0, GF100_BAR0_LEN - 4, 4, &err), MMIO_DENIED);
	assert_int_equal(err, -EPERM);
}

static void outside_the_bar(void **state)
{
	static const uint32_t offs[] = { GF100_BAR0_LEN, GF100_BAR0_LEN - 3, 0x80000000, ~0u, ~0u - 3 };
	struct rig *r = *state;
	uint64_t val;

	for (size_t i = 0; i < ARRAY_SIZE(offs); i++) {
		val = 0;
		assert_int_equal(vgpu_mmio_rd(r->v[0], offs[i], 4, &val), -EINVAL);
		assert_int_equal(val, 0xffffffff);
		assert_int_equal(vgpu_mmio_wr(r->v[0], offs[i], 4, 0), -EINVAL);
	}
}

static void odd_sizes(void **state)
{
	static const uint8_t bad[] = { 0, 3, 5, 6, 7, 9, 16, 255 };
	struct rig *r = *state;
	uint64_t val;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		val = 0x1111;
		assert_int_equal(vgpu_mmio_rd(r->v[0], 0, bad[i], &val), -EINVAL);
		assert_int_equal(val, mmio_ones(bad[i]));
		assert_int_equal(vgpu_mmio_wr(r->v[0], NV_PFB_SYSMEM_FLUSH, bad[i], ~0ull), -EINVAL);
	}
	assert_int_equal(rd(r, 0, NV_PFB_SYSMEM_FLUSH), 0);
}

/* Storage behaves like memory for every size at every byte. */
static void parts_of_dwords(void **state)
{
	const uint32_t base = NV_PTIMER_NUMERATOR + 0x40; /* a unit's unnamed registers */
	struct rig *r = *state;
	uint8_t model[24] = { 0 };
	uint64_t seed = 1;

	for (int k = 0; k < 4000; k++) {
		uint8_t size = (uint8_t)(1u << (k & 3));
		uint32_t at;
		uint64_t v, got, want = 0;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		at = (uint32_t)(seed >> 40) % (sizeof(model) - 8 + 1);
		v = seed ^ seed >> 29;
		if (k & 4) {
			v &= mmio_ones(size);
			assert_int_equal(st(r, 0, HV_BAR0, base + at, size, v), 0);
			memcpy(model + at, &v, size);
		}
		got = ld(r, 0, HV_BAR0, base + at, size, NULL);
		memcpy(&want, model + at, size);
		assert_int_equal(got, want);
	}
}

/* What is not storage takes the stored bytes alone: the others must not clear or trigger anything. */
static void part_of_a_clear_register(void **state)
{
	struct rig *r = *state;

	vgpu_reg_store(r->v[0], NV_PFIFO_ENG_FAULT, 0x0101);
	st(r, 0, HV_BAR0, NV_PFIFO_ENG_FAULT, 1, 0x01);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENG_FAULT), 0x0100);
	st(r, 0, HV_BAR0, NV_PFIFO_ENG_FAULT + 1, 1, 0x01);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENG_FAULT), 0);
}

/* An access may cover a register and nothing: each part gets its own answer. */
static void across_an_edge(void **state)
{
	struct rig *r = *state;
	const struct space_row *s = &space_rows[SPACEID_PTHERM];
	uint32_t edge = s->offset;
	int err;

	wr(r, 0, edge, 0x44332211);
	assert_int_equal(space_find(edge - 4), NR_SPACES);
	assert_int_equal(ld(r, 0, HV_BAR0, edge - 4, 8, &err), 0x4433221100000000ull | MMIO_DENIED);
	assert_int_equal(err, -EPERM);
	assert_int_equal(st(r, 0, HV_BAR0, edge - 2, 4, 0xaabbccdd), -EPERM);
	assert_int_equal(rd(r, 0, edge), 0x4433aabb);
}

static void vga_ports_are_bytes(void **state)
{
	struct rig *r = *state;

	assert_int_equal(st(r, 0, HV_BAR0, 0x6013d4, 1, 0x1f), 0);
	assert_int_equal(st(r, 0, HV_BAR0, 0x6013d5, 1, 0x57), 0);
	assert_int_equal(ld(r, 0, HV_BAR0, 0x6013d4, 1, NULL), 0x1f);
	assert_int_equal(ld(r, 0, HV_BAR0, 0x6013d5, 1, NULL), 0x57);
}

static void nothing_answers_while_decode_is_off(void **state)
{
	static const enum hv_space bars[] = { HV_BAR0, HV_BAR1, HV_BAR3 };
	struct rig *r = *state;
	int err;

	wr(r, 0, NV_PFB_SYSMEM_FLUSH, 0x77);
	st(r, 0, HV_CFG, 4, 2, 0);
	for (size_t b = 0; b < ARRAY_SIZE(bars); b++)
		for (uint8_t size = 1; size <= 8; size *= 2) {
			assert_int_equal(ld(r, 0, bars[b], NV_PFB_SYSMEM_FLUSH, size, &err),
					 mmio_ones(size));
			assert_int_equal(err, -EPERM);
			assert_int_equal(st(r, 0, bars[b], NV_PFB_SYSMEM_FLUSH, size, 0), -EPERM);
		}
	assert_int_equal(r->v[0]->stats.denied, 24);
	st(r, 0, HV_CFG, 4, 2, 2);
	assert_int_equal(rd(r, 0, NV_PFB_SYSMEM_FLUSH), 0x77);
}

static int no_memory(void)
{
	return 1;
}

/* Registers that could not be kept: the guest is failed on the next round, the other goes on. */
static void out_of_memory_fails_the_guest(void **state)
{
	struct rig *r = *state;
	uint64_t next;

	wr(r, 1, 0x405000, 5);
	mem_fault_hook = no_memory;
	wr(r, 0, 0x405000, 7);
	mem_fault_hook = NULL;
	assert_int_equal(vgpu_next_alarm(r->v[0]), 0);
	gpuvm_step(r->g, dev_now(r->g->dev), &next);
	assert_true(r->v[0]->failed);
	assert_int_equal(vgpu_next_alarm(r->v[0]), SCHED_NEVER);
	assert_int_equal(rd(r, 0, NV_PMC_BOOT_0), 0xffffffff);
	assert_int_equal(rd(r, 1, 0x405000), 5);
	assert_false(r->v[1]->failed);
	vgpu_reset(r->v[0]);
	wr(r, 0, 0x405000, 7);
	assert_int_equal(rd(r, 0, 0x405000), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(out_of_memory_fails_the_guest),
		RIG_TEST(unknown_is_denied),	    RIG_TEST(outside_the_bar),
		RIG_TEST(odd_sizes),		    RIG_TEST(parts_of_dwords),
		RIG_TEST(part_of_a_clear_register), RIG_TEST(across_an_edge),
		RIG_TEST(vga_ports_are_bytes),	    RIG_TEST(nothing_answers_while_decode_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

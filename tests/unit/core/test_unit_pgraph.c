// SPDX-License-Identifier: MIT
/* PGRAPH and FECS as a driver's bring-up and error handler poll them, all virtual. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

#define READY (1u << 31)

static void fecs_starts(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rd(r, 0, NV_FECS_SCRATCH) & READY, 0);
	wr(r, 0, NV_FECS_CPUCTL, 1); /* not the start bit */
	assert_int_equal(rd(r, 0, NV_FECS_SCRATCH) & READY, 0);
	wr(r, 0, NV_FECS_CPUCTL, 2);
	assert_int_equal(rd(r, 0, NV_FECS_SCRATCH) & READY, READY);
	/* The size is what the card's own graphics contexts take. */
	assert_int_not_equal(rd(r, 0, NV_FECS_SCRATCH + 4), 0);
	assert_int_equal(rd(r, 0, NV_FECS_SCRATCH + 4), dev_rd32(r->g->dev, NV_FECS_SCRATCH + 4));
	assert_int_equal(rd(r, 1, NV_FECS_SCRATCH), 0);
}

static void make_current_save_and_switch_are_virtual(void **state)
{
	struct rig *r = *state;
	uint32_t real = dev_rd32(r->g->dev, NV_FECS_CHAN);

	wr(r, 0, NV_FECS_CPUCTL, 2);
	wr(r, 0, NV_FECS_SCRATCH_CLR, READY);
	assert_int_equal(rd(r, 0, NV_FECS_SCRATCH) & READY, 0);
	wr(r, 0, NV_FECS_DATA, READY | 0xfcac);
	wr(r, 0, NV_FECS_CMD, 1);
	assert_int_equal(rd(r, 0, NV_FECS_SCRATCH) & READY, READY);
	assert_int_equal(rd(r, 0, NV_FECS_CHAN), READY | 0xfcac);
	wr(r, 0, NV_FECS_SCRATCH_CLR, READY);
	wr(r, 0, NV_FECS_CMD, 2);
	assert_int_equal(rd(r, 0, NV_FECS_SCRATCH) & READY, READY);
	wr(r, 0, NV_FECS_SWITCH, 0x100);
	assert_int_equal(rd(r, 0, NV_FECS_CHAN), 0xfcac);
	assert_int_equal(dev_rd32(r->g->dev, NV_FECS_CHAN), real);
}

static void scratch_set_and_clear(void **state)
{
	struct rig *r = *state;

	for (uint32_t i = 0; i < 8; i++) {
		wr(r, 0, reg_at(REGID_FECS_SCRATCH, i), 0xf0);
		wr(r, 0, reg_at(REGID_FECS_SCRATCH_SET, i), 0x0f);
		wr(r, 0, reg_at(REGID_FECS_SCRATCH_CLR, i), 0x3c);
		assert_int_equal(rd(r, 0, reg_at(REGID_FECS_SCRATCH, i)), 0xc3);
		assert_int_equal(rd(r, 0, reg_at(REGID_FECS_SCRATCH_SET, i)), 0);
	}
}

static void bring_up_polls_are_answered(void **state)
{
	struct rig *r = *state;
	uint32_t tpcs = 0, gpcs = rd(r, 0, NV_FECS_UNITS) & 0x1f;

	wr(r, 0, NV_PGRAPH_PWR_HANDSHAKE, 0x12);
	assert_int_equal(rd(r, 0, NV_PGRAPH_PWR_HANDSHAKE), 0x02);
	assert_int_equal(rd(r, 0, NV_PGRAPH_STATUS), 0);
	assert_int_equal(rd(r, 0, NV_PGRAPH_IDLE2), 0);
	wr(r, 0, NV_FECS_RESET, 0x70);
	assert_int_equal(rd(r, 0, NV_FECS_RESET), 0x70);
	/* Zero or more than 16 crash drivers. */
	assert_in_range(gpcs, 1, 4);
	for (uint32_t g = 0; g < gpcs; g++)
		tpcs += rd(r, 0, reg_at(REGID_GPC_TPCS, g));
	assert_in_range(tpcs, 1, 16);
	assert_int_not_equal(rd(r, 0, NV_MAX_GPCS), 0);
	assert_int_not_equal(rd(r, 0, NV_MAX_TPCS_PER_GPC), 0);
}

static void an_error_has_its_context(void **state)
{
	struct rig *r = *state;
	const struct vgpu_gr_error e = { .intr = 1u << 20,
					 .addr = 3u << 16 | 0x31c,
					 .data = 0xd00d,
					 .code = 7,
					 .class_id = 0x9039,
					 .inst = gvram(0xfc000) };

	wr(r, 0, NV_PMC_INTR_EN, 1);
	vgpu_raise_pgraph(r->v[0], &e);
	assert_int_equal(hv_null_irqs(r->hg[0]), 0);
	wr(r, 0, NV_PGRAPH_INTR_EN, ~0u);
	assert_int_equal(hv_null_irqs(r->hg[0]), 1);
	assert_int_equal(rd(r, 0, NV_PGRAPH_INTR), 1u << 20);
	assert_int_equal(rd(r, 0, NV_PGRAPH_TRAP_ADDR), e.addr);
	assert_int_equal(rd(r, 0, NV_PGRAPH_TRAP_DATA), 0xd00d);
	assert_int_equal(rd(r, 0, NV_PGRAPH_DATA_ERROR), 7);
	assert_int_equal(rd(r, 0, reg_at(REGID_PGRAPH_SUBC_CLASS, 3)), 0x9039);
	assert_int_equal(rd(r, 0, NV_FECS_CHAN), READY | 0xfc);
	wr(r, 0, NV_PGRAPH_INTR, 1u << 20);
	wr(r, 0, NV_PGRAPH_RESUME, 0x00010001);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
}

static void fecs_interrupt_clears(void **state)
{
	struct rig *r = *state;

	vgpu_reg_store(r->v[0], NV_FECS_INTR, 0x60001);
	wr(r, 0, NV_FECS_INTR_CLR, 0x20000);
	assert_int_equal(rd(r, 0, NV_FECS_INTR), 0x40001);
	assert_int_equal(rd(r, 0, NV_FECS_INTR_CLR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(fecs_starts),
		RIG_TEST(make_current_save_and_switch_are_virtual),
		RIG_TEST(scratch_set_and_clear),
		RIG_TEST(bring_up_polls_are_answered),
		RIG_TEST(an_error_has_its_context),
		RIG_TEST(fecs_interrupt_clears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* The guest's interrupt tree: levels, masks, edges, MSI re-arm, unit resets. */
#include "tests/t.h"

#include "tests/unit/core/rig.h"

static unsigned int irqs(struct rig *r, int i)
{
	return hv_null_irqs(r->hg[i]);
}

/* One engine's non-stall interrupt reaches PMC when PFIFO lets it. */
static void pfifo_on(struct rig *r, int i)
{
	wr(r, i, NV_PFIFO_ENG_INTR_MASK, 1);
	wr(r, i, NV_PFIFO_INTR_EN, ~0u);
}

static void ack(struct rig *r, int i, enum fermi_engine e)
{
	wr(r, i, reg_at(REGID_PFIFO_ENG_INTR_E, e), 1);
}

static void an_edge_is_one_message(void **state)
{
	struct rig *r = *state;

	pfifo_on(r, 0);
	vgpu_raise_nonstall(r->v[0], ENGINE_GR);
	assert_int_equal(irqs(r, 0), 0); /* PMC_INTR_EN is off */
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_PFIFO);
	assert_int_equal(rd(r, 0, NV_PMC_INTR_NONSTALL), 0);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	assert_int_equal(irqs(r, 0), 1); /* 0 to 1 with a source pending */
	vgpu_raise_nonstall(r->v[0], ENGINE_CE0);
	assert_int_equal(irqs(r, 0), 1); /* the line was up */
	ack(r, 0, ENGINE_GR);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_PFIFO);
	ack(r, 0, ENGINE_CE0);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
	vgpu_raise_nonstall(r->v[0], ENGINE_CE1);
	assert_int_equal(irqs(r, 0), 2);
	assert_int_equal(irqs(r, 1), 0);
	assert_int_equal(r->v[0]->stats.irqs, 2);
}

/* A driver's handler: off, serve, on.  Whatever came meanwhile must raise anew. */
static void handler_loses_nothing(void **state)
{
	struct rig *r = *state;

	pfifo_on(r, 0);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	vgpu_raise_nonstall(r->v[0], ENGINE_GR);
	wr(r, 0, NV_PMC_INTR_EN, 0);
	ack(r, 0, ENGINE_GR);
	vgpu_raise_nonstall(r->v[0], ENGINE_GR);
	assert_int_equal(irqs(r, 0), 1);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	assert_int_equal(irqs(r, 0), 2);
}

static void rearm_repeats_while_up(void **state)
{
	struct rig *r = *state;

	pfifo_on(r, 0);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	st(r, 0, HV_BAR0, NV_PPCI_MSI_REARM, 1, 0xff);
	assert_int_equal(irqs(r, 0), 0); /* nothing pending */
	vgpu_raise_nonstall(r->v[0], ENGINE_GR);
	st(r, 0, HV_BAR0, NV_PPCI_MSI_REARM, 1, 0xff);
	assert_int_equal(irqs(r, 0), 2);
	st(r, 0, HV_BAR0, NV_PPCI_MSI_REARM, 1, 0x01);
	assert_int_equal(irqs(r, 0), 2);
	ack(r, 0, ENGINE_GR);
	st(r, 0, HV_BAR0, NV_PPCI_MSI_REARM, 1, 0xff);
	assert_int_equal(irqs(r, 0), 2);
}

static void masks_hold_back(void **state)
{
	struct rig *r = *state;

	pfifo_on(r, 0);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	wr(r, 0, NV_PMC_INTR_MASK, ~PMC_INTR_PFIFO);
	vgpu_raise_nonstall(r->v[0], ENGINE_GR);
	assert_int_equal(irqs(r, 0), 0);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_PFIFO); /* a mask hides nothing */
	wr(r, 0, NV_PMC_INTR_MASK, PMC_INTR_PFIFO);
	assert_int_equal(irqs(r, 0), 1);
}

static void every_unit_reaches_its_bit(void **state)
{
	struct rig *r = *state;
	const struct vgpu_gr_error gr = { .intr = 1u << 4 };

	wr(r, 0, NV_PGRAPH_INTR_EN, ~0u);
	vgpu_raise_pgraph(r->v[0], &gr);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_PGRAPH);
	wr(r, 0, NV_PGRAPH_INTR, ~0u);

	vgpu_raise_ce(r->v[0], 0, &(struct vgpu_ce_error){ .error = 3 });
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_CE0);
	wr(r, 0, NV_CE0_INTR_CLR, 0x40);
	vgpu_raise_ce(r->v[0], 1, &(struct vgpu_ce_error){ .error = 3 });
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_CE1);
	wr(r, 0, NV_CE1_INTR_CLR, 0x40);

	vgpu_reg_store(r->v[0], NV_PBUS_INTR, 2);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
	wr(r, 0, NV_PBUS_INTR_EN, 0xe);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), PMC_INTR_PBUS);
	wr(r, 0, NV_PBUS_INTR, 2);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
}

static void enable_resets_units(void **state)
{
	struct rig *r = *state;

	wr(r, 0, NV_PFIFO_TIMEOUT, 5);
	wr(r, 0, NV_PGRAPH_ICMD_ADDR, 6);
	wr(r, 0, NV_CE1_INDEX, 1);
	wr(r, 0, NV_PMU_CPUCTL, 2);
	wr(r, 1, NV_PFIFO_TIMEOUT, 7);
	wr(r, 0, NV_PMC_ENABLE, ~(PMC_ENABLE_PFIFO | PMC_ENABLE_PGRAPH));
	assert_int_equal(rd(r, 0, NV_PFIFO_TIMEOUT), 0);
	assert_int_equal(rd(r, 0, NV_PGRAPH_ICMD_ADDR), 0);
	assert_int_equal(rd(r, 0, NV_PFIFO_PBDMA_ENABLE), 7);
	assert_int_equal(rd(r, 0, NV_CE1_INDEX), 1);
	assert_int_not_equal(rd(r, 0, NV_PMU_SEND_RING), 0);
	wr(r, 0, NV_PMC_ENABLE, 0);
	assert_int_equal(rd(r, 0, NV_CE1_INDEX), 0);
	assert_int_equal(rd(r, 0, NV_PMU_SEND_RING), 0);
	/* The other guest's units, and the card's, are as they were. */
	assert_int_equal(rd(r, 1, NV_PFIFO_TIMEOUT), 7);
	assert_int_equal(rd(r, 1, NV_PMC_ENABLE), ~0u);
	assert_int_equal(dev_rd32(r->g->dev, NV_PMC_ENABLE) & PMC_ENABLE_PFIFO, PMC_ENABLE_PFIFO);
}

static void a_reset_unit_drops_its_interrupt(void **state)
{
	struct rig *r = *state;

	pfifo_on(r, 0);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	vgpu_raise_nonstall(r->v[0], ENGINE_GR);
	wr(r, 0, NV_PMC_ENABLE, ~PMC_ENABLE_PFIFO);
	assert_int_equal(rd(r, 0, NV_PMC_INTR), 0);
	st(r, 0, HV_BAR0, NV_PPCI_MSI_REARM, 1, 0xff);
	assert_int_equal(irqs(r, 0), 1);
}

/* A port that cannot deliver is the world's fault: counted nowhere as delivered, and nothing breaks. */
static void a_lost_message_is_not_counted(void **state)
{
	struct rig *r = *state;

	pfifo_on(r, 0);
	wr(r, 0, NV_PMC_INTR_EN, 1);
	hv_null_fail_after(r->hv, 1, -EIO);
	vgpu_raise_nonstall(r->v[0], ENGINE_GR);
	hv_null_fail_after(r->hv, 0, 0);
	assert_int_equal(r->v[0]->stats.irqs, 0);
	st(r, 0, HV_BAR0, NV_PPCI_MSI_REARM, 1, 0xff);
	assert_int_equal(r->v[0]->stats.irqs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(an_edge_is_one_message),     RIG_TEST(handler_loses_nothing),
		RIG_TEST(rearm_repeats_while_up),     RIG_TEST(masks_hold_back),
		RIG_TEST(every_unit_reaches_its_bit), RIG_TEST(enable_resets_units),
		RIG_TEST(a_reset_unit_drops_its_interrupt), RIG_TEST(a_lost_message_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

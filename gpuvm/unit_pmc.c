// SPDX-License-Identifier: MIT
/*
 * The virtual PMC: the guest's interrupt tree and unit enables.
 *
 * Always true: PMC_INTR is computed from the units' registers whenever it is
 * looked at, so it cannot be stale; the guest gets one message for each edge
 * of its line from 0 to 1, and one more for each re-arm while the line is up.
 * Whether MSI is switched on is the port's business: a port without a
 * configuration space of its own (process guests) has nothing to ask.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/hp.h"
#include "gpuvm/units.h"

static uint32_t pending(struct vgpu *v)
{
	return (unit_pbus_level(v) ? PMC_INTR_PBUS : 0) |
	       (unit_ptimer_level(v) ? PMC_INTR_PTIMER : 0) |
	       (unit_pfifo_level(v) ? PMC_INTR_PFIFO : 0) |
	       (unit_pgraph_level(v) ? PMC_INTR_PGRAPH : 0) |
	       (unit_ce_level(v, 0) ? PMC_INTR_CE0 : 0) | (unit_ce_level(v, 1) ? PMC_INTR_CE1 : 0);
}

/* No unit drives the non-stall tree, so its enable and mask raise nothing. */
static bool line(struct vgpu *v)
{
	return vgpu_reg_load(v, NV_PMC_INTR_EN) & 1 &&
	       pending(v) & vgpu_reg_load(v, NV_PMC_INTR_MASK);
}

static void message(struct vgpu *v)
{
	int err;

	/* The driver that it is for runs here. */
	if (v->hp) {
		vgpu_hp_irq(v);
		return;
	}
	err = hv_irq(v->guest, 0);
	if (err)
		log_warn(v->g->log, "%s: interrupt not delivered: error %d", v->name, -err);
	else
		v->stats.irqs++;
}

void unit_irq_update(struct vgpu *v)
{
	bool up = line(v);

	if (up && !v->units->irq_line)
		message(v);
	v->units->irq_line = up;
}

uint32_t unit_pmc_intr_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return pending(v);
}

uint32_t unit_pmc_intr_nonstall_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)v;
	(void)off;
	(void)i;
	return 0;
}

/* PMC_INTR_EN and the masks. */
void unit_pmc_line_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, val);
	unit_irq_update(v);
}

void unit_pmc_rearm_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	(void)i;
	if ((val & 0xff) == 0xff && v->units->irq_line)
		message(v);
}

void unit_pmc_enable_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	uint32_t gone = vgpu_reg_load(v, off) & ~val;

	(void)i;
	vgpu_reg_store(v, off, val);
	if (gone & PMC_ENABLE_PFIFO)
		unit_pfifo_reset(v);
	if (gone & PMC_ENABLE_PGRAPH)
		unit_pgraph_reset(v);
	if (gone & PMC_ENABLE_CE0)
		unit_ce_reset(v, 0);
	if (gone & PMC_ENABLE_CE1)
		unit_ce_reset(v, 1);
	if (gone & PMC_ENABLE_PMU)
		unit_pmu_reset(v);
	unit_irq_update(v);
}

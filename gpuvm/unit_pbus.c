// SPDX-License-Identifier: MIT
/*
 * The virtual PBUS: the PRAMIN window's base and the blocks of BAR1 and BAR3.
 * Always true: what a guest's BARs show is decided by its own instance blocks
 * and tables, checked where they are followed (shadow_bar_xlate).
 */
#include "gpuvm/units.h"

bool unit_pbus_level(struct vgpu *v)
{
	return vgpu_reg_load(v, NV_PBUS_INTR) & vgpu_reg_load(v, NV_PBUS_INTR_EN);
}

void unit_pbus_intr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, vgpu_reg_load(v, off) & ~val);
	unit_irq_update(v);
}

void unit_pbus_intr_en_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, val);
	unit_irq_update(v);
}

static void bind(struct vgpu *v, int bar, uint32_t off, uint32_t val)
{
	vgpu_reg_store(v, off, val);
	/* A block that leads nowhere is counted by the shadows; the BAR then shows nothing. */
	shadow_bar_bind(v->shadow, bar, val);
}

void unit_pbus_bar1_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	bind(v, 1, off, val);
}

void unit_pbus_bar3_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	bind(v, 3, off, val);
}

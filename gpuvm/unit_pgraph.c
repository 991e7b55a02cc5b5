// SPDX-License-Identifier: MIT
/*
 * The virtual PGRAPH with its FECS: what a driver's bring-up and its error
 * handler see.
 *
 * Always true: the driver's microcode is not run; writing CPUCTL has the
 * effect that nouveau's own microcode would have on the registers a driver
 * polls.  Which context the card's FECS holds is the mediator's business: a
 * guest makes channels current only in its own FECS_CHAN.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/host.h"
#include "gpuvm/recover.h"
#include "gpuvm/units.h"

#define FALCON_START (1u << 1)
/* FECS_SCRATCH 0: ready after start, done after a command. */
#define FECS_READY (1u << 31)
#define FECS_CMD_BIND 1u
#define FECS_CMD_SAVE 2u
#define FECS_SWITCH_SAVE (1u << 8)
#define FECS_CHAN_VALID (1u << 31)
#define PGRAPH_FIRST 0x400000
#define PGRAPH_LAST 0x420000
#define PGPC_FIRST 0x500000
#define PGPC_LAST 0x520000

static void scratch_set(struct vgpu *v, uint32_t i, uint32_t bits)
{
	uint32_t off = reg_at(REGID_FECS_SCRATCH, i);

	vgpu_reg_store(v, off, vgpu_reg_load(v, off) | bits);
}

bool unit_pgraph_level(struct vgpu *v)
{
	return vgpu_reg_load(v, NV_PGRAPH_INTR) & vgpu_reg_load(v, NV_PGRAPH_INTR_EN);
}

/* PGRAPH_INTR_EN. */
void unit_pgraph_level_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, val);
	unit_irq_update(v);
}

void unit_pgraph_intr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, vgpu_reg_load(v, off) & ~val);
	unit_irq_update(v);
	if (!vgpu_reg_load(v, off))
		vgpu_chans_resume(v, ENGINE_GR);
}

void vgpu_raise_pgraph(struct vgpu *v, const struct vgpu_gr_error *e)
{
	uint32_t subc = bits_get(e->addr, 18, 16);

	vgpu_reg_store(v, NV_PGRAPH_TRAP_ADDR, e->addr);
	vgpu_reg_store(v, NV_PGRAPH_TRAP_DATA, e->data);
	vgpu_reg_store(v, NV_PGRAPH_DATA_ERROR, e->code);
	vgpu_reg_store(v, reg_at(REGID_PGRAPH_SUBC_CLASS, subc), e->class_id);
	vgpu_reg_store(v, NV_FECS_CHAN, FECS_CHAN_VALID | lo32(gvram_x(e->inst) >> 12));
	vgpu_reg_store(v, NV_PGRAPH_INTR, vgpu_reg_load(v, NV_PGRAPH_INTR) | e->intr);
	unit_irq_update(v);
}

/* The context size is the card's answer: the guest allocates what the card's FECS will write. */
void unit_fecs_cpuctl_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	(void)i;
	if (!(val & FALCON_START))
		return;
	vgpu_reg_store(v, reg_at(REGID_FECS_SCRATCH, 1), v->g->host->gr_ctx_len);
	scratch_set(v, 0, FECS_READY);
}

void unit_fecs_cmd_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	(void)i;
	if (val == FECS_CMD_BIND)
		vgpu_reg_store(v, NV_FECS_CHAN, vgpu_reg_load(v, NV_FECS_DATA));
	if (val == FECS_CMD_BIND || val == FECS_CMD_SAVE)
		scratch_set(v, 0, FECS_READY);
}

void unit_fecs_switch_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	(void)i;
	if (val & FECS_SWITCH_SAVE)
		vgpu_reg_store(v, NV_FECS_CHAN, vgpu_reg_load(v, NV_FECS_CHAN) & ~FECS_CHAN_VALID);
}

void unit_fecs_scratch_set_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	scratch_set(v, i, val);
}

void unit_fecs_scratch_clr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	uint32_t at = reg_at(REGID_FECS_SCRATCH, i);

	(void)off;
	vgpu_reg_store(v, at, vgpu_reg_load(v, at) & ~val);
}

void unit_fecs_intr_clr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)off;
	(void)i;
	vgpu_reg_store(v, NV_FECS_INTR, vgpu_reg_load(v, NV_FECS_INTR) & ~val);
}

void unit_pgraph_reset(struct vgpu *v)
{
	mmio_reset_range(v, PGRAPH_FIRST, PGRAPH_LAST);
	mmio_reset_range(v, PGPC_FIRST, PGPC_LAST);
	unit_falcon_forget(v, VFALCON_FECS);
	unit_falcon_forget(v, VFALCON_GPCCS);
	vgpu_chans_resume(v, ENGINE_GR);
}

// SPDX-License-Identifier: MIT
/*
 * PGRAPH's registers: interrupts, the idle answers, method injection, and the
 * context-switch microcode (FECS) as its driver sees it.
 *
 * Always true: PGRAPH's register side never works by itself and is therefore
 * idle whenever it is looked at; the graphics engine's work is done by PFIFO's
 * engine threads.  FECS answers a command before the write returns.  Its
 * command and its switch act on FECS_CHAN, and on nothing else: there is no
 * context image to save, since an engine's state lives with its channel.
 * Sources: nvkm/engine/gr/gf100.c, nvkm/engine/gr/fuc/hub.fuc.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/private.h"

#define FECS_BASE 0x409000u
#define GPCCS_BASE 0x41a000u
/* Injected method: subchannel in PGRAPH_TRAP_ADDR bits 16-18. */
#define TRAP_SUBC_SHIFT 16
#define TRAP_METHOD_MASK 0x3ffcu
#define PGRAPH_INTR_FECS (1u << 19)
#define FECS_READY (1u << 31)
#define FECS_CHAN_VALID (1u << 31)
#define FECS_SWITCH_NOW (1u << 8)
#define FECS_INTR_ERROR (1u << 0)
#define FECS_ERROR_COMMAND 1u
#define PWR_HANDSHAKE_BUSY (1u << 4)
/* Bytes of a context image.  Small, because drivers save and restore it word by word. */
#define CONTEXT_LEN 0x1000u

enum { SCRATCH_STATUS = 0, SCRATCH_SIZE = 1, SCRATCH_ERROR = 5 };

static uint32_t scratch(uint32_t i)
{
	return reg_at(REGID_FECS_SCRATCH, i);
}

static void drive(struct sim *s)
{
	uint32_t intr = sim_reg_load(s, NV_PGRAPH_INTR);

	/* The context-switch error is a level of FECS behind it. */
	intr = sim_reg_load(s, NV_FECS_INTR) ? intr | PGRAPH_INTR_FECS : intr;
	sim_reg_store(s, NV_PGRAPH_INTR, intr);
	sim_intr(s, PMC_INTR_PGRAPH, intr & sim_reg_load(s, NV_PGRAPH_INTR_EN));
}

void pgraph_reset(struct sim *s)
{
	static const uint32_t keep[] = { NV_FECS_UNITS };
	uint32_t kept[ARRAY_SIZE(keep)];

	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		kept[i] = sim_reg_load(s, keep[i]);
	sim_reg_clear(s, 0x400000, 0x41fffc);
	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		sim_reg_store(s, keep[i], kept[i]);
	falcon_reset_at(s, FECS_BASE);
	falcon_reset_at(s, GPCCS_BASE);
	drive(s);
}

void pgraph_error(struct sim *s, uint32_t intr_bit, const struct engine_ctx *ctx, uint32_t mthd,
		  uint32_t val, uint32_t class_id, uint32_t code)
{
	uint32_t subc = ctx->subc & 7;

	sim_reg_store(s, NV_PGRAPH_TRAP_ADDR, subc << TRAP_SUBC_SHIFT | (mthd & TRAP_METHOD_MASK));
	sim_reg_store(s, NV_PGRAPH_TRAP_DATA, val);
	sim_reg_store(s, reg_at(REGID_PGRAPH_SUBC_CLASS, subc), class_id);
	sim_reg_store(s, NV_PGRAPH_DATA_ERROR, code);
	sim_reg_store(s, NV_FECS_CHAN, FECS_CHAN_VALID | (uint32_t)(ctx->vm.inst >> 12));
	sim_reg_store(s, NV_PGRAPH_INTR, sim_reg_load(s, NV_PGRAPH_INTR) | intr_bit);
	drive(s);
}

/* ---- FECS ------------------------------------------------------------------ */

static void fecs_start(struct sim *s)
{
	sim_reg_store(s, scratch(SCRATCH_SIZE), CONTEXT_LEN);
	sim_reg_store(s, scratch(SCRATCH_STATUS),
		      sim_reg_load(s, scratch(SCRATCH_STATUS)) | FECS_READY);
}

static void fecs_command(struct sim *s, uint32_t cmd)
{
	switch (cmd) {
	case 1: /* make the channel current */
		sim_reg_store(s, NV_FECS_CHAN, sim_reg_load(s, NV_FECS_DATA));
		break;
	case 2: /* save the current channel, which stays current */
		break;
	default:
		sim_reg_store(s, scratch(SCRATCH_ERROR), FECS_ERROR_COMMAND);
		sim_reg_store(s, NV_FECS_INTR, sim_reg_load(s, NV_FECS_INTR) | FECS_INTR_ERROR);
		drive(s);
		return;
	}
	sim_reg_store(s, scratch(SCRATCH_STATUS),
		      sim_reg_load(s, scratch(SCRATCH_STATUS)) | FECS_READY);
}

/* Saves the current channel and takes the next one, if there is one. */
static void fecs_switch(struct sim *s)
{
	uint32_t next = sim_reg_load(s, NV_FECS_CHAN_NEXT), cur = sim_reg_load(s, NV_FECS_CHAN);

	sim_reg_store(s, NV_FECS_CHAN, next & FECS_CHAN_VALID ? next : cur & ~FECS_CHAN_VALID);
}

static bool fecs_wr(struct sim *s, uint32_t off, uint32_t val)
{
	uint32_t i;

	switch (off) {
	case NV_FECS_CPUCTL:
		if (val & 2)
			fecs_start(s);
		return true;
	case NV_FECS_CMD:
		fecs_command(s, val);
		return true;
	case NV_FECS_SWITCH:
		if (val & FECS_SWITCH_NOW)
			fecs_switch(s);
		return true;
	case NV_FECS_INTR_CLR:
		sim_reg_store(s, NV_FECS_INTR, sim_reg_load(s, NV_FECS_INTR) & ~val);
		return true;
	default:
		break;
	}
	switch (reg_find(off, &i)) {
	case REGID_FECS_SCRATCH_SET:
		sim_reg_store(s, scratch(i), sim_reg_load(s, scratch(i)) | val);
		return true;
	case REGID_FECS_SCRATCH_CLR:
		sim_reg_store(s, scratch(i), sim_reg_load(s, scratch(i)) & ~val);
		return true;
	default:
		return false;
	}
}

static uint32_t fecs_rd(struct sim *s, uint32_t off)
{
	uint32_t v;

	return falcon_port_rd(s, off, &v) ? v : sim_reg_rd(s, off);
}

static void fecs_write(struct sim *s, uint32_t off, uint32_t val)
{
	if (!falcon_port_wr(s, off, val) && !fecs_wr(s, off, val))
		sim_reg_wr(s, off, val);
}

static uint32_t pgraph_rd(struct sim *s, uint32_t off)
{
	uint32_t v = sim_reg_rd(s, off);

	return off == NV_PGRAPH_PWR_HANDSHAKE ? v & ~PWR_HANDSHAKE_BUSY : v;
}

static void pgraph_wr(struct sim *s, uint32_t off, uint32_t val)
{
	sim_reg_wr(s, off, val);
	if (off == NV_PGRAPH_INTR || off == NV_PGRAPH_INTR_EN)
		drive(s);
	if (off == NV_PGRAPH_INTR)
		pfifo_wake(s);
}

const struct sim_unit pgraph_units[] = {
	{ "PGRAPH", 0x400000, 0x408ffc, pgraph_rd, pgraph_wr },
	{ "FECS", FECS_BASE, FECS_BASE + 0xffc, fecs_rd, fecs_write },
	{ "GPCCS", GPCCS_BASE, GPCCS_BASE + 0xffc, fecs_rd, fecs_write },
	{ 0 },
};

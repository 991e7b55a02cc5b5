// SPDX-License-Identifier: MIT
/*
 * What the GPU complains about: MMU faults, PBDMA errors, engine errors.
 * Registers and order of recovery are nouveau's [nvkm/engine/fifo/gf100.c].
 *
 *  1. The channel that is to blame dies, with a reason in words, and leaves
 *     the runlist; its engine is reset; every other channel goes on.
 *  2. A complaint that names no channel of ours is acknowledged and logged.
 *  3. drv.lock is held: these run on the interrupt thread.
 */
#include <errno.h>

#include "gpuvm/base/log.h"
#include "gpuvm/fermi/fault.h"
#include "pv-driver/private.h"

#define PBDMA_NOP 0x80600008u /* method header a handler leaves behind: host NOP */

static struct drv_chan *chan_by_inst(struct drv *d, uint64_t inst)
{
	for (uint32_t c = 0; c < GF100_NR_CHAN; c++)
		if (d->fifo.chan[c] && d->fifo.chan[c]->inst &&
		    d->fifo.chan[c]->inst->addr == inst)
			return d->fifo.chan[c];
	return NULL;
}

static struct drv_chan *chan_by_id(struct drv *d, uint32_t chid)
{
	return chid < GF100_NR_CHAN ? d->fifo.chan[chid] : NULL;
}

static void engine_restart(struct drv *d, enum fermi_engine e)
{
	int err = e == ENGINE_GR ? gr_restart(d) : ce_start(d, e == ENGINE_CE1);

	if (err)
		log_error(d->cfg.log, "engine %d does not come back after a fault", e);
}

/* Frozen, reset, runlist again without the guilty channel, fault cleared, thawed. */
static void engine_recover(struct drv *d, enum fermi_engine e, struct drv_chan *guilty)
{
	uint32_t bit = 1u << e;

	mask32(d, NV_PFIFO_ENG_FREEZE, 0, bit);
	if (guilty && guilty->runnable) {
		guilty->runnable = false;
		mask32(d, reg_at(REGID_PFIFO_CHAN_STATE, guilty->chid), CHAN_STATE_RUNNABLE, 0);
	}
	engine_restart(d, e);
	fifo_runlist_commit(d);
	wr32(d, NV_PFIFO_ENG_FAULT, bit);
	mask32(d, NV_PFIFO_ENG_FREEZE, bit, 0);
}

static int unit_engine(uint32_t unit)
{
	switch (unit) {
	case FAULT_UNIT_PGRAPH:
		return ENGINE_GR;
	case FAULT_UNIT_CE0:
		return ENGINE_CE0;
	case FAULT_UNIT_CE1:
		return ENGINE_CE1;
	default:
		return -1;
	}
}

static void mmu_fault(struct drv *d, uint32_t u)
{
	uint64_t inst = (uint64_t)rd32(d, reg_at(REGID_PFIFO_MMU_FAULT_INST, u)) << 12;
	uint64_t va = rd32(d, reg_at(REGID_PFIFO_MMU_FAULT_VALO, u)) |
		      (uint64_t)rd32(d, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, u)) << 32;
	uint32_t info = rd32(d, reg_at(REGID_PFIFO_MMU_FAULT_INFO, u));
	struct drv_chan *ch = chan_by_inst(d, inst);
	int e = unit_engine(u);

	/*
	 * Acknowledged before the engine runs again: a fault of the next channel
	 * while the unit still holds this one would be lost.
	 */
	wr32(d, NV_PFIFO_MMU_FAULT_UNITS, 1u << u);
	d->stats.faults++;
	if (e >= 0)
		engine_recover(d, (enum fermi_engine)e, ch);
	if (ch)
		chan_kill(ch, "MMU fault: %s %s %010llx, %s", fault_unit_name(u),
			  info & FAULT_INFO_WRITE ? "writing" : "reading", (unsigned long long)va,
			  fault_reason_name(FAULT_INFO_REASON(info)));
	else
		log_warn(d->cfg.log, "MMU fault of %s at %010llx, %s, instance %010llx",
			 fault_unit_name(u), (unsigned long long)va,
			 fault_reason_name(FAULT_INFO_REASON(info)), (unsigned long long)inst);
	/* A BAR stays stuck until its block is written again. */
	if (u == FAULT_UNIT_BAR1)
		mask32(d, NV_PBUS_BAR1_BLOCK, 0, 0);
	else if (u == FAULT_UNIT_BAR3)
		mask32(d, NV_PBUS_BAR3_BLOCK, 0, 0);
}

static void mmu_faults(struct drv *d)
{
	uint32_t units = rd32(d, NV_PFIFO_MMU_FAULT_UNITS);

	for (uint32_t u = 0; u < NR_FAULT_UNITS; u++)
		if (units & 1u << u)
			mmu_fault(d, u);
}

static const char *pbdma_word(uint32_t intr)
{
	static const struct {
		uint32_t bit;
		const char *word;
	} words[] = {
		{ PBDMA_INTR_IB_ENTRY, "bad indirect-buffer entry" },
		{ PBDMA_INTR_HEADER, "bad method header" },
		{ PBDMA_INTR_METHOD, "illegal method" },
		{ PBDMA_INTR_SW_METHOD, "method for an engine that is not there" },
		{ PBDMA_INTR_SEMAPHORE, "bad semaphore operation" },
		{ PBDMA_INTR_ACQUIRE, "semaphore acquire timed out" },
		{ PBDMA_INTR_SIGNATURE, "bad RAMFC signature" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (intr & words[i].bit)
			return words[i].word;
	return "UNK";
}

/* We have no software class: a method that lands there is the channel's mistake like any other. */
static void pbdma_error(struct drv *d, uint32_t p)
{
	uint32_t intr =
		rd32(d, reg_at(REGID_PBDMA_INTR, p)) & rd32(d, reg_at(REGID_PBDMA_INTR_EN, p));
	uint32_t mthd = rd32(d, reg_at(REGID_PBDMA_METHOD, p));
	uint32_t data = rd32(d, reg_at(REGID_PBDMA_DATA, p));
	struct drv_chan *ch = chan_by_id(d, rd32(d, reg_at(REGID_PBDMA_CHID, p)) & 0x7f);

	d->stats.pbdma_errors++;
	if (ch)
		chan_kill(ch, "%s (PBDMA %u interrupt %08x, subchannel %u method %04x data %08x)",
			  pbdma_word(intr), p, intr, mthd >> 16 & 7, mthd & 0x3ffc, data);
	else
		log_warn(d->cfg.log, "PBDMA %u: %s", p, pbdma_word(intr));
	wr32(d, reg_at(REGID_PBDMA_METHOD, p), PBDMA_NOP);
	wr32(d, reg_at(REGID_PBDMA_INTR, p), intr);
}

/* A context switch that does not end: whoever is stuck on an engine goes. */
static void sched_error(struct drv *d)
{
	uint32_t code = rd32(d, NV_PFIFO_SCHED_INTR), status;
	struct drv_chan *ch;

	if (code != SCHED_CTXSW_TIMEOUT)
		log_warn(d->cfg.log, "scheduler error %02x", code);
	for (int i = 0; code == SCHED_CTXSW_TIMEOUT && i < NR_CHAN_ENGINES; i++) {
		status = rd32(d, reg_at(REGID_PFIFO_ENG_STATUS, chan_engines[i].engine));
		if (!(status & ENG_STATUS_BUSY))
			continue;
		ch = chan_by_id(d, ENG_STATUS_CHID(status));
		engine_recover(d, chan_engines[i].engine, ch);
		if (ch)
			chan_kill(ch, "engine %d: it would not leave (context switch timeout): its work "
				      "took longer than it may", chan_engines[i].engine);
	}
}

static void nonstall(struct drv *d)
{
	uint32_t engines = rd32(d, NV_PFIFO_ENG_INTR);

	for (uint32_t e = 0; e < NR_ENGINES; e++) {
		if (engines & 1u << e)
			wr32(d, reg_at(REGID_PFIFO_ENG_INTR_E, e),
			     rd32(d, reg_at(REGID_PFIFO_ENG_INTR_E, e)));
	}
	d->stats.nonstall++;
	irq_wake(d);
}

void fault_pfifo(struct drv *d)
{
	uint32_t intr = rd32(d, NV_PFIFO_INTR) & rd32(d, NV_PFIFO_INTR_EN), pbdmas;

	if (intr & PFIFO_INTR_CHSW)
		log_warn(d->cfg.log, "channel table error %02x", rd32(d, NV_PFIFO_CHSW_INTR));
	if (intr & PFIFO_INTR_SCHED)
		sched_error(d);
	if (intr & PFIFO_INTR_MMU_FAULT)
		mmu_faults(d);
	if (intr & PFIFO_INTR_PBDMA) {
		pbdmas = rd32(d, NV_PFIFO_PBDMA_INTR);
		for (uint32_t p = 0; p < d->info.nr_pbdma; p++)
			if (pbdmas & 1u << p)
				pbdma_error(d, p);
	}
	if (intr & PFIFO_INTR_RUNLIST)
		wr32(d, NV_PFIFO_RUNLIST_INTR, rd32(d, NV_PFIFO_RUNLIST_INTR));
	if (intr & PFIFO_INTR_ENGINE)
		nonstall(d);
	/* 28-31 are levels of what was cleared above. */
	wr32(d, NV_PFIFO_INTR, intr & ~(PFIFO_INTR_MMU_FAULT | PFIFO_INTR_PBDMA |
					PFIFO_INTR_RUNLIST | PFIFO_INTR_ENGINE));
}

static const char *pgraph_word(uint32_t intr)
{
	if (intr & PGRAPH_INTR_TRAP)
		return "trap: a shader program broke a rule";
	if (intr & PGRAPH_INTR_DATA_ERROR)
		return "error: bad method data";
	if (intr & PGRAPH_INTR_ILLEGAL_CLASS)
		return "error: illegal class";
	return intr & PGRAPH_INTR_ILLEGAL_METHOD ? "error: illegal method" : "error";
}

void fault_pgraph(struct drv *d)
{
	uint32_t intr = rd32(d, NV_PGRAPH_INTR), where = rd32(d, NV_PGRAPH_TRAP_ADDR);
	uint32_t data = rd32(d, NV_PGRAPH_TRAP_DATA), code = rd32(d, NV_PGRAPH_DATA_ERROR);
	struct drv_chan *ch = chan_by_inst(d, CHAN_INST_ADDR(rd32(d, NV_FECS_CHAN)));

	d->stats.engine_errors++;
	if (ch)
		chan_kill(ch, "PGRAPH %s (interrupt %08x, code %x, subchannel %u method %04x data %08x)",
			  pgraph_word(intr), intr, code, where >> 16 & 7, where & 0x3ffc, data);
	else
		log_warn(d->cfg.log, "PGRAPH error %08x of no channel", intr);
	wr32(d, NV_PGRAPH_INTR, intr);
	wr32(d, NV_PGRAPH_RESUME, 0x00010001);
}

void fault_ce(struct drv *d, unsigned int n)
{
	uint32_t at = n * (NV_CE1_INTR - NV_CE0_INTR);
	uint32_t intr = rd32(d, NV_CE0_INTR + at), error = rd32(d, NV_CE0_ERROR + at);
	uint32_t data = rd32(d, NV_CE0_ERROR_DATA + at);
	struct drv_chan *ch = chan_by_inst(d, CHAN_INST_ADDR(rd32(d, NV_CE0_CHAN + at)));

	d->stats.engine_errors++;
	if (ch)
		chan_kill(ch, "copy engine %u error %x, method %04x data %08x", n, error & 0xffff,
			  (error >> 16 & 0x7ff) << 2, data);
	else
		log_warn(d->cfg.log, "copy engine %u error %x of no channel", n, error & 0xffff);
	wr32(d, NV_CE0_INTR_CLR + at, intr);
}

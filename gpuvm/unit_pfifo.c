// SPDX-License-Identifier: MIT
/*
 * The virtual PFIFO of one guest: channel table, runlist, kick, interrupts.
 *
 * Always true:
 *  1. PFIFO_INTR bits 28-31 are levels of the registers behind them; the
 *     others latch until the guest writes 1.
 *  2. Ids and addresses here are the guest's; the channel and shadow rooms
 *     translate and check them before the card sees anything.
 *  3. What one guest does to its engines (faults, freezes, resets) stops none
 *     of another's work: ENG_FAULT, ENG_FREEZE and PMC_ENABLE are its own, and
 *     FAULT_TRIGGER stops only the guest's own channel that runs there.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/hp.h"
#include "gpuvm/units.h"

/* Until a runlist that the card has not taken is looked at again: a switch takes microseconds. */
#define RUNLIST_LOOK_NS 20000u

/* ---- interrupts ------------------------------------------------------------------------- */

static uint32_t load(const struct vgpu *v, enum reg_id id, uint32_t i)
{
	return vgpu_reg_load(v, reg_at(id, i));
}

/* PFIFO_ENG_INTR_MASK enables the four kinds of each engine's nibble. */
static uint32_t engines_pending(const struct vgpu *v)
{
	uint32_t mask = vgpu_reg_load(v, NV_PFIFO_ENG_INTR_MASK), set = 0;

	for (uint32_t e = 0; e < NR_ENGINES; e++)
		if (load(v, REGID_PFIFO_ENG_INTR_E, e) & mask & 0xf)
			set |= 1u << e;
	return set;
}

static uint32_t intr(struct vgpu *v)
{
	uint32_t set = vgpu_reg_load(v, NV_PFIFO_INTR);

	if (vgpu_reg_load(v, NV_PFIFO_MMU_FAULT_UNITS))
		set |= PFIFO_INTR_MMU_FAULT;
	if (unit_pbdma_pending(v))
		set |= PFIFO_INTR_PBDMA;
	if (vgpu_reg_load(v, NV_PFIFO_RUNLIST_INTR))
		set |= PFIFO_INTR_RUNLIST;
	if (engines_pending(v))
		set |= PFIFO_INTR_ENGINE;
	return set;
}

bool unit_pfifo_level(struct vgpu *v)
{
	return intr(v) & vgpu_reg_load(v, NV_PFIFO_INTR_EN);
}

uint32_t unit_pfifo_intr_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return intr(v);
}

/* Only the latched bits are stored, so the levels cannot be cleared here. */
void unit_pfifo_intr_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	for (uint32_t e = 0; val & PFIFO_INTR_SCHED && e < NR_ENGINES; e++)
		v->units->hung[e].is = false;
	unit_pfifo_w1c_wr(v, off, i, val);
}

void unit_pfifo_w1c_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, vgpu_reg_load(v, off) & ~val);
	unit_irq_update(v);
}

/* Enables and masks that decide what reaches PMC. */
void unit_pfifo_level_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	(void)i;
	vgpu_reg_store(v, off, val);
	unit_irq_update(v);
}

uint32_t unit_pfifo_pbdma_intr_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return unit_pbdma_pending(v);
}

uint32_t unit_pfifo_eng_intr_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)off;
	(void)i;
	return engines_pending(v);
}

/* A TRIG register that reads back what was written. */
uint32_t unit_pfifo_stored_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)i;
	return vgpu_reg_load(v, off);
}

static void latch(struct vgpu *v, uint32_t off, uint32_t bits)
{
	vgpu_reg_store(v, off, vgpu_reg_load(v, off) | bits);
}

void vgpu_raise_nonstall(struct vgpu *v, enum fermi_engine e)
{
	if (v->hp) {
		vgpu_hp_event(v);
		return;
	}
	if (e >= NR_ENGINES)
		return;
	latch(v, reg_at(REGID_PFIFO_ENG_INTR_E, e), 1);
	unit_irq_update(v);
}

void vgpu_raise_hung(struct vgpu *v, enum fermi_engine e, gchan_t id, gvram_t inst)
{
	v->units->hung[e] = (struct unit_hung){ .is = true, .id = id, .inst = inst };
	vgpu_reg_store(v, NV_PFIFO_SCHED_INTR, SCHED_CTXSW_TIMEOUT);
	latch(v, NV_PFIFO_INTR, PFIFO_INTR_SCHED);
	unit_irq_update(v);
}

/* ---- MMU faults ------------------------------------------------------------------------ */

static void show_fault(struct vgpu *v, const struct vgpu_mmu_fault *f)
{
	uint32_t u = f->unit % NR_FAULT_UNITS;

	vgpu_reg_store(v, reg_at(REGID_PFIFO_MMU_FAULT_INST, u), lo32(gvram_x(f->inst) >> 12));
	vgpu_reg_store(v, reg_at(REGID_PFIFO_MMU_FAULT_VALO, u), lo32(f->va));
	vgpu_reg_store(v, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, u), hi32(f->va));
	vgpu_reg_store(v, reg_at(REGID_PFIFO_MMU_FAULT_INFO, u), f->info);
	latch(v, NV_PFIFO_MMU_FAULT_UNITS, 1u << u);
	if (f->engine < NR_ENGINES)
		latch(v, NV_PFIFO_ENG_FAULT, 1u << f->engine);
}

void vgpu_raise_mmu_fault(struct vgpu *v, const struct vgpu_mmu_fault *f)
{
	struct vgpu_unit_state *u = v->units;
	uint32_t bit = 1u << f->unit % NR_FAULT_UNITS;

	/* The card is back before a driver has read: a second fault must not hide the first. */
	if (!(vgpu_reg_load(v, NV_PFIFO_MMU_FAULT_UNITS) & bit))
		show_fault(v, f);
	else if (u->nr_faults < UNIT_FAULTS)
		u->fault[u->nr_faults++] = *f;
	else
		vgpu_fault(v, "more than %d unread MMU faults; one is dropped", UNIT_FAULTS);
	unit_irq_update(v);
}

void unit_pfifo_fault_units_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	struct vgpu_unit_state *u = v->units;
	uint32_t kept = 0;

	(void)i;
	vgpu_reg_store(v, off, vgpu_reg_load(v, off) & ~val);
	for (uint32_t k = 0; k < u->nr_faults; k++) {
		struct vgpu_mmu_fault f = u->fault[k];

		if (vgpu_reg_load(v, off) & 1u << f.unit % NR_FAULT_UNITS)
			u->fault[kept++] = f;
		else
			show_fault(v, &f);
	}
	u->nr_faults = kept;
	unit_irq_update(v);
}

/* ---- runlist ---------------------------------------------------------------------------- */

static void runlist_done(struct vgpu *v)
{
	v->units->runlist_pending = false;
	latch(v, NV_PFIFO_RUNLIST_INTR, RUNLIST_INTR_DONE);
	unit_irq_update(v);
}

/*
 * The guest's list is taken when the card has taken the merged one.  The
 * card's pending bit may be another guest's doing: it then only takes longer.
 */
static void runlist_look(struct vgpu *v)
{
	if (!v->units->runlist_pending)
		return;
	if (dev_rd32(v->g->dev, NV_PFIFO_RUNLIST_STATUS) & RUNLIST_STATUS_PENDING)
		v->units->runlist_look = dev_now(v->g->dev) + RUNLIST_LOOK_NS;
	else
		runlist_done(v);
}

uint64_t unit_pfifo_next(const struct vgpu *v)
{
	return v->units->runlist_pending ? v->units->runlist_look : SCHED_NEVER;
}

void unit_pfifo_tick(struct vgpu *v, uint64_t now)
{
	if (v->units->runlist_pending && now >= v->units->runlist_look)
		runlist_look(v);
}

void unit_pfifo_runlist_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	uint32_t addr = vgpu_reg_load(v, NV_PFIFO_RUNLIST_ADDR);
	int err;

	(void)i;
	vgpu_reg_store(v, off, val);
	vgpu_reg_store(v, NV_PFIFO_RUNLIST_CUR, addr);
	vgpu_reg_store(v, NV_PFIFO_RUNLIST_STATUS, RUNLIST_COUNT(val));
	if (v->failed)
		return;
	err = shadow_runlist_submit(v->shadow, addr, val);
	if (err)
		vgpu_fault(v, "runlist at 0x%08x, %u entries: error %d", addr, RUNLIST_COUNT(val),
			   -err);
	vgpu_runlist_changed(v);
	v->units->runlist_pending = true;
	runlist_look(v);
}

uint32_t unit_pfifo_runlist_status_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	(void)i;
	runlist_look(v);
	return vgpu_reg_load(v, off) | (v->units->runlist_pending ? RUNLIST_STATUS_PENDING : 0);
}

/* ---- channels ---------------------------------------------------------------------------- */

void unit_pfifo_chan_inst_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	vgpu_reg_store(v, off, val);
	/* What is wrong with it is counted there; the channel then stays unbound. */
	vgpu_chan_bind(v, gchan(i), val);
}

void unit_pfifo_chan_state_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	vgpu_reg_store(v, off, val & mmio_rows[REGID_PFIFO_CHAN_STATE].mask);
	vgpu_chan_state(v, gchan(i), val);
}

void unit_pfifo_kick_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	int err;

	(void)i;
	vgpu_reg_store(v, off, val & ~KICK_PENDING);
	if (val >= GF100_NR_CHAN) {
		vgpu_fault(v, "kick of channel %u", val);
		return;
	}
	err = vgpu_chan_kick(v, gchan(val));
	if (err)
		log_warn(v->g->log, "%s: kick of channel %u: error %d", v->name, val, -err);
}

/* 6.1 waits until the id reads back, 6.12 until bit 20 is clear: not while it is pending. */
uint32_t unit_pfifo_kick_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	uint32_t val = vgpu_reg_load(v, off);

	(void)i;
	if (val < GF100_NR_CHAN && vgpu_chan_kick_pending(v, gchan(val)))
		val |= KICK_PENDING;
	return val;
}

/* The guest's own channel that runs on the engine; NULL if none does. */
static struct vgpu_chan *running_on(struct vgpu *v, uint32_t engine)
{
	for (uint32_t c = 0; c < GF100_NR_CHAN; c++) {
		struct vgpu_chan *ch = v->chan[c];

		if (ch && ch->nr_running && gpuvm_engine_fermi(ch->engine) == engine)
			return ch;
	}
	return NULL;
}

uint32_t unit_pfifo_eng_status_rd(struct vgpu *v, uint32_t off, uint32_t i)
{
	const struct vgpu_chan *ch = running_on(v, i);
	const struct unit_hung *h = &v->units->hung[i];

	(void)off;
	if (h->is)
		return ENG_STATUS_BUSY | ENG_STATUS_HUNG | gchan_x(h->id);
	return ch ? ENG_STATUS_BUSY | gchan_x(ch->id) : 0;
}

/*
 * 6.12 injects an MMU fault to get a hung engine back.  Here it ends what the
 * guest itself runs there (or what the watchdog has just stopped there) and
 * shows the fault that the driver then waits for; without such work there is nothing to stop and nothing happens.
 */
void unit_pfifo_fault_trigger_wr(struct vgpu *v, uint32_t off, uint32_t i, uint32_t val)
{
	struct vgpu_mmu_fault f = { .unit = (enum fault_unit)FAULT_TRIGGER_UNIT(val),
				    .engine = (enum fermi_engine)i };
	const struct unit_hung *h = &v->units->hung[i];
	struct vgpu_chan *ch;

	vgpu_reg_store(v, off, val);
	if (!(val & FAULT_TRIGGER_GO))
		return;
	ch = h->is ? NULL : running_on(v, i);
	if (!h->is && !ch)
		return;
	if (h->is)
		f.inst = h->inst;
	else if (ch->shadow)
		f.inst = shadow_chan_guest_inst(ch->shadow);
	if (ch)
		vgpu_chan_stop(ch);
	vgpu_raise_mmu_fault(v, &f);
}

/* ---- reset -------------------------------------------------------------------------------- */

#define PFIFO_FIRST NV_PFIFO_INTR / 4096 * 4096
#define PFIFO_LAST (PFIFO_FIRST + 0x2000)
#define PBDMA_FIRST 0x040000
#define PBDMA_LAST 0x046000

/* PMC_ENABLE took the unit away: its table and list are gone, and with them its channels. */
void unit_pfifo_reset(struct vgpu *v)
{
	bool listed = RUNLIST_COUNT(vgpu_reg_load(v, NV_PFIFO_RUNLIST_STATUS));

	for (uint32_t c = 0; c < GF100_NR_CHAN; c++)
		if (v->chan[c])
			vgpu_chan_bind(v, gchan(c), 0);
	if (listed && !v->failed) {
		shadow_runlist_submit(v->shadow, 0, 0);
		vgpu_runlist_changed(v);
	}
	mmio_reset_range(v, PFIFO_FIRST, PFIFO_LAST);
	mmio_reset_range(v, PBDMA_FIRST, PBDMA_LAST);
	unit_pbdma_forget(v);
	v->units->nr_faults = 0;
	memset(v->units->hung, 0, sizeof(v->units->hung));
	v->units->runlist_pending = false;
}

// SPDX-License-Identifier: MIT
/*
 * The card's interrupts: what happened, whose is it, who is told.
 *
 * Always true:
 *  1. A guest hears only of its own channels, in its own numbers.
 *  2. One call serves a bounded number of events and re-arms the interrupt:
 *     a storm is served in turns with the guests' accesses.
 *  3. A PBDMA that stands on a guest's error is masked until the guest
 *     acknowledges, or until LIMIT_PBDMA_STALL_NS have passed (recover.c).
 *  4. An engine that faulted is reset before anybody uses it again.
 */
#include <stdarg.h>

#include "gpuvm/fermi/inst.h"
#include "gpuvm/host.h"
#include "gpuvm/recover.h"
#include "gpuvm/submit.h"
#include "gpuvm/units.h"

/* Lines a second about interrupts that no guest is to blame for. */
#define HOST_LOG_LINES 5
/* Byte in the configuration mirror whose write re-arms MSI [nvkm/subdev/pci/nv40.c]. */
#define MSI_REARM (NV_PPCI_CONFIG + 0x704)

static void host_complain(struct gpuvm *g, uint64_t now, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void host_complain(struct gpuvm *g, uint64_t now, const char *fmt, ...)
{
	char line[200];
	va_list ap;

	if (!log_limit_ok(&g->host->irq_log, now, HOST_LOG_LINES))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	log_warn(g->log, "%s", line);
}

static struct vgpu_chan *chan_by_inst(struct gpuvm *g, uint64_t inst)
{
	for (uint32_t h = 0; h < GF100_NR_CHAN; h++) {
		struct vgpu_chan *c = g->by_host[h];

		if (c && c->shadow && hvram_x(shadow_chan_inst(c->shadow)) == inst)
			return c;
	}
	return NULL;
}

/* ---- non-stall interrupts ------------------------------------------------------------- */

/* Engines that a guest's running channels can be on. */
static uint32_t busy_engines(const struct vgpu *v)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		const struct vgpu_chan *c = v->chan[i];

		if (c && c->shadow && !list_empty(&c->running))
			mask |= shadow_chan_engines(c->shadow) |
				1u << gpuvm_engine_fermi(c->engine);
	}
	return mask;
}

/* The card does not say which channel raised it: everyone who worked on that engine since is told. */
static void nonstall(struct gpuvm *g, enum fermi_engine e)
{
	struct vgpu *v;
	bool told = false;

	list_for_each(v, &g->vgpus, node)
		if (v->irq_engines & 1u << e) {
			told = true;
			v->irq_engines &= ~(1u << e) | busy_engines(v);
			vgpu_raise_nonstall(v, e);
		}
	if (told)
		return;
	/* An engine its channel has no context pointer for. */
	list_for_each(v, &g->vgpus, node)
		if (v->irq_engines)
			vgpu_raise_nonstall(v, e);
}

static void serve_engines(struct gpuvm *g, uint64_t now)
{
	struct vgpu_chan *c, *tmp;

	/* First what has ended, so that its guest is not told of the next interrupt too. */
	list_for_each_safe(c, tmp, &g->busy, busy)
		submit_check(c, now);
	for (uint32_t e = 0; e < NR_ENGINES; e++) {
		uint32_t reg = reg_at(REGID_PFIFO_ENG_INTR_E, e), v = dev_rd32(g->dev, reg);

		if (!v)
			continue;
		dev_wr32(g->dev, reg, v);
		if (v & 1)
			nonstall(g, (enum fermi_engine)e);
	}
}

/* ---- MMU faults ------------------------------------------------------------------------- */

static uint32_t unit_engines(struct gpuvm *g, uint32_t unit)
{
	switch (unit) {
	case FAULT_UNIT_PGRAPH: return 1u << ENGINE_GR;
	case FAULT_UNIT_CE0: return 1u << ENGINE_CE0;
	case FAULT_UNIT_CE1: return 1u << ENGINE_CE1;
	/* A PBDMA's own access: whatever engine it brought down with it. */
	default: return dev_rd32(g->dev, NV_PFIFO_ENG_FAULT);
	}
}

static enum fermi_engine fault_engine(uint32_t engines, const struct vgpu_chan *c)
{
	for (uint32_t e = 0; e < NR_ENGINES; e++)
		if (engines & 1u << e)
			return (enum fermi_engine)e;
	return gpuvm_engine_fermi(c->engine);
}

static void mmu_fault(struct gpuvm *g, uint32_t unit, uint64_t now)
{
	uint64_t inst = (uint64_t)dev_rd32(g->dev, reg_at(REGID_PFIFO_MMU_FAULT_INST, unit)) << 12;
	uint64_t va = dev_rd32(g->dev, reg_at(REGID_PFIFO_MMU_FAULT_VAHI, unit));
	uint32_t info = dev_rd32(g->dev, reg_at(REGID_PFIFO_MMU_FAULT_INFO, unit));
	uint32_t engines = unit_engines(g, unit);
	struct vgpu_chan *c = chan_by_inst(g, inst & 0xffffffffffull);

	va = va << 32 | dev_rd32(g->dev, reg_at(REGID_PFIFO_MMU_FAULT_VALO, unit));
	g->stats.mmu_faults++;
	if (c) {
		struct vgpu *v = c->vgpu;
		struct vgpu_mmu_fault f = { .unit = (enum fault_unit)unit, .info = info, .va = va,
					    .inst = shadow_chan_guest_inst(c->shadow),
					    .engine = fault_engine(engines, c) };

		v->stats.mmu_faults++;
		vgpu_fault(v, "channel %u: MMU fault of %s at 0x%010llx, %s, %s", gchan_x(c->id),
			   fault_unit_name(unit), (unsigned long long)va,
			   info & FAULT_INFO_WRITE ? "write" : "read",
			   fault_reason_name(FAULT_INFO_REASON(info)));
		vgpu_raise_mmu_fault(v, &f);
	} else {
		host_complain(g, now, "MMU fault of %s at 0x%010llx, instance 0x%llx: nobody's",
			      fault_unit_name(unit), (unsigned long long)va,
			      (unsigned long long)inst);
	}
	dev_wr32(g->dev, NV_PFIFO_MMU_FAULT_UNITS, 1u << unit);
	if (engines)
		recover_engines(g, c, engines);
	else if (c)
		vgpu_chan_stop(c);
}

static void serve_mmu_faults(struct gpuvm *g, uint64_t now)
{
	uint32_t units = dev_rd32(g->dev, NV_PFIFO_MMU_FAULT_UNITS);

	for (uint32_t u = 0; u < NR_FAULT_UNITS; u++)
		if (units & 1u << u)
			mmu_fault(g, u, now);
}

/* ---- PBDMA errors ------------------------------------------------------------------------ */

static void pbdma_intr(struct gpuvm *g, uint32_t p, uint64_t now)
{
	uint32_t intr = dev_rd32(g->dev, reg_at(REGID_PBDMA_INTR, p));
	uint32_t chid = dev_rd32(g->dev, reg_at(REGID_PBDMA_CHID, p)) & (GF100_NR_CHAN - 1);
	uint32_t mthd = dev_rd32(g->dev, reg_at(REGID_PBDMA_METHOD, p));
	uint32_t data = dev_rd32(g->dev, reg_at(REGID_PBDMA_DATA, p));
	struct vgpu_chan *c = g->by_host[chid];

	if (!c || c->dead) {
		host_complain(g, now, "PBDMA %u: error 0x%08x of channel %u: nobody's", p, intr, chid);
		recover_unstall(g, p);
		return;
	}
	dev_wr32(g->dev, reg_at(REGID_PBDMA_INTR_EN, p), 0);
	g->host->stall[p] = (struct host_stall){ .chan = c, .since = now, .intr = intr };
	if (g->poll_next > now + LIMIT_POLL_MAX_NS)
		g->poll_next = now + LIMIT_POLL_MAX_NS;
	/* Software methods are how drivers call themselves; everything else is an error. */
	if (intr & ~PBDMA_INTR_SW_METHOD)
		vgpu_fault(c->vgpu, "channel %u: PBDMA error 0x%08x, method 0x%08x data 0x%08x",
			   gchan_x(c->id), intr, mthd, data);
	vgpu_raise_pbdma(c->vgpu, p, c->id, intr, mthd, data);
}

void gpuvm_pbdma_resume(struct vgpu *v, uint32_t p, uint32_t mthd)
{
	struct gpuvm *g = v->g;
	struct vgpu_chan *c;
	uint32_t chid;

	if (p >= GF100_NR_PBDMA || !g->host->stall[p].chan || g->host->stall[p].chan->vgpu != v)
		return;
	c = g->host->stall[p].chan;
	chid = dev_rd32(g->dev, reg_at(REGID_PBDMA_CHID, p));
	/* The method runs in the guest's own channel, so it may be any: the ring could have held it. */
	if ((chid & PBDMA_CHID_ACTIVE) && (chid & (GF100_NR_CHAN - 1)) == hchan_x(c->host))
		dev_wr32(g->dev, reg_at(REGID_PBDMA_METHOD, p), mthd);
	recover_unstall(g, p);
}

static void serve_pbdmas(struct gpuvm *g, uint64_t now)
{
	uint32_t pending = dev_rd32(g->dev, NV_PFIFO_PBDMA_INTR);

	for (uint32_t p = 0; p < g->dev->info.nr_pbdma; p++)
		if (pending & 1u << p)
			pbdma_intr(g, p, now);
}

/* ---- PFIFO -------------------------------------------------------------------------------- */

static void serve_pfifo(struct gpuvm *g, uint64_t now)
{
	uint32_t stat = dev_rd32(g->dev, NV_PFIFO_INTR) & dev_rd32(g->dev, NV_PFIFO_INTR_EN);
	uint32_t rest = stat & ~(PFIFO_INTR_MMU_FAULT | PFIFO_INTR_PBDMA | PFIFO_INTR_ENGINE |
				 PFIFO_INTR_RUNLIST);

	if (stat & PFIFO_INTR_ENGINE)
		serve_engines(g, now);
	if (stat & PFIFO_INTR_MMU_FAULT)
		serve_mmu_faults(g, now);
	if (stat & PFIFO_INTR_PBDMA)
		serve_pbdmas(g, now);
	/* Who waits for a runlist polls PFIFO_RUNLIST_STATUS. */
	if (stat & PFIFO_INTR_RUNLIST)
		dev_wr32(g->dev, NV_PFIFO_RUNLIST_INTR, dev_rd32(g->dev, NV_PFIFO_RUNLIST_INTR));
	if (rest) {
		host_complain(g, now, "PFIFO error 0x%08x: channel table 0x%x, scheduler 0x%x", rest,
			      dev_rd32(g->dev, NV_PFIFO_CHSW_INTR),
			      dev_rd32(g->dev, NV_PFIFO_SCHED_INTR));
		dev_wr32(g->dev, NV_PFIFO_INTR, rest);
	}
}

/* ---- engines' own interrupts --------------------------------------------------------------- */

/* The channel that a current-channel register names, or else the one the engine is busy with. */
static struct vgpu_chan *current_chan(struct gpuvm *g, uint32_t reg, enum fermi_engine e)
{
	struct vgpu_chan *c = chan_by_inst(g, CHAN_INST_ADDR(dev_rd32(g->dev, reg)));
	uint32_t stat = dev_rd32(g->dev, reg_at(REGID_PFIFO_ENG_STATUS, e));

	if (!c && (stat & ENG_STATUS_BUSY))
		c = g->by_host[ENG_STATUS_CHID(stat)];
	return c && c->shadow ? c : NULL;
}

static void serve_pgraph(struct gpuvm *g, uint64_t now)
{
	uint32_t stat = dev_rd32(g->dev, NV_PGRAPH_INTR);
	uint32_t addr = dev_rd32(g->dev, NV_PGRAPH_TRAP_ADDR);
	struct vgpu_chan *c = current_chan(g, NV_FECS_CHAN, ENGINE_GR);
	struct vgpu_gr_error e = {
		.intr = stat,
		.addr = addr,
		.data = dev_rd32(g->dev, NV_PGRAPH_TRAP_DATA),
		.code = dev_rd32(g->dev, NV_PGRAPH_DATA_ERROR),
		.class_id = dev_rd32(g->dev, reg_at(REGID_PGRAPH_SUBC_CLASS, (addr >> 16) & 7)),
	};

	if (c) {
		e.inst = shadow_chan_guest_inst(c->shadow);
		if (stat & ~PGRAPH_INTR_NOTIFY)
			vgpu_fault(c->vgpu, "channel %u: PGRAPH error 0x%08x, class %04x method %04x data %08x",
				   gchan_x(c->id), stat, e.class_id, addr & 0x3ffc, e.data);
		/*
		 * A card stands until its driver has looked; here it goes on with others, and this
		 * channel's next methods wait.
		 */
		if (stat & ~PGRAPH_INTR_NOTIFY)
			vgpu_chan_pause(c, ENGINE_GR);
		vgpu_raise_pgraph(c->vgpu, &e);
	} else {
		host_complain(g, now, "PGRAPH interrupt 0x%08x: nobody's", stat);
	}
	if (stat & PGRAPH_INTR_FECS)
		dev_wr32(g->dev, NV_FECS_INTR_CLR, dev_rd32(g->dev, NV_FECS_INTR));
	dev_wr32(g->dev, NV_PGRAPH_INTR, stat);
	dev_wr32(g->dev, NV_PGRAPH_RESUME, 0x00010001);
}

static void serve_copy(struct gpuvm *g, unsigned int ce, uint64_t now)
{
	uint32_t off = ce ? NV_CE1_INTR_CLR - NV_CE0_INTR_CLR : 0;
	uint32_t intr = dev_rd32(g->dev, NV_CE0_INTR + off);
	struct vgpu_ce_error e = { .error = dev_rd32(g->dev, NV_CE0_ERROR + off),
				   .data = dev_rd32(g->dev, NV_CE0_ERROR_DATA + off) };
	uint32_t engine = ce ? ENGINE_CE1 : ENGINE_CE0;
	struct vgpu_chan *c = current_chan(g, NV_CE0_CHAN + off, engine);

	if (c) {
		e.inst = shadow_chan_guest_inst(c->shadow);
		vgpu_fault(c->vgpu, "channel %u: copy engine %u error 0x%08x data 0x%08x",
			   gchan_x(c->id), ce, e.error, e.data);
		/* As for PGRAPH: the microcode stands until the driver has acknowledged. */
		vgpu_chan_pause(c, engine);
		vgpu_raise_ce(c->vgpu, ce, &e);
	} else {
		host_complain(g, now, "copy engine %u interrupt 0x%08x: nobody's", ce, intr);
	}
	dev_wr32(g->dev, NV_CE0_INTR_CLR + off, intr);
}

/* ---- the tree -------------------------------------------------------------------------------- */

static uint32_t pending(struct gpuvm *g)
{
	uint32_t v = dev_rd32(g->dev, NV_PMC_INTR) & dev_rd32(g->dev, NV_PMC_INTR_MASK);

	return v | (dev_rd32(g->dev, NV_PMC_INTR_NONSTALL) &
		    dev_rd32(g->dev, NV_PMC_INTR_MASK_NONSTALL));
}

static void serve(struct gpuvm *g, uint32_t units, uint64_t now)
{
	uint32_t known = PMC_INTR_PFIFO | PMC_INTR_PGRAPH | PMC_INTR_CE0 | PMC_INTR_CE1 |
			 PMC_INTR_PTIMER | PMC_INTR_PBUS;

	if (units & PMC_INTR_PFIFO)
		serve_pfifo(g, now);
	if (units & PMC_INTR_PGRAPH)
		serve_pgraph(g, now);
	if (units & PMC_INTR_CE0)
		serve_copy(g, 0, now);
	if (units & PMC_INTR_CE1)
		serve_copy(g, 1, now);
	if (units & PMC_INTR_PTIMER)
		dev_wr32(g->dev, NV_PTIMER_INTR, ~0u);
	if (units & PMC_INTR_PBUS) {
		host_complain(g, now, "bad access to register 0x%06x",
			      dev_rd32(g->dev, NV_PBUS_BAD_ADDR));
		dev_wr32(g->dev, NV_PBUS_INTR, ~0u);
	}
	if (units & ~known) {
		/* Nobody would ever clear them. */
		log_warn(g->log, "units 0x%08x interrupt without being used; masked", units & ~known);
		dev_wr32(g->dev, NV_PMC_INTR_MASK,
			 dev_rd32(g->dev, NV_PMC_INTR_MASK) & known);
	}
}

void gpuvm_irq(struct gpuvm *g, uint64_t now)
{
	uint32_t units;

	g->stats.irqs++;
	dev_wr32(g->dev, NV_PMC_INTR_EN, 0);
	for (int i = 0; i < LIMIT_IRQ_EVENTS && (units = pending(g)); i++)
		serve(g, units, now);
	/* Both, because which of them a board needs depends on its bridge. */
	dev_bar_wr(g->dev, 0, MSI_REARM, 1, 0xff);
	dev_wr32(g->dev, NV_PMC_INTR_EN, 1);
}

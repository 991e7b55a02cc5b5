// SPDX-License-Identifier: MIT
/*
 * Engines as PFIFO sees them: who holds which, what an engine's error or fault
 * does to the channel that made it.
 *
 * An engine is to be had when it exists, is enabled in PMC_ENABLE, nobody holds
 * it, it is neither frozen nor faulted, and no error interrupt of it waits for
 * the driver.  An error therefore stops further work of that engine until it is
 * acknowledged, as the hardware's stalled engine does.
 */
#include "gpuvm/dev/sim/fifo.h"

#define PGRAPH_ERRORS                                                                              \
	(PGRAPH_INTR_ILLEGAL_METHOD | PGRAPH_INTR_ILLEGAL_CLASS | PGRAPH_INTR_DATA_ERROR |         \
	 PGRAPH_INTR_TRAP)

struct engine_fact {
	uint32_t pmc_enable;
	uint32_t fuse;	      /* DISABLE_FUSES bit that removes it; 0: none */
	uint32_t intr, errors; /* its interrupt register and the bits that stall it */
	enum fault_unit unit;
	uint32_t client;      /* hub client of its accesses [nvkm/engine/fifo/gf100.c] */
};

static const struct engine_fact engine_facts[NR_ENGINES] = {
	[ENGINE_GR] = { PMC_ENABLE_PGRAPH, 0, NV_PGRAPH_INTR, PGRAPH_ERRORS, FAULT_UNIT_PGRAPH, 4 },
	[ENGINE_CE0] = { PMC_ENABLE_CE0, 1u << 8, NV_CE0_INTR, CE_INTR_ERROR, FAULT_UNIT_CE0, 1 },
	[ENGINE_CE1] = { PMC_ENABLE_CE1, 1u << 9, NV_CE1_INTR, CE_INTR_ERROR, FAULT_UNIT_CE1, 2 },
};

bool engine_exists(struct sim *s, uint32_t e)
{
	return e < NR_ENGINES && engine_facts[e].pmc_enable &&
	       !(s->cfg.disable_fuses & engine_facts[e].fuse);
}

bool engine_available(struct pfifo *f, uint32_t e, const struct pbdma *p)
{
	struct sim *s = f->sim;
	const struct engine_fact *fact = &engine_facts[e];
	uint32_t bit = 1u << e;

	if (!engine_exists(s, e) || f->engine[e].holder || f->engine[e].resetting)
		return false;
	if (!(sim_reg_load(s, NV_PMC_ENABLE) & fact->pmc_enable))
		return false;
	if ((sim_reg_load(s, NV_PFIFO_ENG_FREEZE) | sim_reg_load(s, NV_PFIFO_ENG_FAULT)) & bit)
		return false;
	if (sim_reg_load(s, fact->intr) & fact->errors)
		return false;
	return !(sim_reg_load(s, reg_at(REGID_PFIFO_ENG_PBDMA_MASK, e)) & 1u << p->id);
}

void engine_put(struct pbdma *p)
{
	struct pfifo *f = p->sim->pfifo;

	if (p->engine < 0)
		return;
	busy_engine_put(p);
	f->engine[p->engine].holder = NULL;
	if (f->engine[p->engine].resetting)
		pthread_cond_broadcast(&f->quiet);
	p->engine = -1;
}

void engine_take(struct pbdma *p, uint32_t e)
{
	p->sim->pfifo->engine[e].holder = p;
	p->engine = (int)e;
	p->chan->cur_engine = e;
}

enum step engine_get(struct pbdma *p, uint32_t e)
{
	struct pfifo *f = p->sim->pfifo;
	enum step step = STEP_OK;

	if (p->engine == (int)e)
		return STEP_OK;
	pthread_mutex_lock(&p->sim->lock);
	if (p->engine >= 0) {
		engine_put(p);
		runlist_dispatch(f);
	}
	if (engine_available(f, e, p)) {
		engine_take(p, e);
	} else {
		p->chan->wait = WAIT_ENGINE;
		p->chan->wait_engine = e;
		step = STEP_PARK;
	}
	pthread_mutex_unlock(&p->sim->lock);
	return step;
}

uint32_t engine_status(struct pfifo *f, uint32_t e)
{
	const struct pbdma *p = f->engine[e].holder;

	if (p)
		return ENG_STATUS_BUSY | chan_id(f, p->chan);
	if (sim_reg_load(f->sim, NV_PFIFO_ENG_FAULT) & 1u << e)
		return ENG_STATUS_FAULTED;
	return 0;
}

static void engine_fault(struct pbdma *p, const struct engine_ctx *x,
			 const struct engine_error *err)
{
	const struct engine_fact *fact = &engine_facts[x->engine];
	struct mmu_fault fault = {
		.unit = fact->unit, .reason = err->reason, .inst = p->inst, .va = err->va,
		.write = err->write, .hub = !err->core, .client = err->core ? 0 : fact->client,
	};

	chan_set_off(p->chan, x->engine);
	mmu_fault(p->sim, &fault);
	sim_reg_store(p->sim, NV_PFIFO_ENG_FAULT,
		      sim_reg_load(p->sim, NV_PFIFO_ENG_FAULT) | 1u << x->engine);
}

/* CE error codes are those of nouveau's microcode [nvkm/engine/ce/gf100.c]. */
static void engine_error(struct pbdma *p, const struct engine_ctx *x, uint32_t mthd, uint32_t val,
			 uint32_t class_id, enum engine_result res, const struct engine_error *err)
{
	if (x->engine == ENGINE_GR)
		pgraph_error(p->sim,
			     res == ENGINE_DATA_ERROR ? PGRAPH_INTR_DATA_ERROR :
			     res == ENGINE_TRAP	      ? PGRAPH_INTR_TRAP :
							PGRAPH_INTR_ILLEGAL_METHOD,
			     x, mthd, val, class_id, err->code);
	else
		ce_error(p->sim, x, mthd, val,
			 res == ENGINE_DATA_ERROR ? err->code : CE_ERROR_ILLEGAL_METHOD);
}

enum step engine_outcome(struct pbdma *p, const struct engine_ctx *x, uint32_t mthd, uint32_t val,
			 uint32_t class_id, enum engine_result res, const struct engine_error *err)
{
	if (res == ENGINE_OK)
		return STEP_OK;
	if (res == ENGINE_STOPPED)
		return STEP_STOP;
	pthread_mutex_lock(&p->sim->lock);
	if (res == ENGINE_FAULT)
		engine_fault(p, x, err);
	else
		engine_error(p, x, mthd, val, class_id, res, err);
	/* After an error the next method of this engine waits until the driver has seen it. */
	engine_put(p);
	pthread_mutex_unlock(&p->sim->lock);
	return res == ENGINE_FAULT ? STEP_LOST : STEP_OK;
}

enum step engine_bad_class(struct pbdma *p, const struct engine_ctx *x, uint32_t mthd, uint32_t val)
{
	pthread_mutex_lock(&p->sim->lock);
	pgraph_error(p->sim, PGRAPH_INTR_ILLEGAL_CLASS, x, mthd, val, mthd ? 0 : val & 0xffff, 0);
	engine_put(p);
	pthread_mutex_unlock(&p->sim->lock);
	return STEP_OK;
}

void engine_inject(struct sim *s, uint32_t e, uint32_t val)
{
	struct pfifo *f = s->pfifo;
	struct pbdma *p = f->engine[e].holder;
	/* No page is to blame; the reason says whether there was a channel at all. */
	struct mmu_fault fault = {
		.unit = FAULT_TRIGGER_UNIT(val),
		.reason = p ? FAULT_PAGE_NOT_PRESENT : FAULT_NO_CHANNEL,
		.hub = true,
	};

	if (!(val & FAULT_TRIGGER_GO))
		return;
	if (p) {
		fault.inst = p->inst;
		chan_set_off(p->chan, e);
		chan_stop(p->chan);
	}
	mmu_fault(s, &fault);
	sim_reg_store(s, NV_PFIFO_ENG_FAULT, sim_reg_load(s, NV_PFIFO_ENG_FAULT) | 1u << e);
}

void engine_fault_clear(struct sim *s, uint32_t mask)
{
	struct pfifo *f = s->pfifo;

	sim_reg_store(s, NV_PFIFO_ENG_FAULT, sim_reg_load(s, NV_PFIFO_ENG_FAULT) & ~mask);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		struct chan *c = &f->chan[i];

		if (c->off && c->off_engine < NR_ENGINES && mask & 1u << c->off_engine)
			c->off = false;
	}
	runlist_dispatch(f);
}

void pfifo_engine_reset(struct sim *s, enum fermi_engine e)
{
	struct pfifo *f = s->pfifo;

	if (!f || e >= NR_ENGINES)
		return;
	f->engine[e].resetting = true;
	while (f->engine[e].holder) {
		chan_stop(f->engine[e].holder->chan);
		pthread_cond_wait(&f->quiet, &s->lock);
	}
	f->engine[e].resetting = false;
	runlist_dispatch(f);
}

// SPDX-License-Identifier: MIT
/*
 * PFIFO: birth, death, reset, its registers and its interrupt tree.
 *
 * PFIFO_INTR bits 28-31 are levels: they are never stored, but read from what
 * stands behind them.  The other bits are stored and cleared by writing 1.
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/fifo.h"

#define PFIFO_INTR_LEVELS                                                                          \
	(PFIFO_INTR_MMU_FAULT | PFIFO_INTR_PBDMA | PFIFO_INTR_RUNLIST | PFIFO_INTR_ENGINE)

static void stop_all(struct pfifo *f)
{
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		if (f->pbdma[i].chan)
			chan_stop(f->pbdma[i].chan);
}

static uint32_t pbdma_pending(struct pfifo *f)
{
	uint32_t v = 0;

	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		if (f->pbdma[i].intr & f->pbdma[i].intr_en)
			v |= 1u << i;
	return v;
}

/* PFIFO_ENG_INTR_MASK enables the four kinds of each engine's nibble. */
static uint32_t engine_pending(struct sim *s)
{
	uint32_t mask = sim_reg_load(s, NV_PFIFO_ENG_INTR_MASK), v = 0;

	for (uint32_t e = 0; e < NR_ENGINES; e++)
		if (sim_reg_load(s, reg_at(REGID_PFIFO_ENG_INTR_E, e)) & mask & 0xf)
			v |= 1u << e;
	return v;
}

static uint32_t pfifo_intr(struct sim *s)
{
	uint32_t v = sim_reg_load(s, NV_PFIFO_INTR) & ~PFIFO_INTR_LEVELS;

	if (sim_reg_load(s, NV_PFIFO_MMU_FAULT_UNITS))
		v |= PFIFO_INTR_MMU_FAULT;
	if (pbdma_pending(s->pfifo))
		v |= PFIFO_INTR_PBDMA;
	if (sim_reg_load(s, NV_PFIFO_RUNLIST_INTR))
		v |= PFIFO_INTR_RUNLIST;
	if (engine_pending(s))
		v |= PFIFO_INTR_ENGINE;
	return v;
}

void pfifo_intr_update(struct sim *s)
{
	if (!s->pfifo)
		return;
	sim_intr(s, PMC_INTR_PFIFO, pfifo_intr(s) & sim_reg_load(s, NV_PFIFO_INTR_EN));
}

void pfifo_nonstall(struct sim *s, enum fermi_engine e)
{
	uint32_t off = reg_at(REGID_PFIFO_ENG_INTR_E, e);

	sim_reg_store(s, off, sim_reg_load(s, off) | 1);
	pfifo_intr_update(s);
}

void pfifo_wake(struct sim *s)
{
	if (s->pfifo)
		runlist_dispatch(s->pfifo);
}

static uint32_t pfifo_rd(struct sim *s, uint32_t off)
{
	struct pfifo *f = s->pfifo;

	if (off >= NV_PFIFO_ENG_STATUS && off < NV_PFIFO_ENG_STATUS + 4 * NR_ENGINES)
		return engine_status(f, (off - NV_PFIFO_ENG_STATUS) / 4);
	/* A driver reads back whether its request is still pending. */
	if (off >= NV_PFIFO_FAULT_TRIGGER && off < NV_PFIFO_FAULT_TRIGGER + 4 * NR_ENGINES)
		return sim_reg_load(s, off);
	switch (off) {
	case NV_PFIFO_INTR:
		return pfifo_intr(s);
	case NV_PFIFO_PBDMA_INTR:
		return pbdma_pending(f);
	case NV_PFIFO_ENG_INTR:
		return engine_pending(s);
	case NV_PFIFO_RUNLIST_STATUS:
		return RUNLIST_COUNT(sim_reg_load(s, NV_PFIFO_RUNLIST_SUBMIT)) |
		       (f->commit_pending ? RUNLIST_STATUS_PENDING : 0);
	case NV_PFIFO_KICK:
		return f->kick_chid | (f->kick_pending ? KICK_PENDING : 0);
	default:
		return sim_reg_rd(s, off);
	}
}

static void pfifo_enable(struct sim *s, uint32_t off, uint32_t val)
{
	struct pfifo *f = s->pfifo;

	sim_reg_store(s, off, val);
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		if (f->pbdma[i].chan && !pbdma_usable(&f->pbdma[i]))
			chan_stop(f->pbdma[i].chan);
	runlist_dispatch(f);
}

static void pfifo_wr(struct sim *s, uint32_t off, uint32_t val)
{
	struct pfifo *f = s->pfifo;

	if (off >= NV_PFIFO_FAULT_TRIGGER && off < NV_PFIFO_FAULT_TRIGGER + 4 * NR_ENGINES) {
		sim_reg_store(s, off, val);
		engine_inject(s, (off - NV_PFIFO_FAULT_TRIGGER) / 4, val);
		return;
	}
	switch (off) {
	case NV_PFIFO_ENABLE:
		pfifo_enable(s, off, val & 1);
		return;
	case NV_PFIFO_PBDMA_ENABLE:
		pfifo_enable(s, off, val & ((1u << GF100_NR_PBDMA) - 1));
		return;
	case NV_PFIFO_RUNLIST_SUBMIT:
		runlist_commit(s, val);
		return;
	case NV_PFIFO_KICK:
		chan_kick(f, val);
		return;
	case NV_PFIFO_ENG_FAULT:
		engine_fault_clear(s, val);
		return;
	default:
		sim_reg_wr(s, off, val);
		pfifo_intr_update(s);
		/* Freeze and PBDMA masks decide who may run. */
		runlist_dispatch(f);
	}
}

const struct sim_unit pfifo_units[] = {
	{ "PFIFO", 0x002000, 0x002ffc, pfifo_rd, pfifo_wr },
	{ "PFIFO channels", 0x003000, 0x0033fc, chan_rd, chan_wr },
	{ "PBDMA", 0x040000, 0x045ffc, pbdma_rd, pbdma_wr },
	{ NULL, 0, 0, NULL, NULL },
};

int pfifo_new(struct sim *s)
{
	struct pfifo *f = mem_new(struct pfifo);
	pthread_condattr_t attr;
	int err = 0;

	if (!f)
		return -ENOMEM;
	f->sim = s;
	s->pfifo = f;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->quiet, &attr);
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++) {
		struct pbdma *p = &f->pbdma[i];

		p->sim = s;
		p->id = i;
		pthread_cond_init(&p->cond, &attr);
		pbdma_reset(p);
	}
	pthread_condattr_destroy(&attr);
	chan_reset(f);
	for (uint32_t i = 0; i < GF100_NR_PBDMA && !err; i++)
		err = pbdma_start(s, i);
	return err; /* the caller frees what was built with pfifo_free */
}

void pfifo_free(struct sim *s)
{
	struct pfifo *f = s->pfifo;

	if (!f)
		return;
	pthread_mutex_lock(&s->lock);
	f->quit = true;
	stop_all(f);
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		pthread_cond_signal(&f->pbdma[i].cond);
	pthread_mutex_unlock(&s->lock);
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		pbdma_join(&f->pbdma[i]);
	chan_reset(f);
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		pthread_cond_destroy(&f->pbdma[i].cond);
	pthread_cond_destroy(&f->quiet);
	mem_free(f);
	s->pfifo = NULL;
}

static bool all_idle(const struct pfifo *f)
{
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		if (f->pbdma[i].chan)
			return false;
	return true;
}

void pfifo_reset(struct sim *s)
{
	struct pfifo *f = s->pfifo;

	if (!f)
		return;
	f->listed = 0; /* nothing is given out while we wait */
	while (!all_idle(f)) {
		stop_all(f);
		pthread_cond_wait(&f->quiet, &s->lock);
	}
	chan_reset(f);
	f->commit_pending = f->kick_pending = false;
	f->kick_chid = 0;
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		pbdma_reset(&f->pbdma[i]);
	sim_reg_clear(s, 0x002000, 0x0033fc);
	sim_reg_clear(s, 0x040000, 0x045ffc);
	pfifo_intr_update(s);
}

/* Whether nobody could go on without an event from outside. */
static bool settled(struct pfifo *f)
{
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++) {
		const struct pbdma *p = &f->pbdma[i];

		if (p->chan && (!p->blocked || chan_stopping(p->chan) ||
				(p->polled != ~0ull && p->polled != f->polls)))
			return false;
	}
	return true;
}

void pfifo_settle(struct sim *s)
{
	struct pfifo *f = s->pfifo;
	uint64_t seen;

	pthread_mutex_lock(&s->lock);
	do {
		seen = f->progress;
		f->polls++;
		for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
			pthread_cond_signal(&f->pbdma[i].cond);
		runlist_dispatch(f);
		while (!settled(f))
			pthread_cond_wait(&f->quiet, &s->lock);
	} while (seen != f->progress);
	pthread_mutex_unlock(&s->lock);
}

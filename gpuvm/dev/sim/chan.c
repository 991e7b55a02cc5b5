// SPDX-License-Identifier: MIT
/*
 * The channel table: PFIFO_CHAN_INST and PFIFO_CHAN_STATE of 128 channels.
 *
 * A store that takes a channel's instance block away returns only when no
 * PBDMA uses the old one any more.  Everything here runs with sim.lock held.
 */
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/fifo.h"

void chan_stop(struct chan *c)
{
	if (!c->on)
		return;
	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
	pthread_cond_signal(&c->on->cond);
}

void chan_stop_wait(struct pfifo *f, struct chan *c)
{
	while (c->on) {
		chan_stop(c);
		pthread_cond_wait(&f->quiet, &f->sim->lock);
	}
}

void chan_set_off(struct chan *c, uint32_t engine)
{
	c->off = true;
	c->off_engine = engine;
}

static bool chan_runnable(const struct chan *c)
{
	return (c->inst_reg & CHAN_INST_VALID) && (c->state_reg & CHAN_STATE_RUNNABLE) &&
	       c->listed && !c->off;
}

bool chan_ready(struct pfifo *f, struct chan *c, struct pbdma *p, uint64_t now)
{
	if (c->on || !chan_runnable(c) || !(c->work || c->busy))
		return false;
	if (c->wait == WAIT_SEM && c->polled == f->polls && now < c->retry_at)
		return false;
	if (c->wait == WAIT_ENGINE)
		return engine_available(f, c->wait_engine, p);
	/* Most likely it goes on with the engine it used last. */
	return c->cur_engine == ENGINE_SW || engine_available(f, c->cur_engine, p);
}

void chan_free_objects(struct chan_objects *o)
{
	for (uint32_t i = 0; i < FIFO_NR_CLASSES; i++)
		object_free(i, o->state[i]);
	memset(o, 0, sizeof(*o));
}

/* c gets the objects that belong to the instance block inst, wherever they are. */
static void chan_adopt_objects(struct pfifo *f, struct chan *c, uint64_t inst)
{
	if (c->obj.inst == inst)
		return;
	chan_free_objects(&c->obj);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		struct chan *d = &f->chan[i];

		if (d != c && d->obj.inst == inst && !(d->inst_reg & CHAN_INST_VALID)) {
			c->obj = d->obj;
			memset(&d->obj, 0, sizeof(d->obj));
			return;
		}
	}
	c->obj.inst = inst;
}

static void chsw_error(struct sim *s, enum chsw_error code)
{
	sim_reg_store(s, NV_PFIFO_CHSW_INTR, code);
	sim_reg_store(s, NV_PFIFO_INTR, sim_reg_load(s, NV_PFIFO_INTR) | PFIFO_INTR_CHSW);
	pfifo_intr_update(s);
}

static void chan_check_inst(struct sim *s, const struct chan *c, uint32_t val)
{
	bool was = c->inst_reg & CHAN_INST_VALID, is = val & CHAN_INST_VALID;

	if (was && is && val != c->inst_reg)
		chsw_error(s, CHSW_IN_USE);
	else if (was && !is && c->on)
		chsw_error(s, CHSW_ACTIVE);
	else if (was && !is && c->listed && (c->state_reg & CHAN_STATE_RUNNABLE))
		chsw_error(s, CHSW_RUNNABLE);
	else if (is && (val & CHAN_INST_POLL) &&
		 !(sim_reg_load(s, NV_PFIFO_USERD_BASE) & USERD_BASE_VALID))
		chsw_error(s, CHSW_NO_POLL);
}

static void chan_set_inst(struct sim *s, struct chan *c, uint32_t val)
{
	struct pfifo *f = s->pfifo;

	chan_check_inst(s, c, val);
	if (val == c->inst_reg)
		return;
	c->inst_reg = 0; /* not given out again while we wait */
	chan_stop_wait(f, c);
	c->work = c->busy = c->off = false;
	c->wait = WAIT_NONE;
	busy_unpark(c);
	c->cur_engine = ENGINE_SW;
	if (val & CHAN_INST_VALID)
		chan_adopt_objects(f, c, CHAN_INST_ADDR(val));
	c->inst_reg = val;
	/* A ring may hold entries already when its channel is bound. */
	if (chan_runnable(c))
		c->work = true;
	runlist_dispatch(f);
}

static void chan_set_state(struct sim *s, struct chan *c, uint32_t val)
{
	struct pfifo *f = s->pfifo;
	uint32_t faulted = sim_reg_load(s, NV_PFIFO_ENG_FAULT);

	c->state_reg = val & (CHAN_STATE_RUNNABLE | 0x1fu << 16);
	if (!(val & CHAN_STATE_RUNNABLE)) {
		chan_stop(c);
		return;
	}
	if (c->off && (c->off_engine == ENGINE_SW || !(faulted & 1u << c->off_engine)))
		c->off = false;
	if (chan_runnable(c))
		c->work = true;
	runlist_dispatch(f);
}

uint32_t chan_rd(struct sim *s, uint32_t off)
{
	const struct chan *c = &s->pfifo->chan[(off - NV_PFIFO_CHAN_INST) / 8];
	uint32_t v = c->state_reg;

	if (!(off & 4))
		return c->inst_reg;
	if (c->wait == WAIT_SEM && !c->on)
		v |= CHAN_STATE_ACQUIRE;
	if (c->on)
		v |= CHAN_STATE_LOADED;
	if ((c->inst_reg & CHAN_INST_VALID) && (c->work || c->busy))
		v |= CHAN_STATE_PENDING;
	return v;
}

void chan_wr(struct sim *s, uint32_t off, uint32_t val)
{
	struct chan *c = &s->pfifo->chan[(off - NV_PFIFO_CHAN_INST) / 8];

	if (off & 4)
		chan_set_state(s, c, val);
	else
		chan_set_inst(s, c, val);
}

/*
 * Takes a channel off its PBDMA.  A channel that is still runnable and listed
 * comes back by itself: who wants it to stay off clears the runnable bit first,
 * as nouveau does.
 */
void chan_kick(struct pfifo *f, uint32_t chid)
{
	struct chan *c;

	f->kick_chid = chid & (GF100_NR_CHAN - 1);
	c = &f->chan[f->kick_chid];
	f->kick_pending = c->on != NULL;
	chan_stop(c);
}

void pfifo_userd_store(struct sim *s, uint32_t chid, uint32_t off, uint32_t val)
{
	struct chan *c;

	(void)val; /* the PBDMA reads GP_PUT from the page */
	if (off != USERD_GP_PUT || chid >= GF100_NR_CHAN)
		return;
	c = &s->pfifo->chan[chid];
	if (!(c->inst_reg & CHAN_INST_VALID))
		return;
	c->work = true;
	runlist_dispatch(s->pfifo);
}

void chan_reset(struct pfifo *f)
{
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		struct chan *c = &f->chan[i];
		uint64_t busy_ns;

		busy_unpark(c);
		busy_ns = c->busy_ns;
		chan_free_objects(&c->obj);
		memset(c, 0, sizeof(*c));
		c->busy_ns = busy_ns; /* the one thing a reset does not touch: it is no part of the card */
		c->cur_engine = c->off_engine = ENGINE_SW;
	}
}

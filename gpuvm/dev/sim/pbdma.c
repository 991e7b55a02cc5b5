// SPDX-License-Identifier: MIT
/*
 * A PBDMA: the thread that runs one channel at a time, and its registers.
 *
 * The thread loads a channel's RAMFC, runs indirect-buffer entries until the
 * channel has nothing left, must wait, or another channel's turn has come, and
 * saves RAMFC.  The registers show RAMFC as it was at the last of these points,
 * or when an interrupt was raised.
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/fermi/pte.h"

#define PBDMA_BASE 0x040000
#define PBDMA_STRIDE 0x2000
#define HUB_CLIENT_PFIFO 6 /* [nvkm/engine/fifo/gf100.c] */

bool pbdma_usable(struct pbdma *p)
{
	struct sim *s = p->sim;

	return (sim_reg_load(s, NV_PMC_ENABLE) & PMC_ENABLE_PFIFO) &&
	       (sim_reg_load(s, NV_PFIFO_ENABLE) & 1) &&
	       (sim_reg_load(s, NV_PFIFO_PBDMA_ENABLE) & 1u << p->id) &&
	       !(p->intr & p->halt_mask);
}

void pbdma_mirror(struct pbdma *p)
{
	memcpy(p->mirror, p->fc, sizeof(p->mirror));
}

bool pbdma_block(struct pbdma *p, uint64_t wait_ns)
{
	struct pfifo *f = p->sim->pfifo;
	uint64_t at = clock_ns() + wait_ns;
	struct timespec ts = { (time_t)(at / 1000000000u), (long)(at % 1000000000u) };

	if (p->did)
		f->progress++;
	p->did = false;
	engine_put(p);
	runlist_dispatch(f);
	if (f->quit || chan_stopping(p->chan))
		return false;
	p->blocked = true;
	busy_block(p);
	pthread_cond_broadcast(&f->quiet);
	if (wait_ns)
		pthread_cond_timedwait(&p->cond, &p->sim->lock, &ts);
	else
		pthread_cond_wait(&p->cond, &p->sim->lock);
	p->blocked = false;
	busy_unblock(p);
	return !f->quit && !chan_stopping(p->chan);
}

enum step pbdma_error(struct pbdma *p, uint32_t bits, uint32_t *addr, uint32_t *data)
{
	bool go_on = true;

	FC(p, RAMFC_METHOD) = *addr;
	FC(p, RAMFC_DATA) = *data;
	pusher_save(p);
	pthread_mutex_lock(&p->sim->lock);
	pbdma_mirror(p);
	p->intr |= bits;
	pfifo_intr_update(p->sim);
	while (go_on && (p->intr & p->halt_mask))
		go_on = pbdma_block(p, 0);
	*addr = p->mirror[RAMFC_METHOD / 4];
	*data = p->mirror[RAMFC_DATA / 4];
	pthread_mutex_unlock(&p->sim->lock);
	FC(p, RAMFC_METHOD) = 0;
	return go_on ? STEP_OK : STEP_STOP;
}

enum step pbdma_fault(struct pbdma *p, enum fault_reason reason, uint64_t va, bool write)
{
	struct mmu_fault fault = {
		.unit = FAULT_UNIT_PBDMA0 + p->id, .reason = reason, .inst = p->inst, .va = va,
		.write = write, .hub = true, .client = HUB_CLIENT_PFIFO,
	};

	pthread_mutex_lock(&p->sim->lock);
	chan_set_off(p->chan, ENGINE_SW);
	mmu_fault(p->sim, &fault);
	pthread_mutex_unlock(&p->sim->lock);
	return STEP_DEAD;
}

static uint64_t userd_addr(const struct pbdma *p)
{
	uint64_t hi = FC(p, RAMFC_USERD_HI) & 0xff;

	return hi << 32 | (FC(p, RAMFC_USERD_LO) & ~(uint32_t)(USERD_LEN - 1));
}

void pbdma_userd(struct pbdma *p, uint32_t off, uint32_t val)
{
	mem_wr(p->sim, FC(p, RAMFC_USERD_LO) & 3, userd_addr(p) + off, &val, sizeof(val));
}

int pbdma_userd_rd(struct pbdma *p, uint32_t off, uint32_t *val)
{
	return mem_rd(p->sim, FC(p, RAMFC_USERD_LO) & 3, userd_addr(p) + off, val, sizeof(*val));
}

static enum step pbdma_load(struct pbdma *p)
{
	struct sim *s = p->sim;
	uint32_t addr = 0, data = 0;
	enum step step;

	if (mem_rd(s, PTE_VRAM, p->inst, p->fc, RAMFC_LEN) || mmu_bind(s, p->inst, &p->ctx.vm))
		return pbdma_fault(p, FAULT_NO_CHANNEL, 0, false);
	if ((FC(p, RAMFC_SIGNATURE) & 0xffff) != RAMFC_SIGNATURE_VALUE) {
		pusher_load(p);
		data = FC(p, RAMFC_SIGNATURE);
		step = pbdma_error(p, PBDMA_INTR_SIGNATURE, &addr, &data);
		pthread_mutex_lock(&s->lock);
		chan_set_off(p->chan, ENGINE_SW);
		pthread_mutex_unlock(&s->lock);
		return step == STEP_STOP ? step : STEP_DEAD;
	}
	p->ctx.sim = s;
	p->ctx.chid = chan_id(s->pfifo, p->chan);
	p->ctx.stop = &p->chan->stop;
	p->loaded = true;
	pusher_load(p);
	puller_load(p);
	return STEP_OK;
}

/* sim.lock held. */
static void pbdma_unload(struct pbdma *p, enum step step)
{
	struct pfifo *f = p->sim->pfifo;
	struct chan *c = p->chan;

	engine_put(p);
	if (p->loaded) {
		FC(p, RAMFC_CUR_ENGINE) = c->cur_engine;
		pusher_save(p);
		pbdma_mirror(p);
		/* Without memory there is nothing to save into: the channel lost it. */
		mem_wr(p->sim, PTE_VRAM, p->inst, p->fc, RAMFC_LEN);
	}
	if (p->did)
		f->progress++;
	p->did = p->loaded = p->yield = false;
	c->busy = step != STEP_IDLE;
	busy_end(p);
	if (f->kick_pending && f->kick_chid == chan_id(f, c))
		f->kick_pending = false;
	__atomic_store_n(&c->stop, false, __ATOMIC_RELAXED);
	p->last = chan_id(f, c);
	c->on = NULL;
	p->chan = NULL;
	runlist_check(f);
	pthread_cond_broadcast(&f->quiet);
}

/* An entry ended: whose turn is it? */
static enum step pbdma_turn(struct pbdma *p)
{
	struct pfifo *f = p->sim->pfifo;
	enum step step = STEP_OK;
	uint32_t next;

	pthread_mutex_lock(&p->sim->lock);
	f->progress++;
	p->did = false;
	engine_put(p);
	busy_lap(p);
	next = p->next;
	if (chan_stopping(p->chan) || f->quit)
		step = STEP_STOP;
	else if (runlist_pick(f, p, clock_ns()))
		step = STEP_PARK;
	else
		runlist_dispatch(f);
	p->next = next;
	pbdma_mirror(p);
	pthread_mutex_unlock(&p->sim->lock);
	return step;
}

/* sim.lock held on entry and exit. */
static void pbdma_serve(struct pbdma *p)
{
	struct chan *c = p->chan;
	bool valid = c->inst_reg & CHAN_INST_VALID;
	enum step step = STEP_STOP;

	busy_begin(p);
	c->wait = WAIT_NONE;
	p->inst = CHAN_INST_ADDR(c->inst_reg);
	pthread_mutex_unlock(&p->sim->lock);
	if (valid)
		step = pbdma_load(p);
	while (step == STEP_OK) {
		step = pusher_entry(p);
		if (step == STEP_OK)
			step = pbdma_turn(p);
	}
	pthread_mutex_lock(&p->sim->lock);
	pbdma_unload(p, step);
	runlist_next(p->sim->pfifo, p);
	runlist_dispatch(p->sim->pfifo);
}

static void pbdma_sleep(struct pbdma *p)
{
	struct pfifo *f = p->sim->pfifo;
	uint64_t at = runlist_next_retry(f);
	struct timespec ts = { (time_t)(at / 1000000000u), (long)(at % 1000000000u) };

	if (at)
		pthread_cond_timedwait(&p->cond, &p->sim->lock, &ts);
	else
		pthread_cond_wait(&p->cond, &p->sim->lock);
	if (!p->chan)
		runlist_dispatch(f);
}

static void *pbdma_main(void *arg)
{
	struct pbdma *p = arg;

	pthread_mutex_lock(&p->sim->lock);
	busy_thread(p);
	while (!p->sim->pfifo->quit) {
		if (p->chan)
			pbdma_serve(p);
		else
			pbdma_sleep(p);
	}
	pthread_mutex_unlock(&p->sim->lock);
	return NULL;
}

int pbdma_start(struct sim *s, uint32_t id)
{
	struct pbdma *p = &s->pfifo->pbdma[id];
	int err = pthread_create(&p->thread, NULL, pbdma_main, p);

	p->started = !err;
	return -err;
}

void pbdma_join(struct pbdma *p)
{
	if (p->started)
		pthread_join(p->thread, NULL);
	p->started = false;
}

void pbdma_reset(struct pbdma *p)
{
	p->engine = -1;
	p->polled = ~0ull;
	p->next = p->intr = p->intr_en = p->last = p->cmd = 0;
	/* nouveau only ever takes bits out of it. */
	p->halt_mask = ~0u;
	memset(p->mirror, 0, sizeof(p->mirror));
}

uint32_t pbdma_rd(struct sim *s, uint32_t off)
{
	struct pbdma *p = &s->pfifo->pbdma[(off - PBDMA_BASE) / PBDMA_STRIDE];
	uint32_t r = off % PBDMA_STRIDE;

	if (r < RAMFC_LEN)
		return p->mirror[r / 4];
	switch (r) {
	case NV_PBDMA_INTR - PBDMA_BASE:
		return p->intr;
	case NV_PBDMA_INTR_EN - PBDMA_BASE:
		return p->intr_en;
	case NV_PBDMA_CMD - PBDMA_BASE:
		return p->cmd;
	case NV_PBDMA_CHID - PBDMA_BASE:
		return p->chan ? chan_id(s->pfifo, p->chan) | PBDMA_CHID_ACTIVE : p->last;
	case NV_PBDMA_HALT_MASK - PBDMA_BASE:
		return p->halt_mask;
	default:
		return sim_reg_rd(s, off);
	}
}

void pbdma_wr(struct sim *s, uint32_t off, uint32_t val)
{
	struct pbdma *p = &s->pfifo->pbdma[(off - PBDMA_BASE) / PBDMA_STRIDE];
	uint32_t r = off % PBDMA_STRIDE;

	if (r < RAMFC_LEN) {
		p->mirror[r / 4] = val;
		return;
	}
	switch (r) {
	case NV_PBDMA_INTR - PBDMA_BASE:
		p->intr &= ~val;
		break;
	case NV_PBDMA_INTR_EN - PBDMA_BASE:
		p->intr_en = val;
		break;
	case NV_PBDMA_HALT_MASK - PBDMA_BASE:
		p->halt_mask = val;
		break;
	default:
		sim_reg_wr(s, off, val);
		return;
	}
	pfifo_intr_update(s);
	/* Unblocked from here on, not only when its thread has woken (pfifo_settle). */
	if (p->chan && p->blocked && !(p->intr & p->halt_mask)) {
		p->blocked = false;
		pthread_cond_signal(&p->cond);
	}
	runlist_dispatch(s->pfifo);
}

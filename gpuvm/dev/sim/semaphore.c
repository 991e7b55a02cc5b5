// SPDX-License-Identifier: MIT
/*
 * Host semaphores: release, and acquire with and without letting others run.
 *
 * An acquire that is not yet true runs again: parked off its PBDMA with
 * SEM_SWITCH, on it without.  It looks again when any channel released a
 * semaphore (fifo.polls), and, because a CPU's store is not seen, after a
 * bounded time.
 */
#include "gpuvm/base/clock.h"
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/fermi/methods.h"

/* Between looks: short enough for a latency nobody notices, long enough to cost nothing. */
#define BACKOFF_MIN_NS 10000u
#define BACKOFF_MAX_NS 500000u

static enum step release(struct pbdma *p, uint64_t va, uint32_t val)
{
	struct pfifo *f = p->sim->pfifo;
	uint32_t payload = FC(p, RAMFC_SEM_PAYLOAD);
	enum fault_reason why = FAULT_NONE;
	uint64_t at;

	/* It waits for the engine to be idle, which one that stands on an error is not. */
	if (!(val & SEM_NO_WFI) && p->engine < 0 && p->chan->cur_engine != ENGINE_SW) {
		enum step step = engine_get(p, p->chan->cur_engine);

		if (step != STEP_OK)
			return step;
	}
	if (!(val & SEM_RELEASE_4B)) {
		uint64_t now = sim_ptimer(p->sim);
		uint32_t rest[3] = { 0, lo32(now), hi32(now) };

		why = mmu_wr(p->sim, &p->ctx.vm, va + 4, rest, sizeof(rest), &at);
	}
	/* The payload last: who sees it may read the rest. */
	if (why == FAULT_NONE)
		why = mmu_wr(p->sim, &p->ctx.vm, va, &payload, sizeof(payload), &at);
	if (why != FAULT_NONE)
		return pbdma_fault(p, why, at, true);
	pthread_mutex_lock(&p->sim->lock);
	f->polls++;
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		if (f->pbdma[i].polled != ~0ull)
			pthread_cond_signal(&f->pbdma[i].cond);
	runlist_dispatch(f);
	pthread_mutex_unlock(&p->sim->lock);
	return STEP_OK;
}

static bool holds(uint32_t op, uint32_t mem, uint32_t payload)
{
	switch (op) {
	case SEM_ACQUIRE_EQ:
		return mem == payload;
	case SEM_ACQUIRE_GE:
		return (int32_t)(mem - payload) >= 0;
	default:
		return mem & payload;
	}
}

/* Whether a wait that began earlier, or begins now, has lasted too long. */
static bool timed_out(struct pbdma *p, uint32_t val)
{
	uint32_t conf = FC(p, RAMFC_SEM_TIMEOUT), state = FC(p, RAMFC_SEM_STATE);
	uint32_t now = (uint32_t)(sim_ptimer(p->sim) >> 10);

	if (state != (val | SEM_STATE_PENDING)) {
		FC(p, RAMFC_SEM_STATE) = val | SEM_STATE_PENDING;
		FC(p, RAMFC_SEM_DEADLINE) = now + (((conf >> 15) & 0xffff) << ((conf >> 11) & 0xf));
	}
	if (!(conf & 1u << 31) || conf == SEM_TIMEOUT_NONE)
		return false;
	return (int32_t)(now - FC(p, RAMFC_SEM_DEADLINE)) >= 0;
}

static uint64_t backoff(struct chan *c)
{
	c->backoff = c->backoff ? c->backoff * 2 : BACKOFF_MIN_NS;
	if (c->backoff > BACKOFF_MAX_NS)
		c->backoff = BACKOFF_MAX_NS;
	return c->backoff;
}

/* The value was read when fifo.polls was seen.  STEP_OK: look again. */
static enum step wait(struct pbdma *p, uint32_t val, uint64_t seen)
{
	struct chan *c = p->chan;
	enum step step = STEP_OK;
	uint64_t ns;

	pthread_mutex_lock(&p->sim->lock);
	ns = backoff(c);
	if (val & SEM_SWITCH) {
		c->wait = WAIT_SEM;
		c->polled = seen;
		c->retry_at = clock_ns() + ns;
		step = STEP_PARK;
	} else {
		p->polled = seen;
		if (!pbdma_block(p, ns))
			step = STEP_STOP;
		p->polled = ~0ull;
	}
	pthread_mutex_unlock(&p->sim->lock);
	return step;
}

static enum step acquire(struct pbdma *p, uint32_t subc, uint64_t va, uint32_t val)
{
	struct pfifo *f = p->sim->pfifo;
	enum fault_reason why;
	uint64_t seen, at;
	enum step step;
	uint32_t mem;

	for (;;) {
		pthread_mutex_lock(&p->sim->lock);
		seen = f->polls;
		pthread_mutex_unlock(&p->sim->lock);
		why = mmu_rd(p->sim, &p->ctx.vm, va, &mem, sizeof(mem), &at);
		if (why != FAULT_NONE)
			return pbdma_fault(p, why, at, false);
		if (holds(val & 0xf, mem, FC(p, RAMFC_SEM_PAYLOAD)))
			break;
		if (timed_out(p, val)) {
			step = puller_error(p, PBDMA_INTR_ACQUIRE, subc, HOST_SEM_TRIGGER, val);
			if (step != STEP_OK)
				return step;
			break;
		}
		step = wait(p, val, seen);
		if (step != STEP_OK)
			return step;
	}
	FC(p, RAMFC_SEM_STATE) = val;
	pthread_mutex_lock(&p->sim->lock);
	p->chan->backoff = 0;
	pthread_mutex_unlock(&p->sim->lock);
	return STEP_OK;
}

enum step semaphore_trigger(struct pbdma *p, uint32_t subc, uint32_t val)
{
	uint64_t va = (uint64_t)FC(p, RAMFC_SEM_ADDR_HI) << 32 | FC(p, RAMFC_SEM_ADDR_LO);

	switch (val & 0xf) {
	case SEM_RELEASE:
		FC(p, RAMFC_SEM_STATE) = val & ~SEM_STATE_PENDING;
		if (!(val & SEM_RELEASE_4B) && va & 0xf)
			break;
		return release(p, va, val);
	case SEM_ACQUIRE_EQ:
	case SEM_ACQUIRE_GE:
	case SEM_ACQUIRE_AND:
		return acquire(p, subc, va, val & ~SEM_STATE_PENDING);
	}
	return puller_error(p, PBDMA_INTR_SEMAPHORE, subc, HOST_SEM_TRIGGER, val);
}

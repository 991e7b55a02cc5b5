// SPDX-License-Identifier: MIT
/*
 * Device time: what the card did for each channel, by the processor time of
 * the threads that did it.  A host that has other things to do makes the card
 * slow; it does not make anybody's work long.
 *
 * Always true:
 *  1. A loaded channel's time is busy_ns, what its PBDMA's thread worked since
 *     cpu_at, and what the shader cores did beside that thread.  Where several
 *     host threads share a grid, each would be a multiprocessor of its own: they
 *     count with the time they would take side by side.
 *  2. Where the PBDMA stands still for the channel, or the channel is parked at a
 *     semaphore, the clock on the wall counts: nobody else has that time.
 */
#include "gpuvm/base/clock.h"
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/dev/sim/sm/sm.h"

void busy_thread(struct pbdma *p)
{
	if (pthread_getcpuclockid(pthread_self(), &p->cpu))
		p->cpu = CLOCK_MONOTONIC;
}

/* What is not in busy_ns yet, of a channel whose PBDMA is not blocked. */
static uint64_t since_lap(const struct pbdma *p, uint64_t cpu, int64_t beside)
{
	int64_t ns = (int64_t)(cpu - p->cpu_at) + p->beside + beside;

	return ns > 0 ? (uint64_t)ns : 0;
}

void busy_lap(struct pbdma *p)
{
	uint64_t cpu = clock_read(p->cpu);

	p->chan->busy_ns += since_lap(p, cpu, 0);
	p->cpu_at = cpu;
	p->beside = 0;
}

void busy_unpark(struct chan *c)
{
	if (c->parked_at)
		c->busy_ns += clock_ns() - c->parked_at;
	c->parked_at = 0;
}

void busy_begin(struct pbdma *p)
{
	busy_unpark(p->chan);
	p->cpu_at = clock_read(p->cpu);
	p->beside = 0;
}

void busy_end(struct pbdma *p)
{
	struct chan *c = p->chan;

	busy_lap(p);
	p->cpu_at = 0;
	c->parked_at = c->busy && c->wait == WAIT_SEM ? clock_ns() : 0;
}

void busy_block(struct pbdma *p)
{
	busy_lap(p);
	p->blocked_at = clock_ns();
}

void busy_unblock(struct pbdma *p)
{
	p->chan->busy_ns += clock_ns() - p->blocked_at;
	p->blocked_at = 0;
	p->cpu_at = clock_read(p->cpu);
}

void busy_engine_put(struct pbdma *p)
{
	if (p->engine == ENGINE_GR)
		p->beside += sm_beside(p->sim->sm, true);
}

uint64_t busy_of(struct sim *s, uint32_t chid)
{
	const struct chan *c = &s->pfifo->chan[chid];
	const struct pbdma *p = c->on;
	uint64_t ns = c->busy_ns;
	int64_t beside = 0;

	/* A PBDMA that it was given to may not have begun yet. */
	if (!p || !p->cpu_at)
		return c->parked_at ? ns + clock_ns() - c->parked_at : ns;
	if (p->blocked_at)
		return ns + clock_ns() - p->blocked_at;
	if (p->engine == ENGINE_GR)
		beside = sm_beside(s->sm, false);
	return ns + since_lap(p, clock_read(p->cpu), beside);
}

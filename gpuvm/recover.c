// SPDX-License-Identifier: MIT
/*
 * Recovery: a channel that faults, hangs or will not leave hurts its own guest only.
 *
 * Always true:
 *  1. Every wait is bounded; after the last resort (engine reset) the channel's
 *     instance block is taken from the card whatever the card says.
 *  2. A channel that is not to blame keeps its RAMFC: the card saves it when the
 *     engine is reset under it, and its doorbell is rung again.
 *  3. The watchdog stops who holds the engine, not who waits for it; time is the
 *     device's own where the device knows it, so a busy host shortens nobody's limit.
 */
#include "gpuvm/recover.h"

#include "gpuvm/fermi/inst.h"
#include "gpuvm/host.h"
#include "gpuvm/submit.h"

/* A waiter is to blame by itself when it waited this many times its limit. */
#define WAITER_PATIENCE 4

#define SCHEDULED_ENGINES (1u << ENGINE_GR | 1u << ENGINE_CE0 | 1u << ENGINE_CE1)

/* Engines that run the channel now. */
static uint32_t engines_held(struct gpuvm *g, hchan_t h)
{
	uint32_t mask = 0;

	for (uint32_t e = 0; e < NR_ENGINES; e++) {
		uint32_t v = dev_rd32(g->dev, reg_at(REGID_PFIFO_ENG_STATUS, e));

		if ((v & ENG_STATUS_BUSY) && ENG_STATUS_CHID(v) == hchan_x(h))
			mask |= 1u << e;
	}
	return mask & SCHEDULED_ENGINES;
}

/* The channel loaded on PBDMA p; GF100_NR_CHAN if none is. */
static uint32_t pbdma_chan(struct gpuvm *g, uint32_t p)
{
	uint32_t v = dev_rd32(g->dev, reg_at(REGID_PBDMA_CHID, p));

	return v & PBDMA_CHID_ACTIVE ? v & 0x7f : GF100_NR_CHAN;
}

void recover_unstall(struct gpuvm *g, uint32_t p)
{
	g->host->stall[p].chan = NULL;
	dev_wr32(g->dev, reg_at(REGID_PBDMA_INTR, p), ~0u);
	dev_wr32(g->dev, reg_at(REGID_PBDMA_INTR_EN, p), HOST_PBDMA_INTR_EN);
}

/* Errors of this channel, known or not yet seen: a PBDMA that stands on one serves nobody. */
static void drop_stalls(struct gpuvm *g, const struct vgpu_chan *c, bool loaded)
{
	for (uint32_t p = 0; p < g->dev->info.nr_pbdma; p++)
		if (g->host->stall[p].chan == c ||
		    (loaded && pbdma_chan(g, p) == hchan_x(c->host)))
			recover_unstall(g, p);
}

bool recover_kick(struct gpuvm *g, struct vgpu_chan *c)
{
	bool left;

	dev_wr32(g->dev, NV_PFIFO_KICK, hchan_x(c->host));
	left = host_wait(g, NV_PFIFO_KICK, KICK_PENDING, 0, LIMIT_KICK_NS);
	drop_stalls(g, c, !left);
	return left;
}

/* Rings again for everyone who runs: the card may have dropped what it was about to fetch. */
static void ring_again(struct gpuvm *g)
{
	struct vgpu_chan *c;

	list_for_each(c, &g->busy, busy)
		if (!list_empty(&c->running))
			host_userd_wr(g, c->host, USERD_GP_PUT, c->put_host);
}

static void reset_engines(struct gpuvm *g, uint32_t mask)
{
	uint32_t frozen = dev_rd32(g->dev, NV_PFIFO_ENG_FREEZE);

	dev_wr32(g->dev, NV_PFIFO_ENG_FREEZE, frozen | mask);
	for (uint32_t e = 0; e < NR_ENGINES; e++)
		if (mask & 1u << e)
			host_engine_reset(g, (enum fermi_engine)e);
}

static void thaw_engines(struct gpuvm *g, uint32_t mask)
{
	dev_wr32(g->dev, NV_PFIFO_ENG_FAULT, mask);
	dev_wr32(g->dev, NV_PFIFO_ENG_FREEZE, dev_rd32(g->dev, NV_PFIFO_ENG_FREEZE) & ~mask);
}

void recover_off(struct gpuvm *g, struct vgpu_chan *c)
{
	uint32_t held, h = hchan_x(c->host);

	dev_wr32(g->dev, reg_at(REGID_PFIFO_CHAN_STATE, h), 0);
	if (!recover_kick(g, c) && !recover_kick(g, c)) {
		held = engines_held(g, c->host);
		log_warn(g->log, "guest %s: channel %u does not leave; resetting its engines (0x%x)",
			 c->vgpu->name, gchan_x(c->id), held);
		reset_engines(g, held);
		if (!recover_kick(g, c))
			log_error(g->log, "channel %u of the card survives an engine reset", h);
		thaw_engines(g, held);
	}
	dev_wr32(g->dev, reg_at(REGID_PFIFO_CHAN_INST, h), 0);
}

void recover_engines(struct gpuvm *g, struct vgpu_chan *c, uint32_t mask)
{
	mask &= SCHEDULED_ENGINES;
	reset_engines(g, mask);
	if (c)
		vgpu_chan_stop(c);
	thaw_engines(g, mask);
	ring_again(g);
}

void gpuvm_recover(struct gpuvm *g, struct vgpu_chan *c, enum gpuvm_engine e)
{
	recover_engines(g, c, 1u << gpuvm_engine_fermi(e));
}

/* ---- watchdog ------------------------------------------------------------------------------ */

static bool loaded(struct gpuvm *g, const struct vgpu_chan *c)
{
	for (uint32_t p = 0; p < g->dev->info.nr_pbdma; p++)
		if (pbdma_chan(g, p) == hchan_x(c->host))
			return true;
	return false;
}

/* By device time; one that does not even get to a PBDMA is over its time by the clock, in the end. */
static uint64_t over_by(struct gpuvm *g, const struct vgpu_chan *c, uint64_t now)
{
	const struct submission *s = list_first(&c->running, struct submission, node);
	uint64_t limit = (uint64_t)c->vgpu->cfg.timeout_ms * 1000000u, passed, used;

	if (!s || now <= s->start || now - s->start <= limit)
		return 0;
	passed = now - s->start;
	used = submit_used(c, s->start, now);
	if (used > limit)
		return used - limit;
	return passed >= limit * WAITER_PATIENCE && !loaded(g, c) ? passed - limit : 0;
}

/*
 * Whether a channel that is over its time is itself what takes so long: it is
 * loaded, or waits for a semaphore, or nobody else is there to wait for.
 */
static bool to_blame(struct gpuvm *g, struct vgpu_chan *c, uint64_t over)
{
	uint32_t state = dev_rd32(g->dev, reg_at(REGID_PFIFO_CHAN_STATE, hchan_x(c->host)));
	bool others = false;

	if (state & CHAN_STATE_ACQUIRE || loaded(g, c))
		return true;
	for (uint32_t p = 0; p < g->dev->info.nr_pbdma; p++)
		others |= pbdma_chan(g, p) != GF100_NR_CHAN;
	return !others ||
	       over >= (uint64_t)c->vgpu->cfg.timeout_ms * 1000000u * (WAITER_PATIENCE - 1);
}

static void watchdog_stop(struct gpuvm *g, struct vgpu_chan *c, uint64_t now)
{
	struct vgpu *v = c->vgpu;
	struct submission *s = list_first(&c->running, struct submission, node);
	enum fermi_engine e = gpuvm_engine_fermi(c->engine);
	gvram_t inst = c->shadow ? shadow_chan_guest_inst(c->shadow) : gvram(0);
	struct vgpu_chan *o;

	log_warn(g->log,
		 "guest %s: channel %u stopped: a submission to %s ran %llu ms, the limit is %u "
		 "(%llu submissions, %llu completed)",
		 v->name, gchan_x(c->id), host_engine_name(e),
		 (unsigned long long)(submit_used(c, s->start, now) / 1000000u), v->cfg.timeout_ms,
		 (unsigned long long)v->stats.submissions, (unsigned long long)v->stats.completions);
	v->stats.watchdog++;
	vgpu_chan_stop(c);
	vgpu_raise_hung(v, e, c->id, inst);
	/* Who waited behind it gets its time anew. */
	list_for_each(o, &g->busy, busy) {
		s = list_first(&o->running, struct submission, node);
		if (s)
			s->start = now;
	}
	ring_again(g);
}

void recover_watchdog(struct gpuvm *g, uint64_t now)
{
	struct vgpu_chan *c;

	list_for_each(c, &g->busy, busy) {
		uint64_t over = over_by(g, c, now);

		if (over && to_blame(g, c, over)) {
			watchdog_stop(g, c, now);
			return; /* the list has changed; the next poll looks for more */
		}
	}
}

uint64_t recover_stalls(struct gpuvm *g, uint64_t now)
{
	uint64_t next = SCHED_NEVER;

	for (uint32_t p = 0; p < g->dev->info.nr_pbdma; p++) {
		struct host_stall *st = &g->host->stall[p];

		if (!st->chan)
			continue;
		if (pbdma_chan(g, p) != hchan_x(st->chan->host)) {
			/* Its guest took it off the list instead of answering. */
			recover_unstall(g, p);
		} else if (now - st->since >= LIMIT_PBDMA_STALL_NS) {
			vgpu_fault(st->chan->vgpu, "channel %u stopped: PBDMA error 0x%x left alone",
				   gchan_x(st->chan->id), st->intr);
			vgpu_chan_stop(st->chan);
		} else if (st->since + LIMIT_PBDMA_STALL_NS < next) {
			next = st->since + LIMIT_PBDMA_STALL_NS;
		}
	}
	return next;
}

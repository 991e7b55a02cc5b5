// SPDX-License-Identifier: MIT
/*
 * Submissions.
 *
 * A guest's store to GP_PUT never reaches the card by itself: it is kept in
 * chan->put, one submission per channel waits in the scheduler, and when the
 * policy lets it go the newest GP_PUT goes to the card (so that doorbells that
 * came meanwhile join it).
 *
 * Always true:
 *  1. chan->put_host is what the card's USERD page holds in GP_PUT.
 *  2. At most one submission of a channel is queued; those in chan->running
 *     end in order; the channel is on g->busy while that list is not empty, and
 *     while a doorbell could not be taken for want of memory.
 *  3. A submission is for a channel that was offered when it was queued; what
 *     a guest stores before that is held, not lost.
 *  4. GP_PUT is below the ring's number of entries, so that GP_GET reaches it:
 *     a value beyond would keep the engine going round for ever.
 */
#include "gpuvm/submit.h"

#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/host.h"
#include "gpuvm/recover.h"

bool submit_offered(const struct vgpu_chan *c)
{
	return !c->dead && c->runnable && shadow_runlist_has(c->vgpu->shadow, c->id);
}

/* Entries of the ring as the card knows them: the shadow's RAMFC, which the guest cannot change while offered. */
static uint32_t ring_entries(struct vgpu_chan *c)
{
	hvram_t at = hvram(hvram_x(shadow_chan_inst(c->shadow)) + RAMFC_GPFIFO_HI);
	uint32_t hi;

	if (!c->entries && !dev_vram_rd(c->vgpu->g->dev, at, &hi, sizeof hi))
		c->entries = 1u << bits_get(hi, 20, 16);
	return c->entries;
}

/* Graphics if the channel has a graphics context, else the copy engine it has: whom its time is charged to. */
static enum gpuvm_engine charged_engine(const struct vgpu_chan *c)
{
	uint32_t e = shadow_chan_engines(c->shadow);

	if (e & 1u << ENGINE_GR)
		return GPUVM_ENG_GR;
	if (e & 1u << ENGINE_CE0)
		return GPUVM_ENG_CE0;
	if (e & 1u << ENGINE_CE1)
		return GPUVM_ENG_CE1;
	return GPUVM_ENG_GR;
}

static void poll_soon(struct gpuvm *g, uint64_t now)
{
	g->poll_every = LIMIT_POLL_MIN_NS;
	if (g->poll_next > now + LIMIT_POLL_MIN_NS)
		g->poll_next = now + LIMIT_POLL_MIN_NS;
}

/* The world would not take it now (memory): tried again on the next poll. */
static void try_later(struct vgpu_chan *c, uint64_t now)
{
	struct gpuvm *g = c->vgpu->g;

	if (list_empty(&c->busy))
		list_add_tail(&g->busy, &c->busy);
	if (g->poll_next > now + LIMIT_POLL_MAX_NS)
		g->poll_next = now + LIMIT_POLL_MAX_NS;
}

/* Whether the ring holds work that no submission stands for. */
static bool ring_has_more(const struct vgpu_chan *c)
{
	return c->put != c->put_host || c->unfinished;
}

void submit_ring(struct vgpu_chan *c)
{
	struct vgpu *v = c->vgpu;
	struct submission *s;
	uint64_t now;

	if (c->queued || c->nr_running >= LIMIT_CHAN_RUNNING || !submit_offered(c) ||
	    !ring_has_more(c))
		return;
	if (c->put >= ring_entries(c)) {
		vgpu_fault(v, "channel %u: GP_PUT %u is beyond the ring", gchan_x(c->id), c->put);
		c->put = c->put_host;
		return;
	}
	now = dev_now(v->g->dev);
	s = mem_new(struct submission);
	if (!s || shadow_chan_sync(c->shadow) < 0)
		goto later;
	s->chan = c;
	c->engine = charged_engine(c);
	if (sched_submit(v->ent, c->engine, s, now, &s->work) < 0)
		goto later;
	c->queued = s;
	return;
later:
	mem_free(s);
	try_later(c, now);
}

void submit_pump(struct gpuvm *g, uint64_t now)
{
	g->sched_next = sched_pump(g->sched, now);
}

/* ---- the scheduler's backend ----------------------------------------------------------- */

static int backend_submit(void *core, struct sched_work *w)
{
	struct gpuvm *g = core;
	struct submission *s = w->cookie;
	struct vgpu_chan *c = s->chan;
	uint32_t engines = shadow_chan_engines(c->shadow);

	c->queued = NULL;
	c->unfinished = false;
	s->put = c->put_host = c->put;
	s->start = w->started_ns;
	list_add_tail(&c->running, &s->node);
	c->nr_running++;
	if (list_empty(&c->busy))
		list_add_tail(&g->busy, &c->busy);
	c->vgpu->irq_engines |= engines ? engines : 1u << gpuvm_engine_fermi(c->engine);
	c->vgpu->stats.submissions++;
	poll_soon(g, w->started_ns);
	host_userd_wr(g, c->host, USERD_GP_PUT, c->put);
	return 0;
}

static void forget(struct submission *s)
{
	struct vgpu_chan *c = s->chan;

	if (c->queued == s) {
		c->queued = NULL;
	} else {
		list_del(&s->node);
		c->nr_running--;
		if (list_empty(&c->running))
			list_del(&c->busy);
	}
	mem_free(s);
}

static void backend_dropped(void *core, struct sched_work *w)
{
	(void)core;
	forget(w->cookie);
}

const struct sched_backend submit_backend = {
	.submit = backend_submit,
	.dropped = backend_dropped,
};

/* ---- the end -------------------------------------------------------------------------------- */

static void finish(struct submission *s, uint64_t now)
{
	struct vgpu_chan *c = s->chan;
	uint64_t ran = now > s->start ? now - s->start : 0;
	struct sched_work *w = s->work;
	struct submission *next;

	c->vgpu->stats.gpu_ns[w->engine] += ran;
	forget(s);
	sched_done(w, ran, now);
	next = list_first(&c->running, struct submission, node);
	if (next)
		next->start = now;
}

/* Whether GP_GET has left put behind; put_host is the last one handed over. */
static bool passed(const struct vgpu_chan *c, uint32_t put, uint32_t get)
{
	uint32_t mask = c->entries - 1, ahead = (put - get) & mask;

	return !ahead || ahead > ((c->put_host - get) & mask);
}

unsigned int submit_check(struct vgpu_chan *c, uint64_t now)
{
	struct gpuvm *g = c->vgpu->g;
	/* In this order: GP_GET moves before the entry's methods run. */
	uint32_t get = host_userd_rd(g, c->host, USERD_GP_GET);
	uint32_t state = dev_rd32(g->dev, reg_at(REGID_PFIFO_CHAN_STATE, hchan_x(c->host)));
	bool idle = get == c->put_host && !(state & CHAN_STATE_BUSY);
	struct submission *s;
	unsigned int n = 0;

	while ((s = list_first(&c->running, struct submission, node))) {
		bool last = s->node.next == &c->running;

		if (!idle && (last || !passed(c, s->put, get)))
			break;
		finish(s, now);
		c->vgpu->stats.completions++;
		n++;
	}
	if (list_empty(&c->running))
		list_del(&c->busy);
	submit_ring(c);
	return n;
}

void submit_abort(struct vgpu_chan *c, uint64_t now)
{
	struct submission *s;

	if (c->queued)
		sched_cancel(c->queued->work, now);
	while ((s = list_first(&c->running, struct submission, node)))
		finish(s, now);
	list_del(&c->busy);
}

void submit_offer_changed(struct vgpu_chan *c)
{
	if (c->dead)
		return;
	c->entries = 0;
	if (submit_offered(c)) {
		submit_ring(c);
		return;
	}
	c->unfinished |= !list_empty(&c->running);
	submit_abort(c, dev_now(c->vgpu->g->dev));
}

uint64_t gpuvm_poll_work(struct gpuvm *g, uint64_t now)
{
	struct vgpu_chan *c, *tmp;
	unsigned int ended = 0;
	uint64_t stalls;

	list_for_each_safe(c, tmp, &g->busy, busy)
		ended += submit_check(c, now);
	recover_watchdog(g, now);
	stalls = recover_stalls(g, now);
	if (ended)
		g->poll_every = LIMIT_POLL_MIN_NS;
	else if (g->poll_every < LIMIT_POLL_MAX_NS)
		g->poll_every *= 2;
	g->poll_next = SCHED_NEVER;
	submit_pump(g, now);
	if (!list_empty(&g->busy) && g->poll_next > now + g->poll_every)
		g->poll_next = now + g->poll_every;
	if (stalls != SCHED_NEVER && g->poll_next > now + LIMIT_POLL_MAX_NS)
		g->poll_next = now + LIMIT_POLL_MAX_NS;
	return g->poll_next;
}

// SPDX-License-Identifier: MIT
/*
 * Submissions.
 *
 * A guest's store to GP_PUT never reaches the card by itself: it is kept in
 * chan->put, one submission per channel waits in the scheduler, and when the
 * policy lets it go a run of ring entries goes to the card: as many as fit the
 * policy's slice by what the channel's entries took so far, up to the newest
 * GP_PUT (so that doorbells that came meanwhile join it).  What is left of the
 * ring is the channel's next submission.
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

/* So many entries make a mean that follows its guest within some of its kernels. */
#define PACE_ENTRIES 64

bool submit_offered(const struct vgpu_chan *c)
{
	return !c->dead && c->runnable && !c->paused && shadow_runlist_has(c->vgpu->shadow, c->id);
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

/* What is left of rings of which a part has just gone waits from now on; whether there was any. */
static bool queue_rest(struct gpuvm *g)
{
	struct vgpu_chan *c, *tmp;
	bool any = false;

	list_for_each_safe(c, tmp, &g->busy, busy) {
		if (c->queued || list_empty(&c->running))
			continue;
		submit_ring(c);
		any |= c->queued != NULL;
	}
	return any;
}

void submit_pump(struct gpuvm *g, uint64_t now)
{
	do
		g->sched_next = sched_pump(g->sched, now);
	while (queue_rest(g));
}

/* ---- the scheduler's backend ----------------------------------------------------------- */

/*
 * How many of the ring's waiting entries go now.  A driver puts entries that
 * only write a fence between its kernels: counted by the longest, each would be
 * a run of its own, and counted by the mean a run could hold a dozen kernels
 * that come in a row.  So: as many as fit the slice if all were as long as the
 * longest; else as fill the slice, or the time of one of the longest, by the
 * mean, but few, and only while nobody is of the latency class.
 */
static uint32_t run_entries(const struct vgpu_chan *c, const struct sched_work *w)
{
	const struct sched *sched = c->vgpu->g->sched;
	uint32_t all = (c->put - c->put_host) & (c->entries - 1);
	const struct chan_pace *p = &c->pace;
	uint64_t slice = w->slice_ns, fit;
	/* One may come who should not have to wait for more than a slice. */
	bool hurry = sched->nr_latency > (w->ent->latency_us ? 1 : 0);

	if (!slice || all < 2)
		return all;
	/* Nobody waits: longer runs cost the one who comes next a little, and save everybody the gaps. */
	if (!sched->ready[w->engine].nr && !hurry)
		slice *= LIMIT_ALONE_SLICES;
	/* The first one tells how long they are. */
	if (!p->longest)
		return 1;
	fit = slice / p->longest;
	if (fit < LIMIT_MIXED_ENTRIES && !hurry) {
		uint64_t fill = (slice > p->longest ? slice : p->longest) * p->entries / (p->ns + 1);

		fit = fill < LIMIT_MIXED_ENTRIES ? fill : LIMIT_MIXED_ENTRIES;
	}
	return fit < 1 ? 1 : fit < all ? (uint32_t)fit : all;
}

/* What the device did for the channel until now is none of what it does from now on. */
static void busy_mark(struct vgpu_chan *c)
{
	uint64_t ns;

	if (!dev_busy(c->vgpu->g->dev, hchan_x(c->host), &ns))
		c->busy_ns = ns;
}

static int backend_submit(void *core, struct sched_work *w)
{
	struct gpuvm *g = core;
	struct submission *s = w->cookie;
	struct vgpu_chan *c = s->chan;
	uint32_t engines = shadow_chan_engines(c->shadow);
	uint64_t now = dev_now(g->dev);

	/* A doorbell that joined may have been a bad one. */
	if (c->put >= ring_entries(c)) {
		vgpu_fault(c->vgpu, "channel %u: GP_PUT %u is beyond the ring", gchan_x(c->id),
			   c->put);
		c->put = c->put_host;
		return -EINVAL;
	}
	/* The guest may have flushed while this waited, and the flush been put off. */
	if (shadow_chan_due(c->shadow) && shadow_chan_sync(c->shadow) < 0) {
		try_later(c, now);
		return -EAGAIN;
	}
	shadow_chan_busy(c->shadow, true);
	c->queued = NULL;
	c->unfinished = false;
	s->entries = run_entries(c, w);
	s->put = c->put_host = (c->put_host + s->entries) & (c->entries - 1);
	s->start = now;
	if (list_empty(&c->running))
		busy_mark(c);
	list_add_tail(&c->running, &s->node);
	c->nr_running++;
	if (list_empty(&c->busy))
		list_add_tail(&g->busy, &c->busy);
	c->vgpu->irq_engines |= engines ? engines : 1u << gpuvm_engine_fermi(c->engine);
	c->vgpu->stats.submissions++;
	poll_soon(g, now);
	host_userd_wr(g, c->host, USERD_GP_PUT, c->put_host);
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
		if (list_empty(&c->running)) {
			list_del(&c->busy);
			shadow_chan_busy(c->shadow, false);
		}
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

/* The channel's last n entries took ns. */
static void pace_add(struct chan_pace *p, uint32_t n, uint64_t ns)
{
	uint64_t each, faded = p->longest - p->longest / 32;

	if (!n)
		return;
	each = ns / n;
	p->longest = each > faded ? each : faded ? faded : 1;
	p->ns += ns;
	p->entries += n;
	if (p->entries > PACE_ENTRIES) {
		p->ns /= 2;
		p->entries /= 2;
	}
}

uint64_t submit_used(const struct vgpu_chan *c, uint64_t since, uint64_t now)
{
	uint64_t passed = now > since ? now - since : 0, ns;

	if (dev_busy(c->vgpu->g->dev, hchan_x(c->host), &ns))
		return passed;
	ns -= c->busy_ns;
	return ns < passed ? ns : passed;
}

static void finish(struct submission *s, uint64_t now)
{
	struct vgpu_chan *c = s->chan;
	struct sched_work *w = s->work;
	uint64_t *free_at = &c->vgpu->g->engine_free[w->engine];
	/* Where several are on an engine, each is charged from the end of the one before. */
	uint64_t from = s->start > *free_at ? s->start : *free_at;
	uint64_t ran = submit_used(c, from, now);
	struct submission *next;

	*free_at = now;
	busy_mark(c);
	pace_add(&c->pace, s->entries, ran);
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

static bool others_wait(const struct gpuvm *g)
{
	for (unsigned int e = 0; e < NR_GPUVM_ENGINES; e++)
		if (g->sched->nr_queued[e] && g->sched->nr_running[e])
			return true;
	return false;
}

/* How long the youngest of the oldest submissions has been running. */
static uint64_t run_age(const struct gpuvm *g, uint64_t now)
{
	uint64_t age = UINT64_MAX;
	struct vgpu_chan *c;

	list_for_each(c, &g->busy, busy) {
		const struct submission *s = list_first(&c->running, struct submission, node);

		if (s && now - s->start < age)
			age = now > s->start ? now - s->start : 0;
	}
	return age;
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
	/* Somebody waits: an end is to be seen within a small part of what ran. */
	if (others_wait(g) && g->poll_every > run_age(g, now) / 32)
		g->poll_every = run_age(g, now) / 32;
	if (g->poll_every < LIMIT_POLL_MIN_NS)
		g->poll_every = LIMIT_POLL_MIN_NS;
	g->poll_next = SCHED_NEVER;
	submit_pump(g, now);
	if (!list_empty(&g->busy) && g->poll_next > now + g->poll_every)
		g->poll_next = now + g->poll_every;
	if (stalls != SCHED_NEVER && g->poll_next > now + LIMIT_POLL_MAX_NS)
		g->poll_next = now + LIMIT_POLL_MAX_NS;
	return g->poll_next;
}

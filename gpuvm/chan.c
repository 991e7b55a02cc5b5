// SPDX-License-Identifier: MIT
/*
 * Guests' channels on the card.
 *
 * Always true:
 *  1. g->by_host[h] is the one vgpu_chan that owns the card's channel h; its
 *     id in the guest and h name each other in the part.
 *  2. PFIFO_CHAN_INST of a channel on the card is 0 or the shadow instance
 *     block of that vgpu_chan, never a guest's page.
 *  3. A dead channel is off the card, holds its card id and has no shadow:
 *     the guest sees its USERD page as it was and must bind it anew.
 *  4. The card's USERD page is the mediator's.  A guest's store to GP_PUT is a
 *     doorbell (submit.c), to GP_GET nothing, to any other word it is passed on.
 */
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/host.h"
#include "gpuvm/hp.h"
#include "gpuvm/recover.h"
#include "gpuvm/submit.h"
#include "gpuvm/units.h"

/* PFIFO_CHAN_STATE 16-20: no engine yet, as nouveau starts every channel. */
#define STATE_NO_ENGINE (0x1fu << 16)

static struct vgpu_chan *chan_by_id(struct vgpu *v, gchan_t id)
{
	return gchan_x(id) < GF100_NR_CHAN ? v->chan[gchan_x(id)] : NULL;
}

static hvram_t userd_page(const struct gpuvm *g, hchan_t h)
{
	return hvram(hvram_x(g->userd) + (uint64_t)hchan_x(h) * USERD_LEN);
}

/* The card's page starts as the guest's page is, with nothing handed over yet. */
static int userd_init(struct vgpu_chan *c)
{
	struct vgpu *v = c->vgpu;
	uint32_t page[USERD_LEN / 4] = { 0 }, target;
	uint64_t addr;
	hvram_t at;

	shadow_chan_guest_userd(c->shadow, &target, &addr);
	if (target == PTE_VRAM) {
		if (!part_vram_g2h(v->part, gvram(addr), USERD_LEN, &at))
			dev_vram_rd(v->g->dev, at, page, sizeof page);
		else
			vgpu_fault(v, "channel %u: USERD page outside its VRAM", gchan_x(c->id));
	} else if (hv_read(v->guest, gpa(addr), page, sizeof page) < 0) {
		memset(page, 0, sizeof page);
		vgpu_fault(v, "channel %u: USERD page is not its RAM", gchan_x(c->id));
	}
	c->put = page[USERD_GP_PUT / 4];
	/* Where the shadow instance block starts it, too. */
	c->put_host = page[USERD_GP_PUT / 4] = page[USERD_GP_GET / 4] = 0;
	return dev_vram_wr(v->g->dev, userd_page(v->g, c->host), page, sizeof page);
}

static void chan_free(struct vgpu_chan *c)
{
	struct vgpu *v = c->vgpu;

	vgpu_chan_stop(c);
	v->g->by_host[hchan_x(c->host)] = NULL;
	v->chan[gchan_x(c->id)] = NULL;
	vgpu_userd_moved(v);
	part_chan_put(v->part, c->id);
	mem_free(c);
}

static int chan_start(struct vgpu_chan *c, uint32_t inst_reg)
{
	struct vgpu *v = c->vgpu;
	struct gpuvm *g = v->g;
	gvram_t inst = gvram(CHAN_INST_ADDR(inst_reg));
	int r = shadow_chan_bind(v->shadow, c->id, inst, userd_page(g, c->host), &c->shadow);

	if (!r)
		r = userd_init(c);
	if (r < 0)
		return r;
	c->dead = false;
	dev_wr32(g->dev, reg_at(REGID_PFIFO_CHAN_STATE, hchan_x(c->host)), STATE_NO_ENGINE);
	dev_wr32(g->dev, reg_at(REGID_PFIFO_CHAN_INST, hchan_x(c->host)),
		 CHAN_INST_VALID | CHAN_INST_POLL |
			 (uint32_t)(hvram_x(shadow_chan_inst(c->shadow)) >> 12));
	return 0;
}

static uint32_t nr_chans(const struct vgpu *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		n += v->chan[i] != NULL;
	return n;
}

/* Whether enough ids stay free for what every other guest is promised. */
static bool promise_kept(struct vgpu *v)
{
	uint32_t promised = 0;
	struct vgpu *o;

	if (nr_chans(v) < LIMIT_CHANS_PROMISED)
		return true;
	list_for_each(o, &v->g->vgpus, node) {
		uint32_t has = nr_chans(o);

		if (o != v && has < LIMIT_CHANS_PROMISED)
			promised += LIMIT_CHANS_PROMISED - has;
	}
	return part_pool_free_chans(v->g->pool) > promised;
}

static int chan_new(struct vgpu *v, gchan_t id, uint32_t inst_reg)
{
	struct vgpu_chan *c;
	hchan_t host;
	int r = promise_kept(v) ? part_chan_get(v->part, id, &host) : -ENOSPC;

	if (r < 0) {
		vgpu_fault(v, "channel %u: no more channels (it may have %u at a time)",
			   gchan_x(id), v->cfg.max_chan);
		return r;
	}
	c = mem_new(struct vgpu_chan);
	if (!c) {
		part_chan_put(v->part, id);
		return -ENOMEM;
	}
	c->vgpu = v;
	c->id = id;
	c->host = host;
	c->inst_reg = inst_reg;
	c->dead = true; /* until it is on the card */
	list_init(&c->running);
	list_init(&c->busy);
	v->chan[gchan_x(id)] = c;
	vgpu_userd_moved(v);
	v->g->by_host[hchan_x(host)] = c;
	r = chan_start(c, inst_reg);
	if (r < 0) {
		shadow_chan_unbind(c->shadow);
		c->shadow = NULL;
		chan_free(c);
	}
	return r;
}

void vgpu_chan_release(struct vgpu *v, gchan_t id)
{
	struct vgpu_chan *c = chan_by_id(v, id);

	if (c)
		chan_free(c);
}

int vgpu_chan_bind(struct vgpu *v, gchan_t id, uint32_t inst_reg)
{
	struct vgpu_chan *c = chan_by_id(v, id);
	int r;

	if (gchan_x(id) >= GF100_NR_CHAN)
		return -ERANGE;
	if (v->failed || v->cfg.mode == VGPU_PASSTHROUGH)
		return -EIO;
	if (c && !c->dead && c->inst_reg == inst_reg)
		return 0;
	if (c)
		chan_free(c);
	if (!(inst_reg & CHAN_INST_VALID))
		return 0;
	r = chan_new(v, id, inst_reg);
	if (r < 0 && r != -EDQUOT && r != -ENOSPC)
		vgpu_fault(v, "channel %u: instance block 0x%llx cannot be used", gchan_x(id),
			   (unsigned long long)CHAN_INST_ADDR(inst_reg));
	submit_pump(v->g, dev_now(v->g->dev));
	return r;
}

static void show_state(struct vgpu_chan *c)
{
	bool run = c->runnable && !c->paused;

	dev_wr32(c->vgpu->g->dev, reg_at(REGID_PFIFO_CHAN_STATE, hchan_x(c->host)),
		 STATE_NO_ENGINE | (run ? CHAN_STATE_RUNNABLE : 0));
}

void vgpu_chan_state(struct vgpu *v, gchan_t id, uint32_t val)
{
	struct vgpu_chan *c = chan_by_id(v, id);

	if (!c || c->dead)
		return;
	c->runnable = val & CHAN_STATE_RUNNABLE;
	show_state(c);
	submit_offer_changed(c);
	submit_pump(v->g, dev_now(v->g->dev));
}

void vgpu_chan_pause(struct vgpu_chan *c, uint32_t engine)
{
	c->paused |= 1u << engine;
	show_state(c);
	if (recover_kick(c->vgpu->g, c)) {
		submit_offer_changed(c);
		return;
	}
	vgpu_fault(c->vgpu, "channel %u does not leave its engine after an error", gchan_x(c->id));
	vgpu_chan_stop(c);
}

void vgpu_chans_resume(struct vgpu *v, uint32_t engine)
{
	bool any = false;

	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		struct vgpu_chan *c = v->chan[i];

		if (!c || !(c->paused & 1u << engine))
			continue;
		c->paused &= ~(1u << engine);
		any = true;
		if (c->dead || c->paused)
			continue;
		show_state(c);
		submit_offer_changed(c);
	}
	if (any)
		submit_pump(v->g, dev_now(v->g->dev));
}

void vgpu_runlist_changed(struct vgpu *v)
{
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		if (v->chan[i])
			submit_offer_changed(v->chan[i]);
	submit_pump(v->g, dev_now(v->g->dev));
}

int vgpu_chan_kick(struct vgpu *v, gchan_t id)
{
	struct vgpu_chan *c = chan_by_id(v, id);

	/* Nothing of that number is on the card. */
	if (!c || c->dead)
		return 0;
	/* The card saves its context through its address space. */
	shadow_chan_sync(c->shadow);
	if (recover_kick(v->g, c))
		return 0;
	vgpu_fault(v, "channel %u does not leave its engine", gchan_x(id));
	vgpu_chan_stop(c);
	return 0;
}

/* vgpu_chan_kick() waits for the card, within a bound. */
bool vgpu_chan_kick_pending(struct vgpu *v, gchan_t id)
{
	(void)v;
	(void)id;
	return false;
}

void vgpu_userd_wr(struct vgpu *v, gchan_t id, uint32_t off, uint32_t val)
{
	struct vgpu_chan *c = chan_by_id(v, id);

	if (!c || c->dead || off >= USERD_LEN || off % 4)
		return;
	if (off == USERD_GP_GET)
		return;
	if (off != USERD_GP_PUT) {
		host_userd_wr(v->g, c->host, off, val);
		return;
	}
	v->stats.doorbells++;
	c->put = val;
	submit_ring(c);
	submit_pump(v->g, dev_now(v->g->dev));
}

uint32_t vgpu_userd_rd(struct vgpu *v, gchan_t id, uint32_t off)
{
	struct vgpu_chan *c = chan_by_id(v, id);

	if (!c || off >= USERD_LEN || off % 4)
		return 0;
	return off == USERD_GP_PUT ? c->put : host_userd_rd(v->g, c->host, off);
}

void vgpu_chan_stop(struct vgpu_chan *c)
{
	struct gpuvm *g = c->vgpu->g;

	if (c->dead)
		return;
	c->dead = true;
	c->runnable = false;
	recover_off(g, c);
	submit_abort(c, dev_now(g->dev));
	shadow_chan_unbind(c->shadow);
	c->shadow = NULL;
	if (c->vgpu->hp)
		vgpu_hp_stopped(c->vgpu);
}

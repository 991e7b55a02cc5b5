// SPDX-License-Identifier: MIT
/*
 * Objects of the driver core whose substance is the mediator's.
 *
 *  1. System memory is this guest's own: allocated here, named by its
 *     guest-physical address when it is mapped first.
 *  2. What gives something back is posted and not waited for; the ring keeps
 *     the order, so nobody can be given it before.
 *  3. A channel's fences and its state are words in shared memory.
 */
#include "pv-driver/hp_drv.h"

#include <errno.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/hp_link.h"
#include "pv-driver/private.h"

_Static_assert((int)HP_MAP_RO == (int)DRV_MAP_RO && (int)HP_MAP_PRIV == (int)DRV_MAP_PRIV &&
	       (int)HP_MAP_NC == (int)DRV_MAP_SYS_NC && HP_MAP_KIND(1) == DRV_MAP_KIND(1),
	       "flags of a mapping are the driver's");
_Static_assert(HP_CHANS == GF100_NR_CHAN, "a state for each channel");

bool hp_offered(struct drv *d)
{
	return d->bus->ops->bar_len(d->bus, HP_BAR_PAGE) &&
	       hp_reg_rd(d->bus, HP_REG_MAGIC) == HP_MAGIC;
}

static int info(struct drv *d, struct hp_info *i)
{
	struct hp_req req = { .op = HP_OP_INFO };
	uint64_t val[7];
	int err = hp_call(d->hp, &req, val);

	if (!err)
		memcpy(i, val, sizeof(*i));
	return err;
}

int hp_open(struct drv *d, char *msg, size_t n)
{
	struct hp_info i;
	const char *what;
	int err = hp_link_open(d->bus, d->cfg.timeout_ns, &d->hp, &what);

	if (!err) {
		what = "the mediator does not answer";
		err = info(d, &i);
	}
	/* Slots here mirror the ring there, whatever was configured. */
	if (!err && (i.entries < 8 || i.entries > 1u << 16 || i.entries & (i.entries - 1)))
		err = -EPROTO;
	if (err) {
		snprintf(msg, n, "%s: %s", what, strerror(-err));
		return err;
	}
	d->info = (struct drv_info){ .boot0 = i.boot0, .vram_len = i.vram_len,
				     .engines = i.engines, .nr_gpc = i.nr_gpc, .nr_tpc = i.nr_tpc };
	d->cfg.ring_entries = i.entries;
	d->cfg.push_vram = false;
	return 0;
}

void hp_close(struct drv *d)
{
	hp_link_close(d->hp);
	d->hp = NULL;
}

uint64_t hp_time(struct drv *d)
{
	struct hp_info i = { 0 };

	info(d, &i);
	return i.time;
}

uint64_t hp_vram_free(struct drv *d)
{
	struct hp_info i = { 0 };

	info(d, &i);
	return i.vram_free;
}

static void why_dead(struct drv_chan *ch, char text[HP_WHY_MAX + 1])
{
	struct hp_req req = { .op = HP_OP_WHY, .id = ch->chid };
	uint64_t val[7];

	memset(text, 0, HP_WHY_MAX + 1);
	for (req.a = 0; req.a < HP_WHY_MAX && strlen(text) == req.a; req.a += sizeof(val)) {
		if (hp_call(ch->drv->hp, &req, val))
			break;
		memcpy(text + req.a, val, sizeof(val));
	}
	if (!text[0])
		strcpy(text, "stopped by the mediator");
}

void hp_irq(struct drv *d)
{
	char text[HP_WHY_MAX + 1];

	d->stats.irqs++;
	for (uint32_t c = 0; c < GF100_NR_CHAN; c++) {
		struct drv_chan *ch = d->fifo.chan[c];

		if (!ch || ch->dead || !chan_dead(ch))
			continue;
		why_dead(ch, text);
		chan_kill(ch, "%s", text);
	}
	irq_wake(d);
}

void hp_waiter(struct drv *d, int delta)
{
	__atomic_add_fetch(&hp_ring(d->hp)->waiters, (uint32_t)delta, __ATOMIC_SEQ_CST);
}

static void post(struct drv *d, struct hp_req *req)
{
	int err = hp_post(d->hp, req, NULL, 0, false);

	if (err)
		log_warn(d->cfg.log, "the mediator takes no requests: %s", strerror(-err));
}

/* ---- address spaces ------------------------------------------------------------- */

int hp_vas_new(struct drv *d, struct drv_vas *v)
{
	struct hp_req req = { .op = HP_OP_VAS_NEW };
	uint64_t val[7];
	int err = hp_call(d->hp, &req, val);

	if (!err)
		v->hp_id = (uint32_t)val[0];
	return err;
}

void hp_vas_free(struct drv_vas *v)
{
	struct hp_req req = { .op = HP_OP_VAS_FREE, .id = v->hp_id };

	if (v->hp_id)
		post(v->drv, &req);
}

/* ---- objects ---------------------------------------------------------------------- */

int hp_bo_vram(struct drv_bo *bo)
{
	struct hp_req req = { .op = HP_OP_BO_NEW, .a = bo->len, .b = HP_VRAM,
			      .n = bo->flags & DRV_BO_SMALL ? HP_BO_SMALL : 0 };
	uint64_t val[7];
	int err = hp_call(bo->drv->hp, &req, val);

	if (err)
		return err;
	bo->hp_id = (uint32_t)val[0];
	return 0;
}

void hp_bo_free(struct drv_bo *bo)
{
	struct hp_req req = { .op = HP_OP_BO_FREE, .id = bo->hp_id };

	if (bo->hp_id)
		post(bo->drv, &req);
	bo->hp_id = 0;
}

static struct vas_map *map_new(struct drv_vas *v)
{
	struct vas_map *m = mem_new(struct vas_map);

	if (!m)
		return NULL;
	m->va = mem_new(struct heap_node);
	if (!m->va) {
		mem_free(m);
		return NULL;
	}
	m->vas = v;
	m->page_shift = FERMI_SMALL_SHIFT;
	list_init(&m->node);
	list_init(&m->bo_node);
	return m;
}

static void map_free(struct vas_map *m)
{
	list_del(&m->node);
	list_del(&m->bo_node);
	mem_free(m->va);
	mem_free(m);
}

int hp_bo_map(struct drv_vas *v, struct drv_bo *bo, uint32_t flags, struct vas_map **out)
{
	struct hp_req req = { .op = HP_OP_MAP, .id = bo->hp_id, .id2 = v->hp_id, .c = flags };
	struct vas_map *m = map_new(v);
	uint64_t val[7];
	int err;

	if (!m)
		return -ENOMEM;
	if (!bo->hp_id)
		req = (struct hp_req){ .op = HP_OP_BO_NEW, .id = v->hp_id, .a = bo->len,
				       .b = bo->addr, .c = flags };
	err = hp_call(v->drv->hp, &req, val);
	if (err) {
		map_free(m);
		return err;
	}
	if (!bo->hp_id) {
		bo->hp_id = (uint32_t)val[0];
		val[0] = val[1];
	}
	m->va->at = val[0];
	m->va->len = bo->len;
	list_add_tail(&v->maps, &m->node);
	*out = m;
	return 0;
}

void hp_unmap(struct vas_map *m)
{
	struct hp_req req = { .op = HP_OP_UNMAP, .id = m->bo->hp_id, .id2 = m->vas->hp_id,
			      .a = map_va(m) };

	/* The object takes its mappings along: nothing to say if it is going itself. */
	if (m->bo->hp_id)
		post(m->vas->drv, &req);
	map_free(m);
}

int hp_bo_expose(struct drv_bo *bo, uint64_t *off)
{
	struct hp_req req = { .op = HP_OP_EXPOSE, .id = bo->hp_id };
	uint64_t val[7];
	int err = -EOPNOTSUPP;

	if (bo->drv->hp->features & HP_FEAT_EXPOSE)
		err = hp_call(bo->drv->hp, &req, val);
	if (!err)
		*off = val[0];
	return err;
}

/* ---- channels ------------------------------------------------------------------------ */

int hp_chan_new(struct drv_chan *ch)
{
	struct hp_link *l = ch->drv->hp;
	struct hp_req req = { .op = HP_OP_CHAN_NEW, .id = ch->vas->hp_id, .n = ch->engines };
	struct hp_chan c;
	uint64_t val[7];
	int err = hp_call(l, &req, val);

	if (err)
		return err;
	memcpy(&c, val, sizeof(c));
	if (c.id >= GF100_NR_CHAN || ch->drv->fifo.chan[c.id] || c.fence % 4 ||
	    c.fence > HP_RING_LEN - 4)
		return -EPROTO;
	ch->chid = c.id;
	ch->fence_word = (const uint32_t *)((const char *)l->mem.cpu + c.fence);
	ch->state_word = &hp_ring(l)->state[c.id];
	/* The mediator's greeting is the first in the ring. */
	ch->seq = c.seq;
	ch->slot[0] = (struct push_slot){ .seq = c.seq };
	ch->put = 1;
	return 0;
}

void hp_chan_free(struct drv_chan *ch)
{
	struct hp_req req = { .op = HP_OP_CHAN_FREE, .id = ch->chid };

	if (ch->state_word)
		post(ch->drv, &req);
}

void hp_chan_stop(struct drv_chan *ch)
{
	struct hp_req req = { .op = HP_OP_CHAN_STOP, .id = ch->chid };
	int err = ch->state_word ? hp_post(ch->drv->hp, &req, NULL, 0, true) : 0;

	if (err)
		log_warn(ch->drv->cfg.log, "channel %u may still run: %s", ch->chid, strerror(-err));
}

int hp_chan_submit(struct drv_chan *ch, const struct drv_piece *piece, uint32_t n)
{
	struct hp_req req = { .op = HP_OP_SUBMIT, .id = ch->chid, .n = n };
	struct hp_piece p[HP_PIECES_MAX];

	if (n > HP_PIECES_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < n; i++)
		p[i] = (struct hp_piece){ .va = piece[i].va, .dwords = piece[i].dwords };
	return hp_post(ch->drv->hp, &req, p, n * sizeof(p[0]), true);
}

// SPDX-License-Identifier: MIT
/*
 * What an hp-pv guest asks for, carried out by the driver core.
 *
 *  1. Ids are looked up by vas_of(), bo_of() and chan_of(), which know their
 *     bounds; no other line turns a guest's number into an object.
 *  2. An object is system memory of the guest, checked page by page when page
 *     tables name it, or VRAM of its part; there is no third kind.
 *  3. What is counted in hp_stats as held is held, and everything held goes
 *     with the session.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hp_private.h"

#define PAGE 4096ull
/* Entries of a channel's ring; what nouveau gives one. */
#define ENTRIES 1024u
/* A step's work, in units of about a page-table entry block's time. */
#define COST_TABLES 64u
#define COST_CHAN 512u

static struct drv_vas *vas_of(struct hp_objects *o, uint32_t id)
{
	return id && id <= LIMIT_HP_VASES ? o->vas[id - 1] : NULL;
}

static struct hp_object *bo_of(struct hp_objects *o, uint32_t id)
{
	return id && id <= o->nr_bo && o->bo[id - 1].bo ? &o->bo[id - 1] : NULL;
}

static struct drv_chan *chan_of(struct hp_objects *o, uint32_t id)
{
	return id < HP_CHANS ? o->chan[id] : NULL;
}

/* ---- address spaces --------------------------------------------------------------- */

static int vas_new(struct vgpu *v, struct hp_reply *r)
{
	struct hp_objects *o = &v->hp->obj;
	uint32_t i = 0;
	int err;

	while (i < LIMIT_HP_VASES && o->vas[i])
		i++;
	if (i == LIMIT_HP_VASES)
		return -EDQUOT;
	err = drv_vas_new(o->drv, &o->vas[i]);
	if (err)
		return err;
	v->hp->stats.vases++;
	r->val[0] = i + 1;
	return 0;
}

static int vas_free(struct vgpu *v, uint32_t id)
{
	struct hp_objects *o = &v->hp->obj;
	struct drv_vas *vas = vas_of(o, id);
	int err = vas ? drv_vas_free(vas) : -ENOENT;

	if (err)
		return err;
	o->vas[id - 1] = NULL;
	v->hp->stats.vases--;
	return 0;
}

/* ---- objects ------------------------------------------------------------------------ */

/* A free id, which stays free until its object is set. */
static int bo_id(struct hp_objects *o, uint32_t *id)
{
	uint32_t n = o->nr_bo ? o->nr_bo * 2 : 64;
	struct hp_object *more;

	if (o->free_bo) {
		*id = o->free_bo;
		return 0;
	}
	if (n > LIMIT_HP_OBJECTS)
		return -EDQUOT;
	more = mem_realloc(o->bo, n * sizeof *more);
	if (!more)
		return -ENOMEM;
	o->bo = more;
	for (uint32_t i = o->nr_bo; i < n; i++)
		more[i] = (struct hp_object){ .next = i + 1 < n ? i + 2 : 0 };
	o->free_bo = o->nr_bo + 1;
	o->nr_bo = n;
	*id = o->free_bo;
	return 0;
}

static int bo_make(struct vgpu *v, const struct hp_req *req, struct drv_bo **out)
{
	const struct hp_stats *s = &v->hp->stats;

	if (!req->a || req->a % PAGE || req->n & ~HP_BO_SMALL)
		return -EINVAL;
	if (req->b == HP_VRAM)
		return drv_bo_new(v->hp->obj.drv, req->a,
				  DRV_BO_VRAM | (req->n & HP_BO_SMALL ? DRV_BO_SMALL : 0), out);
	if (req->a > LIMIT_HP_SYS_BYTES)
		return -E2BIG;
	if (req->b % PAGE || !range_ok(req->b, req->a, v->guest->ram_len))
		return -EFAULT;
	/* Memory that is named twice is memory that is not there. */
	if (req->a > v->guest->ram_len - s->sys_bytes)
		return -EDQUOT;
	return drv_bo_new_at(v->hp->obj.drv, req->b, req->a, out);
}

static void count(struct vgpu *v, const struct hp_object *b, bool more)
{
	struct hp_stats *s = &v->hp->stats;
	uint64_t *bytes = b->vram ? &s->vram_bytes : &s->sys_bytes;

	s->bos += more ? 1 : -1ull;
	*bytes += more ? b->len : -b->len;
}

static void bo_drop(struct vgpu *v, uint32_t id)
{
	struct hp_objects *o = &v->hp->obj;
	struct hp_object *b = &o->bo[id - 1];

	hp_window_hide(v, b);
	drv_bo_free(b->bo);
	count(v, b, false);
	*b = (struct hp_object){ .next = o->free_bo };
	o->free_bo = id;
}

static int map_flags(uint64_t c, uint32_t *flags)
{
	*flags = (uint32_t)c;
	return c & ~(uint64_t)HP_MAP_ALL ? -EINVAL : 0;
}

static int bo_new(struct vgpu *v, const struct hp_req *req, struct hp_reply *r)
{
	struct hp_objects *o = &v->hp->obj;
	struct drv_vas *vas = vas_of(o, req->id);
	struct drv_bo *bo;
	uint32_t id, flags;
	int err = map_flags(req->c, &flags);

	if (req->id && !vas)
		return -ENOENT;
	if (!err)
		err = bo_id(o, &id);
	if (!err)
		err = bo_make(v, req, &bo);
	if (err)
		return err;
	if (vas)
		err = drv_vas_map(vas, bo, flags, &r->val[1]);
	if (err) {
		drv_bo_free(bo);
		return err;
	}
	o->free_bo = o->bo[id - 1].next;
	o->bo[id - 1] = (struct hp_object){ .bo = bo, .len = drv_bo_len(bo),
					    .vram = req->b == HP_VRAM };
	count(v, &o->bo[id - 1], true);
	r->val[0] = id;
	return 0;
}

static int bo_free(struct vgpu *v, uint32_t id)
{
	if (!bo_of(&v->hp->obj, id))
		return -ENOENT;
	bo_drop(v, id);
	return 0;
}

static int bo_map(struct vgpu *v, const struct hp_req *req, struct hp_reply *r)
{
	struct drv_vas *vas = vas_of(&v->hp->obj, req->id2);
	struct hp_object *b = bo_of(&v->hp->obj, req->id);
	uint32_t flags;
	int err = map_flags(req->c, &flags);

	if (!vas || !b)
		return -ENOENT;
	return err ? err : drv_vas_map(vas, b->bo, flags, &r->val[0]);
}

static int bo_expose(struct vgpu *v, uint32_t id, struct hp_reply *r)
{
	struct hp_object *b = bo_of(&v->hp->obj, id);

	if (!b || !b->vram)
		return -ENOENT;
	if (!(v->hp->use & HP_FEAT_EXPOSE))
		return -EOPNOTSUPP;
	return hp_window_show(v, b, &r->val[0]);
}

static int bo_unmap(struct vgpu *v, const struct hp_req *req)
{
	struct drv_vas *vas = vas_of(&v->hp->obj, req->id2);
	struct hp_object *b = bo_of(&v->hp->obj, req->id);

	return vas && b ? drv_bo_unmap(b->bo, vas, req->a) : -ENOENT;
}

/* ---- channels --------------------------------------------------------------------------- */

/* Whether the card has it: the driver is not told when its channel cannot be bound. */
static bool on_card(const struct vgpu *v, uint32_t id)
{
	return v->chan[id] && !v->chan[id]->dead;
}

static void chan_drop(struct vgpu *v, uint32_t id)
{
	drv_chan_free(v->hp->obj.chan[id]);
	v->hp->obj.chan[id] = NULL;
	v->hp->obj.told[id] = false;
	v->hp->stats.chans--;
	hp_tell(v, id, HP_CHAN_NONE);
}

static int chan_new(struct vgpu *v, const struct hp_req *req, struct hp_reply *r)
{
	struct hp_objects *o = &v->hp->obj;
	struct drv_vas *vas = vas_of(o, req->id);
	struct drv_chan *ch;
	struct hp_chan c;
	int err;

	if (!vas)
		return -ENOENT;
	if (!req->n || req->n & ~drv_info(o->drv)->engines)
		return -ENODEV;
	err = drv_chan_new(vas, req->n, &ch);
	if (err)
		return err;
	c.id = drv_chan_id(ch);
	if (!on_card(v, c.id)) {
		drv_chan_free(ch);
		return -ENOSPC;
	}
	c.seq = drv_chan_fence(ch).seq;
	c.fence = drv_fence_addr(ch) - v->hp->ring;
	o->chan[c.id] = ch;
	v->hp->stats.chans++;
	hp_tell(v, c.id, HP_CHAN_RUNS);
	memcpy(r->val, &c, sizeof c);
	return 0;
}

static int chan_free(struct vgpu *v, uint32_t id)
{
	if (!chan_of(&v->hp->obj, id))
		return -ENOENT;
	chan_drop(v, id);
	return 0;
}

static int chan_stop(struct vgpu *v, uint32_t id)
{
	struct drv_chan *ch = chan_of(&v->hp->obj, id);

	if (!ch)
		return -ENOENT;
	if (!drv_chan_status(ch, NULL, 0))
		drv_chan_stop(ch, "stopped");
	vgpu_hp_stopped(v);
	return 0;
}

static int submit(struct vgpu *v, const struct hp_req *req, const struct hp_piece *piece)
{
	struct drv_chan *ch = chan_of(&v->hp->obj, req->id);
	struct drv_piece p[HP_PIECES_MAX];
	int err;

	if (!ch)
		return -ENOENT;
	for (uint32_t i = 0; i < req->n; i++) {
		p[i] = (struct drv_piece){ piece[i].va, piece[i].dwords };
		/* What an entry of the ring can say. */
		if (piece[i].va % 4 || piece[i].va >> 40 || !(piece[i].dwords & ~DRV_PUSH_NO_PREFETCH) ||
		    (piece[i].dwords & ~DRV_PUSH_NO_PREFETCH) >> 21)
			return -EINVAL;
	}
	if (!on_card(v, req->id))
		return -EIO;
	err = drv_push_list(ch, p, req->n, false, NULL);
	if (err)
		return err;
	v->hp->stats.submits++;
	v->hp->stats.pieces += req->n;
	return 0;
}

static const char *why_stopped(const struct vgpu *v)
{
	return v->failed ? "the GPU is switched off" : "its work did not end in time";
}

static int why(struct vgpu *v, const struct hp_req *req, struct hp_reply *r)
{
	struct drv_chan *ch = chan_of(&v->hp->obj, req->id);
	char text[HP_WHY_MAX + 1];

	if (!ch || req->a >= HP_WHY_MAX || req->a % sizeof r->val)
		return -ENOENT;
	memset(text, 0, sizeof text);
	drv_chan_status(ch, text, sizeof text);
	memcpy(r->val, text + req->a, sizeof r->val);
	return 0;
}

bool hp_op_look(struct vgpu *v)
{
	struct hp_objects *o = &v->hp->obj;
	bool any = false;

	for (uint32_t i = 0; i < HP_CHANS; i++) {
		if (!o->chan[i] || o->told[i] || (on_card(v, i) && !drv_chan_status(o->chan[i], NULL, 0)))
			continue;
		if (!drv_chan_status(o->chan[i], NULL, 0))
			drv_chan_stop(o->chan[i], why_stopped(v));
		o->told[i] = any = true;
		hp_tell(v, i, HP_CHAN_DEAD);
	}
	return any;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int info(struct vgpu *v, struct hp_reply *r)
{
	const struct drv_info *d = drv_info(v->hp->obj.drv);
	struct drv_stats s;
	struct hp_info i;

	drv_stats(v->hp->obj.drv, &s);
	i = (struct hp_info){ .vram_len = d->vram_len,
			      .vram_free = s.vram_free,
			      .time = drv_time(v->hp->obj.drv),
			      .boot0 = d->boot0,
			      .engines = d->engines,
			      .nr_gpc = d->nr_gpc,
			      .nr_tpc = d->nr_tpc,
			      .entries = ENTRIES };
	memcpy(r->val, &i, sizeof i);
	return 0;
}

uint32_t hp_op_cost(const struct hp_req *req)
{
	switch (req->op) {
	case HP_OP_VAS_NEW:
	case HP_OP_VAS_FREE:
	case HP_OP_MAP:
	case HP_OP_UNMAP:
	case HP_OP_EXPOSE:
	case HP_OP_BO_FREE: return COST_TABLES;
	case HP_OP_BO_NEW: return COST_TABLES + (uint32_t)(req->a >> 17 & 0xffff);
	case HP_OP_CHAN_NEW:
	case HP_OP_CHAN_FREE:
	case HP_OP_CHAN_STOP: return COST_CHAN;
	case HP_OP_SUBMIT: return 4 + req->n / 4;
	default: return 1;
	}
}

int hp_op_do(struct vgpu *v, const struct hp_req *req, const struct hp_piece *piece,
	     struct hp_reply *r)
{
	if (req->op != HP_OP_SUBMIT && req->slots != 1)
		return -EINVAL;
	switch ((enum hp_op)req->op) {
	case HP_OP_SYNC: return 0;
	case HP_OP_INFO: return info(v, r);
	case HP_OP_VAS_NEW: return vas_new(v, r);
	case HP_OP_VAS_FREE: return vas_free(v, req->id);
	case HP_OP_BO_NEW: return bo_new(v, req, r);
	case HP_OP_BO_FREE: return bo_free(v, req->id);
	case HP_OP_MAP: return bo_map(v, req, r);
	case HP_OP_UNMAP: return bo_unmap(v, req);
	case HP_OP_CHAN_NEW: return chan_new(v, req, r);
	case HP_OP_CHAN_FREE: return chan_free(v, req->id);
	case HP_OP_CHAN_STOP: return chan_stop(v, req->id);
	case HP_OP_SUBMIT:
		if (req->n > HP_PIECES_MAX || req->slots != 1 + (req->n + 3) / 4)
			return -EINVAL;
		return submit(v, req, piece);
	case HP_OP_EXPOSE: return bo_expose(v, req->id, r);
	case HP_OP_WHY: return why(v, req, r);
	case HP_OP_END: break;
	}
	return -EOPNOTSUPP;
}

void hp_op_free_all(struct vgpu *v)
{
	struct hp_objects *o = &v->hp->obj;

	for (uint32_t i = 0; i < HP_CHANS; i++)
		if (o->chan[i])
			chan_drop(v, i);
	for (uint32_t i = 1; i <= o->nr_bo; i++)
		if (bo_of(o, i))
			bo_drop(v, i);
	for (uint32_t i = 1; i <= LIMIT_HP_VASES; i++)
		if (o->vas[i - 1])
			vas_free(v, i);
	drv_close(o->drv);
	mem_free(o->bo);
	*o = (struct hp_objects){ 0 };
}

// SPDX-License-Identifier: MIT
/*
 * An hp-pv guest's call page, its ring, and the life of its session.
 *
 *  1. A request is copied out of the ring once, header and pieces; from then
 *     on only the copy is looked at.  Where we are in the ring is kept here.
 *  2. A ring that claims more than it can hold ends the session: there is no
 *     telling what it meant.  A request that is wrong only fails.
 *  3. A request that asked for no answer and names a channel takes the channel
 *     down when it fails: its guest sees that at the next look.
 *  4. Requests are carried out in their order, as many as a step's work
 *     allows; the rest waits for the next step.
 */
#include <inttypes.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hp_private.h"
#include "gpuvm/units.h"
#include "shadow/pv.h"

#define PAGE 4096u
#define DRIVER_TIMEOUT_NS LIMIT_KICK_NS

/* ---- words in the guest's RAM --------------------------------------------------------- */

static int ring_wr32(struct vgpu *v, size_t at, uint32_t val)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return hv_write(v->guest, gpa(v->hp->ring + at), &val, sizeof val);
}

void hp_tell(struct vgpu *v, uint32_t chid, uint32_t state)
{
	if (v->hp->state == HP_SESSION_ON)
		ring_wr32(v, offsetof(struct hp_ring, state) + chid * 4ul, state);
}

/* ---- the session ------------------------------------------------------------------------ */

static void session_off(struct vgpu *v, uint32_t state)
{
	struct vgpu_hp *hp = v->hp;

	if (hp->state == HP_SESSION_ON) {
		hp_op_free_all(v);
		/* What a failure left behind, and what waited for a flush. */
		shadow_pv_reset(v->shadow);
	}
	hp->state = state;
	hp->irq = hp->look = hp->more = hp->watching = false;
}

/* Where guest RAM [at, +len) is mapped here; NULL if it is not one piece of it. */
static uint8_t *ram_at(struct vgpu *v, uint64_t at, uint64_t len)
{
	struct hv_ram r;

	for (unsigned int i = 0; !hv_ram(v->guest, i, &r); i++)
		if (at >= gpa_x(r.gpa) && range_ok(at - gpa_x(r.gpa), len, r.len))
			return (uint8_t *)r.mem + (at - gpa_x(r.gpa));
	return NULL;
}

#define FEATURES (HP_FEAT_BELL | HP_FEAT_EXPOSE)

static uint32_t session_on(struct vgpu *v)
{
	const struct drv_cfg cfg = { .push_vram = true, .timeout_ns = DRIVER_TIMEOUT_NS };
	struct vgpu_hp *hp = v->hp;
	struct hp_ring fresh = { 0 };
	uint8_t *mem;
	char msg[160];

	hp->ring = (uint64_t)hp->ring_hi << 32 | hp->ring_lo;
	if (!hp->drv_version || hp->drv_version > HP_VERSION)
		return HP_SESSION_BAD_VERSION;
	if (hp->drv_features & ~FEATURES)
		return HP_SESSION_BAD_FEATURES;
	mem = hp->ring % PAGE || hp->ring >> 40 ? NULL : ram_at(v, hp->ring, HP_RING_LEN);
	if (!mem || hv_write(v->guest, gpa(hp->ring), &fresh, sizeof fresh))
		return HP_SESSION_BAD_RING;
	hp->tail = hp->head = 0;
	hp->use = hp->drv_features;
	hp_bus_init(&hp->bus, v, hp->ring + HP_HOST_OFF, mem + HP_HOST_OFF);
	if (drv_open(&hp->bus.bus, &cfg, &hp->obj.drv, msg, sizeof msg)) {
		vgpu_fault(v, "its driver does not start: %s", msg);
		shadow_pv_reset(v->shadow);
		return HP_SESSION_NO_GPU;
	}
	hp->stats.sessions++;
	return HP_SESSION_ON;
}

static void enable(struct vgpu *v, bool on)
{
	session_off(v, HP_SESSION_OFF);
	/* Bring-up is the dearest thing that one store can ask for: a step's whole work. */
	v->hp->work = 0;
	if (on && !v->failed)
		v->hp->state = session_on(v);
}

/* ---- requests -------------------------------------------------------------------------------- */

struct request {
	struct hp_req head;
	struct hp_piece piece[HP_PIECES_MAX];
};

static int slots_rd(struct vgpu *v, uint32_t slot, void *buf, uint32_t n)
{
	uint64_t at = v->hp->ring + HP_SLOTS_OFF;
	uint32_t first = slot % HP_SLOTS, room = HP_SLOTS - first, k = n < room ? n : room;
	int err = hv_read(v->guest, gpa(at + first * HP_SLOT_LEN), buf, k * HP_SLOT_LEN);

	if (!err && k < n)
		err = hv_read(v->guest, gpa(at), (uint8_t *)buf + k * HP_SLOT_LEN,
			      (n - k) * HP_SLOT_LEN);
	return err;
}

/* The next request; 0, or an errno that ends the session. */
static int take(struct vgpu *v, struct request *r)
{
	struct vgpu_hp *hp = v->hp;
	uint32_t left = hp->head - hp->tail;
	int err = slots_rd(v, hp->tail, &r->head, 1);

	if (err)
		return err;
	if (!r->head.slots || r->head.slots > left || r->head.slots > HP_REQ_SLOTS_MAX)
		return -EPROTO;
	if (r->head.slots > 1)
		err = slots_rd(v, hp->tail + 1, r->piece, r->head.slots - 1u);
	hp->tail += r->head.slots;
	hp->stats.requests++;
	hp->stats.bytes += r->head.slots * (uint64_t)HP_SLOT_LEN;
	return err;
}

/* Values, error, then the tag: who sees it sees the rest. */
static int answer(struct vgpu *v, uint32_t tag, int error, const struct hp_reply *reply)
{
	struct hp_answer a = { .error = error };
	const size_t at = offsetof(struct hp_ring, answer);
	int err;

	memcpy(a.val, reply->val, sizeof a.val);
	err = hv_write(v->guest, gpa(v->hp->ring + at + offsetof(struct hp_answer, error)), &a.error,
		       sizeof a - offsetof(struct hp_answer, error));
	return err ? err : ring_wr32(v, at + offsetof(struct hp_answer, tag), tag);
}

static void failed(struct vgpu *v, const struct hp_req *req, int err)
{
	struct hp_reply none = { { 0 } };
	struct hp_req stop = { .op = HP_OP_CHAN_STOP, .slots = 1, .id = req->id };

	v->hp->stats.failed++;
	/* A channel that died takes what was under way with it: nobody's fault. */
	if (req->op == HP_OP_SUBMIT && err == -EIO)
		return;
	/* What a program may ask for and be refused is not held against its guest. */
	if (!req->tag || (err != -ENOSPC && err != -ENOMEM && err != -EDQUOT))
		vgpu_fault(v, "request %u failed: %s", req->op, strerror(-err));
	if (req->op == HP_OP_SUBMIT)
		hp_op_do(v, &stop, NULL, &none);
}

static int one(struct vgpu *v, struct request *r)
{
	struct vgpu_hp *hp = v->hp;
	struct hp_reply reply = { { 0 } };
	uint32_t cost;
	int err = take(v, r);

	if (err)
		return err;
	cost = hp_op_cost(&r->head);
	hp->work -= cost < hp->work ? cost : hp->work;
	err = hp_op_do(v, &r->head, r->piece, &reply);
	if (err)
		failed(v, &r->head, err);
	if (!r->head.tag)
		return 0;
	hp->stats.calls++;
	return answer(v, r->head.tag, err, &reply);
}

static int head_rd(struct vgpu *v)
{
	struct vgpu_hp *hp = v->hp;
	int err = hv_read(v->guest, gpa(hp->ring + offsetof(struct hp_ring, head)), &hp->head,
			  sizeof hp->head);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!err && hp->head - hp->tail > HP_SLOTS)
		err = -EPROTO;
	return err;
}

/* As much of the ring as the step's work allows. */
static void run(struct vgpu *v)
{
	struct vgpu_hp *hp = v->hp;
	struct request r;
	uint32_t tail = hp->tail;
	int err = head_rd(v);

	while (!err && hp->tail != hp->head && hp->work)
		err = one(v, &r);
	if (!err && tail != hp->tail)
		err = ring_wr32(v, offsetof(struct hp_ring, tail), hp->tail);
	if (err) {
		hp->stats.bad_rings++;
		vgpu_fault(v, "its request ring makes no sense: %s", strerror(-err));
		session_off(v, HP_SESSION_BROKEN);
		return;
	}
	hp->more = hp->tail != hp->head;
	hp->watching = hp->use & HP_FEAT_BELL;
}

/* Whether the guest filled more slots since: a look, which run() repeats and checks. */
static bool moved(struct vgpu *v)
{
	uint32_t head = v->hp->tail;

	hv_read(v->guest, gpa(v->hp->ring + offsetof(struct hp_ring, head)), &head, sizeof head);
	return head != v->hp->tail;
}

bool vgpu_hp_arm(struct vgpu *v)
{
	struct vgpu_hp *hp = v->hp;

	if (!hp->watching)
		return false;
	/* The guest stores head, then reads bell; we the other way round: one of us sees the other. */
	ring_wr32(v, offsetof(struct hp_ring, bell), hp->tail);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	hp->more = moved(v);
	hp->watching = hp->more;
	return hp->more;
}

static void interrupt(struct vgpu *v)
{
	v->hp->stats.events++;
	v->stats.irqs++;
	hv_irq(v->guest, 0);
}

bool vgpu_hp_step(struct vgpu *v)
{
	struct vgpu_hp *hp = v->hp;

	hp->work = LIMIT_HP_WORK;
	if (hp->state != HP_SESSION_ON)
		return false;
	if (hp->irq) {
		hp->irq = false;
		drv_irq(hp->obj.drv);
		hp->look = true;
	}
	if (hp->look) {
		hp->look = false;
		/* Who sleeps until then is woken, and who only polls memory learns of it in no other way. */
		if (hp_op_look(v))
			interrupt(v);
	}
	if (hp->more || (hp->watching && moved(v)))
		run(v);
	return hp->more || hp->irq || hp->look;
}

static void bell(struct vgpu *v)
{
	if (v->hp->state != HP_SESSION_ON) {
		vgpu_fault(v, "doorbell without a session");
		return;
	}
	v->hp->stats.bells++;
	if (v->hp->work)
		run(v);
	else
		v->hp->more = true;
}

/* ---- from the card -------------------------------------------------------------------------------- */

void vgpu_hp_irq(struct vgpu *v)
{
	v->hp->irq = true;
}

void vgpu_hp_stopped(struct vgpu *v)
{
	v->hp->look = true;
}

void vgpu_hp_event(struct vgpu *v)
{
	uint32_t waiters = 0;

	if (v->hp->state != HP_SESSION_ON)
		return;
	hv_read(v->guest, gpa(v->hp->ring + offsetof(struct hp_ring, waiters)), &waiters,
		sizeof waiters);
	if (waiters)
		interrupt(v);
}

void vgpu_hp_revoke(struct vgpu *v, uint64_t start, uint64_t len)
{
	uint64_t at = v->hp->ring;

	if (v->hp->state == HP_SESSION_ON && start < at + HP_RING_LEN && at < start + len)
		session_off(v, HP_SESSION_BROKEN);
}

/* ---- the call page ---------------------------------------------------------------------------------- */

static int check(struct vgpu *v, uint32_t off, uint8_t size)
{
	int err = aperture_check(v, "call page", off, size, HP_PAGE_LEN);

	if (err || (size == 4 && off % 4 == 0))
		return err;
	v->stats.denied++;
	vgpu_fault(v, "access of %u bytes at call page+0x%x", size, off);
	return -EINVAL;
}

static uint32_t reg_rd(const struct vgpu *v, uint32_t off)
{
	const struct vgpu_hp *hp = v->hp;

	switch ((enum hp_reg)off) {
	case HP_REG_MAGIC: return HP_MAGIC;
	case HP_REG_VERSION: return HP_VERSION;
	case HP_REG_FEATURES: return FEATURES;
	case HP_REG_DRV_VERSION: return hp->drv_version;
	case HP_REG_DRV_FEATURES: return hp->drv_features;
	case HP_REG_RING_LO: return hp->ring_lo;
	case HP_REG_RING_HI: return hp->ring_hi;
	case HP_REG_ENABLE: return hp->state;
	case HP_REG_BELL: return hp->tail;
	}
	return 0;
}

int vgpu_hp_rd(struct vgpu *v, uint32_t off, uint8_t size, uint64_t *val)
{
	int err;

	*val = mmio_ones(size);
	err = check(v, off, size);
	if (!err)
		*val = reg_rd(v, off);
	return err;
}

int vgpu_hp_wr(struct vgpu *v, uint32_t off, uint8_t size, uint64_t val)
{
	struct vgpu_hp *hp = v->hp;
	uint32_t w = (uint32_t)val;
	int err = check(v, off, size);

	if (err)
		return err;
	switch ((enum hp_reg)off) {
	case HP_REG_DRV_VERSION: hp->drv_version = w; return 0;
	case HP_REG_DRV_FEATURES: hp->drv_features = w; return 0;
	case HP_REG_RING_LO: hp->ring_lo = w; return 0;
	case HP_REG_RING_HI: hp->ring_hi = w; return 0;
	case HP_REG_ENABLE: enable(v, w & 1); return 0;
	case HP_REG_BELL: bell(v); return 0;
	default:
		v->stats.denied++;
		vgpu_fault(v, "store to call page+0x%x, which is no register for it", off);
		return -EPERM;
	}
}

/* ---- life ------------------------------------------------------------------------------------------------ */

int vgpu_hp_new(struct vgpu *v)
{
	v->hp = mem_new(struct vgpu_hp);
	if (!v->hp)
		return -ENOMEM;
	v->hp->work = LIMIT_HP_WORK;
	return 0;
}

void vgpu_hp_free(struct vgpu *v)
{
	if (!v->hp)
		return;
	session_off(v, HP_SESSION_OFF);
	mem_free(v->hp);
	v->hp = NULL;
}

void vgpu_hp_reset(struct vgpu *v)
{
	struct hp_stats kept;

	if (!v->hp)
		return;
	session_off(v, HP_SESSION_OFF);
	kept = v->hp->stats;
	*v->hp = (struct vgpu_hp){ .work = LIMIT_HP_WORK, .stats = kept };
}

const struct hp_stats *vgpu_hp_stats(const struct vgpu *v)
{
	return &v->hp->stats;
}

unsigned int vgpu_hp_audit(const struct vgpu *v, FILE *out)
{
	const struct hp_objects *o = &v->hp->obj;
	uint64_t sys = 0, vram = 0, bos = 0, chans = 0;
	unsigned int bad = 0;

	for (uint32_t i = 0; i < o->nr_bo; i++) {
		bos += o->bo[i].bo != NULL;
		*(o->bo[i].vram ? &vram : &sys) += o->bo[i].bo ? o->bo[i].len : 0;
	}
	for (uint32_t i = 0; i < HP_CHANS; i++) {
		chans += o->chan[i] != NULL;
		if (!o->chan[i] && v->chan[i]) {
			fprintf(out, "%s: channel %u is on the card and nobody's\n", v->name, i);
			bad++;
		}
	}
	if (sys != v->hp->stats.sys_bytes || vram != v->hp->stats.vram_bytes ||
	    bos != v->hp->stats.bos || chans != v->hp->stats.chans) {
		fprintf(out, "%s: the service's books say %" PRIu64 " objects and %" PRIu64 " channels\n",
			v->name, v->hp->stats.bos, v->hp->stats.chans);
		bad++;
	}
	if (sys > v->guest->ram_len || (v->part && vram > part_vram_len(v->part))) {
		fprintf(out, "%s: more memory in objects than it has\n", v->name);
		bad++;
	}
	return bad;
}

void vgpu_hp_dump(struct vgpu *v, FILE *out)
{
	const struct hp_stats *s = &v->hp->stats;

	fprintf(out, "  hp: session %u, ring 0x%" PRIx64 " tail %u head %u, %" PRIu64 " spaces, %" PRIu64
		     " objects, %" PRIu64 " channels\n",
		v->hp->state, v->hp->ring, v->hp->tail, v->hp->head, s->vases, s->bos, s->chans);
	if (v->hp->obj.drv)
		drv_dump(v->hp->obj.drv, out);
}

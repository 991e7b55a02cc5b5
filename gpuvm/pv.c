// SPDX-License-Identifier: MIT
/*
 * PV calls: from the doorbell to results in the guest's ring.
 *
 *  1. A call is copied out of guest memory once, header and operations; from
 *     then on only the copy is looked at.  The guest may write to the ring all
 *     the while: it changes nothing but what the guest itself reads back.
 *  2. Every number in it is checked in 64 bits before it is used, against the
 *     copy's length or by the shadows against the page's own.
 *  3. A call does at most PV_WORK entries' worth of work, and an operation is
 *     carried out only if what it costs is left.
 *  4. The first operation that fails ends the call; those before it are done,
 *     those after it are not looked at and say so.
 */
#include "gpuvm/pv.h"

#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/units.h"
#include "pv-driver/pv_abi.h"
#include "shadow/pv.h"

/* A full table of small pages four times over: about a millisecond. */
#define PV_WORK (1u << 17)
#define PAGE 4096u
#define OPS_FIT ((PV_RING_MAX - PV_OPS_OFF) / (sizeof(struct pv_op) + sizeof(struct pv_result)))

struct vgpu_pv {
	uint32_t features, ops_max; /* offered */
	uint32_t drv_version, drv_features, ring_lo, ring_hi, ring_len; /* as the guest wrote them */
	uint32_t state; /* enum pv_state */
	/* While the state is on: what was agreed. */
	uint32_t use, len;
	uint64_t ring;
	uint32_t last; /* doorbell value of the last call */
	uint8_t *copy;		/* owned: the call, len bytes */
	struct pv_result *res;	/* owned: ops_max */
	struct pv_stats stats;
};

/* ---- one operation ---------------------------------------------------------------------- */

static uint32_t error_of(int err)
{
	switch (err) {
	case 0: return PV_OK;
	case -EOPNOTSUPP: return PV_ERR_OP;
	case -ENOENT: return PV_ERR_ID;
	case -ENOTDIR: return PV_ERR_KIND;
	case -ERANGE: return PV_ERR_INDEX;
	case -EBUSY: return PV_ERR_BUSY;
	case -EDQUOT:
	case -ENOSPC: return PV_ERR_QUOTA;
	case -EFAULT: return PV_ERR_ENTRY;
	case -E2BIG: return PV_ERR_WORK;
	case -EINVAL: return PV_ERR_CALL;
	default: return PV_ERR_DEVICE;
	}
}

static int op_alloc(struct vgpu *v, const struct pv_op *op, uint32_t *value)
{
	static const enum shadow_pv_kind kinds[PV_KIND_END] = {
		[PV_KIND_DIR] = SHADOW_PV_DIR,
		[PV_KIND_SMALL] = SHADOW_PV_SMALL,
		[PV_KIND_LARGE] = SHADOW_PV_LARGE,
	};

	if (op->index < PV_KIND_DIR || op->index >= PV_KIND_END)
		return -ENOTDIR;
	return shadow_pv_alloc(v->shadow, kinds[op->index], op->count, value);
}

static int op_do(struct vgpu *v, const struct pv_op *op, const uint64_t *list, uint32_t *value)
{
	struct shadow_guest *sg = v->shadow;

	switch ((enum pv_op_code)op->code) {
	case PV_OP_ALLOC: return op_alloc(v, op, value);
	case PV_OP_FREE: return shadow_pv_free(sg, op->id);
	case PV_OP_SET_DIR: return shadow_pv_set_dir(sg, op->index, op->id);
	case PV_OP_BAR_DIR: return shadow_pv_bar_dir(sg, op->index, op->id, op->a);
	case PV_OP_MAP_TABLE:
		return shadow_pv_map_table(sg, op->id, op->index, lo32(op->a), hi32(op->a));
	case PV_OP_MAP: return shadow_pv_map(sg, op->id, op->index, &op->a, 1, value);
	case PV_OP_MAP_RUN:
		return shadow_pv_map_run(sg, op->id, op->index, op->a, op->b, op->count, value);
	case PV_OP_MAP_LIST:
		return shadow_pv_map(sg, op->id, op->index, list, op->count, value);
	case PV_OP_UNMAP: return shadow_pv_unmap(sg, op->id, op->index, op->count);
	case PV_OP_FLUSH: return shadow_pv_flush(sg, op->id);
	default: return -EOPNOTSUPP;
	}
}

int vgpu_pv_op(struct vgpu *v, const struct pv_op *op, uint32_t *value)
{
	/* Lists come through rings only. */
	return op->code == PV_OP_MAP_LIST ? -EOPNOTSUPP : op_do(v, op, NULL, value);
}

/* Whether the driver said that it would use such operations. */
static bool op_agreed(const struct vgpu_pv *pv, const struct pv_op *op)
{
	switch (op->code) {
	case PV_OP_MAP_RUN: return pv->use & PV_FEAT_RUN;
	case PV_OP_UNMAP: return op->count <= 1 || (pv->use & PV_FEAT_RUN);
	case PV_OP_MAP_LIST: return pv->use & PV_FEAT_LIST;
	default: return op->code >= PV_OP_ALLOC && op->code < PV_OP_END;
	}
}

/* ---- one call ----------------------------------------------------------------------------- */

struct call {
	struct pv_call head;
	uint64_t at;   /* in the copy: next operation */
	uint64_t work; /* left */
};

/* Copies the call; 0, or what the whole of it is refused for. */
static int call_take(struct vgpu *v, struct call *c)
{
	struct vgpu_pv *pv = v->pv;
	uint32_t most = pv->use & PV_FEAT_MULTICALL ? pv->ops_max : 1;
	int err = hv_read(v->guest, gpa(pv->ring), &c->head, sizeof(c->head));

	if (err)
		return err;
	c->at = PV_OPS_OFF;
	c->work = PV_WORK;
	if (c->head.nr > most)
		return -E2BIG;
	if (c->head.len < PV_OPS_OFF || c->head.len > pv->len || c->head.res % 8 ||
	    !range_ok(c->head.res, c->head.nr * (uint64_t)sizeof(struct pv_result), pv->len))
		return -EINVAL;
	pv->stats.bytes += c->head.len;
	return hv_read(v->guest, gpa(pv->ring + PV_OPS_OFF), pv->copy + PV_OPS_OFF,
		       c->head.len - PV_OPS_OFF);
}

static int call_next(struct vgpu *v, struct call *c, struct pv_result *res)
{
	const struct vgpu_pv *pv = v->pv;
	uint64_t left = c->head.len - c->at, len, work;
	const uint64_t *list;
	struct pv_op op;

	if (left < sizeof(op))
		return -EINVAL;
	memcpy(&op, pv->copy + c->at, sizeof(op));
	if (!op_agreed(pv, &op))
		return -EOPNOTSUPP;
	len = pv_op_slots(op.code, op.count) * sizeof(op);
	if (len > left)
		return -EINVAL;
	work = pv_op_work(op.code, op.count);
	if (work > c->work)
		return -E2BIG;
	c->work -= work;
	/* Operations lie at multiples of 32 in a copy that malloc aligned. */
	list = (const uint64_t *)(pv->copy + c->at + sizeof(op));
	c->at += len;
	return op_do(v, &op, list, &res->value);
}

static void call_run(struct vgpu *v, struct call *c)
{
	struct vgpu_pv *pv = v->pv;
	uint32_t i;

	for (i = 0; i < c->head.nr && !c->head.error; i++) {
		pv->res[i] = (struct pv_result){ 0 };
		c->head.error = error_of(call_next(v, c, &pv->res[i]));
		pv->res[i].error = c->head.error;
		pv->stats.ops++;
	}
	c->head.good = c->head.error ? i - 1 : i;
	for (; i < c->head.nr; i++)
		pv->res[i] = (struct pv_result){ .error = PV_ERR_SKIPPED };
}

/* Results, then the header's answer, then `done`: who sees done sees the rest. */
static int call_answer(struct vgpu *v, const struct call *c, uint32_t seq)
{
	const struct vgpu_pv *pv = v->pv;
	const uint32_t answer[2] = { c->head.error, c->head.good };
	int err = 0;

	if (c->head.nr)
		err = hv_write(v->guest, gpa(pv->ring + c->head.res), pv->res,
			       c->head.nr * sizeof(pv->res[0]));
	if (!err)
		err = hv_write(v->guest, gpa(pv->ring + offsetof(struct pv_call, error)), answer,
			       sizeof(answer));
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (!err)
		err = hv_write(v->guest, gpa(pv->ring + offsetof(struct pv_call, done)), &seq,
			       sizeof(seq));
	return err;
}

static void doorbell(struct vgpu *v, uint32_t seq)
{
	struct vgpu_pv *pv = v->pv;
	struct call c = { 0 };
	int err;

	if (pv->state != PV_STATE_ON) {
		vgpu_fault(v, "PV call without a ring");
		return;
	}
	pv->stats.calls++;
	err = call_take(v, &c);
	c.head.error = c.head.good = 0;
	if (err) {
		pv->stats.bad_calls++;
		vgpu_fault(v, "PV call refused: %s", strerror(-err));
		c.head.error = error_of(err);
		c.head.nr = 0;
	} else {
		pv->stats.ops_max = c.head.nr > pv->stats.ops_max ? c.head.nr : pv->stats.ops_max;
		call_run(v, &c);
		if (c.head.error) {
			pv->stats.failed++;
			vgpu_fault(v, "PV operation %u of %u failed: error %u", c.head.good,
				   c.head.nr, c.head.error);
		}
	}
	if (call_answer(v, &c, seq))
		vgpu_fault(v, "PV ring at 0x%llx is not its RAM any more",
			   (unsigned long long)pv->ring);
	pv->last = seq;
}

/* ---- registers ------------------------------------------------------------------------------ */

static void ring_off(struct vgpu_pv *pv)
{
	mem_free(pv->copy);
	mem_free(pv->res);
	pv->copy = NULL;
	pv->res = NULL;
	pv->state = PV_STATE_OFF;
}

static uint32_t ring_on(struct vgpu *v)
{
	struct vgpu_pv *pv = v->pv;
	uint64_t at = (uint64_t)pv->ring_hi << 32 | pv->ring_lo;
	struct pv_call probe;

	if (!pv->drv_version || pv->drv_version > PV_VERSION)
		return PV_STATE_BAD_VERSION;
	if (pv->drv_features & ~pv->features)
		return PV_STATE_BAD_FEATURES;
	/* Its end is looked at too: addresses are 40 bits, so the sum does not wrap. */
	if (!pv->ring_len || pv->ring_len > PV_RING_MAX || pv->ring_len % PAGE || at % PAGE ||
	    at >> 40 || hv_read(v->guest, gpa(at), &probe, sizeof(probe)) ||
	    hv_read(v->guest, gpa(at + pv->ring_len - sizeof(probe)), &probe, sizeof(probe)))
		return PV_STATE_BAD_RING;
	pv->copy = mem_calloc(1, pv->ring_len);
	pv->res = mem_calloc(pv->ops_max, sizeof(pv->res[0]));
	if (!pv->copy || !pv->res) {
		ring_off(pv);
		return PV_STATE_NO_MEMORY;
	}
	pv->ring = at;
	pv->len = pv->ring_len;
	pv->use = pv->drv_features;
	return PV_STATE_ON;
}

static uint32_t reg_rd(const struct vgpu_pv *pv, uint32_t off)
{
	switch ((enum pv_reg)off) {
	case PV_REG_MAGIC: return PV_MAGIC;
	case PV_REG_VERSION: return PV_VERSION;
	case PV_REG_FEATURES: return pv->features;
	case PV_REG_RING_MAX: return PV_RING_MAX;
	case PV_REG_OPS_MAX: return pv->ops_max;
	case PV_REG_WORK_MAX: return PV_WORK;
	case PV_REG_DRV_VERSION: return pv->drv_version;
	case PV_REG_DRV_FEATURES: return pv->drv_features;
	case PV_REG_RING_LO: return pv->ring_lo;
	case PV_REG_RING_HI: return pv->ring_hi;
	case PV_REG_RING_LEN: return pv->ring_len;
	case PV_REG_ENABLE: return pv->state;
	case PV_REG_CALL: return pv->last;
	}
	return 0;
}

static int reg_wr(struct vgpu *v, uint32_t off, uint32_t val)
{
	struct vgpu_pv *pv = v->pv;

	switch ((enum pv_reg)off) {
	case PV_REG_DRV_VERSION: pv->drv_version = val; return 0;
	case PV_REG_DRV_FEATURES: pv->drv_features = val; return 0;
	case PV_REG_RING_LO: pv->ring_lo = val; return 0;
	case PV_REG_RING_HI: pv->ring_hi = val; return 0;
	case PV_REG_RING_LEN: pv->ring_len = val; return 0;
	case PV_REG_ENABLE:
		ring_off(pv);
		if (val & 1)
			pv->state = ring_on(v);
		return 0;
	case PV_REG_CALL: doorbell(v, val); return 0;
	default:
		v->stats.denied++;
		vgpu_fault(v, "store to PV call page+0x%x, which is no register for it", off);
		return -EPERM;
	}
}

static int check(struct vgpu *v, uint32_t off, uint8_t size)
{
	int err = aperture_check(v, "PV call page", off, size, PV_PAGE_LEN);

	if (err || (size == 4 && off % 4 == 0))
		return err;
	v->stats.denied++;
	vgpu_fault(v, "access of %u bytes at PV call page+0x%x", size, off);
	return -EINVAL;
}

int vgpu_pv_rd(struct vgpu *v, uint32_t off, uint8_t size, uint64_t *val)
{
	int err;

	*val = mmio_ones(size);
	err = check(v, off, size);
	if (!err)
		*val = reg_rd(v->pv, off);
	return err;
}

int vgpu_pv_wr(struct vgpu *v, uint32_t off, uint8_t size, uint64_t val)
{
	int err = check(v, off, size);

	return err ? err : reg_wr(v, off, (uint32_t)val);
}

/* ---- life ------------------------------------------------------------------------------------ */

int vgpu_pv_new(struct vgpu *v, uint32_t ops)
{
	struct vgpu_pv *pv = mem_new(struct vgpu_pv);

	if (!pv)
		return -ENOMEM;
	v->pv = pv;
	pv->ops_max = ops ? ops : 1;
	if (pv->ops_max > OPS_FIT)
		pv->ops_max = OPS_FIT;
	if (pv->ops_max > 1)
		pv->features = PV_FEAT_RUN | PV_FEAT_LIST | PV_FEAT_MULTICALL;
	return shadow_pv_new(v->shadow);
}

void vgpu_pv_free(struct vgpu *v)
{
	if (!v->pv)
		return;
	ring_off(v->pv);
	mem_free(v->pv);
	v->pv = NULL;
}

void vgpu_pv_reset(struct vgpu *v)
{
	struct vgpu_pv *pv = v->pv;

	if (!pv)
		return;
	ring_off(pv);
	pv->drv_version = pv->drv_features = pv->ring_lo = pv->ring_hi = pv->ring_len = pv->last = 0;
	shadow_pv_reset(v->shadow);
}

const struct pv_stats *vgpu_pv_stats(const struct vgpu *v)
{
	return &v->pv->stats;
}

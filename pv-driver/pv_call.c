// SPDX-License-Identifier: MIT
/*
 * The driver's end of the PV calls: negotiation, the ring, the doorbell.
 *
 *  1. Operations wait in the ring until pv_commit(), until one more does not
 *     fit, or, without multicall, not at all.
 *  2. Between a doorbell and its `done` the ring is not touched.
 *  3. A bus that carries operations out itself has no ring: each is done at once.
 *  4. Results lie behind the operations, at a place fixed at opening.
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/private.h"
#include "pv-driver/pv_call.h"

#define BAR_PV 5
/* Looks at `done` before the mediator is asked, which costs another trap. */
#define SPINS 512

static uint32_t reg_rd(struct drv *d, enum pv_reg reg)
{
	uint32_t v = 0;

	d->bus->ops->bar_rd(d->bus, BAR_PV, reg, &v, sizeof(v));
	return v;
}

static void reg_wr(struct drv *d, enum pv_reg reg, uint32_t v)
{
	d->bus->ops->bar_wr(d->bus, BAR_PV, reg, &v, sizeof(v));
}

static struct pv_call *head(const struct pv_link *l)
{
	return l->ring.cpu;
}

static void begin(struct pv_link *l)
{
	l->nr = 0;
	l->len = PV_OPS_OFF;
	l->work = l->work_max;
}

/* Version, features and ring; 0, or why the mediator cannot be worked with. */
static int negotiate(struct drv *d, struct pv_link *l)
{
	uint32_t max = reg_rd(d, PV_REG_RING_MAX), state;
	uint64_t len;
	int err;

	l->use = reg_rd(d, PV_REG_FEATURES) & (PV_FEAT_RUN | PV_FEAT_LIST | PV_FEAT_MULTICALL);
	l->ops_max = l->use & PV_FEAT_MULTICALL ? reg_rd(d, PV_REG_OPS_MAX) : 1;
	l->work_max = reg_rd(d, PV_REG_WORK_MAX);
	max = max < PV_RING_MAX ? max : PV_RING_MAX;
	len = align_up(PV_OPS_OFF + l->ops_max * (uint64_t)(sizeof(struct pv_op) + 8), PAGE);
	len = l->ops_max > 1 || len > max ? max : len;
	if (len < PAGE || !l->ops_max ||
	    PV_OPS_OFF + l->ops_max * (sizeof(struct pv_op) + sizeof(struct pv_result)) > len)
		return -EPROTO;
	err = d->bus->ops->mem_alloc(d->bus, len, &l->ring);
	if (err)
		return err;
	l->res = (uint32_t)(len - l->ops_max * sizeof(struct pv_result));
	reg_wr(d, PV_REG_DRV_VERSION, PV_VERSION);
	reg_wr(d, PV_REG_DRV_FEATURES, l->use);
	reg_wr(d, PV_REG_RING_LO, lo32(l->ring.addr));
	reg_wr(d, PV_REG_RING_HI, hi32(l->ring.addr));
	reg_wr(d, PV_REG_RING_LEN, (uint32_t)len);
	reg_wr(d, PV_REG_ENABLE, 1);
	state = reg_rd(d, PV_REG_ENABLE);
	if (state == PV_STATE_ON)
		return 0;
	log_error(d->cfg.log, "the mediator refuses the PV ring (state %u)", state);
	return -EPROTO;
}

int pv_open(struct drv *d)
{
	struct pv_link *l;
	int err;

	if (!d->bus->ops->pv_op && !d->bus->ops->bar_len(d->bus, BAR_PV))
		return 0;
	if (!d->bus->ops->pv_op && (reg_rd(d, PV_REG_MAGIC) != PV_MAGIC || reg_rd(d, PV_REG_VERSION) < PV_VERSION)) {
		log_error(d->cfg.log, "the mediator's PV call page is of another kind");
		return -EPROTO;
	}
	l = mem_new(struct pv_link);
	if (!l)
		return -ENOMEM;
	d->pv = l;
	if (d->bus->ops->pv_op) {
		l->use = PV_FEAT_RUN;
		d->backend = &vas_pv;
		return 0;
	}
	err = negotiate(d, l);
	if (err)
		return err;
	begin(l);
	d->backend = &vas_pv;
	return 0;
}

void pv_close(struct drv *d)
{
	struct pv_link *l = d->pv;

	if (!l)
		return;
	if (l->ring.len) {
		reg_wr(d, PV_REG_ENABLE, 0);
		/* A load behind it: the mediator has let go when the memory does. */
		reg_rd(d, PV_REG_ENABLE);
		d->bus->ops->mem_free(d->bus, &l->ring);
	}
	mem_free(l);
	d->pv = NULL;
	d->backend = &vas_native;
}

static int errno_of(uint32_t error)
{
	switch (error) {
	case PV_OK: return 0;
	case PV_ERR_QUOTA: return -ENOSPC;
	case PV_ERR_ENTRY: return -EFAULT;
	case PV_ERR_BUSY: return -EBUSY;
	default: return -EPROTO;
	}
}

static bool done(const struct pv_link *l)
{
	return __atomic_load_n(&head(l)->done, __ATOMIC_ACQUIRE) == l->seq;
}

/* The doorbell may be posted: a load behind it is answered after it was served. */
static int ring(struct drv *d)
{
	struct pv_link *l = d->pv;

	/* 0 is what a fresh ring has there. */
	l->seq += l->seq == UINT32_MAX ? 2 : 1;
	reg_wr(d, PV_REG_CALL, l->seq);
	for (uint32_t i = 0; i < SPINS && !done(l); i++)
		__builtin_ia32_pause();
	if (!done(l))
		reg_rd(d, PV_REG_CALL);
	return done(l) ? 0 : -EIO;
}

int pv_commit(struct drv *d)
{
	struct pv_link *l = d->pv;
	int err;

	if (!l->nr)
		return 0;
	*head(l) = (struct pv_call){ .nr = l->nr, .len = l->len, .res = l->res,
				     .done = head(l)->done };
	err = ring(d);
	d->stats.pv_calls++;
	d->stats.pv_ops += l->nr;
	if (!err)
		err = errno_of(head(l)->error);
	if (err)
		log_warn(d->cfg.log, "PV operation %u of %u failed: error %u", head(l)->good, l->nr,
			 head(l)->error);
	begin(l);
	return err;
}

static int at_once(struct drv *d, const struct pv_op *op, uint32_t *value)
{
	int err = d->bus->ops->pv_op(d->bus, op, value);

	d->stats.pv_ops++;
	return err == -EDQUOT ? -ENOSPC : err;
}

int pv_add(struct drv *d, const struct pv_op *op, const uint64_t *list)
{
	struct pv_link *l = d->pv;
	uint64_t len = pv_op_slots(op->code, op->count) * sizeof(*op);
	uint64_t work = pv_op_work(op->code, op->count);
	uint8_t *at;
	int err = 0;

	if (d->bus->ops->pv_op) {
		uint32_t none;

		return at_once(d, op, &none);
	}
	if (l->nr == l->ops_max || l->len + len > l->res || work > l->work)
		err = pv_commit(d);
	if (err)
		return err;
	if (l->len + len > l->res || work > l->work)
		return -E2BIG;
	at = (uint8_t *)l->ring.cpu + l->len;
	memcpy(at, op, sizeof(*op));
	if (list)
		memcpy(at + sizeof(*op), list, op->count * 8ull);
	l->len += (uint32_t)len;
	l->work -= (uint32_t)work;
	l->nr++;
	return l->ops_max == 1 ? pv_commit(d) : 0;
}

int pv_ask(struct drv *d, const struct pv_op *op, uint32_t *value)
{
	struct pv_link *l = d->pv;
	const struct pv_result *res;
	int err;
	uint32_t n;

	if (d->bus->ops->pv_op)
		return at_once(d, op, value);
	res = (const void *)((const uint8_t *)l->ring.cpu + l->res);
	err = pv_commit(d);
	n = l->nr;
	if (!err)
		err = pv_add(d, op, NULL);
	if (!err)
		err = pv_commit(d);
	if (!err)
		*value = res[n].value;
	return err;
}

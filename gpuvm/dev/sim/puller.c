// SPDX-License-Identifier: MIT
/*
 * The puller: runs host methods, passes the others to the engine bound to
 * their subchannel.
 *
 * Methods run in order and to their end, so an engine is idle whenever the
 * next method starts: wait-for-idle costs nothing here.  Runs on the PBDMA's
 * thread without sim.lock.
 */
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/fermi/methods.h"

static uint32_t subc_engine(const struct pbdma *p, uint32_t subc)
{
	return (FC(p, RAMFC_SUBC_ENGINE + (subc & 4)) >> (8 * (subc & 3))) & 0x1f;
}

static void set_subc_engine(struct pbdma *p, uint32_t subc, uint32_t e)
{
	uint32_t shift = 8 * (subc & 3), *w = &FC(p, RAMFC_SUBC_ENGINE + (subc & 4));

	*w = (*w & ~(0x1fu << shift)) | e << shift;
}

static struct engine_ctx *context(struct pbdma *p, uint32_t e, uint32_t subc)
{
	p->ctx.engine = e;
	p->ctx.subc = subc;
	return &p->ctx;
}

void puller_load(struct pbdma *p)
{
	struct chan_objects *o = &p->chan->obj;
	uint64_t inst = o->inst;
	uint32_t bound = 0;

	for (uint32_t i = 0; i < FIFO_NR_SUBC; i++) {
		uint32_t e = subc_engine(p, i);

		if (e != ENGINE_SW)
			bound++;
		else
			o->bound[i] = NULL;
	}
	/* A RAMFC without bindings is a new channel's: nothing of an older one may show. */
	if (!bound) {
		chan_free_objects(o);
		o->inst = inst;
	}
}

enum step puller_error(struct pbdma *p, uint32_t bits, uint32_t subc, uint32_t mthd, uint32_t val)
{
	uint32_t was = METHOD_VALID | subc << 16 | mthd, addr = was, data = val;
	enum step step = pbdma_error(p, bits, &addr, &data);

	if (step != STEP_OK || !(addr & METHOD_VALID) || (addr == was && data == val))
		return step;
	return puller_method(p, (addr >> 16) & 7, addr & 0x3ffc, data);
}

static enum step set_object(struct pbdma *p, uint32_t subc, uint32_t val)
{
	uint32_t e = (val >> 16) & 0x1f, slot;
	struct chan_objects *o = &p->chan->obj;
	const struct engine_class *k;
	enum step step;

	if (e == ENGINE_SW) {
		/* The driver's own classes: their methods are what it wants to see. */
		set_subc_engine(p, subc, e);
		o->bound[subc] = NULL;
		return STEP_OK;
	}
	if (!engine_exists(p->sim, e))
		return puller_error(p, PBDMA_INTR_METHOD, subc, HOST_SET_OBJECT, val);
	step = engine_get(p, e);
	if (step != STEP_OK)
		return step;
	set_subc_engine(p, subc, e);
	k = object_class(e, val & 0xffff, &slot);
	if (k && !o->state[slot])
		o->state[slot] = mem_calloc(1, k->state_len);
	o->bound[subc] = k && o->state[slot] ? k : NULL;
	if (!o->bound[subc])
		return engine_bad_class(p, context(p, e, subc), HOST_SET_OBJECT, val);
	return STEP_OK;
}

static enum step nonstall(struct pbdma *p)
{
	uint32_t e = p->chan->cur_engine;

	pthread_mutex_lock(&p->sim->lock);
	pfifo_nonstall(p->sim, e == ENGINE_SW ? ENGINE_GR : e);
	pthread_mutex_unlock(&p->sim->lock);
	return STEP_OK;
}

static enum step host_method(struct pbdma *p, uint32_t subc, uint32_t mthd, uint32_t val)
{
	switch (mthd) {
	case HOST_SET_OBJECT:
		return set_object(p, subc, val);
	case HOST_NOP:
	case HOST_WRCACHE_FLUSH: /* stores are visible at once */
		return STEP_OK;
	case HOST_SEM_ADDR_HI:
		if (val > 0xff)
			return puller_error(p, PBDMA_INTR_SEMAPHORE, subc, mthd, val);
		FC(p, RAMFC_SEM_ADDR_HI) = val;
		return STEP_OK;
	case HOST_SEM_ADDR_LO:
		if (val & 3)
			return puller_error(p, PBDMA_INTR_SEMAPHORE, subc, mthd, val);
		FC(p, RAMFC_SEM_ADDR_LO) = val;
		return STEP_OK;
	case HOST_SEM_PAYLOAD:
		FC(p, RAMFC_SEM_PAYLOAD) = val;
		return STEP_OK;
	case HOST_SEM_TRIGGER:
		return semaphore_trigger(p, subc, val);
	case HOST_NONSTALL_INTR:
		return nonstall(p);
	case HOST_REF_CNT:
		FC(p, RAMFC_REF) = val;
		pbdma_userd(p, USERD_REF, val);
		return STEP_OK;
	case HOST_YIELD:
		p->yield = true;
		return STEP_OK;
	default:
		return puller_error(p, PBDMA_INTR_METHOD, subc, mthd, val);
	}
}

/* The class of a subchannel; a copy engine knows only one. */
static const struct engine_class *bound_class(struct pbdma *p, uint32_t e, uint32_t subc)
{
	struct chan_objects *o = &p->chan->obj;
	const struct engine_class *k = o->bound[subc];
	uint32_t slot;

	if (k && k->engine == e)
		return k;
	if (e == ENGINE_GR)
		return NULL;
	k = object_class(e, 0, &slot);
	if (k && !o->state[slot])
		o->state[slot] = mem_calloc(1, k->state_len);
	o->bound[subc] = k && o->state[slot] ? k : NULL;
	return o->bound[subc];
}

enum step puller_method(struct pbdma *p, uint32_t subc, uint32_t mthd, uint32_t val)
{
	struct engine_error err = { 0 };
	const struct engine_class *k;
	enum engine_result res;
	struct engine_ctx *x;
	enum step step;
	uint32_t e;

	if (mthd < 0x100)
		return host_method(p, subc, mthd, val);
	e = subc_engine(p, subc);
	if (!engine_exists(p->sim, e))
		return puller_error(p, PBDMA_INTR_SW_METHOD, subc, mthd, val);
	step = engine_get(p, e);
	if (step != STEP_OK)
		return step;
	x = context(p, e, subc);
	k = bound_class(p, e, subc);
	if (!k)
		return engine_bad_class(p, x, mthd, val);
	res = k->mthd(x, p->chan->obj.state[object_slot(k)], mthd, val, &err);
	return engine_outcome(p, x, mthd, val, k->class_id, res, &err);
}

bool puller_bulk(struct pbdma *p, uint32_t subc, uint32_t mthd)
{
	const struct engine_class *k = p->chan->obj.bound[subc];

	return mthd >= 0x100 && k && k->data && (!k->is_data || k->is_data(mthd)) &&
	       k->engine == subc_engine(p, subc);
}

enum step puller_data(struct pbdma *p, uint32_t subc, uint32_t mthd, const uint32_t *val,
		      uint32_t n, uint32_t *done)
{
	const struct engine_class *k = p->chan->obj.bound[subc];
	struct engine_error err = { 0 };
	enum engine_result res;
	struct engine_ctx *x;
	enum step step;

	*done = 0;
	step = engine_get(p, k->engine);
	if (step != STEP_OK)
		return step;
	x = context(p, k->engine, subc);
	res = k->data(x, p->chan->obj.state[object_slot(k)], mthd, val, n, &err);
	step = engine_outcome(p, x, mthd, val[0], k->class_id, res, &err);
	/* A class takes a run of words whole or, when it was stopped, not at all. */
	if (step == STEP_OK || step == STEP_LOST)
		*done = n;
	return step;
}

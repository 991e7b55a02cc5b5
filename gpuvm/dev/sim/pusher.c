// SPDX-License-Identifier: MIT
/*
 * The pusher: indirect-buffer entries to push buffer words to methods.
 *
 * A word is consumed (get moves past it) only when what it asked for is done,
 * so a channel that leaves at any method boundary comes back to the same word.
 * A packet may continue in the next entry: its state lives in RAMFC, not in
 * the entry.  Runs on the PBDMA's thread without sim.lock.
 */
#include <string.h>

#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/fermi/methods.h"

#define SUBDEV_ACTIVE (1u << 28)
#define SUBDEV_ENABLE (1u << 29)
#define SUBDEV_MASK 0xfffu
#define METHOD_MASK 0x3ffcu

void pusher_load(struct pbdma *p)
{
	uint32_t s0 = FC(p, RAMFC_DMA_STATE0);

	p->pkt.op = s0 >> 29;
	p->pkt.subc = (s0 >> 16) & 7;
	p->pkt.mthd = s0 & METHOD_MASK;
	p->pkt.count = FC(p, RAMFC_DMA_STATE1) & 0x1fff;
	p->get = (uint64_t)(FC(p, RAMFC_GET_HI) & 0xff) << 32 | FC(p, RAMFC_GET_LO);
	p->put = (uint64_t)(FC(p, RAMFC_PUT_HI) & 0xff) << 32 | FC(p, RAMFC_PUT_LO);
	p->words = 0;
}

void pusher_save(struct pbdma *p)
{
	/* The other bits are the driver's: nouveau starts with 0x20400000. */
	uint32_t s0 = FC(p, RAMFC_DMA_STATE0) & ~(7u << 29 | 7u << 16 | METHOD_MASK);

	FC(p, RAMFC_DMA_STATE0) = s0 | p->pkt.op << 29 | p->pkt.subc << 16 | p->pkt.mthd;
	FC(p, RAMFC_DMA_STATE1) = (FC(p, RAMFC_DMA_STATE1) & ~0x1fffu) | p->pkt.count;
	FC(p, RAMFC_GET_LO) = lo32(p->get);
	FC(p, RAMFC_GET_HI) = hi32(p->get);
	FC(p, RAMFC_PUT_LO) = lo32(p->put);
	FC(p, RAMFC_PUT_HI) = hi32(p->put);
}

static void publish_get(struct pbdma *p)
{
	uint64_t e = (uint64_t)FC(p, RAMFC_GP_ENTRY_HI) << 32 | FC(p, RAMFC_GP_ENTRY_LO);

	pbdma_userd(p, USERD_GET_HI, hi32(p->get));
	pbdma_userd(p, USERD_GET, lo32(p->get));
	if (e & GP_ENTRY_NOT_MAIN)
		return;
	FC(p, RAMFC_MGET_LO) = lo32(p->get);
	FC(p, RAMFC_MGET_HI) = hi32(p->get) | 1u << 31;
	pbdma_userd(p, USERD_MGET_HI, FC(p, RAMFC_MGET_HI));
	pbdma_userd(p, USERD_MGET, FC(p, RAMFC_MGET_LO));
}

/* How far the driver filled the ring.  STEP_IDLE: the channel is up to date. */
static enum step read_gp_put(struct pbdma *p, uint64_t entries)
{
	uint32_t put, addr = 0, data;
	enum step step;

	pthread_mutex_lock(&p->sim->lock);
	p->chan->work = false; /* before the read: a doorbell after it sets it again */
	pthread_mutex_unlock(&p->sim->lock);
	if (pbdma_userd_rd(p, USERD_GP_PUT, &put))
		return pbdma_fault(p, FAULT_NO_CHANNEL, 0, false);
	if (put >= entries) {
		data = put;
		step = pbdma_error(p, PBDMA_INTR_GP_PUT, &addr, &data);
		return step == STEP_OK ? STEP_IDLE : step;
	}
	FC(p, RAMFC_GP_PUT) = put;
	return put == FC(p, RAMFC_GP_GET) ? STEP_IDLE : STEP_OK;
}

static bool entry_ok(uint64_t e)
{
	if (e & GP_ENTRY_UNK1)
		return false;
	return gp_entry_dwords(e) || gp_entry_op(e) == 0 || gp_entry_op(e) == 2 ||
	       gp_entry_op(e) == 3;
}

static enum step next_entry(struct pbdma *p)
{
	uint64_t ring = (uint64_t)(FC(p, RAMFC_GPFIFO_HI) & 0xff) << 32 | FC(p, RAMFC_GPFIFO_LO);
	uint64_t entries = 1ull << ((FC(p, RAMFC_GPFIFO_HI) >> 16) & 0x1f);
	uint64_t e, at, va;
	uint32_t addr = 0, data;
	enum fault_reason why;
	enum step step;

	FC(p, RAMFC_GP_GET) &= (uint32_t)(entries - 1);
	if (FC(p, RAMFC_GP_GET) == FC(p, RAMFC_GP_PUT)) {
		step = read_gp_put(p, entries);
		if (step != STEP_OK)
			return step;
	}
	va = ring + (uint64_t)FC(p, RAMFC_GP_GET) * GP_ENTRY_LEN;
	why = mmu_rd(p->sim, &p->ctx.vm, va, &e, sizeof(e), &at);
	if (why != FAULT_NONE)
		return pbdma_fault(p, why, at, false);
	if (!entry_ok(e)) {
		data = lo32(e);
		step = pbdma_error(p, PBDMA_INTR_IB_ENTRY, &addr, &data);
		if (step != STEP_OK)
			return step;
		e = gp_entry_pack(p->get, 0);
	}
	FC(p, RAMFC_GP_ENTRY_LO) = lo32(e);
	FC(p, RAMFC_GP_ENTRY_HI) = hi32(e);
	FC(p, RAMFC_GP_GET) = (FC(p, RAMFC_GP_GET) + 1) & (uint32_t)(entries - 1);
	pbdma_userd(p, USERD_GP_GET, FC(p, RAMFC_GP_GET));
	p->words = 0;
	if (!gp_entry_dwords(e))
		return STEP_OK; /* GET stays where the last real entry left it */
	p->get = gp_entry_addr(e);
	p->put = p->get + 4ull * gp_entry_dwords(e);
	return STEP_OK;
}

/* Makes p->word hold the word at get, and what follows it in this entry. */
static enum step fetch(struct pbdma *p)
{
	uint64_t n = (p->put - p->get) / 4, at;
	enum fault_reason why;

	if (p->words && p->get - p->word_va < 4ull * p->words)
		return STEP_OK;
	if (n > FETCH_WORDS)
		n = FETCH_WORDS;
	why = mmu_rd(p->sim, &p->ctx.vm, p->get, p->word, 4 * n, &at);
	if (why != FAULT_NONE) {
		/* What came before the bad page still runs. */
		n = (at - p->get) / 4;
		if (!n || mmu_rd(p->sim, &p->ctx.vm, p->get, p->word, 4 * n, &at) != FAULT_NONE) {
			p->words = 0;
			return pbdma_fault(p, why, at, false);
		}
	}
	p->word_va = p->get;
	p->words = (uint32_t)n;
	return STEP_OK;
}

/* Methods of another subdevice are counted, not run. */
static bool subdev_off(const struct pbdma *p)
{
	uint32_t v = FC(p, RAMFC_SUBDEV);

	return (v & SUBDEV_ENABLE) && !(v & SUBDEV_ACTIVE);
}

static enum step method(struct pbdma *p, uint32_t subc, uint32_t mthd, uint32_t val)
{
	return subdev_off(p) ? STEP_OK : puller_method(p, subc, mthd, val);
}

static void subdev_mask(struct pbdma *p, uint32_t form, uint32_t mask)
{
	uint32_t v = FC(p, RAMFC_SUBDEV);

	if (form == PUSH_SUBDEV_STORE) {
		v = (v & ~(SUBDEV_MASK << 16)) | mask << 16;
	} else {
		if (form == PUSH_SUBDEV_USE)
			mask = (v >> 16) & SUBDEV_MASK;
		v = (v & ~SUBDEV_ACTIVE) | (v & mask & SUBDEV_MASK ? SUBDEV_ACTIVE : 0);
	}
	FC(p, RAMFC_SUBDEV) = v;
}

static void packet(struct pbdma *p, uint32_t op, uint32_t subc, uint32_t mthd, uint32_t count)
{
	p->pkt = (struct packet){ .op = op, .subc = subc, .mthd = mthd, .count = count };
}

static enum step bad_header(struct pbdma *p, uint32_t h)
{
	uint32_t addr = METHOD_VALID | push_subc(h) << 16 | push_method(h), data = h;

	pthread_mutex_lock(&p->sim->lock);
	p->cmd = h;
	pthread_mutex_unlock(&p->sim->lock);
	return pbdma_error(p, PBDMA_INTR_HEADER, &addr, &data);
}

static enum step header(struct pbdma *p, uint32_t h)
{
	uint32_t subc = push_subc(h), mthd = push_method(h), form = push_form(h);

	switch (push_op(h)) {
	case PUSH_GRP0:
		if (form == PUSH_FORM_OLD)
			packet(p, PUSH_INC, subc, push_old_method(h), push_old_count(h));
		else
			subdev_mask(p, form, push_subdev_mask(h));
		return STEP_OK;
	case PUSH_GRP2:
		if (form != PUSH_FORM_OLD)
			return bad_header(p, h);
		packet(p, PUSH_NINC, subc, push_old_method(h), push_old_count(h));
		return STEP_OK;
	case PUSH_INC:
	case PUSH_NINC:
	case PUSH_ONEINC:
		packet(p, push_op(h), subc, mthd, push_count(h));
		return STEP_OK;
	case PUSH_IMMD:
		return method(p, subc, mthd, push_count(h));
	case PUSH_END:
		p->get = p->put - 4; /* the caller steps over this word */
		return STEP_OK;
	default:
		return bad_header(p, h);
	}
}

static void consumed(struct pbdma *p, uint32_t n)
{
	struct packet *k = &p->pkt;

	p->did = true;
	p->get += 4ull * n;
	k->count -= n;
	if (k->op == PUSH_INC || k->op == PUSH_ONEINC)
		k->mthd = (k->mthd + 4) & METHOD_MASK;
	if (k->op == PUSH_ONEINC)
		k->op = PUSH_NINC;
}

/* At least one data word of the packet. */
static enum step deliver(struct pbdma *p)
{
	uint32_t at = (uint32_t)((p->get - p->word_va) / 4), n = p->words - at, done = 0;
	struct packet *k = &p->pkt;
	enum step step;

	if (n > k->count)
		n = k->count;
	if (n > 1 && k->op == PUSH_NINC && !subdev_off(p) && puller_bulk(p, k->subc, k->mthd)) {
		step = puller_data(p, k->subc, k->mthd, &p->word[at], n, &done);
		if (done)
			consumed(p, done);
		return step;
	}
	step = method(p, k->subc, k->mthd, p->word[at]);
	if (step == STEP_OK || step == STEP_LOST)
		consumed(p, 1);
	return step;
}

enum step pusher_entry(struct pbdma *p)
{
	enum step step = STEP_OK;

	if (p->get == p->put) {
		step = next_entry(p);
		if (step != STEP_OK)
			return step;
	}
	while (step == STEP_OK && p->get != p->put) {
		if (chan_stopping(p->chan)) {
			step = STEP_STOP;
			break;
		}
		step = fetch(p);
		if (step != STEP_OK)
			break;
		if (p->pkt.count) {
			step = deliver(p);
		} else {
			step = header(p, p->word[(p->get - p->word_va) / 4]);
			if (step == STEP_OK || step == STEP_LOST)
				p->get += 4;
			p->did = true;
		}
		if (step == STEP_OK && p->yield)
			step = STEP_PARK;
	}
	publish_get(p);
	return step;
}

// SPDX-License-Identifier: MIT
/*
 * Channels: instance block, RAMFC, engine contexts, the channel table.
 *
 *  1. The instance block, the USERD page and the contexts are complete and
 *     flushed before the channel table names them.
 *  2. A channel leaves in nouveau's order: not runnable, kicked, context
 *     pointers gone, runlist without it, table entry 0; only then memory goes.
 *  3. A channel dies once; the reason is written before the flag.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/methods.h"
#include "pv-driver/hp_abi.h"
#include "pv-driver/hp_drv.h"
#include "pv-driver/private.h"

#define CE_CTX_LEN 256 /* nouveau's microcode keeps no more [nvkm/engine/falcon.c] */
#define NO_CHID UINT32_MAX /* the mediator has not said yet */
#define OPEN_NOPS 32u  /* zero words nouveau opens each channel with */

const struct chan_engine chan_engines[NR_CHAN_ENGINES] = {
	{ DRV_ENGINE_GR, ENGINE_GR, INST_CTX_GR, CLASS_M2MF_GF100, DRV_SUBC_M2MF },
	{ DRV_ENGINE_CE0, ENGINE_CE0, INST_CTX_CE0, CLASS_COPY0_GF100, DRV_SUBC_CE0 },
	{ DRV_ENGINE_CE1, ENGINE_CE1, INST_CTX_CE1, CLASS_COPY1_GF100, DRV_SUBC_CE1 },
};

/* RAMFC words that are the same for every channel [nvkm/engine/fifo/gpfifogf100.c]. */
static const struct {
	uint32_t off, val;
} ramfc_fixed[] = {
	{ RAMFC_SIGNATURE, RAMFC_SIGNATURE_VALUE },
	{ RAMFC_SEM_TIMEOUT, SEM_TIMEOUT_NONE },
	{ RAMFC_GP_ENTRY_LO, 0x00000002 },
	{ RAMFC_DMA_STATE0, 0x20400000 },
	{ RAMFC_SUBDEV, 0x30000001 },
	{ 0x9c, 0x00000100 },
	{ RAMFC_SUBC_ENGINE, 0x1f1f1f1f },
	{ RAMFC_SUBC_ENGINE + 4, 0x1f1f1f1f },
	{ RAMFC_CUR_ENGINE, 0x0000001f },
	{ 0xb8, 0xf8000000 },
	{ 0xf8, 0x10003080 },
	{ 0xfc, 0x10000010 },
};

static int write_inst(struct drv_chan *ch)
{
	uint64_t userd = ch->drv->fifo.userd->addr + (uint64_t)ch->chid * USERD_LEN;
	uint64_t ring = ch->push_va + (uint64_t)ch->push_dwords * 4;
	uint32_t log2n = (uint32_t)__builtin_ctz(ch->ring_n);

	for (size_t i = 0; i < ARRAY_SIZE(ramfc_fixed); i++)
		imem_wr32(ch->inst, ramfc_fixed[i].off, ramfc_fixed[i].val);
	imem_wr32(ch->inst, RAMFC_USERD_LO, lo32(userd));
	imem_wr32(ch->inst, RAMFC_USERD_HI, hi32(userd));
	imem_wr32(ch->inst, RAMFC_GPFIFO_LO, lo32(ring));
	imem_wr32(ch->inst, RAMFC_GPFIFO_HI, hi32(ring) | log2n << 16);
	for (int i = 0; i < NR_CHAN_ENGINES; i++) {
		if (ch->ctx_map[i])
			imem_wr64(ch->inst, chan_engines[i].inst_off,
				  map_va(ch->ctx_map[i]) | INST_CTX_VALID);
	}
	return vas_bind(ch->vas, ch->inst);
}

static int new_ctx(struct drv_chan *ch, int i)
{
	struct drv *d = ch->drv;
	bool gr = chan_engines[i].bit == DRV_ENGINE_GR;
	struct vas_range r = { .target = PTE_VRAM, .page_shift = FERMI_SMALL_SHIFT,
			       .pte_flags = gr ? PTE_PRIV : 0 };
	int err;

	err = imem_new(d, gr ? d->info.gr_ctx_len : CE_CTX_LEN, !gr, &ch->ctx[i]);
	if (err)
		return err;
	if (gr)
		imem_wr(ch->ctx[i], 0, d->gr.golden, d->info.gr_ctx_len);
	r.addr = ch->ctx[i]->addr;
	r.len = ch->ctx[i]->len;
	return vas_map_range(ch->vas, &r, &ch->ctx_map[i]);
}

static int build(struct drv_chan *ch)
{
	struct drv *d = ch->drv;
	int err;

	err = push_init(ch);
	if (d->hp)
		return err ? err : hp_chan_new(ch);
	if (!err)
		err = imem_new(d, INST_LEN, true, &ch->inst);
	for (int i = 0; !err && i < NR_CHAN_ENGINES; i++)
		err = ch->engines & chan_engines[i].bit ? new_ctx(ch, i) : 0;
	if (err)
		return err;
	imem_zero(d->fifo.userd, (uint64_t)ch->chid * USERD_LEN, USERD_LEN);
	fence_reset(ch);
	err = write_inst(ch);
	flush_bar(d);
	return err ? err : vas_chan(ch->vas, ch->chid, true);
}

static int start(struct drv_chan *ch)
{
	struct drv *d = ch->drv;

	wr32(d, reg_at(REGID_PFIFO_CHAN_INST, ch->chid),
	     CHAN_INST_VALID | CHAN_INST_POLL | (uint32_t)(ch->inst->addr >> 12));
	ch->bound = true;
	ch->runnable = true;
	wr32(d, reg_at(REGID_PFIFO_CHAN_STATE, ch->chid), 0x001f0000 | CHAN_STATE_RUNNABLE);
	return fifo_runlist_commit(d);
}

/* Not to run again, and off the engines; it may still be in the runlist and the channel table. */
static void stop(struct drv_chan *ch)
{
	struct drv *d = ch->drv;

	if (d->hp) {
		hp_chan_stop(ch);
		return;
	}
	if (ch->runnable)
		mask32(d, reg_at(REGID_PFIFO_CHAN_STATE, ch->chid), CHAN_STATE_RUNNABLE, 0);
	ch->runnable = false;
	fifo_kick(d, ch->chid);
}

static void unbind(struct drv_chan *ch)
{
	struct drv *d = ch->drv;

	if (!ch->bound)
		return;
	stop(ch);
	for (int i = 0; i < NR_CHAN_ENGINES; i++)
		if (ch->ctx_map[i])
			imem_wr64(ch->inst, chan_engines[i].inst_off, 0);
	flush_bar(d);
	fifo_runlist_commit(d);
	wr32(d, reg_at(REGID_PFIFO_CHAN_INST, ch->chid), 0);
	ch->bound = false;
}

void chan_free(struct drv_chan *ch)
{
	if (!ch)
		return;
	if (ch->drv->hp) {
		hp_chan_free(ch);
	} else {
		unbind(ch);
		vas_chan(ch->vas, ch->chid, false);
	}
	for (int i = 0; i < NR_CHAN_ENGINES; i++) {
		vas_unmap(ch->ctx_map[i]);
		imem_free(ch->ctx[i]);
	}
	imem_free(ch->inst);
	push_fini(ch);
	if (ch->chid < GF100_NR_CHAN)
		ch->drv->fifo.chan[ch->chid] = NULL;
	ch->vas->nr_chans--;
	pthread_mutex_destroy(&ch->push_lock);
	mem_free(ch);
}

void chan_kill(struct drv_chan *ch, const char *fmt, ...)
{
	va_list ap;

	if (ch->dead)
		return;
	va_start(ap, fmt);
	vsnprintf(ch->why, sizeof(ch->why), fmt ? fmt : "stopped", ap);
	va_end(ap);
	if (fmt)
		log_warn(ch->drv->cfg.log, "channel %u died: %s", ch->chid, ch->why);
	if (ch->drv->hp) {
		stop(ch);
	} else if (ch->runnable) {
		stop(ch);
		fifo_runlist_commit(ch->drv);
	}
	/* Before anyone can see that it is dead: who is to end makes no more calls that fail. */
	if (fmt && ch->drv->cfg.lost && __atomic_load_n(&ch->polled, __ATOMIC_ACQUIRE))
		ch->drv->cfg.lost(ch->drv->cfg.lost_arg, ch, ch->why);
	__atomic_store_n(&ch->dead, true, __ATOMIC_RELEASE);
	irq_wake(ch->drv);
}

bool chan_dead(const struct drv_chan *ch)
{
	return __atomic_load_n(&ch->dead, __ATOMIC_ACQUIRE) ||
	       (ch->state_word &&
		__atomic_load_n(ch->state_word, __ATOMIC_ACQUIRE) != HP_CHAN_RUNS);
}

/* ---- public ------------------------------------------------------------------ */

static int free_id(const struct drv *d, uint32_t *chid)
{
	for (*chid = 0; *chid < GF100_NR_CHAN; ++*chid)
		if (!d->fifo.chan[*chid])
			return 0;
	return -ENOSPC;
}

static int chan_new(struct drv_vas *v, uint32_t engines, struct drv_chan **out)
{
	struct drv *d = v->drv;
	struct drv_chan *ch;
	uint32_t chid = NO_CHID;
	int err;

	if (engines & ~d->info.engines)
		return -ENODEV;
	err = d->hp ? 0 : free_id(d, &chid);
	if (err)
		return err;
	ch = mem_new(struct drv_chan);
	if (!ch)
		return -ENOMEM;
	ch->drv = d;
	ch->vas = v;
	ch->chid = chid;
	ch->engines = engines;
	pthread_mutex_init(&ch->push_lock, NULL);
	if (!d->hp)
		d->fifo.chan[chid] = ch;
	v->nr_chans++;
	err = build(ch);
	if (!err && d->hp)
		d->fifo.chan[ch->chid] = ch;
	else if (!err)
		err = start(ch);
	if (err)
		chan_free(ch);
	else
		*out = ch;
	return err;
}

/* What nouveau's clients send first: padding, then one object per engine. */
static int greet(struct drv_chan *ch)
{
	struct drv_push p;
	int err;

	err = drv_push_begin(ch, OPEN_NOPS + 2 * NR_CHAN_ENGINES, &p);
	if (err)
		return err;
	for (uint32_t i = 0; i < OPEN_NOPS; i++)
		drv_push_data(&p, 0);
	for (int i = 0; i < NR_CHAN_ENGINES; i++) {
		if (!(ch->engines & chan_engines[i].bit))
			continue;
		drv_push_mthd(&p, chan_engines[i].subc, HOST_SET_OBJECT, 1);
		drv_push_data(&p, chan_engines[i].class_id | chan_engines[i].engine << 16);
	}
	return drv_push_end(&p, NULL);
}

int drv_chan_new(struct drv_vas *v, uint32_t engines, struct drv_chan **out)
{
	struct drv_chan *ch;
	int err;

	pthread_mutex_lock(&v->drv->lock);
	err = chan_new(v, engines, &ch);
	pthread_mutex_unlock(&v->drv->lock);
	if (err)
		return err;
	/* The mediator's driver has done that. */
	err = v->drv->hp ? 0 : greet(ch);
	if (err)
		drv_chan_free(ch);
	else
		*out = ch;
	return err;
}

void drv_chan_free(struct drv_chan *ch)
{
	struct drv *d;

	if (!ch)
		return;
	d = ch->drv;
	pthread_mutex_lock(&d->lock);
	chan_free(ch);
	pthread_mutex_unlock(&d->lock);
}

void drv_chan_stop(struct drv_chan *ch, const char *why)
{
	pthread_mutex_lock(&ch->drv->lock);
	if (why)
		chan_kill(ch, "%s", why);
	else
		chan_kill(ch, NULL);
	pthread_mutex_unlock(&ch->drv->lock);
}

void drv_chan_polled(struct drv_chan *ch, bool polled)
{
	__atomic_store_n(&ch->polled, polled, __ATOMIC_RELEASE);
}

bool drv_chan_progress(struct drv_chan *ch, uint32_t *passed)
{
	*passed = fence_read(ch);
	return __atomic_load_n(&ch->seq, __ATOMIC_RELAXED) != *passed && !chan_dead(ch);
}

uint32_t drv_chan_id(const struct drv_chan *ch)
{
	return ch->chid;
}

struct drv_vas *drv_chan_vas(struct drv_chan *ch)
{
	return ch->vas;
}

uint64_t drv_chan_inst(const struct drv_chan *ch)
{
	return ch->inst ? ch->inst->addr : 0;
}

int drv_chan_status(struct drv_chan *ch, char *why, size_t n)
{
	bool dead = chan_dead(ch);

	if (why && n)
		snprintf(why, n, "%s", !dead ? "" : ch->why[0] ? ch->why : "stopped by the mediator");
	return dead ? -EIO : 0;
}

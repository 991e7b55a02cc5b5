// SPDX-License-Identifier: MIT
/*
 * Push buffer and GPFIFO ring of a channel.
 *
 *  1. One system memory object holds both, the ring behind the push buffer.
 *  2. Push data may be overwritten once the fence that follows it has passed;
 *     a ring slot once GP_GET has.
 *  3. drv_push_begin() gets room in both, so drv_push_end() never waits.
 *  4. The doorbell is a store to USERD's GP_PUT, after everything it announces.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/methods.h"
#include "pv-driver/private.h"

#define FENCE_DWORDS 6u
#define RESERVE_MARGIN 16u /* of drv_push_begin()'s contract */

int push_init(struct drv_chan *ch)
{
	struct drv *d = ch->drv;
	int err;

	ch->ring_n = d->cfg.ring_entries;
	ch->push_dwords = d->cfg.push_len / 4;
	ch->slot = mem_calloc(ch->ring_n, sizeof(*ch->slot));
	if (!ch->slot)
		return -ENOMEM;
	err = bo_new(d, d->cfg.push_len + ch->ring_n * 8ull, DRV_BO_SYS, &ch->push);
	if (!err)
		err = bo_map(ch->vas, ch->push, 0, &ch->push_va);
	if (err)
		return err;
	ch->cpu = ch->push->sys.cpu;
	ch->ring = (uint64_t *)(ch->cpu + ch->push_dwords);
	return 0;
}

void push_fini(struct drv_chan *ch)
{
	bo_free(ch->push);
	mem_free(ch->slot);
}

/* Push data whose fence has passed is free again. */
static void reclaim(struct drv_chan *ch)
{
	uint32_t passed = fence_read(ch);
	const struct push_slot *s;

	for (; ch->done != ch->put; ch->done = (ch->done + 1) % ch->ring_n) {
		s = &ch->slot[ch->done];
		if (s->raw)
			continue;
		if ((int32_t)(passed - s->seq) < 0)
			return;
		ch->tail = s->end;
	}
	ch->head = ch->tail = 0;
}

/* Where n dwords are free in one piece, or -1. */
static int64_t find_room(const struct drv_chan *ch, uint32_t n)
{
	if (ch->head >= ch->tail) {
		if (ch->push_dwords - ch->head >= n)
			return ch->head;
		/* head == tail means empty, so a wrapped head must stay behind tail. */
		return ch->tail > n ? 0 : -1;
	}
	return ch->tail - ch->head > n ? (int64_t)ch->head : -1;
}

static bool ring_full(struct drv_chan *ch)
{
	struct bus *b = ch->drv->bus;
	uint32_t get;

	if ((ch->put + 1) % ch->ring_n != ch->get && (ch->put + 1) % ch->ring_n != ch->done)
		return false;
	b->ops->bar_rd(b, 1, fifo_userd(ch->drv, ch->chid, USERD_GP_GET), &get, sizeof(get));
	ch->get = get % ch->ring_n;
	reclaim(ch);
	return (ch->put + 1) % ch->ring_n == ch->get || (ch->put + 1) % ch->ring_n == ch->done;
}

/* Room for n dwords and one ring slot; push_lock held. */
static int get_room(struct drv_chan *ch, uint32_t n, uint32_t *at)
{
	struct wait w = wait_begin(ch->drv->cfg.timeout_ns);
	int64_t room;

	for (;;) {
		if (chan_dead(ch))
			return -EIO;
		room = find_room(ch, n);
		if (room < 0) {
			reclaim(ch);
			room = find_room(ch, n);
		}
		if (room >= 0 && !ring_full(ch)) {
			*at = (uint32_t)room;
			return 0;
		}
		if (wait_more(&w))
			return -ETIMEDOUT;
	}
}

int drv_push_begin(struct drv_chan *ch, uint32_t dwords, struct drv_push *p)
{
	uint32_t at = 0, n = dwords + FENCE_DWORDS;
	int err;

	if (dwords > ch->push_dwords - RESERVE_MARGIN)
		return -E2BIG;
	pthread_mutex_lock(&ch->push_lock);
	err = get_room(ch, n, &at);
	if (err) {
		pthread_mutex_unlock(&ch->push_lock);
		return err;
	}
	*p = (struct drv_push){ .chan = ch, .at = ch->cpu + at, .left = dwords,
				.first = at, .end = at + n };
	return 0;
}

void drv_push_data(struct drv_push *p, uint32_t v)
{
	if (!p->left) {
		p->overrun = true;
		return;
	}
	*p->at++ = v;
	p->left--;
}

void drv_push_mthd(struct drv_push *p, uint32_t subc, uint32_t mthd, uint32_t n)
{
	p->subc = subc;
	drv_push_data(p, push_header(PUSH_INC, subc, mthd, n));
}

void drv_push_cancel(struct drv_push *p)
{
	pthread_mutex_unlock(&p->chan->push_lock);
}

/* The next fence: a 16-byte release once the engine is idle, then the interrupt. */
static void add_fence(struct drv_push *p, uint32_t seq)
{
	struct drv_chan *ch = p->chan;
	uint64_t va = ch->vas->fence_va + (uint64_t)ch->chid * FENCE_STRIDE;

	*p->at++ = push_header(PUSH_INC, p->subc, HOST_SEM_ADDR_HI, 5);
	*p->at++ = hi32(va);
	*p->at++ = lo32(va);
	*p->at++ = seq;
	*p->at++ = SEM_RELEASE;
	*p->at++ = 0; /* HOST_NONSTALL_INTR */
}

/* Announces [va, +dwords) in the slot that get_room() made sure of. */
static void submit(struct drv_chan *ch, uint64_t va, uint32_t dwords, struct push_slot s)
{
	struct bus *b = ch->drv->bus;

	ch->ring[ch->put] = gp_entry_pack(va, dwords & ~DRV_PUSH_NO_PREFETCH) |
			    (dwords & DRV_PUSH_NO_PREFETCH ? GP_ENTRY_NO_PREFETCH : 0);
	ch->slot[ch->put] = s;
	ch->put = (ch->put + 1) % ch->ring_n;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	b->ops->bar_wr(b, 1, fifo_userd(ch->drv, ch->chid, USERD_GP_PUT), &ch->put,
		       sizeof(ch->put));
}

int drv_push_end(struct drv_push *p, struct drv_fence *fence)
{
	struct drv_chan *ch = p->chan;
	struct push_slot s;

	if (p->overrun) {
		drv_push_cancel(p);
		return -EOVERFLOW;
	}
	add_fence(p, ++ch->seq);
	s = (struct push_slot){ .end = (uint32_t)(p->at - ch->cpu), .seq = ch->seq };
	ch->head = s.end;
	submit(ch, ch->push_va + p->first * 4ull, s.end - p->first, s);
	if (fence)
		*fence = (struct drv_fence){ ch, ch->seq };
	pthread_mutex_unlock(&ch->push_lock);
	return 0;
}

int drv_push_raw(struct drv_chan *ch, uint64_t va, uint32_t dwords)
{
	uint32_t at;
	int err;

	pthread_mutex_lock(&ch->push_lock);
	err = get_room(ch, 0, &at);
	if (!err)
		submit(ch, va, dwords, (struct push_slot){ .raw = true });
	pthread_mutex_unlock(&ch->push_lock);
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * Push buffer and GPFIFO ring of a channel.
 *
 *  1. One object holds both, the ring behind the push buffer.  If it is VRAM
 *     (drv_cfg.push_vram) ch->cpu is a copy that submit() writes out.
 *  2. Push data may be overwritten once the fence that follows it has passed;
 *     a ring slot once GP_GET has.
 *  3. drv_push_begin() gets room in both, so drv_push_end() never waits.
 *  4. The doorbell is a store to USERD's GP_PUT, after everything it announces.
 *  5. Behind a mediator that runs the driver (hp_drv.c) the ring is the
 *     mediator's: slots only count what it holds, entries go out as requests.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/methods.h"
#include "pv-driver/hp_drv.h"
#include "pv-driver/private.h"

#define FENCE_DWORDS 6u
#define RESERVE_MARGIN 16u /* of drv_push_begin()'s contract */

static uint32_t push_flags(const struct drv *d)
{
	return d->cfg.push_vram ? DRV_BO_VRAM | DRV_BO_SMALL : DRV_BO_SYS;
}

int push_init(struct drv_chan *ch)
{
	struct drv *d = ch->drv;
	size_t len = d->cfg.push_len + (d->hp ? 0 : d->cfg.ring_entries * 8ull);
	int err;

	ch->ring_n = d->cfg.ring_entries;
	ch->push_dwords = d->cfg.push_len / 4;
	ch->slot = mem_calloc(ch->ring_n, sizeof(*ch->slot));
	if (!ch->slot)
		return -ENOMEM;
	err = bo_new(d, len, push_flags(d), &ch->push);
	/* The GPU reads both, and no program of a shader's has business there. */
	if (!err)
		err = bo_map(ch->vas, ch->push, DRV_MAP_RO, &ch->push_va);
	if (!err && d->cfg.push_vram) {
		ch->copy = mem_calloc(1, len);
		err = ch->copy ? 0 : -ENOMEM;
	}
	if (err)
		return err;
	ch->cpu = ch->copy ? ch->copy : ch->push->sys.cpu;
	ch->ring = (uint64_t *)(ch->cpu + ch->push_dwords);
	return 0;
}

void push_fini(struct drv_chan *ch)
{
	bo_free(ch->push);
	mem_free(ch->copy);
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
		/* Where nobody shows us GP_GET: entries in front of a fence that passed were read. */
		if (ch->drv->hp)
			ch->get = (ch->done + 1) % ch->ring_n;
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

/* Slots that can still be filled, by what is known. */
static uint32_t slots_free(const struct drv_chan *ch)
{
	uint32_t get = ch->ring_n - 1 - ((ch->put - ch->get) & (ch->ring_n - 1));
	uint32_t done = ch->ring_n - 1 - ((ch->put - ch->done) & (ch->ring_n - 1));

	return get < done ? get : done;
}

static bool ring_full(struct drv_chan *ch, uint32_t slots)
{
	struct bus *b = ch->drv->bus;
	uint32_t get;

	if (slots_free(ch) >= slots)
		return false;
	if (!ch->drv->hp) {
		b->ops->bar_rd(b, 1, fifo_userd(ch->drv, ch->chid, USERD_GP_GET), &get,
			       sizeof(get));
		ch->get = get % ch->ring_n;
	}
	reclaim(ch);
	return slots_free(ch) < slots;
}

/* Room for n dwords and some ring slots, now if not `wait`; push_lock held. */
static int get_room(struct drv_chan *ch, uint32_t n, uint32_t slots, bool wait, uint32_t *at)
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
		if (room >= 0 && !ring_full(ch, slots)) {
			*at = (uint32_t)room;
			return 0;
		}
		if (!wait)
			return -EAGAIN;
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
	err = get_room(ch, n, ch->drv->hp ? 2 : 1, true, &at);
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

static void write_out(struct drv_chan *ch, const void *from, size_t len)
{
	struct bus *b = ch->drv->bus;

	if (ch->copy)
		b->ops->vram_wr(b, ch->push->addr + (size_t)((const char *)from - (char *)ch->copy),
				from, len);
}

/* [va, +dwords) into the slot that get_room() made sure of. */
static void enter(struct drv_chan *ch, uint64_t va, uint32_t dwords, struct push_slot s)
{
	if (!ch->drv->hp) {
		ch->ring[ch->put] = gp_entry_pack(va, dwords & ~DRV_PUSH_NO_PREFETCH) |
				    (dwords & DRV_PUSH_NO_PREFETCH ? GP_ENTRY_NO_PREFETCH : 0);
		write_out(ch, &ch->ring[ch->put], sizeof(ch->ring[0]));
	}
	ch->slot[ch->put] = s;
	ch->put = (ch->put + 1) % ch->ring_n;
}

/* Announces what was entered. */
static void ring_bell(struct drv_chan *ch)
{
	struct bus *b = ch->drv->bus;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	b->ops->bar_wr(b, 1, fifo_userd(ch->drv, ch->chid, USERD_GP_PUT), &ch->put,
		       sizeof(ch->put));
}

/* A fence of its own piece, behind everything entered. */
static void enter_fence(struct drv_chan *ch, uint32_t at, struct drv_fence *fence)
{
	struct drv_push p = { .chan = ch, .at = ch->cpu + at };
	struct push_slot s;

	add_fence(&p, ++ch->seq);
	s = (struct push_slot){ .end = at + FENCE_DWORDS, .seq = ch->seq };
	ch->head = s.end;
	write_out(ch, ch->cpu + at, FENCE_DWORDS * 4);
	enter(ch, ch->push_va + at * 4ull, FENCE_DWORDS, s);
	if (fence)
		*fence = (struct drv_fence){ ch, ch->seq };
}

/* n pieces and a fence to the mediator, which has a slot for each. */
static int hp_send(struct drv_chan *ch, const struct drv_piece *piece, uint32_t n, uint32_t end,
		   struct drv_fence *fence)
{
	int err = hp_chan_submit(ch, piece, n);

	if (err)
		return err;
	for (uint32_t i = 0; i < n; i++)
		enter(ch, 0, 0, (struct push_slot){ .raw = true });
	enter(ch, 0, 0, (struct push_slot){ .end = end, .seq = ++ch->seq });
	ch->head = end;
	if (fence)
		*fence = (struct drv_fence){ ch, ch->seq };
	return 0;
}

int drv_push_end(struct drv_push *p, struct drv_fence *fence)
{
	struct drv_chan *ch = p->chan;
	struct push_slot s;

	if (p->overrun) {
		drv_push_cancel(p);
		return -EOVERFLOW;
	}
	if (ch->drv->hp) {
		struct drv_piece piece = { ch->push_va + p->first * 4ull,
					   (uint32_t)(p->at - ch->cpu) - p->first };
		int err = hp_send(ch, &piece, piece.dwords != 0, (uint32_t)(p->at - ch->cpu), fence);

		pthread_mutex_unlock(&ch->push_lock);
		return err;
	}
	add_fence(p, ++ch->seq);
	s = (struct push_slot){ .end = (uint32_t)(p->at - ch->cpu), .seq = ch->seq };
	ch->head = s.end;
	write_out(ch, ch->cpu + p->first, (s.end - p->first) * 4ul);
	enter(ch, ch->push_va + p->first * 4ull, s.end - p->first, s);
	ring_bell(ch);
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
	err = get_room(ch, 0, ch->drv->hp ? 2 : 1, true, &at);
	if (!err && ch->drv->hp) {
		err = hp_send(ch, &(struct drv_piece){ va, dwords }, 1, ch->head, NULL);
	} else if (!err) {
		enter(ch, va, dwords, (struct push_slot){ .raw = true });
		ring_bell(ch);
	}
	pthread_mutex_unlock(&ch->push_lock);
	return err;
}

int drv_push_list(struct drv_chan *ch, const struct drv_piece *piece, uint32_t n, bool wait,
		  struct drv_fence *fence)
{
	uint32_t at;
	int err;

	if (n + 1 >= ch->ring_n)
		return -E2BIG;
	pthread_mutex_lock(&ch->push_lock);
	err = get_room(ch, FENCE_DWORDS, n + 1, wait, &at);
	if (!err && ch->drv->hp) {
		err = hp_send(ch, piece, n, ch->head, fence);
	} else if (!err) {
		for (uint32_t i = 0; i < n; i++)
			enter(ch, piece[i].va, piece[i].dwords, (struct push_slot){ .raw = true });
		enter_fence(ch, at, fence);
		ring_bell(ch);
	}
	pthread_mutex_unlock(&ch->push_lock);
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * The guest's end of the request ring.
 *
 *  1. A slot is written before head says so, and not again before tail does.
 *  2. One call at a time waits for an answer (its callers hold drv.lock), so
 *     one place for answers is enough.
 *  3. Nothing waits for the GPU here, only for the mediator to take requests,
 *     and that has a deadline.
 */
#include "pv-driver/hp_link.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"

/* Looks at an answer before the mediator is asked, which costs more than most answers. */
#define SPINS 2048
/* Posted requests that wait without a bell at most. */
#define QUIET_MAX (HP_SLOTS / 2)

uint32_t hp_reg_rd(struct bus *b, enum hp_reg reg)
{
	uint32_t v = 0;

	if (b->ops->call_rd)
		return b->ops->call_rd(b, reg);
	b->ops->bar_rd(b, HP_BAR_PAGE, reg, &v, sizeof(v));
	return v;
}

static void reg_wr(struct bus *b, enum hp_reg reg, uint32_t v)
{
	if (b->ops->call_wr)
		b->ops->call_wr(b, reg, v);
	else
		b->ops->bar_wr(b, HP_BAR_PAGE, reg, &v, sizeof(v));
}

static int start(struct hp_link *l, const char **what)
{
	uint32_t state;
	int err;

	*what = "the mediator speaks an older version of the request ring";
	if (hp_reg_rd(l->bus, HP_REG_VERSION) < HP_VERSION)
		return -EPROTO;
	*what = "no memory for the request ring";
	err = l->bus->ops->mem_alloc(l->bus, HP_RING_LEN, &l->mem);
	if (err)
		return err;
	l->features = hp_reg_rd(l->bus, HP_REG_FEATURES) & (HP_FEAT_EXPOSE | HP_FEAT_BELL);
	reg_wr(l->bus, HP_REG_DRV_VERSION, HP_VERSION);
	reg_wr(l->bus, HP_REG_DRV_FEATURES, l->features);
	reg_wr(l->bus, HP_REG_RING_LO, lo32(l->mem.addr));
	reg_wr(l->bus, HP_REG_RING_HI, hi32(l->mem.addr));
	reg_wr(l->bus, HP_REG_ENABLE, 1);
	state = hp_reg_rd(l->bus, HP_REG_ENABLE);
	*what = state == HP_SESSION_NO_GPU ? "the mediator's driver does not start" :
					     "the mediator refuses the request ring";
	return state == HP_SESSION_ON ? 0 : -EIO;
}

int hp_link_open(struct bus *bus, uint64_t timeout_ns, struct hp_link **out, const char **what)
{
	struct hp_link *l = mem_new(struct hp_link);
	int err;

	*what = "out of memory";
	if (!l)
		return -ENOMEM;
	l->bus = bus;
	l->timeout_ns = timeout_ns;
	pthread_mutex_init(&l->lock, NULL);
	err = start(l, what);
	if (err)
		hp_link_close(l);
	else
		*out = l;
	return err;
}

void hp_link_close(struct hp_link *l)
{
	if (!l)
		return;
	if (l->mem.len) {
		reg_wr(l->bus, HP_REG_ENABLE, 0);
		/* A load behind it: the mediator has let go when the memory does. */
		hp_reg_rd(l->bus, HP_REG_ENABLE);
		l->bus->ops->mem_free(l->bus, &l->mem);
	}
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

static uint32_t waiting(const struct hp_link *l)
{
	return l->head - __atomic_load_n(&hp_ring(l)->tail, __ATOMIC_ACQUIRE);
}

/* The answer to a load says that the bells before it were served; then the processor is given away. */
static int let_it_work(struct hp_link *l, uint64_t until)
{
	struct timespec t = { 0, 20000 };

	hp_reg_rd(l->bus, HP_REG_BELL);
	if (clock_ns() >= until)
		return -ETIMEDOUT;
	if (hp_reg_rd(l->bus, HP_REG_ENABLE) != HP_SESSION_ON)
		return -EIO;
	nanosleep(&t, NULL);
	return 0;
}

static void ring_bell(struct hp_link *l)
{
	l->rung = l->head;
	l->bells++;
	reg_wr(l->bus, HP_REG_BELL, l->head);
}

/* Posted requests that nobody rang for count too: the mediator may have gone to sleep before them. */
static void ring_if_due(struct hp_link *l)
{
	uint32_t from = l->rung;

	l->rung = l->head;
	if (l->features & HP_FEAT_BELL &&
	    !hp_bell_due(__atomic_load_n(&hp_ring(l)->bell, __ATOMIC_SEQ_CST), from, l->head))
		l->spared++;
	else
		ring_bell(l);
}

static int make_room(struct hp_link *l, uint32_t slots)
{
	uint64_t until = clock_ns() + l->timeout_ns;
	int err = 0;

	while (!err && waiting(l) + slots > HP_SLOTS) {
		ring_bell(l);
		if (waiting(l) + slots > HP_SLOTS)
			err = let_it_work(l, until);
	}
	return err;
}

static void put(struct hp_link *l, uint32_t slot, const void *from, size_t len)
{
	uint8_t *slots = (uint8_t *)l->mem.cpu + HP_SLOTS_OFF;
	size_t at = (size_t)(slot % HP_SLOTS) * HP_SLOT_LEN, end = HP_SLOTS * HP_SLOT_LEN - at;

	memcpy(slots + at, from, len < end ? len : end);
	if (len > end)
		memcpy(slots, (const uint8_t *)from + end, len - end);
}

int hp_post(struct hp_link *l, struct hp_req *req, const void *rest, size_t len, bool bell)
{
	uint32_t slots = 1 + (uint32_t)((len + HP_SLOT_LEN - 1) / HP_SLOT_LEN);
	int err;

	req->slots = (uint16_t)slots;
	pthread_mutex_lock(&l->lock);
	err = make_room(l, slots);
	if (!err) {
		put(l, l->head, req, sizeof(*req));
		if (len)
			put(l, l->head + 1, rest, len);
		l->head += slots;
		__atomic_store_n(&hp_ring(l)->head, l->head, __ATOMIC_SEQ_CST);
		if (bell || waiting(l) > QUIET_MAX)
			ring_if_due(l);
	}
	pthread_mutex_unlock(&l->lock);
	return err;
}

static bool answered(const struct hp_link *l)
{
	return __atomic_load_n(&hp_ring(l)->answer.tag, __ATOMIC_ACQUIRE) == l->tag;
}

int hp_call(struct hp_link *l, struct hp_req *req, uint64_t *val)
{
	uint64_t until;
	int err;

	/* 0 is what asks for no answer. */
	l->tag += l->tag == UINT32_MAX ? 2 : 1;
	req->tag = l->tag;
	err = hp_post(l, req, NULL, 0, true);
	for (uint32_t i = 0; i < SPINS && !err && !answered(l); i++)
		__builtin_ia32_pause();
	until = clock_ns() + l->timeout_ns;
	while (!err && !answered(l)) {
		hp_reg_rd(l->bus, HP_REG_BELL);
		if (!answered(l))
			err = let_it_work(l, until);
	}
	if (err)
		return err;
	if (val)
		memcpy(val, hp_ring(l)->answer.val, sizeof(hp_ring(l)->answer.val));
	return hp_ring(l)->answer.error;
}

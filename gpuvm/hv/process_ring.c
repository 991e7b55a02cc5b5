// SPDX-License-Identifier: MIT
/*
 * The mediator's half of a process guest's ring (pv-driver/proc_abi.h).
 *
 * 1. Everything in struct proc_ring is the guest's to overwrite at any moment.
 *    Each field is loaded once with an atomic access, and only the copy is
 *    looked at.  Where we are is kept in proc_guest.pos, never in the ring.
 * 2. `seq` is moved with sequentially consistent exchanges and `waiting` is read
 *    after it; the guest does the opposite order.  So either the guest sees
 *    the new seq or we see that it sleeps.
 */
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gpuvm/hv/process_impl.h"

_Static_assert((int)PROC_SPACE_CFG == (int)HV_CFG && (int)PROC_SPACE_BAR0 == (int)HV_BAR0 &&
	       (int)PROC_SPACE_BAR1 == (int)HV_BAR1 && (int)PROC_SPACE_BAR3 == (int)HV_BAR3 &&
	       (int)PROC_SPACE_PV == (int)HV_BAR_PV && NR_HV_SPACES == 5, "wire values are hv_space");

static struct proc_slot *ring_slot(const struct proc_guest *g)
{
	return &g->ring->slot[g->pos % PROC_SLOTS];
}

static void ring_wake(struct proc_guest *g, struct proc_slot *s)
{
	if (!__atomic_load_n(&s->waiting, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&s->waiting, 0, __ATOMIC_SEQ_CST);
	if (g->wake)
		g->wake(g);
	else
		syscall(SYS_futex, &s->waiting, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	g->stats.wakes++;
}

void proc_ring_init(struct proc_guest *g)
{
	struct proc_ring *r = g->ring;

	/* page[] is fresh memory on every port. */
	memset(r, 0, sizeof *r);
	r->magic = PROC_MAGIC;
	r->version = PROC_ABI_VERSION;
	r->ram_len = g->g.ram_len;
	r->flags = g->posted ? PROC_FLAG_POSTED : 0;
	memcpy(r->bar_len, g->bar_len, sizeof r->bar_len);
	for (unsigned int i = 0; i < PROC_SLOTS; i++)
		r->slot[i].seq = i;
}

bool proc_ring_filled(const struct proc_guest *g)
{
	return __atomic_load_n(&ring_slot(g)->seq, __ATOMIC_ACQUIRE) == g->pos + 1;
}

static uint64_t ring_space_len(const struct proc_guest *g, uint8_t space)
{
	switch (space) {
	case PROC_SPACE_CFG:
		return PROC_CFG_LEN;
	case PROC_SPACE_BAR0:
		return g->bar_len[0];
	case PROC_SPACE_BAR1:
		return g->bar_len[1];
	case PROC_SPACE_BAR3:
		return g->bar_len[3];
	case PROC_SPACE_PV:
		return g->bar_len[PROC_BAR_PV];
	default:
		return 0;
	}
}

int proc_ring_get(struct proc_guest *g, struct hv_access *acc)
{
	struct proc_slot *s = ring_slot(g);
	uint8_t space, write, size;

	if (!proc_ring_filled(g))
		return 0;
	space = __atomic_load_n(&s->space, __ATOMIC_RELAXED);
	size = __atomic_load_n(&s->size, __ATOMIC_RELAXED);
	write = __atomic_load_n(&s->write, __ATOMIC_RELAXED);
	*acc = (struct hv_access){
		.off = __atomic_load_n(&s->off, __ATOMIC_RELAXED),
		.val = __atomic_load_n(&s->val, __ATOMIC_RELAXED),
		.size = size,
		.write = write & 1,
	};
	if (space == PROC_SPACE_FILE && !write && size == 4)
		return PROC_RING_FILE;
	if (write > 1 || (size != 1 && size != 2 && size != 4 && size != 8) ||
	    !range_ok(acc->off, size, ring_space_len(g, space)))
		return -EINVAL;
	acc->space = (enum hv_space)space;
	acc->val = acc->write ? bits_get(acc->val, size * 8 - 1, 0) : 0;
	return 1;
}

void proc_ring_put(struct proc_guest *g, bool write, uint64_t val)
{
	struct proc_slot *s = ring_slot(g);
	uint64_t next = write && g->posted ? g->pos + PROC_SLOTS : g->pos + 2;

	if (!write)
		__atomic_store_n(&s->val, val, __ATOMIC_RELAXED);
	__atomic_exchange_n(&s->seq, next, __ATOMIC_SEQ_CST);
	ring_wake(g, s);
	g->pos++;
}

bool proc_ring_sleep(struct proc_guest *g)
{
	__atomic_store_n(&g->ring->asleep, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&ring_slot(g)->seq, __ATOMIC_SEQ_CST) != g->pos + 1)
		return false;
	proc_ring_awake(g);
	return true;
}

void proc_ring_awake(struct proc_guest *g)
{
	__atomic_store_n(&g->ring->asleep, 0, __ATOMIC_RELAXED);
}

void proc_ring_mend(struct proc_guest *g, uint64_t now_ns)
{
	uint64_t head = __atomic_load_n(&g->ring->head, __ATOMIC_ACQUIRE);
	struct proc_slot *s = ring_slot(g);

	if (proc_ring_filled(g) || (int64_t)(head - g->pos) <= 0) {
		g->hole_since = 0;
		return;
	}
	if (!g->hole_since || g->hole_pos != g->pos) {
		g->hole_pos = g->pos;
		g->hole_since = now_ns;
		return;
	}
	if (now_ns - g->hole_since < PROC_HOLE_NS)
		return;
	__atomic_exchange_n(&s->seq, g->pos + PROC_SLOTS, __ATOMIC_SEQ_CST);
	ring_wake(g, s);
	g->pos++;
	g->stats.holes++;
	g->hole_since = 0;
}

void proc_ring_dead(struct proc_guest *g, const char *why)
{
	struct proc_ring *r = g->ring;
	char text[sizeof r->why] = { 0 };

	snprintf(text, sizeof text, "%s", why);
	memcpy(r->why, text, sizeof text);
	__atomic_store_n(&r->dead, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < PROC_SLOTS; i++)
		ring_wake(g, &r->slot[i]);
}

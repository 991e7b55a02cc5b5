// SPDX-License-Identifier: MIT
/*
 * The TLB's slots.  Each is guarded by a sequence number: odd while the single
 * writer (under the lock) changes it.  A reader that sees the number move
 * calls it a miss and walks; that is always right.
 */
#include "gpuvm/dev/sim/tlb.h"

#include <pthread.h>
#include <stdatomic.h>

#include "gpuvm/base/mem.h"

/* Direct-mapped; 4096 small pages reach 16 MiB, large ones 512 MiB.  The real size is UNK. */
#define TLB_SHIFT 12

struct tlb_slot {
	_Atomic uint64_t seq;
	_Atomic uint64_t key; /* 0: empty */
	_Atomic uint64_t pte;
};

struct tlb {
	pthread_mutex_t lock; /* writers */
	_Atomic uint64_t generation;
	struct tlb_slot slot[1 << TLB_SHIFT];
};

struct tlb *tlb_new(void)
{
	struct tlb *t = mem_new(struct tlb);

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

void tlb_free(struct tlb *t)
{
	if (t)
		pthread_mutex_destroy(&t->lock);
	mem_free(t);
}

static struct tlb_slot *slot_of(struct tlb *t, uint64_t key)
{
	return &t->slot[key * 0x9e3779b97f4a7c15ull >> (64 - TLB_SHIFT)];
}

bool tlb_lookup(struct tlb *t, uint64_t key, uint64_t *pte)
{
	struct tlb_slot *s = slot_of(t, key);
	uint64_t seq = atomic_load_explicit(&s->seq, memory_order_acquire);

	if (seq & 1 || atomic_load_explicit(&s->key, memory_order_acquire) != key)
		return false;
	*pte = atomic_load_explicit(&s->pte, memory_order_acquire);
	return atomic_load_explicit(&s->seq, memory_order_relaxed) == seq;
}

uint64_t tlb_generation(struct tlb *t)
{
	return atomic_load_explicit(&t->generation, memory_order_acquire);
}

/* Lock held.  Stores with release order keep key and pte behind the odd sequence number. */
static void slot_set(struct tlb_slot *s, uint64_t key, uint64_t pte)
{
	uint64_t seq = atomic_load_explicit(&s->seq, memory_order_relaxed);

	atomic_store_explicit(&s->seq, seq + 1, memory_order_relaxed);
	atomic_store_explicit(&s->key, key, memory_order_release);
	atomic_store_explicit(&s->pte, pte, memory_order_release);
	atomic_store_explicit(&s->seq, seq + 2, memory_order_release);
}

void tlb_insert(struct tlb *t, uint64_t key, uint64_t pte, uint64_t generation)
{
	pthread_mutex_lock(&t->lock);
	if (generation == atomic_load_explicit(&t->generation, memory_order_relaxed))
		slot_set(slot_of(t, key), key, pte);
	pthread_mutex_unlock(&t->lock);
}

void tlb_drop(struct tlb *t, uint64_t match, uint64_t mask)
{
	pthread_mutex_lock(&t->lock);
	atomic_fetch_add_explicit(&t->generation, 1, memory_order_acq_rel);
	for (int i = 0; i < 1 << TLB_SHIFT; i++) {
		uint64_t key = atomic_load_explicit(&t->slot[i].key, memory_order_relaxed);

		if (key && (key & mask) == (match & mask))
			slot_set(&t->slot[i], 0, 0);
	}
	pthread_mutex_unlock(&t->lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * An intrusive priority queue (pairing heap): smallest key first, ties by the
 * smaller tie.  Nothing is allocated, so insertion cannot fail; every
 * operation is O(log n) amortised, first is O(1).
 *
 * Keys are compared by signed difference: they may wrap, as long as those in
 * one heap lie within 2^63 of each other.
 */
#ifndef SCHEDULER_HEAP_H
#define SCHEDULER_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct sched_heap_node {
	uint64_t key, tie;
	struct sched_heap_node *child, *next, *prev; /* prev: left sibling, or parent of a first child */
	bool in;
};

struct sched_heap {
	struct sched_heap_node *root;
	uint32_t nr;
};

/* n is in no heap; key and tie are set here. */
void sched_heap_add(struct sched_heap *, struct sched_heap_node *n, uint64_t key, uint64_t tie);
/* Does nothing to a node that is in no heap. */
void sched_heap_del(struct sched_heap *, struct sched_heap_node *n);
/* As del and add. */
void sched_heap_move(struct sched_heap *, struct sched_heap_node *n, uint64_t key, uint64_t tie);

static inline struct sched_heap_node *sched_heap_first(const struct sched_heap *h)
{
	return h->root;
}

#endif

// SPDX-License-Identifier: MIT
/*
 * The pairing heap.  Always true: the root has no sibling, a parent is never
 * behind its children, and n->in says whether n is in a heap.
 */
#include "scheduler/heap.h"

#include <assert.h>
#include <stddef.h>

static bool before(const struct sched_heap_node *a, const struct sched_heap_node *b)
{
	int64_t d = (int64_t)(a->key - b->key);

	return d ? d < 0 : a->tie < b->tie;
}

/* One heap of two; either may be NULL. */
static struct sched_heap_node *meld(struct sched_heap_node *a, struct sched_heap_node *b)
{
	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		struct sched_heap_node *t = a;

		a = b;
		b = t;
	}
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* Melds a list of siblings: in pairs from the left, then the pairs from the right. */
static struct sched_heap_node *meld_children(struct sched_heap_node *first)
{
	struct sched_heap_node *pairs = NULL, *root = NULL;

	while (first) {
		struct sched_heap_node *a = first, *b = a->next;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct sched_heap_node *n = pairs;

		pairs = n->next;
		n->next = NULL;
		root = meld(root, n);
	}
	return root;
}

void sched_heap_add(struct sched_heap *h, struct sched_heap_node *n, uint64_t key, uint64_t tie)
{
	assert(!n->in);
	*n = (struct sched_heap_node){ .key = key, .tie = tie, .in = true };
	h->root = meld(h->root, n);
	h->nr++;
}

void sched_heap_del(struct sched_heap *h, struct sched_heap_node *n)
{
	struct sched_heap_node *rest;

	if (!n->in)
		return;
	rest = meld_children(n->child);
	if (n == h->root) {
		h->root = rest;
	} else {
		if (n->prev->child == n)
			n->prev->child = n->next;
		else
			n->prev->next = n->next;
		if (n->next)
			n->next->prev = n->prev;
		h->root = meld(h->root, rest);
	}
	n->child = n->next = n->prev = NULL;
	n->in = false;
	h->nr--;
}

void sched_heap_move(struct sched_heap *h, struct sched_heap_node *n, uint64_t key, uint64_t tie)
{
	sched_heap_del(h, n);
	sched_heap_add(h, n, key, tie);
}

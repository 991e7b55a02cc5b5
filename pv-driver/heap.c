// SPDX-License-Identifier: MIT
/*
 * Ranges of an address space: who has which stretch of VRAM, of a GPU address
 * space, of a BAR.
 *
 *  1. The nodes stand in address order and never overlap; a hole between two
 *     nodes was never given to the heap.
 *  2. Two neighbours that touch are never both free.
 *  3. Freeing needs no memory: the node a caller holds becomes the free one.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/private.h"

void heap_init(struct heap *h)
{
	list_init(&h->nodes);
}

void heap_fini(struct heap *h)
{
	struct heap_node *n, *tmp;

	if (!h->nodes.next)
		return;
	list_for_each_safe(n, tmp, &h->nodes, node) {
		list_del(&n->node);
		mem_free(n);
	}
}

static struct heap_node *node_new(uint64_t at, uint64_t len)
{
	struct heap_node *n = mem_new(struct heap_node);

	if (n) {
		list_init(&n->node);
		n->at = at;
		n->len = len;
	}
	return n;
}

/* Joins n with the node behind it if both are free and touch. */
static void join_next(struct heap *h, struct heap_node *n)
{
	struct heap_node *next;

	if (n->node.next == &h->nodes)
		return;
	next = list_entry(n->node.next, struct heap_node, node);
	if (n->used || next->used || n->at + n->len != next->at)
		return;
	n->len += next->len;
	list_del(&next->node);
	mem_free(next);
}

static void join_around(struct heap *h, struct heap_node *n)
{
	join_next(h, n);
	if (n->node.prev != &h->nodes)
		join_next(h, list_entry(n->node.prev, struct heap_node, node));
}

int heap_add(struct heap *h, uint64_t at, uint64_t len)
{
	struct heap_node *n = node_new(at, len), *pos;
	struct list *before = &h->nodes;

	if (!n)
		return -ENOMEM;
	list_for_each(pos, &h->nodes, node) {
		if (pos->at > at) {
			before = &pos->node;
			break;
		}
	}
	list_add_between(&n->node, before->prev, before);
	join_around(h, n);
	return 0;
}

/* Where len bytes fit into n, or -1. */
static int fit(const struct heap_node *n, uint64_t len, uint64_t align, bool from_top,
	       uint64_t *at)
{
	uint64_t start = align_up(n->at, align), end = n->at + n->len;

	if (n->used || start < n->at || start > end || end - start < len)
		return -1;
	*at = from_top ? align_down(end - len, align) : start;
	return 0;
}

/* Cuts n into [before][at, at+len)[behind]; n becomes the middle. */
static int carve(struct heap_node *n, uint64_t at, uint64_t len)
{
	uint64_t before = at - n->at, behind = n->at + n->len - (at + len);
	struct heap_node *b = before ? node_new(n->at, before) : NULL;
	struct heap_node *a = behind ? node_new(at + len, behind) : NULL;

	if ((before && !b) || (behind && !a)) {
		mem_free(b);
		mem_free(a);
		return -ENOMEM;
	}
	if (b)
		list_add_between(&b->node, n->node.prev, &n->node);
	if (a)
		list_add_between(&a->node, &n->node, n->node.next);
	n->at = at;
	n->len = len;
	n->used = true;
	return 0;
}

int heap_alloc(struct heap *h, uint64_t len, uint64_t align, bool from_top, struct heap_node **out)
{
	struct heap_node *n;
	struct list *l;
	uint64_t at;
	int err;

	if (!len)
		return -EINVAL;
	for (l = from_top ? h->nodes.prev : h->nodes.next; l != &h->nodes;
	     l = from_top ? l->prev : l->next) {
		n = list_entry(l, struct heap_node, node);
		if (fit(n, len, align, from_top, &at))
			continue;
		err = carve(n, at, len);
		if (!err)
			*out = n;
		return err;
	}
	return -ENOSPC;
}

void heap_free(struct heap *h, struct heap_node *n)
{
	if (!n)
		return;
	n->used = false;
	join_around(h, n);
}

uint64_t heap_avail(const struct heap *h)
{
	const struct heap_node *n;
	uint64_t sum = 0;

	list_for_each(n, &h->nodes, node)
		sum += n->used ? 0 : n->len;
	return sum;
}

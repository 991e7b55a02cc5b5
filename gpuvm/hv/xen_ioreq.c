// SPDX-License-Identifier: MIT
/*
 * I/O requests of a domain.
 *
 * 1. A request lies in a page that only Xen and this program write; it is taken
 *    out once all the same, and goes back with an answer whatever it asked for:
 *    a virtual processor waits for it.
 * 2. What lies in no range of the guest's, or is not understood, is answered
 *    with ones and counted.
 * 3. A string operation is as many accesses as it has elements, in the order of
 *    the instruction; an element of guest memory that is not there reads as ones
 *    and takes no write.
 */
#include <string.h>

#include "gpuvm/hv/xen_impl.h"

#define PAGE 4096ull

static uint64_t ones(unsigned int size)
{
	return size < 8 ? (1ull << 8 * size) - 1 : UINT64_MAX;
}

void xen_access(struct xen_guest *g, enum hv_space space, uint32_t off, uint8_t size, bool write,
		uint64_t *val)
{
	struct hv_access a = { .space = space, .off = off, .size = size, .write = write };
	struct hv *h = g->g.hv;

	if (write)
		a.val = *val & ones(size);
	if (!g->attached) {
		*val = ones(size);
		return;
	}
	h->up->access(h->core, &g->g, &a);
	if (!write)
		*val = a.val;
}

static void rom_read(const struct xen_guest *g, uint64_t off, unsigned int size, uint64_t *val)
{
	*val = 0;
	memcpy(val, g->rom + off, size);
}

/* A store to a page that is watched: Xen left it to us. */
static void tracked(struct xen_guest *g, uint64_t at, unsigned int size, bool write, uint64_t *val)
{
	struct hv *h = g->g.hv;

	if (!write) {
		if (xen_ram_read(&g->g, gpa(at), val, size))
			*val = ones(size);
		return;
	}
	g->stats.tracked++;
	if (!xen_ram_write(&g->g, gpa(at), val, size))
		h->up->written(h->core, &g->g, gpa(at & ~(PAGE - 1)));
}

static void memory(struct xen_guest *g, uint64_t at, unsigned int size, bool write, uint64_t *val)
{
	const struct xen_range *r = xen_range_find(g, at, size);

	if (r && r->rom) {
		if (!write)
			rom_read(g, at - r->at, size, val);
	} else if (r) {
		xen_access(g, r->space, (uint32_t)(at - r->at), (uint8_t)size, write, val);
	} else if (xen_watches(g, at / PAGE)) {
		tracked(g, at, size, write, val);
	} else {
		g->stats.stray++;
		if (!write)
			*val = ones(size);
	}
}

typedef void (*element_fn)(struct xen_guest *, struct ioreq *one);

static void memory_element(struct xen_guest *g, struct ioreq *one)
{
	memory(g, one->addr, one->size, one->dir == IOREQ_WRITE, &one->data);
}

/* r->data is the value, or the guest-physical address of count of them. */
static unsigned int elements(struct xen_guest *g, struct ioreq *r, element_fn fn, bool addr_moves)
{
	int64_t step = r->df ? -(int64_t)r->size : (int64_t)r->size;
	uint64_t mem = r->data;

	g->stats.strings += r->data_is_ptr;
	for (uint32_t i = 0; i < r->count; i++) {
		struct ioreq one = *r;

		if (addr_moves)
			one.addr = r->addr + (uint64_t)(step * i);
		one.data_is_ptr = 0;
		if (r->data_is_ptr && r->dir == IOREQ_WRITE) {
			one.data = 0;
			if (xen_ram_read(&g->g, gpa(mem + (uint64_t)(step * i)), &one.data, r->size))
				continue;
		}
		fn(g, &one);
		if (r->dir == IOREQ_WRITE)
			continue;
		if (r->data_is_ptr)
			xen_ram_write(&g->g, gpa(mem + (uint64_t)(step * i)), &one.data, r->size);
		else
			r->data = one.data;
	}
	g->stats.accesses += r->count;
	return r->count ? r->count : 1;
}

/* The accesses it was. */
static unsigned int request(struct xen_guest *g, struct ioreq *r)
{
	g->stats.requests++;
	if (r->size > 8 || !r->size || r->size & (r->size - 1)) {
		g->stats.stray++;
		r->data = UINT64_MAX;
		return 1;
	}
	switch (r->type) {
	case IOREQ_TYPE_COPY: return elements(g, r, memory_element, true);
	case IOREQ_TYPE_PCI_CONFIG: return elements(g, r, xen_config, false);
	case IOREQ_TYPE_PIO: return elements(g, r, xen_port_io, false);
	case IOREQ_TYPE_INVALIDATE: xen_ram_stale(g); return 1;
	default:
		g->stats.stray++;
		if (r->dir == IOREQ_READ)
			r->data = UINT64_MAX;
		return 1;
	}
}

static unsigned int serve_vcpu(struct xen_guest *g, unsigned int i)
{
	struct ioreq *shared = &g->vcpu[i], r;
	unsigned int n;

	if (shared->state != STATE_IOREQ_READY)
		return 0;
	/* The state says that the rest is there: not before it. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	r = *shared;
	shared->state = STATE_IOREQ_INPROCESS;
	n = request(g, &r);
	shared->data = r.data;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	shared->state = STATE_IORESP_READY;
	xenevtchn_notify(xen_port(g)->ev, (evtchn_port_t)g->port[i]);
	return n;
}

/* One posted request; several slots when it is 8 bytes. */
static unsigned int buffered_one(struct xen_guest *g, uint32_t *at)
{
	struct buf_ioreq *b = &g->buffered->buf_ioreq[*at % IOREQ_BUFFER_SLOT_NUM];
	struct ioreq r = { .addr = b->addr, .data = b->data, .size = 1u << b->size, .count = 1,
			   .dir = b->dir, .type = b->type };

	++*at;
	if (r.size == 8) {
		b = &g->buffered->buf_ioreq[(*at)++ % IOREQ_BUFFER_SLOT_NUM];
		r.data |= (uint64_t)b->data << 32;
	}
	g->stats.buffered++;
	return request(g, &r);
}

/* The two indices are one word to Xen, which moves the other one meanwhile. */
static unsigned int serve_buffered(struct xen_guest *g, unsigned int most)
{
	struct buffered_iopage *b = g->buffered;
	unsigned int n = 0;

	while (b && n < most) {
		uint32_t from = __atomic_load_n(&b->read_pointer, __ATOMIC_RELAXED), at = from;

		if (at == __atomic_load_n(&b->write_pointer, __ATOMIC_ACQUIRE))
			break;
		n += buffered_one(g, &at);
		__atomic_add_fetch(&b->read_pointer, at - from, __ATOMIC_RELEASE);
	}
	return n;
}

unsigned int xen_serve(struct xen_guest *g, unsigned int most)
{
	/* Posted ones came first: what a processor waits for may depend on them. */
	unsigned int n = serve_buffered(g, most), before;

	do {
		before = n;
		for (uint32_t i = 0; i < g->nr_vcpus && n < most && !g->dying; i++)
			n += serve_vcpu(g, i);
	} while (n != before && n < most && !g->dying);
	if (n < most)
		g->more = false;
	xen_irq_settle(g);
	return n;
}

/* SPDX-License-Identifier: MIT */
/*
 * A domain by hand against the port for domains without traps: it publishes
 * what a test says, and the core it faces counts.
 */
#ifndef TESTS_UNIT_HV_PVBACK_HAND_H
#define TESTS_UNIT_HV_PVBACK_HAND_H

#include "gpuvm/hv/pvback_impl.h"
#include "tests/unit/hv/fakexen_back.h"

#define H_RAM 32u /* pages */
#define H_MODE "hp-pv"

struct hcore {
	unsigned int attached, detached, accesses, resets, grants;
	unsigned int busy; /* revokes that find the card still at it */
	int attach_err, grant_err;
	bool granted;
	uint64_t reg;
};

static inline int hc_attach(void *cp, struct hv_guest *g)
{
	struct hcore *c = cp;

	if (c->attach_err)
		return c->attach_err;
	c->attached++;
	g->vgpu = c;
	return 0;
}

static inline void hc_detach(void *cp, struct hv_guest *g)
{
	struct hcore *c = cp;

	(void)g;
	c->detached++;
	c->granted = false;
}

static inline int hc_access(void *cp, struct hv_guest *g, struct hv_access *a)
{
	struct hcore *c = cp;

	(void)g;
	c->accesses++;
	if (a->write)
		c->reg = a->val;
	else
		a->val = c->reg;
	return 0;
}

static inline int hc_revoke(void *cp, struct hv_guest *g, gpa_t start, uint64_t len)
{
	struct hcore *c = cp;

	(void)g;
	assert_int_equal(gpa_x(start), 0);
	assert_true(len > 0);
	if (c->busy) {
		c->busy--;
		return -EBUSY;
	}
	c->granted = false;
	return 0;
}

static inline void hc_reset(void *cp, struct hv_guest *g)
{
	(void)g;
	((struct hcore *)cp)->resets++;
}

static inline int hc_grant(void *cp, struct hv_guest *g, const struct hv_ram *r)
{
	struct hcore *c = cp;

	(void)g;
	assert_int_equal(gpa_x(r->gpa), 0);
	if (c->grant_err)
		return c->grant_err;
	c->grants++;
	c->granted = true;
	return 0;
}

static const struct hv_up hc_up = { .attach = hc_attach, .detach = hc_detach, .access = hc_access,
				    .revoke = hc_revoke, .reset = hc_reset, .grant = hc_grant };

struct hand {
	struct fx x;
	struct hcore core;
	struct hv *hv;
	struct hv_guest *g;
	/* What the domain granted. */
	int index_fd, ring_fd, ram_fd;
	struct xen_pv_index *index;
	uint32_t *list; /* the first list page */
	struct proc_ring *ring;
	uint8_t *ram;
	uint32_t ring_pages, index_ref, port;
	uint64_t pos;
};

static const struct hv_pvback_cfg hand_cfg = {
	.name = "dom", .domid = FX_DOM, .mode = H_MODE, .keep = "{}", .bar_len = { [PROC_BAR_PV] = 4096 }
};

static inline void hand_dispatch(struct hand *h)
{
	/* Events are looked at at least once in so many. */
	for (int i = 0; i < 20; i++)
		assert_true(hv_dispatch(h->hv, 1000) >= 0);
}

static inline void *hand_map(int fd, uint32_t pages)
{
	void *p = mmap(NULL, pages * 4096ul, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

/* Pages and a port of its own; nothing is said. */
static inline void hand_memory(struct hand *h)
{
	uint32_t n, refs[2] = { 0 }, *all;

	h->ring_pages = (uint32_t)atoi(fx_get(&h->x, FX_BACK "/ring-pages"));
	n = h->ring_pages + H_RAM;
	all = calloc(n, sizeof *all);
	assert_int_equal(fx_grant(&h->x, h->ring_pages, all, &h->ring_fd), 0);
	assert_int_equal(fx_grant(&h->x, H_RAM, all + h->ring_pages, &h->ram_fd), 0);
	assert_int_equal(fx_grant(&h->x, 2, refs, &h->index_fd), 0);
	h->index = hand_map(h->index_fd, 2);
	h->list = (uint32_t *)(h->index + 1);
	h->ring = hand_map(h->ring_fd, h->ring_pages);
	h->ram = hand_map(h->ram_fd, H_RAM);
	memcpy(h->list, all, n * sizeof *all);
	*h->index = (struct xen_pv_index){ .magic = XEN_PV_MAGIC, .version = XEN_PV_VERSION,
					   .ring_pages = h->ring_pages, .ram_pages = H_RAM,
					   .front_alive = 1 };
	h->index->list[0] = refs[1];
	h->index_ref = refs[0];
	h->port = fx_port(&h->x);
	h->pos = 0;
	free(all);
}

static inline void hand_memory_free(struct hand *h)
{
	if (!h->index)
		return;
	munmap(h->index, 8192);
	munmap(h->ring, h->ring_pages * 4096ul);
	munmap(h->ram, H_RAM * 4096ul);
	for (uint32_t i = 0; i < FX_PAGES; i++)
		h->x.page[i].fd = -1;
	close(h->index_fd);
	close(h->ring_fd);
	close(h->ram_fd);
	h->index = NULL;
}

static inline void hand_publish(struct hand *h)
{
	fx_say_n(&h->x, "version", XEN_PV_VERSION);
	fx_say_n(&h->x, "index-ref", h->index_ref);
	fx_say_n(&h->x, "event-channel", h->port);
	fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
	hand_dispatch(h);
}

static inline unsigned int hand_back(struct hand *h)
{
	return fx_state(&h->x, FX_BACK);
}

static inline void hand_connect(struct hand *h)
{
	if (!h->index)
		hand_memory(h);
	fx_say_n(&h->x, "state", XEN_PV_INITIALISING);
	hand_dispatch(h);
	assert_int_equal(hand_back(h), XEN_PV_INIT_WAIT);
	hand_publish(h);
}

static inline int hand_setup(void **state)
{
	struct hand *h = calloc(1, sizeof *h);

	fx_open(&h->x);
	*state = h;
	return hv_pvback_open(&hc_up, &h->core, NULL, &h->x.back, &h->hv) ||
	       hv_pvback_guest_new(h->hv, &hand_cfg, &h->g);
}

static inline int hand_teardown(void **state)
{
	struct hand *h = *state;

	hv_close(h->hv);
	/* Whatever happened: nothing of the domain's is mapped, no port is bound. */
	assert_int_equal(h->x.mapped, 0);
	for (unsigned int i = 0; i < FX_PORTS; i++)
		assert_false(h->x.bound[i]);
	assert_int_equal(h->core.attached, h->core.detached);
	assert_false(h->x.open);
	hand_memory_free(h);
	fx_close(&h->x);
	free(h);
	return 0;
}

static inline struct proc_slot *hand_put(struct hand *h, uint8_t space, uint32_t off, uint8_t write,
					 uint64_t val)
{
	uint64_t p = h->pos++;
	struct proc_slot *s = &h->ring->slot[p % PROC_SLOTS];

	assert_int_equal(__atomic_load_n(&s->seq, __ATOMIC_ACQUIRE), p);
	h->ring->head = h->pos;
	s->space = space;
	s->off = off;
	s->size = 4;
	s->write = write;
	s->val = val;
	__atomic_store_n(&s->seq, p + 1, __ATOMIC_SEQ_CST);
	return s;
}

#endif

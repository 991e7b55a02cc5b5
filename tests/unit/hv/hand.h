/* SPDX-License-Identifier: MIT */
/*
 * A process guest by hand, for tests of the mediator's half: it writes the
 * ring itself, and the core it faces has 16 registers and a hook.
 */
#ifndef TESTS_UNIT_HV_HAND_H
#define TESTS_UNIT_HV_HAND_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvm/hv/process_impl.h"

#define RAM (1u << 20)

struct core {
	unsigned int attached, detached, accesses, in_access;
	int attach_err;
	struct hv_access last;
	struct hv_guest *last_guest;
	/* What an access does besides answering. */
	void (*during)(struct core *, struct hv_guest *, struct hv_access *);
	void *arg;
	uint64_t reg[16];
};

static int up_attach(void *c, struct hv_guest *g)
{
	struct core *core = c;

	if (core->attach_err)
		return core->attach_err;
	core->attached++;
	g->vgpu = core;
	return 0;
}

static void up_detach(void *c, struct hv_guest *g)
{
	struct core *core = c;

	assert_ptr_equal(g->vgpu, c);
	/* Never below an access: the port may not free what it is serving. */
	assert_int_equal(core->in_access, 0);
	core->detached++;
}

static int up_access(void *c, struct hv_guest *g, struct hv_access *a)
{
	struct core *core = c;

	core->accesses++;
	core->last = *a;
	core->last_guest = g;
	core->in_access++;
	if (core->during)
		core->during(core, g, a);
	if (a->write)
		core->reg[a->off / 8 % 16] = a->val;
	else
		a->val = core->reg[a->off / 8 % 16];
	core->in_access--;
	return 0;
}

static const struct hv_up up = { .attach = up_attach, .detach = up_detach, .access = up_access };

/* A guest by hand. */
struct hand {
	struct hv_guest *g;
	struct hv_process_fds fds;
	struct proc_ring *ring;
	uint64_t pos;
};

struct fix {
	struct core core;
	struct hv *hv;
	struct hand a, b;
	bool posted;
};

static const struct hv_process_cfg cfg = {
	.name = "hand", .ram_len = RAM, .bar_len = { 1 << 20, 1 << 21, 0, 1 << 20, 0, 4096 }, .posted = true
};

static void hand_fds_close(struct hv_process_fds *f)
{
	int *fd[] = { &f->ring, &f->ram, &f->irq, &f->kick, &f->life };

	for (int i = 0; i < 5; i++) {
		if (*fd[i] >= 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
}

static int hand_new(struct hv *hv, struct hand *h)
{
	int err = hv_process_guest_new(hv, &cfg, &h->g, &h->fds);

	if (err)
		return err;
	h->pos = 0;
	h->ring = mmap(NULL, sizeof *h->ring, PROT_READ | PROT_WRITE, MAP_SHARED, h->fds.ring, 0);
	assert_ptr_not_equal(h->ring, MAP_FAILED);
	return 0;
}

static void hand_free(struct hand *h)
{
	if (h->ring)
		munmap(h->ring, sizeof *h->ring);
	h->ring = NULL;
	hand_fds_close(&h->fds);
}

static int setup(void **state)
{
	static struct fix f;

	memset(&f, 0, sizeof f);
	*state = &f;
	return hv_process_open(&up, &f.core, NULL, &f.hv) || hand_new(f.hv, &f.a) || hand_new(f.hv, &f.b);
}

static int teardown(void **state)
{
	struct fix *f = *state;

	hv_close(f->hv);
	hand_free(&f->a);
	hand_free(&f->b);
	assert_int_equal(f->core.attached, f->core.detached);
	return 0;
}

static struct proc_slot *hand_put(struct hand *h, uint8_t space, uint32_t off, uint8_t size, uint8_t write,
				  uint64_t val)
{
	uint64_t p = h->pos++;
	struct proc_slot *s = &h->ring->slot[p % PROC_SLOTS];

	assert_int_equal(__atomic_load_n(&s->seq, __ATOMIC_ACQUIRE), p);
	h->ring->head = h->pos;
	s->space = space;
	s->off = off;
	s->size = size;
	s->write = write;
	s->val = val;
	__atomic_store_n(&s->seq, p + 1, __ATOMIC_SEQ_CST);
	return s;
}

/* The answer to the load just put; frees the slot. */
static uint64_t hand_take(struct hand *h, struct proc_slot *s)
{
	assert_int_equal(__atomic_load_n(&s->seq, __ATOMIC_ACQUIRE), h->pos + 1);
	s->seq = h->pos - 1 + PROC_SLOTS;
	return s->val;
}

static inline bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

#endif

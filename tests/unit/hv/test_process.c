// SPDX-License-Identifier: MIT
/*
 * The mediator's half of the process port, against a guest that writes the ring
 * by hand: well-formed, malformed, and hostile.  Guests that really trap are in
 * tests/guest/test_bus_guest.c.
 */
#include "tests/t.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpuvm/base/mem.h"
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

static void test_fds(void **state)
{
	struct fix *f = *state;
	struct hand *h = &f->a;

	assert_int_equal(h->ring->magic, PROC_MAGIC);
	assert_int_equal(h->ring->version, PROC_ABI_VERSION);
	assert_int_equal(h->ring->ram_len, RAM);
	assert_int_equal(h->ring->bar_len[1], 1 << 21);
	assert_int_equal(h->ring->flags, PROC_FLAG_POSTED);
	/* Nobody can take memory away from under the mediator. */
	assert_int_equal(ftruncate(h->fds.ram, 0), -1);
	assert_int_equal(ftruncate(h->fds.ring, 4096), -1);
	assert_int_equal(ftruncate(h->fds.ram, RAM * 2), -1);
	assert_int_equal(fcntl(h->fds.ram, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void test_cfg(void **state)
{
	struct fix *f = *state;
	struct hv_process_cfg c = cfg;
	struct hv_process_fds fds;
	struct hv_guest *g;

	c.ram_len = 0;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c.ram_len = 4097;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c.ram_len = (4ull << 30) + 4096;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c.ram_len = 4ull << 30; /* sparse */
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), 0);
	hand_fds_close(&fds);
	c.bar_len[3] = 100;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c = cfg;
	f->core.attach_err = -EPERM;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EPERM);
	assert_int_equal(fds.ring, -1);
}

static void test_access(void **state)
{
	struct fix *f = *state;
	struct proc_slot *s;

	/* Posted stores in order, then a load that sees the last. */
	hand_put(&f->a, PROC_SPACE_BAR0, 8, 4, 1, 0xaaaaaaaa11111111ull);
	hand_put(&f->a, PROC_SPACE_BAR0, 8, 4, 1, 0x22222222);
	s = hand_put(&f->a, PROC_SPACE_BAR0, 8, 4, 0, 0);
	assert_int_equal(hv_dispatch(f->hv, 100), 3);
	assert_int_equal(hand_take(&f->a, s), 0x22222222);
	assert_int_equal(f->core.accesses, 3);
	assert_int_equal(f->a.ring->slot[0].seq, PROC_SLOTS);
	/* A store carries only its size. */
	hand_put(&f->a, PROC_SPACE_BAR1, 3, 1, 1, 0xfff7);
	hv_dispatch(f->hv, 100);
	assert_true(f->core.last.write && f->core.last.size == 1 && f->core.last.val == 0xf7);
	assert_int_equal(f->core.last.space, HV_BAR1);
	/* Round the ring many times. */
	for (unsigned int i = 0; i < 5 * PROC_SLOTS; i++) {
		hand_put(&f->a, PROC_SPACE_BAR3, 16, 8, 1, i);
		s = hand_put(&f->a, PROC_SPACE_BAR3, 16, 8, 0, 0);
		assert_int_equal(hv_dispatch(f->hv, 100), 2);
		assert_int_equal(hand_take(&f->a, s), i);
	}
}

static void test_malformed(void **state)
{
	static const struct {
		uint32_t off;
		uint8_t space, size, write;
	} bad[] = {
		{ 0, 5, 4, 0 },	      { 0, 255, 4, 1 },	 { 0, PROC_SPACE_BAR0, 0, 0 },
		{ 0, PROC_SPACE_BAR0, 3, 0 }, { 0, PROC_SPACE_BAR0, 16, 0 }, { 0, PROC_SPACE_BAR0, 255, 1 },
		{ 0, PROC_SPACE_BAR0, 4, 2 }, { (1 << 20) - 3, PROC_SPACE_BAR0, 4, 0 },
		{ 0xfffffffc, PROC_SPACE_BAR0, 8, 1 }, { 0xffffffff, PROC_SPACE_BAR1, 1, 0 },
		{ 4096, PROC_SPACE_CFG, 1, 0 }, { 4096, PROC_SPACE_PV, 4, 0 }, { 1 << 20, PROC_SPACE_BAR3, 1, 0 },
	};
	struct fix *f = *state;
	struct hv_process_stats st;
	struct proc_slot *s;
	unsigned int n = sizeof bad / sizeof bad[0];

	for (unsigned int i = 0; i < n; i++) {
		s = hand_put(&f->a, bad[i].space, bad[i].off, bad[i].size, bad[i].write, 0);
		assert_int_equal(hv_dispatch(f->hv, 100), 1);
		if (!(bad[i].write & 1))
			assert_true(hand_take(&f->a, s) == ~0ull);
	}
	assert_int_equal(f->core.accesses, 0);
	hv_process_guest_stats(f->a.g, &st);
	assert_int_equal(st.bad, n);
	/* The last byte of each space is well-formed. */
	hand_put(&f->a, PROC_SPACE_BAR0, (1 << 20) - 8, 8, 1, 0);
	hand_put(&f->a, PROC_SPACE_CFG, 4095, 1, 1, 0);
	hand_put(&f->a, PROC_SPACE_PV, 4092, 4, 1, 0);
	hv_dispatch(f->hv, 100);
	assert_int_equal(f->core.accesses, 3);
}

/* A guest that scribbles on everything it can reach while its access is served. */
static void scribble(struct core *c, struct hv_guest *g, struct hv_access *a)
{
	struct hand *h = c->arg;
	struct proc_slot *s = &h->ring->slot[(h->pos - 1) % PROC_SLOTS];

	(void)g;
	assert_int_equal(a->off, 24);
	s->off = 0xffffffff;
	s->space = 77;
	s->size = 200;
	s->write = 1;
	s->val = 5;
	memset(h->ring->bar_len, 0xff, sizeof h->ring->bar_len);
	h->ring->flags = ~0u;
	h->ring->head = 0;
}

static void test_rewritten_while_served(void **state)
{
	struct fix *f = *state;
	struct proc_slot *s = hand_put(&f->a, PROC_SPACE_BAR0, 24, 8, 0, 0);
	struct hv_process_stats st;

	f->core.during = scribble;
	f->core.arg = &f->a;
	f->core.reg[3] = 0x1234;
	assert_int_equal(hv_dispatch(f->hv, 100), 1);
	/* Served as what it was when it was copied: a load of 8 bytes. */
	assert_int_equal(f->core.last.size, 8);
	assert_int_equal(hand_take(&f->a, s), 0x1234);
	hv_process_guest_stats(f->a.g, &st);
	assert_true(st.reads == 1 && st.writes == 0 && st.bad == 0);
	f->core.during = NULL;
	/* bar_len in the ring is not what bounds an access. */
	hand_put(&f->a, PROC_SPACE_BAR0, 1 << 20, 4, 1, 0);
	hv_dispatch(f->hv, 100);
	hv_process_guest_stats(f->a.g, &st);
	assert_int_equal(st.bad, 1);
}

struct flipper {
	struct hand *h;
	bool stop;
};

static void *flip(void *arg)
{
	struct flipper *fl = arg;
	volatile struct proc_slot *s = fl->h->ring->slot;

	for (unsigned int i = 0; !__atomic_load_n(&fl->stop, __ATOMIC_RELAXED); i++) {
		volatile struct proc_slot *t = &s[i % PROC_SLOTS];

		t->space = (uint8_t)(i * 7 >> 3);
		t->size = (uint8_t)(1 << (i * 5 >> 4) % 6);
		t->write = (uint8_t)(i >> 5) % 3;
		t->off = i * 2654435761u;
	}
	return NULL;
}

static void check_sane(struct core *c, struct hv_guest *g, struct hv_access *a)
{
	static const uint64_t len[] = { 4096, 1 << 20, 1 << 21, 1 << 20, 4096 };

	(void)c, (void)g;
	assert_in_range(a->space, 0, NR_HV_SPACES - 1);
	assert_true(a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8);
	assert_true((uint64_t)a->off + a->size <= len[a->space]);
}

/* A second thread of the guest rewrites slots all the time: whatever gets through is well-formed. */
static void test_race(void **state)
{
	struct fix *f = *state;
	struct flipper fl = { .h = &f->a };
	pthread_t th;

	f->core.during = check_sane;
	pthread_create(&th, NULL, flip, &fl);
	for (unsigned int i = 0; i < 20000; i++) {
		struct proc_slot *s = &f->a.ring->slot[i % PROC_SLOTS];

		__atomic_store_n(&s->seq, (uint64_t)i + 1, __ATOMIC_SEQ_CST);
		assert_int_equal(hv_dispatch(f->hv, 1), 1);
	}
	__atomic_store_n(&fl.stop, true, __ATOMIC_RELAXED);
	pthread_join(th, NULL);
}

static void test_fair(void **state)
{
	struct fix *f = *state;
	struct hv_process_stats sa, sb;

	for (unsigned int i = 0; i < PROC_SLOTS; i++)
		hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, i);
	hand_put(&f->b, PROC_SPACE_BAR0, 0, 4, 1, 7);
	/* A budget is kept, and who floods does not go before the other's first access twice. */
	assert_int_equal(hv_dispatch(f->hv, 20), 20);
	assert_int_equal(hv_dispatch(f->hv, 20), 20);
	hv_process_guest_stats(f->a.g, &sa);
	hv_process_guest_stats(f->b.g, &sb);
	assert_int_equal(sa.served, 39);
	assert_int_equal(sb.served, 1);
	while (hv_dispatch(f->hv, 50) > 0)
		;
	hv_process_guest_stats(f->a.g, &sa);
	assert_int_equal(sa.served, PROC_SLOTS);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void kick(struct hand *h)
{
	const uint64_t one = 1;

	if (__atomic_exchange_n(&h->ring->asleep, 0, __ATOMIC_SEQ_CST))
		assert_int_equal(write(h->fds.kick, &one, 8), 8);
}

static void test_sleep(void **state)
{
	struct fix *f = *state;
	int fd = hv_poll_fd(f->hv);

	assert_int_equal(hv_dispatch(f->hv, 10), 0);
	assert_false(hv_arm(f->hv));
	assert_false(readable(fd));
	assert_int_equal(f->a.ring->asleep, 1);
	for (int i = 0; i < 3; i++) {
		hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, 1);
		kick(&f->a);
		assert_true(readable(fd));
		assert_int_equal(hv_dispatch(f->hv, 10), 1);
		assert_false(readable(fd));
		assert_false(hv_arm(f->hv));
	}
	/* Work that came in just before arming is not slept over. */
	kick(&f->a);
	hv_dispatch(f->hv, 10);
	hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, 1);
	assert_true(hv_arm(f->hv));
	assert_int_equal(hv_dispatch(f->hv, 10), 1);
	/* A guest that empties the kick descriptor hurts nobody: the mediator never reads it. */
	fcntl(f->b.fds.kick, F_SETFL, 0);
	kick(&f->b);
	uint64_t v;
	assert_int_equal(read(f->b.fds.kick, &v, 8), 8);
	assert_int_equal(hv_dispatch(f->hv, 10), 0);
}

/* A guest that is silent for long is no longer polled, and is heard all the same. */
static void test_idle(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 2000; i++)
		hv_dispatch(f->hv, 10);
	assert_int_equal(f->a.ring->asleep, 1);
	hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, 1);
	kick(&f->a);
	assert_int_equal(hv_dispatch(f->hv, 10), 1);
	assert_int_equal(f->a.ring->asleep, 0);
	assert_int_equal(f->b.ring->asleep, 1);
}

static void test_death(void **state)
{
	struct fix *f = *state;

	hv_arm(f->hv);
	shutdown(f->a.fds.life, SHUT_RDWR);
	hand_fds_close(&f->a.fds);
	assert_true(readable(hv_poll_fd(f->hv)));
	assert_int_equal(f->core.detached, 0);
	hv_dispatch(f->hv, 10);
	assert_int_equal(f->core.detached, 1);
	assert_false(readable(hv_poll_fd(f->hv)));
	/* The slot and its bus addresses are free again. */
	hand_free(&f->a);
	assert_int_equal(hand_new(f->hv, &f->a), 0);
	assert_int_equal(f->a.g->id, 0);
}

static void kill_it(struct core *c, struct hv_guest *g, struct hv_access *a)
{
	(void)c, (void)a;
	hv_kill(g, "wrote where it must not");
	hv_kill(g, "again");
}

static void drop_it(struct core *c, struct hv_guest *g, struct hv_access *a)
{
	(void)c, (void)g, (void)a;
	hv_process_guest_drop(c->arg, "detached by hand");
}

static void test_kill(void **state)
{
	struct fix *f = *state;
	struct proc_slot *s = hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 0, 0);

	s->waiting = 1;
	f->core.during = kill_it;
	hv_dispatch(f->hv, 10);
	assert_int_equal(f->core.detached, 1);
	assert_int_equal(f->a.ring->dead, 1);
	assert_string_equal(f->a.ring->why, "wrote where it must not");
	assert_int_equal(s->waiting, 0);
	/* A dead guest's last load has no answer. */
	assert_int_equal(s->seq, f->a.pos);
	/* Dropping another guest from inside an access waits for the end of the dispatch. */
	f->core.during = drop_it;
	f->core.arg = f->b.g;
	hand_put(&f->b, PROC_SPACE_BAR0, 0, 4, 1, 0);
	hv_dispatch(f->hv, 10);
	assert_int_equal(f->core.detached, 2);
	assert_string_equal(f->b.ring->why, "detached by hand");
}

static void test_drop(void **state)
{
	struct fix *f = *state;

	hv_process_guest_drop(f->a.g, "by hand");
	assert_int_equal(f->core.detached, 1);
	assert_int_equal(f->a.ring->dead, 1);
	hv_kill(f->b.g, "killed outside of dispatch");
	assert_true(hv_arm(f->hv));
	assert_int_equal(f->core.detached, 1);
	hv_dispatch(f->hv, 1);
	assert_int_equal(f->core.detached, 2);
}

static void test_ram(void **state)
{
	struct fix *f = *state;
	char buf[16] = "guest ram";
	struct hv_ram r;
	uint8_t *mem = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, f->b.fds.ram, 0);

	assert_int_equal(hv_write(f->b.g, gpa(4090), buf, 16), 0);
	assert_memory_equal(mem + 4090, buf, 16);
	assert_int_equal(hv_read(f->b.g, gpa(RAM - 15), buf, 16), -EFAULT);
	assert_int_equal(hv_read(f->b.g, gpa(~0ull), buf, 2), -EFAULT);
	assert_int_equal(hv_ram(f->b.g, 0, &r), 0);
	assert_true(dma_x(r.dma) == 2ull << 32 && r.len == RAM && gpa_x(r.gpa) == 0);
	assert_int_equal(hv_ram(f->b.g, 1, &r), -ENOENT);
	/* A guest may punch holes into its memory: they read as zeroes. */
	assert_int_equal(fallocate(f->b.fds.ram, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, RAM), 0);
	assert_int_equal(fallocate(f->b.fds.ring, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				   sizeof *f->b.ring), 0);
	assert_int_equal(hv_read(f->b.g, gpa(4090), buf, 16), 0);
	assert_int_equal(buf[0], 0);
	hv_dispatch(f->hv, 10);
	munmap(mem, RAM);
}

static void test_pins(void **state)
{
	struct fix *f = *state;
	struct hv_process_stats st;
	dma_t d;

	assert_int_equal(hv_pin(f->b.g, gpa(0x5000), &d), 0);
	assert_true(dma_x(d) == (2ull << 32 | 0x5000));
	assert_int_equal(hv_pin(f->b.g, gpa(0x5000), &d), 0);
	assert_int_equal(hv_pin(f->b.g, gpa(0), &d), 0);
	hv_process_guest_stats(f->b.g, &st);
	assert_int_equal(st.pins, 3);
	hv_unpin(f->b.g, gpa(0x5000));
	hv_unpin(f->b.g, gpa(0));
	hv_process_guest_stats(f->b.g, &st);
	assert_int_equal(st.pins, 1);
	assert_int_equal(hv_pin(f->b.g, gpa(0x5001), &d), -EFAULT);
	assert_int_equal(hv_pin(f->b.g, gpa(RAM), &d), -EFAULT);
	hv_unpin(f->b.g, gpa(0x5000));
	/* All counts gone: so is their memory. */
	assert_null(proc_guest_of(f->b.g)->pins.leaf[0]);
	assert_int_equal(hv_pin(f->b.g, gpa(0x7000), &d), 0);
	/* Left pinned: teardown must not leak it (leak checker). */
	assert_int_equal(hv_map(f->b.g, HV_BAR1, 0, 4096, 0, 0), -EOPNOTSUPP);
	assert_int_equal(hv_watch(f->b.g, gpa(0)), -EOPNOTSUPP);
}

static void test_irq(void **state)
{
	struct fix *f = *state;
	char buf[64];

	assert_false(readable(f->a.fds.irq));
	/* A guest that takes no interrupts and lets its descriptor block does not block the mediator. */
	fcntl(f->a.fds.irq, F_SETFL, 0);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(hv_irq(f->a.g, 0), 0);
	assert_true(readable(f->a.fds.irq));
	while (recv(f->a.fds.irq, buf, sizeof buf, MSG_DONTWAIT) > 0)
		;
	assert_false(readable(f->a.fds.irq));
	assert_int_equal(hv_irq(f->a.g, 0), 0);
	assert_true(readable(f->a.fds.irq));
	close(f->a.fds.irq);
	f->a.fds.irq = -1;
	assert_int_equal(hv_irq(f->a.g, 0), -ENODEV);
}

/* A process of the guest died between taking and filling: the others go on. */
static void test_hole(void **state)
{
	struct fix *f = *state;
	struct proc_guest *g = proc_guest_of(f->a.g);
	struct hv_process_stats st;
	uint64_t t = 5000000000ull;

	f->a.pos = 1; /* position 0 was taken, never filled */
	hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, 1);
	assert_int_equal(hv_dispatch(f->hv, 10), 0);
	proc_ring_mend(g, t);
	proc_ring_mend(g, t + PROC_HOLE_NS - 1);
	assert_int_equal(hv_dispatch(f->hv, 10), 0);
	proc_ring_mend(g, t + PROC_HOLE_NS);
	assert_int_equal(hv_dispatch(f->hv, 10), 1);
	assert_int_equal(f->a.ring->slot[0].seq, PROC_SLOTS);
	hv_process_guest_stats(f->a.g, &st);
	assert_int_equal(st.holes, 1);
	/* Nothing outstanding: nothing to step over, however late it is. */
	proc_ring_mend(g, t * 2);
	proc_ring_mend(g, t * 3);
	hv_process_guest_stats(f->a.g, &st);
	assert_int_equal(st.holes, 1);
}

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static long rss_kib(void)
{
	long size, rss;
	FILE *s = fopen("/proc/self/statm", "r");

	assert_non_null(s);
	assert_int_equal(fscanf(s, "%ld %ld", &size, &rss), 2);
	fclose(s);
	return rss * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_many(void **state)
{
	struct fix *f = *state;
	struct rlimit lim;
	struct hv_process_cfg c = cfg;
	struct hv_process_fds fds;
	struct hv_guest *g;
	unsigned int before, n = 2;
	int err, life[PROC_GUESTS + 1];
	long rss;

	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	c.ram_len = 1ull << 30;
	before = count_fds();
	rss = rss_kib();
	while (!(err = hv_process_guest_new(f->hv, &c, &g, &fds))) {
		/* Keep only life: the rest is the guest's to hold. */
		close(fds.ring);
		close(fds.ram);
		close(fds.irq);
		close(fds.kick);
		life[n++] = fds.life;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, PROC_GUESTS);
	rss = (rss_kib() - rss) / (long)(n - 2);
	print_message("an idle guest costs the mediator %ld KiB and 3 descriptors\n", rss);
	assert_true(rss <= 1024);
	for (int i = 0; i < 1000; i++)
		hv_dispatch(f->hv, 100);
	hv_close(f->hv);
	assert_int_equal(f->core.detached, PROC_GUESTS);
	for (unsigned int i = 2; i < n; i++)
		close(life[i]);
	/* Less than before by the port's own: epoll, and three for each of the two guests of setup. */
	assert_int_equal(count_fds(), before - 7);
	assert_int_equal(hv_process_open(&up, &f->core, NULL, &f->hv), 0);
	f->core.attached = f->core.detached = 0;
}

static int fail_in;
static int fail_hook(void)
{
	return fail_in && !--fail_in;
}

static void test_no_memory(void **state)
{
	struct fix *f = *state;
	unsigned int before = count_fds();
	struct hv_process_fds fds;
	struct hv_guest *g;
	int err, n = 0;

	mem_fault_hook = fail_hook;
	do {
		fail_in = ++n;
		err = hv_process_guest_new(f->hv, &cfg, &g, &fds);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(count_fds(), before);
		}
	} while (err);
	mem_fault_hook = NULL;
	assert_true(n > 1);
	hand_fds_close(&fds);
	mem_fault_hook = fail_hook;
	for (fail_in = n = 1; hv_pin(f->a.g, gpa(0), &(dma_t){ 0 }); fail_in = ++n)
		;
	mem_fault_hook = NULL;
	assert_int_equal(n, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_fds),   T(test_cfg),  T(test_access), T(test_malformed), T(test_rewritten_while_served),
		T(test_race),  T(test_fair), T(test_sleep),  T(test_idle),	T(test_death),
		T(test_kill),  T(test_drop), T(test_ram),    T(test_pins),	T(test_irq),
		T(test_hole),  T(test_many), T(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

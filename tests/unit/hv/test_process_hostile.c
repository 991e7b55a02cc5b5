// SPDX-License-Identifier: MIT
/*
 * Guests that lie, race and play tricks with what they share with the
 * mediator: malformed slots, slots rewritten while served, floods, interrupts
 * never taken, holes in memory and in the ring.  Each costs that guest only.
 */
#include "tests/t.h"

#include <pthread.h>
#include <sys/socket.h>

#include "tests/unit/hv/hand.h"

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_malformed),
		T(test_rewritten_while_served),
		T(test_race),
		T(test_fair),
		T(test_ram),
		T(test_irq),
		T(test_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * The guest bus with real traps: sizes, order, threads, signal handlers, forks,
 * memory, interrupts.  How guests end is in test_bus_guest_death.c.
 */
#include "tests/t.h"

#include "tests/guest/guest_run.h"

static int guest_sizes(struct bus *b)
{
	uint8_t buf[64], back[64];

	bus_wr32(b, 0x10, 0x12345678);
	CHECK(bus_rd32(b, 0x10) == 0x12345678);
	b->ops->wr8(b, 0x11, 0xab);
	CHECK(bus_rd32(b, 0x10) == 0x1234ab78);
	for (unsigned int i = 0; i < sizeof buf; i++)
		buf[i] = (uint8_t)(i + 100);
	for (int bar = 1; bar <= 3; bar += 2)
		for (unsigned int off = 0; off < 9; off++)
			for (unsigned int n = 0; n < 40; n++) {
				b->ops->bar_wr(b, bar, off, buf, n);
				memset(back, 0, sizeof back);
				b->ops->bar_rd(b, bar, off, back, n);
				CHECK(!memcmp(buf, back, n));
			}
	CHECK(b->ops->bar_len(b, 0) == 1 << 24 && b->ops->bar_len(b, 5) == 4096);
	CHECK(b->ops->bar_len(b, 2) == 0 && b->ops->bar_len(b, 77) == 0);
	b->ops->bar_wr(b, 5, 8, buf, 8);
	b->ops->bar_rd(b, 5, 8, back, 8);
	CHECK(!memcmp(buf, back, 8));
	/* The far end of the largest BAR. */
	b->ops->bar_rd(b, 1, (1 << 27) - 8, back, 8);
	bus_close(b);
	return 0;
}

static void test_sizes(void **state)
{
	struct fix *f = *state;

	assert_int_equal(run(f, guest_sizes), 0);
	assert_int_equal(f->core.sizes, 15);
	f->posted = false;
	assert_int_equal(run(f, guest_sizes), 0);
}

static int guest_order(struct bus *b)
{
	for (unsigned int i = 0; i < 50; i++)
		bus_wr32(b, 0x800, i);
	/* A load is behind all stores before it. */
	CHECK(bus_rd32(b, 0x800) == 49);
	for (unsigned int i = 0; i < 3000; i++)
		bus_wr32(b, 0x20, i); /* far more than the ring holds */
	CHECK(bus_rd32(b, 0x20) == 2999);
	return 0;
}

static void test_order(void **state)
{
	struct fix *f = *state;

	assert_int_equal(run(f, guest_order), 0);
	assert_int_equal(f->core.nr_log, 50);
	for (unsigned int i = 0; i < 50; i++)
		assert_int_equal(f->core.log[i], i);
}

struct worker {
	struct bus *b;
	unsigned int nr;
	unsigned int bad;
};

static void *worker(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < 1500; i++) {
		bus_wr32(w->b, 0x100 + 4 * w->nr, i * 5 + w->nr);
		if (bus_rd32(w->b, 0x100 + 4 * w->nr) != i * 5 + w->nr)
			w->bad++;
	}
	return NULL;
}

static int guest_threads(struct bus *b)
{
	struct worker w[6];
	pthread_t th[6];
	sigset_t all, old;

	/* As libraries do: threads that start with every signal blocked. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned int i = 0; i < 6; i++) {
		w[i] = (struct worker){ b, i, 0 };
		CHECK(!pthread_create(&th[i], NULL, worker, &w[i]));
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (unsigned int i = 0; i < 6; i++) {
		pthread_join(th[i], NULL);
		CHECK(!w[i].bad);
	}
	return 0;
}

static void test_threads(void **state)
{
	assert_int_equal(run(*state, guest_threads), 0);
}

static struct bus *alarm_bus;
static volatile sig_atomic_t alarms, alarm_bad;
static void on_alarm(int sig)
{
	(void)sig;
	bus_wr32(alarm_bus, 0x300, 17);
	if (bus_rd32(alarm_bus, 0x300) != 17)
		alarm_bad = 1;
	alarms++;
}

/* Handlers that access the BAR themselves, arriving all the time. */
static int guest_signals(struct bus *b)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	unsigned int i;

	alarm_bus = b;
	sigaction(SIGALRM, &sa, NULL);
	for (i = 0; i < 3000 || alarms < 20; i++) {
		if (i % 50 == 0)
			ualarm(50 + i % 7 * 20, 0);
		bus_wr32(b, 0x40, i);
		CHECK(bus_rd32(b, 0x40) == i);
	}
	ualarm(0, 0);
	CHECK(!alarm_bad);
	return 0;
}

static void test_signals(void **state)
{
	assert_int_equal(run(*state, guest_signals), 0);
}

static int guest_fork(struct bus *b)
{
	struct bus_mem m[8];
	pid_t pid = fork();
	int st;

	/* Both use the ring at once, and allocate from one pool. */
	for (unsigned int i = 0; i < 8; i++) {
		CHECK(!b->ops->mem_alloc(b, 8192, &m[i]));
		memset(m[i].cpu, pid ? 1 : 2, 8192);
	}
	for (unsigned int i = 0; i < 1500; i++) {
		bus_wr32(b, pid ? 0x50 : 0x60, i);
		CHECK(bus_rd32(b, pid ? 0x50 : 0x60) == i);
	}
	for (unsigned int i = 0; i < 8; i++)
		for (unsigned int j = 0; j < 8192; j++)
			CHECK(((uint8_t *)m[i].cpu)[j] == (pid ? 1 : 2));
	if (!pid)
		_exit(0);
	waitpid(pid, &st, 0);
	CHECK(st == 0);
	return 0;
}

static void test_fork(void **state)
{
	assert_int_equal(run(*state, guest_fork), 0);
}

static int guest_memory(struct bus *b)
{
	struct bus_mem a, c, big;

	CHECK(!b->ops->mem_alloc(b, 1, &a));
	CHECK(a.len == 4096 && a.addr >= 4096 && !(a.addr & 4095));
	memset(a.cpu, 0x77, a.len);
	CHECK(!b->ops->mem_alloc(b, 3 * 4096, &c));
	CHECK(c.addr >= a.addr + a.len || c.addr + c.len <= a.addr);
	b->ops->mem_free(b, &a);
	CHECK(b->ops->mem_alloc(b, RAM, &big) == -ENOMEM);
	CHECK(b->ops->mem_alloc(b, 0, &big) == -EINVAL);
	b->ops->mem_free(b, &c);
	/* All but page 0, and zeroed although part of it was used. */
	CHECK(!b->ops->mem_alloc(b, RAM - 4096, &big));
	CHECK(big.addr == 4096);
	for (unsigned int i = 0; i < big.len; i++)
		CHECK(!((uint8_t *)big.cpu)[i]);
	CHECK(b->ops->mem_alloc(b, 1, &a) == -ENOMEM);
	b->ops->mem_free(b, &big);
	return 0;
}

static void test_memory(void **state)
{
	assert_int_equal(run(*state, guest_memory), 0);
}

static void irq_on_store(struct hv_guest *g, struct hv_access *a)
{
	static const char dma[] = "written by the device";

	if (a->off != 0x600 || !a->write)
		return;
	hv_write(g, gpa(a->val), dma, sizeof dma);
	for (int i = 0; i < 500; i++)
		hv_irq(g, 0);
}

static int guest_irq(struct bus *b)
{
	struct pollfd p = { .fd = b->ops->irq_fd(b), .events = POLLIN };
	struct bus_mem m;

	CHECK(b->ops->irq_wait(b, 0) == -ETIMEDOUT);
	CHECK(b->ops->irq_wait(b, 1000000) == -ETIMEDOUT);
	CHECK(!b->ops->mem_alloc(b, 4096, &m));
	for (int i = 0; i < 20; i++) {
		bus_wr32(b, 0x600, (uint32_t)m.addr);
		CHECK(!b->ops->irq_wait(b, 30000000000ull));
		CHECK(!strcmp(m.cpu, "written by the device"));
		/* However often it was raised meanwhile: once the store is over, one wait empties it. */
		bus_rd32(b, 0x600);
		while (!b->ops->irq_wait(b, 0))
			;
		CHECK(poll(&p, 1, 0) == 0);
	}
	return 0;
}

static void test_irq(void **state)
{
	struct fix *f = *state;

	f->core.during = irq_on_store;
	assert_int_equal(run(f, guest_irq), 0);
}

static int guest_twice(struct bus *b)
{
	struct bus *other;
	char msg[200];
	pid_t pid;
	int st;

	CHECK(bus_guest_open(&other, msg, sizeof msg) == -EBUSY);
	pid = fork();
	if (!pid)
		_exit(bus_guest_open(&other, msg, sizeof msg) == -EBUSY ? 0 : 1);
	waitpid(pid, &st, 0);
	CHECK(st == 0);
	CHECK(bus_rd32(b, 0) == 0);
	bus_close(b);
	/* Free again: for this process and for others. */
	pid = fork();
	if (!pid)
		_exit(bus_guest_open(&other, msg, sizeof msg) || bus_rd32(other, 0) ? 1 : 0);
	waitpid(pid, &st, 0);
	CHECK(st == 0);
	setenv(PROC_ENV, "0,0,0,0", 1);
	CHECK(bus_guest_open(&other, msg, sizeof msg) == -ENODEV);
	setenv(PROC_ENV, "0,0,0,0,0", 1);
	CHECK(bus_guest_open(&other, msg, sizeof msg) == -EPROTO);
	unsetenv(PROC_ENV);
	CHECK(bus_guest_open(&other, msg, sizeof msg) == -ENODEV);
	CHECK(strstr(msg, "not a guest"));
	return 0;
}

static void test_open(void **state)
{
	assert_int_equal(run(*state, guest_twice), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_sizes),
		T(test_order),
		T(test_threads),
		T(test_signals),
		T(test_fork),
		T(test_memory),
		T(test_irq),
		T(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

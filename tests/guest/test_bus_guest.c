// SPDX-License-Identifier: MIT
/*
 * Process guests that really trap: forked programs open the guest bus and load
 * and store on their BARs; this process serves them as a mediator with
 * registers that are memory.  A child says by its exit status whether it saw
 * what it should.
 */
#include "tests/t.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/hv/process.h"
#include "pv-driver/bus.h"
#include "pv-driver/guest_ram.h"
#include "pv-driver/proc_client.h"
#include "pv-driver/trap.h"

#define RAM (16u << 20)
#define REGS 4096u
#define DEADLINE 60000000000ull /* only so that a lost wake-up is a failure and not a hang */

struct core {
	unsigned int attached, detached;
	uint8_t mem[NR_HV_SPACES][REGS];
	uint64_t log[64]; /* values stored at BAR0 0x800, in order */
	unsigned int nr_log;
	uint64_t sizes; /* one bit per size of a store */
	void (*during)(struct hv_guest *, struct hv_access *);
};

static int up_attach(void *c, struct hv_guest *g)
{
	g->vgpu = c;
	((struct core *)c)->attached++;
	return 0;
}

static void up_detach(void *c, struct hv_guest *g)
{
	(void)g;
	((struct core *)c)->detached++;
}

static int up_access(void *cp, struct hv_guest *g, struct hv_access *a)
{
	struct core *c = cp;

	if (c->during)
		c->during(g, a);
	if (a->write && a->space == HV_BAR0 && a->off == 0x800 && c->nr_log < 64)
		c->log[c->nr_log++] = a->val;
	if (a->write)
		c->sizes |= a->size;
	if (a->off + a->size > REGS)
		a->val = a->write ? a->val : 0xdead;
	else if (a->write)
		memcpy(&c->mem[a->space][a->off], &a->val, a->size);
	else
		memcpy(&a->val, &c->mem[a->space][a->off], a->size);
	return 0;
}

static const struct hv_up up = { .attach = up_attach, .detach = up_detach, .access = up_access };

struct fix {
	struct core core;
	struct hv *hv;
	bool posted;
};

static int setup(void **state)
{
	static struct fix f;

	memset(&f, 0, sizeof f);
	f.posted = true;
	*state = &f;
	return hv_process_open(&up, &f.core, NULL, &f.hv);
}

static int teardown(void **state)
{
	struct fix *f = *state;

	hv_close(f->hv);
	assert_int_equal(f->core.attached, f->core.detached);
	return 0;
}

typedef int guest_main(struct bus *);

/*
 * What exec would do to a real guest program: only its own descriptors remain.
 * With the mediator's ends open here the guest would keep its own mediator alive.
 */
static void keep_only(const struct hv_process_fds *k)
{
	for (int fd = 3; fd < 256; fd++)
		if (fd != k->ring && fd != k->ram && fd != k->irq && fd != k->kick && fd != k->life)
			close(fd);
}

/* Starts a guest; fn's answer is its exit status.  *g may be NULL. */
static pid_t guest_start(struct fix *f, guest_main *fn, struct hv_guest **g, int err_fd)
{
	struct hv_process_cfg c = { .name = "child",
				    .ram_len = RAM,
				    .bar_len = { 1 << 24, 1 << 27, 0, 1 << 26, 0, 4096 },
				    .posted = f->posted };
	struct hv_process_fds fds;
	struct hv_guest *guest;
	struct bus *b;
	char env[64], msg[200];
	pid_t pid;

	assert_int_equal(hv_process_guest_new(f->hv, &c, &guest, &fds), 0);
	pid = fork();
	if (!pid) {
		if (err_fd >= 0)
			dup2(err_fd, STDERR_FILENO);
		keep_only(&fds);
		snprintf(env, sizeof env, "%d,%d,%d,%d,%d", fds.ring, fds.ram, fds.irq, fds.kick, fds.life);
		setenv(PROC_ENV, env, 1);
		if (bus_guest_open(&b, msg, sizeof msg)) {
			fprintf(stderr, "%s\n", msg);
			_exit(99);
		}
		_exit(fn(b));
	}
	close(fds.ring);
	close(fds.ram);
	close(fds.irq);
	close(fds.kick);
	close(fds.life);
	if (g)
		*g = guest;
	return pid;
}

/* Serves as a mediator does: spin a little, then sleep. */
static void serve_once(struct fix *f)
{
	struct pollfd p = { .fd = hv_poll_fd(f->hv), .events = POLLIN };

	for (int i = 0; i < 200; i++)
		if (hv_dispatch(f->hv, 64) > 0)
			return;
	if (!hv_arm(f->hv))
		poll(&p, 1, 20);
	hv_dispatch(f->hv, 64);
}

/* Serves until pid ended and its guest was detached; answers its wait status. */
static int serve(struct fix *f, pid_t pid)
{
	uint64_t end = clock_ns() + DEADLINE;
	unsigned int want = f->core.detached + 1;
	int status = -1;
	bool gone = false;

	while (!gone || f->core.detached < want) {
		serve_once(f);
		if (!gone && waitpid(pid, &status, WNOHANG) == pid)
			gone = true;
		if (clock_ns() > end) {
			kill(pid, SIGKILL);
			fail_msg("guest hangs");
		}
	}
	return status;
}

static int run(struct fix *f, guest_main *fn)
{
	int st = serve(f, guest_start(f, fn, NULL, -1));

	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

/* In a guest: the line of the first thing that is wrong. */
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "guest: line %d: %s\n", __LINE__, #x);                     \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

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

/* One of two processes is killed at random moments; the other goes on, whatever the first was in the middle of. */
static int guest_half_killed(struct bus *b)
{
	for (unsigned int n = 0; n < 6; n++) {
		pid_t pid = fork();

		if (!pid)
			for (unsigned int i = 0;; i++) {
				bus_wr32(b, 0x70, i);
				bus_rd32(b, 0x70);
			}
		for (unsigned int i = 0; i < 40 + n * 7; i++) {
			bus_wr32(b, 0x74, i);
			CHECK(bus_rd32(b, 0x74) == i);
		}
		kill(pid, SIGKILL);
		for (unsigned int i = 0; i < 300; i++) {
			bus_wr32(b, 0x74, i);
			CHECK(bus_rd32(b, 0x74) == i);
		}
		waitpid(pid, NULL, 0);
	}
	return 0;
}

static void test_half_killed(void **state)
{
	assert_int_equal(run(*state, guest_half_killed), 0);
}

static int guest_endless(struct bus *b)
{
	for (uint32_t i = 0;; i++) {
		bus_wr32(b, 0x80, i);
		if (i % 3 == 0)
			bus_rd32(b, 0x80);
		if (i % 5 == 0) {
			struct bus_mem m;

			if (!b->ops->mem_alloc(b, 4096 * (1 + i % 9), &m))
				b->ops->mem_free(b, &m);
		}
	}
	return 0;
}

static void test_killed(void **state)
{
	struct fix *f = *state;
	unsigned int served, rounds;

	for (unsigned int n = 0; n < 100; n++) {
		unsigned int want = f->core.detached + 1;
		uint64_t end = clock_ns() + DEADLINE;
		struct hv_process_stats st;
		struct hv_guest *g;
		pid_t pid = guest_start(f, guest_endless, &g, -1);
		int status;

		/* At another moment each time, from before its first access on. */
		rounds = n * 7919 % 400;
		for (served = 0; served < rounds; served = (unsigned int)st.served) {
			serve_once(f);
			hv_process_guest_stats(g, &st);
			if (clock_ns() > end)
				fail_msg("guest does not get on");
		}
		kill(pid, SIGKILL);
		while (f->core.detached < want) {
			serve_once(f);
			if (clock_ns() > end)
				fail_msg("death not noticed");
		}
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
	}
}

static void kill_on_order(struct hv_guest *g, struct hv_access *a)
{
	if (a->space == HV_BAR0 && a->off == 0x900)
		hv_kill(g, "it asked for it");
}

static void *endless_reader(void *arg)
{
	for (;;)
		bus_rd32(arg, 0x84);
	return NULL;
}

static int guest_asks_to_die(struct bus *b)
{
	pthread_t th;

	pthread_create(&th, NULL, endless_reader, b);
	bus_rd32(b, 0x84);
	bus_rd32(b, 0x900);
	return 0;
}

static int guest_posts_to_death(struct bus *b)
{
	for (;;)
		bus_wr32(b, 0x900, 1);
	return 0;
}

static void test_ended(void **state)
{
	struct fix *f = *state;
	char text[300] = "";
	int p[2], st;

	f->core.during = kill_on_order;
	assert_int_equal(pipe(p), 0);
	st = serve(f, guest_start(f, guest_asks_to_die, NULL, p[1]));
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == PROC_EXIT_DEAD);
	assert_true(read(p[0], text, sizeof text - 1) > 0);
	assert_non_null(strstr(text, "gpuvm: this guest was ended: it asked for it\n"));
	st = serve(f, guest_start(f, guest_posts_to_death, NULL, p[1]));
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == PROC_EXIT_DEAD);
	close(p[0]);
	close(p[1]);
}

static int guest_reads_for_ever(struct bus *b)
{
	endless_reader(b);
	return 0;
}

/* The mediator goes away without a word (as if killed): its guest ends, it does not hang. */
static void test_mediator_gone(void **state)
{
	struct fix *f = *state;
	int p[2], st;
	pid_t mediator, guest = -1;
	char text[300] = "";
	ssize_t n;

	assert_int_equal(pipe(p), 0);
	mediator = fork();
	if (!mediator) {
		pid_t child = guest_start(f, guest_reads_for_ever, NULL, p[1]);

		for (int i = 0; i < 50; i++)
			serve_once(f);
		if (write(p[1], &child, sizeof child) != sizeof child)
			_exit(1);
		_exit(0);
	}
	close(p[1]);
	waitpid(mediator, &st, 0);
	assert_int_equal(st, 0);
	assert_int_equal(read(p[0], &guest, sizeof guest), sizeof guest);
	/* End of file when the guest has ended too. */
	n = read(p[0], text, sizeof text - 1);
	assert_true(n > 0);
	assert_non_null(strstr(text, "the mediator is gone"));
	assert_int_equal(read(p[0], text, 1), 0);
	close(p[0]);
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
		T(test_sizes),	T(test_order),	T(test_threads), T(test_signals),
		T(test_fork),	T(test_half_killed), T(test_killed), T(test_ended),
		T(test_mediator_gone), T(test_memory), T(test_irq), T(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

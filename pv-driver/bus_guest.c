// SPDX-License-Identifier: MIT
/*
 * The process guest's bus.  BARs are mappings without access rights, and each
 * register access below is one real load or store on them: it faults, trap.c
 * decodes it, proc_client.c carries it to the mediator, or proc_window.c puts
 * memory in its place that the mediator offered.  Only a call register
 * (call_rd, call_wr) is asked for as a hypercall is, without a trap.
 *
 * 1. The descriptors named in the environment are borrowed: they stay open for
 *    the life of the process, so that programs it starts are the guest too.
 * 2. One process (with those forked from it) has a guest's bus at a time: a
 *    lock on the ring's file says so and dies with its owner.
 * 3. A forked child has no windows: one process can only say for itself that it
 *    has let go of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/bus.h"
#include "pv-driver/guest_ram.h"
#include "pv-driver/proc_client.h"
#include "pv-driver/proc_window.h"
#include "pv-driver/trap.h"

#define NR_BARS 6

struct bus_guest {
	struct bus bus;
	struct trap_sink sink;
	struct proc_client client;
	struct proc_window window;
	struct proc_ring *ring;
	uint64_t ring_len;
	int ring_fd, ram_fd, irq_fd, kick_fd, life_fd; /* borrowed from the environment */
	int far_fd;	      /* the same; -1: the mediator is a process here */
	struct proc_far *far; /* mapped; NULL */
	uint8_t *bar[NR_BARS];			       /* PROT_NONE; NULL = absent */
	uint64_t bar_len[NR_BARS];
	struct guest_ram *ram;
	struct trap *trap;
	bool locked;
};

/* What a forked child has to take the windows out of; a fork handler gets no context of ours. */
static struct bus_guest *guest_here;

static struct bus_guest *guest_of(struct bus *b)
{
	return container_of(b, struct bus_guest, bus);
}

static uint64_t sink_load(struct trap_sink *s, uint32_t space, uint32_t off, uint8_t size)
{
	struct bus_guest *g = container_of(s, struct bus_guest, sink);
	uint64_t val = proc_client_access(&g->client, space, off, size, false, 0);

	proc_window_sync(&g->window);
	return val;
}

static void sink_store(struct trap_sink *s, uint32_t space, uint32_t off, uint8_t size, uint64_t val)
{
	struct bus_guest *g = container_of(s, struct bus_guest, sink);

	proc_client_access(&g->client, space, off, size, true, val);
	if (!proc_window_orders(&g->window, space, off))
		return;
	proc_client_settle(&g->client);
	proc_window_sync(&g->window);
}

static bool sink_direct(struct trap_sink *s, uint32_t space, uint32_t off)
{
	return proc_window_open(&container_of(s, struct bus_guest, sink)->window, space, off);
}

/*
 * A fault with SIGSEGV blocked ends the process, and libraries start threads
 * with every signal blocked.  Once per thread: a mask is a system call.
 */
static void guest_thread_ready(void)
{
	static _Thread_local bool ready;
	sigset_t set;

	if (ready)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	ready = true;
}

static uint32_t guest_rd32(struct bus *b, uint32_t reg)
{
	guest_thread_ready();
	return *(volatile uint32_t *)(guest_of(b)->bar[0] + reg);
}

static void guest_wr32(struct bus *b, uint32_t reg, uint32_t val)
{
	guest_thread_ready();
	*(volatile uint32_t *)(guest_of(b)->bar[0] + reg) = val;
}

static void guest_wr8(struct bus *b, uint32_t reg, uint8_t val)
{
	guest_thread_ready();
	*(volatile uint8_t *)(guest_of(b)->bar[0] + reg) = val;
}

/* The widest naturally aligned access at p that len allows. */
static unsigned int guest_step(const volatile uint8_t *p, size_t len)
{
	unsigned int n = 8;

	while (n > len || (uintptr_t)p % n)
		n /= 2;
	return n;
}

/* As memcpy_toio and memcpy_fromio do it on x86: one trap carries a page of accesses. */
static void guest_copy8(volatile void *to, const volatile void *from, size_t words)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

static void guest_bar_rd(struct bus *b, int bar, uint64_t off, void *buf, size_t len)
{
	const volatile uint8_t *p = guest_of(b)->bar[bar] + off;
	uint8_t *to = buf;
	uint64_t v;

	guest_thread_ready();
	for (size_t n; len; len -= n, p += n, to += n) {
		n = guest_step(p, len);
		if (n == 8) {
			guest_copy8(to, p, len / 8);
			n = len & ~7ul;
			continue;
		}
		if (n == 4)
			v = *(const volatile uint32_t *)p;
		else if (n == 2)
			v = *(const volatile uint16_t *)p;
		else
			v = *p;
		memcpy(to, &v, n);
	}
}

static void guest_bar_wr(struct bus *b, int bar, uint64_t off, const void *buf, size_t len)
{
	volatile uint8_t *p = guest_of(b)->bar[bar] + off;
	const uint8_t *from = buf;
	uint64_t v = 0;

	guest_thread_ready();
	for (size_t n; len; len -= n, p += n, from += n) {
		n = guest_step(p, len);
		if (n == 8) {
			guest_copy8(p, from, len / 8);
			n = len & ~7ul;
			continue;
		}
		memcpy(&v, from, n);
		if (n == 4)
			*(volatile uint32_t *)p = (uint32_t)v;
		else if (n == 2)
			*(volatile uint16_t *)p = (uint16_t)v;
		else
			*p = (uint8_t)v;
	}
}

static uint64_t guest_bar_len(struct bus *b, int bar)
{
	return bar >= 0 && bar < NR_BARS ? guest_of(b)->bar_len[bar] : 0;
}

static int guest_mem_alloc(struct bus *b, uint64_t len, struct bus_mem *out)
{
	struct bus_guest *g = guest_of(b);
	uint64_t gpa;
	int err = guest_ram_alloc(g->ram, len, &gpa);

	if (err)
		return err;
	*out = (struct bus_mem){ .cpu = guest_ram_cpu(g->ram, gpa), .addr = gpa, .len = align_up(len, 4096) };
	return 0;
}

static void guest_mem_free(struct bus *b, struct bus_mem *m)
{
	if (!m->len)
		return;
	guest_ram_put(guest_of(b)->ram, m->addr, m->len);
	*m = (struct bus_mem){ 0 };
}

static int guest_irq_wait(struct bus *b, uint64_t ns)
{
	struct bus_guest *g = guest_of(b);
	uint64_t now = clock_ns(), end = now + ns < now ? UINT64_MAX : now + ns;
	struct pollfd p = { .fd = g->irq_fd, .events = POLLIN };
	struct timespec t;
	char bytes[64];
	ssize_t n;

	for (;;) {
		n = recv(g->irq_fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0) {
			/* A short read emptied the socket; all that waited was one "raised". */
			while (n == (ssize_t)sizeof bytes)
				n = recv(g->irq_fd, bytes, sizeof bytes, MSG_DONTWAIT);
			return 0;
		}
		if (!n)
			proc_client_check(&g->client); /* the other end is gone: so are we */
		now = clock_ns();
		if (now >= end)
			return -ETIMEDOUT;
		t = (struct timespec){ .tv_sec = (time_t)((end - now) / 1000000000ull),
				       .tv_nsec = (long)((end - now) % 1000000000ull) };
		if (ppoll(&p, 1, &t, NULL) < 0 && errno != EINTR)
			return -errno;
	}
}

static int guest_irq_fd(struct bus *b)
{
	return guest_of(b)->irq_fd;
}

static int guest_mem_file(struct bus *b, uint64_t addr, uint64_t *off)
{
	*off = addr;
	return guest_of(b)->ram_fd;
}

/* As the trap would carry it, with signals off as it has them (proc_abi.h). */
static uint64_t guest_call(struct bus *b, uint32_t reg, bool write, uint32_t val)
{
	sigset_t all, old;
	uint64_t v;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	v = proc_client_access(&guest_of(b)->client, PROC_SPACE_PV, reg, 4, write, val);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return v;
}

static uint32_t guest_call_rd(struct bus *b, uint32_t reg)
{
	return (uint32_t)guest_call(b, reg, false, 0);
}

static void guest_call_wr(struct bus *b, uint32_t reg, uint32_t val)
{
	guest_call(b, reg, true, val);
}

static void *guest_bar_cpu(struct bus *b, int bar)
{
	guest_thread_ready();
	return guest_of(b)->bar[bar];
}

static int guest_bar_map(struct bus *b, int bar, uint64_t off, uint64_t len)
{
	return proc_window_range(&guest_of(b)->window, bar, off, len);
}

static void guest_forked(void)
{
	struct bus_guest *g = __atomic_load_n(&guest_here, __ATOMIC_ACQUIRE);

	if (g)
		proc_window_forked(&g->window);
}

static void guest_lock(struct bus_guest *g, short type, int *err)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };

	/* Of a device, all guests here would have one lock. */
	*err = fcntl(g->far ? g->far_fd : g->ring_fd, F_SETLK, &fl) ? -errno : 0;
}

static void guest_close(struct bus *b)
{
	struct bus_guest *g = guest_of(b);
	int err;

	if (guest_here == g)
		__atomic_store_n(&guest_here, NULL, __ATOMIC_RELEASE);
	trap_remove(g->trap);
	guest_ram_free(g->ram);
	for (int i = 0; i < NR_BARS; i++)
		if (g->bar[i])
			munmap(g->bar[i], g->bar_len[i]);
	proc_window_fini(&g->window);
	if (g->ring)
		munmap(g->ring, g->ring_len);
	if (g->locked)
		guest_lock(g, F_UNLCK, &err);
	if (g->far)
		munmap(g->far, sizeof *g->far);
	mem_free(g);
}

static const struct bus_ops guest_ops = {
	.name = "guest",
	.close = guest_close,
	.rd32 = guest_rd32,
	.wr32 = guest_wr32,
	.wr8 = guest_wr8,
	.bar_rd = guest_bar_rd,
	.bar_wr = guest_bar_wr,
	.bar_len = guest_bar_len,
	.mem_alloc = guest_mem_alloc,
	.mem_free = guest_mem_free,
	.irq_wait = guest_irq_wait,
	.irq_fd = guest_irq_fd,
	.mem_file = guest_mem_file,
	.bar_cpu = guest_bar_cpu,
	.bar_map = guest_bar_map,
	.call_rd = guest_call_rd,
	.call_wr = guest_call_wr,
};

static int guest_env(struct bus_guest *g)
{
	const char *env = getenv(PROC_ENV);
	char comma, tail;
	int n = env ? sscanf(env, "%d,%d,%d,%d,%d%c%d%c", &g->ring_fd, &g->ram_fd, &g->irq_fd,
			     &g->kick_fd, &g->life_fd, &comma, &g->far_fd, &tail) :
		      0;

	if (n == 5)
		g->far_fd = -1;
	return n == 5 || (n == 7 && comma == ',' && g->far_fd >= 0) ? 0 : -ENODEV;
}

/* How long ring and RAM are: files say it, or far does. */
static int guest_lengths(struct bus_guest *g, uint64_t *ring_len, uint64_t *ram_len)
{
	struct stat st, ram;
	void *p;

	if (g->far_fd < 0) {
		if (fstat(g->ring_fd, &st) || fstat(g->ram_fd, &ram))
			return -errno;
		*ring_len = (uint64_t)st.st_size;
		*ram_len = (uint64_t)ram.st_size;
		return 0;
	}
	if (fstat(g->far_fd, &st))
		return -errno;
	if (st.st_size < (off_t)sizeof *g->far)
		return -EPROTO;
	p = mmap(NULL, sizeof *g->far, PROT_READ | PROT_WRITE, MAP_SHARED, g->far_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	g->far = p;
	*ring_len = g->far->ring_len;
	*ram_len = g->far->ram_len;
	return g->far->magic == PROC_FAR_MAGIC ? 0 : -EPROTO;
}

static int guest_map_ring(struct bus_guest *g, const char **what)
{
	uint64_t ram_len = 0;
	int err;

	*what = "the descriptors in " PROC_ENV " are not a guest's";
	err = guest_lengths(g, &g->ring_len, &ram_len);
	if (err)
		return err;
	if (g->ring_len < sizeof *g->ring)
		return -EPROTO;
	guest_lock(g, F_WRLCK, &err);
	if (err) {
		*what = "another process of this guest drives the GPU; gpuvm run --shared is for several";
		return -EBUSY;
	}
	g->locked = true;
	g->ring = mmap(NULL, g->ring_len, PROT_READ | PROT_WRITE, MAP_SHARED, g->ring_fd, 0);
	if (g->ring == MAP_FAILED) {
		g->ring = NULL;
		return -errno;
	}
	if (g->ring->magic != PROC_MAGIC || ram_len != g->ring->ram_len)
		return -EPROTO;
	*what = "the mediator speaks another version of the guest protocol";
	if (g->ring->version != PROC_ABI_VERSION || g->ring_len < proc_ring_len(g->ring->bar_len))
		return -EPROTO;
	*what = "no memory for the guest's RAM";
	return guest_ram_new(g->ram_fd, g->ring->ram_len, &g->ram);
}

static int guest_map_bars(struct bus_guest *g, const char **what)
{
	static const struct {
		int bar;
		uint32_t space;
	} map[] = { { 0, PROC_SPACE_BAR0 },
		    { 1, PROC_SPACE_BAR1 },
		    { 3, PROC_SPACE_BAR3 },
		    { PROC_BAR_PV, PROC_SPACE_PV } };
	struct trap_range range[ARRAY_SIZE(map)];
	unsigned int nr = 0;
	void *p;
	int err;

	*what = "cannot map the BARs";
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++) {
		uint64_t len = g->ring->bar_len[map[i].bar];

		if (!len)
			continue;
		p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			return -errno;
		g->bar[map[i].bar] = p;
		g->bar_len[map[i].bar] = len;
		range[nr++] = (struct trap_range){ .base = p, .len = len, .space = map[i].space };
	}
	*what = "out of memory";
	err = proc_window_init(&g->window, &g->client, g->bar, g->ram_fd);
	if (err)
		return err;
	*what = "this process has a guest bus already";
	g->sink = (struct trap_sink){ .load = sink_load, .store = sink_store, .direct = sink_direct };
	err = trap_install(range, nr, &g->sink, &g->trap);
	/* Locks are the process's: giving up ours would give up the other bus's. */
	if (err == -EBUSY)
		g->locked = false;
	return err;
}

/* Once: handlers stay for the life of the process. */
static int guest_fork_handler(struct bus_guest *g)
{
	static bool installed;
	int err = installed ? 0 : -pthread_atfork(NULL, NULL, guest_forked);

	installed |= !err;
	__atomic_store_n(&guest_here, g, __ATOMIC_RELEASE);
	return err;
}

int bus_guest_open(struct bus **out, char *msg, size_t n)
{
	struct bus_guest *g = mem_new(struct bus_guest);
	const char *what = "out of memory";
	int err = -ENOMEM;

	if (!g)
		goto err;
	g->bus.ops = &guest_ops;
	what = "not a guest: " PROC_ENV " is not set (start the program with gpuvm run)";
	err = guest_env(g);
	if (!err)
		err = guest_map_ring(g, &what);
	if (err)
		goto err;
	proc_client_init(&g->client, g->ring, g->kick_fd, g->life_fd, PROC_SPIN_AUTO);
	proc_client_far(&g->client, g->far);
	err = guest_map_bars(g, &what);
	if (err)
		goto err;
	what = "out of memory";
	err = guest_fork_handler(g);
	if (err)
		goto err;
	*out = &g->bus;
	return 0;
err:
	snprintf(msg, n, "%s", what);
	if (g)
		guest_close(&g->bus);
	return err;
}

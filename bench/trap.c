// SPDX-License-Identifier: MIT
/*
 * What does one trapped access cost a process guest, over what it must cost?
 *
 * Measured: a fully virtualized guest of a real daemon loads BOOT_0 and stores
 * to a private register.  The floor is the same primitive with nothing on top:
 * a load from an inaccessible page, a bare SIGSEGV handler that steps over it,
 * and one turn of ping-pong (load) or one slot of a ring (store) in shared
 * memory with a spinning peer on the other core.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "bench/bench.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/fermi/regs.h"
#include "pv-driver/bus.h"

#define SAMPLES 21
#define PER_SAMPLE 2000
#define RING 256

/* ---- the floor ---------------------------------------------------------------------- */

struct table {
	_Alignas(64) atomic_uint_fast64_t ping;
	_Alignas(64) atomic_uint_fast64_t pong;
	_Alignas(64) atomic_uint_fast64_t head;
	_Alignas(64) atomic_uint_fast64_t tail;
	_Alignas(64) uint64_t ring[RING];
	_Alignas(64) atomic_bool stop;
};

/* The handler cannot take an argument; it finds the table through the page it faults on. */
static struct table *floor_table;
static const uint8_t *floor_page;

/* Length of the two instructions the floor uses: mov eax,[rdi] and mov [rdi],eax. */
#define INSN_LEN 2

static void on_segv(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	struct table *t = floor_table;

	(void)sig;
	if ((const uint8_t *)si->si_addr < floor_page || (const uint8_t *)si->si_addr >= floor_page + 8192)
		_exit(1);
	if ((const uint8_t *)si->si_addr < floor_page + 4096) { /* a load waits for its answer */
		uint64_t n = atomic_load_explicit(&t->ping, memory_order_relaxed) + 1;

		atomic_store_explicit(&t->ping, n, memory_order_release);
		while (atomic_load_explicit(&t->pong, memory_order_acquire) != n)
			__builtin_ia32_pause();
		uc->uc_mcontext.gregs[REG_RAX] = (long long)n;
	} else { /* a store is posted */
		uint64_t h = atomic_load_explicit(&t->head, memory_order_relaxed);

		while (h - atomic_load_explicit(&t->tail, memory_order_acquire) >= RING)
			__builtin_ia32_pause();
		t->ring[h % RING] = (uint64_t)uc->uc_mcontext.gregs[REG_RAX];
		atomic_store_explicit(&t->head, h + 1, memory_order_release);
	}
	uc->uc_mcontext.gregs[REG_RIP] += INSN_LEN;
}

static void peer(struct table *t)
{
	while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
		uint64_t n = atomic_load_explicit(&t->ping, memory_order_acquire);
		uint64_t tail = atomic_load_explicit(&t->tail, memory_order_relaxed);

		if (n != atomic_load_explicit(&t->pong, memory_order_relaxed))
			atomic_store_explicit(&t->pong, n, memory_order_release);
		if (tail != atomic_load_explicit(&t->head, memory_order_acquire))
			atomic_store_explicit(&t->tail, tail + 1, memory_order_release);
		__builtin_ia32_pause();
	}
}

static double floor_sample(const uint8_t *at, bool write)
{
	uint64_t t = clock_ns();

	for (int i = 0; i < PER_SAMPLE; i++) {
		if (write)
			__asm__ volatile("movl %%eax, (%%rdi)" : : "D"(at), "a"(i) : "memory");
		else
			__asm__ volatile("movl (%%rdi), %%eax" : : "D"(at) : "rax", "memory");
	}
	return (double)(clock_ns() - t) / PER_SAMPLE / 1000;
}

static int measure_floor(double us[2])
{
	struct table *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *page = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_NODEFER }, old;
	double v[2][SAMPLES];
	pid_t pid;

	if (t == MAP_FAILED || page == MAP_FAILED)
		return -1;
	pid = fork();
	if (pid == 0) {
		peer(t);
		_exit(0);
	}
	floor_table = t;
	floor_page = page;
	sigaction(SIGSEGV, &sa, &old);
	for (int i = 0; i < SAMPLES; i++) {
		v[0][i] = floor_sample(page, false);
		v[1][i] = floor_sample(page + 4096, true);
	}
	sigaction(SIGSEGV, &old, NULL);
	atomic_store(&t->stop, true);
	waitpid(pid, NULL, 0);
	us[0] = bench_median(v[0], SAMPLES);
	us[1] = bench_median(v[1], SAMPLES);
	munmap(t, sizeof *t);
	munmap(page, 8192);
	return 0;
}

/* ---- the guest ------------------------------------------------------------------------ */

int bench_trap_probe(void)
{
	struct bus *bus;
	double v[2][SAMPLES];
	char msg[300];

	if (bus_guest_open(&bus, msg, sizeof msg)) {
		fprintf(stderr, "gpuvm-bench: trap: %s\n", msg);
		return 1;
	}
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t t = clock_ns();

		for (int k = 0; k < PER_SAMPLE; k++)
			bus_rd32(bus, NV_PMC_BOOT_0);
		v[0][i] = (double)(clock_ns() - t) / PER_SAMPLE / 1000;
		t = clock_ns();
		for (int k = 0; k < PER_SAMPLE; k++)
			bus_wr32(bus, NV_PTIMER_NUMERATOR, (uint32_t)k);
		bus_rd32(bus, NV_PMC_BOOT_0); /* so that the posted ones count as served */
		v[1][i] = (double)(clock_ns() - t) / PER_SAMPLE / 1000;
	}
	bus_close(bus);
	printf("{\"load_us\": %.4f, \"store_us\": %.4f}\n", bench_median(v[0], SAMPLES),
	       bench_median(v[1], SAMPLES));
	return 0;
}

static int probe(struct bench *b, bool posted, double us[2])
{
	char self[4200];
	int code;
	json_t *r;

	snprintf(self, sizeof self, "%s/gpuvm-bench", b->bin);
	r = child_json(b,
		       (char *[]){ (char *)"gpuvm", (char *)"run", (char *)"--private",
				   (char *)(posted ? "--mode=full" : "--sync-stores"), (char *)"--",
				   self, (char *)"trap-probe", NULL },
		       &code);
	if (!r || code)
		return -1;
	us[0] = json_real_value(json_object_get(r, "load_us"));
	us[1] = json_real_value(json_object_get(r, "store_us"));
	json_decref(r);
	return 0;
}

int bench_trap(struct bench *b)
{
	static const char *const floors[2] = { "bare signal + ping-pong", "bare signal + ring slot" };
	double floor[2], us[2][2];

	if (measure_floor(floor) || probe(b, true, us[0]) || probe(b, false, us[1])) {
		fprintf(stderr, "gpuvm-bench: trap: the guest failed\n");
		return 1;
	}
	for (int i = 0; i < 3; i++) {
		static const char *const name[3] = { "trapped load", "trapped store, posted",
						     "trapped store, waiting" };
		int f = i == 1; /* a waiting store is a ping-pong like a load */
		double v = us[i == 2][i != 0];

		bench_row(b, &(struct bench_result){ .name = name[i],
						     .unit = "us",
						     .value = v,
						     .floor = floor[f],
						     .floor_name = floors[f],
						     .ratio = v / floor[f],
						     .target = 1.5,
						     .target_kind = '<',
						     .options = i == 1 ? "posted" : "" });
	}
	return 0;
}

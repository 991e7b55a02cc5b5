// SPDX-License-Identifier: MIT
/*
 * Real traps: a mapping without access rights whose accesses land in a sink
 * that is memory.  What compilers emit for volatile accesses of all types,
 * string instructions and library copies must do to the mapping what they do to
 * memory; faults elsewhere must reach the handler that was there before; what
 * is not understood must end the process with one line.
 */
#include "tests/t.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pv-driver/proc_abi.h"
#include "pv-driver/trap.h"

#define LEN 0x10000u

struct mem_sink {
	struct trap_sink sink;
	uint8_t mem[2][LEN];
	volatile unsigned int loads, stores; /* volatile: they change below accesses that look unrelated */
	volatile uint8_t last_size;
};

static struct mem_sink *sink;
static uint8_t *bar0, *bar1;

static uint64_t sink_load(struct trap_sink *ts, uint32_t space, uint32_t off, uint8_t size)
{
	struct mem_sink *s = (struct mem_sink *)ts;
	uint64_t v = 0;

	__atomic_add_fetch(&s->loads, 1, __ATOMIC_RELAXED);
	s->last_size = size;
	errno = ENOTTY; /* must not be seen by the program */
	memcpy(&v, s->mem[space == PROC_SPACE_BAR1] + off, size);
	return v;
}

static void sink_store(struct trap_sink *ts, uint32_t space, uint32_t off, uint8_t size, uint64_t val)
{
	struct mem_sink *s = (struct mem_sink *)ts;

	__atomic_add_fetch(&s->stores, 1, __ATOMIC_RELAXED);
	s->last_size = size;
	memcpy(s->mem[space == PROC_SPACE_BAR1] + off, &val, size);
}

static struct trap *install(void)
{
	const struct trap_range r[] = { { bar0, LEN, PROC_SPACE_BAR0 }, { bar1, LEN, PROC_SPACE_BAR1 } };
	struct trap *t = NULL;

	assert_int_equal(trap_install(r, 2, &sink->sink, &t), 0);
	return t;
}

static int setup(void **state)
{
	(void)state;
	sink = mmap(NULL, sizeof *sink, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sink->sink = (struct trap_sink){ .load = sink_load, .store = sink_store };
	bar0 = mmap(NULL, LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bar1 = mmap(NULL, LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return bar0 == MAP_FAILED || bar1 == MAP_FAILED ? -1 : 0;
}

/* A volatile access of each type is one access of that size, and carries the value. */
#define TYPE_TEST(type, value, other)                                                              \
	do {                                                                                       \
		volatile type *p = (volatile type *)(bar0 + 0x100);                                \
		type v;                                                                            \
		unsigned int loads = sink->loads, stores = sink->stores;                           \
		errno = 0;                                                                         \
		*p = (value);                                                                      \
		assert_int_equal(sink->stores - stores, 1);                                        \
		assert_int_equal(sink->last_size, sizeof(type));                                   \
		v = *p;                                                                            \
		assert_int_equal(sink->loads - loads, 1);                                          \
		assert_int_equal(sink->last_size, sizeof(type));                                   \
		assert_true(v == (type)(value));                                                   \
		*p += (other);                                                                     \
		assert_true(*p == (type)((type)(value) + (type)(other)));                          \
		p[3] = *p;                                                                         \
		assert_true(p[3] == *p && !(p[3] != *p));                                          \
		assert_int_equal(errno, 0);                                                        \
	} while (0)

static void test_types(void **state)
{
	struct trap *t = install();

	(void)state;
	TYPE_TEST(uint8_t, 0xfe, 7);
	TYPE_TEST(int8_t, -3, 1);
	TYPE_TEST(uint16_t, 0xfedc, 0x1234);
	TYPE_TEST(int16_t, -300, 5);
	TYPE_TEST(uint32_t, 0xfedcba98u, 0x11111111u);
	TYPE_TEST(int32_t, -70000, 3);
	TYPE_TEST(uint64_t, 0xfedcba9876543210ull, 0x123456789ull);
	TYPE_TEST(int64_t, -7000000000ll, 9);
	TYPE_TEST(float, 1.5f, 2.25f);
	TYPE_TEST(double, -1e100, 3e99);
	TYPE_TEST(bool, true, false);
	TYPE_TEST(char, 'x', 1);
	trap_remove(t);
}

struct regs {
	volatile uint32_t ctrl : 4, mode : 12, rest : 16;
	volatile uint32_t plain;
};

static void test_operators(void **state)
{
	struct trap *t = install();
	volatile uint32_t *p = (volatile uint32_t *)(bar0 + 0x200);
	volatile int64_t *q = (volatile int64_t *)(bar0 + 0x300);
	struct regs *r = (struct regs *)(bar0 + 0x400);
	uint32_t expect = 0x0f0f1234;
	int64_t e64 = -12345678901ll;

	(void)state;
	*p = expect;
	*q = e64;
#define BOTH(op) ((*p) op, expect op, assert_int_equal(*p, expect))
	BOTH(|= 0x80000001u);
	BOTH(&= ~0x10u);
	BOTH(^= 0xffff0000u);
	BOTH(<<= 3);
	BOTH(>>= 5);
	BOTH(*= 77u);
	BOTH(-= 0x12345u);
	BOTH(++);
	BOTH(--);
#define BOTH64(op) ((*q) op, e64 op, assert_true(*q == e64))
	BOTH64(>>= 3);
	BOTH64(*= -3);
	BOTH64(+= 1ll << 40);
	BOTH64(/= 7);
	r->ctrl = 5;
	r->mode = 0xabc;
	r->rest = 0x1234;
	r->plain = 99;
	assert_int_equal(r->ctrl, 5);
	assert_int_equal(r->mode, 0xabc);
	assert_int_equal(r->plain, 99);
	assert_int_equal(__atomic_fetch_add(p, 5, __ATOMIC_SEQ_CST), expect);
	assert_int_equal(__atomic_exchange_n(p, 1, __ATOMIC_SEQ_CST), expect + 5);
	expect = 2;
	assert_false(__atomic_compare_exchange_n(p, &expect, 9, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	assert_int_equal(expect, 1);
	assert_true(__atomic_compare_exchange_n(p, &expect, 9, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	assert_int_equal(*p, 9);
	trap_remove(t);
}

static void rep_movsb(void *to, const void *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void rep_stosq(void *to, uint64_t v, size_t n)
{
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(v) : "memory");
}

static void test_copies(void **state)
{
	struct trap *t = install();
	uint8_t *src = malloc(LEN), *back = malloc(LEN);

	(void)state;
	for (unsigned int i = 0; i < LEN; i++)
		src[i] = (uint8_t)(i * 7 + i / 256);
	/* Several pages, not aligned; in, across, and out. */
	rep_movsb(bar1 + 5, src + 3, 20000);
	assert_memory_equal(sink->mem[1] + 5, src + 3, 20000);
	rep_movsb(bar0 + 64, bar1 + 5, 20000);
	assert_memory_equal(sink->mem[0] + 64, src + 3, 20000);
	rep_movsb(back, bar0 + 64, 20000);
	assert_memory_equal(back, src + 3, 20000);
	rep_stosq(bar1, 0x0102030405060708ull, 2000);
	for (unsigned int i = 0; i < 16000; i++)
		assert_int_equal(sink->mem[1][i], 8 - i % 8);
	free(src);
	free(back);
	trap_remove(t);
}

/* The C library picks vector instructions of this processor; not instrumented, so that it is that library's. */
static void test_library_copies(void **state)
{
	void *(*volatile copy)(void *, const void *, size_t) = memcpy;
	void *(*volatile set)(void *, int, size_t) = memset;
	struct trap *t = install();
	uint8_t src[4096], back[4096];

	(void)state;
	for (unsigned int i = 0; i < sizeof src; i++)
		src[i] = (uint8_t)(i * 13 + 1);
	for (unsigned int n = 1; n < sizeof src; n += 1 + n / 3) {
		set(bar1 + 3, 0x5a, sizeof src);
		copy(bar1 + 7, src, n);
		assert_memory_equal(sink->mem[1] + 7, src, n);
		assert_int_equal(sink->mem[1][6], 0x5a);
		assert_int_equal(sink->mem[1][7 + n], 0x5a);
		copy(back, bar1 + 7, n);
		assert_memory_equal(back, src, n);
	}
	trap_remove(t);
}

static sigjmp_buf jump;
static volatile sig_atomic_t handled;
static void on_segv(int sig)
{
	handled = sig;
	siglongjmp(jump, 1);
}

/* Inaccessible for a reason of its own: the program's handler is asked, also from inside a string instruction. */
static void test_chain_handler(void **state)
{
	struct sigaction mine = { .sa_handler = on_segv }, old, now;
	uint8_t *guard = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct trap *t;

	(void)state;
	mprotect(guard + 4096, 4096, PROT_NONE);
	sigaction(SIGSEGV, &mine, &old);
	t = install();
	handled = 0;
	if (!sigsetjmp(jump, 1))
		*(volatile uint8_t *)(guard + 4096) = 1;
	assert_int_equal(handled, SIGSEGV);
	handled = 0;
	memset(sink->mem[0], 0x77, 200);
	if (!sigsetjmp(jump, 1))
		rep_movsb(guard + 4096 - 100, bar0, 200);
	assert_int_equal(handled, SIGSEGV);
	/* Exactly what came before the guard page was done. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(guard[4096 - 100 + i], 0x77);
	*(volatile uint32_t *)bar0 = 5;
	assert_int_equal(*(volatile uint32_t *)bar0, 5);
	trap_remove(t);
	sigaction(SIGSEGV, NULL, &now);
	assert_ptr_equal(now.sa_handler, on_segv);
	sigaction(SIGSEGV, &old, NULL);
	munmap(guard, 8192);
}

/* Runs fn in a child; its stderr comes back in text. */
static int in_child(void (*fn)(void), char *text, size_t n)
{
	int p[2], status;
	ssize_t r, at = 0;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (!pid) {
		dup2(p[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(p[1]);
	while (at < (ssize_t)n - 1 && (r = read(p[0], text + at, n - 1 - (size_t)at)) > 0)
		at += r;
	text[at] = '\0';
	close(p[0]);
	waitpid(pid, &status, 0);
	return status;
}

static void child_unsupported(void)
{
	install();
	__asm__ volatile("btl %%eax, %0" : : "m"(*(volatile uint32_t *)(bar1 + 0x24)), "a"(3));
}

static void child_straddle(void)
{
	install();
	/* Not as C: the sanitizer would see the misalignment first. */
	__asm__ volatile("movl $1, (%0)" : : "r"(bar0 + LEN - 2) : "memory");
}

static void child_jump(void)
{
	install();
	((void (*)(void))(uintptr_t)(bar0 + 0x10))();
}

static void child_default(void)
{
	volatile uint8_t *volatile p = (volatile uint8_t *)16;

	signal(SIGSEGV, SIG_DFL);
	install();
	*p = 1;
}

static void child_sent(void)
{
	signal(SIGSEGV, SIG_DFL);
	install();
	raise(SIGSEGV);
}

static void test_ends(void **state)
{
	char text[512];
	int st;

	(void)state;
	st = in_child(child_unsupported, text, sizeof text);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == TRAP_EXIT_INSN);
	assert_non_null(strstr(text, "bt "));
	assert_non_null(strstr(text, "BAR1 offset 0x24\n"));
	st = in_child(child_straddle, text, sizeof text);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == TRAP_EXIT_INSN);
	assert_non_null(strstr(text, "BAR0 offset 0xfffe\n"));
	st = in_child(child_jump, text, sizeof text);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == TRAP_EXIT_INSN);
	st = in_child(child_default, text, sizeof text);
	assert_true(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
	st = in_child(child_sent, text, sizeof text);
	assert_true(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

static void test_install(void **state)
{
	struct trap_range r[TRAP_RANGES + 1] = { { bar0, LEN, PROC_SPACE_BAR0 } };
	struct trap *t = install(), *u = NULL;

	(void)state;
	assert_int_equal(trap_install(r, 1, &sink->sink, &u), -EBUSY);
	assert_int_equal(trap_install(r, TRAP_RANGES + 1, &sink->sink, &u), -EINVAL);
	assert_null(u);
	trap_remove(t);
	trap_remove(NULL);
	trap_remove(install());
}

static void *hammer(void *arg)
{
	volatile uint64_t *p = (volatile uint64_t *)(bar0 + (uintptr_t)arg * 512);
	uintptr_t bad = 0;

	for (uint64_t i = 0; i < 2000; i++) {
		p[i % 64] = i * 3;
		bad += p[i % 64] != i * 3;
	}
	return (void *)bad;
}

static void test_threads(void **state)
{
	struct trap *t = install();
	pthread_t th[4];
	void *bad;

	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&th[i], NULL, hammer, (void *)i), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(th[i], &bad);
		assert_null(bad);
	}
	trap_remove(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),	   cmocka_unit_test(test_operators),
		cmocka_unit_test(test_copies),	   cmocka_unit_test(test_library_copies),
		cmocka_unit_test(test_chain_handler), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_install),	   cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

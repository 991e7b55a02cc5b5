/* SPDX-License-Identifier: MIT */
/*
 * Runs one instruction form on the processor from random registers, flags,
 * vector registers and memory, and keeps what it was before and after.
 * test_insn.c and test_stub.c then run it their way and compare.
 *
 * A form starts by returning from a signal handler whose context was rewritten,
 * and ends at a breakpoint, whose handler saves what it finds and puts the test's
 * own state back.
 */
#ifndef TESTS_UNIT_DRV_INSN_RUN_H
#define TESTS_UNIT_DRV_INSN_RUN_H

#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "pv-driver/proc_abi.h"
#include "pv-driver/trap.h"
#include "tests/unit/drv/insn_forms.h"
#include "tests/unit/drv/insn_state.h"

#define WIN 0x2000u
#define LOW ((uint8_t *)0x20000000)
#define STACK 0x1000u
#define FLAGS 0x8d5u
#define DF 0x400u

extern uint8_t insn_win[];
__attribute__((aligned(4096), visibility("default"))) uint8_t insn_win[WIN];
static __attribute__((aligned(4096))) uint8_t ord[WIN], stack[STACK];
extern const struct insn_test_form __start_forms_tab[], __stop_forms_tab[];

/* Everything a form can change. */
struct memory {
	uint8_t win[WIN], low[WIN], ord[WIN], stack[STACK];
};

struct run {
	const struct insn_test_form *form;
	struct state start, native, before;
	struct memory mem;
	unsigned int round;
	bool replay; /* start from `start` as it is */
};

struct mem_sink {
	struct trap_sink sink;
	struct memory *mem;
	unsigned int loads, stores;
};

/* Signal handlers get no argument: the run that is under way. */
static struct run *now;

static void regs_randomise(struct run *r, greg_t *g)
{
	uint64_t mem;

	for (int i = REG_R8; i <= REG_RCX; i++)
		g[i] = (greg_t)rng();
	g[REG_RDI] = (greg_t)((r->form->kind == KIND_DST ? ord : insn_win) + 0x800);
	g[REG_RSI] = (greg_t)((r->form->kind == KIND_SRC ? ord : insn_win) + 0x1000);
	if (r->form->kind == KIND_NEAR) {
		g[REG_RDI] = (greg_t)(LOW + 0x800 + r->round % 4 * 8);
		g[REG_RSI] = (greg_t)(LOW + 0x7f0 + rng() % 48);
	}
	g[REG_RBX] = (greg_t)(insn_win + 0x1800);
	g[REG_RBP] = (greg_t)(ord + 0x800);
	g[REG_R8] = (greg_t)(LOW + 0x80);
	g[REG_R9] = 3;
	g[REG_RCX] = (greg_t)(rng() % 40);
	g[REG_RSP] = (greg_t)(stack + STACK / 2);
	g[REG_RIP] = (greg_t)r->form->code;
	g[REG_EFL] = (greg_t)(0x202 | (rng() & (FLAGS | DF)));
	/* Comparisons must also come out equal now and then. */
	if (r->round % 3 == 0) {
		memcpy(&mem, insn_win + 0x800, 8);
		g[REG_RAX] = (greg_t)mem;
		g[REG_RDX] = (greg_t)(mem >> 32);
	}
}

static void on_start(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig, (void)si;
	state_save(&now->before, uc);
	if (now->replay) {
		state_restore(&now->start, uc);
		return;
	}
	regs_randomise(now, uc->uc_mcontext.gregs);
	vec_randomise((uint8_t *)uc->uc_mcontext.fpregs, now->round);
	state_save(&now->start, uc);
}

static void on_break(int sig, siginfo_t *si, void *ctx)
{
	(void)sig, (void)si;
	state_save(&now->native, ctx);
	state_restore(&now->before, ctx);
}

static void mem_save(struct memory *m)
{
	memcpy(m->win, insn_win, WIN);
	memcpy(m->low, LOW, WIN);
	memcpy(m->ord, ord, WIN);
	memcpy(m->stack, stack, STACK);
}

static void mem_randomise(struct run *r)
{
	rng_fill(insn_win, WIN);
	rng_fill(LOW, WIN);
	rng_fill(ord, WIN);
	rng_fill(stack, STACK);
	/* Long equal runs, for the repeats that stop at a difference. */
	if (r->round % 4 == 3) {
		memset(insn_win, 7, WIN);
		memset(ord, 7, WIN);
		insn_win[0x800 + rng() % 64] = 8;
		insn_win[0x1000 + rng() % 64] = 8;
	}
	mem_save(&r->mem);
}

static uint8_t *sink_at(struct mem_sink *s, uint32_t space, uint32_t off, uint8_t size)
{
	uint8_t *base = space == PROC_SPACE_BAR0 ? s->mem->win : s->mem->low;

	if (off > WIN || size > WIN - off)
		fail_msg("sink: access at %#x", off);
	return base + off;
}

static uint64_t sink_load(struct trap_sink *ts, uint32_t space, uint32_t off, uint8_t size)
{
	struct mem_sink *s = (struct mem_sink *)ts;
	uint64_t v = 0xa5a5a5a5a5a5a5a5ull; /* bytes above size are not the emulator's to use */

	s->loads++;
	memcpy(&v, sink_at(s, space, off, size), size);
	return v;
}

static void sink_store(struct trap_sink *ts, uint32_t space, uint32_t off, uint8_t size, uint64_t val)
{
	struct mem_sink *s = (struct mem_sink *)ts;

	s->stores++;
	memcpy(sink_at(s, space, off, size), &val, size);
}

static const struct trap_range ranges[] = {
	{ .base = LOW, .len = WIN, .space = PROC_SPACE_BAR1 },
	{ .base = insn_win, .len = WIN, .space = PROC_SPACE_BAR0 },
};

static void compare_regs(const struct run *r)
{
	static const char *const name[] = { "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rdi",
					    "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp" };
	const greg_t *n = r->native.uc.uc_mcontext.gregs, *e = r->start.uc.uc_mcontext.gregs;
	uint8_t nv[4096], ev[4096];
	size_t len;

	for (int i = REG_R8; i <= REG_RSP; i++)
		if (n[i] != e[i])
			fail_msg("%s: %s is %#llx, not %#llx", r->form->text, name[i], e[i], n[i]);
	/* The native run went over the breakpoint behind the form. */
	if (n[REG_RIP] != e[REG_RIP] + 1 || (const uint8_t *)e[REG_RIP] != r->form->end)
		fail_msg("%s: rip", r->form->text);
	if ((n[REG_EFL] ^ e[REG_EFL]) & (FLAGS | DF))
		fail_msg("%s: flags are %#llx, not %#llx", r->form->text, e[REG_EFL], n[REG_EFL]);
	len = vec_image(r->native.fp, nv);
	if (len != vec_image(r->start.fp, ev))
		fail_msg("%s: vector state has another size", r->form->text);
	for (size_t i = 0; i < len; i++)
		if (nv[i] != ev[i])
			fail_msg("%s: vector state differs at %zu", r->form->text, i);
}

/* Runs the form natively on r->mem; leaves its result in r->native and after. */
static void run_native(struct run *r, const struct insn_test_form *f, unsigned int round,
		       struct memory *after)
{
	r->form = f;
	r->round = round;
	r->replay = false;
	mem_randomise(r);
	now = r;
	raise(SIGUSR1);
	mem_save(after);
}

static uint64_t cpu_has(void)
{
	uint32_t a, b, c, d, b7 = 0, c7 = 0, xcr0 = 0;
	uint64_t has = 0;

	__cpuid(1, a, b, c, d);
	if (c >> 27 & 1) {
		__asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(a) : "c"(0));
		if ((xcr0 & 6) == 6 && c >> 28 & 1)
			has |= NEED_AVX;
	}
	if (c >> 22 & 1)
		has |= NEED_MOVBE;
	if (__get_cpuid_count(7, 0, &a, &b7, &c7, &d)) {
		/* F, BW and VL: what the forms use. */
		if ((xcr0 & 0xe6) == 0xe6 && b7 >> 16 & 1 && b7 >> 30 & 1 && b7 >> 31 & 1)
			has |= NEED_AVX512;
		if (c7 >> 27 & 1)
			has |= NEED_MOVDIRI;
		if (has & NEED_AVX && b7 >> 5 & 1)
			has |= NEED_AVX2;
		if (b7 >> 3 & 1 && __get_cpuid(0x80000001, &a, &b, &c, &d) && c >> 5 & 1)
			has |= NEED_BMI;
	}
	return has;
}

static int run_setup(void **state)
{
	static uint8_t altstack[65536];
	const stack_t ss = { .ss_sp = altstack, .ss_size = sizeof altstack };
	struct sigaction sa = { .sa_sigaction = on_start, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	(void)state;
	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_sigaction = on_break;
	sigaction(SIGTRAP, &sa, NULL);
	return mmap(LOW, WIN, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == LOW ?
		       0 :
		       -1;
}

#endif

// SPDX-License-Identifier: MIT
/*
 * The instruction emulator against the processor.
 *
 * Each form of insn_forms.h is run twice from the same random registers, flags,
 * vector registers and memory: natively, on ordinary memory, with a breakpoint
 * behind it; and through insn_emulate(), where the window's addresses lead to a
 * sink with a copy of that memory.  Registers, flags and memory must then be
 * equal.  The processor is the reference; nothing here knows what a form does.
 */
#include "tests/t.h"

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

#define WIN 0x2000u
#define LOW ((uint8_t *)0x20000000)
#define STACK 0x1000u
#define FLAGS 0x8d5u
#define DF 0x400u
#define XS_MAX 8192u

extern uint8_t insn_win[];
__attribute__((aligned(4096), visibility("default"))) uint8_t insn_win[WIN];
static __attribute__((aligned(4096))) uint8_t ord[WIN], stack[STACK];
extern const struct insn_test_form __start_forms_tab[], __stop_forms_tab[];

/* Everything a form can change. */
struct memory {
	uint8_t win[WIN], low[WIN], ord[WIN], stack[STACK];
};

struct state {
	ucontext_t uc;
	__attribute__((aligned(64))) uint8_t fp[XS_MAX];
};

struct run {
	const struct insn_test_form *form;
	struct state start, native, before;
	struct memory mem;
	unsigned int round;
};

struct mem_sink {
	struct trap_sink sink;
	struct memory *mem;
	unsigned int loads, stores;
};

/* Signal handlers get no argument: the run that is under way. */
static struct run *now;

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;
static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static void rng_fill(void *p, size_t n)
{
	uint8_t *b = p;

	while (n--)
		*b++ = (uint8_t)(rng() >> 24);
}

static size_t fp_len(const uint8_t *fp)
{
	struct _fpx_sw_bytes sw;

	memcpy(&sw, fp + 512 - sizeof sw, sizeof sw);
	return sw.magic1 == 0x46505853u ? sw.extended_size : 512;
}

static uint64_t fp_features(const uint8_t *fp)
{
	struct _fpx_sw_bytes sw;

	memcpy(&sw, fp + 512 - sizeof sw, sizeof sw);
	return sw.magic1 == 0x46505853u ? sw.xstate_bv : 3;
}

static void state_save(struct state *s, const ucontext_t *uc)
{
	const uint8_t *fp = (const uint8_t *)uc->uc_mcontext.fpregs;

	memcpy(&s->uc, uc, sizeof s->uc);
	if (fp_len(fp) > sizeof s->fp)
		abort();
	memcpy(s->fp, fp, fp_len(fp));
	s->uc.uc_mcontext.fpregs = (fpregset_t)s->fp;
}

static void state_restore(const struct state *s, ucontext_t *uc)
{
	memcpy(uc->uc_mcontext.gregs, s->uc.uc_mcontext.gregs, sizeof(gregset_t));
	memcpy(uc->uc_mcontext.fpregs, s->fp, fp_len(s->fp));
}

static uint32_t comp_offset(unsigned int comp)
{
	uint32_t a, b, c, d;

	__cpuid_count(0xd, comp, a, b, c, d);
	return b;
}

static const struct {
	unsigned int comp, len;
} comps[] = { { 2, 256 }, { 5, 64 }, { 6, 512 }, { 7, 1024 } };

/* Vector registers as one flat image: absent components read as zeroes. */
static size_t vec_image(const uint8_t *fp, uint8_t *out)
{
	uint64_t bv = 3;
	size_t at = 256;

	memcpy(out, fp + 160, 256);
	if (fp_len(fp) > 512)
		memcpy(&bv, fp + 512, 8);
	for (size_t i = 0; i < 4; i++) {
		if (!(fp_features(fp) >> comps[i].comp & 1))
			continue;
		memset(out + at, 0, comps[i].len);
		if (bv >> comps[i].comp & 1)
			memcpy(out + at, fp + comp_offset(comps[i].comp), comps[i].len);
		at += comps[i].len;
	}
	return at;
}

/* Odd rounds leave the upper parts absent, so that both ways of storing zero are met. */
static void vec_randomise(uint8_t *fp, unsigned int round)
{
	uint64_t bv;

	rng_fill(fp + 160, 256);
	if (fp_len(fp) <= 512)
		return;
	memcpy(&bv, fp + 512, 8);
	bv |= 2;
	for (size_t i = 0; i < 4; i++) {
		if (!(fp_features(fp) >> comps[i].comp & 1))
			continue;
		bv &= ~(1ull << comps[i].comp);
		if (round & 1)
			continue;
		rng_fill(fp + comp_offset(comps[i].comp), comps[i].len);
		bv |= 1ull << comps[i].comp;
	}
	memcpy(fp + 512, &bv, 8);
}

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

static void mem_restore(const struct memory *m)
{
	memcpy(insn_win, m->win, WIN);
	memcpy(LOW, m->low, WIN);
	memcpy(ord, m->ord, WIN);
	memcpy(stack, m->stack, STACK);
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

/* Emulates r->start, on r->mem; the window itself is poisoned and must stay so. */
static int emulate(struct run *r, struct mem_sink *sink)
{
	greg_t ip = r->start.uc.uc_mcontext.gregs[REG_RIP];
	int err = 0;

	*sink = (struct mem_sink){ .sink = { sink_load, sink_store }, .mem = &r->mem };
	memset(insn_win, 0xee, WIN);
	memset(LOW, 0xee, WIN);
	memcpy(ord, r->mem.ord, WIN);
	memcpy(stack, r->mem.stack, STACK);
	r->start.uc.uc_mcontext.fpregs = (fpregset_t)r->start.fp;
	for (int i = 0; i < 100 && !err && r->start.uc.uc_mcontext.gregs[REG_RIP] == ip; i++)
		err = insn_emulate(&r->start.uc, ranges, 2, &sink->sink);
	for (unsigned int i = 0; i < WIN; i++)
		if (insn_win[i] != 0xee || LOW[i] != 0xee)
			fail_msg("%s: touched the window itself", r->form->text);
	memcpy(r->mem.ord, ord, WIN);
	memcpy(r->mem.stack, stack, STACK);
	return err;
}

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

static void run_form(const struct insn_test_form *f, unsigned int round)
{
	static struct memory after;
	static struct run r;
	struct mem_sink sink;
	int err;

	r.form = f;
	r.round = round;
	mem_randomise(&r);
	now = &r;
	raise(SIGUSR1);
	mem_save(&after);
	err = emulate(&r, &sink);
	if (err)
		fail_msg("%s: refused (%d)", f->text, err);
	compare_regs(&r);
	if (memcmp(&after, &r.mem, sizeof after))
		fail_msg("%s: memory differs", f->text);
	mem_restore(&after);
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
		if (b7 >> 3 & 1 && __get_cpuid(0x80000001, &a, &b, &c, &d) && c >> 5 & 1)
			has |= NEED_BMI;
	}
	return has;
}

static int setup(void **state)
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

static void test_same_as_processor(void **state)
{
	unsigned int ran = 0, skipped = 0;
	uint64_t has = cpu_has();

	(void)state;
	for (const struct insn_test_form *f = __start_forms_tab; f < __stop_forms_tab; f++) {
		if (f->kind == KIND_BAD)
			continue;
		if (f->need & ~has) {
			skipped++;
			continue;
		}
		for (unsigned int round = 0; round < 48; round++)
			run_form(f, round);
		ran++;
	}
	print_message("%u forms equal to the processor, %u need a newer one\n", ran, skipped);
	assert_true(ran >= 150);
}

/* A refused form leaves registers as they were and accesses nothing. */
static void test_refused(void **state)
{
	static struct run r;
	static struct state kept;
	struct mem_sink sink;
	unsigned int n = 0;

	(void)state;
	/* A valid native form gives a well-formed context to start from. */
	run_form(__start_forms_tab, 0);
	for (const struct insn_test_form *f = __start_forms_tab; f < __stop_forms_tab; f++) {
		if (f->kind != KIND_BAD)
			continue;
		r.form = __start_forms_tab;
		now = &r;
		raise(SIGUSR1);
		r.form = f;
		r.start.uc.uc_mcontext.gregs[REG_RIP] = (greg_t)f->code;
		memcpy(&kept, &r.start, sizeof kept);
		if (emulate(&r, &sink) != -EOPNOTSUPP)
			fail_msg("%s: not refused", f->text);
		if (memcmp(kept.uc.uc_mcontext.gregs, r.start.uc.uc_mcontext.gregs, sizeof(gregset_t)) ||
		    memcmp(kept.fp, r.start.fp, sizeof kept.fp) || sink.loads || sink.stores)
			fail_msg("%s: refused, but something changed", f->text);
		n++;
	}
	assert_true(n >= 30);
}

/* mov (%rdi), %rax and mov %rax, (%rdi) with rdi at awkward places. */
static int emulate_at(const uint8_t *code, uint64_t rdi, struct mem_sink *sink)
{
	static struct run r;

	r.form = __start_forms_tab;
	now = &r;
	raise(SIGUSR1);
	r.start.uc.uc_mcontext.gregs[REG_RIP] = (greg_t)code;
	r.start.uc.uc_mcontext.gregs[REG_RDI] = (greg_t)rdi;
	return emulate(&r, sink);
}

static void test_range_ends(void **state)
{
	static const uint8_t load[] = { 0x48, 0x8b, 0x07 }, store[] = { 0x48, 0x89, 0x07 };
	static const uint8_t no_memory[] = { 0x48, 0x89, 0xc7 };
	struct mem_sink s;

	(void)state;
	assert_int_equal(emulate_at(load, (uint64_t)LOW + WIN - 8, &s), 0);
	assert_int_equal(s.loads, 1);
	assert_int_equal(emulate_at(load, (uint64_t)LOW + WIN - 7, &s), -EFAULT);
	assert_int_equal(emulate_at(store, (uint64_t)LOW - 1, &s), -EFAULT);
	assert_int_equal(emulate_at(store, (uint64_t)LOW - 8, &s), -EFAULT);
	assert_int_equal(emulate_at(store, (uint64_t)LOW + WIN, &s), -EFAULT);
	assert_int_equal(s.loads + s.stores, 0);
	assert_int_equal(emulate_at(no_memory, (uint64_t)LOW, &s), -EFAULT);
}

/* A repeat on a prefetchable BAR moves 8 bytes at a time, elsewhere element by element. */
static void test_merging(void **state)
{
	static const uint8_t rep_stosb[] = { 0xf3, 0xaa };
	static struct run r;
	struct mem_sink s;

	(void)state;
	for (int low = 0; low < 2; low++) {
		r.form = __start_forms_tab;
		now = &r;
		raise(SIGUSR1);
		r.start.uc.uc_mcontext.gregs[REG_RIP] = (greg_t)rep_stosb;
		r.start.uc.uc_mcontext.gregs[REG_RDI] = (greg_t)(low ? LOW : insn_win) + 3;
		r.start.uc.uc_mcontext.gregs[REG_RCX] = 5 + 64 + 2;
		r.start.uc.uc_mcontext.gregs[REG_EFL] &= ~(greg_t)DF;
		assert_int_equal(emulate(&r, &s), 0);
		assert_int_equal(s.stores, low ? 5 + 8 + 2 : 71);
		assert_int_equal(r.start.uc.uc_mcontext.gregs[REG_RCX], 0);
	}
}

/* More than a page in one go comes in several traps, with the registers moved on in between. */
static void test_progress(void **state)
{
	static const uint8_t rep_stosq[] = { 0xf3, 0x48, 0xab };
	static struct run r;
	struct mem_sink s = { .sink = { sink_load, sink_store }, .mem = &r.mem };
	greg_t *g = r.start.uc.uc_mcontext.gregs;

	(void)state;
	r.form = __start_forms_tab;
	now = &r;
	raise(SIGUSR1);
	g[REG_RIP] = (greg_t)rep_stosq;
	g[REG_RDI] = (greg_t)LOW;
	g[REG_RCX] = WIN / 8;
	g[REG_EFL] &= ~(greg_t)DF;
	assert_int_equal(insn_emulate(&r.start.uc, ranges, 2, &s.sink), 0);
	assert_true(g[REG_RIP] == (greg_t)rep_stosq);
	assert_int_equal(g[REG_RCX], WIN / 8 - 512);
	assert_true(g[REG_RDI] == (greg_t)LOW + 4096);
	assert_int_equal(insn_emulate(&r.start.uc, ranges, 2, &s.sink), 0);
	assert_int_equal(g[REG_RCX], 0);
	assert_true(g[REG_RIP] == (greg_t)rep_stosq + 3);
	assert_int_equal(s.stores, WIN / 8);
}

static void test_describe(void **state)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
					0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };
	char text[160], tiny[4];

	(void)state;
	insn_describe(code, text, sizeof text);
	assert_string_equal(text, "8b 07 mov eax, [rdi]");
	insn_describe(code, tiny, sizeof tiny);
	assert_true(strlen(tiny) < sizeof tiny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_processor),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_range_ends),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

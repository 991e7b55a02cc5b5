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

#include "tests/unit/drv/insn_run.h"

/* Emulates r->start, on r->mem; the window itself is poisoned and must stay so. */
static int emulate(struct run *r, struct mem_sink *sink)
{
	greg_t ip = r->start.uc.uc_mcontext.gregs[REG_RIP];
	int err = 0;

	*sink = (struct mem_sink){ .sink = { .load = sink_load, .store = sink_store }, .mem = &r->mem };
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

static void run_form(const struct insn_test_form *f, unsigned int round)
{
	static struct memory after;
	static struct run r;
	struct mem_sink sink;
	int err;

	run_native(&r, f, round, &after);
	err = emulate(&r, &sink);
	if (err)
		fail_msg("%s: refused (%d)", f->text, err);
	compare_regs(&r);
	if (memcmp(&after, &r.mem, sizeof after))
		fail_msg("%s: memory differs", f->text);
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
	struct mem_sink s = { .sink = { .load = sink_load, .store = sink_store }, .mem = &r.mem };
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

	return cmocka_run_group_tests(tests, run_setup, NULL);
}

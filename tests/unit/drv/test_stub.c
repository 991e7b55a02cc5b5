// SPDX-License-Identifier: MIT
/*
 * Every form once more, but for real: the window is inaccessible, the handler
 * is installed, and the form runs in this process.  Registers, flags, vector
 * state and memory must be what the processor makes of ordinary memory.  This
 * takes in the forms that insn_emulate() refuses and stub.c carries out.
 */
#include "tests/t.h"

#include "pv-driver/stub.h"
#include "tests/unit/drv/insn_run.h"

/* Refused by insn_emulate() and by the stub too: these would end the program. */
static bool hopeless(const char *text)
{
	static const char *const t[] = { "call", "jmp", "btl", "%fs:", "%gs:", "fxsave", "vgather",
					 "vmaskmov", "0x64, 0xa4", "0x65, 0xf3", "movdir64b", "0x0f, 0xff",
					 "lea", "nop", "cpuid", "{%k" };

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (strstr(text, t[i]))
			return true;
	return false;
}

static void protect(int prot)
{
	assert_int_equal(mprotect(insn_win, WIN, prot), 0);
	assert_int_equal(mprotect(LOW, WIN, prot), 0);
}

static void run_trapped(const struct insn_test_form *f, unsigned int round)
{
	static struct memory after;
	static struct run r;
	struct mem_sink sink = { .sink = { .load = sink_load, .store = sink_store }, .mem = &r.mem };
	struct trap *trap = NULL;
	struct state native;

	run_native(&r, f, round, &after);
	native = r.native;
	assert_int_equal(trap_install(ranges, 2, &sink.sink, &trap), 0);
	memcpy(ord, r.mem.ord, WIN);
	memcpy(stack, r.mem.stack, STACK);
	protect(PROT_NONE);
	r.replay = true;
	raise(SIGUSR1);
	protect(PROT_READ | PROT_WRITE);
	trap_remove(trap);
	memcpy(r.mem.ord, ord, WIN);
	memcpy(r.mem.stack, stack, STACK);
	/* Now r.native is what came out under the trap; compare_regs() wants it in start, at the form's end. */
	memcpy(&r.start, &r.native, sizeof r.start);
	r.start.uc.uc_mcontext.gregs[REG_RIP]--;
	memcpy(&r.native, &native, sizeof r.native);
	compare_regs(&r);
	if (memcmp(&after, &r.mem, sizeof after))
		fail_msg("%s: memory differs", f->text);
}

static void test_trapped(void **state)
{
	unsigned int ran = 0, stubbed = 0;
	uint64_t has = cpu_has();

	(void)state;
	for (const struct insn_test_form *f = __start_forms_tab; f < __stop_forms_tab; f++) {
		if (f->need & ~has || (f->kind == KIND_BAD && hopeless(f->text)))
			continue;
		for (unsigned int round = 0; round < 6; round++)
			run_trapped(f, round);
		ran++;
		stubbed += f->kind == KIND_BAD;
	}
	print_message("%u forms equal under the trap, %u of them by a stub\n", ran, stubbed);
	assert_true(ran >= 600 && stubbed >= 20);
}

/* What the stub refuses is left alone: no access, no change, no slot lost. */
static void test_refused(void **state)
{
	static struct run r;
	static struct state kept;
	static struct memory after;
	struct mem_sink sink = { .sink = { .load = sink_load, .store = sink_store }, .mem = &r.mem };
	struct stub *s = NULL;

	(void)state;
	assert_int_equal(stub_new(&s), 0);
	for (unsigned int again = 0; again < 80; again++)
		for (const struct insn_test_form *f = __start_forms_tab; f < __stop_forms_tab; f++) {
			int err;

			if (f->kind != KIND_BAD || !hopeless(f->text))
				continue;
			if (!again)
				run_native(&r, __start_forms_tab, 0, &after);
			r.start.uc.uc_mcontext.fpregs = (fpregset_t)r.start.fp;
			r.start.uc.uc_mcontext.gregs[REG_RIP] = (greg_t)f->code;
			memcpy(&kept, &r.start, sizeof kept);
			err = stub_enter(s, &r.start.uc, ranges, 2, &sink.sink);
			if (err != -EOPNOTSUPP && err != -EFAULT)
				fail_msg("%s: not refused (%d)", f->text, err);
			assert_memory_equal(&kept, &r.start, sizeof kept);
		}
	assert_int_equal(sink.loads + sink.stores, 0);
	stub_free(s);
	stub_free(NULL);
}

/* All slots taken is an answer, not an overwritten slot; leaving gives one back. */
static void test_slots(void **state)
{
	static const uint8_t mul[] = { 0xf7, 0x27, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
				       0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };
	static struct run r;
	static struct memory after;
	struct mem_sink sink = { .sink = { .load = sink_load, .store = sink_store }, .mem = &r.mem };
	struct stub *s = NULL;
	greg_t *g = r.start.uc.uc_mcontext.gregs, first = 0;
	int n = 0;

	(void)state;
	assert_int_equal(stub_new(&s), 0);
	run_native(&r, __start_forms_tab, 0, &after);
	g[REG_RIP] = (greg_t)mul;
	while (!stub_enter(s, &r.start.uc, ranges, 2, &sink.sink)) {
		if (!n++)
			first = g[REG_RIP];
		g[REG_RIP] = (greg_t)mul;
	}
	assert_int_equal(n, 64);
	assert_int_equal(sink.loads, 64);
	g[REG_RIP] = first + 6;
	stub_leave(s, &r.start.uc);
	assert_true(g[REG_RIP] == (greg_t)mul + 2);
	assert_int_equal(stub_enter(s, &r.start.uc, ranges, 2, &sink.sink), -EFAULT);
	g[REG_RIP] = (greg_t)mul;
	assert_int_equal(stub_enter(s, &r.start.uc, ranges, 2, &sink.sink), 0);
	assert_true(g[REG_RIP] == first);
	stub_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trapped),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, run_setup, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * The sm_20 assembler: what Mesa emitted comes back from its own disassembly, programs written by
 * hand, every kind of mistake named with its line, and texts made of noise.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/sm20.h"
#include "gpuvm/fermi/sm20_table.h"
#include "tests/t.h"
#include "tests/unit/fermi/sm20_golden.h"
#include "tests/unit/fermi/sm20_listings.h"

#define WORDS 256

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static uint64_t one(const char *text, uint32_t org)
{
	uint64_t word = 0;
	size_t n = 1;
	char msg[256];

	if (sm20_assemble(text, org, &word, &n, msg, sizeof(msg)))
		fail_msg("%s: %s", text, msg);
	assert_int_equal(n, 1);
	assert_string_equal(msg, "");
	return word;
}

static void test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sm20_golden); i++)
		if (one(sm20_golden[i].text, GOLDEN_PC) != sm20_golden[i].word)
			fail_msg("%s", sm20_golden[i].text);
}

/* Whole programs: the disassembly of each word, a line each, gives all the words again. */
static void test_listings(void **state)
{
	static char text[WORDS * 80];
	uint64_t words[WORDS];
	struct sm20_insn in;
	char msg[256];
	size_t at, n;

	(void)state;
	for (size_t l = 0; l < ARRAY_SIZE(sm20_listings); l++) {
		const struct sm20_listing *p = &sm20_listings[l];

		for (size_t i = at = 0; i < p->n; i++) {
			assert_int_equal(sm20_decode(p->words[i], (uint32_t)i * 8, &in), 0);
			sm20_disasm(&in, text + at, sizeof(text) - at);
			at += strlen(text + at);
			text[at++] = '\n';
			text[at] = 0;
		}
		n = WORDS;
		if (sm20_assemble(text, 0, words, &n, msg, sizeof(msg)))
			fail_msg("%s: %s", p->name, msg);
		assert_int_equal(n, p->n);
		assert_memory_equal(words, p->words, n * sizeof(*words));
	}
}

/* What the OpenCL vector add of Mesa 25.0.7 does after its bounds check, written by a person. */
static void test_by_hand(void **state)
{
	static const char text[] =
		"// the global id, then out[id] = a[id] + b[id]\n"
		"	s2r	r0, %ntid.x\n"
		"	s2r	r1, %ctaid.x\n"
		"	s2r	r2, %tid.x\n"
		"	imul.u32.u32 r0, r1, r0\n"
		"	iadd	r0, r0, r2\n"
		"	joinat	done		# lanes past the end wait there\n"
		"	isetp.lt.s32 p0, pt, r0, c0[0x18]\n"
		"	@!p0 nop.join\n"
		"	shr.s32	r1, r0, 31\n"
		"	mov.l	r2, 2\n"
		"	iadd.subr r3, r2, 32\n"
		"	isetp.le.u32 p0, pt, r2, 32 ; a shift of 64 bits\n"
		"	shr.u32	r4, r0, r3\n"
		"	shl	r1, r1, r2\n"
		"	@p0 lop.or r4, r1, r4\n"
		"	shl	r2, r0, r2\n"
		"	iadd.sub r1, rz, r3\n"
		"	@!p0 shl r4, r0, r1\n"
		"	mov	r3, r4\n"
		"	iadd.cc	r0, r2, c0[0]\n"
		"	iadd.x	r1, r3, c0[4]\n"
		"	ld.b32	r4, g[r0d]\n"
		"	iadd.cc	r0, r2, c0[8]\n"
		"	iadd.x	r1, r3, c0[0xc]\n"
		"	ld.b32	r0, g[r0d]\n"
		"	fadd	r4, r4, r0\n"
		"	iadd.cc	r0, r2, c0[0x10]\n"
		"	iadd.x	r1, r3, c0[0x14]\n"
		"	st.b32	g[r0d], r4\n"
		"	nop.join\n"
		"done:	exit\n";
	uint64_t words[WORDS];
	size_t n = WORDS;
	char msg[256];

	(void)state;
	if (sm20_assemble(text, 0, words, &n, msg, sizeof(msg)))
		fail_msg("%s", msg);
	assert_int_equal(n, ARRAY_SIZE(cl_vadd_25_0_7));
	assert_memory_equal(words, cl_vadd_25_0_7, sizeof(cl_vadd_25_0_7));
}

/* More ways to write the same. */
static void test_same(void **state)
{
	static const char *const pairs[][2] = {
		{ "mov r0, 0x12345678", "mov.l r0, 0x12345678" },
		{ "mov.l r0, -1", "mov.l r0, 0xffffffff" },
		{ "iadd r0, r1, 0xffffffff", "iadd r0, r1, -1" },
		{ "iadd r0, r1, 0x80000", "iadd.l r0, r1, 0x80000" },
		{ "fadd r0, r1, 3.14159274", "fadd.l r0, r1, 0f40490fdb" },
		{ "fadd r0, r1, 0.5", "fadd r0, r1, 0x3f000000" },
		{ "fmul r0, r1, 2", "fmul r0, r1, 2.0" },
		{ "dadd r0d, r2d, 0.5", "dadd r0d, r2d, 0d3fe0000000000000" },
		{ "isetp.lt.u32 p0, pt, r1, r2, pt", "isetp.lt.u32 p0, p7, r1, r2" },
		{ "fadd.rz.ftz r0, r1, r2", "fadd.ftz.rz r0, r1, r2" },
		{ "mov r63, r1", "mov rz, r1" },
		{ "ld.b32 r0,g[ rz + 16 ]", "ld.b32 r0, g[0x10]" },
		{ "  @pt   exit   ", "exit" },
		{ "@p7 exit", "exit" },
		{ "bra 0x1000", "here: bra here" },
		{ "a: b: exit", "exit // nothing" },
		{ ".word 0x8000000000001de7", "exit" },
		{ "i2f.f32.u8 r0, r1", "i2f.f32.u8.sel0 r0, r1" },
		{ "ld.b32 r0, g[0xfffffffc]", "ld.b32 r0, g[-4]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (one(pairs[i][0], 0x1000) != one(pairs[i][1], 0x1000))
			fail_msg("%s and %s differ", pairs[i][0], pairs[i][1]);
}

static void test_labels(void **state)
{
	uint64_t words[4];
	struct sm20_insn in;
	size_t n = 4;
	char msg[256];

	(void)state;
	assert_int_equal(sm20_assemble("bra end\nloop:\n\n bra loop\n exit\nend: exit\n", 0x200,
				       words, &n, msg, sizeof(msg)), 0);
	assert_int_equal(n, 4);
	assert_int_equal(sm20_decode(words[0], 0x200, &in), 0);
	assert_int_equal(in.target, 0x218);
	assert_int_equal(sm20_decode(words[1], 0x208, &in), 0);
	assert_int_equal(in.target, 0x208);
	n = 4;
	assert_int_equal(sm20_assemble("", 0, words, &n, msg, sizeof(msg)), 0);
	assert_int_equal(n, 0);
}

static const struct {
	const char *text, *msg;
} mistakes[] = {
	{ "exit\nfoo r1", "line 2: 'foo' is no instruction" },
	{ "fadd.u8 r0, r1, r2", "line 1: fadd has no modifier '.u8'" },
	{ "fadd.ftz.ftz r0, r1, r2", "line 1: fadd has no modifier '.ftz'" },
	{ "fadd. r0, r1, r2", "line 1: fadd has no modifier '.'" },
	{ "ld r0, g[r1]", "line 1: ld needs a modifier for dtype" },
	{ "fadd r0, r1", "line 1: fadd: an operand is missing (b)" },
	{ "fadd r0, r1, r2, r3", "line 1: fadd: 'r3' is one operand too many" },
	{ "fadd r0,, r2", "line 1: an operand is missing at a comma" },
	{ "fadd r0, r1,", "line 1: an operand is missing at a comma" },
	{ "mov r64, r0", "line 1: mov: 'r64': registers are r0 to r62 and rz" },
	{ "mov q0, r0", "line 1: mov: 'q0' is no register" },
	{ "mov r0d, r0", "line 1: mov: 'r0d': one register belongs here: r0" },
	{ "dadd r0, r2d, r4d", "line 1: dadd: 'r0': more registers belong here: r0d" },
	{ "ld.b64 r0, g[r2]", "line 1: ld: 'r0': more registers belong here: r0d" },
	{ "mov -r0, r0", "line 1: mov: '-r0' is no register" },
	{ "mov r0, -r0", "line 1: mov: '-r0': this operand has no such sign" },
	{ "mov r0, c0[2]", "line 1: mov: the value of b does not fit" },
	{ "mov r0, c0[0x10000]", "line 1: mov: 'c0[0x10000]': constants are c<bank>[<offset>]" },
	{ "mov r0, c32[0]", "line 1: mov: 'c32[0]': constants are c<bank>[<offset>]" },
	{ "mov r0, 0x100000000", "line 1: mov: the value of b does not fit" },
	{ "mov.l r0, 0x100000000", "line 1: mov: '0x100000000' does not fit 32 bits" },
	{ "mov r0, 12q", "line 1: mov: '12q' is no register, c[] or number" },
	{ "fmnmx r0, r1, 0.1, pt", "line 1: fmnmx: the value of b does not fit" },
	{ "ffma r0, r1, c0[0], c0[4]", "line 1: ffma: the value of b does not fit" },
	{ "ffma r0, r1, 0.1, r2", "line 1: ffma: the value of c (d once more) does not fit" },
	{ "ld.b32 r0, s[0x800000]", "line 1: ld: the value of memory does not fit" },
	{ "ld.b32 r0, s[r2d]", "line 1: ld: 'r2d': one register belongs here: r2" },
	{ "ld.b32 r0, x[r2]", "line 1: ld: 'x[r2]': g[<address>] belongs here" },
	{ "ld.b32 r0, g[r2+]", "line 1: ld: '+' is no offset" },
	{ "ld.b32 r0, g[]", "line 1: ld: '' is no address" },
	{ "selp r0, r1, r2, p8", "line 1: selp: 'p8' is no predicate" },
	{ "isetp.lt.u32 !p0, pt, r0, r1", "line 1: isetp: '!p0': nothing can be inverted here" },
	{ "s2r r0, %nothing", "line 1: s2r: '%nothing' is no special register" },
	{ "shladd r0, r1, 32, r2", "line 1: shladd: '32' is no number below 32" },
	{ "bra nowhere", "line 1: bra: 'nowhere' is no label or code offset" },
	{ "@p9 exit", "line 1: @p9 is no predicate" },
	{ "@p0", "line 1: an instruction is missing after @p0" },
	{ "@p0 joinat 0", "line 1: joinat takes no predicate" },
	{ "exit.join", "line 1: exit has no modifier '.join'" },
	{ "x: exit\nx: exit", "line 2: label 'x' stands twice" },
	{ "bra.pcrel c0[r1]", "line 1: bra: 'c0[r1]': only brx adds a register" },
	{ "tex.xyzw.3d.array r0q, t0, s0, r0q, rze",
	  "line 1: tex: these operands do not go together" },
	{ "tex.x.2d r0, 0, s0, r0d, rze", "line 1: tex: '0': t<number> belongs here" },
	{ ".word", "line 1: .word takes one number" },
	{ "bra.abs 0x100000000", "line 1: bra: '0x100000000' is no label or code offset" },
	{ "bra 0x1000000", "line 1: bra: the value of target does not fit" },
};

static void test_mistakes(void **state)
{
	uint64_t words[4];
	char msg[256];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		n = 4;
		if (sm20_assemble(mistakes[i].text, 0, words, &n, msg, sizeof(msg)) != -EINVAL)
			fail_msg("%s: no error", mistakes[i].text);
		assert_string_equal(msg, mistakes[i].msg);
	}
}

static void test_room(void **state)
{
	uint64_t words[2] = { 0, 0x5a5a };
	char msg[256], tiny[8];
	size_t n = 1;

	(void)state;
	assert_int_equal(sm20_assemble("exit\nexit\n", 0, words, &n, msg, sizeof(msg)), -ENOSPC);
	assert_true(words[0] == 0 && words[1] == 0x5a5a);
	memset(tiny, '#', sizeof(tiny));
	assert_int_equal(sm20_assemble("foo", 0, words, &n, tiny, 5), -EINVAL);
	assert_string_equal(tiny, "line");
	assert_int_equal(tiny[5], '#');
	assert_int_equal(sm20_assemble("foo", 0, words, &n, NULL, 0), -EINVAL);
}

static int fail_allocation(void)
{
	return 1;
}

static void test_no_memory(void **state)
{
	uint64_t words[1];
	char msg[256];
	size_t n = 1;
	int err;

	(void)state;
	mem_fault_hook = fail_allocation;
	err = sm20_assemble("a: exit\n", 0, words, &n, msg, sizeof(msg));
	mem_fault_hook = NULL;
	assert_int_equal(err, -ENOMEM);
	assert_string_equal(msg, "line 1: no memory");
}

/* For every row: random words of it come back through their text. */
static void test_round_trip(void **state)
{
	uint64_t s = 0x2545f4914f6cdd1d, word;
	struct sm20_insn in;
	char text[200];
	int seen;

	(void)state;
	for (unsigned int r = 0; r < sm20_nr_rows; r++) {
		seen = 0;
		for (int i = 0; i < 3000 && seen < 60; i++) {
			word = (next(&s) & ~sm20_rows[r].mask) | sm20_rows[r].match;
			if (i & 1)
				word &= next(&s) | sm20_rows[r].mask;
			if (i & 2)
				word &= (next(&s) & next(&s)) | sm20_rows[r].mask;
			if (i % 60 == 59)
				word = sm20_rows[r].match;
			if (sm20_decode(word, 0x4000, &in))
				continue;
			seen++;
			sm20_disasm(&in, text, sizeof(text));
			if (one(text, 0x4000) != word)
				fail_msg("%016llx: %s", (unsigned long long)word, text);
		}
		if (!seen)
			fail_msg("row %u never decodes", r);
	}
}

/* Damaged text is refused or means something that has a text of its own; it never harms. */
static void test_noise(void **state)
{
	static const char bytes[] = "r0123456789abcdefpxz.,[]()|+-!~@%: gsltcd\n\t/#;";
	uint64_t s = 0xda942042e4dd58b5, words[8];
	char text[200], msg[64];
	struct sm20_insn in;
	size_t n, len;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "%s",
			 sm20_golden[next(&s) % ARRAY_SIZE(sm20_golden)].text);
		len = strlen(text);
		for (uint64_t k = next(&s) % 4 + 1; k; k--)
			text[next(&s) % len] = bytes[next(&s) % (sizeof(bytes) - 1)];
		n = ARRAY_SIZE(words);
		if (sm20_assemble(text, 0, words, &n, msg, sizeof(msg))) {
			assert_memory_equal(msg, "line ", 5);
			continue;
		}
		for (size_t w = 0; w < n; w++)
			assert_int_equal(sm20_decode(words[w], (uint32_t)w * 8, &in), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_listings),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

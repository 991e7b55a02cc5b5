// SPDX-License-Identifier: MIT
/* The text of sm_20 instructions: known words, short buffers, what is no instruction. */
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/sm20.h"
#include "tests/t.h"
#include "tests/unit/fermi/sm20_golden.h"

#define PROMISED 160 /* sm20.h: that many bytes hold every instruction */

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void text_of(uint64_t word, uint32_t pc, char *buf, size_t n)
{
	struct sm20_insn in;

	assert_int_equal(sm20_decode(word, pc, &in), 0);
	sm20_disasm(&in, buf, n);
}

static void test_golden(void **state)
{
	char text[PROMISED];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sm20_golden); i++) {
		text_of(sm20_golden[i].word, GOLDEN_PC, text, sizeof(text));
		assert_string_equal(text, sm20_golden[i].text);
	}
}

/* By hand, for the forms that a random word seldom has. */
static void test_spelling(void **state)
{
	static const struct {
		uint64_t word;
		const char *text;
	} t[] = {
		{ 0x40000000000021f4, "@!p0 nop.join" },
		{ 0x8000000000001de7, "exit" },
		{ 0x8000000000003de7, "@!pt exit" },
		{ 0x50ee0000ffffdc04, "bar.popc pt, rz, rz, rz" },
		{ 0x2c00000084009c04, "s2r r2, %tid.x" },
		{ 0x2c00000194009c04, "s2r r2, %sr101" },
		{ 0x4801400000409c03, "iadd.cc r2, r4, c0[0x0]" },
		{ 0x87fffffff0209cc5, "ld.b128 r2q, g[r2d-4]" },
		{ 0x8000000013f01c85, "ld.b32 r0, g[4]" },
		{ 0x8000000003f01c85, "ld.b32 r0, g[0]" },
		{ 0x8400000003f01c85, "ld.b32 r0, g[rzd]" },
		{ 0x5000cfe000001c00, "fadd r0, r0, 1.0" },
		{ 0x5000dfe000001c00, "fadd r0, r0, 0f7f800000" }, /* infinity */
		{ 0x5000c00000001f00, "fadd r0, -r0, neg(0.0)" },
		{ 0x5000dfe000001d40, "fadd r0, r0, neg(abs(0f7f800000))" },
		{ 0x5000e00000001c00, "fadd r0, r0, -0.0" },
		{ 0x4800cffc00001c01, "dadd r0d, r0d, 1.0" },
		{ 0x4800dffc00001c01, "dadd r0d, r0d, 0d7ff0000000000000" },
		{ 0x18fffffffc001de2, "mov.l r0, 0x3fffffff" },
	};
	char text[PROMISED];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		text_of(t[i].word, 0, text, sizeof(text));
		assert_string_equal(text, t[i].text);
	}
}

static void test_targets(void **state)
{
	char text[PROMISED];

	(void)state;
	text_of(0x4003fff620001de7, 0x328, text, sizeof(text));
	assert_string_equal(text, "bra 0xb8");
	text_of(0x4003fff620001de7, 0x1328, text, sizeof(text));
	assert_string_equal(text, "bra 0x10b8");
}

static void test_unknown(void **state)
{
	struct sm20_insn in;
	char text[PROMISED];

	(void)state;
	assert_int_not_equal(sm20_decode(0x1234, 0, &in), 0);
	sm20_disasm(&in, text, sizeof(text));
	assert_string_equal(text, ".word 0x0000000000001234");
}

/* Any room is enough not to be overrun; what fits is the front of the whole text. */
static void test_short_buffers(void **state)
{
	struct sm20_insn in;
	char whole[PROMISED], part[PROMISED];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sm20_golden); i++) {
		assert_int_equal(sm20_decode(sm20_golden[i].word, GOLDEN_PC, &in), 0);
		sm20_disasm(&in, whole, sizeof(whole));
		for (size_t n = 1; n <= strlen(whole) + 1; n++) {
			memset(part, '#', sizeof(part));
			sm20_disasm(&in, part, n);
			assert_int_equal(strlen(part), n - 1);
			assert_memory_equal(part, whole, n - 1);
			assert_int_equal(part[n], '#');
		}
	}
	part[0] = '#';
	sm20_disasm(&in, part, 0);
	assert_int_equal(part[0], '#');
}

/* All words that decode have a text within the promised room. */
static void test_room(void **state)
{
	uint64_t s = 0x853c49e6748fea9b, word;
	struct sm20_insn in;
	char text[PROMISED + 100];
	unsigned int seen = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		word = next(&s) & ~8ull;
		if (sm20_decode(word, (uint32_t)next(&s), &in))
			continue;
		sm20_disasm(&in, text, sizeof(text));
		assert_true(strlen(text) < PROMISED);
		assert_null(strchr(text, '\n'));
		seen++;
	}
	assert_true(seen > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_spelling),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_short_buffers),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

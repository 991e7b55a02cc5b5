// SPDX-License-Identifier: MIT
/* Storage kinds and the words for faults. */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/fault.h"
#include "gpuvm/fermi/kind.h"
#include "tests/t.h"

static void test_values(void **state)
{
	static const uint8_t base[][2] = {
		{ 0x00, 0x00 }, { 0x01, 0x01 }, { 0x05, 0x01 }, { 0x06, 0xff }, { 0x0a, 0x01 },
		{ 0x0b, 0xff }, { 0x11, 0x11 }, { 0x17, 0x11 }, { 0x27, 0x27 }, { 0x3b, 0x27 },
		{ 0x41, 0x29 }, { 0x46, 0x46 }, { 0x54, 0x46 }, { 0x7b, 0x7b }, { 0x89, 0x7b },
		{ 0x8a, 0xff }, { 0x8e, 0x8e }, { 0xa6, 0x8e }, { 0xc2, 0xaa }, { 0xc3, 0xc3 },
		{ 0xcc, 0xfe }, { 0xd1, 0xc3 }, { 0xd8, 0xfe }, { 0xd9, 0xff }, { 0xe1, 0xff },
		{ 0xfb, 0xfe }, { 0xfc, 0xff }, { 0xfd, 0xfd }, { 0xfe, 0xfe }, { 0xff, 0xff },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(base); i++)
		assert_int_equal(kind_base(base[i][0]), base[i][1]);
}

/* Folding ends after one step, at a kind without compression. */
static void test_fold(void **state)
{
	int plain = 0, compressed = 0;

	(void)state;
	for (int k = 0; k < 256; k++) {
		uint8_t b = kind_base((uint8_t)k);

		plain += kind_known((uint8_t)k) && !kind_compressed((uint8_t)k);
		compressed += kind_compressed((uint8_t)k);
		if (!kind_known((uint8_t)k)) {
			assert_false(kind_compressed((uint8_t)k));
			continue;
		}
		assert_int_equal(kind_base(b), b);
		assert_false(kind_compressed(b));
	}
	/* Counted in GF100_STORAGE_TYPE: 20 plain ones, 68 compressed. */
	assert_int_equal(plain, 20);
	assert_int_equal(compressed, 68);
}

static void test_fault_names(void **state)
{
	(void)state;
	assert_string_equal(fault_unit_name(FAULT_UNIT_BAR1), "BAR1");
	assert_string_equal(fault_unit_name(FAULT_UNIT_CE1), "CE1");
	assert_string_equal(fault_unit_name(0x1f), "UNK");
	assert_string_equal(fault_unit_name(0xffff), "UNK");
	assert_string_equal(fault_reason_name(FAULT_READ_ONLY), "PAGE_READ_ONLY");
	assert_string_equal(fault_reason_name(0xb), "UNK");
	assert_string_equal(fault_reason_name(FAULT_NONE), "UNK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fault_names),
	};

	return cmocka_run_group_tests_name("kind", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* The register table: its own rules, and lookup against a map built the slow way. */
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/regs.h"
#include "tests/t.h"

#define NR_DWORDS (GF100_MMIO_LEN / 4)

static void test_rules(void **state)
{
	char msg[160] = "";

	(void)state;
	assert_int_equal(regs_check(msg, sizeof(msg)), 0);
	assert_string_equal(msg, "");
}

/* Each dword of the register space has the row and the element that the rows themselves say. */
static void test_find_everywhere(void **state)
{
	uint16_t *row = malloc(NR_DWORDS * sizeof(*row));
	uint32_t *element = calloc(NR_DWORDS, sizeof(*element)), wrong = 0, i = 0;

	(void)state;
	assert_non_null(row);
	assert_non_null(element);
	for (uint32_t k = 0; k < NR_DWORDS; k++)
		row[k] = NR_REGS;
	for (uint32_t r = 0; r < NR_REGS; r++)
		for (uint32_t k = 0; k < reg_rows[r].count; k++) {
			uint32_t at = reg_at((enum reg_id)r, k) / 4;

			assert_true(at < NR_DWORDS);
			assert_int_equal(row[at], NR_REGS); /* claimed once */
			row[at] = (uint16_t)r;
			element[at] = k;
		}
	for (uint32_t k = 0; k < NR_DWORDS; k++) {
		enum reg_id r = reg_find(k * 4, &i);

		wrong += r != row[k] || (r != NR_REGS && i != element[k]);
	}
	assert_int_equal(wrong, 0);
	free(row);
	free(element);
}

static void test_find_unaligned(void **state)
{
	uint32_t i;

	(void)state;
	assert_int_equal(reg_find(NV_PMC_INTR + 1, &i), NR_REGS);
	assert_int_equal(reg_find(NV_PFIFO_CHAN_INST + 6, &i), NR_REGS);
}

static void test_spaces(void **state)
{
	(void)state;
	for (uint32_t s = 0; s < NR_SPACES; s++) {
		uint32_t end = space_rows[s].offset + space_rows[s].length;

		assert_true(end <= GF100_MMIO_LEN);
		assert_int_equal(space_find(space_rows[s].offset), s);
		assert_int_equal(space_find(end - 4), s);
		assert_int_not_equal(space_find(end), s);
	}
	assert_int_equal(space_find(0xfffffc), NR_SPACES);
}

/* A fact without a source is no fact; a name is written once. */
static void test_names_and_sources(void **state)
{
	(void)state;
	for (uint32_t r = 0; r < NR_REGS; r++) {
		assert_true(strlen(reg_rows[r].source) > 0);
		for (uint32_t q = 0; q < r; q++)
			assert_string_not_equal(reg_rows[r].name, reg_rows[q].name);
	}
	for (uint32_t s = 0; s < NR_SPACES; s++)
		assert_true(strlen(space_rows[s].source) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_find_everywhere),
		cmocka_unit_test(test_find_unaligned),
		cmocka_unit_test(test_spaces),
		cmocka_unit_test(test_names_and_sources),
	};

	return cmocka_run_group_tests_name("regs", tests, NULL, NULL);
}

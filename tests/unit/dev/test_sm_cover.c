// SPDX-License-Identifier: MIT
/*
 * What the shader cores run: every operation of the table, except those that
 * docs/sm20-asm.md names.  For each row of encodings random words are decoded and
 * translated; a row that never becomes anything but a trap is not implemented.
 */
#include "gpuvm/dev/sim/sm/isa.h"
#include "gpuvm/fermi/sm20_table.h"
#include "tests/unit/dev/smkit.h"

#define TRIES 3000

/* In the table, so that they can be shown, and not run: docs/sm20-asm.md says why. */
static const uint8_t left_out[] = { SM20_SUREDP, SM20_SUQ, SM20_RTT };

static bool is_left_out(uint32_t op)
{
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (left_out[i] == op)
			return true;
	return false;
}

/* Whether some word of the row runs; *decoded: how many were instructions of it. */
static bool row_runs(const struct sm20_row *r, uint32_t row, uint64_t *seed, uint32_t *decoded)
{
	static struct uop u;

	*decoded = 0;
	for (int n = 0; n < TRIES; n++) {
		uint64_t raw = ~r->mask;

		/* From words full of ones to nearly empty ones, which suit rows with few fields. */
		for (int k = 0; k <= n % 8; k++)
			raw &= kit_rand(seed);
		raw |= r->match;
		if (r->pred)
			raw = (raw & ~0x3c00ull) | 0x1c00;
		else
			raw &= ~0x3c10ull;
		translate(SM_ISA_PLAIN, &u, raw, 0);
		if (!u.in.op || u.in.row != row)
			continue;
		++*decoded;
		if (u.fn != uop_trap)
			return true;
	}
	return false;
}

static void test_every_row(void **state)
{
	uint32_t ops[SM20_OP_COUNT] = { 0 }, decoded, run = 0;
	uint64_t seed = 42;

	(void)state;
	for (uint32_t i = 0; i < sm20_nr_rows; i++) {
		const struct sm20_row *r = &sm20_rows[i];
		bool runs = row_runs(r, i, &seed, &decoded);

		if (runs == is_left_out(r->op))
			fail_msg("row %u, %s: %s, and the list says otherwise (%u words decoded)", i,
				 sm20_op_name(r->op), runs ? "runs" : "does not run", decoded);
		ops[r->op] |= runs;
	}
	for (uint32_t op = 1; op < SM20_OP_COUNT; op++)
		run += ops[op];
	assert_int_equal(run, SM20_OP_COUNT - 1 - ARRAY_SIZE(left_out));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
	};

	return cmocka_run_group_tests_name("sm_cover", tests, NULL, NULL);
}

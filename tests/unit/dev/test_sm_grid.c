// SPDX-License-Identifier: MIT
/* Whole grids: ids, divergence, barriers, shared memory, atomics, and how bad programs end. */
#include "tests/unit/dev/smkit.h"

#define OUT SK_BUF

/* r2d = &out[global id of x] with out in c0[0]; r0 = the id. */
#define ID_TO_OUT                                                                                  \
	"s2r r0, %tid.x\n s2r r1, %ctaid.x\n imad.u32.u32 r0, r1, c0[0x10], r0\n"                  \
	"shl r4, r0, 2\n iadd.cc r2, r4, c0[0x0]\n iadd.x r3, rz, c0[0x4]\n"

static void setup_out(struct sk *s, uint32_t block)
{
	sk_const_va(s, 0, OUT);
	sk_const(s, 4, block);
}

static void test_ids(void **state)
{
	struct sk s;
	uint32_t e, out[3 * 96];

	(void)state;
	sk_open(&s, "clock=manual,sm=2");
	setup_out(&s, 96);
	e = sk_program(&s, ID_TO_OUT "shl r5, r0, 4\n lop.or r5, r5, 9\n st.b32 g[r2d], r5\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .grid = { 3 }, .block = { 96 } });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < ARRAY_SIZE(out); i++)
		assert_int_equal(out[i], i << 4 | 9);
	sk_close(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_ids),
};

int main(void)
{
	return cmocka_run_group_tests_name("sm_grid", tests, NULL, NULL);
}

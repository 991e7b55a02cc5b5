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


/* Blocks in three dimensions, ids packed. */
static void test_dims(void **state)
{
	struct sk s;
	uint32_t e, out[4 * 3 * 2 * 2 * 3 * 2], n = 0;

	(void)state;
	sk_open(&s, "clock=manual,sm=2");
	sk_const_va(&s, 0, OUT);
	e = sk_program(&s,
		"s2r r0, %tid.x\n s2r r1, %tid.y\n s2r r2, %tid.z\n s2r r3, %ctaid.x\n"
		"s2r r4, %ctaid.y\n s2r r5, %ctaid.z\n s2r r6, %ntid.x\n s2r r7, %nctaid.y\n"
		"imad.u32.u32 r8, r5, 3, r4\n imad.u32.u32 r8, r8, 2, r3\n"
		"imad.u32.u32 r8, r8, 2, r2\n imad.u32.u32 r8, r8, 3, r1\n"
		"imad.u32.u32 r8, r8, r6, r0\n shl r9, r8, 2\n"
		"iadd.cc r10, r9, c0[0x0]\n iadd.x r11, rz, c0[0x4]\n"
		"imad.u32.u32 r8, r7, 0x1000, r8\n st.b32 g[r10d], r8\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .grid = { 2, 3, 2 }, .block = { 4, 3, 2 } });
	sk_rd(&s, OUT, out, sizeof(out));
	for (; n < ARRAY_SIZE(out); n++)
		assert_int_equal(out[n], 0x3000 + n);
	sk_close(&s);
}

/* A tree sum in s[] with a barrier at each step, of blocks of 1024. */
static void test_barrier(void **state)
{
	struct sk s;
	uint32_t e, out[8];

	(void)state;
	sk_open(&s, "clock=manual,sm=2");
	setup_out(&s, 1024);
	e = sk_program(&s,
		"s2r r0, %tid.x\n s2r r1, %ctaid.x\n imad.u32.u32 r2, r1, c0[0x10], r0\n"
		"shl r3, r0, 2\n st.b32 s[r3], r2\n bar.popc pt, rz, 0, 0, pt\n mov r4, 0x200\n"
		"prebrk out\n"
		"loop:\n isetp.eq.u32 p0, pt, r4, rz\n @p0 brk\n"
		"joinat next\n isetp.ge.u32 p1, pt, r0, r4\n @p1 nop.join\n"
		"iadd r5, r0, r4\n shl r5, r5, 2\n ld.b32 r6, s[r5]\n ld.b32 r7, s[r3]\n"
		"iadd r7, r7, r6\n st.b32 s[r3], r7\n nop.join\n"
		"next:\n bar.popc pt, rz, 0, 0, pt\n shr.u32 r4, r4, 1\n bra loop\n"
		"out:\n isetp.ne.u32 p0, pt, r0, rz\n @p0 exit\n"
		"ld.b32 r8, s[0]\n shl r9, r1, 2\n iadd.cc r10, r9, c0[0x0]\n"
		"iadd.x r11, rz, c0[0x4]\n st.b32 g[r10d], r8\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .grid = { 8 }, .block = { 1024 }, .shared = 4096 });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t b = 0; b < 8; b++)
		assert_int_equal(out[b], 1024 * 1024 * b + 1024 * 1023 / 2);
	sk_close(&s);
}

/* Reductions at the barrier: how many, any, all. */
static void test_barrier_reduce(void **state)
{
	struct sk s;
	uint32_t e, out[128];

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	setup_out(&s, 128);
	e = sk_program(&s, ID_TO_OUT
		"isetp.lt.u32 p0, pt, r0, 0x2d\n mov r5, rz\n"
		"bar.popc pt, r5, 0, 0, p0\n bar.or p1, rz, 1, 0, p0\n bar.and p2, rz, 2, 0, p0\n"
		"@p1 lop.or r5, r5, 0x100\n @p2 lop.or r5, r5, 0x200\n st.b32 g[r2d], r5\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .block = { 128 } });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < 128; i++)
		assert_int_equal(out[i], 0x2d | 0x100);
	sk_close(&s);
}

/* Every thread of 64 blocks adds to one word, and to one of two locked words of s[]. */
static void test_atomics(void **state)
{
	struct sk s;
	uint32_t e, out[4];

	(void)state;
	sk_open(&s, "clock=manual,sm=2");
	setup_out(&s, 96);
	e = sk_program(&s,
		"mov r2, c0[0x0]\n mov r3, c0[0x4]\n s2r r0, %tid.x\n mov r4, 1\n"
		"red.add.u32 g[r2d], r4\n"
		"lop.and r5, r0, 1\n shl r5, r5, 2\n"
		"prebrk done\n"
		"again:\n ldlock.b32 p0, r6, s[r5]\n @p0 iadd r6, r6, 1\n"
		"@p0 stunlock.b32 s[r5], r6\n @p0 brk\n bra again\n"
		"done:\n bar.popc pt, rz, 0, 0, pt\n isetp.gt.u32 p1, pt, r0, 1\n @p1 exit\n"
		"ld.b32 r7, s[r5]\n iadd.cc r8, r2, r5\n iadd.x r9, r3, rz\n"
		"atom.add.u32 r10, g[r8d+0x4], r7\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .grid = { 64 }, .block = { 96 }, .shared = 0x100 });
	sk_rd(&s, OUT, out, sizeof(out));
	assert_int_equal(out[0], 64 * 96);
	assert_int_equal(out[1], 64 * 48);
	assert_int_equal(out[2], 64 * 48);
	sk_close(&s);
}

/* Private arrays: each lane its own, at an address of its own. */
static void test_local(void **state)
{
	struct sk s;
	uint32_t e, out[64];

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	setup_out(&s, 64);
	e = sk_program(&s, ID_TO_OUT
		"lop.and r5, r0, 7\n shl r5, r5, 2\n st.b32 l[r5], r0\n st.b64 l[0x20], r2d\n"
		"iadd r7, r0, 0x55\n st.u8 l[r5+0x1], r7\n ld.b64 r2d, l[0x20]\n"
		"ld.b32 r6, l[r5]\n st.b32 g[r2d], r6\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .block = { 64 }, .local = 0x30 });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(out[i], (i & 0xff) | ((i + 0x55) & 0xff) << 8);
	sk_close(&s);
}

/* Generic addresses that fall into the window of s[]. */
static void test_window(void **state)
{
	struct sk s;
	uint32_t e, out[32];

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	setup_out(&s, 32);
	e = sk_program(&s, ID_TO_OUT
		"iadd.l r5, r4, 0xfe000000\n st.b32 g[r5], r0\n ld.b32 r6, s[r4]\n"
		"ld.b32 r7, g[r5]\n iadd r6, r6, r7\n st.b32 g[r2d], r6\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .block = { 32 }, .shared = 0x100 });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(out[i], 2 * i);
	sk_close(&s);
}

/* A function called from a divergent place, with a return in the middle. */
static void test_call(void **state)
{
	struct sk s;
	uint32_t e, out[64];

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	setup_out(&s, 64);
	e = sk_program(&s, ID_TO_OUT
		"mov r5, r0\n lop.and r6, r0, 1\n isetp.eq.u32 p0, pt, r6, rz\n"
		"joinat back\n @p0 nop.join\n call fn\n iadd r5, r5, 0x10\n nop.join\n"
		"back:\n st.b32 g[r2d], r5\n exit\n"
		"fn:\n iadd r5, r5, 0x100\n lop.and r7, r0, 2\n isetp.ne.u32 p1, pt, r7, rz\n"
		"@p1 ret\n iadd r5, r5, 0x1000\n ret\n");
	sk_run(&s, e, &(struct sk_grid){ .block = { 64 } });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(out[i], i + (i & 1 ? 0x110 + (i & 2 ? 0 : 0x1000) : 0));
	sk_close(&s);
}

/* Decoded code is kept until it is flushed, and only until then. */
static void test_code_cache(void **state)
{
	struct sk s;
	uint32_t e, out[32];
	uint64_t word[64];
	size_t n = 64;
	char msg[100];

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	setup_out(&s, 32);
	e = sk_program(&s, ID_TO_OUT "mov r5, 1\n st.b32 g[r2d], r5\n exit\n");
	sk_run(&s, e, &(struct sk_grid){ .block = { 32 } });
	assert_int_equal(sm20_assemble(ID_TO_OUT "mov r5, 2\n st.b32 g[r2d], r5\n exit\n", 0, word, &n,
				       msg, sizeof(msg)), 0);
	sk_wr(&s, SK_CODE + e, word, n * 8);
	sk_cp(&s, 0x368, 0x1000);
	fk_go(&s.c);
	sk_rd(&s, OUT, out, sizeof(out));
	assert_int_equal(out[7], 1);
	sk_run(&s, e, &(struct sk_grid){ .block = { 32 } });
	sk_rd(&s, OUT, out, sizeof(out));
	assert_int_equal(out[7], 2);
	sk_close(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_ids),	 cmocka_unit_test(test_dims),
	cmocka_unit_test(test_barrier),	 cmocka_unit_test(test_barrier_reduce),
	cmocka_unit_test(test_atomics),	 cmocka_unit_test(test_local),
	cmocka_unit_test(test_window),	 cmocka_unit_test(test_call),
	cmocka_unit_test(test_code_cache),
};

int main(void)
{
	return cmocka_run_group_tests_name("sm_grid", tests, NULL, NULL);
}

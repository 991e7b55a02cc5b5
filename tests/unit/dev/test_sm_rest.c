// SPDX-License-Identifier: MIT
/*
 * Operations that other tests do not reach: conditions and predicates as
 * operands, seeds of double division and root, constants by address, hints, and
 * the ways to leave that compilers of C do not use.
 */
#include "tests/unit/dev/opkit.h"

REF(presin, D(b))
REF(preex2, D(b | 0x80000000))
static uint32_t high_word(double x)
{
	uint64_t v;

	memcpy(&v, &x, 8);
	return x != x ? 0xfff80000 : (uint32_t)(v >> 32);
}
static double of_high(uint32_t hi)
{
	uint32_t v[2] = { 0, hi };

	return d(v);
}
REF(rcp64h, D(high_word(1.0 / of_high(i->a[1]))))
REF(rsq64h, D(high_word(1.0 / sqrt(fabs(of_high(i->a[1]))))))
REF(dsetgt, D(d(i->a) > d(i->b) ? ~0u : 0))
REF(dsetltu, D(!(d(i->a) >= d(i->b)) ? 0x3f800000 : 0))

/* The condition register: below zero, zero, above it, no number; carry, overflow. */
static bool flag(const struct in *i, int bit)
{
	return i->flags >> bit & 1;
}
REF(cclt, D(flag(i, 1) && !flag(i, 0) ? ~0u : 0))
REF(ccgeu, D(!(flag(i, 1) && !flag(i, 0)) ? ~0u : 0))
REF(ccnan, D(flag(i, 0) && flag(i, 1) ? 0x3f800000 : 0))
REF(cca, D(flag(i, 2) && !flag(i, 0) ? ~0u : 0))
REF(ccna, D(!flag(i, 2) || flag(i, 0) ? ~0u : 0))
REF(ccno, D(!flag(i, 3) ? ~0u : 0))
REF(ccs, D(flag(i, 1) ? ~0u : 0))
REF(csetp, o->pred = (flag(i, 0) && !flag(i, 1)) == (i->p & 1) ? 0 : 1;
    o->pred ^= 2 * ((flag(i, 0) && !flag(i, 1)) == (i->p & 1)))

REF(pset, D((((i->p & 1) ^ (a < b)) | !(i->p & 1)) ? ~0u : 0))
REF(psetbf, D((((i->p & 1) | (a < b)) && a < b) ? 0x3f800000 : 0))
REF(psetp, uint32_t l = (i->p & 1) && a >= b; uint32_t c1 = a < b; o->pred = (l ^ c1) | (!l ^ c1) << 1)

REF(lepc, D(8))
REF(ldu, D(i->a[1]))
REF(ldc, D(a & 4 ? KEPT : hi32(fk_data_va(OUT))))
REF(ldc64, o->d[0] = lo32(fk_data_va(a & 8 ? OUT : IN)); o->d[1] = hi32(fk_data_va(OUT)))
REF(ldcs16, D((uint32_t)(int32_t)(int16_t)KEPT))
REF(hints, D(a + b))

static const struct op ops[] = {
	{ "presin r16, r6", r_presin, D1 }, { "preex2 r16, -|r6|", r_preex2, D1 },
	{ "rcp64h r16, r5", r_rcp64h, D1 }, { "rsq64h r16, |r5|", r_rsq64h, D1 },
	{ "dset.gt r16, r4d, r6d", r_dsetgt, D1 }, { "dset.ltu.bf r16, r4d, r6d", r_dsetltu, D1 },
	{ "cset.cc_lt r16", r_cclt, D1 }, { "cset.cc_geu r16", r_ccgeu, D1 },
	{ "cset.cc_nan.bf r16", r_ccnan, D1 }, { "cset.cc_a r16", r_cca, D1 },
	{ "cset.cc_na r16", r_ccna, D1 }, { "cset.cc_no r16", r_ccno, D1 },
	{ "cset.cc_s r16", r_ccs, D1 }, { "csetp.cc_eq.xor p1, p2, p0", r_csetp, P12 },
	{ "isetp.lt.u32 p4, pt, r4, r6\n pset.xor.or r16, p0, p4, !p0", r_pset, D1 },
	{ "isetp.lt.u32 p4, pt, r4, r6\n pset.or.bf r16, p0, p4, p4", r_psetbf, D1 },
	{ "isetp.lt.u32 p4, pt, r4, r6\n psetp.and.xor p1, p2, p0, !p4, p4", r_psetp, P12 },
	{ "lepc r13\n lepc r16\n iadd.sub r16, r16, r13", r_lepc, D1 },
	{ "ldu.b32 r16, g[r2d+4]", r_ldu, D1 },
	{ "lop.and r13, r4, 4\n ldc.b32 r16, c0[r13+0xc]", r_ldc, D1 },
	{ "lop.and r13, r4, 8\n ldc.b64 r16d, c0[r13]", r_ldc64, D2 },
	{ "mov r13, 0x10\n ldc.s16 r16, c0[r13]", r_ldcs16, D1 },
	{ "membar.cta\n membar.gl\n membar.sys\n cctl.iv rz, g[r2d]\n pmevent 3\n"
	  "iadd r16, r4, r6", r_hints, D1 },
};

OP_TESTS(ops)

/* Half of the lanes leave early to a place that was pushed; all meet there. */
static void leave(const char *push, const char *go)
{
	uint32_t got[64];
	char text[400];
	struct sk s;

	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	snprintf(text, sizeof(text),
		 "s2r r0, %%tid.x\n shl r1, r0, 2\n iadd.cc r2, r1, c0[0x0]\n iadd.x r3, rz, c0[4]\n"
		 "lop.and r5, r0, 1\n isetp.ne.u32 p0, pt, r5, rz\n mov r6, 1\n %s out\n"
		 "@p0 %s\n mov r6, 2\n %s\n mov r6, 3\n"
		 "out:\n iadd r6, r6, 10\n st.b32 g[r2d], r6\n exit\n", push, go, go);
	sk_run(&s, sk_program(&s, text), &(struct sk_grid){ .block = { 64 } });
	sk_rd(&s, OUT, got, sizeof(got));
	for (uint32_t t = 0; t < 64; t++)
		assert_int_equal(got[t], t & 1 ? 11 : 12);
	sk_close(&s);
}

static void test_leave(void **state)
{
	(void)state;
	leave("prelongjmp", "longjmp");
	leave("preret", "ret");
}

/* Discarded lanes are gone; a barrier says how many warps wait at it. */
static void test_kil_barrd(void **state)
{
	uint32_t got[64];
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	memset(got, 0x55, sizeof(got));
	sk_wr(&s, OUT, got, sizeof(got));
	sk_run(&s, sk_program(&s, "s2r r0, %tid.x\n shl r1, r0, 2\n iadd.cc r2, r1, c0[0x0]\n"
				  "iadd.x r3, rz, c0[4]\n lop.and r5, r0, 1\n"
				  "isetp.ne.u32 p0, pt, r5, rz\n @p0 kil\n"
				  "bar.arrive pt, rz, 3, 96\n barrd r6, 3\n"
				  "st.b32 g[r2d], r6\n exit\n"),
	       &(struct sk_grid){ .block = { 32 } });
	sk_rd(&s, OUT, got, sizeof(got));
	for (uint32_t t = 0; t < 32; t++)
		assert_int_equal(got[t], t & 1 ? 0x55555555 : 1);
	sk_close(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_avx2),
		cmocka_unit_test(test_avx512), cmocka_unit_test(test_fast),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_kil_barrd),
	};

	return cmocka_run_group_tests_name("sm_rest", tests, NULL, NULL);
}

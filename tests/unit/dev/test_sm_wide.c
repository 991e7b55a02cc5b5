// SPDX-License-Identifier: MIT
/*
 * Operations that need more than their own lane's word: minimum and maximum of longer numbers word
 * by word, neighbours in a quad, reversed shifts, and the flags of floats and doubles.
 */
#include "tests/unit/dev/opkit.h"

static uint32_t brev(uint32_t v)
{
	uint32_t r = 0;

	for (int k = 0; k < 32; k++)
		r |= (v >> k & 1) << (31 - k);
	return r;
}
REF(shrrev, D(b > 31 ? 0 : brev(a) >> b))
REF(shrrevw, D(brev(a) >> (b & 31)))
REF(sarrev, D((int64_t)(int32_t)brev(a) >> (b > 31 ? 31 : b)))

static uint64_t pair(const uint32_t *v)
{
	return (uint64_t)v[1] << 32 | v[0];
}
static void put(struct out *o, uint64_t v)
{
	o->d[0] = (uint32_t)v;
	o->d[1] = (uint32_t)(v >> 32);
}
REF(min64, uint64_t x = pair(i->a); uint64_t y = pair(i->b);
    put(o, (int64_t)x < (int64_t)y ? x : y))
REF(max64, uint64_t x = pair(i->a); uint64_t y = pair(i->b); put(o, x > y ? x : y))
REF(minp64, uint64_t x = pair(i->a); uint64_t y = pair(i->b);
    put(o, i->p & 1 ? ((int64_t)x < (int64_t)y ? x : y) : (int64_t)x > (int64_t)y ? x : y))
/* Three words: c's two on top of a and b; the result's lower two. */
REF(min96, const __int128 top = (__int128)1 << 64;
    __int128 x = (__int128)(int32_t)i->c[0] * top | pair(i->a);
    __int128 y = (__int128)(int32_t)i->c[1] * top | pair(i->b);
    put(o, (uint64_t)(x < y ? x : y)))
/* Lane l of a quad gets from[l] of its quad, or of a neighbour, and its own b. */
static float quad(const struct in *i, uint32_t lane)
{
	return f((i - (i - in) % 4 + lane)->a[0]);
}
REF(quadadd, D(fb(quad(i, 2) + f(b))))
REF(quadmix, uint32_t l = (uint32_t)(i - in) % 4; float x = quad(i, 1);
    D(l == 0 ? b : fb(l == 1 ? f(b) - x : l == 2 ? x - f(b) : x + f(b))))
REF(quaddx, D(fb(quad(i, (uint32_t)(i - in) % 4 ^ 1) - f(b))))
REF(quaddy, D(fb(quad(i, (uint32_t)(i - in) % 4 ^ 2) - f(b))))
REF(quadno, D(0))

/* NaN loses; -0 is below +0. */
static float fmn(float x, float y)
{
	if (x != x || y != y)
		return x != x ? y : x;
	return x == y ? (signbit(x) ? x : y) : x < y ? x : y;
}
static double dmax(double x, double y)
{
	if (x != x || y != y)
		return x != x ? y : x;
	return x == y ? (signbit(x) ? y : x) : x > y ? x : y;
}
static void fflags(struct out *o, double v)
{
	o->rest = (v == 0 || v != v) | (v < 0 || v != v) << 1;
}
REF(faddcc, D(fb(f(a) + f(b))); fflags(o, f(o->d[0])))
REF(fmulcc, D(fb(f(a) * f(b))); fflags(o, f(o->d[0])))
REF(fminpcc, D(i->p & 1 ? fb(fmn(f(a), f(b))) : fb(-fmn(-f(a), -f(b)))); fflags(o, f(o->d[0])))
REF(daddcc, db(o, d(i->a) + d(i->b)); fflags(o, d(o->d)))
REF(dmulcc, db(o, d(i->a) * d(i->b)); fflags(o, d(o->d)))
REF(dfmacc, db(o, fma(d(i->a), d(i->b), d(i->c))); fflags(o, d(o->d)))
REF(dmaxcc, db(o, dmax(d(i->a), d(i->b))); fflags(o, d(o->d)))
REF(dminpcc, double x = d(i->a); double y = d(i->b);
    if (i->p & 1)
	    db(o, x != x ? y : y != y ? x : x == y ? (signbit(x) ? x : y) : x < y ? x : y);
    else
	    db(o, dmax(x, y));
    fflags(o, d(o->d)))
REF(f2icc, double v = trunc(f(b));
    D(v != v ? 0 : v < -2147483648.0 ? INT32_MIN : v > 2147483647.0 ? INT32_MAX : (int32_t)v);
    flags(o, 0, 0))
REF(d2fcc, D(fb((float)d(i->b))); fflags(o, f(o->d[0])))
REF(f2dcc, db(o, (double)f(b)); fflags(o, d(o->d)))
REF(s2dcc, db(o, (double)(int32_t)b); fflags(o, d(o->d)))
REF(sx64cc, put(o, (uint64_t)(int64_t)(int32_t)b);
    o->rest = (b == 0) | (b >> 31) << 1)

static const struct op ops[] = {
	{ "shr.u32.rev r16, r4, r6", r_shrrev, D1 },
	{ "shr.u32.wrap.rev r16, r4, r6", r_shrrevw, D1 },
	{ "shr.s32.rev r16, r4, r6", r_sarrev, D1 },
	{ "imnmx.s32.high.cc r17, r5, r7, pt\n imnmx.s32.low r16, r4, r6, pt", r_min64, D2 },
	{ "imnmx.u32.high.cc r17, r5, r7, !pt\n imnmx.u32.low r16, r4, r6, !pt", r_max64, D2 },
	{ "imnmx.s32.high.cc r17, r5, r7, p0\n imnmx.u32.low r16, r4, r6, p0", r_minp64, D2 },
	{ "imnmx.s32.high.cc r13, r8, r9, pt\n imnmx.s32.med.cc r17, r5, r7, pt\n"
	  "imnmx.s32.low r16, r4, r6, pt", r_min96, D2 },
	{ "quadop.add.add.add.add.l2 r16, r4, r6", r_quadadd, D1 },
	{ "quadop.mov2.subr.sub.add.l1 r16, r4, r6", r_quadmix, D1 },
	{ "quadop.sub.sub.sub.sub.dx.dall r16, r4, r6", r_quaddx, D1 },
	{ "quadop.sub.sub.sub.sub.dy.dall r16, r4, r6", r_quaddy, D1 },
	{ "quadop.sub.sub.sub.sub.dx r16, r4, r6", r_quadno, D1 },
	{ "fadd.cc r16, r4, r6", r_faddcc, D1 | CC }, { "fmul.cc r16, r4, r6", r_fmulcc, D1 | CC },
	{ "fmnmx.cc r16, r4, r6, p0", r_fminpcc, D1 | CC },
	{ "dadd.cc r16d, r4d, r6d", r_daddcc, D2 | CC },
	{ "dmul.cc r16d, r4d, r6d", r_dmulcc, D2 | CC },
	{ "dfma.cc r16d, r4d, r6d, r8d", r_dfmacc, D2 | CC },
	{ "dmnmx.cc r16d, r4d, r6d, !pt", r_dmaxcc, D2 | CC },
	{ "dmnmx.cc r16d, r4d, r6d, p0", r_dminpcc, D2 | CC },
	{ "f2i.s32.f32.rz.cc r16, r6", r_f2icc, D1 | CC },
	{ "f2f.f32.f64.cc r16, r6d", r_d2fcc, D1 | CC },
	{ "f2f.f64.f32.cc r16d, r6", r_f2dcc, D2 | CC },
	{ "i2f.f64.s32.cc r16d, r6", r_s2dcc, D2 | CC },
	{ "i2i.s64.s32.cc r16d, r6", r_sx64cc, D2 | CC },
};

OP_TESTS(ops)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_avx2),
		cmocka_unit_test(test_avx512), cmocka_unit_test(test_fast),
	};

	return cmocka_run_group_tests_name("sm_wide", tests, NULL, NULL);
}

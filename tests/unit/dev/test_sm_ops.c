// SPDX-License-Identifier: MIT
/*
 * Each operation of the shader cores against a scalar reference written
 * independently of it: random operands with the awkward ones mixed in, with full
 * warps and with odd lanes masked, for every vector extension this processor has.
 */
#include "tests/unit/dev/opkit.h"

REF(add, D(a + b))
REF(sub, D(a - b))
REF(subr, D(b - a))
REF(addpo, D(a + b + 1))
REF(addcc, D(a + b); flags(o, ((uint64_t)a + b) >> 32 & 1,
			   (int64_t)(int32_t)a + (int32_t)b != (int32_t)(a + b)))
REF(subcc, D(a - b); flags(o, a >= b, (int64_t)(int32_t)a - (int32_t)b != (int32_t)(a - b)))
REF(addx, D(a + b + (i->flags >> 2 & 1));
    flags(o, ((uint64_t)a + b + (i->flags >> 2 & 1)) >> 32 & 1,
	  (int64_t)(int32_t)a + (int32_t)b + (i->flags >> 2 & 1) != (int32_t)o->d[0]))
REF(subx, D(a - b - !(i->flags >> 2 & 1)))
REF(addsat, int64_t s = (int64_t)(int32_t)a + (int32_t)b;
    D(s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : s))
REF(mul, D(a * b))
REF(mulhu, D((uint64_t)a * b >> 32))
REF(mulhs, D((uint64_t)((int64_t)(int32_t)a * (int32_t)b) >> 32))
REF(mulhsu, D((uint64_t)((int64_t)(int32_t)a * (int64_t)b) >> 32))
REF(mad, D(a * b + c))
REF(madsub, D(a * b - c))
REF(madsubr, D(c - a * b))
REF(madhi, D((uint32_t)((uint64_t)a * b >> 32) + c))
REF(madcc, D(a * b + c); flags(o, ((uint64_t)(uint32_t)(a * b) + c) >> 32 & 1,
			       (int64_t)(int32_t)(a * b) + (int32_t)c != (int32_t)o->d[0]))
REF(madhix, D((uint32_t)((uint64_t)a * b >> 32) + c + (i->flags >> 2 & 1)))
REF(shladd, D((a << 5) + b))
REF(shladdsub, D((a << 5) - b))
REF(and, D(a & b); flags(o, 0, 0))
REF(or, D(a | b))
REF(xor, D(a ^ b))
REF(andn, D(a & ~b))
REF(passb, D(~b))
REF(shl, D(b > 31 ? 0 : a << b))
REF(shlw, D(a << (b & 31)))
REF(shr, D(b > 31 ? 0 : a >> b))
REF(shrw, D(a >> (b & 31)))
REF(sar, D((int32_t)a >> (b > 31 ? 31 : b)))
REF(sarw, D((int32_t)a >> (b & 31)))
REF(umin, D(a < b ? a : b))
REF(umax, D(a < b ? b : a))
REF(smin, D((int32_t)a < (int32_t)b ? a : b))
REF(smax, D((int32_t)a < (int32_t)b ? b : a))
REF(sminp, D(((int32_t)a < (int32_t)b) == (i->p & 1) ? a : b))
REF(usad, D((a > b ? a - b : b - a) + c))
REF(ssad, D(llabs((int64_t)(int32_t)a - (int32_t)b) + c))
REF(popc, D(__builtin_popcount(a & b)))
REF(popcn, D(__builtin_popcount(~a & b)))

static uint32_t bit_of(uint32_t a, uint32_t n, int sign)
{
	return n < 32 ? a >> n & 1 : sign ? a >> 31 : 0;
}
static uint32_t ref_ext(uint32_t a, uint32_t b, int sign)
{
	uint32_t pos = b & 255, len = b >> 8 & 255, v = 0;

	for (uint32_t k = 0; k < 32; k++) {
		uint32_t from = k < len ? k : len - 1;

		if (k < len || (sign && len))
			v |= bit_of(a, pos + from, sign) << k;
	}
	return v;
}
REF(uext, D(ref_ext(a, b, 0)))
REF(sext, D(ref_ext(a, b, 1)))
static uint32_t ref_ins(uint32_t a, uint32_t b, uint32_t c)
{
	for (uint32_t k = 0; k < (b >> 8 & 255) && k < 32; k++)
		if ((b & 255) + k < 32)
			c = (c & ~(1u << ((b & 255) + k))) | (a >> k & 1) << ((b & 255) + k);
	return c;
}
REF(ins, D(ref_ins(a, b, c)))
static uint32_t ref_top(uint32_t v)
{
	for (int k = 31; k >= 0; k--)
		if (v >> k & 1)
			return (uint32_t)k;
	return ~0u;
}
REF(ufind, D(ref_top(b)))
REF(sfind, D(ref_top(b >> 31 ? ~b : b)))
REF(ufindamt, D(b ? 31 - ref_top(b) : ~0u))
REF(slct, D((int32_t)c < 0 ? a : b))
REF(slctu, D(c != 0 ? a : b))
REF(selp, D(i->p & 1 ? a : b))
static uint32_t ref_prmt(uint32_t a, uint32_t b, uint32_t c)
{
	uint8_t bytes[8];
	uint32_t v = 0;

	memcpy(bytes, &a, 4);
	memcpy(bytes + 4, &c, 4);
	for (int k = 0; k < 4; k++) {
		uint32_t s = b >> 4 * k & 15;

		v |= (uint32_t)(s & 8 ? (bytes[s & 7] & 128 ? 255 : 0) : bytes[s & 7]) << 8 * k;
	}
	return v;
}
REF(prmt, D(ref_prmt(a, b, c)))
REF(f4e, D((((uint64_t)c << 32 | a) >> 8 * (b & 3))))
REF(rc16, D((a >> 16 * (b & 1) & 0xffff) * 0x10001))
REF(setp, PP((int32_t)a < (int32_t)b))
REF(setpu, PP(a >= b))
REF(setpand, o->pred = (a == b && i->p & 1 ? 1 : 0) | (a != b && i->p & 1 ? 2 : 0))
REF(setpx, int64_t lo = i->flags >> 2 & 1 ? 0 : 1; /* borrow */
    PP((int64_t)(int32_t)a - lo < (int32_t)b))
REF(set, D(a != b ? ~0u : 0))
REF(setbf, D(a > b ? 0x3f800000 : 0))

REF(fadd, D(fb(f(a) + f(b))))
REF(fsub, D(fb(f(a) - fabsf(f(b)))))
REF(fmul, D(fb(f(a) * f(b))))
REF(fmulx8, D(fb((float)((double)f(a) * f(b) * 8))))
REF(ffma, D(fb(fmaf(f(a), f(b), f(c)))))
REF(ffman, D(fb(fmaf(-f(a), f(b), -f(c)))))
static uint32_t flush(uint32_t v)
{
	return v & 0x7f800000 ? v : v & 0x80000000;
}
REF(faddftz, D(flush(fb(f(flush(a)) + f(flush(b))))))
REF(faddsat, float s = f(a) + f(b); D(fb(s > 0 ? s < 1 ? s : 1 : 0)))
REF(fmulfmz, uint32_t x = flush(a); uint32_t y = flush(b);
    D(!(x << 1) || !(y << 1) ? 0 : flush(fb(f(x) * f(y)))))
/* Rounding away from the double's value, which is exact for a product. */
static uint32_t round_f32(double v, int up)
{
	float x = (float)v;

	if (v != v)
		return 0x7fffffff;
	if (up && (double)x < v)
		x = nextafterf(x, INFINITY);
	if (!up && (double)x > v)
		x = nextafterf(x, -INFINITY);
	return fb(x);
}
REF(fmulrp, D(round_f32((double)f(a) * f(b), 1)))
REF(fmulrm, D(round_f32((double)f(a) * f(b), 0)))
static uint32_t ref_fmin(uint32_t a, uint32_t b, int min)
{
	float x = f(a), y = f(b);

	if (x != x)
		return y != y ? 0x7fffffff : b;
	if (y != y)
		return a;
	if (x == y)
		return min ? (a >> 31 ? a : b) : (a >> 31 ? b : a);
	return (x < y) == min ? a : b;
}
REF(fmin, D(ref_fmin(a, b, 1)))
REF(fmax, D(ref_fmin(a, b, 0)))
REF(fsetp, PP(f(a) < f(b)))
REF(fsetpu, PP(!(f(a) >= f(b))))
REF(fsetpnan, PP(f(a) != f(a) || f(b) != f(b)))
REF(fset, D(f(a) == f(b) ? ~0u : 0))
REF(fslct, D(f(c) >= 0 ? a : b))
REF(rcp, D(fb(1.0f / f(a))))
REF(rsq, D(fb((float)(1.0 / sqrt(f(a))))))
REF(ex2, D(fb((float)exp2(f(a)))))
REF(lg2, D(fb((float)log2(f(a)))))
REF(sin, float x = f(a); D(fabsf(x) > 1e6f && !isinf(x) ? o->d[0] : fb((float)sin(x))))
REF(cos, float x = f(a); D(fabsf(x) > 1e6f && !isinf(x) ? o->d[0] : fb((float)cos(x))))

REF(dadd, db(o, d(i->a) + d(i->b)))
REF(dsub, db(o, d(i->a) - d(i->b)))
REF(dmul, db(o, d(i->a) * d(i->b)))
REF(dfma, db(o, fma(d(i->a), d(i->b), d(i->c))))
REF(dsetp, PP(d(i->a) > d(i->b)))
REF(dmax, double x = d(i->a); double y = d(i->b);
    db(o, x != x ? y : y != y ? x : x == y ? (signbit(x) ? y : x) : x > y ? x : y))

REF(i2fs, D(fb((float)(int32_t)b)))
REF(i2fu, D(fb((float)b)))
REF(i2fb, D(fb((float)(int8_t)(b >> 16))))
REF(i2d, db(o, (double)(int32_t)b))
REF(u2d, db(o, (double)b))
REF(l2f, int64_t v; memcpy(&v, i->b, 8); D(fb((float)v)))
static int64_t clamp_to(double v, double lo, double hi, int64_t nan)
{
	return v != v ? nan : v < lo ? (int64_t)lo : v > hi ? (int64_t)hi : (int64_t)v;
}
REF(f2i, D(clamp_to(trunc(f(b)), -2147483648.0, 2147483647.0, 0)))
REF(f2u, D(clamp_to(trunc(f(b)), 0, 4294967295.0, 0)))
REF(f2in, D(clamp_to(rint(f(b)), -2147483648.0, 2147483647.0, 0)))
REF(f2ifloor, D(clamp_to(floor(f(b)), -2147483648.0, 2147483647.0, 0)))
REF(f2ius, D(clamp_to(trunc(f(b)), -32768.0, 32767.0, 0)))
REF(d2i, D(clamp_to(trunc(d(i->b)), -2147483648.0, 2147483647.0, 0)))
REF(d2f, D(fb((float)d(i->b))))
REF(f2d, db(o, (double)f(b)))
REF(ceil, D(fb(ceilf(f(b)))))
REF(fneg, D(fb(-fabsf(f(b)))))
REF(i2is8, D((int32_t)(int8_t)(b >> 8)))
REF(i2iu16, D(b >> 16))
REF(i2ib, D((int32_t)(int8_t)b))
REF(i2inb, D(b >> 16 & 0xff))
REF(i2isb, D(b >> 24))
REF(i2iub, D((uint16_t)(int8_t)(b >> 16)))
REF(i2ish, D((int32_t)(int16_t)b))
REF(i2fuh, D(fb((float)(b >> 16))))
REF(i2fub, D(fb((float)(b >> 24))))
REF(i2isat, D((int32_t)b > 127 ? 127 : (int32_t)b < -128 ? -128 : (int32_t)b))
REF(i2i, D(b))
REF(iabs, D((int32_t)b < 0 ? 0u - b : b))
REF(ineg, D(0u - b))
static double half_value(uint32_t v)
{
	uint32_t e = v >> 10 & 31;
	double x = ldexp((v & 0x3ff) + (e ? 1024 : 0), (int)(e ? e : 1) - 25);

	x = e == 31 ? (v & 0x3ff ? (double)NAN : (double)INFINITY) : x;
	return v & 0x8000 ? -x : x;
}
/* The nearest of all halves, found by search; they are sorted as integers. */
static uint32_t ref_half(float x)
{
	uint32_t lo = 0, hi = 0x7c00, sign = signbit(x) ? 0x8000 : 0;
	double v = fabs((double)x), a, b;

	if (x != x)
		return 0x7fff;
	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (half_value(mid) <= v)
			lo = mid;
		else
			hi = mid;
	}
	a = v - half_value(lo);
	b = (hi == 0x7c00 ? 65536.0 : half_value(hi)) - v;
	return sign | (a < b || (a == b && !(lo & 1)) ? lo : hi);
}
REF(half, D(ref_half(f(b))))
REF(unhalf, D(fb((float)half_value(b >> 16))))
REF(p2r, D((i->p & 1) | (a & ~1u)))
REF(r2p, o->pred = (a >> 1 & 1) | (a >> 2 & 1) << 1)
REF(vote, D(0))

/* In: a r4d, b r6d, c r8d, p0, flags; out: r16d, p1 p2. */
static const struct op ops[] = {
	{ "iadd r16, r4, r6", r_add, D1 }, { "iadd.sub r16, r4, r6", r_sub, D1 },
	{ "iadd.subr r16, r4, r6", r_subr, D1 }, { "iadd.po r16, r4, r6", r_addpo, D1 },
	{ "iadd.cc r16, r4, r6", r_addcc, D1 | CC }, { "iadd.sub.cc r16, r4, r6", r_subcc, D1 | CC },
	{ "iadd.x.cc r16, r4, r6", r_addx, D1 | CC }, { "iadd.sub.x r16, r4, r6", r_subx, D1 },
	{ "iadd.sat r16, r4, r6", r_addsat, D1 },
	{ "imul.u32.u32 r16, r4, r6", r_mul, D1 }, { "imul.u32.u32.hi r16, r4, r6", r_mulhu, D1 },
	{ "imul.s32.s32.hi r16, r4, r6", r_mulhs, D1 },
	{ "imul.s32.u32.hi r16, r4, r6", r_mulhsu, D1 },
	{ "imad.u32.u32 r16, r4, r6, r8", r_mad, D1 },
	{ "imad.sub.u32.u32 r16, r4, r6, r8", r_madsub, D1 },
	{ "imad.subr.u32.u32 r16, r4, r6, r8", r_madsubr, D1 },
	{ "imad.u32.u32.hi r16, r4, r6, r8", r_madhi, D1 },
	{ "imad.u32.u32.cc r16, r4, r6, r8", r_madcc, D1 | CC },
	{ "imad.u32.u32.hi.x r16, r4, r6, r8", r_madhix, D1 },
	{ "shladd r16, r4, 5, r6", r_shladd, D1 }, { "shladd.sub r16, r4, 5, r6", r_shladdsub, D1 },
	{ "lop.and.cc r16, r4, r6", r_and, D1 | CC }, { "lop.or r16, r4, r6", r_or, D1 },
	{ "lop.xor r16, r4, r6", r_xor, D1 }, { "lop.and r16, r4, ~r6", r_andn, D1 },
	{ "lop.passb r16, r4, ~r6", r_passb, D1 },
	{ "shl r16, r4, r6", r_shl, D1 }, { "shl.wrap r16, r4, r6", r_shlw, D1 },
	{ "shr.u32 r16, r4, r6", r_shr, D1 }, { "shr.u32.wrap r16, r4, r6", r_shrw, D1 },
	{ "shr.s32 r16, r4, r6", r_sar, D1 }, { "shr.s32.wrap r16, r4, r6", r_sarw, D1 },
	{ "imnmx.u32 r16, r4, r6, pt", r_umin, D1 }, { "imnmx.u32 r16, r4, r6, !pt", r_umax, D1 },
	{ "imnmx.s32 r16, r4, r6, pt", r_smin, D1 }, { "imnmx.s32 r16, r4, r6, !pt", r_smax, D1 },
	{ "imnmx.s32 r16, r4, r6, p0", r_sminp, D1 },
	{ "sad.u32 r16, r4, r6, r8", r_usad, D1 }, { "sad.s32 r16, r4, r6, r8", r_ssad, D1 },
	{ "popc r16, r4, r6", r_popc, D1 }, { "popc r16, ~r4, r6", r_popcn, D1 },
	{ "ext.u32 r16, r4, r6", r_uext, D1 }, { "ext.s32 r16, r4, r6", r_sext, D1 },
	{ "ins r16, r4, r6, r8", r_ins, D1 },
	{ "bfind.u32 r16, r6", r_ufind, D1 }, { "bfind.s32 r16, r6", r_sfind, D1 },
	{ "bfind.u32.amt r16, r6", r_ufindamt, D1 },
	{ "islct.lt.s32 r16, r4, r6, r8", r_slct, D1 },
	{ "islct.ne.u32 r16, r4, r6, r8", r_slctu, D1 }, { "selp r16, r4, r6, p0", r_selp, D1 },
	{ "prmt r16, r4, r6, r8", r_prmt, D1 }, { "prmt.f4e r16, r4, r6, r8", r_f4e, D1 },
	{ "prmt.rc16 r16, r4, r6, r8", r_rc16, D1 },
	{ "isetp.lt.s32 p1, p2, r4, r6", r_setp, P12 },
	{ "isetp.ge.u32 p1, p2, r4, r6", r_setpu, P12 },
	{ "isetp.eq.u32 p1, p2, r4, r6, p0", r_setpand, P12 },
	{ "isetp.lt.s32.x p1, p2, r4, r6", r_setpx, P12 },
	{ "iset.ne.u32 r16, r4, r6", r_set, D1 }, { "iset.gt.u32.bf r16, r4, r6", r_setbf, D1 },
	{ "fadd r16, r4, r6", r_fadd, D1 }, { "fadd r16, r4, -|r6|", r_fsub, D1 },
	{ "fmul r16, r4, r6", r_fmul, D1 }, { "fmul.mul8 r16, r4, r6", r_fmulx8, D1 },
	{ "ffma r16, r4, r6, r8", r_ffma, D1 }, { "ffma r16, -r4, r6, -r8", r_ffman, D1 },
	{ "fadd.ftz r16, r4, r6", r_faddftz, D1 }, { "fadd.sat r16, r4, r6", r_faddsat, D1 },
	{ "fmul.fmz r16, r4, r6", r_fmulfmz, D1 },
	{ "fmul.rp r16, r4, r6", r_fmulrp, D1 }, { "fmul.rm r16, r4, r6", r_fmulrm, D1 },
	{ "fmnmx r16, r4, r6, pt", r_fmin, D1 }, { "fmnmx r16, r4, r6, !pt", r_fmax, D1 },
	{ "fsetp.lt p1, p2, r4, r6", r_fsetp, P12 }, { "fsetp.ltu p1, p2, r4, r6", r_fsetpu, P12 },
	{ "fsetp.nan p1, p2, r4, r6", r_fsetpnan, P12 },
	{ "fset.eq r16, r4, r6", r_fset, D1 }, { "fslct.ge r16, r4, r6, r8", r_fslct, D1 },
	{ "rcp r16, r4", r_rcp, D1 }, { "rsq r16, r4", r_rsq, D1 | ULP },
	{ "ex2 r16, r4", r_ex2, D1 | ULP }, { "lg2 r16, r4", r_lg2, D1 | ULP },
	{ "sin r16, r4", r_sin, D1 | ULP }, { "cos r16, r4", r_cos, D1 | ULP },
	{ "dadd r16d, r4d, r6d", r_dadd, D2 }, { "dadd r16d, r4d, -r6d", r_dsub, D2 },
	{ "dmul r16d, r4d, r6d", r_dmul, D2 }, { "dfma r16d, r4d, r6d, r8d", r_dfma, D2 },
	{ "dsetp.gt p1, p2, r4d, r6d", r_dsetp, P12 }, { "dmnmx r16d, r4d, r6d, !pt", r_dmax, D2 },
	{ "i2f.f32.s32 r16, r6", r_i2fs, D1 }, { "i2f.f32.u32 r16, r6", r_i2fu, D1 },
	{ "i2f.f32.s8.sel2 r16, r6", r_i2fb, D1 }, { "i2f.f64.s32 r16d, r6", r_i2d, D2 },
	{ "i2f.f64.u32 r16d, r6", r_u2d, D2 }, { "i2f.f32.s64 r16, r6d", r_l2f, D1 },
	{ "f2i.s32.f32.rz r16, r6", r_f2i, D1 }, { "f2i.u32.f32.rz r16, r6", r_f2u, D1 },
	{ "f2i.s32.f32 r16, r6", r_f2in, D1 }, { "f2i.s32.f32.rm r16, r6", r_f2ifloor, D1 },
	{ "f2i.s16.f32.rz r16, r6", r_f2ius, D1 }, { "f2i.s32.f64.rz r16, r6d", r_d2i, D1 },
	{ "f2f.f32.f64 r16, r6d", r_d2f, D1 }, { "f2f.f64.f32 r16d, r6", r_f2d, D2 },
	{ "f2f.f32.f32.rp.rint r16, r6", r_ceil, D1 }, { "f2f.f32.f32 r16, -|r6|", r_fneg, D1 },
	{ "i2i.s32.s8.sel1 r16, r6", r_i2is8, D1 }, { "i2i.u32.u16.sel1 r16, r6", r_i2iu16, D1 },
	{ "i2i.s8.s32 r16, r6", r_i2ib, D1 }, { "i2i.u8.u16.sel1 r16, r6", r_i2inb, D1 },
	{ "i2i.s16.u8.sel3 r16, r6", r_i2isb, D1 }, { "i2i.u16.s8.sel2 r16, r6", r_i2iub, D1 },
	{ "i2i.s16.u32 r16, r6", r_i2ish, D1 }, { "i2i.s32.s32 r16, r6", r_i2i, D1 },
	{ "i2f.f32.u16.sel1 r16, r6", r_i2fuh, D1 }, { "i2f.f32.u8.sel3 r16, r6", r_i2fub, D1 },
	{ "i2i.s8.s32.sat r16, r6", r_i2isat, D1 }, { "i2i.s32.s32 r16, |r6|", r_iabs, D1 },
	{ "i2i.s32.s32 r16, -r6", r_ineg, D1 },
	{ "f2f.f16.f32 r16, r6", r_half, D1 }, { "f2f.f32.f16.sel1 r16, r6", r_unhalf, D1 },
	{ "p2r r16, r4, 1", r_p2r, D1 }, { "shr.u32 r13, r4, 1\n shl r13, r13, 1\n r2p r13, 6", r_r2p, P12 },
	{ "vote.any rz, p1, !pt\n mov r16, rz", r_vote, D1 },
};

OP_TESTS(ops)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_avx2),
		cmocka_unit_test(test_avx512), cmocka_unit_test(test_fast),
	};

	return cmocka_run_group_tests_name("sm_ops", tests, NULL, NULL);
}

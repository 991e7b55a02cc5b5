// SPDX-License-Identifier: MIT
/*
 * Single precision over lanes; lanes.h says what is always true.
 *
 * Add, multiply and fused multiply-add are IEEE 754 with the instruction's
 * rounding.  The special functions (rcp ... cos) are approximations on the
 * chip, whose bits are UNK; here rcp and rsq are correctly rounded (rsq of the
 * rounded root), the others good to about one unit in the last place.  What
 * presin and preex2 hand to them is UNK too: here it is the argument itself.
 */
#include "gpuvm/dev/sim/sm/lanes.h"

#include <math.h>

uop_fn LANES_NAME(float_select)(const struct sm20_insn *in);

#define FA(i) as_f32((r->a[i] & u->keep[0]) ^ u->flip[0])
#define FB(i) as_f32((r->b[i] & u->keep[1]) ^ u->flip[1])
#define FC(i) as_f32((r->c[i] & u->keep[2]) ^ u->flip[2])

/* Kernels take modifiers and leave flushing, rounding and saturation to float_row(). */
LANES_INLINE void row_flush(uint32_t *o, const uint32_t *a)
{
	EACH_LANE(i)
		o[i] = f32_flush(a[i]);
}

LANES_INLINE void row_saturate(uint32_t *o)
{
	EACH_LANE(i)
	{
		float f = as_f32(o[i]);

		f = f > 0.0f ? f : 0.0f; /* also NaN */
		o[i] = f32_bits(f < 1.0f ? f : 1.0f);
	}
}

/* fmz: 0 times anything is +0. */
LANES_INLINE void row_zero_product(uint32_t *o, const struct rows *r, bool add)
{
	EACH_LANE(i)
	{
		bool zero = !(r->a[i] & 0x7fffffff) || !(r->b[i] & 0x7fffffff);

		o[i] = zero ? (add ? r->c[i] : 0) : o[i];
	}
}

LANES_INLINE void float_slow(uint32_t *t, struct rows r, const struct uop *u, row_kernel kernel)
{
	uint32_t in[3][LANES] __attribute__((aligned(64))), old;

	if (u->in.ftz || u->in.fmz) {
		row_flush(in[0], r.a);
		row_flush(in[1], r.b);
		row_flush(in[2], r.c);
		r = (struct rows){ .a = in[0], .b = in[1], .c = in[2] };
	}
	old = round_enter(u->in.rnd);
	kernel(t, &r, u);
	round_leave(u->in.rnd, old);
	if (u->in.fmz)
		row_zero_product(t, &r, u->in.op == SM20_FFMA);
	if (u->in.ftz || u->in.fmz)
		row_flush(t, t);
	if (u->in.sat)
		row_saturate(t);
}

/* Zero: zero or NaN; sign: below zero or NaN [docs/hw/graph/tesla/cuda/isa.rst, $c]. */
LANES_INLINE void float_flags(struct warp *w, uint32_t m, const uint32_t *t)
{
	uint32_t z = 0, s = 0;

	EACH_LANE(i)
	{
		float f = as_f32(t[i]);

		z |= f == 0.0f || f != f ? lane_bit[i] : 0;
		s |= f < 0.0f || f != f ? lane_bit[i] : 0;
	}
	w->cz = (w->cz & ~m) | (z & m);
	w->cs = (w->cs & ~m) | (s & m);
	w->cc &= ~m;
	w->co &= ~m;
}

LANES_INLINE void float_row(struct gang *g, const struct uop *u, row_kernel kernel)
{
	if (!(u->in.ftz | u->in.fmz | u->in.sat | u->in.rnd | u->in.cc_write)) {
		gang_row(g, u, kernel);
		return;
	}
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t t[LANES] __attribute__((aligned(64)));

		float_slow(t, gang_rows(g, u, k, false), u, kernel);
		row_keep(w->r[u->d], t, g->m[k]);
		if (u->in.cc_write)
			float_flags(w, g->m[k], t);
	}
}

#define FLOAT_OP(name, expr)                                                                       \
	LANES_INLINE void k_##name(uint32_t *o, const struct rows *r, const struct uop *u)         \
	{                                                                                          \
		EACH_LANE(i)                                                                       \
			o[i] = (expr);                                                             \
	}                                                                                          \
	static void op_##name(struct gang *g, const struct uop *u)                                 \
	{                                                                                          \
		float_row(g, u, k_##name);                                                         \
	}

FLOAT_OP(fadd, f32_result(FA(i) + FB(i)))
FLOAT_OP(fmul, f32_result(FA(i) * FB(i)))
FLOAT_OP(ffma, f32_result(__builtin_fmaf(FA(i), FB(i), FC(i))))
FLOAT_OP(rcp, f32_result(1.0f / FA(i)))
FLOAT_OP(rsq, f32_result(1.0f / __builtin_sqrtf(FA(i))))
FLOAT_OP(pass, f32_bits(FB(i)))

static const float scale_by[8] = { 1.0f, 2.0f, 4.0f, 8.0f, 1.0f, 0.125f, 0.25f, 0.5f };

LANES_INLINE void k_fmul_scaled(uint32_t *o, const struct rows *r, const struct uop *u)
{
	float s = scale_by[u->in.scale & 7];

	/* In double the product is exact, so there is one rounding. */
	EACH_LANE(i)
		o[i] = f32_result((float)((double)FA(i) * FB(i) * s));
}
static void op_fmul_scaled(struct gang *g, const struct uop *u)
{
	float_row(g, u, k_fmul_scaled);
}

/* A NaN loses against a number; -0 is below +0. */
LANES_INLINE uint32_t min_max(uint32_t a, uint32_t b, bool min)
{
	float x = as_f32(a), y = as_f32(b);
	bool less = x < y || (x == y && a > b);
	uint32_t v = less == min ? a : b;

	v = x != x ? b : v;
	v = y != y ? a : v;
	return x != x && y != y ? F32_NAN : v;
}
FLOAT_OP(fmin, min_max(f32_bits(FA(i)), f32_bits(FB(i)), true))
FLOAT_OP(fmax, min_max(f32_bits(FA(i)), f32_bits(FB(i)), false))

static void op_fmnmx(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);
		uint32_t c = warp_pred(g->w[k], &u->in.src[2]), t[2][LANES];

		float_slow(t[0], r, u, k_fmin);
		float_slow(t[1], r, u, k_fmax);
		row_keep(t[1], t[0], c);
		row_keep(g->w[k]->r[u->d], t[1], g->m[k]);
		if (u->in.cc_write)
			float_flags(g->w[k], g->m[k], t[1]);
	}
}

/* ---- across a quad of lanes [docs/hw/graph/tesla/cuda/misc.rst, quadop] --------------- */

/* Lane i's first operand comes from this lane. */
LANES_INLINE uint32_t quad_lane(const struct uop *u, uint32_t i)
{
	switch (u->in.qlane) {
	case SM20_QL_DX: return i ^ 1;
	case SM20_QL_DY: return i ^ 2;
	default: return (i & ~3u) | u->in.qlane;
	}
}

LANES_INLINE void k_quadop(uint32_t *o, const struct rows *r, const struct uop *u)
{
	EACH_LANE(i)
	{
		float a = as_f32(r->a[i]), b = as_f32(r->b[i]);

		switch (u->in.qop[i & 3]) {
		case SM20_QOP_ADD: o[i] = f32_result(a + b); break;
		case SM20_QOP_SUB: o[i] = f32_result(a - b); break;
		case SM20_QOP_SUBR: o[i] = f32_result(b - a); break;
		default: o[i] = r->b[i]; break;
		}
	}
}

static void op_quadop(struct gang *g, const struct uop *u)
{
	/* Neighbours are for fragments, and for other programs only if asked for: else 0. */
	bool none = u->in.qlane >= SM20_QL_DX && !u->in.qall;

	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);
		uint32_t a[LANES], t[LANES] = { 0 };

		for (uint32_t i = 0; i < LANES; i++)
			a[i] = r.a[quad_lane(u, i)];
		r.a = a;
		r.c = row_zero;
		if (!none)
			float_slow(t, r, u, k_quadop);
		row_keep(g->w[k]->r[u->d], t, g->m[k]);
		if (u->in.cc_write)
			float_flags(g->w[k], g->m[k], t);
	}
}

/* ---- special functions, in double so that one rounding counts -------------------- */

/* 2^n for -1100 <= n <= 1023 that need not be a normal number. */
LANES_INLINE double pow2_int(int32_t n)
{
	/* Values of interest are above 2^-150, far inside the double's normal range. */
	return as_f64(0, (uint32_t)(n + 1023) << 20);
}

LANES_INLINE uint32_t exp2_bits(float x)
{
	/* Beyond these the result is 0 or infinity anyway. */
	float c = x > 200.0f ? 200.0f : x < -200.0f ? -200.0f : x;
	double y = x != x ? 0.0 : (double)c, n, f, p;
	/* 1.5 * 2^52: the sum has the nearest whole number in its low bits. */
	double big = y + 6755399441055744.0;
	int32_t k = (int32_t)(uint32_t)f64_bits(big);

	n = big - 6755399441055744.0;
	f = (y - n) * 0.69314718055994530942;
	p = 1.0 / 5040.0;
	p = p * f + 1.0 / 720.0;
	p = p * f + 1.0 / 120.0;
	p = p * f + 1.0 / 24.0;
	p = p * f + 1.0 / 6.0;
	p = p * f + 0.5;
	p = p * f + 1.0;
	p = p * f + 1.0;
	return x != x ? F32_NAN : f32_bits((float)(p * pow2_int(k)));
}
FLOAT_OP(ex2, exp2_bits(FA(i)))

LANES_INLINE uint32_t log2_bits(float x)
{
	uint64_t v = f64_bits((double)x);
	uint32_t hi = (uint32_t)(v >> 32), res;
	/* Mantissa into sqrt(1/2) .. sqrt(2). */
	uint32_t adj = hi + (0x3ff00000 - 0x3fe6a09e);
	int32_t e = (int32_t)(adj >> 20) - 1023;
	double m = as_f64((uint32_t)v, (adj & 0xfffff) + 0x3fe6a09e);
	double s = (m - 1.0) / (m + 1.0), z = s * s, p;

	p = 1.0 / 13.0;
	p = p * z + 1.0 / 11.0;
	p = p * z + 1.0 / 9.0;
	p = p * z + 1.0 / 7.0;
	p = p * z + 1.0 / 5.0;
	p = p * z + 1.0 / 3.0;
	p = p * z + 1.0;
	res = f32_bits((float)((double)e + s * p * 2.88539008177792681472));
	res = x == INFINITY ? 0x7f800000 : res;
	res = x == 0.0f ? 0xff800000 : res;
	return x < 0.0f || x != x ? F32_NAN : res;
}
FLOAT_OP(lg2, log2_bits(FA(i)))

/* shift 0: sine, 1: cosine.  Arguments beyond 2^30 lose their meaning, as on the chip. */
LANES_INLINE uint32_t sine_bits(float x, uint32_t shift)
{
	double y = x != x || x > 1e9f || x < -1e9f ? 0.0 : (double)x;
	double big = y * 0.63661977236758134308 + 6755399441055744.0;
	uint32_t q = (uint32_t)f64_bits(big) + shift;
	double n = big - 6755399441055744.0, z, s, c, v;

	y = y - n * 1.57079632673412561417; /* the first 33 bits: the product is exact */
	y = y - n * 6.07710050650619224932e-11;
	z = y * y;
	s = -1.0 / 39916800.0;
	s = s * z + 1.0 / 362880.0;
	s = s * z - 1.0 / 5040.0;
	s = s * z + 1.0 / 120.0;
	s = s * z - 1.0 / 6.0;
	s = y + y * z * s;
	c = 1.0 / 479001600.0;
	c = c * z - 1.0 / 3628800.0;
	c = c * z + 1.0 / 40320.0;
	c = c * z - 1.0 / 720.0;
	c = c * z + 1.0 / 24.0;
	c = c * z - 0.5;
	c = 1.0 + z * c;
	v = q & 1 ? c : s;
	v = q & 2 ? -v : v;
	return x != x || x == INFINITY || x == -INFINITY ? F32_NAN : f32_bits((float)v);
}
FLOAT_OP(sin, sine_bits(FA(i), 0))
FLOAT_OP(cos, sine_bits(FA(i), 1))

/* ---- compares ------------------------------------------------------------------------ */

/* Operands with their modifiers; as they are if there are none. */
LANES_INLINE const uint32_t *float_operand(uint32_t *t, const uint32_t *a, const struct uop *u,
					   int j)
{
	uint32_t keep = u->keep[j], flip = u->flip[j];

	if (keep == ~0u && !flip && !u->in.ftz)
		return a;
	EACH_LANE(i)
		t[i] = (a[i] & keep) ^ flip;
	if (u->in.ftz)
		row_flush(t, t);
	return t;
}

LANES_INLINE uint32_t float_relation(const struct uop *u, const struct rows *r)
{
	uint32_t x[LANES] __attribute__((aligned(64))), y[LANES] __attribute__((aligned(64)));
	const uint32_t *a = float_operand(x, r->a, u, 0), *b = float_operand(y, r->b, u, 1);
	uint32_t lt = 0, eq = 0, un = 0;

#ifdef __AVX512F__
	for (int h = 0; h < 2; h++) {
		__m512 p = _mm512_loadu_ps(a + 16 * h), q = _mm512_loadu_ps(b + 16 * h);

		lt |= (uint32_t)_mm512_cmp_ps_mask(p, q, _CMP_LT_OQ) << (16 * h);
		eq |= (uint32_t)_mm512_cmp_ps_mask(p, q, _CMP_EQ_OQ) << (16 * h);
		un |= (uint32_t)_mm512_cmp_ps_mask(p, q, _CMP_UNORD_Q) << (16 * h);
	}
#else
	EACH_LANE(i)
	{
		float p = as_f32(a[i]), q = as_f32(b[i]);

		lt |= p < q ? lane_bit[i] : 0;
		eq |= p == q ? lane_bit[i] : 0;
		un |= p != p || q != q ? lane_bit[i] : 0;
	}
#endif
	return lanes_compare(u->in.cmp, lt, eq, un);
}

static void op_fsetp(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);

		warp_setp(g->w[k], u, g->m[k], float_relation(u, &r));
	}
}

static void op_fset(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);

		warp_set(g->w[k], u, g->m[k], float_relation(u, &r));
	}
}

LANES_INLINE bool relation_zero(uint32_t cmp, uint32_t bits, bool ftz)
{
	float f = as_f32(ftz ? f32_flush(bits) : bits);

	return (cmp & 1 && f < 0.0f) || (cmp & 2 && f == 0.0f) || (cmp & 4 && f > 0.0f) ||
	       (cmp & 8 && f != f);
}
LANES_INLINE void k_fslct(uint32_t *o, const struct rows *r, const struct uop *u)
{
	EACH_LANE(i)
		o[i] = relation_zero(u->in.cmp, f32_bits(FC(i)), u->in.ftz) ? f32_bits(FA(i)) :
									      f32_bits(FB(i));
}
static void op_fslct(struct gang *g, const struct uop *u)
{
	gang_row(g, u, k_fslct);
}

static uop_fn select_minmax(const struct sm20_insn *in)
{
	if (in->src[2].kind != SM20_SRC_PRED || in->src[2].reg != SM20_PRED_TRUE)
		return op_fmnmx;
	return in->src[2].inv ? op_fmax : op_fmin;
}

uop_fn LANES_NAME(float_select)(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_FADD: return op_fadd;
	case SM20_FMUL: return in->scale ? op_fmul_scaled : op_fmul;
	case SM20_FFMA: return op_ffma;
	case SM20_FMNMX: return select_minmax(in);
	case SM20_QUADOP: return op_quadop;
	case SM20_RCP: return op_rcp;
	case SM20_RSQ: return op_rsq;
	case SM20_EX2: return op_ex2;
	case SM20_LG2: return op_lg2;
	case SM20_SIN: return op_sin;
	case SM20_COS: return op_cos;
	case SM20_PRESIN:
	case SM20_PREEX2: return op_pass;
	case SM20_FSETP: return op_fsetp;
	case SM20_FSET: return op_fset;
	case SM20_FSLCT: return op_fslct;
	default: return NULL;
	}
}

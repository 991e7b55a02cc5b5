// SPDX-License-Identifier: MIT
/*
 * Conversions over lanes; lanes.h says what is always true.
 *
 * Every conversion goes through a double or a 64-bit integer and is exact up to
 * its one rounding: a float32 and a 32-bit integer fit a double, and 64-bit
 * integers are converted by their own path.
 */
#include "gpuvm/dev/sim/sm/lanes.h"

#include <math.h>

uop_fn LANES_NAME(cvt_select)(const struct sm20_insn *in);

#define F32_B(i) as_f32((r->b[i] & u->keep[1]) ^ u->flip[1])
#define F64_B(i) as_f64(r->b[i], (r->bh[i] & u->keep[1]) ^ u->flip[1])

#define CVT_OP(name)                                                                               \
	static void op_##name(struct gang *g, const struct uop *u)                                 \
	{                                                                                          \
		uint32_t old = round_enter(u->uses);                                               \
                                                                                                   \
		gang_row(g, u, k_##name);                                                          \
		round_leave(u->uses, old);                                                         \
	}
#define CVT_ROW(name, expr)                                                                        \
	LANES_INLINE void k_##name(uint32_t *o, const struct rows *r, const struct uop *u)         \
	{                                                                                          \
		(void)u;                                                                           \
		EACH_LANE(i)                                                                       \
			o[i] = (expr);                                                             \
	}                                                                                          \
	CVT_OP(name)

static inline uint32_t type_bits(uint32_t t)
{
	switch (t) {
	case SM20_U8: case SM20_S8: return 8;
	case SM20_U16: case SM20_S16: case SM20_F16: return 16;
	case SM20_U64: case SM20_S64: case SM20_F64: case SM20_B64: return 64;
	default: return 32;
	}
}

static inline bool type_signed(uint32_t t)
{
	return t == SM20_S8 || t == SM20_S16 || t == SM20_S32 || t == SM20_S64;
}

/* ---- the common ones ---------------------------------------------------------------- */

LANES_INLINE uint32_t f32_to_s32(float f)
{
	int32_t v = f >= -2147483648.0f && f < 2147483648.0f ? (int32_t)f :
		    f > 0.0f ? INT32_MAX : INT32_MIN;

	return f != f ? 0 : (uint32_t)v;
}

LANES_INLINE uint32_t f32_to_u32(float f)
{
	return f >= 4294967296.0f ? UINT32_MAX : f > 0.0f ? (uint32_t)(int64_t)f : 0;
}
CVT_ROW(f32_s32, f32_to_s32(F32_B(i)))
CVT_ROW(f32_u32, f32_to_u32(F32_B(i)))
CVT_ROW(s32_f32, f32_bits((float)(int32_t)r->b[i]))
CVT_ROW(u32_f32, f32_bits((float)r->b[i]))
CVT_ROW(f32_f32, f32_result(F32_B(i)))

/*
 * Integers of up to 32 bits: the source's bits go to the register's top and come
 * down with zeros or their sign, then the result's.  Known before the loop, which
 * the compiler would otherwise take for changed by each store.
 */
struct field {
	uint32_t up, down;
	uint32_t sign; /* ~0 if it has one */
};

LANES_INLINE struct field field_of(uint32_t type, uint32_t sel)
{
	uint32_t bits = type_bits(type), at = bits < 32 ? bits * sel & 31 : 0;

	return (struct field){ 32 - bits - at, 32 - bits, type_signed(type) ? ~0u : 0 };
}

LANES_INLINE uint32_t field_get(uint32_t v, struct field f)
{
	v <<= f.up;
	return ((uint32_t)((int32_t)v >> f.down) & f.sign) | (v >> f.down & ~f.sign);
}

LANES_INLINE void k_int_int(uint32_t *o, const struct rows *r, const struct uop *u)
{
	const struct field from = field_of(u->in.stype, u->in.sel), to = field_of(u->in.dtype, 0);

	EACH_LANE(i)
		o[i] = field_get(field_get(r->b[i], from), to);
}
CVT_OP(int_int)

LANES_INLINE void k_int_f32(uint32_t *o, const struct rows *r, const struct uop *u)
{
	const struct field from = field_of(u->in.stype, u->in.sel);

	/* Of less than 32 bits: as a signed number it is the same. */
	EACH_LANE(i)
		o[i] = f32_bits((float)(int32_t)field_get(r->b[i], from));
}
CVT_OP(int_f32)

/* ---- all the others, by a description ---------------------------------------------------- */

static double half_to_double(uint32_t h)
{
	uint32_t e = h >> 10 & 31, m = h & 0x3ff;
	double v;

	if (e == 31)
		v = m ? (double)NAN : (double)INFINITY;
	else if (e)
		v = ldexp((double)(m | 0x400), (int)e - 25);
	else
		v = ldexp((double)m, -24);
	return h & 0x8000 ? -v : v;
}

/* A whole number in the given rounding; ties to even. */
static double round_whole(double d, uint32_t rnd)
{
	switch (rnd) {
	case SM20_RND_M: return floor(d);
	case SM20_RND_P: return ceil(d);
	case SM20_RND_Z: return trunc(d);
	default: return nearbyint(d);
	}
}

static uint32_t double_to_half(double d, uint32_t rnd)
{
	uint32_t sign = (uint32_t)(f64_bits(d) >> 48) & 0x8000;
	double a = fabs(d), unit, n;
	int e;

	if (d != d)
		return 0x7fff;
	if (a == (double)INFINITY)
		return sign | 0x7c00;
	frexp(a, &e);
	e = a == 0.0 || e < -13 ? -13 : e; /* denormals share the exponent of the least normal */
	unit = ldexp(1.0, e - 11);
	n = round_whole(d / unit, rnd);
	a = fabs(n) * unit;
	if (a > 65504.0) /* a rounding that leads away from infinity ends at the largest number */
		return sign | (rnd == SM20_RND_Z || (rnd == SM20_RND_M && !sign) ||
					       (rnd == SM20_RND_P && sign) ? 0x7bff : 0x7c00);
	n = fabs(n);
	return sign | (n >= 2048.0 ? (uint32_t)(e + 15) << 10 :
		       n >= 1024.0 ? (uint32_t)(e + 14) << 10 | ((uint32_t)n & 0x3ff) : (uint32_t)n);
}

/* The lane's source as a double, modifiers applied. */
static double source_float(const struct uop *u, uint32_t lo, uint32_t hi)
{
	const struct sm20_src *s = &u->in.src[1];
	double d;

	switch (u->in.stype) {
	case SM20_F16:
		d = half_to_double(lo >> (16 * (u->in.sel & 1)) & 0xffff);
		break;
	case SM20_F64:
		d = as_f64(lo, hi);
		break;
	default:
		d = (double)as_f32(u->in.ftz ? f32_flush(lo) : lo);
		break;
	}
	d = s->abs ? fabs(d) : d;
	return s->neg ? -d : d;
}

struct wide_int {
	bool neg;	/* below zero */
	uint64_t v;	/* two's complement of 65 bits with neg */
};

static struct wide_int source_int(const struct uop *u, uint32_t lo, uint32_t hi)
{
	const struct sm20_src *s = &u->in.src[1];
	uint32_t bits = type_bits(u->in.stype);
	uint64_t v = (uint64_t)hi << 32 | lo;
	struct wide_int w;

	if (bits < 64) {
		v = bits < 32 ? lo >> (bits * u->in.sel & 31) : lo;
		v = type_signed(u->in.stype) ? (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits)) :
					       v & ((1ull << bits) - 1);
	}
	w = (struct wide_int){ type_signed(u->in.stype) && v >> 63, v };
	if ((s->abs && w.neg) != s->neg && v) {
		/* An unsigned number above 2^63 turned negative does not fit any result anyway. */
		w.neg = !w.neg;
		w.v = 0 - v;
	}
	return w;
}

/* Clamped to what type t holds. */
static uint64_t clamp_int(struct wide_int w, uint32_t t)
{
	uint32_t bits = type_bits(t);
	uint64_t max = type_signed(t) ? (1ull << (bits - 1)) - 1 : ~0ull >> (64 - bits);
	uint64_t min = type_signed(t) ? ~max : 0;

	if (w.neg)
		return !type_signed(t) ? 0 : !(w.v >> 63) || w.v < min ? min : w.v;
	return w.v > max ? max : w.v;
}

static uint64_t float_to_int(double d, uint32_t t)
{
	uint32_t bits = type_bits(t);
	double top = ldexp(1.0, (int)bits - (type_signed(t) ? 1 : 0));
	uint64_t max = type_signed(t) ? (1ull << (bits - 1)) - 1 : ~0ull >> (64 - bits);

	if (d != d)
		return 0;
	if (d >= top)
		return max;
	if (type_signed(t))
		return d < -top ? ~max : (uint64_t)(int64_t)d;
	return d <= 0.0 ? 0 : (uint64_t)d;
}

/* v into float type t; the host's rounding is the instruction's. */
static uint64_t pack_float(const struct uop *u, double d)
{
	float f;

	if (u->in.sat)
		d = d > 0.0 ? (d < 1.0 ? d : 1.0) : 0.0;
	if (u->in.dtype == SM20_F64)
		return d != d ? F64_NAN : f64_bits(d);
	if (u->in.dtype == SM20_F16)
		return double_to_half(d, u->in.rint ? SM20_RND_N : u->in.rnd);
	f = (float)d;
	return u->in.ftz ? f32_flush(f32_result(f)) : f32_result(f);
}

static uint64_t int_to_float(const struct uop *u, struct wide_int w)
{
	float f;

	if (u->in.dtype == SM20_F64)
		return f64_bits(w.neg ? (double)(int64_t)w.v : (double)w.v);
	if (u->in.dtype == SM20_F16) /* beyond 2^17 it is infinity, whatever the low bits were */
		return double_to_half(w.neg ? (double)(int64_t)w.v : (double)w.v, u->in.rnd);
	f = w.neg ? (float)(int64_t)w.v : (float)w.v;
	return f32_bits(f);
}

static uint64_t convert(const struct uop *u, uint32_t lo, uint32_t hi)
{
	struct wide_int w;
	uint64_t v;
	double d;

	switch (u->in.op) {
	case SM20_F2F:
		d = source_float(u, lo, hi);
		return pack_float(u, u->in.rint ? round_whole(d, u->in.rnd) : d);
	case SM20_F2I:
		v = float_to_int(round_whole(source_float(u, lo, hi), u->in.rnd), u->in.dtype);
		break;
	case SM20_I2F:
		return int_to_float(u, source_int(u, lo, hi));
	default:
		w = source_int(u, lo, hi);
		v = u->in.sat ? clamp_int(w, u->in.dtype) : w.v;
		break;
	}
	/* Narrow results fill the register: zeros, or the sign. */
	switch (u->in.dtype) {
	case SM20_U8: return v & 0xff;
	case SM20_S8: return (uint32_t)(int32_t)(int8_t)v;
	case SM20_U16: return v & 0xffff;
	case SM20_S16: return (uint32_t)(int32_t)(int16_t)v;
	default: return v;
	}
}

/* Zero and sign as lanes; a NaN is both [docs/hw/graph/tesla/cuda/isa.rst, $c]. */
static void convert_flags(struct warp *w, uint32_t m, uint32_t type, const uint32_t *lo,
			  const uint32_t *hi)
{
	uint32_t bits = type_bits(type), z = 0, s = 0;

	for (int i = 0; i < LANES; i++) {
		uint64_t v = (bits == 64 ? (uint64_t)hi[i] << 32 : 0) | lo[i];
		uint64_t sign = 1ull << (bits < 32 && type != SM20_F16 ? 31 : bits - 1);
		uint64_t top = type == SM20_F16 ? 0x7c00 : type == SM20_F32 ? 0x7f800000 :
							    0x7ff0000000000000;
		bool is_float = type == SM20_F16 || type == SM20_F32 || type == SM20_F64;
		bool nan = is_float && (v & (sign - 1)) > top;
		bool zero = !(is_float ? v & (sign - 1) : v);

		z |= zero || nan ? lane_bit[i] : 0;
		s |= (v & sign && !zero) || nan ? lane_bit[i] : 0;
	}
	w->cz = (w->cz & ~m) | (z & m);
	w->cs = (w->cs & ~m) | (s & m);
	w->cc &= ~m;
	w->co &= ~m;
}

static void op_convert(struct gang *g, const struct uop *u)
{
	bool wide_in = type_bits(u->in.stype) == 64, wide_out = type_bits(u->in.dtype) == 64;
	uint32_t old = round_enter(u->uses);

	gang_spread(g, u, wide_in);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, wide_in);
		uint32_t t[2][LANES] = { 0 }, m = g->m[k];
		struct warp *w = g->w[k];

		for (int i = 0; i < LANES; i++) {
			uint64_t v;

			if (!(m >> i & 1))
				continue;
			v = convert(u, r.b[i], wide_in ? r.bh[i] : 0);
			t[0][i] = (uint32_t)v;
			t[1][i] = (uint32_t)(v >> 32);
		}
		row_keep(w->r[u->d], t[0], m);
		if (wide_out)
			row_keep(w->r[u->d + 1], t[1], m);
		if (u->in.cc_write)
			convert_flags(w, m, u->in.dtype, t[0], t[1]);
	}
	round_leave(u->uses, old);
}

static bool is_plain(const struct sm20_insn *in)
{
	return !in->sat && !in->ftz && !in->src[1].neg && !in->src[1].abs && !in->cc_write;
}

static uop_fn select_float(const struct sm20_insn *in)
{
	bool whole = in->op == SM20_F2I && in->rnd == SM20_RND_Z;

	if (in->stype != SM20_F32 || in->ftz || in->sat || in->cc_write)
		return op_convert;
	if (in->op == SM20_F2F && in->dtype == SM20_F32 && !in->rint)
		return op_f32_f32;
	if (whole && in->dtype == SM20_S32)
		return op_f32_s32;
	return whole && in->dtype == SM20_U32 ? op_f32_u32 : op_convert;
}

static uop_fn select_int(const struct sm20_insn *in)
{
	if (!is_plain(in) || type_bits(in->stype) > 32 || type_bits(in->dtype) > 32)
		return op_convert;
	if (in->op == SM20_I2I)
		return op_int_int;
	if (in->dtype != SM20_F32)
		return op_convert;
	if (in->stype == SM20_S32)
		return op_s32_f32;
	if (in->stype == SM20_U32)
		return op_u32_f32;
	return op_int_f32;
}

uop_fn LANES_NAME(cvt_select)(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_F2F:
	case SM20_F2I:
		return select_float(in);
	case SM20_I2F:
	case SM20_I2I:
		return select_int(in);
	default:
		return NULL;
	}
}

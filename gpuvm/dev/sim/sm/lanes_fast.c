// SPDX-License-Identifier: MIT
/*
 * The frequent operations of one result and no flags, once more: for AVX-512,
 * with a half row in a register and the lanes that count as the store's mask.
 *
 * Each is built for the kinds of its operands, chosen at decoding: b and c a
 * register or one value for all, with or without signs and inversions.  Always
 * true: the result is what lanes_add.c, lanes_int.c and lanes_float.c give,
 * which is what runs where fast_select() answers NULL.
 */
#include "gpuvm/dev/sim/sm/lanes.h"

uop_fn LANES_NAME(fast_select)(const struct sm20_insn *in);

#ifdef __AVX512F__

typedef __m512i (*half_op)(__m512i a, __m512i b, __m512i c, const struct uop *);

struct kinds {
	bool third;	    /* there is an operand c */
	bool b_one, c_one;  /* one value for all lanes */
	bool mods;
};

LANES_INLINE __m512i modified(__m512i v, const struct uop *u, int j, bool mods)
{
	if (!mods)
		return v;
	return _mm512_xor_si512(_mm512_and_si512(v, _mm512_set1_epi32((int)u->keep[j])),
				_mm512_set1_epi32((int)u->flip[j]));
}

LANES_INLINE __m512i one_value(struct gang *g, const struct uop *u, int j, bool mods)
{
	const struct sm20_src *s = &u->in.src[j];
	uint32_t v = (uint32_t)s->imm;

	if (s->kind == SM20_SRC_CONST) {
		v = bank_word(g->wk->launch, s->bank, s->off);
		if (__builtin_expect(g->wk->launch->any_bad, 0))
			v = bank_checked(g->wk, g->wk->launch, s->bank, s->off);
	}
	return modified(_mm512_set1_epi32((int)v), u, j, mods);
}

/* A store under a mask is slow to be read again, so whole rows go without one. */
LANES_INLINE void put(uint32_t *d, uint32_t m, __m512i v)
{
	if (__builtin_expect((m & 0xffff) == 0xffff, 1))
		_mm512_store_si512(d, v);
	else
		_mm512_mask_store_epi32(d, (__mmask16)m, v);
}

LANES_INLINE void fast(struct gang *g, const struct uop *u, half_op op, struct kinds k)
{
	__m512i b1 = k.b_one ? one_value(g, u, 1, k.mods) : _mm512_setzero_si512();
	__m512i c1 = k.c_one ? one_value(g, u, 2, k.mods) : _mm512_setzero_si512();
	const uint32_t ra = u->row[0], rb = u->row[1], rc = u->row[2], rd = u->d;

	for (uint32_t i = 0; i < g->n; i++) {
		struct warp *w = g->w[i];
		uint32_t m = g->m[i];

		for (uint32_t h = 0; h < LANES; h += 16) {
			__m512i a = _mm512_load_si512(w->r[ra] + h), b = b1, c = c1;

			a = modified(a, u, 0, k.mods);
			if (!k.b_one)
				b = modified(_mm512_load_si512(w->r[rb] + h), u, 1, k.mods);
			if (k.third && !k.c_one)
				c = modified(_mm512_load_si512(w->r[rc] + h), u, 2, k.mods);
			put(w->r[rd] + h, m >> h, op(a, b, c, u));
		}
	}
}

/* Every NaN is the one of the chip. */
LANES_INLINE __m512i float_result(__m512 f)
{
	return _mm512_mask_mov_epi32(_mm512_castps_si512(f), _mm512_cmp_ps_mask(f, f, _CMP_UNORD_Q),
				     _mm512_set1_epi32(F32_NAN));
}

#define HALF_OP(name, expr)                                                                        \
	LANES_INLINE __m512i h_##name(__m512i a, __m512i b, __m512i c, const struct uop *u)        \
	{                                                                                          \
		(void)a, (void)b, (void)c, (void)u;                                                \
		return expr;                                                                       \
	}
#define VARIANT(name, tag, ...)                                                                    \
	static void op_##name##_##tag(struct gang *g, const struct uop *u)                         \
	{                                                                                          \
		fast(g, u, h_##name, (struct kinds){ __VA_ARGS__ });                               \
	}

/* Indexed by: b is one value, c is one value, modifiers. */
#define OP2(name, expr)                                                                            \
	HALF_OP(name, expr)                                                                        \
	VARIANT(name, r, false, false, false, false)                                               \
	VARIANT(name, u, false, true, false, false)                                                \
	VARIANT(name, rm, false, false, false, true)                                               \
	VARIANT(name, um, false, true, false, true)                                                \
	static const uop_fn name##_ops[8] = { op_##name##_r,  op_##name##_u,  NULL, NULL,          \
					      op_##name##_rm, op_##name##_um, NULL, NULL };
#define OP3(name, expr)                                                                            \
	HALF_OP(name, expr)                                                                        \
	VARIANT(name, rr, true, false, false, false)                                               \
	VARIANT(name, ur, true, true, false, false)                                                \
	VARIANT(name, ru, true, false, true, false)                                                \
	VARIANT(name, rrm, true, false, false, true)                                               \
	VARIANT(name, urm, true, true, false, true)                                                \
	VARIANT(name, rum, true, false, true, true)                                                \
	static const uop_fn name##_ops[8] = { op_##name##_rr,  op_##name##_ur,  op_##name##_ru,    \
					      NULL,	       op_##name##_rrm, op_##name##_urm,   \
					      op_##name##_rum, NULL };

#define F(x) _mm512_castsi512_ps(x)
#define LOW5 _mm512_set1_epi32(31)

OP2(add, _mm512_add_epi32(a, b))
OP2(sub, _mm512_sub_epi32(a, b))
OP2(subr, _mm512_sub_epi32(b, a))
OP2(mul, _mm512_mullo_epi32(a, b))
OP3(mad, _mm512_add_epi32(_mm512_mullo_epi32(a, b), c))
OP2(and, _mm512_and_si512(a, b))
OP2(or, _mm512_or_si512(a, b))
OP2(xor, _mm512_xor_si512(a, b))
OP2(mov, b)
/* A count of 32 and more gives zero, or the sign. */
OP2(shl, _mm512_sllv_epi32(a, b))
OP2(shr, _mm512_srlv_epi32(a, b))
OP2(sar, _mm512_srav_epi32(a, b))
OP2(shl_wrap, _mm512_sllv_epi32(a, _mm512_and_si512(b, LOW5)))
OP2(shr_wrap, _mm512_srlv_epi32(a, _mm512_and_si512(b, LOW5)))
OP2(sar_wrap, _mm512_srav_epi32(a, _mm512_and_si512(b, LOW5)))
OP2(fadd, float_result(_mm512_add_ps(F(a), F(b))))
OP2(fmul, float_result(_mm512_mul_ps(F(a), F(b))))
OP3(ffma, float_result(_mm512_fmadd_ps(F(a), F(b), F(c))))

static const uop_fn *shift_ops(const struct sm20_insn *in)
{
	if (in->x || in->rev)
		return NULL;
	if (in->op == SM20_SHL)
		return in->wrap ? shl_wrap_ops : shl_ops;
	if (in->dtype == SM20_S32)
		return in->wrap ? sar_wrap_ops : sar_ops;
	return in->wrap ? shr_wrap_ops : shr_ops;
}

static const uop_fn *int_ops(const struct sm20_insn *in)
{
	static const uop_fn *const sums[4] = { add_ops, sub_ops, subr_ops, NULL };
	static const uop_fn *const logic[4] = { and_ops, or_ops, xor_ops, mov_ops };

	switch (in->op) {
	case SM20_IADD:
		return in->x || in->sat ? NULL : sums[in->addop & 3];
	case SM20_IMUL:
		return in->hi ? NULL : mul_ops;
	case SM20_IMAD:
		return in->x || in->sat || in->hi || in->addop != SM20_ADD ? NULL : mad_ops;
	case SM20_LOGIC:
		return in->x ? NULL : logic[in->logic & 3];
	case SM20_SHL:
	case SM20_SHR:
		return shift_ops(in);
	case SM20_MOV:
		return in->lanes == 15 ? mov_ops : NULL;
	default:
		return NULL;
	}
}

static const uop_fn *ops_of(const struct sm20_insn *in)
{
	bool plain = !(in->ftz | in->fmz | in->sat | in->rnd);

	switch (in->op) {
	case SM20_FADD:
		return plain ? fadd_ops : NULL;
	case SM20_FMUL:
		return plain && !in->scale ? fmul_ops : NULL;
	case SM20_FFMA:
		return plain ? ffma_ops : NULL;
	default:
		return int_ops(in);
	}
}

static bool is_one(const struct sm20_src *s)
{
	return s->kind == SM20_SRC_CONST || s->kind == SM20_SRC_IMM;
}

uop_fn LANES_NAME(fast_select)(const struct sm20_insn *in)
{
	const uop_fn *ops = in->cc_write ? NULL : ops_of(in);
	uint32_t i = 0;

	if (!ops || is_one(&in->src[0]))
		return NULL;
	for (int j = 0; j < 3; j++)
		if (in->src[j].neg || in->src[j].abs || in->src[j].inv)
			i |= 4;
	i |= is_one(&in->src[1]) ? 1 : 0;
	i |= is_one(&in->src[2]) ? 2 : 0;
	return ops[i];
}

#else

uop_fn LANES_NAME(fast_select)(const struct sm20_insn *in)
{
	(void)in;
	return NULL;
}

#endif

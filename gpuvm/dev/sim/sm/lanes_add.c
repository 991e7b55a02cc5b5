// SPDX-License-Identifier: MIT
/*
 * The adder over lanes: IADD, IMAD and SHLADD; lanes.h says what is always true.
 *
 * It is one for all of them: x + y + carry-in with one side inverted for a
 * subtraction, so carry means "no borrow" [docs/hw/graph/tesla/cuda/int.rst,
 * the same adder].
 */
#include "gpuvm/dev/sim/sm/lanes_word.h"

uop_fn LANES_NAME(add_select)(const struct sm20_insn *in);
void LANES_NAME(op_add_pair)(struct gang *g, const struct uop *u);

/* uses: bit 0 a is signed, bit 1 b is */
ROW_OP(add, A(i) + B(i))
ROW_OP(sub, A(i) - B(i))
ROW_OP(subr, B(i) - A(i))
ROW_OP(addpo, A(i) + B(i) + 1)
ROW_OP(mad, A(i) * B(i) + C(i))
ROW_OP(madhi, mul_hi(A(i), B(i), u->uses) + C(i))
ROW_OP(shladd, (A(i) << u->in.shift) + B(i))

/* A side of the sum: (row[i] & keep) ^ flip. */
struct side {
	const uint32_t *row;
	uint32_t keep, flip;
};

/* t = x + y + cin, with what the flags are made of if the instruction wants them. */
struct sum {
	uint32_t zero, sign, carry, over;
};

#ifdef __AVX512F__
LANES_INLINE struct sum add_rows(uint32_t *t, const struct side *x, const struct side *y,
				 uint32_t cin, bool flags)
{
	struct sum s = { 0 };

	for (int h = 0; h < LANES; h += 16) {
		__m512i a = _mm512_load_si512(x->row + h), b = _mm512_load_si512(y->row + h), v;
		__mmask16 c = (__mmask16)(cin >> h);

		a = _mm512_xor_si512(_mm512_and_si512(a, _mm512_set1_epi32((int)x->keep)),
				     _mm512_set1_epi32((int)x->flip));
		b = _mm512_xor_si512(_mm512_and_si512(b, _mm512_set1_epi32((int)y->keep)),
				     _mm512_set1_epi32((int)y->flip));
		v = _mm512_add_epi32(a, b);
		v = _mm512_mask_add_epi32(v, c, v, _mm512_set1_epi32(1));
		_mm512_store_si512(t + h, v);
		if (!flags)
			continue;
		/* With a carry-in a sum that equals an operand wrapped around. */
		s.carry |= (uint32_t)(_mm512_cmplt_epu32_mask(v, a) |
				      _mm512_mask_cmpeq_epi32_mask(c, v, a)) << h;
		s.over |= (uint32_t)_mm512_movepi32_mask(_mm512_and_si512(
				  _mm512_xor_si512(a, v), _mm512_xor_si512(b, v))) << h;
		s.zero |= (uint32_t)_mm512_testn_epi32_mask(v, v) << h;
		s.sign |= (uint32_t)_mm512_movepi32_mask(v) << h;
	}
	return s;
}
#else
LANES_INLINE struct sum add_rows(uint32_t *t, const struct side *x, const struct side *y,
				 uint32_t cin, bool flags)
{
	uint32_t a[LANES] __attribute__((aligned(64))), b[LANES] __attribute__((aligned(64)));
	struct sum s = { 0 };

	EACH_LANE(i)
	{
		a[i] = (x->row[i] & x->keep) ^ x->flip;
		b[i] = (y->row[i] & y->keep) ^ y->flip;
	}
	EACH_LANE(i)
		t[i] = a[i] + b[i] + (cin & lane_bit[i] ? 1 : 0);
	if (!flags)
		return s;
	s.carry = rows_below(t, a) | (cin & rows_equal(t, a));
	EACH_LANE(i)
		a[i] = (a[i] ^ t[i]) & (b[i] ^ t[i]);
	s.over = row_signs(a);
	s.zero = rows_equal(t, row_zero);
	s.sign = row_signs(t);
	return s;
}
#endif

/* x + y into w's destination. */
LANES_INLINE void add_flags(struct warp *w, const struct uop *u, uint32_t m, struct side x,
			    struct side y)
{
	uint32_t op = u->in.addop, cin = u->in.x ? w->cc : op == SM20_ADD ? 0 : ~0u;
	uint32_t t[LANES] __attribute__((aligned(64)));
	struct sum s;

	x.flip ^= op == SM20_SUBR ? ~0u : 0;
	y.flip ^= op == SM20_SUB ? ~0u : 0;
	s = add_rows(t, &x, &y, cin, u->in.cc_write || u->in.sat);
	if (u->in.sat) {
		/* Both sides had the sign that the sum has not. */
		EACH_LANE(i)
			t[i] = s.over & lane_bit[i] ? (t[i] >> 31 ? 0x7fffffff : 0x80000000) : t[i];
		s.zero = rows_equal(t, row_zero);
		s.sign = row_signs(t);
	}
	row_keep(w->r[u->d], t, m);
	if (!u->in.cc_write)
		return;
	w->cz = (w->cz & ~m) | (s.zero & m);
	w->cs = (w->cs & ~m) | (s.sign & m);
	w->cc = (w->cc & ~m) | (s.carry & m);
	w->co = (w->co & ~m) | (s.over & m);
}

static void op_iadd_flags(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);

		add_flags(g->w[k], u, g->m[k], (struct side){ r.a, u->keep[0], u->flip[0] },
			  (struct side){ r.b, u->keep[1], u->flip[1] });
	}
}

static void op_shladd_flags(struct gang *g, const struct uop *u)
{
	MODS;
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows rows = gang_rows(g, u, k, false), *r = &rows;
		uint32_t x[LANES] __attribute__((aligned(64)));

		EACH_LANE(i)
			x[i] = A(i) << u->in.shift;
		add_flags(g->w[k], u, g->m[k], (struct side){ x, ~0u, 0 },
			  (struct side){ r->b, kb, fb });
	}
}

static void op_imad_flags(struct gang *g, const struct uop *u)
{
	MODS;
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows rows = gang_rows(g, u, k, false), *r = &rows;
		uint32_t x[LANES] __attribute__((aligned(64)));

		if (u->in.hi)
			EACH_LANE(i)
				x[i] = mul_hi(A(i), B(i), u->uses);
		else
			EACH_LANE(i)
				x[i] = A(i) * B(i);
		add_flags(g->w[k], u, g->m[k], (struct side){ x, ~0u, 0 },
			  (struct side){ r->c, kc, fc });
	}
}

/* An operand that may be one value, as a row; room holds it. */
LANES_INLINE const uint32_t *pair_side(struct gang *g, const struct uop *u, int j, uint32_t *room)
{
	const struct sm20_src *s = &u->in.src[j];

	if (!(u->uniform >> j & 1))
		return NULL;
	row_fill(room, s->kind == SM20_SRC_CONST ? bank_word(g->wk->launch, s->bank, s->off) :
						   (uint32_t)s->imm);
	return room;
}

LANES_INLINE void pair_half(uint32_t *d, uint32_t *dh, const uint32_t *const s[4], uint32_t m)
{
#ifdef __AVX512F__
	for (int h = 0; h < LANES; h += 16) {
		__mmask16 mh = (__mmask16)(m >> h);
		__m512i a = _mm512_load_si512(s[0] + h), ah = _mm512_load_si512(s[2] + h);
		__m512i v = _mm512_add_epi32(a, _mm512_load_si512(s[1] + h));
		__m512i vh = _mm512_add_epi32(ah, _mm512_load_si512(s[3] + h));

		vh = _mm512_mask_add_epi32(vh, _mm512_cmplt_epu32_mask(v, a), vh,
					   _mm512_set1_epi32(1));
		if (m == ~0u) {
			_mm512_store_si512(d + h, v);
			_mm512_store_si512(dh + h, vh);
			continue;
		}
		_mm512_mask_store_epi32(d + h, mh, v);
		_mm512_mask_store_epi32(dh + h, mh, vh);
	}
#else
	uint32_t t[2][LANES] __attribute__((aligned(64)));

	EACH_LANE(i)
	{
		uint32_t v = s[0][i] + s[1][i];

		t[0][i] = v;
		t[1][i] = s[2][i] + s[3][i] + (v < s[0][i] ? 1 : 0);
	}
	row_keep(d, t[0], m);
	row_keep(dh, t[1], m);
#endif
}

/* Low words, then high words with the carry; the flags are nobody's. */
void LANES_NAME(op_add_pair)(struct gang *g, const struct uop *u)
{
	uint32_t room[4][LANES] __attribute__((aligned(64)));
	const struct uop *const of[4] = { u->low, u->low, u, u };
	const uint32_t *one[4], *s[4];

	for (int j = 0; j < 4; j++)
		one[j] = pair_side(g, of[j], j & 1, room[j]);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];

		for (int j = 0; j < 4; j++)
			s[j] = one[j] ? one[j] : w->r[of[j]->row[j & 1]];
		pair_half(w->r[u->low->d], w->r[u->d], s, g->m[k]);
	}
}

uop_fn LANES_NAME(add_select)(const struct sm20_insn *in)
{
	static const uop_fn plain[] = { op_add, op_sub, op_subr, op_addpo };
	bool flags = in->cc_write || in->x || in->sat;

	switch (in->op) {
	case SM20_IADD:
		return flags ? op_iadd_flags : plain[in->addop & 3];
	case SM20_SHLADD:
		return flags || in->addop != SM20_ADD ? op_shladd_flags : op_shladd;
	case SM20_IMAD:
		if (flags || in->addop != SM20_ADD)
			return op_imad_flags;
		return in->hi ? op_madhi : op_mad;
	default:
		return NULL;
	}
}

// SPDX-License-Identifier: MIT
/*
 * Double precision over lanes; lanes.h says what is always true.  A double is
 * the pair of rows d (low word) and d + 1.  A NaN result is one fixed quiet NaN:
 * which payload the chip keeps is UNK.
 */
#include "gpuvm/dev/sim/sm/lanes.h"

uop_fn LANES_NAME(double_select)(const struct sm20_insn *in);

#define DA(i) as_f64(r->a[i], (r->ah[i] & u->keep[0]) ^ u->flip[0])
#define DB(i) as_f64(r->b[i], (r->bh[i] & u->keep[1]) ^ u->flip[1])
#define DC(i) as_f64(r->c[i], (r->ch[i] & u->keep[2]) ^ u->flip[2])

LANES_INLINE uint64_t f64_result(double d)
{
	return d != d ? F64_NAN : f64_bits(d);
}

/* As of a float: a NaN is zero and below zero at once. */
LANES_INLINE void double_flags(struct warp *w, uint32_t m, uint32_t d)
{
	uint32_t z = 0, s = 0;

	EACH_LANE(i)
	{
		double v = as_f64(w->r[d][i], w->r[d + 1][i]);

		z |= v == 0.0 || v != v ? lane_bit[i] : 0;
		s |= v < 0.0 || v != v ? lane_bit[i] : 0;
	}
	w->cz = (w->cz & ~m) | (z & m);
	w->cs = (w->cs & ~m) | (s & m);
	w->cc &= ~m;
	w->co &= ~m;
}

LANES_INLINE void double_pair(struct gang *g, const struct uop *u, pair_kernel kernel)
{
	uint32_t old = round_enter(u->in.rnd);

	gang_pair(g, u, kernel);
	round_leave(u->in.rnd, old);
	for (uint32_t k = 0; u->in.cc_write && k < g->n; k++)
		double_flags(g->w[k], g->m[k], u->d);
}

#define DOUBLE_OP(name, expr)                                                                      \
	LANES_INLINE void k_##name(uint32_t *o, uint32_t *oh, const struct rows *r,                \
				   const struct uop *u)                                            \
	{                                                                                          \
		EACH_LANE(i)                                                                       \
		{                                                                                  \
			uint64_t v = (expr);                                                       \
                                                                                                   \
			o[i] = (uint32_t)v;                                                        \
			oh[i] = (uint32_t)(v >> 32);                                               \
		}                                                                                  \
	}                                                                                          \
	static void op_##name(struct gang *g, const struct uop *u)                                 \
	{                                                                                          \
		double_pair(g, u, k_##name);                                                       \
	}

DOUBLE_OP(dadd, f64_result(DA(i) + DB(i)))
DOUBLE_OP(dmul, f64_result(DA(i) * DB(i)))
DOUBLE_OP(dfma, f64_result(__builtin_fma(DA(i), DB(i), DC(i))))

LANES_INLINE uint64_t min_max64(double x, double y, bool min)
{
	uint64_t a = f64_bits(x), b = f64_bits(y);
	bool less = x < y || (x == y && a > b);
	uint64_t v = less == min ? a : b;

	v = x != x ? b : v;
	v = y != y ? a : v;
	return x != x && y != y ? F64_NAN : v;
}
DOUBLE_OP(dmin, min_max64(DA(i), DB(i), true))
DOUBLE_OP(dmax, min_max64(DA(i), DB(i), false))

static void op_dmnmx(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, true);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		struct rows r = gang_rows(g, u, k, true);
		uint32_t c = warp_pred(w, &u->in.src[2]), lo[2][LANES], hi[2][LANES];

		k_dmin(lo[0], hi[0], &r, u);
		k_dmax(lo[1], hi[1], &r, u);
		for (int j = 0; j < 2; j++) {
			uint32_t m = g->m[k] & (j ? ~c : c);

			row_keep(w->r[u->d], lo[j], m);
			row_keep(w->r[u->d + 1], hi[j], m);
		}
		if (u->in.cc_write)
			double_flags(w, g->m[k], u->d);
	}
}

LANES_INLINE uint32_t double_relation(const struct uop *u, const struct rows *r)
{
	uint32_t lt = 0, eq = 0, un = 0;

	EACH_LANE(i)
	{
		double a = DA(i), b = DB(i);

		lt |= a < b ? lane_bit[i] : 0;
		eq |= a == b ? lane_bit[i] : 0;
		un |= a != a || b != b ? lane_bit[i] : 0;
	}
	return lanes_compare(u->in.cmp, lt, eq, un);
}

static void op_dsetp(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, true);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, true);

		warp_setp(g->w[k], u, g->m[k], double_relation(u, &r));
	}
}

static void op_dset(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, true);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, true);

		warp_set(g->w[k], u, g->m[k], double_relation(u, &r));
	}
}

/*
 * High words of 1/a and 1/sqrt(a), from the high word of a: the seed of an
 * iteration in code, good to 20 bits of mantissa.
 */
LANES_INLINE void k_rcp64h(uint32_t *o, const struct rows *r, const struct uop *u)
{
	EACH_LANE(i)
		o[i] = (uint32_t)(f64_result(1.0 / as_f64(0, (r->a[i] & u->keep[0]) ^
							       u->flip[0])) >> 32);
}
static void op_rcp64h(struct gang *g, const struct uop *u)
{
	gang_row(g, u, k_rcp64h);
}
LANES_INLINE void k_rsq64h(uint32_t *o, const struct rows *r, const struct uop *u)
{
	EACH_LANE(i)
		o[i] = (uint32_t)(f64_result(1.0 / __builtin_sqrt(as_f64(0, (r->a[i] & u->keep[0]) ^
							       u->flip[0]))) >> 32);
}
static void op_rsq64h(struct gang *g, const struct uop *u)
{
	gang_row(g, u, k_rsq64h);
}

uop_fn LANES_NAME(double_select)(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_DADD: return op_dadd;
	case SM20_DMUL: return op_dmul;
	case SM20_DFMA: return op_dfma;
	case SM20_DMNMX:
		if (in->src[2].kind != SM20_SRC_PRED || in->src[2].reg != SM20_PRED_TRUE)
			return op_dmnmx;
		return in->src[2].inv ? op_dmax : op_dmin;
	case SM20_DSETP: return op_dsetp;
	case SM20_DSET: return op_dset;
	case SM20_RCP64H: return op_rcp64h;
	case SM20_RSQ64H: return op_rsq64h;
	default: return NULL;
	}
}

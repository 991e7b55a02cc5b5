/* SPDX-License-Identifier: MIT */
/*
 * How an operation runs over the lanes of a gang.
 *
 * lanes_*.c are compiled once for each vector extension: SM_ISA names it, and
 * LANES_NAME() puts that name into what they export.  A kernel works on whole
 * rows without looking at masks; who calls it keeps only the lanes that count.
 * A kernel reads all operands of lane i before it writes lane i, so that the
 * destination may be one of the sources.
 *
 * Results do not depend on the extension: no contraction, no approximate
 * instructions, fused multiply-add only where the instruction is one.
 */
#ifndef GPUVM_DEV_SIM_SM_LANES_H
#define GPUVM_DEV_SIM_SM_LANES_H

#ifdef __AVX512F__
#include <immintrin.h>
#endif
#include <string.h>

#include "gpuvm/dev/sim/sm/core.h"
#include "gpuvm/dev/sim/sm/number.h"

#ifndef SM_ISA
#define SM_ISA plain
#endif
#define LANES_CAT2(a, b) a##_##b
#define LANES_CAT(a, b) LANES_CAT2(a, b)
#define LANES_NAME(a) LANES_CAT(a, SM_ISA)

#ifdef __clang__
/* Where a loop stays scalar it is slow, not wrong. */
#pragma clang diagnostic ignored "-Wpass-failed"
#define EACH_LANE(i)                                                                               \
	_Pragma("clang loop vectorize(assume_safety)") for (int i = 0; i < LANES; i++)
#else
#define EACH_LANE(i) _Pragma("GCC ivdep") for (int i = 0; i < LANES; i++)
#endif

static const uint32_t lane_bit[LANES] __attribute__((aligned(64), unused)) = {
	1u << 0,  1u << 1,  1u << 2,  1u << 3,	1u << 4,  1u << 5,  1u << 6,  1u << 7,
	1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
	1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
	1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31,
};

/* Operands of one warp; the high rows only for 64-bit operations. */
struct rows {
	const uint32_t *a, *b, *c, *ah, *bh, *ch;
};

LANES_INLINE void row_fill(uint32_t *row, uint32_t v)
{
	EACH_LANE(i)
		row[i] = v;
}

LANES_INLINE void row_keep(uint32_t *d, const uint32_t *t, uint32_t m)
{
	EACH_LANE(i)
		d[i] = m & lane_bit[i] ? t[i] : d[i];
}

/* Uniform operands into rows; wide: 64 bits. */
LANES_INLINE void gang_spread(struct gang *g, const struct uop *u, bool wide)
{
	for (int j = 0; j < 3; j++) {
		const struct sm20_src *s = &u->in.src[j];
		uint32_t lo = (uint32_t)s->imm, hi = (uint32_t)(s->imm >> 32);

		if (!(u->uniform >> j & 1))
			continue;
		if (s->kind == SM20_SRC_CONST) {
			lo = bank_word(g->wk->launch, s->bank, s->off);
			if (__builtin_expect(g->wk->launch->any_bad, 0))
				lo = bank_checked(g->wk, g->wk->launch, s->bank, s->off);
			hi = wide ? bank_word(g->wk->launch, s->bank, s->off + 4) : 0;
		}
		row_fill(g->wide[j], lo);
		if (wide)
			row_fill(g->wide_hi[j], hi);
	}
}

LANES_INLINE struct rows gang_rows(const struct gang *g, const struct uop *u, uint32_t k, bool wide)
{
	const struct warp *w = g->w[k];
	struct rows r = {
		.a = u->uniform & 1 ? g->wide[0] : w->r[u->row[0]],
		.b = u->uniform & 2 ? g->wide[1] : w->r[u->row[1]],
		.c = u->uniform & 4 ? g->wide[2] : w->r[u->row[2]],
	};

	if (wide) {
		r.ah = u->uniform & 1 ? g->wide_hi[0] : w->r[u->row[0] + 1];
		r.bh = u->uniform & 2 ? g->wide_hi[1] : w->r[u->row[1] + 1];
		r.ch = u->uniform & 4 ? g->wide_hi[2] : w->r[u->row[2] + 1];
	}
	return r;
}

/* ---- rows to masks ------------------------------------------------------------------ */

LANES_INLINE uint32_t rows_below(const uint32_t *a, const uint32_t *b)
{
#ifdef __AVX512F__
	return (uint32_t)_mm512_cmplt_epu32_mask(_mm512_loadu_si512(a), _mm512_loadu_si512(b)) |
	       (uint32_t)_mm512_cmplt_epu32_mask(_mm512_loadu_si512(a + 16),
						 _mm512_loadu_si512(b + 16)) << 16;
#else
	uint32_t v = 0;

	EACH_LANE(i)
		v |= a[i] < b[i] ? lane_bit[i] : 0;
	return v;
#endif
}

LANES_INLINE uint32_t rows_less(const uint32_t *a, const uint32_t *b)
{
#ifdef __AVX512F__
	return (uint32_t)_mm512_cmplt_epi32_mask(_mm512_loadu_si512(a), _mm512_loadu_si512(b)) |
	       (uint32_t)_mm512_cmplt_epi32_mask(_mm512_loadu_si512(a + 16),
						 _mm512_loadu_si512(b + 16)) << 16;
#else
	uint32_t v = 0;

	EACH_LANE(i)
		v |= (int32_t)a[i] < (int32_t)b[i] ? lane_bit[i] : 0;
	return v;
#endif
}

LANES_INLINE uint32_t rows_equal(const uint32_t *a, const uint32_t *b)
{
#ifdef __AVX512F__
	return (uint32_t)_mm512_cmpeq_epi32_mask(_mm512_loadu_si512(a), _mm512_loadu_si512(b)) |
	       (uint32_t)_mm512_cmpeq_epi32_mask(_mm512_loadu_si512(a + 16),
						 _mm512_loadu_si512(b + 16)) << 16;
#else
	uint32_t v = 0;

	EACH_LANE(i)
		v |= a[i] == b[i] ? lane_bit[i] : 0;
	return v;
#endif
}

LANES_INLINE uint32_t row_signs(const uint32_t *a)
{
#ifdef __AVX512DQ__
	return (uint32_t)_mm512_movepi32_mask(_mm512_loadu_si512(a)) |
	       (uint32_t)_mm512_movepi32_mask(_mm512_loadu_si512(a + 16)) << 16;
#else
	uint32_t v = 0;

	EACH_LANE(i)
		v |= a[i] >> 31 ? lane_bit[i] : 0;
	return v;
#endif
}

static const uint32_t row_zero[LANES] __attribute__((aligned(64), unused));

/* Zero and sign of a result; carry and overflow as the operation says. */
LANES_INLINE void warp_flags(struct warp *w, uint32_t m, const uint32_t *res, uint32_t carry,
			     uint32_t over)
{
	uint32_t z = rows_equal(res, row_zero), s = row_signs(res);

	w->cz = (w->cz & ~m) | (z & m);
	w->cs = (w->cs & ~m) | (s & m);
	w->cc = (w->cc & ~m) | (carry & m);
	w->co = (w->co & ~m) | (over & m);
}

/* One row out of up to three. */
typedef void (*row_kernel)(uint32_t *o, const struct rows *, const struct uop *);

LANES_INLINE void gang_row(struct gang *g, const struct uop *u, row_kernel kernel)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		struct rows r = gang_rows(g, u, k, false);
		uint32_t t[LANES] __attribute__((aligned(64)));

		if (g->m[k] == ~0u) {
			kernel(w->r[u->d], &r, u);
		} else {
			kernel(t, &r, u);
			row_keep(w->r[u->d], t, g->m[k]);
		}
		if (__builtin_expect(u->in.cc_write, 0))
			warp_flags(w, g->m[k], w->r[u->d], 0, 0);
	}
}

/* A pair of rows out of up to three pairs. */
typedef void (*pair_kernel)(uint32_t *o, uint32_t *oh, const struct rows *, const struct uop *);

LANES_INLINE void gang_pair(struct gang *g, const struct uop *u, pair_kernel kernel)
{
	gang_spread(g, u, true);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		struct rows r = gang_rows(g, u, k, true);
		uint32_t t[2][LANES] __attribute__((aligned(64)));

		if (g->m[k] == ~0u) {
			kernel(w->r[u->d], w->r[u->d + 1], &r, u);
		} else {
			kernel(t[0], t[1], &r, u);
			row_keep(w->r[u->d], t[0], g->m[k]);
			row_keep(w->r[u->d + 1], t[1], g->m[k]);
		}
	}
}

/* ---- predicates ------------------------------------------------------------------ */

/* A predicate operand as lanes. */
LANES_INLINE uint32_t warp_pred(const struct warp *w, const struct sm20_src *s)
{
	uint32_t v = s->kind == SM20_SRC_PRED ? w->p[s->reg] : ~0u;

	return s->inv ? ~v : v;
}

LANES_INLINE uint32_t lanes_logic(uint32_t a, uint32_t b, uint32_t op)
{
	return op == SM20_AND ? a & b : op == SM20_OR ? a | b : op == SM20_XOR ? a ^ b : b;
}

LANES_INLINE void warp_set_pred(struct warp *w, uint32_t p, uint32_t m, uint32_t v)
{
	if (p != SM20_PRED_TRUE)
		w->p[p] = (w->p[p] & ~m) | (v & m);
}

/* Relations as lanes, picked by the bits of a compare code. */
LANES_INLINE uint32_t lanes_compare(uint32_t cmp, uint32_t lt, uint32_t eq, uint32_t un)
{
	uint32_t gt = ~(lt | eq | un);

	return (cmp & 1 ? lt : 0) | (cmp & 2 ? eq : 0) | (cmp & 4 ? gt : 0) | (cmp & 8 ? un : 0);
}

/* What a set or setp instruction does with the lanes where its relation holds. */
LANES_INLINE void warp_setp(struct warp *w, const struct uop *u, uint32_t m, uint32_t hold)
{
	uint32_t c = warp_pred(w, &u->in.src[2]);
	uint32_t p = lanes_logic(hold, c, u->in.lop), q = lanes_logic(~hold, c, u->in.lop);

	warp_set_pred(w, u->in.pdst[0], m, p);
	warp_set_pred(w, u->in.pdst[1], m, q);
}

LANES_INLINE void warp_set(struct warp *w, const struct uop *u, uint32_t m, uint32_t hold)
{
	uint32_t c = warp_pred(w, &u->in.src[2]), v = lanes_logic(hold, c, u->in.lop);
	uint32_t yes = u->in.dtype == SM20_F32 ? 0x3f800000 : ~0u, *d = w->r[u->d];

	EACH_LANE(i)
	{
		uint32_t x = v & lane_bit[i] ? yes : 0;

		d[i] = m & lane_bit[i] ? x : d[i];
	}
	if (u->in.cc_write)
		warp_flags(w, m, d, 0, 0);
}

#endif

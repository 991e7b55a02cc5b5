/* SPDX-License-Identifier: MIT */
/*
 * Half rows from and to memory in whole vectors, for AVX-512: 16 lanes whose
 * words lie in one window of 64 bytes, in any order, or whose elements of 8 or
 * 16 bytes lie one behind the other.  Most accesses of real programs are one of
 * these, each half for itself: rows of a tile, neighbours, one word for all.
 *
 * Always true: a function that answers false has touched nothing, and who calls
 * made sure that what it may read can be read, beyond the lanes that count:
 * HALF_SPAN(len) bytes from the first active lane's element on.
 */
#ifndef GPUVM_DEV_SIM_SM_LANES_HALF_H
#define GPUVM_DEV_SIM_SM_LANES_HALF_H

#include "gpuvm/dev/sim/sm/lanes.h"
#include "gpuvm/dev/sim/sm/space.h"

#ifdef __AVX512F__

#define HALF 16
#define HALF_SPAN(len) (HALF * (len))

LANES_INLINE __m512i half_iota(void)
{
	return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* How a half's elements lie from the first active lane's on; rel: bytes from there. */
enum half_shape { HALF_WINDOW, HALF_ROW, HALF_SAME, HALF_OTHER };

LANES_INLINE enum half_shape half_shape(__m512i rel, uint32_t len, uint32_t m)
{
	__m512i want;

	if (len == 4) {
		__mmask16 in = _mm512_cmplt_epu32_mask(rel, _mm512_set1_epi32(61));

		in &= _mm512_testn_epi32_mask(rel, _mm512_set1_epi32(3));
		return (m & ~(uint32_t)in) ? HALF_OTHER : HALF_WINDOW;
	}
	if (!(m & _mm512_test_epi32_mask(rel, rel)))
		return HALF_SAME;
	want = _mm512_mullo_epi32(half_iota(), _mm512_set1_epi32((int)len));
	/* Element i at i: only with lane 0 taking part is the first one's place known. */
	if (!(m & 1) || (m & _mm512_cmpneq_epi32_mask(rel, want)))
		return HALF_OTHER;
	return HALF_ROW;
}

/* A store under a mask is slow to be read again. */
LANES_INLINE void half_put(uint32_t *d, uint32_t m, __m512i v)
{
	if (__builtin_expect((m & 0xffff) == 0xffff, 1))
		_mm512_store_si512(d, v);
	else
		_mm512_mask_store_epi32(d, (__mmask16)m, v);
}

/* d[lane] = word at p + rel[lane]. */
LANES_INLINE void half_window(uint32_t *d, const uint8_t *p, __m512i rel, uint32_t m)
{
	half_put(d, m, _mm512_permutexvar_epi32(_mm512_srli_epi32(rel, 2), _mm512_loadu_si512(p)));
}

LANES_INLINE void half_same(uint32_t (*row)[LANES], uint32_t at, const uint8_t *p, uint32_t len,
			    uint32_t m)
{
	for (uint32_t j = 0; j < len / 4; j++) {
		int32_t v;

		memcpy(&v, p + 4 * j, 4);
		half_put(row[j] + at, m, _mm512_set1_epi32(v));
	}
}

/* Pairs or quads one behind the other into rows. */
LANES_INLINE void half_rows_load(uint32_t (*row)[LANES], uint32_t at, const uint8_t *p,
				 uint32_t len, uint32_t m)
{
	__m512i i = half_iota(), z0 = _mm512_loadu_si512(p), z1 = _mm512_loadu_si512(p + 64);

	if (len == 8) {
		i = _mm512_slli_epi32(i, 1);
		half_put(row[0] + at, m, _mm512_permutex2var_epi32(z0, i, z1));
		i = _mm512_or_epi32(i, _mm512_set1_epi32(1));
		half_put(row[1] + at, m, _mm512_permutex2var_epi32(z0, i, z1));
		return;
	}
	{
		__m512i z2 = _mm512_loadu_si512(p + 128), z3 = _mm512_loadu_si512(p + 192);

		/* Eight of each pair of vectors; the upper half's indices wrap and are not used. */
		for (uint32_t j = 0; j < 4; j++) {
			__m512i q = _mm512_add_epi32(_mm512_slli_epi32(i, 2),
						     _mm512_set1_epi32((int)j));
			__m512i lo = _mm512_permutex2var_epi32(z0, q, z1);
			__m512i hi = _mm512_permutex2var_epi32(z2, q, z3);

			half_put(row[j] + at, m,
				 _mm512_inserti64x4(lo, _mm512_castsi512_si256(hi), 1));
		}
	}
}

/* The way back, for all 16 lanes. */
LANES_INLINE void half_rows_store(const uint32_t (*row)[LANES], uint32_t at, uint8_t *p,
				  uint32_t len)
{
	const __m512i pair = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
					       23);
	const __m512i quad = _mm512_setr_epi32(0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22,
					       23);
	const __m512i eight = _mm512_set1_epi32(8);
	__m512i a = _mm512_load_si512(row[0] + at), b = _mm512_load_si512(row[1] + at), lo, hi;

	lo = _mm512_permutex2var_epi32(a, pair, b);
	hi = _mm512_permutex2var_epi32(a, _mm512_add_epi32(pair, eight), b);
	if (len == 8) {
		_mm512_storeu_si512(p, lo);
		_mm512_storeu_si512(p + 64, hi);
		return;
	}
	{
		__m512i c = _mm512_load_si512(row[2] + at), d = _mm512_load_si512(row[3] + at);
		__m512i next = _mm512_add_epi32(quad, eight);
		__m512i lo2 = _mm512_permutex2var_epi32(c, pair, d);
		__m512i hi2 = _mm512_permutex2var_epi32(c, _mm512_add_epi32(pair, eight), d);

		_mm512_storeu_si512(p, _mm512_permutex2var_epi32(lo, quad, lo2));
		_mm512_storeu_si512(p + 64, _mm512_permutex2var_epi32(lo, next, lo2));
		_mm512_storeu_si512(p + 128, _mm512_permutex2var_epi32(hi, quad, hi2));
		_mm512_storeu_si512(p + 192, _mm512_permutex2var_epi32(hi, next, hi2));
	}
}

LANES_INLINE void half_load(uint32_t (*row)[LANES], uint32_t at, const uint8_t *p, uint32_t len,
			    enum half_shape shape, __m512i rel, uint32_t m)
{
	if (shape == HALF_WINDOW)
		half_window(row[0] + at, p, rel, m);
	else if (shape == HALF_SAME)
		half_same(row, at, p, len, m);
	else
		half_rows_load(row, at, p, len, m);
}

/* False: not one behind the other, or not all lanes of longer elements. */
LANES_INLINE bool half_store(const uint32_t (*row)[LANES], uint32_t at, uint8_t *p, uint32_t len,
			     __m512i rel, uint32_t m)
{
	__m512i place = _mm512_mullo_epi32(half_iota(), _mm512_set1_epi32((int)len));

	if (!(m & 1) || (m & _mm512_cmpneq_epi32_mask(rel, place)) || (len > 4 && m != 0xffff))
		return false;
	if (len == 4)
		_mm512_mask_storeu_epi32(p, (__mmask16)m, _mm512_load_si512(row[0] + at));
	else
		half_rows_store(row, at, p, len);
	return true;
}

/* d[lane] = word at p + at[lane]; words up to p + last may be read. */
LANES_INLINE void half_gather(uint32_t *d, const uint8_t *p, __m512i at, uint32_t last, uint32_t m)
{
	uint32_t first = (uint32_t)_mm_cvtsi128_si32(
		_mm512_castsi512_si128(_mm512_maskz_compress_epi32((__mmask16)m, at)));
	__m512i rel = _mm512_sub_epi32(at, _mm512_set1_epi32((int)first));

	if (first + 60 <= last && half_shape(rel, 4, m) == HALF_WINDOW)
		half_window(d, p + first, rel, m);
	else
		half_put(d, m, _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), (__mmask16)m, at,
							   p, 1));
}

/* The way back; of two lanes at one place the later one's stays. */
LANES_INLINE void half_scatter(const uint32_t *d, uint8_t *p, __m512i at, uint32_t m)
{
	__m512i row = _mm512_slli_epi32(half_iota(), 2);
	uint32_t first = (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(at));

	row = _mm512_add_epi32(row, _mm512_set1_epi32((int)first));
	if (m & 1 && !(m & _mm512_cmpneq_epi32_mask(at, row)))
		_mm512_mask_storeu_epi32(p + first, (__mmask16)m, _mm512_load_si512(d));
	else
		_mm512_mask_i32scatter_epi32(p, (__mmask16)m, at, _mm512_load_si512(d), 1);
}

/* Halves of m whose words are in one wide page, in whatever order; they are done. */
LANES_INLINE uint32_t global_wide(struct gang *g, struct warp *w, const struct uop *u, uint32_t m,
				  bool write)
{
	uint32_t done = 0;
	const uint32_t *a = w->r[u->row[0]], *ah = w->r[u->row[0] + 1];
	uint32_t lane = (uint32_t)__builtin_ctz(m), top = u->top_one ? u->top : ah[lane];
	uint32_t base, last, origin;
	uint64_t va = (((uint64_t)top << 32 | a[lane]) + (uint64_t)(int64_t)u->in.offset) &
		      0xffffffffffull;
	const struct page *p;

	if (!g->wk->launch->wide || !u->in.a64)
		return 0;
	p = space_wide(g->wk, va, write);
	if (!p) {
		space_widen(g->wk, va, write);
		p = space_wide(g->wk, va, write);
	}
	if (!p)
		return 0;
	base = (uint32_t)(va - p->first);
	last = (uint32_t)(p->last - p->first) - 3;
	/* The page's low words must not wrap around: then what is inside by its low word is inside. */
	origin = a[lane] - base;
	if (a[lane] < base || origin > ~0u - 3 - last)
		return 0;
	for (uint32_t h = 0; h < LANES; h += HALF) {
		uint32_t mh = m >> h & 0xffff;
		__m512i at = _mm512_sub_epi32(_mm512_load_si512(a + h),
					      _mm512_set1_epi32((int)origin));
		uint32_t in = _mm512_cmple_epu32_mask(at, _mm512_set1_epi32((int)last)) &
			      _mm512_testn_epi32_mask(at, _mm512_set1_epi32(3));

		if (!u->top_one)
			in &= _mm512_cmpeq_epi32_mask(_mm512_load_si512(ah + h),
						      _mm512_set1_epi32((int)top));
		if (!mh || mh & ~in)
			continue;
		if (write)
			half_scatter(w->r[u->row[1]] + h, p->mem, at, mh);
		else
			half_gather(w->r[u->d] + h, p->mem, at, last, mh);
		done |= mh << h;
	}
	return done;
}

#else

LANES_INLINE uint32_t global_wide(struct gang *g, struct warp *w, const struct uop *u, uint32_t m,
				  bool write)
{
	(void)g, (void)w, (void)u, (void)m, (void)write;
	return 0;
}

#endif
#endif

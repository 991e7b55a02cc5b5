// SPDX-License-Identifier: MIT
/*
 * Loads and stores over lanes; lanes.h says what is always true.
 *
 * The quick ways: half rows (lanes_half.h), all lanes inside one known page of
 * g[], or inside s[], or at one address of l[].  Everything else, and everything
 * that is wrong, goes lane by lane through space.c, which finds the fault.
 */
#include "gpuvm/dev/sim/sm/lanes_half.h"
#include "gpuvm/dev/sim/sm/space.h"

uop_fn LANES_NAME(mem_select)(const struct sm20_insn *in);

LANES_INLINE uint32_t type_len(uint32_t t)
{
	switch (t) {
	case SM20_U8: case SM20_S8: return 1;
	case SM20_U16: case SM20_S16: return 2;
	case SM20_B64: case SM20_U64: case SM20_S64: case SM20_F64: return 8;
	case SM20_B128: return 16;
	default: return 4;
	}
}

/* ---- rows from and to memory at base + idx[lane] --------------------------------------- */

LANES_INLINE void load_word(uint32_t *d, const uint8_t *base, const uint32_t *idx, uint32_t at,
			    uint32_t m)
{
#ifdef __AVX512F__
	for (int h = 0; h < 2; h++) {
		__m512i i = _mm512_loadu_si512(idx + 16 * h), old = _mm512_load_si512(d + 16 * h);

		_mm512_store_si512(d + 16 * h, _mm512_mask_i32gather_epi32(
			old, (__mmask16)(m >> (16 * h)), i, base + at, 1));
	}
#else
	for (int i = 0; i < LANES; i++)
		if (m >> i & 1)
			memcpy(&d[i], base + idx[i] + at, 4);
#endif
}

LANES_INLINE void load_narrow(uint32_t *d, const uint8_t *base, const uint32_t *idx, uint32_t type,
			      uint32_t m)
{
	for (int i = 0; i < LANES; i++) {
		const uint8_t *p = base + idx[i];
		uint16_t half;

		if (!(m >> i & 1))
			continue;
		if (type == SM20_U8 || type == SM20_S8) {
			d[i] = type == SM20_U8 ? *p : (uint32_t)(int32_t)(int8_t)*p;
			continue;
		}
		memcpy(&half, p, 2);
		d[i] = type == SM20_U16 ? half : (uint32_t)(int32_t)(int16_t)half;
	}
}

/* Whether lane i's element follows lane i - 1's. */
LANES_INLINE bool is_run(const uint32_t *idx, uint32_t len)
{
	uint32_t bad = 0, first = idx[0];

	EACH_LANE(i)
		bad |= idx[i] - first - (uint32_t)i * len;
	return !bad;
}

LANES_INLINE bool is_one(const uint32_t *idx)
{
	uint32_t bad = 0, first = idx[0];

	EACH_LANE(i)
		bad |= idx[i] ^ first;
	return !bad;
}

LANES_INLINE void load_one(struct warp *w, const struct uop *u, const uint8_t *at, uint32_t m)
{
	uint32_t v[4], t[LANES] __attribute__((aligned(64))), n = type_len(u->in.dtype) / 4;

	memcpy(v, at, 4);
	for (uint32_t j = 1; j < n; j++)
		memcpy(&v[j], at + 4 * j, 4);
	for (uint32_t j = 0; j < n; j++) {
		row_fill(t, v[j]);
		row_keep(w->r[u->d + j], t, m);
	}
}

LANES_INLINE void load_rows(struct warp *w, const struct uop *u, const uint8_t *base,
			    const uint32_t *idx, uint32_t m)
{
	uint32_t len = type_len(u->in.dtype);

	if (len >= 4 && is_one(idx)) {
		load_one(w, u, base + idx[0], m);
		return;
	}

	if (len < 4) {
		load_narrow(w->r[u->d], base, idx, u->in.dtype, m);
		return;
	}
	if (len == 4 && m == ~0u && is_run(idx, 4)) {
		memcpy(w->r[u->d], base + idx[0], 4 * LANES);
		return;
	}
	for (uint32_t j = 0; j < len / 4; j++)
		load_word(w->r[u->d + j], base, idx, 4 * j, m);
}

/* Of two lanes at one place the later one's stays. */
LANES_INLINE void store_rows(const struct warp *w, const struct uop *u, uint8_t *base,
			     const uint32_t *idx, uint32_t m, uint32_t len)
{
	uint32_t row = u->row[1];

	if (len == 4 && m == ~0u) {
		if (is_run(idx, 4))
			memcpy(base + idx[0], w->r[row], 4 * LANES);
		else
			for (int i = 0; i < LANES; i++)
				memcpy(base + idx[i], &w->r[row][i], 4);
		return;
	}
	for (; m; m &= m - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(m);

		if (len == 1)
			memcpy(base + idx[i], &w->r[row][i], 1);
		if (len == 2)
			memcpy(base + idx[i], &w->r[row][i], 2);
		for (uint32_t j = 0; len >= 4 && j < len / 4; j++)
			memcpy(base + idx[i] + 4 * j, &w->r[row + j][i], 4);
	}
}

/* ---- g[] --------------------------------------------------------------------------------- */

/* Lanes' addresses; those that do not matter repeat one that does. */
LANES_INLINE void global_addresses(const struct warp *w, const struct uop *u, uint32_t m,
				   uint64_t *va, uint64_t *lo, uint64_t *hi)
{
	const uint32_t *a = w->r[u->row[0]], *ah = w->r[u->row[0] + 1];
	uint64_t off = (uint64_t)(int64_t)u->in.offset, first, least, most;
	uint64_t top = (uint64_t)u->top << 32;
	uint32_t lane = (uint32_t)__builtin_ctz(m);

	if (u->top_one)
		EACH_LANE(i)
			va[i] = ((top | a[i]) + off) & 0xffffffffffull;
	else if (u->in.a64)
		EACH_LANE(i)
			va[i] = (((uint64_t)ah[i] << 32 | a[i]) + off) & 0xffffffffffull;
	else
		EACH_LANE(i)
			va[i] = (uint32_t)(a[i] + (uint32_t)off);
	first = va[lane];
	if (m != ~0u)
		EACH_LANE(i)
			va[i] = m & lane_bit[i] ? va[i] : first;
	least = most = first;
	EACH_LANE(i)
	{
		least = va[i] < least ? va[i] : least;
		most = va[i] > most ? va[i] : most;
	}
	*lo = least;
	*hi = most;
}

/* True: idx and *base are good for all lanes. */
LANES_INLINE bool global_quick(struct gang *g, const struct uop *u, uint64_t *va, uint64_t lo,
			       uint64_t hi, bool write, uint32_t *idx, uint8_t **base)
{
	const struct page *p = space_known(g->wk, lo, write);
	uint32_t len = type_len(u->in.dtype), odd = 0;

	if (!p) {
		space_touch(g->wk, lo, write);
		p = space_known(g->wk, lo, write);
	}
	/* Pages are kept under their addresses behind the remapping. */
	if (!p || hi + len - 1 > p->last || !g->wk->launch->remap_identity)
		return false;
	EACH_LANE(i)
	{
		idx[i] = (uint32_t)(va[i] - lo);
		odd |= (uint32_t)va[i];
	}
	*base = p->mem + (lo - p->first);
	return !(odd & (len - 1));
}

/*
 * All lanes one after the other, or all at one place, in whole words: *at is
 * lane 0's memory.  Far the most frequent cases, found without 64-bit sums.
 */
enum shape { SHAPE_RUN, SHAPE_ONE, SHAPE_OTHER };

LANES_INLINE enum shape global_shape(struct gang *g, const struct warp *w, const struct uop *u,
				     uint32_t m, bool write, uint8_t **at)
{
	const uint32_t *a = w->r[u->row[0]], *ah = w->r[u->row[0] + 1];
	uint32_t run = 0, one = 0, high = 0, first = a[0], top = u->top_one ? u->top : ah[0];
	uint32_t len = type_len(u->in.dtype), span;
	const struct page *p;
	uint64_t va;

	if (m != ~0u || !u->in.a64 || len < 4)
		return SHAPE_OTHER;
	if (!u->top_one)
		EACH_LANE(i)
			high |= ah[i] ^ top;
	EACH_LANE(i)
	{
		one |= a[i] ^ first;
		run |= a[i] - first - 4 * (uint32_t)i;
	}
	if (high || (one && (run || len != 4)))
		return SHAPE_OTHER;
	va = (((uint64_t)top << 32 | first) + (uint64_t)(int64_t)u->in.offset) & 0xffffffffffull;
	span = one ? 4 * LANES : len;
	p = space_known(g->wk, va, write);
	if (!p || va + span - 1 > p->last || va & (len - 1) || !g->wk->launch->remap_identity ||
	    (one && first > ~0u - 4 * LANES))
		return SHAPE_OTHER;
	*at = p->mem + (va - p->first);
	return one ? SHAPE_RUN : SHAPE_ONE;
}

/* Lanes of m whose half is in one known page and in order; they are done. */
LANES_INLINE uint32_t global_halves(struct gang *g, struct warp *w, const struct uop *u, uint32_t m,
				    bool write, uint32_t len)
{
	uint32_t done = 0;
#ifdef __AVX512F__
	const uint32_t *a = w->r[u->row[0]], *ah = w->r[u->row[0] + 1];

	if (len < 4 || !u->in.a64 || !g->wk->launch->halves)
		return 0;
	for (uint32_t h = 0; h < LANES; h += HALF) {
		uint32_t mh = m >> h & 0xffff, lane = h + (uint32_t)__builtin_ctz(mh | 1u << HALF);
		enum half_shape shape = HALF_ROW;
		uint32_t top = u->top_one ? u->top : ah[lane & 31];
		const struct page *p;
		__m512i rel;
		uint64_t va;

		/* Addresses that would carry into the high word are not worth the care. */
		if (!mh || a[lane] > ~0u - HALF_SPAN(len) ||
		    (!u->top_one && (mh & _mm512_cmpneq_epi32_mask(_mm512_load_si512(ah + h),
								   _mm512_set1_epi32((int)top)))))
			continue;
		rel = _mm512_sub_epi32(_mm512_load_si512(a + h), _mm512_set1_epi32((int)a[lane]));
		if (!write)
			shape = half_shape(rel, len, mh);
		va = (((uint64_t)top << 32 | a[lane]) + (uint64_t)(int64_t)u->in.offset) &
		     0xffffffffffull;
		if (shape == HALF_OTHER || va & (len - 1))
			continue;
		p = space_known(g->wk, va, write);
		if (!p) {
			space_touch(g->wk, va, write);
			p = space_known(g->wk, va, write);
		}
		if (!p || va + HALF_SPAN(len) - 1 > p->last)
			continue;
		if (!write)
			half_load(&w->r[u->d], h, p->mem + (va - p->first), len, shape, rel, mh);
		else if (!half_store(&w->r[u->row[1]], h, p->mem + (va - p->first), len, rel, mh))
			continue;
		done |= mh << h;
	}
#else
	(void)g, (void)w, (void)u, (void)m, (void)write, (void)len;
#endif
	return done;
}

/* Words in pages that are known, lane by lane; answers the lanes that are left. */
LANES_INLINE uint32_t global_words(struct gang *g, struct warp *w, const struct uop *u,
				   const uint64_t *va, uint32_t m, bool write, uint32_t len)
{
	if (len != 4 || !g->wk->launch->halves)
		return m;
	for (; m; m &= m - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(m);
		const struct page *p = space_known(g->wk, va[i], write);
		uint8_t *at;

		if (!p || va[i] & 3 || va[i] + 3 > p->last)
			break;
		at = p->mem + (va[i] - p->first);
		if (write)
			memcpy(at, &w->r[u->row[1]][i], 4);
		else
			memcpy(&w->r[u->d][i], at, 4);
	}
	return m;
}

LANES_INLINE void ld_global(struct gang *g, const struct uop *u, uint32_t len)
{
	uint64_t va[LANES] __attribute__((aligned(64))), lo, hi;
	uint32_t idx[LANES] __attribute__((aligned(64)));
	enum shape shape;
	uint8_t *base;

	for (uint32_t k = 0; k < g->n; k++) {
		uint32_t m = g->m[k];

		if (m && len == 4)
			m &= ~global_wide(g, g->w[k], u, m, false);
		if (m)
			m &= ~global_halves(g, g->w[k], u, m, false, len);
		if (!m)
			continue;
		shape = global_shape(g, g->w[k], u, m, false, &base);
		if (shape == SHAPE_RUN) {
			memcpy(g->w[k]->r[u->d], base, 4 * LANES);
			continue;
		}
		if (shape == SHAPE_ONE) {
			load_one(g->w[k], u, base, ~0u);
			continue;
		}
		global_addresses(g->w[k], u, m, va, &lo, &hi);
		if (global_quick(g, u, va, lo, hi, false, idx, &base)) {
			load_rows(g->w[k], u, base, idx, m);
			continue;
		}
		m = global_words(g, g->w[k], u, va, m, false, len);
		if (m)
			space_load(g->wk, g->w[k], u, va, m);
	}
}

LANES_INLINE void st_global(struct gang *g, const struct uop *u, uint32_t len)
{
	uint64_t va[LANES] __attribute__((aligned(64))), lo, hi;
	uint32_t idx[LANES] __attribute__((aligned(64)));
	uint8_t *base;

	for (uint32_t k = 0; k < g->n; k++) {
		uint32_t m = g->m[k];

		if (m && len == 4)
			m &= ~global_wide(g, g->w[k], u, m, true);
		if (m)
			m &= ~global_halves(g, g->w[k], u, m, true, len);
		if (!m)
			continue;
		if (global_shape(g, g->w[k], u, m, true, &base) == SHAPE_RUN) {
			memcpy(base, g->w[k]->r[u->row[1]], 4 * LANES);
			continue;
		}
		global_addresses(g->w[k], u, m, va, &lo, &hi);
		if (global_quick(g, u, va, lo, hi, true, idx, &base)) {
			store_rows(g->w[k], u, base, idx, m, len);
			continue;
		}
		m = global_words(g, g->w[k], u, va, m, true, len);
		if (m)
			space_store(g->wk, g->w[k], u, va, m);
	}
}

/* ---- s[] and l[] ------------------------------------------------------------------------------ */

/* 24-bit addresses of s[] or l[]; *top is the largest, *odd their bits. */
LANES_INLINE void short_addresses(const struct warp *w, const struct uop *u, uint32_t m,
				  uint32_t *idx, uint32_t *top, uint32_t *odd)
{
	const uint32_t *a = w->r[u->row[0]];
	uint32_t off = (uint32_t)u->in.offset, most = 0, bits = 0, first;

	EACH_LANE(i)
		idx[i] = (a[i] + off) & 0xffffff;
	first = idx[__builtin_ctz(m)];
	if (m != ~0u)
		EACH_LANE(i)
			idx[i] = m & lane_bit[i] ? idx[i] : first;
	EACH_LANE(i)
	{
		most = idx[i] > most ? idx[i] : most;
		bits |= idx[i];
	}
	*top = most;
	*odd = bits;
}

/* Lanes of m whose half is in order and inside s[]; they are done. */
LANES_INLINE uint32_t shared_halves(struct gang *g, struct warp *w, const struct uop *u, uint32_t m,
				    bool write, uint32_t len)
{
	uint32_t done = 0;
#ifdef __AVX512F__
	const uint32_t *a = w->r[u->row[0]];
	uint32_t size = g->wk->launch->g.shared_len;
	__m512i off = _mm512_set1_epi32(u->in.offset), bits = _mm512_set1_epi32(0xffffff);

	if (len < 4 || size < len || !g->wk->launch->halves)
		return 0;
	for (uint32_t h = 0; h < LANES; h += HALF) {
		uint32_t mh = m >> h & 0xffff, lane = h + (uint32_t)__builtin_ctz(mh | 1u << HALF);
		enum half_shape shape = HALF_ROW;
		uint32_t first;
		__m512i idx, rel;

		if (!mh)
			continue;
		idx = _mm512_and_si512(_mm512_add_epi32(_mm512_load_si512(a + h), off), bits);
		first = (a[lane] + (uint32_t)u->in.offset) & 0xffffff;
		rel = _mm512_sub_epi32(idx, _mm512_set1_epi32((int)first));
		if (!write)
			shape = half_shape(rel, len, mh);
		/* Where the whole span is inside, each of its lanes is. */
		if (shape == HALF_OTHER || first & (len - 1) ||
		    ((write || first > size || HALF_SPAN(len) > size - first) &&
		     (mh & _mm512_cmpgt_epu32_mask(idx, _mm512_set1_epi32((int)(size - len))))))
			continue;
		if (!write)
			half_load(&w->r[u->d], h, w->cta->shared + first, len, shape, rel, mh);
		else if (!half_store(&w->r[u->row[1]], h, w->cta->shared + first, len, rel, mh))
			continue;
		done |= mh << h;
	}
#else
	(void)g, (void)w, (void)u, (void)m, (void)write, (void)len;
#endif
	return done;
}

LANES_INLINE void op_shared(struct gang *g, const struct uop *u, bool write, uint32_t len)
{
	uint32_t idx[LANES] __attribute__((aligned(64))), top, odd;
	uint32_t size = g->wk->launch->g.shared_len;

	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t m = g->m[k];

		if (m)
			m &= ~shared_halves(g, w, u, m, write, len);
		if (!m)
			continue;
		short_addresses(w, u, m, idx, &top, &odd);
		if (top + len > size || odd & (len - 1)) {
			launch_trap(g->wk, u, odd & (len - 1) ? "misaligned s[] address" :
								"s[] address out of range");
			return;
		}
		if (write)
			store_rows(w, u, w->cta->shared, idx, m, len);
		else
			load_rows(w, u, w->cta->shared, idx, m);
	}
}

/* Built for the length of an element, and once for what is shorter than a word. */
#define FOR_LENGTHS(name, call, ...)                                                               \
	static void op_##name##_short(struct gang *g, const struct uop *u)                         \
	{                                                                                          \
		call(g, u, ##__VA_ARGS__, type_len(u->in.dtype));                                  \
	}                                                                                          \
	static void op_##name##_4(struct gang *g, const struct uop *u)                             \
	{                                                                                          \
		call(g, u, ##__VA_ARGS__, 4);                                                      \
	}                                                                                          \
	static void op_##name##_8(struct gang *g, const struct uop *u)                             \
	{                                                                                          \
		call(g, u, ##__VA_ARGS__, 8);                                                      \
	}                                                                                          \
	static void op_##name##_16(struct gang *g, const struct uop *u)                            \
	{                                                                                          \
		call(g, u, ##__VA_ARGS__, 16);                                                     \
	}                                                                                          \
	static uop_fn name##_select(const struct sm20_insn *in)                                    \
	{                                                                                          \
		switch (type_len(in->dtype)) {                                                     \
		case 4: return op_##name##_4;                                                      \
		case 8: return op_##name##_8;                                                      \
		case 16: return op_##name##_16;                                                    \
		default: return op_##name##_short;                                                 \
		}                                                                                  \
	}

FOR_LENGTHS(ld_global, ld_global)
FOR_LENGTHS(st_global, st_global)
FOR_LENGTHS(ld_shared, op_shared, false)
FOR_LENGTHS(st_shared, op_shared, true)

/* One address for all lanes and whole words: rows as they are. */
LANES_INLINE bool local_quick(struct gang *g, struct warp *w, const struct uop *u, uint32_t m,
			      const uint32_t *idx, uint32_t top, bool write)
{
	uint32_t len = type_len(u->in.dtype), differ = 0, *row;

	EACH_LANE(i)
		differ |= idx[i] ^ top;
	if (differ || len < 4 || top & (len - 1) || top + len > g->wk->launch->g.local_pos)
		return false;
	row = w->local + top / 4 * LANES;
	for (uint32_t j = 0; j < len / 4; j++)
		if (write)
			row_keep(row + j * LANES, w->r[u->row[1] + j], m);
		else
			row_keep(w->r[u->d + j], row + j * LANES, m);
	return true;
}

LANES_INLINE void op_local(struct gang *g, const struct uop *u, bool write)
{
	uint32_t idx[LANES] __attribute__((aligned(64))), top, odd;

	for (uint32_t k = 0; k < g->n; k++) {
		if (!g->m[k])
			continue;
		short_addresses(g->w[k], u, g->m[k], idx, &top, &odd);
		if (!local_quick(g, g->w[k], u, g->m[k], idx, top, write))
			space_local(g->wk, g->w[k], u, idx, g->m[k], write);
	}
}

static void op_ld_local(struct gang *g, const struct uop *u)
{
	op_local(g, u, false);
}

static void op_st_local(struct gang *g, const struct uop *u)
{
	op_local(g, u, true);
}

uop_fn LANES_NAME(mem_select)(const struct sm20_insn *in)
{
	if (in->op == SM20_LDU)
		return ld_global_select(in);
	if (in->op != SM20_LD && in->op != SM20_ST)
		return NULL;
	switch (in->space) {
	case SM20_SPACE_G:
		return in->op == SM20_LD ? ld_global_select(in) : st_global_select(in);
	case SM20_SPACE_S:
		return in->op == SM20_LD ? ld_shared_select(in) : st_shared_select(in);
	case SM20_SPACE_L:
		return in->op == SM20_LD ? op_ld_local : op_st_local;
	default:
		return NULL;
	}
}

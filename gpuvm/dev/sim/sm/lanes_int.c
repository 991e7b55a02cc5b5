// SPDX-License-Identifier: MIT
/* Integer operations over lanes but the adder's (lanes_add.c); lanes.h says what is always true. */
#include "gpuvm/dev/sim/sm/lanes_word.h"

uop_fn LANES_NAME(int_select)(const struct sm20_insn *in);

/* uses: bit 0 a is signed, bit 1 b is */
ROW_OP(mov, B(i))
ROW_OP(and, A(i) & B(i))
ROW_OP(or, A(i) | B(i))
ROW_OP(xor, A(i) ^ B(i))
ROW_OP(mul, A(i) * B(i))
ROW_OP(mulhi, mul_hi(A(i), B(i), u->uses))
ROW_OP(shl, B(i) < 32 ? A(i) << (B(i) & 31) : 0)
ROW_OP(shl_wrap, A(i) << (B(i) & 31))
ROW_OP(shr, B(i) < 32 ? A(i) >> (B(i) & 31) : 0)
ROW_OP(shr_wrap, A(i) >> (B(i) & 31))
ROW_OP(sar, (uint32_t)((int32_t)A(i) >> (B(i) < 32 ? B(i) : 31)))
ROW_OP(sar_wrap, (uint32_t)((int32_t)A(i) >> (B(i) & 31)))
ROW_OP(umin, A(i) < B(i) ? A(i) : B(i))
ROW_OP(umax, A(i) > B(i) ? A(i) : B(i))
ROW_OP(smin, (int32_t)A(i) < (int32_t)B(i) ? A(i) : B(i))
ROW_OP(smax, (int32_t)A(i) > (int32_t)B(i) ? A(i) : B(i))
ROW_OP(usad, (A(i) > B(i) ? A(i) - B(i) : B(i) - A(i)) + C(i))
ROW_OP(ssad, ((int32_t)A(i) > (int32_t)B(i) ? A(i) - B(i) : B(i) - A(i)) + C(i))

LANES_INLINE uint32_t ones(uint32_t v)
{
	v -= v >> 1 & 0x55555555;
	v = (v & 0x33333333) + (v >> 2 & 0x33333333);
	return ((v + (v >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}
ROW_OP(popc, ones(A(i) & B(i)))

LANES_INLINE uint32_t reversed(uint32_t v)
{
	v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
	v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
	v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
	return __builtin_bswap32(v);
}

LANES_INLINE uint32_t shr_reversed(uint32_t a, uint32_t n, const struct uop *u)
{
	uint32_t v = reversed(a), sign = u->in.dtype == SM20_S32 && v >> 31 ? ~0u : 0;

	n = u->in.wrap ? n & 31 : n;
	if (n > 31)
		return sign;
	return n ? v >> n | sign << (32 - n) : v;
}
ROW_OP(shr_rev, shr_reversed(A(i), B(i), u))

/* Number of the highest one; ~0 for none. */
LANES_INLINE uint32_t top_bit(uint32_t v)
{
	return v ? 31u - (uint32_t)__builtin_clz(v) : ~0u;
}

LANES_INLINE uint32_t find(uint32_t v, const struct uop *u)
{
	uint32_t n = top_bit(u->in.dtype == SM20_S32 && v >> 31 ? ~v : v);

	return u->in.amt && n != ~0u ? 31 - n : n;
}
ROW_OP(find, find(B(i), u))

LANES_INLINE uint32_t extract(uint32_t a, uint32_t b, bool is_signed, bool rev)
{
	uint32_t pos = b & 0xff, len = b >> 8 & 0xff, v = rev ? reversed(a) : a;
	uint32_t sign = is_signed && v >> 31 ? ~0u : 0, top;

	/* Bits beyond the word are zero, or the sign. */
	v = pos < 32 ? (uint32_t)((int64_t)((uint64_t)sign << 32 | v) >> (pos & 31)) : sign;
	if (len >= 32)
		return v;
	top = len ? v >> (len - 1) & 1 : 0;
	v &= (1u << len) - 1;
	return is_signed && top ? v | ~((1u << len) - 1) : v;
}
ROW_OP(uext, extract(A(i), B(i), false, u->in.rev))
ROW_OP(sext, extract(A(i), B(i), true, u->in.rev))

/* The common one: a field of whole bits inside the word, the same for all lanes. */
LANES_INLINE void k_uext_field(uint32_t *o, const struct rows *r, const struct uop *u)
{
	uint32_t pos = u->in.src[1].imm & 0xff, len = u->in.src[1].imm >> 8 & 0xff;
	uint32_t mask = len >= 32 ? ~0u : (1u << len) - 1;
	MODS;

	EACH_LANE(i)
		o[i] = A(i) >> pos & mask;
}
static void op_uext_field(struct gang *g, const struct uop *u)
{
	gang_row(g, u, k_uext_field);
}

LANES_INLINE uint32_t insert(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t pos = b & 0xff, len = b >> 8 & 0xff, mask;

	mask = len >= 32 ? ~0u : (1u << (len & 31)) - 1;
	mask = pos < 32 ? mask << (pos & 31) : 0;
	return (c & ~mask) | ((pos < 32 ? a << (pos & 31) : 0) & mask);
}
ROW_OP(ins, insert(A(i), B(i), C(i)))

LANES_INLINE bool relation_s32(uint32_t cmp, int32_t a)
{
	return (cmp & 1 && a < 0) || (cmp & 2 && a == 0) || (cmp & 4 && a > 0);
}
ROW_OP(slct_s, relation_s32(u->in.cmp, (int32_t)C(i)) ? A(i) : B(i))
/* Unsigned: zero or above. */
LANES_INLINE void k_slct_u(uint32_t *o, const struct rows *r, const struct uop *u)
{
	uint32_t zero = u->in.cmp & 2 ? ~0u : 0, above = u->in.cmp & 4 ? ~0u : 0;
	MODS;

	EACH_LANE(i)
	{
		uint32_t yes = C(i) ? above : zero;

		o[i] = (A(i) & yes) | (B(i) & ~yes);
	}
}
static void op_slct_u(struct gang *g, const struct uop *u)
{
	gang_row(g, u, k_slct_u);
}

/* Where a thread is; the other special registers are special.c's. */
static void op_s2r_tid(struct gang *g, const struct uop *u)
{
	uint32_t s = u->in.src[1].reg, i = s == SM20_SR_TID ? 3 : s - SM20_SR_TIDX;

	for (uint32_t k = 0; k < g->n; k++)
		row_keep(g->w[k]->r[u->d], g->w[k]->tid[i], g->m[k]);
}

static void op_s2r_warp(struct gang *g, const struct uop *u)
{
	uint32_t t[LANES] __attribute__((aligned(64))), v = 0;

	for (uint32_t k = 0; k < g->n; k++) {
		special_of_warp(g, g->w[k], u->in.src[1].reg, &v);
		row_fill(t, v);
		row_keep(g->w[k]->r[u->d], t, g->m[k]);
	}
}

static uop_fn select_s2r(const struct sm20_insn *in)
{
	switch (in->src[1].reg) {
	case SM20_SR_TID: case SM20_SR_TIDX: case SM20_SR_TIDY: case SM20_SR_TIDZ:
		return op_s2r_tid;
	case SM20_SR_CTAIDX: case SM20_SR_CTAIDY: case SM20_SR_CTAIDZ:
	case SM20_SR_NTIDX: case SM20_SR_NTIDY: case SM20_SR_NTIDZ:
	case SM20_SR_NCTAIDX: case SM20_SR_NCTAIDY: case SM20_SR_NCTAIDZ:
		return op_s2r_warp;
	default:
		return NULL;
	}
}

/* ---- permutation of bytes [PTX ISA, prmt] --------------------------------------- */

LANES_INLINE uint32_t prmt_selector(uint32_t sel, uint32_t mode)
{
	uint32_t n = sel & 3, at[4];

	for (uint32_t k = 0; k < 4; k++) {
		switch (mode) {
		case SM20_PRMT_F4E: at[k] = n + k; break;
		case SM20_PRMT_B4E: at[k] = (n - k) & 7; break;
		case SM20_PRMT_RC8: at[k] = n; break;
		case SM20_PRMT_ECL: at[k] = k > n ? k : n; break;
		case SM20_PRMT_ECR: at[k] = k < n ? k : n; break;
		default: at[k] = (n & 1) * 2 + (k & 1); break;
		}
	}
	return at[0] | at[1] << 4 | at[2] << 8 | at[3] << 12;
}

LANES_INLINE uint32_t permute(uint32_t lo, uint32_t sel, uint32_t hi)
{
	uint64_t all = (uint64_t)hi << 32 | lo;
	uint32_t v = 0;

	for (uint32_t k = 0; k < 4; k++) {
		uint32_t n = sel >> (4 * k), byte = (uint32_t)(all >> (8 * (n & 7))) & 0xff;

		byte = n & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
		v |= byte << (8 * k);
	}
	return v;
}
ROW_OP(prmt, permute(A(i), B(i), C(i)))
ROW_OP(prmt_mode, permute(A(i), prmt_selector(B(i), u->in.prmt), C(i)))

/* ---- compares ----------------------------------------------------------------------- */

/* Relations of a - b, of one word or (x) of the high word of a longer compare. */
LANES_INLINE uint32_t int_relation(const struct warp *w, const struct uop *u, const struct rows *r)
{
	uint32_t lt, eq = rows_equal(r->a, r->b);

	lt = u->in.stype == SM20_S32 ? rows_less(r->a, r->b) : rows_below(r->a, r->b);
	if (u->in.x) { /* minus the borrow of the words below */
		lt |= eq & ~w->cc;
		eq &= w->cc & w->cz;
	}
	return lanes_compare(u->in.cmp, lt, eq, 0);
}

static void op_isetp(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);

		warp_setp(g->w[k], u, g->m[k], int_relation(g->w[k], u, &r));
	}
}

static void op_iset(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);

		warp_set(g->w[k], u, g->m[k], int_relation(g->w[k], u, &r));
	}
}

static void op_selp(struct gang *g, const struct uop *u)
{
	MODS;
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		struct rows rows = gang_rows(g, u, k, false), *r = &rows;
		uint32_t c = warp_pred(w, &u->in.src[2]), m = g->m[k], *d = w->r[u->d];

		EACH_LANE(i)
		{
			uint32_t v = c & lane_bit[i] ? A(i) : B(i);

			d[i] = m & lane_bit[i] ? v : d[i];
		}
	}
}

/* Minimum where the predicate holds, maximum elsewhere. */
static void op_imnmx(struct gang *g, const struct uop *u)
{
	uint32_t flip = u->in.dtype == SM20_S32 ? 0x80000000 : 0;
	MODS;
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		struct rows rows = gang_rows(g, u, k, false), *r = &rows;
		uint32_t c = warp_pred(w, &u->in.src[2]), m = g->m[k], t[LANES];

		EACH_LANE(i)
		{
			bool less = (A(i) ^ flip) < (B(i) ^ flip), min = c & lane_bit[i];

			t[i] = less == min ? A(i) : B(i);
		}
		row_keep(w->r[u->d], t, m);
		if (u->in.cc_write)
			warp_flags(w, m, t, 0, 0);
	}
}

/*
 * A word of a longer minimum or maximum, the highest first: cc keeps how a compared with b so far,
 * as a subtraction would (zero: equal; sign: less; carry: not less).  The words below it are
 * compared without sign, whatever their type says [Mesa emits .s32 for the low word].  Which flags
 * the chip uses between the words is UNK.
 */
static void op_imnmx_word(struct gang *g, const struct uop *u)
{
	bool top = u->in.mm == SM20_MM_HIGH;
	uint32_t flip = top && u->in.dtype == SM20_S32 ? 0x80000000 : 0;
	MODS;
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		struct rows rows = gang_rows(g, u, k, false), *r = &rows;
		uint32_t c = warp_pred(w, &u->in.src[2]), m = g->m[k], t[LANES];
		uint32_t less = 0, equal = 0, min;

		EACH_LANE(i)
		{
			less |= (A(i) ^ flip) < (B(i) ^ flip) ? lane_bit[i] : 0;
			equal |= A(i) == B(i) ? lane_bit[i] : 0;
		}
		if (!top) {
			less = (w->cz & less) | (~w->cz & ~w->cc);
			equal &= w->cz;
		}
		min = ~(less ^ c);
		EACH_LANE(i)
			t[i] = min & lane_bit[i] ? A(i) : B(i);
		row_keep(w->r[u->d], t, m);
		if (!u->in.cc_write)
			continue;
		w->cz = (w->cz & ~m) | (equal & m);
		w->cs = (w->cs & ~m) | (less & m);
		w->cc = (w->cc & ~m) | (~less & m);
		w->co &= ~m;
	}
}

static void op_mov_lanes(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);

		row_keep(g->w[k]->r[u->d], r.b, g->m[k] & u->in.lanes * 0x11111111u);
	}
}

/* Logic whose zero flag continues an earlier one. */
static void op_logic_x(struct gang *g, const struct uop *u)
{
	MODS;
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		struct rows rows = gang_rows(g, u, k, false), *r = &rows;
		uint32_t t[LANES], cz = w->cz, m = g->m[k];

		EACH_LANE(i)
			t[i] = lanes_logic(A(i), B(i), u->in.logic);
		row_keep(w->r[u->d], t, m);
		if (u->in.cc_write) {
			warp_flags(w, m, t, 0, 0);
			w->cz = (w->cz & ~m) | (w->cz & cz & m);
		}
	}
}

static uop_fn select_shift(const struct sm20_insn *in)
{
	if (in->x)
		return NULL; /* what comes in where is UNK */
	if (in->rev)
		return op_shr_rev;
	if (in->op == SM20_SHL)
		return in->wrap ? op_shl_wrap : op_shl;
	if (in->dtype == SM20_S32)
		return in->wrap ? op_sar_wrap : op_sar;
	return in->wrap ? op_shr_wrap : op_shr;
}

static uop_fn select_bits(const struct sm20_insn *in)
{
	static const uop_fn logic[] = { op_and, op_or, op_xor, op_mov };
	bool is_signed = in->dtype == SM20_S32;

	switch (in->op) {
	case SM20_LOGIC:
		return in->x ? op_logic_x : logic[in->logic & 3];
	case SM20_SHL:
	case SM20_SHR:
		return select_shift(in);
	case SM20_EXT:
		if (!is_signed && !in->rev && in->src[1].kind == SM20_SRC_IMM &&
		    !in->src[1].neg && !in->src[1].abs && !in->src[1].inv &&
		    (in->src[1].imm & 0xff) < 32)
			return op_uext_field;
		return is_signed ? op_sext : op_uext;
	case SM20_INS:
		return op_ins;
	case SM20_FIND:
		return op_find;
	case SM20_POPC:
		return op_popc;
	case SM20_PRMT:
		return in->prmt == SM20_PRMT_IDX ? op_prmt : op_prmt_mode;
	case SM20_S2R:
		return select_s2r(in);
	case SM20_MOV:
		return in->lanes == 15 ? op_mov : op_mov_lanes;
	default:
		return NULL;
	}
}

uop_fn LANES_NAME(int_select)(const struct sm20_insn *in)
{
	bool is_signed = in->dtype == SM20_S32, min;

	switch (in->op) {
	case SM20_IMUL:
		return in->hi ? op_mulhi : op_mul;
	case SM20_IMNMX:
		if (in->mm)
			return op_imnmx_word;
		if (in->src[2].kind != SM20_SRC_PRED || in->src[2].reg != SM20_PRED_TRUE)
			return op_imnmx;
		min = !in->src[2].inv;
		return is_signed ? (min ? op_smin : op_smax) : (min ? op_umin : op_umax);
	case SM20_SAD:
		return is_signed ? op_ssad : op_usad;
	case SM20_ISLCT:
		return in->stype == SM20_S32 ? op_slct_s : op_slct_u;
	case SM20_ISETP:
		return op_isetp;
	case SM20_ISET:
		return op_iset;
	case SM20_SELP:
		return op_selp;
	default:
		return select_bits(in);
	}
}

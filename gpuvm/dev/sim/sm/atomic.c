// SPDX-License-Identifier: MIT
/*
 * Atomics of g[], locked access to s[], indexed constants, cache operations.
 *
 * Always true: a lane's atomic is one atomic operation of the host, since other
 * workers and copy engines work on the same memory; lanes go in ascending order.
 * A lock of s[] is never waited for: who does not get it is told so by a
 * predicate and tries again in its own loop.
 */
#include "gpuvm/dev/sim/sm/lanes.h"
#include "gpuvm/dev/sim/sm/space.h"

static uint32_t op32(uint32_t op, uint32_t type, uint32_t old, uint32_t b)
{
	switch (op) {
	case SM20_ATOM_ADD:
		return type == SM20_F32 ? f32_result(as_f32(old) + as_f32(b)) : old + b;
	case SM20_ATOM_MIN:
		if (type == SM20_S32)
			return (int32_t)old < (int32_t)b ? old : b;
		return old < b ? old : b;
	case SM20_ATOM_MAX:
		if (type == SM20_S32)
			return (int32_t)old > (int32_t)b ? old : b;
		return old > b ? old : b;
	case SM20_ATOM_INC: return old >= b ? 0 : old + 1;
	case SM20_ATOM_DEC: return old == 0 || old > b ? b : old - 1;
	case SM20_ATOM_AND: return old & b;
	case SM20_ATOM_OR: return old | b;
	case SM20_ATOM_XOR: return old ^ b;
	default: return b;
	}
}

static uint64_t op64(uint32_t op, uint32_t type, uint64_t old, uint64_t b)
{
	bool is_signed = type == SM20_S64, less = is_signed ? (int64_t)old < (int64_t)b : old < b;

	switch (op) {
	case SM20_ATOM_ADD: return old + b;
	case SM20_ATOM_MIN: return less ? old : b;
	case SM20_ATOM_MAX: return less ? b : old;
	case SM20_ATOM_INC: return old >= b ? 0 : old + 1;
	case SM20_ATOM_DEC: return old == 0 || old > b ? b : old - 1;
	case SM20_ATOM_AND: return old & b;
	case SM20_ATOM_OR: return old | b;
	case SM20_ATOM_XOR: return old ^ b;
	default: return b;
	}
}

static uint32_t atomic32(uint8_t *at, const struct uop *u, uint32_t b, uint32_t c)
{
	uint32_t *p = (uint32_t *)at, old;

	switch (u->in.atom) {
	case SM20_ATOM_EXCH:
		return __atomic_exchange_n(p, b, __ATOMIC_ACQ_REL);
	case SM20_ATOM_CAS:
		old = b;
		__atomic_compare_exchange_n(p, &old, c, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
		return old;
	case SM20_ATOM_ADD:
		if (u->in.dtype != SM20_F32)
			return __atomic_fetch_add(p, b, __ATOMIC_ACQ_REL);
		break;
	default:
		break;
	}
	old = __atomic_load_n(p, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(p, &old, op32(u->in.atom, u->in.dtype, old, b), true,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
	return old;
}

static uint64_t atomic64(uint8_t *at, const struct uop *u, uint64_t b, uint64_t c)
{
	uint64_t *p = (uint64_t *)at, old = b;

	if (u->in.atom == SM20_ATOM_CAS) {
		__atomic_compare_exchange_n(p, &old, c, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
		return old;
	}
	old = __atomic_load_n(p, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(p, &old, op64(u->in.atom, u->in.dtype, old, b), true,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
	return old;
}

static bool is_wide(const struct uop *u)
{
	uint32_t t = u->in.dtype;

	return t == SM20_U64 || t == SM20_S64 || t == SM20_B64 || t == SM20_F64;
}

/* Operand j of a lane; wide: its pair. */
static uint64_t operand(const struct gang *g, const struct warp *w, const struct uop *u, int j,
			uint32_t lane, bool wide)
{
	uint64_t v = u->uniform >> j & 1 ? g->wide[j][lane] : w->r[u->row[j]][lane];

	if (wide && !(u->uniform >> j & 1))
		v |= (uint64_t)w->r[u->row[j] + 1][lane] << 32;
	return v;
}

static void atomic_lane(struct gang *g, struct warp *w, const struct uop *u, uint64_t va,
			uint32_t lane)
{
	bool wide = is_wide(u);
	uint8_t *at = space_lane(g->wk, w, u, va, lane, wide ? 8 : 4, true);
	uint64_t old, b, c;

	if (!at)
		return;
	b = operand(g, w, u, 1, lane, wide);
	c = operand(g, w, u, 2, lane, wide);
	old = wide ? atomic64(at, u, b, c) : atomic32(at, u, (uint32_t)b, (uint32_t)c);
	if (u->in.op != SM20_ATOM)
		return;
	w->r[u->d][lane] = (uint32_t)old;
	if (wide)
		w->r[u->d + 1][lane] = (uint32_t)(old >> 32);
}

static void op_atomic(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n && !launch_failed(g->wk->launch); k++) {
		uint64_t va[LANES];

		space_addresses(g->w[k], u, va);
		for (uint32_t m = g->m[k]; m; m &= m - 1) {
			uint32_t lane = (uint32_t)__builtin_ctz(m);

			atomic_lane(g, g->w[k], u, va[lane], lane);
		}
	}
}

/* ---- locked access to s[] ------------------------------------------------------------- */

/* Byte address of a word in s[] that has a lock; false after a trap. */
static bool shared_word(struct gang *g, const struct warp *w, const struct uop *u, uint32_t lane,
			uint32_t *a)
{
	*a = (w->r[u->row[0]][lane] + (uint32_t)u->in.offset) & 0xffffff;
	if (*a & 3 || *a + 4 > g->wk->launch->g.shared_len) {
		launch_trap(g->wk, u, *a & 3 ? "misaligned s[] address" :
					       "s[] address out of range");
		return false;
	}
	return true;
}

static void op_ldlock(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t got = 0, a;

		for (uint32_t m = g->m[k]; m; m &= m - 1) {
			uint32_t lane = (uint32_t)__builtin_ctz(m);
			uint64_t *lock, bit;

			if (!shared_word(g, w, u, lane, &a))
				return;
			lock = &w->cta->lock[a / 4 / 64];
			bit = 1ull << (a / 4 % 64);
			if (*lock & bit)
				continue;
			*lock |= bit;
			got |= 1u << lane;
			memcpy(&w->r[u->d][lane], w->cta->shared + a, 4);
		}
		warp_set_pred(w, u->in.pdst[0], g->m[k], got);
	}
}

static void op_stunlock(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t a;

		for (uint32_t m = g->m[k]; m; m &= m - 1) {
			uint32_t lane = (uint32_t)__builtin_ctz(m);

			if (!shared_word(g, w, u, lane, &a))
				return;
			memcpy(w->cta->shared + a, &w->r[u->row[1]][lane], 4);
			w->cta->lock[a / 4 / 64] &= ~(1ull << (a / 4 % 64));
		}
	}
}

/* ---- constants by address --------------------------------------------------------------- */

static void ldc_lane(struct gang *g, struct warp *w, const struct uop *u, uint32_t lane)
{
	uint32_t a = w->r[u->row[0]][lane], bank = u->in.bank, len = 4, step = 4, v;
	const struct sm_launch *l = g->wk->launch;

	if (u->in.ldcmode == SM20_LDC_IS) {
		bank += a >> 16;
		a &= 0xffff;
	}
	a += (uint32_t)u->in.offset;
	switch (u->in.dtype) {
	case SM20_U8: case SM20_S8: len = step = 1; break;
	case SM20_U16: case SM20_S16: len = step = 2; break;
	case SM20_B64: len = 8; break;
	case SM20_B128: len = 16; break;
	default: break;
	}
	if (bank >= SM_NR_BANKS || a & (step - 1)) {
		launch_trap(g->wk, u, bank >= SM_NR_BANKS ? "no such constant bank" :
							    "misaligned c[] address");
		return;
	}
	for (uint32_t j = 0; j < len; j += step) {
		uint32_t at = a + j;

		/* What lies beyond the largest bank reads zero, as beyond a shorter one. */
		v = at < SM_BANK_LEN ? bank_checked(g->wk, l, bank, at & ~3u) >> (8 * (at & 3)) : 0;
		switch (u->in.dtype) {
		case SM20_U8: v &= 0xff; break;
		case SM20_S8: v = (uint32_t)(int32_t)(int8_t)v; break;
		case SM20_U16: v &= 0xffff; break;
		case SM20_S16: v = (uint32_t)(int32_t)(int16_t)v; break;
		default: break;
		}
		w->r[u->d + j / 4][lane] = v;
	}
}

/* Lanes of one address read once. */
static void op_ldc(struct gang *g, const struct uop *u)
{
	uint32_t rows = u->in.dtype == SM20_B64 ? 2 : u->in.dtype == SM20_B128 ? 4 : 1, a[LANES];

	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t last = LANES;

		memcpy(a, w->r[u->row[0]], sizeof(a)); /* the destination may be the address */
		for (uint32_t m = g->m[k]; m; m &= m - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(m);

			if (last == LANES || a[i] != a[last])
				ldc_lane(g, w, u, i);
			else
				for (uint32_t j = 0; j < rows; j++)
					w->r[u->d + j][i] = w->r[u->d + j][last];
			last = i;
		}
	}
}

static void op_membar(struct gang *g, const struct uop *u)
{
	(void)g;
	(void)u;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* There are no caches to act on; a query answers nothing. */
static void op_cctl(struct gang *g, const struct uop *u)
{
	(void)g;
	(void)u;
}

uop_fn atomic_select(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_RED:
	case SM20_ATOM:
		return in->space == SM20_SPACE_G && in->dtype != SM20_F64 ? op_atomic : NULL;
	case SM20_LDLOCK: return in->dtype == SM20_B32 || in->dtype == SM20_U32 ? op_ldlock : NULL;
	case SM20_STUNLOCK:
		return in->dtype == SM20_B32 || in->dtype == SM20_U32 ? op_stunlock : NULL;
	case SM20_LDC:
		return in->ldcmode == SM20_LDC_PLAIN || in->ldcmode == SM20_LDC_IS ? op_ldc : NULL;
	case SM20_MEMBAR: return op_membar;
	case SM20_CCTL: return in->cctl == SM20_CCTL_QUERY1 ? NULL : op_cctl;
	default: return NULL;
	}
}

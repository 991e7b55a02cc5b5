// SPDX-License-Identifier: MIT
/* Special registers, votes, and what moves between predicates, flags and registers. */
#include "gpuvm/dev/sim/sm/lanes.h"

/* ---- special registers ----------------------------------------------------------------- */

bool special_of_warp(const struct gang *g, const struct warp *w, uint32_t s, uint32_t *v)
{
	const struct sm_grid *q = &g->wk->launch->g;

	switch (s) {
	case SM20_SR_NPHYSID: *v = 1 | 48u << 8; return true; /* cores and warps */
	case SM20_SR_PHYSID: *v = w->slot << 8; return true;
	case SM20_SR_LAUNCHARG: *v = 0; return true;
	case SM20_SR_CTAIDX: case SM20_SR_CTAIDY: case SM20_SR_CTAIDZ:
		*v = w->cta->id[s - SM20_SR_CTAIDX];
		return true;
	case SM20_SR_NTID:
		*v = q->block[0] | q->block[1] << 16 | q->block[2] << 26;
		return true;
	case SM20_SR_NTIDX: case SM20_SR_NTIDY: case SM20_SR_NTIDZ:
		*v = q->block[s - SM20_SR_NTIDX];
		return true;
	case SM20_SR_GRIDID: *v = q->grid_id; return true;
	case SM20_SR_NCTAIDX: case SM20_SR_NCTAIDY: case SM20_SR_NCTAIDZ:
		*v = q->grid[s - SM20_SR_NCTAIDX];
		return true;
	case SM20_SR_SWINBASE: *v = (uint32_t)q->shared_window; return true;
	case SM20_SR_LWINBASE: *v = (uint32_t)q->local_window; return true;
	case SM20_SR_SWINSZ: case SM20_SR_LWINSZ: *v = 1u << 24; return true;
	case SM20_SR_SMEMSZ: *v = q->shared_len; return true;
	case SM20_SR_LPOSSZ: *v = q->local_pos; return true;
	case SM20_SR_LNEGSTART: *v = (1u << 24) - q->local_neg; return true;
	case SM20_SR_CLOCK: *v = (uint32_t)(g->wk->count.warps * 2); return true;
	case SM20_SR_CLOCKHI: *v = (uint32_t)(g->wk->count.warps * 2 >> 32); return true;
	default: return false;
	}
}

static uint32_t lane_sreg(uint32_t s, uint32_t i)
{
	switch (s) {
	case SM20_SR_LANEID: return i;
	case SM20_SR_LANEMASK_EQ: return 1u << i;
	case SM20_SR_LANEMASK_LT: return (1u << i) - 1;
	case SM20_SR_LANEMASK_LE: return (2u << i) - 1;
	case SM20_SR_LANEMASK_GT: return ~((2u << i) - 1);
	default: return ~((1u << i) - 1); /* GE */
	}
}

/* The frequent ones are lanes_int.c's. */
static void op_s2r(struct gang *g, const struct uop *u)
{
	uint32_t s = u->in.src[1].reg, t[LANES], v;

	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];

		if (special_of_warp(g, w, s, &v))
			row_fill(t, v);
		else
			for (uint32_t i = 0; i < LANES; i++)
				t[i] = lane_sreg(s, i);
		row_keep(w->r[u->d], t, g->m[k]);
	}
}

static bool sreg_known(uint32_t s)
{
	return s == SM20_SR_LANEID || s == SM20_SR_NPHYSID || s == SM20_SR_PHYSID ||
	       (s >= SM20_SR_TID && s <= SM20_SR_SMEMSZ) ||
	       (s >= SM20_SR_LWINBASE && s <= SM20_SR_LANEMASK_GE) || s == SM20_SR_CLOCK ||
	       s == SM20_SR_CLOCKHI;
}

/* ---- predicates and flags ------------------------------------------------------------------ */

static void op_vote(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t m = g->m[k], v = warp_pred(w, &u->in.src[0]) & m, t[LANES];
		bool p = u->in.vote == SM20_VOTE_ANY ? v != 0 :
			 u->in.vote == SM20_VOTE_ALL ? v == m : v == m || v == 0;

		row_fill(t, v);
		row_keep(w->r[u->d], t, m);
		warp_set_pred(w, u->in.pdst[0], m, p ? ~0u : 0);
	}
}

static void op_psetp(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t v = lanes_logic(warp_pred(w, &u->in.src[0]), warp_pred(w, &u->in.src[1]),
					 u->in.lop2);

		if (u->in.op == SM20_PSETP)
			warp_setp(w, u, g->m[k], v);
		else
			warp_set(w, u, g->m[k], v);
	}
}

static void op_csetp(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t v = flow_condition(w, u->in.cct);

		if (u->in.op == SM20_CSETP)
			warp_setp(w, u, g->m[k], v);
		else
			warp_set(w, u, g->m[k], v);
	}
}

/* The predicates and flags of a lane as P2R and R2P number them. */
static uint32_t *flag_word(struct warp *w, uint32_t bit)
{
	switch (bit) {
	case 12: return &w->cz;
	case 13: return &w->cs;
	case 14: return &w->cc;
	case 15: return &w->co;
	default: return bit < SM20_PRED_TRUE ? &w->p[bit] : NULL;
	}
}

static void op_p2r(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);
		struct warp *w = g->w[k];
		uint32_t t[LANES];

		for (uint32_t i = 0; i < LANES; i++) {
			uint32_t v = 0;

			for (uint32_t bit = 0; bit < 16; bit++) {
				const uint32_t *f = flag_word(w, bit);

				v |= f && *f >> i & 1 ? 1u << bit : 0;
			}
			v = u->in.hi ? v << 16 : v;
			t[i] = (v & r.b[i]) | (r.a[i] & ~r.b[i]);
		}
		row_keep(w->r[u->d], t, g->m[k]);
	}
}

static void op_r2p(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);
		uint32_t shift = u->in.hi ? 16 : 0;

		for (uint32_t bit = 0; bit < 16; bit++) {
			uint32_t *f = flag_word(g->w[k], bit), v = 0, m = 0;

			for (uint32_t i = 0; f && i < LANES; i++) {
				v |= (r.a[i] >> shift >> bit & 1) << i;
				m |= (r.b[i] >> bit & 1) << i;
			}
			m &= g->m[k];
			if (f)
				*f = (*f & ~m) | (v & m);
		}
	}
}

static void op_lepc(struct gang *g, const struct uop *u)
{
	uint32_t t[LANES];

	row_fill(t, u->in.pc);
	for (uint32_t k = 0; k < g->n; k++)
		row_keep(g->w[k]->r[u->d], t, g->m[k]);
}

static void op_barrd(struct gang *g, const struct uop *u)
{
	gang_spread(g, u, false);
	for (uint32_t k = 0; k < g->n; k++) {
		struct rows r = gang_rows(g, u, k, false);
		struct warp *w = g->w[k];
		uint32_t t[LANES];

		for (uint32_t i = 0; i < LANES; i++)
			t[i] = w->cta->barrier[r.a[i] & 0xf].arrived / LANES;
		row_keep(w->r[u->d], t, g->m[k]);
	}
}

uop_fn special_select(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_S2R: return sreg_known(in->src[1].reg) ? op_s2r : NULL;
	case SM20_VOTE: return op_vote;
	case SM20_PSET:
	case SM20_PSETP: return op_psetp;
	case SM20_CSET:
	case SM20_CSETP: return op_csetp;
	case SM20_P2R: return op_p2r;
	case SM20_R2P: return op_r2p;
	case SM20_LEPC: return op_lepc;
	case SM20_BARRD: return op_barrd;
	default: return NULL;
	}
}

// SPDX-License-Identifier: MIT
/*
 * Control flow: the divergence stack, barriers, ends of blocks.
 *
 * A stack entry is a place to go on at and the lanes that will.  Always true:
 *  1. Every live lane of a warp is active or in some entry's mask; lanes that
 *     leave a region (join, brk, cont, ret, exit) are taken out of the entries
 *     above the one they wait in, so an entry never revives a lane that left.
 *  2. When no lane is active the topmost entry with lanes left goes on.
 * Joins, breaks, continues and returns are one mechanism: lanes wait in the
 * nearest entry of their kind [docs/hw/graph/tesla/cuda/control.rst].  Which side
 * of a divergent branch runs first is UNK; here backward branches win.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/sm/lanes.h"
#include "gpuvm/dev/sim/sm/space.h"

static bool push(struct gang *g, struct warp *w, const struct uop *u, struct flow f)
{
	if (w->depth == STACK_MAX) {
		launch_trap(g->wk, u, "divergence stack overflow");
		return false;
	}
	w->stack[w->depth++] = f;
	return true;
}

/* Nobody is active: the topmost entry's lanes go on. */
static bool pop(struct warp *w)
{
	while (w->depth) {
		struct flow *f = &w->stack[--w->depth];

		if (!(f->mask & w->live))
			continue;
		w->active = f->mask & w->live;
		w->pc = f->pc;
		return true;
	}
	return w->live == 0;
}

bool flow_leave(struct warp *w, uint32_t lanes, enum flow_kind kind)
{
	uint32_t i = w->depth;

	while (i && w->stack[i - 1].kind != kind)
		i--;
	if (!i || lanes & ~w->stack[i - 1].mask)
		return false;
	for (; i < w->depth; i++)
		w->stack[i].mask &= ~lanes;
	w->active &= ~lanes;
	return w->active || pop(w);
}

void flow_exit(struct warp *w, uint32_t lanes)
{
	w->live &= ~lanes;
	w->active &= ~lanes;
	for (uint32_t i = 0; i < w->depth; i++)
		w->stack[i].mask &= ~lanes;
	if (!w->active)
		pop(w); /* true: no live lane is outside the stack */
}

static uint32_t condition(const struct warp *w, uint32_t cct)
{
	uint32_t z = w->cz, s = w->cs;

	switch (cct) {
	case SM20_CCT_TRUE: return ~0u;
	case SM20_CCT_NO: return ~w->co;
	case SM20_CCT_NC: return ~w->cc;
	case SM20_CCT_NS: return ~s;
	case SM20_CCT_NA: return ~w->cc | z;
	case SM20_CCT_A: return w->cc & ~z;
	case SM20_CCT_S: return s;
	case SM20_CCT_C: return w->cc;
	case SM20_CCT_O: return w->co;
	default:
		return (cct & 1 ? s & ~z : 0) | (cct & 2 ? z & ~s : 0) | (cct & 4 ? ~(s | z) : 0) |
		       (cct & 8 ? s & z : 0);
	}
}

uint32_t flow_condition(const struct warp *w, uint32_t cct)
{
	return condition(w, cct);
}

/* Lanes of warp k that a control instruction is for; the pc is already the next one's. */
static uint32_t lanes_of(struct gang *g, const struct uop *u, uint32_t k)
{
	g->w[k]->pc = u->in.pc + SM20_INSN_BYTES;
	return g->m[k] & condition(g->w[k], u->in.cct);
}

/* ---- branches ------------------------------------------------------------------- */

static void branch(struct gang *g, struct warp *w, const struct uop *u, uint32_t taken, uint32_t to)
{
	uint32_t other = w->active & ~taken;

	if (!taken || (u->in.allwarp && other))
		return;
	if (!other) {
		w->pc = to;
	} else if (to <= u->in.pc) {
		if (push(g, w, u, (struct flow){ FLOW_SIDE, w->pc, other })) {
			w->active = taken;
			w->pc = to;
		}
	} else if (push(g, w, u, (struct flow){ FLOW_SIDE, to, taken })) {
		w->active = other;
	}
}

static void op_bra(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++)
		branch(g, g->w[k], u, lanes_of(g, u, k), u->in.target);
}

/* Where a lane's indirect branch goes. */
static uint32_t indirect(struct gang *g, const struct warp *w, const struct uop *u, uint32_t lane)
{
	const struct sm20_src *s = u->in.src;
	uint32_t reg = s[0].kind == SM20_SRC_REG ? w->r[u->row[0]][lane] : 0;

	if (u->in.tkind == SM20_TARGET_REG)
		return u->in.target + reg;
	return u->in.target + bank_word(g->wk->launch, s[1].bank, s[1].off + reg);
}

/* Lanes with different targets part: each distinct target is a side of its own. */
static void op_bra_indirect(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t left = lanes_of(g, u, k), stay = w->active & ~left;

		if (!left || (u->in.allwarp && stay))
			continue;
		if (stay && !push(g, w, u, (struct flow){ FLOW_SIDE, w->pc, stay }))
			return;
		while (left) {
			uint32_t lane = (uint32_t)__builtin_ctz(left), same = 0;
			uint32_t to = indirect(g, w, u, lane);

			for (uint32_t i = lane; i < LANES; i++)
				if (left >> i & 1 && indirect(g, w, u, i) == to)
					same |= 1u << i;
			left &= ~same;
			if (!left) {
				w->active = same;
				w->pc = to;
			} else if (!push(g, w, u, (struct flow){ FLOW_SIDE, to, same })) {
				return;
			}
		}
	}
}

static void op_call(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t taken = lanes_of(g, u, k), other = w->active & ~taken, back = w->pc;

		if (!taken || (u->in.allwarp && other))
			continue;
		if (other && !push(g, w, u, (struct flow){ FLOW_SIDE, back, other }))
			return;
		if (!push(g, w, u, (struct flow){ FLOW_RET, back, taken }))
			return;
		w->active = taken;
		w->pc = u->in.tkind == SM20_TARGET_CODE ?
				u->in.target :
				indirect(g, w, u, (uint32_t)__builtin_ctz(taken));
	}
}

static enum flow_kind kind_of(uint32_t op)
{
	switch (op) {
	case SM20_PREBRK: case SM20_BRK: return FLOW_BRK;
	case SM20_PRECONT: case SM20_CONT: return FLOW_CONT;
	case SM20_PRERET: case SM20_RET: return FLOW_RET;
	case SM20_PRELONGJMP: case SM20_LONGJMP: return FLOW_LONGJMP;
	default: return FLOW_JOIN;
	}
}

static void op_push(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t to = u->in.target;

		if (u->in.tkind != SM20_TARGET_CODE && w->active)
			to = indirect(g, w, u, (uint32_t)__builtin_ctz(w->active));
		w->pc = u->in.pc + SM20_INSN_BYTES;
		push(g, w, u, (struct flow){ kind_of(u->in.op), to, w->active });
	}
}

static void op_leave(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		uint32_t m = lanes_of(g, u, k);

		if (m && !flow_leave(g->w[k], m, kind_of(u->in.op)))
			launch_trap(g->wk, u, "nothing on the divergence stack to leave for");
	}
}

/* An instruction that also joins: its work, then the wait. */
void flow_join(struct gang *g, const struct uop *u)
{
	if (u->work)
		u->work(g, u);
	for (uint32_t k = 0; k < g->n; k++) {
		uint32_t m = lanes_of(g, u, k);

		if (m && !flow_leave(g->w[k], m, FLOW_JOIN))
			launch_trap(g->wk, u, "join without joinat");
	}
}

static void op_exit(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t m = lanes_of(g, u, k);

		if (!m)
			continue;
		flow_exit(w, m);
		if (!w->live) {
			w->state = WARP_DONE;
			crew_warp_moved(g->wk, w);
		}
	}
}

/*
 * Whole quads go on together, lanes included that ended or never were, so that neighbours can be
 * looked at; quadpop gives back what was.  In between no lane leaves [Mesa: texture with given
 * derivatives].
 */
static void op_quadon(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t q = w->active | w->active >> 1;

		w->pc = u->in.pc + SM20_INSN_BYTES;
		q = (q | q >> 2) & 0x11111111;
		if (push(g, w, u, (struct flow){ FLOW_QUAD, w->pc, w->active }))
			w->active = q * 15;
	}
}

static void op_quadpop(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];

		w->pc = u->in.pc + SM20_INSN_BYTES;
		if (!w->depth || w->stack[w->depth - 1].kind != FLOW_QUAD) {
			launch_trap(g->wk, u, "quadpop without quadon");
			return;
		}
		w->active = w->stack[--w->depth].mask & w->live;
		if (!w->active)
			pop(w);
	}
}

/* ---- barriers --------------------------------------------------------------------- */

static void release(struct worker *wk, struct warp *w, const struct barrier *b)
{
	const struct uop *u = w->bar_uop;
	uint32_t t[LANES];

	if (u->d != ROW_SINK) {
		row_fill(t, b->count);
		row_keep(w->r[u->d], t, w->bar_mask);
	}
	warp_set_pred(w, u->in.pdst[0], w->bar_mask,
		      u->in.bar == SM20_BAR_AND ? b->all : u->in.bar == SM20_BAR_OR ? b->any :
									b->count ? ~0u : 0);
	w->state = WARP_RUN;
	wk->crew->pc[w->slot] = w->pc;
	w->cta->waiting--;
}

/* Lets the waiters of a barrier go if all it waits for are there. */
void flow_barrier_check(struct worker *wk, struct cta *c, uint32_t id)
{
	struct barrier *b = &c->barrier[id], was = *b;
	uint32_t need = b->need ? b->need : c->live_warps * LANES;

	if (!b->arrived || b->arrived < need)
		return;
	*b = (struct barrier){ .all = ~0u };
	for (uint32_t i = 0; i < c->nr_warps; i++)
		if (c->warp[i]->state == WARP_BARRIER && c->warp[i]->bar == id)
			release(wk, c->warp[i], &was);
}

static uint32_t uniform_value(struct gang *g, const struct warp *w, const struct uop *u, int j,
			      uint32_t lane)
{
	const struct sm20_src *s = &u->in.src[j];

	if (s->kind == SM20_SRC_CONST)
		return bank_word(g->wk->launch, s->bank, s->off);
	return s->kind == SM20_SRC_IMM ? (uint32_t)s->imm : w->r[u->row[j]][lane];
}

static void arrive(struct gang *g, const struct uop *u, struct warp *w, uint32_t m)
{
	uint32_t lane = (uint32_t)__builtin_ctz(m), c = warp_pred(w, &u->in.src[2]) & m;
	uint32_t id = uniform_value(g, w, u, 0, lane) & 0xf;
	struct barrier *b = &w->cta->barrier[id];

	b->need = (uint32_t)align_up(uniform_value(g, w, u, 1, lane) & 0xfff, LANES);
	b->arrived += LANES;
	b->count += (uint32_t)__builtin_popcount(c);
	b->any |= c ? ~0u : 0;
	b->all &= c == m ? ~0u : 0;
	if (u->in.bar != SM20_BAR_ARRIVE) {
		w->state = WARP_BARRIER;
		w->bar = id;
		w->bar_uop = u;
		w->bar_mask = m;
		w->cta->waiting++;
	}
	flow_barrier_check(g->wk, w->cta, id);
}

static void op_bar(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++) {
		uint32_t m = lanes_of(g, u, k);

		if (m)
			arrive(g, u, g->w[k], m);
	}
}

static void op_nop(struct gang *g, const struct uop *u)
{
	(void)g;
	(void)u;
}

/* ---- what cannot run ------------------------------------------------------------------ */

void uop_trap(struct gang *g, const struct uop *u)
{
	launch_trap(g->wk, u, u->in.op ? "not implemented" : "illegal instruction");
}

static void op_breakpoint(struct gang *g, const struct uop *u)
{
	launch_trap(g->wk, u, "breakpoint");
}

void uop_unfetched(struct gang *g, const struct uop *u)
{
	uint64_t va = g->wk->launch->g.code + u->in.pc;
	uint64_t word;

	/* Reports the fault; memory that came in the meantime is for the next flush to see. */
	if (space_rd(g->wk, va, &word, sizeof(word)))
		launch_trap(g->wk, u, "code appeared without a flush");
}

void uop_next_page(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++)
		g->w[k]->pc = u->in.pc;
}

uop_fn flow_select(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_BRA:
		return in->tkind == SM20_TARGET_CODE ? op_bra : op_bra_indirect;
	case SM20_BRX: return op_bra_indirect;
	case SM20_QUADON: return op_quadon;
	case SM20_QUADPOP: return op_quadpop;
	case SM20_CALL: return op_call;
	case SM20_PRELONGJMP: case SM20_JOINAT: case SM20_PREBRK: case SM20_PRECONT:
	case SM20_PRERET:
		return op_push;
	case SM20_LONGJMP: case SM20_RET: case SM20_BRK: case SM20_CONT:
		return op_leave;
	case SM20_EXIT:
	case SM20_KIL: return op_exit;
	case SM20_BAR: return op_bar;
	case SM20_BPT: return op_breakpoint;
	case SM20_NOP: return in->join ? flow_join : NULL;
	default: return NULL;
	}
}

uop_fn flow_select_plain(const struct sm20_insn *in)
{
	/* One worker runs all lanes of a block. */
	if (in->op == SM20_MEMBAR && in->scope == SM20_SCOPE_CTA)
		return op_nop;
	return in->op == SM20_NOP || in->op == SM20_PMEVENT ? op_nop : NULL;
}

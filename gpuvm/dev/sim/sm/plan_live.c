// SPDX-License-Identifier: MIT
/*
 * What the instructions of a program are for: those whose results nobody reads go.
 *
 * Always true: what is read is never underestimated.  A block that starts where another one
 * ended sees the registers that one left, so the end of a program reads what its beginning reads.
 */
#include "gpuvm/dev/sim/sm/plan_code.h"

static const struct live everything = { ~0ull >> 1, 0x7f, true };

static uint64_t regs_mask(uint32_t first, uint32_t nr)
{
	uint64_t m = 0;

	for (uint32_t r = first; r < first + nr && r < SM20_REG_ZERO; r++)
		m |= 1ull << r;
	return m;
}

static uint8_t pred_mask(uint32_t p)
{
	return p < SM20_PRED_TRUE ? (uint8_t)(1u << p) : 0;
}

static bool reads_flags(const struct sm20_insn *in)
{
	return in->x || in->cct != SM20_CCT_TRUE || in->op == SM20_CSET || in->op == SM20_CSETP ||
	       (in->op == SM20_IMNMX && in->mm);
}

/* Those that leave no flag as it was. */
static bool sets_flags(const struct sm20_insn *in)
{
	return in->cc_write &&
	       (in->op == SM20_IADD || in->op == SM20_IMAD || in->op == SM20_SHLADD);
}

/* Nothing it does is looked at. */
static bool useless(const struct node *n, const struct live *l)
{
	const struct sm20_insn *in = &n->u.in;

	if (n->gone)
		return true;
	return !n->stop && effect_of(in) == EFFECT_NONE && !n->u.ends &&
	       !(regs_mask(in->dst, in->dst_regs) & l->regs) &&
	       !((pred_mask(in->pdst[0]) | pred_mask(in->pdst[1])) & l->preds) &&
	       !(in->cc_write && l->flags);
}

static bool is_number(const struct node *n, const struct live *l)
{
	return n->known && !(n->u.in.cc_write && l->flags);
}

static void reads(const struct sm20_insn *in, struct live *l)
{
	for (int j = 0; j < 3; j++) {
		const struct sm20_src *s = &in->src[j];

		if (s->kind == SM20_SRC_REG)
			l->regs |= regs_mask(s->reg, s->regs);
		else if (s->kind == SM20_SRC_PRED)
			l->preds |= pred_mask(s->reg);
	}
	l->flags |= reads_flags(in);
}

/* From what is read after an instruction to what is read before it. */
static void step(const struct node *n, struct live *l)
{
	const struct sm20_insn *in = &n->u.in;
	bool number = is_number(n, l);

	if (useless(n, l))
		return;
	if (n->stop || effect_of(in) == EFFECT_WILD) {
		*l = everything;
		return;
	}
	if (in->pred == SM20_PRED_TRUE && !in->pred_not && in->lanes == 15 &&
	    in->op != SM20_BAR) {
		l->regs &= ~regs_mask(in->dst, in->dst_regs);
		l->preds &= (uint8_t)~(pred_mask(in->pdst[0]) | pred_mask(in->pdst[1]));
		l->flags = l->flags && !sets_flags(in);
	}
	l->preds |= pred_mask(in->pred);
	if (!number)
		reads(in, l);
}

static struct live live_after(const struct code *c, const struct block *b)
{
	const struct sm20_insn *last = &c->node[b->first + b->nr - 1].u.in;
	uint32_t after[AFTER_MAX], n = block_after(c, b, after);
	struct live l = { .regs = 0 };

	for (uint32_t i = 0; i < n; i++) {
		const struct live *o = &c->block[c->block_of[after[i]]].live;

		l.regs |= o->regs;
		l.preds |= o->preds;
		l.flags |= o->flags;
	}
	if (last->op == SM20_EXIT || last->op == SM20_KIL)
		l.regs |= c->block[0].live.regs;
	return l;
}

static void find(struct code *c)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t i = c->nr_blocks; i-- > 0;) {
			struct block *b = &c->block[i];
			struct live l = live_after(c, b);

			for (uint32_t k = b->nr; k-- > 0;)
				step(&c->node[b->first + k], &l);
			more |= l.regs != b->live.regs || l.preds != b->live.preds ||
				l.flags != b->live.flags;
			b->live = l;
		}
	}
}

static void make_number(struct node *n)
{
	struct sm20_insn *in = &n->u.in;

	*in = (struct sm20_insn){
		.raw = in->raw, .pc = in->pc, .row = in->row, .bytes = in->bytes,
		.op = SM20_MOV, .pred = in->pred, .pred_not = in->pred_not, .cct = SM20_CCT_TRUE,
		.dst = in->dst, .dst_regs = 1, .pdst = { SM20_PRED_TRUE, SM20_PRED_TRUE },
		.dtype = SM20_B32, .lanes = 15,
		.src = { [1] = { .kind = SM20_SRC_IMM, .regs = 1, .imm = n->value } },
	};
}

static bool plain(const struct sm20_insn *in)
{
	return in->op == SM20_IADD && in->addop == SM20_ADD && !in->sat && !in->src[0].inv &&
	       !in->src[1].inv && in->dst < SM20_REG_ZERO;
}

/* A sum of low words whose carry only the sum of high words behind it takes; flags: read later. */
static bool is_pair(const struct node *lo, const struct node *hi, bool flags)
{
	const struct sm20_insn *a = &lo->u.in, *b = &hi->u.in;

	if (!plain(a) || !plain(b) || !a->cc_write || a->x || !b->x || b->cc_write || flags ||
	    a->pred != b->pred || a->pred_not != b->pred_not || a->dst == b->dst)
		return false;
	for (int j = 0; j < 2; j++)
		if (b->src[j].kind == SM20_SRC_REG && b->src[j].reg == a->dst)
			return false;
	return !lo->u.ends && !hi->u.ends;
}

static void use(struct code *c, struct block *b)
{
	struct live l = live_after(c, b);
	struct node *behind = NULL; /* what stays, after n */
	bool flags = false;	    /* read after behind */

	for (uint32_t k = b->nr; k-- > 0;) {
		struct node *n = &c->node[b->first + k];
		struct live after = l;

		step(n, &l);
		if (useless(n, &after)) {
			n->gone = true;
			continue;
		}
		if (is_number(n, &after))
			make_number(n);
		else if (n->u.in.cc_write && !after.flags && effect_of(&n->u.in) == EFFECT_NONE)
			n->u.in.cc_write = false;
		if (behind && is_pair(n, behind, flags)) {
			behind->low = n;
			n->gone = true;
			behind = NULL;
			continue;
		}
		behind = n;
		flags = after.flags;
	}
}

void live_use(struct code *c)
{
	find(c);
	for (uint32_t i = 0; i < c->nr_blocks; i++)
		use(c, &c->block[i]);
}

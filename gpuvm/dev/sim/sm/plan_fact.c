// SPDX-License-Identifier: MIT
/*
 * What a launch's constants and dimensions say about the registers of its program.
 *
 * Always true: a fact is never wrong, only weak.  Facts only weaken while they are
 * searched for, and after WIDEN_AFTER visits of a block at once, so the search ends.
 */
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/sm/plan_code.h"

#define WIDEN_AFTER 6

static const struct range any_word = { 0, UINT32_MAX };

static struct range exactly(uint32_t v)
{
	return (struct range){ v, v };
}

static bool is_exact(struct range r)
{
	return r.lo == r.hi;
}

static uint8_t opposite(uint8_t v)
{
	return (uint8_t)((v & 1) << 1 | v >> 1);
}

static struct range hull(struct range a, struct range b)
{
	return (struct range){ a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi };
}

/* All ones up to the highest one of v. */
static uint32_t filled(uint32_t v)
{
	return v ? UINT32_MAX >> __builtin_clz(v) : 0;
}

static uint32_t const_word(const struct code *c, const struct sm20_src *s)
{
	return s->kind == SM20_SRC_CONST ? bank_word(c->l, s->bank, s->off) : (uint32_t)s->imm;
}

struct range facts_operand(const struct code *c, const struct facts *f, const struct sm20_insn *in,
			   int j)
{
	const struct sm20_src *s = &in->src[j];
	struct range r = exactly(0);

	switch (s->kind) {
	case SM20_SRC_REG: r = f->r[s->reg]; break;
	case SM20_SRC_CONST:
	case SM20_SRC_IMM: r = exactly(const_word(c, s)); break;
	default: return r;
	}
	if (s->neg || s->abs)
		return any_word;
	return s->inv ? (struct range){ ~r.hi, ~r.lo } : r;
}

/* ---- operations ---------------------------------------------------------------------------- */

/* x + y + carry with the carry that leaves; the sides may be inverted already. */
static struct range sum(struct range x, struct range y, uint8_t in, uint8_t *carry)
{
	uint64_t lo = (uint64_t)x.lo + y.lo + (in == MAYBE_YES), hi = (uint64_t)x.hi + y.hi;

	hi += in != MAYBE_NOT;
	*carry = MAYBE_ANY;
	if (lo >> 32 != hi >> 32)
		return any_word;
	*carry = lo >> 32 ? MAYBE_YES : MAYBE_NOT;
	return (struct range){ (uint32_t)lo, (uint32_t)hi };
}

static struct range added(const struct facts *f, const struct sm20_insn *in, struct range x,
			  struct range y, uint8_t *carry)
{
	uint8_t c = in->x ? f->carry : in->addop == SM20_ADD ? MAYBE_NOT : MAYBE_YES;

	if (in->addop == SM20_SUBR)
		x = (struct range){ ~x.hi, ~x.lo };
	if (in->addop == SM20_SUB)
		y = (struct range){ ~y.hi, ~y.lo };
	x = sum(x, y, c, carry);
	return in->sat ? any_word : x;
}

static bool positive(struct range r, uint32_t type)
{
	return type != SM20_S32 || r.hi < 0x80000000;
}

static struct range product(const struct sm20_insn *in, struct range a, struct range b)
{
	uint64_t lo = (uint64_t)a.lo * b.lo, hi = (uint64_t)a.hi * b.hi;

	if (in->hi) {
		if (!positive(a, in->dtype) || !positive(b, in->stype))
			return any_word;
		return (struct range){ (uint32_t)(lo >> 32), (uint32_t)(hi >> 32) };
	}
	if (hi >> 32 && lo != hi)
		return any_word;
	return (struct range){ (uint32_t)lo, (uint32_t)hi };
}

static struct range shifted(const struct sm20_insn *in, struct range a, struct range n)
{
	uint64_t hi;

	if (in->rev || in->x || (in->wrap && n.hi > 31))
		return any_word;
	if (in->op == SM20_SHL) {
		if (!is_exact(n))
			return any_word;
		hi = n.lo < 32 ? (uint64_t)a.hi << n.lo : 0;
		if (hi >> 32)
			return is_exact(a) ? exactly((uint32_t)hi) : any_word;
		return n.lo < 32 ? (struct range){ a.lo << n.lo, (uint32_t)hi } : exactly(0);
	}
	if (!positive(a, in->dtype))
		return any_word;
	return (struct range){ n.hi < 32 ? a.lo >> n.hi : 0, n.lo < 32 ? a.hi >> n.lo : 0 };
}

static struct range combined(uint32_t op, struct range a, struct range b)
{
	if (op == SM20_PASS_B)
		return b;
	if (is_exact(a) && is_exact(b))
		return exactly(op == SM20_AND ? a.lo & b.lo :
			       op == SM20_OR  ? a.lo | b.lo :
						a.lo ^ b.lo);
	if (op == SM20_AND)
		return (struct range){ 0, a.hi < b.hi ? a.hi : b.hi };
	if (!a.hi)
		return b;
	if (!b.hi)
		return a;
	return (struct range){ op == SM20_XOR ? 0 : a.lo > b.lo ? a.lo : b.lo, filled(a.hi | b.hi) };
}

static struct range field(const struct code *c, const struct facts *f, const struct sm20_insn *in,
			  struct range a, struct range b)
{
	const uint32_t *block = c->l->g.block;
	uint32_t pos = b.lo & 0xff, len = b.lo >> 8 & 0xff, mask;

	if (!is_exact(b) || in->rev || in->dtype == SM20_S32 || pos > 31 || !len)
		return any_word;
	mask = len >= 32 ? UINT32_MAX : (1u << len) - 1;
	if (in->src[0].kind == SM20_SRC_REG && f->tid >> in->src[0].reg & 1) {
		if (!pos && len == 16)
			return (struct range){ 0, block[0] - 1 };
		if (pos == 16 && len == 10 && block[1] <= 0x3ff)
			return (struct range){ 0, block[1] - 1 };
		if (pos == 26 && len >= 6 && block[2] <= 0x3f && block[1] <= 0x3ff)
			return (struct range){ 0, block[2] - 1 };
	}
	if (a.hi >> pos <= mask)
		return (struct range){ a.lo >> pos, a.hi >> pos };
	return (struct range){ 0, mask };
}

static struct range special(const struct code *c, uint32_t s)
{
	const struct sm_grid *g = &c->l->g;

	switch (s) {
	case SM20_SR_TIDX: case SM20_SR_TIDY: case SM20_SR_TIDZ:
		return (struct range){ 0, g->block[s - SM20_SR_TIDX] - 1 };
	case SM20_SR_CTAIDX: case SM20_SR_CTAIDY: case SM20_SR_CTAIDZ:
		return (struct range){ 0, g->grid[s - SM20_SR_CTAIDX] - 1 };
	case SM20_SR_NTIDX: case SM20_SR_NTIDY: case SM20_SR_NTIDZ:
		return exactly(g->block[s - SM20_SR_NTIDX]);
	case SM20_SR_NCTAIDX: case SM20_SR_NCTAIDY: case SM20_SR_NCTAIDZ:
		return exactly(g->grid[s - SM20_SR_NCTAIDX]);
	case SM20_SR_LANEID:
		return (struct range){ 0, LANES - 1 };
	default:
		return any_word;
	}
}

static struct range loaded(const struct sm20_insn *in)
{
	return in->dtype == SM20_U8  ? (struct range){ 0, 0xff } :
	       in->dtype == SM20_U16 ? (struct range){ 0, 0xffff } :
				       any_word;
}

/* The relation's answer, or that it may be either. */
static uint8_t relation(const struct sm20_insn *in, struct range a, struct range b)
{
	uint32_t can = 0;

	if (in->x)
		return MAYBE_ANY;
	if (in->stype == SM20_S32) {
		/* As numbers without sign if each has one sign; adding 2^31 keeps their order. */
		if (((a.lo ^ a.hi) | (b.lo ^ b.hi)) >> 31)
			return MAYBE_ANY;
		a = (struct range){ a.lo ^ 0x80000000, a.hi ^ 0x80000000 };
		b = (struct range){ b.lo ^ 0x80000000, b.hi ^ 0x80000000 };
	}
	can |= a.lo < b.hi ? SM20_CMP_LT : 0;
	can |= a.hi > b.lo ? SM20_CMP_GT : 0;
	can |= a.lo <= b.hi && b.lo <= a.hi ? SM20_CMP_EQ : 0;
	return (can & in->cmp ? MAYBE_YES : 0) | (can & ~(uint32_t)in->cmp ? MAYBE_NOT : 0);
}

uint8_t facts_predicate(const struct facts *f, const struct sm20_src *s)
{
	uint8_t v = s->kind == SM20_SRC_PRED ? f->p[s->reg] : MAYBE_YES;

	return s->inv ? opposite(v) : v;
}

static struct range chosen(uint8_t yes, struct range a, struct range b)
{
	return yes == MAYBE_YES ? a : yes == MAYBE_NOT ? b : hull(a, b);
}

static struct range extreme(const struct facts *f, const struct sm20_insn *in, struct range a,
			    struct range b)
{
	struct range min = { a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi };
	struct range max = { a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi };

	if (in->mm || !positive(a, in->dtype) || !positive(b, in->dtype))
		return any_word;
	return chosen(facts_predicate(f, &in->src[2]), min, max);
}

/* The first result register; *carry if the adder's is known. */
static struct range result(const struct code *c, const struct facts *f, const struct sm20_insn *in,
			   uint8_t *carry)
{
	struct range a = facts_operand(c, f, in, 0), b = facts_operand(c, f, in, 1);
	struct range d = facts_operand(c, f, in, 2);

	switch (in->op) {
	case SM20_IADD: return added(f, in, a, b, carry);
	case SM20_IMUL: return product(in, a, b);
	case SM20_IMAD: return added(f, in, product(in, a, b), d, carry);
	case SM20_SHLADD:
		if ((uint64_t)a.hi << in->shift >> 32)
			a = any_word;
		else
			a = (struct range){ a.lo << in->shift, a.hi << in->shift };
		return added(f, in, a, b, carry);
	case SM20_SHL:
	case SM20_SHR: return shifted(in, a, b);
	case SM20_LOGIC: return combined(in->logic, a, b);
	case SM20_EXT: return field(c, f, in, a, b);
	case SM20_MOV: return in->lanes == 15 ? b : any_word;
	case SM20_S2R: return special(c, in->src[1].reg);
	case SM20_SELP: return chosen(facts_predicate(f, &in->src[2]), a, b);
	case SM20_IMNMX: return extreme(f, in, a, b);
	case SM20_LD: return loaded(in);
	default: return any_word;
	}
}

/* Constants that are loaded from a place that is known. */
static bool constants(const struct code *c, const struct facts *f, const struct sm20_insn *in,
		      struct range *d)
{
	uint32_t n = in->dtype == SM20_B128 ? 4 : in->dtype == SM20_B64 ? 2 : 1, at;

	if (in->op != SM20_LDC || in->ldcmode != SM20_LDC_PLAIN || in->bank >= SM_NR_BANKS ||
	    (n == 1 && in->dtype != SM20_B32 && in->dtype != SM20_U32) || in->dst_regs != n ||
	    !is_exact(f->r[in->src[0].reg]))
		return false;
	at = f->r[in->src[0].reg].lo + (uint32_t)in->offset;
	if (at & 3 || at > SM_BANK_LEN - 4 * n)
		return false;
	for (uint32_t j = 0; j < n; j++)
		d[j] = exactly(bank_word(c->l, in->bank, at + 4 * j));
	return true;
}

/* ---- one step -------------------------------------------------------------------------------- */

static void set_reg(struct facts *f, uint32_t reg, struct range r, bool maybe)
{
	if (reg >= SM20_REG_ZERO)
		return;
	f->r[reg] = maybe ? hull(f->r[reg], r) : r;
	f->tid &= ~(1ull << reg);
}

static void set_pred(struct facts *f, uint32_t p, uint8_t v, bool maybe)
{
	if (p != SM20_PRED_TRUE)
		f->p[p] = maybe ? f->p[p] | v : v;
}

static void facts_none(struct facts *f)
{
	for (uint32_t i = 0; i < SM20_REG_ZERO; i++)
		f->r[i] = any_word;
	f->r[SM20_REG_ZERO] = exactly(0);
	memset(f->p, MAYBE_ANY, sizeof(f->p));
	f->p[SM20_PRED_TRUE] = MAYBE_YES;
	f->carry = MAYBE_ANY;
	f->tid = 0;
}

/* Whether lanes run it at all. */
uint8_t facts_taken(const struct facts *f, const struct sm20_insn *in)
{
	uint8_t v = f->p[in->pred];

	return in->pred_not ? opposite(v) : v;
}

void facts_step(const struct code *c, struct facts *f, const struct sm20_insn *in)
{
	struct range d[4] = { any_word, any_word, any_word, any_word };
	uint8_t carry = MAYBE_ANY, yes = MAYBE_ANY, run = facts_taken(f, in);
	bool tid = in->op == SM20_S2R && in->src[1].reg == SM20_SR_TID && run == MAYBE_YES;

	if (run == MAYBE_NOT)
		return;
	if (effect_of(in) == EFFECT_WILD) {
		facts_none(f);
		return;
	}
	if (!constants(c, f, in, d))
		d[0] = result(c, f, in, &carry);
	if (in->op == SM20_ISETP && in->lop == SM20_AND && facts_predicate(f, &in->src[2]) == MAYBE_YES)
		yes = relation(in, facts_operand(c, f, in, 0), facts_operand(c, f, in, 1));
	for (uint32_t j = 0; j < in->dst_regs; j++)
		set_reg(f, in->dst + j, d[j & 3], run == MAYBE_ANY);
	if (tid && in->dst < SM20_REG_ZERO)
		f->tid |= 1ull << in->dst;
	set_pred(f, in->pdst[0], yes, run == MAYBE_ANY);
	set_pred(f, in->pdst[1], opposite(yes), run == MAYBE_ANY);
	if (in->cc_write)
		f->carry = run == MAYBE_ANY ? f->carry | carry : carry;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

/* Weakens what holds at a block by what holds before it; true: something changed. */
static bool merge(struct block *b, const struct facts *f)
{
	bool wide = ++b->visits > WIDEN_AFTER;
	struct facts old = b->in;

	if (!b->reached) {
		b->in = *f;
		b->reached = b->changed = true;
		return true;
	}
	for (uint32_t i = 0; i < SM20_REG_ZERO; i++) {
		struct range *r = &b->in.r[i], h = hull(*r, f->r[i]);

		if (wide && (h.lo != r->lo || h.hi != r->hi))
			h = any_word;
		*r = h;
	}
	for (uint32_t i = 0; i < 8; i++)
		b->in.p[i] |= f->p[i];
	b->in.carry |= f->carry;
	b->in.tid &= f->tid;
	if (!memcmp(&old, &b->in, sizeof(old)))
		return false;
	b->changed = true;
	return true;
}

void facts_find(struct code *c)
{
	uint32_t after[AFTER_MAX], n;
	struct facts f;
	bool more = true;

	facts_none(&f);
	merge(&c->block[0], &f);
	while (more) {
		more = false;
		for (uint32_t i = 0; i < c->nr_blocks; i++) {
			struct block *b = &c->block[i];

			if (!b->changed)
				continue;
			b->changed = false;
			f = b->in;
			for (uint32_t k = 0; k < b->nr && !c->node[b->first + k].stop; k++)
				facts_step(c, &f, &c->node[b->first + k].u.in);
			n = block_after(c, b, after);
			for (uint32_t k = 0; k < n; k++)
				more |= merge(&c->block[c->block_of[after[k]]], &f);
		}
	}
}

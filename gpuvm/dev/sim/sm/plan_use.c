// SPDX-License-Identifier: MIT
/*
 * What is known, put into the instructions: constants for registers, copies' sources for copies,
 * predicates and carries that are always the same.
 *
 * Always true: the instruction does for its lanes what it did before; copies are followed only
 * inside a block.
 */
#include "gpuvm/dev/sim/sm/plan_code.h"

/* copy.of[r]: a register that holds the same as r. */
struct copies {
	uint8_t of[SM20_REG_ZERO + 1];
};

static void copies_none(struct copies *c)
{
	for (uint32_t i = 0; i <= SM20_REG_ZERO; i++)
		c->of[i] = (uint8_t)i;
}

static void copies_lose(struct copies *c, const struct sm20_insn *in)
{
	for (uint32_t r = in->dst; r < (uint32_t)in->dst + in->dst_regs && r < SM20_REG_ZERO; r++) {
		c->of[r] = (uint8_t)r;
		for (uint32_t i = 0; i < SM20_REG_ZERO; i++)
			if (c->of[i] == r)
				c->of[i] = (uint8_t)i;
	}
}

/* Operations whose handlers take a constant in each place, of 32 bits. */
static bool takes_constants(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_FADD: case SM20_FMUL: case SM20_FFMA: case SM20_FSETP: case SM20_FMNMX:
	case SM20_IADD: case SM20_IMUL: case SM20_IMAD: case SM20_SHLADD: case SM20_SHL:
	case SM20_SHR: case SM20_LOGIC: case SM20_EXT: case SM20_ISETP: case SM20_ISET:
	case SM20_SELP: case SM20_IMNMX:
		return true;
	case SM20_MOV:
		return in->lanes == 15;
	default:
		return false;
	}
}

static void operands(const struct code *c, const struct facts *f, const struct copies *copies,
		     struct sm20_insn *in)
{
	for (int j = 0; j < 3; j++) {
		struct sm20_src *s = &in->src[j];
		uint32_t v = s->kind == SM20_SRC_CONST ? bank_word(c->l, s->bank, s->off) : 0;

		if (s->regs != 1 || s->reg == SM20_REG_ZERO)
			continue;
		if (s->kind == SM20_SRC_REG && f->r[s->reg].lo == f->r[s->reg].hi)
			v = f->r[s->reg].lo;
		else if (s->kind == SM20_SRC_REG)
			s->reg = copies->of[s->reg];
		if (s->kind == SM20_SRC_CONST ||
		    (s->kind == SM20_SRC_REG && f->r[s->reg].lo == f->r[s->reg].hi))
			*s = (struct sm20_src){ .kind = SM20_SRC_IMM, .regs = 1, .imm = v,
						.neg = s->neg, .abs = s->abs, .inv = s->inv };
	}
}

/* Handlers like a constant to be the second operand. */
static void turn(struct sm20_insn *in)
{
	struct sm20_src a = in->src[0];
	uint8_t type = in->dtype;

	if (a.kind != SM20_SRC_IMM || in->src[1].kind != SM20_SRC_REG)
		return;
	switch (in->op) {
	case SM20_IADD:
		if (in->addop != SM20_ADD)
			return;
		break;
	case SM20_LOGIC:
		if (in->logic == SM20_PASS_B)
			return;
		break;
	case SM20_FADD: case SM20_FMUL: case SM20_FFMA:
		break;
	case SM20_IMUL: case SM20_IMAD:
		in->dtype = in->stype;
		in->stype = type;
		break;
	default:
		return;
	}
	in->src[0] = in->src[1];
	in->src[1] = a;
}

/* The register behind an operand that is nothing but one; SM20_REG_ZERO: it is more. */
static uint32_t plain_reg(const struct sm20_src *s)
{
	if (s->kind != SM20_SRC_REG || s->regs != 1 || s->neg || s->abs || s->inv)
		return SM20_REG_ZERO;
	return s->reg;
}

static bool is_zero(const struct code *c, const struct facts *f, const struct sm20_insn *in, int j)
{
	struct range r = facts_operand(c, f, in, j);

	return !r.lo && !r.hi;
}

/* The operand that an instruction copies; -1: it does more. */
static int copied(const struct code *c, const struct facts *f, const struct sm20_insn *in)
{
	uint8_t yes;

	switch (in->op) {
	case SM20_MOV:
		return in->lanes == 15 ? 1 : -1;
	case SM20_LOGIC:
		if (in->logic == SM20_PASS_B)
			return 1;
		if (in->logic == SM20_AND)
			return -1;
		return is_zero(c, f, in, 1) ? 0 : is_zero(c, f, in, 0) ? 1 : -1;
	case SM20_IADD:
		if (in->x || in->sat || in->addop != SM20_ADD)
			return -1;
		return is_zero(c, f, in, 1) ? 0 : is_zero(c, f, in, 0) ? 1 : -1;
	case SM20_IMAD:
		if (in->x || in->sat || in->addop != SM20_ADD)
			return -1;
		return is_zero(c, f, in, 0) || is_zero(c, f, in, 1) ? 2 : -1;
	case SM20_SHL:
	case SM20_SHR:
		return !in->x && !in->rev && is_zero(c, f, in, 1) ? 0 : -1;
	case SM20_SELP:
		yes = facts_predicate(f, &in->src[2]);
		return yes == MAYBE_YES ? 0 : yes == MAYBE_NOT ? 1 : -1;
	default:
		return -1;
	}
}

/* The carry that comes in anyway. */
static bool carry_is_usual(const struct facts *f, const struct sm20_insn *in)
{
	if (in->op != SM20_IADD && in->op != SM20_IMAD && in->op != SM20_SHLADD)
		return false;
	return f->carry == (in->addop == SM20_ADD ? MAYBE_NOT : MAYBE_YES);
}

/* An access to g[] whose high words are all the same. */
static void address(const struct facts *f, const struct copies *copies, struct node *n)
{
	struct sm20_src *s = &n->u.in.src[0];

	if (n->u.in.space != SM20_SPACE_G || !n->u.in.a64 || s->reg + 1 >= SM20_REG_ZERO ||
	    f->r[s->reg + 1].lo != f->r[s->reg + 1].hi)
		return;
	n->u.top_one = true;
	n->u.top = f->r[s->reg + 1].lo;
	s->regs = 1;
	s->reg = copies->of[s->reg];
}

static void improve(struct code *c, struct facts *f, struct copies *copies, struct node *n)
{
	struct sm20_insn *in = &n->u.in, was = *in;
	uint8_t run = facts_taken(f, in);
	uint32_t from = SM20_REG_ZERO;
	int j;

	if (run == MAYBE_NOT && !n->u.ends) {
		n->gone = true;
		return;
	}
	if (run == MAYBE_YES && !n->u.ends) {
		in->pred = SM20_PRED_TRUE;
		in->pred_not = false;
	}
	if (takes_constants(in) && !n->u.ends) {
		in->x = in->x && !carry_is_usual(f, in);
		j = run == MAYBE_YES ? copied(c, f, in) : -1;
		operands(c, f, copies, in);
		if (j >= 0)
			from = plain_reg(&in->src[j]);
		turn(in);
	} else if (in->op == SM20_LD || in->op == SM20_LDU || in->op == SM20_ST) {
		address(f, copies, n);
	}
	facts_step(c, f, &was);
	copies_lose(copies, in);
	if (from != SM20_REG_ZERO && in->dst < SM20_REG_ZERO) {
		/* Its own register: nothing changes, and it is what it was a copy of. */
		if (from == in->dst && !in->cc_write)
			n->gone = true;
		copies->of[in->dst] = (uint8_t)from;
	}
	if (run == MAYBE_YES && effect_of(in) == EFFECT_NONE && in->dst_regs == 1 && !n->u.ends &&
	    in->dst < SM20_REG_ZERO && in->pdst[0] == SM20_PRED_TRUE &&
	    in->pdst[1] == SM20_PRED_TRUE) {
		n->known = f->r[in->dst].lo == f->r[in->dst].hi;
		n->value = f->r[in->dst].lo;
	}
}

void facts_use(struct code *c)
{
	for (uint32_t i = 0; i < c->nr_blocks; i++) {
		const struct block *b = &c->block[i];
		struct facts f = b->in;
		struct copies copies;

		copies_none(&copies);
		for (uint32_t k = 0; b->reached && k < b->nr; k++) {
			struct node *n = &c->node[b->first + k];

			if (n->stop)
				break;
			if (effect_of(&n->u.in) == EFFECT_WILD)
				copies_none(&copies);
			improve(c, &f, &copies, n);
		}
	}
}

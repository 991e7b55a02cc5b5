// SPDX-License-Identifier: MIT
/*
 * From a decoded instruction to what a gang runs.
 *
 * Always true: translation never fails.  A word that is no instruction, an
 * instruction nobody implements, and one whose registers or modifiers make no
 * sense become uop_trap, which says so when it is reached: code may lie next to
 * data that is never run.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/sm/isa.h"

/* Registers a source needs for 64 bits, whatever its kind. */
static bool is_double(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_DADD: case SM20_DMUL: case SM20_DFMA: case SM20_DMNMX: case SM20_DSET:
	case SM20_DSETP:
		return true;
	case SM20_F2F: case SM20_F2I:
		return in->stype == SM20_F64;
	default:
		return false;
	}
}

/* Sign and magnitude of a float; NOT of an integer. */
static bool modifiers(struct uop *u, int j)
{
	const struct sm20_src *s = &u->in.src[j];
	bool is_float;

	u->keep[j] = ~0u;
	u->flip[j] = 0;
	if (s->kind == SM20_SRC_PRED)
		return true;
	if (s->inv)
		u->flip[j] = ~0u;
	if (!s->neg && !s->abs)
		return true;
	switch (u->in.op) {
	case SM20_FADD: case SM20_FMUL: case SM20_FFMA: case SM20_FMNMX: case SM20_FSET:
	case SM20_FSETP: case SM20_FSLCT: case SM20_PRESIN: case SM20_PREEX2: case SM20_COS:
	case SM20_SIN: case SM20_EX2: case SM20_LG2: case SM20_RCP: case SM20_RSQ:
	case SM20_RCP64H: case SM20_RSQ64H: case SM20_F2F: case SM20_F2I:
		is_float = true;
		break;
	case SM20_I2F: case SM20_I2I: /* lanes_cvt.c applies them to the number */
		return true;
	default:
		is_float = is_double(&u->in);
		break;
	}
	if (s->abs)
		u->keep[j] = 0x7fffffff;
	if (s->neg)
		u->flip[j] = 0x80000000;
	return is_float;
}

static bool sources(struct uop *u)
{
	for (int j = 0; j < 3; j++) {
		const struct sm20_src *s = &u->in.src[j];

		u->row[j] = ROW_ZERO;
		if (s->kind == SM20_SRC_REG) {
			if (s->reg != SM20_REG_ZERO && s->reg + s->regs > SM20_REG_ZERO)
				return false;
			u->row[j] = s->reg;
		} else if (s->kind == SM20_SRC_CONST) {
			if (s->bank >= SM_NR_BANKS)
				return false;
			u->uniform |= (uint8_t)(1 << j);
		} else if (s->kind == SM20_SRC_IMM) {
			u->uniform |= (uint8_t)(1 << j);
		}
		if (!modifiers(u, j))
			return false;
	}
	return true;
}

static uint32_t signs(const struct sm20_insn *in)
{
	return (in->dtype == SM20_S32 ? 1 : 0) | (in->stype == SM20_S32 ? 2 : 0);
}

/* What a handler wants to have worked out. */
static void prepare(struct uop *u)
{
	switch (u->in.op) {
	case SM20_IMUL: case SM20_IMAD:
		u->uses = signs(&u->in);
		break;
	case SM20_F2F: case SM20_I2F:
		/* Rounding to a whole number is exact afterwards. */
		u->uses = u->in.rint ? 0 : u->in.rnd;
		break;
	default:
		break;
	}
}

static uop_fn select_handler(enum sm_isa isa, struct uop *u)
{
	static uop_fn (*const table[])(const struct sm20_insn *) = {
		flow_select, flow_select_plain, atomic_select, tex_select, surf_select,
		special_select,
	};
	uop_fn fn = lanes_select(isa, &u->in);

	for (size_t i = 0; !fn && i < ARRAY_SIZE(table); i++)
		fn = table[i](&u->in);
	u->ends = fn && fn == flow_select(&u->in);
	return fn;
}

void translate(enum sm_isa isa, struct uop *u, uint64_t raw, uint32_t pc)
{
	if (sm20_decode(raw, pc, &u->in))
		u->in = (struct sm20_insn){ .raw = raw, .pc = pc };
	translate_decoded(isa, u);
}

void translate_decoded(enum sm_isa isa, struct uop *u)
{
	const struct sm20_insn in = u->in;

	*u = (struct uop){ .fn = uop_trap, .pred = SM20_PRED_TRUE, .ends = true, .d = ROW_SINK,
			   .weight = 1, .in = in };
	if (!in.op)
		return;
	u->pred = u->in.pred;
	u->pred_not = u->in.pred_not;
	if (u->in.dst != SM20_REG_ZERO) {
		if (u->in.dst + u->in.dst_regs > SM20_REG_ZERO)
			return;
		u->d = u->in.dst;
	}
	if (!sources(u))
		return;
	prepare(u);
	u->fn = select_handler(isa, u);
	if (!u->fn) {
		u->fn = uop_trap;
		u->ends = true;
	} else if (u->in.join && !u->ends) {
		/* The wait comes after the work. */
		u->work = u->fn;
		u->fn = flow_join;
		u->ends = true;
	}
}

// SPDX-License-Identifier: MIT
/*
 * One field of an sm_20 instruction: bits to meaning and back.
 *
 * Every get names the bits it used, so that the decoder can refuse words with others set; every
 * put is the exact inverse of its get.  Bit positions: envytools envydis/gf100.c.
 */
#include "gpuvm/fermi/sm20_table.h"

#include <errno.h>
#include <string.h>

#define CONST_OFF_POS 28 /* in words */
#define CONST_BANK_POS 42
#define CONST_BANK4_POS 26
#define MODE_POS 46
#define SRC2_POS 26
#define SRC3_POS 49
#define WIDE_POS 58 /* 64-bit address */

enum { MODE_REG, MODE_CONST, MODE_CONST3, MODE_IMM };

static uint64_t take(uint64_t raw, unsigned int pos, unsigned int width, uint64_t *seen)
{
	*seen |= ((1ull << width) - 1) << pos;
	return sm20_bits(raw, pos, width);
}

static int64_t sext(uint64_t v, unsigned int width)
{
	uint64_t sign = 1ull << (width - 1);

	return (int64_t)((v ^ sign) - sign);
}

static int place(uint64_t *raw, uint64_t v, unsigned int pos, unsigned int width)
{
	if (v >> width)
		return -EINVAL;
	*raw |= v << pos;
	return 0;
}

static int place_signed(uint64_t *raw, int64_t v, unsigned int pos, unsigned int width)
{
	if (sext((uint64_t)v & ((1ull << width) - 1), width) != v)
		return -EINVAL;
	*raw |= ((uint64_t)v & ((1ull << width) - 1)) << pos;
	return 0;
}

static bool is_wide(unsigned int type)
{
	return type == SM20_U64 || type == SM20_S64 || type == SM20_F64 || type == SM20_B64;
}

unsigned int sm20_flavour(const struct sm20_insn *in, const struct sm20_field *f,
			  unsigned int *regs)
{
	*regs = f->regs ? f->regs : 1;
	if (f->val != SM20_B_CVT)
		return f->val;
	*regs = is_wide(in->stype) ? 2 : 1;
	return in->stype == SM20_F64 ? SM20_B_F64 : in->stype == SM20_F32 ? SM20_B_F32 : SM20_B_INT;
}

static unsigned int ones(unsigned int mask)
{
	return (unsigned int)__builtin_popcount(mask);
}

/* Coordinates, with one more for array index or texture handle (they share a register). */
static unsigned int tex_a(const struct sm20_insn *in)
{
	static const uint8_t coords[4] = { 1, 2, 3, 3 };
	unsigned int n = coords[in->tex.dim & 3] + (in->tex.array || in->tex.indirect);

	return n + (in->op == SM20_TXD && in->tex.offset);
}

/* What follows the coordinates: level or bias, offsets, sample, depth to compare with. */
static unsigned int tex_b(const struct sm20_insn *in)
{
	const struct sm20_tex *t = &in->tex;

	switch (in->op) {
	case SM20_TEX:
		return (t->lod & 2 ? 1 : 0) + t->offset + t->shadow;
	case SM20_TLD:
		return (t->lod == SM20_LOD_LEVEL) + t->offset + t->ms;
	case SM20_TLD4:
		return t->offset + 2 * t->offset8 + t->shadow;
	case SM20_TXD:
		return t->dim == SM20_TEX_1D ? 2 : 4;
	default:
		return 0;
	}
}

unsigned int sm20_regs(const struct sm20_insn *in, const struct sm20_field *f)
{
	switch (f->regs) {
	case SM20_N_MEM:
		return in->dtype == SM20_B128 ? 4 : is_wide(in->dtype) ? 2 : 1;
	case SM20_N_SU:
		return in->sudim == SM20_SU_1D ? 1 : in->sudim == SM20_SU_2D ? 2 : 3;
	case SM20_N_MASK:
		return ones(in->mask);
	case SM20_N_TEXD:
		return ones(in->tex.mask);
	case SM20_N_TEXA:
		return tex_a(in);
	case SM20_N_TEXB:
		return tex_b(in);
	default:
		return f->regs;
	}
}

/* ---- modifiers ---------------------------------------------------------------------- */

static int get_enum(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in, uint64_t *seen)
{
	unsigned int v = (unsigned int)take(raw, f->pos, f->width, seen);

	if (f->alt) /* a sign bit elsewhere stands above the others */
		v |= (unsigned int)take(raw, f->alt, 1, seen) << f->width;
	if (!f->names[v])
		return -EILSEQ;
	*sm20_byte(in, f) = f->map ? f->map[v] : (uint8_t)v;
	return 0;
}

static int put_enum(const struct sm20_field *f, const struct sm20_insn *in, uint64_t *raw)
{
	unsigned int n = 1u << (f->width + (f->alt != 0)), v;
	uint8_t want = ((const uint8_t *)in)[f->off];

	for (v = 0; v < n; v++)
		if (f->names[v] && (f->map ? f->map[v] : v) == want)
			break;
	if (v == n)
		return -EINVAL;
	if (f->alt && v >> f->width)
		*raw |= 1ull << f->alt;
	return place(raw, v & ((1u << f->width) - 1), f->pos, f->width);
}

/* Bytes are picked by bits 55-56, halves by bit 56 alone; wider sources have no choice. */
static unsigned int sel_width(const struct sm20_insn *in)
{
	switch (in->stype) {
	case SM20_U8:
	case SM20_S8:
		return 2;
	case SM20_U16:
	case SM20_S16:
	case SM20_F16:
		return 1;
	default:
		return 0;
	}
}

/* ---- operands ----------------------------------------------------------------------- */

static void get_mods(const struct sm20_field *f, uint64_t raw, struct sm20_src *s, uint64_t *seen)
{
	s->neg = f->neg && take(raw, f->neg, 1, seen);
	s->abs = f->abs && take(raw, f->abs, 1, seen);
	s->inv = f->inv && take(raw, f->inv, 1, seen);
}

static int put_mods(const struct sm20_field *f, const struct sm20_src *s, uint64_t *raw)
{
	if ((s->neg && !f->neg) || (s->abs && !f->abs) || (s->inv && !f->inv))
		return -EINVAL;
	*raw |= ((uint64_t)s->neg << f->neg) * (f->neg != 0);
	*raw |= ((uint64_t)s->abs << f->abs) * (f->abs != 0);
	*raw |= ((uint64_t)s->inv << f->inv) * (f->inv != 0);
	return 0;
}

static void get_reg(struct sm20_src *s, uint64_t raw, unsigned int pos, unsigned int regs,
		    uint64_t *seen)
{
	s->kind = SM20_SRC_REG;
	s->reg = (uint8_t)take(raw, pos, 6, seen);
	s->regs = (uint8_t)regs;
}

static void get_const(struct sm20_src *s, uint64_t raw, unsigned int regs, uint64_t *seen)
{
	s->kind = SM20_SRC_CONST;
	s->off = (uint32_t)take(raw, CONST_OFF_POS, 14, seen) * 4;
	s->bank = (uint8_t)(take(raw, CONST_BANK_POS, 4, seen) |
			    take(raw, CONST_BANK4_POS, 1, seen) << 4);
	s->regs = (uint8_t)regs;
}

static int put_const(const struct sm20_src *s, uint64_t *raw)
{
	if (s->off & 3 || place(raw, s->off / 4, CONST_OFF_POS, 14) || s->bank > 31)
		return -EINVAL;
	*raw |= (uint64_t)(s->bank & 15) << CONST_BANK_POS;
	*raw |= (uint64_t)(s->bank >> 4) << CONST_BANK4_POS;
	return 0;
}

static uint64_t imm_read(uint64_t bits, unsigned int flavour)
{
	return flavour == SM20_B_F32 ? bits << 12 : flavour == SM20_B_F64 ? bits << 44 :
	       (uint64_t)sext(bits, 20);
}

static int put_imm(uint64_t v, unsigned int flavour, uint64_t *raw)
{
	unsigned int low = flavour == SM20_B_F32 ? 12 : 44;

	if (flavour == SM20_B_INT)
		return place_signed(raw, (int64_t)v, SRC2_POS, 20);
	if (v & ((1ull << low) - 1))
		return -EINVAL;
	return place(raw, v >> low, SRC2_POS, 20);
}

static int get_b(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in, uint64_t *seen)
{
	struct sm20_src *s = &in->src[f->slot];
	unsigned int regs, flavour = sm20_flavour(in, f, &regs);

	get_mods(f, raw, s, seen);
	switch (take(raw, MODE_POS, 2, seen)) {
	case MODE_REG:
		get_reg(s, raw, SRC2_POS, regs, seen);
		return 0;
	case MODE_CONST:
		get_const(s, raw, regs, seen);
		return 0;
	case MODE_CONST3:
		if (!f->w3)
			return -EILSEQ;
		get_reg(s, raw, SRC3_POS, regs, seen);
		return 0;
	default:
		s->kind = SM20_SRC_IMM;
		s->regs = (uint8_t)regs;
		s->imm = imm_read(take(raw, SRC2_POS, 20, seen), flavour);
		return 0;
	}
}

static int put_b(const struct sm20_field *f, const struct sm20_insn *in, uint64_t *raw)
{
	const struct sm20_src *s = &in->src[f->slot];
	unsigned int regs, flavour = sm20_flavour(in, f, &regs);
	bool c3 = f->w3 && in->src[2].kind == SM20_SRC_CONST;

	if (put_mods(f, s, raw) || (c3 && s->kind != SM20_SRC_REG))
		return -EINVAL;
	switch (s->kind) {
	case SM20_SRC_REG:
		return place(raw, s->reg, c3 ? SRC3_POS : SRC2_POS, 6);
	case SM20_SRC_CONST:
		*raw |= (uint64_t)MODE_CONST << MODE_POS;
		return put_const(s, raw);
	case SM20_SRC_IMM:
		*raw |= (uint64_t)MODE_IMM << MODE_POS;
		return put_imm(s->imm, flavour, raw);
	default:
		return -EINVAL;
	}
}

static void get_c(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in, uint64_t *seen)
{
	struct sm20_src *s = &in->src[f->slot];

	get_mods(f, raw, s, seen);
	if (take(raw, MODE_POS, 2, seen) == MODE_CONST3)
		get_const(s, raw, f->regs, seen);
	else
		get_reg(s, raw, SRC3_POS, f->regs, seen);
}

static int put_c(const struct sm20_field *f, const struct sm20_insn *in, uint64_t *raw)
{
	const struct sm20_src *s = &in->src[f->slot];

	if (put_mods(f, s, raw))
		return -EINVAL;
	if (s->kind == SM20_SRC_REG)
		return place(raw, s->reg, SRC3_POS, 6);
	if (s->kind != SM20_SRC_CONST)
		return -EINVAL;
	*raw |= (uint64_t)MODE_CONST3 << MODE_POS;
	return put_const(s, raw);
}

static void get_mem(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in, uint64_t *seen)
{
	static const uint8_t space[] = {
		[SM20_M_G] = SM20_SPACE_G, [SM20_M_ATOM] = SM20_SPACE_G,
		[SM20_M_CCTL] = SM20_SPACE_G, [SM20_M_L] = SM20_SPACE_L,
		[SM20_M_S] = SM20_SPACE_S, [SM20_M_C] = SM20_SPACE_C,
	};
	uint64_t v;

	in->space = space[f->val];
	if (in->space == SM20_SPACE_G)
		in->a64 = take(raw, WIDE_POS, 1, seen);
	get_reg(&in->src[0], raw, 20, in->a64 ? 2 : 1, seen);
	switch (f->val) {
	case SM20_M_G:
		in->offset = (int32_t)take(raw, 26, 32, seen);
		break;
	case SM20_M_ATOM:
		v = take(raw, 26, 17, seen);
		v |= take(raw, 55, 3, seen) << 17;
		in->offset = (int32_t)sext(v, 20);
		break;
	case SM20_M_CCTL:
		in->offset = (int32_t)(uint32_t)(take(raw, 28, 30, seen) << 2);
		break;
	case SM20_M_C:
		in->offset = (int32_t)sext(take(raw, 26, 16, seen), 16);
		in->bank = (uint8_t)take(raw, CONST_BANK_POS, 5, seen);
		break;
	default:
		in->offset = (int32_t)sext(take(raw, 26, 24, seen), 24);
		break;
	}
}

static int put_mem(const struct sm20_field *f, const struct sm20_insn *in, uint64_t *raw)
{
	if (in->src[0].kind != SM20_SRC_REG || place(raw, in->src[0].reg, 20, 6))
		return -EINVAL;
	if (in->a64) {
		if (in->space != SM20_SPACE_G)
			return -EINVAL;
		*raw |= 1ull << WIDE_POS;
	}
	switch (f->val) {
	case SM20_M_G:
		return place(raw, (uint32_t)in->offset, 26, 32);
	case SM20_M_ATOM:
		if (in->offset < -0x80000 || in->offset > 0x7ffff)
			return -EINVAL;
		*raw |= ((uint64_t)in->offset & 0x1ffff) << 26;
		*raw |= ((uint64_t)in->offset >> 17 & 7) << 55;
		return 0;
	case SM20_M_CCTL:
		if (in->offset & 3)
			return -EINVAL;
		return place(raw, (uint32_t)in->offset >> 2, 28, 30);
	case SM20_M_C:
		if (place(raw, in->bank, CONST_BANK_POS, 5))
			return -EINVAL;
		return place_signed(raw, in->offset, 26, 16);
	default:
		return place_signed(raw, in->offset, 26, 24);
	}
}

static void get_regimm(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in,
		       uint64_t *seen)
{
	struct sm20_src *s = &in->src[f->slot];

	if (!take(raw, f->alt, 1, seen)) {
		get_reg(s, raw, f->pos, 1, seen);
		return;
	}
	s->kind = SM20_SRC_IMM;
	s->imm = take(raw, f->pos, f->width, seen);
}

static void get_ctarget(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in,
			uint64_t *seen)
{
	in->tkind = SM20_TARGET_CONST;
	in->target = f->val ? in->pc + SM20_INSN_BYTES : 0;
	if (in->op == SM20_BRX)
		get_reg(&in->src[0], raw, 20, 1, seen);
	in->src[1].kind = SM20_SRC_CONST;
	in->src[1].regs = 1;
	in->src[1].off = (uint32_t)sext(take(raw, 26, 16, seen), 16);
	in->src[1].bank = (uint8_t)take(raw, CONST_BANK_POS, 5, seen);
}

static int put_ctarget(const struct sm20_insn *in, uint64_t *raw)
{
	if (in->src[1].kind != SM20_SRC_CONST || place(raw, in->src[1].bank, CONST_BANK_POS, 5))
		return -EINVAL;
	if (in->op == SM20_BRX && place(raw, in->src[0].reg, 20, 6))
		return -EINVAL;
	return place_signed(raw, (int32_t)in->src[1].off, 26, 16);
}

static void get_target(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in,
		       uint64_t *seen)
{
	uint64_t v = take(raw, f->pos, f->width, seen);

	in->tkind = in->op == SM20_BRX ? SM20_TARGET_REG : SM20_TARGET_CODE;
	in->target = f->kind == SM20_K_ABS ? (uint32_t)v :
		     in->pc + SM20_INSN_BYTES + (uint32_t)sext(v, f->width);
}

/* There is no 3D array, no gather with both kinds of offset, no TXD beyond 2D. */
static bool tex_exists(const struct sm20_insn *in)
{
	const struct sm20_tex *t = &in->tex;

	return tex_a(in) <= 4 && !(t->dim == SM20_TEX_3D && t->array) &&
	       !(t->offset && t->offset8) && !(in->op == SM20_TXD && t->dim > SM20_TEX_2D);
}

/* ---- by kind ------------------------------------------------------------------------ */

static int get_operand(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in,
		       uint64_t *seen)
{
	struct sm20_src *s = &in->src[f->slot];

	switch (f->kind) {
	case SM20_K_DST:
		in->dst = (uint8_t)take(raw, f->pos, f->width, seen);
		in->dst_regs = (uint8_t)sm20_regs(in, f);
		return 0;
	case SM20_K_PDST:
		in->pdst[f->slot] = (uint8_t)take(raw, f->pos, f->width, seen);
		return 0;
	case SM20_K_REG:
		get_mods(f, raw, s, seen);
		get_reg(s, raw, f->pos, sm20_regs(in, f), seen);
		return f->regs == SM20_N_TEXA && !tex_exists(in) ? -EILSEQ : 0;
	case SM20_K_LIMM:
		get_mods(f, raw, s, seen);
		s->kind = SM20_SRC_IMM;
		s->regs = 1;
		s->imm = take(raw, f->pos, f->width, seen);
		return 0;
	case SM20_K_PRED:
		s->kind = SM20_SRC_PRED;
		s->reg = (uint8_t)take(raw, f->pos, f->width, seen);
		s->inv = take(raw, f->inv, 1, seen);
		return 0;
	case SM20_K_INT:
		s->kind = SM20_SRC_IMM;
		s->imm = take(raw, f->pos, f->width, seen);
		return 0;
	case SM20_K_NUM:
		*sm20_byte(in, f) = (uint8_t)take(raw, f->pos, f->width, seen);
		return 0;
	case SM20_K_SREG:
		s->kind = SM20_SRC_SPECIAL;
		s->reg = (uint8_t)take(raw, f->pos, f->width, seen);
		return 0;
	default:
		return -EILSEQ;
	}
}

int sm20_field_get(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in, uint64_t *seen)
{
	switch (f->kind) {
	case SM20_K_FLAG:
		*sm20_byte(in, f) = (uint8_t)take(raw, f->pos, 1, seen);
		return 0;
	case SM20_K_ENUM:
		return get_enum(f, raw, in, seen);
	case SM20_K_FIXED:
		*sm20_byte(in, f) = f->val;
		return 0;
	case SM20_K_SEL:
		if (sel_width(in))
			in->sel = (uint8_t)take(raw, 57 - sel_width(in), sel_width(in), seen);
		return 0;
	case SM20_K_B:
		return get_b(f, raw, in, seen);
	case SM20_K_C:
		get_c(f, raw, in, seen);
		return 0;
	case SM20_K_MEM:
		get_mem(f, raw, in, seen);
		return 0;
	case SM20_K_REGIMM:
		get_regimm(f, raw, in, seen);
		return 0;
	case SM20_K_CTGT:
		get_ctarget(f, raw, in, seen);
		return 0;
	case SM20_K_REL:
	case SM20_K_ABS:
		get_target(f, raw, in, seen);
		return 0;
	default:
		return get_operand(f, raw, in, seen);
	}
}

static int put_operand(const struct sm20_field *f, const struct sm20_insn *in, uint64_t *raw)
{
	const struct sm20_src *s = &in->src[f->slot];

	switch (f->kind) {
	case SM20_K_DST:
		return place(raw, in->dst, f->pos, f->width);
	case SM20_K_PDST:
		return place(raw, in->pdst[f->slot], f->pos, f->width);
	case SM20_K_REG:
		/* Two fields may share these bits (c of the long forms is d): they must agree. */
		if (put_mods(f, s, raw) || s->kind != SM20_SRC_REG ||
		    (f->pos == 14 && f->slot == 2 && in->dst_regs && in->dst != s->reg))
			return -EINVAL;
		return place(raw, s->reg, f->pos, f->width);
	case SM20_K_LIMM:
		return put_mods(f, s, raw) ? -EINVAL : place(raw, s->imm, f->pos, f->width);
	case SM20_K_PRED:
		*raw |= (uint64_t)s->inv << f->inv;
		return s->kind != SM20_SRC_PRED ? -EINVAL : place(raw, s->reg, f->pos, f->width);
	case SM20_K_INT:
		return s->kind != SM20_SRC_IMM ? -EINVAL : place(raw, s->imm, f->pos, f->width);
	case SM20_K_NUM:
		return place(raw, ((const uint8_t *)in)[f->off], f->pos, f->width);
	case SM20_K_REGIMM:
		if (s->kind == SM20_SRC_REG)
			return place(raw, s->reg, f->pos, 6);
		*raw |= 1ull << f->alt;
		return s->kind != SM20_SRC_IMM ? -EINVAL : place(raw, s->imm, f->pos, f->width);
	case SM20_K_SREG:
		return s->kind != SM20_SRC_SPECIAL ? -EINVAL : place(raw, s->reg, f->pos, f->width);
	default:
		return -EINVAL;
	}
}

int sm20_field_put(const struct sm20_field *f, const struct sm20_insn *in, uint64_t *raw)
{
	switch (f->kind) {
	case SM20_K_FLAG:
		return place(raw, ((const uint8_t *)in)[f->off], f->pos, 1);
	case SM20_K_ENUM:
		return put_enum(f, in, raw);
	case SM20_K_FIXED:
		return ((const uint8_t *)in)[f->off] == f->val ? 0 : -EINVAL;
	case SM20_K_SEL:
		return place(raw, in->sel, 57 - sel_width(in), sel_width(in));
	case SM20_K_B:
		return put_b(f, in, raw);
	case SM20_K_C:
		return put_c(f, in, raw);
	case SM20_K_MEM:
		return put_mem(f, in, raw);
	case SM20_K_CTGT:
		return put_ctarget(in, raw);
	case SM20_K_REL:
		return place_signed(raw, (int32_t)(in->target - in->pc - SM20_INSN_BYTES), f->pos,
				    f->width);
	case SM20_K_ABS:
		return place(raw, in->target, f->pos, f->width);
	default:
		return put_operand(f, in, raw);
	}
}

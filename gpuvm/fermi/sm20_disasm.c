// SPDX-License-Identifier: MIT
/*
 * sm_20 instructions as text (syntax: docs/sm20-asm.md).
 *
 * What is printed says everything: the assembler makes the same word of it.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/fermi/sm20_table.h"

struct text {
	char *buf;
	size_t n, at;
};

static __attribute__((format(printf, 2, 3))) void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int len;

	if (t->at + 1 >= t->n)
		return;
	va_start(ap, fmt);
	len = vsnprintf(t->buf + t->at, t->n - t->at, fmt, ap);
	va_end(ap);
	if (len > 0)
		t->at += (size_t)len < t->n - t->at ? (size_t)len : t->n - t->at - 1;
}

static void say_number(struct text *t, int64_t v)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

	say(t, u < 10 ? "%s%" PRIu64 : "%s0x%" PRIx64, v < 0 ? "-" : "", u);
}

/* One register, or a letter for how many from it upwards. */
static void say_reg(struct text *t, unsigned int reg, unsigned int regs)
{
	static const char *const suffix[] = { "e", "", "d", "t", "q" };

	if (reg == SM20_REG_ZERO)
		say(t, "rz%s", suffix[regs]);
	else
		say(t, "r%u%s", reg, suffix[regs]);
}

static void say_pred(struct text *t, unsigned int pred, bool inv)
{
	if (pred == SM20_PRED_TRUE)
		say(t, "%spt", inv ? "!" : "");
	else
		say(t, "%sp%u", inv ? "!" : "", pred);
}

/* Decimal if that gives the same bits back, else the bits. */
static void say_float(struct text *t, uint32_t bits)
{
	char s[32];
	uint32_t back;
	float f;

	memcpy(&f, &bits, sizeof(f));
	snprintf(s, sizeof(s), "%.9g", (double)f);
	if (!strpbrk(s, ".en"))
		strcat(s, ".0");
	f = strtof(s, NULL);
	memcpy(&back, &f, sizeof(back));
	if (isfinite(f) && back == bits)
		say(t, "%s", s);
	else
		say(t, "0f%08x", bits);
}

static void say_double(struct text *t, uint64_t bits)
{
	char s[40];
	uint64_t back;
	double d;

	memcpy(&d, &bits, sizeof(d));
	snprintf(s, sizeof(s), "%.17g", d);
	if (!strpbrk(s, ".en"))
		strcat(s, ".0");
	d = strtod(s, NULL);
	memcpy(&back, &d, sizeof(back));
	if (isfinite(d) && back == bits)
		say(t, "%s", s);
	else
		say(t, "0d%016" PRIx64, bits);
}

static void say_imm(struct text *t, const struct sm20_src *s, unsigned int flavour)
{
	if (flavour == SM20_B_F32)
		say_float(t, (uint32_t)s->imm);
	else if (flavour == SM20_B_F64)
		say_double(t, s->imm);
	else
		say_number(t, (int64_t)s->imm);
}

/* A sign of an immediate is spelled out, for the value may have one of its own. */
static void say_src(struct text *t, const struct sm20_src *s, unsigned int flavour)
{
	bool imm = s->kind == SM20_SRC_IMM;

	say(t, "%s%s%s", s->inv ? "~" : "", s->neg ? imm ? "neg(" : "-" : "",
	    s->abs ? imm ? "abs(" : "|" : "");
	if (s->kind == SM20_SRC_REG)
		say_reg(t, s->reg, s->regs);
	else if (s->kind == SM20_SRC_CONST)
		say(t, "c%u[0x%x]", s->bank, s->off);
	else
		say_imm(t, s, flavour);
	say(t, "%s%s", s->abs ? imm ? ")" : "|" : "", s->neg && imm ? ")" : "");
}

static void say_address(struct text *t, const struct sm20_src *s, int32_t off)
{
	bool reg = s->kind == SM20_SRC_REG && (s->reg != SM20_REG_ZERO || s->regs != 1);

	if (reg)
		say_reg(t, s->reg, s->regs);
	if (reg && off > 0)
		say(t, "+");
	if (!reg || off)
		say_number(t, off);
}

static void say_mem(struct text *t, const struct sm20_insn *in)
{
	static const char spaces[] = { '?', 'g', 'l', 's', 'c' };

	say(t, "%c", spaces[in->space]);
	if (in->space == SM20_SPACE_C)
		say(t, "%u", in->bank);
	say(t, "[");
	say_address(t, &in->src[0], in->offset);
	say(t, "]");
}

static void say_operand(struct text *t, const struct sm20_field *f, const struct sm20_insn *in)
{
	const struct sm20_src *s = &in->src[f->slot];
	unsigned int regs;

	switch (f->kind) {
	case SM20_K_DST:
		say_reg(t, in->dst, in->dst_regs);
		break;
	case SM20_K_PDST:
		say_pred(t, in->pdst[f->slot], false);
		break;
	case SM20_K_PRED:
		say_pred(t, s->reg, s->inv);
		break;
	case SM20_K_B:
		say_src(t, s, sm20_flavour(in, f, &regs));
		break;
	case SM20_K_NUM:
		if (f->alt)
			say(t, "%c%u", f->alt, ((const uint8_t *)in)[f->off]);
		else
			say_number(t, ((const uint8_t *)in)[f->off]);
		break;
	case SM20_K_SREG:
		if (sm20_sreg_names[s->reg])
			say(t, "%%%s", sm20_sreg_names[s->reg]);
		else
			say(t, "%%sr%u", s->reg);
		break;
	case SM20_K_MEM:
		say_mem(t, in);
		break;
	case SM20_K_REL:
	case SM20_K_ABS:
		say(t, "0x%x", in->target);
		break;
	case SM20_K_CTGT:
		say(t, "c%u[", in->src[1].bank);
		say_address(t, &in->src[0], (int32_t)in->src[1].off);
		say(t, "]");
		break;
	default:
		say_src(t, s, f->val);
		break;
	}
}

static void say_modifier(struct text *t, const struct sm20_field *f, const struct sm20_insn *in)
{
	uint8_t v = ((const uint8_t *)in)[f->off];

	if (f->kind == SM20_K_SEL) {
		if (v)
			say(t, ".sel%u", v);
	} else if (f->kind == SM20_K_FIXED) {
		say(t, ".%s", f->name);
	} else if (f->kind == SM20_K_FLAG) {
		if (v)
			say(t, ".%s", f->name);
	} else {
		for (unsigned int i = 0; i < 1u << (f->width + (f->alt != 0)); i++) {
			if (!f->names[i] || (f->map ? f->map[i] : i) != v)
				continue;
			if (*f->names[i])
				say(t, ".%s", f->names[i]);
			return;
		}
	}
}

static bool omitted(const struct sm20_field *f, const struct sm20_insn *in)
{
	const struct sm20_src *s = &in->src[f->slot];

	return f->kind == SM20_K_PRED && f->optional && s->reg == SM20_PRED_TRUE && !s->inv;
}

void sm20_disasm(const struct sm20_insn *in, char *buf, size_t n)
{
	struct text t = { .buf = buf, .n = n };
	const char *sep = " ";

	if (!n)
		return;
	buf[0] = 0;
	if (!sm20_op_name(in->op) || in->row >= sm20_nr_rows || sm20_rows[in->row].op != in->op) {
		say(&t, ".word 0x%016" PRIx64, in->raw);
		return;
	}
	if (in->pred != SM20_PRED_TRUE || in->pred_not) {
		say(&t, "@");
		say_pred(&t, in->pred, in->pred_not);
		say(&t, " ");
	}
	say(&t, "%s%s", sm20_op_name(in->op), in->join ? ".join" : "");
	for (const uint8_t *f = sm20_rows[in->row].fields; *f; f++) {
		if (sm20_field_is_modifier(&sm20_fields[*f])) {
			say_modifier(&t, &sm20_fields[*f], in);
		} else if (!omitted(&sm20_fields[*f], in)) {
			say(&t, "%s", sep);
			say_operand(&t, &sm20_fields[*f], in);
			sep = ", ";
		}
	}
}

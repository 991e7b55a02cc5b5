// SPDX-License-Identifier: MIT
/*
 * Operands of sm_20 assembler text.
 *
 * Takes what sm20_disasm prints and a little more; a text is taken whole or refused with a reason.
 * Whether a value fits its field is the encoder's to say.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/fermi/sm20_table.h"

#define OPERAND_MAX 96

struct why {
	char *msg;
	size_t n;
};

static __attribute__((format(printf, 2, 3))) int refuse(const struct why *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->msg, w->n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

bool sm20_parse_number(const char *text, int64_t *v)
{
	bool neg = *text == '-';
	const char *p = text + neg;
	char *end;

	/* strtoull takes signs and spaces of its own: only a digit may follow. */
	if (*p < '0' || *p > '9')
		return false;
	errno = 0;
	*v = (int64_t)strtoull(p, &end, p[0] == '0' && (p[1] == 'x' || p[1] == 'X') ? 16 : 10);
	if (errno || *end)
		return false;
	if (neg)
		*v = (int64_t)-(uint64_t)*v;
	return true;
}

/* rN or rz with the letter for the count. */
static int parse_reg(const char *p, unsigned int regs, uint8_t *reg, const struct why *w)
{
	static const char *const suffix[] = { "e", "", "d", "t", "q" };
	static const char *const counts[] = {
		"an empty vector belongs", "one register belongs", "more registers belong",
	};
	unsigned long v;
	char *end;

	if (p[0] == 'r' && p[1] == 'z') {
		v = SM20_REG_ZERO;
		end = (char *)p + 2;
	} else if (p[0] == 'r' && p[1] >= '0' && p[1] <= '9') {
		v = strtoul(p + 1, &end, 10);
	} else {
		return refuse(w, "'%s' is no register", p);
	}
	if (v > SM20_REG_ZERO)
		return refuse(w, "'%s': registers are r0 to r62 and rz", p);
	if (strcmp(end, suffix[regs]))
		return refuse(w, "'%s': %s here: r%lu%s", p, counts[regs > 1 ? 2 : regs], v,
			      suffix[regs]);
	*reg = (uint8_t)v;
	return 0;
}

static int parse_pred(const char *p, bool may_invert, uint8_t *pred, bool *inv, const struct why *w)
{
	const char *t = p;

	*inv = *t == '!';
	t += *inv;
	if (t[0] != 'p' || !t[1] || t[2] || (t[1] != 't' && (t[1] < '0' || t[1] > '7')))
		return refuse(w, "'%s' is no predicate", p);
	if (*inv && !may_invert)
		return refuse(w, "'%s': nothing can be inverted here", p);
	*pred = t[1] == 't' ? SM20_PRED_TRUE : (uint8_t)(t[1] - '0');
	return 0;
}

static bool parse_hex(const char *p, size_t digits, uint64_t *v)
{
	char *end;

	if (strlen(p) != digits || strspn(p, "0123456789abcdefABCDEF") != digits)
		return false;
	*v = strtoull(p, &end, 16);
	return true;
}

/* Decimal is the value, hex the bits. */
static bool parse_float(const char *p, unsigned int flavour, uint64_t *v)
{
	bool single = flavour == SM20_B_F32, neg = *p == '-';
	uint32_t bits;
	int64_t n;
	char *end;
	double d;
	float f;

	if (p[0] == '0' && p[1] == (single ? 'f' : 'd'))
		return parse_hex(p + 2, single ? 8 : 16, v);
	if (p[0] == '0' && p[1] == 'x') {
		*v = sm20_parse_number(p, &n) ? (uint64_t)n : 0;
		return sm20_parse_number(p, &n) && !(single && *v >> 32);
	}
	if ((p[neg] < '0' || p[neg] > '9') && p[neg] != '.')
		return false;
	if (single) {
		f = strtof(p, &end);
		memcpy(&bits, &f, sizeof(bits));
		*v = bits;
	} else {
		d = strtod(p, &end);
		memcpy(v, &d, sizeof(d));
	}
	return !*end;
}

/* 32-bit integers may be written unsigned or signed; the fields hold them sign extended. */
static bool parse_int(const char *p, unsigned int regs, uint64_t *v)
{
	int64_t n;

	if (!sm20_parse_number(p, &n))
		return false;
	if (regs < 2 && n > INT32_MAX && n <= UINT32_MAX)
		n = (int32_t)(uint32_t)n;
	*v = (uint64_t)n;
	return true;
}

static int parse_imm(const char *p, unsigned int flavour, unsigned int regs, uint64_t *v,
		     const struct why *w)
{
	if (flavour == SM20_B_INT ? parse_int(p, regs, v) : parse_float(p, flavour, v))
		return 0;
	return refuse(w, "'%s' is no %s", p, flavour == SM20_B_INT ? "register, c[] or number" :
		      "register, c[] or float");
}

/* "cN[inner]" -> bank, inner in buf. */
static bool split_const(const char *p, uint8_t *bank, char *buf, size_t n)
{
	unsigned long v;
	size_t len;
	char *end;

	if (p[0] != 'c' || p[1] < '0' || p[1] > '9')
		return false;
	v = strtoul(p + 1, &end, 10);
	len = strlen(end);
	if (v > 31 || *end != '[' || len < 3 || end[len - 1] != ']' || len - 1 > n)
		return false;
	*bank = (uint8_t)v;
	memcpy(buf, end + 1, len - 2);
	buf[len - 2] = 0;
	return true;
}

static int parse_const(const char *p, unsigned int regs, struct sm20_src *s, const struct why *w)
{
	char inner[OPERAND_MAX];
	int64_t off;

	if (!split_const(p, &s->bank, inner, sizeof(inner)) || !sm20_parse_number(inner, &off) ||
	    off < 0 || off > UINT16_MAX)
		return refuse(w, "'%s': constants are c<bank>[<offset>]", p);
	s->kind = SM20_SRC_CONST;
	s->regs = (uint8_t)regs;
	s->off = (uint32_t)off;
	return 0;
}

/* Takes `open` off the front and `close` off the end if both are there. */
static bool strip(char **p, const char *open, const char *close)
{
	size_t len = strlen(*p), no = strlen(open), nc = strlen(close);

	if (len < no + nc || strncmp(*p, open, no) || strcmp(*p + len - nc, close))
		return false;
	(*p)[len - nc] = 0;
	*p += no;
	return true;
}

static int parse_mods(const struct sm20_field *f, char **p, struct sm20_src *s, const struct why *w)
{
	const char *all = *p;

	s->inv = strip(p, "~", "");
	s->neg = strip(p, "neg(", ")") ||
		 ((*p)[0] == '-' && strchr("rc|", (*p)[1] ? (*p)[1] : ' ') && strip(p, "-", ""));
	s->abs = strip(p, "abs(", ")") || strip(p, "|", "|");
	if ((s->inv && !f->inv) || (s->neg && !f->neg) || (s->abs && !f->abs))
		return refuse(w, "'%s': this operand has no such sign", all);
	return 0;
}

static int parse_src(const struct sm20_field *f, const char *text, struct sm20_insn *in,
		     const struct why *w)
{
	struct sm20_src *s = &in->src[f->slot];
	unsigned int regs = sm20_regs(in, f), flavour = f->val;
	char buf[OPERAND_MAX], *p = buf;

	snprintf(buf, sizeof(buf), "%s", text);
	if (f->kind == SM20_K_B)
		flavour = sm20_flavour(in, f, &regs);
	if (parse_mods(f, &p, s, w))
		return -EINVAL;
	if (*p == 'r' && f->kind != SM20_K_LIMM) {
		s->kind = SM20_SRC_REG;
		s->regs = (uint8_t)regs;
		return parse_reg(p, regs, &s->reg, w);
	}
	if (*p == 'c' && (f->kind == SM20_K_B || f->kind == SM20_K_C))
		return parse_const(p, regs, s, w);
	if (f->kind == SM20_K_REG || f->kind == SM20_K_C)
		return refuse(w, "'%s': a register belongs here", text);
	s->kind = SM20_SRC_IMM;
	s->regs = (uint8_t)regs;
	if (parse_imm(p, flavour, regs, &s->imm, w))
		return -EINVAL;
	if (f->kind == SM20_K_LIMM) {
		if (flavour == SM20_B_INT && (int64_t)s->imm != (int32_t)s->imm)
			return refuse(w, "'%s' does not fit 32 bits", text);
		s->regs = 1;
		s->imm = (uint32_t)s->imm;
	}
	return 0;
}

/* "", "rN", "rN+off", "rN-off" or "off" */
static int parse_address(char *p, bool wide_allowed, struct sm20_src *s, int64_t *off,
			 const struct why *w)
{
	char *sign = p;

	*off = 0;
	s->kind = SM20_SRC_REG;
	s->reg = SM20_REG_ZERO;
	s->regs = 1;
	if (*p != 'r') {
		if (sm20_parse_number(p, off))
			return 0;
		return refuse(w, "'%s' is no address", p);
	}
	sign += strcspn(p, "+-");
	if (*sign) {
		if (!sm20_parse_number(sign + (*sign == '+'), off))
			return refuse(w, "'%s' is no offset", sign);
		*sign = 0;
	}
	if (wide_allowed && sign > p && sign[-1] == 'd')
		s->regs = 2;
	return parse_reg(p, s->regs, &s->reg, w);
}

static int parse_mem(const struct sm20_field *f, const char *text, struct sm20_insn *in,
		     const struct why *w)
{
	static const char letters[] = { [SM20_M_G] = 'g', [SM20_M_ATOM] = 'g', [SM20_M_CCTL] = 'g',
					[SM20_M_L] = 'l', [SM20_M_S] = 's', [SM20_M_C] = 'c' };
	static const uint8_t spaces[] = {
		[SM20_M_G] = SM20_SPACE_G, [SM20_M_ATOM] = SM20_SPACE_G,
		[SM20_M_CCTL] = SM20_SPACE_G, [SM20_M_L] = SM20_SPACE_L,
		[SM20_M_S] = SM20_SPACE_S, [SM20_M_C] = SM20_SPACE_C,
	};
	char buf[OPERAND_MAX], *p = buf;
	int64_t off;

	if (f->val == SM20_M_C) {
		if (!split_const(text, &in->bank, buf, sizeof(buf)))
			return refuse(w, "'%s': c<bank>[<address>] belongs here", text);
	} else {
		snprintf(buf, sizeof(buf), "%s", text);
		if (buf[0] != letters[f->val] || !strip(&p, (char[]){ buf[0], '[', 0 }, "]")) {
			refuse(w, "'%s': %c[<address>] belongs here", text, letters[f->val]);
			return -ENOENT;
		}
	}
	in->space = spaces[f->val];
	if (parse_address(p, in->space == SM20_SPACE_G, &in->src[0], &off, w))
		return -EINVAL;
	in->a64 = in->src[0].regs == 2;
	in->offset = (int32_t)off;
	if (in->offset != off && (uint32_t)off != off)
		return refuse(w, "'%s': the offset does not fit", text);
	return 0;
}

static int parse_ctarget(const struct sm20_field *f, const char *text, struct sm20_insn *in,
			 const struct why *w)
{
	char buf[OPERAND_MAX];
	int64_t off;

	if (!split_const(text, &in->src[1].bank, buf, sizeof(buf)))
		return refuse(w, "'%s': c<bank>[<address>] belongs here", text);
	if (parse_address(buf, false, &in->src[0], &off, w))
		return -EINVAL;
	if (in->op != SM20_BRX && in->src[0].reg != SM20_REG_ZERO)
		return refuse(w, "'%s': only brx adds a register", text);
	if (off < INT16_MIN || off > INT16_MAX)
		return refuse(w, "'%s': the offset does not fit", text);
	in->tkind = SM20_TARGET_CONST;
	in->target = f->val ? in->pc + SM20_INSN_BYTES : 0;
	in->src[1].kind = SM20_SRC_CONST;
	in->src[1].regs = 1;
	in->src[1].off = (uint32_t)(int32_t)off;
	return 0;
}

static int parse_sreg(const char *text, struct sm20_src *s, const struct why *w)
{
	int64_t v;

	s->kind = SM20_SRC_SPECIAL;
	if (*text == '%') {
		for (unsigned int i = 0; i < 256; i++) {
			s->reg = (uint8_t)i;
			if (sm20_sreg_names[i] && !strcmp(sm20_sreg_names[i], text + 1))
				return 0;
		}
		if (!strncmp(text, "%sr", 3) && sm20_parse_number(text + 3, &v) && v >= 0 &&
		    v < 256) {
			s->reg = (uint8_t)v;
			return 0;
		}
	}
	return refuse(w, "'%s' is no special register", text);
}

static int parse_num(const struct sm20_field *f, const char *text, struct sm20_insn *in,
		     const struct why *w)
{
	int64_t v;

	if (f->alt && *text++ != f->alt)
		return refuse(w, "'%s': %c<number> belongs here", text - 1, f->alt);
	if (!sm20_parse_number(text, &v) || v < 0 || v >= 1 << f->width)
		return refuse(w, "'%s' is no number below %d", text, 1 << f->width);
	*sm20_byte(in, f) = (uint8_t)v;
	return 0;
}

int sm20_parse_operand(const struct sm20_field *f, const char *text, struct sm20_insn *in,
		       char *msg, size_t msgn)
{
	struct why w = { msg, msgn };
	struct sm20_src *s = &in->src[f->slot];
	bool inv;
	int64_t v;

	if (strlen(text) >= OPERAND_MAX)
		return refuse(&w, "the operand is too long");
	switch (f->kind) {
	case SM20_K_DST:
		in->dst_regs = (uint8_t)sm20_regs(in, f);
		return parse_reg(text, in->dst_regs, &in->dst, &w);
	case SM20_K_PDST:
		return parse_pred(text, false, &in->pdst[f->slot], &inv, &w);
	case SM20_K_PRED:
		s->kind = SM20_SRC_PRED;
		return parse_pred(text, true, &s->reg, &s->inv, &w);
	case SM20_K_NUM:
		return parse_num(f, text, in, &w);
	case SM20_K_SREG:
		return parse_sreg(text, s, &w);
	case SM20_K_MEM:
		return parse_mem(f, text, in, &w);
	case SM20_K_CTGT:
		return parse_ctarget(f, text, in, &w);
	case SM20_K_REL:
	case SM20_K_ABS:
		if (!sm20_parse_number(text, &v) || v < 0 || v > UINT32_MAX)
			return refuse(&w, "'%s' is no label or code offset", text);
		in->tkind = in->op == SM20_BRX ? SM20_TARGET_REG : SM20_TARGET_CODE;
		in->target = (uint32_t)v;
		return 0;
	default:
		return parse_src(f, text, in, &w);
	}
}

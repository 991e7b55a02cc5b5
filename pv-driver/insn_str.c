// SPDX-License-Identifier: MIT
/*
 * movs, stos, lods, cmps and scas, with and without a repeat prefix; either or
 * both sides may be BAR.
 *
 * 1. rsi, rdi and rcx are moved on after each element, as the processor does:
 *    if the ordinary side faults, the nested fault finds the program exactly
 *    where it stopped.
 * 2. One trap does at most PAGE bytes and then lets the instruction run again,
 *    so that signals get through in a long repeat, and a repeat that leaves
 *    the BAR goes on without us.
 *    With windows it lets it run again at each page of a BAR: the next may be memory.
 * 3. Elements are accessed with their own size, except for a forward rep movs
 *    or stos on BAR1 and BAR3: those are prefetchable, where a bridge may
 *    merge adjacent stores and read ahead (PCI Local Bus 3.0, 3.2.6), so
 *    aligned runs are moved 8 bytes at a time.
 */
#include <errno.h>

#include "pv-driver/insn.h"
#include "pv-driver/proc_abi.h"

#define PAGE 4096u

struct str {
	enum insn_str kind;
	unsigned int size; /* of an element */
	bool rep, repe, repne, down;
	uint64_t *si, *di, *cx, *ax;
	uint64_t mask; /* of addresses and the count: 32 bits with an address-size prefix */
};

static void str_step(const struct str *s, uint64_t *r, unsigned int n)
{
	uint64_t v = s->down ? *r - n : *r + n;

	/* A 32-bit index register is written as one: its upper half clears. */
	*r = v & s->mask;
}

static bool str_uses_si(const struct str *s)
{
	return s->kind == INSN_MOVS || s->kind == INSN_LODS || s->kind == INSN_CMPS;
}

static bool str_uses_di(const struct str *s)
{
	return s->kind != INSN_LODS;
}

/* 1 if this element touches a BAR, 0 if not; *mergeable if all BAR sides are prefetchable. */
static int str_in_bar(struct insn *in, const struct str *s, unsigned int n, bool *mergeable)
{
	const struct trap_range *rs = NULL, *rd = NULL;
	int err = 0;

	if (str_uses_si(s))
		err = insn_where(in, *s->si & s->mask, n, &rs);
	if (!err && str_uses_di(s))
		err = insn_where(in, *s->di & s->mask, n, &rd);
	if (err)
		return err;
	*mergeable = true;
	if (rs)
		*mergeable &= rs->space == PROC_SPACE_BAR1 || rs->space == PROC_SPACE_BAR3;
	if (rd)
		*mergeable &= rd->space == PROC_SPACE_BAR1 || rd->space == PROC_SPACE_BAR3;
	return rs || rd;
}

/* With both sides aligned to 8, overlapping ones are at least 8 apart: 8 bytes at once give the same memory. */
static bool str_wide(struct insn *in, const struct str *s, uint64_t count)
{
	uint64_t si = *s->si & s->mask, di = *s->di & s->mask;
	bool mergeable;

	if (!s->rep || s->down || s->size == 8 || count < 8 / s->size)
		return false;
	if (s->kind != INSN_STOS && s->kind != INSN_MOVS)
		return false;
	if (di % 8 || (s->kind == INSN_MOVS && si % 8))
		return false;
	return str_in_bar(in, s, 8, &mergeable) == 1 && mergeable;
}

static uint64_t str_fill(uint64_t v, unsigned int size)
{
	for (v = insn_cut(v, size); size < 8; size *= 2)
		v |= v << size * 8;
	return v;
}

/* One element (or a merged run) of n bytes. */
static int str_one(struct insn *in, const struct str *s, unsigned int n)
{
	uint64_t a = 0, b = 0, r, f = insn_flags(in);
	int err = 0;

	if (str_uses_si(s))
		err = insn_ld(in, *s->si & s->mask, n, &a);
	if (!err && (s->kind == INSN_CMPS || s->kind == INSN_SCAS))
		err = insn_ld(in, *s->di & s->mask, n, &b);
	if (!err && s->kind == INSN_MOVS)
		err = insn_st(in, *s->di & s->mask, n, a);
	if (!err && s->kind == INSN_STOS)
		err = insn_st(in, *s->di & s->mask, n,
			      n == s->size ? insn_cut(*s->ax, n) : str_fill(*s->ax, s->size));
	if (err)
		return err;
	if (s->kind == INSN_LODS)
		insn_gpr_put(in, 0, s->size, a);
	if (s->kind == INSN_SCAS)
		a = insn_cut(*s->ax, n);
	if (s->kind == INSN_CMPS || s->kind == INSN_SCAS) {
		err = insn_alu(INSN_CMP, n, a, b, &f, &r);
		insn_flags_put(in, f);
	}
	if (str_uses_si(s))
		str_step(s, s->si, n);
	if (str_uses_di(s))
		str_step(s, s->di, n);
	return err;
}

static bool str_ended(struct insn *in, const struct str *s)
{
	bool zf = insn_flags(in) & INSN_ZF;

	if (s->kind != INSN_CMPS && s->kind != INSN_SCAS)
		return false;
	return (s->repe && !zf) || (s->repne && zf);
}

/* Whether a side that is BAR begins a page: the processor may be able to go on alone. */
static bool str_at_page(struct insn *in, const struct str *s)
{
	const struct trap_range *r;
	uint64_t si = *s->si & s->mask, di = *s->di & s->mask;

	if (!in->sink->direct)
		return false;
	return (str_uses_si(s) && si % PAGE < s->size && !insn_where(in, si, s->size, &r) && r) ||
	       (str_uses_di(s) && di % PAGE < s->size && !insn_where(in, di, s->size, &r) && r);
}

static int str_repeat(struct insn *in, const struct str *s)
{
	unsigned int done = 0, n;
	uint64_t count;
	bool mergeable;
	int err;

	while ((count = *s->cx & s->mask)) {
		if (done >= PAGE || (done && str_at_page(in, s))) {
			in->again = true;
			break;
		}
		err = str_in_bar(in, s, s->size, &mergeable);
		/* Off the BAR: the processor goes on by itself (or faults again at the straddling element). */
		if (done && err != 1) {
			in->again = true;
			break;
		}
		if (err != 1)
			return err < 0 ? err : -EFAULT;
		n = str_wide(in, s, count) ? 8 : s->size;
		err = str_one(in, s, n);
		if (err)
			return err;
		*s->cx = (count - n / s->size) & s->mask;
		done += n;
		if (str_ended(in, s))
			break;
	}
	return 0;
}

int insn_string(struct insn *in, unsigned int arg)
{
	uint64_t at = in->i.attributes;
	bool mergeable;
	int err;
	struct str s = {
		.kind = arg & 0xf0,
		.size = arg & 15,
		.down = insn_flags(in) & INSN_DF,
		.si = insn_gpr(in, 6),
		.di = insn_gpr(in, 7),
		.cx = insn_gpr(in, 1),
		.ax = insn_gpr(in, 0),
		.mask = in->i.address_width == 32 ? UINT32_MAX : UINT64_MAX,
		.rep = at & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE),
		.repe = at & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE),
		.repne = at & ZYDIS_ATTRIB_HAS_REPNE,
	};

	/* movsd and cmpsd are also the names of SSE instructions, which live in another map. */
	if (in->i.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT ||
	    at & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS))
		return -EOPNOTSUPP;
	if (s.rep)
		return str_repeat(in, &s);
	err = str_in_bar(in, &s, s.size, &mergeable);
	if (err != 1)
		return err < 0 ? err : -EFAULT;
	return str_one(in, &s, s.size);
}

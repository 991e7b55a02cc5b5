// SPDX-License-Identifier: MIT
/*
 * Instructions that compute with a memory operand.  Read-modify-write is a load
 * followed by a store, also with a lock prefix: a device register has no other
 * meaning for it, and two threads that lock-modify the same BAR location are
 * not atomic against each other.
 *
 * Registers and flags change only after all accesses succeeded.
 */
#include <errno.h>

#include "pv-driver/insn.h"

/* op a, b with a written back; a or b is the memory operand. */
int insn_binary(struct insn *in, unsigned int op)
{
	uint64_t a, b, r, f = insn_flags(in);
	int err = insn_get(in, 1, &b);

	if (!err)
		err = insn_get(in, 0, &a);
	if (!err)
		err = insn_alu(op, insn_size(in, 0), a, b, &f, &r);
	if (!err)
		err = insn_put(in, 0, r);
	if (!err)
		insn_flags_put(in, f);
	return err;
}

int insn_compare(struct insn *in, unsigned int op)
{
	uint64_t a, b, r, f = insn_flags(in);
	int err = insn_get(in, 1, &b);

	if (!err)
		err = insn_get(in, 0, &a);
	if (!err)
		err = insn_alu(op, insn_size(in, 0), a, b, &f, &r);
	if (!err)
		insn_flags_put(in, f);
	return err;
}

int insn_unary(struct insn *in, unsigned int op)
{
	uint64_t a, r, f = insn_flags(in);
	int err = insn_get(in, 0, &a);

	if (!err)
		err = insn_alu(op, insn_size(in, 0), a, 0, &f, &r);
	if (!err)
		err = insn_put(in, 0, r);
	if (!err)
		insn_flags_put(in, f);
	return err;
}

/* Only with an immediate: a register can name a bit far outside of the operand. */
int insn_bit(struct insn *in, unsigned int op)
{
	if (in->op[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return -EOPNOTSUPP;
	return op == INSN_BT ? insn_compare(in, op) : insn_binary(in, op);
}

/* imul r, m and imul r, m, imm. */
int insn_imul(struct insn *in, unsigned int op)
{
	unsigned int first = in->i.operand_count_visible == 3 ? 1 : 0;
	uint64_t a, b, r, f = insn_flags(in);
	int err;

	if (in->i.operand_count_visible < 2)
		return -EOPNOTSUPP;
	err = insn_get(in, first, &a);
	if (!err)
		err = insn_get(in, first + 1, &b);
	if (!err)
		err = insn_alu(op, insn_size(in, 0), a, b, &f, &r);
	if (!err)
		err = insn_put(in, 0, r);
	if (!err)
		insn_flags_put(in, f);
	return err;
}

/* popcnt, bsf and the like: the old destination matters when bsf and bsr find nothing. */
int insn_count(struct insn *in, unsigned int op)
{
	return insn_binary(in, op);
}

/* Operand 0 and 1, in whichever order they were written. */
int insn_xchg(struct insn *in, unsigned int arg)
{
	unsigned int m = in->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? 0 : 1;
	uint64_t reg, old;
	int err = insn_get(in, !m, &reg);

	(void)arg;
	if (!err)
		err = insn_get(in, m, &old);
	if (!err)
		err = insn_put(in, m, reg);
	return err ? err : insn_put(in, !m, old);
}

int insn_xadd(struct insn *in, unsigned int arg)
{
	uint64_t old, reg, sum, f = insn_flags(in);
	int err = insn_get(in, 1, &reg);

	(void)arg;
	if (!err)
		err = insn_get(in, 0, &old);
	if (!err)
		err = insn_alu(INSN_ADD, insn_size(in, 0), old, reg, &f, &sum);
	if (!err)
		err = insn_put(in, 0, sum);
	if (!err)
		err = insn_put(in, 1, old);
	if (!err)
		insn_flags_put(in, f);
	return err;
}

/*
 * When the comparison fails a processor writes the old value back; we do not:
 * with a register behind the operand that write would be a lie.
 */
int insn_cmpxchg(struct insn *in, unsigned int arg)
{
	unsigned int size = insn_size(in, 0);
	uint64_t acc = insn_cut(*insn_gpr(in, 0), size), old, reg, diff, f = insn_flags(in);
	int err = insn_get(in, 1, &reg);

	(void)arg;
	if (!err)
		err = insn_get(in, 0, &old);
	if (!err)
		err = insn_alu(INSN_CMP, size, acc, old, &f, &diff);
	if (err)
		return err;
	if (f & INSN_ZF) {
		err = insn_put(in, 0, reg);
		if (err)
			return err;
	} else {
		insn_gpr_put(in, 0, size, old);
	}
	insn_flags_put(in, f);
	return 0;
}

int insn_cmpxchg8b(struct insn *in, unsigned int arg)
{
	uint64_t acc = insn_cut(*insn_gpr(in, 0), 4) | *insn_gpr(in, 2) << 32;
	uint64_t val = insn_cut(*insn_gpr(in, 3), 4) | *insn_gpr(in, 1) << 32;
	uint64_t old, f = insn_flags(in);
	int err = insn_get(in, 0, &old);

	(void)arg;
	if (err)
		return err;
	if (old == acc) {
		err = insn_put(in, 0, val);
		if (err)
			return err;
		insn_flags_put(in, f | INSN_ZF);
	} else {
		insn_gpr_put(in, 0, 4, old);
		insn_gpr_put(in, 2, 4, old >> 32);
		insn_flags_put(in, f & ~(uint64_t)INSN_ZF);
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/* Moves between a BAR and general registers, immediates or the stack.  The BAR access comes first. */
#include <errno.h>

#include "pv-driver/insn.h"

int insn_mov(struct insn *in, unsigned int arg)
{
	uint64_t v;
	int err = insn_get(in, 1, &v);

	(void)arg;
	return err ? err : insn_put(in, 0, v);
}

int insn_movsx(struct insn *in, unsigned int arg)
{
	unsigned int shift = 64 - insn_size(in, 1) * 8;
	uint64_t v;
	int err = insn_get(in, 1, &v);

	(void)arg;
	return err ? err : insn_put(in, 0, (uint64_t)((int64_t)(v << shift) >> shift));
}

int insn_movbe(struct insn *in, unsigned int arg)
{
	unsigned int size = insn_size(in, 0);
	uint64_t v;
	int err = insn_get(in, 1, &v);

	(void)arg;
	return err ? err : insn_put(in, 0, __builtin_bswap64(v) >> (64 - size * 8));
}

int insn_setcc(struct insn *in, unsigned int arg)
{
	(void)arg;
	return insn_put(in, 0, insn_cond(insn_flags(in), in->i.opcode & 15));
}

/* The load happens whatever the condition, and the upper half of a 32-bit register is cleared. */
int insn_cmov(struct insn *in, unsigned int arg)
{
	uint64_t v, old;
	int err = insn_get(in, 1, &v);

	(void)arg;
	if (!err)
		err = insn_get(in, 0, &old);
	if (err)
		return err;
	return insn_put(in, 0, insn_cond(insn_flags(in), in->i.opcode & 15) ? v : old);
}

int insn_push(struct insn *in, unsigned int arg)
{
	uint64_t *sp = insn_gpr(in, 4), v;
	unsigned int size = insn_size(in, 0);
	int err = insn_get(in, 0, &v);

	(void)arg;
	if (!err)
		err = insn_st(in, *sp - size, size, v);
	if (!err)
		*sp -= size;
	return err;
}

int insn_pop(struct insn *in, unsigned int arg)
{
	uint64_t *sp = insn_gpr(in, 4), v;
	unsigned int size = insn_size(in, 0);
	int err;

	(void)arg;
	/* An address relative to the stack pointer would mean the pointer after the pop. */
	if (in->mem->mem.base == ZYDIS_REGISTER_RSP)
		return -EOPNOTSUPP;
	err = insn_ld(in, *sp, size, &v);
	if (!err)
		err = insn_put(in, 0, v);
	if (!err)
		*sp += size;
	return err;
}

/* Cache maintenance: a BAR is not cached. */
int insn_none(struct insn *in, unsigned int arg)
{
	(void)in, (void)arg;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Private to the instruction emulator: insn.c (decode, operands, table),
 * insn_alu.c (arithmetic with flags), insn_mov.c and insn_rmw.c (forms with one
 * memory operand), insn_str.c (string instructions), insn_vec.c (SSE and AVX
 * moves).  All of it is async-signal-safe: no allocation, no stdio, no state.
 */
#ifndef PV_DRIVER_INSN_H
#define PV_DRIVER_INSN_H

#include <Zydis/Zydis.h>

#include "pv-driver/trap.h"

#define INSN_CF 0x1u
#define INSN_ZF 0x40u
#define INSN_ARITH 0x8d5u /* OF SF ZF AF PF CF */
#define INSN_DF 0x400u
#define INSN_RF 0x10000u

struct insn {
	ucontext_t *uc;
	const struct trap_range *ranges;
	unsigned int nr;
	struct trap_sink *sink;
	ZydisDecodedInstruction i;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	/* The explicit memory operand; not for string instructions. */
	const ZydisDecodedOperand *mem;
	uint64_t addr; /* where it points; lies in a range */
	bool again;    /* the instruction is not finished: it is executed once more */
};

/* Decodes the instruction at uc's ip.  -EOPNOTSUPP. */
int insn_open(struct insn *, ucontext_t *uc, const struct trap_range *ranges, unsigned int nr,
	      struct trap_sink *sink);
/*
 * Sets mem and addr to the explicit memory operand; *r to the range it lies in.
 * -EFAULT if there is none or it lies in no range, -EOPNOTSUPP for an address not understood.
 */
int insn_operand(struct insn *, const struct trap_range **r);

/* Operand number n, cut or zero-extended to its size; -EOPNOTSUPP for a register that is not general. */
int insn_get(struct insn *, unsigned int n, uint64_t *val);
int insn_put(struct insn *, unsigned int n, uint64_t val);
static inline unsigned int insn_size(const struct insn *in, unsigned int n)
{
	return in->op[n].size / 8u;
}

/* General registers by hardware number, 64 bits. */
uint64_t *insn_gpr(struct insn *, unsigned int nr);
/* Writes as an instruction with that operand size does: 4 clears the upper half, 1 and 2 merge. */
void insn_gpr_put(struct insn *, unsigned int nr, unsigned int size, uint64_t val);

static inline uint64_t insn_flags(const struct insn *in)
{
	return (uint64_t)in->uc->uc_mcontext.gregs[REG_EFL];
}
/* Takes the arithmetic flags of f. */
static inline void insn_flags_put(struct insn *in, uint64_t f)
{
	greg_t *efl = &in->uc->uc_mcontext.gregs[REG_EFL];

	*efl = (greg_t)(((uint64_t)*efl & ~(uint64_t)INSN_ARITH) | (f & INSN_ARITH));
}
static inline uint64_t insn_cut(uint64_t v, unsigned int size)
{
	return size >= 8 ? v : v & ((1ull << size * 8) - 1);
}

/* Range that [addr, addr+size) lies in.  *r NULL: ordinary memory.  -EFAULT: partly inside. */
int insn_where(const struct insn *, uint64_t addr, unsigned int size, const struct trap_range **r);
/* 1, 2, 4 or 8 bytes of BAR or ordinary memory, whichever is there. */
int insn_ld(struct insn *, uint64_t addr, unsigned int size, uint64_t *val);
int insn_st(struct insn *, uint64_t addr, unsigned int size, uint64_t val);

/*
 * a OP b on size bytes, by the processor itself: *flags holds RFLAGS before and
 * the arithmetic flags after.  -EOPNOTSUPP if there is no such operation of
 * that size.
 */
enum insn_alu {
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP, INSN_TEST,
	INSN_INC, INSN_DEC, INSN_NEG, INSN_NOT,
	INSN_SHL, INSN_SHR, INSN_SAR, INSN_ROL, INSN_ROR, INSN_RCL, INSN_RCR,
	INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC,
	INSN_IMUL, INSN_POPCNT, INSN_TZCNT, INSN_LZCNT, INSN_BSF, INSN_BSR,
	INSN_ALU_NR,
};
int insn_alu(enum insn_alu op, unsigned int size, uint64_t a, uint64_t b, uint64_t *flags,
	     uint64_t *result);
/* Condition code cc (low nibble of the opcode). */
bool insn_cond(uint64_t flags, unsigned int cc);

/* One instruction form; arg distinguishes siblings. */
typedef int insn_fn(struct insn *, unsigned int arg);

/* insn_mov.c */
insn_fn insn_mov, insn_movsx, insn_movbe, insn_setcc, insn_cmov, insn_push, insn_pop, insn_none;
/* insn_rmw.c: arg is an enum insn_alu */
insn_fn insn_binary, insn_compare, insn_unary, insn_bit, insn_imul, insn_count;
insn_fn insn_xchg, insn_xadd, insn_cmpxchg, insn_cmpxchg8b;
/* insn_str.c: arg is an enum insn_str | element size */
enum insn_str { INSN_MOVS = 0x10, INSN_STOS = 0x20, INSN_LODS = 0x30, INSN_CMPS = 0x40, INSN_SCAS = 0x50 };
int insn_string(struct insn *, unsigned int arg);
/* insn_vec.c */
enum insn_vec { INSN_VEC_FULL, INSN_VEC_SCALAR, INSN_VEC_LOW, INSN_VEC_HIGH };
insn_fn insn_vector;

#endif

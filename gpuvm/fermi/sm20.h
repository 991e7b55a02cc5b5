/* SPDX-License-Identifier: MIT */
/*
 * sm_20, the instruction set of Fermi's shader cores: decoded form, disassembler, assembler.
 *
 * Source of the facts: envytools envydis/gf100.c, Mesa nv50_ir_emit_nvc0.cpp (docs/sm20-asm.md).
 *
 * 1. An instruction word decodes to exactly one struct sm20_insn or is refused (-EILSEQ): a bit
 *    that no field of the instruction explains makes the word unknown.
 * 2. sm20_encode(sm20_decode(x)) == x and assembling what sm20_disasm prints gives x again.
 * 3. Long-immediate encodings decode to the same op as the others; only `limm` tells them apart.
 * 4. Nothing here knows lanes, memory or time.
 */
#ifndef GPUVM_FERMI_SM20_H
#define GPUVM_FERMI_SM20_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SM20_REG_ZERO 63 /* reads 0, writes vanish */
#define SM20_PRED_TRUE 7 /* reads 1, writes vanish */
#define SM20_INSN_BYTES 8

enum sm20_op {
	SM20_OP_NONE, /* never answered by sm20_decode */
#define SM20_OP(name, text, what) SM20_##name,
#include "gpuvm/fermi/sm20_ops.def"
#undef SM20_OP
	SM20_OP_COUNT
};

enum sm20_type {
	SM20_TYPE_NONE,
	SM20_U8, SM20_S8, SM20_U16, SM20_S16, SM20_U32, SM20_S32, SM20_U64, SM20_S64,
	SM20_F16, SM20_F32, SM20_F64,
	SM20_B32, SM20_B64, SM20_B128,
};

enum sm20_src_kind {
	SM20_SRC_NONE,
	SM20_SRC_REG,	 /* reg, regs of them; a pair may be misaligned in bad code */
	SM20_SRC_IMM,	 /* imm, already as the operation wants it */
	SM20_SRC_CONST,	 /* c[bank][off], off in bytes */
	SM20_SRC_PRED,	 /* reg is 0..7 */
	SM20_SRC_SPECIAL, /* reg is the special register, enum sm20_sreg */
};

/*
 * Order of application: abs, then neg.  On an integer operand `inv` is a bitwise NOT, on a
 * predicate a logical one.
 */
struct sm20_src {
	uint8_t kind;
	uint8_t reg;
	uint8_t regs; /* registers read, from reg upwards: 1, 2, 3, 4; 0 for an empty vector */
	uint8_t bank;
	bool neg, abs, inv;
	uint32_t off;
	/*
	 * F32: its 32 bits; F64: its 64 bits; integers: sign extended to 64 bits from the
	 * 20-bit field (take the low 32 for a 32-bit operation), long ones zero extended.
	 */
	uint64_t imm;
};

/* Float and integer compare.  Bit 0 less, bit 1 equal, bit 2 greater, bit 3 unordered: true if
 * the relation of a to b is one of those whose bit is set. */
enum sm20_cmp {
	SM20_CMP_FALSE, SM20_CMP_LT, SM20_CMP_EQ, SM20_CMP_LE, SM20_CMP_GT, SM20_CMP_NE,
	SM20_CMP_GE, SM20_CMP_NUM, SM20_CMP_NAN, SM20_CMP_LTU, SM20_CMP_EQU, SM20_CMP_LEU,
	SM20_CMP_GTU, SM20_CMP_NEU, SM20_CMP_GEU, SM20_CMP_TRUE,
};

/*
 * Tests of the condition register.  0..15 as enum sm20_cmp of the flags zero and sign (lt: sign
 * and not zero; eq: zero and not sign; gt: neither; unordered: both).  TRUE is what instructions
 * carry that do not look at it.
 */
enum sm20_cct {
	SM20_CCT_NEVER = 0,
	SM20_CCT_TRUE = 15,
	SM20_CCT_NO = 16, /* not overflow */
	SM20_CCT_NC,	  /* not carry */
	SM20_CCT_NS,	  /* not sign */
	SM20_CCT_NA,	  /* not above: carry clear or zero set */
	SM20_CCT_A,	  /* above: carry set and zero clear */
	SM20_CCT_S, SM20_CCT_C, SM20_CCT_O,
};

enum sm20_round { SM20_RND_N, SM20_RND_M, SM20_RND_P, SM20_RND_Z }; /* nearest, down, up, to zero */
/* With x the first operand (iadd: a; imad: a * b; shladd: a << shift) and y the last:
 * x + y, x - y, y - x, x + y + 1. */
enum sm20_addop { SM20_ADD, SM20_SUB, SM20_SUBR, SM20_ADDPO };
enum sm20_logic { SM20_AND, SM20_OR, SM20_XOR, SM20_PASS_B };
enum sm20_mm { SM20_MM_WHOLE, SM20_MM_LOW, SM20_MM_MED, SM20_MM_HIGH };
enum sm20_prmt {
	SM20_PRMT_IDX, SM20_PRMT_F4E, SM20_PRMT_B4E, SM20_PRMT_RC8, SM20_PRMT_ECL, SM20_PRMT_ECR,
	SM20_PRMT_RC16,
};
enum sm20_vote { SM20_VOTE_ALL, SM20_VOTE_ANY, SM20_VOTE_UNI };
/* SYNC is POPC with nothing to write. */
enum sm20_bar { SM20_BAR_POPC, SM20_BAR_AND, SM20_BAR_OR, SM20_BAR_ARRIVE = 4 };
enum sm20_space { SM20_SPACE_NONE, SM20_SPACE_G, SM20_SPACE_L, SM20_SPACE_S, SM20_SPACE_C };
enum sm20_atomop {
	SM20_ATOM_ADD, SM20_ATOM_MIN, SM20_ATOM_MAX, SM20_ATOM_INC, SM20_ATOM_DEC, SM20_ATOM_AND,
	SM20_ATOM_OR, SM20_ATOM_XOR, SM20_ATOM_EXCH, SM20_ATOM_CAS,
};
enum sm20_cctl {
	SM20_CCTL_QUERY1, SM20_CCTL_PF1, SM20_CCTL_PF15, SM20_CCTL_PF2, SM20_CCTL_WB, SM20_CCTL_IV,
	SM20_CCTL_IVALL, SM20_CCTL_RS,
};
enum sm20_scope { SM20_SCOPE_CTA, SM20_SCOPE_GL, SM20_SCOPE_SYS };
/* IS: address bits 16-31 are added to the bank, bits 0-15 to the offset. */
enum sm20_ldcmode { SM20_LDC_PLAIN, SM20_LDC_IL, SM20_LDC_IS, SM20_LDC_ISL };
/* E2D: 2D with an array or z index. */
enum sm20_sudim { SM20_SU_1D, SM20_SU_2D, SM20_SU_3D, SM20_SU_E2D };
enum sm20_suclamp { SM20_SU_ZERO, SM20_SU_CLAMP, SM20_SU_TRAP };
enum sm20_suq {
	SM20_SUQ_RANK, SM20_SUQ_PIXFMT, SM20_SUQ_SMPLSZ, SM20_SUQ_DIM, SM20_SUQ_RGBA,
	SM20_SUQ_BLKSZ,
};
enum sm20_texdim { SM20_TEX_1D, SM20_TEX_2D, SM20_TEX_3D, SM20_TEX_CUBE };
enum sm20_lod {
	SM20_LOD_AUTO, SM20_LOD_ZERO, SM20_LOD_BIAS, SM20_LOD_LEVEL, SM20_LOD_BIASA = 6,
	SM20_LOD_LEVELA = 7,
};
enum sm20_txq {
	SM20_TXQ_DIMS = 0, SM20_TXQ_TYPE = 1, SM20_TXQ_SAMPLEPOS = 2, SM20_TXQ_FILTER = 8,
	SM20_TXQ_LOD = 9, SM20_TXQ_WRAP = 10, SM20_TXQ_BCOLOR = 11,
};
enum sm20_bpt { SM20_BPT_DRAIN, SM20_BPT_CAL, SM20_BPT_PAUSE, SM20_BPT_TRAP };
enum sm20_qop { SM20_QOP_ADD, SM20_QOP_SUBR, SM20_QOP_SUB, SM20_QOP_MOV2 };
enum sm20_qlane { SM20_QL_L0, SM20_QL_L1, SM20_QL_L2, SM20_QL_L3, SM20_QL_DX, SM20_QL_DY };

/* Where a branch or a push goes. */
enum sm20_tkind {
	SM20_TARGET_NONE,
	SM20_TARGET_CODE,   /* target, a byte offset in the code segment */
	SM20_TARGET_REG,    /* target + register src[0] */
	/* target + the word at src[1].bank, src[1].off plus (BRX only) register src[0]; target is
	 * 0 or, when relative, the next pc. */
	SM20_TARGET_CONST,
};

enum sm20_sreg {
	SM20_SR_LANEID = 0x00, SM20_SR_NPHYSID = 0x02, SM20_SR_PHYSID = 0x03, SM20_SR_PM0 = 0x04,
	SM20_SR_TID = 0x20, SM20_SR_TIDX, SM20_SR_TIDY, SM20_SR_TIDZ, SM20_SR_LAUNCHARG,
	SM20_SR_CTAIDX, SM20_SR_CTAIDY, SM20_SR_CTAIDZ, SM20_SR_NTID, SM20_SR_NTIDX, SM20_SR_NTIDY,
	SM20_SR_NTIDZ, SM20_SR_GRIDID, SM20_SR_NCTAIDX, SM20_SR_NCTAIDY, SM20_SR_NCTAIDZ,
	SM20_SR_SWINBASE, SM20_SR_SWINSZ, SM20_SR_SMEMSZ, SM20_SR_SMEMBANKS, SM20_SR_LWINBASE,
	SM20_SR_LWINSZ, SM20_SR_LPOSSZ, SM20_SR_LNEGSTART, SM20_SR_LANEMASK_EQ, SM20_SR_LANEMASK_LT,
	SM20_SR_LANEMASK_LE, SM20_SR_LANEMASK_GT, SM20_SR_LANEMASK_GE,
	SM20_SR_CLOCK = 0x50, SM20_SR_CLOCKHI,
};

struct sm20_tex {
	uint8_t tic, tsc; /* texture and sampler index */
	uint8_t mask;	  /* components wanted; result registers are packed in their order */
	uint8_t dim;	  /* enum sm20_texdim; array adds an index */
	uint8_t lod;	  /* enum sm20_lod; TLD: ZERO or LEVEL */
	uint8_t comp;	  /* TLD4: component gathered */
	uint8_t query;	  /* TXQ: enum sm20_txq */
	uint8_t issue;	  /* scheduling hint, 0 none, 1 t, 2 p; no effect on results */
	bool array, indirect, offset, offset8, ms, shadow, clamp;
	bool live;	  /* only live lanes (helper lanes of graphics do not take part) */
	bool dall;	  /* derivatives in all lanes */
};

struct sm20_insn {
	uint64_t raw;
	uint32_t pc;	/* as given to sm20_decode */
	uint16_t row;	/* line of the encoding table, for sm20_encode */
	uint8_t op;	/* enum sm20_op */
	uint8_t bytes;	/* SM20_INSN_BYTES */

	/* Lanes where (predicate pred) != pred_not execute; 7 and false: all. */
	uint8_t pred;
	bool pred_not;
	bool join;	/* afterwards the lanes wait at the join */
	uint8_t cct;	/* control and NOP also need this; CSET, CSETP: the thing tested */

	uint8_t dst;	  /* first register written; SM20_REG_ZERO: none */
	uint8_t dst_regs; /* how many: 0 if the operation has no register result */
	uint8_t pdst[2];  /* SM20_PRED_TRUE: none */
	struct sm20_src src[3];

	uint8_t dtype, stype;
	uint8_t rnd;
	bool sat, ftz, fmz; /* fmz: denormals to zero and 0 * anything = 0 */
	bool rint, hi, wrap, rev, amt, limm;
	bool cc_write;	/* zero, sign, carry, overflow of the result go to the condition register */
	bool x;		/* carry (zero too for compares and logic) of the register comes in */
	int8_t scale;	/* FMUL: -3..3 */
	uint8_t sel;	/* byte or half of a narrow source: byte 0..3, half 0 or 1 */
	uint8_t cmp, lop, lop2, logic, addop, mm, prmt, shift;
	uint8_t lanes;	/* MOV: bit i: lane i of each quad; 15 usual */
	uint8_t vote, bar, scope, bpt;
	uint8_t qop[4], qlane;
	bool qall;

	uint8_t space, bank; /* bank: LDC */
	bool a64;	     /* the address is the pair src[0].reg, reg + 1 */
	int32_t offset;
	uint8_t cache;	     /* loads: ca cg cs cv; stores: wb cg cs wt */
	uint8_t atom, cctl, cctlmod, ldcmode;
	uint8_t sudim, suclamp, suq, mask;
	struct sm20_tex tex;

	uint8_t tkind;
	uint32_t target;
	bool pcrel, absolute; /* how the word spells target, already applied */
	bool terminate; /* RTT */
	bool allwarp;	/* taken only if all live lanes of the warp agree */
	bool lim;	/* hint: limits the call stack */
};

/*
 * Decodes the 8 bytes at code offset pc.  0, or -EILSEQ with *out holding raw and pc only.
 * 4-byte short instructions (bit 3 set) are -EILSEQ.
 */
int sm20_decode(uint64_t raw, uint32_t pc, struct sm20_insn *out);
/* The word for what sm20_decode answered; -EINVAL if a field does not fit its place. */
int sm20_encode(const struct sm20_insn *in, uint64_t *raw);

const char *sm20_op_name(unsigned int op); /* mnemonic; NULL beyond the last */
const char *sm20_op_what(unsigned int op);

/* One line without newline, always terminated; 160 bytes hold every instruction. */
void sm20_disasm(const struct sm20_insn *in, char *buf, size_t n);

/*
 * Assembles a program that will lie at code offset org.  *n is the room in out on entry (in
 * words) and the number written on success.  On an error -EINVAL (-ENOSPC: out is too small) and
 * one line "line N: what" in msg.
 */
int sm20_assemble(const char *text, uint32_t org, uint64_t *out, size_t *n, char *msg, size_t msgn);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The encoding table of sm_20, for the decoder, encoder, disassembler and assembler only.
 *
 * 1. A row says which words are one operation (match under mask) and lists its fields; the row's
 *    fields in their order are also the order of modifiers and operands in the text.
 * 2. Modifiers come before operands: what an operand looks like may hang on a modifier.
 * 3. Bits in no field and not in the mask are zero, or the word is no instruction.
 */
#ifndef GPUVM_FERMI_SM20_TABLE_H
#define GPUVM_FERMI_SM20_TABLE_H

#include "gpuvm/fermi/sm20.h"

#define SM20_ROW_FIELDS 18 /* 17 and the end */

enum sm20_kind {
	/* modifiers */
	SM20_K_FLAG,   /* one bit */
	SM20_K_ENUM,   /* names[bits], NULL: reserved, "": not printed and the default */
	SM20_K_FIXED,  /* no bits; the row means value `val` */
	SM20_K_SEL,    /* byte or half of the source, by stype */
	/* operands */
	SM20_K_DST, SM20_K_PDST,
	SM20_K_REG,    /* register at pos into src[slot] */
	SM20_K_B,      /* src[1]: register, c[] or immediate, by bits 46-47 */
	SM20_K_C,      /* src[2]: register at 49, or c[] if bits 46-47 are 2 */
	SM20_K_LIMM,   /* src[1]: 32 bits at 26 */
	SM20_K_PRED,   /* src[slot], optional if val */
	SM20_K_INT,    /* src[slot]: a bare number */
	SM20_K_NUM,    /* a number at off, `alt` its letter if any */
	SM20_K_REGIMM, /* src[slot]: a number if bit `alt` is set, else a register */
	SM20_K_SREG,
	SM20_K_MEM,    /* val: enum sm20_memform */
	SM20_K_REL,    /* target, 24 bits at 26 from the next instruction */
	SM20_K_ABS,    /* target, 32 bits at 26 */
	SM20_K_CTGT,   /* target in c[]; val: relative */
};

/* How B's immediate reads. */
enum sm20_flavour { SM20_B_INT, SM20_B_F32, SM20_B_F64, SM20_B_CVT /* by stype */ };

enum sm20_memform {
	SM20_M_G,    /* 32-bit offset at 26, 64-bit address if bit 58 */
	SM20_M_ATOM, /* g[]: 17 bits at 26 and 3 at 55 */
	SM20_M_CCTL, /* g[]: words, 30 bits at 28 */
	SM20_M_L, SM20_M_S, /* 24 bits at 26 */
	SM20_M_C,    /* 16 bits at 26, bank at 42-46 */
};

/* Numbers of registers that hang on modifiers; 0..4 are themselves. */
enum sm20_regs { SM20_N_MEM = 16, SM20_N_SU, SM20_N_MASK, SM20_N_TEXD, SM20_N_TEXA, SM20_N_TEXB };

struct sm20_field {
	const char *name;	   /* as the text spells a FLAG or FIXED; else what it is */
	const char *const *names;  /* ENUM */
	const uint8_t *map;	   /* ENUM: bits -> value in the instruction; NULL: the same */
	uint16_t off;		   /* ENUM, FLAG, FIXED, NUM: the byte in struct sm20_insn */
	uint8_t kind, pos, width, val, slot, regs, alt;
	uint8_t neg, abs, inv;	   /* bits that modify the operand; 0: none */
	bool w3;		   /* B: may stand at 49 to let C be c[] */
	bool optional;		   /* FIXED: the text may leave it out; PRED: as is pt */
};

struct sm20_row {
	uint64_t match, mask;
	uint8_t op;
	bool pred; /* has predicate and join; else bits 4 and 10-13 are zero */
	bool join;
	uint8_t fields[SM20_ROW_FIELDS]; /* indexes into sm20_fields, ends with 0 */
};

extern const struct sm20_field sm20_fields[];
extern const struct sm20_row sm20_rows[];
extern const unsigned int sm20_nr_rows;
extern const char *const sm20_type_names[];
extern const char *const sm20_sreg_names[256]; /* NULL: no name */

static inline bool sm20_field_is_modifier(const struct sm20_field *f)
{
	return f->kind <= SM20_K_SEL;
}

static inline uint64_t sm20_bits(uint64_t raw, unsigned int pos, unsigned int width)
{
	return (raw >> pos) & ((1ull << width) - 1);
}

static inline uint8_t *sm20_byte(struct sm20_insn *in, const struct sm20_field *f)
{
	return (uint8_t *)in + f->off;
}

/* How B reads in this instruction: FLAVOUR_CVT resolved; *regs is 1 or 2. */
unsigned int sm20_flavour(const struct sm20_insn *in, const struct sm20_field *f,
			  unsigned int *regs);
/* Registers that field f takes, known once the modifiers are. */
unsigned int sm20_regs(const struct sm20_insn *in, const struct sm20_field *f);
/* Reads one field; bits it used are added to *seen. -EILSEQ for a reserved value. */
int sm20_field_get(const struct sm20_field *f, uint64_t raw, struct sm20_insn *in, uint64_t *seen);
/* -EINVAL if the value does not fit. */
int sm20_field_put(const struct sm20_field *f, const struct sm20_insn *in, uint64_t *raw);
/* What an instruction of this row holds before its text is read. */
void sm20_insn_init(struct sm20_insn *in, unsigned int row, uint32_t pc);

/*
 * One operand of text (no spaces) into the instruction.  A reason in msg and -EINVAL, or -ENOENT
 * if it is of another memory than this row's.
 */
int sm20_parse_operand(const struct sm20_field *f, const char *text, struct sm20_insn *in,
		       char *msg, size_t msgn);
/* A whole number; hex, decimal, signed.  False if text is something else. */
bool sm20_parse_number(const char *text, int64_t *v);

#endif

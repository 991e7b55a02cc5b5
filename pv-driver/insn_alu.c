// SPDX-License-Identifier: MIT
/*
 * Arithmetic with flags.  The processor computes each operation itself, with
 * the interrupted program's flags loaded, so that results and flags (also the
 * ones manuals call undefined) are those the program would have seen.
 *
 * The stack pointer is moved below the red zone around pushf and popf.
 */
#include <errno.h>

#include "pv-driver/insn.h"

#define WITH_FLAGS(body)                                                                           \
	"lea -128(%%rsp), %%rsp\n\t"                                                               \
	"push %[f]\n\tpopfq\n\t" body "\n\tpushfq\n\tpop %[f]\n\t"                                 \
	"lea 128(%%rsp), %%rsp"

#define BINARY(name, type, insn)                                                                   \
	static uint64_t name(uint64_t a, uint64_t b, uint64_t *flags)                              \
	{                                                                                          \
		type x = (type)a, y = (type)b;                                                     \
		uint64_t f = *flags;                                                               \
		__asm__ volatile(WITH_FLAGS(insn " %[y], %[x]")                                    \
				 : [x] "+r"(x), [f] "+r"(f)                                        \
				 : [y] "r"(y)                                                      \
				 : "cc", "memory");                                                \
		*flags = f;                                                                        \
		return x;                                                                          \
	}
#define UNARY(name, type, insn)                                                                    \
	static uint64_t name(uint64_t a, uint64_t b, uint64_t *flags)                              \
	{                                                                                          \
		type x = (type)a;                                                                  \
		uint64_t f = *flags;                                                               \
		(void)b;                                                                           \
		__asm__ volatile(WITH_FLAGS(insn " %[x]")                                          \
				 : [x] "+r"(x), [f] "+r"(f)                                        \
				 :                                                                 \
				 : "cc", "memory");                                                \
		*flags = f;                                                                        \
		return x;                                                                          \
	}
#define SHIFT(name, type, insn)                                                                    \
	static uint64_t name(uint64_t a, uint64_t b, uint64_t *flags)                              \
	{                                                                                          \
		type x = (type)a;                                                                  \
		uint8_t n = (uint8_t)b;                                                            \
		uint64_t f = *flags;                                                               \
		__asm__ volatile(WITH_FLAGS(insn " %%cl, %[x]")                                    \
				 : [x] "+r"(x), [f] "+r"(f)                                        \
				 : "c"(n)                                                          \
				 : "cc", "memory");                                                \
		*flags = f;                                                                        \
		return x;                                                                          \
	}
#define WIDE_SIZES(kind, name, insn)                                                               \
	kind(name##_2, uint16_t, insn) kind(name##_4, uint32_t, insn) kind(name##_8, uint64_t, insn)
#define ALL_SIZES(kind, name, insn) kind(name##_1, uint8_t, insn) WIDE_SIZES(kind, name, insn)

ALL_SIZES(BINARY, add, "add")
ALL_SIZES(BINARY, or, "or")
ALL_SIZES(BINARY, adc, "adc")
ALL_SIZES(BINARY, sbb, "sbb")
ALL_SIZES(BINARY, and, "and")
ALL_SIZES(BINARY, sub, "sub")
ALL_SIZES(BINARY, xor, "xor")
ALL_SIZES(BINARY, cmp, "cmp")
ALL_SIZES(BINARY, test, "test")
ALL_SIZES(UNARY, inc, "inc")
ALL_SIZES(UNARY, dec, "dec")
ALL_SIZES(UNARY, neg, "neg")
ALL_SIZES(UNARY, not, "not")
ALL_SIZES(SHIFT, shl, "shl")
ALL_SIZES(SHIFT, shr, "shr")
ALL_SIZES(SHIFT, sar, "sar")
ALL_SIZES(SHIFT, rol, "rol")
ALL_SIZES(SHIFT, ror, "ror")
ALL_SIZES(SHIFT, rcl, "rcl")
ALL_SIZES(SHIFT, rcr, "rcr")
WIDE_SIZES(BINARY, bt, "bt")
WIDE_SIZES(BINARY, bts, "bts")
WIDE_SIZES(BINARY, btr, "btr")
WIDE_SIZES(BINARY, btc, "btc")
WIDE_SIZES(BINARY, imul, "imul")
WIDE_SIZES(BINARY, popcnt, "popcnt")
WIDE_SIZES(BINARY, tzcnt, "tzcnt")
WIDE_SIZES(BINARY, lzcnt, "lzcnt")
WIDE_SIZES(BINARY, bsf, "bsf")
WIDE_SIZES(BINARY, bsr, "bsr")

typedef uint64_t alu_fn(uint64_t a, uint64_t b, uint64_t *flags);

#define WIDE_ROW(name) { NULL, name##_2, name##_4, name##_8 }
#define ALL_ROW(name) { name##_1, name##_2, name##_4, name##_8 }
static alu_fn *const alu[INSN_ALU_NR][4] = {
	[INSN_ADD] = ALL_ROW(add),	  [INSN_OR] = ALL_ROW(or),
	[INSN_ADC] = ALL_ROW(adc),	  [INSN_SBB] = ALL_ROW(sbb),
	[INSN_AND] = ALL_ROW(and),	  [INSN_SUB] = ALL_ROW(sub),
	[INSN_XOR] = ALL_ROW(xor),	  [INSN_CMP] = ALL_ROW(cmp),
	[INSN_TEST] = ALL_ROW(test),	  [INSN_INC] = ALL_ROW(inc),
	[INSN_DEC] = ALL_ROW(dec),	  [INSN_NEG] = ALL_ROW(neg),
	[INSN_NOT] = ALL_ROW(not),	  [INSN_SHL] = ALL_ROW(shl),
	[INSN_SHR] = ALL_ROW(shr),	  [INSN_SAR] = ALL_ROW(sar),
	[INSN_ROL] = ALL_ROW(rol),	  [INSN_ROR] = ALL_ROW(ror),
	[INSN_RCL] = ALL_ROW(rcl),	  [INSN_RCR] = ALL_ROW(rcr),
	[INSN_BT] = WIDE_ROW(bt),	  [INSN_BTS] = WIDE_ROW(bts),
	[INSN_BTR] = WIDE_ROW(btr),	  [INSN_BTC] = WIDE_ROW(btc),
	[INSN_IMUL] = WIDE_ROW(imul),	  [INSN_POPCNT] = WIDE_ROW(popcnt),
	[INSN_TZCNT] = WIDE_ROW(tzcnt), [INSN_LZCNT] = WIDE_ROW(lzcnt),
	[INSN_BSF] = WIDE_ROW(bsf),	  [INSN_BSR] = WIDE_ROW(bsr),
};

int insn_alu(enum insn_alu op, unsigned int size, uint64_t a, uint64_t b, uint64_t *flags,
	     uint64_t *result)
{
	alu_fn *fn = NULL;

	if (size == 1 || size == 2 || size == 4 || size == 8)
		fn = alu[op][__builtin_ctz(size)];
	if (!fn)
		return -EOPNOTSUPP;
	/* Bit 1 reads as 1; no trap, direction or alignment flag while our own code runs. */
	*flags = (*flags & INSN_ARITH) | 2;
	*result = fn(a, b, flags);
	return 0;
}

bool insn_cond(uint64_t f, unsigned int cc)
{
	bool cf = f & INSN_CF, pf = f & 4, zf = f & INSN_ZF, sf = f & 0x80, of = f & 0x800, r;

	switch (cc >> 1 & 7) {
	case 0:
		r = of;
		break;
	case 1:
		r = cf;
		break;
	case 2:
		r = zf;
		break;
	case 3:
		r = cf || zf;
		break;
	case 4:
		r = sf;
		break;
	case 5:
		r = pf;
		break;
	case 6:
		r = sf != of;
		break;
	default:
		r = zf || sf != of;
		break;
	}
	return r != (cc & 1);
}

// SPDX-License-Identifier: MIT
/*
 * The encoding table of sm_20: fields here, rows from sm20.def.
 *
 * Bit positions: envytools envydis/gf100.c.  All tables are constant.
 */
#include "gpuvm/fermi/sm20_table.h"

#include <stddef.h>

const char *const sm20_type_names[] = {
	[SM20_TYPE_NONE] = "none",
	[SM20_U8] = "u8", [SM20_S8] = "s8", [SM20_U16] = "u16", [SM20_S16] = "s16",
	[SM20_U32] = "u32", [SM20_S32] = "s32", [SM20_U64] = "u64", [SM20_S64] = "s64",
	[SM20_F16] = "f16", [SM20_F32] = "f32", [SM20_F64] = "f64",
	[SM20_B32] = "b32", [SM20_B64] = "b64", [SM20_B128] = "b128",
};

const char *const sm20_sreg_names[256] = {
	[0x00] = "laneid", [0x02] = "nphysid", [0x03] = "physid", [0x04] = "pm0", [0x05] = "pm1",
	[0x06] = "pm2", [0x07] = "pm3", [0x08] = "pm4", [0x09] = "pm5", [0x0a] = "pm6",
	[0x0b] = "pm7", [0x20] = "tid", [0x21] = "tid.x", [0x22] = "tid.y", [0x23] = "tid.z",
	[0x24] = "launcharg", [0x25] = "ctaid.x", [0x26] = "ctaid.y", [0x27] = "ctaid.z",
	[0x28] = "ntid", [0x29] = "ntid.x", [0x2a] = "ntid.y", [0x2b] = "ntid.z",
	[0x2c] = "gridid", [0x2d] = "nctaid.x", [0x2e] = "nctaid.y", [0x2f] = "nctaid.z",
	[0x30] = "swinbase", [0x31] = "swinsz", [0x32] = "smemsz", [0x33] = "smembanks",
	[0x34] = "lwinbase", [0x35] = "lwinsz", [0x36] = "lpossz", [0x37] = "lnegstart",
	[0x38] = "lanemask_eq", [0x39] = "lanemask_lt", [0x3a] = "lanemask_le",
	[0x3b] = "lanemask_gt", [0x3c] = "lanemask_ge", [0x40] = "trapstat", [0x42] = "warperr",
	[0x50] = "clock", [0x51] = "clockhi",
};

/* Names: as many as the field has values; NULL is reserved. */
static const char *const n_cmp[16] = {
	"f", "lt", "eq", "le", "gt", "ne", "ge", "num", "nan", "ltu", "equ", "leu", "gtu", "neu",
	"geu", "t",
};
static const char *const n_cct[32] = {
	"cc_f", "cc_lt", "cc_eq", "cc_le", "cc_gt", "cc_ne", "cc_ge", "cc_num", "cc_nan", "cc_ltu",
	"cc_equ", "cc_leu", "cc_gtu", "cc_neu", "cc_geu", "", "cc_no", "cc_nc", "cc_ns", "cc_na",
	"cc_a", "cc_s", "cc_c", "cc_o",
};
static const char *const n_rnd[4] = { "", "rm", "rp", "rz" };
static const char *const n_us32[2] = { "u32", "s32" };
static const uint8_t m_us32[2] = { SM20_U32, SM20_S32 };
static const char *const n_bool[2] = { "", "bf" };
static const uint8_t m_bool[2] = { SM20_B32, SM20_F32 };
static const char *const n_lop[4] = { "", "or", "xor" };
static const char *const n_lop2[4] = { "and", "or", "xor" };
static const char *const n_logic[4] = { "and", "or", "xor", "passb" };
static const char *const n_addop[4] = { "", "sub", "subr", "po" };
static const char *const n_mm[4] = { "", "low", "med", "high" };
static const char *const n_scale[8] = { "", "div2", "div4", "div8", "mul8", "mul4", "mul2" };
static const uint8_t m_scale[8] = {
	0, (uint8_t)-1, (uint8_t)-2, (uint8_t)-3, 3, 2, 1,
};
static const char *const n_lanes[16] = {
	"lnone", "l0", "l1", "l01", "l2", "l02", "l12", "l012", "l3", "l03", "l13", "l013", "l23",
	"l023", "l123", "",
};
static const char *const n_prmt[8] = { "", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16" };
static const char *const n_vote[4] = { "all", "any", "uni" };
static const char *const n_bar[8] = { "popc", "and", "or", NULL, "arrive" };
static const char *const n_qop[4] = { "add", "subr", "sub", "mov2" };
static const char *const n_qlane[8] = { "l0", "l1", "l2", "l3", "dx", "dy" };
static const char *const n_ftype[4] = { NULL, "f16", "f32", "f64" };
static const uint8_t m_ftype[4] = { 0, SM20_F16, SM20_F32, SM20_F64 };
/* Integer types of conversions: two bits of size, sign above them (see int_type_bits). */
static const char *const n_itype[8] = { "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64" };
static const uint8_t m_itype[8] = {
	SM20_U8, SM20_U16, SM20_U32, SM20_U64, SM20_S8, SM20_S16, SM20_S32, SM20_S64,
};
static const char *const n_mem[8] = { "u8", "s8", "u16", "s16", "b32", "b64", "b128" };
static const uint8_t m_mem[8] = {
	SM20_U8, SM20_S8, SM20_U16, SM20_S16, SM20_B32, SM20_B64, SM20_B128,
};
static const char *const n_ldcache[4] = { "", "cg", "cs", "cv" };
static const char *const n_stcache[4] = { "", "cg", "cs", "wt" };
static const char *const n_atom[16] = { "add", "min", "max", "inc", "dec", "and", "or", "xor" };
static const char *const n_atoms[16] = { "add", "min", "max" };
static const char *const n_cctl[32] = {
	"query1", "pf1", "pf15", "pf2", "wb", "iv", "ivall", "rs",
};
static const char *const n_cctlmod[4] = { "", "u", "c", "i" };
static const char *const n_scope[4] = { "cta", "gl", "sys" };
static const char *const n_ldc[4] = { "", "il", "is", "isl" };
static const char *const n_sudim[4] = { "1d", "2d", "3d", "e2d" };
static const char *const n_suclamp[4] = { "zero", "clamp", "trap" };
static const char *const n_suq[8] = { "rank", "pixfmt", "smplsz", "dim", "rgba", "blksz" };
static const char *const n_mask[16] = {
	"none", "x", "y", "xy", "z", "xz", "yz", "xyz", "w", "xw", "yw", "xyw", "zw", "xzw", "yzw",
	"xyzw",
};
static const char *const n_texdim[4] = { "1d", "2d", "3d", "cube" };
static const char *const n_lod[8] = { "", "lz", "lb", "ll", NULL, NULL, "lba", "lla" };
static const char *const n_lodf[2] = { "lz", "ll" };
static const uint8_t m_lodf[2] = { SM20_LOD_ZERO, SM20_LOD_LEVEL };
static const char *const n_issue[4] = { "", "t", "p" };
static const char *const n_comp[4] = { "r", "g", "b", "a" };
static const char *const n_query[64] = {
	[0] = "dims", [1] = "type", [2] = "samplepos", [8] = "filter", [9] = "lod", [10] = "wrap",
	[11] = "bcolor",
};
static const char *const n_bpt[4] = { "drain", "cal", "pause", "trap" };

#define AT(m) .off = offsetof(struct sm20_insn, m)
#define FLAG(id, p, text, m) \
	[F_##id] = { .kind = SM20_K_FLAG, .name = text, .pos = p, .width = 1, AT(m) }
#define ENUM(id, p, w, nm, m) \
	[F_##id] = { .kind = SM20_K_ENUM, .name = #m, .pos = p, .width = w, .names = nm, AT(m) }
#define EMAP(id, p, w, nm, mp, m) \
	[F_##id] = { .kind = SM20_K_ENUM, .name = #m, .pos = p, .width = w, .names = nm, \
		     .map = mp, AT(m) }
#define FIXED(id, text, v, m) \
	[F_##id] = { .kind = SM20_K_FIXED, .name = text, .val = v, AT(m) }
#define DST(id, p, n) \
	[F_##id] = { .kind = SM20_K_DST, .name = "d", .pos = p, .width = 6, .regs = n }
#define PDST(id, p, s) \
	[F_##id] = { .kind = SM20_K_PDST, .name = "p", .pos = p, .width = 3, .slot = s }
#define REG(id, p, s, n, ...) \
	[F_##id] = { .kind = SM20_K_REG, .name = (s) == 0 ? "a" : (s) == 1 ? "b" : "c", \
		     .pos = p, .width = 6, .slot = s, \
		     .regs = n, ##__VA_ARGS__ }
#define B(id, fl, n, ...) \
	[F_##id] = { .kind = SM20_K_B, .name = "b", .slot = 1, .val = fl, .regs = n, ##__VA_ARGS__ }
#define C(id, n, ...) \
	[F_##id] = { .kind = SM20_K_C, .name = "c", .pos = 49, .width = 6, .slot = 2, .regs = n, \
		     ##__VA_ARGS__ }
#define PRED(id, p, s, i, ...) \
	[F_##id] = { .kind = SM20_K_PRED, .name = "pred", .pos = p, .width = 3, .slot = s, \
		     .inv = i, ##__VA_ARGS__ }
#define MEM(id, form) [F_##id] = { .kind = SM20_K_MEM, .name = "memory", .val = form }

/* Field numbers; 0 ends a row.  _L: the third operand of long-immediate forms is dst. */
enum {
	F_END, F_FTZ5, F_FTZ6, F_FTZ55, F_FTZ59, F_FMZ7, F_SAT5, F_SAT49, F_SAT56, F_RND55,
	F_RND49, F_RINT7, F_CC48, F_CC58, F_X5, F_X6, F_X7, F_X55, F_HI5, F_HI6, F_WRAP9,
	F_REV8, F_AMT6, F_CMP55, F_BOOL5, F_BOOL7, F_DT5, F_DT7, F_ST5, F_MM6, F_SCALE,
	F_LOGIC6, F_ADDOP8, F_ADDOP55, F_LOP53, F_LOP30, F_LANES5, F_PRMT5, F_VOTE5, F_BAR5,
	F_SCOPE5, F_BPT14, F_QOP0, F_QOP1, F_QOP2, F_QOP3, F_QLANE, F_QALL, F_LONG, F_DTF20,
	F_STF23, F_DTI20, F_STI23, F_SEL, F_MEMT, F_LDCACHE, F_STCACHE, F_ATOM5, F_ATOM5L,
	F_ATOMS5, F_ATOMS5L, F_ADD, F_EXCH, F_CAS, F_U32, F_S32, F_U64, F_F32, F_B32, F_B64,
	F_CCTL5, F_CCTLMOD, F_LDCMODE, F_SUDIM, F_SUCLAMP, F_SUQ5, F_SUMASK, F_CCT5, F_CCT20,
	F_ALLWARP, F_LIM, F_TERMINATE, F_PCREL, F_ABS, F_TMASK, F_TDIM, F_TARRAY, F_TLOD,
	F_TLODF, F_TSHADOW, F_TCL, F_TMS, F_TOFF, F_TOFF8, F_TIND, F_TLIVE, F_TDALL, F_TISSUE,
	F_TCOMP, F_TQUERY,
	/* operands */
	F_D1, F_D2, F_DT, F_DM, F_DA1, F_DA2, F_DTEX, F_PD17, F_PD14, F_PD50, F_PD53, F_PD54,
	F_A, F_A_N, F_A_NA, F_A_N57, F_A_I, F_AD_NA, F_AD_N, F_BR, F_BI, F_BI_I, F_BI3, F_BF,
	F_BF_NA, F_BF3, F_BD, F_BD_NA, F_BD3, F_BCVT, F_C, F_C_N, F_CDD_N, F_CD, F_CD_N, F_CR1,
	F_CR2, F_LI, F_LI_I, F_LF, F_PC, F_PCO, F_PA, F_PB, F_SHIFT, F_SREG, F_BARNR, F_PM,
	F_BPTNR, F_BARID, F_BARCNT, F_MG, F_MATOM, F_MCCTL, F_ML, F_MS, F_MC, F_DATA1, F_DATA2,
	F_DATAM, F_SUCOORD, F_SURF, F_SURFN, F_SUDATAM, F_SUDATAP, F_SUDATA1, F_TIC, F_TSC,
	F_TA, F_TB, F_REL, F_TABS, F_CTGT, F_CTGTR,
	F_COUNT
};

const struct sm20_field sm20_fields[F_COUNT] = {
	FLAG(FTZ5, 5, "ftz", ftz), FLAG(FTZ6, 6, "ftz", ftz), FLAG(FTZ55, 55, "ftz", ftz),
	FLAG(FTZ59, 59, "ftz", ftz), FLAG(FMZ7, 7, "fmz", fmz), FLAG(SAT5, 5, "sat", sat),
	FLAG(SAT49, 49, "sat", sat), FLAG(SAT56, 56, "sat", sat), FLAG(RINT7, 7, "rint", rint),
	ENUM(RND55, 55, 2, n_rnd, rnd), ENUM(RND49, 49, 2, n_rnd, rnd),
	FLAG(CC48, 48, "cc", cc_write), FLAG(CC58, 58, "cc", cc_write),
	FLAG(X5, 5, "x", x), FLAG(X6, 6, "x", x), FLAG(X7, 7, "x", x), FLAG(X55, 55, "x", x),
	FLAG(HI5, 5, "hi", hi), FLAG(HI6, 6, "hi", hi), FLAG(WRAP9, 9, "wrap", wrap),
	FLAG(REV8, 8, "rev", rev), FLAG(AMT6, 6, "amt", amt),
	ENUM(CMP55, 55, 4, n_cmp, cmp),
	EMAP(BOOL5, 5, 1, n_bool, m_bool, dtype), EMAP(BOOL7, 7, 1, n_bool, m_bool, dtype),
	EMAP(DT5, 5, 1, n_us32, m_us32, dtype), EMAP(DT7, 7, 1, n_us32, m_us32, dtype),
	EMAP(ST5, 5, 1, n_us32, m_us32, stype),
	ENUM(MM6, 6, 2, n_mm, mm), EMAP(SCALE, 49, 3, n_scale, m_scale, scale),
	ENUM(LOGIC6, 6, 2, n_logic, logic), ENUM(ADDOP8, 8, 2, n_addop, addop),
	ENUM(ADDOP55, 55, 2, n_addop, addop), ENUM(LOP53, 53, 2, n_lop, lop),
	ENUM(LOP30, 30, 2, n_lop2, lop2), ENUM(LANES5, 5, 4, n_lanes, lanes),
	ENUM(PRMT5, 5, 3, n_prmt, prmt), ENUM(VOTE5, 5, 2, n_vote, vote),
	ENUM(BAR5, 5, 3, n_bar, bar), ENUM(SCOPE5, 5, 2, n_scope, scope),
	ENUM(BPT14, 14, 2, n_bpt, bpt),
	ENUM(QOP0, 38, 2, n_qop, qop[0]), ENUM(QOP1, 36, 2, n_qop, qop[1]),
	ENUM(QOP2, 34, 2, n_qop, qop[2]), ENUM(QOP3, 32, 2, n_qop, qop[3]),
	ENUM(QLANE, 6, 3, n_qlane, qlane), FLAG(QALL, 9, "dall", qall),
	[F_LONG] = { .kind = SM20_K_FIXED, .name = "l", .val = 1, .optional = true, AT(limm) },
	EMAP(DTF20, 20, 2, n_ftype, m_ftype, dtype), EMAP(STF23, 23, 2, n_ftype, m_ftype, stype),
	[F_DTI20] = { .kind = SM20_K_ENUM, .name = "dtype", .pos = 20, .width = 2, .alt = 7,
		      .names = n_itype, .map = m_itype, AT(dtype) },
	[F_STI23] = { .kind = SM20_K_ENUM, .name = "stype", .pos = 23, .width = 2, .alt = 9,
		      .names = n_itype, .map = m_itype, AT(stype) },
	[F_SEL] = { .kind = SM20_K_SEL, .name = "sel", AT(sel) },
	EMAP(MEMT, 5, 3, n_mem, m_mem, dtype),
	ENUM(LDCACHE, 8, 2, n_ldcache, cache), ENUM(STCACHE, 8, 2, n_stcache, cache),
	ENUM(ATOM5, 5, 4, n_atom, atom), ENUM(ATOM5L, 5, 3, n_atom, atom),
	ENUM(ATOMS5, 5, 4, n_atoms, atom), ENUM(ATOMS5L, 5, 3, n_atoms, atom),
	FIXED(ADD, "add", SM20_ATOM_ADD, atom), FIXED(EXCH, "exch", SM20_ATOM_EXCH, atom),
	FIXED(CAS, "cas", SM20_ATOM_CAS, atom),
	FIXED(U32, "u32", SM20_U32, dtype), FIXED(S32, "s32", SM20_S32, dtype),
	FIXED(U64, "u64", SM20_U64, dtype), FIXED(F32, "f32", SM20_F32, dtype),
	FIXED(B32, "b32", SM20_B32, dtype), FIXED(B64, "b64", SM20_B64, dtype),
	ENUM(CCTL5, 5, 5, n_cctl, cctl), ENUM(CCTLMOD, 26, 2, n_cctlmod, cctlmod),
	ENUM(LDCMODE, 8, 2, n_ldc, ldcmode), ENUM(SUDIM, 44, 2, n_sudim, sudim),
	ENUM(SUCLAMP, 47, 2, n_suclamp, suclamp), ENUM(SUQ5, 5, 3, n_suq, suq),
	ENUM(SUMASK, 49, 4, n_mask, mask),
	ENUM(CCT5, 5, 5, n_cct, cct), ENUM(CCT20, 20, 5, n_cct, cct),
	FLAG(ALLWARP, 15, "allwarp", allwarp), FLAG(LIM, 16, "lim", lim),
	FLAG(TERMINATE, 14, "terminate", terminate), FIXED(PCREL, "pcrel", 1, pcrel),
	FIXED(ABS, "abs", 1, absolute),
	ENUM(TMASK, 46, 4, n_mask, tex.mask),
	ENUM(TDIM, 52, 2, n_texdim, tex.dim), FLAG(TARRAY, 51, "array", tex.array),
	ENUM(TLOD, 57, 3, n_lod, tex.lod), EMAP(TLODF, 57, 1, n_lodf, m_lodf, tex.lod),
	FLAG(TSHADOW, 56, "shadow", tex.shadow), FLAG(TCL, 56, "cl", tex.clamp),
	FLAG(TMS, 55, "ms", tex.ms), FLAG(TOFF, 54, "off", tex.offset),
	FLAG(TOFF8, 55, "off8", tex.offset8), FLAG(TIND, 50, "ind", tex.indirect),
	FLAG(TLIVE, 9, "live", tex.live), FLAG(TDALL, 45, "dall", tex.dall),
	ENUM(TISSUE, 7, 2, n_issue, tex.issue), ENUM(TCOMP, 5, 2, n_comp, tex.comp),
	ENUM(TQUERY, 54, 6, n_query, tex.query),
	DST(D1, 14, 1), DST(D2, 14, 2), DST(DM, 14, SM20_N_MEM), DST(DA1, 43, 1), DST(DA2, 43, 2),
	[F_DT] = { .kind = SM20_K_DST, .name = "d", .pos = 14, .width = 6, .regs = SM20_N_MEM },
	DST(DTEX, 14, SM20_N_TEXD),
	PDST(PD17, 17, 0), PDST(PD14, 14, 1), PDST(PD50, 50, 0), PDST(PD53, 53, 0),
	PDST(PD54, 54, 0),
	REG(A, 20, 0, 1), REG(A_N, 20, 0, 1, .neg = 9), REG(A_NA, 20, 0, 1, .neg = 9, .abs = 7),
	REG(A_N57, 20, 0, 1, .neg = 57), REG(A_I, 20, 0, 1, .inv = 9),
	REG(AD_NA, 20, 0, 2, .neg = 9, .abs = 7), REG(AD_N, 20, 0, 2, .neg = 9),
	REG(BR, 26, 1, 1), REG(CR1, 49, 2, 1), REG(CR2, 49, 2, 2),
	B(BI, SM20_B_INT, 1), B(BI_I, SM20_B_INT, 1, .inv = 8), B(BI3, SM20_B_INT, 1, .w3 = true),
	B(BF, SM20_B_F32, 1), B(BF_NA, SM20_B_F32, 1, .neg = 8, .abs = 6),
	B(BF3, SM20_B_F32, 1, .w3 = true),
	B(BD, SM20_B_F64, 2), B(BD_NA, SM20_B_F64, 2, .neg = 8, .abs = 6),
	B(BD3, SM20_B_F64, 2, .w3 = true), B(BCVT, SM20_B_CVT, 1, .neg = 8, .abs = 6),
	C(C, 1), C(C_N, 1, .neg = 8), C(CDD_N, 2, .neg = 8),
	/* In the long forms c is whatever dst holds; the text names it once more. */
	[F_CD] = { .kind = SM20_K_REG, .name = "c (d once more)", .pos = 14, .width = 6, .slot = 2,
		   .regs = 1 },
	[F_CD_N] = { .kind = SM20_K_REG, .name = "c (d once more)", .pos = 14, .width = 6,
		     .slot = 2, .regs = 1, .neg = 8 },
	[F_LI] = { .kind = SM20_K_LIMM, .name = "b", .pos = 26, .width = 32, .slot = 1 },
	[F_LI_I] = { .kind = SM20_K_LIMM, .name = "b", .pos = 26, .width = 32, .slot = 1,
		     .inv = 8 },
	[F_LF] = { .kind = SM20_K_LIMM, .name = "b", .pos = 26, .width = 32, .slot = 1,
		   .val = SM20_B_F32 },
	PRED(PC, 49, 2, 52), PRED(PCO, 49, 2, 52, .optional = true),
	PRED(PA, 20, 0, 23), PRED(PB, 26, 1, 29),
	[F_SHIFT] = { .kind = SM20_K_NUM, .name = "shift", .pos = 5, .width = 5, AT(shift) },
	[F_SREG] = { .kind = SM20_K_SREG, .name = "sreg", .pos = 26, .width = 8, .slot = 1 },
	[F_BARNR] = { .kind = SM20_K_INT, .name = "barrier", .pos = 20, .width = 4 },
	[F_PM] = { .kind = SM20_K_INT, .name = "events", .pos = 26, .width = 16 },
	[F_BPTNR] = { .kind = SM20_K_INT, .name = "number", .pos = 26, .width = 20 },
	[F_BARID] = { .kind = SM20_K_REGIMM, .regs = 1, .name = "barrier", .pos = 20,
		      .width = 4, .alt = 47 },
	[F_BARCNT] = { .kind = SM20_K_REGIMM, .regs = 1, .name = "threads", .pos = 26,
		       .width = 12, .alt = 46, .slot = 1 },
	MEM(MG, SM20_M_G), MEM(MATOM, SM20_M_ATOM), MEM(MCCTL, SM20_M_CCTL), MEM(ML, SM20_M_L),
	MEM(MS, SM20_M_S), MEM(MC, SM20_M_C),
	REG(DATA1, 14, 1, 1), REG(DATA2, 14, 1, 2), REG(DATAM, 14, 1, SM20_N_MEM),
	REG(SUCOORD, 20, 0, SM20_N_SU),
	[F_SURF] = { .kind = SM20_K_REGIMM, .regs = 1, .name = "surface", .pos = 26,
		     .width = 3, .alt = 46, .slot = 1 },
	[F_SURFN] = { .kind = SM20_K_INT, .name = "surface", .pos = 26, .width = 3, .slot = 1 },
	REG(SUDATAM, 14, 2, SM20_N_MEM), REG(SUDATAP, 14, 2, SM20_N_MASK), REG(SUDATA1, 14, 2, 1),
	[F_TIC] = { .kind = SM20_K_NUM, .name = "texture", .pos = 32, .width = 8, .alt = 't',
		    AT(tex.tic) },
	[F_TSC] = { .kind = SM20_K_NUM, .name = "sampler", .pos = 40, .width = 5, .alt = 's',
		    AT(tex.tsc) },
	REG(TA, 20, 0, SM20_N_TEXA), REG(TB, 26, 1, SM20_N_TEXB),
	[F_REL] = { .kind = SM20_K_REL, .name = "target", .pos = 26, .width = 24 },
	[F_TABS] = { .kind = SM20_K_ABS, .name = "target", .pos = 26, .width = 32 },
	[F_CTGT] = { .kind = SM20_K_CTGT, .name = "target" },
	[F_CTGTR] = { .kind = SM20_K_CTGT, .name = "target", .val = 1 },
};

/* Rows name their fields without the prefix: up to 16; each becomes an F_ number. */
#define FF(x) F_##x
#define FE0()
#define FE1(a) FF(a)
#define FE2(a, ...) FF(a), FE1(__VA_ARGS__)
#define FE3(a, ...) FF(a), FE2(__VA_ARGS__)
#define FE4(a, ...) FF(a), FE3(__VA_ARGS__)
#define FE5(a, ...) FF(a), FE4(__VA_ARGS__)
#define FE6(a, ...) FF(a), FE5(__VA_ARGS__)
#define FE7(a, ...) FF(a), FE6(__VA_ARGS__)
#define FE8(a, ...) FF(a), FE7(__VA_ARGS__)
#define FE9(a, ...) FF(a), FE8(__VA_ARGS__)
#define FE10(a, ...) FF(a), FE9(__VA_ARGS__)
#define FE11(a, ...) FF(a), FE10(__VA_ARGS__)
#define FE12(a, ...) FF(a), FE11(__VA_ARGS__)
#define FE13(a, ...) FF(a), FE12(__VA_ARGS__)
#define FE14(a, ...) FF(a), FE13(__VA_ARGS__)
#define FE15(a, ...) FF(a), FE14(__VA_ARGS__)
#define FE16(a, ...) FF(a), FE15(__VA_ARGS__)
#define FEPICK(_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, x, ...) x
#define FE(...) \
	FEPICK(0, ##__VA_ARGS__, FE16, FE15, FE14, FE13, FE12, FE11, FE10, FE9, FE8, FE7, FE6, \
	       FE5, FE4, FE3, FE2, FE1, FE0)(__VA_ARGS__)

enum { ROW_0, ROW_P, ROW_J };

const struct sm20_row sm20_rows[] = {
#define SM20_ROW(o, mt, mk, pj, ...) \
	{ .op = SM20_##o, .match = mt##ull, .mask = mk##ull, .pred = ROW_##pj != ROW_0, \
	  .join = ROW_##pj == ROW_J, .fields = { FE(__VA_ARGS__) } },
#include "gpuvm/fermi/sm20.def"
#undef SM20_ROW
};
const unsigned int sm20_nr_rows = sizeof(sm20_rows) / sizeof(sm20_rows[0]);

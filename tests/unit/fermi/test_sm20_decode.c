// SPDX-License-Identifier: MIT
/*
 * The sm_20 decoder: fields of known instructions, what is refused, and that words and
 * instructions are one to one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/sm20.h"
#include "gpuvm/fermi/sm20_table.h"
#include "tests/t.h"
#include "tests/unit/fermi/sm20_golden.h"
#include "tests/unit/fermi/sm20_listings.h"

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static struct sm20_insn decode(uint64_t word)
{
	struct sm20_insn in;

	if (sm20_decode(word, 0, &in))
		fail_msg("%016llx does not decode", (unsigned long long)word);
	assert_true(in.raw == word);
	assert_int_equal(in.bytes, SM20_INSN_BYTES);
	return in;
}

static void is_reg(const struct sm20_src *s, unsigned int reg, unsigned int regs)
{
	assert_int_equal(s->kind, SM20_SRC_REG);
	assert_int_equal(s->reg, reg);
	assert_int_equal(s->regs, regs);
}

static void is_const(const struct sm20_src *s, unsigned int bank, unsigned int off)
{
	assert_int_equal(s->kind, SM20_SRC_CONST);
	assert_int_equal(s->bank, bank);
	assert_int_equal(s->off, off);
}

static void is_imm(const struct sm20_src *s, uint64_t v)
{
	assert_int_equal(s->kind, SM20_SRC_IMM);
	assert_true(s->imm == v);
}

static void is_pred(const struct sm20_src *s, unsigned int reg, bool inv)
{
	assert_int_equal(s->kind, SM20_SRC_PRED);
	assert_int_equal(s->reg, reg);
	assert_int_equal(s->inv, inv);
}

/* Words that Mesa emitted; what they do stands in the recording beside them. */
static void test_integer(void **state)
{
	struct sm20_insn in = decode(0x4801400000409c03); /* add with carry out, c0[0] */

	(void)state;
	assert_int_equal(in.op, SM20_IADD);
	assert_int_equal(in.addop, SM20_ADD);
	assert_true(in.cc_write && !in.x && !in.sat && !in.limm && !in.join);
	assert_int_equal(in.pred, SM20_PRED_TRUE);
	assert_false(in.pred_not);
	assert_int_equal(in.dst, 2);
	assert_int_equal(in.dst_regs, 1);
	is_reg(&in.src[0], 4, 1);
	is_const(&in.src[1], 0, 0);

	in = decode(0x480040001050dc43); /* and its upper half */
	assert_true(in.x && !in.cc_write);
	is_const(&in.src[1], 0, 4);

	in = decode(0x4800c0008020de03);
	assert_int_equal(in.addop, SM20_SUBR);
	is_imm(&in.src[1], 0x20);

	in = decode(0x2082000010005c43); /* mad high with carry in */
	assert_int_equal(in.op, SM20_IMAD);
	assert_true(in.hi && in.x);
	assert_int_equal(in.dtype, SM20_U32);
	assert_int_equal(in.stype, SM20_U32);
	is_reg(&in.src[0], 0, 1);
	is_reg(&in.src[1], 4, 1);
	is_reg(&in.src[2], 1, 1);

	in = decode(0x5800c0000c209e03);
	assert_int_equal(in.op, SM20_SHR);
	assert_true(in.wrap);
	assert_int_equal(in.dtype, SM20_U32);

	in = decode(0x6800000000001dc3); /* not r0, r0 */
	assert_int_equal(in.op, SM20_LOGIC);
	assert_int_equal(in.logic, SM20_PASS_B);
	assert_true(in.src[1].inv && !in.src[0].inv);

	in = decode(0x1a8e7c0ba031dc03);
	assert_int_equal(in.op, SM20_ISETP);
	assert_int_equal(in.cmp, SM20_CMP_NE);
	assert_int_equal(in.stype, SM20_U32);
	assert_int_equal(in.pdst[0], 0);
	assert_int_equal(in.pdst[1], SM20_PRED_TRUE);
	is_const(&in.src[1], 15, 0x2e8);
	is_pred(&in.src[2], SM20_PRED_TRUE, false);
}

static void test_immediates(void **state)
{
	struct sm20_insn in;

	(void)state;
	in = decode(0x4800fffffc001c03); /* iadd r0, r0, -1 */
	is_imm(&in.src[1], UINT64_MAX);
	in = decode(0x4800dffffc001c03); /* the largest of 20 bits */
	is_imm(&in.src[1], 0x7ffff);
	in = decode(0x5000cfe000001c00); /* fadd r0, r0, 1.0 */
	is_imm(&in.src[1], 0x3f800000);
	in = decode(0x4800cffc00001c01); /* dadd r0d, r0d, 1.0 */
	is_imm(&in.src[1], 0x3ff0000000000000);
	assert_int_equal(in.src[0].regs, 2);
	assert_int_equal(in.dst_regs, 2);
	in = decode(0x18fffffffc001de2); /* mov r0, 0x3fffffff */
	assert_true(in.limm);
	assert_int_equal(in.lanes, 15);
	is_imm(&in.src[1], 0x3fffffff);
	in = decode(0x1bfffffffc001de2);
	is_imm(&in.src[1], 0xffffffff);
	/* The third operand of the long forms is the destination. */
	in = decode(0x2000000004309c02);
	assert_int_equal(in.op, SM20_FFMA);
	is_reg(&in.src[0], 3, 1);
	is_imm(&in.src[1], 1);
	is_reg(&in.src[2], 2, 1);
}

static void test_operand_modes(void **state)
{
	struct sm20_insn in;

	(void)state;
	in = decode(0x300a400020205c00); /* c[] second: c in a register */
	is_const(&in.src[1], 0, 8);
	is_reg(&in.src[2], 5, 1);
	in = decode(0x300a800020205c00); /* c[] third: b moves to the register at 49 */
	is_reg(&in.src[1], 5, 1);
	is_const(&in.src[2], 0, 8);
	in = decode(0x300a440424205c00); /* bank 17 */
	is_const(&in.src[1], 17, 0x108);
	in = decode(0x5000000000001fc0);
	assert_true(in.src[0].neg && in.src[0].abs && in.src[1].neg && in.src[1].abs);
	in = decode(0x5a00000000001c00);
	assert_true(in.src[0].neg);
}

static void test_memory(void **state)
{
	struct sm20_insn in;

	(void)state;
	in = decode(0x8400000000209c85);
	assert_int_equal(in.op, SM20_LD);
	assert_int_equal(in.space, SM20_SPACE_G);
	assert_int_equal(in.dtype, SM20_B32);
	assert_true(in.a64);
	is_reg(&in.src[0], 2, 2);
	assert_int_equal(in.offset, 0);
	in = decode(0x87fffffff0209cc5); /* ld.b128 r2q, g[r2d-4] */
	assert_int_equal(in.dst_regs, 4);
	assert_int_equal(in.offset, -4);
	in = decode(0xc100000c80d0dc85);
	assert_int_equal(in.space, SM20_SPACE_S);
	assert_int_equal(in.offset, 0x320);
	in = decode(0xc900000000309c85);
	assert_int_equal(in.op, SM20_ST);
	is_reg(&in.src[0], 3, 1);
	is_reg(&in.src[1], 2, 1);
	in = decode(0x507e180000209c05); /* atom.add.u32 r3, g[r2], r2 */
	assert_int_equal(in.op, SM20_ATOM);
	assert_int_equal(in.atom, SM20_ATOM_ADD);
	assert_int_equal(in.dst, 3);
	in = decode(0x53fe1ffffc209c05);
	assert_int_equal(in.offset, -1);
	in = decode(0x540808000020dd25);
	assert_int_equal(in.atom, SM20_ATOM_CAS);
	is_reg(&in.src[1], 3, 1);
	is_reg(&in.src[2], 4, 1);
	in = decode(0xc400000000209c85); /* p0 = got the lock */
	assert_int_equal(in.op, SM20_LDLOCK);
	assert_int_equal(in.pdst[0], 0);
	in = decode(0x1400040010109c86);
	assert_int_equal(in.op, SM20_LDC);
	assert_int_equal(in.bank, 1);
	assert_int_equal(in.offset, 4);
}

static void test_control(void **state)
{
	struct sm20_insn in;

	(void)state;
	assert_int_equal(sm20_decode(0x4003fff620001de7, 0x328, &in), 0);
	assert_int_equal(in.op, SM20_BRA);
	assert_int_equal(in.tkind, SM20_TARGET_CODE);
	assert_int_equal(in.target, 0xb8);
	assert_int_equal(in.cct, SM20_CCT_TRUE);
	assert_int_equal(sm20_decode(0x6000000300000007, 0x68, &in), 0);
	assert_int_equal(in.op, SM20_JOINAT);
	assert_int_equal(in.target, 0x130);
	assert_int_equal(in.pred, SM20_PRED_TRUE);
	in = decode(0x40000000000021f4);
	assert_int_equal(in.op, SM20_NOP);
	assert_true(in.join && in.pred_not);
	assert_int_equal(in.pred, 0);
	in = decode(0x50ee0000ffffdc04); /* the barrier that every OpenCL kernel has */
	assert_int_equal(in.op, SM20_BAR);
	assert_int_equal(in.bar, SM20_BAR_POPC);
	assert_int_equal(in.pdst[0], SM20_PRED_TRUE);
	is_reg(&in.src[0], SM20_REG_ZERO, 1);
	is_reg(&in.src[1], SM20_REG_ZERO, 1);
	is_pred(&in.src[2], SM20_PRED_TRUE, false);
	in = decode(0x50eec001003fdc04); /* bar 3, 64 threads */
	is_imm(&in.src[0], 3);
	is_imm(&in.src[1], 64);
	in = decode(0x48c0000000afdc24);
	assert_int_equal(in.op, SM20_VOTE);
	assert_int_equal(in.vote, SM20_VOTE_ANY);
	assert_int_equal(in.pdst[0], 3);
	is_pred(&in.src[0], 2, true);
	in = decode(0x2c00000084009c04);
	assert_int_equal(in.src[1].kind, SM20_SRC_SPECIAL);
	assert_int_equal(in.src[1].reg, SM20_SR_TIDX);
}

static void test_conversions(void **state)
{
	struct sm20_insn in;

	(void)state;
	in = decode(0x1c00400061209ec4); /* i2i.s32.s32 r2, |c0[0x18]| */
	assert_int_equal(in.op, SM20_I2I);
	assert_int_equal(in.dtype, SM20_S32);
	assert_int_equal(in.stype, SM20_S32);
	assert_true(in.src[1].abs && !in.src[1].neg);
	in = decode(0x1980000008201c04); /* byte 3 */
	assert_int_equal(in.op, SM20_I2F);
	assert_int_equal(in.stype, SM20_U8);
	assert_int_equal(in.sel, 3);
	in = decode(0x1500000000a01c04); /* upper half of a word with two f16 */
	assert_int_equal(in.op, SM20_F2I);
	assert_int_equal(in.stype, SM20_F16);
	assert_int_equal(in.sel, 1);
	in = decode(0x1006000005201c84);
	assert_int_equal(in.op, SM20_F2F);
	assert_true(in.rint);
	assert_int_equal(in.rnd, SM20_RND_Z);
	in = decode(0x1406000001b01c84);
	assert_int_equal(in.dtype, SM20_S64);
	assert_int_equal(in.dst_regs, 2);
	assert_int_equal(in.src[1].regs, 2);
}

static void test_textures(void **state)
{
	struct sm20_insn in = decode(0x8013c305fc401d06);

	(void)state;
	assert_int_equal(in.op, SM20_TEX);
	assert_int_equal(in.tex.mask, 15);
	assert_int_equal(in.tex.dim, SM20_TEX_2D);
	assert_int_equal(in.tex.tic, 5);
	assert_int_equal(in.tex.tsc, 3);
	assert_int_equal(in.tex.issue, 2);
	is_reg(&in.src[0], 4, 2);
	is_reg(&in.src[1], SM20_REG_ZERO, 0);
	assert_int_equal(in.dst_regs, 4);
	in = decode(0x929bc30520401c06); /* texel of an array, with level and sample */
	assert_int_equal(in.op, SM20_TLD);
	assert_true(in.tex.array && in.tex.ms);
	assert_int_equal(in.tex.lod, SM20_LOD_LEVEL);
	is_reg(&in.src[0], 4, 3);
	is_reg(&in.src[1], 8, 2);
	in = decode(0xd400500010401c85);
	assert_int_equal(in.op, SM20_SULDB);
	assert_int_equal(in.sudim, SM20_SU_2D);
	is_reg(&in.src[0], 4, 2);
	is_imm(&in.src[1], 4);
}

/* A word that is not one keeps only itself and its place. */
static void refused(uint64_t word)
{
	struct sm20_insn in, empty;

	memset(&empty, 0, sizeof(empty));
	if (sm20_decode(word, 0x40, &in) != -EILSEQ)
		fail_msg("%016llx decodes", (unsigned long long)word);
	empty.raw = word;
	empty.pc = 0x40;
	assert_memory_equal(&in, &empty, sizeof(in));
}

static void test_refused(void **state)
{
	static const uint64_t words[] = {
		0, /* what Mesa emits for a select of 8-bit values */
		UINT64_MAX,
		0x0000000000001c00, 0x4000000000001c00, /* form 0 without an operation */
		0x5000000000001c08, /* a short instruction */
		0x5000800000001c00, /* fadd has no third operand to be c[] */
		0x5000400008001c00, /* bit 27 under a c[] offset */
		0x5800000000001c00 | 7ull << 49, /* scale */
		0x100e000000001c00 | 3ull << 53, /* combination */
		0x80000000000000e5 | 0x1c00, /* size of a load */
		0x4800000000001c64, /* vote */
		0x8000000000001df7, /* exit with a join bit */
		0x8000000000005de7, 0x6000000300001c07, /* joinat with a predicate */
		0x2000000000000007, /* Kepler's scheduling word */
		0x0000000000001c03, /* Kepler's mad */
		0x8028000000001c06, /* 3D array */
		0xa0d0000000001c06, /* gather with both kinds of offset */
		0xe020000000001c06, /* derivatives in 3D */
		0xc800000000001c00 | 1ull << 29,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		refused(words[i]);
}

static void one_to_one(uint64_t word)
{
	struct sm20_insn in;
	uint64_t back;

	if (sm20_decode(word, 0x1000, &in))
		return;
	assert_int_equal(sm20_encode(&in, &back), 0);
	if (back != word)
		fail_msg("%016llx becomes %016llx", (unsigned long long)word,
			 (unsigned long long)back);
}

/* No two words mean the same: a changed bit is another instruction, or none. */
static void test_each_bit(void **state)
{
	struct sm20_insn in, other;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sm20_golden); i++) {
		assert_int_equal(sm20_decode(sm20_golden[i].word, GOLDEN_PC, &in), 0);
		for (int b = 0; b < 64; b++) {
			if (sm20_decode(sm20_golden[i].word ^ 1ull << b, GOLDEN_PC, &other))
				continue;
			other.raw = in.raw;
			if (!memcmp(&in, &other, sizeof(in)))
				fail_msg("%s: bit %d means nothing", sm20_golden[i].text, b);
			one_to_one(sm20_golden[i].word ^ 1ull << b);
		}
	}
}

static void test_random(void **state)
{
	uint64_t s = 0x9e3779b97f4a7c15;

	(void)state;
	for (int i = 0; i < 50000; i++)
		one_to_one(next(&s));
	for (unsigned int r = 0; r < sm20_nr_rows; r++)
		for (int i = 0; i < 500; i++)
			one_to_one((next(&s) & next(&s) & ~sm20_rows[r].mask) | sm20_rows[r].match);
}

static void test_listings(void **state)
{
	(void)state;
	for (size_t l = 0; l < ARRAY_SIZE(sm20_listings); l++)
		for (size_t i = 0; i < sm20_listings[l].n; i++) {
			decode(sm20_listings[l].words[i]);
			one_to_one(sm20_listings[l].words[i]);
		}
}

/* Every operation has a row and every row a golden word, so that nothing stays untested. */
static void test_table_covered(void **state)
{
	bool op[SM20_OP_COUNT] = { false }, *row = calloc(sm20_nr_rows, sizeof(*row));
	struct sm20_insn in;

	(void)state;
	assert_non_null(row);
	for (size_t i = 0; i < ARRAY_SIZE(sm20_golden); i++) {
		assert_int_equal(sm20_decode(sm20_golden[i].word, GOLDEN_PC, &in), 0);
		op[in.op] = row[in.row] = true;
	}
	for (unsigned int r = 0; r < sm20_nr_rows; r++)
		if (!row[r])
			fail_msg("row %u (%s)", r, sm20_op_name(sm20_rows[r].op));
	for (unsigned int o = 1; o < SM20_OP_COUNT; o++) {
		if (!op[o])
			fail_msg("%s", sm20_op_name(o));
		assert_non_null(sm20_op_what(o));
	}
	assert_null(sm20_op_name(SM20_OP_COUNT));
	assert_null(sm20_op_name(SM20_OP_NONE));
	free(row);
}

/* A match lies under its mask, and no row can hide a later one completely. */
static void test_rows_sound(void **state)
{
	(void)state;
	for (unsigned int r = 0; r < sm20_nr_rows; r++) {
		assert_true((sm20_rows[r].match & ~sm20_rows[r].mask) == 0);
		for (unsigned int k = 0; k < r; k++)
			if ((sm20_rows[k].mask & ~sm20_rows[r].mask) == 0 &&
			    (sm20_rows[r].match & sm20_rows[k].mask) == sm20_rows[k].match)
				fail_msg("row %u hides row %u", k, r);
	}
}

static void test_encode_refuses(void **state)
{
	struct sm20_insn good = decode(0x4801400000409c03), in;
	uint64_t raw;

	(void)state;
	in = good;
	in.src[1].off = 2;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
	in = good;
	in.src[1].off = 0x10000;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
	in = good;
	in.src[0].neg = true;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
	in = good;
	in.dst = 64;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
	in = good;
	in.row = 0xffff;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
	in = good;
	in.op = SM20_FADD;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
	in = decode(0x6000000300000007);
	in.pred = 0;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
	in.pred = SM20_PRED_TRUE;
	in.join = true;
	assert_int_equal(sm20_encode(&in, &raw), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integer),
		cmocka_unit_test(test_immediates),
		cmocka_unit_test(test_operand_modes),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_textures),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_listings),
		cmocka_unit_test(test_table_covered),
		cmocka_unit_test(test_rows_sound),
		cmocka_unit_test(test_encode_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

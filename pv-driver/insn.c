// SPDX-License-Identifier: MIT
/*
 * Carries out one load or store instruction on a trapped range: decode with
 * Zydis, find the memory operand, look the form up in a table, step over it.
 *
 * A form that is not in the table is refused, never guessed.
 */
#include <errno.h>
#include <string.h>

#include "pv-driver/insn.h"

#define INSN_MAX 15u
#define PAGE 4096u

struct insn_form {
	insn_fn *fn;
	unsigned int arg;
	bool string; /* operands are implied */
};

#define FORM(mnemonic, f, a) [ZYDIS_MNEMONIC_##mnemonic] = { .fn = f, .arg = a }
#define STR(mnemonic, kind, size)                                                                  \
	[ZYDIS_MNEMONIC_##mnemonic] = { .fn = insn_string, .arg = kind | size, .string = true }
#define VEC(mnemonic, kind) FORM(mnemonic, insn_vector, kind), FORM(V##mnemonic, insn_vector, kind)
#define CC(suffix) FORM(SET##suffix, insn_setcc, 0), FORM(CMOV##suffix, insn_cmov, 0)

static const struct insn_form forms[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
	FORM(MOV, insn_mov, 0),
	FORM(MOVZX, insn_mov, 0),
	FORM(MOVNTI, insn_mov, 0),
	FORM(MOVDIRI, insn_mov, 0),
	FORM(MOVSX, insn_movsx, 0),
	FORM(MOVSXD, insn_movsx, 0),
	FORM(MOVBE, insn_movbe, 0),
	FORM(CLFLUSH, insn_none, 0),
	FORM(CLFLUSHOPT, insn_none, 0),
	FORM(CLWB, insn_none, 0),
	FORM(PUSH, insn_push, 0),
	FORM(POP, insn_pop, 0),
	CC(O), CC(NO), CC(B), CC(NB), CC(Z), CC(NZ), CC(BE), CC(NBE),
	CC(S), CC(NS), CC(P), CC(NP), CC(L), CC(NL), CC(LE), CC(NLE),
	FORM(ADD, insn_binary, INSN_ADD),
	FORM(OR, insn_binary, INSN_OR),
	FORM(ADC, insn_binary, INSN_ADC),
	FORM(SBB, insn_binary, INSN_SBB),
	FORM(AND, insn_binary, INSN_AND),
	FORM(SUB, insn_binary, INSN_SUB),
	FORM(XOR, insn_binary, INSN_XOR),
	FORM(CMP, insn_compare, INSN_CMP),
	FORM(TEST, insn_compare, INSN_TEST),
	FORM(INC, insn_unary, INSN_INC),
	FORM(DEC, insn_unary, INSN_DEC),
	FORM(NEG, insn_unary, INSN_NEG),
	FORM(NOT, insn_unary, INSN_NOT),
	FORM(SHL, insn_binary, INSN_SHL),
	FORM(SHR, insn_binary, INSN_SHR),
	FORM(SAR, insn_binary, INSN_SAR),
	FORM(ROL, insn_binary, INSN_ROL),
	FORM(ROR, insn_binary, INSN_ROR),
	FORM(RCL, insn_binary, INSN_RCL),
	FORM(RCR, insn_binary, INSN_RCR),
	FORM(BT, insn_bit, INSN_BT),
	FORM(BTS, insn_bit, INSN_BTS),
	FORM(BTR, insn_bit, INSN_BTR),
	FORM(BTC, insn_bit, INSN_BTC),
	FORM(IMUL, insn_imul, INSN_IMUL),
	FORM(POPCNT, insn_count, INSN_POPCNT),
	FORM(TZCNT, insn_count, INSN_TZCNT),
	FORM(LZCNT, insn_count, INSN_LZCNT),
	FORM(BSF, insn_count, INSN_BSF),
	FORM(BSR, insn_count, INSN_BSR),
	FORM(XCHG, insn_xchg, 0),
	FORM(XADD, insn_xadd, 0),
	FORM(CMPXCHG, insn_cmpxchg, 0),
	FORM(CMPXCHG8B, insn_cmpxchg8b, 0),
	STR(MOVSB, INSN_MOVS, 1), STR(MOVSW, INSN_MOVS, 2), STR(MOVSQ, INSN_MOVS, 8),
	STR(STOSB, INSN_STOS, 1), STR(STOSW, INSN_STOS, 2), STR(STOSD, INSN_STOS, 4),
	STR(STOSQ, INSN_STOS, 8),
	STR(LODSB, INSN_LODS, 1), STR(LODSW, INSN_LODS, 2), STR(LODSD, INSN_LODS, 4),
	STR(LODSQ, INSN_LODS, 8),
	STR(CMPSB, INSN_CMPS, 1), STR(CMPSW, INSN_CMPS, 2), STR(CMPSD, INSN_CMPS, 4),
	STR(CMPSQ, INSN_CMPS, 8),
	STR(SCASB, INSN_SCAS, 1), STR(SCASW, INSN_SCAS, 2), STR(SCASD, INSN_SCAS, 4),
	STR(SCASQ, INSN_SCAS, 8),
	VEC(MOVD, INSN_VEC_SCALAR),
	VEC(MOVQ, INSN_VEC_SCALAR),
	VEC(MOVSS, INSN_VEC_SCALAR),
	VEC(MOVSD, INSN_VEC_SCALAR), /* in the default opcode map it is a string instruction */
	VEC(MOVLPS, INSN_VEC_LOW),
	VEC(MOVLPD, INSN_VEC_LOW),
	VEC(MOVHPS, INSN_VEC_HIGH),
	VEC(MOVHPD, INSN_VEC_HIGH),
	VEC(MOVUPS, INSN_VEC_FULL),
	VEC(MOVUPD, INSN_VEC_FULL),
	VEC(MOVAPS, INSN_VEC_FULL),
	VEC(MOVAPD, INSN_VEC_FULL),
	VEC(MOVDQU, INSN_VEC_FULL),
	VEC(MOVDQA, INSN_VEC_FULL),
	VEC(LDDQU, INSN_VEC_FULL),
	VEC(MOVNTPS, INSN_VEC_FULL),
	VEC(MOVNTPD, INSN_VEC_FULL),
	VEC(MOVNTDQ, INSN_VEC_FULL),
	VEC(MOVNTDQA, INSN_VEC_FULL),
	FORM(VMOVDQU8, insn_vector, INSN_VEC_FULL),
	FORM(VMOVDQU16, insn_vector, INSN_VEC_FULL),
	FORM(VMOVDQU32, insn_vector, INSN_VEC_FULL),
	FORM(VMOVDQU64, insn_vector, INSN_VEC_FULL),
	FORM(VMOVDQA32, insn_vector, INSN_VEC_FULL),
	FORM(VMOVDQA64, insn_vector, INSN_VEC_FULL),
};

/* Two string instructions share their name with SSE ones; only movsd has an SSE form here. */
static const struct insn_form *insn_form_of(const struct insn *in)
{
	static const struct insn_form movsd = {
		.fn = insn_string, .arg = INSN_MOVS | 4, .string = true
	};

	if (in->i.mnemonic == ZYDIS_MNEMONIC_MOVSD && in->i.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return &movsd;
	return &forms[in->i.mnemonic];
}

/* Hardware register numbers in the order of the signal context. */
static const uint8_t gpr_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				    REG_RSI, REG_RDI, REG_R8,  REG_R9,	REG_R10, REG_R11,
				    REG_R12, REG_R13, REG_R14, REG_R15 };

uint64_t *insn_gpr(struct insn *in, unsigned int nr)
{
	return (uint64_t *)&in->uc->uc_mcontext.gregs[gpr_of[nr]];
}

void insn_gpr_put(struct insn *in, unsigned int nr, unsigned int size, uint64_t val)
{
	uint64_t *r = insn_gpr(in, nr);

	if (size == 8)
		*r = val;
	else if (size == 4)
		*r = (uint32_t)val;
	else
		*r = (*r & ~insn_cut(~0ull, size)) | insn_cut(val, size);
}

/* Number and byte offset of a general register; false for any other register. */
static bool reg_decode(ZydisRegister reg, unsigned int *nr, unsigned int *shift)
{
	*shift = 0;
	if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15)
		*nr = reg - ZYDIS_REGISTER_RAX;
	else if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_R15D)
		*nr = reg - ZYDIS_REGISTER_EAX;
	else if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_R15W)
		*nr = reg - ZYDIS_REGISTER_AX;
	else if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL)
		*nr = reg - ZYDIS_REGISTER_AL;
	else if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B)
		*nr = reg - ZYDIS_REGISTER_SPL + 4;
	else if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) {
		*nr = reg - ZYDIS_REGISTER_AH;
		*shift = 8;
	} else
		return false;
	return true;
}

int insn_get(struct insn *in, unsigned int n, uint64_t *val)
{
	const ZydisDecodedOperand *op = &in->op[n];
	unsigned int nr, shift;

	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return insn_ld(in, in->addr, op->size / 8u, val);
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		*val = op->imm.value.u;
		return 0;
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (!reg_decode(op->reg.value, &nr, &shift))
			return -EOPNOTSUPP;
		*val = insn_cut(*insn_gpr(in, nr) >> shift, op->size / 8u);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

int insn_put(struct insn *in, unsigned int n, uint64_t val)
{
	const ZydisDecodedOperand *op = &in->op[n];
	unsigned int nr, shift;

	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return insn_st(in, in->addr, op->size / 8u, insn_cut(val, op->size / 8u));
	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER || !reg_decode(op->reg.value, &nr, &shift))
		return -EOPNOTSUPP;
	if (shift) {
		uint64_t *r = insn_gpr(in, nr);

		*r = (*r & ~0xff00ull) | (val & 0xff) << 8;
	} else {
		insn_gpr_put(in, nr, op->size / 8u, val);
	}
	return 0;
}

int insn_where(const struct insn *in, uint64_t addr, unsigned int size, const struct trap_range **r)
{
	for (unsigned int i = 0; i < in->nr; i++) {
		uint64_t base = (uintptr_t)in->ranges[i].base, off = addr - base;

		if (off < in->ranges[i].len) {
			*r = &in->ranges[i];
			return size <= in->ranges[i].len - off ? 0 : -EFAULT;
		}
		if (base - addr < size)
			return -EFAULT; /* starts below the range and reaches into it */
	}
	*r = NULL;
	return 0;
}

static bool size_ok(unsigned int size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

int insn_ld(struct insn *in, uint64_t addr, unsigned int size, uint64_t *val)
{
	const struct trap_range *r;
	int err = insn_where(in, addr, size, &r);

	if (err)
		return err;
	if (!size_ok(size))
		return -EOPNOTSUPP;
	*val = 0;
	if (r)
		*val = insn_cut(in->sink->load(in->sink, r->space,
					       (uint32_t)(addr - (uintptr_t)r->base), (uint8_t)size),
				size);
	else
		memcpy(val, (const void *)(uintptr_t)addr, size);
	return 0;
}

int insn_st(struct insn *in, uint64_t addr, unsigned int size, uint64_t val)
{
	const struct trap_range *r;
	int err = insn_where(in, addr, size, &r);

	if (err)
		return err;
	if (!size_ok(size))
		return -EOPNOTSUPP;
	if (r)
		in->sink->store(in->sink, r->space, (uint32_t)(addr - (uintptr_t)r->base),
				(uint8_t)size, val);
	else
		memcpy((void *)(uintptr_t)addr, &val, size);
	return 0;
}

/* Base or index register's part of an address. */
static int addr_reg(struct insn *in, ZydisRegister reg, uint64_t *val)
{
	unsigned int nr, shift;

	*val = 0;
	if (reg == ZYDIS_REGISTER_NONE)
		return 0;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP) {
		*val = (uint64_t)in->uc->uc_mcontext.gregs[REG_RIP] + in->i.length;
		return 0;
	}
	if (!reg_decode(reg, &nr, &shift))
		return -EOPNOTSUPP;
	*val = *insn_gpr(in, nr);
	return 0;
}

int insn_operand(struct insn *in, const struct trap_range **r)
{
	const ZydisDecodedOperand *m = NULL;
	uint64_t base, index;
	int err;

	for (unsigned int n = 0; n < in->i.operand_count_visible && !m; n++)
		if (in->op[n].type == ZYDIS_OPERAND_TYPE_MEMORY)
			m = &in->op[n];
	if (!m)
		return -EFAULT;
	if (m->mem.type != ZYDIS_MEMOP_TYPE_MEM || m->mem.segment == ZYDIS_REGISTER_FS ||
	    m->mem.segment == ZYDIS_REGISTER_GS)
		return -EOPNOTSUPP;
	err = addr_reg(in, m->mem.base, &base);
	if (!err)
		err = addr_reg(in, m->mem.index, &index);
	if (err)
		return err;
	in->mem = m;
	in->addr = base + index * m->mem.scale + (uint64_t)m->mem.disp.value;
	if (in->i.address_width == 32)
		in->addr = (uint32_t)in->addr;
	err = insn_where(in, in->addr, m->size / 8u, r);
	return err ? err : *r ? 0 : -EFAULT;
}

static int insn_decode(struct insn *in, const uint8_t *ip)
{
	ZydisDecoder d;
	ZydisDecoderContext ctx;
	size_t len = PAGE - ((uintptr_t)ip & (PAGE - 1));
	ZyanStatus st;

	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	/* The next page is read only if the instruction goes on there: it may not exist. */
	if (len > INSN_MAX)
		len = INSN_MAX;
	st = ZydisDecoderDecodeInstruction(&d, &ctx, ip, len, &in->i);
	if (st == ZYDIS_STATUS_NO_MORE_DATA && len < INSN_MAX)
		st = ZydisDecoderDecodeInstruction(&d, &ctx, ip, INSN_MAX, &in->i);
	if (ZYAN_SUCCESS(st))
		st = ZydisDecoderDecodeOperands(&d, &ctx, &in->i, in->op, in->i.operand_count);
	return ZYAN_SUCCESS(st) ? 0 : -EOPNOTSUPP;
}

int insn_open(struct insn *in, ucontext_t *uc, const struct trap_range *ranges, unsigned int nr,
	      struct trap_sink *sink)
{
	/* The operands are filled by Zydis as far as there are any. */
	in->uc = uc;
	in->ranges = ranges;
	in->nr = nr;
	in->sink = sink;
	in->mem = NULL;
	in->again = false;
	return insn_decode(in, (const uint8_t *)uc->uc_mcontext.gregs[REG_RIP]);
}

int insn_emulate(ucontext_t *uc, const struct trap_range *ranges, unsigned int nr,
		 struct trap_sink *sink)
{
	struct insn in;
	const struct insn_form *form;
	const struct trap_range *r;
	int err = insn_open(&in, uc, ranges, nr, sink);

	if (err)
		return err;
	form = insn_form_of(&in);
	if (!form->fn)
		return -EOPNOTSUPP;
	if (!form->string)
		err = insn_operand(&in, &r);
	if (!err)
		err = form->fn(&in, form->arg);
	if (err)
		return err;
	if (!in.again)
		uc->uc_mcontext.gregs[REG_RIP] += in.i.length;
	/* Set by the fault; a finished instruction leaves it clear. */
	uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)INSN_RF;
	return 0;
}

void insn_describe(const void *ip, char *buf, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	ZydisFormatter f;
	struct insn in = { .nr = 0 };
	const uint8_t *b = ip;
	size_t at = 0;

	if (!n)
		return;
	buf[0] = '\0';
	if (insn_decode(&in, ip)) {
		in.i.length = 8;
		in.i.mnemonic = ZYDIS_MNEMONIC_INVALID;
	}
	for (unsigned int i = 0; i < in.i.length && at + 4 < n; i++) {
		buf[at++] = digit[b[i] >> 4];
		buf[at++] = digit[b[i] & 15];
		buf[at++] = ' ';
	}
	buf[at] = '\0';
	if (in.i.mnemonic == ZYDIS_MNEMONIC_INVALID || at + 4 >= n)
		return;
	ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterFormatInstruction(&f, &in.i, in.op, in.i.operand_count_visible, buf + at, n - at,
					(ZyanU64)(uintptr_t)ip, NULL);
}

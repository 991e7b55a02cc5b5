// SPDX-License-Identifier: MIT
/*
 * Slots of executable memory for instructions that the processor runs on a copy
 * of their operand (stub.h says how).
 *
 * 1. A slot is one thread's from enter to leave; all that is between is the
 *    instruction itself and the store that ends it.  A signal handler that runs
 *    there and accesses a BAR takes another slot; one that jumps out of it for
 *    good loses the slot.
 * 2. The memory is private: after fork parent and child have slots of their own.
 * 3. The rewritten instruction differs from the original in its memory operand
 *    only (RIP-relative, so without segment and address-size prefix).
 */
#include "pv-driver/stub.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/insn.h"

#define PAGE 4096u
#define SLOTS 64u
#define SLOT_LEN 64u /* of code, and of data */
#define INSN_MAX 15u

struct stub_slot {
	uint32_t busy; /* atomic */
	uint64_t addr; /* in the BAR */
	unsigned int size;
	bool store;
	uint64_t next; /* ip behind the original */
	struct trap_range range;
	struct trap_sink *sink;
};

/* One mapping: a page of code, a page of data, an inaccessible page. */
struct stub {
	uint8_t *code, *data, *end;
	struct stub_slot slot[SLOTS];
};

_Static_assert(SLOTS * SLOT_LEN <= PAGE, "slots fit in their page");

int stub_new(struct stub **out)
{
	struct stub *s = mem_new(struct stub);
	uint8_t *p;

	if (!s)
		return -ENOMEM;
	p = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		mem_free(s);
		return -ENOMEM;
	}
	s->code = p;
	s->data = p + PAGE;
	s->end = p + 2 * PAGE;
	/* Written by handlers of any thread while others execute in it: never one right at a time. */
	if (mprotect(s->code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) ||
	    mprotect(s->data, PAGE, PROT_READ | PROT_WRITE)) {
		stub_free(s);
		return -EACCES;
	}
	*out = s;
	return 0;
}

void stub_free(struct stub *s)
{
	if (!s)
		return;
	munmap(s->code, 3 * PAGE);
	mem_free(s);
}

static bool drop_prefix(uint8_t b)
{
	switch (b) {
	case 0x26: /* es cs ss ds fs gs, address size */
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x67:
		return true;
	default:
		return false;
	}
}

/* Assembles the slot's code; 0 if the instruction would get longer than a processor takes. */
static unsigned int stub_assemble(const struct insn *in, const uint8_t *ip, uint8_t *code,
				  const uint8_t *data, const uint8_t *end)
{
	const ZydisDecodedInstructionRaw *raw = &in->i.raw;
	unsigned int tail = raw->modrm.offset + 1u + (raw->modrm.rm == 4) + raw->disp.size / 8u;
	unsigned int n = 0, imm = in->i.length - tail;
	uint8_t buf[INSN_MAX + 5];
	int32_t disp;

	for (unsigned int i = 0; i < raw->modrm.offset; i++)
		if (i >= raw->prefix_count || !drop_prefix(ip[i]))
			buf[n++] = ip[i];
	buf[n++] = (uint8_t)(raw->modrm.reg << 3 | 5);
	if (n + 4 + imm > INSN_MAX)
		return 0;
	disp = (int32_t)(data - (code + n + 4 + imm));
	memcpy(buf + n, &disp, 4);
	n += 4;
	memcpy(buf + n, ip + tail, imm);
	n += imm;
	memcpy(code, buf, n);
	/* mov [end], al: changes no flag. */
	code[n++] = 0x88;
	code[n++] = 0x05;
	disp = (int32_t)(end - (code + n + 4));
	memcpy(code + n, &disp, 4);
	return n + 4;
}

/* Whether this is an instruction with one plain memory operand and nothing else that matters to memory or ip. */
static bool stub_allowed(const struct insn *in)
{
	const ZydisDecodedInstruction *i = &in->i;
	unsigned int mems = 0;

	if (!(i->attributes & ZYDIS_ATTRIB_HAS_MODRM) || i->raw.modrm.mod == 3)
		return false;
	if (i->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE)
		return false;
	switch (i->mnemonic) {
	case ZYDIS_MNEMONIC_BT: /* with a register: the bit may lie outside of the operand */
	case ZYDIS_MNEMONIC_BTS:
	case ZYDIS_MNEMONIC_BTR:
	case ZYDIS_MNEMONIC_BTC:
	case ZYDIS_MNEMONIC_VMASKMOVPS: /* elements not chosen must not be accessed */
	case ZYDIS_MNEMONIC_VMASKMOVPD:
	case ZYDIS_MNEMONIC_VPMASKMOVD:
	case ZYDIS_MNEMONIC_VPMASKMOVQ:
		return false;
	default:
		break;
	}
	if (i->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX &&
	    i->avx.mask.mode != ZYDIS_MASK_MODE_DISABLED && i->avx.mask.reg != ZYDIS_REGISTER_K0 &&
	    i->avx.mask.reg != ZYDIS_REGISTER_NONE)
		return false;
	for (unsigned int n = 0; n < i->operand_count; n++) {
		const ZydisDecodedOperand *op = &in->op[n];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
			mems++;
		if (op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (op->reg.value == ZYDIS_REGISTER_RIP || op->reg.value == ZYDIS_REGISTER_EIP ||
		     op->reg.value == ZYDIS_REGISTER_IP))
			return false;
	}
	/*
	 * An operand that is only perhaps accessed is left alone, except that one
	 * that was read may be written back as it was (shld by 0).
	 */
	if (in->mem->actions & ZYDIS_OPERAND_ACTION_CONDREAD)
		return false;
	return mems == 1 && (!(in->mem->actions & ZYDIS_OPERAND_ACTION_CONDWRITE) ||
			     in->mem->actions & ZYDIS_OPERAND_ACTION_READ);
}

static unsigned int stub_size(const struct insn *in)
{
	if (in->i.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX &&
	    in->i.avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID)
		return in->mem->element_size / 8u;
	return in->mem->size / 8u;
}

/* The widest step from byte i of n: ascending accesses of 8 bytes, then what is left. */
static unsigned int stub_step(unsigned int i, unsigned int n)
{
	unsigned int step = 8;

	while (step > n - i)
		step /= 2;
	return step;
}

static struct stub_slot *stub_take(struct stub *s)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		uint32_t no = 0;

		if (!__atomic_load_n(&s->slot[i].busy, __ATOMIC_RELAXED) &&
		    __atomic_compare_exchange_n(&s->slot[i].busy, &no, 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return &s->slot[i];
	}
	return NULL;
}

static void stub_load(const struct stub_slot *t, uint8_t *data)
{
	for (unsigned int i = 0, n; i < t->size; i += n) {
		uint64_t v;

		n = stub_step(i, t->size);
		v = t->sink->load(t->sink, t->range.space,
				  (uint32_t)(t->addr - (uintptr_t)t->range.base) + i, (uint8_t)n);
		memcpy(data + i, &v, n);
	}
}

int stub_enter(struct stub *s, ucontext_t *uc, const struct trap_range *ranges, unsigned int nr,
	       struct trap_sink *sink)
{
	const struct trap_range *r;
	const uint8_t *ip = (const uint8_t *)uc->uc_mcontext.gregs[REG_RIP];
	struct stub_slot *t;
	struct insn in;
	unsigned int at;
	int err = insn_open(&in, uc, ranges, nr, sink);

	if (!err)
		err = insn_operand(&in, &r);
	if (err)
		return err;
	if (!stub_allowed(&in) || !stub_size(&in) || stub_size(&in) > SLOT_LEN)
		return -EOPNOTSUPP;
	t = stub_take(s);
	if (!t)
		return -EBUSY;
	at = (unsigned int)(t - s->slot) * SLOT_LEN;
	t->addr = in.addr;
	t->size = stub_size(&in);
	t->store = in.mem->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	t->next = (uint64_t)(uintptr_t)ip + in.i.length;
	t->range = *r;
	t->sink = sink;
	memset(s->data + at, 0, SLOT_LEN);
	if (!stub_assemble(&in, ip, s->code + at, s->data + at, s->end)) {
		__atomic_store_n(&t->busy, 0, __ATOMIC_RELEASE);
		return -EOPNOTSUPP;
	}
	if (in.mem->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
		stub_load(t, s->data + at);
	/* Returning from the handler serialises: the processor sees the new code. */
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(s->code + at);
	uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)INSN_RF;
	return 0;
}

bool stub_ended(const struct stub *s, uint64_t addr)
{
	return s && addr - (uintptr_t)s->end < PAGE;
}

void stub_leave(struct stub *s, ucontext_t *uc)
{
	uint64_t at = ((uint64_t)uc->uc_mcontext.gregs[REG_RIP] - (uintptr_t)s->code) / SLOT_LEN;
	struct stub_slot *t = &s->slot[at];
	const uint8_t *data = s->data + at * SLOT_LEN;

	for (unsigned int i = 0, n; t->store && i < t->size; i += n) {
		uint64_t v = 0;

		n = stub_step(i, t->size);
		memcpy(&v, data + i, n);
		t->sink->store(t->sink, t->range.space,
			       (uint32_t)(t->addr - (uintptr_t)t->range.base) + i, (uint8_t)n, v);
	}
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)t->next;
	uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)INSN_RF;
	__atomic_store_n(&t->busy, 0, __ATOMIC_RELEASE);
}

// SPDX-License-Identifier: MIT
/*
 * SSE, AVX and AVX-512 moves between a BAR and vector registers, as accesses of
 * at most 8 bytes in ascending order (a masked move: one per chosen element).
 *
 * The interrupted program's vector registers lie in the signal frame as an
 * XSAVE image in the standard format (Intel SDM vol. 1, 13.4): the legacy area,
 * a header of 64 bytes at 512 whose first word says which components are
 * present (absent = all zero), then the components at offsets that
 * CPUID leaf 0xd tells.  The last 48 bytes of the legacy area are the kernel's
 * and say whether there is more than the legacy area
 * (struct _fpx_sw_bytes in asm/sigcontext.h).
 */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "pv-driver/insn.h"

enum { XS_SSE = 1, XS_YMM = 2, XS_MASK = 5, XS_ZMM_HI = 6, XS_ZMM_16 = 7, XS_NR = 8 };

#define XS_LEGACY_LEN 512
#define XS_MAGIC 0x46505853u

struct xs {
	uint8_t *base;
	uint64_t avail; /* components that fit in this frame */
};

static const uint16_t xs_len[XS_NR] = {
	[XS_SSE] = 256, [XS_YMM] = 256, [XS_MASK] = 64, [XS_ZMM_HI] = 512, [XS_ZMM_16] = 1024
};

/* Offset of a component.  A constant of the processor, but CPUID leaves a virtual machine, so it is kept. */
static uint32_t xs_offset(unsigned int comp)
{
	static uint32_t known[XS_NR];
	uint32_t off = __atomic_load_n(&known[comp], __ATOMIC_RELAXED), a, c, d;

	if (comp == XS_SSE)
		return 160;
	if (!off) {
		__cpuid_count(0xd, comp, a, off, c, d);
		__atomic_store_n(&known[comp], off, __ATOMIC_RELAXED);
	}
	return off;
}

static int xs_open(struct insn *in, struct xs *x)
{
	const struct _fpx_sw_bytes *sw;
	uint64_t compact;

	x->base = (uint8_t *)in->uc->uc_mcontext.fpregs;
	if (!x->base)
		return -EOPNOTSUPP;
	sw = (const struct _fpx_sw_bytes *)(x->base + XS_LEGACY_LEN - sizeof *sw);
	x->avail = 1u << XS_SSE;
	if (sw->magic1 != XS_MAGIC)
		return 0;
	memcpy(&compact, x->base + XS_LEGACY_LEN + 8, sizeof compact);
	if (compact >> 63)
		return -EOPNOTSUPP;
	x->avail |= sw->xstate_bv;
	return 0;
}

static uint64_t xs_present(const struct xs *x)
{
	uint64_t bv = 1u << XS_SSE;

	if (x->avail != bv)
		memcpy(&bv, x->base + XS_LEGACY_LEN, sizeof bv);
	return bv;
}

static int xs_get(const struct xs *x, unsigned int comp, unsigned int at, void *buf, unsigned int len)
{
	if (!(x->avail & 1u << comp))
		return -EOPNOTSUPP;
	if (xs_present(x) & 1u << comp)
		memcpy(buf, x->base + xs_offset(comp) + at, len);
	else
		memset(buf, 0, len);
	return 0;
}

static int xs_put(const struct xs *x, unsigned int comp, unsigned int at, const void *buf,
		  unsigned int len)
{
	uint64_t bv = xs_present(x);
	bool zero = true;

	if (!(x->avail & 1u << comp))
		return -EOPNOTSUPP;
	for (unsigned int i = 0; i < len; i++)
		zero &= !((const uint8_t *)buf)[i];
	if (!(bv & 1u << comp)) {
		if (zero)
			return 0;
		/* What an absent component's bytes hold is not defined. */
		memset(x->base + xs_offset(comp), 0, xs_len[comp]);
		bv |= 1u << comp;
		memcpy(x->base + XS_LEGACY_LEN, &bv, sizeof bv);
	}
	memcpy(x->base + xs_offset(comp) + at, buf, len);
	return 0;
}

/* The first len bytes (16, 32 or 64) of vector register nr. */
static int vec_get(const struct xs *x, unsigned int nr, uint8_t *v, unsigned int len)
{
	int err;

	if (nr >= 16)
		return xs_get(x, XS_ZMM_16, (nr - 16) * 64, v, len);
	err = xs_get(x, XS_SSE, nr * 16, v, 16);
	if (!err && len > 16)
		err = xs_get(x, XS_YMM, nr * 16, v + 16, 16);
	if (!err && len > 32)
		err = xs_get(x, XS_ZMM_HI, nr * 32, v + 32, 32);
	return err;
}

/* All 64 bytes of v; the parts above what this processor has must be zero and are left out. */
static int vec_put(const struct xs *x, unsigned int nr, const uint8_t *v)
{
	int err;

	if (nr >= 16)
		return xs_put(x, XS_ZMM_16, (nr - 16) * 64, v, 64);
	err = xs_put(x, XS_SSE, nr * 16, v, 16);
	if (!err && x->avail & 1u << XS_YMM)
		err = xs_put(x, XS_YMM, nr * 16, v + 16, 16);
	if (!err && x->avail & 1u << XS_ZMM_HI)
		err = xs_put(x, XS_ZMM_HI, nr * 32, v + 32, 32);
	return err;
}

struct vec {
	struct xs x;
	unsigned int nr, len; /* register; bytes of memory */
	unsigned int at;      /* where in the register they go */
	unsigned int elem;    /* of a masked move; else 0 */
	uint64_t mask;	      /* one bit per element */
	bool zeroing, store;
};

static int vec_mask(struct insn *in, struct vec *v)
{
	uint64_t m = 0;
	int err;

	v->mask = UINT64_MAX;
	if (in->i.encoding != ZYDIS_INSTRUCTION_ENCODING_EVEX ||
	    in->i.avx.mask.mode == ZYDIS_MASK_MODE_DISABLED ||
	    in->i.avx.mask.reg == ZYDIS_REGISTER_K0 || in->i.avx.mask.reg == ZYDIS_REGISTER_NONE)
		return 0;
	if (in->i.avx.mask.mode != ZYDIS_MASK_MODE_MERGING &&
	    in->i.avx.mask.mode != ZYDIS_MASK_MODE_ZEROING)
		return -EOPNOTSUPP;
	err = xs_get(&v->x, XS_MASK, (in->i.avx.mask.reg - ZYDIS_REGISTER_K0) * 8u, &m, sizeof m);
	v->mask = m;
	v->elem = in->mem->element_size / 8u;
	v->zeroing = in->i.avx.mask.mode == ZYDIS_MASK_MODE_ZEROING;
	return err ? err : v->elem ? 0 : -EOPNOTSUPP;
}

/* Which register, how many bytes, in which direction. */
static int vec_decode(struct insn *in, struct vec *v, enum insn_vec kind)
{
	const ZydisDecodedOperand *reg = NULL;
	unsigned int regs = 0;
	int err = xs_open(in, &v->x);

	if (err)
		return err;
	for (unsigned int i = 0; i < in->i.operand_count_visible; i++) {
		ZydisRegisterClass c;

		if (in->op[i].type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		c = ZydisRegisterGetClass(in->op[i].reg.value);
		if (c == ZYDIS_REGCLASS_MASK)
			continue;
		if (c != ZYDIS_REGCLASS_XMM && c != ZYDIS_REGCLASS_YMM && c != ZYDIS_REGCLASS_ZMM)
			return -EOPNOTSUPP;
		reg = &in->op[i];
		regs++;
	}
	if (regs != 1 || in->i.avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID)
		return -EOPNOTSUPP;
	v->nr = (unsigned int)ZydisRegisterGetId(reg->reg.value);
	v->len = in->mem->size / 8u;
	v->at = kind == INSN_VEC_HIGH ? 8 : 0;
	v->store = in->mem == &in->op[0];
	if (v->at + v->len > 64)
		return -EOPNOTSUPP;
	return vec_mask(in, v);
}

static int vec_move(struct insn *in, const struct vec *v, uint8_t *bytes)
{
	unsigned int step = v->elem ? v->elem : v->len < 8 ? v->len : 8;
	uint64_t val = 0;
	int err;

	for (unsigned int i = 0; i < v->len; i += step) {
		if (v->elem && !(v->mask >> i / step & 1)) {
			if (v->zeroing && !v->store)
				memset(bytes + i, 0, step);
			continue;
		}
		memcpy(&val, bytes + i, step);
		err = v->store ? insn_st(in, in->addr + i, step, insn_cut(val, step)) :
				 insn_ld(in, in->addr + i, step, &val);
		if (err)
			return err;
		if (!v->store)
			memcpy(bytes + i, &val, step);
	}
	return 0;
}

int insn_vector(struct insn *in, unsigned int kind)
{
	bool legacy = in->i.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
	uint8_t bytes[64] = { 0 };
	struct vec v = { .len = 0 };
	unsigned int keep;
	int err = vec_decode(in, &v, kind);

	if (err)
		return err;
	/* The register's present bytes, as far as this processor has them. */
	keep = v.x.avail & 1u << XS_ZMM_HI ? 64 : v.x.avail & 1u << XS_YMM ? 32 : 16;
	if (v.store)
		return (err = vec_get(&v.x, v.nr, bytes, v.at + v.len <= 16 ? 16 : v.at + v.len)) ?
			       err :
			       vec_move(in, &v, bytes + v.at);
	err = vec_get(&v.x, v.nr, bytes, keep);
	if (err)
		return err;
	/*
	 * A load without VEX keeps what lies above 128 bits and, if it fills only
	 * half, the other half; a scalar load clears the rest of the 128 bits.
	 * With VEX or EVEX everything above the memory operand clears.
	 */
	if (!legacy)
		memset(bytes + v.len, 0, sizeof bytes - v.len);
	else if (kind == INSN_VEC_SCALAR)
		memset(bytes + v.len, 0, 16 - v.len);
	err = vec_move(in, &v, bytes + v.at);
	return err ? err : vec_put(&v.x, v.nr, bytes);
}

// SPDX-License-Identifier: MIT
/*
 * Fuzzes the PV call page: rings registered anywhere, calls of any operations,
 * by two paravirtual guests, with channels that use the tables.
 *
 * The claim, checked after each input: every call whose ring is registered is
 * answered, the isolation audit finds nothing, a third guest that did nothing
 * has its memory as it was, and nothing stays behind when the guests leave.
 *
 * An input is a list of steps, one tag byte each: bit 7 the guest, bits 0-2 the
 * step.  Numbers in operations are mostly taken near what is sound, so that
 * whole address spaces come to be; a bit in the operation's code byte makes
 * them raw.  Whatever bytes come, they mean something.
 */
#include "tests/fuzz/harness.h"

#include "pv-driver/pv_abi.h"

#define MAX_STEPS 1024
#define MAX_OPS 32u
#define RING 0x10000u
#define RES 0x8000u

static void reg(struct fuzz *f, int i, uint32_t off, uint32_t val)
{
	uint64_t v = val;

	hv_null_access(f->hg[i], HV_BAR_PV, off, 4, true, &v);
}

static uint32_t reg_rd(struct fuzz *f, int i, uint32_t off)
{
	uint64_t v = 0;

	hv_null_access(f->hg[i], HV_BAR_PV, off, 4, false, &v);
	return (uint32_t)v;
}

static void ring_up(struct fuzz *f, int i)
{
	reg(f, i, PV_REG_DRV_VERSION, 1);
	reg(f, i, PV_REG_DRV_FEATURES, PV_FEAT_RUN | PV_FEAT_LIST | PV_FEAT_MULTICALL);
	reg(f, i, PV_REG_RING_LO, RING);
	reg(f, i, PV_REG_RING_HI, 0);
	reg(f, i, PV_REG_RING_LEN, PV_RING_MAX);
	reg(f, i, PV_REG_ENABLE, 1);
}

/* A page of the guest's VRAM or RAM, or something like it. */
static uint64_t entry(struct fuzz *f)
{
	uint32_t v = (uint32_t)take(f, 2);

	return (uint64_t)(v & 0x3ff) << 4 | (v & 0x400 ? 2ull << 33 : 0) | (v & 0x800 ? 1ull << 2 : 0) |
	       (v & 0x1000 ? 0 : 1);
}

static struct pv_op near_op(struct fuzz *f, uint16_t code)
{
	struct pv_op op = { .code = code };

	switch (code) {
	case PV_OP_ALLOC:
		op.index = 1 + (uint32_t)take(f, 1) % 3;
		op.count = op.index == PV_KIND_DIR ? 0 : 3;
		break;
	case PV_OP_MAP_TABLE:
		op.a = take(f, 1) % 8 | (take(f, 1) % 8) << 32;
		break;
	case PV_OP_BAR_DIR:
		op.a = 0xffffff;
		break;
	default:
		op.count = 1 + (uint32_t)take(f, 1) % 16;
		op.a = entry(f);
		op.b = 4096;
	}
	op.id = (uint32_t)take(f, 1) % 8;
	if (code != PV_OP_ALLOC)
		op.index = (uint32_t)take(f, 1) % (code == PV_OP_BAR_DIR ? 4 : 130);
	return op;
}

static struct pv_op raw_op(struct fuzz *f, uint16_t code)
{
	struct pv_op op = { .code = code };

	op.id = (uint32_t)take(f, 4);
	op.index = (uint32_t)take(f, 4);
	op.count = (uint32_t)take(f, 4);
	op.a = take(f, 8);
	op.b = take(f, 8);
	return op;
}

/* A call of some operations; wild: its header is the input's, too. */
static void call(struct fuzz *f, int i, bool wild)
{
	uint8_t *ring = (uint8_t *)hv_null_ram(f->hg[i]) + RING;
	uint32_t n = 1 + (uint32_t)take(f, 1) % MAX_OPS, len = PV_OPS_OFF, answered;
	struct pv_call h = { .nr = n, .res = RES };

	for (uint32_t k = 0; k < n; k++) {
		uint8_t tag = (uint8_t)take(f, 1);
		uint16_t code = (tag & 0x7f) % (PV_OP_END + 1);
		struct pv_op op = tag & 0x80 ? raw_op(f, code) : near_op(f, code);

		memcpy(ring + len, &op, sizeof(op));
		len += sizeof(op);
		for (uint32_t e = 0; code == PV_OP_MAP_LIST && !(tag & 0x80) && e < 16; e++) {
			uint64_t v = entry(f);

			memcpy(ring + len + e * 8, &v, 8);
		}
		if (code == PV_OP_MAP_LIST && !(tag & 0x80))
			len += (op.count + 3) / 4 * 32;
	}
	h.len = len;
	if (wild) {
		h.nr = (uint32_t)take(f, 4);
		h.len = (uint32_t)take(f, 4);
		h.res = (uint32_t)take(f, 4);
	}
	memcpy(ring, &h, sizeof(h));
	reg(f, i, PV_REG_CALL, ++f->seq);
	memcpy(&answered, ring + offsetof(struct pv_call, done), 4);
	must(wild || reg_rd(f, i, PV_REG_ENABLE) != PV_STATE_ON ||
	     reg_rd(f, i, PV_REG_RING_LO) != RING || answered == f->seq);
}

/* An instance block somewhere in VRAM, a channel bound to it. */
static void channel(struct fuzz *f, int i)
{
	uint32_t id = (uint32_t)take(f, 1) % 4;
	uint64_t v = take(f, 1) & 1 ? 0 : CHAN_INST_VALID | (0x100 + id);

	hv_null_access(f->hg[i], HV_BAR0, reg_at(REGID_PFIFO_CHAN_INST, id), 4, true, &v);
}

static void one(struct fuzz *f)
{
	uint8_t tag = (uint8_t)take(f, 1);
	int i = tag >> 7;
	uint64_t val;

	switch (tag & 7) {
	case 0: ring_up(f, i); return;
	case 1: reg(f, i, (uint32_t)take(f, 2), (uint32_t)take(f, 4)); return;
	case 2: call(f, i, true); return;
	case 3: channel(f, i); return;
	case 4:
		hv_null_access(f->hg[i], take(f, 1) & 1 ? HV_BAR1 : HV_BAR3, (uint32_t)take(f, 3), 4, false,
			       &val);
		return;
	case 5:
		if (take(f, 1) == 0xff)
			vgpu_reset(f->hg[i]->vgpu);
		val = 1u << 31;
		hv_null_access(f->hg[i], HV_BAR0, NV_PBUS_BAR3_BLOCK, 4, true, &val);
		fuzz_step(f, 1000);
		return;
	default: call(f, i, false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz f; /* lives as long as the program: opening a card costs more than an input */
	const struct vgpu_cfg cfg = { .mode = VGPU_NAIVE_PV, .pv_ops = UINT32_MAX };

	fuzz_begin(&f, &cfg, data, len);
	for (int i = 0; i < GUESTS; i++)
		ring_up(&f, i);
	for (int n = 0; n < MAX_STEPS && f.p < f.end; n++)
		one(&f);
	fuzz_end(&f);
	return 0;
}

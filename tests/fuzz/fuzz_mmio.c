// SPDX-License-Identifier: MIT
/*
 * Fuzzes what guests can do to the mediator: loads and stores of every space,
 * size and alignment, and guest memory, by two guests at once.
 *
 * The claim, checked after each input: every load was answered within its
 * size, the isolation audit finds nothing, and a third guest that did nothing
 * has its memory as it was.
 *
 * An input is a list of operations, one tag byte each: bit 7 the guest, bit 6
 * a load (else a store), bits 4-5 log2 of the size, bits 0-3 the operation.
 * Whatever bytes come, they mean something.
 */
#include "tests/fuzz/harness.h"

#define MAX_OPS 4096

enum op {
	OP_REG,	   /* a register by row and element */
	OP_REG_AT, /* any 32-bit offset of BAR0 */
	OP_BAR1,
	OP_BAR3,
	OP_CFG,
	OP_PRAMIN, /* 20 bits of offset */
	OP_RAM,	   /* guest memory, by itself */
	OP_STEP,   /* time passes, the mediator does a round */
	OP_VRAM,   /* PRAMIN moved to the place first */
	OP_CHAN,   /* a column of the channel table */
	OP_RESET,
	NR_OPS
};

static void access_at(struct fuzz *f, int i, enum hv_space s, uint32_t off, uint8_t tag)
{
	uint8_t size = (uint8_t)(1u << (tag >> 4 & 3));
	bool write = !(tag & 0x40);
	uint64_t val = write ? take(f, size) : 0x5a5a5a5a5a5a5a5aull;
	int err = hv_null_access(f->hg[i], s, off, size, write, &val);

	must(err == 0 || err == -EPERM || err == -EINVAL);
	must(write || size == 8 || !(val >> 8 * size));
}

static uint32_t any_register(struct fuzz *f)
{
	enum reg_id id = (enum reg_id)(take(f, 2) % NR_REGS);

	return reg_at(id, (uint32_t)take(f, 1) % reg_rows[id].count);
}

static void guest_ram(struct fuzz *f, int i)
{
	uint32_t at = (uint32_t)take(f, 3) % (uint32_t)(GUEST_RAM - 8);
	uint64_t val = take(f, 8);

	memcpy((uint8_t *)hv_null_ram(f->hg[i]) + at, &val, 8);
}

/* A place in VRAM through PRAMIN, the window moved there as a driver does. */
static void vram(struct fuzz *f, int i, uint8_t tag)
{
	uint32_t at = (uint32_t)take(f, 3);
	uint64_t base = at >> 16;

	hv_null_access(f->hg[i], HV_BAR0, NV_PBUS_PRAMIN_BASE, 4, true, &base);
	access_at(f, i, HV_BAR0, NV_PRAMIN + (at & 0xffff), tag);
}

static void step(struct fuzz *f)
{
	uint64_t next;

	dev_advance(f->g->dev, 1000u << take(f, 1) % 20);
	gpuvm_step(f->g, dev_now(f->g->dev), &next);
}

static void one(struct fuzz *f)
{
	uint8_t tag = (uint8_t)take(f, 1);
	int i = tag >> 7;

	switch ((enum op)((tag & 0xf) % NR_OPS)) {
	case OP_REG:
		access_at(f, i, HV_BAR0, any_register(f), tag);
		return;
	case OP_REG_AT:
		access_at(f, i, HV_BAR0, (uint32_t)take(f, 4), tag);
		return;
	case OP_BAR1:
		access_at(f, i, HV_BAR1, (uint32_t)take(f, 4), tag);
		return;
	case OP_BAR3:
		access_at(f, i, HV_BAR3, (uint32_t)take(f, 4), tag);
		return;
	case OP_CFG:
		access_at(f, i, HV_CFG, (uint32_t)take(f, 2), tag);
		return;
	case OP_PRAMIN:
		access_at(f, i, HV_BAR0, NV_PRAMIN + ((uint32_t)take(f, 3) & 0xfffff), tag);
		return;
	case OP_RAM:
		guest_ram(f, i);
		return;
	case OP_STEP:
		step(f);
		return;
	case OP_VRAM:
		vram(f, i, tag);
		return;
	case OP_CHAN:
		access_at(f, i, HV_BAR0, NV_PFIFO_CHAN_INST + (uint32_t)take(f, 1) * 4, tag);
		return;
	default:
		vgpu_reset(f->hg[i]->vgpu);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz f; /* lives as long as the program: opening a card costs more than an input */
	const struct vgpu_cfg cfg = { .mode = VGPU_FULL };

	fuzz_begin(&f, &cfg, data, len);
	for (int n = 0; n < MAX_OPS && f.p < f.end; n++)
		one(&f);
	fuzz_end(&f);
	return 0;
}

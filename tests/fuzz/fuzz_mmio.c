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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/fermi/inst.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/null.h"

#define GUESTS 3 /* the third only watches */
#define GUEST_VRAM (8ull << 20)
#define GUEST_RAM (1ull << 20)
#define MAX_OPS 4096
#define CANARY 0x5ca1ab1ecafef00dull
#define CANARY_AT 0x3000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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

struct fuzz {
	struct gpuvm *g;
	struct hv *hv;
	struct hv_guest *hg[GUESTS];
	const uint8_t *p, *end;
};

#define must(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "fuzz_mmio: not true: %s\n", #x);                          \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The next n bytes of the input as a number; 0 past its end. */
static uint64_t take(struct fuzz *f, size_t n)
{
	uint64_t v = 0;

	if ((size_t)(f->end - f->p) < n)
		n = (size_t)(f->end - f->p);
	memcpy(&v, f->p, n);
	f->p += n;
	return v;
}

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

/* The card and its mediator live through all inputs: each must leave them as good as new. */
static void open_once(struct fuzz *f)
{
	const struct gpuvm_cfg cfg = { 0 };
	struct dev *dev;
	char msg[256] = "";

	if (f->g)
		return;
	if (dev_open("sim:vram=256M,clock=manual", NULL, &dev, msg, sizeof(msg)) ||
	    gpuvm_new(dev, &cfg, &f->g, msg, sizeof(msg))) {
		fprintf(stderr, "fuzz_mmio: %s\n", msg);
		abort();
	}
	must(!hv_null_open(&gpuvm_up, f->g, NULL, &f->hv));
	gpuvm_set_hv(f->g, f->hv);
}

static hvram_t canary_at(struct fuzz *f)
{
	const struct vgpu *v = f->hg[GUESTS - 1]->vgpu;
	hvram_t at = hvram(0);

	must(!part_vram_g2h(v->part, gvram(CANARY_AT), 8, &at));
	return at;
}

static void begin(struct fuzz *f)
{
	const struct vgpu_cfg cfg = { .mode = VGPU_FULL, .vram_len = GUEST_VRAM };
	static const char *const names[GUESTS] = { "a", "b", "watch" };
	const uint64_t canary = CANARY;

	for (int i = 0; i < GUESTS; i++)
		must(!hv_null_guest_new(f->hv, names[i], GUEST_RAM, &cfg, &f->hg[i]));
	must(!dev_vram_wr(f->g->dev, canary_at(f), &canary, 8));
	memcpy((uint8_t *)hv_null_ram(f->hg[GUESTS - 1]) + CANARY_AT, &canary, 8);
}

static void end(struct fuzz *f)
{
	uint64_t vram_word = 0, ram_word, next;

	dev_advance(f->g->dev, 1000000);
	gpuvm_step(f->g, dev_now(f->g->dev), &next);
	must(!gpuvm_audit(f->g, stderr));
	must(!dev_vram_rd(f->g->dev, canary_at(f), &vram_word, 8));
	memcpy(&ram_word, (uint8_t *)hv_null_ram(f->hg[GUESTS - 1]) + CANARY_AT, 8);
	must(vram_word == CANARY && ram_word == CANARY);
	must(hv_null_irqs(f->hg[GUESTS - 1]) == 0);
	for (int i = 0; i < GUESTS; i++)
		hv_null_guest_free(f->hg[i]);
	must(f->g->nr_vgpus == 0);
	must(!gpuvm_audit(f->g, stderr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz f; /* lives as long as the program: opening a card costs more than an input */

	open_once(&f);
	f.p = data;
	f.end = data + len;
	begin(&f);
	for (int n = 0; n < MAX_OPS && f.p < f.end; n++)
		one(&f);
	end(&f);
	return 0;
}

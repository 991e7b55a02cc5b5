/* SPDX-License-Identifier: MIT */
/*
 * A device of plain memory and the few registers that shadows use.  It counts
 * TLB flushes, and can be told not to answer or to refuse writes to a page.
 */
#ifndef TESTS_UNIT_SHADOW_FAKE_H
#define TESTS_UNIT_SHADOW_FAKE_H

#include "tests/t.h"

#include <string.h>
#include <sys/mman.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/regs.h"

#define MIB (1ull << 20)
#define RIG_VRAM (160 * MIB)

struct fake {
	struct dev dev; /* first */
	uint8_t *vram;
	uint32_t *reg;
	uint64_t now;
	unsigned int tlb_flushes;
	uint32_t last_pdb;
	bool deaf;	  /* TLB flushes are never confirmed */
	bool busy;	  /* a committed runlist stays pending */
	uint64_t wr_fail; /* writes to this VRAM page fail */
};

static inline struct fake *fake_of(struct dev *d)
{
	return container_of(d, struct fake, dev);
}

static inline uint32_t fake_rd32(struct dev *d, uint32_t reg)
{
	struct fake *f = fake_of(d);
	uint32_t v = f->reg[reg / 4];

	switch (reg) {
	case NV_FLUSH_BAR: return 0;
	case NV_PFB_MMU_CTRL: return (v & 1) | 0x00ff0000 | (f->deaf ? 0 : 0x8000);
	case NV_PFIFO_RUNLIST_STATUS: return v | (f->busy ? RUNLIST_STATUS_PENDING : 0);
	default: return v;
	}
}

static inline void fake_wr32(struct dev *d, uint32_t reg, uint32_t val)
{
	struct fake *f = fake_of(d);

	f->reg[reg / 4] = val;
	if (reg == NV_PFB_TLB_FLUSH) {
		f->tlb_flushes++;
		f->last_pdb = f->reg[NV_PFB_TLB_PDB / 4];
	}
	if (reg == NV_PFIFO_RUNLIST_SUBMIT) {
		f->reg[NV_PFIFO_RUNLIST_CUR / 4] = f->reg[NV_PFIFO_RUNLIST_ADDR / 4];
		f->reg[NV_PFIFO_RUNLIST_STATUS / 4] = RUNLIST_COUNT(val);
	}
}

static inline int fake_vram_rd(struct dev *d, hvram_t at, void *buf, size_t len)
{
	if (!range_ok(hvram_x(at), len, RIG_VRAM))
		return -ERANGE;
	memcpy(buf, fake_of(d)->vram + hvram_x(at), len);
	return 0;
}

static inline int fake_vram_wr(struct dev *d, hvram_t at, const void *buf, size_t len)
{
	struct fake *f = fake_of(d);

	if (!range_ok(hvram_x(at), len, RIG_VRAM) ||
	    (f->wr_fail && align_down(hvram_x(at), 4096) == f->wr_fail))
		return -ERANGE;
	memcpy(f->vram + hvram_x(at), buf, len);
	return 0;
}

static inline int fake_vram_zero(struct dev *d, hvram_t at, uint64_t len)
{
	if (!range_ok(hvram_x(at), len, RIG_VRAM))
		return -ERANGE;
	memset(fake_of(d)->vram + hvram_x(at), 0, len);
	return 0;
}

static inline uint64_t fake_now(struct dev *d)
{
	return fake_of(d)->now++;
}

static const struct dev_io fake_io = {
	.rd32 = fake_rd32,
	.wr32 = fake_wr32,
	.vram_rd = fake_vram_rd,
	.vram_wr = fake_vram_wr,
	.vram_zero = fake_vram_zero,
};
static const struct dev_ops fake_ops = { .name = "fake", .now = fake_now };

static inline void fake_init(struct fake *f)
{
	const int prot = PROT_READ | PROT_WRITE,
		  flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	f->dev.ops = &fake_ops;
	f->dev.io = &fake_io;
	f->dev.info = (struct dev_info){ .boot0 = GF100_BOOT_0,
					 .vram_len = RIG_VRAM,
					 .nr_chan = GF100_NR_CHAN,
					 .nr_pbdma = GF100_NR_PBDMA };
	f->vram = mmap(NULL, RIG_VRAM, prot, flags, -1, 0);
	f->reg = mmap(NULL, GF100_MMIO_LEN, prot, flags, -1, 0);
	assert_true(f->vram != MAP_FAILED && f->reg != MAP_FAILED);
}

static inline void fake_fini(struct fake *f)
{
	munmap(f->vram, RIG_VRAM);
	munmap(f->reg, GF100_MMIO_LEN);
}

#endif

// SPDX-License-Identifier: MIT
/*
 * PBUS: the PRAMIN window, the blocks that bind BAR1 and BAR3, host flushes,
 * and the latch for accesses that nobody answers.
 *
 * Always true: BAR1 and BAR3 use the address space that the instance block
 * described when its register was last written; a later change of the block is
 * seen after the next write.  A flush is complete when the write returns.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"

/* PBUS_INTR bit 1: no unit answered [nvkm/subdev/bus/gf100.c]. */
#define PBUS_INTR_NO_UNIT (1u << 1)
#define BAD_ADDR_WRITE (1u << 1)
#define BLOCK_TRANSLATE (1u << 31)
#define PRAMIN_LEN 0x100000u

static void drive(struct sim *s)
{
	sim_intr(s, PMC_INTR_PBUS,
		 sim_reg_load(s, NV_PBUS_INTR) & sim_reg_load(s, NV_PBUS_INTR_EN));
}

void pbus_bad_access(struct sim *s, uint32_t off, uint32_t val, bool write)
{
	/* The first one stays until the driver has seen it. */
	if (!(sim_reg_load(s, NV_PBUS_INTR) & PBUS_INTR_NO_UNIT)) {
		sim_reg_store(s, NV_PBUS_BAD_ADDR,
			      (off & 0xfffffffc) | (write ? BAD_ADDR_WRITE : 0));
		sim_reg_store(s, NV_PBUS_BAD_DATA, val);
	}
	sim_reg_store(s, NV_PBUS_INTR, sim_reg_load(s, NV_PBUS_INTR) | PBUS_INTR_NO_UNIT);
	drive(s);
}

static void bind_bar(struct sim *s, struct bar_space *b, uint32_t val)
{
	b->translate = val & BLOCK_TRANSLATE;
	b->bound = b->translate && !mmu_bind(s, CHAN_INST_ADDR(val), &b->vm);
	if (!b->bound)
		b->vm = (struct mmu_vm){ .inst = CHAN_INST_ADDR(val) };
	b->vm.priv = true;
}

static void pbus_wr(struct sim *s, uint32_t off, uint32_t val)
{
	sim_reg_wr(s, off, val);
	switch (off) {
	case NV_PBUS_INTR:
	case NV_PBUS_INTR_EN:
		drive(s);
		return;
	case NV_PBUS_BAR1_BLOCK:
		bind_bar(s, &s->bar1, val);
		return;
	case NV_PBUS_BAR3_BLOCK:
		bind_bar(s, &s->bar3, val);
		return;
	default:
		return;
	}
}

static void flush_wr(struct sim *s, uint32_t off, uint32_t val)
{
	sim_reg_wr(s, off, val);
	/*
	 * Stores of this thread are before what engines load from now on; there is no cache to
	 * empty.
	 */
	if (off == NV_FLUSH_BAR || off == NV_FLUSH_L2 || off == NV_FLUSH_L2_INVALIDATE)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint64_t pramin_at(struct sim *s, uint32_t off)
{
	return ((uint64_t)(sim_reg_load(s, NV_PBUS_PRAMIN_BASE) & 0xffffff) << 16) +
	       (off - NV_PRAMIN);
}

static uint32_t pramin_rd(struct sim *s, uint32_t off)
{
	uint32_t v;

	return mem_rd(s, PTE_VRAM, pramin_at(s, off), &v, 4) ? 0xbad0fb00 : v;
}

static void pramin_wr(struct sim *s, uint32_t off, uint32_t val)
{
	/* A store beyond VRAM goes nowhere. */
	mem_wr(s, PTE_VRAM, pramin_at(s, off), &val, 4);
}

const struct sim_unit pbus_units[] = {
	{ "PBUS", 0x001000, 0x001ffc, NULL, pbus_wr },
	{ "FLUSH", 0x070000, 0x070ffc, NULL, flush_wr },
	{ "PRAMIN", NV_PRAMIN, NV_PRAMIN + PRAMIN_LEN - 4, pramin_rd, pramin_wr },
	{ 0 },
};

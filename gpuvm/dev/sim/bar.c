// SPDX-License-Identifier: MIT
/*
 * The apertures as a CPU sees them: registers through BAR0, VRAM and bus
 * memory through BAR1 and BAR3.
 *
 * Always true: a load answers something defined whatever its offset; a store
 * that cannot be done leaves a latched fault and changes nothing.  A BAR1
 * store into the USERD array is in memory before PFIFO hears of it.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"

/* VGA ports are bytes of this range. */
#define PVGA 0x601000u
#define PVGA_END 0x602000u
/* What a load reads that could not be done; the low byte is the fault reason. */
#define BAD_READ 0xbad0ac00u
#define BAD_OFFSET 0xffu

static uint64_t bad_read(uint32_t reason)
{
	uint32_t v = BAD_READ | (reason & 0xff);

	return (uint64_t)v << 32 | v;
}

static uint64_t cut(uint64_t v, int size)
{
	return size == 8 ? v : v & ((1ull << (8 * size)) - 1);
}

static uint64_t bar_len(const struct sim *s, int bar)
{
	return bar == 0 || bar == 1 || bar == 3 ? s->dev.info.bar_len[bar] : 0;
}

static bool access_ok(const struct sim *s, int bar, uint64_t off, int size)
{
	return (size == 1 || size == 2 || size == 4 || size == 8) &&
	       is_aligned(off, (uint64_t)size) && range_ok(off, (uint64_t)size, bar_len(s, bar));
}

/* ---- BAR0 ------------------------------------------------------------------ */

static uint64_t bar0_rd(struct sim *s, uint32_t off, int size)
{
	uint64_t v = sim_rd(s, off & ~3u);

	if (size == 8)
		v |= (uint64_t)sim_rd(s, off + 4) << 32;
	return v >> (off & 3) * 8;
}

/*
 * Registers take whole dwords.  Narrow stores reach VGA ports, PRAMIN and the
 * one byte that re-arms the MSI; elsewhere nobody answers them.
 */
static void bar0_wr_narrow(struct sim *s, uint32_t off, int size, uint64_t val)
{
	uint32_t dword = off & ~3u, shift = (off & 3) * 8;
	uint32_t mask = (uint32_t)cut(~0ull, size) << shift;
	uint32_t v = (uint32_t)val << shift;

	if (dword == NV_PPCI_MSI_REARM)
		sim_wr(s, dword, v & mask);
	else if ((off >= PVGA && off < PVGA_END) ||
		 (off >= NV_PRAMIN && off < NV_PRAMIN + 0x100000u))
		sim_wr(s, dword, (sim_rd(s, dword) & ~mask) | (v & mask));
	else
		pbus_bad_access(s, off, (uint32_t)cut(val, size), true);
}

static void bar0_wr(struct sim *s, uint32_t off, int size, uint64_t val)
{
	if (size < 4) {
		bar0_wr_narrow(s, off, size, val);
		return;
	}
	sim_wr(s, off, lo32(val));
	if (size == 8)
		sim_wr(s, off + 4, hi32(val));
}

/* ---- BAR1, BAR3 ------------------------------------------------------------ */

static void fault(struct sim *s, int bar, const struct bar_space *b, enum fault_reason reason,
		  uint64_t va, bool write)
{
	struct mmu_fault f = {
		.unit = bar == 1 ? FAULT_UNIT_BAR1 : FAULT_UNIT_BAR3,
		.reason = reason,
		.inst = b->vm.inst,
		.va = va,
		.write = write,
		.hub = true,
		.client = FAULT_CLIENT_BAR,
	};

	pthread_mutex_lock(&s->lock);
	mmu_fault(s, &f);
	pthread_mutex_unlock(&s->lock);
}

static struct bar_space space_of(struct sim *s, int bar)
{
	struct bar_space b;

	pthread_mutex_lock(&s->lock);
	b = bar == 1 ? s->bar1 : s->bar3;
	pthread_mutex_unlock(&s->lock);
	return b;
}

/* One access of either direction; FAULT_NONE or what stood in its way. */
static enum fault_reason vm_access(struct sim *s, const struct bar_space *b, uint64_t off, int size,
				   void *val, bool write)
{
	uint64_t at;

	if (!b->translate) {
		int err = write ? mem_wr(s, PTE_VRAM, off, val, (uint64_t)size) :
				  mem_rd(s, PTE_VRAM, off, val, (uint64_t)size);

		return err ? FAULT_PAGE_NOT_PRESENT : FAULT_NONE;
	}
	if (!b->bound)
		return FAULT_NO_CHANNEL;
	return write ? mmu_wr(s, &b->vm, off, val, (uint64_t)size, &at) :
		       mmu_rd(s, &b->vm, off, val, (uint64_t)size, &at);
}

/* Tells PFIFO about the dwords of USERD that a store touched, as they now stand in memory. */
static void userd_store(struct sim *s, const struct bar_space *b, uint64_t off, int size)
{
	uint32_t base = sim_reg_load(s, NV_PFIFO_USERD_BASE), val;
	uint64_t first = align_down(off, 4), end = off + (uint64_t)size, in;

	if (!(base & USERD_BASE_VALID) || off < USERD_BASE_ADDR(base))
		return;
	in = first - USERD_BASE_ADDR(base);
	for (; first < end; first += 4, in += 4) {
		if (in >= (uint64_t)GF100_NR_CHAN * USERD_LEN ||
		    vm_access(s, b, first, 4, &val, false) != FAULT_NONE)
			return;
		pfifo_userd_store(s, (uint32_t)(in / USERD_LEN), (uint32_t)(in % USERD_LEN), val);
	}
}

uint64_t bar_rd(struct sim *s, int bar, uint64_t off, int size)
{
	enum fault_reason r;
	struct bar_space b;
	uint64_t v = 0;

	if (!access_ok(s, bar, off, size))
		return cut(bad_read(BAD_OFFSET), size);
	if (bar == 0) {
		pthread_mutex_lock(&s->lock);
		v = bar0_rd(s, (uint32_t)off, size);
		pthread_mutex_unlock(&s->lock);
		return cut(v, size);
	}
	b = space_of(s, bar);
	r = vm_access(s, &b, off, size, &v, false);
	if (r == FAULT_NONE)
		return v;
	fault(s, bar, &b, r, off, false);
	return cut(bad_read(r), size);
}

void bar_wr(struct sim *s, int bar, uint64_t off, int size, uint64_t val)
{
	enum fault_reason r;
	struct bar_space b;

	if (!access_ok(s, bar, off, size))
		return;
	if (bar == 0) {
		pthread_mutex_lock(&s->lock);
		bar0_wr(s, (uint32_t)off, size, val);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	b = space_of(s, bar);
	r = vm_access(s, &b, off, size, &val, true);
	if (r != FAULT_NONE) {
		fault(s, bar, &b, r, off, true);
		return;
	}
	if (bar == 1) {
		pthread_mutex_lock(&s->lock);
		userd_store(s, &b, off, size);
		pthread_mutex_unlock(&s->lock);
	}
}

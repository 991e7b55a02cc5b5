/* SPDX-License-Identifier: MIT */
/*
 * What tests of the software Fermi share: opening one, VRAM by the word, and
 * an address space built straight into VRAM, table by table.  Always true:
 * tables come from a bump allocator that starts at 1 MiB; a test's own data
 * belongs below that or above 128 MiB.
 */
#ifndef TESTS_UNIT_DEV_SIMKIT_H
#define TESTS_UNIT_DEV_SIMKIT_H

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/dev/impl.h"
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/fermi/regs.h"
#include "tests/t.h"

#define MIB (1ull << 20)

static inline struct dev *kit_open(const char *options)
{
	char msg[160] = "";
	struct dev *d = NULL;
	int err = sim_open(options, NULL, &d, msg, sizeof(msg));

	if (err)
		fail_msg("sim_open(%s): %d %s", options, err, msg);
	return d;
}

static inline struct sim *kit_sim(struct dev *d)
{
	return container_of(d, struct sim, dev);
}

static inline uint32_t kit_rd32(struct dev *d, uint64_t at)
{
	uint32_t v = 0;

	assert_int_equal(dev_vram_rd(d, hvram(at), &v, 4), 0);
	return v;
}

static inline uint64_t kit_rd64(struct dev *d, uint64_t at)
{
	uint64_t v = 0;

	assert_int_equal(dev_vram_rd(d, hvram(at), &v, 8), 0);
	return v;
}

static inline void kit_wr32(struct dev *d, uint64_t at, uint32_t v)
{
	assert_int_equal(dev_vram_wr(d, hvram(at), &v, 4), 0);
}

static inline void kit_wr64(struct dev *d, uint64_t at, uint64_t v)
{
	assert_int_equal(dev_vram_wr(d, hvram(at), &v, 8), 0);
}

/* Whether the interrupt fires within ms; takes it. */
static inline int kit_irq(struct dev *d, int ms)
{
	struct pollfd p = { .fd = dev_irq_fd(d), .events = POLLIN };
	uint64_t n;

	if (poll(&p, 1, ms) != 1)
		return 0;
	return read(p.fd, &n, sizeof(n)) == sizeof(n);
}

/* A deterministic stream of numbers. */
static inline uint64_t kit_rand(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* ---- an address space ------------------------------------------------------- */

struct kit_vm {
	struct dev *d;
	uint64_t next; /* free VRAM for tables */
	uint64_t inst, pdb;
	uint32_t geom;
};

static inline uint64_t kit_alloc(struct kit_vm *k, uint64_t len)
{
	uint64_t at = k->next;

	k->next += align_up(len, 4096);
	assert_int_equal(dev_vram_zero(k->d, hvram(at), align_up(len, 4096)), 0);
	return at;
}

static inline void kit_inst(struct kit_vm *k, uint64_t inst, uint64_t limit)
{
	kit_wr64(k->d, inst + INST_PDB_LO, k->pdb);
	kit_wr64(k->d, inst + INST_LIMIT_LO, limit);
}

/* An empty space over all 40 bits, with the current large-page size, tables from VRAM at first. */
static inline struct kit_vm kit_vm(struct dev *d, uint64_t first)
{
	struct kit_vm k = { .d = d, .next = first };

	k.geom = dev_rd32(d, NV_PFB_MMU_CTRL) & 1;
	k.inst = kit_alloc(&k, INST_LEN);
	k.pdb = kit_alloc(&k, fermi_geom[k.geom].nr_pde * 8);
	kit_inst(&k, k.inst, (1ull << FERMI_VA_BITS) - 1);
	return k;
}

static inline uint64_t kit_pde_at(const struct kit_vm *k, uint64_t va)
{
	return k->pdb + (va >> fermi_geom[k->geom].pde_shift) * 8;
}

/* Where va's PTE in the small or large table stands; makes the table if there is none. */
static inline uint64_t kit_pte_at(struct kit_vm *k, uint64_t va, int large)
{
	const struct fermi_geom *g = &fermi_geom[k->geom];
	uint64_t in = va & ((1ull << g->pde_shift) - 1), pde = kit_rd64(k->d, kit_pde_at(k, va));

	if (large && pde_large_target(pde) == PDE_NONE) {
		pde |= pde_pack_large(PDE_VRAM, kit_alloc(k, g->nr_large * 8));
		kit_wr64(k->d, kit_pde_at(k, va), pde);
	}
	if (!large && pde_small_target(pde) == PDE_NONE) {
		pde |= pde_pack_small(PDE_VRAM, kit_alloc(k, g->nr_small * 8));
		kit_wr64(k->d, kit_pde_at(k, va), pde);
	}
	return large ? pde_large_addr(pde) + (in >> g->large_shift) * 8 :
		       pde_small_addr(pde) + (in >> FERMI_SMALL_SHIFT) * 8;
}

static inline void kit_map(struct kit_vm *k, uint64_t va, int large, uint64_t pte)
{
	kit_wr64(k->d, kit_pte_at(k, va, large), pte);
}

static inline uint64_t kit_kind(uint32_t kind)
{
	return (uint64_t)kind << 36;
}

/* Drops the whole TLB as a driver does. */
static inline void kit_flush(struct kit_vm *k)
{
	dev_wr32(k->d, NV_PFB_TLB_PDB, (uint32_t)(k->pdb >> 12 << 4));
	dev_wr32(k->d, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
}

static inline struct mmu_vm kit_bind(struct kit_vm *k)
{
	struct mmu_vm vm;

	assert_int_equal(mmu_bind(kit_sim(k->d), k->inst, &vm), 0);
	return vm;
}

#endif

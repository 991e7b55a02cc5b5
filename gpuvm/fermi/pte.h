/* SPDX-License-Identifier: MIT */
/*
 * Fermi page tables: two levels, 40-bit virtual addresses.
 * Sources: nvkm/subdev/mmu/vmmgf100.c; rnndb/memory/gf100_vm.xml.
 *
 * A directory entry (PDE) points at up to two tables that describe the same
 * 128 MiB (64 MiB with 64 KiB large pages): one of 4 KiB pages, one of large
 * pages.  Where both hold a present entry for an address the small one wins
 * (gxen looked small first; nouveau never leaves both).
 */
#ifndef GPUVM_FERMI_PTE_H
#define GPUVM_FERMI_PTE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/base/bits.h"

#define FERMI_VA_BITS 40
#define FERMI_PHYS_BITS 40

/* Geometry, by PFB_MMU_CTRL bit 0. */
struct fermi_geom {
	uint32_t pde_shift;	/* log2 of the bytes a PDE covers */
	uint32_t nr_pde;	/* entries of a full directory */
	uint32_t large_shift;	/* log2 of a large page */
	uint32_t nr_large;	/* entries of a full table of large pages */
	uint32_t nr_small;	/* entries of a full table of 4 KiB pages */
};

static const struct fermi_geom fermi_geom[2] = {
	{ 27, 8192, 17, 1024, 32768 },	/* 128 KiB large pages: the default of GF100 under nouveau */
	{ 26, 16384, 16, 1024, 16384 },	/* 64 KiB large pages */
};

#define FERMI_SMALL_SHIFT 12

/* Targets.  The two encodings differ: a PDE has 0 for "no table". */
enum pde_target { PDE_NONE = 0, PDE_VRAM = 1, PDE_SYS = 2, PDE_SYS_NC = 3 };
enum pte_target { PTE_VRAM = 0, PTE_SYS = 2, PTE_SYS_NC = 3 };

/*
 * PDE: 0-1 large target, 2-3 table size (0 full, 1 a half, 2 a quarter, 3 an
 * eighth of the entries), 4-31 large address >> 12, 32-33 small target, 34
 * small volatile, 35 large volatile, 36-63 small address >> 12.
 */
static inline uint32_t pde_large_target(uint64_t e)
{
	return (uint32_t)bits_get(e, 1, 0);
}
static inline uint64_t pde_large_addr(uint64_t e)
{
	return bits_get(e, 31, 4) << 12;
}
static inline uint32_t pde_small_target(uint64_t e)
{
	return (uint32_t)bits_get(e, 33, 32);
}
static inline uint64_t pde_small_addr(uint64_t e)
{
	return bits_get(e, 63, 36) << 12;
}
/* log2 of the divisor that the size field applies to both tables' entry counts. */
static inline uint32_t pde_size_shift(uint64_t e)
{
	return (uint32_t)bits_get(e, 3, 2);
}
#define PDE_SIZE_MASK (3ull << 2)
#define PDE_SMALL_VOLATILE (1ull << 34)
#define PDE_LARGE_VOLATILE (1ull << 35)

static inline uint64_t pde_pack_large(enum pde_target t, uint64_t addr)
{
	return bits_put(t, 1, 0) | bits_put(addr >> 12, 31, 4);
}
static inline uint64_t pde_pack_small(enum pde_target t, uint64_t addr)
{
	return bits_put(t, 33, 32) | bits_put(addr >> 12, 63, 36);
}

/*
 * PTE: 0 present, 1 privileged, 2 read-only, 3 encrypted, 4-31 address >> 12,
 * 32 volatile, 33-34 target, 36-43 kind, 44-60 compression tag.
 */
#define PTE_PRESENT (1ull << 0)
#define PTE_PRIV (1ull << 1)
#define PTE_RO (1ull << 2)
#define PTE_ENCRYPTED (1ull << 3)
#define PTE_VOLATILE (1ull << 32)
#define PTE_ADDR_MASK (0xfffffffull << 4)
#define PTE_TARGET_MASK (3ull << 33)
#define PTE_KIND_MASK (0xffull << 36)
#define PTE_TAG_MASK (0x1ffffull << 44)

static inline uint64_t pte_addr(uint64_t e)
{
	return bits_get(e, 31, 4) << 12;
}
static inline uint32_t pte_target(uint64_t e)
{
	return (uint32_t)bits_get(e, 34, 33);
}
static inline uint32_t pte_kind(uint64_t e)
{
	return (uint32_t)bits_get(e, 43, 36);
}
static inline uint64_t pte_pack(enum pte_target t, uint64_t addr, uint64_t flags)
{
	return flags | bits_put(addr >> 12, 31, 4) | bits_put(t, 34, 33);
}
/* e with its address and target replaced; every other bit kept. */
static inline uint64_t pte_move(uint64_t e, enum pte_target t, uint64_t addr)
{
	return pte_pack(t, addr, e & ~(PTE_ADDR_MASK | PTE_TARGET_MASK));
}

/* PFB_TLB_PDB: directory address >> 12 << 4 | target as in a PTE. */
static inline uint64_t tlb_pdb_addr(uint32_t v)
{
	return (uint64_t)(v >> 4) << 12;
}
#define TLB_PDB_TARGET(v) ((v)&3u)
#define TLB_FLUSH_GO (1u << 31)
#define TLB_FLUSH_ALL_PAGES (1u << 0)
#define TLB_FLUSH_ALL_PDBS (1u << 1)
#define TLB_FLUSH_HUB_ONLY (1u << 2)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The TLB: a bounded hash of page-table entries.
 *
 * Always true: a lookup takes no lock and returns an entry that stood there as
 * a whole; nothing is dropped except by tlb_drop() or by another page that
 * needs the slot; tlb_insert() refuses an entry that was read before the last
 * drop, so a slow walk cannot bring back what a flush removed.  Only present
 * entries are kept: a driver that maps a page where there was none needs no
 * flush to see it.
 */
#ifndef GPUVM_DEV_SIM_TLB_H
#define GPUVM_DEV_SIM_TLB_H

#include <stdbool.h>
#include <stdint.h>

struct tlb;

struct tlb *tlb_new(void);
void tlb_free(struct tlb *); /* accepts NULL */

/* A page's name: directory (4 KiB aligned, 40 bits) with its target, page number, page size. */
static inline uint64_t tlb_key(uint64_t pdb, uint32_t target, uint64_t va, uint32_t shift)
{
	uint64_t size = shift == 12 ? 0 : shift == 16 ? 1 : 2;

	/* 28 bits of directory, 2 of target, 28 of page, 2 of size; never 0. */
	return 1ull << 63 | pdb >> 12 << 32 | (uint64_t)target << 60 | va >> shift << 2 | size;
}
/* The bits that name the directory alone. */
#define TLB_KEY_PDB_MASK (3ull << 60 | 0xfffffffull << 32)

bool tlb_lookup(struct tlb *, uint64_t key, uint64_t *pte);
/* Take one before the walk and hand it to tlb_insert(). */
uint64_t tlb_generation(struct tlb *);
void tlb_insert(struct tlb *, uint64_t key, uint64_t pte, uint64_t generation);
/* Drops every entry whose key has the bits of match under mask; mask 0 drops all. */
void tlb_drop(struct tlb *, uint64_t match, uint64_t mask);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Inside the software Fermi: physical memory and the way to it through the
 * MMU.  Always true: rules 2, 3 and 4 of private.h; a translation is good only
 * as long as dma_lock is held for reading.
 */
#ifndef GPUVM_DEV_SIM_MEMORY_H
#define GPUVM_DEV_SIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvm/fermi/fault.h"

struct sim;

/* ---- mem.c: physical memory ------------------------------------------------ */
/*
 * A pointer to len bytes at addr of target (enum pte_target), and in *run how
 * many bytes are contiguous there (at most len); NULL if nothing is there.
 * The caller holds dma_lock for reading while it uses the pointer.
 */
uint8_t *mem_ptr(struct sim *, uint32_t target, uint64_t addr, uint64_t len, uint64_t *run);
/* Copies; -EFAULT if part of the range is not memory.  Take dma_lock themselves. */
int mem_rd(struct sim *, uint32_t target, uint64_t addr, void *buf, uint64_t len);
int mem_wr(struct sim *, uint32_t target, uint64_t addr, const void *buf, uint64_t len);
int mem_init(struct sim *);
void mem_fini(struct sim *); /* accepts a half-built sim */
/* Zeroes VRAM and gives untouched pages back to the host. */
int mem_zero(struct sim *, uint64_t at, uint64_t len);
/* The bodies of dev_ops of the same names. */
/* Takes dma_lock for writing; who kept translations sees that dma_epoch moved. */
void mem_change(struct sim *);
int mem_dma_map(struct sim *, uint64_t at, void *mem, size_t len);
int mem_dma_unmap(struct sim *, uint64_t at, size_t len);
int mem_vram_fd(struct sim *, uint64_t at, uint64_t len, int *fd);
int mem_vram_join(struct sim *, uint64_t at, uint64_t len);

/* ---- mmu.c: address spaces, TLB, faults ------------------------------------ */
/* One address space, as an instance block describes it at the moment of mmu_bind(). */
struct mmu_vm {
	uint64_t inst;	     /* instance block address in VRAM */
	uint64_t pdb;	     /* directory address */
	uint32_t pdb_target; /* enum pte_target */
	bool priv;	     /* may use privileged pages: the BARs may, engines and PBDMAs not */
	uint64_t limit;	     /* last valid address */
};

int mmu_new(struct sim *);
void mmu_free(struct sim *); /* accepts a half-built sim */
void mmu_reset(struct sim *);

/*
 * Reads the instance block; vm->priv is false.  -EFAULT if the block or the
 * directory's target is not usable (report that as FAULT_NO_CHANNEL).
 */
int mmu_bind(struct sim *, uint64_t inst, struct mmu_vm *vm);

/*
 * Translates va for an access of up to len bytes.  FAULT_NONE: *target, *addr
 * and *run (contiguous bytes, at least 1, within one page) are set.  Any
 * thread; takes no sim.lock, but dma_lock for reading: do not hold it.
 * Whether memory is there is for the access to find out (mem_rd, mem_wr).
 * Whoever moves data by hand should rather hold dma_lock for reading and call
 * mmu_xlate_held(): then a TLB flush waits until the old translation is out of use.
 */
enum fault_reason mmu_xlate(struct sim *, const struct mmu_vm *, uint64_t va, uint64_t len,
			    bool write, uint32_t *target, uint64_t *addr, uint64_t *run);
/* The same for a caller that holds dma_lock for reading. */
enum fault_reason mmu_xlate_held(struct sim *, const struct mmu_vm *, uint64_t va, uint64_t len,
				 bool write, uint32_t *target, uint64_t *addr, uint64_t *run);
/* PFB_TLB_FLUSH; pdb as in PFB_TLB_PDB.  On return nothing uses a dropped entry any more. */
void mmu_flush(struct sim *, uint32_t pdb, uint32_t flags);
/* PFB_MMU_CTRL bit 0. */
void mmu_set_geometry(struct sim *, uint32_t geom);
/*
 * Reads or writes through the address space; FAULT_NONE, or the reason with
 * the faulting address in *at.  What was moved before the fault stays moved.
 * Translated addresses that hold no memory fault as FAULT_PAGE_NOT_PRESENT.
 * Naturally aligned 4 and 8 byte accesses are single ones, with acquire (read)
 * or release (write) order.
 */
enum fault_reason mmu_rd(struct sim *, const struct mmu_vm *, uint64_t va, void *buf, uint64_t len,
			 uint64_t *at);
enum fault_reason mmu_wr(struct sim *, const struct mmu_vm *, uint64_t va, const void *buf,
			 uint64_t len, uint64_t *at);
/* Moves len bytes inside the address space, run of pages by run of pages, at memcpy speed. */
enum fault_reason mmu_copy(struct sim *, const struct mmu_vm *, uint64_t dst, uint64_t src,
			   uint64_t len, uint64_t *at, bool *at_write);

/*
 * Latches a fault of a unit: PFIFO_MMU_FAULT_*[unit], its bit in
 * PFIFO_MMU_FAULT_UNITS and PFIFO_INTR_MMU_FAULT; sets the bit of the engine
 * that stops in PFIFO_ENG_FAULT, in storage, then calls pfifo_intr_update().
 * sim.lock held.  A second fault of the same unit before the first is cleared
 * in PFIFO_MMU_FAULT_UNITS is dropped.
 */
struct mmu_fault {
	enum fault_unit unit;
	enum fault_reason reason;
	uint64_t inst, va;
	bool write, hub;
	uint32_t client, gpc;
};
void mmu_fault(struct sim *, const struct mmu_fault *);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The table of decisions: what a guest's access to each register of regs.def
 * does.  Every row of regs.def has exactly one row here; a register in neither
 * regs.def's rows nor its unit ranges is denied.
 *
 * Nothing here writes to the card.  What a guest does reaches it only through
 * the functions that check and translate: vgpu_chan_*, vgpu_userd_*,
 * shadow_*, gpuvm_pbdma_resume.
 */
#ifndef GPUVM_MMIO_H
#define GPUVM_MMIO_H

#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/fermi/regs.h"

struct vgpu;

/* 0 is no decision: a row of regs.def that the table forgot. */
enum mmio_treat {
	MMIO_UNDECIDED,
	MMIO_DENY,	/* reads MMIO_DENIED, writes are dropped; counted */
	MMIO_PRIVATE,	/* the guest's own register, kept by the mediator */
	MMIO_HOST_RO,	/* a constant of the card, read through */
	MMIO_TRANSLATE, /* holds a guest's id or address; what the card gets is the host's */
	MMIO_TRIGGER,	/* a write makes a virtual unit act */
	NR_MMIO_TREATS
};
const char *mmio_treat_name(enum mmio_treat);

/* What a denied read answers; hardware says 0xbad and more, too [docs/hw/mmio.rst]. */
#define MMIO_DENIED 0xbad0da00u

/* off is the dword's offset, i its index in an array row. */
typedef uint32_t mmio_rd_fn(struct vgpu *, uint32_t off, uint32_t i);
typedef void mmio_wr_fn(struct vgpu *, uint32_t off, uint32_t i, uint32_t val);

/*
 * Without rd a register reads what is stored (TRIG and WO: 0; HOST_RO: the
 * card's).  Without wr it takes the bits in mask (RW) or clears them (W1C).
 */
struct mmio_row {
	enum mmio_treat treat;
	uint32_t mask;	/* bits a write may change; 0 for what is not storage */
	uint32_t reset; /* value after reset, of each element */
	mmio_rd_fn *rd;
	mmio_wr_fn *wr;
	bool port; /* a read moves on: a store of part of the dword is zero-extended, not merged */
};
extern const struct mmio_row mmio_rows[NR_REGS];
/* What is left of each unit's range. */
extern const enum mmio_treat mmio_spaces[NR_SPACES];

/* ---- mmio.c ----------------------------------------------------------------------- */
/* Registers back to their reset values; forgets everything stored. */
void mmio_reset(struct vgpu *);
/* The same for [first, last), both multiples of 4096: a unit's reset. */
void mmio_reset_range(struct vgpu *, uint32_t first, uint32_t last);
void mmio_free(struct vgpu *); /* accepts half-built */
/* An access of this size is one that a processor makes. */
bool mmio_size_ok(uint8_t size);
/* All ones of that size: what a read answers where nobody decodes. */
uint64_t mmio_ones(uint8_t size);

#endif

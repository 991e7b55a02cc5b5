/* SPDX-License-Identifier: MIT */
/*
 * Parts: which piece of the card belongs to which vGPU.  The only file that
 * converts between a guest's numbers and the card's.
 *
 * VRAM is given in chunks of 2 MiB through a map, not by one base offset, so
 * that it can be given, taken back and (later) swapped chunk by chunk.
 * Channel ids are given one by one when the guest first uses an id.
 */
#ifndef GPUVM_PART_H
#define GPUVM_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/base/addr.h"

#define PART_CHUNK_SHIFT 21
#define PART_CHUNK_LEN (1ull << PART_CHUNK_SHIFT)

/* An empty range (len 0) is nobody's: it has no translation and no owner. */
struct part_pool; /* what of the card can be given to guests */
struct part;	  /* what one vGPU has of it */

/* VRAM [base, base+len) (chunk-aligned) and channel ids [0, nr_chan). */
int part_pool_new(hvram_t base, uint64_t len, uint32_t nr_chan, struct part_pool **out);
void part_pool_free(struct part_pool *); /* accepts NULL; every part must be gone */
uint64_t part_pool_free_vram(const struct part_pool *);
uint32_t part_pool_free_chans(const struct part_pool *);

/*
 * vram_len is rounded up to chunks.  At most max_chan channel ids at a time.
 * -ENOSPC when the card has not that much left, with nothing taken; -EINVAL for no VRAM at all.
 */
int part_new(struct part_pool *, uint64_t vram_len, uint32_t max_chan, struct part **out);
/* Gives everything back.  The caller has scrubbed the VRAM and stopped the channels. Accepts NULL. */
void part_free(struct part *);
/* These chunks cannot be given to anybody any more: part_free() leaves them out. */
void part_retire(struct part *, hvram_t a, uint64_t len);

uint64_t part_vram_len(const struct part *);
/*
 * The card's address of guest VRAM a, and in *run how many of the len bytes
 * from a are contiguous on the card (at least 1).  -ERANGE if a is outside.
 */
int part_vram_run(const struct part *, gvram_t a, uint64_t len, hvram_t *out, uint64_t *run);
/* As above for the whole of len at once: -ERANGE if it leaves the part or is not contiguous on the card. */
int part_vram_g2h(const struct part *, gvram_t a, uint64_t len, hvram_t *out);
/* -ERANGE if the address is not this part's. */
int part_vram_h2g(const struct part *, hvram_t a, gvram_t *out);
/* Whether every byte of [a, a+len) on the card is this part's. */
bool part_owns(const struct part *, hvram_t a, uint64_t len);
/* Chunk i's place on the card; nr in *nr.  For scrubbing and audits. */
const hvram_t *part_chunks(const struct part *, uint32_t *nr);

/* The card's id for a guest's id, given on first use.  -ERANGE: id not below the card's count; -EDQUOT; -ENOSPC. */
int part_chan_get(struct part *, gchan_t, hchan_t *out);
/* The card's id if the guest has one: -ENOENT else. */
int part_chan_g2h(const struct part *, gchan_t, hchan_t *out);
int part_chan_h2g(const struct part *, hchan_t, gchan_t *out);
void part_chan_put(struct part *, gchan_t);

#endif

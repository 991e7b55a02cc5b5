/* SPDX-License-Identifier: MIT */
/*
 * Page tables that the mediator keeps for a paravirtual guest: the GPU walks
 * them as they are, there is no guest table behind them.
 *
 * Always true, and proved by shadow_audit():
 *  1. A page has one type from allocation to free (directory, small, large).
 *  2. A page in use is not freed: a directory by channels and BARs, a table by
 *     the one directory entry that names it.
 *  3. Entries obey invariants 2 and 3 of shadow.h; a page that an entry named
 *     stays pinned until a TLB flush after the entry went.
 *  4. All pages are on the guest's table quota.
 *
 * Errors of the guest: -ENOENT no such id, -ENOTDIR another type, -ERANGE
 * index or count, -EBUSY in use, -EDQUOT or -ENOSPC no memory for tables,
 * -EFAULT an entry that is not its memory.  Everything else is the world's.
 */
#ifndef SHADOW_PV_H
#define SHADOW_PV_H

#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/base/addr.h"

struct shadow_guest;

#define SHADOW_PV_IDS 4096u /* ids are 1 to this; more pages than any quota holds directories */

enum shadow_pv_kind { SHADOW_PV_DIR, SHADOW_PV_SMALL, SHADOW_PV_LARGE, NR_SHADOW_PV_KINDS };

struct shadow_pv_stats {
	uint64_t pages[NR_SHADOW_PV_KINDS]; /* now */
	uint64_t mapped, unmapped;	    /* entries written present, entries taken away */
	uint64_t flushes;
};

/* The guest's tables are the mediator's from now on; before its first channel. */
int shadow_pv_new(struct shadow_guest *);
/* Every page goes, whatever used it; channels are unbound already. */
void shadow_pv_reset(struct shadow_guest *);
bool shadow_is_pv(const struct shadow_guest *);
const struct shadow_pv_stats *shadow_pv_stats(const struct shadow_guest *);

/* A page of no entries; a table has 1 >> shift of the full number. */
int shadow_pv_alloc(struct shadow_guest *, enum shadow_pv_kind, uint32_t shift, uint32_t *id);
int shadow_pv_free(struct shadow_guest *, uint32_t id);
/* The directory a channel works in, now and whenever it is bound; 0: none. */
int shadow_pv_set_dir(struct shadow_guest *, uint32_t chan, uint32_t dir);
/* The directory behind BAR 1 or 3, up to limit. */
int shadow_pv_bar_dir(struct shadow_guest *, uint32_t bar, uint32_t dir, uint64_t limit);
/* Both tables of a directory entry; 0: none.  Both have one size. */
int shadow_pv_map_table(struct shadow_guest *, uint32_t dir, uint32_t index, uint32_t small,
			uint32_t large);
/*
 * Entries as a guest writes them, translated into [index, index+n) of a table.
 * -EFAULT: *first_bad is the first that cannot be; such entries are not present
 * afterwards, all others are as asked.
 */
int shadow_pv_map(struct shadow_guest *, uint32_t table, uint32_t index, const uint64_t *e,
		  uint32_t n, uint32_t *first_bad);
/* The same for e, and e with its address `stride` bytes further each time. */
int shadow_pv_map_run(struct shadow_guest *, uint32_t table, uint32_t index, uint64_t e,
		      uint64_t stride, uint32_t n, uint32_t *first_bad);
int shadow_pv_unmap(struct shadow_guest *, uint32_t table, uint32_t index, uint32_t n);
/* The device forgets what it cached of the directory; what left it goes. */
int shadow_pv_flush(struct shadow_guest *, uint32_t dir);

#endif

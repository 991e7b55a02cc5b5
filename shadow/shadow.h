/* SPDX-License-Identifier: MIT */
/*
 * Shadows: what the GPU walks instead of what guests write.
 *
 * Always true, and proved by shadow_audit():
 *  1. Every directory, table, instance block and runlist the GPU can reach is
 *     in the mediator's VRAM (vheap) and was written by this room.
 *  2. A present shadow entry points at VRAM of its guest's part or at a RAM
 *     page of its guest that is pinned through this very entry.
 *  3. A guest entry that cannot be translated leaves a not-present shadow
 *     entry and one counted guest fault; never another address.
 *  4. Guest memory is read once into a private buffer; what is checked is
 *     what is used.
 *  5. A shadow is at least as new as the guest's last TLB flush of that
 *     directory (eager), or is brought up to date before the GPU next uses
 *     it (SHADOW_OPT_LAZY).
 *  6. The work of a flush is bounded by the guest's own directory, and the
 *     mediator memory a guest's shadows take by its quota.
 *
 * All calls on the core's thread.
 */
#ifndef SHADOW_SHADOW_H
#define SHADOW_SHADOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gpuvm/base/addr.h"
#include "gpuvm/fermi/regs.h"
#include "gpuvm/hv/hv.h"
#include "gpuvm/part.h"
#include "gpuvm/vheap.h"

struct dev;
struct log;
struct shadow;	     /* one per mediator */
struct shadow_guest; /* one per vGPU */
struct shadow_chan;  /* one per bound channel: shadow instance block */

/* Optimisations, each a bit that can be off (per guest, at run time). */
enum shadow_opt {
	/* An entry whose guest word did not change keeps its translation. */
	SHADOW_OPT_KEEP = 1 << 0,
	/*
	 * A flush only notes that the shadow is old; it is brought up to date by
	 * shadow_chan_sync().  An address space that the card may be using right now
	 * (shadow_chan_busy()) is brought up to date at once all the same: its work may
	 * wait for what the processor is about to map.
	 */
	SHADOW_OPT_LAZY = 1 << 1,
	/*
	 * A table or directory page that cannot have been written since it was last read is not
	 * read again (track.c says when); implies KEEP.  Does nothing for a paravirtual guest.
	 */
	SHADOW_OPT_TRACK = 1 << 2,
	/*
	 * Pages of BAR1 and BAR3 that the guest's own tables put its own memory behind are
	 * reached without a trap (window.c).
	 */
	SHADOW_OPT_REMAP = 1 << 3,
	/* Not an option: those asked for that this guest cannot have are left out. */
	SHADOW_OPT_IF_ABLE = 1 << 4,
};
#define SHADOW_OPTS_ALL (SHADOW_OPT_KEEP | SHADOW_OPT_LAZY | SHADOW_OPT_TRACK | SHADOW_OPT_REMAP)
/*
 * "none", or names with commas between: keep, lazy, track, bar-remap; optimized is
 * bar-remap and lazy, best is all of them, both as far as the guest can have
 * them.  -EINVAL for anything else.
 */
int shadow_opts_parse(const char *s, uint32_t *opts);
void shadow_opts_print(uint32_t opts, char *buf, size_t n);

/* What went wrong on the guest's side, for counting and messages. */
enum shadow_fault {
	SHADOW_FAULT_PDE,	  /* directory entry names a table outside the guest's memory */
	SHADOW_FAULT_PTE_VRAM,	  /* page outside the guest's VRAM */
	SHADOW_FAULT_PTE_SYS,	  /* page that is not the guest's RAM */
	SHADOW_FAULT_PTE_TARGET,  /* reserved target */
	SHADOW_FAULT_INST,	  /* instance block outside the guest's VRAM */
	SHADOW_FAULT_PDB,	  /* directory outside the guest's memory */
	SHADOW_FAULT_RUNLIST,	  /* list outside memory, or an id the guest does not have */
	SHADOW_FAULT_BAR,	  /* BAR access through a missing translation */
	SHADOW_FAULT_QUOTA,	  /* table memory quota used up */
	NR_SHADOW_FAULTS
};
const char *shadow_fault_name(enum shadow_fault);

struct shadow_stats {
	uint64_t flushes;	 /* TLB flushes by the guest */
	uint64_t deferred;	 /* address spaces left for their next use by them */
	uint64_t shadowings;	 /* address spaces scanned */
	uint64_t shadowing_ns;	 /* time in them (dev_now) */
	uint64_t pdes_scanned, ptes_scanned, ptes_changed;
	uint64_t ptes_trusted;	 /* not read, because they cannot have changed */
	uint64_t bytes;		 /* of guest memory read or written */
	uint64_t faults[NR_SHADOW_FAULTS];
	uint64_t table_bytes;	 /* mediator VRAM in this guest's shadows now */
	uint64_t pins;		 /* RAM pages pinned by this guest's shadows now */
	uint64_t windows;	 /* pages of BAR1 and BAR3 that do not trap now */
	uint64_t windows_opened, windows_closed; /* ... that came to be so, that ceased to */
};

/* dev and heap are borrowed. */
int shadow_new(struct dev *, struct vheap *, const struct log *, struct shadow **out);
void shadow_free(struct shadow *); /* accepts NULL; every guest must be gone */

struct shadow_guest_cfg {
	struct part *part;	 /* borrowed */
	struct hv_guest *guest;	 /* borrowed */
	uint32_t opts;		 /* enum shadow_opt */
	uint64_t table_quota;	 /* bytes of mediator VRAM for this guest's shadows */
	/*
	 * Called for each guest fault; must not call into this room.  where: GPU
	 * virtual address for PDE and PTE faults, else the address or id concerned.
	 */
	void (*fault)(void *arg, enum shadow_fault, uint64_t where);
	/* For SHADOW_OPT_REMAP, as lend_find(): the file that the guest's VRAM at `at` is.  NULL: there is none. */
	int (*vram_file)(void *arg, gvram_t at, uint64_t len, int *fd, uint64_t *fd_at, uint64_t *run);
	void *arg;
};
int shadow_guest_new(struct shadow *, const struct shadow_guest_cfg *, struct shadow_guest **out);
/* Unbinds what is left, unpins, frees.  The core has stopped the guest's channels. Accepts NULL. */
void shadow_guest_free(struct shadow_guest *);
/*
 * At any time.  What an option that goes off had put off is done here; an error
 * is the world's, and the option is off all the same.
 */
int shadow_guest_set_opts(struct shadow_guest *, uint32_t opts);
const struct shadow_stats *shadow_guest_stats(const struct shadow_guest *);

/* ---- guest memory (gmem.c): by target as in a PTE; -EFAULT outside the guest's memory -- */
int shadow_gmem_rd(struct shadow_guest *, uint32_t target, uint64_t addr, void *buf, size_t len);
int shadow_gmem_wr(struct shadow_guest *, uint32_t target, uint64_t addr, const void *buf,
		   size_t len);

/* ---- address spaces (vas.c, spt.c) --------------------------------------------------- */
/* The guest wrote PFB_TLB_FLUSH; pdb and trigger as written.  An error is the world's. */
int shadow_flush(struct shadow_guest *, uint32_t pdb, uint32_t trigger);
/* The guest chose 64 KiB large pages (PFB_MMU_CTRL bit 0): for tables scanned from now on. An error is the world's. */
int shadow_set_large_64k(struct shadow_guest *, bool on);
/*
 * Guest RAM [start, start+len) goes away: drops every entry that reaches it.
 * 0: no pin on it is left.  -EBUSY: the device did not confirm that it let go; ask again.
 */
int shadow_revoke(struct shadow_guest *, gpa_t start, uint64_t len);

/* ---- channels (chan.c) --------------------------------------------------------------- */
/*
 * The guest bound channel id to the instance block at inst (its VRAM).
 * userd is the mediator's USERD page that stands for the guest's.  Builds the
 * shadow instance block and its address space, and watches the guest's page.
 */
int shadow_chan_bind(struct shadow_guest *, gchan_t id, gvram_t inst, hvram_t userd,
		     struct shadow_chan **out);
/*
 * Accepts NULL.  The caller has taken the channel off its engine (kick): its
 * tables go back to the heap here.  A committed runlist that offers it is
 * committed anew without it, and a channel table entry that names it cleared.
 */
void shadow_chan_unbind(struct shadow_chan *);
/* Where the GPU finds it: goes into PFIFO_CHAN_INST. */
hvram_t shadow_chan_inst(const struct shadow_chan *);
gvram_t shadow_chan_guest_inst(const struct shadow_chan *);
gchan_t shadow_chan_id(const struct shadow_chan *);
/* USERD page as the guest's RAMFC names it (target as in a PTE), read at bind. */
void shadow_chan_guest_userd(const struct shadow_chan *, uint32_t *target, uint64_t *addr);
/* Engine context pointers that are valid in the shadow: bit n = enum fermi_engine n. */
uint32_t shadow_chan_engines(const struct shadow_chan *);
/*
 * Before the GPU uses the channel (doorbell, FECS command, runlist): takes
 * over what the guest may have changed in its instance block, and syncs the
 * address space where that was deferred.
 */
int shadow_chan_sync(struct shadow_chan *);
/* Whether it has an address space whose sync was put off. */
bool shadow_chan_due(const struct shadow_chan *);
/*
 * Whether the card may be executing the channel: between the store of GP_PUT to the card, before
 * which shadow_chan_sync() was called, and the end of that work.
 */
void shadow_chan_busy(struct shadow_chan *, bool);
/* The channel whose guest instance block is at inst, or whose shadow is at inst; NULL if none. */
struct shadow_chan *shadow_chan_by_inst(struct shadow_guest *, gvram_t inst);
struct shadow_chan *shadow_chan_by_host_inst(struct shadow_guest *, hvram_t inst);

/* ---- watched pages (watch.c) ---------------------------------------------------------- */
/*
 * The guest stored to its VRAM [at, at+len) through a BAR or PRAMIN: mirrors it
 * where a shadow depends on it.
 */
void shadow_written(struct shadow_guest *, gvram_t at, uint64_t len);
/* Whether any page of the range is watched (so must not be a window). */
bool shadow_watched(const struct shadow_guest *, gvram_t at, uint64_t len);

/* ---- BAR tables (barmap.c): where a guest's BAR1/BAR3 offset leads -------------------- */
/* PBUS_BAR1_BLOCK / PBUS_BAR3_BLOCK as written; bar is 1 or 3. */
int shadow_bar_bind(struct shadow_guest *, int bar, uint32_t block);
struct shadow_loc {
	uint32_t target; /* enum pte_target */
	uint64_t addr;	 /* guest VRAM offset or guest-physical */
	uint64_t run;	 /* contiguous bytes, within one page */
};
/* -EFAULT and a counted fault if there is no translation, or not for writing. */
int shadow_bar_xlate(struct shadow_guest *, int bar, uint64_t off, bool write,
		     struct shadow_loc *out);

/* ---- windows (window.c) -------------------------------------------------------------------- */
/* An access of BAR 1 or 3 at off trapped and was done. */
void shadow_window_touch(struct shadow_guest *, int bar, uint64_t off);
/*
 * USERD is at off in BAR1; bit c of pages: channel c's page there is registers, and never memory.
 * An error is the world's.
 */
int shadow_bar_acts(struct shadow_guest *, uint64_t off, const uint64_t pages[GF100_NR_CHAN / 64]);
/* Memory decode is off, or the guest is failed: while closed each access traps.  An error is the world's. */
int shadow_window_close(struct shadow_guest *, bool closed);

/* ---- runlist (runlist.c): all guests' channels merged ---------------------------------- */
/*
 * The guest submitted a runlist (registers as written).  Ids it does not own
 * or has not bound are left out and counted.  The merged list is written to
 * the mediator's buffer and committed to the device; does not wait.
 */
int shadow_runlist_submit(struct shadow_guest *, uint32_t addr_reg, uint32_t submit_reg);
/* A channel went away or came back: rebuild and commit. */
int shadow_runlist_commit(struct shadow *);
/* Whether the guest's last list offers this channel. */
bool shadow_runlist_has(const struct shadow_guest *, gchan_t);

/* ---- audit, dump ------------------------------------------------------------------------ */
/*
 * Walks guest and shadow side by side and proves the invariants above,
 * reading what the device really has (tables in VRAM, channel table, runlist).
 * Answers the number of violations, each one line to out (may be NULL).
 */
unsigned int shadow_audit(struct shadow *, FILE *out);
void shadow_dump(struct shadow_guest *, FILE *out);

#endif

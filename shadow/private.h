/* SPDX-License-Identifier: MIT */
/*
 * Inside the shadow room: its state and the seams between its files.
 *
 * Always true between two calls into the room:
 *  1. Shadow tables have the host's geometry, 128 KiB large pages, whatever
 *     the guest chose: PFB_MMU_CTRL bit 0 belongs to the whole card, so a
 *     guest of 64 KiB pages gets its large pages as runs of small ones.
 *  2. spt.cur[i] is the guest's entry behind shadow entry i, or 0 and then the
 *     shadow entry is 0.  The frames of every system entry in a cur[] are
 *     pinned once for it; stats.pins counts those frames plus the ones that
 *     wait in shadow_guest.reap.
 *  3. A page that left a table is unpinned, and a table that left a directory
 *     is freed, only after a TLB flush of the address space (sg_settle).
 *  4. What a vas shadows stays allocated while a channel that may have run
 *     with it is bound.
 *
 * The device must store aligned 8-byte words of dev_vram_wr() whole: entries
 * are rewritten while the GPU may walk them.
 */
#ifndef SHADOW_PRIVATE_H
#define SHADOW_PRIVATE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/base/list.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/fermi/regs.h"
#include "shadow/shadow.h"

/* Entries read, translated and written at once: 8 KiB in, 8 KiB out fit a first-level cache. */
#define SPT_BLOCK 1024
#define REAP_MAX 1024	  /* at least SPT_BLOCK: a block can retire that many entries */
#define WATCH_HASH 1024   /* buckets of watched pages */
#define CHAN_HELD_MAX 4	  /* address spaces a channel may have left behind; nouveau leaves none */
#define BAR_TLB_LEN 512	  /* entries: 2 MiB of each BAR */
#define HOST_GEOM (&fermi_geom[0])
#define PD_LEN (8192 * 8) /* shadow directory, bytes */
#define NR_SLOTS 8192

enum spt_kind { SPT_SMALL, SPT_LARGE, NR_SPT_KINDS };

/* A table in guest memory; nr is 0 if there is none. */
struct gtable {
	uint32_t target; /* enum pte_target */
	uint64_t addr;
	uint32_t nr;
};

/* One shadow table; belongs to one slot of one vas. */
struct spt {
	struct list node;    /* shadow_guest.dead once it left its slot */
	hvram_t at;	     /* owned: nr * 8 bytes of the heap */
	uint32_t nr;	     /* entries */
	uint32_t page_shift; /* log2 of an entry's page */
	uint64_t *cur;	     /* owned: nr guest entries as accepted */
	uint64_t seen;	     /* track_now() of the last whole read of src; 0: read all of it */
	struct gtable src;   /* what that read was of */
};

/* Where a shadow table's entries come from. */
struct spt_src {
	bool merge; /* guest of 64 KiB pages: two of its directory entries make one of ours */
	struct gtable direct;	  /* !merge */
	struct gtable small[2], large[2]; /* merge: lower and upper half */
};

struct vas_slot {
	struct spt *t[NR_SPT_KINDS]; /* owned; NULL: none */
};

/* One guest address space and its shadow. */
struct vas {
	struct list node; /* shadow_guest.vas */
	struct shadow_guest *sg;
	uint32_t target; /* guest's directory: with addr the key */
	uint64_t addr;
	uint32_t refs; /* channels, current and held */
	bool g64k;     /* guest geometry of gpde */
	bool pv;       /* a paravirtual guest's directory (pv.c): nothing to scan, gpde is NULL */
	bool stale;    /* not up to date: a flush was put off, or a world error cut the last scan */
	bool tlb;      /* shadow was changed since the last TLB flush */
	hvram_t pd;    /* owned: PD_LEN bytes of the heap */
	uint64_t *gpde; /* owned: the guest's directory as last read */
	uint64_t seen;	/* track_now() of the last whole read; 0: read all of it */
	struct vas_slot *slot; /* owned: NR_SLOTS */
	uint64_t live[NR_SLOTS / 64]; /* slots with a table, or whose guest entry asks for one */
};

enum bar_mode { BAR_LINEAR, BAR_VAS, BAR_DEAD };

struct window; /* window.h */

struct bar_ent {
	uint64_t tag; /* page number + 1; 0: empty */
	uint64_t addr;
	uint32_t target;
	bool ro;
};

/* A guest's BAR1 or BAR3 as its driver set it up; nothing of it reaches the device. */
struct bar {
	enum bar_mode mode;
	uint32_t pdb_target;
	uint64_t pdb, limit;
	struct bar_ent *tlb; /* owned: BAR_TLB_LEN, from the first bind on */
};

struct shadow_chan {
	struct list node; /* shadow_guest.chans */
	struct shadow_guest *sg;
	gchan_t id;
	gvram_t ginst;
	hvram_t hinst; /* owned: one heap page */
	bool has_inst, watched;
	bool committed; /* in the list the device has */
	bool ran;	/* was committed since bind: the device may hold its old directory */
	bool busy;	/* the card may be executing it */
	hvram_t userd;	/* borrowed */
	uint32_t guserd_target;
	uint64_t guserd_addr;
	uint64_t pdb; /* guest's directory words as last read */
	struct vas *vas; /* NULL: the empty directory */
	struct vas *held[CHAN_HELD_MAX];
	uint32_t img[32]; /* shadow words 0x200-0x27f as written */
};

/* A guest entry whose frames are to be unpinned after the next TLB flush. */
struct reap {
	uint64_t pte;
	uint32_t page_shift;
};

struct shadow_guest {
	struct list node; /* shadow.guests */
	struct shadow *s;
	struct shadow_guest_cfg cfg;
	bool large_64k;
	struct list vas, chans, dead;
	struct reap reap[REAP_MAX];
	uint32_t nr_reap;
	struct shadow_stats stats;
	struct bar bar[2]; /* BAR1, BAR3 */
	uint8_t watch[WATCH_HASH]; /* channels per bucket; at most GF100_NR_CHAN, so it fits */
	uint8_t list[GF100_NR_CHAN]; /* channel ids of the last runlist, in its order */
	uint32_t nr_list;
	struct track *track; /* owned: which pages may have been written (track.c); NULL while off */
	bool lent; /* windows were on: it may have kept files of its memory */
	struct window *win; /* owned: NULL while SHADOW_OPT_REMAP is off */
	uint64_t acts_at, acts[GF100_NR_CHAN / 64]; /* what shadow_bar_acts() said */
	struct pv *pv; /* owned: its tables, if the guest asks for each change (pv.c); else NULL */
};

struct shadow {
	struct dev *dev;
	struct vheap *heap;
	const struct log *log;
	struct list guests;
	bool has_empty;
	hvram_t empty_pd; /* owned: a directory without tables */
	uint32_t nr_rl;
	hvram_t rl[2]; /* owned: runlist buffers, one page each */
	uint32_t rl_cur;
	bool rl_committed; /* something was ever committed */
	uint32_t rl_len;
	uint32_t rl_ids[GF100_NR_CHAN]; /* host ids in the committed list */
	uint64_t timeouts;  /* device did not answer in time */
	uint64_t dev_errors; /* device refused a write inside our own VRAM */
};

/* ---- shadow.c --------------------------------------------------------------------- */
void sg_fault(struct shadow_guest *, enum shadow_fault, uint64_t where);
/* Zeroed heap memory on the guest's account.  -EDQUOT: over the quota.  -ENOSPC: heap full. */
int sg_heap_get(struct shadow_guest *, uint64_t len, hvram_t *out);
void sg_heap_put(struct shadow_guest *, hvram_t at, uint64_t len);
/* Writes to the mediator's own VRAM; a refusal is counted and logged. */
int vram_put(struct shadow *, hvram_t at, const void *buf, size_t len);
/* Polls until (reg & mask) is non-zero (or zero).  Bounded: -ETIMEDOUT, counted and logged. */
int hw_wait(struct shadow *, uint32_t reg, uint32_t mask, bool nonzero);
/* Makes our writes to VRAM visible to the GPU's units. */
int hw_flush_writes(struct shadow *);
/* Drops what the device cached of the address space with this directory. */
int hw_flush_tlb(struct shadow *, hvram_t pd);

/* ---- spt.c --------------------------------------------------------------------------- */
int spt_new(struct shadow_guest *, uint32_t page_shift, uint32_t nr, struct spt **out);
/*
 * Brings t up to date with the guest's tables; va is the address of entry 0.
 * -EFAULT: a guest table cannot be read, the caller drops t.  Other errors are
 * the world's; t is then consistent but perhaps not up to date.
 */
int spt_sync(struct vas *, struct spt *t, const struct spt_src *, uint64_t va);
/*
 * Takes away every entry that reaches guest RAM [start, start+len).  -EBUSY:
 * the device did not let go; ask again.
 */
int spt_revoke(struct vas *, struct spt *t, uint64_t start, uint64_t len);
/*
 * Translates guest entries g[0..n) (n at most SPT_BLOCK) into entries first.. of t; what cannot be
 * is 0 afterwards and counted.  An error is the world's.
 */
int spt_put(struct vas *, struct spt *t, uint32_t first, const uint64_t *g, uint32_t n, uint64_t va);
/* t left its slot: freed by the next sg_settle(). */
void spt_bury(struct shadow_guest *, struct spt *t);
/* log2 of the divisor for the directory entry's size field. */
uint32_t spt_size_shift(const struct spt *);
/* Frames that cur entry e of a table with this page size holds pinned. */
static inline uint32_t pte_frames(uint64_t e, uint32_t page_shift)
{
	return pte_target(e) == PTE_VRAM ? 0 : 1u << (page_shift - FERMI_SMALL_SHIFT);
}
/*
 * Flushes the TLB for every changed address space of the guest, then unpins
 * and frees what waited for that.  If the device does not answer: with force
 * goes on (logged, and counted in shadow.timeouts), else -EBUSY and all waits on.
 */
int sg_settle(struct shadow_guest *, bool force);

/* ---- vas.c ------------------------------------------------------------------------------ */
/*
 * The guest's address space with that directory, scanned if it is new; one
 * reference.  -EFAULT (counted): the directory is not the guest's memory.
 * -EDQUOT, -ENOSPC (counted as quota): no room for the shadow.
 */
int vas_get(struct shadow_guest *, uint32_t target, uint64_t addr, struct vas **out);
void vas_put(struct vas *); /* accepts NULL */
int vas_sync(struct vas *);
/* Brings up to date what flushes left for later. */
int vas_catch_up(struct shadow_guest *);
/* The directory entry that stands for a slot. */
uint64_t vas_pde(const struct vas_slot *);
/*
 * The guest tables that feed table k of slot i, by the directory as last read,
 * and how many entries the shadow table has; 0 if there is none.  A table
 * outside the guest's memory is left out, and counted if fault.
 */
uint32_t vas_src(struct vas *, uint32_t i, enum spt_kind k, bool fault, struct spt_src *out);

/* ---- chan.c ------------------------------------------------------------------------------- */
struct shadow_chan *chan_by_id(struct shadow_guest *, gchan_t);
/* Whether the card may be walking v now. */
bool chan_uses(const struct shadow_chan *, const struct vas *v);
/* The guest wrote bytes [off, off+len) of its instance block. */
void chan_written(struct shadow_chan *, uint32_t off, uint32_t len);
/* Index in struct shadow_chan.img of an instance block offset. */
#define IMG_WORD(off) (((off)-INST_PDB_LO) / 4)
/* Offset of engine e's context pointer in an instance block. */
uint32_t chan_ctx_off(enum fermi_engine e);

/* ---- watch.c -------------------------------------------------------------------------------- */
void watch_add(struct shadow_guest *, gvram_t page);
void watch_del(struct shadow_guest *, gvram_t page);
/* What is watched now is no window any more. */
void watch_windows(struct shadow_guest *);

/* ---- barmap.c ------------------------------------------------------------------------------- */
/* Forgets cached translations of the BARs with that directory (all: of both BARs). */
void bar_drop(struct shadow_guest *, bool all, uint32_t target, uint64_t addr);
void barmap_fini(struct shadow_guest *);

#endif

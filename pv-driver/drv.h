/* SPDX-License-Identifier: MIT */
/*
 * The Fermi driver core: address spaces, buffer objects, channels, push
 * buffers, fences and copies, over any bus (bus.h).
 *
 * It behaves like an unmodified nouveau-style driver: the same registers in
 * the same order, its own page tables and instance blocks, written through
 * PRAMIN first and through BAR3 once that works.  It does not know whether a
 * mediator shadows it.
 *
 * Always true:
 *  1. Calls may come from several threads, also on the same object; freeing an
 *     object while another call uses it is the caller's mistake.
 *  2. Every wait has a deadline (drv_cfg.timeout_ns unless a call names one).
 *  3. Freeing order: channels and mappings before their vas, bos before drv.
 *     drv_close() frees whatever is left.
 *  4. A constructor that fails leaves *out alone and nothing behind.
 */
#ifndef PV_DRIVER_DRV_H
#define PV_DRIVER_DRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bus;
struct log;

struct drv;
struct drv_vas;
struct drv_bo;
struct drv_chan;

/* ---- drv -------------------------------------------------------------------- */

struct drv_cfg {
	/*
	 * Page tables of full size, as nouveau allocates them; else the PDE size field keeps them
	 * small.
	 */
	bool full_tables;
	bool small_pages;     /* never use 128 KiB pages */
	bool fence_vram;      /* fence page in VRAM, read through BAR1; else in system memory */
	/* GPFIFO entries per channel: a power of two, 8 to 4096; 0 is nouveau's 1024. */
	uint32_t ring_entries;
	/* Bytes of push buffer per channel, a multiple of 4096; 0 is nouveau's 64 KiB. */
	uint32_t push_len;
	/* Push buffers and rings in VRAM, where no CPU but ours reaches them; the bus has vram_wr. */
	bool push_vram;
	bool no_keep; /* hp-pv: freed small objects go back at once (hp_keep.c) */
	uint64_t timeout_ns;  /* 0 is 2 s, what nouveau gives the hardware */
	const struct log *log; /* borrowed; may be NULL */
	/*
	 * May be NULL.  A channel that drv_chan_polled() told of has died: its owner looks at memory
	 * for an end that never comes.  Called once a channel, with locks held: it may end the
	 * process or make a note, and call nothing of this header.
	 */
	void (*lost)(void *arg, struct drv_chan *, const char *why);
	void *lost_arg;
};

struct drv_info {
	uint32_t boot0;
	uint64_t vram_len;
	uint32_t nr_pbdma;
	uint32_t engines;      /* DRV_ENGINE_* that can be used */
	uint32_t nr_gpc, nr_tpc; /* graphics clusters; shader multiprocessors in all of them */
	uint32_t gr_ctx_len;
};

/* What happened so far; constant cost, for tests and reports. */
struct drv_stats {
	uint64_t tlb_flushes, ptes_written, tables, runlist_commits;
	uint64_t irqs, nonstall, faults, pbdma_errors, engine_errors;
	uint64_t vram_free;
	uint64_t bos_reused; /* hp-pv: new objects that were freed ones */
	uint64_t pv_calls, pv_ops; /* to a mediator that keeps the page tables; 0 elsewhere */
};

enum drv_engine_bit {
	DRV_ENGINE_GR = 1 << 0,	 /* M2MF */
	DRV_ENGINE_CE0 = 1 << 1,
	DRV_ENGINE_CE1 = 1 << 2,
	DRV_ENGINE_ALL = 7,
};

/*
 * Brings the GPU up.  bus is borrowed and must outlive drv; cfg NULL takes
 * defaults.  -ENODEV if the GPU is not a GF100, -ETIMEDOUT if it does not
 * answer; msg (n bytes) gets one line on any error.
 */
int drv_open(struct bus *bus, const struct drv_cfg *cfg, struct drv **out, char *msg, size_t n);
/* Frees everything that is left and leaves the GPU quiet.  Accepts NULL and half-built. */
void drv_close(struct drv *);
const struct drv_info *drv_info(const struct drv *);
/* The GPU's clock (PTIMER), ns. */
uint64_t drv_time(struct drv *);
void drv_stats(struct drv *, struct drv_stats *out);
void drv_dump(struct drv *, FILE *);
/* Serves interrupts; for the owner of a bus without irq_fd. */
void drv_irq(struct drv *);
/*
 * Tests only: off, page table changes are no longer followed by a TLB flush,
 * so that the staleness the flush prevents can be seen.
 */
void drv_knob_tlb_flush(struct drv *, bool on);

/* ---- bo: memory the GPU reaches ------------------------------------------------ */

enum drv_bo_flags {
	DRV_BO_SYS = 0,
	DRV_BO_VRAM = 1 << 0,
	DRV_BO_BAR1 = 1 << 1,  /* VRAM: stays mapped in BAR1, for what is polled */
	DRV_BO_SMALL = 1 << 2, /* VRAM: 4 KiB pages even where 128 KiB pages would do */
};

/*
 * len is rounded up to pages.  VRAM is not cleared; system memory is zero. -ENOMEM, -ENOSPC (VRAM).
 */
int drv_bo_new(struct drv *, uint64_t len, uint32_t flags, struct drv_bo **out);
/*
 * An object of the caller's system memory: bus addresses [addr, addr+len), pages, which stay until
 * the object is freed.  Page tables refuse what the GPU may not reach.
 */
int drv_bo_new_at(struct drv *, uint64_t addr, uint64_t len, struct drv_bo **out);
/* Unmaps it everywhere.  The caller knows that the GPU no longer uses it.  Accepts NULL. */
void drv_bo_free(struct drv_bo *);
uint64_t drv_bo_len(const struct drv_bo *);
/* System memory: where it is in this process.  NULL for VRAM. */
void *drv_bo_cpu(const struct drv_bo *);
/* VRAM offset or bus address. */
uint64_t drv_bo_addr(const struct drv_bo *);
/* CPU copy out of or into the object, whatever it is made of.  -ERANGE. */
int drv_bo_rd(struct drv_bo *, uint64_t at, void *buf, size_t len);
int drv_bo_wr(struct drv_bo *, uint64_t at, const void *buf, size_t len);
/*
 * System memory: the file it lies in (borrowed) and where, for who wants mappings of its own.
 * -EOPNOTSUPP for VRAM, or if the bus has no such file.
 */
int drv_bo_file(struct drv_bo *, uint64_t *off);
/*
 * VRAM: where the object is in this process.  Each load and store there traps and goes through
 * BAR1, which shows the object until it is freed.  -ENOSPC if BAR1 is full, -EOPNOTSUPP.
 */
int drv_bo_aperture(struct drv_bo *, void **p);

/* ---- vas: GPU address space ----------------------------------------------------- */

enum drv_map_flags {
	DRV_MAP_RO = 1 << 0,
	DRV_MAP_PRIV = 1 << 1,
	DRV_MAP_SYS_NC = 1 << 2, /* system memory, non-coherent target */
};
/* The storage kind the PTEs say (fermi/kind.h), added to the flags. */
#define DRV_MAP_KIND(k) ((uint32_t)(k) << 8)

int drv_vas_new(struct drv *, struct drv_vas **out);
/* -EBUSY (and nothing freed) while channels use it; drops all mappings.  Accepts NULL. */
int drv_vas_free(struct drv_vas *);
/*
 * Maps the whole object at an address the driver chooses.  An object may be mapped in several
 * spaces.
 */
int drv_vas_map(struct drv_vas *, struct drv_bo *, uint32_t flags, uint64_t *va);
/* va as drv_vas_map() gave it; -ENOENT. */
int drv_vas_unmap(struct drv_vas *, uint64_t va);
/* As drv_vas_unmap(), but only if va is that object's. */
int drv_bo_unmap(struct drv_bo *, struct drv_vas *, uint64_t va);
/* Walks the tables in VRAM, as the GPU would: the PTE and its page shift, or -EFAULT. */
int drv_vas_walk(struct drv_vas *, uint64_t va, uint64_t *pte, uint32_t *page_shift);
/* Directory's VRAM address; 0 where a mediator keeps it. */
uint64_t drv_vas_pdb(const struct drv_vas *);

/* ---- chan ------------------------------------------------------------------------ */

/*
 * engines: DRV_ENGINE_* whose objects the channel gets. -ENODEV if one is missing, -ENOSPC if no
 * channel is left.
 */
int drv_chan_new(struct drv_vas *, uint32_t engines, struct drv_chan **out);
/* Kicks it off the GPU whatever it does.  Accepts NULL. */
void drv_chan_free(struct drv_chan *);
/* It dies now, whatever it does; drv_chan_free() is still to come.  why NULL: nobody is told. */
void drv_chan_stop(struct drv_chan *, const char *why);
/* Whether who owns the channel learns of its end by polling memory (drv_cfg.lost); at first not. */
void drv_chan_polled(struct drv_chan *, bool polled);
/*
 * How much of the channel's work has passed: the number changes with every fence.  False if
 * nothing is under way.
 */
bool drv_chan_progress(struct drv_chan *, uint32_t *passed);
uint32_t drv_chan_id(const struct drv_chan *);
struct drv_vas *drv_chan_vas(struct drv_chan *);
/* 0, or -EIO once the channel died; why (n bytes, may be NULL) gets the reason in words. */
int drv_chan_status(struct drv_chan *, char *why, size_t n);
uint64_t drv_chan_inst(const struct drv_chan *);

/* Subchannels, the same in every channel. */
#define DRV_SUBC_M2MF 2
#define DRV_SUBC_CE0 4
#define DRV_SUBC_CE1 5

/* ---- push: a method stream of one channel ------------------------------------------ */

/* A piece of the channel's push buffer while it is being filled; lives on the caller's stack. */
struct drv_push {
	struct drv_chan *chan;
	uint32_t *at;	     /* next dword */
	uint32_t left;	     /* dwords the caller may still add */
	uint32_t first, end; /* dword offsets in the push buffer, of the reservation */
	uint32_t subc;	     /* last subchannel used; the fence goes there */
	bool overrun;	     /* more was added than reserved: drv_push_end refuses */
};

struct drv_fence {
	struct drv_chan *chan;
	uint32_t seq;
};

/*
 * Reserves dwords (at most what the push buffer holds minus 16) and locks the
 * channel's push buffer until drv_push_end() or drv_push_cancel().  Waits for
 * the GPU if the buffer or the ring is full: -ETIMEDOUT; -EIO if the channel
 * is dead; -E2BIG.
 */
int drv_push_begin(struct drv_chan *, uint32_t dwords, struct drv_push *p);
/* Header for n data words; drv_push_data adds each of them. */
void drv_push_mthd(struct drv_push *p, uint32_t subc, uint32_t mthd, uint32_t n);
void drv_push_data(struct drv_push *p, uint32_t v);
/*
 * Appends a fence, hands the piece to the GPU and rings the doorbell. fence may be NULL. -EOVERFLOW
 * on overrun.
 */
int drv_push_end(struct drv_push *p, struct drv_fence *fence);
void drv_push_cancel(struct drv_push *p);
/* In dwords of drv_push_raw(): fetch only after everything before it was carried out. */
#define DRV_PUSH_NO_PREFETCH (1u << 31)
/* Submits dwords the caller put at va itself; no fence follows. */
int drv_push_raw(struct drv_chan *, uint64_t va, uint32_t dwords);
/* A piece of the caller's own for drv_push_list(); dwords may carry DRV_PUSH_NO_PREFETCH. */
struct drv_piece {
	uint64_t va;
	uint32_t dwords;
};
/*
 * Submits n pieces that follow one another, a fence behind the last, with one doorbell.  Waits for
 * room as drv_push_begin() does, unless !wait: then -EAGAIN.  -E2BIG if the ring could never hold
 * them.
 */
int drv_push_list(struct drv_chan *, const struct drv_piece *, uint32_t n, bool wait,
		  struct drv_fence *fence);

/* ---- fence ------------------------------------------------------------------------- */

/* The fence behind everything submitted so far. */
struct drv_fence drv_chan_fence(struct drv_chan *);
/* Bus or VRAM address of the word that the channel's fences are written to. */
uint64_t drv_fence_addr(const struct drv_chan *);
bool drv_fence_done(const struct drv_fence *);
enum drv_wait { DRV_WAIT_POLL, DRV_WAIT_IRQ };
/* 0, -ETIMEDOUT, or -EIO if the channel died first.  ns 0 takes drv_cfg.timeout_ns. */
int drv_fence_wait(const struct drv_fence *, enum drv_wait how, uint64_t ns);

/* ---- copy -------------------------------------------------------------------------- */

/* Queues a copy of len bytes; any alignment.  fence as in drv_push_end(). */
int drv_copy_m2mf(struct drv_chan *, uint64_t dst, uint64_t src, uint64_t len,
		  struct drv_fence *fence);
/* By copy engine n (0 or 1) of a channel that has it. */
int drv_copy_ce(struct drv_chan *, unsigned int n, uint64_t dst, uint64_t src, uint64_t len,
		struct drv_fence *fence);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Inside the driver core: its objects and the seams between its files.
 *
 * Always true:
 *  1. drv.lock guards every object, the PRAMIN window, the BAR1 window and all
 *     register sequences.  Functions declared here expect it held unless they
 *     say otherwise; the public ones of drv.h take it.
 *  2. chan.push_lock guards one channel's push buffer and ring.  A holder may
 *     not take drv.lock, so that the interrupt thread, which takes drv.lock,
 *     is never behind someone who waits for the GPU.
 *  3. irq.lock guards only the condition that waiters sleep on; it is innermost.
 *  4. VRAM that tables live in comes from the top, buffer objects from the
 *     bottom; the first 256 KiB and the last 1 MiB stay untouched, as nouveau
 *     leaves them [nvkm/subdev/fb/ramgf100.c].
 */
#ifndef PV_DRIVER_PRIVATE_H
#define PV_DRIVER_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/base/list.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/fermi/regs.h"
#include "pv-driver/bus.h"
#include "pv-driver/drv.h"
#include "pv-driver/vas.h"

#define PAGE 4096ull
#define VRAM_RESERVED_LOW 0x40000ull
#define VRAM_RESERVED_TOP 0x100000ull

/* ---- bar.c ---------------------------------------------------------------------- */

#define BAR1_WINDOW (1ull << 20)

struct bar {
	struct drv_vas *vas;
	struct imem *inst;
};
int bar3_init(struct drv *);
int bar1_init(struct drv *);
void bar_fini(struct drv *);
/* CPU access to VRAM [addr + at, +len) through the BAR1 window; page_shift of the object. */
void bar1_copy(struct drv *, uint64_t addr, uint64_t len, bool write, void *buf);

/* ---- bo.c ------------------------------------------------------------------------ */

struct drv_bo {
	struct drv *drv;
	struct list node; /* drv.bos */
	struct list maps; /* struct vas_map */
	uint64_t len, addr;
	uint32_t flags;
	struct heap_node *vram; /* VRAM: owned */
	struct bus_mem sys;	/* system memory: owned */
	struct vas_map *bar1;	/* DRV_BO_BAR1: owned */
	uint32_t hp_id;		/* hp_drv.c: the mediator's name of it; 0: it has none yet */
	bool exposed;		/* hp_drv.c: BAR1 shows it at window */
	uint64_t window;
	struct list keep;	/* hp_keep.c: drv.kept, or on its own */
};
int bo_new(struct drv *, uint64_t len, uint32_t flags, struct drv_bo **out);
void bo_free(struct drv_bo *);
int bo_map(struct drv_vas *, struct drv_bo *, uint32_t flags, uint64_t *va);

/* ---- fifo.c ---------------------------------------------------------------------- */

struct fifo {
	struct imem *userd;	    /* GF100_NR_CHAN pages */
	struct vas_map *userd_bar1; /* where BAR1 shows them */
	struct imem *runlist[2];
	unsigned int active;
	struct drv_chan *chan[GF100_NR_CHAN]; /* borrowed: channels that exist */
};
int fifo_init(struct drv *);
void fifo_fini(struct drv *);
/* Writes the list of runnable channels into the idle buffer and commits it. */
int fifo_runlist_commit(struct drv *);
int fifo_kick(struct drv *, uint32_t chid);
/* BAR1 offset of a register in a channel's USERD page.  Any thread, no lock. */
uint64_t fifo_userd(const struct drv *, uint32_t chid, uint32_t off);

/* ---- gr.c, ce.c: engines ------------------------------------------------------------ */

struct gr {
	uint8_t *golden; /* owned: context image new channels start from, info.gr_ctx_len bytes */
};
int gr_init(struct drv *);
/* After a fault: reset and start again; the golden image stays. */
int gr_restart(struct drv *);
void gr_fini(struct drv *);
int ce_start(struct drv *, unsigned int n);

/* ---- chan.c ------------------------------------------------------------------------- */

#define NR_CHAN_ENGINES 3
struct chan_engine {
	uint32_t bit; /* DRV_ENGINE_* */
	enum fermi_engine engine;
	uint32_t inst_off, class_id, subc;
};
extern const struct chan_engine chan_engines[NR_CHAN_ENGINES];

struct push_slot { /* what one GPFIFO entry holds on to */
	uint32_t end; /* dword offset behind its push data */
	uint32_t seq; /* its fence */
	bool raw;     /* not in the push buffer, no fence */
};
struct drv_chan {
	struct drv *drv;
	struct drv_vas *vas;
	uint32_t chid, engines;
	struct imem *inst;
	struct imem *ctx[NR_CHAN_ENGINES];
	struct vas_map *ctx_map[NR_CHAN_ENGINES];
	bool bound, runnable; /* in the channel table; in the runlist */
	/* hp_drv.c: words in shared memory that the GPU and the mediator write; else NULL. */
	const uint32_t *fence_word, *state_word;
	/* Written by the interrupt thread under drv.lock: why first, then dead. */
	bool dead;
	char why[128];
	bool polled; /* atomic; drv_chan_polled() */

	pthread_mutex_t push_lock; /* guards what follows */
	struct drv_bo *push;	   /* push buffer, then the ring */
	uint64_t push_va;
	uint32_t *cpu;
	void *copy; /* owned: what cpu is if the object is in VRAM */
	uint32_t push_dwords, head, tail;
	uint64_t *ring;
	uint32_t ring_n, put, get, done; /* done: oldest slot whose push data may still be read */
	struct push_slot *slot;
	uint32_t seq;
};
void chan_free(struct drv_chan *);
/* Takes it off the GPU for good and wakes its waiters. */
void chan_kill(struct drv_chan *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* No lock. */
bool chan_dead(const struct drv_chan *);

/* ---- push.c -------------------------------------------------------------------------- */
int push_init(struct drv_chan *);
void push_fini(struct drv_chan *);

/* ---- fence.c ------------------------------------------------------------------------- */
/* The channel's word of the fence page.  No lock. */
uint32_t fence_read(const struct drv_chan *);
void fence_reset(struct drv_chan *);
#define FENCE_STRIDE 16

/* ---- irq.c --------------------------------------------------------------------------- */

struct irq {
	pthread_t thread;
	bool started;
	int stop_fd;
	pthread_mutex_t lock;
	pthread_cond_t cond; /* CLOCK_MONOTONIC */
	uint32_t waiters;    /* who wants non-stall interrupts; drv.lock */
};
/* What a waiter needs, without the thread. */
void irq_prepare(struct drv *);
int irq_init(struct drv *);
/* No lock: joins the thread, which takes it.  Nobody may wait or wake after that. */
void irq_fini(struct drv *);
void irq_wake(struct drv *);
/* A fence waiter comes (1) or goes (-1): PFIFO bit 31 is enabled only while someone waits. */
void irq_want_nonstall(struct drv *, int delta);

/* ---- fault.c ------------------------------------------------------------------------- */
/* Serve what PMC_INTR said is pending. */
void fault_pfifo(struct drv *);
void fault_pgraph(struct drv *);
void fault_ce(struct drv *, unsigned int n);

/* ---- drv.c --------------------------------------------------------------------------- */

struct drv {
	struct bus *bus;
	struct drv_cfg cfg;
	struct drv_info info;
	struct drv_stats stats; /* the irq counters are the interrupt thread's, under lock too */
	pthread_mutex_t lock;
	bool no_flush; /* drv_knob_tlb_flush */
	const struct vas_backend *backend;
	struct hp_link *hp; /* owned: the mediator runs the driver (hp_drv.c); NULL: we do */
	struct pv_link *pv; /* owned: calls to the mediator (pv_call.c); NULL if there is none */
	struct heap vram, bar3_va;
	struct list imems, vases, bos;
	struct list kept; /* hp_keep.c: freed objects, the oldest first; they are in bos too */
	uint64_t kept_bytes;
	uint32_t nr_kept;
	bool bar3_on;	      /* instance memory goes through BAR3 */
	uint32_t pramin_base; /* what PBUS_PRAMIN_BASE holds; ~0 not known */
	struct bar bar1, bar3;
	struct vas_map *window; /* BAR1 window, BAR1_WINDOW bytes */
	uint64_t window_at;	/* VRAM it shows; ~0 none */
	struct fifo fifo;
	struct gr gr;
	struct drv_bo *fence, *sysflush;
	struct irq irq;
};

static inline uint32_t rd32(struct drv *d, uint32_t reg)
{
	return bus_rd32(d->bus, reg);
}
static inline void wr32(struct drv *d, uint32_t reg, uint32_t v)
{
	bus_wr32(d->bus, reg, v);
}
static inline void mask32(struct drv *d, uint32_t reg, uint32_t clear, uint32_t set)
{
	wr32(d, reg, (rd32(d, reg) & ~clear) | set);
}

/*
 * A wait in progress: spins at first, then gives the processor away.  Used as
 * wait_begin(); while (!what) if (wait_more(&w)) return -ETIMEDOUT.
 */
struct wait {
	uint64_t until;
	uint32_t spins;
};
struct wait wait_begin(uint64_t ns);
/* 0, or -ETIMEDOUT. */
int wait_more(struct wait *);
/* Until one bit of mask is set in reg, or all are clear.  -ETIMEDOUT, with a line in the log. */
int wait_reg(struct drv *, uint32_t reg, uint32_t mask, bool set, const char *what);
/* Host writes have reached VRAM. */
void flush_bar(struct drv *);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Inside the software Fermi: the state of one card and the seams between its units.
 *
 * Always true:
 *  1. sim.lock guards all register state and the interrupt line.  rd32/wr32
 *     take it; engine threads take it to touch registers and never hold it
 *     while they move data or wait.
 *  2. Memory (VRAM, bus memory) is reached without sim.lock, through mem_*()
 *     and mmu_*(), which take dma_lock for reading around each piece, so that
 *     dma_unmap (which takes it for writing) waits for whoever is inside.
 *     Order: sim.lock before dma_lock, never the other way round.
 *  3. A translation comes from the TLB if it holds one, else from a walk; TLB
 *     entries go away only through PFB_TLB_FLUSH or a reset: a driver that
 *     forgets the flush sees stale translations.
 *  4. A fault is reported once, through mmu_fault(), and stops the engine that
 *     made it; nothing a guest can write makes the model exit or assert.
 */
#ifndef GPUVM_DEV_SIM_PRIVATE_H
#define GPUVM_DEV_SIM_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/dev/dev.h"
#include "gpuvm/dev/sim/memory.h"
#include "gpuvm/fermi/fault.h"
#include "gpuvm/fermi/regs.h"
#include "gpuvm/fermi/vbios.h"

struct sim;
struct pfifo;	  /* pfifo.c */
struct mmu;	  /* mmu.c */
struct falcons;	  /* falcon.c */
struct dma_range; /* mem.c */
struct alarm;	  /* ptimer.c */
struct sm;	  /* sm/pool.c */

/*
 * One hardware unit's registers.  rd/wr are called with sim.lock held, with a
 * dword offset inside [first, last].  What a unit does not care about it
 * leaves to sim_reg_rd/sim_reg_wr, which treat a register as its row of
 * regs.def says.  A NULL rd or wr means just that.
 */
struct sim_unit {
	const char *name;
	uint32_t first, last; /* inclusive BAR0 dword offsets */
	uint32_t (*rd)(struct sim *, uint32_t off);
	void (*wr)(struct sim *, uint32_t off, uint32_t val);
};
#define SIM_MAX_UNITS 32

/* A register that is not 0 after reset. */
struct sim_preset {
	uint32_t off, val;
};

/* BAR1 or BAR3, as the last write of its PBUS block register left it. */
struct bar_space {
	bool translate; /* false: offsets are VRAM addresses */
	bool bound;	/* vm is usable */
	struct mmu_vm vm;
};

/* Ways to run shader programs faster; each can be off, and no result depends on one. */
#define SM_OPT_HALVES 1u /* half rows of memory in whole vectors, words of known pages (lanes_mem.c) */
#define SM_OPT_PAGES 2u	 /* translated pages are kept while nothing changed (space.c) */
#define SM_OPT_AVX512 4u /* vector extensions, where the processor has them */
#define SM_OPT_AVX2 8u
#define SM_OPT_FAST 16u	 /* frequent operations built for their operands (lanes_fast.c) */
#define SM_OPT_PLAN 32u	 /* programs rewritten for their launch (plan.h) */
#define SM_OPT_WIDE 64u	 /* pages that follow each other in host memory as one (space.c, lanes_mem.c) */
#define SM_OPT_ALL 127u
#define SM_OPT_PLAN_ALL 128u /* for tests: of small launches too, where it does not pay */

/* Options of "sim:...". */
struct sim_cfg {
	uint64_t vram_len;	/* 256 MiB .. 6 GiB, multiple of 1 MiB; default 1 GiB */
	bool manual_clock;	/* clock=manual: time moves by advance() only */
	uint32_t nr_fbp;	/* derived: 1..6 equal partitions */
	uint32_t nr_tpc;	/* tpc=N: multiprocessors the card has, 1 to 16 */
	uint32_t sm_opts;	/* smopt=N: SM_OPT_*; default all */
	uint32_t nr_sm;		/* sm=N: host threads that run shader programs; default: processors */
	char count[112];	/* count=PATH: where executed instructions are counted (tally.h) */
	uint32_t disable_fuses; /* fuses=N: value of DISABLE_FUSES; default 0x7, headless */
};

struct sim {
	struct dev dev; /* first */
	struct sim_cfg cfg;
	pthread_mutex_t lock;
	pthread_rwlock_t dma_lock;
	uint64_t dma_epoch; /* grows with each hold of dma_lock for writing; atomic */
	uint8_t *vram;	     /* cfg.vram_len bytes, sparse */
	uint64_t *vram_given; /* bit per 2 MiB: backed by a file of its own (vram_fd) */
	struct dma_range *dma; /* sorted, no overlap; nr_dma of them */
	size_t nr_dma;
	uint32_t *regs;	     /* register storage, GF100_MMIO_LEN bytes, sparse */
	const struct sim_unit *unit[SIM_MAX_UNITS]; /* sorted by first */
	unsigned int nr_units;
	int irq_fd;	     /* eventfd */
	uint32_t irq_seq;    /* atomic: dev_ops.irq_seq */
	bool irq_line;	     /* last level driven on the line */
	uint64_t clock;	     /* manual clock, ns; atomic */
	uint64_t ptimer_offset; /* PTIMER is sim_now() plus this; atomic */
	struct alarm *alarm; /* NULL under a manual clock */
	uint64_t alarm_at;   /* PTIMER time of the next alarm */
	uint32_t intr_pending; /* PMC_INTR as the units drive it (sim_intr) */
	struct mmu *mmu;
	struct pfifo *pfifo;
	struct falcons *falcons;
	struct sm *sm;
	struct bar_space bar1, bar3;
	uint8_t prom[VBIOS_LEN];
};

/* ---- cfg.c ---------------------------------------------------------------- */
/* -EINVAL with one line in msg that names the option at fault. */
int sim_cfg_parse(struct sim_cfg *, const char *arg, char *msg, size_t n);

/* ---- sim.c ---------------------------------------------------------------- */
/* Raw storage, whatever kind of register it is.  sim.lock held. */
uint32_t sim_reg_load(struct sim *, uint32_t off);
void sim_reg_store(struct sim *, uint32_t off, uint32_t val);
/* As the register's row says: RO keeps, W1C clears, WO and TRIG read 0; storage where there is no row. */
uint32_t sim_reg_rd(struct sim *, uint32_t off);
void sim_reg_wr(struct sim *, uint32_t off, uint32_t val);
/* Storage [first, last] back to 0. */
void sim_reg_clear(struct sim *, uint32_t first, uint32_t last);
void sim_preset(struct sim *, const struct sim_preset *, size_t n);
/* Any register through its unit, as rd32/wr32 do, for who holds sim.lock already. */
uint32_t sim_rd(struct sim *, uint32_t off);
void sim_wr(struct sim *, uint32_t off, uint32_t val);
/* The line's level again, after PMC_INTR_EN or a mask changed; an edge to 1 signals irq_fd. */
void sim_intr_update(struct sim *);
/* MSI re-arm: signals irq_fd again if the line is high. */
void sim_intr_rearm(struct sim *);
/* Drives one unit's level in PMC_INTR and updates the interrupt line.  sim.lock held. */
void sim_intr(struct sim *, uint32_t pmc_bit, bool level);
/* PTIMER time in ns.  Any thread. */
uint64_t sim_ptimer(struct sim *);
uint64_t sim_now(struct sim *);

/* ---- pfifo.c: channels, runlist, PBDMAs, engine threads --------------------- */
int pfifo_new(struct sim *);
/* Stops and joins every engine thread.  Accepts a half-built sim. */
void pfifo_free(struct sim *);
void pfifo_reset(struct sim *); /* PMC_ENABLE bit off; sim.lock held on entry and exit */
/*
 * Recomputes the levels in PFIFO_INTR (bits 28-31) from the registers behind
 * them (PFIFO_MMU_FAULT_UNITS, ...) as they stand in storage, and drives
 * PMC_INTR_PFIFO.  sim.lock held.
 */
void pfifo_intr_update(struct sim *);
/*
 * A CPU store hit dword off (0..0xffc) of channel chid's page in the USERD
 * array (bar.c decides) and val is now in memory there; wakes the PBDMAs.
 * sim.lock held.
 */
void pfifo_userd_store(struct sim *, uint32_t chid, uint32_t off, uint32_t val);
/* An engine's own reset (PMC_ENABLE bit off).  sim.lock held on entry and exit; may drop it while waiting. */
void pfifo_engine_reset(struct sim *, enum fermi_engine);
/*
 * An engine's error interrupt was acknowledged, or an engine was enabled: who
 * waits for that engine may go on.  sim.lock held.
 */
void pfifo_wake(struct sim *);
/* Non-stall interrupt of an engine (method 0x20, or an engine's notify).  sim.lock held. */
void pfifo_nonstall(struct sim *, enum fermi_engine);
/* Returns when no engine has anything it could do now.  Without sim.lock; the caller must be the device's owner. */
void pfifo_settle(struct sim *);
extern const struct sim_unit pfifo_units[];  /* PFIFO and PBDMA ranges; ends with name NULL */

/* ---- busy.c ------------------------------------------------------------------ */
/* Device time that went to channel chid so far, ns.  sim.lock held. */
uint64_t busy_of(struct sim *, uint32_t chid);

/* ---- engines: what the pullers call, on an engine thread, without sim.lock -- */
struct engine_ctx { /* one channel's view of one engine while its methods run */
	struct sim *sim;
	struct mmu_vm vm;
	uint32_t chid;
	enum fermi_engine engine;
	uint32_t subc;
	/* Set by someone who wants the work to stop (kick, reset); long loops look at it. */
	const volatile bool *stop;
};
enum engine_result {
	ENGINE_OK,
	ENGINE_ILLEGAL_METHOD,
	ENGINE_DATA_ERROR, /* code in engine_error.code */
	ENGINE_FAULT,	   /* engine_error.reason, va, write */
	ENGINE_STOPPED,
	ENGINE_TRAP,	   /* a program did what no program may */
};
struct engine_error {
	uint32_t code;
	enum fault_reason reason;
	uint64_t va;
	bool write;
	bool core; /* of a shader core, not of the engine's front end */
};
/* Per-channel, per-class state; allocated when the class is bound, freed with the channel. */
struct engine_class {
	uint32_t class_id;
	enum fermi_engine engine;
	size_t state_len;
	enum engine_result (*mthd)(const struct engine_ctx *, void *state, uint32_t mthd,
				   uint32_t val, struct engine_error *err);
	/*
	 * Optional: takes n data words of a non-increasing method at once (inline
	 * data); NULL means one mthd() call a word.
	 */
	enum engine_result (*data)(const struct engine_ctx *, void *state, uint32_t mthd,
				   const uint32_t *val, uint32_t n, struct engine_error *err);
	bool (*is_data)(uint32_t mthd); /* which methods data() is for; NULL: all */
	void (*fini)(void *state);	/* frees what the state owns; NULL: nothing */
	const struct engine_class *shares; /* the class whose state this one uses; NULL: its own */
};
extern const struct engine_class m2mf_class;   /* m2mf.c: 0x9039 */
extern const struct engine_class copy0_class;  /* pcopy.c: 0x90b5 */
extern const struct engine_class copy1_class;  /* pcopy.c: 0x90b8 */

/* ---- pmc.c, strap.c, ptimer.c, pbus.c, ppci.c, pfb.c, prom.c, falcon.c, pgraph.c: registers -- */
/* Each list ends with name NULL. */
extern const struct sim_unit pmc_units[], ptimer_units[], pbus_units[], ppci_units[], pfb_units[],
	prom_units[], falcon_units[], pgraph_units[];
/* Registers of a unit to their power-on values; sim.lock held.  Storage was cleared before. */
void pmc_reset(struct sim *);
void strap_reset(struct sim *);
void ptimer_reset(struct sim *);
void ppci_reset(struct sim *);
void pfb_reset(struct sim *);
/* Also what PMC_ENABLE bit 12 does when it goes off. */
void pgraph_reset(struct sim *);
/* The alarm's thread, under the real clock; under a manual one advance() looks. */
int ptimer_start(struct sim *);
void ptimer_stop(struct sim *); /* accepts a half-built sim */
void ptimer_check(struct sim *); /* raises the alarm if it is due; sim.lock held */
/* PBUS latches an access to BAR0 that no register answers.  sim.lock held. */
void pbus_bad_access(struct sim *, uint32_t off, uint32_t val, bool write);

/* Falcon memories: PMU, CE0, CE1, FECS, GPCCS. */
int falcon_new(struct sim *);
void falcon_free(struct sim *);
void falcon_reset(struct sim *); /* all of them */
/* One processor, by its BAR0 base: its ports and its registers. */
void falcon_reset_at(struct sim *, uint32_t base);
/*
 * The falcon ports (0x180-0x1bf code, 0x1c0-0x1ff data) at off; false if off
 * is none.  For who owns a range that holds a falcon.
 */
bool falcon_port_rd(struct sim *, uint32_t off, uint32_t *val);
bool falcon_port_wr(struct sim *, uint32_t off, uint32_t val);
/*
 * A copy engine's own error interrupt, as nouveau's microcode raises it:
 * +0x040 code and method, +0x044 data, +0x050 channel, +0x008 bit 6, CE bit
 * in PMC_INTR until the driver acknowledges at +0x004.  engine is ENGINE_CE0
 * or ENGINE_CE1.  sim.lock held.
 */
void ce_error(struct sim *, const struct engine_ctx *, uint32_t mthd, uint32_t val, uint32_t code);

/* Latches a PGRAPH interrupt with what a handler reads.  sim.lock held. */
void pgraph_error(struct sim *, uint32_t intr_bit, const struct engine_ctx *, uint32_t mthd,
		  uint32_t val, uint32_t class_id, uint32_t code);

/* ---- bar.c ------------------------------------------------------------------ */
uint64_t bar_rd(struct sim *, int bar, uint64_t off, int size);
void bar_wr(struct sim *, int bar, uint64_t off, int size, uint64_t val);

#endif

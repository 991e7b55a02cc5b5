/* SPDX-License-Identifier: MIT */
/*
 * The mediator of one GPU and the virtual GPUs it gives to guests: the one
 * wide header of the core.  gpuvm_* acts for the host, vgpu_* for one guest.
 *
 * One thread owns everything here; see gpuvm_step().
 */
#ifndef GPUVM_GPUVM_H
#define GPUVM_GPUVM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gpuvm/base/addr.h"
#include "gpuvm/base/list.h"
#include "gpuvm/base/log.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/fault.h"
#include "gpuvm/fermi/regs.h"
#include "gpuvm/hv/hv.h"
#include "gpuvm/limits.h"
#include "gpuvm/part.h"
#include "gpuvm/vheap.h"
#include "scheduler/sched.h"
#include "shadow/shadow.h"

struct gpuvm;
struct vgpu;

/* Hypervisor ports of one mediator: processes and virtual machines. */
#define GPUVM_PORTS 4

enum vgpu_mode { VGPU_PASSTHROUGH, VGPU_FULL, VGPU_NAIVE_PV, VGPU_HP_PV };
const char *vgpu_mode_name(enum vgpu_mode);
/* "full", "passthrough", "naive-pv" or "hp-pv"; -EINVAL for anything else. */
int vgpu_mode_parse(const char *s, enum vgpu_mode *out);

/* What a guest is to get; passed as hv_guest.cfg when the guest is created. */
struct vgpu_cfg {
	enum vgpu_mode mode;
	uint64_t vram_len;    /* bytes; rounded up to chunks; ignored for passthrough (whole card) */
	uint32_t weight;      /* 0: default */
	uint32_t cap_pct;     /* of each engine, at most; 0: no cap */
	uint32_t latency_us, budget_pct; /* latency class, as in sched_ent_cfg; 0: none, default */
	uint32_t max_chan;    /* channels at a time; 0: LIMIT_VGPU_CHANS */
	uint32_t timeout_ms;  /* a submission's time limit; 0: LIMIT_SUBMIT_MS */
	uint32_t shadow_opts; /* enum shadow_opt */
	uint32_t pv_ops;      /* naive-pv: operations per call; 0 or 1: each change is a call of its own */
	bool pci_off; /* memory decode starts off: a firmware or kernel will switch it on; false: no firmware runs */
};

/* Engines as the scheduler numbers them. */
enum gpuvm_engine { GPUVM_ENG_GR, GPUVM_ENG_CE0, GPUVM_ENG_CE1, NR_GPUVM_ENGINES };
enum fermi_engine gpuvm_engine_fermi(enum gpuvm_engine);

/* A guest's channel while its PFIFO_CHAN_INST is valid.  chan.c owns it. */
struct vgpu_chan {
	struct vgpu *vgpu;
	gchan_t id;
	hchan_t host;
	struct shadow_chan *shadow; /* owned; NULL once dead */
	uint32_t inst_reg;	    /* guest's PFIFO_CHAN_INST */
	bool runnable;		    /* guest's PFIFO_CHAN_STATE bit 0 */
	uint32_t paused;	    /* bit per engine (enum fermi_engine) whose error of it the guest's handler has not
				     * seen: it is off all engines until none is left */
	bool dead;		    /* stopped by a fault or the watchdog; comes back when the guest binds it again */
	uint32_t put;		    /* last GP_PUT the guest stored */
	uint32_t put_host;	    /* last GP_PUT handed to the device */
	uint32_t entries;	    /* of its ring, from the shadow RAMFC; 0: to be read again */
	enum gpuvm_engine engine;   /* whom its work is charged to */
	struct chan_pace {
		uint64_t longest;	/* ring entry of late, ns; 0: not known yet */
		uint64_t ns, entries;	/* what its last entries took together: their mean */
	} pace;
	uint64_t busy_ns;	    /* of its device time (dev_busy), what its oldest running submission did not use */
	struct submission *queued;  /* a doorbell that waits for the scheduler; a later doorbell joins it */
	struct list running;	    /* submissions on the device, oldest first */
	uint32_t nr_running;
	bool unfinished;	    /* left the runlist while something ran: goes on when it comes back */
	struct list busy;	    /* node on gpuvm.busy while something runs */
};

struct vgpu_stats {
	uint64_t reads[NR_HV_SPACES], writes[NR_HV_SPACES]; /* trapped accesses by BAR */
	uint64_t denied;	 /* accesses to registers that are not in the table */
	uint64_t guest_faults;	 /* everything that was the guest's fault */
	uint64_t doorbells, submissions, completions;
	uint64_t irqs;		 /* interrupts delivered */
	uint64_t mmu_faults, watchdog; /* channels stopped */
	uint64_t gpu_ns[NR_GPUVM_ENGINES];
};

/* A range of guest RAM that the device was told of. */
struct vgpu_ram {
	gpa_t gpa;
	dma_t dma;
	uint8_t *mem;
	uint64_t len;
};

struct vgpu_unit_state; /* unit_*.c: the virtual units' registers */
struct pcicfg;		/* pcicfg.c */
struct vgpu_pv;		/* pv.c */
struct lend;		/* lend.c */
struct vgpu_hp;		/* hp.c */

struct vgpu {
	struct gpuvm *g;
	struct list node; /* on g->vgpus */
	struct hv_guest *guest;
	char name[32];
	struct vgpu_cfg cfg;
	struct part *part;
	struct shadow_guest *shadow;
	struct sched_ent *ent;
	struct vgpu_chan *chan[GF100_NR_CHAN]; /* by guest id; NULL when unbound */
	uint32_t **reg_page; /* sparse private registers, one pointer per 4 KiB of MMIO */
	struct vgpu_unit_state *units;
	struct pcicfg *pci;
	struct vgpu_pv *pv; /* pv.c: its call page; NULL unless naive-pv */
	struct lend *lend; /* lend.c: its VRAM as files; NULL until they are wanted */
	struct vgpu_hp *hp; /* hp.c: its requests; NULL unless hp-pv */
	struct vgpu_ram *ram; /* owned; nr_ram of them */
	uint32_t nr_ram;
	uint64_t shadow_quota; /* what of the heap is set aside for it */
	uint32_t irq_engines; /* bit per enum fermi_engine: worked since its last non-stall interrupt */
	bool failed; /* fail-safe: accesses are answered, nothing reaches the card */
	const char *failed_why;
	struct log_limit fault_log;
	struct vgpu_stats stats;
};

struct gpuvm_cfg {
	const char *policy;	 /* as sched_choice_open() reads it; NULL: "fifo" */
	const char *sched_trace; /* file to record the scheduler's work in; NULL: none */
	uint64_t host_vram_len;	 /* VRAM the mediator keeps for itself; 0: derived */
	const struct log *log;
	bool audit_each_flush;	 /* run shadow_audit after each TLB flush (slow; tests) */
};

struct gpuvm {
	struct dev *dev; /* owned */
	struct hv *port[GPUVM_PORTS]; /* owned; set by gpuvm_set_hv, NULL past the last */
	const struct log *log;
	struct vheap *heap;
	struct part_pool *pool;
	struct shadow *shadow;
	struct sched *sched;
	struct list vgpus;
	uint32_t nr_vgpus;
	struct vgpu *passthrough; /* the one guest that has the whole card, or NULL */
	hvram_t userd;		  /* mediator's USERD array: GF100_NR_CHAN pages */
	struct host *host;	  /* host.c: the mediator's own driver state */
	struct vgpu_chan *by_host[GF100_NR_CHAN]; /* channel on the card -> whose; NULL when unused */
	struct sched_record *record; /* owned: what the scheduler is asked for goes there; or NULL */
	uint64_t engine_free[NR_GPUVM_ENGINES]; /* when work of each engine was last seen to end */
	struct list busy;	  /* vgpu_chan.busy */
	uint32_t irq_seq;	  /* of dev, when its interrupt file was last read */
	uint64_t poll_next, poll_every; /* when running work is looked at again; ns, grows while nothing ends */
	uint64_t sched_next;	  /* when sched_pump() wants to be called again */
	uint64_t pool_len;	  /* VRAM that guests can have in all */
	uint64_t shadow_avail;	  /* what of the heap guests' shadows may take in all */
	uint64_t shadow_reserved; /* sum of the vgpus' shadow_quota */
	struct json_t *departed;  /* owned by metrics.c: last counters of guests that left */
	bool audit_each_flush;
	struct gpuvm_stats {
		uint64_t irqs, mmu_faults, engine_resets, steps;
	} stats;
};

/* ---- gpuvm.c ------------------------------------------------------------------------- */
/* Takes dev over (also on failure).  One line in msg on error. */
int gpuvm_new(struct dev *dev, const struct gpuvm_cfg *, struct gpuvm **out, char *msg, size_t n);
/* Detaches every guest, closes hv and dev.  Accepts NULL and half-built. */
void gpuvm_free(struct gpuvm *);
extern const struct hv_up gpuvm_up; /* core argument: struct gpuvm */
/* One more hypervisor port (at most GPUVM_PORTS), opened with &gpuvm_up and this gpuvm; taken over. */
void gpuvm_set_hv(struct gpuvm *, struct hv *);
/*
 * One round: device interrupts, guests' accesses, running work, scheduler,
 * watchdog.  Never blocks.  Answers whether anything was done, and in *next
 * when to call again at the latest (dev_now time; SCHED_NEVER if only an event
 * can bring work).
 */
bool gpuvm_step(struct gpuvm *, uint64_t now, uint64_t *next);
/* File descriptors to poll before the next step.  Answers how many. */
#define GPUVM_FDS (1 + GPUVM_PORTS)
unsigned int gpuvm_fds(struct gpuvm *, int fds[GPUVM_FDS]);
/* As hv_arm, over all ports: true if work is already waiting. */
bool gpuvm_arm(struct gpuvm *);
struct vgpu *gpuvm_find(struct gpuvm *, const char *name);
/* 1 to 31 letters, digits, '.', '_' or '-'. */
bool gpuvm_name_ok(const char *name);
/* Isolation audit: shadows, channel table, ownership of every by_host entry, scheduler.  Number of violations. */
unsigned int gpuvm_audit(struct gpuvm *, FILE *out);

/* ---- vgpu.c --------------------------------------------------------------------------- */
/* -ENOSPC and others with one line logged naming what does not fit. */
int vgpu_new(struct gpuvm *, struct hv_guest *, const struct vgpu_cfg *, struct vgpu **out);
/* Stops its channels, drops shadows, scrubs VRAM, gives everything back.  Accepts half-built. */
void vgpu_free(struct vgpu *);
/* The guest's PCI function was reset: registers, channels, shadows back to power-on; VRAM stays. */
void vgpu_reset(struct vgpu *);
/* Fail-safe, until a reset: nothing of the guest is on the card any more; why is borrowed. */
void vgpu_fail(struct vgpu *, const char *why);
/* As hv_up.grant, hv_up.line and hv_up.revoke. */
int vgpu_grant(struct vgpu *, const struct hv_ram *);
bool vgpu_line(struct vgpu *);
int vgpu_revoke(struct vgpu *, gpa_t start, uint64_t len);
int vgpu_access(struct vgpu *, struct hv_access *);
/* Counts and (rate-limited) logs what a guest did wrong. */
void vgpu_fault(struct vgpu *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vgpu_dump(struct vgpu *, FILE *);

/* ---- chan.c: channels and doorbells ------------------------------------------------------ */
/* PFIFO_CHAN_INST[id] written. Value without CHAN_INST_VALID unbinds. */
int vgpu_chan_bind(struct vgpu *, gchan_t id, uint32_t inst_reg);
/* The channel off the card and its card id back, whatever state the vGPU is in. */
void vgpu_chan_release(struct vgpu *, gchan_t id);
/* PFIFO_CHAN_STATE[id] written. */
void vgpu_chan_state(struct vgpu *, gchan_t id, uint32_t val);
/*
 * PFIFO_KICK: the channel is off the device when this returns, or pending and
 * vgpu_chan_kick_pending() is true.  A channel that does not leave in
 * LIMIT_KICK_NS is stopped for good.
 */
int vgpu_chan_kick(struct vgpu *, gchan_t id);
bool vgpu_chan_kick_pending(struct vgpu *, gchan_t id);
/* The guest's store/load in channel id's USERD page (off < USERD_LEN, 4 bytes). */
void vgpu_userd_wr(struct vgpu *, gchan_t id, uint32_t off, uint32_t val);
uint32_t vgpu_userd_rd(struct vgpu *, gchan_t id, uint32_t off);
/*
 * The guest's runlist was submitted (shadow_runlist_submit) or reset: works of
 * channels that left it end, held doorbells of channels that joined it go.
 */
void vgpu_runlist_changed(struct vgpu *);
/* Takes the channel off the card for good: its works end, the guest must bind it anew. */
void vgpu_chan_stop(struct vgpu_chan *);

/* ---- irq.c, recover.c: from the card ------------------------------------------------------ */
void gpuvm_irq(struct gpuvm *, uint64_t now);
/* Looks at running work; ends what is done, stops what is over its time.  Answers when to look again. */
uint64_t gpuvm_poll_work(struct gpuvm *, uint64_t now);
/* Stops chan (kick, engine reset), everyone else's work goes on. */
void gpuvm_recover(struct gpuvm *, struct vgpu_chan *, enum gpuvm_engine);
/*
 * The guest cleared its virtual PBDMA_INTR after vgpu_raise_pbdma(); mthd is
 * what it left in PBDMA_METHOD.  If that PBDMA still holds a channel of this
 * guest it goes on; else nothing happens.
 */
void gpuvm_pbdma_resume(struct vgpu *, uint32_t pbdma, uint32_t mthd);

/* ---- mmio.c, unit_*.c, bar*.c, pcicfg.c: what the guest sees -------------------------------- */
int vgpu_units_new(struct vgpu *);
void vgpu_units_reset(struct vgpu *);
void vgpu_units_free(struct vgpu *); /* accepts half-built */
/* BAR0, any size; answers a defined value always. */
int vgpu_mmio_rd(struct vgpu *, uint32_t off, uint8_t size, uint64_t *val);
int vgpu_mmio_wr(struct vgpu *, uint32_t off, uint8_t size, uint64_t val);
int vgpu_bar1_rd(struct vgpu *, uint32_t off, uint8_t size, uint64_t *val);
int vgpu_bar1_wr(struct vgpu *, uint32_t off, uint8_t size, uint64_t val);
int vgpu_bar3_rd(struct vgpu *, uint32_t off, uint8_t size, uint64_t *val);
int vgpu_bar3_wr(struct vgpu *, uint32_t off, uint8_t size, uint64_t val);
int vgpu_cfg_rd(struct vgpu *, uint32_t off, uint8_t size, uint64_t *val);
int vgpu_cfg_wr(struct vgpu *, uint32_t off, uint8_t size, uint64_t val);
/* dev_now() time when a virtual unit has something to do (an alarm, a runlist); SCHED_NEVER if none has. */
uint64_t vgpu_next_alarm(struct vgpu *);
void vgpu_alarm_tick(struct vgpu *, uint64_t now);
/* Private register storage. */
uint32_t vgpu_reg_load(const struct vgpu *, uint32_t off);
void vgpu_reg_store(struct vgpu *, uint32_t off, uint32_t val);
/* Start-up check of mmio_table.c against regs.def: 0, or -EINVAL with one line in msg. */
int mmio_table_check(char *msg, size_t n);

/* Things the card reported, shown to this guest through its virtual registers and interrupt. */
struct vgpu_mmu_fault {
	enum fault_unit unit;
	uint32_t info; /* PFIFO_MMU_FAULT_INFO as the card gave it */
	uint64_t va;
	gvram_t inst;
	enum fermi_engine engine;
};
void vgpu_raise_mmu_fault(struct vgpu *, const struct vgpu_mmu_fault *);
void vgpu_raise_nonstall(struct vgpu *, enum fermi_engine);
/* A PBDMA interrupt of this guest's channel: bits PBDMA_INTR_*, with the method that stopped it. */
void vgpu_raise_pbdma(struct vgpu *, uint32_t pbdma, gchan_t id, uint32_t intr, uint32_t mthd, uint32_t data);
/* Context switch timeout: the channel was stopped; the engine's status names it until acknowledged. */
void vgpu_raise_hung(struct vgpu *, enum fermi_engine e, gchan_t id, gvram_t inst);

/* ---- passthrough.c --------------------------------------------------------------------------- */
int passthrough_access(struct vgpu *, struct hv_access *);

#endif

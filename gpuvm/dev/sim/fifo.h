/* SPDX-License-Identifier: MIT */
/*
 * Inside PFIFO: channels, the runlist, PBDMAs and the engines they feed.
 *
 * One thread per PBDMA.  A thread walks the indirect buffer of the channel it
 * was given, runs host methods itself, and runs an engine's methods itself
 * while it holds that engine: so channels of different engines run in
 * parallel, and an engine runs one channel at a time.
 *
 * Always true:
 *  1. sim.lock guards everything here except what struct pbdma marks as the
 *     thread's own while a channel is loaded, and a loaded channel's objects.
 *  2. A channel is on at most one PBDMA (chan.on); an engine is held by at most
 *     one PBDMA, a PBDMA holds at most one engine, and holds it only while a
 *     channel is loaded.  Nobody waits for an engine with another one in hand.
 *  3. A channel that is off every PBDMA has its whole state in its instance
 *     block (RAMFC) and in its objects.
 *  4. chan.stop makes the thread leave at the next method boundary, or inside
 *     a long copy; what was not finished runs again when the channel is loaded.
 *
 * A channel's objects (what an engine would keep in its context image) are kept
 * per instance block: a channel that moves to another id keeps them.
 */
#ifndef GPUVM_DEV_SIM_FIFO_H
#define GPUVM_DEV_SIM_FIFO_H

#include "gpuvm/dev/sim/private.h"
#include "gpuvm/fermi/inst.h"

#define FIFO_NR_CLASSES 6
#define FIFO_NR_SUBC 8
#define RAMFC_LEN 0x100
#define RAMFC_WORDS (RAMFC_LEN / 4)
/* Push buffer words fetched at once: more than a method batch, small beside a stack. */
#define FETCH_WORDS 1024

/* Channel table error codes, PFIFO_CHSW_INTR [rnndb/fifo/gf100_pfifo.xml]. */
enum chsw_error {
	CHSW_IN_USE = 1,	/* modified a valid channel */
	CHSW_NO_POLL = 2,	/* poll enable without a USERD base */
	CHSW_ACTIVE = 3,	/* invalidated a channel that was on a PBDMA */
	CHSW_RUNNABLE = 0xb,	/* invalidated a runnable channel on the runlist */
};
/* PFIFO_SCHED_INTR. */
#define SCHED_INACTIVE_CHANNEL 1u

/* Why a channel that has work is on no PBDMA. */
enum chan_wait {
	WAIT_NONE,
	WAIT_ENGINE, /* wait_engine is held, frozen, faulted or has an error to acknowledge */
	WAIT_SEM,    /* an acquire with SEM_SWITCH is not yet true */
};

struct chan_objects {
	uint64_t inst;			/* instance block they belong to; 0: none */
	void *state[FIFO_NR_CLASSES];	/* owned; NULL until bound */
	const struct engine_class *bound[FIFO_NR_SUBC];
};

struct chan {
	uint32_t inst_reg;  /* PFIFO_CHAN_INST */
	uint32_t state_reg; /* PFIFO_CHAN_STATE, what drivers write */
	bool listed;	    /* in the committed runlist */
	bool work;	    /* GP_PUT may have moved since it was last read */
	bool busy;	    /* entries or methods left when it was last looked at */
	bool off;	    /* stopped by a fault or a bad RAMFC */
	uint32_t off_engine; /* engine whose fault did it; ENGINE_SW: none */
	enum chan_wait wait;
	uint32_t wait_engine;
	uint32_t cur_engine; /* engine used last; ENGINE_SW: none */
	uint64_t polled;     /* fifo.polls when the acquire was last found false */
	uint64_t retry_at;   /* monotonic ns of the next look */
	uint64_t backoff;
	uint64_t busy_ns;    /* device time so far, but for what goes on now (busy.c) */
	uint64_t parked_at;  /* monotonic ns since when it waits for a semaphore on no PBDMA; 0: it does not */
	struct pbdma *on;
	bool stop; /* atomic */
	struct chan_objects obj;
};

/* What the push buffer parser keeps between words: RAMFC DMA_STATE. */
struct packet {
	uint32_t op;	/* enum push_op of a packet being delivered */
	uint32_t subc, mthd, count;
};

struct pbdma {
	struct sim *sim;
	uint32_t id;
	pthread_t thread;
	bool started;
	pthread_cond_t cond;
	struct chan *chan; /* loaded or being loaded; NULL: idle */
	bool blocked;	   /* the thread waits inside a method for someone else */
	uint64_t polled;   /* while blocked on memory: fifo.polls when it was last read; else ~0 */
	uint32_t next;	   /* runlist position to look at first */
	uint32_t intr, intr_en, halt_mask; /* PBDMA_INTR, _EN, _HALT_MASK */
	uint32_t mirror[RAMFC_WORDS]; /* RAMFC as registers show it */
	uint32_t cmd;	   /* last header that raised an error */
	uint32_t last;	   /* channel loaded last */
	clockid_t cpu;	   /* of its thread */
	uint64_t cpu_at;   /* what that showed when chan->busy_ns was true; 0: no channel is served */
	uint64_t blocked_at; /* monotonic ns; 0: it is not */
	int64_t beside;	   /* shader cores' time since cpu_at, less the thread's own part in it, ns */

	/* The thread's own while chan is loaded. */
	uint64_t inst;
	uint32_t fc[RAMFC_WORDS];
	bool loaded;	   /* fc and the rest below are the channel's */
	struct packet pkt;
	uint64_t get, put; /* in the current entry */
	struct engine_ctx ctx;
	int engine; /* held; -1: none.  Changed under sim.lock */
	bool yield;
	bool did; /* a method ran since the last look from outside */
	uint32_t word[FETCH_WORDS];
	uint64_t word_va; /* of word[0] */
	uint32_t words;
};

struct fifo_engine {
	struct pbdma *holder;
	bool resetting;
};

struct pfifo {
	struct sim *sim;
	struct chan chan[GF100_NR_CHAN];
	struct pbdma pbdma[GF100_NR_PBDMA];
	struct fifo_engine engine[NR_ENGINES];
	uint8_t list[GF100_NR_CHAN]; /* runlist order, each id once */
	uint32_t listed;
	bool commit_pending; /* a channel that left the list is still on a PBDMA */
	bool kick_pending;
	uint32_t kick_chid;
	uint64_t polls;	     /* grows when a waiting acquire should look again at once */
	uint64_t progress;   /* grows with each indirect-buffer entry that ended */
	bool quit;
	pthread_cond_t quiet; /* something left a PBDMA, or blocked */
};

/* How a step of a channel ended. */
enum step {
	STEP_OK,
	STEP_IDLE, /* nothing left to do */
	STEP_PARK, /* chan.wait says why; the method runs again */
	STEP_STOP, /* chan.stop was set; the method runs again */
	STEP_DEAD, /* chan.off was set; the access runs again if the channel comes back */
	STEP_LOST, /* the same, but the engine has swallowed the method: Fermi replays no faults */
};

#define FC(p, off) ((p)->fc[(off) / 4])

static inline uint32_t chan_id(const struct pfifo *f, const struct chan *c)
{
	return (uint32_t)(c - f->chan);
}
static inline bool chan_stopping(struct chan *c)
{
	return __atomic_load_n(&c->stop, __ATOMIC_RELAXED);
}

/* ---- chan.c: the channel table.  sim.lock held. ---------------------------------- */
uint32_t chan_rd(struct sim *, uint32_t off);
void chan_wr(struct sim *, uint32_t off, uint32_t val);
/* Makes the thread that has c leave soon; returns at once. */
void chan_stop(struct chan *);
/* The same, and waits until it left.  Drops sim.lock while it waits. */
void chan_stop_wait(struct pfifo *, struct chan *);
/* Whether p may be given c now. */
bool chan_ready(struct pfifo *, struct chan *, struct pbdma *, uint64_t now);
void chan_kick(struct pfifo *, uint32_t chid);
void chan_free_objects(struct chan_objects *);
void chan_set_off(struct chan *, uint32_t engine);
void chan_reset(struct pfifo *);

/* ---- runlist.c.  sim.lock held. --------------------------------------------------- */
void runlist_commit(struct sim *, uint32_t submit);
/* Whether the last commit still waits for a channel to leave; raises its interrupt when not. */
void runlist_check(struct pfifo *);
/* Gives ready channels to idle PBDMAs. */
void runlist_dispatch(struct pfifo *);
/* Gives p its next channel, before anybody else. */
void runlist_next(struct pfifo *, struct pbdma *);
/* The channel p should run next, or NULL. */
struct chan *runlist_pick(struct pfifo *, struct pbdma *, uint64_t now);
/* Monotonic time at which some waiting channel wants to look again; 0: none does. */
uint64_t runlist_next_retry(struct pfifo *);

/* ---- pbdma.c ----------------------------------------------------------------------- */
int pbdma_start(struct sim *, uint32_t id);
void pbdma_join(struct pbdma *);
bool pbdma_usable(struct pbdma *); /* sim.lock held */
uint32_t pbdma_rd(struct sim *, uint32_t off);
void pbdma_wr(struct sim *, uint32_t off, uint32_t val);
void pbdma_reset(struct pbdma *); /* sim.lock held, idle */
/* The registers show RAMFC as it is now.  sim.lock held. */
void pbdma_mirror(struct pbdma *);
/* A fault of the PBDMA's own access: the channel goes off. */
enum step pbdma_fault(struct pbdma *, enum fault_reason, uint64_t va, bool write);
/*
 * Raises bits, shows addr and data in PBDMA_METHOD and PBDMA_DATA, and waits
 * until they are cleared if PBDMA_HALT_MASK says so.  STEP_OK: go on after what
 * raised them; the handler may have put another method into *addr and *data.
 */
enum step pbdma_error(struct pbdma *, uint32_t bits, uint32_t *addr, uint32_t *data);
/* A word of the channel's USERD page; a page that is not memory is ignored. */
void pbdma_userd(struct pbdma *, uint32_t off, uint32_t val);
int pbdma_userd_rd(struct pbdma *, uint32_t off, uint32_t *val);
/* Waits for the condition to be looked at again; sim.lock held.  False: leave (stop or quit). */
bool pbdma_block(struct pbdma *, uint64_t wait_ns);

/* ---- busy.c: device time.  sim.lock held; but for busy_thread, on the PBDMA's thread. ---- */
void busy_thread(struct pbdma *); /* the thread has begun */
/* The channel waits no longer as it did. */
void busy_unpark(struct chan *);
/* The PBDMA begins with its channel; up to here its time is counted; it leaves. */
void busy_begin(struct pbdma *);
void busy_lap(struct pbdma *);
void busy_end(struct pbdma *);
/* The PBDMA stands still for its channel. */
void busy_block(struct pbdma *);
void busy_unblock(struct pbdma *);
/* The PBDMA lets go of the engine it holds. */
void busy_engine_put(struct pbdma *);

/* ---- pusher.c: one indirect-buffer entry.  The PBDMA's thread, no sim.lock. -------- */
/* Runs to the end of the current entry, or fetches one first.  STEP_OK: an entry ended. */
enum step pusher_entry(struct pbdma *);
void pusher_load(struct pbdma *);
void pusher_save(struct pbdma *);

/* ---- puller.c: methods.  The PBDMA's thread, no sim.lock. -------------------------- */
enum step puller_method(struct pbdma *, uint32_t subc, uint32_t mthd, uint32_t val);
/* n words for the same method of an engine; *done of them were taken. */
enum step puller_data(struct pbdma *, uint32_t subc, uint32_t mthd, const uint32_t *val, uint32_t n,
		      uint32_t *done);
/* Whether puller_data may take that method's words in bulk. */
bool puller_bulk(struct pbdma *, uint32_t subc, uint32_t mthd);
/* Bindings as RAMFC has them.  The PBDMA's thread, after loading RAMFC. */
void puller_load(struct pbdma *);
/* Raises a PBDMA error about a method; runs what the handler puts in its place. */
enum step puller_error(struct pbdma *, uint32_t bits, uint32_t subc, uint32_t mthd, uint32_t val);

/* ---- semaphore.c ------------------------------------------------------------------- */
enum step semaphore_trigger(struct pbdma *, uint32_t subc, uint32_t val);

/* ---- engine.c ---------------------------------------------------------------------- */
/* Whether a PBDMA could take engine e for a channel now.  sim.lock held. */
bool engine_available(struct pfifo *, uint32_t e, const struct pbdma *);
/* Takes e for p's channel, giving back any other.  STEP_PARK if it is not to be had. */
enum step engine_get(struct pbdma *, uint32_t e);
/* The same when it is known to be available.  sim.lock held. */
void engine_take(struct pbdma *, uint32_t e);
void engine_put(struct pbdma *); /* sim.lock held */
uint32_t engine_status(struct pfifo *, uint32_t e);
bool engine_exists(struct sim *, uint32_t e);
/* Turns what a method answered into what the PBDMA does. */
enum step engine_outcome(struct pbdma *, const struct engine_ctx *, uint32_t mthd, uint32_t val,
			 uint32_t class_id, enum engine_result, const struct engine_error *);
/* A GR method for a subchannel that holds no class GR knows. */
enum step engine_bad_class(struct pbdma *, const struct engine_ctx *, uint32_t mthd, uint32_t val);
void engine_inject(struct sim *, uint32_t e, uint32_t val); /* PFIFO_FAULT_TRIGGER */
void engine_fault_clear(struct sim *, uint32_t mask);	    /* PFIFO_ENG_FAULT W1C */

/* ---- object.c: classes ------------------------------------------------------------- */
/* The class that engine e runs for a SET_OBJECT of class_id, and its slot; NULL if none. */
const struct engine_class *object_class(uint32_t e, uint32_t class_id, uint32_t *slot);
/* Slot of a class from that function. */
uint32_t object_slot(const struct engine_class *);
void object_free(uint32_t slot, void *state); /* accepts NULL */
extern const struct engine_class twod_class, threed_class, compute_class;

#endif

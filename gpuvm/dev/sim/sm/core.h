/* SPDX-License-Identifier: MIT */
/*
 * Inside the shader cores: warps, blocks, gangs, decoded instructions.
 *
 * Always true:
 *  1. A register is a row of 32 lanes.  Rows ROW_ZERO.. read zero and are never
 *     written, rows ROW_SINK.. are written and never read: register 63 is one as
 *     a source and the other as a destination.
 *  2. A gang is up to GANG_MAX warps of one worker that stand at the same
 *     instruction; each instruction runs for the whole gang.  gang.m[k] says
 *     which lanes of warp k it is for; no other lane changes.
 *  3. A straight run ends at an instruction marked `ends`; only those change a
 *     warp's pc, lane masks, or state.
 *  4. A worker holds dma_lock for reading while it executes; its page pointers
 *     (space.c) are forgotten when somebody held it for writing meanwhile.
 */
#ifndef GPUVM_DEV_SIM_SM_CORE_H
#define GPUVM_DEV_SIM_SM_CORE_H

#include <string.h>

#include "gpuvm/dev/sim/sm/sm.h"
#include "gpuvm/fermi/sm20.h"

#define LANES 32
#define ROW_ZERO 63
#define ROW_SINK 68
#define NR_ROWS 72
#define GANG_MAX 8
#define STACK_MAX 128	 /* entries; a warp can diverge 31 times for each of a few nested loops */
#define NR_BARRIERS 16
#define MAX_THREADS 1024 /* of a block */
#define MAX_SHARED 0xc000u
#define SHARED_SLACK 256	 /* bytes behind the last s[]: a half row is read whole */
/* Warps a worker keeps at once: enough to fill a gang, few enough for the first-level cache. */
#define CREW_WARPS 8
#define CREW_MAX 32	 /* one block of MAX_THREADS */
#define PC_NONE UINT32_MAX

/* SM_ISA_FAST: AVX-512 with lanes_fast.c. */
enum sm_isa { SM_ISA_PLAIN, SM_ISA_AVX2, SM_ISA_AVX512, SM_ISA_FAST, SM_ISA_COUNT };

struct gang;
struct plan;
struct uop;
struct worker;

typedef void (*uop_fn)(struct gang *, const struct uop *);

/* One decoded instruction. */
struct uop {
	uop_fn fn;
	uint8_t d;	 /* destination row */
	uint8_t row[3];	 /* source rows; ROW_ZERO where the operand is no register */
	uint8_t pred;
	bool pred_not, ends;
	uint8_t uniform; /* bit j: source j is one value for all lanes: constant or immediate */
	/* Operand j is (x & keep[j]) ^ flip[j]; for doubles that is the high word. */
	uint32_t keep[3], flip[3];
	uint32_t uses;	 /* what the handler wants worked out beforehand */
	uop_fn work;	 /* of an instruction that also joins */
	/* Of a plan (plan.h): */
	uint32_t weight; /* instructions of the program it stands for */
	bool top_one;	 /* the address's high word is top for all lanes */
	uint32_t top;
	const struct uop *low; /* add pair: the sum of the low words */
	struct sm20_insn in;
};

enum flow_kind { FLOW_SIDE, FLOW_JOIN, FLOW_BRK, FLOW_CONT, FLOW_RET, FLOW_LONGJMP, FLOW_QUAD };

struct flow {
	uint32_t kind, pc, mask;
};

enum warp_state { WARP_RUN, WARP_BARRIER, WARP_DONE };

struct warp {
	uint32_t r[NR_ROWS][LANES] __attribute__((aligned(64)));
	uint32_t p[8];		/* predicates, a bit per lane; p[7] is all ones */
	uint32_t cz, cs, cc, co; /* zero, sign, carry, overflow, a bit per lane */
	uint32_t active, live;
	uint32_t pc;		/* valid at the ends of straight runs */
	enum warp_state state;
	uint32_t slot;		/* in its crew */
	uint32_t index;		/* in its block */
	uint32_t bar;		/* barrier waited at */
	const struct uop *bar_uop;
	uint32_t bar_mask;
	uint32_t depth;
	struct cta *cta;
	const uint32_t (*tid)[LANES]; /* borrowed from the launch */
	uint32_t *local;	/* rows of words: l[4 * i] of all lanes is local[i * LANES] */
	struct flow stack[STACK_MAX]; /* last: a new warp's is empty */
};

struct barrier {
	uint32_t arrived, need;	/* threads, in whole warps; need 0: the whole block */
	uint32_t count, any, all; /* reductions so far */
};

/* One thread block. */
struct cta {
	uint32_t id[3];
	uint32_t nr_warps, live_warps, waiting;
	struct warp *warp[CREW_MAX];
	struct barrier barrier[NR_BARRIERS];
	uint8_t *shared;
	uint64_t lock[MAX_SHARED / 4 / 64]; /* a bit per word of s[] */
};

/* The blocks one worker has under way; owned by the launch or, idle, by the worker. */
struct crew {
	void *warp_mem;		     /* owned; CREW_MAX warps and room to align them */
	struct warp *warp[CREW_MAX];
	struct cta *cta[CREW_MAX];
	uint32_t pc[CREW_MAX];	     /* PC_NONE: not runnable */
	uint32_t nr_warps;	     /* slots of this launch: per block times blocks at once */
	uint32_t busy;		     /* blocks under way */
	uint32_t turn;		     /* of the slot to be served for fairness */
	uint32_t *local;
	size_t local_len;
	uint8_t *shared;
	size_t shared_len;
};

/* One page or large page of g[] as host memory. */
struct page {
	uint64_t first, last;	/* GPU addresses it covers; first > last: none */
	uint8_t *mem;
	bool write;
};
#define PAGES_SHIFT 9
#define WIDE_SHIFT 25 /* a wide page is part of one 32 MiB */
#define WIDE_SLOTS 16

struct code_page;
#define CODE_LEN 512u		/* bytes of code in a page */
#define CODE_NR (CODE_LEN / SM20_INSN_BYTES)
#define CODE_SLOTS 64

/* What a worker's pages hold for. */
struct page_key {
	uint64_t inst, pdb, limit, target, epoch, shared_window, local_window;
};

struct worker {
	struct sm *sm;
	struct sim *sim;
	uint32_t id;
	pthread_t thread;
	bool started;
	struct { bool on; clockid_t cpu; uint64_t from; } shift; /* its thread's clock when it began; sm.lock */
	struct sm_launch *launch;
	const struct engine_ctx *ctx;
	struct crew *crew;
	struct crew *spare;	/* kept between launches */
	struct page small[1 << PAGES_SHIFT], large[1 << PAGES_SHIFT];
	struct page wide[WIDE_SLOTS];
	struct page_key key;
	struct code_page *code[CODE_SLOTS];
	struct uop odd;		/* runs where no instruction can be: traps */
	int64_t budget;		/* warp instructions until dma_lock is let go */
	struct sm_count count;
};

struct gang {
	uint32_t n;
	uint32_t m[GANG_MAX];	/* lanes that execute */
	struct warp *w[GANG_MAX];
	struct worker *wk;
	uint32_t next;		/* where all of it is now; PC_NONE: they parted, or wait */
	uint32_t wide[3][LANES] __attribute__((aligned(64))); /* uniform operands, spread */
	uint32_t wide_hi[3][LANES] __attribute__((aligned(64)));
};

struct code_page {
	struct code_page *next;
	uint32_t pc;
	struct uop u[CODE_NR + 1]; /* the last one leads to the next page */
};

struct sm_launch {
	struct sm *sm;
	struct sm_grid g;
	struct sm_code *code;	/* borrowed from the channel */
	struct plan *plan;	/* owned; NULL: the program runs as it is */
	uint64_t nr_blocks;
	uint64_t next_block;	/* atomic */
	uint32_t warps_per_block;
	uint32_t blocks_at_once; /* of one crew */
	uint8_t *bank[SM_NR_BANKS]; /* SM_BANK_LEN bytes and a bit: a snapshot, or zero_bank */
	uint32_t bank_bad[SM_NR_BANKS]; /* first byte that could not be read; ~0: none */
	bool any_bad;
	uint8_t *zero_bank;	/* SM_BANK_LEN zeros */
	bool snapped, resumed;
	uint32_t (*tid)[4][LANES]; /* of each warp of a block: x, y, z, and as %tid packs them */
	struct crew **crew;	/* one for each worker; NULL until it began */
	bool remap_identity;
	bool halves;		/* SM_OPT_HALVES, and remap_identity */
	bool wide;		/* SM_OPT_WIDE, and remap_identity */
	bool halt;		/* atomic: stopped, faulted or trapped */
	pthread_mutex_t lock;	/* what follows */
	enum engine_result result;
	struct engine_error err;
	char text[256];
	struct sm_count count;
};

static inline bool launch_halted(const struct sm_launch *l)
{
	return __atomic_load_n(&l->halt, __ATOMIC_RELAXED);
}

/* A fault or a trap, not merely a stop. */
bool launch_failed(struct sm_launch *);
/* A word of a bank; faults where the bank's memory is not there. */
uint32_t bank_checked(struct worker *, const struct sm_launch *, uint32_t bank, uint32_t off);

/* ---- launch.c -------------------------------------------------------------------- */
/* The first to call wins; all stop. */
void launch_fault(struct worker *, enum fault_reason, uint64_t va, bool write);
void launch_trap(struct worker *, const struct uop *, const char *why);
/* Reads the constant buffers; -ENOMEM.  dma_lock held. */
int launch_snap(struct worker *, struct sm_launch *);

/* ---- crew.c: blocks of one worker -------------------------------------------------- */
/* Until the grid is done or the launch halts.  dma_lock held. */
void crew_run(struct worker *);
void crew_free(struct crew *); /* accepts NULL */
/* c, or a new one, empty and large enough for the launch; NULL: no memory, and c is freed. */
struct crew *crew_prepare(struct crew *c, const struct sm_launch *);
/* A warp left its barrier or ended: whoever may go on does. */
void crew_warp_moved(struct worker *, struct warp *);

/* ---- code.c ------------------------------------------------------------------------- */
/* The instruction at a code offset.  Never NULL: what cannot be fetched traps or faults when run. */
const struct uop *code_at(struct worker *, uint32_t pc);
/* A launch of code at base begins: what was decoded elsewhere goes. */
void sm_code_begin(struct sm_code *, uint64_t base);

/* ---- translate.c -------------------------------------------------------------------- */
void translate(enum sm_isa, struct uop *, uint64_t raw, uint32_t pc);
/* The same for an instruction that is decoded already, in u->in. */
void translate_decoded(enum sm_isa, struct uop *);
/* Handlers by operation; NULL: not theirs. */
uop_fn flow_select(const struct sm20_insn *);
uop_fn flow_select_plain(const struct sm20_insn *); /* those that do nothing */
uop_fn atomic_select(const struct sm20_insn *);
uop_fn tex_select(const struct sm20_insn *);
uop_fn surf_select(const struct sm20_insn *);
uop_fn special_select(const struct sm20_insn *);
/* A special register that is the same for all lanes of a warp; false: it is not, or UNK. */
bool special_of_warp(const struct gang *, const struct warp *, uint32_t sreg, uint32_t *v);
void uop_trap(struct gang *, const struct uop *);
/* A program's word outside its address space; faults. */
void uop_unfetched(struct gang *, const struct uop *);
void uop_next_page(struct gang *, const struct uop *);

/* ---- flow.c ------------------------------------------------------------------------- */
/* Lanes of w leave for the nearest entry of a kind; false: there is none. */
bool flow_leave(struct warp *, uint32_t lanes, enum flow_kind);
void flow_exit(struct warp *, uint32_t lanes);
void flow_join(struct gang *, const struct uop *);
/* Lanes where a test of the condition register holds. */
uint32_t flow_condition(const struct warp *, uint32_t cct);
/* Lets the waiters of a barrier go if all it waits for are there. */
void flow_barrier_check(struct worker *, struct cta *, uint32_t id);

/* ---- operands ----------------------------------------------------------------------------- */
static inline uint32_t bank_word(const struct sm_launch *l, uint32_t bank, uint32_t off)
{
	uint32_t v;

	__builtin_memcpy(&v, l->bank[bank] + (off & (SM_BANK_LEN - 1)), 4);
	return v;
}

#endif

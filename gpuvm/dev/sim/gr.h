/* SPDX-License-Identifier: MIT */
/*
 * A channel's state in the graphics engine: what the 3D, compute and 2D classes
 * keep, and what they share.
 *
 * Always true: the three classes of a channel have one struct gr; its methods
 * run in order, one at a time.  Every method is kept as it was written; a few
 * act (threed.c, compute.c, mme.c), the others are latched and no more.
 */
#ifndef GPUVM_DEV_SIM_GR_H
#define GPUVM_DEV_SIM_GR_H

#include "gpuvm/base/log.h"
#include "gpuvm/dev/sim/sm/sm.h"

#define GR_METHODS (0x4000 / 4)
#define MME_CODE_WORDS 0x800
#define MME_MACROS 0x80
#define MME_PARAMS 0x2000 /* as many as one packet can carry */

/* Classes that latch here, by index. */
enum gr_class { GR_3D, GR_COMPUTE, GR_2D, GR_NR };

/* A macro under way waits for parameters between two methods. */
struct mme {
	uint32_t code[MME_CODE_WORDS];
	uint16_t start[MME_MACROS];
	uint32_t upload_pos, bind;
	bool running, replay; /* replay: a method was stopped; the same one comes again */
	enum gr_class who;
	uint32_t pc, r[8], maddr, step, carry;
	int32_t delayed;      /* pc after the delay slot; -1: none, -2: exit */
	uint32_t param;
	bool have_param;
	bool sending;	      /* a send was under way when it stopped */
	uint32_t send_val;
};

struct gr {
	uint32_t mthd[GR_NR][GR_METHODS];
	struct mme mme;
	struct sm_bank bank[SM_NR_BANKS]; /* of compute */
	uint32_t bound_tic[32], bound_tsc[32]; /* index + 1; 0: none */
	uint32_t remap[256];
	bool remap_set;
	struct sm_code *code;		/* owned; NULL until the first launch */
	struct sm_launch *launch;	/* owned; stopped in the middle */
	struct log_limit log;
};

/* Methods that 3D and compute have in common. */
#define GR_MME_UPLOAD_POS 0x114
#define GR_MME_UPLOAD_DATA 0x118
#define GR_MME_ID 0x11c
#define GR_MME_START 0x120
#define GR_MEM_BARRIER 0x21c
#define GR_TSC_ADDRESS_HIGH 0x155c
#define GR_TIC_ADDRESS_HIGH 0x1574
#define GR_CODE_ADDRESS_HIGH 0x1608
#define GR_FLUSH 0x1698
#define GR_CB_SIZE 0x2380
#define GR_CB_ADDRESS_HIGH 0x2384
#define GR_CB_ADDRESS_LOW 0x2388
#define GR_CB_POS 0x238c
#define GR_CB_DATA 0x2390
#define GR_CB_DATA_LAST 0x23cc
#define GR_MACRO 0x3800
#define GR_FLUSH_CODE 1u

static inline uint32_t gr_get(const struct gr *g, enum gr_class c, uint32_t mthd)
{
	return g->mthd[c][mthd / 4];
}
/* A 40-bit address whose low half is the next method. */
static inline uint64_t gr_addr(const struct gr *g, enum gr_class c, uint32_t mthd)
{
	return (uint64_t)(g->mthd[c][mthd / 4] & 0xff) << 32 | g->mthd[c][mthd / 4 + 1];
}

/* Frees what state (struct gr) owns. */
void gr_state_fini(void *state);

/* ---- threed.c, compute.c: one method, macros included -------------------------------- */
enum engine_result threed_method(const struct engine_ctx *, struct gr *, uint32_t mthd,
				 uint32_t val, struct engine_error *);
enum engine_result compute_method(const struct engine_ctx *, struct gr *, uint32_t mthd,
				  uint32_t val, struct engine_error *);
/* What both do: queries, constant buffer data, macro memory, code flushes.  *done: it was one. */
enum engine_result gr_common(const struct engine_ctx *, struct gr *, enum gr_class, uint32_t mthd,
			     uint32_t val, struct engine_error *, bool *done);
/* n words of constant buffer data. */
enum engine_result gr_cb_data(const struct engine_ctx *, struct gr *, enum gr_class,
			      const uint32_t *val, uint32_t n, struct engine_error *);

/* ---- mme.c ------------------------------------------------------------------------------ */
/* A method from GR_MACRO up. */
enum engine_result mme_call(const struct engine_ctx *, struct gr *, enum gr_class, uint32_t mthd,
			    uint32_t val, struct engine_error *);

#endif

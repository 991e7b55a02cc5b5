/* SPDX-License-Identifier: MIT */
/*
 * The shader cores: running a grid of thread blocks.
 *
 * Always true:
 *  1. One launch runs at a time (whoever holds the graphics engine); the caller
 *     of sm_run() works on it too, the other workers help.
 *  2. A launch that was stopped keeps every register of its running blocks and
 *     goes on from there when it is run again; sm_launch_free() drops them.
 *  3. Nothing a program does can reach host memory outside the pages its own
 *     address space maps, and every loop of it can be stopped.
 */
#ifndef GPUVM_DEV_SIM_SM_SM_H
#define GPUVM_DEV_SIM_SM_SM_H

#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/dev/sim/private.h"

struct sm;	  /* pool.c: workers */
struct sm_launch; /* launch.c: a grid under way */
struct sm_code;	  /* code.c: decoded instructions of one channel */

#define SM_NR_BANKS 18 /* c0..c17 */
#define SM_BANK_LEN 0x10000u
#define SM_NR_IMAGES 8

/* A constant buffer as it is bound; len 0: none. */
struct sm_bank {
	uint64_t va;
	uint32_t len;
};

/* A surface for suld, sust and suleab, as IMAGE(i) of the class describes it. */
struct sm_image {
	uint64_t va;
	uint32_t width, height, format, tile_mode;
};

/* What a launch needs to know; everything comes from a push buffer and is checked. */
struct sm_grid {
	uint32_t block[3], grid[3];
	uint32_t shared_len;		/* bytes of s[] */
	uint32_t local_pos, local_neg;	/* bytes of l[] per thread, from 0 up and from the top down */
	uint64_t code;			/* address of code offset 0 */
	uint32_t entry;
	uint64_t shared_window, local_window; /* 16 MiB of g[] each */
	uint32_t grid_id;
	struct sm_bank bank[SM_NR_BANKS];
	struct sm_image image[SM_NR_IMAGES];
	uint64_t tic, tsc;		/* texture headers and samplers */
	uint32_t tic_max, tsc_max;	/* last valid index */
	uint32_t bound_tic[32], bound_tsc[32]; /* by binding slot; ~0: none */
	bool linked_tsc;		/* samplers have the texture's index */
	uint32_t remap[256];		/* g[] address bits 32-39: SM_REMAP_* and new bits */
};
#define SM_REMAP_READ (1u << 30)
#define SM_REMAP_WRITE (1u << 31)

/* nr workers, the caller of sm_run() included. */
int sm_new(struct sim *, uint32_t nr);
/* Joins the workers.  Accepts a half-built sim. */
void sm_free(struct sim *);

struct sm_code *sm_code_new(void);
void sm_code_free(struct sm_code *); /* accepts NULL */
/* Forgets what was decoded. */
void sm_code_flush(struct sm_code *);

/* Copies *grid.  -ENOMEM; -EINVAL if a block or its memory is larger than a core can hold. */
int sm_launch_new(struct sm *, const struct sm_grid *, struct sm_code *, struct sm_launch **out);
void sm_launch_free(struct sm_launch *); /* accepts NULL */

/*
 * Runs, or goes on with, a launch.  ENGINE_OK: done.  ENGINE_STOPPED: ctx->stop
 * was set; run it again later.  ENGINE_FAULT and ENGINE_TRAP end it for good.
 */
enum engine_result sm_run(struct sm *, struct sm_launch *, const struct engine_ctx *,
			  struct engine_error *);
/*
 * The device time of grids since it was taken last, by all workers, less the time
 * that the caller of sm_run() spent in it, ns.  Workers that can share a grid count
 * as if they ran side by side.  Any thread, also while a grid runs.
 */
int64_t sm_beside(struct sm *, bool take);
/* What trapped, one line; empty if nothing did. */
const char *sm_launch_text(const struct sm_launch *);
/* Instructions executed by warps, and by lanes. */
struct sm_count {
	uint64_t warps, lanes;
};
struct sm_count sm_launch_count(const struct sm_launch *);

#endif

// SPDX-License-Identifier: MIT
/*
 * Class 0x90c0: compute.  LAUNCH builds a grid from what the methods before it
 * left and runs it to its end, so later methods need no barrier.
 * Source: rnndb/graph/gf100_compute.xml; Mesa nvc0_compute.c for use and defaults.
 */
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/dev/sim/gr.h"
#include "gpuvm/dev/sim/xfer.h"
#include "gpuvm/fermi/methods.h"

#define LOCAL_POS_ALLOC 0x204
#define LOCAL_NEG_ALLOC 0x208
#define SHARED_BASE 0x214
#define BIND_TSC 0x228	 /* valid 0, binding 4-11, index 12-31 */
#define BIND_TIC 0x22c	 /* valid 0, binding 1-8, index 9-31 */
#define GRIDDIM_YX 0x238
#define GRIDDIM_Z 0x23c
#define SHARED_SIZE 0x24c
#define GLOBAL_BASE 0x2c8 /* new bits 0-7, index 16-23, read 30, write 31 */
#define LAUNCH 0x368
#define BLOCKDIM_YX 0x3ac
#define BLOCKDIM_Z 0x3b0
#define CP_START_ID 0x3b4
#define LOCAL_BASE 0x77c
#define GRIDID 0x780
#define LINKED_TSC 0x1234
#define CB_BIND 0x1694	 /* valid 0, slot 8-12 */
#define IMAGE 0x2700	 /* 8 of address high, low, width, height, format, tile mode */
#define IMAGE_STRIDE 0x20
#define LOG_LINES 5	 /* a second */

static uint32_t get(const struct gr *g, uint32_t mthd)
{
	return gr_get(g, GR_COMPUTE, mthd);
}

static void grid_images(const struct gr *g, struct sm_grid *q)
{
	for (uint32_t i = 0; i < SM_NR_IMAGES; i++) {
		uint32_t at = IMAGE + i * IMAGE_STRIDE;

		q->image[i] = (struct sm_image){
			.va = gr_addr(g, GR_COMPUTE, at),
			.width = get(g, at + 8), .height = get(g, at + 12),
			.format = get(g, at + 16), .tile_mode = get(g, at + 20),
		};
	}
	q->tsc = gr_addr(g, GR_COMPUTE, GR_TSC_ADDRESS_HIGH);
	q->tsc_max = get(g, GR_TSC_ADDRESS_HIGH + 8);
	q->tic = gr_addr(g, GR_COMPUTE, GR_TIC_ADDRESS_HIGH);
	q->tic_max = get(g, GR_TIC_ADDRESS_HIGH + 8);
	q->linked_tsc = get(g, LINKED_TSC) & 1;
	for (uint32_t i = 0; i < 32; i++) {
		q->bound_tic[i] = g->bound_tic[i] - 1;
		q->bound_tsc[i] = g->bound_tsc[i] - 1;
	}
}

static void grid_of(const struct gr *g, struct sm_grid *q)
{
	uint32_t block = get(g, BLOCKDIM_YX), grid = get(g, GRIDDIM_YX);

	*q = (struct sm_grid){
		.block = { block & 0xffff, block >> 16, get(g, BLOCKDIM_Z) },
		.grid = { grid & 0xffff, grid >> 16, get(g, GRIDDIM_Z) },
		.shared_len = get(g, SHARED_SIZE),
		.local_pos = get(g, LOCAL_POS_ALLOC),
		.local_neg = get(g, LOCAL_NEG_ALLOC),
		.code = gr_addr(g, GR_COMPUTE, GR_CODE_ADDRESS_HIGH),
		.entry = get(g, CP_START_ID),
		.shared_window = get(g, SHARED_BASE),
		.local_window = get(g, LOCAL_BASE),
		.grid_id = get(g, GRIDID),
	};
	for (uint32_t i = 0; i < SM_NR_BANKS; i++)
		q->bank[i] = g->bank[i];
	for (uint32_t i = 0; i < 256; i++)
		q->remap[i] = g->remap_set ? g->remap[i] : SM_REMAP_READ | SM_REMAP_WRITE | i;
	grid_images(g, q);
}

static void complain(const struct engine_ctx *x, struct gr *g, const char *what)
{
	if (!log_limit_ok(&g->log, sim_now(x->sim), LOG_LINES))
		return;
	log_warn(x->sim->dev.log, "channel %u: shader program: %s", x->chid, what);
	g->log.suppressed = 0;
}

static enum engine_result launch(const struct engine_ctx *x, struct gr *g, struct engine_error *err)
{
	struct sm_grid q;
	enum engine_result r;
	int res;

	if (!g->code)
		g->code = sm_code_new();
	if (!g->launch) {
		grid_of(g, &q);
		res = g->code ? sm_launch_new(x->sim->sm, &q, g->code, &g->launch) : -ENOMEM;
		if (res) {
			complain(x, g, res == -EINVAL ? "bad grid, block or memory size" :
							"out of host memory");
			err->code = PGRAPH_ERROR_ENUM;
			return ENGINE_DATA_ERROR;
		}
	}
	r = sm_run(x->sim->sm, g->launch, x, err);
	if (r == ENGINE_STOPPED)
		return r; /* LAUNCH comes again and goes on */
	if (r == ENGINE_TRAP)
		complain(x, g, sm_launch_text(g->launch));
	sm_launch_free(g->launch);
	g->launch = NULL;
	return r;
}

static enum engine_result bind_bank(struct gr *g, uint32_t val, struct engine_error *err)
{
	uint32_t slot = val >> 8 & 0x1f, len = get(g, GR_CB_SIZE);

	if (slot >= SM_NR_BANKS || len > SM_BANK_LEN) {
		err->code = PGRAPH_ERROR_ENUM;
		return ENGINE_DATA_ERROR;
	}
	g->bank[slot] = (struct sm_bank){ 0 };
	if (val & 1)
		g->bank[slot] = (struct sm_bank){ gr_addr(g, GR_COMPUTE, GR_CB_ADDRESS_HIGH), len };
	return ENGINE_OK;
}

static enum engine_result act(const struct engine_ctx *x, struct gr *g, uint32_t mthd, uint32_t val,
			      struct engine_error *err)
{
	switch (mthd) {
	case LAUNCH:
		return launch(x, g, err);
	case CB_BIND:
		return bind_bank(g, val, err);
	case GLOBAL_BASE:
		g->remap[val >> 16 & 0xff] = val;
		g->remap_set = true;
		return ENGINE_OK;
	case BIND_TSC:
		g->bound_tsc[val >> 4 & 0x1f] = val & 1 ? (val >> 12) + 1 : 0;
		return ENGINE_OK;
	case BIND_TIC:
		g->bound_tic[val >> 1 & 0x1f] = val & 1 ? (val >> 9) + 1 : 0;
		return ENGINE_OK;
	default:
		return ENGINE_OK;
	}
}

enum engine_result compute_method(const struct engine_ctx *x, struct gr *g, uint32_t mthd,
				  uint32_t val, struct engine_error *err)
{
	enum engine_result r;
	bool done;

	if (mthd >= GR_MACRO)
		return mme_call(x, g, GR_COMPUTE, mthd, val, err);
	g->mthd[GR_COMPUTE][mthd / 4] = val;
	r = gr_common(x, g, GR_COMPUTE, mthd, val, err, &done);
	return done ? r : act(x, g, mthd, val, err);
}

static enum engine_result compute_mthd(const struct engine_ctx *x, void *state, uint32_t mthd,
				       uint32_t val, struct engine_error *err)
{
	return compute_method(x, state, mthd, val, err);
}

static bool is_cb_data(uint32_t mthd)
{
	return mthd >= GR_CB_DATA && mthd <= GR_CB_DATA_LAST;
}

static enum engine_result compute_data(const struct engine_ctx *x, void *state, uint32_t mthd,
				       const uint32_t *val, uint32_t n, struct engine_error *err)
{
	(void)mthd;
	return gr_cb_data(x, state, GR_COMPUTE, val, n, err);
}

const struct engine_class compute_class = {
	.class_id = CLASS_COMPUTE_GF100, .engine = ENGINE_GR, .state_len = sizeof(struct gr),
	.mthd = compute_mthd, .data = compute_data, .is_data = is_cb_data,
	.shares = &threed_class,
};

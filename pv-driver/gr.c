// SPDX-License-Identifier: MIT
/*
 * PGRAPH, as far as copies need it: reset, FECS start, the size of a context
 * and the image a new context starts from [nvkm/engine/gr/gf100.c, ctxgf100.c].
 *
 *  1. No microcode is uploaded: the driver expects a card (or model) whose
 *     FECS answers the start bit by itself.
 *  2. The golden image is taken once, at bring-up, on a private channel
 *     instance, before any channel exists.
 */
#include <errno.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/private.h"

#define FECS_READY (1u << 31)
#define FECS_BIND 1u
#define CTX_LEN_MAX (4u << 20)

static void unit_reset(struct drv *d)
{
	mask32(d, NV_PMC_ENABLE, PMC_ENABLE_PGRAPH, 0);
	mask32(d, NV_PMC_ENABLE, 0, PMC_ENABLE_PGRAPH);
	rd32(d, NV_PMC_ENABLE);
}

static int start(struct drv *d)
{
	int err;

	err = wait_reg(d, NV_PGRAPH_STATUS, 1u << 2, false, "PGRAPH to be idle");
	if (err)
		return err;
	wr32(d, NV_PGRAPH_RESUME, 0x00010001);
	wr32(d, NV_PGRAPH_INTR, ~0u);
	wr32(d, NV_PGRAPH_INTR_EN, ~0u);
	wr32(d, NV_FECS_INTR_EN, 0x000f0000);
	wr32(d, NV_PMC_GR_FW_SWITCH, 0);
	wr32(d, NV_PMC_GR_FW_SWITCH, 1);
	wr32(d, NV_FECS_DMACTL, 0);
	wr32(d, NV_FECS_ENTRY, 0);
	wr32(d, NV_FECS_CPUCTL, 2);
	return wait_reg(d, NV_FECS_SCRATCH, FECS_READY, true, "FECS to start");
}

static int bind(struct drv *d, const struct imem *inst)
{
	wr32(d, NV_FECS_SCRATCH_CLR, FECS_READY);
	wr32(d, NV_FECS_DATA, CHAN_INST_VALID | (uint32_t)(inst->addr >> 12));
	wr32(d, NV_FECS_CMD, FECS_BIND);
	return wait_reg(d, NV_FECS_SCRATCH, FECS_READY, true, "FECS to take a channel");
}

/* With no next channel, a made-up switch leaves the context in memory. */
static int unload(struct drv *d)
{
	mask32(d, NV_FECS_CHAN_NEXT, CHAN_INST_VALID, 0);
	wr32(d, NV_FECS_SWITCH, 1u << 8);
	return wait_reg(d, NV_FECS_CHAN, CHAN_INST_VALID, false, "FECS to save the context");
}

static int take_golden(struct drv *d, struct drv_vas *v, struct imem *inst, struct imem *ctx)
{
	struct vas_range r = { PTE_VRAM, ctx->addr, ctx->len, FERMI_SMALL_SHIFT, PTE_PRIV };
	struct vas_map *m;
	int err;

	err = vas_map_range(v, &r, &m);
	if (err)
		return err;
	err = vas_bind(v, inst);
	imem_wr64(inst, INST_CTX_GR, map_va(m) | INST_CTX_VALID);
	flush_bar(d);
	if (!err)
		err = bind(d, inst);
	if (!err)
		err = unload(d);
	if (!err)
		imem_rd(ctx, 0, d->gr.golden, d->info.gr_ctx_len);
	vas_unmap(m);
	return err;
}

static int make_golden(struct drv *d)
{
	struct drv_vas *v = NULL;
	struct imem *inst = NULL, *ctx = NULL;
	int err;

	d->gr.golden = mem_calloc(1, d->info.gr_ctx_len);
	err = d->gr.golden ? vas_new(d, &v) : -ENOMEM;
	if (!err)
		err = imem_new(d, INST_LEN, true, &inst);
	if (!err)
		err = imem_new(d, d->info.gr_ctx_len, true, &ctx);
	if (!err)
		err = take_golden(d, v, inst, ctx);
	imem_free(ctx);
	imem_free(inst);
	vas_free(v);
	return err;
}

static void count_units(struct drv *d)
{
	uint32_t max = reg_rows[REGID_GPC_TPCS].count;

	d->info.nr_gpc = rd32(d, NV_FECS_UNITS) & 0x1f;
	d->info.nr_tpc = 0;
	for (uint32_t g = 0; g < d->info.nr_gpc && g < max; g++)
		d->info.nr_tpc += rd32(d, reg_at(REGID_GPC_TPCS, g));
}

int gr_init(struct drv *d)
{
	int err;

	unit_reset(d);
	err = start(d);
	if (err)
		return err;
	d->info.gr_ctx_len = rd32(d, reg_at(REGID_FECS_SCRATCH, 1));
	if (!d->info.gr_ctx_len || d->info.gr_ctx_len % 4 || d->info.gr_ctx_len > CTX_LEN_MAX) {
		log_error(d->cfg.log, "FECS names a context of %u bytes", d->info.gr_ctx_len);
		return -EPROTO;
	}
	count_units(d);
	err = make_golden(d);
	if (!err)
		d->info.engines |= DRV_ENGINE_GR;
	return err;
}

int gr_restart(struct drv *d)
{
	unit_reset(d);
	return start(d);
}

void gr_fini(struct drv *d)
{
	mem_free(d->gr.golden);
	d->gr.golden = NULL;
}

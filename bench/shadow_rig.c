// SPDX-License-Identifier: MIT
/* The shadow benchmarks' bench; see the header.  A guest fault is a bug of the benchmark, and said. */
#include "bench/shadow_rig.h"

#include <stdio.h>

#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/hv/null.h"

static int up_attach(void *core, struct hv_guest *g)
{
	(void)core;
	(void)g;
	return 0;
}

static void up_detach(void *core, struct hv_guest *g)
{
	(void)core;
	(void)g;
}

static const struct hv_up up = { .attach = up_attach, .detach = up_detach };

static void on_fault(void *arg, enum shadow_fault f, uint64_t where)
{
	(void)arg;
	fprintf(stderr, "gpuvm-bench: shadow: %s at %llx\n", shadow_fault_name(f),
		(unsigned long long)where);
}

int shadow_rig_open(struct shadow_rig *r, uint32_t opts)
{
	struct shadow_guest_cfg cfg = { .table_quota = 32ull << 20, .opts = opts, .fault = on_fault };
	char msg[200];

	if (dev_open("sim:vram=256M", NULL, &r->dev, msg, sizeof msg) ||
	    hv_null_open(&up, r, NULL, &r->hv) ||
	    hv_null_guest_new(r->hv, "bench", 1 << 20, NULL, &r->guest) ||
	    vheap_new(hvram(208ull << 20), 40ull << 20, &r->heap) ||
	    part_pool_new(hvram(2ull << 20), 204ull << 20, 128, &r->pool) ||
	    part_new(r->pool, G_VRAM, 8, &r->part) ||
	    shadow_new(r->dev, r->heap, NULL, &r->shadow))
		return -1;
	cfg.part = r->part;
	cfg.guest = r->guest;
	return shadow_guest_new(r->shadow, &cfg, &r->sg);
}

void shadow_rig_close(struct shadow_rig *r)
{
	shadow_chan_unbind(r->chan);
	shadow_guest_free(r->sg);
	shadow_free(r->shadow);
	part_free(r->part);
	part_pool_free(r->pool);
	vheap_free(r->heap);
	hv_close(r->hv);
	dev_close(r->dev);
}

int shadow_rig_bind(struct shadow_rig *r)
{
	uint64_t pdb = G_PD, limit = (1ull << 40) - 1;
	hvram_t userd;

	if (shadow_gmem_wr(r->sg, PTE_VRAM, G_INST + INST_PDB_LO, &pdb, 8) ||
	    shadow_gmem_wr(r->sg, PTE_VRAM, G_INST + INST_LIMIT_LO, &limit, 8) ||
	    vheap_alloc(r->heap, 4096, 4096, &userd))
		return -1;
	return shadow_chan_bind(r->sg, gchan(0), gvram(G_INST), userd, &r->chan);
}

// SPDX-License-Identifier: MIT
/*
 * Shadows under the software Fermi's own walker and TLB: what it caches goes
 * away when the guest flushes, when RAM is taken and when a channel ends, and
 * never a byte of anybody else moves.
 */
#include "tests/t.h"

#include <string.h>

#include "gpuvm/dev/impl.h"
#include "gpuvm/dev/sim/memory.h"
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/hv/null.h"
#include "shadow/shadow.h"

#define MIB (1ull << 20)
#define RAM_LEN (1 * MIB)
#define DIR 0x100000ull
#define TAB 0x200000ull
#define INST 0x1000ull

struct world {
	struct dev *dev;
	struct hv *hv;
	struct vheap *heap;
	struct part_pool *pool;
	struct shadow *s;
	struct shadow_chan *ch;
	hvram_t userd;
	struct mmu_vm vm;
	struct guest {
		struct hv_guest *hv;
		struct part *part;
		struct shadow_guest *sg;
	} g[2];
};

static int attach(void *core, struct hv_guest *hg)
{
	(void)core;
	(void)hg;
	return 0;
}

static void detach(void *core, struct hv_guest *hg)
{
	(void)core;
	(void)hg;
}

static int revoke(void *core, struct hv_guest *hg, gpa_t start, uint64_t len)
{
	struct world *w = core;

	return shadow_revoke(w->g[hg->id].sg, start, len);
}

static const struct hv_up up = { .attach = attach, .detach = detach, .revoke = revoke };

static void put64(struct world *w, int k, uint64_t at, uint64_t v)
{
	assert_int_equal(shadow_gmem_wr(w->g[k].sg, PTE_VRAM, at, &v, 8), 0);
}

static void flush(struct world *w)
{
	assert_int_equal(shadow_flush(w->g[0].sg, DIR >> 8, TLB_FLUSH_GO | 1), 0);
}

static void world_open(struct world *w)
{
	char msg[160];

	memset(w, 0, sizeof(*w));
	assert_int_equal(sim_open("vram=256M,clock=manual", NULL, &w->dev, msg, sizeof(msg)), 0);
	assert_int_equal(hv_null_open(&up, w, NULL, &w->hv), 0);
	assert_int_equal(vheap_new(hvram(128 * MIB), 32 * MIB, &w->heap), 0);
	assert_int_equal(part_pool_new(hvram(16 * MIB), 64 * MIB, 128, &w->pool), 0);
	assert_int_equal(shadow_new(w->dev, w->heap, NULL, &w->s), 0);
	assert_int_equal(vheap_alloc(w->heap, 4096, 4096, &w->userd), 0);
	for (int k = 0; k < 2; k++) {
		struct guest *g = &w->g[k];
		struct shadow_guest_cfg cfg = { .table_quota = 8 * MIB, .opts = SHADOW_OPT_KEEP };
		struct hv_ram ram;

		assert_int_equal(part_new(w->pool, 8 * MIB, 8, &g->part), 0);
		assert_int_equal(hv_null_guest_new(w->hv, "g", RAM_LEN, NULL, &g->hv), 0);
		assert_int_equal(hv_ram(g->hv, 0, &ram), 0);
		assert_int_equal(dev_dma_map(w->dev, ram.dma, ram.mem, ram.len), 0);
		cfg.part = g->part;
		cfg.guest = g->hv;
		assert_int_equal(shadow_guest_new(w->s, &cfg, &g->sg), 0);
	}
	put64(w, 0, DIR, pde_pack_small(PDE_VRAM, TAB));
	put64(w, 0, INST + INST_PDB_LO, DIR);
	put64(w, 0, INST + INST_LIMIT_LO, ~0ull);
	assert_int_equal(shadow_chan_bind(w->g[0].sg, gchan(0), gvram(INST), w->userd, &w->ch), 0);
	assert_int_equal(mmu_bind(container_of(w->dev, struct sim, dev),
				  hvram_x(shadow_chan_inst(w->ch)), &w->vm),
			 0);
}

static void world_close(struct world *w)
{
	assert_int_equal(shadow_audit(w->s, stderr), 0);
	for (int k = 0; k < 2; k++)
		shadow_guest_free(w->g[k].sg);
	shadow_free(w->s);
	vheap_release(w->heap, w->userd, 4096);
	assert_int_equal(vheap_used(w->heap), 0);
	dev_close(w->dev);
	hv_close(w->hv);
	for (int k = 0; k < 2; k++)
		part_free(w->g[k].part);
	part_pool_free(w->pool);
	vheap_free(w->heap);
}

static enum fault_reason gpu_wr(struct world *w, uint64_t va, uint64_t v)
{
	uint64_t at;

	return mmu_wr(container_of(w->dev, struct sim, dev), &w->vm, va, &v, 8, &at);
}

static enum fault_reason gpu_rd(struct world *w, uint64_t va, uint64_t *v)
{
	uint64_t at;

	return mmu_rd(container_of(w->dev, struct sim, dev), &w->vm, va, v, 8, &at);
}

static void data_lands_at_the_guest(void **st)
{
	struct world w;
	uint64_t v = 0;

	(void)st;
	world_open(&w);
	put64(&w, 0, TAB + 1 * 8, pte_pack(PTE_VRAM, 0x5000, PTE_PRESENT));
	put64(&w, 0, TAB + 2 * 8, pte_pack(PTE_SYS, 0x6000, PTE_PRESENT));
	put64(&w, 0, TAB + 3 * 8, pte_pack(PTE_VRAM, 0x5000, PTE_PRESENT | PTE_RO));
	put64(&w, 0, TAB + 4 * 8,
	      pte_pack(PTE_VRAM, 8 * MIB, PTE_PRESENT)); /* the other guest's, on the card */
	put64(&w, 0, TAB + 5 * 8, pte_pack(PTE_SYS, RAM_LEN, PTE_PRESENT));
	assert_int_equal(gpu_wr(&w, 0x1000, 1), FAULT_PAGE_NOT_PRESENT);
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x1008, 0x1111), FAULT_NONE);
	assert_int_equal(gpu_wr(&w, 0x2008, 0x2222), FAULT_NONE);
	assert_int_equal(gpu_wr(&w, 0x3008, 0x3333), FAULT_READ_ONLY);
	assert_int_equal(gpu_wr(&w, 0x4008, 0x4444), FAULT_PAGE_NOT_PRESENT);
	assert_int_equal(gpu_wr(&w, 0x5008, 0x5555), FAULT_PAGE_NOT_PRESENT);
	assert_int_equal(gpu_rd(&w, 0x3008, &v), FAULT_NONE);
	assert_int_equal(v, 0x1111);
	assert_int_equal(shadow_gmem_rd(w.g[0].sg, PTE_VRAM, 0x5008, &v, 8), 0);
	assert_int_equal(v, 0x1111);
	assert_int_equal(shadow_gmem_rd(w.g[0].sg, PTE_SYS, 0x6008, &v, 8), 0);
	assert_int_equal(v, 0x2222);
	world_close(&w);
}

static void cached_until_the_guest_flushes(void **st)
{
	struct world w;
	uint64_t v = 0;

	(void)st;
	world_open(&w);
	put64(&w, 0, TAB + 8, pte_pack(PTE_VRAM, 0x5000, PTE_PRESENT));
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x1000, 0xa), FAULT_NONE); /* now in the TLB */
	put64(&w, 0, TAB + 8, pte_pack(PTE_VRAM, 0x9000, PTE_PRESENT));
	assert_int_equal(gpu_wr(&w, 0x1000, 0xb), FAULT_NONE);
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x1000, 0xc), FAULT_NONE);
	assert_int_equal(shadow_gmem_rd(w.g[0].sg, PTE_VRAM, 0x5000, &v, 8), 0);
	assert_int_equal(v, 0xb);
	assert_int_equal(shadow_gmem_rd(w.g[0].sg, PTE_VRAM, 0x9000, &v, 8), 0);
	assert_int_equal(v, 0xc);
	put64(&w, 0, TAB + 8, 0);
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x1000, 0xd), FAULT_PAGE_NOT_PRESENT);
	put64(&w, 0, DIR, 0);
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x1000, 0xe), FAULT_PT_NOT_PRESENT);
	world_close(&w);
}

static void ram_that_goes_is_out_of_reach(void **st)
{
	struct world w;
	uint64_t v;

	(void)st;
	world_open(&w);
	put64(&w, 0, TAB + 8, pte_pack(PTE_SYS, 0x5000, PTE_PRESENT));
	put64(&w, 0, TAB + 16, pte_pack(PTE_SYS, 0x6000, PTE_PRESENT));
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x1000, 0xa), FAULT_NONE);
	assert_int_equal(gpu_wr(&w, 0x2000, 0xa), FAULT_NONE);
	assert_int_equal(hv_null_revoke(w.g[0].hv, gpa(0x5000), 4096), 0);
	assert_int_equal(gpu_rd(&w, 0x1000, &v), FAULT_PAGE_NOT_PRESENT);
	assert_int_equal(gpu_rd(&w, 0x2000, &v), FAULT_NONE);
	assert_int_equal(hv_null_pins(w.g[0].hv), 1);
	world_close(&w);
}

/* A device that still holds a channel's directory finds nothing there once the channel is gone. */
static void ended_channel_reaches_nothing(void **st)
{
	struct world w;
	uint64_t v;

	(void)st;
	world_open(&w);
	put64(&w, 0, TAB + 8, pte_pack(PTE_VRAM, 0x5000, PTE_PRESENT));
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x1000, 0xa), FAULT_NONE);
	shadow_chan_unbind(w.ch);
	assert_int_equal(gpu_rd(&w, 0x1000, &v), FAULT_PT_NOT_PRESENT);
	world_close(&w);
}

/* Large pages of 64 KiB, on a card that walks 128 KiB ones. */
static void other_page_size(void **st)
{
	struct world w;
	uint64_t v = 0;

	(void)st;
	world_open(&w);
	shadow_set_large_64k(w.g[0].sg, true);
	put64(&w, 0, DIR, pde_pack_large(PDE_VRAM, TAB));
	put64(&w, 0, TAB + 3 * 8, pte_pack(PTE_VRAM, 0x650000, PTE_PRESENT));
	flush(&w);
	assert_int_equal(gpu_wr(&w, 0x3fff8, 0x77), FAULT_NONE);
	assert_int_equal(gpu_wr(&w, 0x40000, 0x88), FAULT_PAGE_NOT_PRESENT);
	assert_int_equal(shadow_gmem_rd(w.g[0].sg, PTE_VRAM, 0x65fff8, &v, 8), 0);
	assert_int_equal(v, 0x77);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(data_lands_at_the_guest),
		cmocka_unit_test(cached_until_the_guest_flushes),
		cmocka_unit_test(ram_that_goes_is_out_of_reach),
		cmocka_unit_test(ended_channel_reaches_nothing),
		cmocka_unit_test(other_page_size),
	};

	return cmocka_run_group_tests_name("shadow on the software Fermi", t, NULL, NULL);
}

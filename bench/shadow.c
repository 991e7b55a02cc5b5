// SPDX-License-Identifier: MIT
/*
 * How fast are page-table entries shadowed?  A guest table of 32768 present
 * 4 KiB VRAM pages is shadowed over and over with every optimisation off, so
 * that each entry is read, checked, translated and written each time.  The
 * floor is the same work written by hand over plain arrays.  A second floor
 * also moves each block out of one array and into another, as the device port
 * makes everybody do: a real card's VRAM is no array.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/hv/null.h"
#include "shadow/shadow.h"

#define ENTRIES 32768u
#define ROUNDS_MAX 1001
/* Where the guest keeps things in its VRAM. */
#define G_INST 0x100000u
#define G_PD 0x110000u
#define G_PT 0x140000u
#define G_VRAM (192ull << 20)

struct hand {
	uint64_t chunk[G_VRAM >> PART_CHUNK_SHIFT];
	uint64_t in[ENTRIES], out[ENTRIES];
};

/* The floor: what any shadowing must do for an entry, and nothing else. */
static __attribute__((noinline)) uint64_t hand_loop(const uint64_t *chunk, const uint64_t *in,
						    uint64_t *out, uint32_t n)
{
	uint64_t bad = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t e = in[i], a = pte_addr(e), o = 0;

		if (e & PTE_PRESENT) {
			if (pte_target(e) == PTE_VRAM && range_ok(a, 4096, G_VRAM))
				o = pte_move(e, PTE_VRAM,
					     chunk[a >> PART_CHUNK_SHIFT] + (a & (PART_CHUNK_LEN - 1)));
			else
				bad++;
		}
		out[i] = o;
	}
	return bad;
}

#define BLOCK 512u

static __attribute__((noinline)) uint64_t hand_blocks(struct hand *h)
{
	uint64_t in[BLOCK], out[BLOCK], bad = 0;

	for (uint32_t i = 0; i < ENTRIES; i += BLOCK) {
		memcpy(in, h->in + i, sizeof in);
		bad += hand_loop(h->chunk, in, out, BLOCK);
		memcpy(h->out + i, out, sizeof out);
	}
	return bad;
}

static double floor_rate(const uint64_t *table, unsigned int rounds, bool blocks)
{
	struct hand *h = calloc(1, sizeof *h);
	static double v[ROUNDS_MAX];
	uint64_t sink = 0;

	if (!h)
		exit(1);
	memcpy(h->in, table, sizeof h->in);
	for (size_t i = 0; i < G_VRAM >> PART_CHUNK_SHIFT; i++)
		h->chunk[i] = (i * 7 % 97) << PART_CHUNK_SHIFT;
	for (unsigned int r = 0; r < rounds; r++) {
		uint64_t t = clock_ns();

		sink += blocks ? hand_blocks(h) : hand_loop(h->chunk, h->in, h->out, ENTRIES);
		__asm__ volatile("" : : "r"(h->out) : "memory");
		v[r] = ENTRIES * 1e3 / (double)(clock_ns() - t);
	}
	free(h);
	return sink ? 0 : bench_median(v, rounds);
}

struct rig {
	struct dev *dev;
	struct hv *hv;
	struct hv_guest *guest;
	struct vheap *heap;
	struct part_pool *pool;
	struct part *part;
	struct shadow *shadow;
	struct shadow_guest *sg;
	struct shadow_chan *chan;
};

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

static int rig_open(struct rig *r)
{
	struct shadow_guest_cfg cfg = { .table_quota = 32ull << 20, .fault = on_fault };
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

static void rig_close(struct rig *r)
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

static int fill_guest(struct rig *r, uint64_t *table)
{
	uint64_t pde = pde_pack_small(PDE_VRAM, G_PT), pdb = G_PD, limit = (1ull << 40) - 1;
	hvram_t userd;

	for (uint32_t i = 0; i < ENTRIES; i++)
		table[i] = pte_pack(PTE_VRAM, (uint64_t)(i * 2654435761u % (G_VRAM >> 12)) << 12,
				    PTE_PRESENT);
	if (shadow_gmem_wr(r->sg, PTE_VRAM, G_PT, table, ENTRIES * 8) ||
	    shadow_gmem_wr(r->sg, PTE_VRAM, G_PD, &pde, 8) ||
	    shadow_gmem_wr(r->sg, PTE_VRAM, G_INST + INST_PDB_LO, &pdb, 8) ||
	    shadow_gmem_wr(r->sg, PTE_VRAM, G_INST + INST_LIMIT_LO, &limit, 8) ||
	    vheap_alloc(r->heap, 4096, 4096, &userd))
		return -1;
	return shadow_chan_bind(r->sg, gchan(0), gvram(G_INST), userd, &r->chan);
}

/* Entries a microsecond, counted by the shadow itself. */
static double shadow_rate(struct rig *r, unsigned int rounds)
{
	static double v[ROUNDS_MAX];

	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t before = shadow_guest_stats(r->sg)->ptes_scanned, t = clock_ns(), n;

		if (shadow_flush(r->sg, G_PD >> 12 << 4, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES))
			return 0;
		t = clock_ns() - t;
		n = shadow_guest_stats(r->sg)->ptes_scanned - before;
		if (n != ENTRIES)
			return 0;
		v[i] = (double)n * 1e3 / (double)t;
	}
	return bench_median(v, rounds);
}

int bench_shadow(struct bench *b)
{
	unsigned int rounds = b->quick ? 101 : ROUNDS_MAX;
	uint64_t *table = malloc(ENTRIES * 8);
	struct rig r = { 0 };
	double floor[2] = { 0, 0 }, rate = 0;
	int err = table ? rig_open(&r) : -1;

	if (!err)
		err = fill_guest(&r, table);
	if (!err) {
		floor[0] = floor_rate(table, rounds, false);
		floor[1] = floor_rate(table, rounds, true);
		rate = shadow_rate(&r, rounds);
		err = rate == 0 || floor[0] == 0 || floor[1] == 0;
	}
	if (err)
		fprintf(stderr, "gpuvm-bench: shadow: the flush did not shadow the table\n");
	for (int i = 0; !err && i < 2; i++)
		bench_row(b, &(struct bench_result){ .name = "entries shadowed a second",
						     .unit = "M/s",
						     .value = rate,
						     .floor = floor[i],
						     .floor_name = i ? "the same, with both copies" :
								       "hand-written validate loop",
						     .ratio = rate / floor[i],
						     .target = 0.8,
						     .target_kind = i ? ' ' : '>',
						     .options = "none" });
	rig_close(&r);
	free(table);
	return err ? 1 : 0;
}

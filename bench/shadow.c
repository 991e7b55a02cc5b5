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
#include "bench/shadow_rig.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/pte.h"
#include "shadow/shadow.h"

#define ENTRIES 32768u
#define ROUNDS_MAX 1001
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

static int fill_guest(struct shadow_rig *r, uint64_t *table)
{
	uint64_t pde = pde_pack_small(PDE_VRAM, G_PT);

	for (uint32_t i = 0; i < ENTRIES; i++)
		table[i] = pte_pack(PTE_VRAM, (uint64_t)(i * 2654435761u % (G_VRAM >> 12)) << 12,
				    PTE_PRESENT);
	if (shadow_gmem_wr(r->sg, PTE_VRAM, G_PT, table, ENTRIES * 8) ||
	    shadow_gmem_wr(r->sg, PTE_VRAM, G_PD, &pde, 8))
		return -1;
	return shadow_rig_bind(r);
}

/* Entries a microsecond, counted by the shadow itself. */
static double shadow_rate(struct shadow_rig *r, unsigned int rounds)
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
	struct shadow_rig r = { 0 };
	double floor[2] = { 0, 0 }, rate = 0;
	int err = table ? shadow_rig_open(&r, 0) : -1;

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
	shadow_rig_close(&r);
	free(table);
	return err ? 1 : 0;
}

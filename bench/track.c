// SPDX-License-Identifier: MIT
/*
 * What does a flush cost after one entry was changed, in an address space of
 * 1, 16 and 64 full tables of small pages?  Without options every entry is
 * read again; with track the cost must not grow with the tables.
 *
 * The driver's buffers and its tables do not overlap, as in every driver: a
 * table that the GPU can write is read at each flush, whatever the option.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/shadow_rig.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"

#define ENTRIES 32768u
#define TABLE_LEN (ENTRIES * 8ull)
#define BUFFERS (64ull << 20) /* from here on are the pages that entries map */
#define ROUNDS_MAX 1001

static uint64_t entry(uint64_t n)
{
	return pte_pack(PTE_VRAM, BUFFERS + n * 2654435761u % ((G_VRAM - BUFFERS) >> 12) * 4096,
			PTE_PRESENT);
}

static int fill(struct shadow_rig *r, uint32_t nr)
{
	uint64_t *table = malloc(TABLE_LEN);
	int err = table ? 0 : -1;

	for (uint32_t t = 0; !err && t < nr; t++) {
		uint64_t pde = pde_pack_small(PDE_VRAM, G_PT + t * TABLE_LEN);

		for (uint32_t i = 0; i < ENTRIES; i++)
			table[i] = entry((uint64_t)t * ENTRIES + i);
		err = shadow_gmem_wr(r->sg, PTE_VRAM, G_PT + t * TABLE_LEN, table, TABLE_LEN) ||
		      shadow_gmem_wr(r->sg, PTE_VRAM, G_PD + t * 8ull, &pde, 8);
	}
	free(table);
	return err ? -1 : shadow_rig_bind(r);
}

/* Median microseconds of a flush; 0 if one did not shadow what was changed. */
static double cost(uint32_t opts, uint32_t nr, unsigned int rounds)
{
	static double v[ROUNDS_MAX];
	struct shadow_rig r = { 0 };
	bool ok = !shadow_rig_open(&r, opts) && !fill(&r, nr);

	for (unsigned int n = 0; ok && n < rounds; n++) {
		uint64_t at = n * 7919ull % (nr * ENTRIES), e = entry(at + n + 1), t;
		uint64_t before = shadow_guest_stats(r.sg)->ptes_changed;

		ok = !shadow_gmem_wr(r.sg, PTE_VRAM, G_PT + at * 8, &e, 8);
		t = clock_ns();
		ok = ok && !shadow_flush(r.sg, G_PD >> 12 << 4, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
		v[n] = (double)(clock_ns() - t) / 1000;
		ok = ok && shadow_guest_stats(r.sg)->ptes_changed > before;
	}
	shadow_rig_close(&r);
	return ok ? bench_median(v, rounds) : 0;
}

int bench_track(struct bench *b)
{
	static const uint32_t sizes[] = { 1, 16, 64 };
	static const struct {
		uint32_t opts;
		const char *name;
		unsigned int rounds, quick;
		double target;
	} sets[] = {
		{ 0, "none", 11, 5, 0 },
		{ SHADOW_OPT_KEEP, "keep", 31, 11, 0 },
		{ SHADOW_OPT_TRACK, "track", ROUNDS_MAX, 101, 2 },
	};

	for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
		double one = 0;

		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			double us = cost(sets[s].opts, sizes[i],
					 b->quick ? sets[s].quick : sets[s].rounds);
			char name[64];

			if (us == 0) {
				fprintf(stderr, "gpuvm-bench: track: a changed entry was not shadowed\n");
				return 1;
			}
			one = i ? one : us;
			snprintf(name, sizeof name, "flush, 1 entry new, %u tables, %s", sizes[i],
				 sets[s].name);
			bench_row(b, &(struct bench_result){
					     .name = name,
					     .unit = "us",
					     .value = us,
					     .floor = one,
					     .floor_name = "the same with 1 table",
					     .ratio = us / one,
					     .target = sets[s].target,
					     .target_kind = i && sets[s].target > 0 ? '<' : ' ',
					     .options = sets[s].name });
		}
	}
	return 0;
}

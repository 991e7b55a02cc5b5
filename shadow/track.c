// SPDX-License-Identifier: MIT
/*
 * Which pages of a guest's VRAM may have been written since a table in them
 * was last read (SHADOW_OPT_TRACK).
 *
 * A page of guest memory counts as unwritten since moment m only if
 *  - it is VRAM: the guest's processor stores to its RAM unseen;
 *  - no store to it trapped at or after m (BAR1, BAR3, PRAMIN: shadow_written());
 *  - at no time since m could the GPU write it: no shadow table of this guest
 *    held an entry for it without PTE_RO, and none that was taken away before
 *    waited for its TLB flush.  GPU stores reach VRAM only through shadows.
 * Every other page is read and compared.  So each page goes its own way: tables
 * that a driver writes by the processor are tracked, those that it has the GPU
 * write, or keeps in RAM, are compared.
 *
 * Always true while track_on:
 *  1. maps[p] is the number of writable entries for page p in tables that the
 *     device may know (those in slots and those that wait in sg->dead).
 *  2. open has p if maps[p] is not 0, or became 0 after the last track_settle().
 *  3. stamp[p] is the moment of the last trapped store or the last leaving of
 *     open; group[p / 64] is the newest of its 64 pages.
 *  4. A reader that notes track_now() before it reads is never too old.
 */
#include <string.h>

#include "gpuvm/base/mem.h"
#include "shadow/private.h"

#define GROUP 64 /* pages: one small table of full size */

struct track {
	uint64_t now;	 /* moments are counted in scans */
	uint64_t nr;	 /* pages of the part */
	bool closing;	 /* some page is due to leave open */
	uint32_t *maps;	 /* owned, like all below */
	uint64_t *stamp;
	uint64_t *group;
	uint64_t *open;	 /* bit per page */
};

static void stamp(struct track *t, uint64_t page)
{
	t->stamp[page] = t->group[page / GROUP] = t->now;
}

void track_entry(struct shadow_guest *sg, uint64_t e, uint32_t page_shift, bool on)
{
	struct track *t = sg->track;
	uint64_t first = pte_addr(e) / 4096, n = 1ull << (page_shift - FERMI_SMALL_SHIFT);

	if (!e || (e & PTE_RO) || pte_target(e) != PTE_VRAM)
		return;
	for (uint64_t p = first; p < first + n && p < t->nr; p++) {
		if (on) {
			t->maps[p]++;
			t->open[p / 64] |= 1ull << (p % 64);
		} else if (!--t->maps[p]) {
			t->closing = true;
		}
	}
}

static void track_table(struct shadow_guest *sg, const struct spt *t)
{
	for (uint32_t i = 0; i < t->nr; i++)
		track_entry(sg, t->cur[i], t->page_shift, true);
}

void track_settle(struct shadow_guest *sg)
{
	struct track *t = sg->track;

	if (!t || !t->closing)
		return;
	t->closing = false;
	for (uint64_t w = 0; w <= (t->nr - 1) / 64; w++)
		for (uint64_t left = t->open[w]; left; left &= left - 1) {
			uint64_t p = w * 64 + (uint64_t)__builtin_ctzll(left);

			if (t->maps[p])
				continue;
			t->open[w] &= ~(1ull << (p % 64));
			stamp(t, p);
		}
}

void track_written(struct shadow_guest *sg, uint64_t at, uint64_t len)
{
	struct track *t = sg->track;

	if (!t || !len || at / 4096 >= t->nr)
		return;
	for (uint64_t p = at / 4096; p <= (at + len - 1) / 4096 && p < t->nr; p++)
		stamp(t, p);
}

uint64_t track_now(struct shadow_guest *sg)
{
	return sg->track ? ++sg->track->now : 0;
}

bool track_clean(const struct shadow_guest *sg, uint32_t target, uint64_t at, uint64_t len,
		 uint64_t since)
{
	const struct track *t = sg->track;
	uint64_t p = at / 4096, end = (at + len + 4095) / 4096;

	if (!t || !since || target != PTE_VRAM || end > t->nr)
		return false;
	while (p < end) {
		uint64_t g = p / GROUP;

		if (!t->open[g] && t->group[g] < since) {
			p = (g + 1) * GROUP;
			continue;
		}
		if ((t->open[g] >> (p % 64) & 1) || t->stamp[p] >= since)
			return false;
		p++;
	}
	return true;
}

void track_off(struct shadow_guest *sg)
{
	struct track *t = sg->track;

	if (!t)
		return;
	sg->track = NULL;
	mem_free(t->maps);
	mem_free(t->stamp);
	mem_free(t->group);
	mem_free(t->open);
	mem_free(t);
}

int track_on(struct shadow_guest *sg)
{
	struct track *t;
	struct spt *dead;
	struct vas *v;

	if (sg->track || sg->pv)
		return 0;
	t = mem_new(struct track);
	if (!t)
		return -ENOMEM;
	sg->track = t;
	t->now = 1;
	t->nr = part_vram_len(sg->cfg.part) / 4096;
	t->maps = mem_calloc(t->nr, sizeof(t->maps[0]));
	t->stamp = mem_calloc(t->nr, sizeof(t->stamp[0]));
	t->group = mem_calloc(t->nr / GROUP + 1, sizeof(t->group[0]));
	t->open = mem_calloc(t->nr / 64 + 1, sizeof(t->open[0]));
	if (!t->maps || !t->stamp || !t->group || !t->open) {
		track_off(sg);
		return -ENOMEM;
	}
	/* What was read before is of unknown age. */
	list_for_each(v, &sg->vas, node) {
		v->seen = 0;
		for (uint32_t i = 0; i < NR_SLOTS; i++)
			for (uint32_t k = 0; k < NR_SPT_KINDS; k++)
				if (v->slot[i].t[k]) {
					v->slot[i].t[k]->seen = 0;
					track_table(sg, v->slot[i].t[k]);
				}
	}
	list_for_each(dead, &sg->dead, node)
		track_table(sg, dead);
	return 0;
}

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
 *  - at no time since m was it a window (window.c), or had been one that the guest had not let
 *    go of.  A guest that says so and does not finds its own shadows old.
 * Every other page is read and compared.  So each page goes its own way: tables
 * that a driver writes by the processor are tracked, those that it has the GPU
 * write, or keeps in RAM, are compared.
 *
 * With windows a table page can be either: trapped, so that it need not be read,
 * or a window, so that writing it is cheap.  It is a window until COLD flushes
 * in a row found it as it was, and again when HOT accesses to it have trapped.
 *
 * Always true while track_on:
 *  1. maps[p] is the number of writable entries for page p in tables that the
 *     device may know (those in slots and those that wait in sg->dead).
 *  2. open has p if maps[p] is not 0, or became 0 after the last track_settle().
 *  3. stamp[p] is the moment of the last trapped store or the last leaving of
 *     open; group[p / 64] is the newest of its 64 pages.
 *  4. wins[p] is the number of windows of page p; bare has p if it is not 0, or
 *     became 0 and the guest has not said since that it let go.
 *  5. A reader that notes track_now() before it reads is never too old.
 */
#include <string.h>

#include "gpuvm/base/mem.h"
#include "shadow/window.h"

#define GROUP 64 /* pages: one small table of full size */
#define HOT 32	 /* trapped accesses, some us each: as much as comparing the page some hundred times */
#define COLD 8	 /* flushes; a driver fills a table in a few */
#define CLOSING 64 /* pages that leave open in one flush; of more, all of open is looked at */

struct track {
	uint64_t now;	 /* moments are counted in scans */
	uint64_t nr;	 /* pages of the part */
	/* Pages that may be due to leave open, some of them twice; more than CLOSING: not all are here. */
	uint32_t nr_closing;
	uint64_t closing[CLOSING];
	uint32_t *maps;	 /* owned, like all below */
	uint64_t *stamp;
	uint64_t *group;
	uint64_t *open;	 /* bit per page */
	bool unacked;	 /* some page is due to leave bare */
	uint16_t *wins;
	uint64_t *bare;	 /* bit per page, as table and hot */
	uint64_t *table; /* a table was read from it */
	uint64_t *hot;	 /* of those: had better be windows */
	uint8_t *heat;	 /* of a table page: towards HOT or, if hot, towards COLD */
};

static bool is_set(const uint64_t *map, uint64_t p)
{
	return map[p / 64] >> (p % 64) & 1;
}

static void set(uint64_t *map, uint64_t p, bool on)
{
	uint64_t bit = 1ull << (p % 64);

	map[p / 64] = on ? map[p / 64] | bit : map[p / 64] & ~bit;
}

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
			if (t->nr_closing < CLOSING)
				t->closing[t->nr_closing] = p;
			t->nr_closing += t->nr_closing <= CLOSING;
		}
	}
}

static void count_table(struct shadow_guest *sg, const struct spt *t)
{
	for (uint32_t i = 0; i < t->nr; i++)
		track_entry(sg, t->cur[i], t->page_shift, true);
}

static void settle_page(struct track *t, uint64_t p)
{
	if (t->maps[p] || !is_set(t->open, p))
		return;
	set(t->open, p, false);
	stamp(t, p);
}

void track_settle(struct shadow_guest *sg)
{
	struct track *t = sg->track;

	if (!t || !t->nr_closing)
		return;
	for (uint32_t i = 0; i < t->nr_closing && i < CLOSING; i++)
		settle_page(t, t->closing[i]);
	if (t->nr_closing > CLOSING)
		for (uint64_t w = 0; w <= (t->nr - 1) / 64; w++)
			for (uint64_t left = t->open[w]; left; left &= left - 1)
				settle_page(t, w * 64 + (uint64_t)__builtin_ctzll(left));
	t->nr_closing = 0;
}

void track_written(struct shadow_guest *sg, uint64_t at, uint64_t len)
{
	struct track *t = sg->track;

	if (!t || !len || at / 4096 >= t->nr)
		return;
	for (uint64_t p = at / 4096; p <= (at + len - 1) / 4096 && p < t->nr; p++)
		stamp(t, p);
}

/* ---- windows --------------------------------------------------------------------------------- */

void track_window(struct shadow_guest *sg, uint64_t at, bool on)
{
	struct track *t = sg->track;
	uint64_t p = at / 4096;

	if (!t || p >= t->nr)
		return;
	if (on) {
		t->wins[p]++;
		set(t->bare, p, true);
	} else if (!--t->wins[p]) {
		t->unacked = true;
	}
}

void track_acked(struct shadow_guest *sg)
{
	struct track *t = sg->track;

	if (!t || !t->unacked || !hv_unmapped(sg->cfg.guest))
		return;
	t->unacked = false;
	for (uint64_t w = 0; w <= (t->nr - 1) / 64; w++)
		for (uint64_t left = t->bare[w]; left; left &= left - 1) {
			uint64_t p = w * 64 + (uint64_t)__builtin_ctzll(left);

			if (t->wins[p])
				continue;
			set(t->bare, p, false);
			stamp(t, p);
		}
}

/* Behind the last page of the range, if the range can be tracked at all; else 0. */
static uint64_t pages_end(const struct track *t, uint32_t target, uint64_t at, uint64_t len)
{
	uint64_t end = (at + len + 4095) / 4096;

	return t && target == PTE_VRAM && end <= t->nr ? end : 0;
}

void track_table(struct shadow_guest *sg, uint32_t target, uint64_t at, uint64_t len)
{
	struct track *t = sg->track;
	uint64_t end = pages_end(t, target, at, len);

	for (uint64_t p = at / 4096; p < end; p++) {
		if (is_set(t->table, p))
			continue;
		set(t->table, p, true);
		set(t->hot, p, t->wins[p]);
		t->heat[p] = 0;
	}
}

void track_read(struct shadow_guest *sg, uint32_t target, uint64_t at, uint64_t len, bool same)
{
	struct track *t = sg->track;
	uint64_t end = pages_end(t, target, at, len);

	for (uint64_t p = at / 4096; p < end; p++) {
		if (!is_set(t->hot, p))
			continue;
		t->heat[p] = same ? t->heat[p] + 1 : 0;
		if (t->heat[p] < COLD)
			continue;
		set(t->hot, p, false);
		t->heat[p] = 0;
		window_recheck(sg);
	}
}

bool track_traps(const struct shadow_guest *sg, uint64_t at)
{
	const struct track *t = sg->track;

	return t && at / 4096 < t->nr && is_set(t->table, at / 4096) && !is_set(t->hot, at / 4096);
}

bool track_heat(struct shadow_guest *sg, uint64_t at)
{
	struct track *t = sg->track;
	uint64_t p = at / 4096;

	if (!track_traps(sg, at) || ++t->heat[p] < HOT)
		return false;
	set(t->hot, p, true);
	t->heat[p] = 0;
	return true;
}

bool track_bare(const struct shadow_guest *sg, uint64_t at)
{
	return !sg->track || (at / 4096 < sg->track->nr && is_set(sg->track->bare, at / 4096));
}

/* ---- moments ---------------------------------------------------------------------------------- */

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

		if (!(t->open[g] | t->bare[g]) && t->group[g] < since) {
			p = (g + 1) * GROUP;
			continue;
		}
		if (is_set(t->open, p) || is_set(t->bare, p) || t->stamp[p] >= since)
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
	mem_free(t->wins);
	mem_free(t->bare);
	mem_free(t->table);
	mem_free(t->hot);
	mem_free(t->heat);
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
	t->wins = mem_calloc(t->nr, sizeof(t->wins[0]));
	t->bare = mem_calloc(t->nr / 64 + 1, sizeof(t->bare[0]));
	t->table = mem_calloc(t->nr / 64 + 1, sizeof(t->table[0]));
	t->hot = mem_calloc(t->nr / 64 + 1, sizeof(t->hot[0]));
	t->heat = mem_calloc(t->nr, sizeof(t->heat[0]));
	if (!t->maps || !t->stamp || !t->group || !t->open || !t->wins || !t->bare || !t->table ||
	    !t->hot || !t->heat) {
		track_off(sg);
		return -ENOMEM;
	}
	window_recount(sg);
	/* What was read before is of unknown age. */
	list_for_each(v, &sg->vas, node) {
		v->seen = 0;
		for (uint32_t i = 0; i < NR_SLOTS; i++)
			for (uint32_t k = 0; k < NR_SPT_KINDS; k++)
				if (v->slot[i].t[k]) {
					v->slot[i].t[k]->seen = 0;
					count_table(sg, v->slot[i].t[k]);
				}
	}
	list_for_each(dead, &sg->dead, node)
		count_table(sg, dead);
	return 0;
}

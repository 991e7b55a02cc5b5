// SPDX-License-Identifier: MIT
/*
 * Watched pages: the guest's instance blocks.  A store to one of them through
 * a BAR or PRAMIN is mirrored into the shadow.
 *
 * Most stores hit no watched page, and a driver clears whole tables by single
 * stores, so the answer "none" costs one look at a counter.
 */
#include "shadow/window.h"

static uint32_t bucket(uint64_t page)
{
	return (uint32_t)(page % WATCH_HASH);
}

void watch_add(struct shadow_guest *sg, gvram_t page)
{
	sg->watch[bucket(gvram_x(page) / INST_LEN)]++;
}

void watch_del(struct shadow_guest *sg, gvram_t page)
{
	sg->watch[bucket(gvram_x(page) / INST_LEN)]--;
	window_recheck(sg);
}

void watch_windows(struct shadow_guest *sg)
{
	window_recheck(sg);
	/* What cannot be taken away now is tried again at each flush; a doorbell looks at the page anyway. */
	window_flush(sg, false, ~0u, 0);
}

/* Whether a channel may watch a page of [at, at+len). */
static bool maybe(const struct shadow_guest *sg, uint64_t at, uint64_t len)
{
	uint64_t first = at / INST_LEN, last = (at + len - 1) / INST_LEN;

	if (last - first >= WATCH_HASH)
		return true;
	for (uint64_t p = first; p <= last; p++)
		if (sg->watch[bucket(p)])
			return true;
	return false;
}

/* The part of [at, at+len) inside ch's page, as offset and length; false if none. */
static bool overlap(const struct shadow_chan *ch, uint64_t at, uint64_t len, uint32_t *off,
		    uint32_t *n)
{
	uint64_t lo = gvram_x(ch->ginst), hi = lo + INST_LEN;
	uint64_t from = at > lo ? at : lo, to = at + len < hi ? at + len : hi;

	if (from >= to)
		return false;
	*off = (uint32_t)(from - lo);
	*n = (uint32_t)(to - from);
	return true;
}

void shadow_written(struct shadow_guest *sg, gvram_t at, uint64_t len)
{
	struct shadow_chan *ch;
	uint32_t off, n;

	if (!range_ok(gvram_x(at), len, part_vram_len(sg->cfg.part)) || !len)
		return;
	track_written(sg, gvram_x(at), len);
	if (!maybe(sg, gvram_x(at), len))
		return;
	list_for_each(ch, &sg->chans, node)
		if (overlap(ch, gvram_x(at), len, &off, &n))
			chan_written(ch, off, n);
}

bool shadow_watched(const struct shadow_guest *sg, gvram_t at, uint64_t len)
{
	struct shadow_chan *ch;
	uint32_t off, n;

	if (!range_ok(gvram_x(at), len, part_vram_len(sg->cfg.part)) || !len ||
	    !maybe(sg, gvram_x(at), len))
		return false;
	list_for_each(ch, &sg->chans, node) {
		/* Whole pages: a page is remapped or not, never a part of it. */
		uint64_t from = align_down(gvram_x(at), INST_LEN);

		if (overlap(ch, from, align_up(gvram_x(at) + len, INST_LEN) - from, &off, &n))
			return true;
	}
	return false;
}

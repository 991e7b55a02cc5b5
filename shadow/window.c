// SPDX-License-Identifier: MIT
/*
 * Windows: pages of BAR1 and BAR3 that the guest reaches without a trap
 * (SHADOW_OPT_REMAP), because its own tables put its own memory there.
 *
 * A BAR is kept in blocks of 2 MiB, the reach of one page of small entries.  A
 * block comes to life at the first trapped access to it; from then on each flush of
 * the BAR's address space reads its entries anew and changes what changed, so
 * the work of a flush is bounded by 96 such reads.
 *
 * Always true between two calls into the room:
 *  1. have[p] says what the hypervisor was told of page p: 0 (traps), ACTS, or
 *     the page of guest memory it is, which was that guest's VRAM or RAM when
 *     it was told.  A block that is not alive has only 0.
 *  2. What is no window: watched pages, USERD, read-only pages, pages of a
 *     storage kind (their bytes are in another order behind a BAR), and with
 *     SHADOW_OPT_TRACK table pages, except those that change much (track.c).
 *  3. A page whose window was taken away may still be written unseen until
 *     hv_unmapped(); track_window() and shadow_revoke() mind that.
 */
#include <string.h>

#include "gpuvm/base/mem.h"
#include "shadow/pv_private.h"
#include "shadow/window.h"

#define BLOCK_PAGES 512u
#define BLOCK_SHIFT 21
#define ACTS 2u
#define IS_MEMORY 1u

/* What of guest memory a page is, as one word that is never 0. */
static uint64_t memory_key(uint32_t target, uint64_t addr)
{
	return addr | target << 2 | IS_MEMORY;
}

static uint32_t key_target(uint64_t key)
{
	return key >> 2 & 3;
}

static uint64_t key_addr(uint64_t key)
{
	return align_down(key, 4096);
}

static enum hv_space space_of(uint32_t i)
{
	return i ? HV_BAR3 : HV_BAR1;
}

/* ---- what a block should be ------------------------------------------------------------------ */

/* Entries [first, first+n) of a guest table; what is not there is 0.  False if it cannot be read. */
static bool entries(struct shadow_guest *sg, uint32_t pde_target, uint64_t table, uint64_t nr,
		    uint64_t first, uint32_t n, uint64_t *out)
{
	uint32_t have = first >= nr ? 0 : nr - first < n ? (uint32_t)(nr - first) : n;
	uint32_t target = pde_target == PDE_VRAM ? PTE_VRAM : pde_target;

	memset(out, 0, n * sizeof(*out));
	return !have || !shadow_gmem_rd(sg, target, table + first * 8, out, have * 8ul);
}

/* Whether the page may be a window. */
static bool allowed(struct shadow_guest *sg, uint64_t e, uint64_t addr)
{
	if (!(e & PTE_PRESENT) || e & PTE_RO || pte_kind(e) || pte_target(e) == 1)
		return false;
	if (pte_target(e) != PTE_VRAM)
		return true; /* the port knows what of it is RAM */
	return range_ok(addr, 4096, part_vram_len(sg->cfg.part)) &&
	       !shadow_watched(sg, gvram(addr), 4096) && !track_traps(sg, addr);
}

/* The guest's own entries for the block: *small and *large, 0 where there is none. */
static bool block_read(struct shadow_guest *sg, const struct bar *b, uint64_t va, uint64_t *small,
		       uint64_t *large)
{
	const struct fermi_geom *g = &fermi_geom[sg->large_64k];
	uint64_t in = va & ((1ull << g->pde_shift) - 1), pde;
	uint32_t nr_large = BLOCK_PAGES >> (g->large_shift - FERMI_SMALL_SHIFT);

	memset(small, 0, BLOCK_PAGES * 8);
	memset(large, 0, nr_large * 8ul);
	if (shadow_gmem_rd(sg, b->pdb_target, b->pdb + (va >> g->pde_shift) * 8, &pde, 8))
		return false;
	if (pde_small_target(pde) != PDE_NONE &&
	    !entries(sg, pde_small_target(pde), pde_small_addr(pde), g->nr_small >> pde_size_shift(pde),
		     in >> FERMI_SMALL_SHIFT, BLOCK_PAGES, small))
		return false;
	return pde_large_target(pde) == PDE_NONE ||
	       entries(sg, pde_large_target(pde), pde_large_addr(pde),
		       g->nr_large >> pde_size_shift(pde), in >> g->large_shift, nr_large, large);
}

/* Whether BAR1 at va is a bound channel's USERD page. */
static bool acts(const struct shadow_guest *sg, uint64_t va)
{
	uint64_t c = (va - sg->acts_at) >> FERMI_SMALL_SHIFT;

	return va >= sg->acts_at && c < GF100_NR_CHAN && sg->acts[c / 64] >> (c % 64) & 1;
}

static void block_want(struct shadow_guest *sg, uint32_t i, uint32_t blk, uint64_t *want)
{
	const struct window *w = sg->win;
	const struct bar *b = &sg->bar[i];
	uint64_t small[BLOCK_PAGES], large[BLOCK_PAGES / 16], va = (uint64_t)blk << BLOCK_SHIFT;
	uint32_t shift = fermi_geom[sg->large_64k].large_shift, per = 1u << (shift - FERMI_SMALL_SHIFT);
	bool mapped = b->mode == BAR_VAS && !w->closed && block_read(sg, b, va, small, large);

	for (uint32_t k = 0; k < BLOCK_PAGES; k++, va += 4096) {
		uint64_t e, addr;

		want[k] = 0;
		if (!i && !w->off && acts(sg, va)) {
			want[k] = ACTS;
			continue;
		}
		if (!mapped || va > b->limit)
			continue;
		/* Where both have a page, the small one wins as in the hardware. */
		e = small[k] & PTE_PRESENT ? small[k] : large[k / per];
		addr = pte_addr(e) + (e == small[k] ? 0 : k % per * 4096ull);
		if (allowed(sg, e, addr))
			want[k] = memory_key(pte_target(e), addr);
	}
}

/* ---- telling the hypervisor -------------------------------------------------------------------- */

/* The file of a page of guest memory, and how many of the next n pages lie behind it there. */
static int file_of(struct shadow_guest *sg, uint64_t key, uint32_t n, int *fd, uint64_t *at,
		   uint32_t *run)
{
	uint64_t addr = key_addr(key), len;
	struct hv_ram r;
	int err;

	if (key_target(key) == PTE_VRAM) {
		err = sg->cfg.vram_file(sg->cfg.arg, gvram(addr), n * 4096ull, fd, at, &len);
		if (!err)
			*run = (uint32_t)(len / 4096);
		return err;
	}
	for (uint32_t i = 0; !(err = hv_ram(sg->cfg.guest, i, &r)); i++) {
		if (addr < gpa_x(r.gpa) || !range_ok(addr - gpa_x(r.gpa), 4096, r.len) || r.fd < 0)
			continue;
		*fd = r.fd;
		*at = r.fd_at + (addr - gpa_x(r.gpa));
		len = (r.len - (addr - gpa_x(r.gpa))) / 4096;
		*run = len < n ? (uint32_t)len : n;
		return 0;
	}
	return err;
}

static void note(struct shadow_guest *sg, uint64_t *have, uint64_t key)
{
	uint64_t old = *have;

	*have = key;
	if (old & IS_MEMORY) {
		sg->stats.windows--;
		sg->stats.windows_closed++;
		if (key_target(old) == PTE_VRAM)
			track_window(sg, key_addr(old), false);
	}
	if (key & IS_MEMORY) {
		sg->stats.windows++;
		sg->stats.windows_opened++;
		if (key_target(key) == PTE_VRAM)
			track_window(sg, key_addr(key), true);
	}
}

/* Pages [p, p+n) of BAR i are to be `want`, which is 0, ACTS or neighbours in memory.  Answers how many are done. */
static int run_put(struct shadow_guest *sg, uint32_t i, uint32_t p, const uint64_t *want, uint32_t n)
{
	uint64_t *have = sg->win->have[i] + p, at = 0;
	uint32_t done = n;
	int fd = -1, err = 0;

	if (*want & IS_MEMORY)
		err = file_of(sg, *want, n, &fd, &at, &done);
	if (!err && *want)
		err = hv_map(sg->cfg.guest, space_of(i), p * 4096, done * 4096, fd, at);
	if (!err && *want) {
		for (uint32_t k = 0; k < done; k++)
			note(sg, &have[k], want[k]);
		return (int)done;
	}
	/* Memory that cannot be shown traps: that is always right. */
	err = hv_unmap(sg->cfg.guest, space_of(i), p * 4096, done * 4096);
	for (uint32_t k = 0; !err && k < done; k++)
		note(sg, &have[k], 0);
	return err ? err : (int)done;
}

static bool same_run(uint64_t first, uint64_t key, uint32_t k)
{
	return first & IS_MEMORY ? key == first + k * 4096ull : key == first;
}

/* Brings block blk of BAR i up to date; an error is the world's, and the block is looked at again. */
static int block_sync(struct shadow_guest *sg, uint32_t i, uint32_t blk)
{
	uint64_t want[BLOCK_PAGES], *have = sg->win->have[i] + blk * BLOCK_PAGES;
	int done;

	block_want(sg, i, blk, want);
	sg->win->dirty[i] |= 1ull << blk;
	for (uint32_t k = 0, n; k < BLOCK_PAGES; k += n) {
		n = 1;
		if (have[k] == want[k])
			continue;
		while (k + n < BLOCK_PAGES && have[k + n] != want[k + n] &&
		       same_run(want[k], want[k + n], n))
			n++;
		done = run_put(sg, i, blk * BLOCK_PAGES + k, want + k, n);
		if (done < 0)
			return done;
		n = (uint32_t)done;
	}
	sg->win->dirty[i] &= ~(1ull << blk);
	return 0;
}

/* Looks again at the live blocks named in which. */
static int blocks_sync(struct shadow_guest *sg, uint32_t i, uint64_t which)
{
	int err = 0;

	for (which &= sg->win->live[i]; which; which &= which - 1) {
		int e = block_sync(sg, i, (uint32_t)__builtin_ctzll(which));

		err = err ? err : e;
	}
	return err;
}

/* ---- the room's calls ---------------------------------------------------------------------------- */

int window_bar(struct shadow_guest *sg, uint32_t i)
{
	return sg->win ? blocks_sync(sg, i, ~0ull) : 0;
}

int window_all(struct shadow_guest *sg)
{
	int err = window_bar(sg, 0);

	return window_bar(sg, 1) ?: err;
}

int window_flush(struct shadow_guest *sg, bool all, uint32_t target, uint64_t addr)
{
	int err = 0;

	for (uint32_t i = 0; sg->win && i < ARRAY_SIZE(sg->bar); i++) {
		const struct bar *b = &sg->bar[i];
		bool hit = all || (b->mode == BAR_VAS && b->pdb_target == target && b->pdb == addr);
		int e = blocks_sync(sg, i, hit ? ~0ull : sg->win->dirty[i]);

		err = err ? err : e;
	}
	return err;
}

void window_recheck(struct shadow_guest *sg)
{
	for (uint32_t i = 0; sg->win && i < ARRAY_SIZE(sg->bar); i++)
		sg->win->dirty[i] = sg->win->live[i];
}

int window_revoke(struct shadow_guest *sg, uint64_t start, uint64_t len)
{
	int err = 0;

	for (uint32_t i = 0; sg->win && i < ARRAY_SIZE(sg->bar); i++)
		for (uint32_t p = 0; p < sg->win->nr[i]; p++) {
			uint64_t key = sg->win->have[i][p], none = 0;

			if (!(key & IS_MEMORY) || key_target(key) == PTE_VRAM ||
			    key_addr(key) - start >= len)
				continue;
			if (run_put(sg, i, p, &none, 1) < 0)
				err = -EBUSY;
		}
	return err || !hv_unmapped(sg->cfg.guest) ? -EBUSY : 0;
}

void window_recount(struct shadow_guest *sg)
{
	for (uint32_t i = 0; sg->win && i < ARRAY_SIZE(sg->bar); i++)
		for (uint32_t p = 0; p < sg->win->nr[i]; p++) {
			uint64_t key = sg->win->have[i][p];

			if (key & IS_MEMORY && key_target(key) == PTE_VRAM)
				track_window(sg, key_addr(key), true);
		}
}

/* The blocks of USERD live from the start: doorbells do not come by here. */
static void acts_live(struct shadow_guest *sg)
{
	for (uint32_t c = 0; c < GF100_NR_CHAN; c++) {
		uint64_t at = sg->acts_at + ((uint64_t)c << FERMI_SMALL_SHIFT);

		if (sg->acts[c / 64] >> (c % 64) & 1 && at < GF100_BAR1_LEN)
			sg->win->live[0] |= 1ull << (at >> BLOCK_SHIFT);
	}
}

int window_on(struct shadow_guest *sg)
{
	struct window *w;

	if (sg->win || sg->pv)
		return 0;
	if (!sg->cfg.vram_file || !hv_has(sg->cfg.guest->hv, HV_CAP_MAP))
		return -EOPNOTSUPP;
	w = mem_new(struct window);
	if (!w)
		return -ENOMEM;
	w->nr[0] = GF100_BAR1_LEN / 4096;
	w->nr[1] = GF100_BAR3_LEN / 4096;
	for (uint32_t i = 0; i < ARRAY_SIZE(w->nr); i++) {
		w->have[i] = mem_calloc(w->nr[i], sizeof(uint64_t));
		if (!w->have[i]) {
			mem_free(w->have[0]);
			mem_free(w);
			return -ENOMEM;
		}
	}
	sg->win = w;
	sg->lent = true;
	acts_live(sg);
	return window_bar(sg, 0);
}

int window_off(struct shadow_guest *sg)
{
	struct window *w = sg->win;
	int err;

	if (!w)
		return 0;
	w->closed = w->off = true;
	err = window_all(sg);
	if (err) {
		w->closed = w->off = false;
		return err;
	}
	window_free(sg);
	return 0;
}

void window_free(struct shadow_guest *sg)
{
	if (!sg->win)
		return;
	for (uint32_t i = 0; i < ARRAY_SIZE(sg->win->have); i++)
		mem_free(sg->win->have[i]);
	mem_free(sg->win);
	sg->win = NULL;
}

/* ---- audit ------------------------------------------------------------------------------------------ */

/* Why page p of BAR i must not be the window it is; NULL if it may. */
static const char *wrong(struct shadow_guest *sg, uint32_t i, uint32_t p, uint64_t key)
{
	const struct bar *b = &sg->bar[i];
	const struct bar_ent *t = b->tlb ? &b->tlb[p % BAR_TLB_LEN] : NULL;
	uint64_t va = (uint64_t)p << FERMI_SMALL_SHIFT, addr = key_addr(key), at;
	uint32_t run;
	int fd;

	if (!(sg->win->live[i] >> (p / BLOCK_PAGES) & 1))
		return "in a block that nobody looks at";
	if (b->mode != BAR_VAS || sg->win->closed || va > b->limit)
		return "though the BAR shows nothing there";
	if (!i && acts(sg, va))
		return "on a USERD page";
	if (key_target(key) == PTE_VRAM &&
	    (!range_ok(addr, 4096, part_vram_len(sg->cfg.part)) || !track_bare(sg, addr)))
		return "on memory that is not the guest's, or is taken for unwritten";
	if (key_target(key) == PTE_VRAM && shadow_watched(sg, gvram(addr), 4096))
		return "on a watched page";
	if (file_of(sg, key, 1, &fd, &at, &run))
		return "on memory that has no file";
	if (t && t->tag == p + 1ull && (t->target != key_target(key) || t->addr != addr || t->ro))
		return "on another page than an access that traps reaches";
	return NULL;
}

unsigned int window_audit(struct shadow_guest *sg, FILE *out)
{
	unsigned int bad = 0;
	uint64_t nr = 0;

	for (uint32_t i = 0; sg->win && i < ARRAY_SIZE(sg->bar); i++)
		for (uint32_t p = 0; p < sg->win->nr[i]; p++) {
			uint64_t key = sg->win->have[i][p];
			const char *why = key & IS_MEMORY ? wrong(sg, i, p, key) : NULL;

			nr += key & IS_MEMORY;
			if (why && out)
				fprintf(out, "audit: %s: BAR%d+0x%llx is a window %s\n",
					sg->cfg.guest->name, i ? 3 : 1,
					(unsigned long long)p << FERMI_SMALL_SHIFT, why);
			bad += why != NULL;
		}
	if (nr != sg->stats.windows) {
		bad++;
		if (out)
			fprintf(out, "audit: %s: windows are miscounted\n", sg->cfg.guest->name);
	}
	return bad;
}

/* ---- from the core -------------------------------------------------------------------------------- */

void shadow_window_touch(struct shadow_guest *sg, int bar, uint64_t off)
{
	uint32_t i = bar == 3, p = (uint32_t)(off >> FERMI_SMALL_SHIFT), blk = p / BLOCK_PAGES;
	const struct bar *b = &sg->bar[i];
	struct window *w = sg->win;
	struct shadow_loc loc;

	if (!w || p >= w->nr[i] || b->mode != BAR_VAS || w->closed)
		return;
	/* A table page that is written often is better compared than trapped. */
	if (sg->track && w->live[i] >> blk & 1 && !w->have[i][p] &&
	    !shadow_bar_xlate(sg, bar, off, false, &loc) && loc.target == PTE_VRAM &&
	    track_heat(sg, loc.addr))
		w->dirty[i] |= 1ull << blk;
	if (w->live[i] >> blk & 1 && !(w->dirty[i] >> blk & 1))
		return;
	w->live[i] |= 1ull << blk;
	block_sync(sg, i, blk);
}

int shadow_bar_acts(struct shadow_guest *sg, uint64_t off, const uint64_t pages[GF100_NR_CHAN / 64])
{
	if (sg->acts_at == off && !memcmp(sg->acts, pages, sizeof(sg->acts)))
		return 0;
	sg->acts_at = off;
	memcpy(sg->acts, pages, sizeof(sg->acts));
	if (!sg->win)
		return 0;
	acts_live(sg);
	return window_bar(sg, 0);
}

int shadow_window_close(struct shadow_guest *sg, bool closed)
{
	if (!sg->win || sg->win->closed == closed)
		return 0;
	sg->win->closed = closed;
	return window_all(sg);
}

// SPDX-License-Identifier: MIT
/*
 * Shadow page tables: one guest table (or, for a guest of 64 KiB pages, four)
 * translated entry by entry into mediator VRAM.
 *
 * Guest entries come in blocks into a private buffer; what is checked there is
 * what is used.  A new page is pinned before the old one of the same entry
 * waits for its unpin.  pte_vram() and pte_sys() are the only places where an
 * address gets into a table.
 */
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "shadow/window.h"

/*
 * What passes into a shadow entry beside address and target.  Compression tags
 * do not: tag memory is the whole card's.  Encryption is for system memory only.
 */
#define KEEP_VRAM (PTE_PRESENT | PTE_PRIV | PTE_RO | PTE_VOLATILE | PTE_KIND_MASK)
#define KEEP_SYS (KEEP_VRAM | PTE_ENCRYPTED)
/* Set in every system target, clear in VRAM's. */
#define PTE_SYS_BIT (1ull << 34)

/* State of one pass over one table. */
struct scan {
	struct vas *v;
	struct shadow_guest *sg;
	struct spt *t;
	uint64_t va;   /* of entry 0 */
	uint64_t slow; /* what sets an entry apart from a plain VRAM page, beside PRESENT */
	bool keep;
	const hvram_t *chunk; /* the part's map: where guest VRAM chunk i is on the card */
	uint32_t nr_chunk;
	int err; /* first error of the world */
	bool refused; /* a present entry has no shadow: it is looked at again each time */
};

uint32_t spt_size_shift(const struct spt *t)
{
	uint32_t full =
		t->page_shift == FERMI_SMALL_SHIFT ? HOST_GEOM->nr_small : HOST_GEOM->nr_large;
	uint32_t s = 0;

	while (full >> s > t->nr)
		s++;
	return s;
}

int spt_new(struct shadow_guest *sg, uint32_t page_shift, uint32_t nr, struct spt **out)
{
	struct spt *t = mem_new(struct spt);
	int err = -ENOMEM;

	if (!t)
		return -ENOMEM;
	list_init(&t->node);
	t->nr = nr;
	t->page_shift = page_shift;
	t->cur = mem_calloc(nr, sizeof(t->cur[0]));
	if (!t->cur)
		goto err;
	err = sg_heap_get(sg, (uint64_t)nr * 8, &t->at);
	if (err)
		goto err;
	*out = t;
	return 0;
err:
	mem_free(t->cur);
	mem_free(t);
	return err;
}

static void unpin(struct shadow_guest *sg, uint64_t e, uint32_t page_shift)
{
	uint32_t n = pte_frames(e, page_shift);

	for (uint32_t k = 0; k < n; k++)
		hv_unpin(sg->cfg.guest, gpa(pte_addr(e) + k * 4096ull));
	sg->stats.pins -= n;
}

/* The device reaches t no more. */
static void spt_free(struct shadow_guest *sg, struct spt *t)
{
	for (uint32_t i = 0; i < t->nr; i++) {
		if (t->cur[i] & PTE_SYS_BIT)
			unpin(sg, t->cur[i], t->page_shift);
		else if (sg->track)
			track_entry(sg, t->cur[i], t->page_shift, false);
	}
	sg_heap_put(sg, t->at, (uint64_t)t->nr * 8);
	list_del(&t->node);
	mem_free(t->cur);
	mem_free(t);
}

void spt_bury(struct shadow_guest *sg, struct spt *t)
{
	list_add_tail(&sg->dead, &t->node);
}

int sg_settle(struct shadow_guest *sg, bool force)
{
	struct vas *v;
	struct spt *t;
	int bad = 0;

	list_for_each(v, &sg->vas, node) {
		if (!v->tlb)
			continue;
		if (hw_flush_tlb(sg->s, v->pd) && !force)
			bad = -EBUSY;
		else
			v->tlb = false;
	}
	if (bad)
		return bad;
	while (sg->nr_reap) {
		sg->nr_reap--;
		unpin(sg, sg->reap[sg->nr_reap].pte, sg->reap[sg->nr_reap].page_shift);
	}
	while ((t = list_first(&sg->dead, struct spt, node)))
		spt_free(sg, t);
	track_settle(sg);
	return 0;
}

/* ---- one entry ---------------------------------------------------------------------- */

static uint64_t reject(struct scan *y, enum shadow_fault f, uint32_t i)
{
	y->refused = true;
	sg_fault(y->sg, f, y->va + ((uint64_t)i << y->t->page_shift));
	return 0;
}

/*
 * The chunk of the part that a VRAM entry names: the frame number, from bit 4, without the part
 * inside the chunk.
 */
static inline uint32_t pte_chunk(uint64_t e)
{
	return (uint32_t)(e & PTE_ADDR_MASK) >> (PART_CHUNK_SHIFT - 8);
}

/*
 * The shadow of an entry for an aligned VRAM page inside the part: a chunk is a multiple of every
 * page size.
 */
static inline uint64_t vram_entry(const hvram_t *chunk, uint64_t e)
{
	const uint64_t in_chunk = (PART_CHUNK_LEN - 1) >> 8 & PTE_ADDR_MASK;

	return (e & KEEP_VRAM) | ((e & in_chunk) + (hvram_x(chunk[pte_chunk(e)]) >> 8));
}

/* VRAM entries one by one; run_vram() does the same for many that are good. */
static uint64_t pte_vram(struct scan *y, uint64_t e, uint32_t i)
{
	if ((e & PTE_ENCRYPTED) || !is_aligned(pte_addr(e), 1ull << y->t->page_shift) ||
	    pte_chunk(e) >= y->nr_chunk)
		return reject(y, SHADOW_FAULT_PTE_VRAM, i);
	return vram_entry(y->chunk, e);
}

static uint64_t pte_sys(struct scan *y, uint64_t e, uint32_t i)
{
	uint64_t page = 1ull << y->t->page_shift, a = pte_addr(e), base = 0;
	uint32_t n = pte_frames(e, y->t->page_shift), k = 0;
	dma_t d;
	int err = is_aligned(a, page) ? 0 : -EFAULT;

	while (!err && k < n) {
		err = hv_pin(y->sg->cfg.guest, gpa(a + k * 4096ull), &d);
		if (err)
			break;
		if (k++ == 0)
			base = dma_x(d);
		if (dma_x(d) != base + (k - 1) * 4096ull || !is_aligned(base, page) ||
		    (base + page - 1) >> FERMI_PHYS_BITS)
			err = -EFAULT;
	}
	if (!err) {
		y->sg->stats.pins += n;
		return pte_pack(pte_target(e), base, e & KEEP_SYS);
	}
	while (k--)
		hv_unpin(y->sg->cfg.guest, gpa(a + k * 4096ull));
	if (err == -EFAULT || err == -EOPNOTSUPP)
		return reject(y, SHADOW_FAULT_PTE_SYS, i);
	y->err = y->err ? y->err : err;
	return 0;
}

/* The shadow of present guest entry e; 0 if it has none. */
static uint64_t pte_xlate(struct scan *y, uint64_t e, uint32_t i)
{
	switch (pte_target(e)) {
	case PTE_VRAM: return pte_vram(y, e, i);
	case PTE_SYS:
	case PTE_SYS_NC: return pte_sys(y, e, i);
	default: return reject(y, SHADOW_FAULT_PTE_TARGET, i);
	}
}

/* ---- one block ------------------------------------------------------------------------- */

static int read_part(struct shadow_guest *sg, const struct gtable *gt, uint32_t first, uint32_t n,
		     uint64_t *out)
{
	uint32_t have = first < gt->nr ? gt->nr - first : 0;
	int err = 0;

	have = have < n ? have : n;
	if (have)
		err = shadow_gmem_rd(sg, gt->target, gt->addr + first * 8ull, out, have * 8ull);
	memset(out + have, 0, (n - have) * 8ull);
	return err;
}

/*
 * A block of small entries made of the small and large tables of a guest of
 * 64 KiB pages; where both have a page, the small one wins as in the hardware.
 */
static int read_merged(struct shadow_guest *sg, const struct spt_src *src, uint32_t first,
		       uint64_t *out)
{
	const struct fermi_geom *gg = &fermi_geom[1];
	uint32_t half = first / gg->nr_small, at = first % gg->nr_small;
	uint32_t per = 1u << (gg->large_shift - FERMI_SMALL_SHIFT);
	uint64_t large[SPT_BLOCK / 16];
	int err = read_part(sg, &src->small[half], at, SPT_BLOCK, out);

	if (!err)
		err = read_part(sg, &src->large[half], at / per, SPT_BLOCK / per, large);
	if (err)
		return err;
	for (uint32_t j = 0; j < SPT_BLOCK; j++) {
		uint64_t l = large[j / per];

		if ((out[j] & PTE_PRESENT) || !(l & PTE_PRESENT))
			continue;
		/*
		 * A page that does not start on its size stands for no memory; target 1 makes it
		 * rejected and counted.
		 */
		if (!is_aligned(pte_addr(l), 1ull << gg->large_shift))
			out[j] = pte_move(l, 1, pte_addr(l));
		else
			out[j] = pte_move(l, pte_target(l), pte_addr(l) + j % per * 4096ull);
	}
	return 0;
}

static void write_run(struct scan *y, uint32_t first, const uint64_t *out, uint32_t n)
{
	int err = vram_put(y->sg->s, hvram(hvram_x(y->t->at) + first * 8ull), out, n * 8ull);

	y->sg->stats.ptes_changed += n;
	y->v->tlb = true;
	y->err = y->err ? y->err : err;
}

static void retire(struct shadow_guest *sg, uint64_t e, uint32_t page_shift)
{
	sg->reap[sg->nr_reap++] = (struct reap){ e, page_shift };
}

/*
 * The runs that tables are made of, each a loop without calls: how many of the
 * n entries from here are plain VRAM pages that replace no pinned one and (with
 * keep) are new ...
 */
static uint32_t run_vram(const struct scan *y, const uint64_t *g, uint64_t *cur, uint64_t *out,
			 uint32_t n)
{
	/* Copies, because the stores below might otherwise change them. */
	const uint64_t slow = y->slow | PTE_PRESENT;
	const hvram_t *chunk = y->chunk;
	const uint32_t nr_chunk = y->nr_chunk;
	const bool keep = y->keep;
	uint32_t i;

	for (i = 0; i < n; i++) {
		uint64_t e = g[i], old = cur[i];

		if ((((e & slow) ^ PTE_PRESENT) | (old & PTE_SYS_BIT)) ||
		    pte_chunk(e) >= nr_chunk || (keep && e == old))
			break;
		out[i] = vram_entry(chunk, e);
		cur[i] = e;
	}
	return i;
}

/* ... the same where g is what cur already holds ... */
static uint32_t run_again(const struct scan *y, const uint64_t *g, uint64_t *out, uint32_t n)
{
	const uint64_t slow = y->slow | PTE_PRESENT;
	const hvram_t *chunk = y->chunk;
	const uint32_t nr_chunk = y->nr_chunk;
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (((g[i] & slow) ^ PTE_PRESENT) || pte_chunk(g[i]) >= nr_chunk)
			break;
		out[i] = vram_entry(chunk, g[i]);
	}
	return i;
}

/* ... or are nothing, and were nothing before. */
static uint32_t run_empty(const uint64_t *g, const uint64_t *cur, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && !(g[i] | cur[i]))
		i++;
	return i;
}

/* Translates guest entry e into entry i of the table; false if that stays as it is. */
static bool entry(struct scan *y, uint32_t i, uint64_t e, uint64_t *out)
{
	uint64_t *cur = &y->t->cur[i], old = *cur;

	if (!(e & PTE_PRESENT))
		e = 0;
	if (e == old && (y->keep || !e))
		return false;
	*out = e ? pte_xlate(y, e, i) : 0;
	if (old & PTE_SYS_BIT)
		retire(y->sg, old, y->t->page_shift);
	*cur = *out ? e : 0;
	return true;
}

/*
 * Translates guest entries g[0..n) into entries first.. of the table; same: they are the accepted
 * ones.
 */
static void block(struct scan *y, uint32_t first, const uint64_t *g, uint32_t n, bool same)
{
	uint64_t out[SPT_BLOCK], *cur = y->t->cur + first;
	uint32_t run = 0; /* entries before the present one that wait in out to be written */

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = same ? run_again(y, g + i, out + i, n - i)
				  : run_vram(y, g + i, cur + i, out + i, n - i);

		run += k;
		i += k;
		if (i < n && entry(y, first + i, g[i], &out[i])) {
			run++;
			continue;
		}
		if (run)
			write_run(y, first + i - run, out + i - run, run);
		run = 0;
		i += i < n ? run_empty(g + i + 1, cur + i + 1, n - i - 1) : 0;
	}
	if (run)
		write_run(y, first + n - run, out + n - run, run);
}

static struct scan scan_of(struct vas *v, struct spt *t, uint64_t va)
{
	struct scan y = {
		.v = v, .sg = v->sg, .t = t, .va = va, .keep = v->sg->cfg.opts & (SHADOW_OPT_KEEP | SHADOW_OPT_TRACK)
	};

	/* Bits 4.. of an entry are the frame number: its low bits are 0 in an aligned page. */
	y.chunk = part_chunks(v->sg->cfg.part, &y.nr_chunk);
	y.slow = PTE_ENCRYPTED | PTE_TARGET_MASK |
		 ((1ull << (t->page_shift - FERMI_SMALL_SHIFT)) - 1) << 4;
	return y;
}

/* block(), with the books of what the GPU may write kept. */
static void block_tracked(struct scan *y, uint32_t first, const uint64_t *g, uint32_t n)
{
	uint64_t old[SPT_BLOCK], *cur = y->t->cur + first;

	memcpy(old, cur, n * 8ull);
	block(y, first, g, n, false);
	for (uint32_t i = 0; i < n; i++)
		if (old[i] != cur[i]) {
			track_entry(y->sg, cur[i], y->t->page_shift, true);
			track_entry(y->sg, old[i], y->t->page_shift, false);
		}
}

/* Since when entries of src that cannot have been written need no look; 0: look at all. */
static uint64_t since(const struct vas *v, const struct spt *t, const struct spt_src *src)
{
	if (!v->sg->track || src->merge || t->src.addr != src->direct.addr ||
	    t->src.target != src->direct.target)
		return 0;
	return t->seen;
}

int spt_sync(struct vas *v, struct spt *t, const struct spt_src *src, uint64_t va)
{
	struct scan y = scan_of(v, t, va);
	uint64_t g[SPT_BLOCK], seen = since(v, t, src), now = track_now(v->sg);

	if (track_clean(v->sg, src->direct.target, src->direct.addr, t->nr * 8ull, seen)) {
		v->sg->stats.ptes_trusted += t->nr;
		return 0;
	}
	t->seen = 0;
	t->src = src->direct;
	track_table(v->sg, src->direct.target, src->direct.addr, src->merge ? 0 : t->nr * 8ull);
	for (uint32_t i = 0; i < t->nr; i += SPT_BLOCK) {
		uint32_t n = t->nr - i < SPT_BLOCK ? t->nr - i : SPT_BLOCK;
		bool same;
		int err;

		if (track_clean(v->sg, src->direct.target, src->direct.addr + i * 8ull, n * 8ull,
				seen)) {
			v->sg->stats.ptes_trusted += n;
			continue;
		}
		err = src->merge ? read_merged(v->sg, src, i, g) :
				   read_part(v->sg, &src->direct, i, n, g);
		if (err)
			return err;
		v->sg->stats.ptes_scanned += n;
		same = memcmp(g, t->cur + i, n * 8) == 0;
		track_read(v->sg, src->direct.target, src->direct.addr + i * 8ull,
			   src->merge ? 0 : n * 8ull, same);
		if (same && y.keep)
			continue;
		if (v->sg->nr_reap > REAP_MAX - SPT_BLOCK)
			sg_settle(v->sg, true);
		if (v->sg->track)
			block_tracked(&y, i, g, n);
		else
			block(&y, i, g, n, same);
	}
	if (!y.err && !y.refused && !src->merge)
		t->seen = now;
	return y.err;
}

int spt_put(struct vas *v, struct spt *t, uint32_t first, const uint64_t *g, uint32_t n, uint64_t va)
{
	struct scan y = scan_of(v, t, va);

	y.keep = true;
	if (v->sg->nr_reap > REAP_MAX - SPT_BLOCK)
		sg_settle(v->sg, true);
	block(&y, first, g, n, false);
	return y.err;
}

int spt_revoke(struct vas *v, struct spt *t, uint64_t start, uint64_t len)
{
	uint64_t page = 1ull << t->page_shift;
	const uint64_t zero = 0;

	for (uint32_t i = 0; i < t->nr; i++) {
		uint64_t e = t->cur[i], a = pte_addr(e);
		int err;

		if (!(e & PTE_SYS_BIT) || a + page <= start || (a >= start && a - start >= len))
			continue;
		if (v->sg->nr_reap == REAP_MAX && sg_settle(v->sg, false))
			return -EBUSY;
		err = vram_put(v->sg->s, hvram(hvram_x(t->at) + i * 8ull), &zero, sizeof(zero));
		if (err)
			return -EBUSY;
		v->tlb = true;
		t->cur[i] = 0;
		t->seen = 0; /* the guest's entry is still there, and refused from now on */
		retire(v->sg, e, t->page_shift);
	}
	return 0;
}

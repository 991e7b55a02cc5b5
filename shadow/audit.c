// SPDX-License-Identifier: MIT
/*
 * Proof, by reading back, that what the device has is what the rules allow.
 *
 * Nothing here trusts what the other files meant to write: tables, instance
 * blocks, channel table and runlist are read from the device, and each address
 * in them is derived again from the guest's entry through part and port.
 * Auditing changes nothing, except that a system page is pinned and unpinned
 * to learn its bus address.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "gpuvm/base/mem.h"
#include "shadow/pv_private.h"
#include "shadow/window.h"

/* Bits of a guest entry that must come through unchanged. */
#define SAME_BITS (PTE_PRESENT | PTE_PRIV | PTE_RO | PTE_VOLATILE | PTE_KIND_MASK | PTE_TARGET_MASK)
#define ENTRIES (4096 / 8)

struct range {
	uint64_t at, len;
};

struct audit {
	struct shadow *s;
	FILE *out;
	unsigned int bad;
	struct range *range; /* owned: heap ranges seen */
	size_t nr, cap;
};

static void bad(struct audit *a, const struct shadow_guest *sg, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void bad(struct audit *a, const struct shadow_guest *sg, const char *fmt, ...)
{
	va_list ap;

	a->bad++;
	if (!a->out)
		return;
	fprintf(a->out, "audit: %s%s", sg ? sg->cfg.guest->name : "host", ": ");
	va_start(ap, fmt);
	vfprintf(a->out, fmt, ap);
	va_end(ap);
	fputc('\n', a->out);
}

/* Notes that [at, at+len) of the heap is in use by a shadow. */
static void owns(struct audit *a, const struct shadow_guest *sg, hvram_t at, uint64_t len)
{
	len = align_up(len, 4096);
	if (!vheap_holds(a->s->heap, at, len))
		bad(a, sg, "0x%" PRIx64 "+0x%" PRIx64 " is not allocated mediator memory",
		    hvram_x(at), len);
	if (a->nr == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 64;
		struct range *r = mem_realloc(a->range, cap * sizeof(*r));

		if (!r) {
			bad(a, sg, "no memory to audit with");
			return;
		}
		a->range = r;
		a->cap = cap;
	}
	a->range[a->nr++] = (struct range){ hvram_x(at), len };
}

static int by_at(const void *x, const void *y)
{
	const struct range *p = x, *q = y;

	return p->at < q->at ? -1 : p->at > q->at;
}

/* No two shadows share a byte. */
static void overlaps(struct audit *a)
{
	if (a->nr)
		qsort(a->range, a->nr, sizeof(a->range[0]), by_at);
	for (size_t i = 1; i < a->nr; i++)
		if (a->range[i - 1].at + a->range[i - 1].len > a->range[i].at)
			bad(a, NULL, "two shadows share memory at 0x%" PRIx64, a->range[i].at);
}

static bool read_back(struct audit *a, const struct shadow_guest *sg, hvram_t at, void *buf,
		      size_t len)
{
	if (!dev_vram_rd(a->s->dev, at, buf, len))
		return true;
	bad(a, sg, "VRAM 0x%" PRIx64 " cannot be read", hvram_x(at));
	return false;
}

/* ---- tables -------------------------------------------------------------------------------- */

/* The bus address of a page that the guest still has; false if it has it no more. */
static bool bus_addr(struct shadow_guest *sg, uint64_t page, uint64_t *out)
{
	dma_t d;

	if (hv_pin(sg->cfg.guest, gpa(page), &d))
		return false;
	hv_unpin(sg->cfg.guest, gpa(page));
	*out = dma_x(d);
	return true;
}

static const char *pte_wrong(struct shadow_guest *sg, uint64_t e, uint64_t got, uint32_t shift)
{
	uint64_t page = 1ull << shift, d;
	hvram_t h;

	if (!e)
		return got ? "entry without a guest page" : NULL;
	if ((e ^ got) & SAME_BITS)
		return "rights, kind or target differ from the guest's";
	if (got & PTE_TAG_MASK)
		return "compression tag";
	if (pte_target(got) == PTE_VRAM) {
		if (!part_owns(sg->cfg.part, hvram(pte_addr(got)), page))
			return "VRAM of somebody else";
		if (part_vram_g2h(sg->cfg.part, gvram(pte_addr(e)), page, &h) ||
		    hvram_x(h) != pte_addr(got))
			return "not the guest's page in VRAM";
		return got & PTE_ENCRYPTED ? "encrypted VRAM" : NULL;
	}
	for (uint64_t k = 0; k < page; k += 4096)
		if (!bus_addr(sg, pte_addr(e) + k, &d) || d != pte_addr(got) + k)
			return "bus address that is not the guest's page";
	return NULL;
}

/* Answers the frames that the table's entries hold pinned. */
static uint64_t table(struct audit *a, struct shadow_guest *sg, const struct spt *t, uint64_t va)
{
	uint64_t pins = 0, got[ENTRIES];

	owns(a, sg, t->at, t->nr * 8ull);
	for (uint32_t i = 0; i < t->nr; i++) {
		uint64_t e = t->cur[i];
		const char *why;

		if (i % ENTRIES == 0) {
			uint32_t n = t->nr - i < ENTRIES ? t->nr - i : ENTRIES;

			if (!read_back(a, sg, hvram(hvram_x(t->at) + i * 8ull), got, n * 8ull))
				return pins;
		}
		pins += e ? pte_frames(e, t->page_shift) : 0;
		if (!e && !got[i % ENTRIES])
			continue;
		why = pte_wrong(sg, e, got[i % ENTRIES], t->page_shift);
		if (why)
			bad(a, sg,
			    "VA 0x%" PRIx64 ": 0x%016" PRIx64 " for guest's 0x%016" PRIx64 ": %s",
			    va + ((uint64_t)i << t->page_shift), got[i % ENTRIES], e, why);
	}
	return pins;
}

static uint64_t space(struct audit *a, struct vas *v)
{
	struct shadow_guest *sg = v->sg;
	uint64_t pins = 0, got[ENTRIES];

	owns(a, sg, v->pd, PD_LEN);
	for (uint32_t i = 0; i < NR_SLOTS; i++) {
		const struct vas_slot *sl = &v->slot[i];

		if (i % ENTRIES == 0 &&
		    !read_back(a, sg, hvram(hvram_x(v->pd) + i * 8ull), got, sizeof(got)))
			return pins;
		if (got[i % ENTRIES] != vas_pde(sl))
			bad(a, sg,
			    "directory 0x%" PRIx64 " entry %u is 0x%016" PRIx64
			    " instead of 0x%016" PRIx64,
			    hvram_x(v->pd), i, got[i % ENTRIES], vas_pde(sl));
		for (uint32_t k = 0; k < NR_SPT_KINDS; k++)
			if (sl->t[k])
				pins += table(a, sg, sl->t[k], (uint64_t)i << HOST_GEOM->pde_shift);
	}
	return pins;
}

/*
 * Ours, unless the guest was given files of its VRAM: what it then writes
 * behind our back makes its own shadow old.
 */
static void untrue(struct audit *a, const struct shadow_guest *sg, uint64_t at)
{
	if (!sg->lent)
		bad(a, sg, "entry at 0x%" PRIx64 " changed in a page that is trusted", at);
	else if (a->out)
		fprintf(a->out, "info: %s: entry at 0x%" PRIx64 " changed in a page that is trusted\n",
			sg->cfg.guest->name, at);
}

/* A page that tracking would not read again must be as it was read. */
static void trusted(struct audit *a, struct vas *v, const struct spt *t, const struct spt_src *src,
		    uint32_t j, uint64_t e)
{
	uint64_t at = src->direct.addr + j * 8ull;

	if (t->cur[j] != (e & PTE_PRESENT ? e : 0) && t->src.addr == src->direct.addr &&
	    t->src.target == src->direct.target &&
	    track_clean(v->sg, src->direct.target, at, 8, t->seen))
		untrue(a, v->sg, at);
}

/* Not a violation: entries that the guest changed since its last flush. */
static void freshness(struct audit *a, struct vas *v)
{
	uint64_t g[ENTRIES], changed = 0;
	struct spt_src src;

	for (uint32_t i = 0; i < NR_SLOTS && !v->stale && !v->g64k; i++)
		for (uint32_t k = 0; k < NR_SPT_KINDS; k++) {
			const struct spt *t = v->slot[i].t[k];

			if (!t || vas_src(v, i, k, false, &src) != t->nr)
				continue;
			for (uint32_t j = 0; j < t->nr; j++) {
				uint32_t n = t->nr - j < ENTRIES ? t->nr - j : ENTRIES;

				if (j % ENTRIES == 0 &&
				    shadow_gmem_rd(v->sg, src.direct.target,
						   src.direct.addr + j * 8ull, g, n * 8ull))
					break;
				changed += t->cur[j] && t->cur[j] != g[j % ENTRIES];
				trusted(a, v, t, &src, j, g[j % ENTRIES]);
			}
		}
	if (changed && a->out)
		fprintf(a->out,
			"info: %s: directory 0x%" PRIx64 ": %" PRIu64
			" entries changed since the last flush\n",
			v->sg->cfg.guest->name, v->addr, changed);
}

/* ---- channels, runlist ----------------------------------------------------------- */

static void channel(struct audit *a, struct shadow_guest *sg, const struct shadow_chan *ch)
{
	uint32_t w[INST_LEN / 4], id = gchan_x(ch->id);
	hvram_t pd = ch->vas ? ch->vas->pd : a->s->empty_pd;

	owns(a, sg, ch->hinst, INST_LEN);
	if (!vheap_holds(a->s->heap, ch->userd, USERD_LEN))
		bad(a, sg, "channel %u: USERD page 0x%" PRIx64 " is not the mediator's", id,
		    hvram_x(ch->userd));
	if (!read_back(a, sg, ch->hinst, w, sizeof(w)))
		return;
	if (w[INST_PDB_LO / 4] != (lo32(hvram_x(pd)) | PTE_VRAM) ||
	    w[INST_PDB_HI / 4] != hi32(hvram_x(pd)))
		bad(a, sg, "channel %u: directory 0x%08x%08x is not its shadow", id,
		    w[INST_PDB_HI / 4], w[INST_PDB_LO / 4]);
	if (w[RAMFC_USERD_LO / 4] != (lo32(hvram_x(ch->userd)) | PTE_VRAM) ||
	    w[RAMFC_USERD_HI / 4] != hi32(hvram_x(ch->userd)))
		bad(a, sg, "channel %u: USERD 0x%08x%08x is not its own", id, w[RAMFC_USERD_HI / 4],
		    w[RAMFC_USERD_LO / 4]);
	if (w[INST_LIMIT_HI / 4] >> (FERMI_VA_BITS - 32))
		bad(a, sg, "channel %u: limit above %d bits", id, FERMI_VA_BITS);
	for (uint32_t e = 0; e < NR_ENGINES; e++)
		if (w[chan_ctx_off(e) / 4] && !(w[chan_ctx_off(e) / 4] & INST_CTX_VALID))
			bad(a, sg, "channel %u: context of engine %u is no GPU virtual address", id,
			    e);
	for (uint32_t i = INST_PDB_LO / 4; i < INST_LEN / 4; i++) {
		uint32_t want = i < INST_PDB_LO / 4 + ARRAY_SIZE(ch->img)
					? ch->img[i - INST_PDB_LO / 4]
					: 0;

		if (w[i] != want)
			bad(a, sg, "channel %u: instance word 0x%x is 0x%08x instead of 0x%08x", id,
			    i * 4, w[i], want);
	}
}

/* The bound channel that has host id h; NULL if none. */
static struct shadow_chan *chan_of(struct shadow *s, uint32_t h)
{
	struct shadow_guest *sg;
	struct shadow_chan *ch;
	gchan_t id;

	list_for_each(sg, &s->guests, node)
		if (!part_chan_h2g(sg->cfg.part, hchan(h), &id) && (ch = chan_by_id(sg, id)))
			return ch;
	return NULL;
}

static void chan_table(struct audit *a)
{
	uint32_t nr = a->s->dev->info.nr_chan;

	for (uint32_t h = 0; h < nr && h < GF100_NR_CHAN; h++) {
		uint32_t v = dev_rd32(a->s->dev, reg_at(REGID_PFIFO_CHAN_INST, h));
		struct shadow_chan *ch = chan_of(a->s, h);

		if (!(v & CHAN_INST_VALID))
			continue;
		if (!ch)
			bad(a, NULL, "channel table entry %u is valid and nobody's", h);
		else if (CHAN_INST_ADDR(v) != hvram_x(ch->hinst))
			bad(a, ch->sg, "channel table entry %u names 0x%" PRIx64 ", not its shadow",
			    h, CHAN_INST_ADDR(v));
	}
}

static void runlist(struct audit *a)
{
	struct shadow *s = a->s;
	uint32_t where = dev_rd32(s->dev, NV_PFIFO_RUNLIST_CUR);
	uint32_t st = dev_rd32(s->dev, NV_PFIFO_RUNLIST_STATUS), n = RUNLIST_COUNT(st);
	uint32_t e[GF100_NR_CHAN][2];

	for (uint32_t i = 0; i < s->nr_rl; i++)
		owns(a, NULL, s->rl[i], 4096);
	if (!s->rl_committed) {
		if (n)
			bad(a, NULL, "the device has a runlist that was never committed");
		return;
	}
	if (n != s->rl_len)
		bad(a, NULL, "the device's runlist has %u entries instead of %u", n, s->rl_len);
	if (RUNLIST_ADDR(where) != hvram_x(s->rl[s->rl_cur]) || RUNLIST_TARGET(where) != PTE_VRAM) {
		bad(a, NULL, "the device's runlist is at 0x%" PRIx64 ", which is not ours",
		    RUNLIST_ADDR(where));
		return;
	}
	n = s->rl_len;
	if (!read_back(a, NULL, s->rl[s->rl_cur], e, n * sizeof(e[0])))
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct shadow_chan *ch = chan_of(s, e[i][0]);

		if (e[i][0] != s->rl_ids[i] || e[i][1] != RUNLIST_WORD1)
			bad(a, NULL, "runlist entry %u is 0x%x 0x%x", i, e[i][0], e[i][1]);
		else if (!ch || !ch->committed)
			bad(a, NULL, "runlist entry %u is channel %u, which nobody offered", i,
			    e[i][0]);
	}
}

/* ---- the whole ------------------------------------------------------------------- */

/*
 * What a paravirtual guest has besides its directories: tables that none names, and what waits for
 * the guest's next flush.  Answers the frames that all this holds pinned.
 */
static uint64_t pv_pages(struct audit *a, struct shadow_guest *sg)
{
	const struct spt *t;
	uint64_t pins = 0;

	a->bad += pv_audit(sg, a->out);
	for (uint32_t i = 1; i <= sg->pv->top; i++) {
		t = pv_orphan(sg->pv, i);
		if (t)
			pins += table(a, sg, t, 0);
	}
	list_for_each(t, &sg->dead, node)
		pins += table(a, sg, t, 0);
	for (uint32_t i = 0; i < sg->nr_reap; i++)
		pins += pte_frames(sg->reap[i].pte, sg->reap[i].page_shift);
	return pins;
}

static void guest(struct audit *a, struct shadow_guest *sg)
{
	const struct shadow_chan *ch;
	uint64_t pins = 0;
	size_t first = a->nr;
	uint64_t bytes = 0;
	struct vas *v;
	struct spt *t;

	list_for_each(v, &sg->vas, node) {
		pins += space(a, v);
		if (v->pv)
			continue;
		if (v->tlb)
			bad(a, sg, "directory 0x%" PRIx64 " was changed and not flushed",
			    hvram_x(v->pd));
		freshness(a, v);
	}
	if (sg->pv)
		pins += pv_pages(a, sg);
	a->bad += window_audit(sg, a->out);
	list_for_each(ch, &sg->chans, node)
		channel(a, sg, ch);
	list_for_each(t, &sg->dead, node)
		if (!sg->pv)
			bad(a, sg, "table 0x%" PRIx64 " waits to be freed", hvram_x(t->at));
	if (sg->nr_reap && !sg->pv)
		bad(a, sg, "%u entries wait to be unpinned", sg->nr_reap);
	if (pins != sg->stats.pins)
		bad(a, sg, "%" PRIu64 " pins counted, tables have %" PRIu64, sg->stats.pins, pins);
	for (size_t i = first; i < a->nr; i++)
		bytes += a->range[i].len;
	if (bytes != sg->stats.table_bytes)
		bad(a, sg, "%" PRIu64 " bytes of tables counted, shadows have %" PRIu64,
		    sg->stats.table_bytes, bytes);
	if (sg->stats.table_bytes > sg->cfg.table_quota)
		bad(a, sg, "over its table quota");
}

static void empty_directory(struct audit *a)
{
	uint64_t got[ENTRIES];

	owns(a, NULL, a->s->empty_pd, PD_LEN);
	for (uint32_t i = 0; i < NR_SLOTS; i++) {
		if (i % ENTRIES == 0 &&
		    !read_back(a, NULL, hvram(hvram_x(a->s->empty_pd) + i * 8ull), got,
			       sizeof(got)))
			return;
		if (got[i % ENTRIES])
			bad(a, NULL, "entry %u of the empty directory is 0x%016" PRIx64, i,
			    got[i % ENTRIES]);
	}
}

unsigned int shadow_audit(struct shadow *s, FILE *out)
{
	struct audit a = { .s = s, .out = out };
	struct shadow_guest *sg;
	uint64_t used = 0;

	if (dev_rd32(s->dev, NV_PFB_MMU_CTRL) & 1)
		bad(&a, NULL, "the device walks tables of 64 KiB pages, ours are of 128 KiB");
	if (s->timeouts)
		bad(&a, NULL, "the device did not answer %" PRIu64 " times", s->timeouts);
	if (s->dev_errors)
		bad(&a, NULL, "the device refused %" PRIu64 " writes", s->dev_errors);
	empty_directory(&a);
	chan_table(&a);
	runlist(&a);
	list_for_each(sg, &s->guests, node)
		guest(&a, sg);
	overlaps(&a);
	for (size_t i = 0; i < a.nr; i++)
		used += a.range[i].len;
	if (used > vheap_used(s->heap))
		bad(&a, NULL, "shadows have %" PRIu64 " bytes, the heap gave out %" PRIu64, used,
		    vheap_used(s->heap));
	mem_free(a.range);
	return a.bad;
}

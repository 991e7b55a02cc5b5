// SPDX-License-Identifier: MIT
/*
 * A guest's shadows for people: counters, channels, and each address space as
 * runs of pages, guest address beside what the GPU has.
 *
 * Reads only; the shadow side is what the device returns, not what was meant.
 */
#include <inttypes.h>

#include "shadow/private.h"

/* Neighbouring entries that continue each other on both sides. */
struct span {
	uint64_t va, len, guest, host;
	uint64_t flags; /* entry without address */
};

static const char *target_name(uint32_t t)
{
	switch (t) {
	case PTE_VRAM: return "vram";
	case PTE_SYS: return "sys";
	case PTE_SYS_NC: return "sys-nc";
	default: return "UNK";
	}
}

static void span_print(const struct span *sp, FILE *out)
{
	if (sp->len)
		fprintf(out,
			"    %010" PRIx64 "-%010" PRIx64 " %s %010" PRIx64 " -> %010" PRIx64
			"%s%s kind %02x\n",
			sp->va, sp->va + sp->len - 1, target_name(pte_target(sp->flags)), sp->guest,
			sp->host, sp->flags & PTE_RO ? " ro" : "",
			sp->flags & PTE_PRIV ? " priv" : "", pte_kind(sp->flags));
}

static void table(struct vas *v, const struct spt *t, uint64_t va, FILE *out)
{
	uint64_t page = 1ull << t->page_shift, got;
	struct span sp = { 0 };

	fprintf(out,
		"  table at %010" PRIx64 ": %u entries of %" PRIu64 " KiB from %010" PRIx64 "\n",
		hvram_x(t->at), t->nr, page / 1024, va);
	for (uint32_t i = 0; i < t->nr; i++, va += page) {
		if (!t->cur[i])
			continue;
		if (dev_vram_rd(v->sg->s->dev, hvram(hvram_x(t->at) + i * 8ull), &got, 8))
			return;
		if (sp.len && sp.va + sp.len == va && sp.guest + sp.len == pte_addr(t->cur[i]) &&
		    sp.host + sp.len == pte_addr(got) && sp.flags == (got & ~PTE_ADDR_MASK)) {
			sp.len += page;
			continue;
		}
		span_print(&sp, out);
		sp = (struct span){ va, page, pte_addr(t->cur[i]), pte_addr(got),
				    got & ~PTE_ADDR_MASK };
	}
	span_print(&sp, out);
}

static void space(struct vas *v, FILE *out)
{
	fprintf(out, " address space %s:%010" PRIx64 " -> %010" PRIx64 ", %u channels%s%s\n",
		target_name(v->target), v->addr, hvram_x(v->pd), v->refs,
		v->g64k ? ", 64 KiB pages" : "", v->stale ? ", stale" : "");
	for (uint32_t i = 0; i < NR_SLOTS; i++)
		for (uint32_t k = 0; k < NR_SPT_KINDS; k++)
			if (v->slot[i].t[k])
				table(v, v->slot[i].t[k], (uint64_t)i << HOST_GEOM->pde_shift, out);
}

void shadow_dump(struct shadow_guest *sg, FILE *out)
{
	const struct shadow_stats *st = &sg->stats;
	const struct shadow_chan *ch;
	struct vas *v;

	fprintf(out,
		"shadow of %s: flushes %" PRIu64 ", scans %" PRIu64 " (%" PRIu64
		" us), pdes %" PRIu64 ", ptes %" PRIu64 ", changed %" PRIu64 "\n",
		sg->cfg.guest->name, st->flushes, st->shadowings, st->shadowing_ns / 1000,
		st->pdes_scanned, st->ptes_scanned, st->ptes_changed);
	fprintf(out,
		" tables %" PRIu64 " of %" PRIu64 " bytes, %" PRIu64
		" pages pinned, options 0x%x\n",
		st->table_bytes, sg->cfg.table_quota, st->pins, sg->cfg.opts);
	for (uint32_t f = 0; f < NR_SHADOW_FAULTS; f++)
		if (st->faults[f])
			fprintf(out, " faults, %s: %" PRIu64 "\n", shadow_fault_name(f),
				st->faults[f]);
	list_for_each(ch, &sg->chans, node)
		fprintf(out,
			" channel %u: instance %010" PRIx64 " -> %010" PRIx64
			", directory %010" PRIx64 "%s, engines 0x%x%s\n",
			gchan_x(ch->id), gvram_x(ch->ginst), hvram_x(ch->hinst), ch->pdb,
			ch->vas ? "" : " (refused)", shadow_chan_engines(ch),
			ch->committed ? ", in the runlist" : "");
	list_for_each(v, &sg->vas, node)
		space(v, out);
}

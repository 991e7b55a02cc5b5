// SPDX-License-Identifier: MIT
/*
 * The isolation audit: what the card really holds against what the mediator
 * thinks.  The shadows prove their own invariants (shadow_audit); here are
 * channels, VRAM and the scheduler.  Reads registers, changes nothing.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "gpuvm/fermi/inst.h"
#include "gpuvm/host.h"
#include "gpuvm/hp.h"
#include "gpuvm/lend.h"

struct audit {
	struct gpuvm *g;
	FILE *out; /* may be NULL */
	unsigned int bad;
};

static void violation(struct audit *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void violation(struct audit *a, const char *fmt, ...)
{
	va_list ap;

	a->bad++;
	if (!a->out)
		return;
	va_start(ap, fmt);
	vfprintf(a->out, fmt, ap);
	va_end(ap);
	fputc('\n', a->out);
}

static void audit_chan(struct audit *a, uint32_t h)
{
	const struct vgpu_chan *c = a->g->by_host[h];
	uint32_t inst = dev_rd32(a->g->dev, reg_at(REGID_PFIFO_CHAN_INST, h)), want = 0;
	gchan_t id;

	if (c && !c->dead)
		want = CHAN_INST_VALID | CHAN_INST_POLL |
		       (uint32_t)(hvram_x(shadow_chan_inst(c->shadow)) >> 12);
	if (inst != want)
		violation(a, "channel %u: the card has instance 0x%08x, it should be 0x%08x", h, inst,
			  want);
	if (!c)
		return;
	if (hchan_x(c->host) != h || part_chan_h2g(c->vgpu->part, hchan(h), &id) ||
	    gchan_x(id) != gchan_x(c->id) || c->vgpu->chan[gchan_x(c->id)] != c)
		violation(a, "channel %u: owner %s does not own it", h, c->vgpu->name);
	if (!c->dead && host_userd_rd(a->g, c->host, USERD_GP_PUT) != c->put_host)
		violation(a, "channel %u: GP_PUT on the card was not handed over", h);
	if (c->dead && (!list_empty(&c->running) || c->queued || c->shadow))
		violation(a, "channel %u: dead, but has work or a shadow", h);
}

/* The mediator's own apertures: only USERD behind BAR1, nothing behind BAR3. */
static void audit_host(struct audit *a)
{
	struct gpuvm *g = a->g;
	uint32_t bar1 = CHAN_INST_VALID | (uint32_t)(hvram_x(g->host->bar1_inst) >> 12);

	if (dev_rd32(g->dev, NV_PBUS_BAR1_BLOCK) != bar1)
		violation(a, "BAR1 of the card is not the mediator's");
	if (dev_rd32(g->dev, NV_PBUS_BAR3_BLOCK))
		violation(a, "BAR3 of the card maps something");
	if (dev_rd32(g->dev, NV_PFIFO_USERD_BASE) != USERD_BASE_VALID)
		violation(a, "the card's USERD array is not at 0");
	if (!vheap_holds(g->heap, g->userd, GF100_NR_CHAN * USERD_LEN))
		violation(a, "the USERD array is not in the mediator's VRAM");
}

static void audit_part(struct audit *a, const struct vgpu *v)
{
	uint32_t nr;
	const hvram_t *chunk = part_chunks(v->part, &nr);
	const struct vgpu *o;

	for (uint32_t i = 0; i < nr; i++) {
		if (vheap_holds(a->g->heap, chunk[i], 1))
			violation(a, "guest %s: chunk %u is the mediator's", v->name, i);
		list_for_each(o, &a->g->vgpus, node)
			if (o != v && o->part && part_owns(o->part, chunk[i], PART_CHUNK_LEN))
				violation(a, "guest %s: chunk %u is also guest %s's", v->name, i,
					  o->name);
	}
}

/* Files of its VRAM hold its own chunks, all of them in the guest's order, and nothing else. */
static void audit_lend(struct audit *a, const struct vgpu *v)
{
	uint64_t fd_at, run;
	struct stat st;
	hvram_t card;
	int fd;

	for (uint64_t at = 0; v->lend && at < part_vram_len(v->part); at += run) {
		run = PART_CHUNK_LEN;
		if (lend_find(v, at, UINT64_MAX, &fd, &fd_at, &run))
			return; /* the rest is not lent */
		if (fd_at || part_vram_g2h(v->part, gvram(at), run, &card) || fstat(fd, &st) ||
		    (uint64_t)st.st_size != run)
			violation(a, "guest %s: a file of its VRAM holds something else", v->name);
	}
}

static void audit_vgpus(struct audit *a)
{
	const struct vgpu *v;
	uint64_t reserved = 0;
	uint32_t nr = 0;

	list_for_each(v, &a->g->vgpus, node) {
		nr++;
		reserved += v->shadow_quota;
		audit_part(a, v);
		audit_lend(a, v);
		for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
			if (v->chan[i] && a->g->by_host[hchan_x(v->chan[i]->host)] != v->chan[i])
				violation(a, "guest %s: channel %u is not in the card's table",
					  v->name, i);
		if (v->hp)
			a->bad += vgpu_hp_audit(v, a->out);
		if (shadow_guest_stats(v->shadow)->table_bytes > v->shadow_quota)
			violation(a, "guest %s: shadows beyond its quota", v->name);
	}
	if (nr != a->g->nr_vgpus || reserved != a->g->shadow_reserved ||
	    reserved > a->g->shadow_avail)
		violation(a, "guests are miscounted");
}

unsigned int gpuvm_audit(struct gpuvm *g, FILE *out)
{
	struct audit a = { .g = g, .out = out };
	char msg[200];

	if (g->passthrough) {
		if (g->nr_vgpus != 1)
			violation(&a, "passthrough guest %s is not alone", g->passthrough->name);
		return a.bad;
	}
	if (!g->shadow)
		return 0; /* nothing of anybody's is on the card */
	for (uint32_t h = 0; h < g->dev->info.nr_chan; h++)
		audit_chan(&a, h);
	audit_host(&a);
	audit_vgpus(&a);
	if (sched_audit(g->sched, msg, sizeof msg))
		violation(&a, "scheduler: %s", msg);
	return a.bad + shadow_audit(g->shadow, out);
}

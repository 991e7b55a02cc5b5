// SPDX-License-Identifier: MIT
/*
 * The books of paravirtual table pages against each other: each table in the
 * entry the books say and in no other, each directory counted for everyone who
 * uses it, each page of one type.  What the device has is audit.c's.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "shadow/pv_private.h"

struct check {
	struct shadow_guest *sg;
	FILE *out;
	unsigned int bad;
};

static void wrong(struct check *c, uint32_t id, const char *what)
{
	c->bad++;
	if (c->out)
		fprintf(c->out, "audit: %s: page %u: %s\n", c->sg->cfg.guest->name, id, what);
}

static uint32_t users(const struct shadow_guest *sg, uint32_t id, const struct vas *v)
{
	const struct pv *pv = sg->pv;
	const struct shadow_chan *ch;
	uint32_t n = 1;

	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		n += pv->chan_dir[i] == id;
	for (uint32_t i = 0; i < ARRAY_SIZE(pv->bar_dir); i++)
		n += pv->bar_dir[i] == id;
	list_for_each(ch, &sg->chans, node) {
		n += ch->vas == v;
		for (uint32_t i = 0; i < CHAN_HELD_MAX; i++)
			n += ch->held[i] == v;
	}
	return n;
}

/* Tables that directory v names; all of them must be in the books as being just there. */
static void directory(struct check *c, uint32_t id, const struct vas *v)
{
	const struct pv *pv = c->sg->pv;
	uint32_t named = 0, booked = 0;

	if (v->refs != users(c->sg, id, v))
		wrong(c, id, "its users are miscounted");
	for (uint32_t i = 0; i < NR_SLOTS; i++)
		for (uint32_t k = 0; k < NR_SPT_KINDS; k++)
			named += v->slot[i].t[k] != NULL;
	for (uint32_t i = 1; i <= pv->top; i++) {
		const struct pv_page *p = &pv->page[i];
		uint32_t k = p->kind == SHADOW_PV_SMALL ? SPT_SMALL : SPT_LARGE;

		if (!p->used || p->in != v)
			continue;
		booked++;
		if (p->slot >= NR_SLOTS || v->slot[p->slot].t[k] != p->t)
			wrong(c, i, "is not where the books say");
	}
	if (named != booked)
		wrong(c, id, "names tables that are not in the books");
}

static void page(struct check *c, uint32_t id, const struct pv_page *p)
{
	bool small = p->kind == SHADOW_PV_SMALL;

	if (p->kind == SHADOW_PV_DIR) {
		if (!p->dir || p->t || p->in || !p->dir->pv)
			wrong(c, id, "a directory that is something else too");
		else
			directory(c, id, p->dir);
		return;
	}
	if (!p->t || p->dir)
		wrong(c, id, "a table that is something else too");
	else if (p->t->page_shift !=
		 (small ? (uint32_t)FERMI_SMALL_SHIFT : HOST_GEOM->large_shift))
		wrong(c, id, "its page size is not its type's");
}

unsigned int pv_audit(struct shadow_guest *sg, FILE *out)
{
	struct check c = { .sg = sg, .out = out };
	uint64_t pages[NR_SHADOW_PV_KINDS] = { 0 };
	const struct pv *pv = sg->pv;
	uint32_t dirs = 0;
	struct vas *v;

	for (uint32_t i = 1; i <= pv->top; i++) {
		if (!pv->page[i].used)
			continue;
		pages[pv->page[i].kind]++;
		page(&c, i, &pv->page[i]);
	}
	for (uint32_t k = 0; k < NR_SHADOW_PV_KINDS; k++)
		if (pages[k] != pv->stats.pages[k])
			wrong(&c, 0, "pages of a type are miscounted");
	list_for_each(v, &sg->vas, node) {
		dirs++;
		if (!v->pv)
			wrong(&c, 0, "a directory of the guest's own memory");
	}
	if (dirs != pages[SHADOW_PV_DIR])
		wrong(&c, 0, "a directory without an id");
	return c.bad;
}

// SPDX-License-Identifier: MIT
/*
 * A paravirtual guest's table pages: types, users, and what they name.
 *
 *  1. Each id is looked up through page_of(), which knows its bounds and its
 *     type; no other line turns a guest's number into a page.
 *  2. A directory entry changes in one 8-byte store.  What it named stays
 *     allocated: only free takes a table's memory, after the next TLB flush.
 *  3. Nothing here waits for the device but free of a directory and flush.
 */
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "shadow/pv_private.h"
#include "shadow/window.h"

static int page_of(struct shadow_guest *sg, uint32_t id, struct pv_page **out)
{
	if (!id || id > sg->pv->top || !sg->pv->page[id].used)
		return -ENOENT;
	*out = &sg->pv->page[id];
	return 0;
}

static int dir_of(struct shadow_guest *sg, uint32_t id, struct vas **out)
{
	struct pv_page *p;
	int err = page_of(sg, id, &p);

	if (err)
		return err;
	if (p->kind != SHADOW_PV_DIR)
		return -ENOTDIR;
	*out = p->dir;
	return 0;
}

/* n entries from index of the table; NULL pages never come with 0. */
static int table_of(struct shadow_guest *sg, uint32_t id, uint32_t index, uint32_t n,
		    struct pv_page **out)
{
	int err = page_of(sg, id, out);

	if (err)
		return err;
	if ((*out)->kind == SHADOW_PV_DIR)
		return -ENOTDIR;
	return n && range_ok(index, n, (*out)->t->nr) ? 0 : -ERANGE;
}

int shadow_pv_new(struct shadow_guest *sg)
{
	/* There are no tables of the guest's own to track. */
	track_off(sg);
	sg->pv = mem_new(struct pv);
	if (!sg->pv)
		return -ENOMEM;
	list_init(&sg->pv->limbo.node);
	sg->pv->limbo.sg = sg;
	sg->pv->limbo.pv = true;
	return 0;
}

bool shadow_is_pv(const struct shadow_guest *sg)
{
	return sg->pv;
}

const struct shadow_pv_stats *shadow_pv_stats(const struct shadow_guest *sg)
{
	return &sg->pv->stats;
}

/* ---- allocation ------------------------------------------------------------------------- */

static int dir_new(struct shadow_guest *sg, struct vas **out)
{
	struct vas *v = mem_new(struct vas);
	int err = -ENOMEM;

	if (!v)
		return -ENOMEM;
	v->sg = sg;
	v->pv = true;
	v->target = ~0u; /* no address a flush register could name */
	v->refs = 1;
	v->slot = mem_calloc(NR_SLOTS, sizeof(v->slot[0]));
	if (v->slot)
		err = sg_heap_get(sg, PD_LEN, &v->pd);
	if (err) {
		mem_free(v->slot);
		mem_free(v);
		return err;
	}
	list_add_tail(&sg->vas, &v->node);
	*out = v;
	return 0;
}

static int page_new(struct shadow_guest *sg, struct pv_page *p, enum shadow_pv_kind kind,
		    uint32_t shift)
{
	*p = (struct pv_page){ .kind = kind };
	switch (kind) {
	case SHADOW_PV_DIR:
		return dir_new(sg, &p->dir);
	case SHADOW_PV_SMALL:
		return spt_new(sg, FERMI_SMALL_SHIFT, HOST_GEOM->nr_small >> shift, &p->t);
	default:
		return spt_new(sg, HOST_GEOM->large_shift, HOST_GEOM->nr_large >> shift, &p->t);
	}
}

int shadow_pv_alloc(struct shadow_guest *sg, enum shadow_pv_kind kind, uint32_t shift, uint32_t *id)
{
	struct pv *pv = sg->pv;
	uint32_t i = 1;
	int err;

	if ((unsigned int)kind >= NR_SHADOW_PV_KINDS || shift > 3 ||
	    (kind == SHADOW_PV_DIR && shift))
		return -ERANGE;
	while (i <= pv->top && pv->page[i].used)
		i++;
	if (i > SHADOW_PV_IDS)
		return -EDQUOT;
	err = page_new(sg, &pv->page[i], kind, shift);
	/* Freed tables wait for a flush: before memory is refused, they go. */
	if ((err == -EDQUOT || err == -ENOSPC) && !list_empty(&sg->dead) && !sg_settle(sg, true))
		err = page_new(sg, &pv->page[i], kind, shift);
	if (err) {
		if (err == -EDQUOT || err == -ENOSPC)
			sg_fault(sg, SHADOW_FAULT_QUOTA, i);
		return err;
	}
	pv->page[i].used = true;
	pv->top = i > pv->top ? i : pv->top;
	pv->stats.pages[kind]++;
	*id = i;
	return 0;
}

/* ---- directories -------------------------------------------------------------------------- */

static int slot_write(struct vas *v, uint32_t i)
{
	uint64_t e = vas_pde(&v->slot[i]);

	v->tlb = true;
	return vram_put(v->sg->s, hvram(hvram_x(v->pd) + i * 8ull), &e, sizeof(e));
}

/* Takes every table out of directory v; they stay allocated. */
static void dir_empty(struct pv *pv, struct vas *v)
{
	for (uint32_t i = 1; i <= pv->top; i++) {
		struct pv_page *p = &pv->page[i];

		if (!p->used || !p->t || p->in != v)
			continue;
		v->slot[p->slot].t[p->kind == SHADOW_PV_SMALL ? SPT_SMALL : SPT_LARGE] = NULL;
		slot_write(v, p->slot);
		p->in = NULL;
	}
}

static void dir_free(struct pv *pv, struct vas *v)
{
	struct shadow_guest *sg = v->sg;

	dir_empty(pv, v);
	/* The device may have cached it even if it had no tables. */
	v->tlb = true;
	sg_settle(sg, true);
	list_del(&v->node);
	sg_heap_put(sg, v->pd, PD_LEN);
	mem_free(v->slot);
	mem_free(v);
}

int shadow_pv_free(struct shadow_guest *sg, uint32_t id)
{
	struct pv_page *p;
	int err = page_of(sg, id, &p);

	if (err)
		return err;
	if (p->kind == SHADOW_PV_DIR ? p->dir->refs > 1 : p->in != NULL)
		return -EBUSY;
	if (p->kind == SHADOW_PV_DIR)
		dir_free(sg->pv, p->dir);
	else
		spt_bury(sg, p->t);
	sg->pv->stats.pages[p->kind]--;
	*p = (struct pv_page){ 0 };
	return 0;
}

/* The tables to go into an entry: NULL for id 0.  -EBUSY: another entry has it. */
static int slot_table(struct shadow_guest *sg, uint32_t id, enum shadow_pv_kind kind,
		      const struct vas *dir, uint32_t index, struct pv_page **out)
{
	int err;

	*out = NULL;
	if (!id)
		return 0;
	err = page_of(sg, id, out);
	if (err)
		return err;
	if ((*out)->kind != kind)
		return -ENOTDIR;
	return (*out)->in && ((*out)->in != dir || (*out)->slot != index) ? -EBUSY : 0;
}

/* The books say of every table whether an entry names it: found by looking, there are few. */
static void slot_forget(struct pv *pv, const struct vas *dir, uint32_t index)
{
	const struct vas_slot *sl = &dir->slot[index];

	for (uint32_t i = 1; i <= pv->top && (sl->t[SPT_SMALL] || sl->t[SPT_LARGE]); i++)
		if (pv->page[i].used && pv->page[i].in == dir && pv->page[i].slot == index)
			pv->page[i].in = NULL;
}

int shadow_pv_map_table(struct shadow_guest *sg, uint32_t dir, uint32_t index, uint32_t small,
			uint32_t large)
{
	struct pv_page *s, *l;
	struct vas *v;
	int err = dir_of(sg, dir, &v);

	if (err)
		return err;
	if (index >= NR_SLOTS)
		return -ERANGE;
	err = slot_table(sg, small, SHADOW_PV_SMALL, v, index, &s);
	if (!err)
		err = slot_table(sg, large, SHADOW_PV_LARGE, v, index, &l);
	if (err)
		return err;
	/* The size field of an entry is for both. */
	if (s && l && spt_size_shift(s->t) != spt_size_shift(l->t))
		return -ERANGE;
	slot_forget(sg->pv, v, index);
	v->slot[index] = (struct vas_slot){ { s ? s->t : NULL, l ? l->t : NULL } };
	if (s) {
		s->in = v;
		s->slot = index;
	}
	if (l) {
		l->in = v;
		l->slot = index;
	}
	return slot_write(v, index);
}

/* ---- who uses a directory -------------------------------------------------------------------- */

/* *user turns from the directory it names to dir; the old one may be freed by the guest then. */
static int use(struct shadow_guest *sg, uint32_t *user, uint32_t dir)
{
	struct vas *v = NULL, *old = NULL;
	int err = dir ? dir_of(sg, dir, &v) : 0;

	if (err)
		return err;
	if (*user)
		dir_of(sg, *user, &old);
	if (v)
		v->refs++;
	if (old)
		old->refs--;
	*user = dir;
	return 0;
}

int shadow_pv_set_dir(struct shadow_guest *sg, uint32_t chan, uint32_t dir)
{
	struct shadow_chan *ch;
	int err;

	if (chan >= GF100_NR_CHAN)
		return -ENOENT;
	err = use(sg, &sg->pv->chan_dir[chan], dir);
	ch = err ? NULL : chan_by_id(sg, gchan(chan));
	return ch ? shadow_chan_sync(ch) : err;
}

int shadow_pv_bar_dir(struct shadow_guest *sg, uint32_t bar, uint32_t dir, uint64_t limit)
{
	uint32_t i = bar == 3;
	int err;

	if (bar != 1 && bar != 3)
		return -ENOENT;
	err = use(sg, &sg->pv->bar_dir[i], dir);
	if (err)
		return err;
	sg->bar[i].limit = limit;
	bar_drop(sg, true, 0, 0);
	return 0;
}

uint64_t pv_chan_key(const struct shadow_guest *sg, gchan_t id)
{
	return sg->pv->chan_dir[gchan_x(id)];
}

int pv_chan_vas(struct shadow_guest *sg, gchan_t id, struct vas **out)
{
	if (dir_of(sg, sg->pv->chan_dir[gchan_x(id)], out))
		return -EFAULT;
	(*out)->refs++;
	return 0;
}

bool pv_bar_entry(const struct shadow_guest *sg, uint32_t i, uint64_t va, uint64_t *e,
		  uint32_t *page_shift)
{
	uint32_t id = sg->pv->bar_dir[i];
	const struct vas_slot *sl;
	uint64_t in = va & ((1ull << HOST_GEOM->pde_shift) - 1);

	if (!id || va >> FERMI_VA_BITS)
		return false;
	sl = &sg->pv->page[id].dir->slot[va >> HOST_GEOM->pde_shift];
	for (uint32_t k = 0; k < NR_SPT_KINDS; k++) {
		const struct spt *t = sl->t[k];

		if (!t || in >> t->page_shift >= t->nr || !t->cur[in >> t->page_shift])
			continue;
		*e = t->cur[in >> t->page_shift];
		*page_shift = t->page_shift;
		return true;
	}
	return false;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* What a table's changes are told to, and the address its entry 0 has. */
static struct vas *told(struct shadow_guest *sg, const struct pv_page *p, uint64_t *va)
{
	*va = p->in ? (uint64_t)p->slot << HOST_GEOM->pde_shift : 0;
	return p->in ? p->in : &sg->pv->limbo;
}

int shadow_pv_map(struct shadow_guest *sg, uint32_t table, uint32_t index, const uint64_t *e,
		  uint32_t n, uint32_t *first_bad)
{
	uint32_t good = 0, want = 0;
	struct pv_page *p;
	struct vas *v;
	uint64_t va;
	int err = table_of(sg, table, index, n, &p);

	if (err)
		return err;
	v = told(sg, p, &va);
	for (uint32_t i = 0; !err && i < n; i += SPT_BLOCK)
		err = spt_put(v, p->t, index + i, e + i, n - i < SPT_BLOCK ? n - i : SPT_BLOCK, va);
	for (uint32_t i = 0; i < n; i++) {
		bool is = p->t->cur[index + i];

		if ((e[i] & PTE_PRESENT) && !is && good == want)
			*first_bad = i;
		want += e[i] & PTE_PRESENT;
		good += is;
	}
	sg->pv->stats.mapped += good;
	return err ? err : good == want ? 0 : -EFAULT;
}

int shadow_pv_map_run(struct shadow_guest *sg, uint32_t table, uint32_t index, uint64_t e,
		      uint64_t stride, uint32_t n, uint32_t *first_bad)
{
	const uint64_t room = 1ull << FERMI_PHYS_BITS;
	uint64_t buf[SPT_BLOCK], a = pte_addr(e);
	struct pv_page *p;
	int err = table_of(sg, table, index, n, &p), worst = 0;

	if (err)
		return err;
	/* No entry's address may wrap into another's: room is 2^40, n at most 2^15. */
	if (!is_aligned(stride, 4096) || (n > 1 && stride > (room - 1 - a) / (n - 1)))
		return -ERANGE;
	for (uint32_t i = 0; i < n; i += SPT_BLOCK) {
		uint32_t k = n - i < SPT_BLOCK ? n - i : SPT_BLOCK, bad;

		for (uint32_t j = 0; j < k; j++)
			buf[j] = pte_move(e, (enum pte_target)pte_target(e), a + (i + j) * stride);
		err = shadow_pv_map(sg, table, index + i, buf, k, &bad);
		if (err && err != -EFAULT)
			return err;
		if (err && !worst)
			*first_bad = i + bad;
		worst = worst ? worst : err;
	}
	return worst;
}

int shadow_pv_unmap(struct shadow_guest *sg, uint32_t table, uint32_t index, uint32_t n)
{
	static const uint64_t none[SPT_BLOCK];
	struct pv_page *p;
	struct vas *v;
	uint64_t va;
	int err = table_of(sg, table, index, n, &p);

	if (err)
		return err;
	v = told(sg, p, &va);
	for (uint32_t i = 0; i < n; i++)
		sg->pv->stats.unmapped += p->t->cur[index + i] != 0;
	for (uint32_t i = 0; !err && i < n; i += SPT_BLOCK)
		err = spt_put(v, p->t, index + i, none, n - i < SPT_BLOCK ? n - i : SPT_BLOCK, va);
	return err;
}

int shadow_pv_flush(struct shadow_guest *sg, uint32_t dir)
{
	struct vas *v;
	int err = dir_of(sg, dir, &v);

	if (err)
		return err;
	sg->pv->stats.flushes++;
	sg->stats.flushes++;
	v->tlb = true;
	sg_settle(sg, true);
	bar_drop(sg, true, 0, 0);
	return 0;
}

/* ---- the guest's life --------------------------------------------------------------------------- */

int pv_revoke(struct shadow_guest *sg, uint64_t start, uint64_t len)
{
	struct pv *pv = sg->pv;
	int err = 0;

	for (uint32_t i = 1; pv && !err && i <= pv->top; i++)
		if (pv_orphan(pv, i))
			err = spt_revoke(&pv->limbo, pv->page[i].t, start, len);
	return err;
}

void shadow_pv_reset(struct shadow_guest *sg)
{
	struct pv *pv = sg->pv;

	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		use(sg, &pv->chan_dir[i], 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(pv->bar_dir); i++)
		use(sg, &pv->bar_dir[i], 0);
	bar_drop(sg, true, 0, 0);
	/* Directories first: what they named is in no use then. */
	for (uint32_t i = 1; i <= pv->top; i++)
		if (pv->page[i].used && pv->page[i].kind == SHADOW_PV_DIR)
			shadow_pv_free(sg, i);
	for (uint32_t i = 1; i <= pv->top; i++)
		if (pv->page[i].used)
			shadow_pv_free(sg, i);
	sg_settle(sg, true);
	pv->top = 0;
}

void pv_fini(struct shadow_guest *sg)
{
	if (!sg->pv)
		return;
	shadow_pv_reset(sg);
	mem_free(sg->pv);
	sg->pv = NULL;
}

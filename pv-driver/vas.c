// SPDX-License-Identifier: MIT
/*
 * GPU address spaces: directories, tables, and who has which addresses.
 *
 *  1. Tables are zeroed before a directory entry names them, and stay until
 *     the address space goes: an unmapped range costs no table traffic later.
 *  2. Every change ends in vas_flush(), before anyone may rely on it.
 *  3. Addresses come only from opened directory slots.  An opened slot covers
 *     128 MiB >> shift; shift is the PDE size field, so that small spaces do
 *     not pay 256 KiB per table (drv_cfg.full_tables keeps it 0, as nouveau).
 *  4. Never given out: slot 0, where a null pointer would land, and the slot
 *     of 0xf8000000-0xffffffff, where nouveau's clients keep windows.
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/hp_drv.h"
#include "pv-driver/private.h"

#define PDE_SPAN (1ull << 27)
#define SLOT_RESERVED (0xf8000000ull / PDE_SPAN)
#define MAX_SHIFT 3u
/*
 * A BAR uses one entry; a page of them instead of 64 KiB spares bring-up thousands of PRAMIN
 * stores.
 */
#define BAR_NR_PDE 512u

static const struct fermi_geom *geom(void)
{
	return &fermi_geom[0];
}

static const struct vas_backend *backend(const struct drv_vas *v)
{
	return v->drv->backend;
}

int vas_flush(struct drv_vas *v)
{
	return backend(v)->flush(v);
}

static int tab_new(struct drv *d, enum pt_kind kind, uint32_t shift, uint32_t nr, struct ptab **out)
{
	struct ptab *t = mem_new(struct ptab);
	int err;

	if (!t)
		return -ENOMEM;
	err = d->backend->tab_new(d, kind, shift, nr, t);
	if (err) {
		d->backend->tab_free(d, t);
		mem_free(t);
		return err;
	}
	*out = t;
	return 0;
}

static void tab_free(struct drv *d, struct ptab *t)
{
	if (!t)
		return;
	d->backend->tab_free(d, t);
	mem_free(t);
}

static int vas_init(struct drv *d, uint32_t nr_pde, struct drv_vas **out)
{
	struct drv_vas *v = mem_new(struct drv_vas);
	int err;

	if (!v)
		return -ENOMEM;
	v->drv = d;
	v->nr_pde = nr_pde;
	v->limit = (uint64_t)nr_pde * PDE_SPAN - 1;
	heap_init(&v->va);
	list_init(&v->maps);
	list_add_tail(&d->vases, &v->node);
	v->pde = mem_calloc(nr_pde, sizeof(*v->pde));
	err = v->pde ? tab_new(d, PT_DIR, 0, nr_pde, &v->pd) : -ENOMEM;
	if (err) {
		vas_free(v);
		return err;
	}
	*out = v;
	return 0;
}

/* Always a full directory: who scans it need not look at the limit. */
int vas_new(struct drv *d, struct drv_vas **out)
{
	return vas_init(d, geom()->nr_pde, out);
}

void vas_free(struct drv_vas *v)
{
	struct vas_map *m, *tmp;

	if (!v)
		return;
	list_for_each_safe(m, tmp, &v->maps, node)
		vas_unmap(m);
	if (v->drv->hp)
		hp_vas_free(v);
	if (v->pd && backend(v)->gone)
		backend(v)->gone(v);
	tab_free(v->drv, v->pd);
	for (uint32_t i = 0; v->pde && i < v->nr_pde; i++) {
		tab_free(v->drv, v->pde[i].small);
		tab_free(v->drv, v->pde[i].large);
	}
	heap_fini(&v->va);
	list_del(&v->node);
	mem_free(v->pde);
	mem_free(v);
}

/* The table for page_shift of a slot, made if it is not there. */
static int need_table(struct drv_vas *v, uint32_t slot, uint32_t page_shift)
{
	struct vas_pde *p = &v->pde[slot];
	bool small = page_shift == FERMI_SMALL_SHIFT;
	struct ptab **t = small ? &p->small : &p->large;
	uint32_t entries = (small ? geom()->nr_small : geom()->nr_large) >> p->shift;
	int err;

	if (*t)
		return 0;
	err = tab_new(v->drv, small ? PT_SMALL : PT_LARGE, p->shift, entries, t);
	if (err)
		return err;
	v->drv->stats.tables++;
	return backend(v)->pde(v, slot);
}

int vas_new_bar(struct drv *d, uint32_t bar, uint64_t bar_len, struct drv_vas **out)
{
	struct drv_vas *v;
	uint64_t use;
	int err;

	err = vas_init(d, d->cfg.full_tables ? geom()->nr_pde : BAR_NR_PDE, &v);
	if (err)
		return err;
	v->bar = bar;
	v->limit = bar_len - 1;
	v->pde[0].open = true;
	v->pde[0].shift = d->cfg.full_tables ? 0 : MAX_SHIFT;
	use = PDE_SPAN >> v->pde[0].shift;
	err = heap_add(&v->va, 0, bar_len < use ? bar_len : use);
	if (!err)
		err = need_table(v, 0, FERMI_SMALL_SHIFT);
	if (err) {
		vas_free(v);
		return err;
	}
	*out = v;
	return 0;
}

/* First of n neighbouring slots that are neither open nor reserved; 0 if there are none. */
static uint32_t find_slots(const struct drv_vas *v, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t i = 1; i < v->nr_pde; i++) {
		run = v->pde[i].open || i == SLOT_RESERVED ? 0 : run + 1;
		if (run == n)
			return i - n + 1;
	}
	return 0;
}

/* Opens slots that hold a range of len bytes. */
static int open_slots(struct drv_vas *v, uint64_t len)
{
	uint32_t shift = v->drv->cfg.full_tables ? 0 : MAX_SHIFT, n, first;
	int err;

	if (len > v->limit)
		return -ENOSPC;
	while (shift && PDE_SPAN >> shift < len)
		shift--;
	n = (uint32_t)(align_up(len, PDE_SPAN) / PDE_SPAN);
	first = find_slots(v, n);
	if (!first)
		return -ENOSPC;
	err = heap_add(&v->va, first * PDE_SPAN, n * PDE_SPAN >> shift);
	if (err)
		return err;
	for (uint32_t i = first; i < first + n; i++) {
		v->pde[i].open = true;
		v->pde[i].shift = (uint8_t)shift;
	}
	return 0;
}

static int alloc_va(struct drv_vas *v, uint64_t len, uint64_t align, struct heap_node **out)
{
	int err = heap_alloc(&v->va, len, align, false, out);

	if (err != -ENOSPC || v->bar)
		return err;
	err = open_slots(v, len);
	return err ? err : heap_alloc(&v->va, len, align, false, out);
}

/* Writes the entries of [va, va+len); r NULL clears them. */
static int write_ptes(struct drv_vas *v, uint64_t va, uint64_t len, uint32_t shift,
		      const struct vas_range *r)
{
	uint64_t done = 0, index, n, room, e = 0;
	const struct vas_pde *p;
	int err = 0;

	for (; !err && done < len; done += n << shift) {
		p = &v->pde[(va + done) / PDE_SPAN];
		index = ((va + done) & (PDE_SPAN - 1)) >> shift;
		room = (PDE_SPAN >> shift) - index;
		n = (len - done) >> shift;
		n = n < room ? n : room;
		if (r)
			e = pte_pack(r->target, r->addr + done, r->pte_flags | PTE_PRESENT);
		err = backend(v)->set(v->drv, shift == FERMI_SMALL_SHIFT ? p->small : p->large,
				      (uint32_t)index, (uint32_t)n, e, r ? PTE_STEP(shift) : 0);
		v->drv->stats.ptes_written += n;
	}
	return err;
}

int vas_map_range(struct drv_vas *v, const struct vas_range *r, struct vas_map **out)
{
	struct vas_map *m = mem_new(struct vas_map);
	uint64_t page = 1ull << r->page_shift;
	uint32_t slot, last;
	int err;

	if (!m)
		return -ENOMEM;
	m->vas = v;
	m->page_shift = r->page_shift;
	list_init(&m->node);
	list_init(&m->bo_node);
	err = alloc_va(v, r->len, page, &m->va);
	if (err) {
		mem_free(m);
		return err;
	}
	last = (uint32_t)((m->va->at + r->len - 1) / PDE_SPAN);
	for (slot = (uint32_t)(m->va->at / PDE_SPAN); !err && slot <= last; slot++)
		err = need_table(v, slot, r->page_shift);
	if (!err) {
		err = write_ptes(v, m->va->at, r->len, r->page_shift, r);
		if (!err)
			err = vas_flush(v);
		/* What of it was done is undone. */
		if (err && !write_ptes(v, m->va->at, r->len, r->page_shift, NULL))
			vas_flush(v);
	}
	if (err) {
		heap_free(&v->va, m->va);
		mem_free(m);
		return err;
	}
	list_add_tail(&v->maps, &m->node);
	*out = m;
	return 0;
}

int vas_remap(struct vas_map *m, const struct vas_range *r)
{
	int err = write_ptes(m->vas, m->va->at, r->len, m->page_shift, r);

	return err ? err : vas_flush(m->vas);
}

void vas_unmap(struct vas_map *m)
{
	struct drv_vas *v;

	if (!m)
		return;
	v = m->vas;
	if (v->drv->hp) {
		hp_unmap(m);
		return;
	}
	write_ptes(v, m->va->at, m->va->len, m->page_shift, NULL);
	vas_flush(v);
	heap_free(&v->va, m->va);
	list_del(&m->node);
	list_del(&m->bo_node);
	mem_free(m);
}

int vas_bind(struct drv_vas *v, struct imem *inst)
{
	imem_wr32(inst, INST_LIMIT_LO, lo32(v->limit));
	imem_wr32(inst, INST_LIMIT_HI, hi32(v->limit));
	return backend(v)->bind(v, inst);
}

int vas_chan(struct drv_vas *v, uint32_t chid, bool on)
{
	return backend(v)->chan(v, chid, on);
}

/* ---- public ------------------------------------------------------------------ */

/* The tables, and with them the fence page, are the mediator's. */
static int far_vas_new(struct drv *d, struct drv_vas **out)
{
	struct drv_vas *v = mem_new(struct drv_vas);

	if (!v)
		return -ENOMEM;
	v->drv = d;
	heap_init(&v->va);
	list_init(&v->maps);
	list_add_tail(&d->vases, &v->node);
	*out = v;
	return hp_vas_new(d, v);
}

int drv_vas_new(struct drv *d, struct drv_vas **out)
{
	struct drv_vas *v = NULL;
	int err;

	pthread_mutex_lock(&d->lock);
	err = d->hp ? far_vas_new(d, &v) : vas_new(d, &v);
	if (!err && !d->hp)
		err = bo_map(v, d->fence, 0, &v->fence_va);
	if (err)
		vas_free(v);
	else
		*out = v;
	pthread_mutex_unlock(&d->lock);
	return err;
}

int drv_vas_free(struct drv_vas *v)
{
	struct drv *d;
	int err = 0;

	if (!v)
		return 0;
	d = v->drv;
	pthread_mutex_lock(&d->lock);
	if (v->nr_chans)
		err = -EBUSY;
	else
		vas_free(v);
	pthread_mutex_unlock(&d->lock);
	return err;
}

int drv_vas_map(struct drv_vas *v, struct drv_bo *bo, uint32_t flags, uint64_t *va)
{
	int err;

	pthread_mutex_lock(&v->drv->lock);
	err = bo_map(v, bo, flags, va);
	if ((err == -ENOMEM || err == -ENOSPC || err == -EDQUOT) && hp_keep_shrink(v->drv))
		err = bo_map(v, bo, flags, va);
	pthread_mutex_unlock(&v->drv->lock);
	return err;
}

int drv_vas_unmap(struct drv_vas *v, uint64_t va)
{
	struct vas_map *m;
	int err = -ENOENT;

	pthread_mutex_lock(&v->drv->lock);
	list_for_each(m, &v->maps, node) {
		if (!m->bo || m->idle || map_va(m) != va)
			continue;
		if (!hp_keep_map(m))
			vas_unmap(m);
		err = 0;
		break;
	}
	pthread_mutex_unlock(&v->drv->lock);
	return err;
}

int drv_bo_unmap(struct drv_bo *bo, struct drv_vas *v, uint64_t va)
{
	struct vas_map *m;
	int err = -ENOENT;

	pthread_mutex_lock(&v->drv->lock);
	list_for_each(m, &bo->maps, bo_node) {
		if (m->vas != v || m->idle || map_va(m) != va)
			continue;
		if (!hp_keep_map(m))
			vas_unmap(m);
		err = 0;
		break;
	}
	pthread_mutex_unlock(&v->drv->lock);
	return err;
}

static int walk(struct drv_vas *v, uint64_t va, uint64_t *pte, uint32_t *page_shift)
{
	const struct vas_pde *p;
	uint64_t in = va & (PDE_SPAN - 1);

	if (va > v->limit)
		return -EFAULT;
	p = &v->pde[va / PDE_SPAN];
	if (in >= PDE_SPAN >> p->shift)
		return -EFAULT;
	*page_shift = FERMI_SMALL_SHIFT;
	*pte = p->small ? backend(v)->get(p->small, (uint32_t)(in >> FERMI_SMALL_SHIFT)) : 0;
	if (*pte & PTE_PRESENT)
		return 0;
	*page_shift = geom()->large_shift;
	*pte = p->large ? backend(v)->get(p->large, (uint32_t)(in >> geom()->large_shift)) : 0;
	return *pte & PTE_PRESENT ? 0 : -EFAULT;
}

int drv_vas_walk(struct drv_vas *v, uint64_t va, uint64_t *pte, uint32_t *page_shift)
{
	int err;

	if (v->drv->hp)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&v->drv->lock);
	err = walk(v, va, pte, page_shift);
	pthread_mutex_unlock(&v->drv->lock);
	return err;
}

uint64_t drv_vas_pdb(const struct drv_vas *v)
{
	return v->pd && v->pd->mem ? v->pd->mem->addr : 0;
}

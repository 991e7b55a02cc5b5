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

/* The queue of flushes is as deep as PFB_MMU_CTRL says [nvkm/subdev/mmu/vmmgf100.c]. */
void vas_flush(struct drv_vas *v)
{
	struct drv *d = v->drv;
	uint32_t type = TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES | (v->bar ? TLB_FLUSH_HUB_ONLY : 0);

	flush_bar(d);
	if (d->no_flush)
		return;
	wait_reg(d, NV_PFB_MMU_CTRL, 0x00ff0000, true, "a free TLB flush slot");
	wr32(d, NV_PFB_TLB_PDB, (uint32_t)(v->pd->addr >> 12 << 4));
	wr32(d, NV_PFB_TLB_FLUSH, type);
	wait_reg(d, NV_PFB_MMU_CTRL, 0x00008000, true, "the TLB flush");
	d->stats.tlb_flushes++;
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
	err = v->pde ? imem_new(d, nr_pde * 8ull, true, &v->pd) : -ENOMEM;
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
	for (uint32_t i = 0; v->pde && i < v->nr_pde; i++) {
		imem_free(v->pde[i].small);
		imem_free(v->pde[i].large);
	}
	imem_free(v->pd);
	heap_fini(&v->va);
	list_del(&v->node);
	mem_free(v->pde);
	mem_free(v);
}

static void write_pde(struct drv_vas *v, uint32_t slot)
{
	const struct vas_pde *p = &v->pde[slot];
	uint64_t e = bits_put(p->shift, 3, 2);

	if (p->large)
		e |= pde_pack_large(PDE_VRAM, p->large->addr);
	if (p->small)
		e |= pde_pack_small(PDE_VRAM, p->small->addr);
	imem_wr64(v->pd, slot * 8ull, e);
}

/* The table for page_shift of a slot, made if it is not there. */
static int need_table(struct drv_vas *v, uint32_t slot, uint32_t page_shift)
{
	struct vas_pde *p = &v->pde[slot];
	bool small = page_shift == FERMI_SMALL_SHIFT;
	struct imem **t = small ? &p->small : &p->large;
	uint64_t entries = (small ? geom()->nr_small : geom()->nr_large) >> p->shift;
	int err;

	if (*t)
		return 0;
	err = imem_new(v->drv, entries * 8, true, t);
	if (err)
		return err;
	v->drv->stats.tables++;
	write_pde(v, slot);
	return 0;
}

int vas_new_bar(struct drv *d, uint64_t bar_len, struct drv_vas **out)
{
	struct drv_vas *v;
	uint64_t use;
	int err;

	err = vas_init(d, d->cfg.full_tables ? geom()->nr_pde : BAR_NR_PDE, &v);
	if (err)
		return err;
	v->bar = true;
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
static void write_ptes(struct drv_vas *v, uint64_t va, uint64_t len, uint32_t shift,
		       const struct vas_range *r)
{
	uint64_t pte[64], page = 1ull << shift, done = 0;
	const struct vas_pde *p;
	uint64_t index, n, room;

	for (; done < len; done += n * page) {
		p = &v->pde[(va + done) / PDE_SPAN];
		index = ((va + done) & (PDE_SPAN - 1)) >> shift;
		room = (PDE_SPAN >> shift) - index;
		n = (len - done) >> shift;
		n = n < room ? n : room;
		n = n < ARRAY_SIZE(pte) ? n : ARRAY_SIZE(pte);
		for (uint64_t i = 0; i < n; i++)
			pte[i] = r ? pte_pack(r->target, r->addr + done + i * page,
					      r->pte_flags | PTE_PRESENT)
				   : 0;
		imem_wr(shift == FERMI_SMALL_SHIFT ? p->small : p->large, index * 8, pte, n * 8);
		v->drv->stats.ptes_written += n;
	}
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
	if (err) {
		heap_free(&v->va, m->va);
		mem_free(m);
		return err;
	}
	write_ptes(v, m->va->at, r->len, r->page_shift, r);
	vas_flush(v);
	list_add_tail(&v->maps, &m->node);
	*out = m;
	return 0;
}

void vas_remap(struct vas_map *m, const struct vas_range *r)
{
	write_ptes(m->vas, m->va->at, r->len, m->page_shift, r);
	vas_flush(m->vas);
}

void vas_unmap(struct vas_map *m)
{
	struct drv_vas *v;

	if (!m)
		return;
	v = m->vas;
	write_ptes(v, m->va->at, m->va->len, m->page_shift, NULL);
	vas_flush(v);
	heap_free(&v->va, m->va);
	list_del(&m->node);
	list_del(&m->bo_node);
	mem_free(m);
}

void vas_bind(struct drv_vas *v, struct imem *inst)
{
	imem_wr32(inst, INST_PDB_LO, lo32(v->pd->addr));
	imem_wr32(inst, INST_PDB_HI, hi32(v->pd->addr));
	imem_wr32(inst, INST_LIMIT_LO, lo32(v->limit));
	imem_wr32(inst, INST_LIMIT_HI, hi32(v->limit));
}

/* ---- public ------------------------------------------------------------------ */

int drv_vas_new(struct drv *d, struct drv_vas **out)
{
	struct drv_vas *v;
	int err;

	pthread_mutex_lock(&d->lock);
	err = vas_new(d, &v);
	if (!err) {
		err = bo_map(v, d->fence, 0, &v->fence_va);
		if (err)
			vas_free(v);
		else
			*out = v;
	}
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
	pthread_mutex_unlock(&v->drv->lock);
	return err;
}

int drv_vas_unmap(struct drv_vas *v, uint64_t va)
{
	struct vas_map *m;
	int err = -ENOENT;

	pthread_mutex_lock(&v->drv->lock);
	list_for_each(m, &v->maps, node) {
		if (!m->bo || map_va(m) != va)
			continue;
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
	*pte = p->small ? imem_rd64(p->small, (in >> FERMI_SMALL_SHIFT) * 8) : 0;
	if (*pte & PTE_PRESENT)
		return 0;
	*page_shift = geom()->large_shift;
	*pte = p->large ? imem_rd64(p->large, (in >> geom()->large_shift) * 8) : 0;
	return *pte & PTE_PRESENT ? 0 : -EFAULT;
}

int drv_vas_walk(struct drv_vas *v, uint64_t va, uint64_t *pte, uint32_t *page_shift)
{
	int err;

	pthread_mutex_lock(&v->drv->lock);
	err = walk(v, va, pte, page_shift);
	pthread_mutex_unlock(&v->drv->lock);
	return err;
}

uint64_t drv_vas_pdb(const struct drv_vas *v)
{
	return v->pd->addr;
}

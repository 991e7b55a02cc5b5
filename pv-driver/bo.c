// SPDX-License-Identifier: MIT
/*
 * Buffer objects: memory that the GPU reaches, in VRAM or in system memory.
 *
 *  1. The memory of an object is one contiguous range.
 *  2. A VRAM object of 128 KiB or more is aligned and padded to 128 KiB, so
 *     that it can be mapped by large pages; system memory has 4 KiB pages
 *     always (Fermi has large pages in VRAM only).
 *  3. An object knows all its mappings and takes them with it.
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/hp_drv.h"
#include "pv-driver/private.h"

#define LARGE_SHIFT 17
#define LARGE (1ull << LARGE_SHIFT)

static bool large_ok(const struct drv *d, uint64_t len, uint32_t flags)
{
	return (flags & DRV_BO_VRAM) && !(flags & DRV_BO_SMALL) && !d->cfg.small_pages &&
	       len >= LARGE;
}

static int map_bar1(struct drv_bo *bo)
{
	struct vas_range r = { PTE_VRAM, bo->addr, bo->len, FERMI_SMALL_SHIFT, 0 };

	return vas_map_range(bo->drv->bar1.vas, &r, &bo->bar1);
}

static int vram_new(struct drv_bo *bo)
{
	struct drv *d = bo->drv;
	bool large = large_ok(d, bo->len, bo->flags);
	int err;

	if (d->hp)
		return hp_bo_vram(bo);
	if (large)
		bo->len = align_up(bo->len, LARGE);
	err = heap_alloc(&d->vram, bo->len, large ? LARGE : PAGE, false, &bo->vram);
	if (err)
		return err;
	bo->addr = bo->vram->at;
	return bo->flags & DRV_BO_BAR1 ? map_bar1(bo) : 0;
}

int bo_new(struct drv *d, uint64_t len, uint32_t flags, struct drv_bo **out)
{
	struct drv_bo *bo;
	int err;

	if (!len || len > 1ull << FERMI_PHYS_BITS)
		return -EINVAL;
	bo = mem_new(struct drv_bo);
	if (!bo)
		return -ENOMEM;
	bo->drv = d;
	bo->len = align_up(len, PAGE);
	bo->flags = flags;
	list_init(&bo->maps);
	list_init(&bo->keep);
	list_add_tail(&d->bos, &bo->node);
	if (flags & DRV_BO_VRAM) {
		err = vram_new(bo);
	} else {
		err = d->bus->ops->mem_alloc(d->bus, bo->len, &bo->sys);
		bo->addr = bo->sys.addr;
	}
	if (err) {
		bo_free(bo);
		return err;
	}
	*out = bo;
	return 0;
}

int drv_bo_new_at(struct drv *d, uint64_t addr, uint64_t len, struct drv_bo **out)
{
	struct drv_bo *bo;

	if (!len || !is_aligned(len | addr, PAGE) || !range_ok(addr, len, 1ull << FERMI_PHYS_BITS))
		return -EINVAL;
	bo = mem_new(struct drv_bo);
	if (!bo)
		return -ENOMEM;
	bo->drv = d;
	bo->len = len;
	bo->addr = addr;
	list_init(&bo->maps);
	list_init(&bo->keep);
	pthread_mutex_lock(&d->lock);
	list_add_tail(&d->bos, &bo->node);
	pthread_mutex_unlock(&d->lock);
	*out = bo;
	return 0;
}

void bo_free(struct drv_bo *bo)
{
	struct vas_map *m, *tmp;

	if (!bo)
		return;
	if (bo->drv->hp)
		hp_bo_free(bo);
	list_for_each_safe(m, tmp, &bo->maps, bo_node)
		vas_unmap(m);
	vas_unmap(bo->bar1);
	heap_free(&bo->drv->vram, bo->vram);
	if (bo->sys.cpu)
		bo->drv->bus->ops->mem_free(bo->drv->bus, &bo->sys);
	list_del(&bo->keep);
	list_del(&bo->node);
	mem_free(bo);
}

int bo_map(struct drv_vas *v, struct drv_bo *bo, uint32_t flags, uint64_t *va)
{
	struct vas_range r = { .addr = bo->addr, .len = bo->len, .page_shift = FERMI_SMALL_SHIFT };
	struct vas_map *m = hp_keep_take_map(v, bo, flags);
	int err;

	if (m) {
		*va = map_va(m);
		return 0;
	}
	if (bo->flags & DRV_BO_VRAM) {
		r.target = PTE_VRAM;
		if (large_ok(v->drv, bo->len, bo->flags))
			r.page_shift = LARGE_SHIFT;
	} else {
		r.target = flags & DRV_MAP_SYS_NC ? PTE_SYS_NC : PTE_SYS;
	}
	if (flags & DRV_MAP_RO)
		r.pte_flags |= PTE_RO;
	if (flags & DRV_MAP_PRIV)
		r.pte_flags |= PTE_PRIV;
	r.pte_flags |= bits_put(flags >> 8, 43, 36);
	err = v->drv->hp ? hp_bo_map(v, bo, flags, &m) : vas_map_range(v, &r, &m);
	if (err)
		return err;
	m->bo = bo;
	m->flags = flags;
	list_add_tail(&bo->maps, &m->bo_node);
	*va = map_va(m);
	return 0;
}

/* ---- public ------------------------------------------------------------------ */

int drv_bo_new(struct drv *d, uint64_t len, uint32_t flags, struct drv_bo **out)
{
	struct drv_bo *bo;
	int err = 0;

	pthread_mutex_lock(&d->lock);
	bo = hp_keep_take(d, len, flags);
	if (bo)
		*out = bo;
	else
		err = bo_new(d, len, flags, out);
	if ((err == -ENOMEM || err == -ENOSPC) && hp_keep_shrink(d))
		err = bo_new(d, len, flags, out);
	pthread_mutex_unlock(&d->lock);
	return err;
}

void drv_bo_free(struct drv_bo *bo)
{
	struct drv *d;

	if (!bo)
		return;
	d = bo->drv;
	pthread_mutex_lock(&d->lock);
	if (!hp_keep_bo(bo))
		bo_free(bo);
	pthread_mutex_unlock(&d->lock);
}

uint64_t drv_bo_len(const struct drv_bo *bo)
{
	return bo->len;
}

void *drv_bo_cpu(const struct drv_bo *bo)
{
	return bo->sys.cpu;
}

uint64_t drv_bo_addr(const struct drv_bo *bo)
{
	return bo->addr;
}

/* Where BAR1 shows the object for good. */
static int shown_at(struct drv_bo *bo, uint64_t *off)
{
	int err = 0;

	if (bo->drv->hp && !bo->exposed)
		err = hp_bo_expose(bo, &bo->window);
	else if (!bo->drv->hp && !bo->bar1)
		err = map_bar1(bo);
	if (err)
		return err;
	bo->exposed = bo->drv->hp;
	*off = bo->exposed ? bo->window : map_va(bo->bar1);
	return 0;
}

static int bo_copy(struct drv_bo *bo, uint64_t at, void *buf, size_t len, bool write)
{
	struct drv *d = bo->drv;
	uint64_t off;
	int err = 0;
	char *p;

	if (!range_ok(at, len, bo->len))
		return -ERANGE;
	if (!bo->sys.cpu && !(bo->flags & DRV_BO_VRAM))
		return -EOPNOTSUPP;
	if (bo->sys.cpu) {
		p = (char *)bo->sys.cpu + at;
		memcpy(write ? p : buf, write ? buf : p, len);
		return 0;
	}
	pthread_mutex_lock(&d->lock);
	if (!d->hp && !bo->bar1) {
		bar1_copy(d, bo->addr + at, len, write, buf);
	} else {
		err = shown_at(bo, &off);
		if (!err && write)
			d->bus->ops->bar_wr(d->bus, 1, off + at, buf, len);
		else if (!err)
			d->bus->ops->bar_rd(d->bus, 1, off + at, buf, len);
	}
	pthread_mutex_unlock(&d->lock);
	return err;
}

int drv_bo_rd(struct drv_bo *bo, uint64_t at, void *buf, size_t len)
{
	return bo_copy(bo, at, buf, len, false);
}

int drv_bo_wr(struct drv_bo *bo, uint64_t at, const void *buf, size_t len)
{
	return bo_copy(bo, at, (void *)(uintptr_t)buf, len, true);
}

int drv_bo_file(struct drv_bo *bo, uint64_t *off)
{
	struct bus *b = bo->drv->bus;

	if (!bo->sys.cpu || !b->ops->mem_file)
		return -EOPNOTSUPP;
	return b->ops->mem_file(b, bo->addr, off);
}

int drv_bo_aperture(struct drv_bo *bo, void **p)
{
	struct drv *d = bo->drv;
	uint64_t off;
	uint8_t *bar;
	int err;

	if (!(bo->flags & DRV_BO_VRAM) || !d->bus->ops->bar_cpu)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&d->lock);
	bar = d->bus->ops->bar_cpu(d->bus, 1);
	err = bar ? shown_at(bo, &off) : -EOPNOTSUPP;
	if (!err)
		*p = bar + off;
	pthread_mutex_unlock(&d->lock);
	return err;
}

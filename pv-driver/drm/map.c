// SPDX-License-Identifier: MIT
/*
 * CPU mappings of buffers.
 *
 *  1. A buffer in system memory is mapped from the file its pages lie in.
 *  2. A buffer in VRAM is shown where BAR1 is in this process: each access
 *     traps.  Those pages belong to the bus: munmap must leave them.  BAR1 has
 *     room for some 15 MiB of them, which nobody missed: Mesa 22.3 and 25.0
 *     reach VRAM through copies and map none for OpenCL.
 *  3. A mapping keeps its buffer, whatever happens to the handle.
 */
#include <errno.h>
#include <sys/mman.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

static struct nvdrm_vma *find_at(struct nvdrm_client *c, uint64_t off)
{
	for (uint32_t i = 0; i < c->nr_vma; i++) {
		if (c->vma[i] && off - c->vma[i]->bo->map_at < c->vma[i]->bo->len)
			return c->vma[i];
	}
	return NULL;
}

static int map_pages(struct nvdrm_bo *bo, const struct nvdrm_mmap_args *a, void **out, bool *traps)
{
	uint64_t at;
	void *p;
	int fd, err;

	*traps = bo->vram;
	if (bo->vram) {
		err = drv_bo_aperture(bo->bo, &p);
		if (err)
			return err == -ENOSPC ? -ENOMEM : err;
		*out = (uint8_t *)p + a->off;
		return 0;
	}
	fd = drv_bo_file(bo->bo, &at);
	if (fd < 0)
		return fd;
	p = mmap(a->addr, a->len, a->prot, a->flags, fd, (off_t)(at + a->off));
	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}

int nvdrm_map_check(const struct nvdrm_bo *bo, const struct nvdrm_mmap_args *a)
{
	if (!a->len || !is_aligned(a->off, DRM_PAGE) ||
	    !range_ok(a->off, align_up(a->len, DRM_PAGE), bo->len))
		return -EINVAL;
	/* A private copy of what the GPU changes is nothing a driver gives. */
	if ((a->flags & MAP_TYPE) == MAP_PRIVATE && a->prot & PROT_WRITE)
		return -EINVAL;
	return bo->vram && a->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) ? -EINVAL : 0;
}

struct nvdrm_bo *nvdrm_map_find(struct nvdrm_client *c, uint64_t off, uint64_t *skip)
{
	struct nvdrm_vma *v = find_at(c, off);

	if (!v)
		return NULL;
	*skip = off - v->bo->map_at;
	v->bo->refs++;
	return v->bo;
}

static int map_locked(struct nvdrm_bo *bo, const struct nvdrm_mmap_args *a, void **out)
{
	struct nvdrm *d = bo->drm;
	struct nvdrm_cpu_map *m;
	int err = nvdrm_map_check(bo, a);

	if (err)
		return err;
	m = mem_new(struct nvdrm_cpu_map);
	if (!m)
		return -ENOMEM;
	err = map_pages(bo, a, out, &m->traps);
	if (err) {
		mem_free(m);
		return err;
	}
	m->bo = bo;
	bo->refs++;
	m->at = *out;
	m->len = m->left = align_up(a->len, DRM_PAGE);
	pthread_mutex_lock(&d->leaf_lock);
	list_add_tail(&d->maps, &m->node);
	pthread_mutex_unlock(&d->leaf_lock);
	return 0;
}

int nvdrm_mmap_bo(struct nvdrm_bo *bo, const struct nvdrm_mmap_args *a, void **out)
{
	int err;

	pthread_mutex_lock(&bo->drm->lock);
	err = map_locked(bo, a, out);
	pthread_mutex_unlock(&bo->drm->lock);
	return err;
}

int nvdrm_mmap(struct nvdrm_client *c, const struct nvdrm_mmap_args *a, void **out)
{
	struct nvdrm_mmap_args in = *a;
	struct nvdrm_vma *v;
	int err = -EINVAL;

	pthread_mutex_lock(&c->drm->lock);
	v = find_at(c, a->off);
	if (v) {
		in.off -= v->bo->map_at;
		err = map_locked(v->bo, &in, out);
	}
	pthread_mutex_unlock(&c->drm->lock);
	return err;
}

/*
 * Takes [at, end) out of one mapping; gone gets the mapping if nothing is left
 * of it.  The same VRAM can be mapped twice, at one address: each munmap takes
 * one.
 */
static bool trim(struct nvdrm *d, uint8_t *at, uint8_t *end, struct list *gone)
{
	struct nvdrm_cpu_map *m, *tmp;
	uint8_t *lo, *hi;

	list_for_each_safe(m, tmp, &d->maps, node) {
		lo = at > m->at ? at : m->at;
		hi = end < m->at + m->len ? end : m->at + m->len;
		if (lo >= hi)
			continue;
		m->left -= (uint64_t)(hi - lo) < m->left ? (uint64_t)(hi - lo) : m->left;
		if (!m->left) {
			list_del(&m->node);
			list_add_tail(gone, &m->node);
		}
		if (m->traps)
			return true;
	}
	return false;
}

bool nvdrm_munmap(struct nvdrm *d, void *addr, uint64_t len)
{
	struct nvdrm_cpu_map *m;
	struct list gone;
	bool traps;

	list_init(&gone);
	pthread_mutex_lock(&d->leaf_lock);
	traps = trim(d, addr, (uint8_t *)addr + align_up(len, DRM_PAGE), &gone);
	pthread_mutex_unlock(&d->leaf_lock);
	while ((m = list_first(&gone, struct nvdrm_cpu_map, node))) {
		pthread_mutex_lock(&d->lock);
		nvdrm_bo_put(m->bo);
		pthread_mutex_unlock(&d->lock);
		list_del(&m->node);
		mem_free(m);
	}
	return traps;
}

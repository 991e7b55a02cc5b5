// SPDX-License-Identifier: MIT
/*
 * Buffers, their handles, and what the GPU still does with them.
 *
 *  1. A buffer has at most one handle, and one address, in each client.
 *  2. A handle that goes while work on its buffer is under way leaves its
 *     mapping on the client's list of dying ones until that work has passed.
 *  3. A buffer never moves.
 */
#include <errno.h>
#include <stdint.h>

#include <libdrm/nouveau_drm.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/kind.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

#define DOMAINS (NOUVEAU_GEM_DOMAIN_VRAM | NOUVEAU_GEM_DOMAIN_GART)
#define MAX_HANDLES 65536u /* a leaking program ends in -ENOMEM before it takes the machine along */
#define MAX_WAITS 16

/* ---- uses ---------------------------------------------------------------------- */

static struct nvdrm_use *use_find(struct nvdrm_bo *bo, const struct nvdrm_chan *ch)
{
	struct nvdrm_use *u;

	list_for_each(u, &bo->uses, node) {
		if (u->chan == ch)
			return u;
	}
	return NULL;
}

static void use_free(struct nvdrm_use *u)
{
	list_del(&u->node);
	nvdrm_chan_put(u->chan);
	mem_free(u);
}

int nvdrm_use_prepare(struct nvdrm_bo *bo, struct nvdrm_chan *ch)
{
	struct nvdrm_use *u = use_find(bo, ch);

	if (u)
		return 0;
	u = mem_new(struct nvdrm_use);
	if (!u)
		return -ENOMEM;
	u->chan = ch;
	ch->refs++;
	list_add_tail(&bo->uses, &u->node);
	return 0;
}

/* Two submissions may be noted in the other order than they were made. */
void nvdrm_use_note(struct nvdrm_bo *bo, struct nvdrm_chan *ch, uint32_t seq, bool write)
{
	struct nvdrm_use *u = use_find(bo, ch);

	if (!u)
		return; /* the channel was closed meanwhile */
	if (!u->any || (int32_t)(seq - u->last) > 0)
		u->last = seq;
	u->any = true;
	if (write && (!u->wrote || (int32_t)(seq - u->written) > 0))
		u->written = seq;
	u->wrote = u->wrote || write;
}

void nvdrm_use_forget(struct nvdrm *d, struct nvdrm_chan *ch)
{
	struct nvdrm_use *u, *tmp;
	struct nvdrm_bo *bo;

	list_for_each(bo, &d->bos, node) {
		list_for_each_safe(u, tmp, &bo->uses, node) {
			if (u->chan == ch)
				use_free(u);
		}
	}
}

static bool bo_idle(struct nvdrm_bo *bo)
{
	struct nvdrm_use *u;

	list_for_each(u, &bo->uses, node) {
		struct drv_fence f = { u->chan->chan, u->last };

		if (u->any && !drv_fence_done(&f) && !drv_chan_status(f.chan, NULL, 0))
			return false;
	}
	return true;
}

/* ---- buffers --------------------------------------------------------------------- */

void nvdrm_bo_put(struct nvdrm_bo *bo)
{
	struct nvdrm_use *u, *tmp;

	if (!bo || --bo->refs)
		return;
	list_for_each_safe(u, tmp, &bo->uses, node)
		use_free(u);
	drv_bo_free(bo->bo);
	list_del(&bo->node);
	mem_free(bo);
}

/*
 * VRAM first if it is allowed, as nouveau places them.  When it is full nouveau
 * moves idle buffers to system memory; ours never move, so the new one goes
 * there, also if it asked for VRAM alone: the GPU does not mind.
 */
static int bo_place(struct nvdrm_bo *bo)
{
	int err = -ENOSPC;

	if (bo->domain & NOUVEAU_GEM_DOMAIN_VRAM)
		err = drv_bo_new(bo->drm->drv, bo->len, DRV_BO_VRAM, &bo->bo);
	bo->vram = !err;
	if (err == -ENOSPC)
		err = drv_bo_new(bo->drm->drv, bo->len, DRV_BO_SYS, &bo->bo);
	return err == -ENOSPC ? -ENOMEM : err;
}

static int bo_new(struct nvdrm *d, const struct drm_nouveau_gem_info *info, struct nvdrm_bo **out)
{
	uint8_t kind = (uint8_t)(info->tile_flags >> 8);
	struct nvdrm_bo *bo;
	int err;

	if (!info->size || !kind_known(kind))
		return -EINVAL;
	if (info->size > 1ull << 40)
		return -ENOMEM;
	bo = mem_new(struct nvdrm_bo);
	if (!bo)
		return -ENOMEM;
	bo->drm = d;
	bo->len = align_up(info->size, DRM_PAGE);
	bo->domain = info->domain & DOMAINS;
	bo->tile_mode = info->tile_mode;
	/* Compression tags are not handed out, so the plain form of a kind is what its memory has. */
	bo->kind = kind_base(kind);
	list_init(&bo->uses);
	err = bo_place(bo);
	if (err) {
		mem_free(bo);
		return err;
	}
	bo->map_at = d->next_map;
	d->next_map += bo->len + DRM_PAGE;
	list_add_tail(&d->bos, &bo->node);
	*out = bo;
	return 0;
}

/* ---- handles ----------------------------------------------------------------------- */

struct nvdrm_vma *nvdrm_vma_find(struct nvdrm_client *c, uint32_t handle)
{
	return handle && handle <= c->nr_vma ? c->vma[handle - 1] : NULL;
}

static int free_slot(struct nvdrm_client *c, uint32_t *slot)
{
	uint32_t n = c->nr_vma ? c->nr_vma * 2 : 64;
	struct nvdrm_vma **v;

	for (*slot = 0; *slot < c->nr_vma; ++*slot)
		if (!c->vma[*slot])
			return 0;
	if (n > MAX_HANDLES)
		return -ENOMEM;
	v = mem_realloc(c->vma, n * sizeof(struct nvdrm_vma *));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = c->nr_vma; i < n; i++)
		v[i] = NULL;
	c->vma = v;
	c->nr_vma = n;
	return 0;
}

int nvdrm_handle_get(struct nvdrm_client *c, struct nvdrm_bo *bo, uint32_t *handle)
{
	struct nvdrm_vma *v;
	uint32_t slot;
	int err;

	for (uint32_t i = 0; i < c->nr_vma; i++) {
		if (!c->vma[i] || c->vma[i]->bo != bo)
			continue;
		*handle = i + 1;
		return 0;
	}
	err = free_slot(c, &slot);
	if (err)
		return err;
	v = mem_new(struct nvdrm_vma);
	if (!v)
		return -ENOMEM;
	err = drv_vas_map(c->vas, bo->bo, DRV_MAP_KIND(bo->kind), &v->va);
	if (err) {
		mem_free(v);
		return err == -ENOSPC ? -ENOMEM : err;
	}
	list_init(&v->node);
	v->bo = bo;
	bo->refs++;
	c->vma[slot] = v;
	*handle = slot + 1;
	return 0;
}

void nvdrm_client_reap(struct nvdrm_client *c)
{
	struct nvdrm_vma *v, *tmp;

	list_for_each_safe(v, tmp, &c->dying, node) {
		if (!bo_idle(v->bo))
			continue;
		list_del(&v->node);
		drv_vas_unmap(c->vas, v->va);
		nvdrm_bo_put(v->bo);
		mem_free(v);
	}
}

/* ---- ioctls -------------------------------------------------------------------------- */

static void fill_info(const struct nvdrm_vma *v, uint32_t handle, struct drm_nouveau_gem_info *info)
{
	const struct nvdrm_bo *bo = v->bo;

	*info = (struct drm_nouveau_gem_info){
		.handle = handle,
		.domain = bo->vram ? NOUVEAU_GEM_DOMAIN_VRAM : NOUVEAU_GEM_DOMAIN_GART,
		.size = bo->len,
		.offset = v->va,
		.map_handle = bo->map_at,
		.tile_mode = bo->tile_mode,
		.tile_flags = NOUVEAU_GEM_TILE_NONCONTIG | (uint32_t)bo->kind << 8,
	};
}

int nvdrm_gem_new(struct nvdrm_client *c, void *arg)
{
	struct drm_nouveau_gem_new *req = arg;
	struct nvdrm *d = c->drm;
	struct nvdrm_bo *bo;
	uint32_t handle;
	int err;

	pthread_mutex_lock(&d->lock);
	nvdrm_client_reap(c);
	err = bo_new(d, &req->info, &bo);
	if (!err) {
		bo->refs = 1;
		err = nvdrm_handle_get(c, bo, &handle);
		if (!err)
			fill_info(nvdrm_vma_find(c, handle), handle, &req->info);
		nvdrm_bo_put(bo);
	}
	pthread_mutex_unlock(&d->lock);
	return err;
}

int nvdrm_gem_info(struct nvdrm_client *c, void *arg)
{
	struct drm_nouveau_gem_info *info = arg;
	struct nvdrm_vma *v;

	pthread_mutex_lock(&c->drm->lock);
	v = nvdrm_vma_find(c, info->handle);
	if (v)
		fill_info(v, info->handle, info);
	pthread_mutex_unlock(&c->drm->lock);
	return v ? 0 : -ENOENT;
}

int nvdrm_gem_close(struct nvdrm_client *c, void *arg)
{
	const struct drm_gem_close *req = arg;
	struct nvdrm_vma *v;

	pthread_mutex_lock(&c->drm->lock);
	v = nvdrm_vma_find(c, req->handle);
	if (v) {
		c->vma[req->handle - 1] = NULL;
		list_add_tail(&c->dying, &v->node);
		nvdrm_client_reap(c);
	}
	pthread_mutex_unlock(&c->drm->lock);
	return v ? 0 : -EINVAL;
}

/* A reader waits for who writes, a writer for everybody. */
static unsigned int collect(struct nvdrm_bo *bo, bool write, struct nvdrm_chan **ch, uint32_t *seq)
{
	unsigned int n = 0;
	struct nvdrm_use *u;

	list_for_each(u, &bo->uses, node) {
		if (n == MAX_WAITS || !(write ? u->any : u->wrote))
			continue;
		u->chan->refs++;
		ch[n] = u->chan;
		seq[n++] = write ? u->last : u->written;
	}
	return n;
}

/*
 * nouveau gives up after 30 s; a software GPU may honestly work longer, so a
 * wait ends when the work does, or the channel.
 */
int nvdrm_gem_cpu_prep(struct nvdrm_client *c, void *arg)
{
	const struct drm_nouveau_gem_cpu_prep *req = arg;
	uint64_t ns = req->flags & NOUVEAU_GEM_CPU_PREP_NOWAIT ? 0 : UINT64_MAX;
	struct nvdrm_chan *ch[MAX_WAITS];
	uint32_t seq[MAX_WAITS];
	struct nvdrm_vma *v;
	unsigned int n = 0;
	int err = 0;

	pthread_mutex_lock(&c->drm->lock);
	v = nvdrm_vma_find(c, req->handle);
	if (v)
		n = collect(v->bo, req->flags & NOUVEAU_GEM_CPU_PREP_WRITE, ch, seq);
	pthread_mutex_unlock(&c->drm->lock);
	if (!v)
		return -ENOENT;
	for (unsigned int i = 0; i < n && !err; i++)
		err = nvdrm_chan_wait(ch[i], seq[i], ns);
	pthread_mutex_lock(&c->drm->lock);
	for (unsigned int i = 0; i < n; i++)
		nvdrm_chan_put(ch[i]);
	pthread_mutex_unlock(&c->drm->lock);
	return err;
}

int nvdrm_gem_cpu_fini(struct nvdrm_client *c, void *arg)
{
	const struct drm_nouveau_gem_cpu_fini *req = arg;
	struct nvdrm_vma *v;

	pthread_mutex_lock(&c->drm->lock);
	v = nvdrm_vma_find(c, req->handle);
	pthread_mutex_unlock(&c->drm->lock);
	return v ? 0 : -ENOENT;
}

// SPDX-License-Identifier: MIT
/*
 * The GPU as programs share it, and one open() of it.
 *
 *  1. A client has one address space for all its channels and buffers.
 *  2. It goes in nouveau's order: channels, objects, handles, address space.
 */
#include <errno.h>
#include <time.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

#define QUIET_S 1
#define IDLE_NS 15000000000ull /* nouveau's patience with a channel that goes [nouveau_chan.c] */

int nvdrm_new(struct drv *drv, struct nvdrm **out)
{
	struct nvdrm *d = mem_new(struct nvdrm);
	struct drv_stats st;

	if (!d)
		return -ENOMEM;
	drv_stats(drv, &st);
	d->drv = drv;
	d->vram_len = align_down(st.vram_free, 1 << 20);
	d->idle_ns = IDLE_NS;
	d->next_map = DRM_MAP_FIRST;
	list_init(&d->clients);
	list_init(&d->bos);
	list_init(&d->maps);
	list_init(&d->exports);
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->leaf_lock, NULL);
	*out = d;
	return 0;
}

void nvdrm_free(struct nvdrm *d)
{
	struct nvdrm_cpu_map *m, *mt;
	struct nvdrm_export *e, *et;
	struct nvdrm_client *c, *ct;

	if (!d)
		return;
	list_for_each_safe(c, ct, &d->clients, node)
		nvdrm_client_free(c);
	list_for_each_safe(e, et, &d->exports, node)
		nvdrm_export_drop(d, e->dev, e->ino);
	pthread_mutex_lock(&d->lock);
	list_for_each_safe(m, mt, &d->maps, node) {
		list_del(&m->node);
		nvdrm_bo_put(m->bo);
		mem_free(m);
	}
	pthread_mutex_unlock(&d->lock);
	pthread_mutex_destroy(&d->leaf_lock);
	pthread_mutex_destroy(&d->lock);
	mem_free(d);
}

void nvdrm_quiet(struct nvdrm *d)
{
	struct timespec until;
	struct nvdrm_client *c;
	struct nvdrm_chan *ch;

	__atomic_store_n(&d->ending, true, __ATOMIC_RELEASE);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += QUIET_S;
	if (pthread_mutex_timedlock(&d->lock, &until))
		return;
	list_for_each(c, &d->clients, node) {
		list_for_each(ch, &c->chans, node)
			drv_chan_stop(ch->chan, NULL);
	}
	pthread_mutex_unlock(&d->lock);
}

void nvdrm_client_stop(struct nvdrm_client *c)
{
	struct nvdrm_chan *ch;

	pthread_mutex_lock(&c->drm->lock);
	list_for_each(ch, &c->chans, node)
		drv_chan_stop(ch->chan, NULL);
	pthread_mutex_unlock(&c->drm->lock);
}

struct nvdrm_client *nvdrm_client_of(struct nvdrm *d, const struct drv_chan *chan)
{
	struct nvdrm_client *c;
	struct nvdrm_chan *ch;

	list_for_each(c, &d->clients, node) {
		list_for_each(ch, &c->chans, node) {
			if (ch->chan == chan)
				return c;
		}
	}
	return NULL;
}

int nvdrm_client_new(struct nvdrm *d, struct nvdrm_client **out)
{
	struct nvdrm_client *c = mem_new(struct nvdrm_client);
	int err;

	if (!c)
		return -ENOMEM;
	c->drm = d;
	list_init(&c->chans);
	list_init(&c->objects);
	list_init(&c->dying);
	err = drv_vas_new(d->drv, &c->vas);
	if (err) {
		mem_free(c);
		return err;
	}
	pthread_mutex_lock(&d->lock);
	list_add_tail(&d->clients, &c->node);
	pthread_mutex_unlock(&d->lock);
	*out = c;
	return 0;
}

/* Every channel is gone, so no use is left and reaping takes them all. */
static void drop_handles(struct nvdrm_client *c)
{
	for (uint32_t i = 0; i < c->nr_vma; i++) {
		if (!c->vma[i])
			continue;
		list_add_tail(&c->dying, &c->vma[i]->node);
		c->vma[i] = NULL;
	}
	nvdrm_client_reap(c);
}

void nvdrm_client_free(struct nvdrm_client *c)
{
	struct nvdrm_vma *v, *vt;
	struct nvdrm_chan *ch;

	if (!c)
		return;
	while ((ch = list_first(&c->chans, struct nvdrm_chan, node)))
		nvdrm_chan_close(ch);
	pthread_mutex_lock(&c->drm->lock);
	nvdrm_objects_drop(c, NVDRM_NO_CHAN);
	drop_handles(c);
	/* What another client's channel still works on leaves this address space all the same. */
	list_for_each_safe(v, vt, &c->dying, node) {
		list_del(&v->node);
		drv_vas_unmap(c->vas, v->va);
		nvdrm_bo_put(v->bo);
		mem_free(v);
	}
	list_del(&c->node);
	drv_vas_free(c->vas);
	pthread_mutex_unlock(&c->drm->lock);
	mem_free(c->vma);
	mem_free(c);
}

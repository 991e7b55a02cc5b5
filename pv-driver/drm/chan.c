// SPDX-License-Identifier: MIT
/*
 * Channels as programs see them, and the objects they make in one.
 *
 *  1. A channel stays while its client lists it, a use names it or somebody
 *     waits for it; the last one to let go frees it.
 *  2. Once closing, it counts as having done everything it was given.
 */
#include <errno.h>
#include <stdint.h>

#include <libdrm/nouveau_drm.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/methods.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

#define POLL_NS 2000000ull    /* most work is short: look, before asking for an interrupt */
#define SLICE_NS 100000000ull /* how soon a waiter notices that the channel closes */

/* What nouveau calls the software channel object every new channel has [nouveau_abi16.c]. */
#define NVSW_CLASS 0x506e
#define NVSW_HANDLE 0xd8000000u /* free choice; nobody reads more into it than its being a name */

/* drm.lock held. */
struct nvdrm_chan *nvdrm_chan_find(struct nvdrm_client *c, uint32_t id)
{
	struct nvdrm_chan *ch;

	list_for_each(ch, &c->chans, node) {
		if (ch->id == id)
			return ch;
	}
	return NULL;
}

void nvdrm_chan_put(struct nvdrm_chan *ch)
{
	if (--ch->refs)
		return;
	drv_chan_free(ch->chan);
	pthread_mutex_destroy(&ch->submit);
	mem_free(ch);
}

int nvdrm_chan_wait(struct nvdrm_chan *ch, uint32_t seq, uint64_t ns)
{
	struct drv_fence f = { ch->chan, seq };
	uint64_t now = clock_ns(), until = now + ns < now ? UINT64_MAX : now + ns, left;
	enum drv_wait how = DRV_WAIT_POLL;
	int err;

	/* A timeout of 0 would be the driver's own. */
	while (!drv_fence_done(&f)) {
		if (drv_chan_status(ch->chan, NULL, 0) ||
		    __atomic_load_n(&ch->closing, __ATOMIC_ACQUIRE))
			return 0;
		now = clock_ns();
		if (now >= until)
			return -EBUSY;
		left = how == DRV_WAIT_POLL ? POLL_NS : SLICE_NS;
		err = drv_fence_wait(&f, how, left < until - now ? left : until - now);
		if (err != -ETIMEDOUT)
			return 0;
		how = DRV_WAIT_IRQ;
	}
	return 0;
}

static uint32_t last_seq(struct nvdrm *d, struct nvdrm_chan *ch, bool *any)
{
	struct nvdrm_use *u;
	struct nvdrm_bo *bo;
	uint32_t seq = 0;

	*any = false;
	list_for_each(bo, &d->bos, node) {
		list_for_each(u, &bo->uses, node) {
			if (u->chan != ch || !u->any)
				continue;
			if (!*any || (int32_t)(u->last - seq) > 0)
				seq = u->last;
			*any = true;
		}
	}
	return seq;
}

static void let_finish(struct nvdrm_chan *ch, uint32_t seq)
{
	uint64_t now = clock_ns(), until = now + ch->client->drm->idle_ns;
	const bool never = false, *hurry = ch->client->hurry ? ch->client->hurry : &never;
	int err = -EBUSY;

	for (; err && now < until && !__atomic_load_n(hurry, __ATOMIC_ACQUIRE); now = clock_ns())
		err = nvdrm_chan_wait(ch, seq, until - now < SLICE_NS ? until - now : SLICE_NS);
}

void nvdrm_chan_close(struct nvdrm_chan *ch)
{
	struct nvdrm_client *c = ch->client;
	struct nvdrm *d = c->drm;
	uint32_t seq;
	bool any;

	pthread_mutex_lock(&d->lock);
	list_del(&ch->node);
	seq = last_seq(d, ch, &any);
	pthread_mutex_unlock(&d->lock);
	if (any)
		let_finish(ch, seq);
	__atomic_store_n(&ch->closing, true, __ATOMIC_RELEASE);
	pthread_mutex_lock(&d->lock);
	nvdrm_objects_drop(c, ch->id);
	nvdrm_use_forget(d, ch);
	nvdrm_chan_put(ch);
	nvdrm_client_reap(c);
	pthread_mutex_unlock(&d->lock);
}

bool nvdrm_class_known(int32_t oclass)
{
	static const int32_t known[] = {
		CLASS_M2MF_GF100, CLASS_2D_GF100, CLASS_3D_GF100, CLASS_COMPUTE_GF100,
		NVSW_CLASS,	  0x906e, -7, /* software: by its old names, and as NVIF calls it */
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == oclass)
			return true;
	return false;
}

/* ---- ioctls ------------------------------------------------------------------ */

static int chan_build(struct nvdrm_client *c, struct nvdrm_chan **out)
{
	struct nvdrm_chan *ch = mem_new(struct nvdrm_chan);
	int err;

	if (!ch)
		return -ENOMEM;
	err = drv_chan_new(c->vas, DRV_ENGINE_GR, &ch->chan);
	if (err) {
		mem_free(ch);
		return err;
	}
	ch->client = c;
	ch->refs = 1;
	ch->id = drv_chan_id(ch->chan);
	pthread_mutex_init(&ch->submit, NULL);
	*out = ch;
	return 0;
}

int nvdrm_chan_alloc(struct nvdrm_client *c, void *arg)
{
	struct drm_nouveau_channel_alloc *req = arg;
	struct nvdrm_chan *ch;
	int err;

	if (req->fb_ctxdma_handle == ~0u || req->tt_ctxdma_handle == ~0u)
		return -EINVAL;
	err = chan_build(c, &ch);
	if (err)
		return err;
	pthread_mutex_lock(&c->drm->lock);
	list_add_tail(&c->chans, &ch->node);
	pthread_mutex_unlock(&c->drm->lock);
	req->channel = (int)ch->id;
	req->pushbuf_domains = NOUVEAU_GEM_DOMAIN_VRAM | NOUVEAU_GEM_DOMAIN_GART;
	req->subchan[0].handle = NVSW_HANDLE;
	req->subchan[0].grclass = NVSW_CLASS;
	req->nr_subchan = 1;
	return 0;
}

int nvdrm_chan_free(struct nvdrm_client *c, void *arg)
{
	struct drm_nouveau_channel_free *req = arg;
	struct nvdrm_chan *ch;

	pthread_mutex_lock(&c->drm->lock);
	ch = nvdrm_chan_find(c, (uint32_t)req->channel);
	if (ch) {
		/* Only one of two threads that free it finds it. */
		list_del(&ch->node);
	}
	pthread_mutex_unlock(&c->drm->lock);
	if (!ch)
		return -ENOENT;
	nvdrm_chan_close(ch);
	return 0;
}

int nvdrm_grobj_alloc(struct nvdrm_client *c, void *arg)
{
	const struct drm_nouveau_grobj_alloc *req = arg;
	struct nvdrm_object o = { .oclass = req->class, .chan = (uint32_t)req->channel,
				.handle = req->handle };
	int err = -ENOENT;

	if (req->handle == ~0u)
		return -EINVAL;
	pthread_mutex_lock(&c->drm->lock);
	if (nvdrm_chan_find(c, (uint32_t)req->channel))
		err = nvdrm_class_known(req->class) ? nvdrm_object_new(c, &o) : -EINVAL;
	pthread_mutex_unlock(&c->drm->lock);
	return err;
}

/* Fermi has no notifier objects: nouveau refuses them from there on. */
int nvdrm_notifierobj_alloc(struct nvdrm_client *c, void *arg)
{
	(void)c;
	(void)arg;
	return -EINVAL;
}

int nvdrm_gpuobj_free(struct nvdrm_client *c, void *arg)
{
	const struct drm_nouveau_gpuobj_free *req = arg;
	struct nvdrm_object *o, *tmp;
	int err = -ENOENT;

	pthread_mutex_lock(&c->drm->lock);
	list_for_each_safe(o, tmp, &c->objects, node) {
		if (o->chan != (uint32_t)req->channel || o->handle != req->handle || o->key)
			continue;
		list_del(&o->node);
		mem_free(o);
		err = 0;
		break;
	}
	pthread_mutex_unlock(&c->drm->lock);
	return err;
}

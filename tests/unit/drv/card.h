/* SPDX-License-Identifier: MIT */
/*
 * The nouveau interface on a software GPU, called as a program would call it,
 * without the preloaded library: a client, a channel, a page of commands.
 */
#ifndef TESTS_UNIT_DRV_CARD_H
#define TESTS_UNIT_DRV_CARD_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <libdrm/nouveau_drm.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/methods.h"
#include "pv-driver/drm/nvdrm.h"
#include "tests/unit/drv/gpu.h"

#define NV(dir, nr, type) _IOC(dir, DRM_IOCTL_BASE, DRM_COMMAND_BASE + (nr), sizeof(type))
#define NV_WR(nr, type) NV(_IOC_READ | _IOC_WRITE, nr, type)
#define NV_W(nr, type) NV(_IOC_WRITE, nr, type)
#define GETPARAM NV_WR(DRM_NOUVEAU_GETPARAM, struct drm_nouveau_getparam)
#define CHANNEL_ALLOC NV_WR(DRM_NOUVEAU_CHANNEL_ALLOC, struct drm_nouveau_channel_alloc)
#define CHANNEL_FREE NV_W(DRM_NOUVEAU_CHANNEL_FREE, struct drm_nouveau_channel_free)
#define GROBJ_ALLOC NV_W(DRM_NOUVEAU_GROBJ_ALLOC, struct drm_nouveau_grobj_alloc)
#define NOTIFIER_ALLOC NV_WR(DRM_NOUVEAU_NOTIFIEROBJ_ALLOC, struct drm_nouveau_notifierobj_alloc)
#define GPUOBJ_FREE NV_W(DRM_NOUVEAU_GPUOBJ_FREE, struct drm_nouveau_gpuobj_free)
#define GEM_NEW NV_WR(DRM_NOUVEAU_GEM_NEW, struct drm_nouveau_gem_new)
#define GEM_PUSHBUF NV_WR(DRM_NOUVEAU_GEM_PUSHBUF, struct drm_nouveau_gem_pushbuf)
#define CPU_PREP NV_W(DRM_NOUVEAU_GEM_CPU_PREP, struct drm_nouveau_gem_cpu_prep)
#define CPU_FINI NV_W(DRM_NOUVEAU_GEM_CPU_FINI, struct drm_nouveau_gem_cpu_fini)
#define GEM_INFO NV_WR(DRM_NOUVEAU_GEM_INFO, struct drm_nouveau_gem_info)

#define VRAM NOUVEAU_GEM_DOMAIN_VRAM
#define GART NOUVEAU_GEM_DOMAIN_GART
#define BAD_POINTER ((void *)64)

struct card {
	struct gpu g;
	struct nvdrm *drm;
	struct nvdrm_client *c;
	uint32_t chan;
	struct drm_nouveau_gem_info cmd; /* the page of commands, in system memory */
	uint32_t *words;		 /* where it is */
	uint32_t n;			 /* commands put into it */
};

static inline int card_ioctl(struct card *k, unsigned long request, void *arg)
{
	return nvdrm_ioctl(k->c, request, arg);
}

/* 0 or -errno; info is what GEM_NEW answered. */
static inline int gem_new(struct nvdrm_client *c, uint64_t size, uint32_t domain,
			  struct drm_nouveau_gem_info *info)
{
	struct drm_nouveau_gem_new req = { .info = { .size = size, .domain = domain } };
	int err = nvdrm_ioctl(c, GEM_NEW, &req);

	*info = req.info;
	return err;
}

static inline void *gem_map(struct nvdrm_client *c, const struct drm_nouveau_gem_info *info)
{
	struct nvdrm_mmap_args a = { NULL, info->size, info->map_handle, PROT_READ | PROT_WRITE,
				     MAP_SHARED };
	void *p;

	assert_int_equal(nvdrm_mmap(c, &a, &p), 0);
	return p;
}

static inline void gem_unmap(struct nvdrm *d, void *p, uint64_t len)
{
	if (!nvdrm_munmap(d, p, len))
		munmap(p, len);
}

static inline int gem_close(struct nvdrm_client *c, uint32_t handle)
{
	struct drm_gem_close req = { .handle = handle };

	return nvdrm_ioctl(c, DRM_IOCTL_GEM_CLOSE, &req);
}

static inline int chan_alloc(struct nvdrm_client *c, uint32_t *chan)
{
	struct drm_nouveau_channel_alloc req = { 0 };
	int err = nvdrm_ioctl(c, CHANNEL_ALLOC, &req);

	*chan = (uint32_t)req.channel;
	return err;
}

static inline int free_chan(struct nvdrm_client *c, uint32_t chan)
{
	struct drm_nouveau_channel_free req = { .channel = (int)chan };

	return nvdrm_ioctl(c, CHANNEL_FREE, &req);
}

static inline void card_up_cfg(struct card *k, struct drv_cfg cfg)
{
	char msg[256];

	cfg.timeout_ns = 60 * SECOND;
	memset(k, 0, sizeof(*k));
	gpu_bus(&k->g);
	assert_int_equal(bus_native_share(k->g.bus), 0);
	if (drv_open(k->g.bus, &cfg, &k->g.drv, msg, sizeof(msg)))
		fail_msg("drv_open: %s", msg);
	assert_int_equal(nvdrm_new(k->g.drv, &k->drm), 0);
	assert_int_equal(nvdrm_client_new(k->drm, &k->c), 0);
	assert_int_equal(chan_alloc(k->c, &k->chan), 0);
	assert_int_equal(gem_new(k->c, 65536, GART, &k->cmd), 0);
	k->words = gem_map(k->c, &k->cmd);
}

static inline void card_up(struct card *k)
{
	card_up_cfg(k, (struct drv_cfg){ 0 });
}

static inline void card_down(struct card *k)
{
	gem_unmap(k->drm, k->words, k->cmd.size);
	nvdrm_free(k->drm);
	gpu_down(&k->g);
}

static inline void put(struct card *k, uint32_t w)
{
	k->words[k->n++] = w;
}

static inline void put_sem(struct card *k, uint64_t va, uint32_t value, uint32_t trigger)
{
	put(k, push_header(PUSH_INC, 0, HOST_SEM_ADDR_HI, 4));
	put(k, hi32(va));
	put(k, lo32(va));
	put(k, value);
	put(k, trigger);
}

/* What is in a submission: the commands from word first, and other buffers they touch. */
struct job_args {
	uint32_t first, chan;
	const struct drm_nouveau_gem_info *read, *write;
	bool sync;
};

static inline struct drm_nouveau_gem_pushbuf_bo gem_use(const struct drm_nouveau_gem_info *i,
							bool write)
{
	return (struct drm_nouveau_gem_pushbuf_bo){
		.handle = i->handle, .valid_domains = i->domain,
		.read_domains = write ? 0 : i->domain, .write_domains = write ? i->domain : 0,
	};
}

static inline int submit(struct card *k, const struct job_args *a)
{
	struct drm_nouveau_gem_pushbuf_bo b[3] = { gem_use(&k->cmd, false) };
	struct drm_nouveau_gem_pushbuf_push p = {
		.offset = a->first * 4, .length = (k->n - a->first) * 4,
	};
	struct drm_nouveau_gem_pushbuf req = {
		.channel = a->chan, .nr_buffers = 1, .buffers = (uintptr_t)b, .nr_push = 1,
		.push = (uintptr_t)&p, .vram_available = a->sync ? NOUVEAU_GEM_PUSHBUF_SYNC : 0,
	};

	if (a->read)
		b[req.nr_buffers++] = gem_use(a->read, false);
	if (a->write)
		b[req.nr_buffers++] = gem_use(a->write, true);
	return card_ioctl(k, GEM_PUSHBUF, &req);
}

static inline int prep(struct card *k, uint32_t handle, uint32_t flags)
{
	struct drm_nouveau_gem_cpu_prep req = { .handle = handle, .flags = flags };

	return card_ioctl(k, CPU_PREP, &req);
}

#endif

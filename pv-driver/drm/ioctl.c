// SPDX-License-Identifier: MIT
/*
 * The table of ioctls: copies arguments in and out as the DRM core does, and
 * answers the small ones.
 *
 * An argument shorter or longer than ours is cut or filled with zeroes, so
 * programs built against other versions of the headers work [drm_ioctl.c].
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include <libdrm/drm.h>
#include <libdrm/nouveau_drm.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/regs.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

#define BUS_PCIE 2
#define GART_LEN (1ull << 40)
#define SYNCOBJ_FIRST 0xbf /* DRM_IOCTL_SYNCOBJ_CREATE */
#define SYNCOBJ_LAST 0xcf
#define SYNCOBJ_HOLE_FIRST 0xc6 /* mode setting's, in between */
#define SYNCOBJ_HOLE_LAST 0xc9

typedef int ioctl_fn(struct nvdrm_client *, void *arg);

static int copy_name(uint64_t to, size_t room, size_t *len, const char *s)
{
	size_t n = strlen(s);
	int err = nvdrm_copy_out(to, s, to ? (n < room ? n : room) : 0);

	*len = n;
	return err;
}

static int version(struct nvdrm_client *c, void *arg)
{
	struct drm_version *v = arg;
	size_t len;
	int err;

	(void)c;
	v->version_major = 1;
	v->version_minor = 3;
	v->version_patchlevel = 1;
	err = copy_name((uintptr_t)v->name, v->name_len, &len, "nouveau");
	v->name_len = len;
	if (!err)
		err = copy_name((uintptr_t)v->date, v->date_len, &len, "20120801");
	v->date_len = len;
	if (!err)
		err = copy_name((uintptr_t)v->desc, v->desc_len, &len, "GPUvm, GF100");
	v->desc_len = len;
	return err;
}

static int get_cap(struct nvdrm_client *c, void *arg)
{
	struct drm_get_cap *cap = arg;

	(void)c;
	switch (cap->capability) {
	case DRM_CAP_PRIME:
		cap->value = DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT;
		return 0;
	case DRM_CAP_TIMESTAMP_MONOTONIC:
		cap->value = 1;
		return 0;
	case DRM_CAP_SYNCOBJ:
	case DRM_CAP_SYNCOBJ_TIMELINE:
		cap->value = 0;
		return 0;
	default:
		/* The others are about displays, and there are none: not supported without any. */
		return cap->capability <= DRM_CAP_CRTC_IN_VBLANK_EVENT && cap->capability ?
			       -EOPNOTSUPP : -EINVAL;
	}
}

static int getparam(struct nvdrm_client *c, void *arg)
{
	struct drm_nouveau_getparam *p = arg;
	const struct drv_info *info = drv_info(c->drm->drv);

	switch (p->param) {
	case NOUVEAU_GETPARAM_PCI_VENDOR:
		p->value = 0x10de;
		return 0;
	case NOUVEAU_GETPARAM_PCI_DEVICE:
		p->value = GF100_PCI_DEVICE;
		return 0;
	case NOUVEAU_GETPARAM_BUS_TYPE:
		p->value = BUS_PCIE;
		return 0;
	case NOUVEAU_GETPARAM_FB_SIZE:
		p->value = c->drm->vram_len;
		return 0;
	case NOUVEAU_GETPARAM_AGP_SIZE:
		p->value = GART_LEN;
		return 0;
	case NOUVEAU_GETPARAM_CHIPSET_ID:
		p->value = info->boot0 >> 20 & 0x1ff;
		return 0;
	case NOUVEAU_GETPARAM_VM_VRAM_BASE:
		p->value = 0;
		return 0;
	case NOUVEAU_GETPARAM_GRAPH_UNITS:
		p->value = info->nr_gpc | info->nr_tpc << 8;
		return 0;
	case NOUVEAU_GETPARAM_PTIMER_TIME:
		p->value = drv_time(c->drm->drv);
		return 0;
	case NOUVEAU_GETPARAM_HAS_BO_USAGE:
	case NOUVEAU_GETPARAM_HAS_PAGEFLIP:
		p->value = 1;
		return 0;
	default:
		return -EINVAL;
	}
}

static int no_svm(struct nvdrm_client *c, void *arg)
{
	(void)c;
	(void)arg;
	return -ENOSYS;
}

#define CORE(call, size, fn) { _IOC_NR(call), size, fn }
#define NOUVEAU(nr, size, fn) { DRM_COMMAND_BASE + (nr), size, fn }

_Static_assert(sizeof(struct drm_nouveau_channel_alloc) <= NVDRM_ARG_MIN &&
	       sizeof(struct drm_nouveau_gem_pushbuf) <= NVDRM_ARG_MIN, "the longest arguments");

static const struct entry {
	uint32_t nr, size;
	ioctl_fn *fn;
} entries[] = {
	CORE(DRM_IOCTL_VERSION, sizeof(struct drm_version), version),
	CORE(DRM_IOCTL_GEM_CLOSE, sizeof(struct drm_gem_close), nvdrm_gem_close),
	CORE(DRM_IOCTL_GET_CAP, sizeof(struct drm_get_cap), get_cap),
	CORE(DRM_IOCTL_PRIME_HANDLE_TO_FD, sizeof(struct drm_prime_handle), nvdrm_prime_export),
	CORE(DRM_IOCTL_PRIME_FD_TO_HANDLE, sizeof(struct drm_prime_handle), nvdrm_prime_import),
	NOUVEAU(DRM_NOUVEAU_GETPARAM, sizeof(struct drm_nouveau_getparam), getparam),
	NOUVEAU(DRM_NOUVEAU_CHANNEL_ALLOC, sizeof(struct drm_nouveau_channel_alloc), nvdrm_chan_alloc),
	NOUVEAU(DRM_NOUVEAU_CHANNEL_FREE, sizeof(struct drm_nouveau_channel_free), nvdrm_chan_free),
	NOUVEAU(DRM_NOUVEAU_GROBJ_ALLOC, sizeof(struct drm_nouveau_grobj_alloc), nvdrm_grobj_alloc),
	NOUVEAU(DRM_NOUVEAU_NOTIFIEROBJ_ALLOC, sizeof(struct drm_nouveau_notifierobj_alloc),
		nvdrm_notifierobj_alloc),
	NOUVEAU(DRM_NOUVEAU_GPUOBJ_FREE, sizeof(struct drm_nouveau_gpuobj_free), nvdrm_gpuobj_free),
	NOUVEAU(DRM_NOUVEAU_SVM_INIT, sizeof(struct drm_nouveau_svm_init), no_svm),
	NOUVEAU(DRM_NOUVEAU_SVM_BIND, sizeof(struct drm_nouveau_svm_bind), no_svm),
	NOUVEAU(DRM_NOUVEAU_GEM_NEW, sizeof(struct drm_nouveau_gem_new), nvdrm_gem_new),
	NOUVEAU(DRM_NOUVEAU_GEM_PUSHBUF, sizeof(struct drm_nouveau_gem_pushbuf), nvdrm_gem_pushbuf),
	NOUVEAU(DRM_NOUVEAU_GEM_CPU_PREP, sizeof(struct drm_nouveau_gem_cpu_prep), nvdrm_gem_cpu_prep),
	NOUVEAU(DRM_NOUVEAU_GEM_CPU_FINI, sizeof(struct drm_nouveau_gem_cpu_fini), nvdrm_gem_cpu_fini),
	NOUVEAU(DRM_NOUVEAU_GEM_INFO, sizeof(struct drm_nouveau_gem_info), nvdrm_gem_info),
};

/* What the DRM core says to a render node's client that asks for what we do not have. */
static int refuse(uint32_t nr)
{
	if (nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END)
		return -EINVAL;
	if (nr >= SYNCOBJ_FIRST && nr <= SYNCOBJ_LAST &&
	    (nr < SYNCOBJ_HOLE_FIRST || nr > SYNCOBJ_HOLE_LAST))
		return -EOPNOTSUPP;
	return nr <= SYNCOBJ_LAST ? -EACCES : -EINVAL;
}

static const struct entry *find(uint32_t nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		if (entries[i].nr == nr)
			return &entries[i];
	return NULL;
}

int nvdrm_shape(unsigned long request, struct nvdrm_shape *s)
{
	uint32_t nr = _IOC_NR(request), size = _IOC_SIZE(request), dir = _IOC_DIR(request);
	const struct entry *e = find(nr);

	if (nr == NVDRM_NR_NVIF) {
		*s = (struct nvdrm_shape){ .size = size, .in = true, .out = true };
		return size > NVDRM_ARG_MAX ? -EINVAL : 0;
	}
	if (!e)
		return refuse(nr);
	*s = (struct nvdrm_shape){ .size = size < e->size ? size : e->size,
				   .in = dir & _IOC_WRITE, .out = dir & _IOC_READ,
				   .constant = e->fn == version || e->fn == get_cap };
	return 0;
}

int nvdrm_answer(struct nvdrm_client *c, unsigned long request, void *arg)
{
	uint32_t nr = _IOC_NR(request);
	const struct entry *e = find(nr);

	if (nr == NVDRM_NR_NVIF)
		return nvdrm_nvif(c, arg, _IOC_SIZE(request));
	return e ? e->fn(c, arg) : refuse(nr);
}

int nvdrm_ioctl(struct nvdrm_client *c, unsigned long request, void *arg)
{
	uint64_t buf[NVDRM_ARG_MAX / 8];
	struct nvdrm_shape s;
	int err = nvdrm_shape(request, &s), out;

	if (err)
		return err;
	memset(buf, 0, s.size < NVDRM_ARG_MIN ? NVDRM_ARG_MIN : s.size);
	if (s.in)
		err = nvdrm_copy_in(buf, (uintptr_t)arg, s.size);
	if (err)
		return err;
	err = nvdrm_answer(c, request, buf);
	out = s.out ? nvdrm_copy_out((uintptr_t)arg, buf, s.size) : 0;
	return err ? err : out;
}

// SPDX-License-Identifier: MIT
/*
 * Calls on descriptors: ioctl, mmap, munmap, close.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drm/preload/preload.h"

#define DRM_TYPE 'd'

typedef int ioctl_fn(int, unsigned long, ...);
typedef void *mmap_fn(void *, size_t, int, int, int, off_t);
typedef int munmap_fn(void *, size_t);
typedef int close_fn(int);

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	static void *slot;
	struct nvdrm_client *c = NULL;
	bool stale = false;
	int err;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) == DRM_TYPE)
		c = node_get(fd, &stale);
	if (!c && !stale)
		return ((ioctl_fn *)real_sym(&slot, "ioctl"))(fd, request, arg);
	err = stale ? -ENODEV : nvdrm_ioctl(c, request, arg);
	if (c)
		node_put(c);
	if (!err)
		return 0;
	errno = -err;
	return -1;
}

/* 1: it is none of ours. */
static int map_ours(int fd, const struct nvdrm_mmap_args *a, void **p)
{
	struct nvdrm_client *c;
	struct nvdrm_bo *bo;
	bool stale;
	int err;

	c = node_get(fd, &stale);
	if (stale)
		return -ENODEV;
	if (c) {
		err = nvdrm_mmap(c, a, p);
		node_put(c);
		return err;
	}
	bo = node_export(fd);
	if (!bo)
		return 1;
	err = nvdrm_mmap_bo(bo, a, p);
	node_export_put(bo);
	return err;
}

EXPORT void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	static void *slot;
	struct nvdrm_mmap_args a = { addr, len, (uint64_t)off, prot, flags };
	void *p;
	int err = 1;

	if (!(flags & MAP_ANONYMOUS) && fd >= 0 && node_drm())
		err = map_ours(fd, &a, &p);
	if (err == 1)
		return ((mmap_fn *)real_sym(&slot, "mmap"))(addr, len, prot, flags, fd, off);
	if (!err)
		return p;
	errno = -err;
	return MAP_FAILED;
}

EXPORT void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t off)
{
	return mmap(addr, len, prot, flags, fd, off);
}

EXPORT int munmap(void *addr, size_t len)
{
	static void *slot;
	struct nvdrm *d = node_drm();

	if (d && len && nvdrm_munmap(d, addr, len))
		return 0;
	return ((munmap_fn *)real_sym(&slot, "munmap"))(addr, len);
}

EXPORT int close(int fd)
{
	static void *slot;
	struct node_id id;
	bool ours = node_drm() && node_closing(fd, &id);
	int r = ((close_fn *)real_sym(&slot, "close"))(fd), saved = errno;

	if (ours && !r)
		node_closed(&id);
	errno = saved;
	return r;
}

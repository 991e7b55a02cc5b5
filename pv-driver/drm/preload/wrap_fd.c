// SPDX-License-Identifier: MIT
/*
 * Calls on descriptors: ioctl, mmap, munmap, lseek, close.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drm/preload/preload.h"
#include "pv-driver/drm/remote.h"

#define DRM_TYPE 'd'

typedef int ioctl_fn(int, unsigned long, ...);
typedef void *mmap_fn(void *, size_t, int, int, int, off_t);
typedef int munmap_fn(void *, size_t);
typedef int close_fn(int);
typedef off_t lseek_fn(int, off_t, int);

/* 1: it is none of ours. */
static int ioctl_ours(int fd, unsigned long request, void *arg)
{
	struct nvdrm_client *c;
	struct remote_file f;
	struct remote *r;
	bool stale;
	int err;

	if (_IOC_TYPE(request) != DRM_TYPE)
		return 1;
	if (shared_on()) {
		if (!shared_file(fd, &f) || f.kind != WIRE_NODE)
			return 1;
		r = shared_remote();
		return r ? remote_ioctl(r, f.id, request, arg) : -ENODEV;
	}
	c = node_get(fd, &stale);
	if (!c)
		return stale ? -ENODEV : 1;
	err = nvdrm_ioctl(c, request, arg);
	node_put(c);
	return err;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	static void *slot;
	va_list ap;
	void *arg;
	int err;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	err = ioctl_ours(fd, request, arg);
	if (err == 1)
		return ((ioctl_fn *)real_sym(&slot, "ioctl"))(fd, request, arg);
	if (!err)
		return 0;
	errno = -err;
	return -1;
}

/* 1: it is none of ours. */
static int map_ours(int fd, const struct nvdrm_mmap_args *a, void **p)
{
	struct nvdrm_client *c;
	struct remote_file f;
	struct nvdrm_bo *bo;
	struct remote *r;
	bool stale;
	int err;

	if (shared_on()) {
		if (!shared_file(fd, &f))
			return 1;
		r = shared_remote();
		return r ? remote_mmap(r, f.id, a, p) : -ENODEV;
	}
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

	if (!(flags & MAP_ANONYMOUS) && fd >= 0 && (node_drm() || shared_on()))
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
	struct remote *r = shared_remote();
	struct nvdrm *d = node_drm();

	if (d && len && nvdrm_munmap(d, addr, len))
		return 0;
	if (r && len && remote_munmap(r, addr, len))
		return 0;
	return ((munmap_fn *)real_sym(&slot, "munmap"))(addr, len);
}

/* Of a buffer's descriptor only its length can be asked for, as of a dma-buf. */
static off_t seek(void **slot, const char *name, int fd, off_t off, int whence)
{
	struct remote_file f;

	if (!shared_on() || !shared_file(fd, &f) || f.kind != WIRE_EXPORT)
		return ((lseek_fn *)real_sym(slot, name))(fd, off, whence);
	if (!off && whence == SEEK_END)
		return (off_t)f.len;
	if (!off && whence == SEEK_SET)
		return 0;
	errno = EINVAL;
	return -1;
}

EXPORT off_t lseek(int fd, off_t off, int whence)
{
	static void *slot;

	return seek(&slot, "lseek", fd, off, whence);
}

EXPORT off64_t lseek64(int fd, off64_t off, int whence)
{
	static void *slot;

	return seek(&slot, "lseek64", fd, off, whence);
}

EXPORT int close(int fd)
{
	static void *slot;
	struct node_id id;
	struct remote_file f;
	bool ours = node_drm() && node_closing(fd, &id), shared = shared_known(fd, &f);
	int r = ((close_fn *)real_sym(&slot, "close"))(fd), saved = errno;

	if (ours && !r)
		node_closed(&id);
	if (shared && !r)
		remote_closed(shared_remote(), f.id);
	errno = saved;
	return r;
}

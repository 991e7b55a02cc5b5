// SPDX-License-Identifier: MIT
/*
 * Buffers as descriptors.  An export is a file whose inode names the buffer:
 * an empty memory file of the buffer's length, or what nvdrm.export_file makes
 * where several processes share the GPU.  Importing looks the inode up, among
 * those of this GPU; a descriptor that names none of them is -EINVAL, as one that
 * is no dma-buf is to nouveau.
 */
#include <errno.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libdrm/drm.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/drm/nvdrm.h"

static int new_file(struct nvdrm *d, const struct nvdrm_export *e, uint32_t flags, struct stat *st)
{
	const struct nvdrm_bo *bo = e->bo;
	int fd, err;

	if (d->export_file)
		return d->export_file(d->export_arg, e, flags, st);
	fd = memfd_create("gpuvm-buffer", flags & DRM_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)bo->len) && !fstat(fd, st))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* drm.lock held. */
static int export_bo(struct nvdrm *d, struct nvdrm_bo *bo, uint32_t flags)
{
	struct nvdrm_export *e = mem_new(struct nvdrm_export);
	struct stat st;
	int fd;

	if (!e)
		return -ENOMEM;
	e->bo = bo;
	fd = new_file(d, e, flags, &st);
	if (fd < 0) {
		mem_free(e);
		return fd;
	}
	bo->refs++;
	e->dev = st.st_dev;
	e->ino = st.st_ino;
	pthread_mutex_lock(&d->leaf_lock);
	list_add_tail(&d->exports, &e->node);
	pthread_mutex_unlock(&d->leaf_lock);
	return fd;
}

int nvdrm_prime_export(struct nvdrm_client *c, void *arg)
{
	struct drm_prime_handle *req = arg;
	struct nvdrm_vma *v;
	int fd = -ENOENT;

	if (req->flags & ~(uint32_t)(DRM_CLOEXEC | DRM_RDWR))
		return -EINVAL;
	pthread_mutex_lock(&c->drm->lock);
	v = nvdrm_vma_find(c, req->handle);
	if (v)
		fd = export_bo(c->drm, v->bo, req->flags);
	pthread_mutex_unlock(&c->drm->lock);
	if (fd < 0)
		return fd;
	req->fd = fd;
	return 0;
}

/* leaf_lock held. */
static struct nvdrm_export *find(struct nvdrm *d, uint64_t dev, uint64_t ino)
{
	struct nvdrm_export *e;

	list_for_each(e, &d->exports, node) {
		if (e->dev == dev && e->ino == ino)
			return e;
	}
	return NULL;
}

bool nvdrm_export_is(struct nvdrm *d, uint64_t dev, uint64_t ino)
{
	bool is;

	pthread_mutex_lock(&d->leaf_lock);
	is = find(d, dev, ino);
	pthread_mutex_unlock(&d->leaf_lock);
	return is;
}

struct nvdrm_bo *nvdrm_export_find(struct nvdrm *d, uint64_t dev, uint64_t ino)
{
	struct nvdrm_export *e;
	struct nvdrm_bo *bo = NULL;

	pthread_mutex_lock(&d->lock);
	pthread_mutex_lock(&d->leaf_lock);
	e = find(d, dev, ino);
	if (e) {
		bo = e->bo;
		bo->refs++;
	}
	pthread_mutex_unlock(&d->leaf_lock);
	pthread_mutex_unlock(&d->lock);
	return bo;
}

void nvdrm_export_drop(struct nvdrm *d, uint64_t dev, uint64_t ino)
{
	struct nvdrm_export *e;

	pthread_mutex_lock(&d->lock);
	pthread_mutex_lock(&d->leaf_lock);
	e = find(d, dev, ino);
	if (e)
		list_del(&e->node);
	pthread_mutex_unlock(&d->leaf_lock);
	if (e) {
		nvdrm_bo_put(e->bo);
		mem_free(e);
	}
	pthread_mutex_unlock(&d->lock);
}

int nvdrm_prime_import(struct nvdrm_client *c, void *arg)
{
	struct drm_prime_handle *req = arg;
	struct nvdrm_bo *bo;
	struct stat st;
	int err;

	if (fstat(req->fd, &st))
		return -EBADF;
	bo = nvdrm_export_find(c->drm, st.st_dev, st.st_ino);
	if (!bo)
		return -EINVAL;
	pthread_mutex_lock(&c->drm->lock);
	err = nvdrm_handle_get(c, bo, &req->handle);
	nvdrm_bo_put(bo);
	pthread_mutex_unlock(&c->drm->lock);
	return err;
}

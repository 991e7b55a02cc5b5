// SPDX-License-Identifier: MIT
/* Buffers: placement, information, CPU mappings, handles, descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/drv/card.h"

static void placement(void **state)
{
	static const struct {
		uint32_t ask, get;
	} want[] = {
		{ VRAM, VRAM }, { GART, GART }, { VRAM | GART, VRAM },
		{ VRAM | NOUVEAU_GEM_DOMAIN_MAPPABLE, VRAM },
		{ GART | NOUVEAU_GEM_DOMAIN_COHERENT, GART },
	};
	struct drm_nouveau_gem_info i, again;
	uint64_t pte, last = 0;
	uint32_t shift;
	struct card k;

	(void)state;
	card_up(&k);
	for (size_t n = 0; n < ARRAY_SIZE(want); n++) {
		assert_int_equal(gem_new(k.c, 5000, want[n].ask, &i), 0);
		assert_int_equal(i.domain, want[n].get);
		assert_int_equal(i.size, 8192);
		assert_true(i.offset && i.offset < 1ull << 40 && i.map_handle > last);
		/* The windows of shared and local memory are Mesa's. */
		assert_false(i.offset + i.size > 0xfe000000 && i.offset <= 0xffffffff);
		assert_int_equal(drv_vas_walk(k.c->vas, i.offset, &pte, &shift), 0);
		assert_int_equal(pte_target(pte), i.domain == VRAM ? PTE_VRAM : PTE_SYS);
		again = (struct drm_nouveau_gem_info){ .handle = i.handle };
		assert_int_equal(card_ioctl(&k, GEM_INFO, &again), 0);
		assert_memory_equal(&again, &i, sizeof(i));
		last = i.map_handle;
	}
	card_down(&k);
}

static int new_kind(struct card *k, uint32_t kind, struct drm_nouveau_gem_info *out)
{
	struct drm_nouveau_gem_new req = {
		.info = { .size = 4096, .domain = VRAM, .tile_flags = kind << 8, .tile_mode = 0x30 },
	};
	int err = card_ioctl(k, GEM_NEW, &req);

	*out = req.info;
	return err;
}

static void kinds(void **state)
{
	struct drm_nouveau_gem_info i;
	uint64_t pte;
	uint32_t shift;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(new_kind(&k, 0xfe, &i), 0);
	assert_int_equal(i.tile_mode, 0x30);
	assert_int_equal(i.tile_flags & 0xff00, 0xfe00);
	assert_int_equal(drv_vas_walk(k.c->vas, i.offset, &pte, &shift), 0);
	assert_int_equal(pte_kind(pte), 0xfe);
	/* A compressed kind keeps its layout and loses its tags. */
	assert_int_equal(new_kind(&k, 0xdb, &i), 0);
	assert_int_equal(i.tile_flags & 0xff00, 0xfe00);
	assert_int_equal(new_kind(&k, 0xff, &i), -EINVAL);
	card_down(&k);
}

static void bad_new(void **state)
{
	struct drm_nouveau_gem_info i = { .handle = 4711 };
	struct drm_nouveau_gem_cpu_fini fini = { .handle = 4711 };
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(gem_new(k.c, 0, VRAM, &i), -EINVAL);
	assert_int_equal(gem_new(k.c, 1ull << 41, VRAM, &i), -ENOMEM);
	assert_int_equal(gem_new(k.c, ~0ull, GART, &i), -ENOMEM);
	assert_int_equal(card_ioctl(&k, GEM_NEW, BAD_POINTER), -EFAULT);
	i = (struct drm_nouveau_gem_info){ .handle = 4711 };
	assert_int_equal(card_ioctl(&k, GEM_INFO, &i), -ENOENT);
	i.handle = 0;
	assert_int_equal(card_ioctl(&k, GEM_INFO, &i), -ENOENT);
	i.handle = ~0u;
	assert_int_equal(card_ioctl(&k, GEM_INFO, &i), -ENOENT);
	assert_int_equal(gem_close(k.c, 4711), -EINVAL);
	assert_int_equal(prep(&k, 4711, 0), -ENOENT);
	assert_int_equal(card_ioctl(&k, CPU_FINI, &fini), -ENOENT);
	fini.handle = k.cmd.handle;
	assert_int_equal(card_ioctl(&k, CPU_FINI, &fini), 0);
	card_down(&k);
}

/* More than there is VRAM lives in system memory; nothing is lost when it is given back. */
static void overcommit(void **state)
{
	struct drm_nouveau_gem_info i[20];
	struct drv_stats before, after;
	unsigned int vram = 0, gart = 0;
	struct card k;

	(void)state;
	card_up(&k);
	drv_stats(k.g.drv, &before);
	for (size_t n = 0; n < ARRAY_SIZE(i); n++) {
		assert_int_equal(gem_new(k.c, 20 << 20, VRAM, &i[n]), 0);
		vram += i[n].domain == VRAM;
		gart += i[n].domain == GART;
	}
	assert_in_range(vram, 11, 12);
	assert_int_equal(gart, ARRAY_SIZE(i) - vram);
	for (size_t n = 0; n < ARRAY_SIZE(i); n++)
		assert_int_equal(gem_close(k.c, i[n].handle), 0);
	drv_stats(k.g.drv, &after);
	/* Page tables stay. */
	assert_true(before.vram_free - after.vram_free < 2 << 20);
	card_down(&k);
}

static void cpu_map(void **state)
{
	struct nvdrm_mmap_args a = { .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED };
	struct drm_nouveau_gem_info i;
	uint32_t *p, *q;
	void *r;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(gem_new(k.c, 12288, GART, &i), 0);
	p = gem_map(k.c, &i);
	assert_int_equal(p[0], 0);
	p[1024] = 42;
	a.off = i.map_handle + 4096;
	a.len = 8192;
	assert_int_equal(nvdrm_mmap(k.c, &a, (void **)&q), 0);
	assert_int_equal(q[0], 42);
	a.len = 8193;
	assert_int_equal(nvdrm_mmap(k.c, &a, &r), -EINVAL);
	a.len = 0;
	assert_int_equal(nvdrm_mmap(k.c, &a, &r), -EINVAL);
	a.len = 4096;
	a.off++;
	assert_int_equal(nvdrm_mmap(k.c, &a, &r), -EINVAL);
	a.off = 0;
	assert_int_equal(nvdrm_mmap(k.c, &a, &r), -EINVAL);
	a.off = i.map_handle;
	a.flags = MAP_PRIVATE;
	assert_int_equal(nvdrm_mmap(k.c, &a, &r), -EINVAL);
	/* The memory outlives its handle as long as somebody looks at it. */
	assert_int_equal(gem_close(k.c, i.handle), 0);
	a.flags = MAP_SHARED;
	assert_int_equal(nvdrm_mmap(k.c, &a, &r), -EINVAL);
	gem_unmap(k.drm, q, 8192);
	p[1] = 7;
	assert_int_equal(p[1024], 42);
	/* In two pieces. */
	gem_unmap(k.drm, p, 4096);
	gem_unmap(k.drm, p + 1024, 8192);
	pthread_mutex_lock(&k.drm->lock);
	assert_ptr_equal(k.drm->bos.next->next, &k.drm->bos); /* the commands' alone */
	pthread_mutex_unlock(&k.drm->lock);
	card_down(&k);
}

/* VRAM by traps: the bytes are the device's. */
static void cpu_map_vram(void **state)
{
	struct nvdrm_mmap_args a = { .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED };
	struct drm_nouveau_gem_info i, j;
	volatile uint32_t *p, *q;
	struct drv_bo *bo;
	uint32_t v;
	void *r;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(gem_new(k.c, 1 << 20, VRAM, &i), 0);
	bo = nvdrm_vma_find(k.c, i.handle)->bo->bo;
	p = gem_map(k.c, &i);
	p[5] = 0x12345678;
	p[0x3ffff] = 9;
	assert_int_equal(drv_bo_rd(bo, 20, &v, 4), 0);
	assert_int_equal(v, 0x12345678);
	assert_int_equal(drv_bo_wr(bo, 24, &v, 4), 0);
	assert_int_equal(p[6], 0x12345678);
	p[6] += 1;
	assert_int_equal(((volatile uint8_t *)p)[24], 0x79);
	/* Mapped twice it is at one place; each goes by itself, and another buffer is not disturbed. */
	q = gem_map(k.c, &i);
	assert_ptr_equal((void *)(uintptr_t)p, (void *)(uintptr_t)q);
	gem_unmap(k.drm, (void *)(uintptr_t)q, i.size);
	assert_int_equal(p[0x3ffff], 9);
	assert_int_equal(gem_new(k.c, 4096, VRAM, &j), 0);
	q = gem_map(k.c, &j);
	q[0] = 1;
	gem_unmap(k.drm, (void *)(uintptr_t)p, i.size);
	assert_int_equal(q[0], 1);
	a.addr = k.words;
	a.len = 4096;
	a.off = j.map_handle;
	a.flags |= MAP_FIXED;
	assert_int_equal(nvdrm_mmap(k.c, &a, &r), -EINVAL);
	gem_unmap(k.drm, (void *)(uintptr_t)q, j.size);
	card_down(&k);
}

static void handles(void **state)
{
	struct drm_nouveau_gem_info i[200];
	struct nvdrm_client *c;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(nvdrm_client_new(k.drm, &c), 0);
	for (uint32_t n = 0; n < 200; n++) {
		assert_int_equal(gem_new(c, 4096, GART, &i[n]), 0);
		assert_int_equal(i[n].handle, n + 1);
	}
	assert_int_equal(gem_close(c, 100), 0);
	assert_int_equal(gem_close(c, 100), -EINVAL);
	assert_int_equal(gem_new(c, 4096, GART, &i[0]), 0);
	assert_int_equal(i[0].handle, 100);
	/* Handles are each client's own. */
	assert_int_equal(gem_close(k.c, 100), -EINVAL);
	nvdrm_client_free(c);
	nvdrm_client_free(NULL);
	card_down(&k);
}

static int to_fd(struct nvdrm_client *c, uint32_t handle, uint32_t flags, int *fd)
{
	struct drm_prime_handle p = { .handle = handle, .flags = flags, .fd = -1 };
	int err = nvdrm_ioctl(c, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	*fd = p.fd;
	return err;
}

static int from_fd(struct nvdrm_client *c, int fd, uint32_t *handle)
{
	struct drm_prime_handle p = { .fd = fd };
	int err = nvdrm_ioctl(c, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	*handle = p.handle;
	return err;
}

static void prime(void **state)
{
	struct nvdrm_mmap_args a = { .len = 4096, .prot = PROT_READ, .flags = MAP_SHARED };
	struct drm_nouveau_gem_info i;
	struct nvdrm_client *c;
	struct nvdrm_bo *bo;
	struct stat st;
	uint32_t h, *p;
	int fd, fd2;
	void *q;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(nvdrm_client_new(k.drm, &c), 0);
	assert_int_equal(gem_new(k.c, 8192, GART, &i), 0);
	assert_int_equal(to_fd(k.c, i.handle, DRM_CLOEXEC | DRM_RDWR, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_END), 8192);
	/* Whoever made it gets the handle it has; another client one of its own, on the same memory. */
	assert_int_equal(from_fd(k.c, fd, &h), 0);
	assert_int_equal(h, i.handle);
	assert_int_equal(from_fd(c, fd, &h), 0);
	p = gem_map(k.c, &i);
	p[3] = 33;
	assert_int_equal(gem_close(k.c, i.handle), 0);
	gem_unmap(k.drm, p, i.size);
	i = (struct drm_nouveau_gem_info){ .handle = h };
	assert_int_equal(nvdrm_ioctl(c, GEM_INFO, &i), 0);
	p = gem_map(c, &i);
	assert_int_equal(p[3], 33);
	gem_unmap(k.drm, p, i.size);
	assert_int_equal(gem_close(c, h), 0);
	/* The descriptor alone keeps it, too. */
	assert_int_equal(fstat(fd, &st), 0);
	bo = nvdrm_export_find(k.drm, st.st_dev, st.st_ino);
	assert_non_null(bo);
	assert_int_equal(nvdrm_mmap_bo(bo, &a, &q), 0);
	assert_int_equal(((uint32_t *)q)[3], 33);
	gem_unmap(k.drm, q, 4096);
	pthread_mutex_lock(&k.drm->lock);
	nvdrm_bo_put(bo);
	pthread_mutex_unlock(&k.drm->lock);
	assert_int_equal(from_fd(k.c, fd, &h), 0);
	nvdrm_export_drop(k.drm, st.st_dev, st.st_ino);
	assert_int_equal(from_fd(k.c, fd, &h), -EINVAL);
	/* What nouveau refuses. */
	assert_int_equal(to_fd(k.c, 999, 0, &fd2), -ENOENT);
	assert_int_equal(to_fd(k.c, k.cmd.handle, 1, &fd2), -EINVAL);
	assert_int_equal(from_fd(k.c, -1, &h), -EBADF);
	assert_int_equal(from_fd(k.c, 0, &h), -EINVAL);
	close(fd);
	nvdrm_client_free(c);
	card_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(placement), cmocka_unit_test(kinds),	cmocka_unit_test(bad_new),
		cmocka_unit_test(overcommit), cmocka_unit_test(cpu_map), cmocka_unit_test(handles),
		cmocka_unit_test(cpu_map_vram), cmocka_unit_test(prime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

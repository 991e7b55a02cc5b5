// SPDX-License-Identifier: MIT
/*
 * The n-th allocation fails, for every n, in what a client does from its open
 * to its close: -ENOMEM comes out, nothing stays behind, and the next try works.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "gpuvm/base/mem.h"
#include "tests/unit/drv/card.h"

/* The hook has no argument: see test_drv_alloc.c. */
static long left;
static pthread_t counted;

static int fail_nth(void)
{
	return pthread_equal(pthread_self(), counted) && left >= 0 && left-- == 0;
}

/* Everything once; the first error. */
static int one_life(struct card *k)
{
	struct drm_nouveau_grobj_alloc o = { .handle = 5, .class = CLASS_3D_GF100 };
	struct drm_prime_handle p = { 0 };
	struct drm_nouveau_gem_info i;
	struct nvdrm_mmap_args a = { .len = 4096, .prot = PROT_READ, .flags = MAP_SHARED };
	struct nvdrm_client *c;
	struct card own = *k;
	struct stat st;
	void *map;
	int err;

	err = nvdrm_client_new(k->drm, &c);
	if (err)
		return err;
	own.c = c;
	own.n = 0;
	err = chan_alloc(c, &own.chan);
	o.channel = (int)own.chan;
	if (!err)
		err = card_ioctl(&own, GROBJ_ALLOC, &o);
	if (!err)
		err = gem_new(c, 1 << 20, VRAM, &i);
	if (!err)
		err = gem_new(c, 4096, GART, &own.cmd);
	a.off = own.cmd.map_handle;
	if (!err)
		err = nvdrm_mmap(c, &a, &map);
	if (!err) {
		own.words = map;
		err = submit(&own, &(struct job_args){ .chan = own.chan, .write = &i, .sync = true });
		gem_unmap(k->drm, map, 4096);
	}
	p.handle = own.cmd.handle;
	if (!err)
		err = card_ioctl(&own, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);
	if (!err) {
		if (!fstat(p.fd, &st))
			nvdrm_export_drop(k->drm, st.st_dev, st.st_ino);
		close(p.fd);
	}
	nvdrm_client_free(c);
	return err;
}

static void client_fails(void **state)
{
	struct drv_stats before, after;
	bool fired = true;
	struct card k;
	long n;
	int err;

	(void)state;
	card_up(&k);
	k.drm->idle_ns = 1000000;
	assert_int_equal(one_life(&k), 0);
	drv_stats(k.g.drv, &before);
	for (n = 0; fired; n++) {
		left = n;
		counted = pthread_self();
		mem_fault_hook = fail_nth;
		err = one_life(&k);
		mem_fault_hook = NULL;
		fired = left < 0;
		assert_int_equal(err, fired ? -ENOMEM : 0);
		drv_stats(k.g.drv, &after);
		assert_int_equal(after.vram_free, before.vram_free);
		pthread_mutex_lock(&k.drm->lock);
		assert_ptr_equal(k.drm->bos.next->next, &k.drm->bos);
		assert_true(list_empty(&k.drm->exports));
		pthread_mutex_unlock(&k.drm->lock);
	}
	assert_true(n > 20);
	card_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(client_fails) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* The interface as a whole: versions, parameters, objects, and what nouveau refuses with which errno. */
#include <errno.h>
#include <sys/ioctl.h>

#include "tests/unit/drv/card.h"

static void version(void **state)
{
	char name[16] = "xxxxxxxxxxxxxxx";
	struct drm_version v = { .name = name, .name_len = sizeof(name) };
	struct drm_version cut = { .name = name, .name_len = 3 }, bad = { .name = BAD_POINTER, .name_len = 9 };
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(card_ioctl(&k, DRM_IOCTL_VERSION, &v), 0);
	assert_memory_equal(name, "nouveaux", 8);
	assert_int_equal(v.name_len, 7);
	assert_int_equal(v.version_major << 16 | v.version_minor << 8 | v.version_patchlevel, 0x10301);
	assert_true(v.desc_len > 0 && v.date_len > 0);
	memset(name, 'y', sizeof(name));
	assert_int_equal(card_ioctl(&k, DRM_IOCTL_VERSION, &cut), 0);
	assert_memory_equal(name, "nouy", 4);
	assert_int_equal(cut.name_len, 7);
	assert_int_equal(card_ioctl(&k, DRM_IOCTL_VERSION, &bad), -EFAULT);
	assert_int_equal(card_ioctl(&k, DRM_IOCTL_VERSION, BAD_POINTER), -EFAULT);
	card_down(&k);
}

static void caps(void **state)
{
	static const struct {
		uint64_t cap;
		int err;
		uint64_t value;
	} want[] = {
		{ DRM_CAP_PRIME, 0, 3 },	    { DRM_CAP_SYNCOBJ, 0, 0 },
		{ DRM_CAP_SYNCOBJ_TIMELINE, 0, 0 }, { DRM_CAP_TIMESTAMP_MONOTONIC, 0, 1 },
		{ DRM_CAP_DUMB_BUFFER, -EOPNOTSUPP, 0 }, { 0, -EINVAL, 0 }, { 999, -EINVAL, 0 },
	};
	struct card k;

	(void)state;
	card_up(&k);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct drm_get_cap c = { .capability = want[i].cap };

		assert_int_equal(card_ioctl(&k, DRM_IOCTL_GET_CAP, &c), want[i].err);
		if (!want[i].err)
			assert_int_equal(c.value, want[i].value);
	}
	card_down(&k);
}

static uint64_t param(struct card *k, uint64_t which)
{
	struct drm_nouveau_getparam p = { .param = which };

	assert_int_equal(card_ioctl(k, GETPARAM, &p), 0);
	return p.value;
}

static void params(void **state)
{
	static const uint64_t unknown[] = { 0, 1, 2, 6, 7, 10, 17, 18, 19, 20, 1000 };
	struct drm_nouveau_getparam p;
	struct card k;
	uint64_t t;

	(void)state;
	card_up(&k);
	assert_int_equal(param(&k, NOUVEAU_GETPARAM_PCI_VENDOR), 0x10de);
	assert_int_equal(param(&k, NOUVEAU_GETPARAM_PCI_DEVICE), 0x06d8);
	assert_int_equal(param(&k, NOUVEAU_GETPARAM_BUS_TYPE), 2);
	assert_int_equal(param(&k, NOUVEAU_GETPARAM_CHIPSET_ID), 0xc0);
	assert_int_equal(param(&k, NOUVEAU_GETPARAM_GRAPH_UNITS), 0x101);
	assert_in_range(param(&k, NOUVEAU_GETPARAM_FB_SIZE), 200ull << 20, 256ull << 20);
	assert_true(param(&k, NOUVEAU_GETPARAM_AGP_SIZE) >= 1ull << 30);
	assert_int_equal(param(&k, NOUVEAU_GETPARAM_VM_VRAM_BASE), 0);
	t = param(&k, NOUVEAU_GETPARAM_PTIMER_TIME);
	assert_true(t && param(&k, NOUVEAU_GETPARAM_PTIMER_TIME) >= t);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		p = (struct drm_nouveau_getparam){ .param = unknown[i] };
		assert_int_equal(card_ioctl(&k, GETPARAM, &p), -EINVAL);
	}
	assert_int_equal(card_ioctl(&k, GETPARAM, BAD_POINTER), -EFAULT);
	card_down(&k);
}

static void refused(void **state)
{
	static const struct {
		unsigned long request;
		int err;
	} want[] = {
		{ DRM_IO(0x02), -EACCES },		/* GET_MAGIC: not on a render node */
		{ DRM_IO(0x0a), -EACCES },		/* GEM_FLINK */
		{ DRM_IO(0x0d), -EACCES },		/* SET_CLIENT_CAP */
		{ DRM_IO(0xa0), -EACCES },		/* MODE_GETRESOURCES */
		{ DRM_IOCTL_SYNCOBJ_CREATE, -EOPNOTSUPP },
		{ DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, -EOPNOTSUPP },
		{ DRM_IO(0xf0), -EINVAL },
		{ DRM_IO(DRM_COMMAND_BASE + DRM_NOUVEAU_SETPARAM), -EINVAL },
		{ NV_W(DRM_NOUVEAU_SVM_INIT, struct drm_nouveau_svm_init), -ENOSYS },
		{ NV_W(DRM_NOUVEAU_SVM_BIND, struct drm_nouveau_svm_bind), -ENOSYS },
		{ DRM_IO(DRM_COMMAND_BASE + 0x10), -EINVAL }, /* VM_INIT is younger than 1.3.1 */
		{ DRM_IO(DRM_COMMAND_BASE + 0x12), -EINVAL }, /* EXEC too */
		{ DRM_IO(DRM_COMMAND_BASE + 0x45), -EINVAL },
		{ DRM_IO(DRM_COMMAND_BASE + 0x5f), -EINVAL },
	};
	uint8_t arg[128] = { 0 };
	struct card k;

	(void)state;
	card_up(&k);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(card_ioctl(&k, want[i].request, arg), want[i].err);
	card_down(&k);
}

/* An argument of another length: the shorter one counts, the rest reads as zeroes. */
static void lengths(void **state)
{
	struct {
		struct drm_nouveau_getparam p;
		uint64_t more[4];
	} big = { .p = { .param = NOUVEAU_GETPARAM_CHIPSET_ID }, .more = { 1, 2, 3, 4 } };
	uint64_t small[2] = { NOUVEAU_GETPARAM_CHIPSET_ID, 77 };
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(card_ioctl(&k, _IOWR('d', DRM_COMMAND_BASE, big), &big), 0);
	assert_int_equal(big.p.value, 0xc0);
	assert_int_equal(big.more[0], 1);
	assert_int_equal(card_ioctl(&k, _IOWR('d', DRM_COMMAND_BASE, uint64_t), small), 0);
	assert_int_equal(small[1], 77);
	card_down(&k);
}

static void channels(void **state)
{
	struct drm_nouveau_channel_alloc bad = { .fb_ctxdma_handle = ~0u };
	struct drm_nouveau_channel_alloc req = { 0 };
	struct drm_nouveau_notifierobj_alloc note = { .size = 32 };
	uint32_t ids[4];
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(card_ioctl(&k, CHANNEL_ALLOC, &bad), -EINVAL);
	bad = (struct drm_nouveau_channel_alloc){ .tt_ctxdma_handle = ~0u };
	assert_int_equal(card_ioctl(&k, CHANNEL_ALLOC, &bad), -EINVAL);
	assert_int_equal(card_ioctl(&k, CHANNEL_ALLOC, &req), 0);
	assert_int_equal(req.pushbuf_domains, VRAM | GART);
	assert_int_equal(req.nr_subchan, 1);
	assert_int_not_equal(req.channel, k.chan);
	for (int i = 0; i < 4; i++)
		assert_int_equal(chan_alloc(k.c, &ids[i]), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(free_chan(k.c, ids[i]), 0);
		assert_int_equal(free_chan(k.c, ids[i]), -ENOENT);
	}
	assert_int_equal(free_chan(k.c, 9999), -ENOENT);
	assert_int_equal(free_chan(k.c, (uint32_t)-1), -ENOENT);
	note.channel = k.chan;
	assert_int_equal(card_ioctl(&k, NOTIFIER_ALLOC, &note), -EINVAL);
	card_down(&k);
}

static void all_channels_of_the_gpu(void **state)
{
	uint32_t id, n = 1;
	int err;
	struct card k;

	(void)state;
	card_up(&k);
	while (!(err = chan_alloc(k.c, &id)))
		n++;
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, GF100_NR_CHAN);
	assert_int_equal(free_chan(k.c, k.chan), 0);
	assert_int_equal(chan_alloc(k.c, &k.chan), 0);
	card_down(&k);
}

static void objects(void **state)
{
	static const int classes[] = { 0x9039, 0x902d, 0x9097, 0x90c0, 0x506e };
	struct drm_nouveau_gpuobj_free del;
	struct drm_nouveau_grobj_alloc o;
	struct card k;

	(void)state;
	card_up(&k);
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		o = (struct drm_nouveau_grobj_alloc){ (int)k.chan, 0xbeef0000 + (uint32_t)i, classes[i] };
		assert_int_equal(card_ioctl(&k, GROBJ_ALLOC, &o), 0);
	}
	o = (struct drm_nouveau_grobj_alloc){ (int)k.chan, 1, 0xa097 };
	assert_int_equal(card_ioctl(&k, GROBJ_ALLOC, &o), -EINVAL);
	o = (struct drm_nouveau_grobj_alloc){ (int)k.chan, ~0u, 0x9097 };
	assert_int_equal(card_ioctl(&k, GROBJ_ALLOC, &o), -EINVAL);
	o = (struct drm_nouveau_grobj_alloc){ 4711, 1, 0x9097 };
	assert_int_equal(card_ioctl(&k, GROBJ_ALLOC, &o), -ENOENT);
	del = (struct drm_nouveau_gpuobj_free){ (int)k.chan, 0xbeef0001 };
	assert_int_equal(card_ioctl(&k, GPUOBJ_FREE, &del), 0);
	assert_int_equal(card_ioctl(&k, GPUOBJ_FREE, &del), -ENOENT);
	del.channel = 4711;
	assert_int_equal(card_ioctl(&k, GPUOBJ_FREE, &del), -ENOENT);
	card_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version), cmocka_unit_test(caps),     cmocka_unit_test(params),
		cmocka_unit_test(refused), cmocka_unit_test(lengths),  cmocka_unit_test(channels),
		cmocka_unit_test(objects), cmocka_unit_test(all_channels_of_the_gpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

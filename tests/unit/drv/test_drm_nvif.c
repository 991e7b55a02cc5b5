// SPDX-License-Identifier: MIT
/* NVIF as libdrm's versions send it, byte by byte, and malformed. */
#include <errno.h>

#include "tests/unit/drv/card.h"

struct head {
	uint8_t version, type, pad[4], owner, route;
	uint64_t token, object;
};
struct msg {
	struct head h;
	union {
		uint8_t bytes[512];
		struct {
			uint8_t version, pad[6], route;
			uint64_t token, object;
			uint32_t handle;
			int32_t oclass;
		} make;
		struct {
			uint8_t version, method, pad[6];
			uint8_t data[256];
		} mthd;
		struct {
			uint8_t version, count, pad[6];
			struct {
				int32_t oclass;
				int16_t min, max;
			} list[16];
		} sclass;
	};
};
enum { NOP, SCLASS, NEW, DEL, MTHD, RD };

static int call(struct nvdrm_client *c, struct msg *m, size_t body)
{
	return nvdrm_ioctl(c, _IOC(_IOC_READ | _IOC_WRITE, 'd', DRM_COMMAND_BASE + DRM_NOUVEAU_NVIF,
				   sizeof(m->h) + body),
			   m);
}

static int make(struct nvdrm_client *c, uint64_t key, uint32_t chan, int32_t oclass)
{
	struct msg m = { .h = { .type = NEW, .owner = 0xff } };

	if (chan != NVDRM_NO_CHAN) {
		m.h.route = 0xff;
		m.h.token = chan;
	}
	m.make.object = key;
	m.make.oclass = oclass;
	return call(c, &m, 32);
}

static int del(struct nvdrm_client *c, uint64_t key)
{
	struct msg m = { .h = { .type = DEL, .owner = 0xff, .object = key } };

	return call(c, &m, 0);
}

static void device(void **state)
{
	struct msg m = { .h = { .type = MTHD, .object = 1 } };
	uint64_t ram[2], t;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(call(k.c, &m, 8 + 104), -ENOENT);
	assert_int_equal(make(k.c, 1, NVDRM_NO_CHAN, 0x80), 0);
	assert_int_equal(make(k.c, 1, NVDRM_NO_CHAN, 0x80), -EEXIST);
	assert_int_equal(call(k.c, &m, 8 + 104), 0);
	assert_int_equal(m.mthd.data[1], 3);
	assert_int_equal(m.mthd.data[2] | m.mthd.data[3] << 8, 0xc0);
	assert_int_equal(m.mthd.data[5], 7);
	memcpy(ram, m.mthd.data + 8, 16);
	assert_int_equal(ram[0], 256ull << 20);
	assert_true(ram[1] < ram[0]);
	assert_string_equal((char *)m.mthd.data + 24, "GF100");
	m.mthd.method = 1;
	memset(m.mthd.data, 0, sizeof(m.mthd.data));
	assert_int_equal(call(k.c, &m, 8 + 16), 0);
	memcpy(&t, m.mthd.data + 8, 8);
	assert_true(t);
	m.mthd.method = 99;
	assert_int_equal(call(k.c, &m, 8 + 16), -EINVAL);
	m.mthd.method = 0;
	assert_int_equal(call(k.c, &m, 8 + 103), -ENOSYS);
	assert_int_equal(call(k.c, &m, 7), -ENOSYS);
	m.mthd.version = 1;
	assert_int_equal(call(k.c, &m, 8 + 104), -ENOSYS);
	assert_int_equal(del(k.c, 1), 0);
	assert_int_equal(del(k.c, 1), -ENOENT);
	assert_int_equal(del(k.c, 0), -ENOENT);
	card_down(&k);
}

static void classes(void **state)
{
	static const int32_t good[] = { 0x9039, 0x902d, 0x9097, 0x90c0, -7, 0x506e };
	struct card k;

	(void)state;
	card_up(&k);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(make(k.c, 100 + i, k.chan, good[i]), 0);
	assert_int_equal(make(k.c, 200, k.chan, 0xa0c0), -EINVAL);
	assert_int_equal(make(k.c, 200, 1234, 0x9097), -EINVAL);
	assert_int_equal(make(k.c, 200, NVDRM_NO_CHAN, 0x9097), -EINVAL);
	assert_int_equal(del(k.c, 102), 0);
	assert_int_equal(make(k.c, 102, k.chan, 0x9097), 0);
	/* Objects go with their channel. */
	assert_int_equal(free_chan(k.c, k.chan), 0);
	assert_int_equal(del(k.c, 103), -ENOENT);
	assert_int_equal(chan_alloc(k.c, &k.chan), 0);
	card_down(&k);
}

static void sclass(void **state)
{
	struct msg m = { .h = { .type = SCLASS } };
	struct card k;

	(void)state;
	card_up(&k);
	m.sclass.count = 16;
	assert_int_equal(call(k.c, &m, 8 + 16 * 8), 0);
	assert_int_equal(m.sclass.count, 1);
	assert_int_equal(m.sclass.list[0].oclass, 0x80);
	m = (struct msg){ .h = { .type = SCLASS, .route = 0xff, .token = k.chan } };
	m.sclass.count = 2;
	assert_int_equal(call(k.c, &m, 8 + 2 * 8), 0);
	assert_int_equal(m.sclass.count, 4);
	assert_int_equal(m.sclass.list[1].oclass, 0x902d);
	assert_int_equal(m.sclass.list[2].oclass, 0);
	m.h.token = 999;
	assert_int_equal(call(k.c, &m, 8 + 2 * 8), -ENOENT);
	card_down(&k);
}

static void malformed(void **state)
{
	struct msg m = { .h = { .type = NOP } };
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(call(k.c, &m, 8), 0);
	assert_int_equal(call(k.c, &m, 0), -ENOSYS);
	m.h.type = RD;
	assert_int_equal(call(k.c, &m, 16), -EINVAL);
	m.h.type = 200;
	assert_int_equal(call(k.c, &m, 16), -EINVAL);
	m.h.type = NEW;
	assert_int_equal(call(k.c, &m, 31), -ENOSYS);
	m.h.version = 1;
	assert_int_equal(call(k.c, &m, 32), -ENOSYS);
	assert_int_equal(nvdrm_ioctl(k.c, _IOC(3u, 'd', 0x47, 23), &m), -EINVAL);
	assert_int_equal(nvdrm_ioctl(k.c, _IOC(3u, 'd', 0x47, 8192), &m), -EINVAL);
	assert_int_equal(nvdrm_ioctl(k.c, _IOC(3u, 'd', 0x47, 64), BAD_POINTER), -EFAULT);
	card_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device), cmocka_unit_test(classes), cmocka_unit_test(sclass),
		cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

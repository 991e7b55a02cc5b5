// SPDX-License-Identifier: MIT
/*
 * The software Fermi's options, what it says of its memory, and birth with each allocation failing.
 */
#include <stdio.h>

#include "gpuvm/base/mem.h"
#include "tests/unit/dev/simkit.h"

static void test_bad_options(void **state)
{
	static const char *const bad[] = {
		"vram",		"vram=",	 "vram=x",	  "vram=255M",	"vram=6145M",
		"vram=7G",	"vram=1.5G",	 "vram=-1G",	  "vram=1T",	"vram=262145K",
		"vram=99999999999999999999G",	 "clock=",	  "clock=slow", "fuses=z",
		"fuses=0x100000000",		 "fuses=-1",	  "colour=red", "vram=1G,",
		",",		"vram=1G,,fuses=7", "vramx=1G",	  "\033[1mvram=1G", "fuses=7M",
		"sm=0",		"sm=65",	 "tpc=0",	  "tpc=17",	"smopt=256",
		"smopt=-1",	"count=",
	};
	char msg[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct dev *d = NULL;

		msg[0] = 0;
		if (sim_open(bad[i], NULL, &d, msg, sizeof(msg)) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_null(d);
		assert_memory_equal(msg, "sim: ", 5);
		assert_null(strchr(msg, '\n'));
		assert_null(strchr(msg, '\033'));
	}
}

static void test_defaults(void **state)
{
	struct dev *d = kit_open("");

	(void)state;
	assert_int_equal(d->info.vram_len, 1024 * MIB);
	assert_int_equal(d->info.boot0, GF100_BOOT_0);
	assert_int_equal(d->info.nr_chan, 128);
	assert_int_equal(d->info.nr_pbdma, 3);
	assert_int_equal(d->info.bar_len[0], 32 * MIB);
	assert_int_equal(d->info.bar_len[1], 128 * MIB);
	assert_int_equal(d->info.bar_len[3], 64 * MIB);
	assert_int_equal(dev_rd32(d, NV_DISABLE_FUSES), 7);
	assert_true(dev_has(d, DEV_CAP_IRQ_FD) && dev_has(d, DEV_CAP_DMA_MAP) &&
		    dev_has(d, DEV_CAP_VRAM_FD));
	assert_false(dev_has(d, DEV_CAP_CLOCK));
	assert_int_equal(dev_advance(d, 1), -EOPNOTSUPP);
	dev_close(d);
}

static void test_options(void **state)
{
	struct dev *d = kit_open("vram=256M,clock=manual,fuses=0x307");

	(void)state;
	assert_int_equal(d->info.vram_len, 256 * MIB);
	assert_int_equal(dev_rd32(d, NV_DISABLE_FUSES), 0x307);
	assert_true(dev_has(d, DEV_CAP_CLOCK));
	dev_close(d);
	d = kit_open("clock=real,vram=262144K");
	assert_int_equal(d->info.vram_len, 256 * MIB);
	assert_false(dev_has(d, DEV_CAP_CLOCK));
	dev_close(d);
}

/* All the ways to ask for the memory size give the same answer, as drivers compute it. */
static void test_memory_size(void **state)
{
	static const uint32_t mib[] = { 256,  257,  300,  512,	768,  1000,
					1024, 1536, 2048, 3072, 5120, 6144 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mib); i++) {
		char options[32];
		struct dev *d;
		uint32_t n, each;

		snprintf(options, sizeof(options), "vram=%uM", mib[i]);
		d = kit_open(options);
		assert_int_equal(d->info.vram_len, mib[i] * MIB);
		n = dev_rd32(d, NV_FBP_COUNT);
		each = dev_rd32(d, NV_FBP_MIB_COMMON);
		assert_in_range(n, 1, 6);
		assert_int_equal(n * each, mib[i]);
		for (uint32_t f = 0; f < 6; f++)
			assert_int_equal(dev_rd32(d, reg_at(REGID_FBP_MIB, f)), f < n ? each : 0);
		assert_int_equal(dev_rd32(d, NV_FBP_OFF_MASK), 0);
		assert_int_equal(dev_rd32(d, NV_PRIVRING_FBP_COUNT), n);
		assert_int_equal(dev_rd32(d, NV_PFB_LTC_COUNT), n);
		assert_in_range(dev_rd32(d, NV_LTC_PARAMS) >> 28, 2, 4);
		/* The last byte is there, the next is not. */
		kit_wr32(d, d->info.vram_len - 4, 0xfeed);
		assert_int_equal(kit_rd32(d, d->info.vram_len - 4), 0xfeed);
		assert_int_equal(dev_vram_rd(d, hvram(d->info.vram_len - 3), &n, 4), -ERANGE);
		dev_close(d);
	}
}

/* The card that a driver sees at probe divides by none of these. */
static void test_identity(void **state)
{
	struct dev *d = kit_open("vram=1536M,tpc=14");
	uint32_t gpcs = dev_rd32(d, NV_FECS_UNITS) & 0x1f, tpcs = 0;

	(void)state;
	assert_int_equal((dev_rd32(d, NV_PMC_BOOT_0) & 0x1ff00000) >> 20, 0xc0);
	assert_int_equal(dev_rd32(d, NV_PMC_BOOT_1), 0);
	assert_int_equal(dev_rd32(d, NV_STRAPS) & 0x400040, 0x400000);
	assert_int_equal(dev_rd32(d, NV_POST_STATUS) & 2, 2);
	assert_int_equal(gpcs, 4);
	assert_true(gpcs <= dev_rd32(d, NV_MAX_GPCS));
	for (uint32_t g = 0; g < gpcs; g++) {
		uint32_t n = dev_rd32(d, reg_at(REGID_GPC_TPCS, g));

		assert_in_range(n, 1, dev_rd32(d, NV_MAX_TPCS_PER_GPC));
		tpcs += n;
	}
	assert_int_equal(tpcs, 14);
	assert_int_equal((dev_rd32(d, NV_FECS_UNITS) >> 16) & 0x1f, 6);
	dev_close(d);
}

/* Clusters of a part with n TPCs: none is empty, none has more than it can. */
static void test_tpcs(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 16; n++) {
		char arg[32];
		struct dev *d;
		uint32_t gpcs, sum = 0;

		snprintf(arg, sizeof(arg), "vram=256M,tpc=%u", n);
		d = kit_open(arg);
		gpcs = dev_rd32(d, NV_FECS_UNITS) & 0x1f;
		assert_int_equal(gpcs, (n + 3) / 4);
		for (uint32_t g = 0; g < 4; g++) {
			uint32_t t = dev_rd32(d, reg_at(REGID_GPC_TPCS, g));

			assert_in_range(t, g < gpcs, g < gpcs ? 4 : 0);
			sum += t;
		}
		assert_int_equal(sum, n);
		dev_close(d);
	}
}

static void test_reset(void **state)
{
	struct dev *d = kit_open("vram=256M,clock=manual");

	(void)state;
	kit_wr32(d, 0x100000, 0xabcd);
	dev_wr32(d, NV_PBUS_PRAMIN_BASE, 0x77);
	dev_wr32(d, NV_PBUS_INTR_EN, ~0u);
	dev_wr32(d, NV_PMC_INTR_EN, 1);
	dev_bar_wr(d, 0, GF100_MMIO_LEN, 4, 0);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), PMC_INTR_PBUS);
	assert_int_equal(dev_reset(d), 0);
	assert_int_equal(kit_rd32(d, 0x100000), 0);
	assert_int_equal(dev_rd32(d, NV_PBUS_PRAMIN_BASE), 0);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR), 0);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR_EN), 0);
	assert_int_equal(dev_rd32(d, NV_PMC_INTR_MASK), ~0u);
	assert_int_equal(dev_rd32(d, NV_FBP_COUNT) * dev_rd32(d, NV_FBP_MIB_COMMON), 256);
	dev_close(d);
}

static int allocations_left;

static int fail_later(void)
{
	return allocations_left-- <= 0;
}

/*
 * Each allocation of open fails once; nothing may stay behind (the leak checker looks), nor be
 * handed out.
 */
static void test_allocation_failures(void **state)
{
	int n, err = -ENOMEM;

	(void)state;
	for (n = 0; err; n++) {
		struct dev *d = NULL;
		char msg[160] = "";

		assert_true(n < 1000);
		allocations_left = n;
		mem_fault_hook = fail_later;
		err = sim_open("vram=256M", NULL, &d, msg, sizeof(msg));
		mem_fault_hook = NULL;
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_null(d);
			assert_memory_equal(msg, "sim: ", 5);
		} else {
			dev_close(d);
		}
	}
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_options),    cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_options),	       cmocka_unit_test(test_memory_size),
		cmocka_unit_test(test_identity),       cmocka_unit_test(test_tpcs),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_allocation_failures),
	};

	return cmocka_run_group_tests_name("sim_open", tests, NULL, NULL);
}

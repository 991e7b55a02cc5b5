// SPDX-License-Identifier: MIT
/* Opening devices by name, and the null device. */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/regs.h"
#include "tests/t.h"

static void test_unknown(void **state)
{
	static const char *const specs[] = { "",      "si", "simx",   "sim2:vram=1G",
					     "pci:0", ":",  "\033[2J" };
	char msg[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct dev *d = NULL;

		msg[0] = 0;
		assert_int_equal(dev_open(specs[i], NULL, &d, msg, sizeof(msg)), -EINVAL);
		assert_null(d);
		assert_non_null(strstr(msg, "unknown GPU"));
		assert_non_null(strstr(msg, "sim"));
		assert_null(strchr(msg, '\033'));
		assert_null(strchr(msg, '\n'));
	}
}

static void test_short_message(void **state)
{
	char msg[8] = "";
	struct dev *d = NULL;

	(void)state;
	assert_int_equal(dev_open("nothing", NULL, &d, msg, sizeof(msg)), -EINVAL);
	assert_string_equal(msg, "unknown");
}

static void test_dispatch(void **state)
{
	struct dev *d = NULL;
	char msg[160];

	(void)state;
	assert_int_equal(dev_open("sim:vram=256M", NULL, &d, msg, sizeof(msg)), 0);
	assert_string_equal(d->ops->name, "sim");
	assert_int_equal(d->info.vram_len, 256u << 20);
	dev_close(d);
	d = NULL;
	assert_int_equal(dev_open("sim:nonsense", NULL, &d, msg, sizeof(msg)), -EINVAL);
	assert_null(d);
	dev_close(NULL);
}

static void test_null(void **state)
{
	struct dev *d = NULL;
	uint32_t v = 7;
	char msg[160], byte = 1;
	int fd;

	(void)state;
	assert_int_equal(dev_open("null:x", NULL, &d, msg, sizeof(msg)), -EINVAL);
	assert_int_equal(dev_open("null", NULL, &d, msg, sizeof(msg)), 0);
	assert_int_equal(dev_rd32(d, NV_PMC_BOOT_0), GF100_BOOT_0);
	dev_wr32(d, 0x1700, 0x1234);
	assert_int_equal(dev_rd32(d, 0x1700), 0x1234);
	assert_int_equal(dev_bar_rd(d, 0, 0x1700, 2), 0x1234);
	assert_int_equal(dev_vram_wr(d, hvram(8), &v, 4), 0);
	assert_int_equal(dev_bar_rd(d, 1, 8, 4), 7);
	dev_bar_wr(d, 3, 8, 8, 0x1122334455667788ull);
	assert_int_equal(dev_vram_rd(d, hvram(12), &v, 4), 0);
	assert_int_equal(v, 0x11223344);
	assert_int_equal(dev_vram_zero(d, hvram(0), d->info.vram_len), 0);
	assert_int_equal(dev_vram_rd(d, hvram(12), &v, 4), 0);
	assert_int_equal(v, 0);
	assert_int_equal(dev_vram_rd(d, hvram(d->info.vram_len), &byte, 1), -ERANGE);
	assert_int_equal(dev_vram_wr(d, hvram(UINT64_MAX), &byte, 1), -ERANGE);
	assert_int_equal(dev_vram_zero(d, hvram(1), d->info.vram_len), -ERANGE);
	assert_int_equal(dev_bar_rd(d, 1, d->info.vram_len, 4), 0);
	/* What it cannot do it says. */
	assert_int_equal(dev_irq_fd(d), -EOPNOTSUPP);
	assert_int_equal(dev_advance(d, 1), -EOPNOTSUPP);
	assert_int_equal(dev_dma_map(d, dma(0), &v, 4096), -EOPNOTSUPP);
	assert_int_equal(dev_dma_unmap(d, dma(0), 4096), -EOPNOTSUPP);
	assert_int_equal(dev_vram_fd(d, hvram(0), 2 << 20, &fd), -EOPNOTSUPP);
	assert_int_equal(dev_vram_join(d, hvram(0), 2 << 20), -EOPNOTSUPP);
	assert_int_equal(dev_reset(d), 0);
	assert_int_equal(dev_rd32(d, 0x1700), 0);
	assert_int_equal(dev_rd32(d, NV_PMC_BOOT_0), GF100_BOOT_0);
	dev_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_short_message),
		cmocka_unit_test(test_dispatch),
		cmocka_unit_test(test_null),
	};

	return cmocka_run_group_tests_name("dev_open", tests, NULL, NULL);
}

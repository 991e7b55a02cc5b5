// SPDX-License-Identifier: MIT
/*
 * The generated VBIOS, read back the way a driver does, by nothing but the format's own pointers.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/fermi/vbios.h"
#include "tests/t.h"

static const struct vbios_id id = { 0x10de, 0x06d8, { 0x70, 0x00, 0x1f, 0x00, 0x02 } };

static uint32_t rd16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t rd32(const uint8_t *p)
{
	return rd16(p) | rd16(p + 2) << 16;
}

static int setup(void **state)
{
	static uint8_t image[VBIOS_LEN];

	memset(image, 0xa5, sizeof(image));
	vbios_build(image, &id);
	*state = image;
	return 0;
}

static void test_rom(void **state)
{
	const uint8_t *b = *state, *p;
	uint8_t sum = 0;

	assert_int_equal(rd16(b), 0xaa55);
	p = b + rd16(b + 0x18);
	assert_memory_equal(p, "PCIR", 4);
	assert_int_equal(rd16(p + 4), id.pci_vendor);
	assert_int_equal(rd16(p + 6), id.pci_device);
	assert_true(rd16(p + 0x0a) >= 0x18);
	assert_int_equal(rd16(p + 0x10) * 512, VBIOS_LEN);
	assert_int_equal(b[2] * 512, VBIOS_LEN);
	assert_int_equal(p[0x14], 0);
	assert_int_equal(p[0x15] & 0x80, 0x80);
	for (int i = 0; i < VBIOS_LEN; i++)
		sum = (uint8_t)(sum + b[i]);
	assert_int_equal(sum, 0);
}

static const uint8_t *find_bit(const uint8_t *b)
{
	for (int i = 0; i + 5 < VBIOS_LEN; i++)
		if (!memcmp(b + i, "\xff\xb8"
					"BIT", 5))
			return b + i;
	return NULL;
}

static const uint8_t *bit_table(const uint8_t *b, char name, uint32_t *len)
{
	const uint8_t *h = find_bit(b);

	assert_non_null(h);
	for (int i = 0; i < h[10]; i++) {
		const uint8_t *e = h + 12 + i * h[9];

		if (e[0] == (uint8_t)name) {
			*len = rd16(e + 2);
			assert_true(rd16(e + 4) + *len < VBIOS_LEN);
			return b + rd16(e + 4);
		}
	}
	return NULL;
}

static void test_bit(void **state)
{
	const uint8_t *b = *state, *i;
	uint32_t len;

	i = bit_table(b, 'i', &len);
	assert_non_null(i);
	assert_true(len >= 15);
	assert_int_equal(i[3], id.version[0]);
	assert_int_equal(i[2], id.version[1]);
	assert_int_equal(i[1], id.version[2]);
	assert_int_equal(i[0], id.version[3]);
	assert_int_equal(i[4], id.version[4]);
	assert_int_equal(rd16(i + 13), 0);

	i = bit_table(b, 'I', &len);
	assert_non_null(i);
	assert_true(len >= 14);
	assert_int_equal(rd16(i), 0);
	/* With PLL limits, nouveau would want the memory PLL in them. */
	assert_null(bit_table(b, 'C', &len));
}

static void test_dcb(void **state)
{
	const uint8_t *b = *state, *d = b + rd16(b + 0x36);

	assert_in_range(d[0], 0x30, 0x41);
	assert_int_equal(rd32(d + 6), 0x4edcbdcb);
	assert_int_equal(d[2], 0);
	assert_int_equal(d[3], 8);
}

static void test_pure(void **state)
{
	uint8_t again[VBIOS_LEN];

	memset(again, 0x5a, sizeof(again));
	vbios_build(again, &id);
	assert_memory_equal(again, *state, VBIOS_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rom),
		cmocka_unit_test(test_bit),
		cmocka_unit_test(test_dcb),
		cmocka_unit_test(test_pure),
	};

	return cmocka_run_group_tests_name("vbios", tests, setup, NULL);
}

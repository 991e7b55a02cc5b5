// SPDX-License-Identifier: MIT
/* Bit fields against a bit-by-bit model; alignment and ranges at the edges of 64 bits. */
#include "tests/t.h"

#include "gpuvm/base/addr.h"
#include "gpuvm/base/bits.h"

static void fields(void **state)
{
	const uint64_t v = 0xf123456789abcde5ull;

	(void)state;
	for (unsigned int lo = 0; lo < 64; lo++) {
		for (unsigned int hi = lo; hi < 64; hi++) {
			uint64_t get = 0, put = 0;

			for (unsigned int b = lo; b <= hi; b++) {
				get |= (v >> b & 1) << (b - lo);
				put |= (v >> (b - lo) & 1) << b;
			}
			assert_true(bits_get(v, hi, lo) == get);
			assert_true(bits_put(v, hi, lo) == put);
		}
	}
	assert_int_equal(lo32(v), 0x89abcde5u);
	assert_int_equal(hi32(v), 0xf1234567u);
}

static void alignment(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < 300; v++) {
		assert_int_equal(align_down(v, 16), v / 16 * 16);
		assert_int_equal(align_up(v, 16), (v + 15) / 16 * 16);
		assert_int_equal(is_aligned(v, 16), v % 16 == 0);
		assert_true(is_aligned(v, 1));
	}
	assert_true(align_down(UINT64_MAX, 4096) == UINT64_MAX - 4095);
}

static void ranges_never_overflow(void **state)
{
	static const uint64_t n[] = { 0, 1, 2, 4095, 4096, 1ull << 32, 1ull << 63, UINT64_MAX - 1,
				      UINT64_MAX };

	(void)state;
	for (size_t a = 0; a < ARRAY_SIZE(n); a++)
		for (size_t l = 0; l < ARRAY_SIZE(n); l++)
			for (size_t s = 0; s < ARRAY_SIZE(n); s++)
				assert_int_equal(range_ok(n[a], n[l], n[s]),
						 (unsigned __int128)n[a] + n[l] <= n[s]);
}

static void address_kinds(void **state)
{
	(void)state;
	assert_true(gvram_x(gvram(UINT64_MAX)) == UINT64_MAX);
	assert_int_equal(hchan_x(hchan(127)), 127);
	/* A kind costs nothing: it is passed as the integer it boxes. */
	assert_int_equal(sizeof(dma_t), sizeof(uint64_t));
	assert_int_equal(sizeof(gchan_t), sizeof(uint32_t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(alignment),
		cmocka_unit_test(ranges_never_overflow),
		cmocka_unit_test(address_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

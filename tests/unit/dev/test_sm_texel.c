// SPDX-License-Identifier: MIT
/*
 * Texel formats against a reference that reads components bit by bit and knows
 * them by their names.
 */
#include <math.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/sm/texel.h"
#include "tests/t.h"

static uint64_t seed = 0x1234567;

static uint32_t next(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 32);
}

static float f(uint32_t v)
{
	float x;

	memcpy(&x, &v, 4);
	return x;
}

static uint32_t fb(float x)
{
	uint32_t v;

	memcpy(&v, &x, 4);
	return v;
}

/* The header's number, and the bits of R, G, B, A from the lowest bit up. */
static const struct known {
	uint32_t sizes, bytes, bits[4];
} known[] = {
	{ 0x01, 16, { 32, 32, 32, 32 } }, { 0x02, 12, { 32, 32, 32 } },
	{ 0x03, 8, { 16, 16, 16, 16 } }, { 0x04, 8, { 32, 32 } },
	{ 0x08, 4, { 8, 8, 8, 8 } }, { 0x09, 4, { 10, 10, 10, 2 } }, { 0x0c, 4, { 16, 16 } },
	{ 0x0f, 4, { 32 } }, { 0x12, 2, { 4, 4, 4, 4 } }, { 0x14, 2, { 5, 5, 5, 1 } },
	{ 0x15, 2, { 5, 6, 5 } }, { 0x18, 2, { 8, 8 } }, { 0x1b, 2, { 16 } }, { 0x1d, 1, { 8 } },
	{ 0x2b, 4, { 24, 8 } }, { 0x29, 4, { 8, 24 } }, { 0x2f, 4, { 32 } }, { 0x3a, 2, { 16 } },
};

static uint32_t bits_at(const uint8_t *mem, uint32_t at, uint32_t n)
{
	uint32_t v = 0;

	for (uint32_t k = 0; k < n; k++)
		v |= (uint32_t)(mem[(at + k) / 8] >> (at + k) % 8 & 1) << k;
	return v;
}

static uint32_t meaning(uint32_t v, uint32_t bits, uint32_t type)
{
	int64_t s = (int64_t)v - (v >> (bits - 1) ? 1ll << bits : 0);
	double max = ldexp(1, (int)bits) - 1, half = ldexp(1, (int)bits - 1) - 1;

	switch (type) {
	case TEXEL_UNORM: return fb((float)(v / max));
	case TEXEL_SNORM: return fb((float)(half ? fmax((double)s / half, -1) : 0));
	case TEXEL_SINT: return (uint32_t)s;
	default: return v;
	}
}

static void test_components(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct texel_layout *l = texel_layout(known[i].sizes);

		assert_non_null(l);
		assert_int_equal(l->bytes, known[i].bytes);
		for (int n = 0; n < 2000; n++) {
			uint8_t mem[TEXEL_MAX];
			uint32_t at = 0;

			for (int k = 0; k < TEXEL_MAX; k++)
				mem[k] = (uint8_t)(next() >> 9);
			if (n % 50 == 0)
				memset(mem, n % 100 ? 0xff : 0x80, sizeof(mem));
			for (uint32_t c = 0; c < 4; c++) {
				uint32_t bits = known[i].bits[c], want;

				for (uint32_t type = TEXEL_SNORM; type <= TEXEL_UINT; type++) {
					want = bits ? meaning(bits_at(mem, at, bits), bits, type) : 0;
					assert_int_equal(texel_get(l, mem, c, type), want);
				}
				at += bits;
			}
		}
	}
	assert_null(texel_layout(0));
	assert_null(texel_layout(0x24)); /* compressed */
	assert_null(texel_layout(64));
}

/* What is put in can be read again, alone, and its neighbours stay. */
static void test_put(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct texel_layout *l = texel_layout(known[i].sizes);
		uint32_t at = 0;

		for (uint32_t c = 0; c < 4; at += known[i].bits[c++]) {
			uint32_t bits = known[i].bits[c];

			for (int n = 0; bits && n < 500; n++) {
				uint8_t mem[TEXEL_MAX], was[TEXEL_MAX];
				uint32_t type = TEXEL_SNORM + next() % 4, v = next() >> next() % 32;
				uint32_t want;

				for (int k = 0; k < TEXEL_MAX; k++)
					was[k] = mem[k] = (uint8_t)(next() >> 9);
				v = bits < 32 ? v & ((1u << bits) - 1) : v;
				want = meaning(v, bits, type);
				texel_put(l, mem, c, type, want);
				assert_int_equal(texel_get(l, mem, c, type), want);
				for (uint32_t b = 0; b < 8 * TEXEL_MAX; b++)
					if (b < at || b >= at + bits)
						assert_int_equal(bits_at(mem, b, 1),
								 bits_at(was, b, 1));
			}
		}
	}
}

static void test_clamps(void **state)
{
	const struct texel_layout *l = texel_layout(0x08);
	static const struct {
		uint32_t type, in;
		uint8_t out;
	} rows[] = {
		{ TEXEL_SINT, 127, 127 }, { TEXEL_SINT, 128, 127 }, { TEXEL_SINT, 1u << 31, 0x80 },
		{ TEXEL_SINT, ~0u, 0xff }, { TEXEL_UINT, 255, 255 }, { TEXEL_UINT, 256, 255 },
		{ TEXEL_UNORM, 0x3f000000, 128 }, { TEXEL_UNORM, 0x40000000, 255 },
		{ TEXEL_UNORM, 0xbf800000, 0 }, { TEXEL_UNORM, 0x7fc00000, 0 },
		{ TEXEL_SNORM, 0xc0000000, 0x81 }, { TEXEL_SNORM, 0x3f800000, 127 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t mem[TEXEL_MAX] = { 0 };

		texel_put(l, mem, 2, rows[i].type, rows[i].in);
		assert_int_equal(mem[2], rows[i].out);
	}
}

/* ---- small floats ----------------------------------------------------------------------- */

static double small_value(uint32_t v, uint32_t m)
{
	uint32_t e = v >> m & 31, frac = v & ((1u << m) - 1);

	if (e == 31)
		return frac ? (double)NAN : (double)INFINITY;
	return ldexp(frac + (e ? 1u << m : 0), (int)(e ? e : 1) - 15 - (int)m);
}

static void same(uint32_t got, double want)
{
	if (want != want)
		assert_true(f(got) != f(got));
	else
		assert_int_equal(got, fb((float)want));
}

static void test_floats(void **state)
{
	const struct texel_layout *half = texel_layout(0x1b), *rgb = texel_layout(0x21);
	uint8_t mem[TEXEL_MAX] = { 0 };

	(void)state;
	for (uint32_t v = 0; v < 0x10000; v++) {
		uint32_t word = v | v << 11 | (uint32_t)(v >> 1 & 0x3ff) << 22;

		memcpy(mem, &v, 2);
		same(texel_get(half, mem, 0, TEXEL_FLOAT),
		     (v >> 15 ? -1 : 1) * small_value(v & 0x7fff, 10));
		word = (v & 0x7ff) | (v >> 3 & 0x7ff) << 11 | (v >> 6 & 0x3ff) << 22;
		memcpy(mem, &word, 4);
		same(texel_get(rgb, mem, 0, TEXEL_FLOAT), small_value(v & 0x7ff, 6));
		same(texel_get(rgb, mem, 1, TEXEL_FLOAT), small_value(v >> 3 & 0x7ff, 6));
		same(texel_get(rgb, mem, 2, TEXEL_FLOAT), small_value(v >> 6 & 0x3ff, 5));
	}
}

/* The nearest of all values, found by search: they are sorted as integers. */
static uint32_t nearest(double v, uint32_t m)
{
	uint32_t lo = 0, hi = 31u << m;
	double a, b, top = ldexp(1, 16);

	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (small_value(mid, m) <= v)
			lo = mid;
		else
			hi = mid;
	}
	a = v - small_value(lo, m);
	b = (hi == 31u << m ? top : small_value(hi, m)) - v;
	return a < b || (a == b && !(lo & 1)) ? lo : hi;
}

static void test_to_floats(void **state)
{
	const struct texel_layout *half = texel_layout(0x1b), *rgb = texel_layout(0x21);

	(void)state;
	for (int n = 0; n < 20000; n++) {
		uint32_t v = (next() & 0x807fffff) | (90 + next() % 60) << 23, word = 0;
		uint8_t mem[TEXEL_MAX] = { 0 };
		uint16_t h;

		if (n % 4 == 0)
			v &= ~0xfffu; /* ties */
		texel_put(half, mem, 0, TEXEL_FLOAT, v);
		memcpy(&h, mem, 2);
		assert_int_equal(h, (v >> 31) << 15 | nearest(fabs((double)f(v)), 10));
		memset(mem, 0, sizeof(mem));
		texel_put(rgb, mem, 1, TEXEL_FLOAT, v);
		memcpy(&word, mem, 4);
		assert_int_equal(word, v >> 31 ? 0 : nearest((double)f(v), 6) << 11);
		memset(mem, 0, sizeof(mem));
		texel_put(rgb, mem, 2, TEXEL_FLOAT, v);
		memcpy(&word, mem, 4);
		assert_int_equal(word, v >> 31 ? 0 : nearest((double)f(v), 5) << 22);
	}
}

static void test_shared_exponent(void **state)
{
	const struct texel_layout *l = texel_layout(0x20);

	(void)state;
	for (int n = 0; n < 5000; n++) {
		uint32_t v = next();
		uint8_t mem[TEXEL_MAX] = { 0 };

		memcpy(mem, &v, 4);
		for (uint32_t c = 0; c < 3; c++)
			same(texel_get(l, mem, c, TEXEL_FLOAT),
			     (double)(v >> 9 * c & 511) * pow(2, (double)(v >> 27) - 24));
	}
}

static void test_surfaces(void **state)
{
	(void)state;
	assert_null(texel_surface(0));
	for (uint32_t n = 0; n < 0x100; n++)
		if (texel_surface(n))
			assert_non_null(texel_layout(texel_surface(n)->sizes));
	assert_int_equal(texel_surface(0xcf)->bgra, true);
	assert_int_equal(texel_surface(0xd5)->type, TEXEL_UNORM);
	assert_true(fabsf(f(texel_from_srgb(0x3f000000)) - 0.214041f) < 1e-6f);
	assert_true(fabsf(f(texel_from_srgb(fb(0.04f))) - 0.04f / 12.92f) < 1e-7f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_components), cmocka_unit_test(test_put),
		cmocka_unit_test(test_clamps), cmocka_unit_test(test_floats),
		cmocka_unit_test(test_to_floats), cmocka_unit_test(test_shared_exponent),
		cmocka_unit_test(test_surfaces),
	};

	return cmocka_run_group_tests_name("sm_texel", tests, NULL, NULL);
}

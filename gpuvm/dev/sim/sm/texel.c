// SPDX-License-Identifier: MIT
/*
 * Texels: bits to values and back.
 *
 * Sources: rnndb/graph/g80_texture.xml and rnndb/g80_defs.xml for the numbers;
 * which component is the lowest is in their names, read from the right.
 */
#include "gpuvm/dev/sim/sm/texel.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/sm/number.h"

#define LAYOUT(n, ...) { .bytes = n, __VA_ARGS__ }
#define C1(a) .bits = { a }, .at = { 0 }
#define C2(a, b) .bits = { a, b }, .at = { 0, a }
#define C3(a, b, c) .bits = { a, b, c }, .at = { 0, a, (a) + (b) }
#define C4(a, b, c, d) .bits = { a, b, c, d }, .at = { 0, a, (a) + (b), (a) + (b) + (c) }

static const struct texel_layout layouts[64] = {
	[0x01] = LAYOUT(16, C4(32, 32, 32, 32)),
	[0x02] = LAYOUT(12, C3(32, 32, 32)),
	[0x03] = LAYOUT(8, C4(16, 16, 16, 16)),
	[0x04] = LAYOUT(8, C2(32, 32)),
	[0x05] = LAYOUT(8, C3(32, 8, 24)),
	[0x07] = LAYOUT(4, C4(8, 8, 8, 8)),
	[0x08] = LAYOUT(4, C4(8, 8, 8, 8)),
	[0x09] = LAYOUT(4, C4(10, 10, 10, 2)),
	[0x0c] = LAYOUT(4, C2(16, 16)),
	[0x0d] = LAYOUT(4, C2(24, 8)),
	[0x0e] = LAYOUT(4, C2(8, 24)),
	[0x0f] = LAYOUT(4, C1(32)),
	[0x12] = LAYOUT(2, C4(4, 4, 4, 4)),
	[0x13] = LAYOUT(2, C4(1, 5, 5, 5)),
	[0x14] = LAYOUT(2, C4(5, 5, 5, 1)),
	[0x15] = LAYOUT(2, C3(5, 6, 5)),
	[0x16] = LAYOUT(2, C3(5, 5, 6)),
	[0x18] = LAYOUT(2, C2(8, 8)),
	[0x1b] = LAYOUT(2, C1(16)),
	[0x1d] = LAYOUT(1, C1(8)),
	[0x1e] = LAYOUT(1, C2(4, 4)),
	[0x20] = LAYOUT(4, C3(9, 9, 9), .shared_exponent = true),
	[0x21] = LAYOUT(4, C3(11, 11, 10)),
	[0x29] = LAYOUT(4, C2(8, 24)),	/* stencil, depth */
	[0x2a] = LAYOUT(4, C1(24)),
	[0x2b] = LAYOUT(4, C2(24, 8)),	/* depth, stencil */
	[0x2f] = LAYOUT(4, C1(32)),
	[0x30] = LAYOUT(8, C2(32, 8)),
	[0x3a] = LAYOUT(2, C1(16)),
};

const struct texel_layout *texel_layout(uint32_t sizes)
{
	return sizes < ARRAY_SIZE(layouts) && layouts[sizes].bytes ? &layouts[sizes] : NULL;
}

static const struct texel_surface surfaces[] = {
	{ 0xc0, 0x01, TEXEL_FLOAT, false }, { 0xc1, 0x01, TEXEL_SINT, false },
	{ 0xc2, 0x01, TEXEL_UINT, false }, { 0xc3, 0x01, TEXEL_FLOAT, false },
	{ 0xc4, 0x01, TEXEL_SINT, false }, { 0xc5, 0x01, TEXEL_UINT, false },
	{ 0xc6, 0x03, TEXEL_UNORM, false }, { 0xc7, 0x03, TEXEL_SNORM, false },
	{ 0xc8, 0x03, TEXEL_SINT, false }, { 0xc9, 0x03, TEXEL_UINT, false },
	{ 0xca, 0x03, TEXEL_FLOAT, false }, { 0xcb, 0x04, TEXEL_FLOAT, false },
	{ 0xcc, 0x04, TEXEL_SINT, false }, { 0xcd, 0x04, TEXEL_UINT, false },
	{ 0xce, 0x03, TEXEL_FLOAT, false }, { 0xcf, 0x08, TEXEL_UNORM, true },
	{ 0xd1, 0x09, TEXEL_UNORM, false }, { 0xd2, 0x09, TEXEL_UINT, false },
	{ 0xd5, 0x08, TEXEL_UNORM, false }, { 0xd7, 0x08, TEXEL_SNORM, false },
	{ 0xd8, 0x08, TEXEL_SINT, false }, { 0xd9, 0x08, TEXEL_UINT, false },
	{ 0xda, 0x0c, TEXEL_UNORM, false }, { 0xdb, 0x0c, TEXEL_SNORM, false },
	{ 0xdc, 0x0c, TEXEL_SINT, false }, { 0xdd, 0x0c, TEXEL_UINT, false },
	{ 0xde, 0x0c, TEXEL_FLOAT, false }, { 0xdf, 0x09, TEXEL_UNORM, true },
	{ 0xe0, 0x21, TEXEL_FLOAT, false }, { 0xe3, 0x0f, TEXEL_SINT, false },
	{ 0xe4, 0x0f, TEXEL_UINT, false }, { 0xe5, 0x0f, TEXEL_FLOAT, false },
	{ 0xe6, 0x08, TEXEL_UNORM, true }, { 0xe8, 0x15, TEXEL_UNORM, true },
	{ 0xe9, 0x14, TEXEL_UNORM, true }, { 0xea, 0x18, TEXEL_UNORM, false },
	{ 0xeb, 0x18, TEXEL_SNORM, false }, { 0xec, 0x18, TEXEL_SINT, false },
	{ 0xed, 0x18, TEXEL_UINT, false }, { 0xee, 0x1b, TEXEL_UNORM, false },
	{ 0xef, 0x1b, TEXEL_SNORM, false }, { 0xf0, 0x1b, TEXEL_SINT, false },
	{ 0xf1, 0x1b, TEXEL_UINT, false }, { 0xf2, 0x1b, TEXEL_FLOAT, false },
	{ 0xf3, 0x1d, TEXEL_UNORM, false }, { 0xf4, 0x1d, TEXEL_SNORM, false },
	{ 0xf5, 0x1d, TEXEL_SINT, false }, { 0xf6, 0x1d, TEXEL_UINT, false },
	{ 0xf8, 0x14, TEXEL_UNORM, true }, { 0xf9, 0x08, TEXEL_UNORM, false },
};

const struct texel_surface *texel_surface(uint32_t format)
{
	for (size_t i = 0; i < ARRAY_SIZE(surfaces); i++)
		if (surfaces[i].format == format)
			return &surfaces[i];
	return NULL;
}

bool texel_is_integer(uint32_t type)
{
	return type == TEXEL_SINT || type == TEXEL_UINT;
}

/* ---- small floats: 5 bits of exponent, the rest mantissa; 16 bits have a sign too -------- */

static uint32_t mantissa_bits(uint32_t bits)
{
	return bits == 16 ? 10 : bits - 5;
}

static float small_float(uint32_t v, uint32_t bits)
{
	uint32_t m = mantissa_bits(bits), e = v >> m & 31, frac = v & ((1u << m) - 1);
	float x;

	if (e == 31)
		x = frac ? NAN : INFINITY;
	else
		x = ldexpf((float)(frac + (e ? 1u << m : 0)), (int)(e ? e : 1) - 15 - (int)m);
	return bits == 16 && v >> 15 ? -x : x;
}

/* To the nearest, ties to even; without a sign negative numbers are 0. */
static uint32_t to_small_float(float x, uint32_t bits)
{
	uint32_t m = mantissa_bits(bits), sign = bits == 16 && signbit(x) ? 0x8000 : 0, v;
	int e;

	if (x != x)
		return sign | 31u << m | ((1u << m) - 1);
	if (bits != 16 && x < 0)
		return 0;
	x = fabsf(x);
	if (x == 0.0f)
		return sign;
	if (isinf(x))
		return sign | 31u << m;
	e = ilogbf(x) < -14 ? -14 : ilogbf(x);
	if (e > 15)
		return sign | 31u << m;
	v = (uint32_t)nearbyint(ldexp((double)x, (int)m - e));
	v += (uint32_t)(e + 14) << m; /* the leading one counts as the last exponent step */
	return sign | (v > 31u << m ? 31u << m : v);
}

/* ---- components ----------------------------------------------------------------------------- */

static uint32_t ones(uint32_t bits)
{
	return bits >= 32 ? ~0u : (1u << bits) - 1;
}

static uint32_t raw_get(const uint8_t *mem, uint32_t at, uint32_t bits)
{
	uint64_t v;

	memcpy(&v, mem + (at >= 64 ? 8 : 0), 8);
	return (uint32_t)(v >> (at & 63)) & ones(bits);
}

static int32_t sign_extend(uint32_t v, uint32_t bits)
{
	uint32_t sign = 1u << (bits - 1);

	return (int32_t)((v ^ sign) - sign);
}

/* RGB9E5: mantissas of 9 bits without a leading one, exponent of 5 bits biased by 15. */
static uint32_t shared_get(const uint8_t *mem, uint32_t mantissa)
{
	return f32_bits(ldexpf((float)mantissa, (int)raw_get(mem, 27, 5) - 15 - 9));
}

uint32_t texel_get(const struct texel_layout *l, const uint8_t *mem, uint32_t c, uint32_t type)
{
	uint32_t bits = l->bits[c], v = bits ? raw_get(mem, l->at[c], bits) : 0;
	double x;

	if (!bits)
		return 0;
	if (l->shared_exponent)
		return shared_get(mem, v);
	switch (type) {
	case TEXEL_SNORM: case TEXEL_SNORM_FP16:
		/* The lowest number and the one above it are both -1. */
		x = bits > 1 ? (double)sign_extend(v, bits) / ones(bits - 1) : 0.0;
		return f32_bits((float)(x < -1.0 ? -1.0 : x));
	case TEXEL_UNORM: case TEXEL_UNORM_FP16:
		return f32_bits((float)((double)v / ones(bits)));
	case TEXEL_SINT:
		return (uint32_t)sign_extend(v, bits);
	case TEXEL_FLOAT:
		return bits == 32 ? v : f32_bits(small_float(v, bits));
	default:
		return v;
	}
}

static uint32_t clamp_norm(float x, float lo, double scale)
{
	x = x > lo ? x : lo; /* also NaN */
	x = x < 1.0f ? x : 1.0f;
	return (uint32_t)(int64_t)nearbyint((double)x * scale);
}

void texel_put(const struct texel_layout *l, uint8_t *mem, uint32_t c, uint32_t type, uint32_t value)
{
	uint32_t bits = l->bits[c], at = l->at[c];
	int32_t top = (int32_t)ones(bits - 1), s = (int32_t)value;
	uint64_t word, mask;
	uint32_t v = value;

	if (!bits)
		return;
	switch (type) {
	case TEXEL_SNORM: v = clamp_norm(as_f32(value), -1.0f, ones(bits - 1)); break;
	case TEXEL_UNORM: v = clamp_norm(as_f32(value), 0.0f, ones(bits)); break;
	case TEXEL_SINT: v = (uint32_t)(s > top ? top : s < -top - 1 ? -top - 1 : s); break;
	case TEXEL_FLOAT: v = bits == 32 ? value : to_small_float(as_f32(value), bits); break;
	default: v = value > ones(bits) ? ones(bits) : value; break;
	}
	mem += at >= 64 ? 8 : 0;
	mask = (uint64_t)ones(bits) << (at & 63);
	memcpy(&word, mem, 8);
	word = (word & ~mask) | ((uint64_t)v << (at & 63) & mask);
	memcpy(mem, &word, 8);
}

uint32_t texel_from_srgb(uint32_t value)
{
	float x = as_f32(value);

	return f32_bits(x <= 0.04045f ? x / 12.92f : powf((x + 0.055f) / 1.055f, 2.4f));
}

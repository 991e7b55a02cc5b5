// SPDX-License-Identifier: MIT
/*
 * Inputs of conformance cases.  The first 256 words are pairs of edges: entry
 * i is edge i % 16 in the first buffer and edge i / 16 in the second.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "bench/work/rng.h"
#include "gpuvm/base/bits.h"
#include "tests/cl/input.h"

#define EDGES 16

static const uint32_t int_edges[EDGES] = {
	0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
	0x80000001, 0xfffffffe, 0xffffffff,
};

/* Zeros, ones, halves, NaN, infinities, the largest and the smallest normal, and where integers end. */
static const uint32_t float_edges[EDGES] = {
	0, 0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000,
	0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0x00800000, 0x80800000, 0x4f000000, 0xcb000001,
};

static uint32_t bits_of(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof u);
	return u;
}

/* A float from 2^-40 to 2^40, of either sign: products of two stay normal. */
static uint32_t wide_float(struct rng *r)
{
	uint32_t u = rng_u32(r);

	return (u & 0x807fffff) | (87 + (rng_u32(r) % 80)) << 23;
}

static uint32_t word(char kind, struct rng *r)
{
	switch (kind) {
	case '1': return 1;
	case 'w': return wide_float(r);
	case 'm': return bits_of(rng_unit(r) * 200 - 100);
	case 't': return bits_of(rng_unit(r) * 20 - 10);
	case 'o': return bits_of(rng_unit(r) * 2 - 1);
	case 'n': return bits_of(rng_unit(r));
	case 'p': return bits_of(0x1p-10f + rng_unit(r) * rng_unit(r) * 1000);
	default: return rng_u32(r);
	}
}

static void fill_doubles(struct rng *r, bool positive, uint32_t *words, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		double d = ((double)rng_u32(r) + rng_u32(r) * 0x1p-32) * 0x1p-26;

		d = positive ? 0x1p-5 + d * d / 5 : d - 32;
		memcpy(words + i, &d, sizeof d);
	}
}

static const struct kind {
	const char *name;
	char letter;
	const uint32_t *edges;
} kinds[] = {
	{ "u32", 'u', int_edges }, { "f32", 'w', float_edges }, { "mid", 'm', NULL },
	{ "ten", 't', NULL },	   { "one", 'o', NULL },	{ "unit", 'n', NULL },
	{ "pos", 'p', NULL },	   { "f64", 'd', NULL },	{ "p64", 'D', NULL },
	{ "ones", '1', NULL },
};

const char *input_kind(size_t i)
{
	return i < ARRAY_SIZE(kinds) ? kinds[i].name : NULL;
}

int input_fill(const char *kind, int second, uint32_t *words, size_t n)
{
	const struct kind *k = kinds;
	struct rng r = { second ? 2 : 1 };

	while (k < kinds + ARRAY_SIZE(kinds) && strcmp(k->name, kind))
		k++;
	if (k == kinds + ARRAY_SIZE(kinds))
		return -EINVAL;
	if (k->letter == 'd' || k->letter == 'D') {
		fill_doubles(&r, k->letter == 'D', words, n);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		bool edge = k->edges && i < EDGES * EDGES;

		words[i] = edge ? k->edges[second ? i / EDGES : i % EDGES] : word(k->letter, &r);
	}
	return 0;
}

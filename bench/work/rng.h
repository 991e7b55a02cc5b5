/* SPDX-License-Identifier: MIT */
/* Reproducible input: SplitMix64 (Steele, Lea, Flood 2014; public domain constants). */
#ifndef BENCH_WORK_RNG_H
#define BENCH_WORK_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint32_t rng_u32(struct rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* 0 to n - 1. */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(((uint64_t)rng_u32(r) * n) >> 32);
}

/* 0 to 1, without 1; a multiple of 2^-24, so never a denormal. */
static inline float rng_unit(struct rng *r)
{
	return (float)(rng_u32(r) >> 8) * 0x1p-24f;
}

#endif

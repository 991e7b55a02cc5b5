/* SPDX-License-Identifier: MIT */
/* Bit fields, alignment, and overflow-checked ranges.  All x86-64 and Fermi data is little endian. */
#ifndef GPUVM_BASE_BITS_H
#define GPUVM_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Bits hi..lo of v, both inclusive. */
static inline uint64_t bits_get(uint64_t v, unsigned int hi, unsigned int lo)
{
	return (v >> lo) & (~0ull >> (63 - (hi - lo)));
}

/* v placed at bits hi..lo; bits of v that do not fit are cut. */
static inline uint64_t bits_put(uint64_t v, unsigned int hi, unsigned int lo)
{
	return (v & (~0ull >> (63 - (hi - lo)))) << lo;
}

static inline uint32_t lo32(uint64_t v)
{
	return (uint32_t)v;
}

static inline uint32_t hi32(uint64_t v)
{
	return (uint32_t)(v >> 32);
}

static inline uint64_t align_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t a)
{
	return (v & (a - 1)) == 0;
}

/* Whether [at, at+len) lies inside [0, size).  Never overflows; an empty range at size is inside. */
static inline bool range_ok(uint64_t at, uint64_t len, uint64_t size)
{
	return at <= size && len <= size - at;
}

#endif

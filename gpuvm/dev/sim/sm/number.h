/* SPDX-License-Identifier: MIT */
/*
 * Numbers of one lane: bits to floats and back, what the chip makes of a NaN,
 * the host's rounding mode.
 */
#ifndef GPUVM_DEV_SIM_SM_NUMBER_H
#define GPUVM_DEV_SIM_SM_NUMBER_H

#include <stdint.h>
#include <string.h>

#define LANES_INLINE static inline __attribute__((always_inline))

LANES_INLINE float as_f32(uint32_t v)
{
	float f;

	memcpy(&f, &v, 4);
	return f;
}

LANES_INLINE uint32_t f32_bits(float f)
{
	uint32_t v;

	memcpy(&v, &f, 4);
	return v;
}

LANES_INLINE double as_f64(uint32_t lo, uint32_t hi)
{
	uint64_t v = (uint64_t)hi << 32 | lo;
	double d;

	memcpy(&d, &v, 8);
	return d;
}

LANES_INLINE uint64_t f64_bits(double d)
{
	uint64_t v;

	memcpy(&v, &d, 8);
	return v;
}

/* Fermi answers every float32 NaN as this one [CUDA programming guide, floating point]. */
#define F32_NAN 0x7fffffffu
#define F64_NAN 0xfff8000000000000ull

LANES_INLINE uint32_t f32_result(float f)
{
	return f != f ? F32_NAN : f32_bits(f);
}

LANES_INLINE uint32_t f32_flush(uint32_t v)
{
	return v & 0x7f800000 ? v : v & 0x80000000;
}

/* The host's rounding for the length of one operation; the compiler must not move work across. */
LANES_INLINE uint32_t round_enter(uint32_t rnd)
{
	uint32_t old = __builtin_ia32_stmxcsr();
	/* Both encodings have 0 nearest, 1 down, 2 up, 3 to zero. */
	uint32_t csr = (old & ~0x6000u) | rnd << 13;

	if (rnd)
		__asm__ volatile("ldmxcsr %0" : : "m"(csr) : "memory");
	return old;
}

LANES_INLINE void round_leave(uint32_t rnd, uint32_t old)
{
	if (rnd)
		__asm__ volatile("ldmxcsr %0" : : "m"(old) : "memory");
}

#endif

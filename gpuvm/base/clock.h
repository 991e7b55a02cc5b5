/* SPDX-License-Identifier: MIT */
/* The real clock, for ports and programs.  Decisions never read it: they take time as a parameter. */
#ifndef GPUVM_BASE_CLOCK_H
#define GPUVM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read(clockid_t c)
{
	struct timespec t;

	clock_gettime(c, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

#endif

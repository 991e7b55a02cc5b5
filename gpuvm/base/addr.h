/* SPDX-License-Identifier: MIT */
/*
 * Address kinds as types.
 *
 * A mediator handles six kinds of numbers that look alike.  With
 * GPUVM_TYPESAFE (debug builds, the default) each is a struct of its own and
 * mixing two of them does not compile; without it they are plain integers.
 * Only gpuvm/part.c converts between a guest's kind and the host's.
 *
 *   gpa_t    guest-physical address: what the guest calls RAM (bus address of its GPU)
 *   gpuva_t  GPU virtual address, 40 bits on Fermi
 *   gvram_t  VRAM offset as the guest believes it, from 0 to its part's size
 *   hvram_t  VRAM offset on the card
 *   dma_t    bus address: what the physical GPU puts on the bus to reach system memory
 *   gchan_t  channel id as the guest numbers it
 *   hchan_t  channel id on the card
 *
 * xxx(n) boxes an integer, xxx_x(a) unboxes it.
 */
#ifndef GPUVM_BASE_ADDR_H
#define GPUVM_BASE_ADDR_H

#include <stdint.h>

#ifdef GPUVM_TYPESAFE
#define ADDR_KIND(name, repr)                                                                      \
	typedef struct {                                                                           \
		repr x;                                                                            \
	} name##_t;                                                                                \
	static inline name##_t name(repr x)                                                        \
	{                                                                                          \
		return (name##_t){ x };                                                            \
	}                                                                                          \
	static inline repr name##_x(name##_t a)                                                    \
	{                                                                                          \
		return a.x;                                                                        \
	}
#else
#define ADDR_KIND(name, repr)                                                                      \
	typedef repr name##_t;                                                                     \
	static inline name##_t name(repr x)                                                        \
	{                                                                                          \
		return x;                                                                          \
	}                                                                                          \
	static inline repr name##_x(name##_t a)                                                    \
	{                                                                                          \
		return a;                                                                          \
	}
#endif

ADDR_KIND(gpa, uint64_t)
ADDR_KIND(gpuva, uint64_t)
ADDR_KIND(gvram, uint64_t)
ADDR_KIND(hvram, uint64_t)
ADDR_KIND(dma, uint64_t)
ADDR_KIND(gchan, uint32_t)
ADDR_KIND(hchan, uint32_t)

#undef ADDR_KIND

#endif

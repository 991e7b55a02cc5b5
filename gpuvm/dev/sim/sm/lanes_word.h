/* SPDX-License-Identifier: MIT */
/* Integer operands of a lane with their modifiers; r and u are the handler's rows and instruction. */
#ifndef GPUVM_DEV_SIM_SM_LANES_WORD_H
#define GPUVM_DEV_SIM_SM_LANES_WORD_H

#include "gpuvm/dev/sim/sm/lanes.h"

#define A(i) ((r->a[i] & ka) ^ fa)
#define B(i) ((r->b[i] & kb) ^ fb)
#define C(i) ((r->c[i] & kc) ^ fc)
#define MODS                                                                                       \
	const uint32_t ka = u->keep[0], fa = u->flip[0], kb = u->keep[1], fb = u->flip[1];         \
	const uint32_t kc = u->keep[2], fc = u->flip[2];                                           \
	(void)ka, (void)fa, (void)kb, (void)fb, (void)kc, (void)fc

#define ROW_OP(name, expr)                                                                         \
	LANES_INLINE void k_##name(uint32_t *o, const struct rows *r, const struct uop *u)         \
	{                                                                                          \
		MODS;                                                                              \
		EACH_LANE(i)                                                                       \
			o[i] = (expr);                                                             \
	}                                                                                          \
	static void op_##name(struct gang *g, const struct uop *u)                                 \
	{                                                                                          \
		gang_row(g, u, k_##name);                                                          \
	}

LANES_INLINE uint32_t mul_hi(uint32_t a, uint32_t b, uint32_t signs)
{
	uint32_t hi = (uint32_t)((uint64_t)a * b >> 32);

	/* A negative factor was read 2^32 too large. */
	hi -= signs & 1 && a >> 31 ? b : 0;
	return hi - (signs & 2 && b >> 31 ? a : 0);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Formats of texels: where the components lie in memory and what they mean.
 *
 * Always true: a texel is at most TEXEL_MAX bytes, components are counted from
 * the lowest bit (R first), and a value is the word a shader sees: the bits of a
 * float, or an integer.
 */
#ifndef GPUVM_DEV_SIM_SM_TEXEL_H
#define GPUVM_DEV_SIM_SM_TEXEL_H

#include <stdbool.h>
#include <stdint.h>

#define TEXEL_MAX 16

/* rnndb/g80_defs.xml, G80_TIC_TYPE; the FP16 kinds differ in what filters keep, not in meaning. */
enum texel_type {
	TEXEL_SNORM = 1, TEXEL_UNORM, TEXEL_SINT, TEXEL_UINT, TEXEL_SNORM_FP16, TEXEL_UNORM_FP16,
	TEXEL_FLOAT,
};

struct texel_layout {
	uint8_t bytes;
	bool shared_exponent;
	uint8_t at[4], bits[4]; /* bits 0: no such component */
};

/* By COMPONENTS_SIZES of a texture header; NULL: unknown, or compressed. */
const struct texel_layout *texel_layout(uint32_t sizes);
/* Component c of the texel at mem, of which TEXEL_MAX bytes can be read. */
uint32_t texel_get(const struct texel_layout *, const uint8_t *mem, uint32_t c, uint32_t type);
/* Puts a value in, clamped to what the component holds. */
void texel_put(const struct texel_layout *, uint8_t *mem, uint32_t c, uint32_t type, uint32_t value);
/* What an 8-bit sRGB component means, of 0..1 as float bits. */
uint32_t texel_from_srgb(uint32_t value);
bool texel_is_integer(uint32_t type);

/* A format of render targets and surfaces [rnndb/g80_defs.xml, G80_SURFACE_FORMAT]. */
struct texel_surface {
	uint16_t format;
	uint8_t sizes, type;
	bool bgra;    /* the shader's R is component B */
};
const struct texel_surface *texel_surface(uint32_t format); /* NULL: unknown */

#endif

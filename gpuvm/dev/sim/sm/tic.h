/* SPDX-License-Identifier: MIT */
/*
 * Texture headers (TIC) and samplers (TSC): what they say, and where a texel is.
 *
 * Always true: a decoded header has a known layout and makes sense; numbers from
 * it only ever become GPU virtual addresses.
 */
#ifndef GPUVM_DEV_SIM_SM_TIC_H
#define GPUVM_DEV_SIM_SM_TIC_H

#include "gpuvm/dev/sim/sm/core.h"
#include "gpuvm/dev/sim/sm/texel.h"

#define TIC_BYTES 32
#define TIC_LEVELS 16

/* rnndb/g80_defs.xml, g80_texture_type */
enum tic_kind {
	TIC_1D, TIC_2D, TIC_3D, TIC_CUBE, TIC_1D_ARRAY, TIC_2D_ARRAY, TIC_BUFFER, TIC_2D_FLAT,
	TIC_CUBE_ARRAY,
};

struct tic {
	const struct texel_layout *layout;
	uint8_t type[4], source[4]; /* of the components; of what the shader gets */
	uint8_t kind;
	bool srgb, pitched, normalized, integer;
	uint64_t va;
	uint32_t pitch, width, height;
	uint32_t depth;		    /* of 3D; else layers, or cubes */
	uint32_t gy, gz;	    /* log2 of a block of level 0, in gobs */
	uint32_t first, last, deepest; /* levels: of the view; the texture's last one */
	uint32_t samples;	    /* log2 */
};

enum tsc_filter { TSC_NEAREST = 1, TSC_LINEAR };
enum tsc_mip { TSC_MIP_NONE = 1, TSC_MIP_NEAREST, TSC_MIP_LINEAR };
enum tsc_wrap {
	TSC_WRAP, TSC_MIRROR, TSC_EDGE, TSC_BORDER, TSC_CLAMP_GL, TSC_MIRROR_ONCE_EDGE,
	TSC_MIRROR_ONCE_BORDER, TSC_MIRROR_ONCE_CLAMP_GL,
};

struct tsc {
	uint8_t wrap[3], mag, min, mip;
	bool compare;
	uint8_t func; /* bit 0 less, 1 equal, 2 greater */
	float bias, lod_min, lod_max;
	uint32_t border[4];
};

/* A texel's place; layer counts faces too. */
struct tic_at {
	uint32_t level, x, y, z, layer;
};

/* NULL, or why these words are no header (text has room for 64). */
const char *tic_decode(const uint32_t w[8], struct tic *, char *text);
void tsc_decode(const uint32_t w[8], struct tsc *);
/* Width, height, depth of a level, as texels are counted. */
void tic_size(const struct tic *, uint32_t level, uint32_t size[3]);
uint32_t tic_layers(const struct tic *);
uint64_t tic_address(const struct tic *, const struct tic_at *);
/* What the shader sees of a texel that is there, swizzled; false after a fault. */
bool tic_texel(struct worker *, const struct tic *, const struct tic_at *, uint32_t v[4]);

#endif

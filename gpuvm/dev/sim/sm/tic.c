// SPDX-License-Identifier: MIT
/*
 * Texture headers and samplers as Fermi reads them, and the layout of textures.
 *
 * Sources: rnndb/graph/g80_texture.xml; docs/hw/memory/g80-surface.rst for levels, layers and
 * blocks; Mesa nvc0_tex.c for what is used.  Nothing is cached: a header is read for each
 * instruction, so TIC and TSC flushes have nothing to do.
 */
#include "gpuvm/dev/sim/sm/tic.h"

#include <stdio.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/xfer.h"
#include "gpuvm/dev/sim/sm/space.h"

#define COLUMN 6 /* log2 of a gob's bytes in x; a block is one wide */
#define GOB_ROWS 3 /* log2 */
#define BLOCK_MAX 5

static uint32_t field(uint32_t w, uint32_t at, uint32_t bits)
{
	return w >> at & ((1u << bits) - 1);
}

static void shape(const uint32_t w[8], struct tic *t)
{
	t->va = (uint64_t)field(w[2], 0, 8) << 32 | w[1];
	t->kind = (uint8_t)field(w[2], 14, 4);
	t->pitched = field(w[2], 18, 1);
	t->normalized = w[2] >> 31;
	t->gy = field(w[2], 22, 3);
	t->gz = t->kind == TIC_3D ? field(w[2], 25, 3) : 0;
	t->pitch = field(w[3], 0, 20);
	t->width = field(w[4], 0, 30);
	t->height = field(w[5], 0, 16) | field(w[7], 8, 1) << 16;
	t->depth = field(w[5], 16, 12);
	t->deepest = field(w[5], 28, 4);
	t->first = field(w[7], 0, 4);
	t->last = field(w[7], 4, 4);
	t->samples = field(w[7], 12, 4);
	if (t->kind == TIC_BUFFER || t->kind == TIC_2D_FLAT)
		t->deepest = t->first = t->last = t->samples = 0;
	if (t->kind == TIC_1D || t->kind == TIC_1D_ARRAY || t->kind == TIC_BUFFER)
		t->height = 1;
	else if (!t->height)
		t->height = 0x10000;
	if (t->kind == TIC_1D || t->kind == TIC_2D || t->kind == TIC_BUFFER ||
	    t->kind == TIC_2D_FLAT || t->kind == TIC_CUBE || !t->depth)
		t->depth = 1;
}

const char *tic_decode(const uint32_t w[8], struct tic *t, char *text)
{
	*t = (struct tic){ .layout = texel_layout(field(w[0], 0, 6)), .srgb = field(w[2], 10, 1) };
	if (!t->layout) {
		snprintf(text, 64, "texture format 0x%02x", field(w[0], 0, 6));
		return text;
	}
	for (uint32_t c = 0; c < 4; c++) {
		t->type[c] = (uint8_t)field(w[0], 6 + 3 * c, 3);
		t->source[c] = (uint8_t)field(w[0], 18 + 3 * c, 3);
		if (!t->type[c] || t->source[c] == 1) {
			snprintf(text, 64, "texture component type %u, source %u", t->type[c],
				 t->source[c]);
			return text;
		}
	}
	t->integer = texel_is_integer(t->type[0]);
	shape(w, t);
	if (t->kind > TIC_CUBE_ARRAY || !t->width || t->gy > BLOCK_MAX || t->gz > BLOCK_MAX ||
	    (t->pitched && t->kind != TIC_BUFFER && t->kind != TIC_2D_FLAT)) {
		snprintf(text, 64, "texture type %u, layout %u, width %u", t->kind, t->pitched,
			 t->width);
		return text;
	}
	if (t->samples) {
		snprintf(text, 64, "multisampled texture, mode %u", t->samples);
		return text;
	}
	return NULL;
}

/* Signed fixed point with 8 bits behind the point. */
static float fixed8(uint32_t v, uint32_t bits)
{
	uint32_t sign = 1u << (bits - 1);

	return (float)(int32_t)((v ^ sign) - sign) / 256.0f;
}

void tsc_decode(const uint32_t w[8], struct tsc *s)
{
	*s = (struct tsc){
		.wrap = { (uint8_t)field(w[0], 0, 3), (uint8_t)field(w[0], 3, 3),
			  (uint8_t)field(w[0], 6, 3) },
		.compare = field(w[0], 9, 1), .func = (uint8_t)field(w[0], 10, 3),
		.mag = (uint8_t)field(w[1], 0, 2), .min = (uint8_t)field(w[1], 4, 2),
		.mip = (uint8_t)field(w[1], 6, 2), .bias = fixed8(field(w[1], 12, 13), 13),
		.lod_min = (float)field(w[2], 0, 12) / 256.0f,
		.lod_max = (float)field(w[2], 12, 12) / 256.0f,
		.border = { w[4], w[5], w[6], w[7] },
	};
}

/* ---- where texels are --------------------------------------------------------------------- */

static uint32_t halved(uint32_t n, uint32_t level)
{
	return n >> level ? n >> level : 1;
}

void tic_size(const struct tic *t, uint32_t level, uint32_t size[3])
{
	size[0] = halved(t->width, level);
	size[1] = halved(t->height, level);
	size[2] = t->kind == TIC_3D ? halved(t->depth, level) : t->depth;
}

uint32_t tic_layers(const struct tic *t)
{
	bool cube = t->kind == TIC_CUBE || t->kind == TIC_CUBE_ARRAY;

	return t->kind == TIC_3D ? 1 : cube ? 6 * t->depth : t->depth;
}

/* A level as a surface at offset 0; its bytes.  Blocks shrink to what a small level needs. */
static uint64_t level_surface(const struct tic *t, uint32_t level, struct surface *s)
{
	uint32_t size[3], depth;

	tic_size(t, level, size);
	depth = t->kind == TIC_3D ? size[2] : 1;
	*s = (struct surface){ .tiled = true, .tp = COLUMN, .gy = t->gy, .gz = t->gz,
			       .width = (uint64_t)size[0] * t->layout->bytes, .height = size[1] };
	while (s->gy && (1u << GOB_ROWS << (s->gy - 1)) >= size[1])
		s->gy--;
	while (s->gz && (1u << (s->gz - 1)) >= depth)
		s->gz--;
	return (align_up(s->width, 1u << COLUMN) * align_up(s->height, 1u << GOB_ROWS << s->gy)) *
	       align_up(depth, 1u << s->gz);
}

static uint64_t layer_stride(const struct tic *t)
{
	struct surface s;
	uint64_t sum = 0;

	for (uint32_t l = 0; l <= t->deepest; l++)
		sum += level_surface(t, l, &s);
	level_surface(t, 0, &s);
	return align_up(sum, 1ull << (COLUMN + GOB_ROWS + s.gy + s.gz));
}

uint64_t tic_address(const struct tic *t, const struct tic_at *at)
{
	uint64_t x = (uint64_t)at->x * t->layout->bytes, base = t->va;
	struct surface s;

	if (t->kind == TIC_BUFFER)
		return t->va + x;
	if (t->pitched)
		return t->va + (uint64_t)at->y * t->pitch + x;
	if (at->layer)
		base += at->layer * layer_stride(t);
	for (uint32_t l = 0; l < at->level; l++)
		base += level_surface(t, l, &s);
	level_surface(t, at->level, &s);
	s.base = base;
	return surface_at(&s, x, at->y, at->z);
}

static uint32_t swizzled(const struct tic *t, const uint8_t *mem, uint32_t source)
{
	uint32_t c = source - 2, v;

	switch (source) {
	case 0: return 0;
	case 6: return 1;
	case 7: return 0x3f800000;
	default: break;
	}
	v = texel_get(t->layout, mem, c, t->type[c]);
	return t->srgb && c < 3 && t->type[c] == TEXEL_UNORM ? texel_from_srgb(v) : v;
}

bool tic_texel(struct worker *wk, const struct tic *t, const struct tic_at *at, uint32_t v[4])
{
	uint8_t mem[TEXEL_MAX] = { 0 };

	if (!space_rd(wk, tic_address(t, at) & 0xffffffffffull, mem, t->layout->bytes))
		return false;
	for (uint32_t c = 0; c < 4; c++)
		v[c] = swizzled(t, mem, t->source[c]);
	return true;
}

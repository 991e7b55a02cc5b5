// SPDX-License-Identifier: MIT
/*
 * Where a byte of a tiled surface lies, as the GPU's address space shows it.
 *
 * The unit is a column of 64 (or 16) bytes by 8 rows, stored row after row;
 * units make a block, first in x, then y, then z; blocks make the surface in
 * the same order.  What a storage kind reorders below that is invisible through
 * the MMU [docs/hw/memory/g80-surface.rst; nvkm/engine/ce/fuc/com.fuc].
 */
#include "gpuvm/dev/sim/xfer.h"

void surface_mode(struct surface *s, uint32_t mode)
{
	uint32_t x = mode & 0xf;

	s->tiled = true;
	s->tp = x == 0xe ? 4 : 6;
	s->gx = x == 0xe ? 0 : x;
	s->gy = (mode >> 4) & 0xf;
	s->gz = (mode >> 8) & 0xf;
}

uint64_t surface_at(const struct surface *s, uint64_t x, uint64_t y, uint64_t z)
{
	uint32_t bx = s->tp + s->gx, by = 3 + s->gy; /* log2 of a block's width and rows */
	uint64_t nx, ny, block, unit;

	if (!s->tiled)
		return s->base + y * (uint64_t)s->pitch + x;
	nx = (s->width + (1ull << bx) - 1) >> bx;
	ny = (s->height + (1ull << by) - 1) >> by;
	block = ((z >> s->gz) * ny + (y >> by)) * nx + (x >> bx);
	unit = z & ((1ull << s->gz) - 1);
	unit = unit << s->gy | ((y & ((1ull << by) - 1)) >> 3);
	unit = unit << s->gx | ((x & ((1ull << bx) - 1)) >> s->tp);
	return s->base + (block << (bx + by + s->gz)) + (unit << (s->tp + 3)) +
	       ((y & 7) << s->tp) + (x & ((1ull << s->tp) - 1));
}

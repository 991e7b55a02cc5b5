/* SPDX-License-Identifier: MIT */
/*
 * What the models of M2MF and of the copy engines share: two buffers the GPU
 * sees, byte-exact copies of both, and surfaces as the documentation describes
 * them, computed the slow way.
 *
 * Always true: buffer 0 is VRAM above 2 GiB, buffer 1 system memory whose
 * pages are in random order; XK_LEN bytes each.  A transfer reads from the
 * first half of a buffer and writes into the second half of one.
 */
#ifndef TESTS_MODEL_XFERKIT_H
#define TESTS_MODEL_XFERKIT_H

#include <stdlib.h>

#include "tests/unit/dev/fifokit.h"

#define XK_LEN (2 * MIB)
#define XK_HALF MIB
#define XK_VRAM 0xc0000000ull
#define XK_BUS 0x123400000ull

struct xk {
	struct fk k;
	uint64_t rnd;
	uint64_t va[2];
	uint8_t *sys;		/* page i of the buffer is page order[i] of it */
	uint32_t order[XK_LEN / 4096];
	uint8_t *want[2];	/* what the buffers must hold */
	uint8_t *got;
};

static inline uint32_t xk_rand(struct xk *x, uint32_t n)
{
	return (uint32_t)(kit_rand(&x->rnd) % n);
}

static inline void xk_shuffle(struct xk *x)
{
	uint32_t n = XK_LEN / 4096;

	for (uint32_t i = 0; i < n; i++)
		x->order[i] = i;
	for (uint32_t i = n - 1; i; i--) {
		uint32_t j = xk_rand(x, i + 1), t = x->order[i];

		x->order[i] = x->order[j];
		x->order[j] = t;
	}
}

/* Both buffers get what want holds. */
static inline void xk_upload(struct xk *x)
{
	assert_int_equal(dev_vram_wr(x->k.d, hvram(XK_VRAM), x->want[0], XK_LEN), 0);
	for (uint32_t i = 0; i < XK_LEN / 4096; i++)
		memcpy(x->sys + x->order[i] * 4096, x->want[1] + i * 4096, 4096);
}

static inline struct xk *xk_open(uint64_t seed)
{
	struct xk *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	x->rnd = seed;
	x->k = fk_open("vram=4G,clock=manual");
	x->va[0] = 0x40000000;
	x->va[1] = 0x8000000000; /* beyond 32 bits */
	x->sys = aligned_alloc(4096, XK_LEN);
	x->got = malloc(XK_LEN);
	xk_shuffle(x);
	assert_int_equal(dev_dma_map(x->k.d, dma(XK_BUS), x->sys, XK_LEN), 0);
	for (uint32_t i = 0; i < XK_LEN / 4096; i++) {
		kit_map(&x->k.vm, x->va[0] + i * 4096, 0,
			pte_pack(PTE_VRAM, XK_VRAM + i * 4096, PTE_PRESENT));
		kit_map(&x->k.vm, x->va[1] + i * 4096, 0,
			pte_pack(PTE_SYS, XK_BUS + x->order[i] * 4096ull, PTE_PRESENT));
	}
	for (int b = 0; b < 2; b++) {
		x->want[b] = malloc(XK_LEN);
		for (uint32_t i = 0; i < XK_LEN / 8; i++)
			((uint64_t *)(void *)x->want[b])[i] = kit_rand(&x->rnd);
	}
	xk_upload(x);
	return x;
}

static inline void xk_close(struct xk *x)
{
	fk_close(&x->k);
	free(x->sys);
	free(x->got);
	free(x->want[0]);
	free(x->want[1]);
	free(x);
}

/* Every byte of both buffers. */
static inline void xk_check(struct xk *x, uint32_t round)
{
	for (uint32_t b = 0; b < 2; b++) {
		if (b)
			for (uint32_t i = 0; i < XK_LEN / 4096; i++)
				memcpy(x->got + i * 4096, x->sys + x->order[i] * 4096, 4096);
		else
			assert_int_equal(dev_vram_rd(x->k.d, hvram(XK_VRAM), x->got, XK_LEN), 0);
		if (!memcmp(x->got, x->want[b], XK_LEN))
			continue;
		for (uint32_t i = 0; i < XK_LEN; i++)
			if (x->got[i] != x->want[b][i])
				fail_msg("round %u, buffer %u, byte 0x%x: 0x%02x, not 0x%02x",
					 round, b, i, x->got[i], x->want[b][i]);
	}
}

/* One side of a transfer.  at: offset in the buffer of the surface's corner. */
struct xk_side {
	uint32_t buf, at;
	bool tiled;
	int32_t pitch;
	uint32_t mode, width, height, depth, x, y, z; /* width and x in bytes */
};

/*
 * Where byte x of row y lies, relative to the rectangle's origin: the surface
 * is cut into tiles, tiles into columns of 8 rows.  The narrow form (low
 * nibble 0xe) has columns of 16 bytes.
 */
static inline int64_t xk_at(const struct xk_side *s, uint32_t x, uint32_t y)
{
	uint32_t col = (s->mode & 0xf) == 0xe ? 16 : 64;
	uint32_t cols = (s->mode & 0xf) == 0xe ? 1 : 1u << (s->mode & 0xf);
	uint32_t groups = 1u << (s->mode >> 4 & 0xf), layers = 1u << (s->mode >> 8 & 0xf);
	uint64_t tile_len = (uint64_t)col * cols * 8 * groups * layers;
	uint64_t tiles_x, tiles_y, tile, unit;

	if (!s->tiled)
		return s->at + (int64_t)y * s->pitch + x;
	x += s->x;
	y += s->y;
	tiles_x = (s->width + col * cols - 1) / (col * cols);
	tiles_y = (s->height + 8 * groups - 1) / (8 * groups);
	tile = x / (col * cols) + y / (8 * groups) * tiles_x + s->z / layers * tiles_x * tiles_y;
	unit = x / col % cols + y / 8 % groups * cols + s->z % layers * cols * groups;
	return (int64_t)(s->at + tile * tile_len + unit * col * 8 + y % 8 * col + x % col);
}

/* Whether a rectangle of len bytes by rows stays in the half of its buffer. */
static inline bool xk_fits(const struct xk_side *s, uint32_t len, uint32_t rows, bool write)
{
	int64_t from = write ? XK_HALF : 0;

	for (uint32_t y = 0; y < rows; y++)
		for (uint32_t x = 0; x < len; x++) {
			int64_t at = xk_at(s, x, y);

			if (at < from || at >= from + (int64_t)XK_HALF)
				return false;
		}
	return true;
}

/* A random side that holds len bytes (a multiple of elem at elem-aligned x) by rows. */
static inline struct xk_side xk_side(struct xk *k, uint32_t len, uint32_t rows, uint32_t elem,
				     bool write, uint32_t max_x_nibble)
{
	struct xk_side s;

	do {
		uint32_t room = XK_HALF / 4;

		s = (struct xk_side){ .buf = xk_rand(k, 2), .tiled = xk_rand(k, 2) };
		s.at = (write ? XK_HALF : 0) + xk_rand(k, room);
		s.pitch = (int32_t)(xk_rand(k, 3) ? len + xk_rand(k, 100) : len);
		if (!s.tiled)
			continue;
		s.at &= ~511u;
		s.mode = xk_rand(k, 4) << 4 | xk_rand(k, 3) << 8;
		s.mode |= xk_rand(k, 4) ? xk_rand(k, max_x_nibble + 1) : 0xe;
		s.x = xk_rand(k, 150) / elem * elem;
		s.y = xk_rand(k, 40);
		s.z = xk_rand(k, 3);
		s.width = (s.x + len + xk_rand(k, 100) + elem - 1) / elem * elem;
		s.height = s.y + rows + xk_rand(k, 20);
		s.depth = s.z + 1;
	} while (!xk_fits(&s, len, rows, write));
	return s;
}

static inline uint64_t xk_va(const struct xk *x, const struct xk_side *s)
{
	return x->va[s->buf] + s->at;
}
static inline uint8_t *xk_byte(struct xk *x, const struct xk_side *s, uint32_t bx, uint32_t y)
{
	return &x->want[s->buf][xk_at(s, bx, y)];
}

#endif

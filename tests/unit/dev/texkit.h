/* SPDX-License-Identifier: MIT */
/*
 * What tests of texture instructions share: a texture laid out by a reference of
 * its own, header and sampler words, programs that sample at each thread's
 * coordinates.  Always true: texel values are whole numbers below 256, so that
 * filtering with weights of sixteenths is exact in float32.
 */
#ifndef TESTS_UNIT_DEV_TEXKIT_H
#define TESTS_UNIT_DEV_TEXKIT_H

#include <math.h>

#include "tests/unit/dev/smkit.h"

#define TK_IN SK_BUF
#define TK_OUT (SK_BUF + 0x40000)
#define TK_TIC (SK_BUF + 0x80000)
#define TK_TSC (SK_BUF + 0x90000)
#define TK_TEX (SK_BUF + 0x100000)
#define TK_TEX_LEN 0x400000
#define TK_THREADS 512u
#define TK_BORDER 77.0f

enum { K_1D, K_2D, K_3D, K_CUBE, K_1DA, K_2DA, K_BUFFER, K_FLAT, K_CUBE_ARRAY };
enum { WRAP_REPEAT, WRAP_MIRROR, WRAP_EDGE, WRAP_BORDER };

struct tk_tex {
	uint32_t kind, w, h, d, layers, levels, gy, gz;
	bool unnormalized;
	uint32_t first; /* level of the view */
};
struct tk_in {
	float c[3];
	uint32_t lod, word, ref, off, off2;
	float dx[2], dy[2];
	uint32_t pad[4];
};
struct tk_smp {
	uint32_t wrap, mag, min, mip, func;
	int32_t bias; /* 256ths */
};

static uint8_t tk_mem[TK_TEX_LEN];
static struct tk_in tk_in[TK_THREADS];
static float tk_out[TK_THREADS][4];

static inline uint32_t tk_bits(float x)
{
	uint32_t v;

	memcpy(&v, &x, 4);
	return v;
}

/* Component c of a texel. */
static inline float tk_value(uint32_t level, uint32_t layer, uint32_t x, uint32_t y, uint32_t z,
			     uint32_t c)
{
	uint32_t v = (level * 7 + layer * 31 + x * 131 + y * 1031 + z * 5003 + c * 3) * 2654435761u;

	return (float)(v >> 24);
}

static inline uint32_t tk_dim(uint32_t n, uint32_t level)
{
	while (level--)
		n = n > 1 ? n / 2 : 1;
	return n;
}

/* Bytes of blocks, and a texel's place in a level; texels have 16 bytes. */
static inline uint64_t tk_level(const struct tk_tex *t, uint32_t level, uint32_t x, uint32_t y,
				uint32_t z, uint64_t *at, uint64_t *block)
{
	uint32_t w = 16 * tk_dim(t->w, level), h = tk_dim(t->h, level);
	uint32_t d = t->kind == K_3D ? tk_dim(t->d, level) : 1;
	uint32_t rows = 8u << t->gy, deep = t->kind == K_3D ? 1u << t->gz : 1, nx, ny, nz;

	while (rows > 8 && rows / 2 >= h)
		rows /= 2;
	while (deep > 1 && deep / 2 >= d)
		deep /= 2;
	nx = (w + 63) / 64;
	ny = (h + rows - 1) / rows;
	nz = (d + deep - 1) / deep;
	*block = 64ull * rows * deep;
	x *= 16;
	*at = *block * (x / 64 + nx * (y / rows + (uint64_t)ny * (z / deep)));
	*at += 64ull * rows * (z % deep) + 512 * (y % rows / 8) + 64 * (y % 8) + x % 64;
	return *block * nx * ny * nz;
}

static inline uint64_t tk_stride(const struct tk_tex *t)
{
	uint64_t sum = 0, at, block, first;

	tk_level(t, 0, 0, 0, 0, &at, &first);
	for (uint32_t l = 0; l < t->levels; l++)
		sum += tk_level(t, l, 0, 0, 0, &at, &block);
	return (sum + first - 1) / first * first;
}

static inline void tk_fill_level(const struct tk_tex *t, uint32_t layer, uint32_t l, uint64_t base)
{
	uint32_t d = t->kind == K_3D ? tk_dim(t->d, l) : 1;

	for (uint32_t z = 0; z < d; z++)
		for (uint32_t y = 0; y < tk_dim(t->h, l); y++)
			for (uint32_t x = 0; x < tk_dim(t->w, l); x++) {
				uint64_t at, block;

				tk_level(t, l, x, y, z, &at, &block);
				if (t->kind == K_FLAT || t->kind == K_BUFFER)
					at = (uint64_t)y * 1024 + 16 * x;
				assert_true(base + at + 16 <= TK_TEX_LEN);
				for (uint32_t c = 0; c < 4; c++) {
					float v = tk_value(l, layer, x, y, z, c);

					memcpy(tk_mem + base + at + 4 * c, &v, 4);
				}
			}
}

static inline void tk_header(const struct tk_tex *t, uint32_t w[8])
{
	uint64_t va = fk_data_va(TK_TEX);
	bool flat = t->kind == K_FLAT || t->kind == K_BUFFER;
	uint32_t d = t->kind == K_3D ? t->d : t->kind == K_CUBE_ARRAY ? t->layers / 6 : t->layers;

	memset(w, 0, 32);
	w[0] = 1 | 7 << 6 | 7 << 9 | 7 << 12 | 7 << 15 | 2 << 18 | 3 << 21 | 4 << 24 | 5 << 27;
	w[1] = lo32(va);
	w[2] = hi32(va) | t->kind << 14 | (flat ? 1u << 18 : 0) | t->gy << 22 | t->gz << 25 |
	       (t->unnormalized ? 0 : 1u << 31);
	w[3] = t->kind == K_FLAT ? 1024 : 0;
	w[4] = 1u << 31 | t->w;
	w[5] = t->h | d << 16 | (t->levels - 1) << 28;
	w[7] = t->first | (t->levels - 1) << 4;
}

static inline void tk_texture(struct sk *s, const struct tk_tex *t)
{
	uint32_t w[8];

	for (uint32_t layer = 0; layer < t->layers; layer++) {
		uint64_t base = layer * tk_stride(t), at, block;

		for (uint32_t l = 0; l < t->levels; l++) {
			tk_fill_level(t, layer, l, base);
			base += tk_level(t, l, 0, 0, 0, &at, &block);
		}
	}
	sk_wr(s, TK_TEX, tk_mem, TK_TEX_LEN);
	tk_header(t, w);
	sk_wr(s, TK_TIC + 3 * 32, w, sizeof(w));
}

static inline void tk_sampler(struct sk *s, const struct tk_smp *p)
{
	uint32_t w[8] = { p->wrap | p->wrap << 3 | p->wrap << 6 | p->func << 10,
			  p->mag | p->min << 4 | p->mip << 6 | ((uint32_t)p->bias & 0x1fff) << 12,
			  0xf00u << 12 };

	for (int c = 0; c < 4; c++)
		w[4 + c] = tk_bits(TK_BORDER + (float)c);
	sk_wr(s, TK_TSC + 5 * 32, w, sizeof(w));
}

/* Texture slot 2 is header 3, sampler slot 1 sampler 5. */
static inline void tk_open(struct sk *s)
{
	sk_open(s, "clock=manual,sm=1");
	sk_const_va(s, 0, TK_IN);
	sk_const_va(s, 2, TK_OUT);
	sk_cp(s, 0x155c, hi32(fk_data_va(TK_TSC)));
	sk_cp(s, 0x1560, lo32(fk_data_va(TK_TSC)));
	sk_cp(s, 0x1564, 7);
	sk_cp(s, 0x1574, hi32(fk_data_va(TK_TIC)));
	sk_cp(s, 0x1578, lo32(fk_data_va(TK_TIC)));
	sk_cp(s, 0x157c, 7);
	sk_cp(s, 0x22c, 3 << 9 | 2 << 1 | 1);
	sk_cp(s, 0x228, 5 << 12 | 1 << 4 | 1);
}

/* r4-r6 coordinates, r7 level, r8 word, r9 ref, r10 offsets; results in r16q. */
static inline void tk_run(struct sk *s, const char *text)
{
	char all[2000];

	sk_wr(s, TK_IN, tk_in, sizeof(tk_in));
	snprintf(all, sizeof(all),
		 "s2r r0, %%tid.x\n shl r1, r0, 6\n iadd.cc r2, r1, c0[0x0]\n iadd.x r3, rz, c0[4]\n"
		 "ld.b128 r4q, g[r2d]\n ld.b128 r8q, g[r2d+16]\n ld.b128 r12q, g[r2d+32]\n"
		 "mov r16, rz\n mov r17, rz\n mov r18, rz\n mov r19, rz\n%s\n"
		 "shl r1, r0, 4\n iadd.cc r2, r1, c0[8]\n iadd.x r3, rz, c0[12]\n"
		 "st.b128 g[r2d], r16q\n exit\n", text);
	s->entry = 0;
	sk_run(s, sk_program(s, all), &(struct sk_grid){ .block = { TK_THREADS } });
	sk_rd(s, TK_OUT, tk_out, sizeof(tk_out));
}

/* ---- reference of one sample ------------------------------------------------------------- */

static inline int tk_wrap(uint32_t wrap, int i, int n)
{
	switch (wrap) {
	case WRAP_REPEAT:
		while (i < 0)
			i += n;
		return i % n;
	case WRAP_MIRROR:
		while (i < 0)
			i += 2 * n;
		i %= 2 * n;
		return i < n ? i : 2 * n - 1 - i;
	case WRAP_EDGE:
		return i < 0 ? 0 : i > n - 1 ? n - 1 : i;
	default:
		return i < 0 || i > n - 1 ? -1 : i;
	}
}

static inline uint32_t tk_axes(const struct tk_tex *t)
{
	return t->kind == K_1D || t->kind == K_1DA || t->kind == K_BUFFER ? 1 : t->kind == K_3D ? 3 : 2;
}

/* Component c at position p, in texels of a level. */
static inline double tk_expect(const struct tk_tex *t, uint32_t wrap, bool linear, uint32_t level,
			       uint32_t layer, const double p[3], const int off[3], uint32_t c)
{
	uint32_t n[3] = { tk_dim(t->w, level), tk_dim(t->h, level), tk_dim(t->d, level) };
	double sum = 0;

	for (uint32_t pick = 0; pick < (linear ? 1u << tk_axes(t) : 1); pick++) {
		double weight = 1;
		int at[3] = { 0 };
		bool border = false;

		for (uint32_t k = 0; k < tk_axes(t); k++) {
			double q = linear ? p[k] - 0.5 : p[k], part = q - floor(q);

			at[k] = tk_wrap(wrap, (int)floor(q) + off[k] + (int)(pick >> k & 1), (int)n[k]);
			border |= at[k] < 0;
			weight *= !linear ? 1 : pick >> k & 1 ? part : 1 - part;
		}
		sum += weight * (double)(border ? TK_BORDER + (float)c :
					 tk_value(level, layer, (uint32_t)at[0], (uint32_t)at[1],
						  (uint32_t)at[2], c));
	}
	return sum;
}

#endif

// SPDX-License-Identifier: MIT
/*
 * Texture instructions against a reference in double precision: all shapes,
 * block sizes, levels and layers, wrap modes, filters, fetches by number, gathers,
 * comparisons, derivatives, queries; headers of any words.
 */
#include "tests/unit/dev/texkit.h"

static const struct tk_tex shapes[] = {
	{ .kind = K_1D, .w = 37, .h = 1, .d = 1, .layers = 1, .levels = 3 },
	{ .kind = K_2D, .w = 37, .h = 29, .d = 1, .layers = 1, .levels = 4, .gy = 2 },
	{ .kind = K_2D, .w = 70, .h = 90, .d = 1, .layers = 1, .levels = 5, .gy = 4, .first = 1 },
	{ .kind = K_3D, .w = 20, .h = 17, .d = 9, .layers = 1, .levels = 3, .gy = 1, .gz = 3 },
	{ .kind = K_1DA, .w = 37, .h = 1, .d = 1, .layers = 5, .levels = 2 },
	{ .kind = K_2DA, .w = 19, .h = 23, .d = 1, .layers = 4, .levels = 3, .gy = 2 },
	{ .kind = K_FLAT, .w = 37, .h = 29, .d = 1, .layers = 1, .levels = 1, .unnormalized = true },
};
static const char *const dim_name[] = { "1d", "2d", "3d", "cube", "1d.array", "2d.array", "1d", "2d",
					"cube.array" };
static const char *const suffix[] = { "e", "", "d", "t", "q" };

static bool is_array(const struct tk_tex *t)
{
	return t->kind == K_1DA || t->kind == K_2DA || t->kind == K_CUBE_ARRAY;
}

/* First operands into r20 and up; how many. */
static uint32_t gather_a(const struct tk_tex *t, char *text, size_t n)
{
	uint32_t at = 20, coords = t->kind == K_CUBE || t->kind == K_CUBE_ARRAY ? 3 : tk_axes(t);

	*text = 0;
	if (is_array(t))
		at += (uint32_t)(snprintf(text, n, "mov r20, r8\n") > 0);
	for (uint32_t k = 0; k < coords; k++)
		snprintf(text + strlen(text), n - strlen(text), "mov r%u, r%u\n", at++, 4 + k);
	return at - 20;
}

static void sample(struct sk *s, const struct tk_tex *t, const char *op, const char *mods,
		   const char *b)
{
	char text[500], a[200];
	uint32_t n = gather_a(t, a, sizeof(a));

	snprintf(text, sizeof(text), "%s %s.xyzw.%s.%s r16q, t2, s1, r20%s, %s", a, op,
		 dim_name[t->kind], mods, suffix[n], b);
	tk_run(s, text);
}

/* Positions of sixteenths that are never on an edge between texels. */
static double position(uint64_t *seed, uint32_t n)
{
	int range = (int)n * 3 * 16;

	return ((int)(kit_rand(seed) >> 33) % range - (int)n * 16) / 16.0 + 1.0 / 32;
}

static void check(uint32_t i, uint32_t c, double want, const char *what)
{
	if (fabs((double)tk_out[i][c] - want) > 1e-4)
		fail_msg("%s: thread %u component %u: %g, not %g; at %g %g %g", what, i, c,
			 (double)tk_out[i][c], want, (double)tk_in[i].c[0], (double)tk_in[i].c[1],
			 (double)tk_in[i].c[2]);
}

static void one_shape(struct sk *s, const struct tk_tex *t, uint32_t wrap, bool linear,
		      uint32_t level, uint64_t *seed)
{
	static double pos[TK_THREADS][3];
	uint32_t layer[TK_THREADS], abs = t->first + level;
	uint32_t n[3] = { tk_dim(t->w, abs), tk_dim(t->h, abs), tk_dim(t->d, abs) };
	static const int none[3];

	tk_sampler(s, &(struct tk_smp){ wrap, linear ? 2 : 1, linear ? 2 : 1, 2, 0, 0 });
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		for (uint32_t k = 0; k < 3; k++) {
			pos[i][k] = position(seed, n[k]);
			/* Linear: fractions of sixteenths, which the weights can hold. */
			pos[i][k] += linear ? 1.0 / 32 : 0;
			tk_in[i].c[k] = (float)(t->unnormalized ? pos[i][k] : pos[i][k] / n[k]);
		}
		tk_in[i].word = (uint32_t)(kit_rand(seed) >> 40) % (t->layers + 2);
		layer[i] = tk_in[i].word < t->layers ? tk_in[i].word : t->layers - 1;
		tk_in[i].lod = tk_bits((float)level);
	}
	sample(s, t, "tex", "ll", "r7");
	for (uint32_t i = 0; i < TK_THREADS; i++)
		for (uint32_t c = 0; c < 4; c++)
			check(i, c, tk_expect(t, wrap, linear, abs, layer[i], pos[i], none, c),
			      dim_name[t->kind]);
}

static void test_shapes(void **state)
{
	uint64_t seed = 3;
	struct sk s;

	(void)state;
	tk_open(&s);
	for (size_t k = 0; k < ARRAY_SIZE(shapes); k++) {
		tk_texture(&s, &shapes[k]);
		for (uint32_t wrap = 0; wrap < 4; wrap++)
			for (uint32_t l = 0; l + shapes[k].first < shapes[k].levels; l++) {
				one_shape(&s, &shapes[k], wrap, false, l, &seed);
				one_shape(&s, &shapes[k], wrap, true, l, &seed);
			}
	}
	sk_close(&s);
}

/* Directions of each face, from positions on it [GL specification, cube map faces]. */
static void test_cube(void **state)
{
	static const struct tk_tex t = { .kind = K_CUBE_ARRAY, .w = 16, .h = 16, .d = 1, .layers = 12,
					 .levels = 2, .gy = 1 };
	static const int none[3];
	static double pos[TK_THREADS][3];
	uint32_t face[TK_THREADS];
	uint64_t seed = 9;
	struct sk s;

	(void)state;
	tk_open(&s);
	tk_texture(&s, &t);
	tk_sampler(&s, &(struct tk_smp){ WRAP_REPEAT, 2, 2, 1, 0, 0 });
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		float a, b;

		pos[i][0] = (double)(8 + kit_rand(&seed) % 240) / 16;
		pos[i][1] = (double)(8 + kit_rand(&seed) % 240) / 16;
		a = (float)(pos[i][0] / 8 - 1);
		b = (float)(pos[i][1] / 8 - 1);
		face[i] = (uint32_t)(kit_rand(&seed) >> 40) % 6;
		tk_in[i].word = (uint32_t)(kit_rand(&seed) >> 40) % 2;
		switch (face[i]) {
		case 0: memcpy(tk_in[i].c, (float[]){ 1, -b, -a }, 12); break;
		case 1: memcpy(tk_in[i].c, (float[]){ -1, -b, a }, 12); break;
		case 2: memcpy(tk_in[i].c, (float[]){ a, 1, b }, 12); break;
		case 3: memcpy(tk_in[i].c, (float[]){ a, -1, -b }, 12); break;
		case 4: memcpy(tk_in[i].c, (float[]){ a, -b, 1 }, 12); break;
		default: memcpy(tk_in[i].c, (float[]){ -a, -b, -1 }, 12); break;
		}
	}
	sample(&s, &t, "tex", "lz", "rze");
	for (uint32_t i = 0; i < TK_THREADS; i++)
		for (uint32_t c = 0; c < 4; c++)
			check(i, c, tk_expect(&t, WRAP_EDGE, true, 0, 6 * tk_in[i].word + face[i],
					      pos[i], none, c), "cube");
	sk_close(&s);
}

/* By number, with offsets; what is not there reads zero. */
static void test_fetch(void **state)
{
	uint64_t seed = 5;
	struct sk s;

	(void)state;
	tk_open(&s);
	for (size_t k = 0; k < ARRAY_SIZE(shapes); k++) {
		const struct tk_tex *t = &shapes[k];
		int32_t (*xyz)[3] = calloc(TK_THREADS, sizeof(*xyz));

		tk_texture(&s, t);
		for (uint32_t i = 0; i < TK_THREADS; i++) {
			uint32_t n[3] = { t->w, t->h, t->d };

			for (uint32_t j = 0; j < 3; j++) {
				xyz[i][j] = (int32_t)(kit_rand(&seed) >> 40) % (int32_t)(n[j] + 2) - 1;
				memcpy(&tk_in[i].c[j], &xyz[i][j], 4);
			}
			tk_in[i].lod = (uint32_t)(kit_rand(&seed) >> 40) % (t->levels + 1);
			tk_in[i].word = (uint32_t)(kit_rand(&seed) >> 40) % (t->layers + 1);
			tk_in[i].off = 0x1f2; /* x + 2, y - 1, z + 1 */
		}
		for (int off = 0; off < 2; off++) {
			sample(&s, t, off ? "mov r24, r7\n mov r25, r10\n tld" : "tld",
			       off ? "ll.off" : "ll", off ? "r24d" : "r7");
			for (uint32_t i = 0; i < TK_THREADS; i++) {
				int32_t x = xyz[i][0] + (off ? 2 : 0), y = xyz[i][1] - off;
				int32_t z = xyz[i][2] + off;
				uint32_t l = t->first + tk_in[i].lod, axes = tk_axes(t);
				bool in = l < t->levels;

				in = in && x >= 0 && x < (int32_t)tk_dim(t->w, l);
				in = in && (axes < 2 || (y >= 0 && y < (int32_t)tk_dim(t->h, l)));
				in = in && (axes < 3 || (z >= 0 && z < (int32_t)tk_dim(t->d, l)));
				in = in && (!is_array(t) || tk_in[i].word < t->layers);
				for (uint32_t c = 0; c < 4; c++)
					check(i, c, in ? (double)tk_value(l, is_array(t) ? tk_in[i].word : 0,
							(uint32_t)x, axes > 1 ? (uint32_t)y : 0,
							axes > 2 ? (uint32_t)z : 0, c) : 0, "fetch");
			}
		}
		free(xyz);
	}
	sk_close(&s);
}

/* Buffers have elements only. */
static void test_buffer(void **state)
{
	static const struct tk_tex t = { .kind = K_BUFFER, .w = 60, .h = 1, .d = 1, .layers = 1,
					 .levels = 1, .unnormalized = true };
	struct sk s;

	(void)state;
	tk_open(&s);
	tk_texture(&s, &t);
	for (uint32_t i = 0; i < TK_THREADS; i++)
		memcpy(&tk_in[i].c[0], &i, 4);
	sample(&s, &t, "tld", "lz", "rze");
	for (uint32_t i = 0; i < TK_THREADS; i++)
		for (uint32_t c = 0; c < 4; c++)
			check(i, c, i < 60 ? (double)tk_value(0, 0, i, 0, 0, c) : 0, "buffer");
	sk_close(&s);
}

static const struct tk_tex plain = { .kind = K_2D, .w = 32, .h = 32, .d = 1, .layers = 1,
				     .levels = 6, .gy = 2 };

static void positions(uint64_t *seed, double pos[TK_THREADS][3])
{
	for (uint32_t i = 0; i < TK_THREADS; i++)
		for (uint32_t k = 0; k < 2; k++) {
			pos[i][k] = position(seed, 32) + 1.0 / 32;
			tk_in[i].c[k] = (float)(pos[i][k] / 32);
		}
}

static void test_gather(void **state)
{
	static const int order[4][2] = { { 0, 1 }, { 1, 1 }, { 1, 0 }, { 0, 0 } };
	static double pos[TK_THREADS][3];
	uint64_t seed = 21;
	struct sk s;

	(void)state;
	tk_open(&s);
	tk_texture(&s, &plain);
	tk_sampler(&s, &(struct tk_smp){ WRAP_MIRROR, 1, 1, 1, 0, 0 });
	positions(&seed, pos);
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		tk_in[i].off = 0x05fd0302; /* (2, 3), (-3, 5) */
		tk_in[i].off2 = 0xfffe0700; /* (0, 7), (-2, -1) */
	}
	for (int form = 0; form < 3; form++) {
		static const int off8[4][2] = { { 2, 3 }, { -3, 5 }, { 0, 7 }, { -2, -1 } };

		sample(&s, &plain, form == 2 ? "mov r24, r10\n mov r25, r11\n tld4" : "tld4",
		       form == 0 ? "g" : form == 1 ? "g.off" : "g.off8",
		       form == 0 ? "rze" : form == 1 ? "r10" : "r24d");
		for (uint32_t i = 0; i < TK_THREADS; i++)
			for (uint32_t n = 0; n < 4; n++) {
				int x = (int)floor(pos[i][0] - 0.5), y = (int)floor(pos[i][1] - 0.5);

				x += form == 2 ? off8[n][0] : order[n][0] + 2 * form;
				y += form == 2 ? off8[n][1] : order[n][1] + 3 * form;
				x = tk_wrap(WRAP_MIRROR, x, 32);
				y = tk_wrap(WRAP_MIRROR, y, 32);
				check(i, n, (double)tk_value(0, 0, (uint32_t)x, (uint32_t)y, 0, 1),
				      "gather");
			}
	}
	sk_close(&s);
}

/* The share of the four texels that pass; offsets stand before the number to compare with. */
static void test_compare(void **state)
{
	static double pos[TK_THREADS][3];
	uint64_t seed = 22;
	struct sk s;

	(void)state;
	tk_open(&s);
	tk_texture(&s, &plain);
	positions(&seed, pos);
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		tk_in[i].ref = tk_bits((float)(kit_rand(&seed) >> 40 & 255));
		tk_in[i].off = 0x0e3; /* (3, -2) */
	}
	for (uint32_t func = 0; func < 8; func++) {
		tk_sampler(&s, &(struct tk_smp){ WRAP_EDGE, 2, 2, 1, func, 0 });
		sample(&s, &plain, "mov r24, r10\n mov r25, r9\n tex", "lz.off.shadow", "r24d");
		for (uint32_t i = 0; i < TK_THREADS; i++) {
			double want = 0, x = pos[i][0] - 0.5, y = pos[i][1] - 0.5;

			for (int n = 0; n < 4; n++) {
				int u = tk_wrap(WRAP_EDGE, (int)floor(x) + 3 + n % 2, 32);
				int v = tk_wrap(WRAP_EDGE, (int)floor(y) - 2 + n / 2, 32);
				float z = tk_value(0, 0, (uint32_t)u, (uint32_t)v, 0, 0), ref;
				double a = x - floor(x), b = y - floor(y);

				memcpy(&ref, &tk_in[i].ref, 4);
				if ((func & 1 && ref < z) || (func & 2 && ref == z) ||
				    (func & 4 && ref > z))
					want += (n % 2 ? a : 1 - a) * (n / 2 ? b : 1 - b);
			}
			check(i, 0, want, "compare");
		}
	}
	sk_close(&s);
}

/* A level between two is a mixture; the nearest, a bias, and derivatives pick one. */
static void test_levels(void **state)
{
	static double pos[TK_THREADS][3];
	static const float lods[] = { -3, 0, 0.25f, 0.75f, 1.5f, 1.75f, 3, 4.25f, 20 };
	static const int none[3];
	struct sk s;

	(void)state;
	tk_open(&s);
	tk_texture(&s, &plain);
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		float lod = lods[i % ARRAY_SIZE(lods)], size = lod > -2 && lod < 9 ? lod : 0;

		pos[i][0] = pos[i][1] = 0.5 / 32 + i / 512.0 / 4;
		tk_in[i].c[0] = tk_in[i].c[1] = (float)pos[i][0];
		tk_in[i].lod = tk_bits(lod);
		tk_in[i].dx[0] = i & 1 ? exp2f(size) / 32 : 0;
		tk_in[i].dx[1] = i & 1 ? 0 : exp2f(size) / 32;
		tk_in[i].dy[0] = tk_in[i].dy[1] = 0;
	}
	for (int mip = 1; mip <= 3; mip++) {
		tk_sampler(&s, &(struct tk_smp){ WRAP_EDGE, 1, 1, (uint32_t)mip, 0, 0 });
		sample(&s, &plain, "tex", "ll", "r7");
		for (uint32_t i = 0; i < TK_THREADS; i++) {
			double lod = (double)lods[i % ARRAY_SIZE(lods)], low, high, part;

			lod = lod < 0 ? 0 : lod > 5 ? 5 : lod;
			lod = mip == 1 ? 0 : mip == 2 ? ceil(lod + 0.5) - 1 : lod;
			low = floor(lod);
			part = lod - low;
			high = low < 5 ? low + 1 : 5;
			for (uint32_t c = 0; c < 4; c++) {
				double p[2][3], v[2];

				for (int k = 0; k < 2; k++) {
					uint32_t l = (uint32_t)(k ? high : low);

					p[k][0] = p[k][1] = pos[i][0] * (32 >> l);
					v[k] = tk_expect(&plain, WRAP_EDGE, false, l, 0, p[k], none, c);
				}
				check(i, c, v[0] + (v[1] - v[0]) * part, "levels");
			}
		}
	}
	/* dx of a power of two is that level; without a bias and with one of -1. */
	for (int bias = 0; bias >= -256; bias -= 256) {
		tk_sampler(&s, &(struct tk_smp){ WRAP_EDGE, 1, 1, 2, 0, bias });
		/* r12, r13 are dx of x and y, r14, r15 dy; the instruction wants them by axis. */
		sample(&s, &plain, "mov r24, r12\n mov r25, r14\n mov r26, r13\n mov r27, r15\n txd",
		       "t", "r24q");
		for (uint32_t i = 0; i < TK_THREADS; i++) {
			double lod = (double)lods[i % ARRAY_SIZE(lods)], p[3] = { 0 };
			uint32_t l;

			lod = lod > -2 && lod < 9 ? lod : 0;
			lod += bias / 256;
			l = lod < 0 ? 0 : (uint32_t)(ceil(lod + 0.5) - 1);
			p[0] = p[1] = pos[i][0] * (32 >> l);
			check(i, 2, tk_expect(&plain, WRAP_EDGE, false, l, 0, p, none, 2), "txd");
		}
	}
	sk_close(&s);
}

/* In a whole quad the neighbours' coordinates give the level; alone there is no change. */
static void test_quad(void **state)
{
	static const int none[3];
	struct sk s;

	(void)state;
	tk_open(&s);
	tk_texture(&s, &plain);
	tk_sampler(&s, &(struct tk_smp){ WRAP_REPEAT, 1, 1, 2, 0, 0 });
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		tk_in[i].c[0] = (float)(i / 4 % 16) / 16 + 1.0f / 64 + (i & 1 ? 0.125f : 0);
		tk_in[i].c[1] = 1.0f / 64 + (i & 2 ? 0.25f : 0);
		tk_in[i].lod = tk_bits(-1);
	}
	for (int form = 0; form < 3; form++) {
		/* y changes by 8 texels: level 3; a bias of -1 makes 2 of it. */
		uint32_t l = form == 0 ? 0 : form == 1 ? 3 : 2;

		sample(&s, &plain, "tex", form == 0 ? "t" : form == 1 ? "dall" : "dall.lb",
		       form == 2 ? "r7" : "rze");
		for (uint32_t i = 0; i < TK_THREADS; i++) {
			double p[3] = { (double)tk_in[i].c[0] * (32 >> l),
					(double)tk_in[i].c[1] * (32 >> l) };

			check(i, 1, tk_expect(&plain, WRAP_REPEAT, false, l, 0, p, none, 1), "quad");
		}
	}
	tk_run(&s, "mov r20, r4\n mov r21, r5\n tlod.xy.2d.dall r16d, t2, s1, r20d, rze\n"
		   "i2f.f32.s16 r16, r16\n i2f.f32.u16 r17, r17");
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		check(i, 0, 768, "unclamped level");
		check(i, 1, 768, "level");
	}
	sk_close(&s);
}

static void test_query(void **state)
{
	struct sk s;

	(void)state;
	tk_open(&s);
	for (size_t k = 0; k < ARRAY_SIZE(shapes); k++) {
		const struct tk_tex *t = &shapes[k];

		tk_texture(&s, t);
		for (uint32_t i = 0; i < TK_THREADS; i++)
			tk_in[i].lod = i % (t->levels - t->first);
		tk_run(&s, "txq.xyzw.dims r16q, t2, s1, r7, rz\n i2f.f32.u32 r16, r16\n"
			   "i2f.f32.u32 r17, r17\n i2f.f32.u32 r18, r18\n i2f.f32.u32 r19, r19");
		for (uint32_t i = 0; i < TK_THREADS; i++) {
			uint32_t l = t->first + tk_in[i].lod;

			check(i, 0, tk_dim(t->w, l), "width");
			if (t->kind != K_1DA)
				check(i, 1, tk_dim(t->h, l), "height");
			check(i, t->kind == K_1DA ? 1 : 2, t->kind == K_3D ? tk_dim(t->d, l) : t->layers,
			      "depth");
			check(i, 3, t->levels - t->first, "levels");
		}
	}
	sk_close(&s);
}

/* An indirect access takes texture and sampler from the word; masks pack the results. */
static void test_indirect(void **state)
{
	static double pos[TK_THREADS][3];
	static const int none[3];
	uint64_t seed = 8;
	struct sk s;

	(void)state;
	tk_open(&s);
	tk_texture(&s, &plain);
	tk_sampler(&s, &(struct tk_smp){ WRAP_EDGE, 2, 2, 1, 0, 0 });
	positions(&seed, pos);
	tk_run(&s, "mov.l r20, 0x01010000\n mov r21, r4\n mov r22, r5\n"
		   "tex.yw.2d.lz.ind r16d, t9, s9, r20t, rze");
	for (uint32_t i = 0; i < TK_THREADS; i++) {
		check(i, 0, tk_expect(&plain, WRAP_EDGE, true, 0, 0, pos[i], none, 1), "indirect");
		check(i, 1, tk_expect(&plain, WRAP_EDGE, true, 0, 0, pos[i], none, 3), "indirect");
		check(i, 2, 0, "indirect");
	}
	sk_close(&s);
}

/* ---- what goes wrong ------------------------------------------------------------------------ */

static void expect_error(uint32_t word, uint32_t at, const char *text, const char *trap)
{
	struct log log;
	uint32_t w[8];
	struct sk s;
	FILE *f;

	tk_open(&s);
	tk_header(&plain, w);
	w[at] = word;
	sk_wr(&s, TK_TIC + 3 * 32, w, sizeof(w));
	tk_sampler(&s, &(struct tk_smp){ WRAP_EDGE, 1, 1, 1, 0, 0 });
	f = sk_listen(&s, &log);
	sk_launch(&s, sk_program(&s, text), &(struct sk_grid){ .block = { 32 } });
	fk_go(&s.c);
	if (!trap)
		assert_int_not_equal(dev_rd32(s.k.d, NV_PFIFO_MMU_FAULT_UNITS), 0);
	else
		assert_int_equal(sk_intr(&s), PGRAPH_INTR_TRAP);
	assert_true(sk_said(&s, f, trap ? trap : ""));
	sk_close(&s);
}

static void test_bad(void **state)
{
	const char *tex = "mov r20, rz\n mov r21, rz\n tex.xyzw.2d.lz r16q, t2, s1, r20d, rze\n exit\n";
	uint32_t w[8];

	(void)state;
	tk_header(&plain, w);
	expect_error(0x12340000, 1, tex, NULL);	/* no memory there */
	expect_error((w[0] & ~63u) | 0x24, 0, tex, "texture format 0x24");
	expect_error(w[0] & ~(7u << 6), 0, tex, "component type 0");
	expect_error((w[2] & ~(15u << 14)) | 15u << 14, 2, tex, "texture type 15");
	expect_error(w[7] | 2 << 12, 7, tex, "multisampled texture, mode 2");
	expect_error(w[0], 0, "mov r20, rz\n mov r21, rz\n"
		     "tex.xyzw.2d.lz r16q, t1, s1, r20d, rze\n exit\n", "nothing is bound");
	expect_error(w[0], 0, "mov r20, rz\n mov r21, rz\n"
		     "tex.xyzw.2d.lz r16q, t2, s0, r20d, rze\n exit\n", "nothing is bound");
}

/* Any words as header and sampler: an error or an end, and nothing that sanitizers mind. */
static void test_any_words(void **state)
{
	uint64_t seed = 1234;

	(void)state;
	for (int n = 0; n < 300; n++) {
		static const char *const ops[] = {
			"tex.xyzw.3d.ll r16q, t2, s1, r20t, r4",
			"tex.xyzw.cube.array.dall.lb r16q, t2, s1, r20q, r4",
			"tld.xyzw.2d.array.ll.off r16q, t2, s1, r20t, r4d",
			"tld4.xyzw.2d.a.off r16q, t2, s1, r20d, r4",
			"txq.xyzw.dims r16q, t2, s1, r4, rz",
			"txd.xyzw.2d r16q, t2, s1, r20d, r4q",
			"tlod.xy.2d.dall r16d, t2, s1, r20d, rze",
		};
		char text[300];
		uint32_t w[16];
		struct sk s;

		tk_open(&s);
		for (int i = 0; i < 16; i++)
			w[i] = (uint32_t)kit_rand(&seed);
		/* Mostly something that decodes, at memory that is there. */
		w[0] = (w[0] & ~63u) | (uint32_t[]){ 1, 8, 15, 33 }[n & 3];
		w[1] = lo32(fk_data_va(TK_TEX));
		w[2] = (w[2] & 0xfe03ff00) | (uint32_t)(kit_rand(&seed) >> 40) % 9 << 14;
		w[4] &= n & 4 ? ~0u : 0x80000fff;
		w[7] &= n & 8 ? ~0u : ~(15u << 12);
		sk_wr(&s, TK_TIC + 3 * 32, w, 32);
		sk_wr(&s, TK_TSC + 5 * 32, w + 8, 32);
		snprintf(text, sizeof(text),
			 "mov.l r20, %u\n mov.l r21, %u\n mov.l r22, %u\n mov.l r23, %u\n"
			 "mov.l r4, %u\n mov.l r5, %u\n mov r6, r20\n mov r7, r21\n %s\n exit\n",
			 (uint32_t)kit_rand(&seed), (uint32_t)kit_rand(&seed),
			 (uint32_t)kit_rand(&seed), (uint32_t)kit_rand(&seed),
			 (uint32_t)kit_rand(&seed), (uint32_t)kit_rand(&seed),
			 ops[(size_t)n % ARRAY_SIZE(ops)]);
		sk_launch(&s, sk_program(&s, text), &(struct sk_grid){ .block = { 4 } });
		fk_go(&s.c);
		assert_true(fk_done(&s.c) || sk_intr(&s) ||
			    dev_rd32(s.k.d, NV_PFIFO_MMU_FAULT_UNITS));
		sk_close(&s);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_cube),
		cmocka_unit_test(test_fetch), cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_gather), cmocka_unit_test(test_compare),
		cmocka_unit_test(test_levels), cmocka_unit_test(test_quad),
		cmocka_unit_test(test_query), cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_bad), cmocka_unit_test(test_any_words),
	};

	return cmocka_run_group_tests_name("sm_tex", tests, NULL, NULL);
}

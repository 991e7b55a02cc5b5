// SPDX-License-Identifier: MIT
/*
 * Texture instructions: operands, headers, results.
 *
 * Operands [Mesa nv50_ir_lowering_nvc0.cpp, handleTEX; Fermi]: the first vector
 * has the array index (bits 0-15) and the texture (23-31) and sampler (16-22) of
 * an indirect access in one word, if there is either, then coordinates; the second
 * one level or bias, offsets, the number to compare with.  Offsets have 4 bits
 * for each axis; of a gather 8.
 *
 * Always true: a lane's results are written after all lanes' operands were read.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/sm/lanes.h"
#include "gpuvm/dev/sim/sm/sample.h"
#include "gpuvm/dev/sim/sm/space.h"

#include <math.h>

struct operands {
	uint32_t word;	   /* array index, texture, sampler */
	uint32_t c[3];
	uint32_t level, off[2], ref;
	uint32_t dx[3], dy[3];
};

/* Header and sampler of the lane before; mostly they are this one's too. */
struct bound {
	bool have;
	uint32_t tic_slot, tsc_slot;
	struct tic t;
	struct tsc s;
};

static uint32_t nr_coords(const struct sm20_tex *x)
{
	return x->dim >= SM20_TEX_3D ? 3 : x->dim == SM20_TEX_2D ? 2 : 1;
}

static struct operands operands_of(const struct warp *w, const struct uop *u, uint32_t i)
{
	const struct sm20_tex *x = &u->in.tex;
	const uint32_t (*a)[LANES] = &w->r[u->row[0]], (*b)[LANES] = &w->r[u->row[1]];
	struct operands o = { 0 };
	uint32_t n = nr_coords(x);

	if (x->array || x->indirect)
		o.word = (*a++)[i];
	for (uint32_t k = 0; k < n; k++)
		o.c[k] = (*a++)[i];
	if (u->in.op == SM20_TXD) {
		if (x->offset)
			o.off[0] = (*a)[i];
		for (uint32_t k = 0; k < n; k++) {
			o.dx[k] = (*b++)[i];
			o.dy[k] = (*b++)[i];
		}
		return o;
	}
	if (u->in.op == SM20_TEX ? x->lod & 2 : u->in.op == SM20_TLD && x->lod == SM20_LOD_LEVEL)
		o.level = (*b++)[i];
	if (x->offset)
		o.off[0] = (*b++)[i];
	if (x->offset8) {
		o.off[0] = (*b++)[i];
		o.off[1] = (*b++)[i];
	}
	if (x->shadow)
		o.ref = (*b)[i];
	return o;
}

/* ---- headers ---------------------------------------------------------------------------- */

static bool header(struct worker *wk, const struct uop *u, uint64_t base, uint32_t index,
		   uint32_t max, uint32_t w[8])
{
	if (index > max) {
		launch_trap(wk, u, index == ~0u ? "nothing is bound there" :
						  "texture or sampler beyond the last one");
		return false;
	}
	return space_rd(wk, (base + (uint64_t)index * TIC_BYTES) & 0xffffffffffull, w, TIC_BYTES);
}

static bool bind(struct worker *wk, const struct uop *u, uint32_t word, bool sampler,
		 struct bound *b)
{
	const struct sm_grid *g = &wk->launch->g;
	const struct sm20_tex *x = &u->in.tex;
	uint32_t tic = x->indirect ? word >> 23 : x->tic, w[8], index;
	uint32_t tsc = x->indirect ? word >> 16 & 0x7f : x->tsc;
	char text[64];
	const char *why;

	if (b->have && b->tic_slot == tic && b->tsc_slot == tsc)
		return true;
	index = tic < ARRAY_SIZE(g->bound_tic) ? g->bound_tic[tic] : ~0u;
	if (!header(wk, u, g->tic, index, g->tic_max, w))
		return false;
	why = tic_decode(w, &b->t, text);
	if (why) {
		launch_trap(wk, u, why);
		return false;
	}
	if (sampler) {
		if (!g->linked_tsc)
			index = tsc < ARRAY_SIZE(g->bound_tsc) ? g->bound_tsc[tsc] : ~0u;
		if (!header(wk, u, g->tsc, index, g->tsc_max, w))
			return false;
		tsc_decode(w, &b->s);
	}
	b->have = true;
	b->tic_slot = tic;
	b->tsc_slot = tsc;
	return true;
}

/* ---- sampling ---------------------------------------------------------------------------- */

static int32_t signed_bits(uint32_t v, uint32_t at, uint32_t bits)
{
	return (int32_t)(v << (32 - at - bits)) >> (32 - bits);
}

static void to_floats(float f[3], const uint32_t c[3])
{
	for (int k = 0; k < 3; k++)
		f[k] = as_f32(c[k]);
}

static bool is_cube(const struct tic *t)
{
	return t->kind == TIC_CUBE || t->kind == TIC_CUBE_ARRAY;
}

/* How coordinates change over a quad, in texels; only if all its lanes were asked to take part. */
static void quad_change(const struct warp *w, const struct uop *u, const struct tic *t, uint32_t i,
			uint32_t face, float dx[3], float dy[3])
{
	const struct operands at = operands_of(w, u, i & ~3u), x = operands_of(w, u, (i & ~3u) | 1);
	const struct operands y = operands_of(w, u, (i & ~3u) | 2);
	float a[3], b[3], c[3];

	to_floats(a, at.c);
	to_floats(b, x.c);
	to_floats(c, y.c);
	if (is_cube(t)) {
		sample_project(face, a);
		sample_project(face, b);
		sample_project(face, c);
	}
	for (int k = 0; k < 3; k++) {
		dx[k] = b[k] - a[k];
		dy[k] = c[k] - a[k];
	}
}

static float lod_of(const struct warp *w, const struct uop *u, const struct operands *o,
		    const struct tic *t, uint32_t i, uint32_t face)
{
	const struct sm20_tex *x = &u->in.tex;
	float dx[3] = { 0 }, dy[3] = { 0 }, lod;
	uint32_t size[3];

	if (u->in.op == SM20_TEX && (x->lod == SM20_LOD_LEVEL || x->lod == SM20_LOD_LEVELA))
		return as_f32(o->level);
	if (u->in.op == SM20_TEX && x->lod == SM20_LOD_ZERO)
		return 0.0f;
	if (u->in.op == SM20_TXD) {
		to_floats(dx, o->dx);
		to_floats(dy, o->dy);
	} else if (x->dall) {
		quad_change(w, u, t, i, face, dx, dy);
	}
	tic_size(t, t->first, size);
	for (uint32_t k = 0; k < 3; k++) {
		float scale = t->normalized || is_cube(t) ? (float)size[k] : 1.0f;

		scale = k < nr_coords(x) ? scale : 0.0f;
		dx[k] *= scale;
		dy[k] *= scale;
	}
	lod = sample_lod(dx, dy);
	if (u->in.op == SM20_TEX && x->lod & 2)
		lod = (lod > -1000.0f ? lod : -1000.0f) + as_f32(o->level);
	return lod;
}

/* The array index of a lane, with a cube's face. */
static uint32_t layer_of(const struct tic *t, const struct operands *o, const struct sm20_tex *x,
			 uint32_t face)
{
	uint32_t layers = tic_layers(t), index = x->array ? o->word & 0xffff : 0;

	if (is_cube(t))
		index = index * 6 + face;
	if (index < layers)
		return index;
	return is_cube(t) ? layers - 6 + face : layers - 1;
}

static struct sample sample_of(struct worker *wk, const struct uop *u, const struct operands *o,
			       const struct bound *b, uint32_t *face)
{
	struct sample p = { .wk = wk, .t = &b->t, .s = &b->s, .compare = u->in.tex.shadow,
			    .ref = as_f32(o->ref) };

	*face = 0;
	to_floats(p.c, o->c);
	if (is_cube(&b->t))
		*face = sample_face(p.c);
	p.layer = layer_of(&b->t, o, &u->in.tex, *face);
	return p;
}

static bool lane_sample(struct gang *g, const struct warp *w, const struct uop *u,
			const struct operands *o, const struct bound *b, uint32_t i, uint32_t v[4])
{
	uint32_t face;
	struct sample p = sample_of(g->wk, u, o, b, &face);
	float lod = lod_of(w, u, o, &b->t, i, face), used;

	for (uint32_t k = 0; k < 3; k++)
		p.off[k] = signed_bits(o->off[0], 4 * k, 4);
	used = sample_clamp(&b->s, lod);
	if (u->in.op != SM20_TLOD)
		return sample_filter(&p, used, v);
	/* Signed and unsigned fixed point, 8 bits behind the point [Mesa: handleTXLQ]. */
	lod += b->s.bias;
	lod = lod > 127.0f ? 127.0f : lod > -128.0f ? lod : -128.0f;
	used = used > 0.0f ? used : 0.0f;
	v[0] = (uint32_t)(int32_t)floorf(lod * 256.0f) & 0xffff;
	v[1] = (uint32_t)(used * 256.0f);
	v[2] = v[3] = 0;
	return true;
}

static bool lane_gather(struct gang *g, const struct uop *u, const struct operands *o,
			const struct bound *b, uint32_t v[4])
{
	uint32_t face;
	struct sample p = sample_of(g->wk, u, o, b, &face);

	for (uint32_t n = 0; n < 4; n++) {
		p.off[0] = signed_bits(o->off[n / 2], n % 2 * 16, 8);
		p.off[1] = signed_bits(o->off[n / 2], n % 2 * 16 + 8, 8);
		if (!u->in.tex.offset8)
			return sample_gather(&p, u->in.tex.comp, v);
		if (!sample_corner(&p, u->in.tex.comp, &v[n]))
			return false;
	}
	return true;
}

/* Whole coordinates; what is not there reads zero. */
static bool lane_fetch(struct gang *g, const struct uop *u, const struct operands *o,
		       const struct bound *b, uint32_t v[4])
{
	const struct sm20_tex *x = &u->in.tex;
	struct tic_at at = { .layer = x->array ? o->word & 0xffff : 0 };
	uint32_t size[3], c[3] = { 0 }, top = b->t.last < b->t.deepest ? b->t.last : b->t.deepest;
	bool there;

	at.level = b->t.first + o->level;
	there = at.level >= o->level && at.level <= top && at.layer < tic_layers(&b->t);
	tic_size(&b->t, there ? at.level : b->t.first, size);
	if (b->t.kind != TIC_3D)
		size[2] = 1;
	for (uint32_t k = 0; k < nr_coords(x); k++) {
		c[k] = o->c[k] + (uint32_t)signed_bits(o->off[0], 4 * k, 4);
		there = there && c[k] < size[k];
	}
	at.x = c[0];
	at.y = c[1];
	at.z = c[2];
	memset(v, 0, 4 * sizeof(*v));
	return !there || tic_texel(g->wk, &b->t, &at, v);
}

/* ---- instructions ---------------------------------------------------------------------------- */

static void results(struct warp *w, const struct uop *u, uint32_t m, uint32_t v[4][LANES])
{
	for (uint32_t c = 0, d = u->d; c < 4; c++)
		if (u->in.tex.mask >> c & 1)
			row_keep(w->r[d++], v[c], m);
}

static bool lane_tex(struct gang *g, const struct warp *w, const struct uop *u, struct bound *b,
		     uint32_t i, uint32_t v[4])
{
	struct operands o = operands_of(w, u, i);

	if (!bind(g->wk, u, o.word, u->in.op != SM20_TLD, b))
		return false;
	if (u->in.op == SM20_TLD)
		return lane_fetch(g, u, &o, b, v);
	if (u->in.op == SM20_TLD4)
		return lane_gather(g, u, &o, b, v);
	return lane_sample(g, w, u, &o, b, i, v);
}

static void op_tex(struct gang *g, const struct uop *u)
{
	struct bound b = { .have = false };

	for (uint32_t k = 0; k < g->n; k++) {
		uint32_t t[4][LANES] = { { 0 } }, v[4];

		for (uint32_t m = g->m[k]; m; m &= m - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(m);

			if (!lane_tex(g, g->w[k], u, &b, i, v))
				return;
			for (uint32_t c = 0; c < 4; c++)
				t[c][i] = v[c];
		}
		results(g->w[k], u, g->m[k], t);
	}
}

/* Size and number of levels; z of the type is the number of samples. */
static void op_txq(struct gang *g, const struct uop *u)
{
	struct bound b = { .have = false };

	for (uint32_t k = 0; k < g->n; k++) {
		uint32_t t[4][LANES] = { { 0 } }, (*a)[LANES] = &g->w[k]->r[u->row[0]], size[3];

		for (uint32_t m = g->m[k]; m; m &= m - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(m), at = u->in.tex.indirect, level;

			if (!bind(g->wk, u, a[0][i], false, &b))
				return;
			level = b.t.first + a[at][i];
			tic_size(&b.t, level < TIC_LEVELS ? level : TIC_LEVELS - 1, size);
			t[0][i] = size[0];
			t[1][i] = b.t.kind == TIC_1D_ARRAY ? b.t.depth : size[1];
			t[2][i] = size[2];
			t[3][i] = b.t.last - b.t.first + 1;
			if (u->in.tex.query == SM20_TXQ_TYPE)
				t[2][i] = 1;
		}
		results(g->w[k], u, g->m[k], t);
	}
}

uop_fn tex_select(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_TEX: case SM20_TLD4: case SM20_TLOD: case SM20_TXD:
		return op_tex;
	case SM20_TLD:
		/* Samples: nothing here draws them.  cl: UNK. */
		return in->tex.ms || in->tex.clamp ? NULL : op_tex;
	case SM20_TXQ:
		if (in->tex.query == SM20_TXQ_DIMS)
			return op_txq;
		return in->tex.query == SM20_TXQ_TYPE && in->tex.mask == 4 ? op_txq : NULL;
	default:
		return NULL;
	}
}

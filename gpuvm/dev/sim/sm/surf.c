// SPDX-License-Identifier: MIT
/*
 * Surfaces: images that are read and written at whole coordinates.
 *
 * A surface is one of the eight IMAGE descriptors of the class: two dimensions,
 * linear or blocks without depth; drivers lay what has more dimensions out
 * themselves.  x counts bytes for suldb, sustb and suleab, texels for sustp; the
 * third coordinate of an extended 2D surface counts 256 bytes.
 * Sources: rnndb/graph/gf100_compute.xml; Mesa nvc0_tex.c (nvc0_validate_suf),
 * nv50_ir_lowering_nvc0.cpp (processSurfaceCoordsNVC0, handleSurfaceOpNVC0).
 */
#include <stdio.h>

#include "gpuvm/dev/sim/sm/lanes.h"
#include "gpuvm/dev/sim/sm/space.h"
#include "gpuvm/dev/sim/sm/texel.h"
#include "gpuvm/dev/sim/xfer.h"

#define HEIGHT_LINEAR (1u << 20)
#define HEIGHT_ROWS 0xffffu
#define FORMAT(v) ((v) >> 4 & 0xff)
#define LAYER_SHIFT 8
#define VA_MASK 0xffffffffffull

struct surf {
	const struct texel_surface *format;
	const struct texel_layout *layout;
	struct surface s;
};

enum place { PLACE_OK, PLACE_OUT, PLACE_FAILED };

/* Surface of a lane; false after a trap. */
static bool surf_of(struct worker *wk, const struct uop *u, uint32_t slot, struct surf *out)
{
	const struct sm_image *im = &wk->launch->g.image[slot & (SM_NR_IMAGES - 1)];
	char text[64];

	if (slot >= SM_NR_IMAGES) {
		launch_trap(wk, u, "no such surface");
		return false;
	}
	*out = (struct surf){ .format = texel_surface(FORMAT(im->format)) };
	out->s = (struct surface){ .base = im->va, .height = im->height & HEIGHT_ROWS };
	if (!im->width || !out->s.height)
		return true; /* nothing is inside an unbound surface */
	if (!out->format) {
		snprintf(text, sizeof(text), "surface format 0x%02x", FORMAT(im->format));
		launch_trap(wk, u, text);
		return false;
	}
	out->layout = texel_layout(out->format->sizes);
	out->s.width = (uint64_t)im->width * out->layout->bytes;
	if (im->height & HEIGHT_LINEAR) {
		out->s.width = im->width; /* bytes */
		out->s.pitch = im->width;
	} else {
		surface_mode(&out->s, im->tile_mode & 0xff);
	}
	return true;
}

static uint64_t clamped(uint64_t v, uint64_t n)
{
	return v < n ? v : n - 1;
}

/* Address of len bytes at a lane's coordinates. */
static enum place place(struct worker *wk, const struct uop *u, const struct warp *w, uint32_t i,
			const struct surf *f, uint32_t len, bool texels, uint64_t *va)
{
	const uint32_t (*a)[LANES] = &w->r[u->row[0]];
	uint64_t x = a[0][i], y = u->in.sudim == SM20_SU_1D ? 0 : a[1][i];
	bool in;

	x *= texels && f->layout ? f->layout->bytes : 1;
	if (x & (len - 1)) {
		launch_trap(wk, u, "misaligned surface coordinate");
		return PLACE_FAILED;
	}
	in = x + len <= f->s.width && y < f->s.height;
	if (!in && u->in.suclamp == SM20_SU_TRAP) {
		launch_trap(wk, u, "surface coordinates out of range");
		return PLACE_FAILED;
	}
	if (!in && (u->in.suclamp == SM20_SU_ZERO || f->s.width < len || !f->s.height))
		return PLACE_OUT;
	x = clamped(x, f->s.width - len + 1);
	y = clamped(y, f->s.height);
	*va = surface_at(&f->s, x, y, 0);
	if (u->in.sudim == SM20_SU_E2D)
		*va += (uint64_t)a[2][i] << LAYER_SHIFT;
	*va &= VA_MASK;
	return PLACE_OK;
}

static uint32_t slot_of(const struct warp *w, const struct uop *u, uint32_t i)
{
	const struct sm20_src *s = &u->in.src[1];

	return s->kind == SM20_SRC_IMM ? (uint32_t)s->imm : w->r[u->row[1]][i];
}

/* ---- bytes ---------------------------------------------------------------------------- */

static uint32_t type_bytes(uint32_t t)
{
	switch (t) {
	case SM20_U8: case SM20_S8: return 1;
	case SM20_U16: case SM20_S16: return 2;
	case SM20_B64: return 8;
	case SM20_B128: return 16;
	default: return 4;
	}
}

static bool lane_suldb(struct gang *g, struct warp *w, const struct uop *u, uint32_t i)
{
	uint32_t len = type_bytes(u->in.dtype), v[4] = { 0 };
	enum place where;
	struct surf f;
	uint64_t va;

	if (!surf_of(g->wk, u, slot_of(w, u, i), &f))
		return false;
	where = place(g->wk, u, w, i, &f, len, false, &va);
	if (where == PLACE_FAILED || (where == PLACE_OK && !space_rd(g->wk, va, v, len)))
		return false;
	if (u->in.dtype == SM20_S8)
		v[0] = (uint32_t)(int32_t)(int8_t)v[0];
	else if (u->in.dtype == SM20_S16)
		v[0] = (uint32_t)(int32_t)(int16_t)v[0];
	for (uint32_t j = 0; j < (len + 3) / 4; j++)
		w->r[u->d + j][i] = v[j];
	return true;
}

static bool lane_sustb(struct gang *g, struct warp *w, const struct uop *u, uint32_t i)
{
	uint32_t len = type_bytes(u->in.dtype), v[4] = { 0 };
	enum place where;
	struct surf f;
	uint64_t va;

	if (!surf_of(g->wk, u, slot_of(w, u, i), &f))
		return false;
	where = place(g->wk, u, w, i, &f, len, false, &va);
	for (uint32_t j = 0; j < (len + 3) / 4; j++)
		v[j] = w->r[u->row[2] + j][i];
	return where == PLACE_OUT || (where == PLACE_OK && space_wr(g->wk, va, v, len));
}

/* ---- texels ------------------------------------------------------------------------------ */

static bool lane_sustp(struct gang *g, struct warp *w, const struct uop *u, uint32_t i)
{
	static const uint8_t bgra[4] = { 2, 1, 0, 3 };
	uint8_t mem[TEXEL_MAX] = { 0 };
	uint32_t row = u->row[2], len;
	enum place where;
	struct surf f;
	uint64_t va;

	if (!surf_of(g->wk, u, slot_of(w, u, i), &f))
		return false;
	len = f.layout ? f.layout->bytes : 1;
	where = place(g->wk, u, w, i, &f, len, true, &va);
	if (where != PLACE_OK)
		return where == PLACE_OUT;
	/* Components that are masked stay. */
	if (u->in.mask != 15 && !space_rd(g->wk, va, mem, len))
		return false;
	for (uint32_t c = 0; c < 4; c++)
		if (u->in.mask >> c & 1)
			texel_put(f.layout, mem, f.format->bgra ? bgra[c] : c, f.format->type,
				  w->r[row++][i]);
	return space_wr(g->wk, va, mem, len);
}

/* ---- addresses ----------------------------------------------------------------------------- */

/* The predicate says that the coordinates are outside: who asked then leaves the atomic out. */
static bool lane_suleab(struct gang *g, struct warp *w, const struct uop *u, uint32_t i)
{
	enum place where;
	struct surf f;
	uint64_t va = 0;

	if (!surf_of(g->wk, u, slot_of(w, u, i), &f))
		return false;
	where = place(g->wk, u, w, i, &f, type_bytes(u->in.dtype), false, &va);
	if (where == PLACE_FAILED)
		return false;
	w->r[u->d][i] = (uint32_t)va;
	w->r[u->d + 1][i] = (uint32_t)(va >> 32);
	warp_set_pred(w, u->in.pdst[0], 1u << i, where == PLACE_OUT ? ~0u : 0);
	return true;
}

static void op_surface(struct gang *g, const struct uop *u)
{
	for (uint32_t k = 0; k < g->n; k++)
		for (uint32_t m = g->m[k]; m; m &= m - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(m);
			bool ok = u->in.op == SM20_SULDB ? lane_suldb(g, g->w[k], u, i) :
				  u->in.op == SM20_SUSTB ? lane_sustb(g, g->w[k], u, i) :
				  u->in.op == SM20_SUSTP ? lane_sustp(g, g->w[k], u, i) :
							   lane_suleab(g, g->w[k], u, i);

			if (!ok)
				return;
		}
}

uop_fn surf_select(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_SULDB: case SM20_SUSTB: case SM20_SUSTP: case SM20_SULEAB:
		/* How a depth would come in is UNK; no driver uses it. */
		return in->sudim == SM20_SU_3D ? NULL : op_surface;
	default:
		return NULL;
	}
}

// SPDX-License-Identifier: MIT
/*
 * What a sampler makes of coordinates: wrapping, level of detail, filters,
 * comparison.
 *
 * Weights have 8 bits behind the point [CUDA programming guide, texture
 * fetching].  Border colours are not swizzled [Mesa: quirk of nvc0].  Where a
 * texel is not needed, because its weight is 0, it is not read.
 */
#include "gpuvm/dev/sim/sm/sample.h"

#include <math.h>

#include "gpuvm/dev/sim/sm/number.h"

#define BORDER (-1) /* as an index */
#define ONE 256	    /* of weights */

struct axis {
	int32_t i[2];
	uint32_t frac;
};

/* ---- cubes ------------------------------------------------------------------------------- */

void sample_project(uint32_t face, float c[3])
{
	float x = c[0], y = c[1], z = c[2], s, t, m;

	switch (face) {
	case 0: s = -z; t = -y; m = x; break;
	case 1: s = z; t = -y; m = -x; break;
	case 2: s = x; t = z; m = y; break;
	case 3: s = x; t = -z; m = -y; break;
	case 4: s = x; t = -y; m = z; break;
	default: s = -x; t = -y; m = -z; break;
	}
	c[0] = (s / m + 1.0f) / 2.0f;
	c[1] = (t / m + 1.0f) / 2.0f;
	c[2] = 0.0f;
}

uint32_t sample_face(float c[3])
{
	float x = fabsf(c[0]), y = fabsf(c[1]), z = fabsf(c[2]);
	uint32_t face;

	if (z >= x && z >= y)
		face = c[2] < 0 ? 5 : 4;
	else if (y >= x)
		face = c[1] < 0 ? 3 : 2;
	else
		face = c[0] < 0 ? 1 : 0;
	sample_project(face, c);
	return face;
}

/* ---- levels ---------------------------------------------------------------------------------- */

float sample_lod(const float dx[3], const float dy[3])
{
	float x = dx[0] * dx[0] + dx[1] * dx[1] + dx[2] * dx[2];
	float y = dy[0] * dy[0] + dy[1] * dy[1] + dy[2] * dy[2];

	return log2f(x > y ? x : y) / 2;
}

float sample_clamp(const struct tsc *s, float lod)
{
	lod += s->bias;
	lod = lod > s->lod_min ? lod : s->lod_min; /* also NaN */
	return lod < s->lod_max ? lod : s->lod_max;
}

/* ---- one axis --------------------------------------------------------------------------------- */

static int32_t wrapped(uint32_t wrap, int64_t i, uint32_t n, bool linear)
{
	int64_t m;

	if (wrap >= TSC_MIRROR_ONCE_EDGE) {
		i = i < 0 ? -1 - i : i;
		wrap -= TSC_MIRROR_ONCE_EDGE - TSC_EDGE;
	}
	switch (wrap) {
	case TSC_WRAP:
		m = i % n;
		return (int32_t)(m < 0 ? m + n : m);
	case TSC_MIRROR:
		m = i % (2 * (int64_t)n);
		m = m < 0 ? m + 2 * (int64_t)n : m;
		return (int32_t)(m < n ? m : 2 * (int64_t)n - 1 - m);
	case TSC_BORDER:
		return i < 0 || i >= n ? BORDER : (int32_t)i;
	case TSC_CLAMP_GL:
		if (linear && (i < 0 || i >= n))
			return BORDER;
		break;
	default:
		break;
	}
	return i < 0 ? 0 : i >= n ? (int32_t)n - 1 : (int32_t)i;
}

/* u in texels. */
static struct axis axis_of(uint32_t wrap, float u, uint32_t n, bool linear, int32_t off)
{
	bool gl = wrap == TSC_CLAMP_GL || wrap == TSC_MIRROR_ONCE_CLAMP_GL;
	struct axis a = { .frac = 0 };
	float base;

	u = u != u ? 0.0f : u > 1e9f ? 1e9f : u < -1e9f ? -1e9f : u;
	if (wrap == TSC_MIRROR_ONCE_CLAMP_GL)
		u = fabsf(u);
	if (gl)
		u = u < 0.0f ? 0.0f : u > (float)n ? (float)n : u;
	if (linear)
		u -= 0.5f;
	base = floorf(u);
	if (linear)
		a.frac = (uint32_t)((u - base) * ONE + 0.5f);
	for (int k = 0; k < 2; k++)
		a.i[k] = wrapped(gl ? TSC_CLAMP_GL : wrap, (int64_t)base + off + k, n, linear);
	return a;
}

static uint32_t nr_axes(const struct tic *t)
{
	switch (t->kind) {
	case TIC_1D: case TIC_1D_ARRAY: case TIC_BUFFER: return 1;
	case TIC_3D: return 3;
	default: return 2;
	}
}

static void axes_of(const struct sample *p, uint32_t level, bool linear, struct axis a[3])
{
	bool cube = p->t->kind == TIC_CUBE || p->t->kind == TIC_CUBE_ARRAY;
	uint32_t size[3], n = nr_axes(p->t);

	tic_size(p->t, level, size);
	for (uint32_t k = 0; k < 3; k++) {
		float scale = p->t->normalized || cube ? (float)size[k] : 1.0f;

		a[k] = (struct axis){ .frac = 0 };
		if (k < n)
			a[k] = axis_of(cube ? TSC_EDGE : p->s->wrap[k], p->c[k] * scale, size[k],
				       linear, p->off[k]);
	}
}

/* ---- texels -------------------------------------------------------------------------------------- */

static bool passes(uint32_t func, float ref, float depth)
{
	return (func & 1 && ref < depth) || (func & 2 && ref == depth) || (func & 4 && ref > depth);
}

static bool texel(const struct sample *p, uint32_t level, const struct axis a[3], uint32_t pick,
		  uint32_t v[4])
{
	int32_t x = a[0].i[pick & 1], y = a[1].i[pick >> 1 & 1], z = a[2].i[pick >> 2 & 1];
	float ref = p->ref, depth;

	if (x == BORDER || y == BORDER || z == BORDER) {
		memcpy(v, p->s->border, sizeof(p->s->border));
	} else if (!tic_texel(p->wk, p->t,
			      &(struct tic_at){ level, (uint32_t)x, (uint32_t)y, (uint32_t)z,
						p->layer }, v)) {
		return false;
	}
	if (!p->compare)
		return true;
	if (p->t->type[0] != TEXEL_FLOAT)
		ref = ref < 0.0f ? 0.0f : ref > 1.0f ? 1.0f : ref;
	depth = as_f32(v[0]);
	v[0] = passes(p->s->func, ref, depth) ? 0x3f800000 : 0;
	v[1] = v[2] = v[3] = v[0];
	return true;
}

static bool filter_level(const struct sample *p, uint32_t level, bool linear, uint32_t v[4])
{
	float sum[4] = { 0 };
	struct axis a[3];
	uint32_t t[4];

	linear = linear && !p->t->integer;
	axes_of(p, level, linear, a);
	if (!linear)
		return texel(p, level, a, 0, v);
	for (uint32_t pick = 0; pick < 8; pick++) {
		uint32_t weight = 1;

		for (uint32_t k = 0; k < 3; k++)
			weight *= pick >> k & 1 ? a[k].frac : ONE - a[k].frac;
		if (!weight)
			continue;
		if (!texel(p, level, a, pick, t))
			return false;
		for (uint32_t c = 0; c < 4; c++)
			sum[c] += as_f32(t[c]) * ((float)weight / (float)(ONE * ONE * ONE));
	}
	for (uint32_t c = 0; c < 4; c++)
		v[c] = f32_bits(sum[c]);
	return true;
}

static uint32_t level_at(const struct tic *t, float lod)
{
	uint32_t top = t->last > t->deepest ? t->deepest : t->last;
	uint32_t l = t->first + (lod > 0.0f ? (uint32_t)lod : 0);

	return l > top ? top : l;
}

bool sample_filter(const struct sample *p, float lod, uint32_t v[4])
{
	bool linear = (lod <= 0.0f ? p->s->mag : p->s->min) == TSC_LINEAR;
	float rest = lod > 0.0f ? lod - floorf(lod) : 0.0f;
	uint32_t w[4], frac = (uint32_t)(rest * ONE + 0.5f);
	uint32_t low = level_at(p->t, lod), high = level_at(p->t, lod + 1.0f);

	if (lod <= 0.0f || p->s->mip <= TSC_MIP_NONE)
		return filter_level(p, level_at(p->t, 0.0f), linear, v);
	if (p->s->mip == TSC_MIP_NEAREST)
		return filter_level(p, level_at(p->t, ceilf(lod + 0.5f) - 1.0f), linear, v);
	if (!filter_level(p, low, linear, v))
		return false;
	if (low == high || !frac || p->t->integer)
		return true;
	if (!filter_level(p, high, linear, w))
		return false;
	for (uint32_t c = 0; c < 4; c++)
		v[c] = f32_bits(as_f32(v[c]) + (as_f32(w[c]) - as_f32(v[c])) *
						       ((float)frac / ONE));
	return true;
}

bool sample_gather(const struct sample *p, uint32_t comp, uint32_t v[4])
{
	/* Counter-clockwise from the lower left: (0,1) (1,1) (1,0) (0,0). */
	static const uint8_t pick[4] = { 2, 3, 1, 0 };
	uint32_t level = level_at(p->t, 0.0f), t[4];
	struct axis a[3];

	axes_of(p, level, true, a);
	for (uint32_t k = 0; k < 4; k++) {
		if (!texel(p, level, a, pick[k], t))
			return false;
		v[k] = t[comp];
	}
	return true;
}

bool sample_corner(const struct sample *p, uint32_t comp, uint32_t *v)
{
	uint32_t level = level_at(p->t, 0.0f), t[4];
	struct axis a[3];

	axes_of(p, level, true, a);
	if (!texel(p, level, a, 0, t))
		return false;
	*v = t[comp];
	return true;
}

// SPDX-License-Identifier: MIT
/*
 * Class 0x9097, as far as computing needs it, and what it has in common with
 * compute: reports, constant buffer data, macro memory, and clearing of linear
 * colour targets, which is how drivers fill buffers.  Nothing is ever drawn:
 * draw methods are latched like all others, and said in the log.
 * Sources: rnndb/graph/gf100_3d.xml; Mesa nvc0_surface.c for how a clear is used.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/dev/sim/gr.h"
#include "gpuvm/dev/sim/xfer.h"
#include "gpuvm/fermi/methods.h"

#define RT_ADDRESS_HIGH 0x800
#define RT_HORIZ 0x808
#define RT_VERT 0x80c
#define RT_FORMAT 0x810
#define RT_TILE_MODE 0x814
#define RT_TILE_MODE_LINEAR (1u << 12)
#define CLEAR_COLOR 0xd80
#define SCISSOR_HORIZ 0xff4
#define SCISSOR_VERT 0xff8
#define VERTEX_BEGIN_GL 0x1618
#define CLEAR_BUFFERS 0x19d0
#define CLEAR_COLOR_MASK 0x3cu
#define CLEAR_RT(v) ((v) >> 6 & 0xf)
#define RT_STRIDE 0x40
#define LOG_LINES 1 /* a second */
/* Bytes filled between two looks at stop. */
#define CLEAR_RUN 0x4000u

/* Colour formats whose clear value is the low bits of each component. */
static const struct clear_format {
	uint32_t format, comps, bytes;
} formats[] = {
	{ 0xc0, 4, 4 }, { 0xc1, 4, 4 }, { 0xc2, 4, 4 }, /* RGBA32 float, int, uint */
	{ 0xc8, 4, 2 }, { 0xc9, 4, 2 },			/* RGBA16 int, uint */
	{ 0xcb, 2, 4 }, { 0xcc, 2, 4 }, { 0xcd, 2, 4 }, /* RG32 float, int, uint */
	{ 0xd8, 4, 1 }, { 0xd9, 4, 1 },			/* RGBA8 int, uint */
	{ 0xdc, 2, 2 }, { 0xdd, 2, 2 },			/* RG16 int, uint */
	{ 0xe3, 1, 4 }, { 0xe4, 1, 4 }, { 0xe5, 1, 4 }, /* R32 int, uint, float */
	{ 0xec, 2, 1 }, { 0xed, 2, 1 },			/* RG8 int, uint */
	{ 0xf0, 1, 2 }, { 0xf1, 1, 2 },			/* R16 int, uint */
	{ 0xf5, 1, 1 }, { 0xf6, 1, 1 },			/* R8 int, uint */
};

static enum engine_result query(const struct engine_ctx *x, const struct gr *g, enum gr_class c,
				uint32_t get, struct engine_error *err)
{
	struct engine_report r = {
		.va = gr_addr(g, c, GR_QUERY_ADDRESS_HIGH),
		.value = gr_get(g, c, GR_QUERY_SEQUENCE),
		.is_short = get & GR_QUERY_GET_SHORT,
	};

	return engine_report(x, &r, err);
}

enum engine_result gr_cb_data(const struct engine_ctx *x, struct gr *g, enum gr_class c,
			      const uint32_t *val, uint32_t n, struct engine_error *err)
{
	uint32_t *pos = &g->mthd[c][GR_CB_POS / 4];
	uint64_t va = gr_addr(g, c, GR_CB_ADDRESS_HIGH) + (*pos & 0xffff), at = va;
	enum fault_reason why = mmu_wr(x->sim, &x->vm, va, val, 4ull * n, &at);

	*pos += 4 * n;
	return engine_mmu(err, why, at, true);
}

static void upload(struct gr *g, enum gr_class c, uint32_t mthd, uint32_t val)
{
	struct mme *m = &g->mme;

	(void)c;
	switch (mthd) {
	case GR_MME_UPLOAD_POS:
		m->upload_pos = val;
		break;
	case GR_MME_UPLOAD_DATA:
		m->code[m->upload_pos++ % MME_CODE_WORDS] = val;
		break;
	case GR_MME_ID:
		m->bind = val;
		break;
	default:
		m->start[m->bind++ % MME_MACROS] = (uint16_t)(val % MME_CODE_WORDS);
		break;
	}
}

enum engine_result gr_common(const struct engine_ctx *x, struct gr *g, enum gr_class c,
			     uint32_t mthd, uint32_t val, struct engine_error *err, bool *done)
{
	*done = true;
	switch (mthd) {
	case GR_QUERY_GET:
		return query(x, g, c, val, err);
	case GR_MME_UPLOAD_POS: case GR_MME_UPLOAD_DATA: case GR_MME_ID: case GR_MME_START:
		upload(g, c, mthd, val);
		return ENGINE_OK;
	case GR_MEM_BARRIER: case GR_FLUSH:
		if (val & GR_FLUSH_CODE)
			sm_code_flush(g->code);
		return ENGINE_OK;
	default:
		break;
	}
	if (mthd >= GR_CB_DATA && mthd <= GR_CB_DATA_LAST)
		return gr_cb_data(x, g, c, &val, 1, err);
	*done = false;
	return ENGINE_OK;
}

void gr_state_fini(void *state)
{
	struct gr *g = state;

	sm_launch_free(g->launch);
	sm_code_free(g->code);
	g->launch = NULL;
	g->code = NULL;
}

/* ---- clears ------------------------------------------------------------------------------- */

struct rect {
	uint64_t base, pitch;
	uint32_t x, y, w, h;
};

static enum engine_result fill(const struct engine_ctx *x, const struct rect *r,
			       const uint8_t *pixel, uint32_t bytes, struct engine_error *err)
{
	uint8_t buf[CLEAR_RUN];
	uint64_t line = (uint64_t)r->w * bytes, at;

	for (uint32_t i = 0; i < sizeof(buf); i += bytes)
		memcpy(buf + i, pixel, bytes);
	for (uint32_t y = 0; y < r->h; y++) {
		uint64_t va = r->base + (r->y + y) * r->pitch + (uint64_t)r->x * bytes, n;

		for (uint64_t done = 0; done < line; done += n) {
			enum fault_reason why;

			if (engine_stopping(x))
				return ENGINE_STOPPED; /* a clear may run twice */
			n = line - done < sizeof(buf) ? line - done : sizeof(buf);
			why = mmu_wr(x->sim, &x->vm, va + done, buf, n, &at);
			if (why != FAULT_NONE)
				return engine_mmu(err, why, at, true);
		}
	}
	return ENGINE_OK;
}

static enum engine_result clear(const struct engine_ctx *x, const struct gr *g, uint32_t val,
				struct engine_error *err)
{
	uint32_t rt = RT_STRIDE * (CLEAR_RT(val) & 7), h = gr_get(g, GR_3D, SCISSOR_HORIZ);
	uint32_t v = gr_get(g, GR_3D, SCISSOR_VERT), rows = gr_get(g, GR_3D, RT_VERT + rt);
	struct rect r = {
		.base = gr_addr(g, GR_3D, RT_ADDRESS_HIGH + rt),
		.pitch = gr_get(g, GR_3D, RT_HORIZ + rt),
		.x = h & 0xffff, .y = v & 0xffff, .w = h >> 16, .h = v >> 16,
	};
	const struct clear_format *f = NULL;
	uint8_t pixel[16];

	if (!(val & CLEAR_COLOR_MASK) || !r.base)
		return ENGINE_OK;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].format == gr_get(g, GR_3D, RT_FORMAT + rt))
			f = &formats[i];
	if (!f || !(gr_get(g, GR_3D, RT_TILE_MODE + rt) & RT_TILE_MODE_LINEAR) ||
	    (val & CLEAR_COLOR_MASK) != CLEAR_COLOR_MASK) {
		err->code = PGRAPH_ERROR_ENUM;
		return ENGINE_DATA_ERROR;
	}
	for (uint32_t i = 0; i < f->comps; i++) {
		uint32_t c = gr_get(g, GR_3D, CLEAR_COLOR + 4 * i);

		memcpy(pixel + i * f->bytes, &c, f->bytes);
	}
	r.h = r.y >= rows ? 0 : r.h < rows - r.y ? r.h : rows - r.y;
	/* A pitch target's width is its pitch. */
	if ((uint64_t)(r.x + r.w) * f->comps * f->bytes > r.pitch)
		r.w = r.x * f->comps * f->bytes >= r.pitch ? 0 :
			(uint32_t)(r.pitch / (f->comps * f->bytes)) - r.x;
	return fill(x, &r, pixel, f->comps * f->bytes, err);
}

/* ---- methods ---------------------------------------------------------------------------------- */

/* Drivers also draw to convert what is uploaded to a texture: its reader shall know. */
static void not_drawn(const struct engine_ctx *x, struct gr *g)
{
	if (!log_limit_ok(&g->log, sim_now(x->sim), LOG_LINES))
		return;
	log_warn(x->sim->dev.log, "channel %u: drawing is not implemented; its target stays as it is",
		 x->chid);
	g->log.suppressed = 0;
}

enum engine_result threed_method(const struct engine_ctx *x, struct gr *g, uint32_t mthd,
				 uint32_t val, struct engine_error *err)
{
	enum engine_result r;
	bool done;

	if (mthd >= GR_MACRO)
		return mme_call(x, g, GR_3D, mthd, val, err);
	g->mthd[GR_3D][mthd / 4] = val;
	r = gr_common(x, g, GR_3D, mthd, val, err, &done);
	if (!done && mthd == CLEAR_BUFFERS)
		return clear(x, g, val, err);
	if (!done && mthd == VERTEX_BEGIN_GL)
		not_drawn(x, g);
	return r;
}

static enum engine_result threed_mthd(const struct engine_ctx *x, void *state, uint32_t mthd,
				      uint32_t val, struct engine_error *err)
{
	return threed_method(x, state, mthd, val, err);
}

static bool is_cb_data(uint32_t mthd)
{
	return mthd >= GR_CB_DATA && mthd <= GR_CB_DATA_LAST;
}

static enum engine_result threed_data(const struct engine_ctx *x, void *state, uint32_t mthd,
				      const uint32_t *val, uint32_t n, struct engine_error *err)
{
	(void)mthd;
	return gr_cb_data(x, state, GR_3D, val, n, err);
}

static enum engine_result twod_mthd(const struct engine_ctx *x, void *state, uint32_t mthd,
				    uint32_t val, struct engine_error *err)
{
	struct gr *g = state;

	(void)x;
	(void)err;
	g->mthd[GR_2D][mthd / 4] = val;
	return ENGINE_OK;
}

const struct engine_class threed_class = {
	.class_id = CLASS_3D_GF100, .engine = ENGINE_GR, .state_len = sizeof(struct gr),
	.mthd = threed_mthd, .data = threed_data, .is_data = is_cb_data, .fini = gr_state_fini,
};
const struct engine_class twod_class = {
	.class_id = CLASS_2D_GF100, .engine = ENGINE_GR, .state_len = sizeof(struct gr),
	.mthd = twod_mthd, .shares = &threed_class,
};

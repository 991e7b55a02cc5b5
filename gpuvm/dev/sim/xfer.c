// SPDX-License-Identifier: MIT
/*
 * Moving rectangles between surfaces.
 *
 * Two linear surfaces are copied line by line at memcpy speed, as one run where
 * the lines touch.  Everything else goes through a small buffer in bands of up
 * to 8 rows that do not cross a unit of 8 rows in a tiled surface, so that a
 * unit's rows are one run of memory.
 */
#include <string.h>

#include "gpuvm/dev/sim/xfer.h"

/* Between two looks at stop: about 20 us of copying. */
#define RUN_MAX (256u << 10)
#define BAND_ROWS 8
#define BAND_LEN 4096 /* bytes of a row held at once */
#define ELEM_MAX 16

struct band {
	const struct engine_ctx *ctx;
	struct engine_error *err;
	uint64_t x, y; /* first byte and row, relative to the surface's origin */
	uint32_t rows, len; /* len bytes of each row */
	uint8_t *buf;  /* rows of len bytes */
	bool write;
};

static enum engine_result touch(const struct band *b, uint64_t va, uint8_t *buf, uint64_t n)
{
	enum fault_reason why;
	uint64_t at = va;

	why = b->write ? mmu_wr(b->ctx->sim, &b->ctx->vm, va, buf, n, &at) :
			 mmu_rd(b->ctx->sim, &b->ctx->vm, va, buf, n, &at);
	return engine_mmu(b->err, why, at, b->write);
}

/* A full column's rows are contiguous: len bytes each in memory, stride b->len in the buffer. */
static enum engine_result touch_column(const struct band *b, uint64_t va, uint32_t at, uint32_t len)
{
	uint8_t tmp[64 * BAND_ROWS];
	enum engine_result res;

	for (uint32_t r = 0; b->write && r < b->rows; r++)
		memcpy(tmp + r * len, b->buf + r * b->len + at, len);
	res = touch(b, va, tmp, (uint64_t)b->rows * len);
	for (uint32_t r = 0; !b->write && r < b->rows; r++)
		memcpy(b->buf + r * b->len + at, tmp + r * len, len);
	return res;
}

static enum engine_result band_tiled(const struct band *b, const struct surface *s)
{
	uint32_t col = 1u << s->tp, n;
	enum engine_result res = ENGINE_OK;

	for (uint32_t at = 0; at < b->len && res == ENGINE_OK; at += n) {
		uint64_t x = s->x + b->x + at, va = surface_at(s, x, s->y + b->y, s->z);

		n = col - (uint32_t)(x & (col - 1));
		if (n > b->len - at)
			n = b->len - at;
		if (n == col) {
			res = touch_column(b, va, at, n);
			continue;
		}
		for (uint32_t r = 0; r < b->rows && res == ENGINE_OK; r++)
			res = touch(b, va + ((uint64_t)r << s->tp), b->buf + r * b->len + at, n);
	}
	return res;
}

static enum engine_result band_move(const struct band *b, const struct surface *s)
{
	enum engine_result res = ENGINE_OK;

	if (s->tiled)
		return band_tiled(b, s);
	for (uint32_t r = 0; r < b->rows && res == ENGINE_OK; r++)
		res = touch(b, surface_at(s, b->x, b->y + r, 0), b->buf + r * b->len, b->len);
	return res;
}

/* Rows from y on that lie in one unit of 8. */
static uint64_t rows_in_unit(const struct surface *s, uint64_t y)
{
	return s->tiled ? 8 - ((s->y + y) & 7) : BAND_ROWS;
}

static void remap_element(const struct remap *m, const uint8_t *src, uint8_t *dst)
{
	for (uint32_t c = 0; c < m->dst_comps; c++) {
		uint8_t *to = dst + c * m->comp_len;
		uint32_t from = m->from[c];

		memset(to, 0, m->comp_len);
		if (from < m->src_comps)
			memcpy(to, src + from * m->comp_len, m->comp_len);
		else if (from == 4 || from == 5)
			memcpy(to, &m->konst[from - 4], m->comp_len);
	}
}

static bool reads_source(const struct remap *m)
{
	for (uint32_t c = 0; m && c < m->dst_comps; c++)
		if (m->from[c] < 4)
			return true;
	return !m;
}

/* n elements of each of rows lines, from element e of line y on. */
static enum engine_result band_run(const struct engine_ctx *ctx, const struct xfer *t, uint64_t e,
				   uint64_t y, uint32_t n, uint32_t rows, struct engine_error *err)
{
	const struct remap *m = t->remap;
	uint32_t in_len = m ? m->comp_len * m->src_comps : 1;
	uint32_t out_len = m ? m->comp_len * m->dst_comps : 1;
	uint8_t in[BAND_ROWS * BAND_LEN], out[BAND_ROWS * BAND_LEN];
	struct band src = { ctx, err, e * in_len, y, rows, n * in_len, in, false };
	struct band dst = { ctx, err, e * out_len, y, rows, n * out_len, m ? out : in, true };
	enum engine_result res = ENGINE_OK;

	if (reads_source(m))
		res = band_move(&src, &t->src);
	else
		memset(in, 0, (size_t)rows * n * in_len);
	for (uint32_t i = 0; m && i < rows * n && res == ENGINE_OK; i++)
		remap_element(m, in + (size_t)i * in_len, out + (size_t)i * out_len);
	return res == ENGINE_OK ? band_move(&dst, &t->dst) : res;
}

/* done counts lines. */
static enum engine_result run_bands(const struct engine_ctx *ctx, const struct xfer *t,
				    struct engine_error *err)
{
	uint32_t max = t->remap ? BAND_LEN / ELEM_MAX : BAND_LEN;
	enum engine_result res = ENGINE_OK;

	while (*t->done < t->lines) {
		uint64_t y = *t->done, rows = t->lines - y;

		if (rows > rows_in_unit(&t->src, y))
			rows = rows_in_unit(&t->src, y);
		if (rows > rows_in_unit(&t->dst, y))
			rows = rows_in_unit(&t->dst, y);
		for (uint64_t e = 0; e < t->line; e += max) {
			uint64_t n = t->line - e < max ? t->line - e : max;

			if (engine_stopping(ctx))
				return ENGINE_STOPPED;
			res = band_run(ctx, t, e, y, (uint32_t)n, (uint32_t)rows, err);
			if (res != ENGINE_OK)
				return res;
		}
		*t->done += rows;
	}
	return ENGINE_OK;
}

/* done counts bytes, line after line. */
static enum engine_result run_linear(const struct engine_ctx *ctx, const struct xfer *t,
				     struct engine_error *err)
{
	bool joined = t->src.pitch == t->dst.pitch && t->src.pitch == (int64_t)t->line;
	uint64_t total = t->line * t->lines;

	while (*t->done < total) {
		uint64_t y = joined ? 0 : *t->done / t->line, x = *t->done - y * t->line;
		uint64_t n = joined ? total - x : t->line - x, at;
		enum fault_reason why;
		bool at_write;

		if (engine_stopping(ctx))
			return ENGINE_STOPPED;
		if (n > RUN_MAX)
			n = RUN_MAX;
		why = mmu_copy(ctx->sim, &ctx->vm, surface_at(&t->dst, x, y, 0),
			       surface_at(&t->src, x, y, 0), n, &at, &at_write);
		if (why != FAULT_NONE)
			return engine_mmu(err, why, at, at_write);
		*t->done += n;
	}
	return ENGINE_OK;
}

enum engine_result xfer_run(const struct engine_ctx *ctx, const struct xfer *t,
			    struct engine_error *err)
{
	enum engine_result res;

	if (!t->line || !t->lines)
		return ENGINE_OK;
	if (t->src.tiled || t->dst.tiled || t->remap)
		res = run_bands(ctx, t, err);
	else
		res = run_linear(ctx, t, err);
	if (res != ENGINE_STOPPED)
		*t->done = 0;
	return res;
}

enum engine_result xfer_push(const struct engine_ctx *ctx, const struct surface *dst, uint64_t line,
			     uint64_t at, const void *buf, uint64_t n, struct engine_error *err)
{
	const uint8_t *from = buf;
	enum engine_result res = ENGINE_OK;

	while (n && res == ENGINE_OK) {
		uint64_t y = at / line, x = at % line, len = line - x < n ? line - x : n;
		uint8_t row[BAND_LEN];
		struct band b = { ctx, err, x, y, 1, 0, row, true };

		if (len > BAND_LEN)
			len = BAND_LEN;
		b.len = (uint32_t)len;
		memcpy(row, from, len);
		res = band_move(&b, dst);
		from += len;
		at += len;
		n -= len;
	}
	return res;
}

enum engine_result engine_report(const struct engine_ctx *ctx, const struct engine_report *r,
				 struct engine_error *err)
{
	uint64_t now = sim_ptimer(ctx->sim), at;
	uint32_t rest[3] = { 0, (uint32_t)now, (uint32_t)(now >> 32) };
	enum fault_reason why = FAULT_NONE;

	if (!r->is_short)
		why = mmu_wr(ctx->sim, &ctx->vm, r->va + 4, rest, sizeof(rest), &at);
	/* The value last: who sees it may read the time. */
	if (why == FAULT_NONE)
		why = mmu_wr(ctx->sim, &ctx->vm, r->va, &r->value, sizeof(r->value), &at);
	return engine_mmu(err, why, at, true);
}

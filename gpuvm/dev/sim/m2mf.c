// SPDX-License-Identifier: MIT
/*
 * M2MF, class 0x9039: the memory copy engine inside GR.
 *
 * Every method is kept as it was written; EXEC acts on what is kept.  With
 * EXEC bit 0 the rectangle's bytes follow as DATA words, packed without gaps;
 * bytes of the last word beyond the rectangle are dropped, and a DATA word
 * with no bytes outstanding is an error [rnndb/graph/gf100_m2mf.xml].
 */
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/dev/sim/xfer.h"
#include "gpuvm/fermi/methods.h"

#define LAST_METHOD M2MF_TILING_POSITION_OUT_Y
#define EXEC_QUERY_MASK (3u << M2MF_EXEC_QUERY_SHIFT)
#define EXEC_QUERY_WRITE (2u << M2MF_EXEC_QUERY_SHIFT)
#define EXEC_MASK                                                                                  \
	(M2MF_EXEC_PUSH | M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT | EXEC_QUERY_MASK |           \
	 3u << 16 | M2MF_EXEC_QUERY_SHORT)
/* Deepest tile that surfaces may have: 32 units a side [docs/hw/memory/g80-surface.rst]. */
#define TILE_LOG2_MAX 5

struct m2mf {
	uint32_t reg[LAST_METHOD / 4 + 1];
	uint64_t done;	 /* of a copy that was stopped */
	uint64_t pushed, push_len; /* bytes of inline data */
	uint32_t push_line; /* bytes of a line; not 0 while data is outstanding */
	uint32_t exec;	 /* of the inline transfer under way */
};

static uint64_t addr40(const struct m2mf *m, uint32_t hi)
{
	return (uint64_t)m->reg[hi / 4] << 32 | m->reg[hi / 4 + 1];
}

static bool mode_ok(uint32_t mode)
{
	uint32_t x = mode & 0xf;

	return !(mode & ~0xfffu) && (x <= TILE_LOG2_MAX || x == 0xe) &&
	       ((mode >> 4) & 0xf) <= TILE_LOG2_MAX && (mode >> 8) <= TILE_LOG2_MAX;
}

/* tiling: TILING_MODE_IN or _OUT; its neighbours have the same order on both sides. */
static struct surface surface(const struct m2mf *m, bool linear, uint32_t tiling, uint32_t pos_x,
			      uint32_t offset, uint32_t pitch)
{
	struct surface s = { .base = addr40(m, offset), .pitch = (int32_t)m->reg[pitch / 4] };

	if (linear)
		return s;
	surface_mode(&s, m->reg[tiling / 4]);
	s.width = m->reg[tiling / 4 + 1];
	s.height = m->reg[tiling / 4 + 2];
	s.z = m->reg[tiling / 4 + 4];
	s.x = m->reg[pos_x / 4];
	s.y = m->reg[pos_x / 4 + 1];
	return s;
}

static struct surface surface_in(const struct m2mf *m, uint32_t exec)
{
	return surface(m, exec & M2MF_EXEC_LINEAR_IN, M2MF_TILING_MODE_IN,
		       M2MF_TILING_POSITION_IN_X, M2MF_OFFSET_IN_HIGH, M2MF_PITCH_IN);
}

static struct surface surface_out(const struct m2mf *m, uint32_t exec)
{
	return surface(m, exec & M2MF_EXEC_LINEAR_OUT, M2MF_TILING_MODE_OUT,
		       M2MF_TILING_POSITION_OUT_X, M2MF_OFFSET_OUT_HIGH, M2MF_PITCH_OUT);
}

static enum engine_result finish(const struct engine_ctx *x, const struct m2mf *m, uint32_t exec,
				 struct engine_error *err)
{
	struct engine_report r = {
		.va = addr40(m, M2MF_QUERY_ADDRESS_HIGH),
		.value = m->reg[M2MF_QUERY_SEQUENCE / 4],
		.is_short = exec & M2MF_EXEC_QUERY_SHORT,
	};
	enum engine_result res = ENGINE_OK;

	if ((exec & EXEC_QUERY_MASK) == EXEC_QUERY_WRITE)
		res = engine_report(x, &r, err);
	if (res == ENGINE_OK && exec & M2MF_EXEC_NOTIFY) {
		pthread_mutex_lock(&x->sim->lock);
		pfifo_nonstall(x->sim, x->engine);
		pthread_mutex_unlock(&x->sim->lock);
	}
	return res;
}

static enum engine_result data_error(struct engine_error *err, uint32_t code)
{
	err->code = code;
	return ENGINE_DATA_ERROR;
}

static enum engine_result exec(const struct engine_ctx *x, struct m2mf *m, uint32_t val,
			       struct engine_error *err)
{
	struct xfer t = {
		.src = surface_in(m, val), .dst = surface_out(m, val),
		.line = m->reg[M2MF_LINE_LENGTH_IN / 4], .lines = m->reg[M2MF_LINE_COUNT / 4],
		.done = &m->done,
	};
	enum engine_result res;

	if (val & ~EXEC_MASK)
		return data_error(err, PGRAPH_ERROR_BITFIELD);
	if (!(val & M2MF_EXEC_LINEAR_OUT) && !mode_ok(m->reg[M2MF_TILING_MODE_OUT / 4]))
		return data_error(err, PGRAPH_ERROR_ENUM);
	m->exec = val;
	m->pushed = m->push_len = 0;
	if (val & M2MF_EXEC_PUSH) {
		m->push_len = t.line * t.lines;
		m->push_line = (uint32_t)t.line;
		return m->push_len ? ENGINE_OK : finish(x, m, val, err);
	}
	if (!(val & M2MF_EXEC_LINEAR_IN) && !mode_ok(m->reg[M2MF_TILING_MODE_IN / 4]))
		return data_error(err, PGRAPH_ERROR_ENUM);
	res = xfer_run(x, &t, err);
	return res == ENGINE_OK ? finish(x, m, val, err) : res;
}

static enum engine_result m2mf_data(const struct engine_ctx *x, void *state, uint32_t mthd,
				    const uint32_t *val, uint32_t n, struct engine_error *err)
{
	struct m2mf *m = state;
	struct surface dst = surface_out(m, m->exec);
	uint64_t left = m->push_len - m->pushed, len = 4ull * n;
	enum engine_result res;

	if (mthd != M2MF_DATA)
		return ENGINE_ILLEGAL_METHOD;
	if (len >= left + 4)
		return data_error(err, PGRAPH_ERROR_OPERATION);
	if (len > left)
		len = left;
	res = xfer_push(x, &dst, m->push_line, m->pushed, val, len, err);
	m->pushed += len;
	if (res != ENGINE_OK || m->pushed < m->push_len)
		return res;
	m->pushed = m->push_len = 0;
	return finish(x, m, m->exec, err);
}

/* The high byte of a 40-bit address. */
static bool is_address_high(uint32_t mthd)
{
	return mthd == M2MF_OFFSET_OUT_HIGH || mthd == M2MF_OFFSET_IN_HIGH ||
	       mthd == M2MF_QUERY_ADDRESS_HIGH;
}

static enum engine_result m2mf_mthd(const struct engine_ctx *x, void *state, uint32_t mthd,
				    uint32_t val, struct engine_error *err)
{
	struct m2mf *m = state;

	if (mthd == M2MF_DATA)
		return m2mf_data(x, state, mthd, &val, 1, err);
	if (mthd == M2MF_EXEC)
		return exec(x, m, val, err);
	if (mthd > LAST_METHOD)
		return ENGINE_ILLEGAL_METHOD;
	if (is_address_high(mthd) && val > 0xff)
		return data_error(err, PGRAPH_ERROR_BITFIELD);
	m->reg[mthd / 4] = val;
	m->done = 0;
	return ENGINE_OK;
}

const struct engine_class m2mf_class = {
	.class_id = CLASS_M2MF_GF100, .engine = ENGINE_GR, .state_len = sizeof(struct m2mf),
	.mthd = m2mf_mthd, .data = m2mf_data,
};

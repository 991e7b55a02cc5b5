// SPDX-License-Identifier: MIT
/*
 * The macro processor of the graphics engine: small programs that turn one
 * method into several.
 *
 * A macro starts with the method that calls it and runs as far as it can; it
 * waits where it wants a parameter that has not come yet.  Always true: what a
 * macro does between two parameters is bounded by MME_STEPS; it can send any
 * method of its class but start no other macro.
 * Source: envydis/macro.c (encoding, delay slots, what is an error).
 */
#include "gpuvm/dev/sim/gr.h"

/* Between two parameters; a macro that runs longer is a loop without end. */
#define MME_STEPS 1000000
#define MME_EXIT_PENDING (-2)
#define MME_NOTHING_PENDING (-1)

static enum engine_result data_error(struct engine_error *err, uint32_t code)
{
	err->code = code;
	return ENGINE_DATA_ERROR;
}

static uint32_t field(uint32_t w, uint32_t lo, uint32_t n)
{
	return w >> lo & ((1u << n) - 1);
}

static int32_t immediate(uint32_t w)
{
	return (int32_t)w >> 14;
}

static void set_reg(struct mme *m, uint32_t d, uint32_t v)
{
	if (d)
		m->r[d] = v;
}

static void set_maddr(struct mme *m, uint32_t v)
{
	m->maddr = field(v, 0, 12);
	m->step = field(v, 12, 6);
}

static uint32_t alu(struct mme *m, uint32_t op, uint32_t a, uint32_t b)
{
	uint64_t v;

	switch (op) {
	case 0: case 1:
		v = (uint64_t)a + b + (op == 1 ? m->carry : 0);
		m->carry = v >> 32 & 1;
		return (uint32_t)v;
	case 2: case 3: /* carry means no borrow */
		v = (uint64_t)a + (uint32_t)~b + (op == 3 ? m->carry : 1);
		m->carry = v >> 32 & 1;
		return (uint32_t)v;
	case 8: return a ^ b;
	case 9: return a | b;
	case 10: return a & b;
	case 11: return a & ~b;
	case 12: return ~(a & b);
	default: return 0;
	}
}

/* The result of a word's operation, before its destination rule. */
static bool result(const struct gr *g, struct mme *m, uint32_t w, uint32_t *v)
{
	uint32_t a = m->r[field(w, 11, 3)], b = m->r[field(w, 14, 3)];
	uint32_t mask = field(w, 22, 5) ? (uint32_t)((1ull << field(w, 22, 5)) - 1) : 0;
	uint32_t src = field(w, 17, 5), dst = field(w, 27, 5);

	switch (w & 7) {
	case 0:
		if (src > 3 && (src < 8 || src > 12))
			return false;
		*v = alu(m, src, a, b);
		return true;
	case 1:
		*v = a + (uint32_t)immediate(w);
		return true;
	case 2:
		*v = (a & ~(mask << dst)) | (b >> src & mask) << dst;
		return true;
	case 3:
		*v = (a < 32 ? b >> a & mask : 0) << dst;
		return true;
	case 4:
		*v = a < 32 ? (b >> src & mask) << a : 0;
		return true;
	case 5:
		*v = g->mthd[m->who][(a + (uint32_t)immediate(w)) & (GR_METHODS - 1)];
		return true;
	default:
		return false;
	}
}

static enum engine_result send(const struct engine_ctx *x, struct gr *g, uint32_t val,
			       struct engine_error *err)
{
	struct mme *m = &g->mme;
	uint32_t mthd = m->maddr << 2;
	enum engine_result r;

	if (mthd >= GR_MACRO)
		return data_error(err, PGRAPH_ERROR_OPERATION);
	r = m->who == GR_3D ? threed_method(x, g, mthd, val, err) :
			      compute_method(x, g, mthd, val, err);
	m->sending = r == ENGINE_STOPPED;
	m->send_val = val;
	if (!m->sending)
		m->maddr = (m->maddr + m->step) & 0xfff;
	return r;
}

/* Whether the destination rule of a word fetches a parameter. */
static bool wants_param(uint32_t w)
{
	uint32_t rule = field(w, 4, 3);

	return (w & 7) != 7 && (rule == 0 || rule == 3 || rule == 5 || rule == 6);
}

/* What becomes of a result. */
static enum engine_result assign(const struct engine_ctx *x, struct gr *g, uint32_t w, uint32_t v,
				 struct engine_error *err)
{
	struct mme *m = &g->mme;
	uint32_t d = field(w, 8, 3), p = m->param;

	if (wants_param(w))
		m->have_param = false;
	switch (field(w, 4, 3)) {
	case 0:
		set_reg(m, d, p);
		return ENGINE_OK;
	case 1:
		set_reg(m, d, v);
		return ENGINE_OK;
	case 2:
		set_reg(m, d, v);
		set_maddr(m, v);
		return ENGINE_OK;
	case 3:
		set_reg(m, d, p);
		return send(x, g, v, err);
	case 4:
		set_reg(m, d, v);
		return send(x, g, v, err);
	case 5:
		set_reg(m, d, p);
		set_maddr(m, v);
		return ENGINE_OK;
	case 6:
		set_reg(m, d, v);
		set_maddr(m, v);
		return send(x, g, p, err);
	default:
		set_reg(m, d, v);
		set_maddr(m, v);
		return send(x, g, field(v, 12, 6), err);
	}
}

/* Moves pc on; a branch or an exit takes effect after the word behind it. */
static void advance(struct mme *m, uint32_t w, int32_t branch, bool annul)
{
	int32_t pending = m->delayed;

	m->delayed = MME_NOTHING_PENDING;
	if (pending == MME_EXIT_PENDING)
		m->running = false;
	else if (pending >= 0)
		m->pc = (uint32_t)pending;
	else
		m->pc++;
	if (branch >= 0) {
		if (annul)
			m->pc = (uint32_t)branch;
		else
			m->delayed = branch;
	} else if (w >> 7 & 1) {
		m->delayed = MME_EXIT_PENDING;
	}
	m->pc %= MME_CODE_WORDS;
}

static enum engine_result step(const struct engine_ctx *x, struct gr *g, struct engine_error *err)
{
	struct mme *m = &g->mme;
	uint32_t w = m->code[m->pc], v;
	enum engine_result r = ENGINE_OK;
	int32_t to = -1;

	if ((w & 7) == 7) {
		bool nonzero = w >> 4 & 1, set = m->r[field(w, 11, 3)] != 0;

		if (m->delayed != MME_NOTHING_PENDING)
			return data_error(err, PGRAPH_ERROR_OPERATION);
		if (nonzero == set)
			to = (int32_t)(((int32_t)m->pc + immediate(w)) & (MME_CODE_WORDS - 1));
		advance(m, w, to, w >> 5 & 1);
		return ENGINE_OK;
	}
	if (!result(g, m, w, &v))
		return data_error(err, PGRAPH_ERROR_OPERATION);
	r = assign(x, g, w, v, err);
	advance(m, w, -1, false);
	return r;
}

static enum engine_result run(const struct engine_ctx *x, struct gr *g, struct engine_error *err)
{
	struct mme *m = &g->mme;
	enum engine_result r = ENGINE_OK;

	if (m->sending)
		r = send(x, g, m->send_val, err);
	for (uint32_t n = 0; m->running && r == ENGINE_OK; n++) {
		if (wants_param(m->code[m->pc]) && !m->have_param)
			break;
		r = n < MME_STEPS ? step(x, g, err) : data_error(err, PGRAPH_ERROR_OPERATION);
	}
	m->replay = r == ENGINE_STOPPED;
	if (r != ENGINE_OK && r != ENGINE_STOPPED)
		m->running = false;
	return r;
}

enum engine_result mme_call(const struct engine_ctx *x, struct gr *g, enum gr_class who,
			    uint32_t mthd, uint32_t val, struct engine_error *err)
{
	struct mme *m = &g->mme;

	if (m->replay)
		return run(x, g, err);
	if (mthd & 4) {
		/* The macro ended without it, or never began. */
		if (!m->running || m->have_param)
			return data_error(err, PGRAPH_ERROR_OPERATION);
		m->param = val;
		m->have_param = true;
		return run(x, g, err);
	}
	if (m->running)
		return data_error(err, PGRAPH_ERROR_OPERATION);
	m->running = true;
	m->who = who;
	m->pc = m->start[(mthd - GR_MACRO) / 8];
	for (uint32_t i = 0; i < 8; i++)
		m->r[i] = 0;
	m->r[1] = val;
	m->maddr = m->step = m->carry = 0;
	m->delayed = MME_NOTHING_PENDING;
	m->have_param = m->sending = false;
	return run(x, g, err);
}

// SPDX-License-Identifier: MIT
/*
 * Linear copies, in nouveau's shape: lines of 4096 bytes, as many at a time as
 * the engine counts, then one short line [nouveau_bo9039.c, nouveau_bo90b5.c].
 *
 * A copy is one push: its parts run in order, its fence follows the last.
 */
#include <errno.h>

#include "gpuvm/fermi/methods.h"
#include "pv-driver/private.h"

#define LINE 4096u
#define M2MF_LINES 2047u
#define CE_LINES 8191u
#define PIECE_DWORDS 12u /* the longer of the two pieces below */

struct piece {
	uint64_t dst, src;
	uint32_t line, lines;
};

static void piece_m2mf(struct drv_push *p, const struct piece *c)
{
	drv_push_mthd(p, DRV_SUBC_M2MF, M2MF_OFFSET_OUT_HIGH, 2);
	drv_push_data(p, hi32(c->dst));
	drv_push_data(p, lo32(c->dst));
	drv_push_mthd(p, DRV_SUBC_M2MF, M2MF_OFFSET_IN_HIGH, 6);
	drv_push_data(p, hi32(c->src));
	drv_push_data(p, lo32(c->src));
	drv_push_data(p, LINE);
	drv_push_data(p, LINE);
	drv_push_data(p, c->line);
	drv_push_data(p, c->lines);
	drv_push_mthd(p, DRV_SUBC_M2MF, M2MF_EXEC, 1);
	drv_push_data(p, M2MF_EXEC_QUERY_SHORT | M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
}

static void piece_ce(struct drv_push *p, uint32_t subc, const struct piece *c)
{
	drv_push_mthd(p, subc, CE_SRC_ADDRESS_HIGH, 8);
	drv_push_data(p, hi32(c->src));
	drv_push_data(p, lo32(c->src));
	drv_push_data(p, hi32(c->dst));
	drv_push_data(p, lo32(c->dst));
	drv_push_data(p, LINE);
	drv_push_data(p, LINE);
	drv_push_data(p, c->line);
	drv_push_data(p, c->lines);
	drv_push_mthd(p, subc, CE_EXEC, 1);
	drv_push_data(p, CE_EXEC_SRC_LINEAR | CE_EXEC_DST_LINEAR);
}

static int copy(struct drv_chan *ch, uint32_t subc, struct piece c, uint64_t len,
		struct drv_fence *fence)
{
	uint32_t most = subc == DRV_SUBC_M2MF ? M2MF_LINES : CE_LINES;
	uint64_t pieces = len / LINE / most + 2, left;
	struct drv_push p;
	int err;

	if (pieces > ch->push_dwords / PIECE_DWORDS)
		return -E2BIG;
	err = drv_push_begin(ch, (uint32_t)pieces * PIECE_DWORDS, &p);
	if (err)
		return err;
	for (; len; len -= left, c.src += left, c.dst += left) {
		c.line = len < LINE ? (uint32_t)len : LINE;
		c.lines = len < LINE ? 1 : len / LINE < most ? (uint32_t)(len / LINE) : most;
		left = (uint64_t)c.line * c.lines;
		if (subc == DRV_SUBC_M2MF)
			piece_m2mf(&p, &c);
		else
			piece_ce(&p, subc, &c);
	}
	return drv_push_end(&p, fence);
}

int drv_copy_m2mf(struct drv_chan *ch, uint64_t dst, uint64_t src, uint64_t len,
		  struct drv_fence *fence)
{
	struct piece c = { .dst = dst, .src = src };

	if (!(ch->engines & DRV_ENGINE_GR))
		return -ENODEV;
	return copy(ch, DRV_SUBC_M2MF, c, len, fence);
}

int drv_copy_ce(struct drv_chan *ch, unsigned int n, uint64_t dst, uint64_t src, uint64_t len,
		struct drv_fence *fence)
{
	struct piece c = { .dst = dst, .src = src };

	if (n > 1 || !(ch->engines & (n ? DRV_ENGINE_CE1 : DRV_ENGINE_CE0)))
		return -ENODEV;
	return copy(ch, n ? DRV_SUBC_CE1 : DRV_SUBC_CE0, c, len, fence);
}

/* SPDX-License-Identifier: MIT */
/*
 * What M2MF and the copy engines share: surfaces, transfers between them, and
 * the reports written when work is done.
 *
 * Nothing here trusts a number from a push buffer: sizes and positions only
 * ever become GPU virtual addresses, computed modulo 2^64, and the address
 * space decides which of them exist.  Long loops look at engine_ctx.stop.
 */
#ifndef GPUVM_DEV_SIM_XFER_H
#define GPUVM_DEV_SIM_XFER_H

#include "gpuvm/dev/sim/private.h"

/*
 * A rectangle's origin in memory.  Linear: base and pitch.  Tiled: tiles of
 * (16 or 64) << gx bytes by 8 << gy rows by 1 << gz layers; x in bytes.
 */
struct surface {
	uint64_t base;
	bool tiled;
	int64_t pitch;
	uint32_t tp;		      /* log2 of a column's bytes: 6, or 4 for the narrow form */
	uint32_t gx, gy, gz;	      /* log2 of the block, in columns, groups of 8 rows, layers */
	uint64_t width, height;	      /* bytes, rows */
	uint64_t x, y, z;	      /* origin */
};
/* Address of byte (x, y) of the surface's layer z; x, y count from the surface's corner. */
uint64_t surface_at(const struct surface *, uint64_t x, uint64_t y, uint64_t z);
/* Sets tp, gx, gy, gz from a tile mode: nibbles x (0xe: 16-byte columns), y, z. */
void surface_mode(struct surface *, uint32_t mode);

/* How an element of the destination is made; NULL in a transfer: bytes as they are. */
struct remap {
	uint32_t comp_len;		 /* bytes of a component: 1..4 */
	uint32_t src_comps, dst_comps;	 /* components of an element: 1..4 */
	uint32_t from[4];		 /* 0-3 source component, 4-5 constant, else 0 */
	uint32_t konst[2];
};

struct xfer {
	struct surface src, dst;
	uint64_t line, lines; /* elements in a line, lines */
	const struct remap *remap;
	uint64_t *done;	      /* finished so far: in, 0 at first; out, where a stop left off */
};
enum engine_result xfer_run(const struct engine_ctx *, const struct xfer *, struct engine_error *);
/* Bytes into a surface's rectangle of width line, from byte number at of it, row after row. */
enum engine_result xfer_push(const struct engine_ctx *, const struct surface *dst, uint64_t line,
			     uint64_t at, const void *buf, uint64_t n, struct engine_error *);

/* Writes value, or value, 0 and the 64-bit PTIMER time. */
struct engine_report {
	uint64_t va;
	uint32_t value;
	bool is_short;
};
enum engine_result engine_report(const struct engine_ctx *, const struct engine_report *,
				 struct engine_error *);

static inline bool engine_stopping(const struct engine_ctx *x)
{
	return __atomic_load_n(x->stop, __ATOMIC_RELAXED);
}
static inline enum engine_result engine_mmu(struct engine_error *err, enum fault_reason why,
					    uint64_t va, bool write)
{
	if (why == FAULT_NONE)
		return ENGINE_OK;
	*err = (struct engine_error){ .reason = why, .va = va, .write = write };
	return ENGINE_FAULT;
}

#endif

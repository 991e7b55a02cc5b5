/* SPDX-License-Identifier: MIT */
/*
 * The address space of a raw channel of a naive-pv guest: a directory with one
 * full table of small pages, asked for one operation a call.  A hostile guest
 * may ask for anything, so what is refused is its caller's to notice.
 */
#ifndef TESTS_UNIT_CORE_RAW_SPACE_H
#define TESTS_UNIT_CORE_RAW_SPACE_H

#include "gpuvm/pv.h"
#include "pv-driver/pv_abi.h"
#include "tests/unit/core/rig.h"

struct raw_space {
	struct vgpu *v;
	uint32_t dir, table; /* ids */
};

static inline uint32_t raw_ask(struct vgpu *v, struct pv_op op)
{
	uint32_t value = 0;

	vgpu_pv_op(v, &op, &value);
	return value;
}

/* And the channel works in it. */
static inline void raw_space_new(struct raw_space *s, struct vgpu *v, uint32_t chan)
{
	*s = (struct raw_space){ .v = v };
	s->dir = raw_ask(v, (struct pv_op){ .code = PV_OP_ALLOC, .index = PV_KIND_DIR });
	s->table = raw_ask(v, (struct pv_op){ .code = PV_OP_ALLOC, .index = PV_KIND_SMALL });
	assert_true(s->dir && s->table);
	raw_ask(v, (struct pv_op){ .code = PV_OP_MAP_TABLE, .id = s->dir, .a = s->table });
	raw_ask(v, (struct pv_op){ .code = PV_OP_SET_DIR, .id = s->dir, .index = chan });
}

static inline void raw_space_map(const struct raw_space *s, uint64_t va, uint64_t pte)
{
	raw_ask(s->v, (struct pv_op){ .code = PV_OP_MAP, .id = s->table, .count = 1, .a = pte,
				      .index = (uint32_t)(va >> 12) });
}

static inline void raw_space_flush(const struct raw_space *s)
{
	raw_ask(s->v, (struct pv_op){ .code = PV_OP_FLUSH, .id = s->dir });
}

/* If a reset has not taken it.  A freed table's memory comes back with a flush. */
static inline void raw_space_end(const struct raw_space *s, uint32_t chan)
{
	raw_ask(s->v, (struct pv_op){ .code = PV_OP_SET_DIR, .index = chan });
	raw_ask(s->v, (struct pv_op){ .code = PV_OP_MAP_TABLE, .id = s->dir });
	raw_ask(s->v, (struct pv_op){ .code = PV_OP_FREE, .id = s->table });
	raw_space_flush(s);
	raw_ask(s->v, (struct pv_op){ .code = PV_OP_FREE, .id = s->dir });
}

#endif

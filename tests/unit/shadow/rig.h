/* SPDX-License-Identifier: MIT */
/*
 * What the shadow tests stand on: the fake device, the null hypervisor, two
 * guests whose chunks of VRAM lie interleaved on the card.
 *
 * Nothing here uses the room's own code to decide what is right.
 */
#ifndef TESTS_UNIT_SHADOW_RIG_H
#define TESTS_UNIT_SHADOW_RIG_H

#include "tests/t.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/fermi/pte.h"
#include "gpuvm/fermi/regs.h"
#include "gpuvm/hv/null.h"
#include "shadow/private.h"
#include "shadow/shadow.h"
#include "tests/unit/shadow/fake.h"

#define RIG_HEAP_AT (96 * MIB)
#define RIG_PART (16 * MIB) /* of each guest */
#define RIG_RAM (4 * MIB)   /* of each guest */
#define RIG_QUOTA (24 * MIB)

/* Where the tests put things in a guest's VRAM. */
#define G_INST 0x1000ull
#define G_USERD 0x3000ull
#define G_RUNLIST 0x4000ull
#define G_DIR 0x100000ull
#define G_SMALL 0x200000ull
#define G_LARGE 0x300000ull

struct guest {
	struct hv_guest *hv;
	struct part *part;
	struct shadow_guest *sg;
	hvram_t userd;
	bool gone[RIG_RAM / 4096]; /* pages taken away */
	unsigned int faults[NR_SHADOW_FAULTS];
	uint64_t last_where;
};

struct rig {
	struct fake f;
	struct hv *hv;
	struct vheap *heap;
	struct part_pool *pool;
	struct shadow *s;
	struct guest g[2];
};

/* ---- the hypervisor's upcalls --------------------------------------------------------- */

static inline int rig_attach(void *core, struct hv_guest *hg)
{
	(void)core;
	hg->vgpu = (void *)hg->cfg;
	return 0;
}

static inline void rig_detach(void *core, struct hv_guest *hg)
{
	(void)core;
	(void)hg;
}

static inline int rig_revoke(void *core, struct hv_guest *hg, gpa_t start, uint64_t len)
{
	struct guest *g = hg->vgpu;

	(void)core;
	return shadow_revoke(g->sg, start, len);
}

static const struct hv_up rig_up = { .attach = rig_attach,
				     .detach = rig_detach,
				     .revoke = rig_revoke };

static inline void rig_fault(void *arg, enum shadow_fault f, uint64_t where)
{
	struct guest *g = arg;

	g->faults[f]++;
	g->last_where = where;
}

/* ---- the rig ---------------------------------------------------------------------------- */

static inline struct shadow_guest_cfg rig_cfg(struct guest *g, uint32_t opts, uint64_t quota)
{
	return (struct shadow_guest_cfg){ .part = g->part,
					  .guest = g->hv,
					  .opts = opts,
					  .table_quota = quota,
					  .fault = rig_fault,
					  .arg = g };
}

/*
 * Both guests' chunks alternate on the card, so that no run of a guest's VRAM is longer than a
 * chunk.
 */
static inline void rig_parts(struct rig *r)
{
	struct part *even[RIG_PART / PART_CHUNK_LEN], *odd[RIG_PART / PART_CHUNK_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(even); i++) {
		assert_int_equal(part_new(r->pool, PART_CHUNK_LEN, 0, &even[i]), 0);
		assert_int_equal(part_new(r->pool, PART_CHUNK_LEN, 0, &odd[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(even); i++)
		part_free(even[i]);
	assert_int_equal(part_new(r->pool, RIG_PART, 64, &r->g[0].part), 0);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		part_free(odd[i]);
	assert_int_equal(part_new(r->pool, RIG_PART, 64, &r->g[1].part), 0);
}

static inline struct rig *rig_new(uint32_t opts)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	fake_init(&r->f);
	/*
	 * Whoever takes heap memory as it comes finds entries there that lead to frame 0x5a5a5a5 of
	 * anything.
	 */
	memset(r->f.vram + RIG_HEAP_AT, 0x5a | 1, 4 * MIB);
	assert_int_equal(vheap_new(hvram(RIG_HEAP_AT), RIG_VRAM - RIG_HEAP_AT, &r->heap), 0);
	assert_int_equal(part_pool_new(hvram(2 * MIB), RIG_HEAP_AT - 2 * MIB, GF100_NR_CHAN,
				       &r->pool),
			 0);
	assert_int_equal(hv_null_open(&rig_up, r, NULL, &r->hv), 0);
	assert_int_equal(shadow_new(&r->f.dev, r->heap, NULL, &r->s), 0);
	rig_parts(r);
	for (int i = 0; i < 2; i++) {
		struct guest *g = &r->g[i];
		struct shadow_guest_cfg cfg;

		assert_int_equal(hv_null_guest_new(r->hv, i ? "b" : "a", RIG_RAM, g, &g->hv), 0);
		assert_int_equal(vheap_alloc(r->heap, 4096, 4096, &g->userd), 0);
		cfg = rig_cfg(g, opts, RIG_QUOTA);
		assert_int_equal(shadow_guest_new(r->s, &cfg, &g->sg), 0);
	}
	return r;
}

/* Frees everything and checks that nothing stayed pinned or allocated. */
static inline void rig_free(struct rig *r)
{
	for (int i = 0; i < 2; i++) {
		struct guest *g = &r->g[i];

		shadow_guest_free(g->sg);
		assert_int_equal(hv_null_pins(g->hv), 0);
		vheap_release(r->heap, g->userd, 4096);
	}
	/* A device that failed once stays in doubt, and nothing else may be. */
	assert_int_equal(shadow_audit(r->s, NULL), (r->s->timeouts != 0) + (r->s->dev_errors != 0));
	shadow_free(r->s);
	assert_int_equal(vheap_used(r->heap), 0);
	for (int i = 0; i < 2; i++) {
		hv_null_guest_free(r->g[i].hv);
		part_free(r->g[i].part);
	}
	hv_close(r->hv);
	part_pool_free(r->pool);
	vheap_free(r->heap);
	fake_fini(&r->f);
	free(r);
}

/* No violation, and no pin the shadows do not know of. */
static inline void rig_clean(struct rig *r)
{
	assert_int_equal(shadow_audit(r->s, stderr), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(hv_null_pins(r->g[i].hv), shadow_guest_stats(r->g[i].sg)->pins);
}

/* ---- guest memory, as the guest itself reaches it -------------------------------------------- */

/* NULL if it is not the guest's.  One page at most. */
static inline void *guest_at(struct rig *r, struct guest *g, uint32_t target, uint64_t addr)
{
	uint32_t nr;
	const hvram_t *chunk = part_chunks(g->part, &nr);

	if (target == PTE_VRAM) {
		if (addr >> PART_CHUNK_SHIFT >= nr)
			return NULL;
		return r->f.vram + hvram_x(chunk[addr >> PART_CHUNK_SHIFT]) + addr % PART_CHUNK_LEN;
	}
	if (target == 1 || addr >= RIG_RAM || g->gone[addr / 4096])
		return NULL;
	return (uint8_t *)hv_null_ram(g->hv) + addr;
}

static inline void guest_wr64(struct rig *r, struct guest *g, uint32_t target, uint64_t addr,
			      uint64_t v)
{
	uint64_t *p = guest_at(r, g, target, addr);

	if (p)
		*p = v;
}

static inline bool guest_rd64(struct rig *r, struct guest *g, uint32_t target, uint64_t addr,
			      uint64_t *v)
{
	const uint64_t *p = guest_at(r, g, target, addr);

	if (p)
		*v = *p;
	return p;
}

static inline void guest_wr32(struct rig *r, struct guest *g, uint64_t addr, uint32_t v)
{
	uint32_t *p = guest_at(r, g, PTE_VRAM, addr);

	assert_non_null(p);
	*p = v;
}

/* An instance block for the directory at pdb (address | target), as a driver writes it. */
static inline void guest_inst(struct rig *r, struct guest *g, uint64_t inst, uint64_t pdb)
{
	guest_wr32(r, g, inst + RAMFC_USERD_LO, G_USERD);
	guest_wr32(r, g, inst + RAMFC_USERD_HI, 0);
	guest_wr32(r, g, inst + RAMFC_SIGNATURE, RAMFC_SIGNATURE_VALUE);
	guest_wr64(r, g, PTE_VRAM, inst + INST_PDB_LO, pdb);
	guest_wr64(r, g, PTE_VRAM, inst + INST_LIMIT_LO, (1ull << 40) - 1);
}

/* A directory with one small and one large table in slot 0, and channel id on it. */
static inline struct shadow_chan *guest_chan(struct rig *r, struct guest *g, uint32_t id)
{
	struct shadow_chan *ch;
	hchan_t h;
	uint64_t inst = G_INST + (uint64_t)id * 0x10000;

	guest_wr64(r, g, PTE_VRAM, G_DIR,
		   pde_pack_small(PDE_VRAM, G_SMALL) | pde_pack_large(PDE_VRAM, G_LARGE));
	guest_inst(r, g, inst, G_DIR);
	assert_int_equal(part_chan_get(g->part, gchan(id), &h), 0);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(id), gvram(inst), g->userd, &ch), 0);
	dev_wr32(&r->f.dev, reg_at(REGID_PFIFO_CHAN_INST, hchan_x(h)),
		 CHAN_INST_VALID | (uint32_t)(hvram_x(shadow_chan_inst(ch)) >> 12));
	return ch;
}

static inline int guest_flush(struct guest *g, uint64_t dir)
{
	return shadow_flush(g->sg, (uint32_t)(dir >> 12 << 4) | (dir & 3), TLB_FLUSH_GO | 1);
}

#endif

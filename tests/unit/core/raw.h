/* SPDX-License-Identifier: MIT */
/*
 * A guest without a driver: channels built by raw register and PRAMIN
 * accesses, so that a test decides every bit of them.
 *
 * A raw channel lives in RAW_LEN of guest VRAM from base:
 *
 *   0x00000 instance block   0x01000 USERD   0x02000 ring (512 entries)
 *   0x03000 push buffer      0x04000 fence   0x10000 directory (64 KiB)
 *   0x40000 one table of small pages: VA 0 .. 128 MiB
 *
 * and maps its own ring, push buffer and fence at VA RAW_VA + the same offset.
 *
 * With rig_mode naive-pv its tables are the mediator's: what would be stored in
 * its own is asked for, one operation a call, and may be refused.
 */
#ifndef TESTS_UNIT_CORE_RAW_H
#define TESTS_UNIT_CORE_RAW_H

#include "gpuvm/fermi/methods.h"
#include "tests/unit/core/raw_space.h"
#include "tests/unit/core/rig.h"

#define RAW_LEN 0x80000ull
#define RAW_VA 0x4000000ull /* 64 MiB: what lies below is the test's to map */
#define RAW_RING 0x2000
#define RAW_PUSH 0x3000
#define RAW_FENCE 0x4000
#define RAW_DIR 0x10000
#define RAW_TABLE 0x40000
#define RAW_SUBC 2

struct raw {
	struct rig *r;
	int i; /* guest */
	uint32_t id;
	uint64_t base;
	uint32_t put, words, first, seq;
	struct raw_space space; /* naive-pv */
};

/* One round of the mediator, with the device settled before. */
static inline void raw_step(struct rig *r, uint64_t ns)
{
	uint64_t next;

	assert_int_equal(dev_advance(r->g->dev, ns), 0);
	gpuvm_step(r->g, dev_now(r->g->dev), &next);
}

static inline void raw_run(struct rig *r, int steps)
{
	while (steps--)
		raw_step(r, 20000);
}

/* A store to guest VRAM that stays in the window's 1 MiB. */
static inline void raw_fill(struct rig *r, int i, uint64_t at, uint32_t val, uint32_t words)
{
	while (words--) {
		vram_wr32(r, i, at, val);
		at += 4;
	}
}

static inline uint64_t raw_pte(uint64_t vram)
{
	return pte_pack(PTE_VRAM, vram, PTE_PRESENT);
}

static inline uint64_t raw_pte_sys(uint64_t gpa_addr)
{
	return pte_pack(PTE_SYS, gpa_addr, PTE_PRESENT);
}

/* The page at va (4 KiB) gets pte in the guest's table; no flush. */
static inline void raw_map(struct raw *c, uint64_t va, uint64_t pte)
{
	if (rig_mode == VGPU_NAIVE_PV)
		raw_space_map(&c->space, va, pte);
	vram_wr64(c->r, c->i, c->base + RAW_TABLE + (va >> 12) * 8, pte);
}

static inline void raw_flush(struct raw *c)
{
	if (rig_mode == VGPU_NAIVE_PV)
		raw_space_flush(&c->space);
	wr(c->r, c->i, NV_PFB_TLB_PDB, (uint32_t)((c->base + RAW_DIR) >> 12) << 4);
	wr(c->r, c->i, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
}

/* Words as nouveau writes them [nvkm/engine/fifo/gpfifogf100.c]. */
static inline void raw_ramfc(struct raw *c)
{
	static const uint32_t fixed[][2] = {
		{ RAMFC_SIGNATURE, RAMFC_SIGNATURE_VALUE }, { RAMFC_SEM_TIMEOUT, SEM_TIMEOUT_NONE },
		{ 0x54, 2 }, { 0x84, 0x20400000 }, { RAMFC_SUBDEV, 0x30000001 }, { 0x9c, 0x100 },
		{ 0xa4, 0x1f1f1f1f }, { 0xa8, 0x1f1f1f1f }, { 0xac, 0x1f }, { 0xb8, 0xf8000000 },
		{ 0xf8, 0x10003080 }, { 0xfc, 0x10000010 },
	};
	uint64_t userd = c->base + 0x1000;

	for (size_t k = 0; k < ARRAY_SIZE(fixed); k++)
		vram_wr32(c->r, c->i, c->base + fixed[k][0], fixed[k][1]);
	vram_wr32(c->r, c->i, c->base + RAMFC_USERD_LO, lo32(userd));
	vram_wr32(c->r, c->i, c->base + RAMFC_USERD_HI, hi32(userd));
	vram_wr32(c->r, c->i, c->base + RAMFC_GPFIFO_LO, lo32(RAW_VA + RAW_RING));
	vram_wr32(c->r, c->i, c->base + RAMFC_GPFIFO_HI, 9u << 16);
}

/* Builds the channel's memory; nothing is bound yet.  base is 1 MiB aligned or half of that. */
static inline void raw_build(struct raw *c, struct rig *r, int i, uint32_t id, uint64_t base)
{
	*c = (struct raw){ .r = r, .i = i, .id = id, .base = base };
	if (rig_mode == VGPU_NAIVE_PV)
		raw_space_new(&c->space, r->v[i], id);
	raw_fill(r, i, base, 0, INST_LEN / 4);
	raw_fill(r, i, base + 0x1000, 0, 0x100 / 4);
	vram_wr32(r, i, base + RAW_FENCE, 0);
	raw_ramfc(c);
	vram_wr64(r, i, base + INST_PDB_LO, base + RAW_DIR);
	vram_wr64(r, i, base + INST_LIMIT_LO, 0xffffffffffull);
	vram_wr64(r, i, base + INST_CTX_GR, RAW_VA | INST_CTX_VALID);
	vram_wr64(r, i, base + RAW_DIR, pde_pack_small(PDE_VRAM, base + RAW_TABLE));
	for (uint32_t at = RAW_RING; at <= RAW_FENCE; at += 0x1000)
		raw_map(c, RAW_VA + at, raw_pte(base + at));
}

static inline void raw_bind(struct raw *c)
{
	wr(c->r, c->i, reg_at(REGID_PFIFO_CHAN_INST, c->id),
	   CHAN_INST_VALID | CHAN_INST_POLL | (uint32_t)(c->base >> 12));
	wr(c->r, c->i, reg_at(REGID_PFIFO_CHAN_STATE, c->id), 0x001f0001);
}

static inline void raw_unbind(struct raw *c)
{
	wr(c->r, c->i, reg_at(REGID_PFIFO_CHAN_STATE, c->id), 0x001f0000);
	wr(c->r, c->i, reg_at(REGID_PFIFO_CHAN_INST, c->id), 0);
}

/* The same for good: naive-pv gives its tables back, if a reset has not. */
static inline void raw_end(struct raw *c)
{
	raw_unbind(c);
	if (rig_mode == VGPU_NAIVE_PV)
		raw_space_end(&c->space, c->id);
}

/* A runlist of n channel ids at guest VRAM `at`. */
static inline void raw_runlist(struct rig *r, int i, uint64_t at, const uint32_t *ids, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		vram_wr32(r, i, at + k * 8, ids[k]);
		vram_wr32(r, i, at + k * 8 + 4, RUNLIST_WORD1);
	}
	wr(r, i, NV_PFIFO_RUNLIST_ADDR, (uint32_t)(at >> 12));
	wr(r, i, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000 | n);
}

/* What a driver sets up once: USERD in BAR1 at offset 0, interrupts on. */
static inline void raw_fifo_init(struct rig *r, int i)
{
	wr(r, i, NV_PMC_ENABLE, ~0u);
	wr(r, i, NV_PFIFO_ENABLE, 1);
	wr(r, i, NV_PFIFO_USERD_BASE, USERD_BASE_VALID);
	wr(r, i, NV_PFIFO_INTR, ~0u);
	wr(r, i, NV_PFIFO_INTR_EN, ~0u);
	wr(r, i, NV_PFIFO_ENG_INTR_MASK, 1);
	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		wr(r, i, reg_at(REGID_PBDMA_INTR_EN, p), ~0u);
	wr(r, i, NV_PGRAPH_INTR_EN, ~0u);
	wr(r, i, NV_PMC_INTR_EN, 1);
}

/* A channel alone in its guest's list, ready for work. */
static inline void raw_start(struct raw *c, struct rig *r, int i, uint32_t id, uint64_t base)
{
	raw_fifo_init(r, i);
	raw_build(c, r, i, id, base);
	raw_bind(c);
	raw_flush(c);
	raw_runlist(r, i, base + 0x5000, &id, 1);
}

/* ---- methods ------------------------------------------------------------------------ */

static inline void raw_word(struct raw *c, uint32_t w)
{
	/* The push buffer is one page, used from its start again for every submission. */
	assert_true(c->first + c->words < 1024);
	vram_wr32(c->r, c->i, c->base + RAW_PUSH + (c->first + c->words++) * 4, w);
}

static inline void raw_mthd(struct raw *c, uint32_t subc, uint32_t mthd, uint32_t val)
{
	raw_word(c, push_header(PUSH_INC, subc, mthd, 1));
	raw_word(c, val);
}

/* GP_PUT as stored; the card sees it when the scheduler lets it. */
static inline void raw_doorbell(struct raw *c, uint32_t put)
{
	st(c->r, c->i, HV_BAR1, c->id * 4096 + USERD_GP_PUT, 4, put);
}

/* One ring entry for the words added so far, and the doorbell. */
static inline void raw_submit(struct raw *c)
{
	uint64_t e = gp_entry_pack(RAW_VA + RAW_PUSH + c->first * 4, c->words);

	vram_wr64(c->r, c->i, c->base + RAW_RING + c->put * 8, e);
	c->first += c->words;
	if (c->first > 512)
		c->first = 0;
	c->words = 0;
	c->put = (c->put + 1) % 512;
	raw_doorbell(c, c->put);
}

/* Waits for what came before, writes seq to the fence, raises the non-stall interrupt. */
static inline void raw_fence(struct raw *c)
{
	c->seq++;
	raw_mthd(c, RAW_SUBC, HOST_SEM_ADDR_HI, hi32(RAW_VA + RAW_FENCE));
	raw_mthd(c, RAW_SUBC, HOST_SEM_ADDR_LO, lo32(RAW_VA + RAW_FENCE));
	raw_mthd(c, RAW_SUBC, HOST_SEM_PAYLOAD, c->seq);
	raw_mthd(c, RAW_SUBC, HOST_SEM_TRIGGER, SEM_RELEASE | SEM_RELEASE_4B);
	raw_mthd(c, RAW_SUBC, HOST_NONSTALL_INTR, 0);
}

static inline void raw_m2mf(struct raw *c, uint64_t dst, uint64_t src, uint32_t len)
{
	raw_mthd(c, RAW_SUBC, HOST_SET_OBJECT, CLASS_M2MF_GF100);
	raw_mthd(c, RAW_SUBC, M2MF_OFFSET_OUT_HIGH, hi32(dst));
	raw_mthd(c, RAW_SUBC, M2MF_OFFSET_OUT_LOW, lo32(dst));
	raw_mthd(c, RAW_SUBC, M2MF_OFFSET_IN_HIGH, hi32(src));
	raw_mthd(c, RAW_SUBC, M2MF_OFFSET_IN_LOW, lo32(src));
	raw_mthd(c, RAW_SUBC, M2MF_PITCH_IN, len);
	raw_mthd(c, RAW_SUBC, M2MF_PITCH_OUT, len);
	raw_mthd(c, RAW_SUBC, M2MF_LINE_LENGTH_IN, len);
	raw_mthd(c, RAW_SUBC, M2MF_LINE_COUNT, 1);
	raw_mthd(c, RAW_SUBC, M2MF_EXEC, M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
}

/* A semaphore wait that never ends by itself: the fence's next word to be one. */
static inline void raw_hang(struct raw *c, uint32_t options)
{
	raw_mthd(c, RAW_SUBC, HOST_SEM_ADDR_HI, hi32(RAW_VA + RAW_FENCE + 16));
	raw_mthd(c, RAW_SUBC, HOST_SEM_ADDR_LO, lo32(RAW_VA + RAW_FENCE + 16));
	raw_mthd(c, RAW_SUBC, HOST_SEM_PAYLOAD, 0x600d600d);
	raw_mthd(c, RAW_SUBC, HOST_SEM_TRIGGER, SEM_ACQUIRE_EQ | options);
}

static inline bool raw_fenced(struct raw *c)
{
	return vram_rd32(c->r, c->i, c->base + RAW_FENCE) == c->seq;
}

/* Steps until the fence is there; false if it does not come. */
static inline bool raw_wait(struct raw *c)
{
	for (int n = 0; n < 500; n++) {
		raw_run(c->r, 1);
		if (raw_fenced(c))
			return true;
	}
	return false;
}

static inline bool raw_copy(struct raw *c, uint64_t dst, uint64_t src, uint32_t len)
{
	raw_m2mf(c, dst, src, len);
	raw_fence(c);
	raw_submit(c);
	return raw_wait(c);
}

/* Whether the mediator stopped the channel. */
static inline bool raw_dead(const struct raw *c)
{
	const struct vgpu_chan *k = c->r->v[c->i]->chan[c->id];

	return k && k->dead;
}

#endif

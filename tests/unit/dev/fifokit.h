/* SPDX-License-Identifier: MIT */
/*
 * A very small driver for tests of PFIFO and its engines: channels, rings and
 * push buffers built straight into VRAM.
 *
 * Always true: one address space, in which [FK_VA, FK_VA + FK_LEN) is VRAM from
 * FK_VRAM on; channel c's instance block, USERD page, ring and push buffer have
 * fixed places below FK_DATA of it.  The doorbell goes through an untranslated
 * BAR1.  With clock=manual, fk_settle() returns when nothing can move any more.
 */
#ifndef TESTS_UNIT_DEV_FIFOKIT_H
#define TESTS_UNIT_DEV_FIFOKIT_H

#include "gpuvm/fermi/methods.h"
#include "tests/unit/dev/simkit.h"

#define FK_USERD 0x10000ull	     /* VRAM and BAR1 offset */
#define FK_VA 0x20000000ull
#define FK_VRAM (128 * MIB)
#define FK_LEN (64 * MIB)
#define FK_RING_ENTRIES 64
#define FK_PUSH_LEN 0x20000ull	     /* per channel, after its 4 KiB ring */
#define FK_CHAN_LEN (FK_PUSH_LEN + 0x1000)
#define FK_DATA (32 * MIB)	     /* from here on the window is the test's own */

struct fk {
	struct dev *d;
	struct kit_vm vm;
	uint64_t insts; /* VRAM of instance blocks, one page per channel id */
	uint64_t list;  /* VRAM of the runlist */
};

struct fk_chan {
	struct fk *k;
	uint32_t id, put, at, start; /* ring index; words written; first word of the open entry */
};

static inline uint64_t fk_va(uint64_t off)
{
	return FK_VA + off;
}
static inline uint64_t fk_vram(uint64_t off)
{
	return FK_VRAM + off;
}
static inline uint64_t fk_ring(uint32_t id)
{
	return id * FK_CHAN_LEN;
}
static inline uint64_t fk_push(uint32_t id)
{
	return fk_ring(id) + 0x1000;
}
static inline uint32_t fk_data(struct fk *k, uint64_t off)
{
	return kit_rd32(k->d, fk_vram(FK_DATA + off));
}
static inline void fk_data_set(struct fk *k, uint64_t off, uint32_t v)
{
	kit_wr32(k->d, fk_vram(FK_DATA + off), v);
}
static inline uint64_t fk_data_va(uint64_t off)
{
	return fk_va(FK_DATA + off);
}

static inline struct fk fk_open(const char *options)
{
	struct fk k = { .d = kit_open(options) };

	k.vm = kit_vm(k.d, MIB);
	for (uint64_t off = 0; off < FK_LEN; off += 128 << 10)
		kit_map(&k.vm, fk_va(off), 1, pte_pack(PTE_VRAM, fk_vram(off), PTE_PRESENT));
	k.insts = kit_alloc(&k.vm, GF100_NR_CHAN * INST_LEN);
	k.list = kit_alloc(&k.vm, 4096);
	dev_wr32(k.d, NV_PMC_ENABLE, ~0u);
	dev_wr32(k.d, NV_PMC_INTR_EN, 1);
	dev_wr32(k.d, NV_PFIFO_ENABLE, 1);
	dev_wr32(k.d, NV_PFIFO_PBDMA_ENABLE, ~0u);
	dev_wr32(k.d, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | FK_USERD >> 12);
	dev_wr32(k.d, NV_PFIFO_ENG_INTR_MASK, 1);
	dev_wr32(k.d, NV_PFIFO_INTR_EN, ~0u);
	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		dev_wr32(k.d, reg_at(REGID_PBDMA_INTR_EN, p), ~0u);
	dev_wr32(k.d, NV_PGRAPH_INTR_EN, ~0u);
	return k;
}

static inline void fk_close(struct fk *k)
{
	dev_close(k->d);
}

static inline uint64_t fk_inst(const struct fk *k, uint32_t id)
{
	return k->insts + (uint64_t)id * INST_LEN;
}

/* RAMFC as nouveau fills it. */
static inline void fk_ramfc(struct fk *k, uint32_t id)
{
	static const uint32_t fixed[][2] = {
		{ RAMFC_SIGNATURE, RAMFC_SIGNATURE_VALUE }, { 0x30, 0xfffff902 }, { 0x54, 2 },
		{ 0x84, 0x20400000 }, { 0x94, 0x30000001 }, { 0x9c, 0x100 },
		{ 0xa4, 0x1f1f1f1f }, { 0xa8, 0x1f1f1f1f }, { 0xac, 0x1f }, { 0xb8, 0xf8000000 },
		{ 0xf8, 0x10003080 }, { 0xfc, 0x10000010 },
	};
	uint64_t inst = fk_inst(k, id), userd = FK_USERD + id * USERD_LEN;
	uint64_t ring = fk_va(fk_ring(id));

	assert_int_equal(dev_vram_zero(k->d, hvram(inst), INST_LEN), 0);
	assert_int_equal(dev_vram_zero(k->d, hvram(userd), USERD_LEN), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		kit_wr32(k->d, inst + fixed[i][0], fixed[i][1]);
	kit_wr64(k->d, inst + RAMFC_USERD_LO, userd);
	kit_wr32(k->d, inst + RAMFC_GPFIFO_LO, lo32(ring));
	kit_wr32(k->d, inst + RAMFC_GPFIFO_HI, hi32(ring) | 6 << 16);
	kit_inst(&k->vm, inst, (1ull << FERMI_VA_BITS) - 1);
}

static inline void fk_commit(struct fk *k, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		kit_wr64(k->d, k->list + i * RUNLIST_ENTRY_LEN,
			 (uint64_t)RUNLIST_WORD1 << 32 | ids[i]);
	dev_wr32(k->d, NV_PFIFO_RUNLIST_ADDR, (uint32_t)(k->list >> 12));
	dev_wr32(k->d, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000 | n);
}

/* Bound and runnable, not yet listed. */
static inline struct fk_chan fk_bind(struct fk *k, uint32_t id)
{
	fk_ramfc(k, id);
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_INST, id),
		 CHAN_INST_VALID | CHAN_INST_POLL | (uint32_t)(fk_inst(k, id) >> 12));
	dev_wr32(k->d, reg_at(REGID_PFIFO_CHAN_STATE, id), 0x001f0001);
	return (struct fk_chan){ .k = k, .id = id };
}

/* The only channel of the list. */
static inline struct fk_chan fk_chan(struct fk *k, uint32_t id)
{
	struct fk_chan c = fk_bind(k, id);

	fk_commit(k, &id, 1);
	return c;
}

static inline void fk_word(struct fk_chan *c, uint32_t w)
{
	assert_true(c->at < FK_PUSH_LEN / 4);
	kit_wr32(c->k->d, fk_vram(fk_push(c->id)) + 4ull * c->at++, w);
}
static inline void fk_1(struct fk_chan *c, uint32_t subc, uint32_t mthd, uint32_t v)
{
	fk_word(c, push_header(PUSH_INC, subc, mthd, 1));
	fk_word(c, v);
}

/* A raw ring entry, without the doorbell. */
static inline void fk_entry(struct fk_chan *c, uint64_t e)
{
	kit_wr64(c->k->d, fk_vram(fk_ring(c->id)) + c->put * GP_ENTRY_LEN, e);
	c->put = (c->put + 1) % FK_RING_ENTRIES;
}
/* Closes what was written since the last time as one entry. */
static inline void fk_end(struct fk_chan *c)
{
	fk_entry(c, gp_entry_pack(fk_va(fk_push(c->id)) + 4ull * c->start, c->at - c->start));
	c->start = c->at;
}
static inline uint64_t fk_userd(const struct fk_chan *c)
{
	return FK_USERD + c->id * USERD_LEN;
}
static inline void fk_doorbell(struct fk_chan *c)
{
	dev_bar_wr(c->k->d, 1, fk_userd(c) + USERD_GP_PUT, 4, c->put);
}
static inline void fk_settle(struct fk *k)
{
	assert_int_equal(dev_advance(k->d, 0), 0);
}
static inline void fk_go(struct fk_chan *c)
{
	if (c->at != c->start)
		fk_end(c);
	fk_doorbell(c);
	fk_settle(c->k);
}

static inline uint32_t fk_state(const struct fk_chan *c)
{
	return dev_rd32(c->k->d, reg_at(REGID_PFIFO_CHAN_STATE, c->id));
}
static inline int fk_done(const struct fk_chan *c)
{
	return !(fk_state(c) & CHAN_STATE_BUSY);
}
static inline uint32_t fk_engine(const struct fk *k, uint32_t e)
{
	return dev_rd32(k->d, reg_at(REGID_PFIFO_ENG_STATUS, e));
}
static inline uint32_t fk_ref(const struct fk_chan *c)
{
	return kit_rd32(c->k->d, fk_userd(c) + USERD_REF);
}

/* Under a real clock: until what() is true, with a deadline that only a bug reaches. */
static inline int fk_until(int (*what)(const struct fk_chan *), const struct fk_chan *c)
{
	struct timespec nap = { 0, 100000 };

	for (int i = 0; i < 200000; i++) {
		if (what(c))
			return 1;
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* Semaphore at data offset off. */
static inline void fk_sem(struct fk_chan *c, uint64_t off, uint32_t payload, uint32_t trigger)
{
	fk_word(c, push_header(PUSH_INC, 0, HOST_SEM_ADDR_HI, 4));
	fk_word(c, hi32(fk_data_va(off)));
	fk_word(c, lo32(fk_data_va(off)));
	fk_word(c, payload);
	fk_word(c, trigger);
}

static inline void fk_object(struct fk_chan *c, uint32_t subc, uint32_t e, uint32_t class_id)
{
	fk_1(c, subc, HOST_SET_OBJECT, e << 16 | class_id);
}

#endif

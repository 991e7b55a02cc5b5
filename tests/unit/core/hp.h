/* SPDX-License-Identifier: MIT */
/*
 * hp-pv guests without a driver: requests put on the ring slot by slot, so
 * that a test decides every bit of them.
 *
 * Guest RAM: the ring at HP_AT; the test's own from HP_MEM.
 */
#ifndef TESTS_UNIT_CORE_HP_H
#define TESTS_UNIT_CORE_HP_H

#include <unistd.h>

#include "gpuvm/fermi/methods.h"
#include "gpuvm/hp.h"
#include "pv-driver/drv.h"
#include "pv-driver/hp_abi.h"
#include "tests/unit/core/rig.h"

#define HP_AT 0x100000u
#define HP_MEM 0x200000u
#define HP_SPEC "sim:vram=256M,clock=manual"

struct hpg {
	struct rig *r;
	int i;
	uint32_t head, tag;
	uint64_t val[7]; /* of the last answer */
};

static inline void hp_guests(struct rig *r, const char *spec)
{
	const struct vgpu_cfg cfg = { .mode = VGPU_HP_PV, .vram_len = RIG_VRAM };

	rig_open_on(r, spec);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(hv_null_guest_new(r->hv, i ? "b" : "a", RIG_RAM, &cfg, &r->hg[i]), 0);
		r->v[i] = r->hg[i]->vgpu;
	}
}

static inline int hp_setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof(*r));

	hp_guests(r, HP_SPEC);
	*state = r;
	return 0;
}

#define HP_TEST(f) cmocka_unit_test_setup_teardown(f, hp_setup, rig_teardown)

static inline uint32_t hpr_rd(struct rig *r, int i, uint32_t reg)
{
	return (uint32_t)ld(r, i, HV_BAR_PV, reg, 4, NULL);
}

static inline int hpr_wr(struct rig *r, int i, uint32_t reg, uint32_t val)
{
	return st(r, i, HV_BAR_PV, reg, 4, val);
}

static inline void hp_step(struct rig *r)
{
	uint64_t next;

	gpuvm_step(r->g, dev_now(r->g->dev), &next);
}

/* The same when the device has done what it can: work that ended is looked at by the clock. */
static inline void hp_later(struct rig *r)
{
	assert_int_equal(dev_advance(r->g->dev, 20000), 0);
	hp_step(r);
}

static inline uint8_t *hp_ram(struct hpg *c)
{
	return hv_null_ram(c->r->hg[c->i]);
}

static inline struct hp_ring *hp_hdr(struct hpg *c)
{
	return (struct hp_ring *)(hp_ram(c) + HP_AT);
}

/* Starts a session; its state. */
static inline uint32_t hp_start(struct rig *r, int i, uint32_t version, uint32_t feat, uint64_t at)
{
	hpr_wr(r, i, HP_REG_DRV_VERSION, version);
	hpr_wr(r, i, HP_REG_DRV_FEATURES, feat);
	hpr_wr(r, i, HP_REG_RING_LO, lo32(at));
	hpr_wr(r, i, HP_REG_RING_HI, hi32(at));
	hpr_wr(r, i, HP_REG_ENABLE, 1);
	hp_step(r);
	return hpr_rd(r, i, HP_REG_ENABLE);
}

static inline void hp_up(struct hpg *c, struct rig *r, int i)
{
	*c = (struct hpg){ .r = r, .i = i };
	assert_int_equal(hp_start(r, i, HP_VERSION, 0, HP_AT), HP_SESSION_ON);
}

static inline void hp_slot(struct hpg *c, uint32_t k, const void *from)
{
	memcpy(hp_ram(c) + HP_AT + HP_SLOTS_OFF + k % HP_SLOTS * HP_SLOT_LEN, from, HP_SLOT_LEN);
}

/* Puts a request of n pieces, without ringing. */
static inline void hp_put(struct hpg *c, const struct hp_req *req, const struct hp_piece *p, uint32_t n)
{
	struct hp_req q = *req;

	q.slots = q.slots ? q.slots : (uint16_t)(1 + (n + 3) / 4);
	hp_slot(c, c->head, &q);
	for (uint32_t k = 0; k < n; k += 4) {
		struct hp_piece four[4] = { { 0 } };

		memcpy(four, p + k, (n - k < 4 ? n - k : 4) * sizeof(*p));
		hp_slot(c, c->head + 1 + k / 4, four);
	}
	c->head += 1 + (n + 3) / 4;
	__atomic_store_n(&hp_hdr(c)->head, c->head, __ATOMIC_RELEASE);
}

static inline void hp_bell(struct hpg *c)
{
	hpr_wr(c->r, c->i, HP_REG_BELL, c->head);
	hp_step(c->r);
}

/* A call: its error. */
static inline int hp_ask(struct hpg *c, struct hp_req req)
{
	req.tag = ++c->tag;
	hp_put(c, &req, NULL, 0);
	hp_bell(c);
	for (int k = 0; k < 100 && hp_hdr(c)->answer.tag != c->tag; k++)
		hp_step(c->r);
	assert_int_equal(hp_hdr(c)->answer.tag, c->tag);
	memcpy(c->val, hp_hdr(c)->answer.val, sizeof(c->val));
	return hp_hdr(c)->answer.error;
}

/* An address space, an object of guest RAM at gpa in it, a channel. */
struct hpspace {
	uint32_t vas, bo, chan, seq;
	uint64_t va, gpa, fence;
};

static inline uint32_t hp_vas(struct hpg *c)
{
	assert_int_equal(hp_ask(c, (struct hp_req){ .op = HP_OP_VAS_NEW }), 0);
	return (uint32_t)c->val[0];
}

static inline int hp_sys(struct hpg *c, uint32_t vas, uint64_t gpa, uint64_t len)
{
	return hp_ask(c, (struct hp_req){ .op = HP_OP_BO_NEW, .id = vas, .a = len, .b = gpa });
}

static inline int hp_chan_open(struct hpg *c, struct hpspace *s, uint32_t engines)
{
	struct hp_chan ch;
	int err = hp_ask(c, (struct hp_req){ .op = HP_OP_CHAN_NEW, .id = s->vas, .n = engines });

	memcpy(&ch, c->val, sizeof(ch));
	if (err)
		return err;
	s->chan = ch.id;
	s->seq = ch.seq;
	s->fence = ch.fence;
	return 0;
}

static inline void hp_space(struct hpg *c, struct hpspace *s, uint64_t gpa)
{
	*s = (struct hpspace){ .vas = hp_vas(c), .gpa = gpa };
	assert_int_equal(hp_sys(c, s->vas, gpa, 0x10000), 0);
	s->bo = (uint32_t)c->val[0];
	s->va = c->val[1];
	assert_int_equal(hp_chan_open(c, s, DRV_ENGINE_GR), 0);
}

static inline uint32_t hp_fenced(struct hpg *c, const struct hpspace *s)
{
	return __atomic_load_n((uint32_t *)(hp_ram(c) + HP_AT + s->fence), __ATOMIC_ACQUIRE);
}

/* Steps until the fence passes or the channel dies; whether it passed. */
static inline bool hp_wait(struct hpg *c, const struct hpspace *s, uint32_t seq)
{
	for (int k = 0; k < 200000; k++) {
		hp_later(c->r);
		if ((int32_t)(hp_fenced(c, s) - seq) >= 0)
			return true;
		if (__atomic_load_n(&hp_hdr(c)->state[s->chan], __ATOMIC_ACQUIRE) != HP_CHAN_RUNS)
			return false;
	}
	return false;
}

/* Commands at the start of the object: a copy of len bytes by M2MF; their number in dwords. */
static inline uint32_t hp_m2mf(struct hpg *c, const struct hpspace *s, uint64_t dst, uint64_t src,
			       uint32_t len)
{
	const uint32_t mthd[][2] = {
		{ HOST_SET_OBJECT, CLASS_M2MF_GF100 },
		{ M2MF_OFFSET_OUT_HIGH, hi32(dst) }, { M2MF_OFFSET_OUT_LOW, lo32(dst) },
		{ M2MF_OFFSET_IN_HIGH, hi32(src) },  { M2MF_OFFSET_IN_LOW, lo32(src) },
		{ M2MF_PITCH_IN, len },		     { M2MF_PITCH_OUT, len },
		{ M2MF_LINE_LENGTH_IN, len },	     { M2MF_LINE_COUNT, 1 },
		{ M2MF_EXEC, M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT },
	};
	uint32_t *w = (uint32_t *)(hp_ram(c) + s->gpa), n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(mthd); k++) {
		w[n++] = push_header(PUSH_INC, DRV_SUBC_M2MF, mthd[k][0], 1);
		w[n++] = mthd[k][1];
	}
	return n;
}

/* Posts a submission of one piece. */
static inline void hp_submit(struct hpg *c, struct hpspace *s, uint64_t va, uint32_t dwords)
{
	const struct hp_piece p = { va, dwords, 0 };

	hp_put(c, &(struct hp_req){ .op = HP_OP_SUBMIT, .id = s->chan, .n = 1 }, &p, 1);
	s->seq++;
	hp_bell(c);
}

#endif

// SPDX-License-Identifier: MIT
/*
 * An hp-pv guest that lies in its requests, and a second processor of it that
 * rewrites the ring while they are carried out.
 *
 * Claim: ids, lengths, addresses and counts end at the guest's own objects;
 * what the GPU is given to run reaches the guest's own memory only; whatever is
 * rewritten between two looks, the audit is clean and the victim is as it was.
 */
#include "tests/t.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/attack/flip.h"
#include "tests/unit/core/hp.h"

#define EVIL 0
#define VICTIM 1
#define SECRET 0x5ec4e7ffu
#define NOTHING 0x07070707u
#define CALLS 3000

struct bench {
	struct hpg evil, victim;
	struct hpspace mine, its;
};

static void fill(struct hpg *c, uint64_t gpa, uint32_t with)
{
	uint32_t *p = (uint32_t *)(hp_ram(c) + gpa);

	for (int k = 0; k < 0x10000 / 4; k++)
		p[k] = with;
}

static void begin(struct bench *b, struct rig *r)
{
	hp_up(&b->evil, r, EVIL);
	hp_up(&b->victim, r, VICTIM);
	/* The same numbers for both: what one names is there, for the other. */
	hp_space(&b->evil, &b->mine, HP_MEM);
	hp_space(&b->victim, &b->its, HP_MEM + 0x100000);
	fill(&b->evil, HP_MEM, NOTHING);
	fill(&b->victim, HP_MEM + 0x100000, SECRET);
}

static void whole(struct bench *b)
{
	const uint32_t *p = (uint32_t *)(hp_ram(&b->victim) + HP_MEM + 0x100000);
	struct rig *r = b->victim.r;

	for (int k = 0; k < 0x10000 / 4; k++)
		assert_int_equal(p[k], SECRET);
	assert_int_equal(r->v[VICTIM]->stats.guest_faults, 0);
	assert_int_equal(hp_hdr(&b->victim)->state[b->its.chan], HP_CHAN_RUNS);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

/* Every field of every request at its edges. */
static void every_number(void **state)
{
	static const uint64_t edges[] = { 0, 1, 2, 3, 63, 64, 65, 127, 128, 0x7fffffff, 0x80000000, 0xffffffff,
					  0xfffffffffff, 1ull << 40, (1ull << 40) - 4096, ~0ull, ~0xfffull };
	struct rig *r = *state;
	struct bench b;

	begin(&b, r);
	for (uint16_t op = 0; op <= HP_OP_END + 1; op++) {
		for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
			for (int field = 0; field < 6; field++) {
				struct hp_req q = { .op = op, .slots = 1, .id = 1, .id2 = 1, .a = 4096, .n = 1 };

				switch (field) {
				case 0: q.id = (uint32_t)edges[i]; break;
				case 1: q.id2 = (uint32_t)edges[i]; break;
				case 2: q.a = edges[i]; break;
				case 3: q.b = edges[i]; break;
				case 4: q.c = edges[i]; break;
				default: q.n = (uint32_t)edges[i]; break;
				}
				hp_ask(&b.evil, q);
				if (hpr_rd(r, EVIL, HP_REG_ENABLE) != HP_SESSION_ON)
					hp_up(&b.evil, r, EVIL);
			}
		}
		whole(&b);
	}
	assert_true(vgpu_hp_stats(r->v[EVIL])->failed > 500);
}

/* Ids are one's own: what the victim has under a number is not to be had by it. */
static void foreign_ids(void **state)
{
	struct rig *r = *state;
	struct bench b;
	uint32_t vas, bo;

	begin(&b, r);
	vas = hp_vas(&b.victim);
	assert_int_equal(hp_sys(&b.victim, vas, HP_MEM + 0x120000, 4096), 0);
	bo = (uint32_t)b.victim.val[0];
	assert_int_equal(hp_ask(&b.evil, (struct hp_req){ .op = HP_OP_MAP, .id = bo, .id2 = b.mine.vas }), -ENOENT);
	assert_int_equal(hp_ask(&b.evil, (struct hp_req){ .op = HP_OP_MAP, .id = b.mine.bo, .id2 = vas }), -ENOENT);
	assert_int_equal(hp_ask(&b.evil, (struct hp_req){ .op = HP_OP_BO_FREE, .id = bo }), -ENOENT);
	assert_int_equal(hp_ask(&b.evil, (struct hp_req){ .op = HP_OP_VAS_FREE, .id = vas }), -ENOENT);
	/* Its own second process's: an object is not in an address space because the guest has it. */
	vas = hp_vas(&b.evil);
	assert_int_equal(hp_ask(&b.evil, (struct hp_req){ .op = HP_OP_UNMAP, .id = b.mine.bo, .id2 = vas,
							 .a = b.mine.va }), -ENOENT);
	whole(&b);
}

static void bad_memory(void **state)
{
	static const struct {
		uint64_t gpa, len;
	} bad[] = { { RIG_RAM, 4096 }, { RIG_RAM - 4096, 8192 }, { 8, 4096 }, { 0, 4095 }, { 0, 0 },
		    { ~0xfffull - 4096, 8192 }, { 0, ~0xfffull }, { 1ull << 40, 4096 } };
	struct rig *r = *state;
	int err = -EBUSY;
	uint64_t pins;
	struct bench b;

	begin(&b, r);
	pins = hv_null_pins(r->hg[EVIL]);
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++)
		assert_true(hp_sys(&b.evil, b.mine.vas, bad[k].gpa, bad[k].len) < 0);
	assert_int_equal(hv_null_pins(r->hg[EVIL]), pins);
	/* RAM that went is nobody's any more. */
	for (int k = 0; err && k < 100000; k++) {
		hp_step(r);
		err = hv_null_revoke(r->hg[EVIL], gpa(0x300000), 4096);
		usleep(10);
	}
	assert_int_equal(err, 0);
	assert_int_equal(hp_sys(&b.evil, b.mine.vas, 0x2ff000, 0x3000), -EFAULT);
	assert_int_equal(hv_null_pins(r->hg[EVIL]), pins);
	whole(&b);
}

/* The GPU is told to run and to copy what is not in the address space: its own channel ends, nothing moves. */
static void outside_objects(void **state)
{
	struct rig *r = *state;
	struct bench b;
	uint64_t va[] = { 0, 0x1000, 0xf8000000, (1ull << 40) - 4096, 0x8000000000 };

	begin(&b, r);
	for (size_t k = 0; k < ARRAY_SIZE(va); k++) {
		assert_int_equal(hp_chan_open(&b.evil, &b.mine, DRV_ENGINE_GR), 0);
		hp_submit(&b.evil, &b.mine, va[k], 8);
		assert_false(hp_wait(&b.evil, &b.mine, b.mine.seq));
		assert_int_equal(hp_chan_open(&b.evil, &b.mine, DRV_ENGINE_GR), 0);
		hp_submit(&b.evil, &b.mine, b.mine.va, hp_m2mf(&b.evil, &b.mine, b.mine.va + 0x8000, va[k], 64));
		assert_false(hp_wait(&b.evil, &b.mine, b.mine.seq));
		assert_int_equal(*(uint32_t *)(hp_ram(&b.evil) + HP_MEM + 0x8000), NOTHING);
	}
	whole(&b);
	/* The victim works on. */
	hp_submit(&b.victim, &b.its, b.its.va, hp_m2mf(&b.victim, &b.its, b.its.va + 0x8000, b.its.va + 0x4000, 64));
	assert_true(hp_wait(&b.victim, &b.its, b.its.seq));
}

/* An object freed while the GPU uses it: the frame is unpinned only when the GPU cannot reach it. */
static void freed_in_use(void **state)
{
	struct rig *r = *state;
	struct bench b;

	begin(&b, r);
	hp_put(&b.evil, &(struct hp_req){ .op = HP_OP_BO_FREE, .id = b.mine.bo }, NULL, 0);
	hp_submit(&b.evil, &b.mine, b.mine.va, 16);
	assert_false(hp_wait(&b.evil, &b.mine, b.mine.seq));
	assert_int_equal(hp_ask(&b.evil, (struct hp_req){ .op = HP_OP_VAS_FREE, .id = b.mine.vas }), -EBUSY);
	whole(&b);
}

/* Indices and counts that the ring cannot hold end the session, not the mediator. */
static void bad_rings(void **state)
{
	struct rig *r = *state;
	struct hp_req q = { .op = HP_OP_SYNC };
	struct bench b;

	begin(&b, r);
	for (int how = 0; how < 5; how++) {
		hp_up(&b.evil, r, EVIL);
		q.slots = how == 0 ? 0xffff : how == 1 ? 2 : how == 2 ? HP_REQ_SLOTS_MAX + 1 : 1;
		q.op = how == 2 ? HP_OP_SUBMIT : HP_OP_SYNC;
		hp_put(&b.evil, &q, NULL, 0);
		if (how == 2)
			hp_hdr(&b.evil)->head = HP_SLOTS;
		if (how == 3)
			hp_hdr(&b.evil)->head = HP_SLOTS + 1;
		if (how == 4)
			hp_hdr(&b.evil)->head = ~0u;
		hpr_wr(r, EVIL, HP_REG_BELL, 0);
		hp_step(r);
		assert_int_equal(hpr_rd(r, EVIL, HP_REG_ENABLE), HP_SESSION_BROKEN);
		/* Nothing of it is left; the next one is like new. */
		assert_int_equal(shadow_guest_stats(r->v[EVIL]->shadow)->table_bytes, 0);
	}
	assert_int_equal(vgpu_hp_stats(r->v[EVIL])->bad_rings, 5);
	hp_up(&b.evil, r, EVIL);
	hp_vas(&b.evil);
	whole(&b);
}

/* A channel's ring overrun, fences that are overwritten: only one's own channel suffers. */
static void overrun(void **state)
{
	struct rig *r = *state;
	struct hp_piece p[64];
	struct bench b;

	begin(&b, r);
	hp_m2mf(&b.evil, &b.mine, b.mine.va + 0x8000, b.mine.va + 0x4000, 64);
	for (int k = 0; k < 64; k++)
		p[k] = (struct hp_piece){ b.mine.va, 20, 0 };
	for (int k = 0; k < 200; k++) {
		if (b.evil.head - hp_hdr(&b.evil)->tail > HP_SLOTS - 20)
			hp_bell(&b.evil);
		hp_put(&b.evil, &(struct hp_req){ .op = HP_OP_SUBMIT, .id = b.mine.chan, .n = 64 }, p, 64);
		/* The mediator believes no fence but to know what is its own to reuse. */
		*(uint32_t *)(hp_ram(&b.evil) + HP_AT + b.mine.fence) = 0x7fffffff;
	}
	for (int k = 0; k < 1000; k++)
		hp_bell(&b.evil);
	whole(&b);
}

/* All of its VRAM, where the rings and instance blocks of its channels are, says what it likes. */
static void own_vram_rewritten(void **state)
{
	struct rig *r = *state;
	struct part *part = r->v[EVIL]->part;
	uint64_t word[512];
	hvram_t victims, at;
	struct bench b;

	begin(&b, r);
	assert_int_equal(part_vram_g2h(r->v[VICTIM]->part, gvram(0x600000), 4096, &victims), 0);
	for (int how = 0; how < 4; how++) {
		const uint64_t v = hvram_x(victims), with[] = { ~0ull, v, v >> 8 | 1, v | 1ull << 40 };

		hp_up(&b.evil, r, EVIL);
		hp_space(&b.evil, &b.mine, HP_MEM);
		for (int k = 0; k < 512; k++)
			word[k] = with[how];
		for (uint64_t a = 0; a < part_vram_len(part); a += sizeof(word)) {
			assert_int_equal(part_vram_g2h(part, gvram(a), sizeof(word), &at), 0);
			assert_int_equal(dev_vram_wr(r->g->dev, at, word, sizeof(word)), 0);
		}
		hp_submit(&b.evil, &b.mine, b.mine.va,
			  hp_m2mf(&b.evil, &b.mine, b.mine.va + 0x8000, b.mine.va + 0x4000, 64));
		for (int k = 0; k < 200; k++)
			hp_later(r);
		hp_ask(&b.evil, (struct hp_req){ .op = HP_OP_CHAN_FREE, .id = b.mine.chan });
		whole(&b);
	}
	hp_submit(&b.victim, &b.its, b.its.va, hp_m2mf(&b.victim, &b.its, b.its.va + 0x8000, b.its.va + 0x4000, 64));
	assert_true(hp_wait(&b.victim, &b.its, b.its.seq));
}

/* What it had in VRAM, its objects and what ran for it, is gone when it goes. */
static void vram_is_scrubbed(void **state)
{
	struct rig *r = *state;
	struct part *part = r->v[EVIL]->part;
	uint64_t n = part_vram_len(part) / PART_CHUNK_LEN;
	const uint32_t secret = SECRET;
	static const uint8_t none[0x10000];
	static uint8_t left[0x10000];
	hvram_t *chunk = test_calloc(n, sizeof(*chunk));
	struct bench b;

	begin(&b, r);
	for (uint64_t k = 0; k < n; k++) {
		assert_int_equal(part_vram_g2h(part, gvram(k * PART_CHUNK_LEN), 4096, &chunk[k]), 0);
		for (uint32_t at = 0; at < PART_CHUNK_LEN; at += 4096)
			assert_int_equal(dev_vram_wr(r->g->dev, hvram(hvram_x(chunk[k]) + at), &secret, 4), 0);
	}
	hv_null_guest_free(r->hg[EVIL]);
	r->hg[EVIL] = NULL;
	for (uint64_t k = 0; k < n; k++)
		for (uint32_t at = 0; at < PART_CHUNK_LEN; at += sizeof(left)) {
			assert_int_equal(dev_vram_rd(r->g->dev, hvram(hvram_x(chunk[k]) + at), left,
						     sizeof(left)), 0);
			assert_memory_equal(left, none, sizeof(left));
		}
	test_free(chunk);
	whole(&b);
}

/* Work that never ends is stopped; the victim's, put behind it, is done. */
static void hang(void **state)
{
	struct rig *r = *state;
	struct bench b;
	uint32_t *w;

	begin(&b, r);
	w = (uint32_t *)(hp_ram(&b.evil) + HP_MEM);
	w[0] = push_header(PUSH_INC, DRV_SUBC_M2MF, HOST_SEM_ADDR_HI, 4);
	w[1] = hi32(b.mine.va + 0x8000);
	w[2] = lo32(b.mine.va + 0x8000);
	w[3] = ~NOTHING;
	w[4] = SEM_ACQUIRE_EQ;
	hp_submit(&b.evil, &b.mine, b.mine.va, 5);
	hp_submit(&b.victim, &b.its, b.its.va, hp_m2mf(&b.victim, &b.its, b.its.va + 0x8000, b.its.va + 0x4000, 64));
	for (int k = 0; k < 600 && hp_hdr(&b.evil)->state[b.mine.chan] == HP_CHAN_RUNS; k++) {
		assert_int_equal(dev_advance(r->g->dev, 10000000), 0);
		hp_step(r);
	}
	assert_int_not_equal(hp_hdr(&b.evil)->state[b.mine.chan], HP_CHAN_RUNS);
	assert_int_equal(r->v[EVIL]->stats.watchdog, 1);
	assert_true(hp_wait(&b.victim, &b.its, b.its.seq));
	assert_int_equal(r->v[VICTIM]->stats.guest_faults, 0);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

struct flipper {
	uint32_t *slot;
	uint64_t good, bad;
	atomic_bool stop;
	atomic_uint_fast64_t flips;
	pthread_t thread;
};

/* Every word of the request in turn between what is fine and what is not. */
static void *flip(void *arg)
{
	struct flipper *f = arg;
	struct hp_req *q = (struct hp_req *)f->slot;

	while (!atomic_load(&f->stop)) {
		__atomic_store_n(&q->b, f->bad, __ATOMIC_RELAXED);
		__atomic_store_n(&q->id, 0x10000u, __ATOMIC_RELAXED);
		__atomic_store_n(&q->a, 1ull << 39, __ATOMIC_RELAXED);
		__atomic_store_n(&q->op, (uint16_t)HP_OP_SUBMIT, __ATOMIC_RELAXED);
		__atomic_store_n(&q->n, 500u, __ATOMIC_RELAXED);
		__atomic_store_n(&q->n, 0u, __ATOMIC_RELAXED);
		__atomic_store_n(&q->op, (uint16_t)HP_OP_BO_NEW, __ATOMIC_RELAXED);
		__atomic_store_n(&q->a, 4096ull, __ATOMIC_RELAXED);
		__atomic_store_n(&q->id, 1u, __ATOMIC_RELAXED);
		__atomic_store_n(&q->b, f->good, __ATOMIC_RELAXED);
		atomic_fetch_add(&f->flips, 1);
	}
	return NULL;
}

static void raced(void **state)
{
	struct rig *r = *state;
	const struct hp_stats *s = vgpu_hp_stats(r->v[EVIL]);
	struct flipper f = { .good = HP_MEM + 0x20000, .bad = RIG_RAM };
	uint64_t failed;
	struct bench b;

	begin(&b, r);
	failed = s->failed;
	for (int i = 0; i < CALLS || (i < 20 * CALLS && (!s->bos || s->failed == failed)); i++) {
		struct hp_req q = { .op = HP_OP_BO_NEW, .slots = 1, .id = 1, .a = 4096, .b = f.good };
		uint64_t at = atomic_load(&f.flips);

		if (!i) {
			f.slot = (uint32_t *)(hp_ram(&b.evil) + HP_AT + HP_SLOTS_OFF + 5 * HP_SLOT_LEN);
			assert_int_equal(pthread_create(&f.thread, NULL, flip, &f), 0);
		}
		/* Whatever slot is next, the one that is rewritten comes by each time round. */
		hp_put(&b.evil, &q, NULL, 0);
		if (b.evil.head % HP_SLOTS == 6)
			while (atomic_load(&f.flips) == at)
				;
		hpr_wr(r, EVIL, HP_REG_BELL, 0);
		hp_step(r);
		if (hpr_rd(r, EVIL, HP_REG_ENABLE) != HP_SESSION_ON || s->bos > 500)
			hp_up(&b.evil, r, EVIL);
		if (i % 500 == 0)
			whole(&b);
	}
	atomic_store(&f.stop, true);
	pthread_join(f.thread, NULL);
	assert_true(atomic_load(&f.flips) > 0);
	whole(&b);
}

#define SLOT_WORDS (HP_SLOT_LEN / 8)

/*
 * Every slot of the ring, between and within any two looks: requests that are sound, and that are
 * not by one thing, with or without pieces behind them.  What the session is does not matter;
 * objects that were made are the guest's own memory.
 */
static void rewritten(void **state)
{
	struct rig *r = *state;
	struct hp_req q[6];
	uint64_t img[6][SLOT_WORDS];
	struct flip f = { .at = HP_AT + HP_SLOTS_OFF, .n = HP_SLOTS * SLOT_WORDS, .values = img[0],
			  .nr_values = 6 * SLOT_WORDS, .step = SLOT_WORDS };
	const struct hp_stats *s = vgpu_hp_stats(r->v[EVIL]);
	struct bench b;

	begin(&b, r);
	for (int k = 0; k < 6; k++)
		q[k] = (struct hp_req){ .op = HP_OP_BO_NEW, .slots = 1, .id = b.mine.vas, .a = 4096,
					.b = HP_MEM + 0x20000 };
	q[1].b = RIG_RAM;
	q[2].a = 1ull << 39;
	q[3].slots = 0xffff;
	q[4] = (struct hp_req){ .op = HP_OP_SUBMIT, .slots = 2, .id = b.mine.chan, .n = HP_PIECES_MAX };
	q[5] = (struct hp_req){ .op = HP_OP_BO_FREE, .slots = 1, .id = b.mine.bo };
	for (int k = 0; k < 6; k++)
		memcpy(img[k], &q[k], sizeof(q[k]));
	flip_start(&f, r->hg[EVIL]);
	for (int i = 0; i < CALLS / 2; i++) {
		if (hpr_rd(r, EVIL, HP_REG_ENABLE) != HP_SESSION_ON || s->bos > 500)
			hp_up(&b.evil, r, EVIL);
		b.evil.head += HP_SLOTS / 8;
		__atomic_store_n(&hp_hdr(&b.evil)->head, b.evil.head, __ATOMIC_RELEASE);
		hp_bell(&b.evil);
		if (i % 100 == 0)
			whole(&b);
	}
	flip_end(&f);
	assert_true(f.looks >= CALLS);
	whole(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HP_TEST(every_number), HP_TEST(foreign_ids), HP_TEST(bad_memory), HP_TEST(outside_objects),
		HP_TEST(freed_in_use), HP_TEST(bad_rings), HP_TEST(overrun), HP_TEST(raced),
		HP_TEST(rewritten), HP_TEST(own_vram_rewritten), HP_TEST(vram_is_scrubbed), HP_TEST(hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

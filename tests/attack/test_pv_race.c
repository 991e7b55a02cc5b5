// SPDX-License-Identifier: MIT
/*
 * A second processor of the guest rewrites the PV ring while a call is carried
 * out.
 *
 * Claim: the mediator acts on one copy.  Whatever the other thread does to ids,
 * counts, entries and the header between two looks, no entry that is not the
 * guest's memory gets into a table, the audit is clean after every call that was
 * raced, and the victim's memory is as it was.
 */
#include "tests/attack/attack.h"
#include "tests/attack/flip.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/core/pv.h"

#define CALLS 3000
#define LIST 64u

struct flipper {
	uint8_t *ring;
	uint64_t good, bad;
	atomic_bool stop;
	atomic_uint_fast64_t flips;
	pthread_t thread;
};

/* Each word in turn between what is fine and what is not: header, operation, entries. */
static void *flip(void *arg)
{
	struct flipper *f = arg;
	uint32_t *head = (uint32_t *)f->ring, *op = (uint32_t *)(f->ring + PV_OPS_OFF);
	uint64_t *list = (uint64_t *)(f->ring + PV_OPS_OFF + sizeof(struct pv_op));

	while (!atomic_load(&f->stop)) {
		for (uint32_t i = 0; i < LIST; i++)
			__atomic_store_n(&list[i], f->bad, __ATOMIC_RELAXED);
		__atomic_store_n(&head[1], 0xffffffffu, __ATOMIC_RELAXED);
		__atomic_store_n(&op[3], 0xfffffff0u, __ATOMIC_RELAXED);
		__atomic_store_n(&op[2], 0x20000000u, __ATOMIC_RELAXED);
		for (uint32_t i = 0; i < LIST; i++)
			__atomic_store_n(&list[i], f->good, __ATOMIC_RELAXED);
		__atomic_store_n(&op[2], 0u, __ATOMIC_RELAXED);
		__atomic_store_n(&op[3], LIST, __ATOMIC_RELAXED);
		__atomic_store_n(&head[1], PV_OPS_OFF + 32 + LIST * 8, __ATOMIC_RELAXED);
		atomic_fetch_add(&f->flips, 1);
	}
	return NULL;
}

static void raced(void **state)
{
	struct rig *r = *state;
	struct pv_call h = { .nr = 1, .len = PV_OPS_OFF + 32 + LIST * 8, .res = PV_RES };
	struct pv_op op = { .code = PV_OP_MAP_LIST, .count = LIST };
	uint64_t part = pte_addr(raw_pte(MINE)), before;
	unsigned int ok = 0, refused = 0;
	struct flipper f = { 0 };
	struct pvspace s;
	struct pvg c;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	op.id = s.small;
	f.ring = pv_ram(&c);
	f.good = raw_pte(part);
	f.bad = raw_pte(victim_card_vram(r));
	memcpy(f.ring, &h, sizeof(h));
	memcpy(f.ring + PV_OPS_OFF, &op, sizeof(op));
	before = r->v[EVIL]->stats.guest_faults;
	assert_int_equal(pthread_create(&f.thread, NULL, flip, &f), 0);
	for (int i = 0; i < CALLS || (i < 100 * CALLS && (!ok || !refused)); i++) {
		uint64_t at = atomic_load(&f.flips);

		pv_wr(r, EVIL, PV_REG_CALL, (uint32_t)i + 1);
		if (__atomic_load_n(&((struct pv_call *)f.ring)->error, __ATOMIC_RELAXED))
			refused++;
		else
			ok++;
		for (uint32_t k = 0; k < LIST; k++) {
			uint64_t e = pv_dev(&c, s.small, k);

			assert_true(!e || pte_addr(e) == pv_card(&c, part));
		}
		if (i % 64 == 0 && atomic_load(&f.flips) != at)
			assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
	atomic_store(&f.stop, true);
	assert_int_equal(pthread_join(f.thread, NULL), 0);
	/* Both outcomes were seen: the race was one. */
	assert_true(ok && refused);
	assert_true(r->v[EVIL]->stats.guest_faults > before);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	assert_true(victim_whole(r));
}

/* A whole call: header, one list, its entries. */
#define CALL_WORDS ((PV_OPS_OFF + sizeof(struct pv_op)) / 8 + LIST)

static void image(uint64_t *to, struct pv_call h, struct pv_op op, uint64_t entry)
{
	memset(to, 0, CALL_WORDS * 8);
	memcpy(to, &h, sizeof(h));
	memcpy((uint8_t *)to + PV_OPS_OFF, &op, sizeof(op));
	for (unsigned int k = 0; k < LIST; k++)
		to[CALL_WORDS - LIST + k] = entry;
}

/* The same between and within any two looks: each image of the ring is sound but for one thing. */
static void rewritten(void **state)
{
	struct rig *r = *state;
	const struct pv_call h = { .nr = 1, .len = CALL_WORDS * 8, .res = PV_RES };
	struct pv_call longer = h, more = h;
	struct pv_op op = { .code = PV_OP_MAP_LIST, .count = LIST }, at, nr, freed;
	uint64_t part = pte_addr(raw_pte(MINE)), img[7][CALL_WORDS];
	struct flip f = { .at = PV_RING, .n = CALL_WORDS, .values = img[0],
			  .nr_values = 7 * CALL_WORDS, .step = CALL_WORDS };
	unsigned int taken = 0;
	struct pvspace s;
	struct pvg c;

	victim_fill(r);
	pv_up(&c, r, EVIL);
	s = pv_space(&c);
	op.id = s.small;
	longer.len = PV_RING_MAX;
	more.nr = ~0u;
	at = nr = freed = op;
	at.index = SMALL_NR - 1;
	nr.count = ~0u;
	freed.code = PV_OP_FREE;
	image(img[0], h, op, raw_pte(MINE));
	image(img[1], h, op, raw_pte(victim_card_vram(r)));
	image(img[2], longer, op, raw_pte_sys(victim_bus_ram(r)));
	image(img[3], h, at, raw_pte(MINE));
	image(img[4], more, op, raw_pte(hvram_x(r->g->userd)));
	image(img[5], h, nr, raw_pte(MINE));
	image(img[6], h, freed, raw_pte(RIG_VRAM));
	flip_start(&f, r->hg[EVIL]);
	for (uint32_t i = 0; i < CALLS; i++) {
		pv_wr(r, EVIL, PV_REG_CALL, i + 1);
		for (uint32_t k = 0; k < LIST; k++) {
			uint64_t e = pv_dev(&c, s.small, k);

			assert_true(!e || pte_addr(e) == pv_card(&c, part));
			taken += e != 0;
		}
		if (i % 64 == 0)
			assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	}
	flip_end(&f);
	assert_true(f.looks >= CALLS && taken);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	assert_true(victim_whole(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = { PV_TEST(raced), PV_TEST(rewritten) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

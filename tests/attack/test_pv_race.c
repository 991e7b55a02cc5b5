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

int main(void)
{
	const struct CMUnitTest tests[] = { PV_TEST(raced) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* The TLB alone: names, dropping, late inserts, and readers against a writer. */
#include <pthread.h>
#include <stdatomic.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/tlb.h"
#include "tests/t.h"

#define PDB 0x123456000ull

static void test_names(void **state)
{
	uint64_t top = (1ull << 40) - 1;

	(void)state;
	/* Everything that makes a page another page makes another name. */
	assert_true(tlb_key(PDB, 0, 0, 12) != 0 && tlb_key(0, 0, 0, 12) != 0);
	assert_true(tlb_key(PDB, 0, 0, 12) != tlb_key(PDB, 2, 0, 12));
	assert_true(tlb_key(PDB, 2, 0, 12) != tlb_key(PDB, 3, 0, 12));
	assert_true(tlb_key(PDB, 0, 0, 12) != tlb_key(PDB + 0x1000, 0, 0, 12));
	assert_true(tlb_key(PDB, 0, 0, 12) != tlb_key(PDB, 0, 0, 16));
	assert_true(tlb_key(PDB, 0, 0, 16) != tlb_key(PDB, 0, 0, 17));
	assert_true(tlb_key(PDB, 0, top, 12) != tlb_key(PDB, 0, top - 0x1000, 12));
	assert_true(tlb_key(top & ~0xfffull, 0, top, 12) != tlb_key(0, 0, top, 12));
	/* Within a page it is the same. */
	assert_true(tlb_key(PDB, 0, 0x20000, 17) == tlb_key(PDB, 0, 0x3ffff, 17));
	assert_true(((tlb_key(PDB, 0, 0, 12) ^ tlb_key(PDB, 0, top, 17)) & TLB_KEY_PDB_MASK) == 0);
	assert_true(((tlb_key(PDB, 0, 0, 12) ^ tlb_key(PDB, 3, 0, 12)) & TLB_KEY_PDB_MASK) != 0);
}

static void test_drop(void **state)
{
	struct tlb *t = tlb_new();
	uint64_t v, kept = 0;

	(void)state;
	assert_non_null(t);
	for (uint64_t i = 0; i < 64; i++) {
		tlb_insert(t, tlb_key(PDB, 0, i << 12, 12), i + 1, tlb_generation(t));
		tlb_insert(t, tlb_key(PDB + 0x1000, 0, i << 12, 12), i + 1000, tlb_generation(t));
	}
	tlb_drop(t, tlb_key(PDB, 0, 0, 12), TLB_KEY_PDB_MASK);
	for (uint64_t i = 0; i < 64; i++) {
		assert_false(tlb_lookup(t, tlb_key(PDB, 0, i << 12, 12), &v));
		if (tlb_lookup(t, tlb_key(PDB + 0x1000, 0, i << 12, 12), &v)) {
			assert_int_equal(v, i + 1000);
			kept++;
		}
	}
	assert_true(kept > 56); /* a few may have lost their slot */
	tlb_drop(t, 0, 0);
	for (uint64_t i = 0; i < 64; i++)
		assert_false(tlb_lookup(t, tlb_key(PDB + 0x1000, 0, i << 12, 12), &v));
	tlb_free(t);
	tlb_free(NULL);
}

/* A walk that began before a flush must not bring its entry in after it. */
static void test_late_insert(void **state)
{
	struct tlb *t = tlb_new();
	uint64_t key = tlb_key(PDB, 0, 0, 12), before = tlb_generation(t), v;

	(void)state;
	tlb_drop(t, tlb_key(PDB + 0x1000, 0, 0, 12), TLB_KEY_PDB_MASK);
	tlb_insert(t, key, 1, before);
	assert_false(tlb_lookup(t, key, &v));
	tlb_insert(t, key, 1, tlb_generation(t));
	assert_true(tlb_lookup(t, key, &v));
	tlb_free(t);
}

struct race {
	struct tlb *t;
	_Atomic bool stop;
	_Atomic uint64_t wrong, hits;
};

/* Each key's only right value is its own complement. */
static void *reader(void *arg)
{
	struct race *r = arg;
	uint64_t n = 0, v;

	while (!atomic_load(&r->stop)) {
		uint64_t key = tlb_key(PDB, 0, (n++ % 20000) << 12, 12);

		if (tlb_lookup(r->t, key, &v)) {
			atomic_fetch_add(&r->hits, 1);
			if (v != ~key)
				atomic_fetch_add(&r->wrong, 1);
		}
	}
	return NULL;
}

static void test_race(void **state)
{
	struct race r = { .t = tlb_new() };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, reader, &r), 0);
	/* More pages than slots, so that slots change hands all the time. */
	for (uint64_t n = 0; n < 400000 || !atomic_load(&r.hits); n++) {
		uint64_t key = tlb_key(PDB, 0, (n % 20000) << 12, 12);

		tlb_insert(r.t, key, ~key, tlb_generation(r.t));
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&r.wrong), 0);
	tlb_free(r.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_late_insert),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests_name("sim_tlb", tests, NULL, NULL);
}

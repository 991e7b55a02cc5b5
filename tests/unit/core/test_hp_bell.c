// SPDX-License-Identifier: MIT
/*
 * When an hp-pv guest rings: only if the mediator will not look by itself, and
 * then always.  A request that nobody rings for and nobody looks at waits for ever.
 */
#include "tests/t.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "gpuvm/base/clock.h"
#include "tests/unit/core/hp.h"

static const struct hp_req sync_req = { .op = HP_OP_SYNC };

static void up(struct hpg *c, struct rig *r, uint32_t features)
{
	*c = (struct hpg){ .r = r };
	assert_int_equal(hp_start(r, 0, HP_VERSION, features, HP_AT), HP_SESSION_ON);
}

static uint32_t bell_of(struct hpg *c)
{
	return __atomic_load_n(&hp_hdr(c)->bell, __ATOMIC_SEQ_CST);
}

static uint64_t taken(struct hpg *c)
{
	return vgpu_hp_stats(c->r->v[0])->requests;
}

/* Around the end of the index as well. */
static void due(void **state)
{
	static const uint32_t at[] = { 0, 5, 0x7fffffff, 0xfffffff0, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		/* Asleep at b: who moves from b, or from before it and past it, rings. */
		assert_true(hp_bell_due(at[i], at[i], at[i] + 1));
		assert_true(hp_bell_due(at[i], at[i] - 3, at[i] + 1));
		assert_true(hp_bell_due(at[i], at[i], at[i] + HP_SLOTS));
		/* Rung for already, or still awake: not. */
		assert_false(hp_bell_due(at[i], at[i] + 1, at[i] + 2));
		assert_false(hp_bell_due(at[i], at[i] + 7, at[i] + 900));
		/* Nothing new. */
		assert_false(hp_bell_due(at[i], at[i], at[i]));
	}
}

static void looks_until_armed(void **state)
{
	struct rig *r = *state;
	struct hpg c;

	up(&c, r, HP_FEAT_BELL);
	/* A fresh mediator sleeps at 0. */
	assert_true(hp_bell_due(bell_of(&c), 0, 1));
	hp_put(&c, &sync_req, NULL, 0);
	hp_bell(&c);
	assert_int_equal(taken(&c), 1);
	for (uint32_t k = 2; k < 50; k++) {
		hp_put(&c, &sync_req, NULL, 0);
		assert_false(hp_bell_due(bell_of(&c), c.head - 1, c.head));
		hp_step(r);
		assert_int_equal(taken(&c), k);
	}
	assert_false(gpuvm_arm(r->g));
	assert_int_equal(bell_of(&c), c.head);
	hp_put(&c, &sync_req, NULL, 0);
	assert_true(hp_bell_due(bell_of(&c), c.head - 1, c.head));
	/* Asleep: it does not look. */
	hp_step(r);
	assert_int_equal(taken(&c), 49);
	hp_bell(&c);
	assert_int_equal(taken(&c), 50);
}

/* Filled before the mediator says that it sleeps, read after: it stays awake. */
static void filled_in_between(void **state)
{
	struct rig *r = *state;
	struct hpg c;

	up(&c, r, HP_FEAT_BELL);
	hp_put(&c, &sync_req, NULL, 0);
	hp_bell(&c);
	hp_put(&c, &sync_req, NULL, 0);
	assert_true(gpuvm_arm(r->g));
	hp_step(r);
	assert_int_equal(taken(&c), 2);
	assert_false(gpuvm_arm(r->g));
}

/* Who did not agree to it rings always; nobody looks at its ring. */
static void not_agreed(void **state)
{
	struct rig *r = *state;
	struct hpg c;

	up(&c, r, 0);
	hp_put(&c, &sync_req, NULL, 0);
	hp_bell(&c);
	hp_put(&c, &sync_req, NULL, 0);
	assert_false(gpuvm_arm(r->g));
	hp_step(r);
	assert_int_equal(taken(&c), 1);
	assert_int_equal(bell_of(&c), 0);
	hp_bell(&c);
	assert_int_equal(taken(&c), 2);
}

/* The word is the mediator's to write, and it never reads it; what it looks at is checked as ever. */
static void guest_writes_it(void **state)
{
	struct rig *r = *state;
	struct hpg c;

	up(&c, r, HP_FEAT_BELL);
	hp_put(&c, &sync_req, NULL, 0);
	hp_bell(&c);
	hp_hdr(&c)->bell = 0xdeadbeef;
	hp_put(&c, &sync_req, NULL, 0);
	hp_step(r);
	assert_int_equal(taken(&c), 2);
	assert_false(gpuvm_arm(r->g));
	assert_int_equal(bell_of(&c), c.head);
	hp_put(&c, &sync_req, NULL, 0);
	hp_bell(&c);
	/* A head that cannot be, found by looking. */
	__atomic_store_n(&hp_hdr(&c)->head, c.head + HP_SLOTS + 1, __ATOMIC_RELEASE);
	hp_step(r);
	assert_int_equal(hpr_rd(r, 0, HP_REG_ENABLE), HP_SESSION_BROKEN);
	assert_false(gpuvm_arm(r->g));
}

/* ---- two processors --------------------------------------------------------------------- */

#define REQUESTS 30000u
#define DEADLINE_NS (60ull * 1000000000)

struct race {
	struct hpg c;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool rung;
	_Atomic uint32_t done; /* tail, as the mediator left it */
	unsigned int rings;
};

/* Fills as the driver does: head, then bell; now and then it waits until all was taken. */
static void *guest(void *arg)
{
	struct race *x = arg;
	uint32_t s = 12345, from = x->c.head;

	for (uint32_t n = 0; n < REQUESTS; n++) {
		while (x->c.head - atomic_load(&x->done) > HP_SLOTS - 2)
			sched_yield();
		hp_put(&x->c, &sync_req, NULL, 0);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (hp_bell_due(bell_of(&x->c), from, x->c.head)) {
			pthread_mutex_lock(&x->lock);
			x->rung = true;
			x->rings++;
			pthread_cond_signal(&x->cond);
			pthread_mutex_unlock(&x->lock);
		}
		from = x->c.head;
		s ^= s << 13, s ^= s >> 17, s ^= s << 5;
		while (s % 3 == 0 && atomic_load(&x->done) != x->c.head)
			sched_yield();
	}
	return NULL;
}

/* The daemon's loop: works while there is work, arms, sleeps until it is rung.  False: it slept over a request. */
static bool sleep_until_rung(struct race *x)
{
	struct timespec t;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += DEADLINE_NS / 1000000000;
	pthread_mutex_lock(&x->lock);
	while (!x->rung && !err)
		err = pthread_cond_timedwait(&x->cond, &x->lock, &t);
	x->rung = false;
	pthread_mutex_unlock(&x->lock);
	return !err;
}

static void never_slept_over(void **state)
{
	static struct race x;
	struct rig *r = *state;
	unsigned int slept = 0, armed = 0;
	pthread_t t;
	bool ok = true;

	x = (struct race){ .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	up(&x.c, r, HP_FEAT_BELL);
	assert_int_equal(pthread_create(&t, NULL, guest, &x), 0);
	while (ok && taken(&x.c) < REQUESTS) {
		uint64_t before = taken(&x.c);

		hp_step(r);
		atomic_store(&x.done, (uint32_t)taken(&x.c));
		if (taken(&x.c) != before)
			continue;
		armed++;
		if (gpuvm_arm(r->g))
			continue;
		if (taken(&x.c) == REQUESTS)
			break;
		ok = sleep_until_rung(&x);
		slept++;
		hpr_wr(r, 0, HP_REG_BELL, 0);
		atomic_store(&x.done, (uint32_t)taken(&x.c));
	}
	assert_true(ok);
	assert_int_equal(pthread_join(t, NULL), 0);
	/* Else this showed nothing. */
	assert_in_range(slept, 10, REQUESTS);
	/* Each word that it stores is rung for once at most, slept over or not; the first is there at birth. */
	assert_in_range(x.rings, 1, armed + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(due),	     HP_TEST(looks_until_armed), HP_TEST(filled_in_between),
		HP_TEST(not_agreed),	     HP_TEST(guest_writes_it),	 HP_TEST(never_slept_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

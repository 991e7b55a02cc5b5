// SPDX-License-Identifier: MIT
/*
 * Device time by channel: it grows with what the card does for the channel and
 * with what stands still for it, and for nobody else; it never goes back, not
 * even over a reset of PFIFO.  The bounds hold on any host, however busy: device
 * time is at most the time that passed.
 */
#include "tests/unit/dev/fifokit.h"

#include "gpuvm/base/clock.h"

static int open_kit(void **state)
{
	static struct fk k;

	k = fk_open("vram=256M,sm=1");
	*state = &k;
	return 0;
}

static int close_kit(void **state)
{
	fk_close(*state);
	return 0;
}

static uint64_t busy(const struct fk *k, uint32_t chid)
{
	uint64_t ns = 0;

	assert_int_equal(dev_busy(k->d, chid, &ns), 0);
	return ns;
}

static uint64_t go(struct fk_chan *c)
{
	uint64_t start = clock_ns();

	fk_end(c);
	fk_doorbell(c);
	assert_true(fk_until(fk_done, c));
	return clock_ns() - start;
}

/* Copies 4 MiB inside the window, n times over: some milliseconds. */
static void copies(struct fk_chan *c, uint32_t n)
{
	fk_object(c, 0, ENGINE_GR, CLASS_M2MF_GF100);
	for (uint32_t i = 0; i < n; i++) {
		fk_word(c, push_header(PUSH_INC, 0, M2MF_OFFSET_OUT_HIGH, 2));
		fk_word(c, hi32(fk_data_va(8 * MIB)));
		fk_word(c, lo32(fk_data_va(8 * MIB)));
		fk_word(c, push_header(PUSH_INC, 0, M2MF_OFFSET_IN_HIGH, 2));
		fk_word(c, hi32(fk_data_va(0)));
		fk_word(c, lo32(fk_data_va(0)));
		fk_word(c, push_header(PUSH_INC, 0, M2MF_LINE_LENGTH_IN, 2));
		fk_word(c, 4 * MIB);
		fk_word(c, 1);
		fk_1(c, 0, M2MF_EXEC, M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
	}
}

static void test_who_works(void **state)
{
	struct fk *k = *state;
	struct fk_chan a = fk_bind(k, 1), b = fk_bind(k, 2);
	const uint32_t ids[] = { 1, 2 };
	uint64_t none, warm, small, large, passed;

	fk_commit(k, ids, 2);
	/* The card has looked for work of either. */
	assert_true(fk_until(fk_done, &a) && fk_until(fk_done, &b));
	none = busy(k, 2);
	copies(&a, 1);
	go(&a); /* the host finds its pages */
	warm = busy(k, 1);
	copies(&a, 1);
	passed = go(&a);
	small = busy(k, 1) - warm;
	assert_true(warm > 0 && small > 0 && small <= passed);
	copies(&a, 32);
	passed = go(&a);
	large = busy(k, 1) - warm - small;
	assert_true(large > 2 * small && large <= passed);
	/* Idle, it stays what it is. */
	assert_int_equal(busy(k, 1), warm + small + large);
	assert_int_equal(busy(k, 2), none);
	fk_1(&b, 0, HOST_REF_CNT, 1);
	go(&b);
	assert_true(busy(k, 2) > none);
	assert_int_equal(busy(k, 1), warm + small + large);
}

static int counted(const struct fk_chan *c)
{
	return busy(c->k, c->id) > 20000000;
}

/* At a semaphore, in place or parked, the card stands still for the channel: the clock on the wall counts. */
static void test_who_waits(void **state)
{
	struct fk *k = *state;

	for (uint32_t sw = 0; sw < 2; sw++) {
		struct fk_chan c = fk_chan(k, 3 + sw);
		uint64_t start = clock_ns(), ended;

		fk_data_set(k, 0, 0);
		fk_sem(&c, 0, 1, SEM_ACQUIRE_EQ | (sw ? SEM_SWITCH : 0));
		fk_end(&c);
		fk_doorbell(&c);
		assert_true(fk_until(counted, &c));
		fk_data_set(k, 0, 1);
		assert_true(fk_until(fk_done, &c));
		ended = busy(k, c.id);
		assert_true(ended > 20000000 && ended <= clock_ns() - start);
		assert_int_equal(busy(k, c.id), ended);
	}
}

static void test_reset_takes_nothing_back(void **state)
{
	struct fk *k = *state;
	struct fk_chan c = fk_chan(k, 1);
	uint64_t ns;

	copies(&c, 1);
	go(&c);
	ns = busy(k, 1);
	dev_wr32(k->d, NV_PMC_ENABLE, ~PMC_ENABLE_PFIFO);
	dev_wr32(k->d, NV_PMC_ENABLE, ~0u);
	assert_int_equal(busy(k, 1), ns);
	assert_int_equal(dev_reset(k->d), 0);
	assert_int_equal(busy(k, 1), ns);
}

static void test_who_cannot_say(void **state)
{
	struct fk *k = *state;
	struct dev *by_hand = kit_open("vram=256M,clock=manual");
	uint64_t ns = 5;

	assert_int_equal(dev_busy(k->d, GF100_NR_CHAN, &ns), -EINVAL);
	/* Host threads know nothing of a clock that is moved by hand. */
	assert_int_equal(dev_busy(by_hand, 0, &ns), -EOPNOTSUPP);
	assert_int_equal(ns, 5);
	dev_close(by_hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_works, open_kit, close_kit),
		cmocka_unit_test_setup_teardown(test_who_waits, open_kit, close_kit),
		cmocka_unit_test_setup_teardown(test_reset_takes_nothing_back, open_kit, close_kit),
		cmocka_unit_test_setup_teardown(test_who_cannot_say, open_kit, close_kit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

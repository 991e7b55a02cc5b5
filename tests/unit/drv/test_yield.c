// SPDX-License-Identifier: MIT
/*
 * How sched_yield() of a program that waits for the GPU sleeps.  The clock and
 * the sleep are ours: the file is included, with those in the place of the C
 * library's.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "gpuvm/base/clock.h"
#include "pv-driver/drm/preload/preload.h"
#include "tests/t.h"

static uint64_t now_ns, slept_ns;
static unsigned int sleeps, plain;
static bool gpu;

static uint64_t fake_clock(void)
{
	return now_ns;
}

static int fake_sleep(const struct timespec *t, struct timespec *left)
{
	(void)left;
	assert_int_equal(t->tv_sec, 0);
	slept_ns = (uint64_t)t->tv_nsec;
	now_ns += slept_ns;
	sleeps++;
	return 0;
}

bool node_started(void)
{
	return gpu;
}

static int plain_yield(void)
{
	plain++;
	return 0;
}

void *real_sym(void **slot, const char *name)
{
	(void)slot;
	assert_string_equal(name, "sched_yield");
	return (void *)(uintptr_t)plain_yield;
}

#define clock_ns fake_clock
#define nanosleep fake_sleep
#define sched_yield yield_under_test
int yield_under_test(void);
#include "pv-driver/drm/preload/wrap_yield.c"

static int setup(void **state)
{
	(void)state;
	/* Long after whatever was before. */
	now_ns += 1000000000;
	slept_ns = 0;
	sleeps = plain = 0;
	gpu = true;
	unsetenv("GPUVM_SPIN");
	return 0;
}

static void short_waits_spin(void **state)
{
	(void)state;
	for (uint64_t t = 0; t < SPIN_NS; t += 1000, now_ns += 1000)
		yield_under_test();
	assert_int_equal(sleeps, 0);
	assert_int_equal(plain, SPIN_NS / 1000);
}

/* No sleep is longer than an eighth of the wait, nor than a millisecond; and looks grow rare. */
static void long_waits_sleep(void **state)
{
	uint64_t began = now_ns, waited;

	(void)state;
	errno = 77;
	for (int looks = 0; looks < 100000 && now_ns - began < 100000000; looks++) {
		waited = now_ns - began;
		slept_ns = 0;
		yield_under_test();
		assert_true(slept_ns <= waited / 8);
		assert_true(slept_ns <= 1000000);
		now_ns += 1000;
	}
	assert_int_equal(errno, 77);
	assert_int_equal(slept_ns, 1000000);
	/* 100 ms in some 300 looks: half the time at 1 ms, before that an eighth at a time. */
	assert_in_range(sleeps, 90, 300);
	assert_in_range(plain, 1, SPIN_NS / 1000 + 1);
}

/* A program that does something in between begins a new wait. */
static void work_in_between(void **state)
{
	uint64_t began = now_ns;

	(void)state;
	while (now_ns - began < 10000000) {
		yield_under_test();
		now_ns += 1000;
	}
	assert_true(sleeps > 0);
	sleeps = plain = 0;
	now_ns += SAME_NS + 1;
	yield_under_test();
	assert_int_equal(sleeps, 0);
	assert_int_equal(plain, 1);
}

static void not_ours(void **state)
{
	(void)state;
	gpu = false;
	for (int i = 0; i < 1000; i++, now_ns += 1000)
		yield_under_test();
	gpu = true;
	setenv("GPUVM_SPIN", "1", 1);
	for (int i = 0; i < 1000; i++, now_ns += 1000)
		yield_under_test();
	assert_int_equal(sleeps, 0);
	assert_int_equal(plain, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(short_waits_spin, setup),
		cmocka_unit_test_setup(long_waits_sleep, setup),
		cmocka_unit_test_setup(work_in_between, setup),
		cmocka_unit_test_setup(not_ours, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

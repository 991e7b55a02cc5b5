// SPDX-License-Identifier: MIT
/* How long a guest polls: less when it does not help, all of it again when it would. */
#include "pv-driver/proc_spin.h"
#include "tests/t.h"

#define MAX 2048u

/* Waits that answers take `need` polls for; how many of them slept. */
static unsigned int waits(struct proc_spin *s, unsigned int n, uint32_t need)
{
	unsigned int slept = 0;

	while (n--) {
		uint32_t budget = proc_spin_budget(s);

		assert_true(budget <= s->max);
		slept += budget < need;
		proc_spin_result(s, budget, budget >= need);
	}
	return slept;
}

static void short_waits_never_sleep(void **state)
{
	struct proc_spin s;

	(void)state;
	proc_spin_init(&s, MAX);
	assert_int_equal(waits(&s, 10000, 100), 0);
}

static void long_waits_burn_little(void **state)
{
	struct proc_spin s;
	uint64_t polls = 0;

	(void)state;
	proc_spin_init(&s, MAX);
	for (int i = 0; i < 100000; i++) {
		uint32_t budget = proc_spin_budget(&s);

		polls += budget;
		proc_spin_result(&s, budget, false);
	}
	/* Hardly more than the least, trials and all. */
	assert_in_range(polls, 100000 * SPIN_MIN, 100000 * (SPIN_MIN + 4));
}

/* A busy moment must not leave a guest asleep for good, though answers take longer than the least budget. */
static void recovers(void **state)
{
	struct proc_spin s;

	(void)state;
	for (unsigned int busy = 1; busy < 5000; busy += 7) {
		proc_spin_init(&s, MAX);
		waits(&s, busy, MAX + 1);
		assert_true(waits(&s, TRIAL_MAX + 2, 100) <= TRIAL_MAX + 1);
		assert_int_equal(waits(&s, 1000, 100), 0);
	}
}

static void single_processor(void **state)
{
	struct proc_spin s;

	(void)state;
	proc_spin_init(&s, 0);
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(proc_spin_budget(&s), 0);
		proc_spin_result(&s, 0, i & 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_waits_never_sleep),
		cmocka_unit_test(long_waits_burn_little),
		cmocka_unit_test(recovers),
		cmocka_unit_test(single_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

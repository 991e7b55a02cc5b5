// SPDX-License-Identifier: MIT
/* Policies as users name them: built in, with parameters, from shared objects, and all the ways to get it wrong. */
#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/sched.h"

static char msg[512];

static int open_choice(const char *spec, struct sched_choice *c)
{
	memset(c, 0xff, sizeof(*c));
	msg[0] = '\0';
	return sched_choice_open(spec, c, msg, sizeof(msg));
}

static void refused(const char *spec, const char *word)
{
	struct sched_choice c;

	assert_int_equal(open_choice(spec, &c), -EINVAL);
	if (!strstr(msg, word) || strchr(msg, '\n'))
		fail_msg("%s: \"%s\" does not name %s in one line", spec, msg, word);
}

/* The objects lie in ../../policy beside this program's folder. */
static const char *so(const char *name)
{
	static char path[4400];
	char dir[4096];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	assert_true(n > 0);
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	snprintf(path, sizeof(path), "%s/../../policy/%s", dir, name);
	return path;
}

static void test_times(void **state)
{
	static const char *const bad[] = { "", "ms", "5", "5 ms", "-1ms", "5m", "1e99s", "0x1ms", "nan", "infs" };
	uint64_t ns;

	(void)state;
	assert_int_equal(sched_parse_time("0", &ns), 0);
	assert_int_equal(ns, 0);
	assert_int_equal(sched_parse_time("500us", &ns), 0);
	assert_int_equal(ns, 500000);
	assert_int_equal(sched_parse_time("1.5ms", &ns), 0);
	assert_int_equal(ns, 1500000);
	assert_int_equal(sched_parse_time("2h", &ns), 0);
	assert_int_equal(ns, 7200000000000);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (sched_parse_time(bad[i], &ns) != -EINVAL && strcmp(bad[i], "0x1ms"))
			fail_msg("'%s' was taken for a time", bad[i]);
}

static void test_parameters(void **state)
{
	struct sched_choice c;

	(void)state;
	assert_int_equal(open_choice("band", &c), 0);
	assert_int_equal(c.param[0], 30000000);
	assert_int_equal(open_choice("band:grace=250us,period=10ms", &c), 0);
	assert_int_equal(c.param[0], 10000000);
	assert_int_equal(c.param[1], 250000);
	assert_null(c.so);
	refused("", "unknown");
	refused("bandit", "bandit");
	refused("band:speed=1", "speed");
	refused("band:period", "period");
	refused("band:period=fast", "fast");
	refused("band:period=30", "30");
	refused("band:period=1ns", "1ns");
	refused("dfq:samples=0", "samples=0");
	refused("dfq:samples=1ms", "samples=1ms");
	refused("fifo:slice=1ms", "slice");
}

static int never(void *core, struct sched_work *w)
{
	(void)core;
	(void)w;
	return 0;
}

static void forget(void *core, struct sched_work *w)
{
	(void)core;
	(void)w;
}

static const struct sched_backend backend = { never, forget };

/* Loaded, used under load, replaced, and unloaded. */
static void test_shared_object(void **state)
{
	char spec[4500], params[100];
	struct sched_work *w[4];
	struct sched_ent *a, *b;
	struct sched_choice c;
	struct sched *s;

	(void)state;
	snprintf(spec, sizeof(spec), "%s:slice=2ms", so("least.so"));
	assert_int_equal(open_choice(spec, &c), 0);
	assert_string_equal(c.policy->name, "least");
	assert_non_null(c.so);
	assert_int_equal(sched_new(&sched_fifo, &backend, NULL, 1, 0, &s), 0);
	assert_int_equal(sched_ent_new(s, &(struct sched_ent_cfg){ .name = "a" }, 0, &a), 0);
	assert_int_equal(sched_ent_new(s, &(struct sched_ent_cfg){ .name = "b" }, 0, &b), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sched_submit(i < 2 ? a : b, 0, NULL, 0, &w[i]), 0);
	assert_int_equal(sched_use(s, &c, 0), 0);
	assert_null(c.so);
	sched_print_params(s, params, sizeof(params));
	assert_string_equal(params, "slice=2ms");
	sched_pump(s, 0);
	assert_int_equal(w[0]->state, SCHED_RUNNING);
	assert_int_equal(w[0]->slice_ns, 2000000);
	sched_done(w[0], 1000000, 5);
	sched_pump(s, 5);
	assert_int_equal(w[2]->state, SCHED_RUNNING); /* b had less */
	assert_int_equal(sched_set_policy(s, &sched_rr, 6), 0);
	assert_null(s->so);
	sched_done(w[2], 10, 7);
	sched_ent_free(a, 8);
	sched_ent_free(b, 8);
	/* One that is in use when the scheduler goes away goes with it. */
	assert_int_equal(open_choice(spec, &c), 0);
	assert_int_equal(sched_use(s, &c, 9), 0);
	sched_choice_close(&c);
	sched_free(s);
}

static void test_bad_objects(void **state)
{
	(void)state;
	refused(so("old.so"), "version");
	refused(so("hollow.so"), "function");
	refused(so("nothing.so"), "sched_policy_plugin");
	refused("./no-such-policy.so", "no-such-policy");
	refused("/proc/self/exe:slice=1ms", "/proc/self/exe");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_shared_object),
		cmocka_unit_test(test_bad_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* Log lines: levels, cleaning of foreign text, and the budget of lines a second. */
#include "tests/t.h"

#include <string.h>

#include "gpuvm/base/log.h"

static void levels(void **state)
{
	char buf[512] = "";
	struct log l = { .out = fmemopen(buf, sizeof(buf), "w"),
			 .level = LOG_INFO,
			 .name = "prog" };

	(void)state;
	log_error(&l, "bad %d", 1);
	log_warn(&l, "odd");
	log_info(&l, "fine");
	log_debug(&l, "hidden");
	log_print(&l, LOG_TRACE, "hidden");
	fclose(l.out);
	assert_string_equal(buf, "prog: error: bad 1\nprog: warning: odd\nprog: fine\n");
	l.out = NULL;
	log_error(&l, "nowhere");
	log_error(NULL, "nowhere");
}

static void long_lines_are_cut(void **state)
{
	char buf[4096] = "", big[3000];
	struct log l = { .out = fmemopen(buf, sizeof(buf), "w"), .level = LOG_INFO, .name = "p" };

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info(&l, "%s", big);
	fclose(l.out);
	assert_true(strlen(buf) > 500 && strlen(buf) < 1100);
	assert_int_equal(buf[strlen(buf) - 1], '\n');
}

static void clean(void **state)
{
	char d[8];

	(void)state;
	assert_string_equal(log_clean(d, sizeof(d), "ok"), "ok");
	assert_string_equal(log_clean(d, sizeof(d), "a\nb\033[\x7f\xc3"), "a?b?[??");
	assert_string_equal(log_clean(d, sizeof(d), "123456789"), "1234567");
	assert_string_equal(log_clean(d, 1, "123"), "");
	d[0] = 'q';
	log_clean(d, 0, "123");
	assert_int_equal(d[0], 'q');
}

static void budget(void **state)
{
	struct log_limit lim = { 0 };
	uint64_t s = 1000000000ull, t = 50 * s;
	unsigned int printed = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		printed += (unsigned int)log_limit_ok(&lim, t + (uint64_t)i, 10);
	assert_int_equal(printed, 10);
	assert_int_equal(lim.suppressed, 90);
	assert_false(log_limit_ok(&lim, t + s - 1, 10));
	assert_true(log_limit_ok(&lim, t + s, 10));
	assert_int_equal(lim.suppressed, 91);
	assert_false(log_limit_ok(&lim, t + 5 * s, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(clean),
		cmocka_unit_test(budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

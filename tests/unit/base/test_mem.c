// SPDX-License-Identifier: MIT
/* Allocation: zeroed, overflow is NULL, and the fault hook sees every call. */
#include "tests/t.h"

#include <string.h>

#include "gpuvm/base/mem.h"

static int calls, fail_at;

static int hook(void)
{
	return calls++ == fail_at;
}

static void zeroed(void **state)
{
	struct { int a[100]; } *p = mem_new(__typeof__(*p));
	char *s = mem_strdup("text");
	char *e = mem_strdup("");

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(p->a[i], 0);
	assert_string_equal(s, "text");
	assert_string_equal(e, "");
	s = mem_realloc(s, 1000);
	assert_string_equal(s, "text");
	mem_free(p);
	mem_free(s);
	mem_free(e);
	mem_free(NULL);
}

static void overflow_is_null(void **state)
{
	/* Volatile: the compiler knows calloc and would warn, rightly. */
	volatile size_t half = (size_t)1 << 63;

	(void)state;
	assert_null(mem_calloc(half, 2));
	assert_null(mem_calloc(2, half));
}

static void hook_fails_the_nth(void **state)
{
	(void)state;
	mem_fault_hook = hook;
	for (fail_at = 0; fail_at < 4; fail_at++) {
		void *p[3];

		calls = 0;
		p[0] = mem_calloc(1, 1);
		p[1] = mem_realloc(NULL, 1);
		p[2] = mem_strdup("x");
		assert_int_equal(calls, 3);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(!p[i], i == fail_at);
			mem_free(p[i]);
		}
	}
	mem_fault_hook = NULL;
}

static void failed_realloc_keeps_the_old(void **state)
{
	char *s = mem_strdup("kept");

	(void)state;
	mem_fault_hook = hook;
	calls = fail_at = 0;
	assert_null(mem_realloc(s, 100));
	mem_fault_hook = NULL;
	assert_string_equal(s, "kept");
	mem_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed),
		cmocka_unit_test(overflow_is_null),
		cmocka_unit_test(hook_fails_the_nth),
		cmocka_unit_test(failed_realloc_keeps_the_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

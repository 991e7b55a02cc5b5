// SPDX-License-Identifier: MIT
/* The trace ring: order, overwriting, names, and a reader that races the writer. */
#include "tests/t.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/base/trace.h"

static const struct trace_kind fruit[] = { { "apple", "weight", NULL, "worms" },
					   { "pear", NULL, NULL, NULL } };
static const struct trace_kind stone[] = { { "granite", "x", "y", "z" } };

static struct trace *ring(uint32_t nr)
{
	struct trace *t = NULL;

	assert_int_equal(trace_new(nr, &t), 0);
	return t;
}

static void off_means_nothing(void **state)
{
	struct trace *t = ring(8);
	struct trace_event e;
	uint64_t at = 0;

	(void)state;
	trace_put(NULL, 1, 0, 1, 2, 3);
	trace_put(t, 1, 0, 1, 2, 3);
	assert_int_equal(trace_count(t), 0);
	assert_false(trace_next(t, &at, &e));
	trace_enable(t, true);
	trace_put(t, 2, 0, 1, 2, 3);
	trace_enable(t, false);
	trace_put(t, 3, 0, 1, 2, 3);
	assert_int_equal(trace_count(t), 1);
	assert_true(trace_next(t, &at, &e));
	assert_int_equal(e.time, 2);
	assert_false(trace_next(t, &at, &e));
	trace_free(t);
	trace_free(NULL);
}

static void the_last_ones_stay(void **state)
{
	struct trace *t = ring(5); /* eight */
	struct trace_event e;
	uint64_t at = 0;

	(void)state;
	trace_enable(t, true);
	for (uint64_t i = 0; i < 21; i++) {
		trace_put(t, i, 7, i * 2, i * 3, i * 5);
		assert_int_equal(trace_count(t), i + 1);
	}
	for (uint64_t i = 13; i < 21; i++) {
		assert_true(trace_next(t, &at, &e));
		assert_int_equal(at, i + 1);
		assert_int_equal(e.time, i);
		assert_int_equal(e.kind, 7);
		assert_int_equal(e.a, i * 2);
		assert_int_equal(e.b, i * 3);
		assert_int_equal(e.c, i * 5);
	}
	assert_false(trace_next(t, &at, &e));
	trace_put(t, 99, 0, 0, 0, 0); /* a reader that has caught up goes on from there */
	assert_true(trace_next(t, &at, &e));
	assert_int_equal(e.time, 99);
	trace_free(t);
}

static void kinds_have_names(void **state)
{
	static const struct trace_kind bad[] = { { "", NULL, NULL, NULL },
						 { "a b", NULL, NULL, NULL },
						 { "ok", "\"", NULL, NULL },
						 { "ok", NULL, "\n", NULL },
						 { "ok", NULL, NULL, "X" },
						 { NULL, NULL, NULL, NULL } };
	struct trace *t = ring(8);
	uint32_t f = 99, s = 99;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(trace_register(t, &bad[i], 1, &f), -EINVAL);
	assert_int_equal(trace_register(t, fruit, 0, &f), -EINVAL);
	assert_int_equal(f, 99);
	assert_int_equal(trace_register(t, fruit, 2, &f), 0);
	assert_int_equal(trace_register(t, stone, 1, &s), 0);
	assert_int_equal(f, 0);
	assert_int_equal(s, 2);
	assert_ptr_equal(trace_kind_of(t, f + 1), &fruit[1]);
	assert_ptr_equal(trace_kind_of(t, s), &stone[0]);
	assert_null(trace_kind_of(t, 3));
	assert_null(trace_kind_of(t, UINT64_MAX));
	for (int i = 2; i < TRACE_MAX_OWNERS; i++)
		assert_int_equal(trace_register(t, stone, 1, &s), 0);
	assert_int_equal(trace_register(t, stone, 1, &s), -ENOSPC);
	trace_free(t);
}

static void dumps(void **state)
{
	struct trace *t = ring(8);
	char text[512] = "", json[512] = "";
	uint32_t f;
	FILE *o;

	(void)state;
	assert_int_equal(trace_register(t, fruit, 2, &f), 0);
	trace_enable(t, true);
	trace_put(t, 1500000000, f, 255, 1, UINT64_MAX);
	trace_put(t, 2000000007, f + 1, 1, 2, 3);
	trace_put(t, 2000000008, 50, 1, 2, 3);
	o = fmemopen(text, sizeof(text), "w");
	trace_dump(t, o);
	fclose(o);
	o = fmemopen(json, sizeof(json), "w");
	trace_dump_json(t, o);
	fclose(o);
	assert_string_equal(text, "1.500000000 apple weight=0xff worms=0xffffffffffffffff\n"
				  "2.000000007 pear\n"
				  "2.000000008 kind_50 a=0x1 b=0x2 c=0x3\n");
	assert_string_equal(json,
			    "{\"t\":1500000000,\"kind\":\"apple\",\"weight\":255,"
			    "\"worms\":18446744073709551615}\n"
			    "{\"t\":2000000007,\"kind\":\"pear\"}\n"
			    "{\"t\":2000000008,\"kind\":\"kind_50\",\"a\":1,\"b\":2,\"c\":3}\n");
	trace_free(t);
}

#define NR_RACE 400000u

static void *writer(void *arg)
{
	struct trace *t = arg;

	for (uint64_t i = 0; i < NR_RACE; i++)
		trace_put(t, i, (uint32_t)(i % 1000), ~i, i * 3, i ^ 0x5555);
	return NULL;
}

/* A small ring that is overwritten all the time: what comes out is whole and in order. */
static void reader_gets_whole_events(void **state)
{
	struct trace *t = ring(16);
	uint64_t at = 0, last = 0, got = 0;
	pthread_t w;

	(void)state;
	trace_enable(t, true);
	assert_int_equal(pthread_create(&w, NULL, writer, t), 0);
	while (at < NR_RACE) {
		struct trace_event e;

		if (!trace_next(t, &at, &e))
			continue; /* the writer is finite, so this is */
		assert_true(!got || e.time > last);
		assert_int_equal(e.time, at - 1);
		assert_int_equal(e.kind, e.time % 1000);
		assert_true(e.a == ~e.time && e.b == e.time * 3 && e.c == (e.time ^ 0x5555));
		last = e.time;
		got++;
	}
	pthread_join(w, NULL);
	assert_int_equal(last, NR_RACE - 1);
	assert_int_equal(trace_count(t), NR_RACE);
	trace_free(t);
}

static int fail_at;

static int fail_nth(void)
{
	return fail_at-- == 0;
}

static void bad_sizes_and_no_memory(void **state)
{
	struct trace *t = NULL;

	(void)state;
	assert_int_equal(trace_new(0, &t), -EINVAL);
	assert_int_equal(trace_new((1u << 24) + 1, &t), -EINVAL);
	mem_fault_hook = fail_nth;
	for (int n = 0; n < 2; n++) {
		fail_at = n;
		assert_int_equal(trace_new(8, &t), -ENOMEM);
	}
	mem_fault_hook = NULL;
	assert_null(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_means_nothing),
		cmocka_unit_test(the_last_ones_stay),
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(dumps),
		cmocka_unit_test(reader_gets_whole_events),
		cmocka_unit_test(bad_sizes_and_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

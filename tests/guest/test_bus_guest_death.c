// SPDX-License-Identifier: MIT
/*
 * How process guests end: killed at any moment, in halves, by the mediator, or
 * with it.  Nobody else hangs.
 */
#include "tests/t.h"

#include "tests/guest/guest_run.h"

/* One of two processes is killed at random moments; the other goes on, whatever the first was in the middle of. */
static int guest_half_killed(struct bus *b)
{
	for (unsigned int n = 0; n < 6; n++) {
		pid_t pid = fork();

		if (!pid)
			for (unsigned int i = 0;; i++) {
				bus_wr32(b, 0x70, i);
				bus_rd32(b, 0x70);
			}
		for (unsigned int i = 0; i < 40 + n * 7; i++) {
			bus_wr32(b, 0x74, i);
			CHECK(bus_rd32(b, 0x74) == i);
		}
		kill(pid, SIGKILL);
		for (unsigned int i = 0; i < 300; i++) {
			bus_wr32(b, 0x74, i);
			CHECK(bus_rd32(b, 0x74) == i);
		}
		waitpid(pid, NULL, 0);
	}
	return 0;
}

static void test_half_killed(void **state)
{
	assert_int_equal(run(*state, guest_half_killed), 0);
}

static int guest_endless(struct bus *b)
{
	for (uint32_t i = 0;; i++) {
		bus_wr32(b, 0x80, i);
		if (i % 3 == 0)
			bus_rd32(b, 0x80);
		if (i % 5 == 0) {
			struct bus_mem m;

			if (!b->ops->mem_alloc(b, 4096 * (1 + i % 9), &m))
				b->ops->mem_free(b, &m);
		}
	}
	return 0;
}

static void test_killed(void **state)
{
	struct fix *f = *state;
	unsigned int served, rounds;

	for (unsigned int n = 0; n < 100; n++) {
		unsigned int want = f->core.detached + 1;
		uint64_t end = clock_ns() + DEADLINE;
		struct hv_process_stats st;
		struct hv_guest *g;
		pid_t pid = guest_start(f, guest_endless, &g, -1);
		int status;

		/* At another moment each time, from before its first access on. */
		rounds = n * 7919 % 400;
		for (served = 0; served < rounds; served = (unsigned int)st.served) {
			serve_once(f);
			hv_process_guest_stats(g, &st);
			if (clock_ns() > end)
				fail_msg("guest does not get on");
		}
		kill(pid, SIGKILL);
		while (f->core.detached < want) {
			serve_once(f);
			if (clock_ns() > end)
				fail_msg("death not noticed");
		}
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
	}
}

static void kill_on_order(struct hv_guest *g, struct hv_access *a)
{
	if (a->space == HV_BAR0 && a->off == 0x900)
		hv_kill(g, "it asked for it");
}

static void *endless_reader(void *arg)
{
	for (;;)
		bus_rd32(arg, 0x84);
	return NULL;
}

static int guest_asks_to_die(struct bus *b)
{
	pthread_t th;

	pthread_create(&th, NULL, endless_reader, b);
	bus_rd32(b, 0x84);
	bus_rd32(b, 0x900);
	return 0;
}

static int guest_posts_to_death(struct bus *b)
{
	for (;;)
		bus_wr32(b, 0x900, 1);
	return 0;
}

static void test_ended(void **state)
{
	struct fix *f = *state;
	char text[300] = "";
	int p[2], st;

	f->core.during = kill_on_order;
	assert_int_equal(pipe(p), 0);
	st = serve(f, guest_start(f, guest_asks_to_die, NULL, p[1]));
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == PROC_EXIT_DEAD);
	assert_true(read(p[0], text, sizeof text - 1) > 0);
	assert_non_null(strstr(text, "gpuvm: this guest was ended: it asked for it\n"));
	st = serve(f, guest_start(f, guest_posts_to_death, NULL, p[1]));
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == PROC_EXIT_DEAD);
	close(p[0]);
	close(p[1]);
}

static int guest_reads_for_ever(struct bus *b)
{
	endless_reader(b);
	return 0;
}

/* The mediator goes away without a word (as if killed): its guest ends, it does not hang. */
static void test_mediator_gone(void **state)
{
	struct fix *f = *state;
	int p[2], st;
	pid_t mediator, guest = -1;
	char text[300] = "";
	ssize_t n;

	assert_int_equal(pipe(p), 0);
	mediator = fork();
	if (!mediator) {
		pid_t child = guest_start(f, guest_reads_for_ever, NULL, p[1]);

		for (int i = 0; i < 50; i++)
			serve_once(f);
		if (write(p[1], &child, sizeof child) != sizeof child)
			_exit(1);
		_exit(0);
	}
	close(p[1]);
	waitpid(mediator, &st, 0);
	assert_int_equal(st, 0);
	assert_int_equal(read(p[0], &guest, sizeof guest), sizeof guest);
	/* End of file when the guest has ended too. */
	n = read(p[0], text, sizeof text - 1);
	assert_true(n > 0);
	assert_non_null(strstr(text, "the mediator is gone"));
	assert_int_equal(read(p[0], text, 1), 0);
	close(p[0]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_half_killed),
		T(test_killed),
		T(test_ended),
		T(test_mediator_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

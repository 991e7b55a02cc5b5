// SPDX-License-Identifier: MIT
/*
 * The mediator's half of the process port, against a well-behaved guest that
 * writes the ring by hand.  Hostile ones are in test_process_hostile.c, guests
 * that really trap in tests/guest/test_bus_guest.c.
 */
#include "tests/t.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "gpuvm/base/mem.h"
#include "tests/unit/hv/hand.h"

static void test_fds(void **state)
{
	struct fix *f = *state;
	struct hand *h = &f->a;

	assert_int_equal(h->ring->magic, PROC_MAGIC);
	assert_int_equal(h->ring->version, PROC_ABI_VERSION);
	assert_int_equal(h->ring->ram_len, RAM);
	assert_int_equal(h->ring->bar_len[1], 1 << 21);
	assert_int_equal(h->ring->flags, PROC_FLAG_POSTED);
	/* Nobody can take memory away from under the mediator. */
	assert_int_equal(ftruncate(h->fds.ram, 0), -1);
	assert_int_equal(ftruncate(h->fds.ring, 4096), -1);
	assert_int_equal(ftruncate(h->fds.ram, RAM * 2), -1);
	assert_int_equal(fcntl(h->fds.ram, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void test_cfg(void **state)
{
	struct fix *f = *state;
	struct hv_process_cfg c = cfg;
	struct hv_process_fds fds;
	struct hv_guest *g;

	c.ram_len = 0;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c.ram_len = 4097;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c.ram_len = (4ull << 30) + 4096;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c.ram_len = 4ull << 30; /* sparse */
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), 0);
	hand_fds_close(&fds);
	c.bar_len[3] = 100;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EINVAL);
	c = cfg;
	f->core.attach_err = -EPERM;
	assert_int_equal(hv_process_guest_new(f->hv, &c, &g, &fds), -EPERM);
	assert_int_equal(fds.ring, -1);
}

static void test_access(void **state)
{
	struct fix *f = *state;
	struct proc_slot *s;

	/* Posted stores in order, then a load that sees the last. */
	hand_put(&f->a, PROC_SPACE_BAR0, 8, 4, 1, 0xaaaaaaaa11111111ull);
	hand_put(&f->a, PROC_SPACE_BAR0, 8, 4, 1, 0x22222222);
	s = hand_put(&f->a, PROC_SPACE_BAR0, 8, 4, 0, 0);
	assert_int_equal(hv_dispatch(f->hv, 100), 3);
	assert_int_equal(hand_take(&f->a, s), 0x22222222);
	assert_int_equal(f->core.accesses, 3);
	assert_int_equal(f->a.ring->slot[0].seq, PROC_SLOTS);
	/* A store carries only its size. */
	hand_put(&f->a, PROC_SPACE_BAR1, 3, 1, 1, 0xfff7);
	hv_dispatch(f->hv, 100);
	assert_true(f->core.last.write && f->core.last.size == 1 && f->core.last.val == 0xf7);
	assert_int_equal(f->core.last.space, HV_BAR1);
	/* Round the ring many times. */
	for (unsigned int i = 0; i < 5 * PROC_SLOTS; i++) {
		hand_put(&f->a, PROC_SPACE_BAR3, 16, 8, 1, i);
		s = hand_put(&f->a, PROC_SPACE_BAR3, 16, 8, 0, 0);
		assert_int_equal(hv_dispatch(f->hv, 100), 2);
		assert_int_equal(hand_take(&f->a, s), i);
	}
}

static void kick(struct hand *h)
{
	const uint64_t one = 1;

	if (__atomic_exchange_n(&h->ring->asleep, 0, __ATOMIC_SEQ_CST))
		assert_int_equal(write(h->fds.kick, &one, 8), 8);
}

static void test_sleep(void **state)
{
	struct fix *f = *state;
	int fd = hv_poll_fd(f->hv);

	assert_int_equal(hv_dispatch(f->hv, 10), 0);
	assert_false(hv_arm(f->hv));
	assert_false(readable(fd));
	assert_int_equal(f->a.ring->asleep, 1);
	for (int i = 0; i < 3; i++) {
		hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, 1);
		kick(&f->a);
		assert_true(readable(fd));
		assert_int_equal(hv_dispatch(f->hv, 10), 1);
		assert_false(readable(fd));
		assert_false(hv_arm(f->hv));
	}
	/* Work that came in just before arming is not slept over. */
	kick(&f->a);
	hv_dispatch(f->hv, 10);
	hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, 1);
	assert_true(hv_arm(f->hv));
	assert_int_equal(hv_dispatch(f->hv, 10), 1);
	/* A guest that empties the kick descriptor hurts nobody: the mediator never reads it. */
	fcntl(f->b.fds.kick, F_SETFL, 0);
	kick(&f->b);
	uint64_t v;
	assert_int_equal(read(f->b.fds.kick, &v, 8), 8);
	assert_int_equal(hv_dispatch(f->hv, 10), 0);
}

/* A guest that is silent for long is no longer polled, and is heard all the same. */
static void test_idle(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 20000; i++)
		hv_dispatch(f->hv, 10);
	assert_int_equal(f->a.ring->asleep, 1);
	hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 1, 1);
	kick(&f->a);
	assert_int_equal(hv_dispatch(f->hv, 10), 1);
	assert_int_equal(f->a.ring->asleep, 0);
	assert_int_equal(f->b.ring->asleep, 1);
}

static void test_death(void **state)
{
	struct fix *f = *state;

	hv_arm(f->hv);
	shutdown(f->a.fds.life, SHUT_RDWR);
	hand_fds_close(&f->a.fds);
	assert_true(readable(hv_poll_fd(f->hv)));
	assert_int_equal(f->core.detached, 0);
	hv_dispatch(f->hv, 10);
	assert_int_equal(f->core.detached, 1);
	assert_false(readable(hv_poll_fd(f->hv)));
	/* The slot and its bus addresses are free again. */
	hand_free(&f->a);
	assert_int_equal(hand_new(f->hv, &f->a), 0);
	assert_int_equal(f->a.g->id, 0);
}

static void kill_it(struct core *c, struct hv_guest *g, struct hv_access *a)
{
	(void)c, (void)a;
	hv_kill(g, "wrote where it must not");
	hv_kill(g, "again");
}

static void drop_it(struct core *c, struct hv_guest *g, struct hv_access *a)
{
	(void)c, (void)g, (void)a;
	hv_process_guest_drop(c->arg, "detached by hand");
}

static void test_kill(void **state)
{
	struct fix *f = *state;
	struct proc_slot *s = hand_put(&f->a, PROC_SPACE_BAR0, 0, 4, 0, 0);

	s->waiting = 1;
	f->core.during = kill_it;
	hv_dispatch(f->hv, 10);
	assert_int_equal(f->core.detached, 1);
	assert_int_equal(f->a.ring->dead, 1);
	assert_string_equal(f->a.ring->why, "wrote where it must not");
	assert_int_equal(s->waiting, 0);
	/* A dead guest's last load has no answer. */
	assert_int_equal(s->seq, f->a.pos);
	/* Dropping another guest from inside an access waits for the end of the dispatch. */
	f->core.during = drop_it;
	f->core.arg = f->b.g;
	hand_put(&f->b, PROC_SPACE_BAR0, 0, 4, 1, 0);
	hv_dispatch(f->hv, 10);
	assert_int_equal(f->core.detached, 2);
	assert_string_equal(f->b.ring->why, "detached by hand");
}

static void test_drop(void **state)
{
	struct fix *f = *state;

	hv_process_guest_drop(f->a.g, "by hand");
	assert_int_equal(f->core.detached, 1);
	assert_int_equal(f->a.ring->dead, 1);
	hv_kill(f->b.g, "killed outside of dispatch");
	assert_true(hv_arm(f->hv));
	assert_int_equal(f->core.detached, 1);
	hv_dispatch(f->hv, 1);
	assert_int_equal(f->core.detached, 2);
}

static void test_pins(void **state)
{
	struct fix *f = *state;
	struct hv_process_stats st;
	dma_t d;

	assert_int_equal(hv_pin(f->b.g, gpa(0x5000), &d), 0);
	assert_true(dma_x(d) == (2ull << 32 | 0x5000));
	assert_int_equal(hv_pin(f->b.g, gpa(0x5000), &d), 0);
	assert_int_equal(hv_pin(f->b.g, gpa(0), &d), 0);
	hv_process_guest_stats(f->b.g, &st);
	assert_int_equal(st.pins, 3);
	hv_unpin(f->b.g, gpa(0x5000));
	hv_unpin(f->b.g, gpa(0));
	hv_process_guest_stats(f->b.g, &st);
	assert_int_equal(st.pins, 1);
	assert_int_equal(hv_pin(f->b.g, gpa(0x5001), &d), -EFAULT);
	assert_int_equal(hv_pin(f->b.g, gpa(RAM), &d), -EFAULT);
	hv_unpin(f->b.g, gpa(0x5000));
	/* All counts gone: so is their memory. */
	assert_null(proc_guest_of(f->b.g)->pins.leaf[0]);
	assert_int_equal(hv_pin(f->b.g, gpa(0x7000), &d), 0);
	/* Left pinned: teardown must not leak it (leak checker). */
	assert_int_equal(hv_watch(f->b.g, gpa(0)), -EOPNOTSUPP);
}

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static long rss_kib(void)
{
	long size, rss;
	FILE *s = fopen("/proc/self/statm", "r");

	assert_non_null(s);
	assert_int_equal(fscanf(s, "%ld %ld", &size, &rss), 2);
	fclose(s);
	return rss * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_many(void **state)
{
	struct fix *f = *state;
	struct rlimit lim;
	struct hv_process_cfg c = cfg;
	struct hv_process_fds fds;
	struct hv_guest *g;
	unsigned int before, n = 2;
	int err, life[PROC_GUESTS + 1];
	long rss;

	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	c.ram_len = 1ull << 30;
	before = count_fds();
	rss = rss_kib();
	while (!(err = hv_process_guest_new(f->hv, &c, &g, &fds))) {
		/* Keep only life: the rest is the guest's to hold. */
		close(fds.ring);
		close(fds.ram);
		close(fds.irq);
		close(fds.kick);
		life[n++] = fds.life;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, PROC_GUESTS);
	rss = (rss_kib() - rss) / (long)(n - 2);
	print_message("an idle guest costs the mediator %ld KiB and 4 descriptors\n", rss);
	assert_true(rss <= 1024);
	for (int i = 0; i < 1000; i++)
		hv_dispatch(f->hv, 100);
	hv_close(f->hv);
	assert_int_equal(f->core.detached, PROC_GUESTS);
	for (unsigned int i = 2; i < n; i++)
		close(life[i]);
	/* Less than before by the port's own: epoll, and four for each of the two guests of setup. */
	assert_int_equal(count_fds(), before - 9);
	assert_int_equal(hv_process_open(&up, &f->core, NULL, &f->hv), 0);
	f->core.attached = f->core.detached = 0;
}

static int fail_in;
static int fail_hook(void)
{
	return fail_in && !--fail_in;
}

static void test_no_memory(void **state)
{
	struct fix *f = *state;
	unsigned int before = count_fds();
	struct hv_process_fds fds;
	struct hv_guest *g;
	int err, n = 0;

	mem_fault_hook = fail_hook;
	do {
		fail_in = ++n;
		err = hv_process_guest_new(f->hv, &cfg, &g, &fds);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(count_fds(), before);
		}
	} while (err);
	mem_fault_hook = NULL;
	assert_true(n > 1);
	hand_fds_close(&fds);
	mem_fault_hook = fail_hook;
	for (fail_in = n = 1; hv_pin(f->a.g, gpa(0), &(dma_t){ 0 }); fail_in = ++n)
		;
	mem_fault_hook = NULL;
	assert_int_equal(n, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_fds),
		T(test_cfg),
		T(test_access),
		T(test_sleep),
		T(test_idle),
		T(test_death),
		T(test_kill),
		T(test_drop),
		T(test_pins),
		T(test_many),
		T(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

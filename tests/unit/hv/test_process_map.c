// SPDX-License-Identifier: MIT
/*
 * Windows of a process guest, the mediator's half: what is offered, what is
 * taken back, to whom files are given, and guests that ask for what is not theirs.
 */
#include "tests/t.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "gpuvm/base/mem.h"
#include "tests/unit/hv/hand.h"

#define P PROC_PAGE

static int memory(uint64_t len)
{
	int fd = memfd_create("window", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	return fd;
}

/* Of the whole ring file: hand_new() maps only its fixed part. */
static struct proc_ring *whole(const struct hand *h)
{
	struct stat st;
	void *m;

	assert_int_equal(fstat(h->fds.ring, &st), 0);
	assert_int_equal(st.st_size, proc_ring_len(cfg.bar_len));
	m = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, h->fds.ring, 0);
	assert_ptr_not_equal(m, MAP_FAILED);
	return m;
}

static void whole_free(struct proc_ring *r)
{
	munmap(r, proc_ring_len(cfg.bar_len));
}

/* The guest asks for a file; the descriptor, or -1. */
static int ask(struct fix *f, struct hand *h, uint32_t nr)
{
	struct proc_slot *s = hand_put(h, PROC_SPACE_FILE, nr, 4, 0, 0);
	unsigned int before = f->core.accesses;
	uint64_t name;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = &name, .iov_len = sizeof name };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl.buf,
			    .msg_controllen = sizeof ctl.buf };
	int fd;

	assert_int_equal(hv_dispatch(f->hv, 1), 1);
	assert_int_equal(f->core.accesses, before);
	if (hand_take(h, s))
		return -1;
	assert_int_equal(recvmsg(h->fds.life, &m, MSG_DONTWAIT), sizeof name);
	assert_int_equal(name, nr);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

static uint64_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static unsigned int nr_fds(void)
{
	unsigned int n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_offer(void **state)
{
	struct fix *f = *state;
	struct proc_ring *r = whole(&f->a);
	int x = memory(8 * P), y = memory(8 * P), got;
	uint64_t *bar3 = r->page + proc_page(cfg.bar_len, PROC_SPACE_BAR3, 0);

	assert_int_equal(hv_map(f->a.g, HV_BAR1, 2 * P, 3 * P, x, P), 0);
	assert_int_equal(hv_map(f->a.g, HV_BAR3, 0, P, x, 0), 0);
	assert_int_equal(hv_map(f->a.g, HV_BAR_PV, 0, P, y, 0), 0);
	assert_int_equal(r->page[1], 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(r->page[2 + i], PROC_PAGE_WORD(1, i + 1));
	assert_int_equal(r->page[5], 0);
	assert_int_equal(bar3[0], PROC_PAGE_WORD(1, 0));
	assert_int_equal(r->page[proc_page(cfg.bar_len, PROC_SPACE_PV, 0)], PROC_PAGE_WORD(2, 0));
	/* Nothing was taken from anybody: no note, nothing to wait for. */
	assert_int_equal(r->gen, 0);
	assert_true(hv_unmapped(f->a.g));
	got = ask(f, &f->a, 1);
	assert_int_equal(inode(got), inode(x));
	close(got);
	got = ask(f, &f->a, 2);
	assert_int_equal(inode(got), inode(y));
	close(got);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, -1, 0), 0);
	assert_int_equal(r->page[0], PROC_PAGE_ACTS);
	close(x);
	close(y);
	whole_free(r);
}

static void test_taken_back(void **state)
{
	struct fix *f = *state;
	struct proc_ring *r = whole(&f->a);
	int x = memory(8 * P), y = memory(8 * P);

	assert_int_equal(hv_unmap(f->a.g, HV_BAR1, 0, 8 * P), 0);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, 8 * P, x, 0), 0);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, 8 * P, x, 0), 0); /* as it was */
	assert_int_equal(r->gen, 0);
	assert_int_equal(hv_unmap(f->a.g, HV_BAR1, 3 * P, 2 * P), 0);
	assert_true(r->page[2] && !r->page[3] && !r->page[4] && r->page[5]);
	assert_int_equal(r->gen, 1);
	assert_true(r->log[0].first == 3 && r->log[0].nr == 2);
	assert_false(hv_unmapped(f->a.g));
	r->ack = 1;
	assert_true(hv_unmapped(f->a.g));
	/* Something else in its place is taken back, too. */
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, y, 0), 0);
	assert_int_equal(r->gen, 2);
	assert_false(hv_unmapped(f->a.g));
	/* What the guest writes over the words and the notes is not believed. */
	memset(r->page, 0xff, 8 * 8);
	r->gen = 77;
	assert_int_equal(hv_unmap(f->a.g, HV_BAR1, 0, 8 * P), 0);
	assert_int_equal(r->gen, 3);
	assert_int_equal(r->page[0], 0);
	close(x);
	close(y);
	whole_free(r);
}

/* A file that no page names any more is closed when the next comes; its number is not used again. */
static void test_numbers(void **state)
{
	struct fix *f = *state;
	struct proc_ring *r = whole(&f->a);
	unsigned int before = nr_fds(), n = 3 * PROC_FILES;

	for (uint32_t i = 1; i <= n; i++) {
		int x = memory(P);

		assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, x, 0), 0);
		assert_int_equal(r->page[0], PROC_PAGE_WORD(i, 0));
		close(x);
		if (i > 2)
			assert_int_equal(ask(f, &f->a, i - 2), -1);
	}
	assert_true(nr_fds() <= before + 2);
	whole_free(r);
}

static void test_bad_calls(void **state)
{
	struct fix *f = *state;
	int x = memory(8 * P);

	assert_int_equal(hv_map(f->a.g, HV_BAR0, 0, P, x, 0), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_CFG, 0, P, x, 0), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, 0, x, 0), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 1, P, x, 0), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P + 1, x, 0), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, x, 8), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, (1 << 21) - P, 2 * P, x, 0), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0xfffff000u, P, x, 0), -EINVAL);
	/* Behind the end of the file the guest would be killed by its own load. */
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, 2 * P, x, 7 * P), -EINVAL);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, x, UINT64_MAX - P + 1), -EINVAL);
	assert_int_equal(hv_unmap(f->a.g, HV_BAR0, 0, P), -EINVAL);
	assert_int_equal(hv_unmap(f->a.g, HV_BAR3, 0, 1), -EINVAL);
	close(x);
	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, x, 0), -EBADF);
}

/* Nobody gets a file of another guest's, or one that was never offered. */
static void test_not_yours(void **state)
{
	struct fix *f = *state;
	int x = memory(P);
	struct proc_slot *s;

	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, x, 0), 0);
	assert_int_equal(ask(f, &f->b, 1), -1);
	assert_int_equal(ask(f, &f->a, 2), -1);
	assert_int_equal(ask(f, &f->a, 0), -1);
	assert_int_equal(ask(f, &f->a, UINT32_MAX), -1);
	/* A store there, or another size, is a malformed access. */
	hand_put(&f->a, PROC_SPACE_FILE, 1, 4, 1, 5);
	s = hand_put(&f->a, PROC_SPACE_FILE, 1, 8, 0, 0);
	assert_int_equal(hv_dispatch(f->hv, 10), 2);
	assert_int_equal(hand_take(&f->a, s), UINT64_MAX);
	close(x);
}

/* A guest that asks for ever and takes nothing is refused after a few; the others are served. */
static void test_greedy(void **state)
{
	struct fix *f = *state;
	int x = memory(P), got;
	unsigned int sent = 0;

	assert_int_equal(hv_map(f->a.g, HV_BAR1, 0, P, x, 0), 0);
	assert_int_equal(hv_map(f->b.g, HV_BAR1, 0, P, x, 0), 0);
	for (unsigned int i = 0; i < 100; i++) {
		struct proc_slot *s = hand_put(&f->a, PROC_SPACE_FILE, 1, 4, 0, 0);

		assert_int_equal(hv_dispatch(f->hv, 1), 1);
		sent += !hand_take(&f->a, s);
	}
	assert_in_range(sent, 1, 16);
	got = ask(f, &f->b, 1);
	assert_true(got >= 0);
	close(got);
	close(x);
}

static int fail_in;

static int fail_later(void)
{
	return fail_in && !--fail_in;
}

static void test_no_memory(void **state)
{
	struct fix *f = *state;
	int x = memory(P), err = -ENOMEM;

	for (int n = 1; err; n++) {
		fail_in = n;
		mem_fault_hook = fail_later;
		err = hv_map(f->a.g, HV_BAR1, 0, P, x, 0);
		mem_fault_hook = NULL;
		assert_true(!err || err == -ENOMEM);
		assert_in_range(n, 1, 10);
	}
	fail_in = 0;
	close(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_offer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_yours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_greedy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

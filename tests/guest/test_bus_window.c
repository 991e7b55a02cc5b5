// SPDX-License-Identifier: MIT
/*
 * Windows of a real process guest: BAR pages that are memory, taken back, given
 * again, by several threads and after a fork; what was posted is never overtaken.
 */
#include "tests/t.h"

#include <sys/stat.h>

#include "tests/guest/guest_run.h"

#define PAGE 4096u
#define NR 16u		/* pages of each file */
#define COMMAND 0x900u	/* BAR0: what the mediator is to do, in the order of the stores */
#define SLOW 0xa00u	/* BAR0, ordered: adds to a word of file 0 */

enum { MAP, UNMAP, SWAP, ACTS, MAP_RAM, FLOOD };

/* The mediator's side: two files, offered at the start of BAR1. */
static int file[2] = { -1, -1 };
static uint32_t *mem[2];
static unsigned int trapped;
static bool same; /* what traps in BAR1 is file 0, too */

static void serve_command(struct hv_guest *g, uint32_t what)
{
	struct hv_ram ram;

	switch (what) {
	case MAP:
		assert_int_equal(hv_map(g, HV_BAR1, 0, NR * PAGE, file[0], 0), 0);
		break;
	case UNMAP:
		assert_int_equal(hv_unmap(g, HV_BAR1, 0, NR * PAGE), 0);
		break;
	case SWAP:
		assert_int_equal(hv_map(g, HV_BAR1, 0, NR * PAGE, file[1], 0), 0);
		break;
	case ACTS:
		assert_int_equal(hv_map(g, HV_BAR1, 0, PAGE, -1, 0), 0);
		break;
	case MAP_RAM:
		assert_int_equal(hv_ram(g, 0, &ram), 0);
		assert_int_equal(hv_map(g, HV_BAR3, 0, 4 * PAGE, ram.fd, ram.fd_at + PAGE), 0);
		break;
	default: /* more changes than the log holds */
		for (unsigned int i = 0; i < PROC_LOG + 10; i++) {
			assert_int_equal(hv_unmap(g, HV_BAR1, i % NR * PAGE, PAGE), 0);
			assert_int_equal(hv_map(g, HV_BAR1, i % NR * PAGE, PAGE, file[1],
						i % NR * PAGE), 0);
		}
		assert_int_equal(hv_unmap(g, HV_BAR1, 0, NR * PAGE), 0);
	}
}

static void during(struct hv_guest *g, struct hv_access *a)
{
	trapped += a->space == HV_BAR1 || a->space == HV_BAR3;
	if (same && a->space == HV_BAR1)
		memcpy(((struct core *)g->vgpu)->mem[HV_BAR1], mem[0], REGS);
	if (a->write && a->space == HV_BAR0 && a->off == COMMAND)
		serve_command(g, (uint32_t)a->val);
	if (a->write && a->space == HV_BAR0 && a->off == SLOW)
		mem[0][0] += (uint32_t)a->val;
	/* How many accesses of windows trapped so far. */
	if (!a->write && a->space == HV_BAR0 && a->off == 0x904)
		memcpy(&((struct core *)g->vgpu)->mem[HV_BAR0][0x904], &trapped, 4);
}

static int win_setup(void **state)
{
	struct fix *f;
	int err = setup(state);

	f = *state;
	f->core.during = during;
	trapped = 0;
	same = false;
	for (int i = 0; i < 2; i++) {
		file[i] = memfd_create("window", MFD_CLOEXEC);
		assert_int_equal(ftruncate(file[i], NR * PAGE), 0);
		mem[i] = mmap(NULL, NR * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file[i], 0);
		assert_ptr_not_equal(mem[i], MAP_FAILED);
		for (unsigned int k = 0; k < NR * PAGE / 4; k++)
			mem[i][k] = (uint32_t)i << 24 | k;
	}
	return err;
}

static int win_teardown(void **state)
{
	for (int i = 0; i < 2; i++) {
		munmap(mem[i], NR * PAGE);
		close(file[i]);
	}
	return teardown(state);
}

static uint32_t bar_rd(struct bus *b, int bar, uint32_t off)
{
	uint32_t v;

	b->ops->bar_rd(b, bar, off, &v, 4);
	return v;
}

static void bar_wr(struct bus *b, int bar, uint32_t off, uint32_t v)
{
	b->ops->bar_wr(b, bar, off, &v, 4);
}

/* A command whose effect is there when it returns, as after a flush that was waited for. */
static void command(struct bus *b, uint32_t what)
{
	bus_wr32(b, COMMAND, what);
	bus_rd32(b, 0);
}

static int guest_in_and_out(struct bus *b)
{
	uint32_t before;

	bar_wr(b, 1, 8, 77); /* traps: the core's register memory */
	command(b, MAP);
	before = bus_rd32(b, 0x904);
	for (unsigned int i = 0; i < NR * PAGE / 4; i++)
		CHECK(bar_rd(b, 1, i * 4) == i);
	for (unsigned int i = 0; i < NR; i++)
		bar_wr(b, 1, i * PAGE + 4, 0xa0000 + i);
	CHECK(bus_rd32(b, 0x904) == before);
	command(b, UNMAP);
	CHECK(bar_rd(b, 1, 8) == 77);
	CHECK(bus_rd32(b, 0x904) == before + 1);
	command(b, MAP);
	CHECK(bar_rd(b, 1, PAGE + 4) == 0xa0001);
	command(b, SWAP);
	CHECK(bar_rd(b, 1, PAGE + 4) == (1u << 24 | 1025));
	CHECK(bar_rd(b, 1, PAGE * 2) == (1u << 24 | 2048));
	command(b, FLOOD);
	CHECK(bar_rd(b, 1, 8) == 77);
	CHECK(b->ops->bar_map(b, 1, 0, NR * PAGE) == -EAGAIN);
	command(b, MAP);
	CHECK(!b->ops->bar_map(b, 1, PAGE, 2 * PAGE));
	CHECK(b->ops->bar_map(b, 1, PAGE, NR * PAGE) == -EAGAIN);
	CHECK(b->ops->bar_map(b, 0, 0, PAGE) == -EINVAL);
	return 0;
}

static void test_in_and_out(void **state)
{
	struct fix *f = *state;

	assert_int_equal(run(f, guest_in_and_out), 0);
	for (unsigned int i = 0; i < NR; i++)
		assert_int_equal(mem[0][i * PAGE / 4 + 1], 0xa0000 + i);
}

static int guest_ram_window(struct bus *b)
{
	struct bus_mem m;
	uint64_t at;
	uint32_t *ram;

	CHECK(!b->ops->mem_alloc(b, PAGE, &m));
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, b->ops->mem_file(b, 0, &at), 0);
	CHECK(ram != MAP_FAILED);
	command(b, MAP_RAM);
	bar_wr(b, 3, 12, 0x1234);
	CHECK(ram[(PAGE + 12) / 4] == 0x1234);
	ram[3 * PAGE / 4] = 0x99;
	CHECK(bar_rd(b, 3, 2 * PAGE) == 0x99);
	CHECK(bus_rd32(b, 0x904) == 0);
	return 0;
}

static void test_ram_window(void **state)
{
	assert_int_equal(run(*state, guest_ram_window), 0);
}

/* A posted store that changes the memory of a window is there when the window is looked at next. */
static int guest_ordered(struct bus *b)
{
	uint32_t want = 0;

	for (unsigned int i = 1; i < 300; i++) {
		/* The first ones are posted before anything is mapped. */
		bus_wr32(b, SLOW, i);
		want += i;
		if (i == 20)
			command(b, MAP);
		if (i > 20 && i % 7 == 0)
			CHECK(bar_rd(b, 1, 0) == want);
		if (i % 50 == 0) {
			command(b, UNMAP);
			bus_wr32(b, COMMAND, MAP);
			for (unsigned int k = 0; k < 30; k++, want += k)
				bus_wr32(b, SLOW, k + 1);
			CHECK(bar_rd(b, 1, 0) == want);
		}
	}
	return 0;
}

static void test_ordered(void **state)
{
	same = true;
	assert_int_equal(run(*state, guest_ordered), 0);
}

/* One file while the other is offered would be a window that was not let go of. */
struct looker {
	struct bus *b;
	volatile bool stop;
	unsigned int bad;
};

static void *looker(void *arg)
{
	struct looker *l = arg;

	while (!l->stop) {
		uint32_t v = bar_rd(l->b, 1, 3 * PAGE + 16) & 0xffffff;

		/* Either file's word, or the register memory that stands behind the trap. */
		l->bad += v != 3 * PAGE / 4 + 4 && v != 0xdead;
	}
	return NULL;
}

static int guest_threads(struct bus *b)
{
	struct looker l[3] = { { b, false, 0 }, { b, false, 0 }, { b, false, 0 } };
	pthread_t th[3];

	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&th[i], NULL, looker, &l[i]));
	for (unsigned int i = 0; i < 200; i++) {
		command(b, MAP);
		CHECK(bar_rd(b, 1, 4 * PAGE) == 4 * PAGE / 4);
		command(b, SWAP);
		CHECK(bar_rd(b, 1, 4 * PAGE) == (1u << 24 | 4 * PAGE / 4));
		if (i % 3 == 0) {
			command(b, UNMAP);
			CHECK(bar_rd(b, 1, 4 * PAGE) == 0xdead);
		}
	}
	for (int i = 0; i < 3; i++) {
		l[i].stop = true;
		pthread_join(th[i], NULL);
		CHECK(!l[i].bad);
	}
	return 0;
}

static void test_threads(void **state)
{
	assert_int_equal(run(*state, guest_threads), 0);
}

/* A child's accesses trap; the parent's windows stay. */
static int guest_fork(struct bus *b)
{
	uint32_t before;
	int st;
	pid_t pid;

	command(b, MAP);
	CHECK(bar_rd(b, 1, 4) == 1);
	before = bus_rd32(b, 0x904);
	pid = fork();
	if (!pid) {
		/* Its store goes through the mediator, to the register memory. */
		bar_wr(b, 1, 64, 5);
		_exit(bar_rd(b, 1, 64) == 5 ? 0 : 1);
	}
	CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st) && !WEXITSTATUS(st));
	CHECK(bus_rd32(b, 0x904) == before + 2);
	CHECK(bar_rd(b, 1, 64) == 16);
	CHECK(bus_rd32(b, 0x904) == before + 2);
	return 0;
}

static void test_fork(void **state)
{
	assert_int_equal(run(*state, guest_fork), 0);
}

/* A bus that is closed and opened anew asks for the files again. */
static int guest_reopen(struct bus *b)
{
	char msg[200];

	command(b, MAP);
	for (int i = 0; i < 5; i++) {
		CHECK(bar_rd(b, 1, 8) == 2);
		bus_close(b);
		CHECK(!bus_guest_open(&b, msg, sizeof msg));
	}
	CHECK(bar_rd(b, 1, 8) == 2);
	CHECK(bus_rd32(b, 0x904) == 0);
	return 0;
}

static void test_reopen(void **state)
{
	assert_int_equal(run(*state, guest_reopen), 0);
}

/* A page copy by a string instruction runs on in the window; a system call can be given it. */
static int guest_strings(struct bus *b)
{
	static uint8_t buf[NR * PAGE], back[NR * PAGE];
	struct stat st;
	int p[2];

	for (unsigned int i = 0; i < sizeof buf; i++)
		buf[i] = (uint8_t)(i * 7);
	command(b, MAP);
	b->ops->bar_wr(b, 1, 0, buf, sizeof buf);
	b->ops->bar_rd(b, 1, 0, back, sizeof back);
	CHECK(!memcmp(buf, back, sizeof buf));
	command(b, ACTS); /* the first page traps, the others do not */
	b->ops->bar_rd(b, 1, PAGE - 64, back, 4 * PAGE);
	CHECK(!memcmp(back + 64, buf + PAGE, 4 * PAGE - 64));
	CHECK(!b->ops->bar_map(b, 1, PAGE, PAGE));
	CHECK(!pipe(p) && fstat(p[0], &st) == 0);
	CHECK(write(p[1], (uint8_t *)b->ops->bar_cpu(b, 1) + PAGE, 512) == 512);
	CHECK(read(p[0], back, 512) == 512 && !memcmp(back, buf + PAGE, 512));
	return 0;
}

static void test_strings(void **state)
{
	assert_int_equal(run(*state, guest_strings), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_and_out, win_setup, win_teardown),
		cmocka_unit_test_setup_teardown(test_ram_window, win_setup, win_teardown),
		cmocka_unit_test_setup_teardown(test_ordered, win_setup, win_teardown),
		cmocka_unit_test_setup_teardown(test_threads, win_setup, win_teardown),
		cmocka_unit_test_setup_teardown(test_fork, win_setup, win_teardown),
		cmocka_unit_test_setup_teardown(test_reopen, win_setup, win_teardown),
		cmocka_unit_test_setup_teardown(test_strings, win_setup, win_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

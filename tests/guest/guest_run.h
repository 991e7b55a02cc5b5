/* SPDX-License-Identifier: MIT */
/*
 * Process guests for tests: a forked child opens the guest bus and runs a
 * function on it, this process serves it as a mediator whose registers are
 * memory.  A child says by its exit status whether it saw what it should.
 */
#ifndef TESTS_GUEST_GUEST_RUN_H
#define TESTS_GUEST_GUEST_RUN_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/hv/process.h"
#include "pv-driver/bus.h"
#include "pv-driver/proc_client.h"

#define RAM (16u << 20)
#define REGS 4096u
#define DEADLINE 60000000000ull /* only so that a lost wake-up is a failure and not a hang */

struct core {
	unsigned int attached, detached;
	uint8_t mem[NR_HV_SPACES][REGS];
	uint64_t log[64]; /* values stored at BAR0 0x800, in order */
	unsigned int nr_log;
	uint64_t sizes; /* one bit per size of a store */
	void (*during)(struct hv_guest *, struct hv_access *);
};

static int up_attach(void *c, struct hv_guest *g)
{
	g->vgpu = c;
	((struct core *)c)->attached++;
	return 0;
}

static void up_detach(void *c, struct hv_guest *g)
{
	(void)g;
	((struct core *)c)->detached++;
}

static int up_access(void *cp, struct hv_guest *g, struct hv_access *a)
{
	struct core *c = cp;

	if (c->during)
		c->during(g, a);
	if (a->write && a->space == HV_BAR0 && a->off == 0x800 && c->nr_log < 64)
		c->log[c->nr_log++] = a->val;
	if (a->write)
		c->sizes |= a->size;
	if (a->off + a->size > REGS)
		a->val = a->write ? a->val : 0xdead;
	else if (a->write)
		memcpy(&c->mem[a->space][a->off], &a->val, a->size);
	else
		memcpy(&a->val, &c->mem[a->space][a->off], a->size);
	return 0;
}

static const struct hv_up up = { .attach = up_attach, .detach = up_detach, .access = up_access };

struct fix {
	struct core core;
	struct hv *hv;
	bool posted;
};

static int setup(void **state)
{
	static struct fix f;

	memset(&f, 0, sizeof f);
	f.posted = true;
	*state = &f;
	return hv_process_open(&up, &f.core, NULL, &f.hv);
}

static int teardown(void **state)
{
	struct fix *f = *state;

	hv_close(f->hv);
	assert_int_equal(f->core.attached, f->core.detached);
	return 0;
}

typedef int guest_main(struct bus *);

/*
 * What exec would do to a real guest program: only its own descriptors remain.
 * With the mediator's ends open here the guest would keep its own mediator alive.
 */
static void keep_only(const struct hv_process_fds *k)
{
	for (int fd = 3; fd < 256; fd++)
		if (fd != k->ring && fd != k->ram && fd != k->irq && fd != k->kick && fd != k->life)
			close(fd);
}

/* Starts a guest; fn's answer is its exit status.  *g may be NULL. */
static pid_t guest_start(struct fix *f, guest_main *fn, struct hv_guest **g, int err_fd)
{
	struct hv_process_cfg c = { .name = "child",
				    .ram_len = RAM,
				    .bar_len = { 1 << 24, 1 << 27, 0, 1 << 26, 0, 4096 },
				    .posted = f->posted,
				    .ordered = { { HV_BAR0, 0x900, 0x200 } } };
	struct hv_process_fds fds;
	struct hv_guest *guest;
	struct bus *b;
	char env[64], msg[200];
	pid_t pid;

	assert_int_equal(hv_process_guest_new(f->hv, &c, &guest, &fds), 0);
	pid = fork();
	if (!pid) {
		if (err_fd >= 0)
			dup2(err_fd, STDERR_FILENO);
		keep_only(&fds);
		snprintf(env, sizeof env, "%d,%d,%d,%d,%d", fds.ring, fds.ram, fds.irq, fds.kick, fds.life);
		setenv(PROC_ENV, env, 1);
		if (bus_guest_open(&b, msg, sizeof msg)) {
			fprintf(stderr, "%s\n", msg);
			_exit(99);
		}
		_exit(fn(b));
	}
	close(fds.ring);
	close(fds.ram);
	close(fds.irq);
	close(fds.kick);
	close(fds.life);
	if (g)
		*g = guest;
	return pid;
}

/* Serves as a mediator does: spin a little, then sleep. */
static void serve_once(struct fix *f)
{
	struct pollfd p = { .fd = hv_poll_fd(f->hv), .events = POLLIN };

	for (int i = 0; i < 200; i++)
		if (hv_dispatch(f->hv, 64) > 0)
			return;
	if (!hv_arm(f->hv))
		poll(&p, 1, 20);
	hv_dispatch(f->hv, 64);
}

/* Serves until pid ended and its guest was detached; answers its wait status. */
static int serve(struct fix *f, pid_t pid)
{
	uint64_t end = clock_ns() + DEADLINE;
	unsigned int want = f->core.detached + 1;
	int status = -1;
	bool gone = false;

	while (!gone || f->core.detached < want) {
		serve_once(f);
		if (!gone && waitpid(pid, &status, WNOHANG) == pid)
			gone = true;
		if (clock_ns() > end) {
			kill(pid, SIGKILL);
			fail_msg("guest hangs");
		}
	}
	return status;
}

static int run(struct fix *f, guest_main *fn)
{
	int st = serve(f, guest_start(f, fn, NULL, -1));

	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

/* In a guest: the line of the first thing that is wrong. */
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "guest: line %d: %s\n", __LINE__, #x);                     \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

#endif

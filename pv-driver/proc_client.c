// SPDX-License-Identifier: MIT
/*
 * The guest half of the ring: take a position, fill it, wait for the answer.
 *
 * 1. Runs in signal handlers: atomics, futex, write and poll only.
 * 2. Nothing here waits for ever: every sleep ends after PROC_POKE_NS, pokes
 *    the mediator (it may have to step over a position whose taker died) and
 *    looks whether there still is a mediator.
 */
#include "pv-driver/proc_client.h"

#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * In polls of some 10 to 40 ns.  Enough for an access that a spinning mediator
 * serves at once; a sleeping one needs longer to wake than is worth burning.
 */
#define SPIN_MAX 2048u
/* An event to the other end of a port of /dev/xen/evtchn.  [Linux: include/uapi/xen/evtchn.h] */
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, 4)

void proc_client_init(struct proc_client *c, struct proc_ring *ring, int kick, int life,
		      uint32_t spin_max)
{
	cpu_set_t set;

	if (spin_max == PROC_SPIN_AUTO) {
		/* Alone on its processor, a spinning guest keeps the mediator from running. */
		spin_max = SPIN_MAX;
		if (!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) < 2)
			spin_max = 0;
	}
	*c = (struct proc_client){
		.ring = ring,
		.kick = kick,
		.life = life,
		.posted = ring->flags & PROC_FLAG_POSTED,
	};
	proc_spin_init(&c->spin, spin_max);
}

__attribute__((noreturn)) static void client_die(const char *why, size_t n)
{
	static const char head[] = "gpuvm: this guest was ended: ";
	char line[sizeof head + sizeof((struct proc_ring *)0)->why + 1];
	size_t len = sizeof head - 1;
	ssize_t r;

	memcpy(line, head, len);
	while (n-- && *why)
		line[len++] = *why++;
	line[len++] = '\n';
	r = write(STDERR_FILENO, line, len);
	(void)r;
	_exit(PROC_EXIT_DEAD);
}

void proc_client_check(struct proc_client *c)
{
	static const char gone[] = "the mediator is gone";
	struct pollfd p = { .fd = c->life, .events = POLLRDHUP };

	if (__atomic_load_n(&c->ring->dead, __ATOMIC_ACQUIRE))
		client_die(c->ring->why, sizeof c->ring->why);
	if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLRDHUP | POLLERR)) {
		/* A mediator that ends one guest says so before it hangs up. */
		if (__atomic_load_n(&c->ring->dead, __ATOMIC_ACQUIRE))
			client_die(c->ring->why, sizeof c->ring->why);
		client_die(gone, sizeof gone);
	}
}

void proc_client_far(struct proc_client *c, struct proc_far *far)
{
	c->far = far;
}

static void client_kick(struct proc_client *c)
{
	const uint64_t one = 1;
	uint32_t port;
	ssize_t r;

	if (c->far && c->far->port) {
		port = c->far->port;
		ioctl(c->kick, EVTCHN_NOTIFY, &port);
		return;
	}
	r = write(c->kick, &one, sizeof one);

	/* EAGAIN: 2^64 - 2 kicks that nobody read, one of which arrived. */
	(void)r;
}

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

/* Polls until seq is above past; answers it, or past or less if it took too long. */
static uint64_t client_spin(struct proc_client *c, struct proc_slot *s, uint64_t past)
{
	uint64_t seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
	uint32_t budget;

	/* Already there: that says nothing of how long waits are. */
	if ((int64_t)(seq - past) > 0)
		return seq;
	budget = proc_spin_budget(&c->spin);
	for (uint32_t i = 0; i < budget && (int64_t)(seq - past) <= 0; i++) {
		cpu_relax();
		seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
	}
	proc_spin_result(&c->spin, budget, (int64_t)(seq - past) > 0);
	return seq;
}

/* Waits until seq is above past and answers it. */
static uint64_t client_wait(struct proc_client *c, struct proc_slot *s, uint64_t past)
{
	const struct timespec poke = { .tv_sec = PROC_POKE_NS / 1000000000ull,
				       .tv_nsec = PROC_POKE_NS % 1000000000ull };
	uint32_t *bed = c->far ? &c->far->wakes : &s->waiting, quiet = 1;
	uint64_t seq = client_spin(c, s, past);
	long r;

	while ((int64_t)(seq - past) <= 0) {
		if (c->far)
			quiet = __atomic_load_n(bed, __ATOMIC_SEQ_CST);
		__atomic_store_n(&s->waiting, 1, __ATOMIC_SEQ_CST);
		seq = __atomic_load_n(&s->seq, __ATOMIC_SEQ_CST);
		if ((int64_t)(seq - past) > 0)
			break;
		/* Dead is set before the last wake, so after it there is no sleeping through. */
		if (__atomic_load_n(&c->ring->dead, __ATOMIC_SEQ_CST))
			proc_client_check(c);
		r = syscall(SYS_futex, bed, FUTEX_WAIT, quiet, &poke, NULL, 0);
		if (r < 0 && errno == ETIMEDOUT) {
			client_kick(c);
			proc_client_check(c);
		}
		seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
	}
	return seq;
}

/* Writes the request to a position of its own; answers the position. */
static uint64_t client_fill(struct proc_client *c, const struct proc_slot *req)
{
	struct proc_slot *s;
	uint64_t pos, seq;

	do {
		pos = __atomic_fetch_add(&c->ring->head, 1, __ATOMIC_ACQ_REL);
		s = &c->ring->slot[pos % PROC_SLOTS];
		seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
		if ((int64_t)(seq - pos) < 0)
			seq = client_wait(c, s, pos - 1);
		if (seq != pos)
			continue; /* stepped over: we were stopped too long */
		__atomic_store_n(&s->off, req->off, __ATOMIC_RELAXED);
		__atomic_store_n(&s->space, req->space, __ATOMIC_RELAXED);
		__atomic_store_n(&s->size, req->size, __ATOMIC_RELAXED);
		__atomic_store_n(&s->write, req->write, __ATOMIC_RELAXED);
		__atomic_store_n(&s->val, req->val, __ATOMIC_RELAXED);
	} while (seq != pos || !__atomic_compare_exchange_n(&s->seq, &seq, pos + 1, false,
							    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (__atomic_load_n(&c->ring->asleep, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&c->ring->asleep, 0, __ATOMIC_SEQ_CST))
		client_kick(c);
	return pos;
}

/* Another thread of ours may wait for the slot that this one has freed. */
static void client_wake(struct proc_client *c, struct proc_slot *s)
{
	if (!__atomic_load_n(&s->waiting, __ATOMIC_SEQ_CST) ||
	    !__atomic_exchange_n(&s->waiting, 0, __ATOMIC_SEQ_CST))
		return;
	if (c->far)
		__atomic_add_fetch(&c->far->wakes, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, c->far ? &c->far->wakes : &s->waiting, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Takes the answer of pos and frees the slot; false if it was stepped over meanwhile. */
static bool client_collect(struct proc_client *c, uint64_t pos, uint64_t *val)
{
	struct proc_slot *s = &c->ring->slot[pos % PROC_SLOTS];
	uint64_t seq = client_wait(c, s, pos + 1);

	if (seq != pos + 2)
		return false;
	*val = __atomic_load_n(&s->val, __ATOMIC_RELAXED);
	if (!__atomic_compare_exchange_n(&s->seq, &seq, pos + PROC_SLOTS, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return false;
	client_wake(c, s);
	return true;
}

static void client_posted(struct proc_client *c, uint64_t pos)
{
	uint64_t to = __atomic_load_n(&c->posted_to, __ATOMIC_RELAXED);

	while (to <= pos && !__atomic_compare_exchange_n(&c->posted_to, &to, pos + 1, false,
							 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void proc_client_settle(struct proc_client *c)
{
	uint64_t to = __atomic_load_n(&c->posted_to, __ATOMIC_ACQUIRE);

	/* Positions are served in order. */
	if (to)
		client_wait(c, &c->ring->slot[(to - 1) % PROC_SLOTS], to - 1 + PROC_SLOTS - 1);
}

uint64_t proc_client_access(struct proc_client *c, uint32_t space, uint32_t off, uint8_t size,
			    bool write, uint64_t val)
{
	const struct proc_slot req = {
		.off = off, .space = (uint8_t)space, .size = size, .write = write, .val = val
	};
	uint64_t pos;

	do {
		if (__atomic_load_n(&c->ring->dead, __ATOMIC_ACQUIRE))
			proc_client_check(c);
		pos = client_fill(c, &req);
		if (write && c->posted) {
			client_posted(c, pos);
			return 0;
		}
		/* A store that was served and then stepped over must not be done twice. */
	} while (!client_collect(c, pos, &val) && !write);
	if (write)
		return 0;
	return size == 8 ? val : val & ((1ull << size * 8) - 1);
}

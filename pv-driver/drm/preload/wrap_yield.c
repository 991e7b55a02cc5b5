// SPDX-License-Identifier: MIT
/*
 * sched_yield: how Mesa waits for a fence, eight looks at a time, for as long as
 * it takes [nouveau_fence_wait in nouveau_fence.c].  With a board that costs a
 * processor nobody needs; here it takes one from the shader cores.
 *
 * Always true: a thread that keeps yielding sleeps no longer than an eighth of
 * the time it has waited, so a wait gets at most that much longer.  Without a
 * GPU, and with GPUVM_SPIN in the environment, the call is the C library's.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "gpuvm/base/clock.h"
#include "pv-driver/drm/preload/preload.h"

#define SPIN_NS 100000ull  /* below that a sleep would cost more than it gives */
#define SAME_NS 100000ull  /* calls this close are one wait */
#define SLEEP_NS 1000000ull
#define SHARE 8

typedef int yield_fn(void);

/* A thread's wait. */
static __thread uint64_t first, last;

EXPORT int sched_yield(void)
{
	static void *slot;
	uint64_t now, left;
	struct timespec t = { 0, 0 };
	int saved = errno;

	if (!node_started() || getenv("GPUVM_SPIN"))
		return ((yield_fn *)real_sym(&slot, "sched_yield"))();
	now = clock_ns();
	if (now - last > SAME_NS)
		first = now;
	last = now;
	if (now - first < SPIN_NS)
		return ((yield_fn *)real_sym(&slot, "sched_yield"))();
	left = (now - first) / SHARE;
	t.tv_nsec = (long)(left < SLEEP_NS ? left : SLEEP_NS);
	nanosleep(&t, NULL);
	last = clock_ns();
	errno = saved;
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Bringing up what stands behind a render node.
 *
 * Always true: threads that start here block every signal but the processor's
 * own; a program's signals are none of their business.
 */
#include "pv-driver/drm/card.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/dev.h"
#include "pv-driver/bus.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"
#include "pv-driver/proc_abi.h"

#define LOOK_NS 100000000u /* how often the time limit is looked at, at least */
#define TIMEOUT_NS 30000000000ull /* for the GPU's own answers; a software one may be starved */

void drm_card_free(struct drm_card *c)
{
	if (!c)
		return;
	nvdrm_free(c->drm);
	drv_close(c->drv);
	bus_close(c->bus);
	dev_close(c->dev);
	mem_free(c);
}

static int open_bus(struct drm_card *c, char *msg, size_t n)
{
	const char *native = getenv("GPUVM_NATIVE");
	int err;

	if (getenv(PROC_ENV))
		return bus_guest_open(&c->bus, msg, n);
	if (!native) {
		snprintf(msg, n, "the program lost its environment: no GPU");
		return -ENODEV;
	}
	err = dev_open(native, &c->log, &c->dev, msg, n);
	if (!err) {
		err = bus_native_open(c->dev, &c->bus);
		if (!err)
			err = bus_native_share(c->bus);
		if (err)
			snprintf(msg, n, "%s cannot be driven: %s", native, strerror(-err));
	}
	return err;
}

static void *limit_main(void *arg)
{
	struct drm_card *c = arg;
	uint64_t look = c->limit_ns / 4 < LOOK_NS ? c->limit_ns / 4 : LOOK_NS;
	const struct timespec t = { .tv_nsec = (long)look };

	for (;;) {
		nanosleep(&t, NULL);
		nvdrm_limit(c->drm, clock_ns(), c->limit_ns);
	}
	return NULL;
}

/* GPUVM_LIMIT: for programs without a mediator that would watch over them. */
static int limit_start(struct drm_card *c)
{
	const char *ms = getenv("GPUVM_LIMIT");
	pthread_t t;

	c->limit_ns = ms ? strtoull(ms, NULL, 10) * 1000000 : 0;
	return c->limit_ns ? -pthread_create(&t, NULL, limit_main, c) : 0;
}

static int build(struct drm_card *c, const struct drv_cfg *cfg, char *msg, size_t n)
{
	int err;

	err = open_bus(c, msg, n);
	if (!err)
		err = drv_open(c->bus, cfg, &c->drv, msg, n);
	if (!err)
		err = nvdrm_new(c->drv, &c->drm);
	if (!err)
		err = limit_start(c);
	if (err && n && !msg[0])
		snprintf(msg, n, "%s", strerror(-err));
	return err;
}

int drm_card_new(const struct drm_card_cfg *want, struct drm_card **out, char *msg, size_t n)
{
	struct drm_card *c = mem_new(struct drm_card);
	struct drv_cfg cfg = { .timeout_ns = TIMEOUT_NS, .lost = want->lost,
			       .lost_arg = want->lost_arg, .no_keep = want->shared };
	sigset_t all, old;
	int err;

	if (n)
		msg[0] = '\0';
	if (!c) {
		snprintf(msg, n, "out of memory");
		return -ENOMEM;
	}
	c->log = (struct log){ stderr, LOG_WARN, "gpuvm" };
	cfg.log = &c->log;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = build(c, &cfg, msg, n);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		drm_card_free(c);
	else
		*out = c;
	return err;
}

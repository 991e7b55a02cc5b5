// SPDX-License-Identifier: MIT
/*
 * PTIMER: a nanosecond counter with an alarm.
 *
 * Always true: the counter is the device's clock plus an offset, so it moves
 * whenever the clock does and nobody has to tick it.  alarm_at is the next
 * counter value whose low half is PTIMER_ALARM.  Under the real clock a thread
 * sleeps until then; under the manual one advance() looks.
 */
#include <time.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/private.h"

/* The counter's resolution: bits 0-4 of the low half read 0. */
#define TIME_LO_MASK 0xffffffe0u

struct alarm {
	pthread_t thread;
	pthread_cond_t changed; /* alarm_at or the offset; with sim.lock */
	bool running, stop;
};

static void drive(struct sim *s)
{
	sim_intr(s, PMC_INTR_PTIMER,
		 sim_reg_load(s, NV_PTIMER_INTR) & sim_reg_load(s, NV_PTIMER_INTR_EN) & 1);
}

/* The next time, strictly later than now, whose low half is ALARM. */
static void set_alarm(struct sim *s)
{
	uint64_t now = sim_ptimer(s);
	uint32_t wait = sim_reg_load(s, NV_PTIMER_ALARM) - lo32(now);

	s->alarm_at = now + (wait ? wait : 1ull << 32);
	if (s->alarm)
		pthread_cond_signal(&s->alarm->changed);
}

/* The counter may be set close to its end: compare as a difference. */
static bool due(struct sim *s)
{
	return (int64_t)(sim_ptimer(s) - s->alarm_at) >= 0;
}

void ptimer_check(struct sim *s)
{
	if (!due(s))
		return;
	sim_reg_store(s, NV_PTIMER_INTR, 1);
	set_alarm(s);
	drive(s);
}

static void set_time(struct sim *s, uint64_t t)
{
	__atomic_store_n(&s->ptimer_offset, t - sim_now(s), __ATOMIC_RELEASE);
	set_alarm(s);
}

void ptimer_reset(struct sim *s)
{
	set_time(s, 0);
}

static uint32_t ptimer_rd(struct sim *s, uint32_t off)
{
	switch (off) {
	case NV_PTIMER_TIME_LO:
		return lo32(sim_ptimer(s)) & TIME_LO_MASK;
	case NV_PTIMER_TIME_HI:
		return hi32(sim_ptimer(s));
	default:
		return sim_reg_rd(s, off);
	}
}

static void ptimer_wr(struct sim *s, uint32_t off, uint32_t val)
{
	uint64_t now = sim_ptimer(s);

	switch (off) {
	case NV_PTIMER_TIME_LO:
		set_time(s, (uint64_t)hi32(now) << 32 | val);
		return;
	case NV_PTIMER_TIME_HI:
		set_time(s, (uint64_t)val << 32 | lo32(now));
		return;
	case NV_PTIMER_ALARM:
		sim_reg_store(s, off, val);
		set_alarm(s);
		return;
	default:
		sim_reg_wr(s, off, val);
		drive(s);
	}
}

static void *alarm_main(void *arg)
{
	struct sim *s = arg;
	struct alarm *a = s->alarm;

	pthread_mutex_lock(&s->lock);
	while (!a->stop) {
		/* What alarm_at is on the clock that the wait below goes by. */
		uint64_t at = clock_ns() + (s->alarm_at - sim_ptimer(s));
		struct timespec t = { .tv_sec = (time_t)(at / 1000000000ull),
				      .tv_nsec = (long)(at % 1000000000ull) };

		if (!due(s))
			pthread_cond_timedwait(&a->changed, &s->lock, &t);
		ptimer_check(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int ptimer_start(struct sim *s)
{
	pthread_condattr_t attr;
	struct alarm *a;
	int err;

	if (s->cfg.manual_clock)
		return 0;
	a = mem_new(struct alarm);
	if (!a)
		return -ENOMEM;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->changed, &attr);
	pthread_condattr_destroy(&attr);
	s->alarm = a;
	err = pthread_create(&a->thread, NULL, alarm_main, s);
	a->running = !err;
	return -err;
}

void ptimer_stop(struct sim *s)
{
	struct alarm *a = s->alarm;

	if (!a)
		return;
	if (a->running) {
		pthread_mutex_lock(&s->lock);
		a->stop = true;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&s->lock);
		pthread_join(a->thread, NULL);
	}
	pthread_cond_destroy(&a->changed);
	mem_free(a);
	s->alarm = NULL;
}

const struct sim_unit ptimer_units[] = {
	{ "PTIMER", 0x009100, 0x009ffc, ptimer_rd, ptimer_wr },
	{ 0 },
};

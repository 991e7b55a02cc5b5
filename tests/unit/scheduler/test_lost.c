// SPDX-License-Identifier: MIT
/*
 * An engine that is late (a host that does not run it) and guests that think:
 * caps are parts of the engine's own time, and wfq waits for whom it is worth to.
 * Time is moved by hand.
 */
#include "tests/t.h"

#include <string.h>

#include "scheduler/sched.h"
#include "scheduler/think.h"

#define US 1000ull
#define MS 1000000ull

struct room {
	struct sched *s;
	struct sched_work *on;
	uint64_t had[2];
};

static int take(void *core, struct sched_work *w)
{
	struct room *m = core;

	assert_null(m->on);
	m->on = w;
	return 0;
}

static void dropped(void *core, struct sched_work *w)
{
	struct room *m = core;

	if (m->on == w)
		m->on = NULL;
}

static const struct sched_backend backend = { take, dropped };

static void room_open(struct room *m, const char *spec, struct sched_ent **ent, uint32_t cap)
{
	struct sched_choice c;
	char msg[300];

	memset(m, 0, sizeof(*m));
	assert_int_equal(sched_new(&sched_fifo, &backend, m, 1, 0, &m->s), 0);
	assert_int_equal(sched_choice_open(spec, &c, msg, sizeof(msg)), 0);
	assert_int_equal(sched_use(m->s, &c, 0), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct sched_ent_cfg cfg = { .name = i ? "b" : "a", .cap_pct = i ? 0 : cap };

		assert_int_equal(sched_ent_new(m->s, &cfg, 0, &ent[i]), 0);
	}
}

static void room_close(struct room *m, struct sched_ent **ent, uint64_t now)
{
	for (uint32_t i = 0; i < 2; i++)
		sched_ent_free(ent[i], now);
	sched_free(m->s);
}

/* Both always have work of 1 ms; each has the engine for `span`.  Answers a's part in percent of the engine's time. */
static double part_of_a(const char *spec, uint32_t cap, uint64_t span)
{
	struct sched_ent *ent[2];
	uint64_t now = 0, again;
	struct room m;
	double part;

	room_open(&m, spec, ent, cap);
	while (now < 4000 * MS) {
		for (uint32_t i = 0; i < 2; i++)
			while (ent[i]->nr_queued < 2)
				assert_int_equal(sched_submit(ent[i], 0, NULL, now, NULL), 0);
		again = sched_pump(m.s, now);
		if (m.on) {
			struct sched_work *w = m.on;

			now += span;
			m.on = NULL;
			m.had[w->ent == ent[1]] += MS;
			sched_done(w, MS, now);
		} else {
			assert_true(again != SCHED_NEVER && again > now);
			now = again;
		}
	}
	part = 100.0 * (double)m.had[0] / (double)(now - m.s->lost[0]);
	assert_true(m.s->lost[0] == (m.had[0] + m.had[1]) / MS * (span - MS));
	/* A cap is no reason to let the engine stand: the other one has work. */
	assert_true(now - m.s->lost[0] - m.had[0] - m.had[1] < now / 50);
	room_close(&m, ent, now);
	return part;
}

/* A cap is a part of what the engine did, however late the host runs it. */
static void caps_of_a_late_engine(void **state)
{
	static const char *const specs[] = { "rr", "equal", "wfq", "edf" };
	static const uint64_t spans[] = { MS, 1300 * US, 3 * MS };

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++)
		for (size_t k = 0; k < 3; k++) {
			double part = part_of_a(specs[i], 30, spans[k]);

			if (part < 29 || part > 31)
				fail_msg("%s, %llu us for 1 ms: %.2f %% with a cap of 30 %%", specs[i],
					 (unsigned long long)(spans[k] / US), part);
		}
}

static void habits(void **state)
{
	struct think t = { 0 };
	uint64_t now = 1;

	(void)state;
	assert_true(think_worth(&t, 100)); /* nothing is known */
	/* In two works of 1 ms it works 2 ms, then is away for 1.5 ms. */
	for (int i = 0; i < 50; i++) {
		think_ran(&t, MS);
		think_ran(&t, MS);
		think_left(&t, now);
		now += 1500 * US;
		think_back(&t, 2 * MS, now);
	}
	assert_true(think_worth(&t, 100));
	assert_true(think_worth(&t, 76));
	assert_false(think_worth(&t, 70));
	/* Away for long: each wait would be in vain. */
	for (int i = 0; i < 50; i++) {
		think_ran(&t, 2 * MS);
		think_left(&t, now);
		now += 30 * MS;
		think_back(&t, 2 * MS, now);
	}
	assert_false(think_worth(&t, 1000));
	/* And back again. */
	for (int i = 0; i < 100; i++) {
		think_ran(&t, 2 * MS);
		think_left(&t, now);
		now += 100 * US;
		think_back(&t, 2 * MS, now);
	}
	assert_true(think_worth(&t, 20));
	/* Held back by its cap it learns nothing. */
	think_ran(&t, MS);
	think_left(&t, now);
	think_held(&t);
	think_back(&t, 2 * MS, now + 1000 * MS);
	assert_true(think_worth(&t, 20));
}

/*
 * a works 1 ms and thinks 0.8 ms, b floods with works of 6 ms: by default they
 * share; the engine stands still for no more than a works.
 */
static void thinkers_share(void **state)
{
	struct sched_ent *ent[2];
	uint64_t now = 0, back = 0, again, idle;
	struct room m;
	double part;

	(void)state;
	room_open(&m, "wfq", ent, 0);
	while (now < 4000 * MS) {
		uint64_t next;

		while (ent[1]->nr_queued < 2)
			assert_int_equal(sched_submit(ent[1], 0, NULL, now, NULL), 0);
		if (back && now >= back) {
			assert_int_equal(sched_submit(ent[0], 0, NULL, now, NULL), 0);
			back = 0;
		} else if (!back && !ent[0]->nr_queued && !(m.on && m.on->ent == ent[0]) && !now) {
			back = 800 * US;
		}
		again = sched_pump(m.s, now);
		if (m.on) {
			struct sched_work *w = m.on;
			uint32_t who = w->ent == ent[1];
			uint64_t len = who ? 6 * MS : MS;

			m.on = NULL;
			/* a may come back while b's runs. */
			if (back && back < now + len) {
				assert_int_equal(sched_submit(ent[0], 0, NULL, back, NULL), 0);
				back = 0;
			}
			now += len;
			m.had[who] += len;
			sched_done(w, len, now);
			back = who ? back : now + 800 * US;
			continue;
		}
		next = back && back < again ? back : again;
		assert_true(next != SCHED_NEVER && next > now);
		now = next;
	}
	part = (double)m.had[0] / (double)(m.had[0] + m.had[1]);
	idle = now - m.had[0] - m.had[1];
	if (part < 0.48 || part > 0.52 || idle > m.had[0])
		fail_msg("a has %.3f, the engine stood still for %llu ms", part, (unsigned long long)(idle / MS));
	room_close(&m, ent, now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caps_of_a_late_engine),
		cmocka_unit_test(habits),
		cmocka_unit_test(thinkers_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * The simulator: the figures that policies are chosen by, its measures against
 * numbers worked out by hand, its input formats, and that the same seed gives
 * the same run.
 */
#include "tests/t.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/record.h"
#include "scheduler/simulator/fluid.h"
#include "scheduler/simulator/playback.h"
#include "scheduler/simulator/report.h"

static char msg[400];

static struct virt_result run_mix(const struct mix *m, const char *policy, uint64_t seed)
{
	struct sched_choice c;
	struct virt_cfg cfg = { .mix = m, .choice = &c, .seed = seed };
	struct virt_result r = { 0 };

	if (sched_choice_open(policy, &c, msg, sizeof(msg)) || virt_run(&cfg, &r, msg, sizeof(msg)))
		fail_msg("%s: %s", policy, msg);
	return r;
}

static struct mix mix_of(const char *name)
{
	struct mix m;

	if (mix_open(name, &m, msg, sizeof(msg)))
		fail_msg("%s", msg);
	return m;
}

/* min <= v <= max, with the numbers in the line if not. */
static void within(const char *what, double v, double min, double max)
{
	if (v < min || v > max)
		fail_msg("%s is %f, not %f to %f", what, v, min, max);
}

/* FIFO and CREDIT unfair, BAND nearly fair, wfq fair in each window: the published experiment's shape. */
static void test_gdev(void **state)
{
	static const struct {
		const char *policy;
		double least, most, worst;
	} want[] = { { "fifo", 0.64, 0.69, 0 }, { "credit", 0.64, 0.69, 0 }, { "band", 0.96, 0.992, 0 },
		     { "wfq", 0.995, 1, 0.97 }, { "dfq", 0.995, 1, 0.97 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct mix m = mix_of("gdev");
			struct virt_result r = run_mix(&m, want[i].policy, seed);

			within(want[i].policy, r.engine[0]->jain, want[i].least, want[i].most);
			within(want[i].policy, r.engine[0]->worst_window, want[i].worst, 1);
			assert_int_equal(r.engine[0]->counted, 170);
			virt_result_free(&r);
			mix_free(&m);
		}
}

static void test_weights(void **state)
{
	static const char *const policy[] = { "wfq", "wfq:grace=0", "edf", "equal", "fixed", "dfq" };
	static const struct {
		const char *mix;
		double share;
	} want[] = { { "equal2", 0.5 }, { "weights13", 0.25 }, { "weights19", 0.1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(policy); i++)
		for (size_t k = 0; k < ARRAY_SIZE(want); k++) {
			struct mix m = mix_of(want[k].mix);
			struct virt_result r = run_mix(&m, policy[i], 1);

			within(policy[i], r.engine[0]->guest[0].share, want[k].share - 0.02,
			       want[k].share + 0.02);
			virt_result_free(&r);
			mix_free(&m);
		}
}

/* Nobody who keeps the engine busy is ever owed more than one longest unit. */
static void test_lag_bound(void **state)
{
	static const char *const mixes[] = { "mixed", "weights13", "weights19", "equal2", "crowd64", "endless" };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(mixes); k++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct mix m = mix_of(mixes[k]);
			struct virt_result r = run_mix(&m, "wfq:grace=0", seed);

			within(mixes[k], r.engine[0]->max_lag / (double)r.engine[0]->unit, 0.01, 1);
			virt_result_free(&r);
			mix_free(&m);
		}
}

static void test_cap_and_latency(void **state)
{
	struct mix m = mix_of("cap30");
	struct virt_result r = run_mix(&m, "wfq", 1);

	(void)state;
	within("the capped guest's part", r.engine[0]->guest[0].busy, 0.28, 0.32);
	virt_result_free(&r);
	mix_free(&m);
	m = mix_of("latency");
	r = run_mix(&m, "edf", 1);
	/* Two slices of 1 ms. */
	within("p99 of the 1 ms job, ms", (double)hist_at(&r.engine[0]->guest[0].response, 0.99) / 1e6, 0.1, 2);
	within("utilisation", r.engine[0]->utilisation, 0.999, 1);
	virt_result_free(&r);
	mix_free(&m);
}

/* A guest that pauses for longer than it works is waited for by who is told to be patient only. */
static void test_patience(void **state)
{
	static const char text[] = "time 60s\n"
				   "guest a loop size=2ms think=2500us\n"
				   "guest b loop size=12ms think=500us\n";
	struct virt_result r;
	struct mix m;

	(void)state;
	if (mix_parse("pauses", text, &m, msg, sizeof(msg)))
		fail_msg("%s", msg);
	r = run_mix(&m, "wfq:grace=10ms", 1);
	within("impatient", r.engine[0]->guest[0].busy, 0.05, 0.25);
	virt_result_free(&r);
	r = run_mix(&m, "wfq:grace=10ms,patience=200", 1);
	within("patient", r.engine[0]->jain, 0.995, 1);
	within("patient, worst", r.engine[0]->worst_window, 0.97, 1);
	virt_result_free(&r);
	mix_free(&m);
}

/* Under caps with idle guests the engine idles only where the caps say so. */
static void test_caps_leave_the_rest(void **state)
{
	/* Two capped hogs, one guest that never asks; then an uncapped one beside them. */
	static const char *const text[] = {
		"time 20s\nguest a,b loop size=1ms depth=4 cap=20\nguest c loop size=1ms start=19999ms\n",
		"time 20s\nguest a,b loop size=1ms depth=4 cap=20\nguest c loop size=1ms depth=4\n",
	};
	static const char *const policies[] = { "fifo", "rr", "credit", "band", "equal", "wfq", "edf" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		for (int beside = 0; beside < 2; beside++) {
			struct virt_result r;
			struct mix m;

			if (mix_parse("caps", text[beside], &m, msg, sizeof(msg)))
				fail_msg("%s", msg);
			r = run_mix(&m, policies[i], 1);
			within(policies[i], r.engine[0]->guest[0].busy, 0.18, 0.22);
			within(policies[i], r.engine[0]->guest[1].busy, 0.18, 0.22);
			within(policies[i], r.engine[0]->utilisation, beside ? 0.999 : 0.38, beside ? 1 : 0.42);
			virt_result_free(&r);
			mix_free(&m);
		}
}

static void test_deterministic(void **state)
{
	const struct sched_policy *p;

	(void)state;
	for (unsigned int i = 0; (p = sched_policy_at(i)); i++) {
		struct mix m = mix_of("mixed");
		struct virt_result a, b, c;

		m.time = 5000000000;
		a = run_mix(&m, p->name, 42);
		b = run_mix(&m, p->name, 42);
		c = run_mix(&m, p->name, 43);
		assert_int_equal(a.events, b.events);
		assert_int_equal(a.picks, b.picks);
		for (uint32_t g = 0; g < m.nr_guests; g++)
			assert_memory_equal(a.engine[0]->guest[g].got, b.engine[0]->guest[g].got,
					    a.engine[0]->nr_windows * sizeof(double));
		assert_true(a.events != c.events);
		virt_result_free(&a);
		virt_result_free(&b);
		virt_result_free(&c);
		mix_free(&m);
	}
}

static void test_measure_by_hand(void **state)
{
	struct measure *m;

	(void)state;
	assert_int_equal(measure_new(3, 3000, 1000, &m), 0);
	measure_weight(m, 1, 3);
	/* Window 0: 1 and 3 by weight, as due.  Window 1: half and half.  Window 2: one alone. */
	measure_got(m, 0, 0, 250);
	measure_got(m, 1, 250, 1500);
	measure_got(m, 0, 1500, 3000);
	measure_wanted(m, 0, 0, 3000);
	measure_wanted(m, 1, 0, 2000);
	measure_wanted(m, 2, 0, 400); /* too little to contend */
	measure_finish(m);
	assert_int_equal(m->counted, 2);
	within("window 0", m->window_jain[0], 0.9999, 1.0001);
	/* x = 500 and 500/3. */
	within("window 1", m->window_jain[1], 0.7999, 0.8001);
	within("worst", m->worst_window, 0.7999, 0.8001);
	within("window 2", m->window_jain[2], 0, 0);
	within("share", m->guest[0].share, 0.37499, 0.37501);
	/* Due: 500 and 1500; had 750 and 1250. */
	within("min/max", m->min_max, (1250.0 / 1500) / 1.5 - 1e-6, (1250.0 / 1500) / 1.5 + 1e-6);
	within("used", m->utilisation, 0.9999, 1.0001);
	measure_free(m);
}

static void test_histogram(void **state)
{
	static struct hist h;

	(void)state;
	for (uint64_t i = 1; i <= 100000; i++)
		hist_add(&h, i * 10);
	within("p50", (double)hist_at(&h, 0.5), 500000, 520000);
	within("p99", (double)hist_at(&h, 0.99), 990000, 1000000);
	assert_int_equal(hist_at(&h, 1), 1000000);
	assert_int_equal(h.nr, 100000);
}

static void test_fluid_by_hand(void **state)
{
	struct fluid f = { 0 };
	struct fluid_flow a = { .weight = 1 }, b = { .weight = 3 };

	(void)state;
	fluid_work(&f, &a, true);
	fluid_work(&f, &b, true);
	fluid_serve(&f, &a, 100);
	/* Of 100, a was due 25 and b 75. */
	within("lag of a", fluid_lag(&f, &a), -75.001, -74.999);
	within("lag of b", fluid_lag(&f, &b), 74.999, 75.001);
	/* a leaves ahead: it still counts until it is caught up with, after 300 for b. */
	fluid_work(&f, &a, false);
	fluid_serve(&f, &b, 200);
	assert_true(a.counts);
	fluid_serve(&f, &b, 100.001);
	assert_false(a.counts);
	within("lag of b alone", fluid_lag(&f, &b), -0.01, 0.01);
}

static void bad_mix(const char *text, const char *where)
{
	struct mix m;

	assert_int_equal(mix_parse("f", text, &m, msg, sizeof(msg)), -EINVAL);
	if (strncmp(msg, where, strlen(where)) || strchr(msg, '\n'))
		fail_msg("\"%s\" does not begin with %s", msg, where);
}

static void test_bad_mixes(void **state)
{
	struct mix m;

	(void)state;
	bad_mix("", "f:1: ");
	bad_mix("time 5s\n", "f:2: ");
	bad_mix("time 5\nguest a loop size=1ms", "f:1: ");
	bad_mix("# x\n\nguests a loop size=1ms", "f:3: ");
	bad_mix("guest a loop", "f:1: size");
	bad_mix("guest a periodic size=1ms", "f:1: period");
	bad_mix("guest a loop size=1ms period=2ms", "f:1: loop guest has no 'period'");
	bad_mix("guest a loop size=uniform(2ms,1ms)", "f:1: size");
	bad_mix("guest a loop size=exp(1ms", "f:1: size");
	bad_mix("guest a loop size=pareto(1ms,0,2ms)", "f:1: size");
	bad_mix("guest a loop size=1ms weight=0", "f:1: weight");
	bad_mix("guest a loop size=1ms weight=65536", "f:1: weight");
	bad_mix("guest a loop size=1ms cap=101", "f:1: cap");
	bad_mix("guest a loop size=1ms engine=4", "f:1: engine");
	bad_mix("guest a loop size=1ms depth=0", "f:1: depth");
	bad_mix("guest a loop size=1ms start=2s stop=1s", "f:1: stop");
	bad_mix("guest a*0 loop size=1ms", "f:1: ");
	bad_mix("guest a,a loop size=1ms", "f:1: there is");
	bad_mix("time 1s\nwindow 2s\nguest a loop size=1ms\n", "f:4: window");
	assert_int_equal(mix_open("nosuch", &m, msg, sizeof(msg)), -ENOENT);
	assert_non_null(strstr(msg, "nosuch"));
}

static int ended_at_once(void *core, struct sched_work *w)
{
	*(struct sched_work **)core = w;
	return 0;
}

static void forget(void *core, struct sched_work *w)
{
	(void)core;
	(void)w;
}

/* What a live scheduler records is what the simulator reads. */
static void test_recording(void **state)
{
	static const struct sched_backend backend = { ended_at_once, forget };
	char path[] = "/tmp/gpuvm-record-XXXXXX";
	struct sched_work *w = NULL;
	struct sched_record *rec;
	struct virt_result r;
	struct sched_ent *e;
	struct sched *s;
	struct mix m;
	FILE *f;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(sched_new(&sched_fifo, &backend, &w, 2, 0, &s), 0);
	assert_int_equal(sched_record_open(path, s, 1000, &rec), 0);
	assert_int_equal(sched_ent_new(s, &(struct sched_ent_cfg){ .name = "one", .weight = 77, .cap_pct = 90 },
				       1000, &e), 0);
	for (uint64_t i = 0; i < 3; i++) {
		sched_submit(e, i % 2, NULL, 2000 + i * 5000, NULL);
		sched_pump(s, 2500 + i * 5000);
		sched_done(w, 3000 + i, 6000 + i * 5000);
	}
	sched_ent_free(e, 99000);
	assert_int_equal(sched_record_close(rec), 0);
	sched_free(s);
	if (mix_open_trace(path, &m, msg, sizeof(msg)))
		fail_msg("%s", msg);
	assert_int_equal(m.nr_guests, 1);
	assert_string_equal(m.guest[0].name, "one");
	assert_int_equal(m.guest[0].weight, 77);
	assert_int_equal(m.guest[0].cap_pct, 90);
	assert_int_equal(m.guest[0].nr_work, 3);
	assert_int_equal(m.guest[0].work[1].at, 6000);
	assert_int_equal(m.guest[0].work[1].size, 3001);
	assert_int_equal(m.nr_engines, 2);
	r = run_mix(&m, "wfq", 1);
	assert_int_equal(r.engine[0]->guest[0].works + r.engine[1]->guest[0].works, 3);
	virt_result_free(&r);
	mix_free(&m);
	f = fopen(path, "a");
	fprintf(f, "work one 9 1 1 1 2\n");
	fclose(f);
	assert_int_equal(mix_open_trace(path, &m, msg, sizeof(msg)), -EINVAL);
	assert_non_null(strstr(msg, ":6: "));
	unlink(path);
}

/* Two guests of which one waits for its own work; lengths in ms. */
static const char recorded[] = SCHED_RECORD_HEAD "\n"
	"guest a 256 0 0 50\n"
	"guest b 256 0 0 50\n"
	"work a 0 0 0 10000000 10000000\n"
	"work b 0 5000000 10000000 30000000 40000000\n"
	"work a 0 12000000 40000000 10000000 50000000\n"
	"work b 0 40010000 50000000 30000000 80000000\n"
	"work a 0 52000000 80000000 10000000 90000000\n";

static struct mix mix_recorded(void)
{
	char path[] = "/tmp/gpuvm-record-XXXXXX";
	struct mix m;
	FILE *f = fdopen(mkstemp(path), "w");

	fputs(recorded, f);
	fclose(f);
	if (mix_open_trace(path, &m, msg, sizeof(msg)))
		fail_msg("%s", msg);
	unlink(path);
	return m;
}

/* What was recorded, by hand: who had what, who wanted what. */
static void test_playback(void **state)
{
	struct mix m = mix_recorded();
	const struct measure *e;
	struct virt_result r;

	(void)state;
	assert_int_equal(m.time, 90000001);
	m.time = m.window = 90000000;
	assert_int_equal(playback_run(&m, NULL, &r), 0);
	e = r.engine[0];
	within("a had", e->guest[0].got[0], 29.9e6, 30.1e6);
	within("b had", e->guest[1].got[0], 59.9e6, 60.1e6);
	within("a wanted", e->guest[0].wanted[0], 85.9e6, 86.1e6);
	/* Ten microseconds between two works are not an absence. */
	within("b wanted", e->guest[1].wanted[0], 74.9e6, 75.1e6);
	within("jain", e->jain, 0.899, 0.901);
	within("share", e->guest[0].share, 0.333, 0.334);
	assert_int_equal(e->switches, 4);
	assert_int_equal(e->works, 5);
	assert_int_equal(e->unit, 30000000);
	within("wait of a", (double)hist_at(&e->guest[0].wait, 1), 27.9e6, 28.1e6);
	virt_result_free(&r);
	mix_free(&m);
}

/* Run anew, a guest that waited for its own work waits for it again, however long it takes now. */
static void test_closed_recording(void **state)
{
	struct mix m = mix_recorded();
	struct virt_result r;

	(void)state;
	m.guest[0].pattern = m.guest[1].pattern = MIX_CLOSED;
	m.time = m.window = 95000000;
	r = run_mix(&m, "fifo", 1);
	assert_int_equal(r.engine[0]->works, 5);
	within("fifo", r.engine[0]->guest[0].got[0], 29.9e6, 30.1e6);
	virt_result_free(&r);
	/* b's first work is twice as long: all that came after a's second work comes as much later. */
	m.guest[1].work[0].size = 40000000;
	m.guest[1].work[0].ended += 10000000;
	m.guest[1].work[1].at += 10000000;
	m.guest[1].work[1].ended += 10000000;
	r = run_mix(&m, "fifo", 1);
	assert_int_equal(r.engine[0]->works, 4);
	within("fifo", r.engine[0]->guest[0].got[0], 24.9e6, 25.1e6);
	within("waits", (double)hist_at(&r.engine[0]->guest[0].wait, 1), 37.9e6, 38.1e6);
	virt_result_free(&r);
	mix_free(&m);
}

static void test_json(void **state)
{
	static const char *const keys[] = { "jain", "worst_window", "min_max", "max_lag_units", "shares",
					    "utilisation", "policy", "engines" };
	struct mix m = mix_of("overlap");
	struct virt_result r;
	json_t *j;

	(void)state;
	m.time = 3000000000;
	r = run_mix(&m, "wfq", 1);
	j = report_json(&(struct report_run){ .res = &r, .mix = &m, .seed = 1 });
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_non_null(json_object_get(j, keys[i]));
	assert_int_equal(json_array_size(json_object_get(j, "engines")), 2);
	within("share", json_number_value(json_object_get(json_object_get(j, "shares"), "k1")), 0.49, 0.51);
	json_decref(j);
	virt_result_free(&r);
	mix_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gdev),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_lag_bound),
		cmocka_unit_test(test_cap_and_latency),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_caps_leave_the_rest),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_measure_by_hand),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_fluid_by_hand),
		cmocka_unit_test(test_bad_mixes),
		cmocka_unit_test(test_recording),
		cmocka_unit_test(test_playback),
		cmocka_unit_test(test_closed_recording),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * Policies live: the same guests under each policy on the software GPU, with
 * short and long copies in turn, and beside each the simulator's figures for
 * guests of the lengths that were measured.
 *
 * Engine time is what the daemon charged; backlog is the part of the time in
 * which a guest's work was held or ran, so that a share below its due cannot
 * come from a guest that had nothing to do.
 */
#include "bench/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "gpuvm/base/clock.h"
#include "scheduler/simulator/virt.h"

#define GUESTS_MAX 12 /* with 128 MiB each they fit the card */
#define SHORT_BYTES (8ull << 20)
#define LONG_BYTES (48ull << 20)
#define WINDOW_NS 1000000000ull

/* The daemon's counters of a guest. */
struct sample {
	double gpu_ns, held_ns, done;
};

struct live {
	struct bench *b;
	unsigned int nr, windows;
	char socket[64];
	struct child daemon, guest[GUESTS_MAX];
	struct measure *m;
	struct sample sum[GUESTS_MAX];
	double copied; /* bytes a second, by all, over their whole lives */
};

static int start_daemon(struct live *l, const char *policy)
{
	char ready[16], c;
	int p[2], err;

	if (pipe(p))
		return -1;
	fcntl(p[0], F_SETFD, FD_CLOEXEC);
	snprintf(l->socket, sizeof l->socket, "/tmp/gpuvm-sched-%d.sock", (int)getpid());
	snprintf(ready, sizeof ready, "%d", p[1]);
	err = child_start(l->b,
			  (char *[]){ (char *)"gpuvmd", (char *)"--gpu", (char *)"sim:vram=2G",
				      (char *)"--socket", l->socket, (char *)"--policy", (char *)policy,
				      (char *)"--log", (char *)"error", (char *)"--ready-fd", ready, NULL },
			  false, &l->daemon);
	close(p[1]);
	if (!err && read(p[0], &c, 1) != 1)
		err = -1; /* it has said why on stderr */
	close(p[0]);
	return err;
}

static unsigned int guest_seconds(const struct live *l)
{
	return l->windows + 2 + l->nr / 2;
}

static int start_guest(struct live *l, unsigned int i)
{
	char self[4200], name[16], bytes[24], seconds[24];

	snprintf(self, sizeof self, "%s/gpuvm-bench", l->b->bin);
	snprintf(name, sizeof name, "g%u", i);
	snprintf(bytes, sizeof bytes, "%llu", i % 2 ? LONG_BYTES : SHORT_BYTES);
	/* Long enough for all to come up, and to outlast the measurement. */
	snprintf(seconds, sizeof seconds, "%u", guest_seconds(l));
	return child_start(l->b,
			   (char *[]){ (char *)"gpuvm", (char *)"run", (char *)"--socket", l->socket,
				       (char *)"--vram", (char *)"128M", (char *)"--name", name,
				       (char *)"--", self, (char *)"sched-probe", bytes, seconds, NULL },
			   true, &l->guest[i]);
}

static int take_samples(struct live *l, struct sample *s)
{
	int code;
	size_t k;
	json_t *r = child_json(l->b,
			       (char *[]){ (char *)"gpuvm", (char *)"show", (char *)"--socket", l->socket,
					   (char *)"--json", NULL },
			       &code),
	       *g;

	memset(s, 0, sizeof(*s) * GUESTS_MAX);
	json_array_foreach(json_object_get(r, "guests"), k, g) {
		const char *name = json_string_value(json_object_get(g, "name"));
		const json_t *sched = json_object_get(g, "sched");
		unsigned int i;

		if (!name || sscanf(name, "g%u", &i) != 1 || i >= l->nr)
			continue;
		s[i].gpu_ns = json_number_value(json_object_get(json_object_get(g, "gpu_ns"), "gr"));
		s[i].held_ns = json_number_value(json_object_get(sched, "held_ns"));
		s[i].done = json_number_value(json_object_get(sched, "done"));
	}
	json_decref(r);
	return r ? 0 : -1;
}

static void sleep_until(uint64_t ns)
{
	uint64_t now = clock_ns();
	struct timespec t = { .tv_sec = (time_t)((ns - now) / 1000000000),
			      .tv_nsec = (long)((ns - now) % 1000000000) };

	if (ns > now)
		nanosleep(&t, NULL);
}

/* All guests copy: a hundred works each have ended, or they had ten seconds. */
static int wait_for_all(struct live *l, struct sample *s)
{
	for (int n = 0; n < 100; n++) {
		unsigned int up = 0;

		if (take_samples(l, s))
			return -1;
		for (unsigned int i = 0; i < l->nr; i++)
			up += s[i].done >= 10;
		if (up == l->nr)
			return 0;
		sleep_until(clock_ns() + 100000000);
	}
	fprintf(stderr, "gpuvm-bench: sched: the guests do not come up\n");
	return -1;
}

static int watch(struct live *l)
{
	struct sample was[GUESTS_MAX], is[GUESTS_MAX];
	uint64_t start, at;

	if (wait_for_all(l, was))
		return -1;
	start = at = clock_ns();
	for (unsigned int w = 0; w < l->windows; w++) {
		double part;
		uint64_t now;

		sleep_until(start + (w + 1) * WINDOW_NS);
		if (take_samples(l, is))
			return -1;
		now = clock_ns();
		part = (double)WINDOW_NS / (double)(now - at);
		for (unsigned int i = 0; i < l->nr; i++) {
			double gpu = (is[i].gpu_ns - was[i].gpu_ns) * part;
			double held = (is[i].held_ns - was[i].held_ns) * part;
			uint64_t from = w * WINDOW_NS, most = WINDOW_NS;

			l->sum[i].gpu_ns += is[i].gpu_ns - was[i].gpu_ns;
			l->sum[i].held_ns += is[i].held_ns - was[i].held_ns;
			l->sum[i].done += is[i].done - was[i].done;
			/* Works that end on the other side of a window's edge. */
			held = gpu + held < (double)most ? gpu + held : (double)most;
			gpu = gpu < (double)most ? gpu : (double)most;
			measure_got(l->m, i, from, from + (uint64_t)gpu);
			measure_wanted(l->m, i, from, from + (uint64_t)held);
		}
		memcpy(was, is, sizeof was);
		at = now;
	}
	return 0;
}

static int stop_all(struct live *l)
{
	int code, ignored, err = 0;

	for (unsigned int i = 0; i < l->nr; i++)
		if (l->guest[i].pid > 0) {
			char *text = NULL;

			json_t *r;

			err |= child_wait(&l->guest[i], &text);
			r = text ? json_loads(text, 0, NULL) : NULL;
			l->copied += json_number_value(json_object_get(r, "copies")) *
				     (double)(i % 2 ? LONG_BYTES : SHORT_BYTES) / guest_seconds(l);
			json_decref(r);
			free(text);
		}
	json_decref(child_json(l->b,
			       (char *[]){ (char *)"gpuvm", (char *)"audit", (char *)"--socket", l->socket,
					   (char *)"--json", NULL },
			       &code));
	if (code)
		fprintf(stderr, "gpuvm-bench: sched: the audit found violations\n");
	json_decref(child_json(l->b,
			       (char *[]){ (char *)"gpuvm", (char *)"stop", (char *)"--socket", l->socket,
					   NULL },
			       &ignored));
	child_wait(&l->daemon, NULL);
	return code || err ? -1 : 0;
}

/* The simulator's figures for loops of the lengths and gaps that were measured. */
static int simulate(struct live *l, const char *policy, struct virt_result *res, struct mix *mix)
{
	struct sched_choice choice;
	struct virt_cfg cfg = { .mix = mix, .choice = &choice, .seed = 1 };
	char text[GUESTS_MAX * 100], msg[400];
	int at = snprintf(text, sizeof text, "time 60s\n");

	for (unsigned int i = 0; i < l->nr; i++) {
		const struct sample *s = &l->sum[i];
		double n = s->done > 0 ? s->done : 1, think;

		think = ((double)l->windows * (double)WINDOW_NS - s->gpu_ns - s->held_ns) / n;
		at += snprintf(text + at, sizeof text - (size_t)at, "guest g%u loop size=%.0fns think=exp(%.0fns)\n",
			       i, s->gpu_ns / n + 1, think > 1 ? think : 1);
	}
	if (mix_parse("measured", text, mix, msg, sizeof msg) ||
	    sched_choice_open(policy, &choice, msg, sizeof msg) || virt_run(&cfg, res, msg, sizeof msg)) {
		fprintf(stderr, "gpuvm-bench: sched: %s\n", msg);
		return -1;
	}
	return 0;
}

static void report(struct live *l, const char *policy, double floor)
{
	const struct measure *m = l->m;
	struct virt_result res = { 0 };
	struct mix mix = { 0 };
	bool simulated = !simulate(l, policy, &res, &mix);
	json_t *shares = json_array(), *backlog = json_array();

	printf("%-10s jain %.4f worst %.4f min/max %.3f used %.1f %%", policy, m->jain, m->worst_window,
	       m->min_max, 100 * m->utilisation);
	if (simulated)
		printf(" | simulated: jain %.4f used %.1f %%", res.engine[0]->jain,
		       100 * res.engine[0]->utilisation);
	printf(" | %.0f MB/s", l->copied / 1e6);
	if (floor > 0)
		printf(", %.3f of no holding", l->copied / floor);
	printf("\n          ");
	for (unsigned int i = 0; i < l->nr; i++) {
		printf(" g%u %.1f %% (backlog %.0f %%, %.2f ms each)", i, 100 * m->guest[i].share,
		       100 * m->guest[i].backlog, l->sum[i].gpu_ns / (l->sum[i].done + 1e-9) / 1e6);
		json_array_append_new(shares, json_real(m->guest[i].share));
		json_array_append_new(backlog, json_real(m->guest[i].backlog));
	}
	printf("\n");
	fflush(stdout);
	json_array_append_new(
		l->b->rows,
		json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "policy", policy, "jain",
			  m->jain, "worst_window", m->worst_window, "min_max", m->min_max, "utilisation",
			  m->utilisation, "bytes_per_s", l->copied, "of_no_holding",
			  floor > 0 ? l->copied / floor : 0.0, "simulated_jain",
			  simulated ? res.engine[0]->jain : 0.0, "shares", shares, "backlog", backlog));
	virt_result_free(&res);
	mix_free(&mix);
}

/* One policy; *copied becomes what all guests copied, bytes a second. */
static int run_policy(struct bench *b, const char *policy, unsigned int nr, double floor, double *copied)
{
	struct live l = { .b = b, .nr = nr, .windows = b->quick ? 3 : 10 };
	int err;

	if (measure_new(nr, l.windows * WINDOW_NS, WINDOW_NS, &l.m) || start_daemon(&l, policy)) {
		measure_free(l.m);
		return -1;
	}
	err = 0;
	for (unsigned int i = 0; i < nr && !err; i++)
		err = start_guest(&l, i);
	if (!err)
		err = watch(&l);
	err |= stop_all(&l);
	if (!err) {
		measure_finish(l.m);
		report(&l, policy, floor);
		*copied = l.copied;
	}
	measure_free(l.m);
	return err;
}

int bench_sched(struct bench *b)
{
	char *list = strdup(b->policies ? b->policies : "fifo,credit,band,wfq"), *save = NULL;
	unsigned int nr = b->guests ? b->guests : 2;
	double floor = 0, copied;
	int err = !list || nr < 2 || nr > GUESTS_MAX;
	struct sched_choice c;
	char msg[400];

	if (err)
		fprintf(stderr, "gpuvm-bench: sched: --guests is 2 to %d\n", GUESTS_MAX);
	if (!err)
		err = run_policy(b, "null", nr, 0, &floor);
	for (char *p = err ? NULL : strtok_r(list, ",", &save); p && !err; p = strtok_r(NULL, ",", &save)) {
		err = sched_choice_open(p, &c, msg, sizeof msg);
		if (err) {
			fprintf(stderr, "gpuvm-bench: %s\n", msg);
			break;
		}
		sched_choice_close(&c);
		err = run_policy(b, p, nr, floor, &copied);
	}
	free(list);
	return err ? 1 : 0;
}

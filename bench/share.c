// SPDX-License-Identifier: MIT
/*
 * The main job: fully virtualized guests share one software GPU, three of them
 * moving real files through it, two running OpenCL workloads, after the same
 * work was done natively, in passthrough, and by one full guest alone (without
 * and with every option).  Every byte is compared, every kernel's result
 * checked; the isolation audit runs all the while.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/files.h"
#include "bench/share.h"

#define GPU "sim:vram=2G"
#define BYTES_EACH (64ull << 20)
#define NR_COPIERS 3

/* Those that run alone come first in each kind. */
static const struct plan {
	const char *name, *mode;
	bool alone, opencl;
} plan[] = {
	{ "native", "native", true, false },	   { "passthrough", "passthrough", true, false },
	{ "full-alone", "full", true, false },	   { "full-best-alone", "full,best", true, false },
	{ "native-cl", "native", true, true },	   { "full-cl-alone", "full", true, true },
	{ "vm1", "full", false, false },	   { "vm2", "full", false, false },
	{ "vm3", "full", false, false },	   { "vm4", "full", false, true },
	{ "vm5", "full", false, true },
};
#define NR_RUNS (sizeof plan / sizeof *plan)
#define FIRST_TOGETHER 6u
#define NR_SHARERS (NR_RUNS - FIRST_TOGETHER)
#define NATIVE_CL 4u

struct run {
	const struct plan *plan;
	char **args;	 /* NULL-terminated, of the program; what they point to is borrowed */
	json_t *result;	 /* what the program printed; owned */
	json_t *metrics; /* the daemon's last counters of this guest; owned */
	struct child child;
	int code;
	bool ended;
};

struct share {
	struct bench *b;
	struct file_list list;
	struct run run[NR_RUNS];
	struct child daemon;
	char socket[64];
	unsigned int audits, violations;
	bool opencl; /* it can be run */
};

/* Guest i takes files i, i + n, i + 2n ... (then around again) until it has enough. */
static char **pick_files(const struct file_list *l, unsigned int i, unsigned int n)
{
	char **v = calloc(FILES_MAX + 1, sizeof *v);
	uint64_t have = 0;
	unsigned int k = 0;

	if (!v || !l->nr)
		return v;
	for (unsigned int at = i % l->nr; have < BYTES_EACH && k < FILES_MAX; at = (at + n) % l->nr) {
		v[k++] = l->f[at].path;
		have += l->f[at].len;
	}
	return v;
}

static char **work_args(void)
{
	const char *const *w = share_work_list();
	char **v = calloc(FILES_MAX + 1, sizeof *v);

	for (int k = 0; v && *w; w++)
		v[k++] = (char *)*w;
	return v;
}

/* gpuvm run [--socket S | --private] --mode M --name N -- gpuvm-copy|gpuvm-work --json ARGS */
static int start_run(struct share *s, struct run *r, bool shared)
{
	char program[4200];
	char **argv = calloc(FILES_MAX + 24, sizeof *argv);
	int k = 0, err;

	if (!argv)
		return -ENOMEM;
	snprintf(program, sizeof program, "%s/%s", s->b->bin, r->plan->opencl ? "gpuvm-work" : "gpuvm-copy");
	argv[k++] = (char *)"gpuvm";
	argv[k++] = (char *)"run";
	if (shared) {
		argv[k++] = (char *)"--socket";
		argv[k++] = s->socket;
	} else {
		argv[k++] = (char *)"--private";
		argv[k++] = (char *)"--gpu";
		argv[k++] = (char *)GPU;
	}
	argv[k++] = (char *)"--mode";
	argv[k++] = (char *)r->plan->mode;
	argv[k++] = (char *)"--vram";
	argv[k++] = (char *)"256M";
	argv[k++] = (char *)"--name";
	argv[k++] = (char *)r->plan->name;
	argv[k++] = (char *)"--";
	argv[k++] = program;
	argv[k++] = (char *)"--json";
	for (char **f = r->args; *f; f++)
		argv[k++] = *f;
	err = child_start(s->b, argv, true, &r->child);
	free(argv);
	return err;
}

static void end_run(struct run *r)
{
	char *text = NULL;

	r->code = child_wait(&r->child, &text);
	r->ended = true;
	if (text)
		r->result = r->plan->opencl ? share_work_result(text) : json_loads(text, 0, NULL);
	free(text);
}

static bool run_verified(const struct run *r)
{
	return r->ended && r->code == 0 && r->result &&
	       json_is_true(json_object_get(r->result, "verified"));
}

/* Also against the native run: the same results to the bit. */
static bool run_right(const struct share *s, const struct run *r)
{
	return run_verified(r) &&
	       (!r->plan->opencl ||
		json_equal(json_object_get(r->result, "checksums"),
			   json_object_get(s->run[NATIVE_CL].result, "checksums")));
}

double share_seconds(const json_t *result)
{
	return json_number_value(json_object_get(result, "seconds"));
}

/* Reads every file once, so that no run pays for a cold page cache. */
static void warm_up(const struct share *s)
{
	static char buf[1 << 20];

	for (unsigned int i = 0; i < NR_RUNS; i++)
		for (char **f = s->run[i].args; !plan[i].opencl && *f; f++) {
			int fd = open(*f, O_RDONLY | O_CLOEXEC);

			while (fd >= 0 && read(fd, buf, sizeof buf) > 0)
				;
			if (fd >= 0)
				close(fd);
		}
}

/* The daemon's answer to `gpuvm OP --json`, or NULL. */
static json_t *ask(struct share *s, const char *op, int *code)
{
	return child_json(s->b,
			  (char *[]){ (char *)"gpuvm", (char *)op, (char *)"--socket", s->socket,
				      (char *)"--json", NULL },
			  code);
}

static void audit(struct share *s)
{
	int code;
	json_t *r = ask(s, "audit", &code);

	s->audits++;
	if (!r || code)
		s->violations++;
	if (r && code)
		fputs(json_string_value(json_object_get(r, "text")), stderr);
	json_decref(r);
}

/* Keeps each guest's newest counters, those of guests that left included. */
static void take_metrics(struct share *s, bool show)
{
	int code;
	json_t *r = ask(s, "show", &code), *g;
	size_t i;

	if (show)
		fprintf(stderr, "  ");
	for (int list = 0; list < 2; list++) {
		json_array_foreach(json_object_get(r, list ? "departed" : "guests"), i, g) {
			const char *name = json_string_value(json_object_get(g, "name"));

			for (unsigned int k = 0; name && k < NR_RUNS; k++) {
				if (strcmp(name, plan[k].name))
					continue;
				json_decref(s->run[k].metrics);
				s->run[k].metrics = json_incref(g);
				if (show)
					fprintf(stderr, "  %s: %lld submissions", name,
						(long long)json_integer_value(
							json_object_get(g, "submissions")));
			}
		}
	}
	if (show)
		fprintf(stderr, "\n");
	json_decref(r);
}

static int start_daemon(struct share *s)
{
	char ready[16], c;
	int p[2], err;

	if (pipe(p))
		return -1;
	fcntl(p[0], F_SETFD, FD_CLOEXEC);
	snprintf(s->socket, sizeof s->socket, "/tmp/gpuvm-share-%d.sock", (int)getpid());
	snprintf(ready, sizeof ready, "%d", p[1]);
	err = child_start(s->b,
			  (char *[]){ (char *)"gpuvmd", (char *)"--gpu", (char *)GPU,
				      (char *)"--socket", s->socket, (char *)"--log",
				      (char *)"warning", (char *)"--ready-fd", ready, NULL },
			  false, &s->daemon);
	close(p[1]);
	if (!err && read(p[0], &c, 1) != 1)
		err = -1; /* it has said why on stderr */
	close(p[0]);
	return err;
}

static void stop_daemon(struct share *s)
{
	struct child c;

	if (!child_start(s->b,
			 (char *[]){ (char *)"gpuvm", (char *)"stop", (char *)"--socket", s->socket,
				     NULL },
			 false, &c))
		child_wait(&c, NULL);
	child_wait(&s->daemon, NULL);
}

/* Looks after the running guests until all have ended. */
static void watch_runs(struct share *s, struct run *r, unsigned int n)
{
	unsigned int left = n, round = 0;

	while (left) {
		struct pollfd p[NR_SHARERS];

		for (unsigned int i = 0; i < n; i++)
			p[i] = (struct pollfd){ .fd = r[i].ended ? -1 : r[i].child.out, .events = POLLIN };
		poll(p, n, 500);
		for (unsigned int i = 0; i < n; i++)
			if (!r[i].ended && p[i].revents) {
				end_run(&r[i]);
				left--;
			}
		audit(s);
		take_metrics(s, ++round % 4 == 0 && left);
	}
	take_metrics(s, false);
	audit(s);
}

static int run_alone(struct share *s, struct run *r)
{
	fprintf(stderr, "%s ...\n", r->plan->name);
	if (!strcmp(r->plan->mode, "native")) {
		if (start_run(s, r, false))
			return -1;
		end_run(r);
		return run_verified(r) ? 0 : -1;
	}
	if (start_daemon(s) || start_run(s, r, true))
		return -1;
	watch_runs(s, r, 1);
	stop_daemon(s);
	return run_verified(r) ? 0 : -1;
}

static int run_together(struct share *s, struct run *r, unsigned int n)
{
	int err = start_daemon(s);

	fprintf(stderr, "%u full guests at once ...\n", n);
	for (unsigned int i = 0; !err && i < n; i++)
		err = start_run(s, &r[i], true);
	if (!err)
		watch_runs(s, r, n);
	stop_daemon(s);
	for (unsigned int i = 0; i < n; i++)
		err |= !run_right(s, &r[i]);
	return err;
}

static void init(struct share *s, struct bench *b)
{
	unsigned int copiers = 0;

	s->b = b;
	s->opencl = share_work_there(b);
	if (!s->opencl)
		fprintf(stderr, "no OpenCL guests: gpuvm-work or libgpuvm-drm.so is not built\n");
	for (unsigned int i = 0; i < NR_RUNS; i++) {
		struct run *r = &s->run[i];

		r->plan = &plan[i];
		r->child.out = -1;
		/* Those that run alone move vm1's files, so that their times compare. */
		if (plan[i].opencl)
			r->args = work_args();
		else
			r->args = pick_files(&s->list, plan[i].alone ? 0 : copiers++, NR_COPIERS);
	}
}

static unsigned int nr_together(const struct share *s)
{
	return s->opencl ? NR_SHARERS : NR_COPIERS;
}

static int run_all(struct share *s)
{
	int err = 0;

	warm_up(s);
	for (unsigned int i = 0; i < FIRST_TOGETHER; i++)
		if (s->opencl || !plan[i].opencl)
			err |= run_alone(s, &s->run[i]);
	return err | run_together(s, &s->run[FIRST_TOGETHER], nr_together(s));
}

static int report(struct share *s)
{
	struct share_report rep = { .file = s->b->json, .audits = s->audits,
				    .audit_clean = !s->violations };
	unsigned int native_cl = 0;

	for (unsigned int i = 0; i < NR_RUNS; i++) {
		const struct run *r = &s->run[i];

		if (plan[i].opencl && !s->opencl)
			continue;
		if (i == NATIVE_CL)
			native_cl = rep.nr;
		rep.row[rep.nr++] = (struct share_row){
			.name = plan[i].name, .mode = plan[i].mode,
			.work = plan[i].opencl ? "OpenCL" : "files", .alone = plan[i].alone,
			.base = plan[i].opencl ? native_cl : 0, .verified = run_right(s, r),
			.result = r->result, .metrics = r->metrics,
		};
	}
	return share_report(&rep) || !rep.audit_clean;
}

int bench_share(struct bench *b)
{
	struct share *s = calloc(1, sizeof *s);
	int err = !s || files_find("/usr/lib", &s->list) || !s->list.nr;

	if (!err) {
		init(s, b);
		err = run_all(s);
		err |= report(s);
	} else {
		fprintf(stderr, "gpuvm-bench: share: no files under /usr/lib\n");
	}
	for (unsigned int i = 0; s && i < NR_RUNS; i++) {
		json_decref(s->run[i].result);
		json_decref(s->run[i].metrics);
		free(s->run[i].args);
	}
	if (s)
		files_free(&s->list);
	free(s);
	return err ? 1 : 0;
}

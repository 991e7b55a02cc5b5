// SPDX-License-Identifier: MIT
/*
 * gpuvm run: a program as a guest.  Attaches to the daemon at the socket, or
 * starts a private one that ends with the guest; native mode needs none.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/size.h"
#include "gpuvm/ctl/ctl.h"
#include "gpuvm/ctl/mode.h"
#include "pv-driver/proc_abi.h"

#define LATENCY_MAX_US 10000000u /* the daemon knows no longer ones (scheduler/sched.h) */

struct run_opts {
	const char *mode, *name, *socket, *gpu, *policy;
	struct run_mode m; /* what mode says */
	uint64_t vram, ram;
	uint32_t weight, cap, latency_us, timeout_ms;
	bool verbose, sync_stores, private_daemon, no_drm, shared;
	char **program;
};

static const char usage[] =
	"usage: gpuvm run [options] -- PROGRAM [ARG...]\n"
	"  --mode MODE     native (the device in the program's own process), passthrough (the whole\n"
	"                  card, nothing shadowed), full[,keep][,lazy][,track][,bar-remap], or\n"
	"                  full,optimized or full,best (full virtualization, with what options),\n"
	"                  naive-pv[,multicall[=N]] (the driver asks for page-table changes,\n"
	"                  N operations a call), hp-pv (no registers: the driver runs with the\n"
	"                  mediator) (full)\n"
	"  --vram SIZE     VRAM of the virtual GPU (256M)\n"
	"  --ram SIZE      guest memory that the GPU may reach (2G; sparse)\n"
	"  --weight N      scheduling weight, 1 to 65535 (256)\n"
	"  --cap N         most it may use of an engine, percent (no cap)\n"
	"  --latency TIME  latency class: its work wants to end so soon after it came, as 1ms, up to 10s (none)\n"
	"  --timeout TIME  how long a piece of work may keep the GPU, as 500ms or 10s (guests: 5s; native\n"
	"                  and passthrough: for ever)\n"
	"  --name NAME     the guest's name (PROGRAM-PID)\n"
	"  --socket PATH   daemon to attach to; without one running there, a private one is started\n"
	"  --private       start a private daemon even if one runs\n"
	"  --gpu SPEC      device of a private daemon or of native mode (sim:vram=1G)\n"
	"  --policy NAME   scheduling policy of a private daemon (fifo)\n"
	"  --shared        PROGRAM and all that it starts share the GPU, as under a kernel (gpuvm-drmd\n"
	"                  drives it); else one process does at a time\n"
	"  --sync-stores   every trapped store waits for the mediator (posting off)\n"
	"  --no-drm        leave the environment for OpenCL and OpenGL programs out\n"
	"  --verbose       say what is set up\n"
	"  --help          this text\n"
	"The exit code is PROGRAM's; 2 if it could not be started as asked.\n";

/* Sizes and numbers; 0 or an exit code. */
static int parse_value(int c, const char *arg, struct run_opts *o)
{
	uint64_t v;
	char *end;

	switch (c) {
	case 't':
		if (ctl_time_ms(arg, &o->timeout_ms))
			return ctl_bad("--timeout %s: not a time from 1ms to 1h", arg);
		return 0;
	case 'v':
		if (size_parse(arg, &o->vram) || !o->vram)
			return ctl_bad("--vram %s: not a size", arg);
		return 0;
	case 'r':
		if (size_parse(arg, &o->ram) || !o->ram)
			return ctl_bad("--ram %s: not a size", arg);
		return 0;
	case 'c':
		v = strtoul(arg, &end, 10);
		if (*end || *arg < '0' || *arg > '9' || v > 100)
			return ctl_bad("--cap %s: not 0 (no cap) to 100 percent", arg);
		o->cap = (uint32_t)v;
		return 0;
	case 'l':
		if (ctl_time_us(arg, LATENCY_MAX_US, &o->latency_us) || !o->latency_us)
			return ctl_bad("--latency %s: not a time up to 10s, as 1ms", arg);
		return 0;
	default:
		v = strtoul(arg, &end, 10);
		if (*end || !v || v > 65535)
			return ctl_bad("--weight %s: not 1 to 65535", arg);
		o->weight = (uint32_t)v;
		return 0;
	}
}

/* 0: go on; -1: help was printed; else an exit code. */
static int parse(int argc, char **argv, struct run_opts *o)
{
	static const struct option longs[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "vram", required_argument, NULL, 'v' },
		{ "ram", required_argument, NULL, 'r' },
		{ "weight", required_argument, NULL, 'w' },
		{ "cap", required_argument, NULL, 'c' },
		{ "latency", required_argument, NULL, 'l' },
		{ "timeout", required_argument, NULL, 't' },
		{ "name", required_argument, NULL, 'n' },
		{ "socket", required_argument, NULL, 's' },
		{ "private", no_argument, NULL, 'P' },
		{ "gpu", required_argument, NULL, 'g' },
		{ "policy", required_argument, NULL, 'p' },
		{ "sync-stores", no_argument, NULL, 'S' },
		{ "no-drm", no_argument, NULL, 'D' },
		{ "shared", no_argument, NULL, 'H' },
		{ "verbose", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, err = 0;

	*o = (struct run_opts){ .mode = "full", .vram = 256ull << 20 };
	optind = 1;
	while (!err && (c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		switch (c) {
		case 'm': o->mode = optarg; break;
		case 'n': o->name = optarg; break;
		case 's': o->socket = optarg; break;
		case 'g': o->gpu = optarg; break;
		case 'p': o->policy = optarg; break;
		case 'P': o->private_daemon = true; break;
		case 'S': o->sync_stores = true; break;
		case 'D': o->no_drm = true; break;
		case 'H': o->shared = true; break;
		case 'V': o->verbose = true; break;
		case 'h': fputs(usage, stdout); return -1;
		case '?': return ctl_bad("run: see gpuvm run --help");
		default: err = parse_value(c, optarg, o); break;
		}
	}
	if (err)
		return err;
	if (mode_parse(o->mode, &o->m))
		return ctl_bad("--mode %s: not native, passthrough, full[,keep][,lazy][,track][,bar-remap] or "
			       "[,optimized] or [,best], naive-pv[,multicall[=N]] or hp-pv",
			       o->mode);
	if (optind >= argc)
		return ctl_bad("run: PROGRAM is missing");
	o->program = argv + optind;
	return 0;
}

/* Whether execvp would find it. */
static bool program_exists(const char *prog)
{
	const char *path = getenv("PATH");
	char full[4096];

	if (strchr(prog, '/'))
		return access(prog, X_OK) == 0;
	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");

		snprintf(full, sizeof full, "%.*s/%s", (int)n, p, prog);
		if (access(full, X_OK) == 0)
			return true;
		p += n;
		if (*p)
			p++;
	}
	return false;
}

static void exec_daemon(const struct run_opts *o, int control, int ready)
{
	char path[4096], control_s[16], ready_s[16];
	const char *argv[16];
	int k = 0;

	ctl_find_program("gpuvmd", path, sizeof path);
	snprintf(control_s, sizeof control_s, "%d", control);
	snprintf(ready_s, sizeof ready_s, "%d", ready);
	argv[k++] = path;
	argv[k++] = "--gpu";
	argv[k++] = o->gpu ? o->gpu : "sim:vram=1G";
	if (o->policy) {
		argv[k++] = "--policy";
		argv[k++] = o->policy;
	}
	argv[k++] = "--control-fd";
	argv[k++] = control_s;
	argv[k++] = "--ready-fd";
	argv[k++] = ready_s;
	argv[k++] = "--exit-when-idle";
	argv[k++] = "--log";
	argv[k++] = o->verbose ? "info" : "warning";
	argv[k] = NULL;
	fcntl(control, F_SETFD, 0);
	fcntl(ready, F_SETFD, 0);
	/* A terminal's Ctrl-C is for the program; the daemon ends when its last client and guest are gone. */
	setpgid(0, 0);
	execvp(path, (char **)argv);
	fprintf(stderr, "gpuvm: cannot start %s: %s\n", path, strerror(errno));
	_exit(EXIT_BAD_INPUT);
}

/* A connected daemon of our own; *pid is to be waited for.  Negative after a line was printed. */
static int start_daemon(const struct run_opts *o, pid_t *pid)
{
	int sv[2], ready[2];
	char c;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) || pipe2(ready, O_CLOEXEC))
		return -errno;
	*pid = fork();
	if (*pid == 0)
		exec_daemon(o, sv[1], ready[1]);
	close(sv[1]);
	close(ready[1]);
	if (*pid > 0 && read(ready[0], &c, 1) != 1) {
		/* It has said why on stderr. */
		waitpid(*pid, NULL, 0);
		*pid = -1;
	}
	close(ready[0]);
	if (*pid < 0) {
		close(sv[0]);
		return -ECHILD;
	}
	return sv[0];
}

static int connect_or_start(const struct run_opts *o, pid_t *daemon)
{
	char buf[108];
	const char *path = o->socket ? o->socket : client_default_path(buf, sizeof buf);
	int fd = o->private_daemon ? -ENOENT : client_connect(path);

	*daemon = -1;
	if (fd >= 0) {
		if (o->gpu || o->policy)
			fprintf(stderr, "gpuvm: a daemon runs at %s: --gpu and --policy are its own\n",
				path);
		return fd;
	}
	if (o->verbose)
		fprintf(stderr, "gpuvm: no daemon at %s, starting a private one\n", path);
	return start_daemon(o, daemon);
}

static json_t *attach_request(const struct run_opts *o)
{
	const char *base = strrchr(o->program[0], '/');
	char name[32];
	json_t *r;

	snprintf(name, sizeof name, "%.20s-%d", base ? base + 1 : o->program[0], (int)getpid());
	r = json_pack("{s:s, s:s, s:s, s:I, s:b}", "op", "attach", "name",
		      o->name ? o->name : name, "mode", o->m.name, "vram", (json_int_t)o->vram,
		      "posted", !o->sync_stores);
	if (r && o->ram)
		json_object_set_new(r, "ram", json_integer((json_int_t)o->ram));
	if (r && *o->m.options)
		json_object_set_new(r, "options", json_string(o->m.options));
	if (r && o->m.multicall)
		json_object_set_new(r, "multicall", json_integer(o->m.multicall));
	if (r && o->timeout_ms)
		json_object_set_new(r, "timeout_ms", json_integer(o->timeout_ms));
	if (r && o->cap)
		json_object_set_new(r, "cap", json_integer(o->cap));
	if (r && o->latency_us)
		json_object_set_new(r, "latency_us", json_integer(o->latency_us));
	if (r && o->weight)
		json_object_set_new(r, "weight", json_integer(o->weight));
	return r;
}

/* Where nobody schedules, the program's own driver keeps the time limit. */
static int limit_environment(const struct run_opts *o)
{
	char ms[16];

	unsetenv("GPUVM_LIMIT");
	if (!o->timeout_ms || (strcmp(o->m.name, "native") && strcmp(o->m.name, "passthrough")))
		return 0;
	snprintf(ms, sizeof ms, "%u", o->timeout_ms);
	return setenv("GPUVM_LIMIT", ms, 1);
}

static int exec_program(const struct run_opts *o)
{
	if (limit_environment(o))
		return ctl_failed("out of memory");
	if (!o->no_drm && drm_environment(o->verbose))
		return ctl_failed("out of memory");
	execvp(o->program[0], o->program);
	return ctl_bad("%s: %s", o->program[0], strerror(errno));
}

/* Waits for the program and hands SIGTERM on to it; the terminal itself sends it SIGINT. */
static int wait_program(pid_t pid, const sigset_t *set)
{
	int sig, status;

	for (;;) {
		if (sigwait(set, &sig))
			continue;
		if (sig == SIGTERM)
			kill(pid, SIGTERM);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

/* Runs PROGRAM with the guest's descriptors, or a service that has them; its exit code as a shell's. */
static int run_program(const struct run_opts *o, const int *fds, unsigned int nr)
{
	struct service svc = { .pid = -1 };
	sigset_t set, old;
	int code;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (o->shared && (limit_environment(o) || service_start(fds, nr, &old, &svc)))
		return EXIT_BAD_INPUT;
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		if (o->shared ? service_env(&svc) : guest_env(fds, nr))
			_exit(ctl_failed("out of memory"));
		_exit(exec_program(o));
	}
	for (unsigned int i = 0; i < nr; i++)
		close(fds[i]);
	code = pid < 0 ? ctl_failed("fork: %s", strerror(errno)) : wait_program(pid, &set);
	service_end(&svc);
	return code;
}

static int run_guest(const struct run_opts *o)
{
	int fds[5], control, code;
	unsigned int nr_fds = 5;
	char msg[300];
	pid_t daemon;
	json_t *r;

	control = connect_or_start(o, &daemon);
	if (control < 0)
		return EXIT_BAD_INPUT;
	r = client_call(control, attach_request(o), fds, &nr_fds, msg, sizeof msg);
	if (r && nr_fds == 5) {
		if (o->verbose)
			fprintf(stderr, "gpuvm: guest attached, mode %s%s\n", o->mode,
				o->shared ? ", shared by its processes" : "; " PROC_ENV " is set");
		code = run_program(o, fds, nr_fds);
	} else {
		code = ctl_bad("%s", msg);
	}
	json_decref(r);
	close(control);
	if (daemon > 0)
		waitpid(daemon, NULL, 0);
	return code;
}

int cmd_run(int argc, char **argv)
{
	struct run_opts o;
	int err = parse(argc, argv, &o);

	if (err)
		return err < 0 ? 0 : err;
	if (!program_exists(o.program[0]))
		return ctl_bad("%s: no such program", o.program[0]);
	if (strcmp(o.m.name, "native"))
		return run_guest(&o);
	if (setenv("GPUVM_NATIVE", o.gpu ? o.gpu : "sim:vram=1G", 1))
		return ctl_failed("out of memory");
	unsetenv(PROC_ENV);
	if (o.verbose)
		fprintf(stderr, "gpuvm: GPUVM_NATIVE=%s\n", getenv("GPUVM_NATIVE"));
	if (o.shared)
		return run_program(&o, NULL, 0);
	unsetenv("GPUVM_SHARED");
	return exec_program(&o);
}

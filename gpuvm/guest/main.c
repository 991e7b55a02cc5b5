// SPDX-License-Identifier: MIT
/*
 * gpuvm-guest: a program of a domain of Xen on the GPU that domain 0 gave it
 * (gpuvm attach DOMAIN --mode naive-pv or hp-pv).  Connects, starts the program
 * with what a process guest's program has, and stays beside it: events of
 * the mediator's become wake-ups and interrupts here.
 *
 * One program (with those it starts) at a time has the GPU of a domain.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/size.h"
#include "gpuvm/ctl/ctl.h"
#include "pv-driver/proc_client.h"
#include "pv-driver/xen_front.h"

#define RAM_DEFAULT (64ull << 20)
#define RAM_MAX (1ull << 32)
/* A program that looks for the end of its work in memory only would never learn of it. */
#define DEAD_NS 5000000000ull

struct opts {
	struct xen_front_cfg front;
	unsigned long retries;
	bool verbose, no_drm;
	char **program;
};

struct agent {
	const struct opts *o;
	struct xen_front *front;
	int irq[2], life[2]; /* ours, the program's */
	int signals;
	pid_t pid;
	uint64_t dead_since;
};

static const char usage[] =
	"usage: gpuvm-guest run [options] -- PROGRAM [ARG...]\n"
	"  --mode MODE   naive-pv[,multicall[=N]] or hp-pv: insist on what the domain was attached\n"
	"                as (default: take it)\n"
	"  --ram SIZE    memory that the GPU may reach, granted to domain 0 while PROGRAM runs (64M)\n"
	"  --wait TIME   how long to wait for the mediator, as 30s (1m)\n"
	"  --retry N     start PROGRAM again, at most N times, when the mediator went away under it\n"
	"  --no-drm      leave the environment for OpenCL and OpenGL programs out\n"
	"  --verbose     say what is set up\n"
	"  --help        this text\n"
	"PROGRAM uses the GPU that domain 0 gave this domain.  The exit code is PROGRAM's; 2 if it\n"
	"could not be started as asked, 71 if the mediator ended it.\n";

static int bad(const char *fmt, const char *arg)
{
	fputs("gpuvm-guest: ", stderr);
	fprintf(stderr, fmt, arg);
	fputc('\n', stderr);
	return EXIT_BAD_INPUT;
}

static int parse_value(int c, const char *arg, struct opts *o)
{
	char *end;

	switch (c) {
	case 'r':
		if (size_parse(arg, &o->front.ram_len) || o->front.ram_len < 1u << 20 ||
		    o->front.ram_len > RAM_MAX || o->front.ram_len % XEN_PV_PAGE)
			return bad("--ram %s: not a size from 1M to 4G", arg);
		return 0;
	case 'w':
		o->front.wait_ns = strtoul(arg, &end, 10) * 1000000000ull;
		if (*arg < '0' || *arg > '9' || (strcmp(end, "s") && strcmp(end, "m") && *end))
			return bad("--wait %s: not a time, as 30s", arg);
		o->front.wait_ns *= *end == 'm' ? 60 : 1;
		return 0;
	default:
		o->retries = strtoul(arg, &end, 10);
		return *end || *arg < '0' || *arg > '9' ? bad("--retry %s: not a number", arg) : 0;
	}
}

/* 0: go on; -1: help was printed; else an exit code. */
static int parse(int argc, char **argv, struct opts *o)
{
	static const struct option longs[] = {
		{ "mode", required_argument, NULL, 'm' }, { "ram", required_argument, NULL, 'r' },
		{ "wait", required_argument, NULL, 'w' }, { "retry", required_argument, NULL, 'R' },
		{ "no-drm", no_argument, NULL, 'D' },	  { "verbose", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },	  { NULL, 0, NULL, 0 },
	};
	int c, err = 0;

	*o = (struct opts){ .front = { .ram_len = RAM_DEFAULT, .wait_ns = 60000000000ull } };
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return -1;
	}
	if (argc < 2 || strcmp(argv[1], "run"))
		return bad("%s", "see gpuvm-guest --help");
	optind = 2;
	while (!err && (c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		switch (c) {
		case 'm': o->front.mode = optarg; break;
		case 'D': o->no_drm = true; break;
		case 'V': o->verbose = true; break;
		case 'h': fputs(usage, stdout); return -1;
		case '?': return bad("%s", "see gpuvm-guest --help");
		default: err = parse_value(c, optarg, o); break;
		}
	}
	if (err)
		return err;
	if (optind >= argc)
		return bad("%s", "run: PROGRAM is missing");
	o->program = argv + optind;
	return 0;
}

/* Two programs would overwrite each other's nodes.  The lock is held until we end. */
static int lock_device(void)
{
	const char *path = access("/run", W_OK) ? "/tmp/gpuvm-guest.lock" : "/run/gpuvm-guest.lock";
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return bad("%s: cannot be opened", path);
	if (flock(fd, LOCK_EX | LOCK_NB))
		return bad("%s", "another program of this domain has the GPU");
	return 0;
}

static void agent_close(struct agent *a)
{
	for (int i = 0; i < 2; i++) {
		if (a->irq[i] >= 0)
			close(a->irq[i]);
		if (a->life[i] >= 0)
			close(a->life[i]);
		a->irq[i] = a->life[i] = -1;
	}
	xen_front_close(a->front);
	a->front = NULL;
}

/* In the child. */
static void exec_program(struct agent *a, const sigset_t *old)
{
	const struct xen_front *f = a->front;
	const int fds[6] = { f->ring_fd, f->ram_fd, a->irq[1], f->port_fd, a->life[1], f->far_fd };
	char env[96];

	sigprocmask(SIG_SETMASK, old, NULL);
	for (int i = 0; i < 6; i++)
		fcntl(fds[i], F_SETFD, 0);
	snprintf(env, sizeof env, "%d,%d,%d,%d,%d,%d", fds[0], fds[1], fds[2], fds[3], fds[4], fds[5]);
	setenv(PROC_ENV, env, 1);
	unsetenv("GPUVM_NATIVE");
	if (!a->o->no_drm && drm_environment(a->o->verbose))
		_exit(bad("%s", "out of memory"));
	execvp(a->o->program[0], a->o->program);
	_exit(bad("%s: cannot be started", a->o->program[0]));
}

static int start(struct agent *a, const sigset_t *old)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a->irq) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a->life))
		return bad("%s", strerror(errno));
	a->pid = fork();
	if (a->pid < 0)
		return bad("fork: %s", strerror(errno));
	if (!a->pid)
		exec_program(a, old);
	close(a->irq[1]);
	close(a->life[1]);
	a->irq[1] = a->life[1] = -1;
	return 0;
}

/* What a signal means: the program's exit code, or -1 to go on. */
static int signalled(struct agent *a)
{
	struct signalfd_siginfo si;
	int status;

	while (read(a->signals, &si, sizeof si) == (ssize_t)sizeof si)
		if (si.ssi_signo == SIGTERM)
			kill(a->pid, SIGTERM);
	if (waitpid(a->pid, &status, WNOHANG) != a->pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The connection is gone: the program is told when it next asks, and not waited for for ever. */
static void mourn(struct agent *a)
{
	if (!a->front->dead)
		return;
	if (!a->dead_since)
		a->dead_since = clock_ns();
	else if (clock_ns() - a->dead_since > DEAD_NS)
		kill(a->pid, SIGKILL);
}

static int attend(struct agent *a)
{
	struct xen_front *f = a->front;
	struct pollfd p[3] = { { .fd = a->signals, .events = POLLIN },
			       { .fd = f->port_fd, .events = POLLIN },
			       { .fd = f->lib->ops->store_fd(f->lib), .events = POLLIN } };
	int code = -1;

	while (code < 0) {
		poll(p, 3, f->dead ? 1000 : -1);
		/* A full socket is an interrupt that is already pending. */
		if (p[1].revents && xen_front_event(f))
			send(a->irq[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (p[2].revents)
			xen_front_look(f);
		mourn(a);
		code = signalled(a);
	}
	return f->dead ? PROC_EXIT_DEAD : code;
}

/* One connection and one life of the program; *again: it was the mediator that went. */
static int run_once(const struct opts *o, int signals, const sigset_t *old, bool *again)
{
	struct agent a = { .o = o, .irq = { -1, -1 }, .life = { -1, -1 }, .signals = signals };
	struct front_lib *lib;
	char msg[300];
	int code;

	*again = false;
	if (xen_front_lib_open(&lib, msg, sizeof msg) ||
	    xen_front_open(lib, &o->front, &a.front, msg, sizeof msg))
		return bad("%s", msg);
	if (o->verbose)
		fprintf(stderr, "gpuvm-guest: connected, mode %s, %llu MiB of RAM granted\n",
			a.front->mode, (unsigned long long)(a.front->ram_len >> 20));
	code = start(&a, old);
	if (!code)
		code = attend(&a);
	*again = a.front->dead;
	agent_close(&a);
	return code;
}

int main(int argc, char **argv)
{
	struct opts o;
	sigset_t set, old;
	int signals, code = parse(argc, argv, &o);
	bool again;

	if (code)
		return code < 0 ? 0 : code;
	code = lock_device();
	if (code)
		return code;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &old);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return bad("%s", strerror(errno));
	do {
		code = run_once(&o, signals, &old, &again);
		if (again)
			fprintf(stderr, "gpuvm-guest: the mediator went away under %s\n", o.program[0]);
	} while (again && o.retries--);
	return code;
}

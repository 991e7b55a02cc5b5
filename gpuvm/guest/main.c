// SPDX-License-Identifier: MIT
/*
 * gpuvm-guest: a program of a domain of Xen on the GPU that domain 0 gave it
 * (gpuvm attach DOMAIN --mode naive-pv or hp-pv).  Connects, starts the program
 * with what a process guest's program has, and stays beside it: a thread turns
 * events of the mediator's into wake-ups and interrupts.
 *
 * One program (with those it starts) at a time has the GPU of a domain.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
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
	bool verbose, no_drm, shared;
	char **program;
};

struct agent {
	const struct opts *o;
	struct xen_front *front;
	int irq[2], life[2]; /* ours, the program's */
	int stop[2];	     /* its other end closed: the thread ends */
	int signals;
	pthread_t thread;
	bool attended; /* the thread runs */
	struct service svc;
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
	"  --shared      PROGRAM and all that it starts share the GPU, as under a kernel (gpuvm-drmd\n"
	"                drives it); else one process does at a time\n"
	"  --no-drm      leave the environment for OpenCL and OpenGL programs out\n"
	"  --verbose     say what is set up\n"
	"  --help        this text\n"
	"PROGRAM uses the GPU that domain 0 gave this domain.  The exit code is PROGRAM's; 2 if it\n"
	"could not be started as asked, 71 if the mediator ended it.\n";

static void say(const char *fmt, va_list ap)
{
	fputs("gpuvm-guest: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

/* What ctl's files say, too, they say by this program's name. */
int ctl_bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return EXIT_BAD_INPUT;
}

int ctl_failed(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return 1;
}

static int parse_value(int c, const char *arg, struct opts *o)
{
	char *end;

	switch (c) {
	case 'r':
		if (size_parse(arg, &o->front.ram_len) || o->front.ram_len < 1u << 20 ||
		    o->front.ram_len > RAM_MAX || o->front.ram_len % XEN_PV_PAGE)
			return ctl_bad("--ram %s: not a size from 1M to 4G", arg);
		return 0;
	case 'w':
		o->front.wait_ns = strtoul(arg, &end, 10) * 1000000000ull;
		if (*arg < '0' || *arg > '9' || (strcmp(end, "s") && strcmp(end, "m") && *end))
			return ctl_bad("--wait %s: not a time, as 30s", arg);
		o->front.wait_ns *= *end == 'm' ? 60 : 1;
		return 0;
	default:
		o->retries = strtoul(arg, &end, 10);
		return *end || *arg < '0' || *arg > '9' ? ctl_bad("--retry %s: not a number", arg) : 0;
	}
}

/* 0: go on; -1: help was printed; else an exit code. */
static int parse(int argc, char **argv, struct opts *o)
{
	static const struct option longs[] = {
		{ "mode", required_argument, NULL, 'm' }, { "ram", required_argument, NULL, 'r' },
		{ "wait", required_argument, NULL, 'w' }, { "retry", required_argument, NULL, 'R' },
		{ "no-drm", no_argument, NULL, 'D' },	  { "shared", no_argument, NULL, 'H' },
		{ "verbose", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },	  { NULL, 0, NULL, 0 },
	};
	int c, err = 0;

	*o = (struct opts){ .front = { .ram_len = RAM_DEFAULT, .wait_ns = 60000000000ull } };
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return -1;
	}
	if (argc < 2 || strcmp(argv[1], "run"))
		return ctl_bad("see gpuvm-guest --help");
	optind = 2;
	while (!err && (c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		switch (c) {
		case 'm': o->front.mode = optarg; break;
		case 'D': o->no_drm = true; break;
		case 'H': o->shared = true; break;
		case 'V': o->verbose = true; break;
		case 'h': fputs(usage, stdout); return -1;
		case '?': return ctl_bad("see gpuvm-guest --help");
		default: err = parse_value(c, optarg, o); break;
		}
	}
	if (err)
		return err;
	if (optind >= argc)
		return ctl_bad("run: PROGRAM is missing");
	o->program = argv + optind;
	return 0;
}

/* Two programs would overwrite each other's nodes.  The lock is held until we end. */
static int lock_device(void)
{
	const char *path = access("/run", W_OK) ? "/tmp/gpuvm-guest.lock" : "/run/gpuvm-guest.lock";
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return ctl_bad("%s: cannot be opened", path);
	if (flock(fd, LOCK_EX | LOCK_NB))
		return ctl_bad("another program of this domain has the GPU");
	return 0;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- events, in a thread of their own: nothing the rest does may keep a program from being woken ---- */

static void *attend(void *arg)
{
	struct agent *a = arg;
	struct pollfd p[2] = { { .fd = a->front->port_fd, .events = POLLIN },
			       { .fd = a->stop[0], .events = POLLIN } };

	while (poll(p, 2, -1) < 0 || !p[1].revents)
		/* A full socket is an interrupt that is already pending. */
		if (p[0].revents && xen_front_event(a->front))
			send(a->irq[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return NULL;
}

static int attend_start(struct agent *a)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a->irq) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a->life) || pipe2(a->stop, O_CLOEXEC))
		return ctl_failed("%s", strerror(errno));
	if (pthread_create(&a->thread, NULL, attend, a))
		return ctl_failed("no thread for events");
	a->attended = true;
	return 0;
}

static void agent_close(struct agent *a)
{
	fd_close(&a->stop[1]);
	if (a->attended)
		pthread_join(a->thread, NULL);
	fd_close(&a->stop[0]);
	for (int i = 0; i < 2; i++) {
		fd_close(&a->irq[i]);
		fd_close(&a->life[i]);
	}
	xen_front_close(a->front);
	a->front = NULL;
}

/* ---- the program ------------------------------------------------------------------------------------- */

/* In the child. */
__attribute__((noreturn)) static void exec_program(struct agent *a, const int *fds, unsigned int nr,
						   const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
	if (a->o->shared ? service_env(&a->svc) : guest_env(fds, nr))
		_exit(ctl_failed("out of memory"));
	if (!a->o->no_drm && drm_environment(a->o->verbose))
		_exit(ctl_failed("out of memory"));
	execvp(a->o->program[0], a->o->program);
	_exit(ctl_bad("%s: %s", a->o->program[0], strerror(errno)));
}

static int start(struct agent *a, const sigset_t *old)
{
	const struct xen_front *f = a->front;
	const int fds[] = { f->ring_fd, f->ram_fd, a->irq[1], f->port_fd, a->life[1], f->far_fd };
	const unsigned int nr = sizeof fds / sizeof fds[0];

	/* What it says itself, it has said. */
	if (a->o->shared && service_start(fds, nr, old, &a->svc))
		return EXIT_BAD_INPUT;
	a->pid = fork();
	if (a->pid < 0)
		return ctl_failed("fork: %s", strerror(errno));
	if (!a->pid)
		exec_program(a, fds, nr, old);
	fd_close(&a->irq[1]);
	fd_close(&a->life[1]);
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

static int wait_program(struct agent *a)
{
	struct xen_front *f = a->front;
	struct pollfd p[2] = { { .fd = a->signals, .events = POLLIN },
			       { .fd = f->lib->ops->store_fd(f->lib), .events = POLLIN } };
	int code = -1;

	while (code < 0) {
		poll(p, 2, 1000);
		if (p[1].revents)
			xen_front_look(f);
		mourn(a);
		code = signalled(a);
	}
	return f->dead ? PROC_EXIT_DEAD : code;
}

/* One connection and one life of the program; *again: it was the mediator that went. */
static int run_once(const struct opts *o, int signals, const sigset_t *old, bool *again)
{
	struct agent a = { .o = o, .irq = { -1, -1 }, .life = { -1, -1 },
			   .stop = { -1, -1 }, .signals = signals, .svc = { .pid = -1 } };
	struct front_lib *lib;
	char msg[300];
	int code;

	*again = false;
	if (xen_front_lib_open(&lib, msg, sizeof msg) ||
	    xen_front_open(lib, &o->front, &a.front, msg, sizeof msg))
		return ctl_bad("%s", msg);
	if (o->verbose)
		fprintf(stderr, "gpuvm-guest: connected, mode %s, %llu MiB of RAM granted\n",
			a.front->mode, (unsigned long long)(a.front->ram_len >> 20));
	code = attend_start(&a);
	if (!code)
		code = start(&a, old);
	if (!code)
		code = wait_program(&a);
	service_end(&a.svc);
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
		return ctl_bad("%s", strerror(errno));
	do {
		code = run_once(&o, signals, &old, &again);
		if (again)
			fprintf(stderr, "gpuvm-guest: the mediator went away under %s\n", o.program[0]);
	} while (again && o.retries--);
	return code;
}

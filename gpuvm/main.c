// SPDX-License-Identifier: MIT
/*
 * gpuvmd: the mediator of one GPU.  A contents page: options, open the
 * device and the guest ports, serve until told to stop.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/size.h"
#include "gpuvm/control.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/process.h"
#include "gpuvm/hv/vfio_user.h"
#include "gpuvm/hv/pvback.h"
#include "gpuvm/hv/pvback_lib.h"
#include "gpuvm/hv/xen.h"
#include "gpuvm/notify.h"

/* How long the loop looks for work before it blocks: about one futex wake-up across cores. */
#define SPIN_NS 30000ull

struct options {
	const char *gpu, *socket, *policy, *sched_trace, *domains;
	uint64_t host_vram;
	int control_fd, ready_fd;
	bool exit_when_idle, audit;
	enum log_level level;
};

struct daemon {
	struct options opt;
	struct log log;
	struct gpuvm *g;
	struct hv *hv; /* borrowed from g */
	struct control *control;
	struct notify notify;
	uint32_t told_guests; /* what the service manager was told last */
	int signal_fd;
	bool had_client;
};

static const char usage[] =
	"usage: gpuvmd [options]\n"
	"  --gpu SPEC        the device: sim[:vram=SIZE,...], record:FILE,SPEC, replay:FILE (sim:vram=1G)\n"
	"  --socket PATH     control socket (none: only --control-fd)\n"
	"  --domains DIR     give each domain of Xen that comes what DIR/NAME.conf says;\n"
	"                    read again on SIGHUP and gpuvm reload\n"
	"  --policy SPEC     scheduling policy NAME[:param=value,...] or ./FILE.so (fifo);\n"
	"                    gpuvm-sched --list shows them\n"
	"  --sched-trace F   record what the scheduler is asked for, for gpuvm-sched --trace\n"
	"  --host-vram SIZE  VRAM the mediator keeps for itself (a sixteenth of the card)\n"
	"  --audit           prove the isolation rules after every TLB flush (slow)\n"
	"  --log LEVEL       error, warning, info, debug (info)\n"
	"  --control-fd N    serve an already connected control client\n"
	"  --ready-fd N      write one byte to N when ready\n"
	"  --exit-when-idle  end when the last client and the last guest are gone\n"
	"  --help            this text\n";

static int bad(const char *fmt, const char *arg)
{
	fprintf(stderr, "gpuvmd: ");
	fprintf(stderr, fmt, arg);
	fprintf(stderr, "\n");
	return 2;
}

static int parse_level(const char *s, enum log_level *out)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(s, names[i])) {
			*out = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

/* 0: go on; 1: done (help); 2: wrong. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "gpu", required_argument, NULL, 'g' },
		{ "socket", required_argument, NULL, 's' },
		{ "domains", required_argument, NULL, 'd' },
		{ "policy", required_argument, NULL, 'p' },
		{ "sched-trace", required_argument, NULL, 't' },
		{ "host-vram", required_argument, NULL, 'v' },
		{ "audit", no_argument, NULL, 'a' },
		{ "log", required_argument, NULL, 'l' },
		{ "control-fd", required_argument, NULL, 'c' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "exit-when-idle", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){
		.gpu = "sim:vram=1G", .control_fd = -1, .ready_fd = -1, .level = LOG_INFO
	};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'g': o->gpu = optarg; break;
		case 's': o->socket = optarg; break;
		case 'd': o->domains = optarg; break;
		case 'p': o->policy = optarg; break;
		case 't': o->sched_trace = optarg; break;
		case 'a': o->audit = true; break;
		case 'x': o->exit_when_idle = true; break;
		case 'c': o->control_fd = atoi(optarg); break;
		case 'r': o->ready_fd = atoi(optarg); break;
		case 'v':
			if (size_parse(optarg, &o->host_vram))
				return bad("--host-vram %s: not a size", optarg);
			break;
		case 'l':
			if (parse_level(optarg, &o->level))
				return bad("--log %s: not error, warning, info or debug", optarg);
			break;
		case 'h': fputs(usage, stdout); return 1;
		default: return bad("see gpuvmd --help%s", "");
		}
	}
	if (optind < argc)
		return bad("%s: unexpected argument", argv[optind]);
	if (!o->socket && o->control_fd < 0)
		return bad("--socket PATH is missing%s", "");
	return 0;
}

static int open_signals(const struct options *o)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (o->domains)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * Running work is looked at as often as each 20 us (LIMIT_POLL_MIN_NS): a sleep that
 * ends 50 us late, which is what threads may get by default, is engine time that
 * nobody has.
 */
#define TIMER_SLACK_NS 1000ul
#define WAIT_LEAST_NS 5000u

static int open_all(struct daemon *d)
{
	struct gpuvm_cfg cfg = { .policy = d->opt.policy,
				 .sched_trace = d->opt.sched_trace,
				 .host_vram_len = d->opt.host_vram,
				 .log = &d->log,
				 .audit_each_flush = d->opt.audit };
	struct control_cfg ccfg = { .path = d->opt.socket,
				    .fd = d->opt.control_fd,
				    .domains = d->opt.domains };
	struct hv *vm, *xen, *pv;
	struct pvback_lib *lib;
	struct dev *dev;
	char msg[300];

	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	if (dev_open(d->opt.gpu, &d->log, &dev, msg, sizeof msg))
		return bad("%s", msg);
	if (gpuvm_new(dev, &cfg, &d->g, msg, sizeof msg))
		return bad("%s", msg);
	if (hv_process_open(&gpuvm_up, d->g, &d->log, &d->hv))
		return bad("cannot open the process port%s", "");
	gpuvm_set_hv(d->g, d->hv);
	if (hv_vfio_open(&gpuvm_up, d->g, &d->log, &vm))
		return bad("cannot open the vfio-user port%s", "");
	gpuvm_set_hv(d->g, vm);
	ccfg.vm_port = vm;
	/* Most machines are no Xen host; the port has said why not. */
	if (!hv_xen_open(&gpuvm_up, d->g, &d->log, &xen)) {
		gpuvm_set_hv(d->g, xen);
		ccfg.xen_port = xen;
	}
	if (!pvback_lib_open(&d->log, &lib)) {
		if (hv_pvback_open(&gpuvm_up, d->g, &d->log, lib, &pv))
			return bad("cannot open the port of PV domains%s", "");
		gpuvm_set_hv(d->g, pv);
		ccfg.pv_port = pv;
	}
	if (control_new(d->g, d->hv, &ccfg, &d->control, msg, sizeof msg))
		return bad("%s", msg);
	return 0;
}

static void wait_for_work(struct daemon *d, uint64_t next, uint64_t most_ns)
{
	struct pollfd fds[CONTROL_MAX_CLIENTS + 2 + GPUVM_FDS];
	int core[GPUVM_FDS];
	unsigned int n = control_fds(d->control, fds), k = gpuvm_fds(d->g, core);
	struct timespec ts, *timeout = NULL;

	for (unsigned int i = 0; i < k; i++)
		fds[n++] = (struct pollfd){ .fd = core[i], .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = d->signal_fd, .events = POLLIN };
	if (next != SCHED_NEVER) {
		uint64_t now = dev_now(d->g->dev);
		/* A sleep of nothing would keep the processor from who does the work that is looked for. */
		uint64_t ns = next > now + WAIT_LEAST_NS ? next - now : WAIT_LEAST_NS;

		most_ns = ns < most_ns ? ns : most_ns;
	}
	if (most_ns != NOTIFY_NEVER) {
		ts.tv_sec = (time_t)(most_ns / 1000000000ull);
		ts.tv_nsec = (long)(most_ns % 1000000000ull);
		timeout = &ts;
	}
	if (!gpuvm_arm(d->g))
		ppoll(fds, n, timeout, NULL);
	else
		sched_yield();
}

static void reload(struct daemon *d)
{
	/* The manager waits for the second line, and wants to know when the first was said. */
	notify_say(&d->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns() / 1000);
	control_domains_reload(d->control);
	notify_say(&d->notify, "READY=1");
}

/* For the service manager; how long until it wants to hear more. */
static uint64_t report(struct daemon *d)
{
	if (d->told_guests != d->g->nr_vgpus) {
		d->told_guests = d->g->nr_vgpus;
		notify_say(&d->notify, "STATUS=%u guests", d->told_guests);
	}
	return notify_alive(&d->notify, clock_ns());
}

static bool told_to_stop(struct daemon *d)
{
	struct signalfd_siginfo si;

	while (read(d->signal_fd, &si, sizeof si) > 0) {
		if (si.ssi_signo != SIGHUP)
			return true;
		reload(d);
	}
	if (control_stop_asked(d->control))
		return true;
	d->had_client |= control_nr_clients(d->control) > 0;
	return d->opt.exit_when_idle && d->had_client && !control_nr_clients(d->control) &&
	       !d->g->nr_vgpus;
}

/* Control clients and signals are looked at when the guests leave time, and at least this often. */
#define CONTROL_EVERY 256

static void serve(struct daemon *d)
{
	uint64_t idle_since = 0;
	unsigned int round = 0;

	for (;;) {
		uint64_t next, report_ns;
		bool busy = gpuvm_step(d->g, dev_now(d->g->dev), &next);

		/* A domain that came waits for nobody: it may be about to look for its GPU. */
		control_domains(d->control);
		if (busy) {
			idle_since = 0;
			if (++round % CONTROL_EVERY)
				continue;
		} else if (!idle_since) {
			idle_since = clock_ns();
			continue;
		} else if (clock_ns() - idle_since < SPIN_NS) {
			/* Whom it waits for may be a thread of the software GPU that wants this processor. */
			sched_yield();
			continue;
		}
		control_serve(d->control);
		if (told_to_stop(d))
			return;
		report_ns = report(d);
		if (!busy) {
			wait_for_work(d, next, report_ns);
			idle_since = 0;
		}
	}
}

static void close_all(struct daemon *d)
{
	control_free(d->control);
	gpuvm_free(d->g);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	notify_close(&d->notify);
}

int main(int argc, char **argv)
{
	struct daemon d = { .log = { .out = stderr, .name = "gpuvmd" }, .signal_fd = -1 };
	int err = parse(argc, argv, &d.opt);

	if (err)
		return err == 1 ? 0 : err;
	d.log.level = d.opt.level;
	if (notify_open(&d.notify))
		return bad("NOTIFY_SOCKET, WATCHDOG_USEC or WATCHDOG_PID: not a service manager's%s", "");
	d.signal_fd = open_signals(&d.opt);
	err = open_all(&d);
	if (!err) {
		if (d.opt.ready_fd >= 0 && write(d.opt.ready_fd, "r", 1) == 1)
			close(d.opt.ready_fd);
		if (d.opt.socket)
			log_info(&d.log, "%s ready on %s", d.opt.gpu, d.opt.socket);
		/* Who is ready has seen to the domains that were there before. */
		control_domains(d.control);
		notify_say(&d.notify, "READY=1\nSTATUS=0 guests");
		serve(&d);
		notify_say(&d.notify, "STOPPING=1");
	}
	close_all(&d);
	return err;
}

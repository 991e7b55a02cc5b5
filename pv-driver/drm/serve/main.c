// SPDX-License-Identifier: MIT
/*
 * gpuvm-drmd: drives the GPU that the environment names, as a guest's kernel
 * would, for all programs of the guest.  gpuvm run --shared starts it.
 *
 * The GPU is brought up when a program opens its node for the first time, and
 * stays up.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "pv-driver/drm/card.h"
#include "pv-driver/drm/serve/serve.h"

#define EXIT_BAD_INPUT 2

struct drmd {
	struct log log;
	struct serve *serve;
	struct drm_card *card;
	bool failed; /* said so already */
};

static const char usage[] =
	"usage: gpuvm-drmd --socket NAME [--end-fd N] [--ready-fd N]\n"
	"  Drives the GPU named by GPUVM_GUEST or GPUVM_NATIVE for the programs that have\n"
	"  GPUVM_SHARED=NAME.  Started by gpuvm run --shared.\n"
	"  --socket NAME   where programs connect, in the abstract name space\n"
	"  --end-fd N      ends when that hangs up and the last program is gone\n"
	"  --ready-fd N    a byte is written there once programs can connect\n";

static void lost(void *arg, struct drv_chan *chan, const char *why)
{
	struct drmd *d = arg;

	serve_lost(d->serve, chan, why);
}

static int start(void *arg, struct nvdrm **out)
{
	struct drmd *d = arg;
	char msg[256];
	const struct drm_card_cfg cfg = { .lost = lost, .lost_arg = d, .shared = true };
	int err = drm_card_new(&cfg, &d->card, msg, sizeof(msg));

	if (!err) {
		*out = d->card->drm;
		return 0;
	}
	if (!d->failed)
		log_error(&d->log, "no GPU: %s", msg);
	d->failed = true;
	return err;
}

/* 0: go on; else an exit code plus one. */
static int parse(int argc, char **argv, struct serve_cfg *cfg, int *ready)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "end-fd", required_argument, NULL, 'e' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': cfg->name = optarg; break;
		case 'e': cfg->end_fd = atoi(optarg); break;
		case 'r': *ready = atoi(optarg); break;
		case 'h': fputs(usage, stdout); return 1;
		default: return EXIT_BAD_INPUT + 1;
		}
	}
	if (cfg->name && optind == argc)
		return 0;
	fputs(usage, stderr);
	return EXIT_BAD_INPUT + 1;
}

/* Programs' descriptors are ours too; their standard streams are not. */
static void settle(void)
{
	struct rlimit r;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	if (!getrlimit(RLIMIT_NOFILE, &r)) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct drmd d = { .log = { stderr, LOG_WARN, "gpuvm" } };
	struct serve_cfg cfg = { .end_fd = -1, .start = start, .arg = &d, .log = &d.log };
	int ready = -1, err = parse(argc, argv, &cfg, &ready);

	if (err)
		return err - 1;
	settle();
	err = serve_new(&cfg, &d.serve);
	if (err) {
		log_error(&d.log, "no service for the GPU: %s", strerror(-err));
		return EXIT_BAD_INPUT;
	}
	if (ready >= 0) {
		err = write(ready, "r", 1) == 1 ? 0 : -errno;
		close(ready);
	}
	if (!err)
		err = serve_run(d.serve);
	serve_free(d.serve);
	/* With a time limit a thread looks at it until the end. */
	if (d.card && !d.card->limit_ns)
		drm_card_free(d.card);
	return err ? 1 : 0;
}

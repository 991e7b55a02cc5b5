// SPDX-License-Identifier: MIT
/*
 * gpuvm reload and gpuvm wait: for domains of Xen that the daemon gives GPUs to
 * by its folder of configurations.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/ctl/ctl.h"

#define WAIT_DEFAULT_MS 10000
#define LOOK_EVERY_NS 20000000

int cmd_reload(int argc, char **argv)
{
	struct client_args a = { .op = "reload" };
	int code;
	json_t *r = client_simple(argc, argv, &a, &code);

	if (!r)
		return code;
	printf(a.json ? "{\"domains\": %d}\n" : "%d domains configured\n",
	       (int)json_integer_value(json_object_get(r, "domains")));
	json_decref(r);
	return 0;
}

/* Whether the guest is a domain of that name or number. */
static bool is_domain(const json_t *guest, const char *domain)
{
	const char *name = json_string_value(json_object_get(guest, "domain"));
	char number[16];

	if (!name)
		return false;
	snprintf(number, sizeof number, "%d", (int)json_integer_value(json_object_get(guest, "domid")));
	return !strcmp(name, domain) || !strcmp(number, domain);
}

/* 1: it has a GPU; 0: not yet; negative after a line on stderr. */
static int look(int fd, const char *domain)
{
	char msg[300];
	json_t *r = client_call(fd, json_pack("{s:s}", "op", "status"), NULL, NULL, msg, sizeof msg), *g;
	int found = 0;
	size_t i;

	if (!r) {
		ctl_failed("%s", msg);
		return -1;
	}
	json_array_foreach(json_object_get(json_object_get(r, "status"), "guests"), i, g)
		found |= is_domain(g, domain);
	json_decref(r);
	return found;
}

static int wait_for(const char *socket, const char *domain, uint32_t ms)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_NS };
	uint64_t until = clock_ns() + ms * 1000000ull;
	char buf[108];
	int fd, found;

	socket = socket ? socket : client_default_path(buf, sizeof buf);
	fd = client_connect(socket);
	if (fd < 0)
		return ctl_bad("no daemon at %s: %s", socket, strerror(-fd));
	while (!(found = look(fd, domain)) && clock_ns() < until)
		nanosleep(&pause, NULL);
	close(fd);
	if (!found)
		return ctl_failed("domain %s got no GPU in %u ms; see the daemon's log", domain, ms);
	return found < 0 ? 1 : 0;
}

int cmd_wait(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *socket = NULL;
	uint32_t ms = WAIT_DEFAULT_MS;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': socket = optarg; break;
		case 't':
			if (ctl_time_ms(optarg, &ms))
				return ctl_bad("--timeout %s: not a time from 1ms to 1h", optarg);
			break;
		case 'h':
			puts("usage: gpuvm wait DOMAIN [--timeout TIME] [--socket PATH]\n"
			     "  until the domain (name or number) has its virtual GPU; TIME as 500ms or 30s (10s)");
			return 0;
		default: return ctl_bad("wait: see gpuvm wait --help");
		}
	}
	if (optind + 1 != argc)
		return ctl_bad("wait: one DOMAIN, by name or number");
	return wait_for(socket, argv[optind], ms);
}

// SPDX-License-Identifier: MIT
/*
 * gpuvm attach: a virtual GPU for a domain of Xen; or one behind a vfio-user
 * socket, and how to start QEMU with it.  The vGPU lives until its domain or the
 * socket's one client has gone, or gpuvm detach.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/base/size.h"
#include "gpuvm/ctl/ctl.h"
#include "gpuvm/ctl/mode.h"

struct attach_opts {
	const char *name, *mode, *path, *domain, *socket, *options, *log;
	struct run_mode m; /* what mode says */
	uint64_t vram;
	unsigned long weight, slot;
	bool json;
};

static const char usage[] =
	"usage: gpuvm attach DOMAIN [options]\n"
	"       gpuvm attach --vfio-user PATH [options]\n"
	"  DOMAIN            name or number of a domain of Xen, best while it is paused\n"
	"  --slot N          where the GPU stands on the domain's PCI bus, 1 to 31 (16)\n"
	"  --vfio-user PATH  socket to create for QEMU's device vfio-user-pci\n"
	"  --name NAME       the guest's name (the domain's, or vm)\n"
	"  --mode MODE       full[,OPTION...] as of gpuvm run, or passthrough (full); for a domain\n"
	"                    also naive-pv[,multicall[=N]] or hp-pv, without traps (gpuvm-guest)\n"
	"  --options LIST    of mode full, as a list of its own: none, best, or of keep, lazy, track\n"
	"  --vram SIZE       VRAM of the virtual GPU (256M)\n"
	"  --weight N        scheduling weight, 1 to 65535 (256)\n"
	"  --access-log PATH file for the guest's last accesses, written at its end\n"
	"  --socket PATH     the daemon's control socket\n"
	"  --json            print JSON instead of QEMU arguments\n";

/* 0: go on; -1: help was printed; else an exit code. */
static int parse(int argc, char **argv, struct attach_opts *o)
{
	static const struct option longs[] = {
		{ "vfio-user", required_argument, NULL, 'f' }, { "name", required_argument, NULL, 'n' },
		{ "mode", required_argument, NULL, 'm' },      { "vram", required_argument, NULL, 'v' },
		{ "weight", required_argument, NULL, 'w' },    { "socket", required_argument, NULL, 's' },
		{ "access-log", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },	       { "help", no_argument, NULL, 'h' },
		{ "slot", required_argument, NULL, 'S' },      { "options", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	int c;

	*o = (struct attach_opts){ .mode = "full", .vram = 256ull << 20 };
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'f': o->path = optarg; break;
		case 'n': o->name = optarg; break;
		case 'm': o->mode = optarg; break;
		case 's': o->socket = optarg; break;
		case 'o': o->options = optarg; break;
		case 'l': o->log = optarg; break;
		case 'j': o->json = true; break;
		case 'h': fputs(usage, stdout); return -1;
		case 'v':
			if (size_parse(optarg, &o->vram) || !o->vram)
				return ctl_bad("--vram %s: not a size", optarg);
			break;
		case 'w':
			o->weight = strtoul(optarg, &end, 10);
			if (*end || !o->weight || o->weight > 65535)
				return ctl_bad("--weight %s: not 1 to 65535", optarg);
			break;
		case 'S':
			o->slot = strtoul(optarg, &end, 10);
			if (*end || !o->slot || o->slot > 31)
				return ctl_bad("--slot %s: not 1 to 31", optarg);
			break;
		default: return ctl_bad("attach: see gpuvm attach --help");
		}
	}
	if (optind < argc)
		o->domain = argv[optind++];
	if (optind < argc)
		return ctl_bad("attach: unexpected argument %s", argv[optind]);
	if (!o->path == !o->domain)
		return ctl_bad("attach: a DOMAIN or --vfio-user PATH, one of them");
	if (!o->name)
		o->name = o->domain ? o->domain : "vm";
	if (mode_parse(o->mode, &o->m) || !strcmp(o->m.name, "native") ||
	    (!o->domain && strcmp(o->m.name, "full") && strcmp(o->m.name, "passthrough")))
		return ctl_bad("--mode %s: not full[,OPTION...] or passthrough, nor for a domain "
			       "naive-pv[,multicall[=N]] or hp-pv",
			       o->mode);
	if (o->options && *o->m.options)
		return ctl_bad("attach: options in --mode or in --options, not in both");
	if (!o->options && *o->m.options)
		o->options = o->m.options;
	return 0;
}

/* The daemon has another working directory. */
static int absolute(const char *path, char *buf, size_t n)
{
	char cwd[PATH_MAX];
	int len;

	if (path[0] == '/')
		len = snprintf(buf, n, "%s", path);
	else if (getcwd(cwd, sizeof cwd))
		len = snprintf(buf, n, "%s/%s", cwd, path);
	else
		return -errno;
	return len < (int)n ? 0 : -ENAMETOOLONG;
}

static void print_arguments(const char *path)
{
	/* How much RAM is the user's business; that it is shared is not. */
	printf("-object memory-backend-memfd,id=ram,size=1G,share=on -m 1G -M q35,memory-backend=ram "
	       "-device pcie-root-port,id=gpu-slot,chassis=1,slot=1 "
	       "-device '{\"driver\":\"vfio-user-pci\",\"bus\":\"gpu-slot\","
	       "\"socket\":{\"type\":\"unix\",\"path\":\"%s\"}}'\n",
	       path);
}

static json_t *request(const struct attach_opts *o, const char *path, const char *log)
{
	json_t *req = json_pack("{s:s, s:s, s:s, s:I, s:s}", "op", "attach", "name", o->name, "mode",
				o->m.name, "vram", (json_int_t)o->vram,
				o->path ? "vfio_user" : "domain", o->path ? path : o->domain);

	if (req && o->weight)
		json_object_set_new(req, "weight", json_integer((json_int_t)o->weight));
	if (req && o->m.multicall)
		json_object_set_new(req, "multicall", json_integer(o->m.multicall));
	if (req && o->slot)
		json_object_set_new(req, "slot", json_integer((json_int_t)o->slot));
	if (req && o->log)
		json_object_set_new(req, "access_log", json_string(log));
	if (req && o->options)
		json_object_set_new(req, "options", json_string(o->options));
	return req;
}

int cmd_attach(int argc, char **argv)
{
	char buf[108], path[PATH_MAX], log[PATH_MAX], msg[300];
	struct attach_opts o;
	const char *socket;
	json_t *req, *r;
	int err = parse(argc, argv, &o), fd;

	if (err)
		return err < 0 ? 0 : err;
	err = o.path ? absolute(o.path, path, sizeof path) : 0;
	if (!err && o.log)
		err = absolute(o.log, log, sizeof log);
	if (err)
		return ctl_bad("%s: %s", o.path, strerror(-err));
	socket = o.socket ? o.socket : client_default_path(buf, sizeof buf);
	fd = client_connect(socket);
	if (fd < 0)
		return ctl_bad("no daemon at %s: %s", socket, strerror(-fd));
	req = request(&o, path, log);
	r = client_call(fd, req, NULL, NULL, msg, sizeof msg);
	close(fd);
	if (!r)
		return ctl_failed("%s", msg);
	if (o.json && o.path)
		printf("{\"name\": \"%s\", \"vfio_user\": \"%s\"}\n", o.name, path);
	else if (o.json)
		printf("{\"name\": \"%s\", \"domid\": %d}\n", o.name,
		       (int)json_integer_value(json_object_get(r, "domid")));
	else if (o.path)
		print_arguments(path);
	json_decref(r);
	return 0;
}

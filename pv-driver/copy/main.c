// SPDX-License-Identifier: MIT
/*
 * gpuvm-copy: the first guest program.  Sends files through the GPU by each of
 * its copy engines and checks that they come back as they were.
 *
 * Exit status: 0 everything verified, 1 something differed or the GPU failed,
 * 2 the command line or a file is wrong (the GPU was not touched).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/dev.h"
#include "pv-driver/bus.h"
#include "pv-driver/copy/copy.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define CHUNK_MIN 4096ull
#define CHUNK_MAX (1ull << 30)

static const char help[] =
	"usage: gpuvm-copy FILE... [--json] [--engine m2mf|ce0|ce1|all] [--chunk SIZE]\n"
	"                  [--repeat N] [--irq]\n"
	"\n"
	"Sends each file through the GPU (memory -> VRAM -> VRAM -> memory) and compares.\n"
	"\n"
	"  --engine E  by this engine only; default all, one after the other\n"
	"  --chunk S   bytes at a time, 4K to 1G, suffix K, M or G; default up to 4M\n"
	"  --repeat N  send each file N times\n"
	"  --irq       wait for the GPU by interrupt; default by polling\n"
	"  --json      print one JSON object\n"
	"\n"
	"The GPU is the virtual one when started by `gpuvm run`, else the one that the\n"
	"environment variable GPUVM_NATIVE names: sim:vram=1G, the software GPU; pci: or\n"
	"pci:0000:00:10.0, a PCI function of this (virtual) machine without a driver.\n";

struct gpu {
	struct dev *dev;
	struct bus *bus;
	struct drv *drv;
	struct log log;
};

static int complain(int status, const char *msg)
{
	char clean[512];

	fprintf(stderr, "gpuvm-copy: %s\n", log_clean(clean, sizeof(clean), msg));
	return status;
}

static int complain_about(int status, const char *what, const char *value)
{
	char msg[512];

	snprintf(msg, sizeof(msg), "%s '%s'", what, value);
	return complain(status, msg);
}

/* ---- command line ------------------------------------------------------------- */

static int parse_engine(struct copy_opts *o, const char *s)
{
	bool any = false, all = strcmp(s, "all") == 0;

	for (int e = 0; e < NR_COPY_ENGINES; e++) {
		o->engine[e] = all || strcmp(s, copy_engine_name[e]) == 0;
		any = any || o->engine[e];
	}
	return any ? 0 : complain_about(EXIT_USAGE, "--engine is m2mf, ce0, ce1 or all, not", s);
}

static int parse_number(const char *s, bool suffix, uint64_t min, uint64_t max, uint64_t *out)
{
	unsigned int shift = 0;
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(s, &end, 0);
	if (suffix && *end) {
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
		end += shift ? 1 : 0;
	}
	if (errno || *end || *out > max >> shift || *out << shift < min)
		return -EINVAL;
	*out <<= shift;
	return 0;
}

static int parse_option(struct copy_opts *o, int opt, const char *arg)
{
	uint64_t v;

	switch (opt) {
	case 'j':
		o->json = true;
		return 0;
	case 'i':
		o->irq = true;
		return 0;
	case 'e':
		return parse_engine(o, arg);
	case 'c':
		if (parse_number(arg, true, CHUNK_MIN, CHUNK_MAX, &o->chunk))
			return complain_about(EXIT_USAGE, "--chunk is 4K to 1G, not", arg);
		return 0;
	case 'r':
		if (parse_number(arg, false, 1, 1000000, &v))
			return complain_about(EXIT_USAGE, "--repeat is 1 to 1000000, not", arg);
		o->repeat = (uint32_t)v;
		return 0;
	default:
		return EXIT_USAGE;
	}
}

static int parse(struct copy_opts *o, int argc, char **argv, bool *helped)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "irq", no_argument, NULL, 'i' },
		{ "engine", required_argument, NULL, 'e' },
		{ "chunk", required_argument, NULL, 'c' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, err;

	while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (opt == 'h') {
			fputs(help, stdout);
			*helped = true;
			return 0;
		}
		err = parse_option(o, opt, optarg);
		if (err)
			return err;
	}
	if (optind == argc)
		return complain(EXIT_USAGE, "no file given; see gpuvm-copy --help");
	return 0;
}

/* ---- files ---------------------------------------------------------------------- */

static int open_file(struct copy_file *f)
{
	struct stat st;
	char msg[512];
	int err = 0;

	f->fd = open(f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0 || fstat(f->fd, &st))
		err = errno;
	else if (S_ISDIR(st.st_mode))
		err = EISDIR;
	if (err) {
		snprintf(msg, sizeof(msg), "%s: %s", f->name, strerror(err));
		return complain(EXIT_USAGE, msg);
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(msg, sizeof(msg), "%s: not a regular file", f->name);
		return complain(EXIT_USAGE, msg);
	}
	f->len = (uint64_t)st.st_size;
	return 0;
}

static int open_files(struct copy_opts *o, char **names, unsigned int nr)
{
	int err = 0;

	o->file = mem_calloc(nr, sizeof(*o->file));
	if (!o->file)
		return complain(EXIT_FAILED, "out of memory");
	o->nr_files = nr;
	for (unsigned int i = 0; i < nr; i++)
		o->file[i] = (struct copy_file){ .name = names[i], .fd = -1 };
	for (unsigned int i = 0; !err && i < nr; i++)
		err = open_file(&o->file[i]);
	return err;
}

static void close_files(struct copy_opts *o)
{
	for (unsigned int i = 0; i < o->nr_files; i++)
		if (o->file[i].fd >= 0)
			close(o->file[i].fd);
	mem_free(o->file);
}

/* ---- GPU ------------------------------------------------------------------------ */

static int open_bus(struct gpu *g)
{
	const char *native = getenv("GPUVM_NATIVE");
	char msg[256] = "";
	int err;

	if (getenv("GPUVM_GUEST")) {
		err = bus_guest_open(&g->bus, msg, sizeof(msg));
		return err ? complain(EXIT_FAILED, msg[0] ? msg : strerror(-err)) : 0;
	}
	if (native && !strncmp(native, "pci:", 4))
		return bus_pci_open(native + 4, &g->bus, msg, sizeof(msg)) ?
			       complain(EXIT_FAILED, msg) :
			       0;
	if (!native)
		return complain(EXIT_USAGE, getenv("GPUVM_SHARED") ?
				"no GPU of its own: start it by `gpuvm run` without --shared" :
				"no GPU: start it by `gpuvm run`, or set GPUVM_NATIVE=sim:vram=1G");
	if (dev_open(native, &g->log, &g->dev, msg, sizeof(msg)))
		return complain(EXIT_USAGE, msg);
	err = bus_native_open(g->dev, &g->bus);
	if (!err)
		return 0;
	snprintf(msg, sizeof(msg), "%s cannot be driven: %s", native, strerror(-err));
	return complain(EXIT_USAGE, msg);
}

static int open_gpu(struct gpu *g)
{
	struct drv_cfg cfg = { .log = &g->log };
	char msg[256];
	int err = open_bus(g);

	if (err)
		return err;
	return drv_open(g->bus, &cfg, &g->drv, msg, sizeof(msg)) ? complain(EXIT_FAILED, msg) : 0;
}

static void close_gpu(struct gpu *g)
{
	drv_close(g->drv);
	bus_close(g->bus);
	dev_close(g->dev);
}

/* ---- work ------------------------------------------------------------------------ */

static int send_all(struct pump *p, const struct copy_opts *o, struct copy_report *rep)
{
	bool tty = isatty(STDERR_FILENO);
	struct report_progress prog = { 0 };
	char msg[512];
	int err = 0;

	for (unsigned int i = 0; !err && i < o->nr_files; i++) {
		for (int e = 0; !err && e < NR_COPY_ENGINES; e++) {
			if (!o->engine[e])
				continue;
			prog.total = o->file[i].len * o->repeat;
			err = pump_file(p, &o->file[i], e, &rep->result[rep->nr++],
					tty ? report_progress : NULL, &prog, msg, sizeof(msg));
		}
	}
	if (tty)
		report_progress_end();
	return err ? complain(EXIT_FAILED, msg) : 0;
}

static int run(const struct copy_opts *o, struct copy_report *rep)
{
	struct gpu g = { .log = { stderr, LOG_ERROR, "gpuvm-copy" } };
	uint64_t start = clock_ns();
	struct pump *p = NULL;
	char msg[256];
	int status, err;

	status = open_gpu(&g);
	if (!status) {
		err = pump_new(g.drv, o, &p, msg, sizeof(msg));
		if (err)
			status = complain(err == -ENOSPC && o->chunk ? EXIT_USAGE : EXIT_FAILED,
					  msg);
	}
	rep->init_seconds = (double)(clock_ns() - start) / 1e9;
	if (!status)
		status = send_all(p, o, rep);
	start = clock_ns();
	pump_free(p);
	close_gpu(&g);
	rep->close_seconds = (double)(clock_ns() - start) / 1e9;
	return status;
}

int main(int argc, char **argv)
{
	struct copy_opts o = { .repeat = 1, .engine = { true, true, true } };
	struct copy_report rep = { 0 };
	bool helped = false;
	int status = parse(&o, argc, argv, &helped);

	if (status || helped)
		return status;
	status = open_files(&o, argv + optind, (unsigned int)(argc - optind));
	if (!status) {
		rep.result = mem_calloc(o.nr_files * (size_t)NR_COPY_ENGINES, sizeof(*rep.result));
		status = rep.result ? run(&o, &rep) : complain(EXIT_FAILED, "out of memory");
	}
	if (!status) {
		if (o.json)
			report_json(&rep);
		else
			report_text(&rep);
		status = report_verified(&rep) ? 0 : EXIT_FAILED;
	}
	mem_free(rep.result);
	close_files(&o);
	return status;
}

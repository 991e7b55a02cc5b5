// SPDX-License-Identifier: MIT
/* gpuvm: the front door is a table. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/ctl/ctl.h"

#define TIME_MAX_MS 3600000u

const struct ctl_command ctl_commands[] = {
	{ "run", "[options] -- PROGRAM [ARG...]", "run a program as a guest with a virtual GPU", cmd_run },
	{ "attach", "DOMAIN|--vfio-user PATH [options]", "a GPU for a domain of Xen or a virtual machine", cmd_attach },
	{ "reload", "[--json]", "read the daemon's folder of domains again; running guests stay", cmd_reload },
	{ "wait", "DOMAIN [--timeout TIME]", "until a domain of Xen has its GPU", cmd_wait },
	{ "list", "[--json]", "guests of a daemon", cmd_list },
	{ "show", "[NAME] [--json]", "every counter, of one guest or of all", cmd_show },
	{ "dump", "[NAME] [--json]", "channels, address spaces and registers as text", cmd_dump },
	{ "audit", "[--json]", "prove the isolation rules now; exit code 1 on a violation", cmd_audit },
	{ "detach", "NAME", "take the virtual GPU away from a guest", cmd_detach },
	{ "policy", "[POLICY[:param=value,...]]", "show or change the scheduling policy", cmd_policy },
	{ "set", "NAME key=value...", "weight, cap, latency, budget, timeout, options of a guest", cmd_set },
	{ "stop", "", "end the daemon", cmd_stop },
	{ "disasm", "FILE [--hex] [--org N] [--json]", "shader code (sm_20) as text", cmd_disasm },
	{ "asm", "FILE -o OUT [--hex] [--org N]", "text as shader code", cmd_asm },
	{ NULL, NULL, NULL, NULL },
};

static int vsay(int code, const char *fmt, va_list ap)
{
	fputs("gpuvm: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	return code;
}

int ctl_bad(const char *fmt, ...)
{
	va_list ap;
	int code;

	va_start(ap, fmt);
	code = vsay(EXIT_BAD_INPUT, fmt, ap);
	va_end(ap);
	return code;
}

int ctl_time_us(const char *text, uint32_t max, uint32_t *us)
{
	static const struct {
		const char *name;
		unsigned long us;
	} unit[] = { { "us", 1 }, { "ms", 1000 }, { "s", 1000000 } };
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text))
		return -EINVAL;
	for (unsigned int i = 0; i < sizeof unit / sizeof unit[0]; i++)
		if (!strcmp(end, unit[i].name) && v <= max / unit[i].us) {
			*us = (uint32_t)(v * unit[i].us);
			return 0;
		}
	return -EINVAL;
}

int ctl_time_ms(const char *text, uint32_t *ms)
{
	uint32_t us;
	int err = ctl_time_us(text, TIME_MAX_MS * 1000, &us);

	if (err || !us || us % 1000)
		return -EINVAL;
	*ms = us / 1000;
	return 0;
}

int ctl_failed(const char *fmt, ...)
{
	va_list ap;
	int code;

	va_start(ap, fmt);
	code = vsay(1, fmt, ap);
	va_end(ap);
	return code;
}

static void usage(void)
{
	printf("usage: gpuvm COMMAND ...\n\n");
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		printf("  %-7s %-34s %s\n", c->name, c->args, c->help);
	printf("\nCommands that talk to a daemon take --socket PATH (default: $GPUVM_SOCKET, else gpuvm.sock\n"
	       "in $XDG_RUNTIME_DIR or /run, whichever is there).  gpuvm run --help lists the options of run.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return ctl_bad("a command is missing; see gpuvm --help");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage();
		return 0;
	}
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (strcmp(argv[1], c->name))
			continue;
		/* Those with a longer list of options print it themselves. */
		if (argc == 3 && !strcmp(argv[2], "--help") && !strstr(c->args, "[options]")) {
			printf("usage: gpuvm %s %s\n  %s\n", c->name, c->args, c->help);
			return 0;
		}
		return c->run(argc - 1, argv + 1);
	}
	return ctl_bad("%s: no such command; see gpuvm --help", argv[1]);
}

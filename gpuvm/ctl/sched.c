// SPDX-License-Identifier: MIT
/* gpuvm policy and gpuvm set: scheduling of a running daemon. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/ctl/ctl.h"

/* --socket and --json; 0 or an exit code.  Operands begin at optind. */
static int parse(int argc, char **argv, const char **socket, bool *json)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			*socket = optarg;
		else if (c == 'j')
			*json = true;
		else
			return ctl_bad("see gpuvm --help");
	}
	return 0;
}

/* The daemon's answer; NULL with *code set.  Takes req.  A refusal is bad input: nothing has changed. */
static json_t *ask(const char *socket, json_t *req, int *code)
{
	char buf[108], msg[500];
	const char *path = socket ? socket : client_default_path(buf, sizeof buf);
	int fd = client_connect(path);
	json_t *r;

	if (fd < 0) {
		json_decref(req);
		*code = ctl_bad("no daemon at %s: %s", path, strerror(-fd));
		return NULL;
	}
	r = client_call(fd, req, NULL, NULL, msg, sizeof msg);
	close(fd);
	if (!r)
		*code = ctl_bad("%s", msg);
	return r;
}

int cmd_policy(int argc, char **argv)
{
	const char *socket = NULL, *params;
	bool json = false;
	int code = parse(argc, argv, &socket, &json);
	json_t *req, *r;

	if (code)
		return code;
	if (argc - optind > 1)
		return ctl_bad("policy: unexpected argument %s", argv[optind + 1]);
	req = json_pack("{s:s}", "op", "policy");
	if (req && optind < argc)
		json_object_set_new(req, "policy", json_string(argv[optind]));
	r = ask(socket, req, &code);
	if (!r)
		return code;
	params = json_string_value(json_object_get(r, "params"));
	if (json)
		json_dumpf(r, stdout, JSON_INDENT(2));
	else
		printf("%s%s%s", json_string_value(json_object_get(r, "policy")),
		       params && *params ? ":" : "", params ? params : "");
	putchar('\n');
	json_decref(r);
	return 0;
}

int cmd_set(int argc, char **argv)
{
	const char *socket = NULL;
	bool json = false;
	int code = parse(argc, argv, &socket, &json);
	json_t *set = json_object(), *r;

	if (!code && argc - optind < 2)
		code = ctl_bad("set: NAME and at least one of weight=, cap=, latency=, budget=, timeout=, options=");
	for (int i = optind + 1; i < argc && !code; i++) {
		char *eq = strchr(argv[i], '=');

		if (!eq) {
			code = ctl_bad("set: '%s' is not key=value", argv[i]);
			break;
		}
		*eq = '\0';
		json_object_set_new(set, argv[i], json_string(eq + 1));
	}
	if (code) {
		json_decref(set);
		return code;
	}
	r = ask(socket, json_pack("{s:s, s:s, s:o}", "op", "set", "name", argv[optind], "set", set), &code);
	if (!r)
		return code;
	json_decref(r);
	return 0;
}

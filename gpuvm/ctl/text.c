// SPDX-License-Identifier: MIT
/* Subcommands whose answer is a text or nothing: dump, audit, detach, stop. */
#include <stdio.h>

#include "gpuvm/ctl/ctl.h"

static void print_json(json_t *r)
{
	json_dumpf(r, stdout, JSON_INDENT(2));
	putchar('\n');
}

int cmd_dump(int argc, char **argv)
{
	struct client_args a = { .op = "dump", .name_allowed = true };
	int code;
	json_t *r = client_simple(argc, argv, &a, &code);

	if (!r)
		return code;
	if (a.json)
		print_json(r);
	else
		fputs(json_string_value(json_object_get(r, "text")), stdout);
	json_decref(r);
	return 0;
}

int cmd_audit(int argc, char **argv)
{
	struct client_args a = { .op = "audit" };
	int code;
	json_t *r = client_simple(argc, argv, &a, &code);
	json_int_t n;

	if (!r)
		return code;
	n = json_integer_value(json_object_get(r, "violations"));
	if (a.json)
		print_json(r);
	else if (n)
		printf("%s%lld violations\n", json_string_value(json_object_get(r, "text")),
		       (long long)n);
	else
		puts("audit clean");
	json_decref(r);
	return n ? 1 : 0;
}

static int silent(int argc, char **argv, struct client_args *a)
{
	int code;
	json_t *r = client_simple(argc, argv, a, &code);

	if (!r)
		return code;
	json_decref(r);
	return 0;
}

int cmd_detach(int argc, char **argv)
{
	struct client_args a = { .op = "detach", .name_allowed = true, .name_required = true };

	return silent(argc, argv, &a);
}

int cmd_stop(int argc, char **argv)
{
	struct client_args a = { .op = "stop" };

	return silent(argc, argv, &a);
}

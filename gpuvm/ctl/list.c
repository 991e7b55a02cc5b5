// SPDX-License-Identifier: MIT
/* gpuvm list and gpuvm show: the daemon's counters as a table or whole. */
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/size.h"
#include "gpuvm/ctl/ctl.h"

static long long num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static long long trapped(const json_t *guest, const char *bar)
{
	const json_t *t = json_object_get(json_object_get(guest, "traps"), bar);

	return num(t, "reads") + num(t, "writes");
}

/* "NAME (ID)" of guests that are domains of Xen. */
static void print_domain(const json_t *g)
{
	const char *name = json_string_value(json_object_get(g, "domain"));
	char text[48] = "-";

	if (name)
		snprintf(text, sizeof text, "%s (%lld)", name, num(g, "domid"));
	printf("%-20s ", text);
}

static void print_row(const json_t *g, bool domains)
{
	char vram[32];

	if (domains)
		print_domain(g);
	printf("%-20s %-12s %-8s %6s %5lld %7lld %9lld %9lld %9lld %11lld %6.1f%%\n",
	       json_string_value(json_object_get(g, "name")),
	       json_string_value(json_object_get(g, "mode")),
	       json_string_value(json_object_get(g, "state")),
	       size_format((uint64_t)num(g, "vram"), vram, sizeof vram), num(g, "channels"),
	       num(json_object_get(g, "sched"), "weight"), trapped(g, "bar0"), trapped(g, "bar1"),
	       trapped(g, "bar3"), num(g, "submissions"),
	       100 * json_real_value(json_object_get(g, "gpu_share")));
}

static void print_table(const json_t *status)
{
	const json_t *host = json_object_get(status, "host"), *g;
	char free_vram[32], vram[32];
	bool domains = false;
	size_t i;

	json_array_foreach(json_object_get(status, "guests"), i, g)
		domains |= json_object_get(g, "domain") != NULL;
	if (domains)
		printf("%-20s ", "DOMAIN (ID)");
	printf("%-20s %-12s %-8s %6s %5s %7s %9s %9s %9s %11s %7s\n", "NAME", "MODE", "STATE", "VRAM",
	       "CHANS", "WEIGHT", "BAR0", "BAR1", "BAR3", "SUBMISSIONS", "GPU");
	json_array_foreach(json_object_get(status, "guests"), i, g)
		print_row(g, domains);
	printf("%s, policy %s: %s of %s VRAM and %lld channels free\n",
	       json_string_value(json_object_get(host, "gpu")),
	       json_string_value(json_object_get(host, "policy")),
	       size_format((uint64_t)num(host, "vram_free"), free_vram, sizeof free_vram),
	       size_format((uint64_t)num(host, "vram"), vram, sizeof vram), num(host, "chans_free"));
}

static int print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	return 0;
}

int cmd_list(int argc, char **argv)
{
	struct client_args a = { .op = "status" };
	int code;
	json_t *r = client_simple(argc, argv, &a, &code);
	const json_t *s = json_object_get(r, "status");

	if (!r)
		return code;
	if (a.json)
		print_json(s);
	else
		print_table(s);
	json_decref(r);
	return 0;
}

static void print_flat(const json_t *o, const char *prefix)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)o, key, v) {
		char path[200];

		snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_is_object(v))
			print_flat(v, path);
		else if (json_is_string(v))
			printf("%-36s %s\n", path, json_string_value(v));
		else if (json_is_number(v))
			printf("%-36s %.15g\n", path, json_number_value(v));
	}
}

static const json_t *find_named(const json_t *status, const char *name)
{
	static const char *const lists[] = { "guests", "departed" };

	for (int l = 0; l < 2; l++) {
		const json_t *list = json_object_get(status, lists[l]);

		/* The newest of that name. */
		for (size_t i = json_array_size(list); i-- > 0;) {
			const json_t *g = json_array_get(list, i);

			if (!strcmp(json_string_value(json_object_get(g, "name")), name))
				return g;
		}
	}
	return NULL;
}

int cmd_show(int argc, char **argv)
{
	struct client_args a = { .op = "status", .name_allowed = true };
	int code;
	json_t *r = client_simple(argc, argv, &a, &code);
	const json_t *s = json_object_get(r, "status"), *what = s;

	if (!r)
		return code;
	if (a.name)
		what = find_named(s, a.name);
	if (!what)
		code = ctl_failed("no guest named %s", a.name);
	else if (a.json)
		print_json(what);
	else if (a.name)
		print_flat(what, "");
	else
		print_flat(json_object_get(s, "host"), "host");
	json_decref(r);
	return code;
}

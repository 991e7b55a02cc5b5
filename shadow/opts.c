// SPDX-License-Identifier: MIT
/* The names of the optimisations, as users give them and counters show them. */
#include <stdio.h>
#include <string.h>

#include "shadow/private.h"

/* The last ones are no options but sets of them. */
static const struct {
	const char *name;
	uint32_t opts;
} names[] = {
	{ "keep", SHADOW_OPT_KEEP },
	{ "lazy", SHADOW_OPT_LAZY },
	{ "track", SHADOW_OPT_TRACK },
	{ "bar-remap", SHADOW_OPT_REMAP },
	{ "optimized", SHADOW_OPT_REMAP | SHADOW_OPT_LAZY | SHADOW_OPT_IF_ABLE },
	{ "best", SHADOW_OPTS_ALL | SHADOW_OPT_IF_ABLE },
};
#define NR_SETS 2

int shadow_opts_parse(const char *s, uint32_t *out)
{
	uint32_t opts = 0;
	bool must = false;

	if (!strcmp(s, "none")) {
		*out = 0;
		return 0;
	}
	for (;;) {
		size_t len = strcspn(s, ","), i = 0;

		while (i < ARRAY_SIZE(names) &&
		       (strlen(names[i].name) != len || strncmp(s, names[i].name, len)))
			i++;
		if (i == ARRAY_SIZE(names))
			return -EINVAL;
		opts |= names[i].opts;
		must |= names[i].opts == SHADOW_OPT_REMAP;
		if (!s[len])
			break;
		s += len + 1;
	}
	/* Asked for by name, it is had or refused. */
	*out = must ? opts & ~SHADOW_OPT_IF_ABLE : opts;
	return 0;
}

void shadow_opts_print(uint32_t opts, char *buf, size_t n)
{
	size_t at = 0;

	snprintf(buf, n, "none");
	for (size_t i = 0; i + NR_SETS < ARRAY_SIZE(names) && at < n; i++)
		if (opts & names[i].opts)
			at += (size_t)snprintf(buf + at, n - at, "%s%s", at ? "," : "",
					       names[i].name);
}

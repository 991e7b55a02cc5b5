// SPDX-License-Identifier: MIT
/* The argument of gpuvm run --mode: a mode's name, then what its options say. */
#include "gpuvm/ctl/mode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/bits.h"

static const char *const modes[] = { "native", "passthrough", "full", "naive-pv", "hp-pv" };

/* One more word for the daemon's list; it knows what they mean. */
static int full_option(const char *s, size_t len, struct run_mode *m)
{
	size_t have = strlen(m->options);

	if (!len || have + len + 2 > sizeof m->options)
		return -EINVAL;
	if (have)
		m->options[have++] = ',';
	memcpy(m->options + have, s, len);
	m->options[have + len] = '\0';
	return 0;
}

/* multicall, or multicall=N. */
static int pv_option(const char *s, size_t len, struct run_mode *m)
{
	static const char name[] = "multicall";
	const size_t n = sizeof name - 1;
	unsigned long v;
	char *end;

	if (strcmp(m->name, "naive-pv") || len < n || strncmp(s, name, n))
		return -EINVAL;
	m->multicall = UINT32_MAX;
	if (len == n)
		return 0;
	if (s[n] != '=' || s[n + 1] < '0' || s[n + 1] > '9')
		return -EINVAL;
	v = strtoul(s + n + 1, &end, 10);
	if (end != s + len || !v || v > UINT32_MAX)
		return -EINVAL;
	m->multicall = (uint32_t)v;
	return 0;
}

int mode_parse(const char *arg, struct run_mode *m)
{
	size_t len = strcspn(arg, ",");

	*m = (struct run_mode){ 0 };
	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++)
		if (strlen(modes[i]) == len && !strncmp(arg, modes[i], len))
			m->name = modes[i];
	if (!m->name)
		return -EINVAL;
	while (arg[len]) {
		arg += len + 1;
		len = strcspn(arg, ",");
		if (strcmp(m->name, "full") ? pv_option(arg, len, m) : full_option(arg, len, m))
			return -EINVAL;
	}
	return 0;
}

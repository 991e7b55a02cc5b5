// SPDX-License-Identifier: MIT
/*
 * Opening a device by name.  This is the only place that knows which
 * implementations exist; whoever holds a struct dev cannot tell them apart
 * except by their capabilities.
 */
#include "gpuvm/dev/dev.h"

#include <stdio.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/log.h"
#include "gpuvm/dev/impl.h"

static const struct dev_impl {
	const char *name;
	int (*open)(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n);
} impls[] = {
	{ "sim", sim_open },
	{ "record", record_open },
	{ "replay", replay_open },
	{ "null", null_open },
};

static int unknown(const char *spec, char *msg, size_t n)
{
	char clean[64];
	size_t at;

	at = (size_t)snprintf(msg, n,
			      "unknown GPU '%s'; known:", log_clean(clean, sizeof(clean), spec));
	for (size_t i = 0; i < ARRAY_SIZE(impls) && at < n; i++)
		at += (size_t)snprintf(msg + at, n - at, " %s", impls[i].name);
	return -EINVAL;
}

int dev_open(const char *spec, const struct log *log, struct dev **out, char *msg, size_t n)
{
	size_t len = strcspn(spec, ":");

	for (size_t i = 0; i < ARRAY_SIZE(impls); i++) {
		if (strlen(impls[i].name) != len || memcmp(impls[i].name, spec, len) != 0)
			continue;
		return impls[i].open(spec[len] ? spec + len + 1 : "", log, out, msg, n);
	}
	return unknown(spec, msg, n);
}

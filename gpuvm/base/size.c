// SPDX-License-Identifier: MIT
#include "gpuvm/base/size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char units[] = "KMGT";

int size_parse(const char *s, uint64_t *out)
{
	char *end;
	uint64_t v;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end) {
		const char *u = strchr(units, toupper((unsigned char)*end));
		unsigned int shift;

		if (!u)
			return -EINVAL;
		shift = 10 * (unsigned int)(u - units + 1);
		if (v > UINT64_MAX >> shift)
			return -EINVAL;
		v <<= shift;
		end++;
		if (*end && strcmp(end, "B") && strcmp(end, "iB"))
			return -EINVAL;
	}
	*out = v;
	return 0;
}

const char *size_format(uint64_t v, char *buf, size_t n)
{
	int u = -1;

	while (v && v % 1024 == 0 && u < (int)sizeof units - 2) {
		v /= 1024;
		u++;
	}
	if (u < 0)
		snprintf(buf, n, "%" PRIu64, v);
	else
		snprintf(buf, n, "%" PRIu64 "%c", v, units[u]);
	return buf;
}

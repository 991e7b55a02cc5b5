// SPDX-License-Identifier: MIT
#include "gpuvm/base/log.h"

#include <stdarg.h>

static const char *const level_name[] = { "error", "warning", "info", "debug", "trace" };

void log_print(const struct log *l, enum log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!l || !l->out || level > l->level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	/* One stdio call, so that lines of several threads do not mix. */
	if (level == LOG_INFO)
		fprintf(l->out, "%s: %s\n", l->name, line);
	else
		fprintf(l->out, "%s: %s: %s\n", l->name, level_name[level], line);
}

const char *log_clean(char *dst, size_t n, const char *src)
{
	size_t i = 0;

	for (; i + 1 < n && src[i]; i++)
		dst[i] = src[i] >= 0x20 && src[i] < 0x7f ? src[i] : '?';
	if (n)
		dst[i] = '\0';
	return dst;
}

int log_limit_ok(struct log_limit *lim, uint64_t now_ns, uint64_t per_second)
{
	if (now_ns - lim->window_ns >= 1000000000ull) {
		lim->window_ns = now_ns;
		lim->used = 0;
	}
	if (lim->used < per_second) {
		lim->used++;
		return 1;
	}
	lim->suppressed++;
	return 0;
}

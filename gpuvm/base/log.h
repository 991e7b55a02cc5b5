/* SPDX-License-Identifier: MIT */
/*
 * Log lines: one struct log per program, handed to whoever needs to speak.
 * Text that came from a guest is passed through log_clean() first: a guest
 * must not be able to forge a line or drive a terminal.
 */
#ifndef GPUVM_BASE_LOG_H
#define GPUVM_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

struct log {
	FILE *out; /* borrowed; NULL means silent */
	enum log_level level;
	const char *name; /* prefix of each line, e.g. "gpuvmd"; borrowed */
};

/* l may be NULL (silent).  Thread-safe per line. */
void log_print(const struct log *l, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(l, ...) log_print(l, LOG_ERROR, __VA_ARGS__)
#define log_warn(l, ...) log_print(l, LOG_WARN, __VA_ARGS__)
#define log_info(l, ...) log_print(l, LOG_INFO, __VA_ARGS__)
#define log_debug(l, ...) log_print(l, LOG_DEBUG, __VA_ARGS__)

/* Copies src into dst (n bytes, always terminated) with control bytes and non-ASCII replaced by '?'. */
const char *log_clean(char *dst, size_t n, const char *src);

/*
 * A budget of lines per second, for what a guest can provoke.  Time is a
 * parameter.  Returns 1 if a line may be printed now.  *suppressed counts the
 * lines withheld since the last one printed and is reset by the caller.
 */
struct log_limit {
	uint64_t window_ns, used, suppressed;
};
int log_limit_ok(struct log_limit *lim, uint64_t now_ns, uint64_t per_second);

#endif

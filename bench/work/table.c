// SPDX-License-Identifier: MIT
/*
 * Reads tables of numbers.  A line that is not understood is an error with its
 * number: input that was silently cut would give a result for something else.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/work/table.h"
#include "gpuvm/base/mem.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int grow(struct table *t, uint32_t *room)
{
	uint32_t more = *room ? *room * 2 : 1024;
	double *v = mem_realloc(t->v, (size_t)more * t->columns * sizeof *v);
	uint32_t *line;

	if (!v)
		return -ENOMEM;
	t->v = v;
	line = mem_realloc(t->line, more * sizeof *line);
	if (!line)
		return -ENOMEM;
	t->line = line;
	*room = more;
	return 0;
}

/* The numbers of one line, which s is; how many, or -1 with why filled. */
static int parse_row(char *s, double *v, unsigned int columns, char *why, unsigned int why_len)
{
	unsigned int n = 0;
	char *end;

	s[strcspn(s, "#")] = '\0';
	for (;;) {
		while (blank(*s))
			s++;
		if (!*s)
			return (int)n;
		if (n == columns) {
			snprintf(why, why_len, "more than %u numbers", columns);
			return -1;
		}
		v[n] = strtod(s, &end);
		if (end == s || (*end && !blank(*end)) || !(fabs(v[n]) <= (double)FLT_MAX)) {
			snprintf(why, why_len, "not a number of a float's size: %.*s", (int)strcspn(s, " \t\r\n"), s);
			return -1;
		}
		n++;
		s = end;
	}
}

static int read_rows(FILE *f, struct table *t, char *why, unsigned int why_len)
{
	char *s = NULL, what[120] = "";
	uint32_t room = 0, line = 0;
	size_t len = 0;
	int err = 0, n;

	while (!err && getline(&s, &len, f) >= 0) {
		line++;
		if (t->rows == room)
			err = grow(t, &room);
		if (err)
			break;
		n = parse_row(s, t->v + (size_t)t->rows * t->columns, t->columns, what, sizeof what);
		if (!n)
			continue;
		if (n > 0 && n < (int)t->columns)
			snprintf(what, sizeof what, "%d numbers, must be %u", n, t->columns);
		else if (n > 0 && t->rows == TABLE_ROWS_MAX)
			snprintf(what, sizeof what, "more than %u rows", TABLE_ROWS_MAX);
		if (what[0]) {
			snprintf(why, why_len, "%s:%u: %s", t->path, line, what);
			err = -EINVAL;
		} else {
			t->line[t->rows++] = line;
		}
	}
	free(s);
	if (!err && ferror(f))
		err = -EIO;
	return err;
}

int table_read(const char *path, unsigned int columns, struct table *t, char *why, unsigned int why_len)
{
	FILE *f = fopen(path, "r");
	int err;

	*t = (struct table){ .path = path, .columns = columns };
	why[0] = '\0';
	err = f ? read_rows(f, t, why, why_len) : -errno;
	if (f)
		fclose(f);
	if (!err && !t->rows) {
		snprintf(why, why_len, "%s: no numbers", path);
		err = -EINVAL;
	}
	if (err && !why[0])
		snprintf(why, why_len, "%s: %s", path, strerror(-err));
	if (err)
		table_free(t);
	return err;
}

void table_free(struct table *t)
{
	mem_free(t->v);
	mem_free(t->line);
	t->v = NULL;
	t->line = NULL;
}

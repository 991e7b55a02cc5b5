// SPDX-License-Identifier: MIT
/*
 * Reads conformance files.  A directive that is not understood is an error: a
 * case that silently ran with other settings would prove nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "tests/cl/case.h"

#define MARK "//@ "
#define LINE_LEN 256

struct case_file {
	char *text; /* owned */
	size_t len, preamble;
	struct test_case *cases; /* owned */
	size_t nr;
};

static int read_text(const char *path, struct case_file *f)
{
	FILE *in = fopen(path, "r");
	long len = -1;

	if (!in)
		return -errno;
	if (!fseek(in, 0, SEEK_END))
		len = ftell(in);
	f->text = len < 0 ? NULL : mem_calloc((size_t)len + 1, 1);
	if (f->text) {
		rewind(in);
		f->len = fread(f->text, 1, (size_t)len, in);
	}
	fclose(in);
	return f->text && f->len == (size_t)len ? 0 : -EIO;
}

/* "4x2x1"; the number of dimensions, 0 if it is none. */
static unsigned int parse_size(const char *s, size_t v[3])
{
	unsigned int n = 0;
	char *end;

	v[0] = v[1] = v[2] = 1;
	while (n < 3) {
		v[n] = strtoul(s, &end, 10);
		if (end == s || !v[n])
			return 0;
		n++;
		if (!*end)
			return n;
		if (*end != 'x')
			return 0;
		s = end + 1;
	}
	return 0;
}

static int parse_key(struct test_case *c, const char *key, const char *value)
{
	size_t n = strlen(value);
	size_t *size = !strcmp(key, "global") ? c->global : !strcmp(key, "local") ? c->local :
		       !strcmp(key, "offset") ? c->offset : NULL;
	char *text = !strcmp(key, "a") ? c->a : !strcmp(key, "b") ? c->b : !strcmp(key, "out") ? c->out :
		     !strcmp(key, "need") ? c->need : NULL;
	unsigned int dims;

	if (!n)
		return -EINVAL;
	if (text) {
		if (n >= CASE_NAME)
			return -EINVAL;
		memcpy(text, value, n + 1);
		return 0;
	}
	if (!strcmp(key, "cmp") || !strcmp(key, "ref"))
		return 0;
	if (!size)
		return -EINVAL;
	dims = parse_size(value, size);
	if (dims > c->dims)
		c->dims = dims;
	return dims ? 0 : -EINVAL;
}

static int parse_case(struct test_case *c, char *line)
{
	char *save, *word = strtok_r(line, " ", &save), *eq;
	int err = 0;

	*c = (struct test_case){ .a = "u32", .b = "u32", .out = "buf", .global = { 1024, 1, 1 },
				 .local = { 64, 1, 1 }, .dims = 1 };
	if (!word || strlen(word) >= CASE_NAME)
		return -EINVAL;
	strcpy(c->name, word);
	while (!err && (word = strtok_r(NULL, " ", &save))) {
		eq = strchr(word, '=');
		if (!eq)
			return -EINVAL;
		*eq = '\0';
		err = parse_key(c, word, eq + 1);
	}
	for (int i = 0; i < 3; i++)
		if (c->global[i] % c->local[i])
			return -EINVAL;
	return err;
}

/* Where the next case starts at or after p, else the end. */
static const char *next_mark(const struct case_file *f, const char *p)
{
	for (const char *m = p; (m = strstr(m, MARK)); m++)
		if (m == f->text || m[-1] == '\n')
			return m;
	return f->text + f->len;
}

static int add_case(struct case_file *f, const char *mark)
{
	const char *from = mark + strlen(MARK), *nl = strchr(from, '\n');
	struct test_case *more;
	char line[LINE_LEN];

	if (!nl || nl - from >= LINE_LEN)
		return -EINVAL;
	memcpy(line, from, (size_t)(nl - from));
	line[nl - from] = '\0';
	more = mem_realloc(f->cases, (f->nr + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->cases = more;
	more = &f->cases[f->nr++];
	if (parse_case(more, line))
		return -EINVAL;
	more->text = nl + 1;
	more->text_len = (size_t)(next_mark(f, nl) - more->text);
	return 0;
}

int case_file_open(const char *path, struct case_file **out)
{
	struct case_file *f = mem_new(struct case_file);
	int err = f ? read_text(path, f) : -ENOMEM;
	const char *p;

	if (err)
		goto err;
	p = next_mark(f, f->text);
	f->preamble = (size_t)(p - f->text);
	while (!err && *p) {
		err = add_case(f, p);
		p = next_mark(f, p + 1);
	}
	if (!err && !f->nr)
		err = -ENOENT;
	if (err)
		goto err;
	*out = f;
	return 0;
err:
	fprintf(stderr, "%s, case %zu: %s\n", path, f ? f->nr : 0, strerror(-err));
	case_file_free(f);
	return err;
}

void case_file_free(struct case_file *f)
{
	if (!f)
		return;
	mem_free(f->cases);
	mem_free(f->text);
	mem_free(f);
}

size_t case_count(const struct case_file *f)
{
	return f->nr;
}

const struct test_case *case_at(const struct case_file *f, size_t i)
{
	return &f->cases[i];
}

const char *case_preamble(const struct case_file *f, size_t *len)
{
	*len = f->preamble;
	return f->text;
}

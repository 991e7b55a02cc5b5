/* SPDX-License-Identifier: MIT */
/*
 * The cases of one conformance file (.cl or .comp).  What comes before the
 * first line "//@ NAME [KEY=VALUE...]" is put before each case; each such line
 * starts a case, which is a program of its own.  Keys:
 *
 *   a=KIND b=KIND   what the two input buffers hold (input.h); img:FORMAT makes an image
 *   out=img:FORMAT  the output is an image
 *   global=XxYxZ    work-items (1024)      local=XxYxZ  of a group (64)
 *   offset=XxYxZ    of the first work-item (none)
 *   need=EXTENSION  the case is for devices that have it
 *
 * and for the comparing script (tests/guest/conform.py):
 *
 *   cmp=HOW         bits (the default), f32:ULPS or f64:ULPS, either with +SLACK, an absolute error
 *   ref=EXPRESSION  what each item must give, from its inputs x and y; in Python, by its math module;
 *                   or the name of a function there that gives the whole output
 */
#ifndef TESTS_CL_CASE_H
#define TESTS_CL_CASE_H

#include <stddef.h>

#define CASE_NAME 32
/* Bytes of each buffer. */
#define CASE_BYTES (64u << 10)

struct case_file;
struct test_case {
	char name[CASE_NAME];
	char a[CASE_NAME], b[CASE_NAME], out[CASE_NAME], need[CASE_NAME];
	size_t global[3], local[3], offset[3];
	unsigned int dims;
	const char *text; /* borrowed from the file, text_len bytes */
	size_t text_len;
};

/* Prints what is wrong and returns a negative errno. */
int case_file_open(const char *path, struct case_file **out);
void case_file_free(struct case_file *);
size_t case_count(const struct case_file *);
const struct test_case *case_at(const struct case_file *, size_t i);
/* The text before the first case, len bytes. */
const char *case_preamble(const struct case_file *, size_t *len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Input from a text file: a row a line, all with the same number of numbers
 * between blanks; empty lines and what follows a # count for nothing.
 */
#ifndef BENCH_WORK_TABLE_H
#define BENCH_WORK_TABLE_H

#include <stdint.h>

/* More would not fit on the card anyway. */
#define TABLE_ROWS_MAX (1u << 24)

struct table {
	const char *path; /* borrowed */
	unsigned int columns;
	uint32_t rows;
	double *v;	/* owned; rows x columns, none beyond a float's size */
	uint32_t *line; /* owned; of each row, from 1 */
};

/* 0, or negative errno with what is wrong, and where, in why. */
int table_read(const char *path, unsigned int columns, struct table *out, char *why, unsigned int why_len);
void table_free(struct table *);

#endif

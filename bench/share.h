/* SPDX-License-Identifier: MIT */
/* The table and the JSON of `make run`. */
#ifndef BENCH_SHARE_H
#define BENCH_SHARE_H

#include <stdbool.h>

#include <jansson.h>

#define SHARE_ROWS 8

struct share_row {
	const char *name, *mode;
	bool verified;
	const json_t *result;  /* gpuvm-copy's; borrowed; NULL if it printed none */
	const json_t *metrics; /* the daemon's counters of the guest; borrowed; NULL in native mode */
};

struct share_report {
	const char *file; /* JSON goes here; NULL: nowhere */
	struct share_row row[SHARE_ROWS]; /* the first is native */
	unsigned int nr, audits;
	unsigned int nr_alone; /* of them, from the first on, ran alone */
	bool audit_clean;
};

/* 0, or -1 after a line on stderr if the file cannot be written. */
int share_report(const struct share_report *);
double share_seconds(const json_t *result);

#endif

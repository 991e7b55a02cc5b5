/* SPDX-License-Identifier: MIT */
/* The table and the JSON of `make run`. */
#ifndef BENCH_SHARE_H
#define BENCH_SHARE_H

#include <stdbool.h>

#include <jansson.h>

#define SHARE_ROWS 16

struct share_row {
	const char *name, *mode, *work;
	unsigned int base; /* row of the same work in native mode */
	bool alone, verified;
	/* bytes, seconds, and what else the program said; borrowed; NULL if it printed none */
	const json_t *result;
	const json_t *metrics; /* the daemon's counters of the guest; borrowed; NULL in native mode */
};

struct share_report {
	const char *file; /* JSON goes here; NULL: nowhere */
	struct share_row row[SHARE_ROWS];
	unsigned int nr, audits;
	bool audit_clean;
};

/* ---- share_work.c: OpenCL ------------------------------------------------------- */
struct bench;
/* Whether gpuvm-work and what it needs as a guest were built. */
bool share_work_there(const struct bench *);
/* Its arguments, NULL-terminated. */
const char *const *share_work_list(void);
/* What it printed, as a share_row's result. */
json_t *share_work_result(const char *text);

/* ---- share_report.c -------------------------------------------------------------- */
/* 0, or -1 after a line on stderr if the file cannot be written. */
int share_report(const struct share_report *);
double share_seconds(const json_t *result);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * gpuvm-copy: sends files through the GPU and checks what comes back.
 *
 * main.c reads the command line and opens the GPU, pump.c moves data,
 * report.c prints.  Files are opened and looked at before the GPU is touched.
 */
#ifndef PV_DRIVER_COPY_COPY_H
#define PV_DRIVER_COPY_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-driver/drv.h"

enum copy_engine { COPY_M2MF, COPY_CE0, COPY_CE1, NR_COPY_ENGINES };
extern const char *const copy_engine_name[NR_COPY_ENGINES];

struct copy_file {
	const char *name; /* borrowed: argv */
	int fd;		  /* owned; -1 once closed */
	uint64_t len;
};

struct copy_opts {
	bool json, irq;
	bool engine[NR_COPY_ENGINES];
	uint64_t chunk; /* 0: as large as is useful and fits */
	uint32_t repeat;
	struct copy_file *file;
	unsigned int nr_files;
};

/* One file's way through one engine, `repeat` times. */
struct copy_result {
	const struct copy_file *file;
	enum copy_engine engine;
	uint64_t bytes, hash_in, hash_out;
	double seconds;
	bool verified;
};

/* ---- pump.c ------------------------------------------------------------------- */

struct pump;
/*
 * Buffers for two chunks in flight, a channel per engine asked for.
 * -ENOSPC if o->chunk does not fit into VRAM; a chunk of 0 shrinks until it fits.
 */
int pump_new(struct drv *, const struct copy_opts *o, struct pump **out, char *msg, size_t n);
/* Accepts NULL. */
void pump_free(struct pump *);
/* Sends one file.  A mismatch is not an error: r->verified says so.  progress may be NULL. */
int pump_file(struct pump *, struct copy_file *, enum copy_engine, struct copy_result *r,
	      void (*progress)(const struct copy_result *, void *), void *arg, char *msg, size_t n);

/* ---- report.c ------------------------------------------------------------------ */

struct copy_report {
	struct copy_result *result;
	unsigned int nr;
	double init_seconds, close_seconds;
};
void report_text(const struct copy_report *);
void report_json(const struct copy_report *);
bool report_verified(const struct copy_report *);
/* A progress line on stderr; arg is a struct report_progress. */
struct report_progress {
	uint64_t total, last_ns; /* bytes this result will have in the end */
};
void report_progress(const struct copy_result *, void *arg);
void report_progress_end(void);

#endif

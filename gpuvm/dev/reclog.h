/* SPDX-License-Identifier: MIT */
/*
 * The recording of a device: a file of calls with their answers and of events
 * between them.  docs/record-format.md describes the bytes; here they are read
 * and written.  One record at a time, in order; a file is only readable as a
 * whole (the last record holds the checksum).
 */
#ifndef GPUVM_DEV_RECLOG_H
#define GPUVM_DEV_RECLOG_H

#include <stddef.h>
#include <stdint.h>

#include "gpuvm/dev/dev.h"

#define RECLOG_VERSION 1

/* Numbers are on disk: never reuse one. */
enum rec_kind {
	/* calls */
	REC_RD32 = 1,
	REC_WR32 = 2,
	REC_VRAM_RD = 3,
	REC_VRAM_WR = 4,
	REC_VRAM_ZERO = 5,
	REC_BAR_RD = 6,
	REC_BAR_WR = 7,
	REC_RESET = 8,
	REC_NOW = 9,
	REC_ADVANCE = 10,
	REC_DMA_MAP = 11,
	REC_DMA_UNMAP = 12,
	/* events */
	REC_IRQ = 13, /* the interrupt was raised arg[0] times */
	REC_MEM = 14, /* arg[1] bytes of bus memory at arg[0] changed to data */
	REC_END = 15, /* arg[0] calls; arg[1] checksum of all bytes before this record */
	/* calls that came later */
	REC_BUSY = 16,
	REC_NR,
};

struct rec {
	enum rec_kind kind;
	uint64_t arg[4];
	uint64_t ret;	  /* an int is kept sign-extended */
	const void *data; /* arg[1] bytes where rec_has_data(); NULL for none */
};

/* Whether data follows; depends on kind and ret alone. */
bool rec_has_data(const struct rec *);
static inline bool rec_is_call(const struct rec *r)
{
	return r->kind < REC_IRQ || r->kind > REC_END;
}
int rec_nr_args(enum rec_kind);
/* The call in words, without its answer and data: "wr32 reg=0x140 val=0x1". */
const char *rec_describe(const struct rec *, char *buf, size_t n);

struct reclog_w;
/* Creates the file (or empties it) and writes the header.  -errno. */
int reclog_create(const char *file, const struct dev_info *info, uint32_t caps, const char *name,
		  struct reclog_w **out);
/* 0, or the first error of this file: nothing more is written after one. */
int reclog_put(struct reclog_w *, const struct rec *);
/* Writes the end record, closes, frees.  Answers the first error of all.  Accepts NULL. */
int reclog_finish(struct reclog_w *);

struct reclog_r;
/* Opens a recording and reads it through once: what comes back is complete and undamaged. */
int reclog_open(const char *file, struct reclog_r **out, char *msg, size_t n);
void reclog_close(struct reclog_r *); /* accepts NULL */
const struct dev_info *reclog_info(const struct reclog_r *);
uint32_t reclog_caps(const struct reclog_r *);
/* How many calls the recording holds. */
uint64_t reclog_calls(const struct reclog_r *);
/*
 * The next record; data is valid until the next call.  REC_END again and again at the end.
 * -EPROTO, -ENOMEM.
 */
int reclog_next(struct reclog_r *, struct rec *out, char *msg, size_t n);
/* Where the record that reclog_next() gave last begins in the file. */
uint64_t reclog_at(const struct reclog_r *);

#endif

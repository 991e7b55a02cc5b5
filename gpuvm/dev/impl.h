/* SPDX-License-Identifier: MIT */
/*
 * The implementations of the device port, as dev_open() finds them.  All have
 * one shape: arg is the text after "name:", or "" if there is none; on success
 * *out is set and owned by the caller; on error -errno is returned, *out is
 * left alone and one line that names what is wrong stands in msg (n bytes).
 * log is borrowed and may be NULL.
 */
#ifndef GPUVM_DEV_IMPL_H
#define GPUVM_DEV_IMPL_H

#include <stddef.h>

struct dev;
struct log;

/* No GPU: the worked example.  Takes no options. */
int null_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n);
/* Software GF100: "vram=1G,clock=manual,fuses=0x7". */
int sim_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n);
/* "FILE,SPEC": opens SPEC and writes every call and its answer to FILE. */
int record_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n);
/* "FILE": answers from a recording. */
int replay_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n);

#endif

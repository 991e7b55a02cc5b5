/* SPDX-License-Identifier: MIT */
/* Counts of executed instructions in a file; tally.c says what is always true. */
#ifndef GPUVM_DEV_SIM_SM_TALLY_H
#define GPUVM_DEV_SIM_SM_TALLY_H

#include "gpuvm/dev/sim/sm/sm.h"

enum { TALLY_LAUNCHES, TALLY_WARPS, TALLY_LANES, TALLY_NR };
#define TALLY_LEN (TALLY_NR * sizeof(uint64_t))

/* The file is made if it is not there; -errno. */
int tally_open(const char *path, uint64_t **out);
void tally_close(uint64_t *); /* accepts NULL */
void tally_add(uint64_t *, const struct sm_count *); /* accepts NULL */

#endif

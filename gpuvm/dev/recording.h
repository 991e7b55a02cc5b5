/* SPDX-License-Identifier: MIT */
/* What may be asked of a device opened as "record:..." or "replay:...", besides being a device. */
#ifndef GPUVM_DEV_RECORDING_H
#define GPUVM_DEV_RECORDING_H

#include <stdint.h>

struct dev;

/*
 * 0 while everything went to the file, else the first error (the device goes
 * on without recording).  -EINVAL if d is not a recording device.
 */
int record_status(const struct dev *d);

struct replay_status {
	uint64_t calls;	      /* answered from the recording so far */
	uint64_t recorded;    /* calls it holds */
	uint64_t divergences; /* calls not answered: the one that differed and all since */
	char first[320];      /* the line that tells of the first one; "" if none */
};

/* -EINVAL if d is not a replaying device. */
int replay_status(const struct dev *d, struct replay_status *out);

#endif

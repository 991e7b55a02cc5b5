/* SPDX-License-Identifier: MIT */
/* Sizes as people write them. */
#ifndef GPUVM_BASE_SIZE_H
#define GPUVM_BASE_SIZE_H

#include <stddef.h>
#include <stdint.h>

/*
 * "4096", "64K", "256M", "1G", "1GiB": bytes, powers of 1024.  -EINVAL for
 * anything else, including signs, blanks, fractions and overflow.
 */
int size_parse(const char *s, uint64_t *out);
/* Shortest exact form ("256M", "6G", "4097") into buf; answers buf. */
const char *size_format(uint64_t v, char *buf, size_t n);

#endif

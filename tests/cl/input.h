/* SPDX-License-Identifier: MIT */
/* What the input buffers of a conformance case hold: the same on every device. */
#ifndef TESTS_CL_INPUT_H
#define TESTS_CL_INPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * kind: u32 words, with the edges of the integers first; f32 floats of any
 * size, with infinities, NaN and both zeros first, no denormals; mid -100 to
 * 100; ten -10 to 10; one -1 to 1; unit 0 to 1; pos 2^-10 to 1000; f64 doubles
 * from -32 to 32, p64 from 2^-5 to 1000; ones 1.  second: the second of two inputs, so
 * that each edge of one meets each of the other.  Returns -EINVAL for an
 * unknown kind.
 */
const char *input_kind(size_t i); /* NULL after the last */
int input_fill(const char *kind, int second, uint32_t *words, size_t n);

#endif

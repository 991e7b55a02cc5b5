/* SPDX-License-Identifier: MIT */
/* What the input buffers of a conformance case hold: the same on every device. */
#ifndef TESTS_CL_INPUT_H
#define TESTS_CL_INPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * kind: u32 words, with the edges of the integers first; f32 floats of any
 * size, with infinities, NaN and both zeros first, no denormals; mid -100 to
 * 100; unit 0 to 1; pos 2^-10 to 1000; f64 doubles of moderate size.  second:
 * the second of two inputs, so that each edge of one meets each of the other.
 * Returns -EINVAL for an unknown kind.
 */
int input_fill(const char *kind, int second, uint32_t *words, size_t n);

#endif

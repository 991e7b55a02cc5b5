// SPDX-License-Identifier: MIT
/*
 * The fuzz harness of the vfio-user port without a fuzzer: the kept corpus,
 * then inputs from a fixed sequence, so that every compiler runs them.
 */
#include "tests/t.h"

#include "tests/fuzz/fuzz_vfio.c"

#define CORPUS "tests/fuzz/corpus/fuzz_vfio"
#define RANDOM_INPUTS 200

#include "tests/replay/fuzz.h"

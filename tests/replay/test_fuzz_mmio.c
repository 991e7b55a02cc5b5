// SPDX-License-Identifier: MIT
/* The fuzz harness of the guests' accesses, without a fuzzer (fuzz.h). */
#include "tests/t.h"

#include "tests/fuzz/fuzz_mmio.c"

#define CORPUS "tests/fuzz/corpus/fuzz_mmio"
#define RANDOM_INPUTS 200
#include "tests/replay/fuzz.h"

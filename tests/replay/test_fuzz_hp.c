// SPDX-License-Identifier: MIT
/* The fuzz harness of the hp-pv ring, without a fuzzer (fuzz.h). */
#include "tests/t.h"

#include "tests/fuzz/fuzz_hp.c"

#define CORPUS "tests/fuzz/corpus/fuzz_hp"
#define RANDOM_INPUTS 200
#include "tests/replay/fuzz.h"

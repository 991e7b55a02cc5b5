// SPDX-License-Identifier: MIT
/* The fuzz harness of the PV call page, without a fuzzer (fuzz.h). */
#include "tests/t.h"

#include "tests/fuzz/fuzz_pv.c"

#define CORPUS "tests/fuzz/corpus/fuzz_pv"
#define RANDOM_INPUTS 200
#include "tests/replay/fuzz.h"

/* SPDX-License-Identifier: MIT */
/* Which build of lanes_*.c runs: the best one this processor has, chosen once for each worker pool. */
#ifndef GPUVM_DEV_SIM_SM_ISA_H
#define GPUVM_DEV_SIM_SM_ISA_H

#include "gpuvm/dev/sim/sm/core.h"

/* What the processor offers, of what SM_OPT_* allows. */
enum sm_isa sm_isa_best(uint32_t opts);
/* The handler of a lane operation; NULL: none of lanes_*.c has it. */
uop_fn lanes_select(enum sm_isa, const struct sm20_insn *);
/* Of a sum of two words whose low half is u->low. */
uop_fn lanes_add_pair(enum sm_isa);

#endif

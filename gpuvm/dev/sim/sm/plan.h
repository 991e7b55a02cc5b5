/* SPDX-License-Identifier: MIT */
/*
 * The plan of a launch: its program, rewritten for exactly this grid and these
 * constants.
 *
 * Compilers for this chip compute addresses in 64 bits from constants, shift
 * counts and dimensions that a launch fixes; most of that work gives the same
 * for every lane, or nothing that is used.  A plan leaves it out.
 *
 * Always true:
 *  1. A lane runs instructions as one thread does, along the edges of the
 *     program's flow; what holds for every path to a place holds for every lane
 *     there.  A program whose edges are not all known has no plan.
 *  2. Memory, predicates that are looked at, and registers that are read later
 *     are what the program alone would have made; other registers may differ.
 *  3. Faults, traps and counts of executed instructions are the program's own.
 *  4. A plan does not change once it is made, and lives as long as its launch.
 */
#ifndef GPUVM_DEV_SIM_SM_PLAN_H
#define GPUVM_DEV_SIM_SM_PLAN_H

#include "gpuvm/dev/sim/sm/core.h"

struct plan;

/* *out is NULL if the program is better run as it is; -ENOMEM.  The constants are there, dma_lock is held. */
int plan_new(struct worker *, const struct sm_launch *, struct plan **out);
void plan_free(struct plan *); /* accepts NULL */
/* Where a straight run begins; NULL: nowhere. */
const struct uop *plan_at(const struct plan *, uint32_t pc);

#endif

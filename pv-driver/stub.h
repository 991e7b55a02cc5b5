/* SPDX-License-Identifier: MIT */
/*
 * Instructions outside insn.c's table: run by the processor itself, on a copy.
 *
 * The instruction is assembled anew in a slot of executable memory, with its
 * memory operand replaced by the slot's 64 bytes of data; the interrupted thread
 * is sent there, with all its registers.  Behind the instruction a store to an
 * inaccessible page brings the thread back into the SIGSEGV handler.  What the
 * operand reads is loaded from the BAR before, what it writes is stored to the
 * BAR after.  So anything with one memory operand of at most 64 bytes works:
 * floating point, vector arithmetic, mul and div.  Costs two traps.
 */
#ifndef PV_DRIVER_STUB_H
#define PV_DRIVER_STUB_H

#include <stdbool.h>

#include "pv-driver/trap.h"

struct stub;

/* -ENOMEM, -EACCES (a system that allows no such memory): the caller does without. */
int stub_new(struct stub **out);
/* Accepts NULL. */
void stub_free(struct stub *);

/*
 * Sends the context to a slot for the instruction at its ip.  0;
 * -EOPNOTSUPP if it is none of those described above; -EFAULT as insn_emulate;
 * -EBUSY if all slots are in use.
 */
int stub_enter(struct stub *, ucontext_t *uc, const struct trap_range *ranges, unsigned int nr,
	       struct trap_sink *sink);
/* Whether a fault at addr is a slot's end; then stub_leave() goes back behind the original instruction. */
bool stub_ended(const struct stub *, uint64_t addr);
void stub_leave(struct stub *, ucontext_t *uc);

#endif

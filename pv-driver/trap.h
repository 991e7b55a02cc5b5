/* SPDX-License-Identifier: MIT */
/*
 * The guest half of a trap.
 *
 * The BARs are mapped without access rights (bus_guest.c) and trap.c installs
 * a SIGSEGV handler.  A fault inside a BAR is decoded (insn.c, on Zydis), carried out through a
 * struct trap_sink, and the thread resumes after the instruction with
 * registers and flags as the processor would leave them.  What insn.c does
 * not know the processor runs itself on a copy of the operand (stub.c).  A fault elsewhere
 * goes to whatever handler was installed before.  An instruction that neither
 * can do ends the guest with one line on stderr naming the instruction's
 * bytes and text, the BAR and the offset (exit status 70).
 *
 * Any number of threads may trap at once.  A thread must not block SIGSEGV
 * (the kernel ends a process that faults with it blocked), and nobody may
 * replace the handler.  A read-modify-write is a load and a store, with a lock
 * prefix too: threads are not atomic against each other.
 */
#ifndef PV_DRIVER_TRAP_H
#define PV_DRIVER_TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#define TRAP_EXIT_INSN 70
#define TRAP_RANGES 8

/* Where decoded accesses go; called from the signal handler: async-signal-safe only. */
struct trap_sink {
	uint64_t (*load)(struct trap_sink *, uint32_t space, uint32_t off, uint8_t size);
	void (*store)(struct trap_sink *, uint32_t space, uint32_t off, uint8_t size, uint64_t val);
	/* Optional: true if the page at off can be touched without a trap now; the instruction runs again. */
	bool (*direct)(struct trap_sink *, uint32_t space, uint32_t off);
};

struct trap_range {
	uint8_t *base; /* PROT_NONE mapping */
	uint64_t len;
	uint32_t space; /* PROC_SPACE_* */
};

/*
 * Carries out the instruction at the context's instruction pointer, whose
 * memory operand(s) fall in one of ranges, and steps the context over it.  A
 * long repeated string instruction is only carried on a page further: its
 * registers have moved, the instruction pointer has not.
 * 0; -EOPNOTSUPP for an instruction outside the supported forms; -EFAULT if no
 * operand lies in a range or one straddles its end.  Pure apart from sink and
 * ordinary memory the instruction names (rep movs): usable in unit tests with
 * a made-up context.
 */
int insn_emulate(ucontext_t *uc, const struct trap_range *ranges, unsigned int nr,
		 struct trap_sink *sink);
/* Text of the instruction at ip for an error message. */
void insn_describe(const void *ip, char *buf, size_t n);

struct trap;
/*
 * Installs the handler for the given ranges (copied, at most TRAP_RANGES: -EINVAL).
 * One struct trap per process: -EBUSY.  Inherited by fork.
 */
int trap_install(const struct trap_range *ranges, unsigned int nr, struct trap_sink *sink,
		 struct trap **out);
/* Restores the previous handler.  No thread may touch the ranges any more.  Accepts NULL. */
void trap_remove(struct trap *);

#endif

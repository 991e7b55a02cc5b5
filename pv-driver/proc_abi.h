/* SPDX-License-Identifier: MIT */
/*
 * Wire format between a process guest and the mediator's process port.
 * Includes stdint only; both sides include it.  Version 1.
 *
 * A guest is created over the control socket, which hands over four file
 * descriptors: the ring (struct proc_ring, shared, read and write), the RAM
 * memfd (sealed: neither side can resize it; guest-physical address == file
 * offset), the interrupt eventfd (readable = the device raised its interrupt)
 * and the kick eventfd (guest -> mediator wake-up).  A fifth, the life socket,
 * says by hanging up that the last process of the guest is gone.  `gpuvm run`
 * passes them to the guest program by number in the environment variable
 * GPUVM_GUEST (see PROC_ENV).
 *
 * The ring carries trapped BAR accesses in order, from any number of guest
 * threads.  Position p lives in slot p % PROC_SLOTS.  A slot's `seq` says
 * whose turn it is:
 *
 *   seq == p            free: the thread that took position p may fill it
 *   seq == p + 1        filled: the mediator may serve it
 *   seq == p + PROC_SLOTS   done: val holds the answer; free for position p + PROC_SLOTS
 *
 * A guest thread takes a position by atomically incrementing `head`.  A store
 * is posted: the thread goes on after filling the slot (the ring's order keeps
 * it ahead of later loads, as PCI ordering does).  A load waits for `done`;
 * while a reader still needs the answer it has set `reading`, and the slot's
 * next owner waits until it is cleared.
 * The mediator copies a slot once and checks the copy.
 */
#ifndef PV_DRIVER_PROC_ABI_H
#define PV_DRIVER_PROC_ABI_H

#include <stdint.h>

#define PROC_ABI_VERSION 1u
#define PROC_MAGIC 0x76757067u /* "gpuv" */
#define PROC_SLOTS 256u	       /* a power of two */

/* enum hv_space values on the wire. */
#define PROC_SPACE_CFG 0u
#define PROC_SPACE_BAR0 1u
#define PROC_SPACE_BAR1 2u
#define PROC_SPACE_BAR3 3u
#define PROC_SPACE_PV 4u

struct proc_slot {
	uint64_t seq; /* atomic; see above */
	uint32_t off;
	uint8_t space, size, write, reading;
	uint64_t val;
	uint32_t waiting; /* atomic futex: 1 while a load sleeps on it; the mediator sets 0 and wakes */
	uint32_t pad[9];  /* one slot per cache line */
};

struct proc_ring {
	uint32_t magic, version;
	uint64_t ram_len;
	uint64_t bar_len[6]; /* what the guest maps without access rights */
	uint32_t flags;	     /* PROC_FLAG_* */
	uint32_t pad0[9];
	uint64_t head; /* atomic, guest: next position to take */
	uint64_t pad1[7];
	uint32_t asleep; /* atomic, mediator: 1 = write the kick eventfd after filling a slot */
	uint32_t dead;	 /* atomic, mediator: non-zero = the guest was killed; why[] says why */
	char why[120];
	struct proc_slot slot[PROC_SLOTS];
};

#define PROC_FLAG_POSTED 1u /* stores do not wait for done (an optimisation; may be off) */

#define PROC_ENV "GPUVM_GUEST" /* "ring,ram,irq,kick,life": file descriptor numbers */

_Static_assert(sizeof(struct proc_slot) == 64, "one slot per cache line");

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Wire format between a process guest and the mediator's process port.
 * Includes stdint only; both sides include it.  Version 2.
 *
 * A guest is created over the control socket, which hands over five file
 * descriptors:
 *
 *   ring  struct proc_ring in a sealed memfd, shared, read and write
 *   ram   sealed memfd (neither side can resize it); guest-physical address == file offset
 *   irq   stream socket: bytes waiting = the device raised its interrupt.  Drain it with
 *         recv(MSG_DONTWAIT).  A socket and not an eventfd, because the two ends of a socket have
 *         flags of their own: a guest that clears O_NONBLOCK cannot make the mediator block.
 *   kick  eventfd, guest -> mediator wake-up.  The mediator never reads it (it watches for edges),
 *         for the same reason.
 *   life  socket: hangs up towards the mediator when the last process of the guest is gone, and
 *         towards the guest when the mediator is.
 *
 * A guest in another domain of Xen has a ring and RAM in pages that its domain
 * granted (xen_abi.h), kick is the event channels' device, and there is a sixth:
 *
 *   far   memfd of struct proc_far: what a futex, an eventfd and a file's length cannot say there.
 *
 * `gpuvm run` and `gpuvm-guest run` pass them to the guest program by number in the environment
 * variable GPUVM_GUEST (see PROC_ENV).
 *
 * The ring carries trapped BAR accesses in order, from any number of guest
 * threads and processes.  Position p lives in slot p % PROC_SLOTS.  A slot's
 * `seq` says whose turn it is; it only grows:
 *
 *   seq == p                free: whoever took position p may write the request
 *   seq == p + 1            filled: the mediator may serve it
 *   seq == p + 2            answered: val is the answer, the taker's to collect
 *   seq == p + PROC_SLOTS   free for position p + PROC_SLOTS
 *
 * Taking.  A guest thread takes p by atomically adding 1 to `head`, waits for
 * seq == p, writes the request, and moves seq to p + 1 by compare-and-swap
 * (sequentially consistent).  Signals are blocked in between: a second access
 * by the same thread would wait for ever behind the unfilled one.
 *
 * Serving.  The mediator keeps its own position and trusts no field: it copies
 * the slot once and checks the copy.  A load, and a store when PROC_FLAG_POSTED
 * is off, moves to p + 2; the taker copies val and moves seq to p + PROC_SLOTS
 * by compare-and-swap.  So nobody can overwrite an answer that is still wanted.
 * A posted store moves straight to p + PROC_SLOTS: the thread went on after
 * filling the slot (the ring's order keeps the store ahead of later loads, as
 * PCI ordering does).
 *
 * Sleeping.  Who waits for a seq (for an answer, or for a free slot) spins a
 * little, then stores waiting = 1, reads seq again, and sleeps on the futex
 * `waiting` for at most PROC_POKE_NS; whoever moves seq reads `waiting`
 * afterwards and, if it was set, clears it and wakes all.  Both sides order the
 * two accesses sequentially consistently, so one of them sees the other.  The
 * mediator sleeps in the same way on `asleep` and the kick descriptor.
 *
 * Holes.  A process can be killed between taking and filling (or answering and
 * collecting), while other processes of the guest live on.  A waiter that
 * slept PROC_POKE_NS writes to kick.  If the mediator then finds its position
 * not filled though head is past it, and still so PROC_HOLE_NS later, it moves
 * seq to p + PROC_SLOTS and goes on.  A taker that was only stopped finds its
 * compare-and-swap failing and starts again at a new position (a load that was
 * answered but not collected is then asked again).
 *
 * Windows.  The mediator may offer that BAR1, BAR3 or call pages are memory:
 * page[] has a word for each (proc_page()), and PROC_PAGE_MEMORY in it names a
 * file and a page of it.  File 0 is `ram`; any other is asked for by a load of 4
 * bytes in PROC_SPACE_FILE at the file's number: if the answer is 0, `life`
 * holds a message of 8 bytes, the number, with the descriptor.  A process maps
 * an offered page over its BAR when it likes, or never: carrying the access to
 * the mediator stays right.
 *
 *  - Before it maps, a process waits until the stores that it posted were served.
 *  - While it has pages mapped, it waits for stores that may name memory or
 *    change windows: those in `ordered`, and in the BARs with windows any but
 *    to PROC_PAGE_ACTS pages.
 *  - Taken back: the mediator changes the words, notes the range in
 *    log[gen % PROC_LOG], then adds 1 to `gen`.  Who finds gen changed after an
 *    access that it waited for lets go of those pages before it goes on (of all
 *    that changed, if more than PROC_LOG have gone by), and stores the gen up to
 *    which it is done to `ack`.
 *
 * None of this confines a guest, which keeps what it was given as long as it
 * likes: only memory that is its own is ever offered.
 */
#ifndef PV_DRIVER_PROC_ABI_H
#define PV_DRIVER_PROC_ABI_H

#include <stdint.h>

#define PROC_ABI_VERSION 2u
#define PROC_MAGIC 0x76757067u /* "gpuv" */
#define PROC_SLOTS 256u	       /* a power of two, > 2: the states of one slot must differ */

/* enum hv_space values on the wire. */
#define PROC_SPACE_CFG 0u
#define PROC_SPACE_BAR0 1u
#define PROC_SPACE_BAR1 2u
#define PROC_SPACE_BAR3 3u
#define PROC_SPACE_PV 4u
#define PROC_SPACE_FILE 16u /* no BAR: off is the number of a file that is asked for */

#define PROC_CFG_LEN 4096u /* PCI Express configuration space */
#define PROC_BAR_PV 5u	   /* the PV call page's index in bar_len[]; BARs 0, 1 and 3 have their own */

#define PROC_POKE_NS 100000000ull
#define PROC_HOLE_NS 1000000000ull

struct proc_slot {
	uint64_t seq; /* atomic; see above */
	uint32_t off;
	uint8_t space, size, write, pad0;
	uint64_t val;
	uint32_t waiting; /* atomic futex: 1 while somebody sleeps until seq moves */
	uint32_t pad[9];  /* one slot per cache line */
};

#define PROC_PAGE_LEN 4096u
#define PROC_PAGE_MEMORY 1u /* page[]: the page can be mapped */
#define PROC_PAGE_ACTS 2u   /* page[]: stores to it reach no memory that anybody has mapped */
#define PROC_PAGE_FILE(w) ((uint32_t)((w) >> 2) & 0x3fffffu)
#define PROC_PAGE_AT(w) ((w) >> 24) /* page of the file */
#define PROC_PAGE_WORD(file, at) ((uint64_t)(at) << 24 | (uint64_t)(file) << 2 | PROC_PAGE_MEMORY)
#define PROC_FILE_MAX 0x3fffffu
#define PROC_FILE_RAM 0u

/* A range of stores that a process with mapped pages waits for. */
struct proc_ordered {
	uint32_t space, off, len, pad;
};
#define PROC_ORDERED 8u
/* Words of page[] that changed. */
struct proc_change {
	uint32_t first, nr;
};
#define PROC_LOG 64u

struct proc_ring {
	uint32_t magic, version;
	uint64_t ram_len;
	uint64_t bar_len[6]; /* what the guest maps without access rights; 0 = absent */
	uint32_t flags;	     /* PROC_FLAG_* */
	uint32_t pad0[15];
	uint64_t head; /* atomic, guest: next position to take; to the mediator a hint */
	uint64_t pad1[7];
	uint32_t asleep; /* atomic, mediator: 1 = write the kick eventfd after filling a slot */
	uint32_t dead;	 /* atomic, mediator: non-zero = the guest was ended; why[] says why */
	char why[120];
	struct proc_slot slot[PROC_SLOTS];
	uint64_t gen; /* atomic, mediator */
	uint64_t pad2[7];
	uint64_t ack; /* atomic, guest */
	uint64_t pad3[7];
	struct proc_ordered ordered[PROC_ORDERED]; /* len 0: none */
	struct proc_change log[PROC_LOG];
	uint64_t page[]; /* atomic, mediator: BAR1's, BAR3's, the call pages' */
};

/*
 * Beside the ring of a guest whose mediator is in another domain.  Who would
 * sleep on a slot's `waiting` reads wakes, stores waiting = 1, reads seq again,
 * and sleeps on wakes; an event of the mediator's adds 1 to it and wakes all.
 */
struct proc_far {
	uint32_t magic, port; /* port: of kick's event channel; 0: kick is an eventfd all the same */
	uint64_t ring_len, ram_len;
	uint32_t pad[10];
	uint32_t wakes; /* atomic futex */
};
#define PROC_FAR_MAGIC 0x66767067u /* "gpvf" */

#define PROC_FLAG_POSTED 1u /* stores do not wait for done (an optimisation; may be off) */

#define PROC_ENV "GPUVM_GUEST" /* "ring,ram,irq,kick,life[,far]": file descriptor numbers */

_Static_assert(sizeof(struct proc_slot) == 64, "one slot per cache line");
_Static_assert(__builtin_offsetof(struct proc_ring, head) == 128, "head has a cache line of its own");
_Static_assert(__builtin_offsetof(struct proc_ring, asleep) == 192, "asleep and dead share one line");
_Static_assert(__builtin_offsetof(struct proc_ring, slot) == 320, "slots start on a cache line");
_Static_assert(__builtin_offsetof(struct proc_ring, gen) % 64 == 0, "gen has a cache line of its own");
_Static_assert(__builtin_offsetof(struct proc_ring, page) % 64 == 0, "page words start on a cache line");

/* Words of page[] that a guest with these BARs has. */
static inline uint64_t proc_pages(const uint64_t bar_len[6])
{
	return (bar_len[1] + bar_len[3] + bar_len[PROC_BAR_PV]) / PROC_PAGE_LEN;
}

/* Index in page[] of the page at off; off is inside that BAR.  UINT64_MAX for a space without windows. */
static inline uint64_t proc_page(const uint64_t bar_len[6], uint32_t space, uint64_t off)
{
	switch (space) {
	case PROC_SPACE_BAR1:
		return off / PROC_PAGE_LEN;
	case PROC_SPACE_BAR3:
		return (bar_len[1] + off) / PROC_PAGE_LEN;
	case PROC_SPACE_PV:
		return (bar_len[1] + bar_len[3] + off) / PROC_PAGE_LEN;
	default:
		return UINT64_MAX;
	}
}

static inline uint64_t proc_ring_len(const uint64_t bar_len[6])
{
	return sizeof(struct proc_ring) + proc_pages(bar_len) * sizeof(uint64_t);
}

#endif

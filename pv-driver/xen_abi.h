/* SPDX-License-Identifier: MIT */
/*
 * Wire format between a domain of Xen without traps and the mediator.  Includes
 * stdint only; both sides include it.  docs/pv-abi.md tells it in prose.
 *
 * The domain's end allocates everything: the ring (struct proc_ring of
 * proc_abi.h), the RAM that the GPU may reach, and an index page that names
 * the pages of both by grant references.  xenstore carries the index page's
 * reference and the event channel's port, and the states of the two ends.
 */
#ifndef PV_DRIVER_XEN_ABI_H
#define PV_DRIVER_XEN_ABI_H

#include <stdint.h>

#define XEN_PV_VERSION 1u
#define XEN_PV_MAGIC 0x58506770u /* "pgPX" */
#define XEN_PV_PAGE 4096u

/* Below device/gpuvm/N of the domain's folder, and below backend/gpuvm/DOMID/N of domain 0's. */
#define XEN_PV_FRONT "device/gpuvm/0"
#define XEN_PV_BACK "backend/gpuvm"

/* XenbusState, in "state" of both folders. */
enum xen_pv_state {
	XEN_PV_UNKNOWN,
	XEN_PV_INITIALISING, /* front: a new end is here; the mediator lets go of an older one's memory */
	XEN_PV_INIT_WAIT,    /* back: what follows may be published */
	XEN_PV_INITIALISED,  /* front: index and port are published */
	XEN_PV_CONNECTED,    /* back: the ring is served; front: seen */
	XEN_PV_CLOSING,
	XEN_PV_CLOSED /* back: nothing of the domain's memory is mapped */
};

/*
 * The index page.  Behind it, list pages hold the references of the ring's
 * pages, then of the RAM's, XEN_PV_REFS to a page.  The mediator copies
 * counts and references once, when it connects.
 */
struct xen_pv_index {
	uint32_t magic, version;
	uint32_t ring_pages; /* as the mediator asked for in "ring-pages" */
	uint32_t ram_pages;  /* guest-physical address 0 is the first one's */
	uint32_t pad0[12];
	uint32_t irqs; /* atomic, mediator: interrupts raised so far */
	uint32_t pad1[15];
	/*
	 * Bytes that Xen's drivers clear when an end's process is gone, however it
	 * went, and then send an event.
	 */
	uint8_t front_alive, pad2[63];
	uint8_t back_alive, pad3[63];
	uint32_t list[960]; /* references of the list pages */
};
#define XEN_PV_REFS 1024u
#define XEN_PV_LISTS 960u
#define XEN_PV_FRONT_ALIVE 128u
#define XEN_PV_BACK_ALIVE 192u

_Static_assert(sizeof(struct xen_pv_index) == XEN_PV_PAGE, "one page");
_Static_assert(__builtin_offsetof(struct xen_pv_index, front_alive) == XEN_PV_FRONT_ALIVE, "its byte");
_Static_assert(__builtin_offsetof(struct xen_pv_index, back_alive) == XEN_PV_BACK_ALIVE, "its byte");

static inline uint32_t xen_pv_lists(uint64_t pages)
{
	return (uint32_t)((pages + XEN_PV_REFS - 1) / XEN_PV_REFS);
}

#endif

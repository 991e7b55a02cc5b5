/* SPDX-License-Identifier: MIT */
/*
 * The Xen port: a guest is a domain (HVM, or PVH without any other device
 * model), its vGPU a complete PCI function served by an IOREQ server of ours.
 *
 * The guest places the BARs; accesses to them, to configuration space and to
 * the expansion ROM arrive as I/O requests of Xen.  Guest RAM is reached by
 * foreign mappings: a page is mapped, and so held in Xen's books, from pin to
 * unpin; what the mediator only reads or writes goes through a small cache.
 *
 * Bus addresses: guest id's window is XEN_DMA_BASE + id * XEN_WINDOW, above the
 * vfio-user port's windows in Fermi's 40 bits.
 *
 * Stable Xen interfaces only (xendevicemodel, xenforeignmemory, xenevtchn,
 * xenstore): the port that was built on one release of Xen serves the next.
 */
#ifndef GPUVM_HV_XEN_H
#define GPUVM_HV_XEN_H

#include "gpuvm/hv/hv.h"

#define XEN_GUESTS 16u
#define XEN_WINDOW (16ull << 30) /* guest-physical addresses that can be RAM */
#define XEN_DMA_BASE ((1ull << 39) + (1ull << 38))

/* -EOPNOTSUPP: not in a domain that may do this, or the kernel lacks Xen's devices; log says which. */
int hv_xen_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out);

struct hv_xen_cfg {
	const char *name;
	uint16_t domid;
	const char *domain;  /* its name, copied; NULL: none */
	uint8_t slot; /* the function is 0000:00:slot.0; 1 to 31 */
	/*
	 * Nobody else serves PCI in this domain (PVH): a host bridge at 00:00.0 and
	 * the ports cf8 to cff are ours too.
	 */
	bool bridge;
	uint64_t bar_len[6]; /* 0 = absent; powers of two.  Placed by the guest, see hv/xen_pci.c */
	const void *rom;     /* expansion ROM, copied; rom_len a power of two */
	uint32_t rom_len;
	const void *cfg;     /* for up->attach, see struct hv_guest */
};

/*
 * Calls up->attach.  The domain should be paused, or not have looked for PCI
 * functions yet.  Its end detaches the guest.  -ESRCH: no such domain.
 * -EEXIST: it has a vGPU.  -ENOSPC: all slots taken.  -EPERM: Xen refuses.
 */
int hv_xen_guest_new(struct hv *, const struct hv_xen_cfg *, struct hv_guest **out);
/* Detaches from outside; frees it before returning, or at the end of the dispatch it is called in. */
void hv_xen_guest_drop(struct hv_guest *, const char *why);

struct hv_xen_domain {
	uint16_t domid;
	char name[32]; /* printable; empty: it has none */
	char type[8];  /* "hvm", "pvh", "pv"; empty: its toolstack does not say */
};
/* The domain that a guest is: its name at attach, no type. */
void hv_xen_guest_domain(const struct hv_guest *, struct hv_xen_domain *out);
/* Calls fn for each domain that Xen's toolstack has made known, in no order. */
void hv_xen_each(struct hv *, void (*fn)(void *arg, const struct hv_xen_domain *), void *arg);
/* Another number whenever a domain may have come or gone; counted in dispatch. */
uint64_t hv_xen_changes(struct hv *);
/* The domain of this name or number (xenstore has what Xen's toolstack calls it).  -ENOENT. */
int hv_xen_find(struct hv *, const char *name_or_id, struct hv_xen_domain *out);

struct hv_xen_stats {
	uint64_t requests;   /* I/O requests of all kinds */
	uint64_t buffered;   /* of these, through the buffered page */
	uint64_t accesses;   /* of these, single accesses: a string operation is many */
	uint64_t strings;    /* string operations with memory on both sides */
	uint64_t config;     /* configuration space */
	uint64_t stray;      /* requests nobody here serves, answered with ones */
	uint64_t irqs;	     /* messages and line raises */
	uint64_t tracked;    /* stores to watched pages */
	uint64_t foreign;    /* foreign mappings made */
	uint64_t cache_hits; /* reads and writes of RAM that needed none */
	uint64_t pinned;     /* pages held now */
};
void hv_xen_guest_stats(const struct hv_guest *, struct hv_xen_stats *out);

#endif

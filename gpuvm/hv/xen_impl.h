/* SPDX-License-Identifier: MIT */
/*
 * The Xen port's own: shared by xen.c (port, rounds), xen_guest.c (birth,
 * death), xen_ioreq.c (requests), xen_pci.c (configuration space, BARs, host
 * bridge), xen_ram.c (foreign memory), xen_watch.c (write tracking) and
 * xen_irq.c (interrupts).
 */
#ifndef GPUVM_HV_XEN_IMPL_H
#define GPUVM_HV_XEN_IMPL_H

/* What of Xen's public headers is for tools hides behind this name. */
#define __XEN_TOOLS__ 1
#include <stdint.h>
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/ioreq.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xenstore.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/hv/xen.h"

#define XEN_VCPUS 128u	/* struct ioreq in one page */
#define XEN_CACHE 64u	/* foreign pages kept for reads and writes by value */
#define XEN_BARS 3u	/* BAR0, BAR1, BAR3 */
#define XEN_CONFIG_LEN 256u

/* A range that Xen sends here: where the guest has placed a BAR or the ROM now. */
struct xen_range {
	uint64_t at, len; /* len 0: nowhere */
	enum hv_space space;
	bool rom;
};

struct xen_cached {
	uint64_t gfn, used; /* used: xen_ram.clock at the last use; 0: empty */
	uint8_t *mem;
};

struct xen_ram {
	/* XEN_WINDOW of address space: pinned pages are mapped in place, the rest is memory of nobody. */
	uint8_t *window;
	uint16_t *pins;	 /* per page of the window; owned, sparse */
	uint64_t clock;
	struct xen_cached cache[XEN_CACHE];
};

struct xen_watched {
	uint64_t *gfn; /* owned, sorted */
	uint32_t nr, room;
};

struct xen_guest {
	struct hv_guest g;
	domid_t domid;
	char domain[32]; /* the domain's name */
	uint8_t slot;
	bool bridge, attached, dying, has_server;
	ioservid_t server;
	xenforeignmemory_resource_handle *page_res; /* the two shared pages; owned */
	struct ioreq *vcpu;			    /* into the second page */
	struct buffered_iopage *buffered;	    /* the first page */
	evtchn_port_t port[XEN_VCPUS + 1];	    /* local; the last is the buffered page's */
	uint32_t nr_vcpus;
	bool port_bound[XEN_VCPUS + 1];
	bool more; /* something may wait in the shared pages */
	uint64_t bar_len[6];
	uint8_t *rom; /* owned */
	uint32_t rom_len;
	struct xen_range range[XEN_BARS + 1];
	uint32_t cf8;
	bool line_up; /* the INTx line, as Xen was last told */
	struct xen_ram ram;
	struct xen_watched watched;
	struct hv_xen_stats stats;
};

struct xen {
	struct hv hv;
	xendevicemodel_handle *dm;
	xenforeignmemory_handle *fm;
	xenevtchn_handle *ev;
	struct xs_handle *xs;
	int epoll;
	struct list guests;
	struct xen_guest *slot[XEN_GUESTS];
	unsigned int nr_dying;
	uint64_t changes; /* times that domains came or went */
	bool dispatching;
};

static inline struct xen *xen_of(struct hv *h)
{
	return container_of(h, struct xen, hv);
}
static inline struct xen_guest *xen_guest_of(const struct hv_guest *g)
{
	return container_of(g, struct xen_guest, g);
}
static inline struct xen *xen_port(const struct xen_guest *g)
{
	return xen_of(g->g.hv);
}

/* xen_ioreq.c: serves up to most accesses; clears more when nothing is left. */
unsigned int xen_serve(struct xen_guest *, unsigned int most);
/* One access below a request; val in and out.  Reads answer ones where nothing is. */
void xen_access(struct xen_guest *, enum hv_space, uint32_t off, uint8_t size, bool write,
		uint64_t *val);

/* xen_pci.c */
void xen_config(struct xen_guest *, struct ioreq *);
void xen_port_io(struct xen_guest *, struct ioreq *);
/* Asks Xen for what the guest's BARs cover now; called after anything that may have moved them. */
void xen_ranges_update(struct xen_guest *);
void xen_ranges_drop(struct xen_guest *);
/* The range that holds [at, at+size), or NULL. */
const struct xen_range *xen_range_find(const struct xen_guest *, uint64_t at, unsigned int size);

/* xen_ram.c */
int xen_ram_init(struct xen_guest *);
void xen_ram_fini(struct xen_guest *); /* accepts half-built; the core has detached */
/* The guest gave pages back to Xen: what the cache shows may be stale. */
void xen_ram_stale(struct xen_guest *);
int xen_ram_read(struct hv_guest *, gpa_t src, void *buf, size_t len);
int xen_ram_write(struct hv_guest *, gpa_t dst, const void *buf, size_t len);
int xen_ram_pin(struct hv_guest *, gpa_t page, dma_t *out);
void xen_ram_unpin(struct hv_guest *, gpa_t page);
int xen_ram_range(struct hv_guest *, unsigned int i, struct hv_ram *out);

/* xen_watch.c */
int xen_watch(struct hv_guest *, gpa_t page);
void xen_unwatch(struct hv_guest *, gpa_t page);
bool xen_watches(const struct xen_guest *, uint64_t gfn);
void xen_watch_fini(struct xen_guest *);

/* xen_irq.c */
int xen_irq(struct hv_guest *, unsigned int vector);
/* Takes the INTx line down if the guest has dealt with its cause. */
void xen_irq_settle(struct xen_guest *);

/* xen_guest.c */
void xen_guest_kill(struct hv_guest *, const char *why);
void xen_guest_reap(struct xen_guest *);
bool xen_domain_lives(struct xen *, domid_t);

#endif

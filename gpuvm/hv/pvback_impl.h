/* SPDX-License-Identifier: MIT */
/*
 * The own of the port for domains without traps: pvback.c (port, rounds),
 * pvback_guest.c (birth, death, RAM), pvback_link.c (xenstore, states) and
 * pvback_map.c (what a connection maps).
 */
#ifndef GPUVM_HV_PVBACK_IMPL_H
#define GPUVM_HV_PVBACK_IMPL_H

#include "gpuvm/hv/process_impl.h"
#include "gpuvm/hv/pvback.h"
#include "gpuvm/hv/pvback_lib.h"
#include "pv-driver/xen_abi.h"

/* RAM of a connection: what one domain may make us map. */
#define PVBACK_RAM_PAGES ((256u << 20) / XEN_PV_PAGE)
#define PVBACK_PATH 80u

/* What of a domain's memory is mapped; all of it or nothing. */
struct pvback_map {
	struct xen_pv_index *index;
	struct proc_ring *ring;
	uint8_t *ram;
	uint32_t ring_pages, ram_pages;
};

struct pvback_guest {
	/* The ring's half of a process guest: proc.g is the port's guest. */
	struct proc_guest proc;
	uint16_t domid;
	bool drop;	/* dying because it was detached: nodes go */
	bool draining;	/* disconnecting: RAM is being revoked */
	bool tell;	/* an event is due */
	bool bound, named;
	uint32_t port;
	enum xen_pv_state state; /* as we published it */
	enum xen_pv_state front; /* as the domain did, when last read */
	char front_path[PVBACK_PATH], back_path[PVBACK_PATH];
	struct pvback_map map;
	uint64_t pins;
	struct hv_pvback_stats stats;
};

struct pvback {
	struct hv hv;
	struct pvback_lib *lib; /* owned */
	struct list guests;
	struct pvback_guest *slot[PVBACK_GUESTS];
	unsigned int quiet; /* dispatches since events were last looked at */
	unsigned int nr_dying;
	bool dispatching;
};

static inline struct pvback *pvback_of(struct hv *h)
{
	return container_of(h, struct pvback, hv);
}
static inline struct pvback_guest *pvback_guest_of(const struct hv_guest *g)
{
	return container_of(proc_guest_of(g), struct pvback_guest, proc);
}
static inline struct pvback *pvback_port(const struct pvback_guest *g)
{
	return pvback_of(g->proc.g.hv);
}
static inline bool pvback_connected(const struct pvback_guest *g)
{
	return g->map.ring && !g->draining;
}

/* pvback_link.c */
/* Nodes of a new guest, or those an earlier mediator left. */
int pvback_link_start(struct pvback_guest *, const struct hv_pvback_cfg *);
/* Reads what the domain published and follows it. */
void pvback_link_look(struct pvback_guest *);
/* The domain's end is gone, or makes no sense. */
void pvback_link_lost(struct pvback_guest *, const char *why);
/* One attempt to end a connection; true once nothing is mapped. */
bool pvback_link_drain(struct pvback_guest *);
/* The core has detached: unmaps, and leaves the nodes or takes them away. */
void pvback_link_fini(struct pvback_guest *);

/* pvback_map.c */
int pvback_map(struct pvback_guest *, uint32_t index_ref, const char **what);
void pvback_unmap(struct pvback_guest *);

/* pvback_guest.c */
int pvback_ram_read(struct hv_guest *, gpa_t src, void *buf, size_t len);
int pvback_ram_write(struct hv_guest *, gpa_t dst, const void *buf, size_t len);
int pvback_ram_pin(struct hv_guest *, gpa_t page, dma_t *out);
void pvback_ram_unpin(struct hv_guest *, gpa_t page);
int pvback_ram_range(struct hv_guest *, unsigned int i, struct hv_ram *out);
int pvback_irq(struct hv_guest *, unsigned int vector);
void pvback_guest_kill(struct hv_guest *, const char *why);
void pvback_guest_reap(struct pvback_guest *);

#endif

// SPDX-License-Identifier: MIT
/*
 * gpuvm-xen-echo: the other end of bench-xen's floors, in dom0.  What a trap
 * and an event of Xen's cost when whoever answers does nothing:
 *
 *   gpuvm-xen-echo mmio DOMID ADDRESS   an IOREQ server for one page, reads answer zeros
 *   gpuvm-xen-echo events DOMID PORT    each event is answered with an event
 *
 * Says "ready" on standard output, serves until its domain goes or it is killed.
 */
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/ioreq.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

static int failed(const char *what)
{
	fprintf(stderr, "gpuvm-xen-echo: %s: %s\n", what, strerror(errno));
	return 1;
}

static int ready(void)
{
	puts("ready");
	return fflush(stdout);
}

/* The domain's only processor has its request in the first place of the second page. */
static int serve_requests(xenevtchn_handle *ev, struct ioreq *r)
{
	for (;;) {
		xenevtchn_port_or_error_t port = xenevtchn_pending(ev);

		if (port < 0)
			return failed("waiting");
		xenevtchn_unmask(ev, (evtchn_port_t)port);
		if (r->state != STATE_IOREQ_READY)
			continue;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (r->dir == IOREQ_READ && !r->data_is_ptr)
			r->data = 0;
		__atomic_thread_fence(__ATOMIC_RELEASE);
		r->state = STATE_IORESP_READY;
		xenevtchn_notify(ev, (evtchn_port_t)port);
	}
}

static int echo_mmio(domid_t domid, uint64_t address)
{
	xendevicemodel_handle *dm = xendevicemodel_open(NULL, 0);
	xenforeignmemory_handle *fm = xenforeignmemory_open(NULL, 0);
	xenevtchn_handle *ev = xenevtchn_open(NULL, 0);
	struct ioreq *r;
	ioservid_t id;
	void *page = NULL;

	if (!dm || !fm || !ev)
		return failed("Xen's devices");
	if (xendevicemodel_create_ioreq_server(dm, domid, HVM_IOREQSRV_BUFIOREQ_OFF, &id))
		return failed("server");
	if (!xenforeignmemory_map_resource(fm, domid, XENMEM_resource_ioreq_server, id,
					   XENMEM_resource_ioreq_server_frame_ioreq(0), 1, &page,
					   PROT_READ | PROT_WRITE, 0))
		return failed("its page");
	if (xendevicemodel_map_io_range_to_ioreq_server(dm, domid, id, 1, address, address + 4095) ||
	    xendevicemodel_set_ioreq_server_state(dm, domid, id, 1))
		return failed("its range");
	r = ((struct shared_iopage *)page)->vcpu_ioreq;
	if (xenevtchn_bind_interdomain(ev, domid, r->vp_eport) < 0)
		return failed("its event channel");
	return ready() ? 1 : serve_requests(ev, r);
}

static int echo_events(domid_t domid, evtchn_port_t remote)
{
	xenevtchn_handle *ev = xenevtchn_open(NULL, 0);
	xenevtchn_port_or_error_t port = ev ? xenevtchn_bind_interdomain(ev, domid, remote) : -1;

	if (port < 0)
		return failed("event channel");
	/* The first one tells the guest that somebody answers. */
	xenevtchn_notify(ev, (evtchn_port_t)port);
	if (ready())
		return 1;
	for (;;) {
		xenevtchn_port_or_error_t got = xenevtchn_pending(ev);

		if (got < 0)
			return failed("waiting");
		xenevtchn_unmask(ev, (evtchn_port_t)got);
		xenevtchn_notify(ev, (evtchn_port_t)got);
	}
}

int main(int argc, char **argv)
{
	unsigned long domid;
	uint64_t arg;

	if (argc == 4) {
		domid = strtoul(argv[2], NULL, 0);
		arg = strtoull(argv[3], NULL, 0);
		if (!strcmp(argv[1], "mmio"))
			return echo_mmio((domid_t)domid, arg);
		if (!strcmp(argv[1], "events"))
			return echo_events((domid_t)domid, (evtchn_port_t)arg);
	}
	fprintf(stderr, "usage: gpuvm-xen-echo mmio DOMID ADDRESS | events DOMID PORT\n");
	return 2;
}

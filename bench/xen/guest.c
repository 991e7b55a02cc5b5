// SPDX-License-Identifier: MIT
/*
 * gpuvm-xen-bench: bench-xen's figures as a guest of Xen sees them.  The GPU is
 * that of gpuvm-guest run, else the PCI function that GPUVM_NATIVE names.  Each probe prints lines
 * "BENCH name value unit"; a value is a median.
 *
 *   mmio ADDRESS   a load of a page that gpuvm-xen-echo answers for: a trap's floor
 *   events         an event to dom0 and one back (prints "PORT n" for gpuvm-xen-echo)
 *   trap           a load and a store of BAR0
 *   ptes           page-table entries a second, by how many are written at once
 *   doorbell       from the doorbell to the fence, and to the MSI
 *   tracked        a store to a table in this guest's memory that the mediator may track
 *   call           a call to the mediator, in a PV mode
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenevtchn.h>

#include "bench/xen/guest.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/fermi/regs.h"
#include "pv-driver/bus.h"
#include "pv-driver/drv.h"

#define ROUNDS 60

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

double probe_median(uint64_t *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	return n ? (double)v[n / 2] : 0;
}

void probe_say(const char *name, double value, const char *unit)
{
	printf("BENCH %s %.3f %s\n", name, value, unit);
	fflush(stdout);
}

int probe_failed(const char *what)
{
	fprintf(stderr, "gpuvm-xen-bench: %s\n", what);
	return 1;
}

/* ---- floors ---------------------------------------------------------------------------- */

static int mmio(const char *address)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	volatile uint32_t *page = fd < 0 ? MAP_FAILED :
				  mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				       (off_t)strtoull(address, NULL, 0));
	uint64_t v[ROUNDS];

	if (page == MAP_FAILED)
		return probe_failed(strerror(errno));
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t = clock_ns();

		if (page[0])
			return probe_failed("nobody answers there");
		v[i] = clock_ns() - t;
	}
	probe_say("ioreq-echo", probe_median(v, ROUNDS) / 1000, "us");
	return 0;
}

static int wait_event(xenevtchn_handle *ev)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(ev);

	return port < 0 ? -1 : xenevtchn_unmask(ev, (evtchn_port_t)port);
}

static int events(void)
{
	xenevtchn_handle *ev = xenevtchn_open(NULL, 0);
	xenevtchn_port_or_error_t port = ev ? xenevtchn_bind_unbound_port(ev, 0) : -1;
	uint64_t v[ROUNDS];

	if (port < 0)
		return probe_failed("no event channels");
	printf("PORT %d\n", port);
	fflush(stdout);
	if (wait_event(ev))
		return probe_failed("no first event");
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t = clock_ns();

		if (xenevtchn_notify(ev, (evtchn_port_t)port) || wait_event(ev))
			return probe_failed("the events end");
		v[i] = clock_ns() - t;
	}
	probe_say("event-ping-pong", probe_median(v, ROUNDS) / 1000, "us");
	xenevtchn_close(ev);
	return 0;
}

/* ---- the GPU ----------------------------------------------------------------------------- */

static int trap(struct bus *bus)
{
	uint64_t rd[ROUNDS], wr[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t = clock_ns();

		bus_rd32(bus, NV_PMC_BOOT_0);
		rd[i] = clock_ns() - t;
	}
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t = clock_ns();

		bus_wr32(bus, NV_PMC_INTR_EN, 0);
		wr[i] = clock_ns() - t;
	}
	probe_say("bar0-load", probe_median(rd, ROUNDS) / 1000, "us");
	probe_say("bar0-store", probe_median(wr, ROUNDS) / 1000, "us");
	return 0;
}

/* Maps and unmaps an object of that many small pages until it has taken a while. */
static int pte_rate(struct drv *drv, struct drv_vas *vas, unsigned int pages)
{
	struct drv_bo *bo;
	uint64_t t, va, done = 0;
	char name[32];
	int err = drv_bo_new(drv, pages * 4096ull, DRV_BO_SYS, &bo);

	t = clock_ns();
	while (!err && (done < 2 || clock_ns() - t < 2000000000ull)) {
		err = drv_vas_map(vas, bo, 0, &va);
		if (!err)
			err = drv_vas_unmap(vas, va);
		done += 2;
	}
	t = clock_ns() - t;
	if (err)
		return err;
	snprintf(name, sizeof name, "ptes-%u", pages);
	probe_say(name, (double)(done * pages) * 1e9 / (double)t, "PTE/s");
	drv_bo_free(bo);
	return 0;
}

static int ptes(struct drv *drv)
{
	static const unsigned int batch[] = { 1, 16, 256 };
	struct drv_vas *vas = NULL;
	struct drv_chan *chan = NULL; /* an address space that no channel uses would not be shadowed */
	int err = drv_vas_new(drv, &vas);

	if (!err)
		err = drv_chan_new(vas, DRV_ENGINE_GR, &chan);
	for (size_t i = 0; !err && i < sizeof batch / sizeof *batch; i++)
		err = pte_rate(drv, vas, batch[i]);
	if (err)
		return probe_failed(strerror(-err));
	drv_chan_free(chan);
	drv_vas_free(vas);
	return 0;
}

static int with_driver(struct bus *bus, int (*probe)(struct drv *))
{
	/* As the copying program's. */
	struct drv_cfg cfg = { .ring_entries = 64 };
	struct drv *drv = NULL;
	char msg[300] = "";
	uint64_t t = clock_ns();
	int err;

	if (drv_open(bus, &cfg, &drv, msg, sizeof msg))
		return probe_failed(msg);
	probe_say("driver-start", (double)(clock_ns() - t) / 1e9, "s");
	err = probe(drv);
	drv_close(drv);
	return err;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *native = getenv("GPUVM_NATIVE");
	char msg[300] = "";
	struct bus *bus;
	int err;

	if (!strcmp(what, "mmio") && argc == 3)
		return mmio(argv[2]);
	if (!strcmp(what, "events"))
		return events();
	if (getenv("GPUVM_GUEST"))
		err = bus_guest_open(&bus, msg, sizeof msg);
	else if (native && !strncmp(native, "pci:", 4))
		err = bus_pci_open(native + 4, &bus, msg, sizeof msg);
	else
		return probe_failed("no GPU: GPUVM_NATIVE is not pci:");
	if (err)
		return probe_failed(msg[0] ? msg : strerror(-err));
	if (!strcmp(what, "trap"))
		err = trap(bus);
	else if (!strcmp(what, "ptes"))
		err = with_driver(bus, ptes);
	else if (!strcmp(what, "doorbell"))
		err = with_driver(bus, probe_doorbell);
	else if (!strcmp(what, "call"))
		err = with_driver(bus, probe_call);
	else if (!strcmp(what, "tracked"))
		err = with_driver(bus, probe_tracked);
	else
		err = probe_failed("mmio ADDRESS, events, trap, ptes, doorbell, tracked or call");
	bus_close(bus);
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * The interrupt thread: waits for the bus's interrupt, finds out what is
 * pending, has it served, re-arms the message [nvkm/subdev/mc, subdev/pci].
 *
 *  1. PMC_INTR_EN is 0 while sources are served; writing 1 afterwards raises
 *     a new message for what came meanwhile, so nothing is lost.
 *  2. Fence interrupts (PFIFO bit 31) are enabled only while somebody waits
 *     for one, as nouveau does; they are levels, so a late enable still sees them.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "pv-driver/hp_drv.h"
#include "pv-driver/private.h"

#define MSI_REARM (NV_PPCI_CONFIG + 0x704)

void irq_wake(struct drv *d)
{
	pthread_mutex_lock(&d->irq.lock);
	pthread_cond_broadcast(&d->irq.cond);
	pthread_mutex_unlock(&d->irq.lock);
}

void irq_want_nonstall(struct drv *d, int delta)
{
	bool was = d->irq.waiters;

	if (d->hp) {
		hp_waiter(d, delta);
		return;
	}
	d->irq.waiters += (uint32_t)delta;
	if (!was && d->irq.waiters)
		mask32(d, NV_PFIFO_INTR_EN, 0, PFIFO_INTR_ENGINE);
	else if (was && !d->irq.waiters)
		mask32(d, NV_PFIFO_INTR_EN, PFIFO_INTR_ENGINE, 0);
}

static void serve(struct drv *d)
{
	uint32_t pending;

	if (d->hp) {
		hp_irq(d);
		return;
	}
	wr32(d, NV_PMC_INTR_EN, 0);
	rd32(d, NV_PMC_INTR_EN);
	d->bus->ops->wr8(d->bus, MSI_REARM, 0xff);
	d->stats.irqs++;
	pending = rd32(d, NV_PMC_INTR);
	if (pending & PMC_INTR_PFIFO)
		fault_pfifo(d);
	if (pending & PMC_INTR_PGRAPH)
		fault_pgraph(d);
	if (pending & PMC_INTR_CE0)
		fault_ce(d, 0);
	if (pending & PMC_INTR_CE1)
		fault_ce(d, 1);
	if (pending & PMC_INTR_PTIMER)
		wr32(d, NV_PTIMER_INTR, ~0u);
	if (pending & PMC_INTR_PBUS) {
		log_warn(d->cfg.log, "bad MMIO access at %06x", rd32(d, NV_PBUS_BAD_ADDR));
		wr32(d, NV_PBUS_INTR, ~0u);
	}
	wr32(d, NV_PMC_INTR_EN, 1);
}

void drv_irq(struct drv *d)
{
	pthread_mutex_lock(&d->lock);
	serve(d);
	pthread_mutex_unlock(&d->lock);
}

static void *irq_main(void *arg)
{
	struct drv *d = arg;
	struct pollfd p[2] = { { .fd = d->bus->ops->irq_fd(d->bus), .events = POLLIN },
			       { .fd = d->irq.stop_fd, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (!(p[0].revents & POLLIN) || d->bus->ops->irq_wait(d->bus, 0))
			continue;
		drv_irq(d);
	}
}

void irq_prepare(struct drv *d)
{
	pthread_condattr_t a;

	pthread_mutex_init(&d->irq.lock, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&d->irq.cond, &a);
	pthread_condattr_destroy(&a);
	d->irq.stop_fd = -1;
}

int irq_init(struct drv *d)
{
	int err;

	if (!d->bus->ops->irq_fd) {
		if (!d->hp)
			wr32(d, NV_PMC_INTR_EN, 1);
		return 0;
	}
	d->irq.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (d->irq.stop_fd < 0)
		return -errno;
	err = pthread_create(&d->irq.thread, NULL, irq_main, d);
	if (err)
		return -err;
	d->irq.started = true;
	if (!d->hp)
		wr32(d, NV_PMC_INTR_EN, 1);
	return 0;
}

void irq_fini(struct drv *d)
{
	uint64_t one = 1;

	if (d->irq.started) {
		if (write(d->irq.stop_fd, &one, sizeof(one)) == sizeof(one))
			pthread_join(d->irq.thread, NULL);
		if (!d->hp)
			wr32(d, NV_PMC_INTR_EN, 0);
	}
	d->irq.started = false;
	if (d->irq.stop_fd >= 0)
		close(d->irq.stop_fd);
	d->irq.stop_fd = -1;
	pthread_cond_destroy(&d->irq.cond);
	pthread_mutex_destroy(&d->irq.lock);
}

// SPDX-License-Identifier: MIT
/*
 * From the doorbell to the fence's value in memory, and to the interrupt's
 * message in this guest.
 *
 * No program can receive a message without a kernel driver.  So the function's
 * MSI is pointed at a vector that this kernel has no handler for: it says so in
 * its log, with the time, and acknowledges.  The log's clock is set against ours
 * by a line of our own.  The kernel limits such lines to ten in five seconds,
 * hence so few rounds, and pauses between them.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/xen/guest.h"
#include "gpuvm/base/clock.h"
#include "pv-driver/private.h"

#define FENCE_ROUNDS 50
#define MSI_ROUNDS 9
#define VECTOR 0xe1u /* below the kernel's own, above what it gives to devices first */
#define AT_MSI 0x68
#define OURS "gpuvm-xen-bench: clock"
#define UNHANDLED "No irq handler for vector"

/* The time of the next line of the log that has text in it, us; 0: none before a deadline of 2 s. */
static uint64_t kmsg_time(int fd, const char *text)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t until = clock_ns() + 2000000000ull;
	char line[1024];

	while (clock_ns() < until) {
		ssize_t n = read(fd, line, sizeof line - 1);
		unsigned long long us;

		if (n < 0 && errno != EPIPE) {
			nanosleep(&pause, NULL);
			continue;
		}
		line[n > 0 ? n : 0] = '\0';
		if (strstr(line, text) && sscanf(line, "%*u,%*u,%llu", &us) == 1)
			return us;
	}
	return 0;
}

/* What the log's clock is ahead of ours, ns. */
static int64_t clock_offset(int fd)
{
	uint64_t before = clock_ns(), us;

	if (write(fd, OURS "\n", sizeof OURS) < 0)
		return 0;
	us = kmsg_time(fd, OURS);
	return us ? (int64_t)(us * 1000) - (int64_t)before : 0;
}

/* The GPU's configuration space. */
static int config_open(void)
{
	glob_t found;
	int fd = -1;

	if (glob("/sys/bus/pci/devices/*:10.0/config", 0, NULL, &found))
		return -1;
	fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&found);
	return fd;
}

static int point_msi(int cfg, bool on)
{
	uint32_t addr[2] = { 0xfee00000, 0 };
	uint16_t data = VECTOR, control;

	if (pread(cfg, &control, 2, AT_MSI + 2) != 2)
		return -1;
	control = (uint16_t)((control & ~1) | on);
	return pwrite(cfg, addr, 8, AT_MSI + 4) != 8 || pwrite(cfg, &data, 2, AT_MSI + 12) != 2 ||
			       pwrite(cfg, &control, 2, AT_MSI + 2) != 2 ?
		       -1 :
		       0;
}

static int ring(struct drv_chan *chan, uint64_t *at, struct drv_fence *f)
{
	struct drv_push p;
	int err = drv_push_begin(chan, 0, &p);

	*at = clock_ns();
	return err ? err : drv_push_end(&p, f);
}

static int fences(struct drv_chan *chan)
{
	uint64_t v[FENCE_ROUNDS], t;
	struct drv_fence f;

	for (int i = 0; i < FENCE_ROUNDS; i++) {
		if (ring(chan, &t, &f) || drv_fence_wait(&f, DRV_WAIT_POLL, 10000000000ull))
			return probe_failed("the fence does not come");
		v[i] = clock_ns() - t;
	}
	probe_say("doorbell-fence", probe_median(v, FENCE_ROUNDS) / 1000, "us");
	return 0;
}

/* Fences interrupt whether or not anybody waits for one. */
static void interrupts(struct drv *drv, int delta)
{
	pthread_mutex_lock(&drv->lock);
	irq_want_nonstall(drv, delta);
	pthread_mutex_unlock(&drv->lock);
}

static int messages(struct drv *drv, struct drv_chan *chan)
{
	int kmsg = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC), cfg = config_open();
	uint64_t v[MSI_ROUNDS], t, us;
	struct drv_fence f;
	int n = 0;

	if (kmsg < 0 || cfg < 0 || point_msi(cfg, true))
		return probe_failed("neither log nor configuration space");
	lseek(kmsg, 0, SEEK_END);
	interrupts(drv, 1);
	for (int i = 0; i < MSI_ROUNDS; i++) {
		int64_t ahead = clock_offset(kmsg);

		if (ring(chan, &t, &f) || drv_fence_wait(&f, DRV_WAIT_POLL, 10000000000ull))
			return probe_failed("the fence does not come");
		us = kmsg_time(kmsg, UNHANDLED);
		if (us && (int64_t)(us * 1000) - ahead > (int64_t)t)
			v[n++] = us * 1000 - (uint64_t)ahead - t;
		/* Acknowledged and armed again, should the driver's own thread not have done so yet. */
		drv_irq(drv);
	}
	interrupts(drv, -1);
	point_msi(cfg, false);
	close(cfg);
	close(kmsg);
	if (!n)
		return probe_failed("no message has come");
	probe_say("doorbell-msi", probe_median(v, (size_t)n) / 1000, "us");
	probe_say("doorbell-msi-seen", n, "messages");
	return 0;
}

int probe_doorbell(struct drv *drv)
{
	struct drv_vas *vas = NULL;
	struct drv_chan *chan = NULL;
	int err = drv_vas_new(drv, &vas);

	if (!err)
		err = drv_chan_new(vas, DRV_ENGINE_GR, &chan);
	if (err)
		return probe_failed(strerror(-err));
	err = fences(chan);
	if (!err)
		err = messages(drv, chan);
	drv_chan_free(chan);
	drv_vas_free(vas);
	return err;
}

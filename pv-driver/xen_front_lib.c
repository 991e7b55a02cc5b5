// SPDX-License-Identifier: MIT
/*
 * Pages, ports and nodes of a domain by the devices that Debian's stock kernels
 * have: /dev/xen/gntalloc, evtchn, xenbus.  The first two are spoken to
 * directly, for their descriptors go to other programs as they are.
 *
 * [Linux: include/uapi/xen/gntalloc.h, evtchn.h]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>
#include <xenstore.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/xen_front.h"

#define GNTALLOC "/dev/xen/gntalloc"
#define EVTCHN "/dev/xen/evtchn"
#define LIMIT "/sys/module/xen_gntalloc/parameters/limit"
/* References asked for at a time. */
#define AT_ONCE 256u

struct dom_lib {
	struct front_lib lib;
	struct xs_handle *xs;
	int ev;
};

static struct dom_lib *of(struct front_lib *l)
{
	return container_of(l, struct dom_lib, lib);
}

static void dom_close(struct front_lib *l)
{
	struct dom_lib *d = of(l);

	if (d->ev >= 0)
		close(d->ev);
	if (d->xs)
		xs_close(d->xs);
	mem_free(d);
}

static char *dom_read(struct front_lib *l, const char *path)
{
	return xs_read(of(l)->xs, XBT_NULL, path, NULL);
}

static int dom_write(struct front_lib *l, const char *path, const char *text)
{
	return xs_write(of(l)->xs, XBT_NULL, path, text, (unsigned int)strlen(text)) ? 0 : -errno;
}

static int dom_watch(struct front_lib *l, const char *path)
{
	return xs_watch(of(l)->xs, path, "gpuvm") ? 0 : -errno;
}

static int dom_store_fd(struct front_lib *l)
{
	return xs_fileno(of(l)->xs);
}

static void dom_changed(struct front_lib *l)
{
	char **event;

	while ((event = xs_check_watch(of(l)->xs)))
		free(event);
}

/*
 * The module's limit counts everybody's pages and starts at 1024: raised by what is asked for, as
 * nobody else can know how much the GPU's RAM takes.  Fails quietly: then granting says so.
 */
static void raise_limit(uint32_t n)
{
	unsigned int limit = 0;
	FILE *f = fopen(LIMIT, "r+");

	if (!f)
		return;
	if (fscanf(f, "%u", &limit) == 1 && limit < UINT32_MAX / 2 - n) {
		rewind(f);
		fprintf(f, "%u\n", limit + n);
	}
	fclose(f);
}

static int dom_grant(struct front_lib *l, uint32_t n, uint32_t *refs, int *fd)
{
	union {
		struct ioctl_gntalloc_alloc_gref arg;
		uint32_t room[8 + AT_ONCE];
	} u;
	uint32_t left = n;
	bool raised = false;

	(void)l;
	*fd = open(GNTALLOC, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	/* Each one's pages lie one behind the other in what the descriptor shows. */
	while (left) {
		uint32_t k = left < AT_ONCE ? left : AT_ONCE;

		memset(&u, 0, sizeof u);
		u.arg.domid = 0;
		u.arg.flags = GNTALLOC_FLAG_WRITABLE;
		u.arg.count = k;
		if (ioctl(*fd, IOCTL_GNTALLOC_ALLOC_GREF, &u.arg)) {
			if (errno != ENOSPC || raised)
				return -errno;
			raise_limit(n);
			raised = true;
			continue;
		}
		memcpy(refs + (n - left), (char *)&u + offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids),
		       k * sizeof *refs);
		left -= k;
	}
	return 0;
}

static int dom_notify_gone(struct front_lib *l, int fd, uint32_t off, uint32_t port)
{
	struct ioctl_gntalloc_unmap_notify n = {
		.index = off,
		.action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
		.event_channel_port = port,
	};

	(void)l;
	return ioctl(fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &n) ? -errno : 0;
}

static int dom_port(struct front_lib *l, uint32_t *port, int *fd)
{
	struct ioctl_evtchn_bind_unbound_port b = { .remote_domain = 0 };
	int p = ioctl(of(l)->ev, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &b);

	if (p < 0)
		return -errno;
	*port = (uint32_t)p;
	*fd = of(l)->ev;
	return 0;
}

static void dom_take(struct front_lib *l)
{
	uint32_t port;

	/* Written back: ready for the next one. */
	while (read(of(l)->ev, &port, sizeof port) == (ssize_t)sizeof port)
		if (write(of(l)->ev, &port, sizeof port) != (ssize_t)sizeof port)
			return;
}

static const struct front_lib_ops ops = {
	.close = dom_close,
	.read = dom_read,
	.write = dom_write,
	.watch = dom_watch,
	.store_fd = dom_store_fd,
	.changed = dom_changed,
	.grant = dom_grant,
	.notify_gone = dom_notify_gone,
	.port = dom_port,
	.take = dom_take,
};

int xen_front_lib_open(struct front_lib **out, char *msg, size_t n)
{
	struct dom_lib *d = mem_new(struct dom_lib);
	const char *what = "out of memory";
	int err = -ENOMEM;

	if (!d)
		goto err;
	d->lib.ops = &ops;
	what = EVTCHN " (module xen_evtchn)";
	d->ev = open(EVTCHN, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	err = d->ev < 0 ? -errno : 0;
	if (!err && access(GNTALLOC, R_OK | W_OK)) {
		what = GNTALLOC " (module xen_gntalloc)";
		err = -errno;
	}
	if (!err) {
		what = "xenstore (/dev/xen/xenbus)";
		d->xs = xs_open(0);
		err = d->xs ? 0 : -errno;
	}
	if (!err) {
		*out = &d->lib;
		return 0;
	}
err:
	snprintf(msg, n, "%s: %s", what, strerror(-err));
	if (d)
		dom_close(&d->lib);
	return err;
}

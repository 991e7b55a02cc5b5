// SPDX-License-Identifier: MIT
/*
 * The Xen port: event channels of all guests behind one descriptor, xenstore's
 * watches behind another, and turns.
 *
 * 1. A turn serves at most HV_QUANTUM accesses; the guest served goes last next
 *    time.  What is left is remembered in `more`.
 * 2. A pending port is unmasked before its guest's page is looked at, so that a
 *    request that comes in between is announced again.
 * 3. Guests are freed only at the end of dispatch(), never below an upcall.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/turns.h"
#include "gpuvm/hv/xen_impl.h"

#define PRIVCMD "/dev/xen/privcmd"
/* Ports taken from the kernel before guests are served. */
#define EVENTS 64u

static struct xen_guest *guest_of_port(struct xen *p, evtchn_port_t port)
{
	for (unsigned int s = 0; s < XEN_GUESTS; s++) {
		struct xen_guest *g = p->slot[s];

		for (unsigned int i = 0; g && i <= XEN_VCPUS; i++)
			if (g->port_bound[i] && g->port[i] == port)
				return g;
	}
	return NULL;
}

static void events(struct xen *p)
{
	for (unsigned int n = 0; n < EVENTS; n++) {
		xenevtchn_port_or_error_t port = xenevtchn_pending(p->ev);
		struct xen_guest *g;

		if (port < 0)
			return;
		xenevtchn_unmask(p->ev, (evtchn_port_t)port);
		g = guest_of_port(p, (evtchn_port_t)port);
		if (g)
			g->more = true;
	}
}

/* The watches are on domains that come and go. */
static void comings_and_goings(struct xen *p)
{
	struct hv_guest *hg;
	bool any = false;
	char **path;

	while ((path = xs_check_watch(p->xs))) {
		free(path);
		any = true;
	}
	if (!any)
		return;
	p->changes++;
	list_for_each(hg, &p->guests, node)
		if (!xen_domain_lives(p, xen_guest_of(hg)->domid))
			xen_guest_kill(hg, "its domain is gone");
}

static unsigned int turn(struct hv_guest *hg, unsigned int most)
{
	struct xen_guest *g = xen_guest_of(hg);

	return g->more && !g->dying ? xen_serve(g, most) : 0;
}

static void reap(struct xen *p)
{
	struct hv_guest *hg, *tmp;

	if (!p->nr_dying)
		return;
	list_for_each_safe(hg, tmp, &p->guests, node)
		if (xen_guest_of(hg)->dying)
			xen_guest_reap(xen_guest_of(hg));
}

static int xen_dispatch(struct hv *hv, unsigned int budget)
{
	struct xen *p = xen_of(hv);
	struct hv_guest *hg;
	unsigned int n;

	assert(!p->dispatching);
	p->dispatching = true;
	comings_and_goings(p);
	events(p);
	n = hv_rounds(&p->guests, budget, turn);
	/* A timer or a reset may have settled a line without any request of the guest's. */
	list_for_each(hg, &p->guests, node)
		xen_irq_settle(xen_guest_of(hg));
	reap(p);
	p->dispatching = false;
	return (int)n;
}

static bool xen_arm(struct hv *hv)
{
	struct xen *p = xen_of(hv);
	struct hv_guest *hg;

	if (p->nr_dying)
		return true;
	list_for_each(hg, &p->guests, node)
		if (xen_guest_of(hg)->more)
			return true;
	return false;
}

static int xen_poll_fd(struct hv *hv)
{
	return xen_of(hv)->epoll;
}

static void port_free(struct xen *p)
{
	if (p->epoll >= 0)
		close(p->epoll);
	if (p->xs)
		xs_close(p->xs);
	if (p->ev)
		xenevtchn_close(p->ev);
	if (p->fm)
		xenforeignmemory_close(p->fm);
	if (p->dm)
		xendevicemodel_close(p->dm);
	mem_free(p);
}

static void xen_close(struct hv *hv)
{
	struct xen *p = xen_of(hv);
	struct hv_guest *hg, *tmp;

	list_for_each_safe(hg, tmp, &p->guests, node) {
		xen_guest_kill(hg, "the mediator stops");
		xen_guest_reap(xen_guest_of(hg));
	}
	port_free(p);
}

static const struct hv_ops xen_ops = {
	.name = "xen",
	.caps = HV_CAP_PIN | HV_CAP_RAM | HV_CAP_WATCH,
	.close = xen_close,
	.poll_fd = xen_poll_fd,
	.dispatch = xen_dispatch,
	.arm = xen_arm,
	.read = xen_ram_read,
	.write = xen_ram_write,
	.irq = xen_irq,
	.kill = xen_guest_kill,
	.watch = xen_watch,
	.unwatch = xen_unwatch,
	.pin = xen_ram_pin,
	.unpin = xen_ram_unpin,
	.ram = xen_ram_range,
};

static int epoll_on(struct xen *p, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return fd < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* NULL, or which of Xen's interfaces is not there. */
static const char *open_handles(struct xen *p)
{
	p->dm = xendevicemodel_open(NULL, 0);
	if (!p->dm)
		return "device-model calls";
	p->fm = xenforeignmemory_open(NULL, 0);
	if (!p->fm)
		return "foreign memory";
	p->ev = xenevtchn_open(NULL, 0);
	if (!p->ev)
		return "event channels";
	p->xs = xs_open(0);
	if (!p->xs || !xs_watch(p->xs, "@releaseDomain", "gpuvm") ||
	    !xs_watch(p->xs, "@introduceDomain", "gpuvm"))
		return "xenstore";
	return NULL;
}

int hv_xen_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out)
{
	struct xen *p;
	const char *missing;
	int err = 0, fl;

	/* Asked first because Xen's libraries complain for themselves. */
	if (access(PRIVCMD, R_OK | W_OK)) {
		log_debug(log, "no guests of Xen here: %s: %s", PRIVCMD, strerror(errno));
		return -EOPNOTSUPP;
	}
	p = mem_new(struct xen);
	if (!p)
		return -ENOMEM;
	p->hv = (struct hv){ .ops = &xen_ops, .up = up, .core = core, .log = log };
	p->epoll = -1;
	list_init(&p->guests);
	missing = open_handles(p);
	if (missing) {
		log_info(log, "no guests of Xen here: %s: %s", missing, strerror(errno));
		port_free(p);
		return -EOPNOTSUPP;
	}
	fl = fcntl(xenevtchn_fd(p->ev), F_GETFL);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0 || fcntl(xenevtchn_fd(p->ev), F_SETFL, fl | O_NONBLOCK))
		err = -errno;
	if (!err)
		err = epoll_on(p, xenevtchn_fd(p->ev));
	if (!err)
		err = epoll_on(p, xs_fileno(p->xs));
	if (err) {
		port_free(p);
		return err;
	}
	*out = &p->hv;
	return 0;
}

/* A node below a domain's, or an empty text. */
static void store_text(struct xen *p, const char *fmt, unsigned int domid, char *buf, size_t n)
{
	char path[64], *text;

	snprintf(path, sizeof path, fmt, domid);
	text = xs_read(p->xs, XBT_NULL, path, NULL);
	log_clean(buf, n, text ? text : "");
	free(text);
}

static void describe(struct xen *p, unsigned int domid, struct hv_xen_domain *out)
{
	*out = (struct hv_xen_domain){ .domid = (uint16_t)domid };
	store_text(p, "/local/domain/%u/name", domid, out->name, sizeof out->name);
	store_text(p, "/libxl/%u/type", domid, out->type, sizeof out->type);
}

void hv_xen_each(struct hv *hv, void (*fn)(void *arg, const struct hv_xen_domain *), void *arg)
{
	struct xen *p = xen_of(hv);
	struct hv_xen_domain d;
	unsigned int n = 0;
	char **ids = xs_directory(p->xs, XBT_NULL, "/local/domain", &n);

	for (unsigned int i = 0; ids && i < n; i++) {
		describe(p, (unsigned int)strtoul(ids[i], NULL, 10), &d);
		/* One that is being made, or taken down, has its name already, or still. */
		if (xen_domain_lives(p, d.domid))
			fn(arg, &d);
	}
	free(ids);
}

uint64_t hv_xen_changes(struct hv *hv)
{
	return xen_of(hv)->changes;
}

int hv_xen_find(struct hv *hv, const char *name_or_id, struct hv_xen_domain *out)
{
	struct xen *p = xen_of(hv);
	unsigned int n = 0;
	char **ids = xs_directory(p->xs, XBT_NULL, "/local/domain", &n);
	int err = -ENOENT;

	for (unsigned int i = 0; ids && i < n && err; i++) {
		describe(p, (unsigned int)strtoul(ids[i], NULL, 10), out);
		if (!strcmp(ids[i], name_or_id) || !strcmp(out->name, name_or_id))
			err = 0;
	}
	free(ids);
	return err;
}

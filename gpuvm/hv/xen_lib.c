// SPDX-License-Identifier: MIT
/*
 * xenstore, event channels and grants by Xen's stable libraries, for the port
 * for domains without traps.  Handles of its own: nothing is shared with the
 * port for traps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/pvback_lib.h"

#define PRIVCMD "/dev/xen/privcmd"
/* Watch events taken at a time; a domain can cause any number. */
#define CHANGES 64u

struct xen_lib {
	struct pvback_lib lib;
	struct xs_handle *xs;
	xenevtchn_handle *ev;
	xengnttab_handle *gt;
	int epoll;
};

static struct xen_lib *of(struct pvback_lib *l)
{
	return container_of(l, struct xen_lib, lib);
}

static void lib_close(struct pvback_lib *l)
{
	struct xen_lib *x = of(l);

	if (x->epoll >= 0)
		close(x->epoll);
	if (x->gt)
		xengnttab_close(x->gt);
	if (x->ev)
		xenevtchn_close(x->ev);
	if (x->xs)
		xs_close(x->xs);
	mem_free(x);
}

static int lib_poll_fd(struct pvback_lib *l)
{
	return of(l)->epoll;
}

/* ---- xenstore ----------------------------------------------------------------------- */

static char *lib_read(struct pvback_lib *l, const char *path)
{
	return xs_read(of(l)->xs, XBT_NULL, path, NULL);
}

static int lib_write(struct pvback_lib *l, const char *path, const char *text)
{
	return xs_write(of(l)->xs, XBT_NULL, path, text, (unsigned int)strlen(text)) ? 0 : -errno;
}

static int lib_folder(struct pvback_lib *l, const char *path, uint16_t owner, uint16_t reader)
{
	struct xs_permissions perms[2] = { { .id = owner, .perms = XS_PERM_NONE },
					   { .id = reader, .perms = XS_PERM_READ } };

	if (!xs_mkdir(of(l)->xs, XBT_NULL, path) ||
	    !xs_set_permissions(of(l)->xs, XBT_NULL, path, perms, ARRAY_SIZE(perms)))
		return -errno;
	return 0;
}

static void lib_remove(struct pvback_lib *l, const char *path)
{
	xs_rm(of(l)->xs, XBT_NULL, path);
}

static char *lib_entry(struct pvback_lib *l, const char *path, unsigned int i)
{
	unsigned int n = 0;
	char **names = xs_directory(of(l)->xs, XBT_NULL, path, &n);
	char *name = names && i < n ? strdup(names[i]) : NULL;

	free(names);
	return name;
}

static int lib_watch(struct pvback_lib *l, const char *path, bool on)
{
	bool ok = on ? xs_watch(of(l)->xs, path, "gpuvm-pv") : xs_unwatch(of(l)->xs, path, "gpuvm-pv");

	return ok ? 0 : -errno;
}

static bool lib_changed(struct pvback_lib *l)
{
	bool any = false;
	char **event;

	for (unsigned int i = 0; i < CHANGES && (event = xs_check_watch(of(l)->xs)); i++) {
		free(event);
		any = true;
	}
	return any;
}

static bool lib_lives(struct pvback_lib *l, uint16_t domid)
{
	return xs_is_domain_introduced(of(l)->xs, domid);
}

/* ---- event channels ------------------------------------------------------------------- */

static int lib_bind(struct pvback_lib *l, uint16_t domid, uint32_t remote)
{
	int port = xenevtchn_bind_interdomain(of(l)->ev, domid, remote);

	return port < 0 ? -errno : port;
}

static void lib_unbind(struct pvback_lib *l, uint32_t port)
{
	xenevtchn_unbind(of(l)->ev, port);
}

static void lib_notify(struct pvback_lib *l, uint32_t port)
{
	xenevtchn_notify(of(l)->ev, port);
}

static int lib_pending(struct pvback_lib *l)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(of(l)->ev);

	if (port < 0)
		return -EAGAIN;
	xenevtchn_unmask(of(l)->ev, (evtchn_port_t)port);
	return port;
}

/* ---- grants ------------------------------------------------------------------------------ */

static void *lib_map(struct pvback_lib *l, uint16_t domid, const uint32_t *refs, uint32_t n)
{
	return xengnttab_map_domain_grant_refs(of(l)->gt, n, domid, (uint32_t *)(uintptr_t)refs,
					       PROT_READ | PROT_WRITE);
}

static void *lib_map_notify(struct pvback_lib *l, uint16_t domid, uint32_t ref, uint32_t off,
			    uint32_t port)
{
	return xengnttab_map_grant_ref_notify(of(l)->gt, domid, ref, PROT_READ | PROT_WRITE, off,
					      port);
}

static void lib_unmap(struct pvback_lib *l, void *p, uint32_t n)
{
	xengnttab_unmap(of(l)->gt, p, n);
}

static const struct pvback_lib_ops ops = {
	.close = lib_close,
	.poll_fd = lib_poll_fd,
	.read = lib_read,
	.write = lib_write,
	.folder = lib_folder,
	.remove = lib_remove,
	.entry = lib_entry,
	.watch = lib_watch,
	.changed = lib_changed,
	.lives = lib_lives,
	.bind = lib_bind,
	.unbind = lib_unbind,
	.notify = lib_notify,
	.pending = lib_pending,
	.map = lib_map,
	.map_notify = lib_map_notify,
	.unmap = lib_unmap,
};

/* NULL, or which of Xen's interfaces is not there. */
static const char *open_handles(struct xen_lib *x)
{
	x->ev = xenevtchn_open(NULL, 0);
	if (!x->ev)
		return "event channels";
	x->gt = xengnttab_open(NULL, 0);
	if (!x->gt)
		return "grants (module xen_gntdev)";
	x->xs = xs_open(0);
	if (!x->xs || !xs_watch(x->xs, "@releaseDomain", "gpuvm-pv"))
		return "xenstore";
	return NULL;
}

static int epoll_on(struct xen_lib *x, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return fd < 0 || epoll_ctl(x->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

int pvback_lib_open(const struct log *log, struct pvback_lib **out)
{
	struct xen_lib *x;
	const char *missing;
	int err = 0;

	/* Asked first because Xen's libraries complain for themselves. */
	if (access(PRIVCMD, R_OK | W_OK))
		return -EOPNOTSUPP;
	x = mem_new(struct xen_lib);
	if (!x)
		return -ENOMEM;
	x->lib.ops = &ops;
	x->epoll = -1;
	missing = open_handles(x);
	if (missing) {
		log_info(log, "no PV guests of Xen here: %s: %s", missing, strerror(errno));
		lib_close(&x->lib);
		return -EOPNOTSUPP;
	}
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (x->epoll < 0 || fcntl(xenevtchn_fd(x->ev), F_SETFL,
				  fcntl(xenevtchn_fd(x->ev), F_GETFL) | O_NONBLOCK))
		err = -errno;
	if (!err)
		err = epoll_on(x, xenevtchn_fd(x->ev));
	if (!err)
		err = epoll_on(x, xs_fileno(x->xs));
	if (err) {
		lib_close(&x->lib);
		return err;
	}
	*out = &x->lib;
	return 0;
}

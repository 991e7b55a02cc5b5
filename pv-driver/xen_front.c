// SPDX-License-Identifier: MIT
/*
 * The domain's end of the connection.
 *
 *  1. Everything is granted before it is published, and nothing is taken back
 *     before the mediator said Closed or is gone.
 *  2. What xenstore says of the mediator is read anew at each look: a watch
 *     only says that it is worth it.
 *  3. Pages of Xen's allocator are no file's and no process's, so futexes do
 *     not work in them: who waits sleeps on proc_far.wakes instead.
 */
#include "pv-driver/xen_front.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"

#define PAGE XEN_PV_PAGE
/* How long the mediator may take to let go at the end. */
#define CLOSE_NS 5000000000ull
/* Between looks when no watch comes. */
#define LOOK_MS 1000

static char *back_read(struct xen_front *f, const char *name)
{
	char path[160];

	if ((size_t)snprintf(path, sizeof path, "%s/%s", f->back, name) >= sizeof path)
		return NULL;
	return f->lib->ops->read(f->lib, path);
}

static uint64_t back_number(struct xen_front *f, const char *name)
{
	char *text = back_read(f, name);
	uint64_t v = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	return v;
}

static int put(struct xen_front *f, const char *name, uint64_t v)
{
	char path[64], text[24];

	snprintf(path, sizeof path, XEN_PV_FRONT "/%s", name);
	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	return f->lib->ops->write(f->lib, path, text);
}

/* Until the mediator is in one of two states; answers which, or a negative errno. */
static int wait_state(struct xen_front *f, enum xen_pv_state a, enum xen_pv_state b, uint64_t ns)
{
	uint64_t until = clock_ns() + ns;

	for (;;) {
		struct pollfd p = { .fd = f->lib->ops->store_fd(f->lib), .events = POLLIN };
		uint64_t now = clock_ns(), is = back_number(f, "state");

		if (is == a || is == b)
			return (int)is;
		if (now >= until)
			return -ETIMEDOUT;
		now = (until - now) / 1000000 + 1;
		if (poll(&p, 1, now < LOOK_MS ? (int)now : LOOK_MS) > 0)
			f->lib->ops->changed(f->lib);
	}
}

/* ---- what is granted ------------------------------------------------------------------------ */

static void *map(int fd, uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int far_new(struct xen_front *f)
{
	f->far_fd = memfd_create("gpuvm-far", MFD_CLOEXEC);
	if (f->far_fd < 0 || ftruncate(f->far_fd, PAGE))
		return -errno;
	f->far = map(f->far_fd, PAGE);
	if (!f->far)
		return -errno;
	*f->far = (struct proc_far){ .magic = PROC_FAR_MAGIC, .port = f->port,
				     .ring_len = f->ring_len, .ram_len = f->ram_len };
	return 0;
}

/* Ring and RAM; their references in order in ref. */
static int memory_new(struct xen_front *f, uint32_t *ref, const char **what)
{
	uint32_t ring = (uint32_t)(f->ring_len / PAGE), ram = (uint32_t)(f->ram_len / PAGE);
	int err;

	*what = "the ring cannot be granted";
	err = f->lib->ops->grant(f->lib, ring, ref, &f->ring_fd);
	if (!err) {
		f->ring = map(f->ring_fd, f->ring_len);
		err = f->ring ? 0 : -errno;
	}
	if (err)
		return err;
	*what = "RAM for the GPU cannot be granted (--ram; module xen_gntalloc's parameter limit)";
	return f->lib->ops->grant(f->lib, ram, ref + ring, &f->ram_fd);
}

/* The index page and the list pages behind it; *index_ref names the first. */
static int index_new(struct xen_front *f, const uint32_t *ref, uint32_t *index_ref,
		     const char **what)
{
	uint32_t n = (uint32_t)((f->ring_len + f->ram_len) / PAGE), lists = xen_pv_lists(n);
	uint32_t refs[1 + XEN_PV_LISTS];
	uint8_t *mem;
	int err;

	*what = "more RAM than an index can list";
	if (lists > XEN_PV_LISTS)
		return -E2BIG;
	*what = "the index cannot be granted";
	err = f->lib->ops->grant(f->lib, 1 + lists, refs, &f->index_fd);
	if (err)
		return err;
	mem = map(f->index_fd, (1ull + lists) * PAGE);
	if (!mem)
		return -errno;
	memcpy(mem + PAGE, ref, n * sizeof *ref);
	munmap(mem + PAGE, (size_t)lists * PAGE);
	f->index = (struct xen_pv_index *)mem;
	f->index->magic = XEN_PV_MAGIC;
	f->index->version = XEN_PV_VERSION;
	f->index->ring_pages = (uint32_t)(f->ring_len / PAGE);
	f->index->ram_pages = (uint32_t)(f->ram_len / PAGE);
	memcpy(f->index->list, refs + 1, lists * sizeof *refs);
	f->index->front_alive = 1;
	*index_ref = refs[0];
	return f->lib->ops->notify_gone(f->lib, f->index_fd, XEN_PV_FRONT_ALIVE, f->port);
}

static int share(struct xen_front *f, uint32_t *index_ref, const char **what)
{
	uint32_t *ref = mem_calloc((f->ring_len + f->ram_len) / PAGE, sizeof *ref);
	int err;

	*what = "out of memory";
	if (!ref)
		return -ENOMEM;
	*what = "no event channel can be had";
	err = f->lib->ops->port(f->lib, &f->port, &f->port_fd);
	if (!err)
		err = memory_new(f, ref, what);
	if (!err)
		err = index_new(f, ref, index_ref, what);
	mem_free(ref);
	if (err)
		return err;
	*what = "no memory";
	return far_new(f);
}

/* ---- connecting ---------------------------------------------------------------------------------- */

/* "naive-pv" asks for that mode with any options; one with options for just these. */
static bool mode_fits(const char *want, const char *is)
{
	size_t n = strcspn(is, ",");

	return !want || !strcmp(want, is) || (strlen(want) == n && !strncmp(want, is, n));
}

static int find(struct xen_front *f, const struct xen_front_cfg *c, char *msg, size_t n)
{
	char path[160], *mode;
	uint64_t pages;
	int err;

	f->back = f->lib->ops->read(f->lib, XEN_PV_FRONT "/backend");
	if (!f->back || !*f->back) {
		snprintf(msg, n, "this domain was given no GPU (in domain 0: gpuvm attach DOMAIN --mode hp-pv)");
		return -ENODEV;
	}
	snprintf(path, sizeof path, "%s/state", f->back);
	err = f->lib->ops->watch(f->lib, path);
	if (!err)
		err = put(f, "state", XEN_PV_INITIALISING);
	if (!err)
		err = wait_state(f, XEN_PV_INIT_WAIT, XEN_PV_INIT_WAIT, c->wait_ns);
	if (err < 0) {
		snprintf(msg, n, "the mediator does not answer: %s", strerror(-err));
		return err;
	}
	mode = back_read(f, "mode");
	snprintf(f->mode, sizeof f->mode, "%s", mode ? mode : "");
	free(mode);
	pages = back_number(f, "ram-pages-max");
	f->ring_len = back_number(f, "ring-pages") * PAGE;
	f->ram_len = c->ram_len / PAGE < pages ? c->ram_len : pages * PAGE;
	if (!mode_fits(c->mode, f->mode)) {
		snprintf(msg, n, "this domain's GPU was attached as %s", f->mode);
		return -EPROTO;
	}
	if (back_number(f, "version") != XEN_PV_VERSION || f->ring_len < sizeof(struct proc_ring) ||
	    f->ring_len > 1u << 24 || !f->ram_len) {
		snprintf(msg, n, "the mediator speaks another version");
		return -EPROTO;
	}
	return 0;
}

static int publish(struct xen_front *f, uint32_t index_ref, uint64_t wait_ns, char *msg, size_t n)
{
	char *why;
	int err = put(f, "version", XEN_PV_VERSION);

	if (!err)
		err = put(f, "index-ref", index_ref);
	if (!err)
		err = put(f, "event-channel", f->port);
	if (!err)
		err = put(f, "state", XEN_PV_INITIALISED);
	if (!err)
		err = wait_state(f, XEN_PV_CONNECTED, XEN_PV_CLOSING, wait_ns);
	if (err == XEN_PV_CONNECTED)
		err = put(f, "state", XEN_PV_CONNECTED);
	if (!err)
		return 0;
	why = back_read(f, "error");
	snprintf(msg, n, "the mediator does not connect: %s",
		 err < 0 ? strerror(-err) : why ? why : "it does not say why");
	free(why);
	return err < 0 ? err : -EPROTO;
}

int xen_front_open(struct front_lib *lib, const struct xen_front_cfg *c, struct xen_front **out,
		   char *msg, size_t n)
{
	struct xen_front *f = mem_new(struct xen_front);
	const char *what = "out of memory";
	uint32_t index_ref = 0;
	int err;

	if (!f) {
		lib->ops->close(lib);
		snprintf(msg, n, "%s", what);
		return -ENOMEM;
	}
	f->lib = lib;
	f->index_fd = f->ring_fd = f->ram_fd = f->far_fd = f->port_fd = -1;
	err = find(f, c, msg, n);
	if (!err) {
		err = share(f, &index_ref, &what);
		if (err)
			snprintf(msg, n, "%s: %s", what, strerror(-err));
	}
	if (!err)
		err = publish(f, index_ref, c->wait_ns, msg, n);
	if (err) {
		xen_front_close(f);
		return err;
	}
	*out = f;
	return 0;
}

/* ---- while it lasts -------------------------------------------------------------------------------- */

static void wake(struct xen_front *f)
{
	__atomic_add_fetch(&f->far->wakes, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &f->far->wakes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* As the mediator would have said it. */
static void ended(struct xen_front *f, const char *why)
{
	if (__atomic_exchange_n(&f->dead, true, __ATOMIC_SEQ_CST))
		return;
	if (!__atomic_load_n(&f->ring->dead, __ATOMIC_SEQ_CST))
		snprintf(f->ring->why, sizeof f->ring->why, "%s", why);
	__atomic_store_n(&f->ring->dead, 1, __ATOMIC_SEQ_CST);
	wake(f);
}

bool xen_front_event(struct xen_front *f)
{
	uint32_t irqs;
	bool raised;

	f->lib->ops->take(f->lib);
	if (!__atomic_load_n(&f->index->back_alive, __ATOMIC_SEQ_CST))
		ended(f, "the mediator is gone");
	wake(f);
	irqs = __atomic_load_n(&f->index->irqs, __ATOMIC_SEQ_CST);
	raised = irqs != f->irqs;
	f->irqs = irqs;
	return raised;
}

void xen_front_look(struct xen_front *f)
{
	f->lib->ops->changed(f->lib);
	if (back_number(f, "state") != XEN_PV_CONNECTED)
		ended(f, "the mediator has disconnected it");
}

static void let_go(struct xen_front *f)
{
	bool gone = !f->index || !f->index->back_alive;

	put(f, "state", XEN_PV_CLOSING);
	/* One that is gone has let go already. */
	if (!gone)
		wait_state(f, XEN_PV_CLOSED, XEN_PV_INIT_WAIT, CLOSE_NS);
	put(f, "state", XEN_PV_CLOSED);
}

void xen_front_close(struct xen_front *f)
{
	if (!f)
		return;
	/* Nothing was said before there was a port. */
	if (f->back && f->port_fd >= 0)
		let_go(f);
	if (f->ring)
		munmap(f->ring, f->ring_len);
	if (f->index)
		munmap(f->index, PAGE);
	if (f->far)
		munmap(f->far, PAGE);
	if (f->ring_fd >= 0)
		close(f->ring_fd);
	if (f->ram_fd >= 0)
		close(f->ram_fd);
	if (f->index_fd >= 0)
		close(f->index_fd);
	if (f->far_fd >= 0)
		close(f->far_fd);
	f->lib->ops->close(f->lib);
	free(f->back);
	mem_free(f);
}

// SPDX-License-Identifier: MIT
/*
 * A domain's connection, as xenstore and the index page tell of it.
 *
 * 1. What the domain publishes is read when it says Initialised, once; from
 *    then on only that it leaves that state, or Connected, counts.
 * 2. A connection ends in this order: the GPU is reset, the core gives the RAM
 *    back (which may take more than one attempt), everything is unmapped, the
 *    new state is published.  So a domain that reads Closed or InitWait has
 *    its memory for itself.
 * 3. Nothing of a domain's text gets further than a number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/hv/pvback_impl.h"

static void node(char *buf, size_t n, const char *folder, const char *name)
{
	snprintf(buf, n, "%s/%s", folder, name);
}

static int put(struct pvback_guest *g, const char *folder, const char *name, const char *text)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	char path[PVBACK_PATH + 24];

	node(path, sizeof path, folder, name);
	return lib->ops->write(lib, path, text);
}

static int put_number(struct pvback_guest *g, const char *folder, const char *name, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	return put(g, folder, name, text);
}

/* A number of the domain's; max + 1 for anything that is not one of at most max. */
static uint64_t get_number(struct pvback_guest *g, const char *name, uint64_t max)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	char path[PVBACK_PATH + 24], *text, *end = NULL;
	uint64_t v = max + 1;

	node(path, sizeof path, g->front_path, name);
	text = lib->ops->read(lib, path);
	if (text && *text >= '0' && *text <= '9') {
		v = strtoull(text, &end, 10);
		if (*end || v > max)
			v = max + 1;
	}
	free(text);
	return v;
}

static void publish(struct pvback_guest *g, enum xen_pv_state state)
{
	g->state = state;
	put_number(g, g->back_path, "state", state);
}

static void front_read(struct pvback_guest *g)
{
	uint64_t v = get_number(g, "state", XEN_PV_CLOSED);

	g->front = v > XEN_PV_CLOSED ? XEN_PV_UNKNOWN : (enum xen_pv_state)v;
}

/* ---- connecting ------------------------------------------------------------------------ */

static int bind_port(struct pvback_guest *g, const char **what)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	uint64_t remote = get_number(g, "event-channel", UINT32_MAX - 1);
	int port;

	*what = "event-channel is no port of the domain's";
	if (remote >= UINT32_MAX)
		return -EINVAL;
	port = lib->ops->bind(lib, g->domid, (uint32_t)remote);
	if (port < 0)
		return port;
	g->port = (uint32_t)port;
	g->bound = true;
	return 0;
}

static void unbind_port(struct pvback_guest *g)
{
	struct pvback_lib *lib = pvback_port(g)->lib;

	if (g->bound)
		lib->ops->unbind(lib, g->port);
	g->bound = false;
}

static int grant(struct pvback_guest *g, const char **what)
{
	struct hv *h = g->proc.g.hv;
	struct hv_ram ram;
	int err = pvback_ram_range(&g->proc.g, 0, &ram);

	*what = "the GPU cannot be given its RAM";
	return err ? err : h->up->grant(h->core, &g->proc.g, &ram);
}

static int connect(struct pvback_guest *g, const char **what)
{
	uint64_t ref = get_number(g, "index-ref", UINT32_MAX);
	int err;

	*what = "version is none that we speak";
	if (get_number(g, "version", UINT32_MAX) != XEN_PV_VERSION)
		return -EPROTO;
	*what = "index-ref is no reference";
	if (ref > UINT32_MAX)
		return -EINVAL;
	err = bind_port(g, what);
	if (!err)
		err = pvback_map(g, (uint32_t)ref, what);
	if (!err) {
		err = grant(g, what);
		if (err)
			pvback_unmap(g);
	}
	if (err) {
		unbind_port(g);
		return err;
	}
	g->proc.pos = 0;
	g->proc.hole_since = 0;
	proc_ring_init(&g->proc);
	__atomic_store_n(&g->map.index->back_alive, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void try_connect(struct pvback_guest *g)
{
	const char *what;
	int err = connect(g, &what);

	if (!err) {
		g->stats.connections++;
		log_info(g->proc.g.hv->log, "guest %s connected: %u pages of RAM", g->proc.g.name,
			 g->map.ram_pages);
		publish(g, XEN_PV_CONNECTED);
		return;
	}
	g->stats.refused++;
	log_warn(g->proc.g.hv->log, "guest %s is not connected: %s (%s)", g->proc.g.name, what,
		 strerror(-err));
	put(g, g->back_path, "error", what);
	publish(g, XEN_PV_CLOSING);
}

/* ---- disconnecting ------------------------------------------------------------------------ */

static void waiting(struct pvback_guest *g)
{
	put(g, g->back_path, "error", "");
	publish(g, XEN_PV_INIT_WAIT);
}

bool pvback_link_drain(struct pvback_guest *g)
{
	struct hv *h = g->proc.g.hv;

	if (h->up->revoke(h->core, &g->proc.g, gpa(0), g->proc.g.ram_len))
		return false;
	g->draining = false;
	g->tell = false;
	pvback_unmap(g);
	unbind_port(g);
	front_read(g);
	if (g->front == XEN_PV_INITIALISING)
		waiting(g);
	else
		publish(g, XEN_PV_CLOSED);
	return true;
}

void pvback_link_lost(struct pvback_guest *g, const char *why)
{
	struct hv *h = g->proc.g.hv;

	if (!pvback_connected(g))
		return;
	log_info(h->log, "guest %s disconnects: %s", g->proc.g.name, why);
	proc_ring_dead(&g->proc, why);
	g->draining = true;
	h->up->reset(h->core, &g->proc.g);
}

void pvback_link_look(struct pvback_guest *g)
{
	if (g->proc.dying || g->draining)
		return;
	front_read(g);
	switch (g->state) {
	case XEN_PV_INIT_WAIT:
		if (g->front == XEN_PV_INITIALISED)
			try_connect(g);
		break;
	case XEN_PV_CONNECTED:
		if (g->front != XEN_PV_INITIALISED && g->front != XEN_PV_CONNECTED)
			pvback_link_lost(g, "its program has ended");
		break;
	case XEN_PV_CLOSING:
	case XEN_PV_CLOSED:
		if (g->front == XEN_PV_INITIALISING)
			waiting(g);
		else if (g->state == XEN_PV_CLOSING &&
			 (g->front == XEN_PV_CLOSING || g->front == XEN_PV_CLOSED))
			publish(g, XEN_PV_CLOSED);
		break;
	default:
		break;
	}
}

/* ---- nodes ------------------------------------------------------------------------------------ */

static int folders(struct pvback_guest *g)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	int err;

	snprintf(g->front_path, sizeof g->front_path, "/local/domain/%u/" XEN_PV_FRONT, g->domid);
	snprintf(g->back_path, sizeof g->back_path, "/local/domain/0/" XEN_PV_BACK "/%u/0", g->domid);
	err = lib->ops->folder(lib, g->back_path, 0, g->domid);
	if (err)
		return err;
	g->named = true;
	front_read(g);
	/* What the domain already says stays: an earlier mediator's guest goes on here. */
	return g->front == XEN_PV_UNKNOWN ? lib->ops->folder(lib, g->front_path, g->domid, 0) : 0;
}

static int back_nodes(struct pvback_guest *g, const struct hv_pvback_cfg *c)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	char path[32], *vm;
	int err;

	snprintf(path, sizeof path, "/local/domain/%u/vm", g->domid);
	vm = lib->ops->read(lib, path);
	err = put(g, g->back_path, "vm", vm ? vm : "");
	free(vm);
	if (!err)
		err = put(g, g->back_path, "keep", c->keep);
	if (!err)
		err = put(g, g->back_path, "frontend", g->front_path);
	if (!err)
		err = put_number(g, g->back_path, "frontend-id", g->domid);
	if (!err)
		err = put_number(g, g->back_path, "version", XEN_PV_VERSION);
	if (!err)
		err = put(g, g->back_path, "mode", c->mode);
	if (!err)
		err = put_number(g, g->back_path, "ring-pages",
				 align_up(g->proc.ring_len, XEN_PV_PAGE) / XEN_PV_PAGE);
	if (!err)
		err = put_number(g, g->back_path, "ram-pages-max", PVBACK_RAM_PAGES);
	return err;
}

static int front_nodes(struct pvback_guest *g)
{
	int err = put(g, g->front_path, "backend", g->back_path);

	if (!err)
		err = put_number(g, g->front_path, "backend-id", 0);
	if (!err && g->front == XEN_PV_UNKNOWN)
		err = put_number(g, g->front_path, "state", XEN_PV_INITIALISING);
	return err;
}

int pvback_link_start(struct pvback_guest *g, const struct hv_pvback_cfg *c)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	char path[PVBACK_PATH + 24];
	int err = folders(g);

	if (!err)
		err = back_nodes(g, c);
	if (!err)
		err = front_nodes(g);
	if (err)
		return err;
	node(path, sizeof path, g->front_path, "state");
	err = lib->ops->watch(lib, path, true);
	if (err)
		return err;
	front_read(g);
	/* Connected, but not to us: its memory is not mapped any more, and it has to learn that. */
	if (g->front == XEN_PV_CONNECTED)
		publish(g, XEN_PV_CLOSING);
	else if (g->front == XEN_PV_CLOSING || g->front == XEN_PV_CLOSED)
		publish(g, XEN_PV_CLOSED);
	else
		waiting(g);
	pvback_link_look(g);
	return 0;
}

void pvback_link_fini(struct pvback_guest *g)
{
	struct pvback_lib *lib = pvback_port(g)->lib;
	bool lives = lib->ops->lives(lib, g->domid);
	char path[PVBACK_PATH + 24];

	pvback_unmap(g);
	unbind_port(g);
	if (!g->named)
		return;
	node(path, sizeof path, g->front_path, "state");
	lib->ops->watch(lib, path, false);
	if (lives && !g->drop) {
		publish(g, XEN_PV_CLOSED);
		return;
	}
	snprintf(path, sizeof path, "/local/domain/0/" XEN_PV_BACK "/%u", g->domid);
	lib->ops->remove(lib, path);
	if (lives)
		lib->ops->remove(lib, g->front_path);
}

// SPDX-License-Identifier: MIT
/*
 * The port for domains without traps: events and watches of all guests behind
 * one descriptor, and turns.
 *
 * 1. A connected guest's ring is looked at in every dispatch; it sends events
 *    only after arm() said in it that we sleep.
 * 2. Whatever a turn answered, its guest gets one event at most for it.
 * 3. Guests are freed only at the end of dispatch(), never below an upcall.
 */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/pvback_impl.h"
#include "gpuvm/hv/turns.h"

/* Ports taken before guests are served. */
#define EVENTS 64u
/* Dispatches between looks at the descriptor: one system call in 16. */
#define EVENTS_EVERY 16u

static void port_event(struct pvback *p, uint32_t port)
{
	struct hv_guest *hg;

	list_for_each(hg, &p->guests, node) {
		struct pvback_guest *g = pvback_guest_of(hg);

		if (!g->bound || g->port != port)
			continue;
		g->stats.events++;
		if (!pvback_connected(g))
			return;
		proc_ring_mend(&g->proc, clock_ns());
		/* Cleared by the domain's kernel, too, when the process goes. */
		if (!__atomic_load_n(&g->map.index->front_alive, __ATOMIC_ACQUIRE))
			pvback_link_lost(g, "its program is gone");
		return;
	}
}

static void domains(struct pvback *p)
{
	struct hv_guest *hg;

	if (!p->lib->ops->changed(p->lib))
		return;
	list_for_each(hg, &p->guests, node) {
		struct pvback_guest *g = pvback_guest_of(hg);

		if (!p->lib->ops->lives(p->lib, g->domid))
			pvback_guest_kill(hg, "its domain is gone");
		else
			pvback_link_look(g);
	}
}

static void events(struct pvback *p)
{
	struct pollfd fd = { .fd = p->lib->ops->poll_fd(p->lib), .events = POLLIN };

	p->quiet = 0;
	if (poll(&fd, 1, 0) <= 0)
		return;
	for (unsigned int n = 0; n < EVENTS; n++) {
		int port = p->lib->ops->pending(p->lib);

		if (port < 0)
			break;
		port_event(p, (uint32_t)port);
	}
	domains(p);
}

static void serve(struct pvback_guest *g, struct hv_access *acc, int got)
{
	struct hv *h = g->proc.g.hv;

	g->stats.accesses++;
	if (got == 1) {
		h->up->access(h->core, &g->proc.g, acc);
	} else {
		/* Files cannot be had here: no page is ever offered as memory. */
		g->stats.bad += got < 0;
		acc->val = got < 0 ? ~0ull : 1;
	}
	if (!g->proc.dying && pvback_connected(g))
		proc_ring_put(&g->proc, acc->write, acc->val);
}

static unsigned int turn(struct hv_guest *hg, unsigned int most)
{
	struct pvback_guest *g = pvback_guest_of(hg);
	struct hv_access acc;
	unsigned int n = 0;
	int got;

	while (n < most && !g->proc.dying && pvback_connected(g)) {
		got = proc_ring_get(&g->proc, &acc);
		if (!got)
			break;
		serve(g, &acc, got);
		n++;
	}
	return n;
}

/* What happened to the guests in this dispatch, and what they have to be told of it. */
static void settle(struct pvback *p)
{
	struct hv_guest *hg, *tmp;

	list_for_each_safe(hg, tmp, &p->guests, node) {
		struct pvback_guest *g = pvback_guest_of(hg);

		if (g->tell && g->bound) {
			p->lib->ops->notify(p->lib, g->port);
			g->stats.notifies++;
		}
		g->tell = false;
		if (g->proc.dying)
			pvback_guest_reap(g);
		else if (g->draining)
			pvback_link_drain(g);
	}
}

static int pvback_dispatch(struct hv *hv, unsigned int budget)
{
	struct pvback *p = pvback_of(hv);
	unsigned int n;

	if (list_empty(&p->guests))
		return 0;
	assert(!p->dispatching);
	p->dispatching = true;
	if (++p->quiet >= EVENTS_EVERY)
		events(p);
	n = hv_rounds(&p->guests, budget, turn);
	/* Nobody wants anything: the next to be heard of is an event. */
	if (!n && p->quiet)
		events(p);
	settle(p);
	p->dispatching = false;
	return (int)n;
}

static bool pvback_arm(struct hv *hv)
{
	struct pvback *p = pvback_of(hv);
	struct hv_guest *hg;

	if (p->nr_dying)
		return true;
	list_for_each(hg, &p->guests, node) {
		struct pvback_guest *g = pvback_guest_of(hg);

		/* What was raised outside of a dispatch is told in the next. */
		if (g->draining || g->tell || (pvback_connected(g) && proc_ring_sleep(&g->proc)))
			return true;
	}
	return false;
}

static int pvback_poll_fd(struct hv *hv)
{
	struct pvback *p = pvback_of(hv);

	return p->lib->ops->poll_fd(p->lib);
}

static void pvback_close(struct hv *hv)
{
	struct pvback *p = pvback_of(hv);
	struct hv_guest *hg, *tmp;

	list_for_each_safe(hg, tmp, &p->guests, node) {
		pvback_guest_kill(hg, "the mediator stops");
		pvback_guest_reap(pvback_guest_of(hg));
	}
	p->lib->ops->close(p->lib);
	mem_free(p);
}

static const struct hv_ops ops = {
	.name = "xen-pv",
	.caps = HV_CAP_PIN | HV_CAP_RAM,
	.close = pvback_close,
	.poll_fd = pvback_poll_fd,
	.dispatch = pvback_dispatch,
	.arm = pvback_arm,
	.read = pvback_ram_read,
	.write = pvback_ram_write,
	.irq = pvback_irq,
	.kill = pvback_guest_kill,
	.pin = pvback_ram_pin,
	.unpin = pvback_ram_unpin,
	.ram = pvback_ram_range,
};

int hv_pvback_open(const struct hv_up *up, void *core, const struct log *log,
		   struct pvback_lib *lib, struct hv **out)
{
	struct pvback *p = mem_new(struct pvback);

	if (!p) {
		lib->ops->close(lib);
		return -ENOMEM;
	}
	p->hv = (struct hv){ .ops = &ops, .up = up, .core = core, .log = log };
	p->lib = lib;
	list_init(&p->guests);
	*out = &p->hv;
	return 0;
}

static bool is_guest(const struct pvback *p, uint16_t domid)
{
	for (unsigned int i = 0; i < PVBACK_GUESTS; i++)
		if (p->slot[i] && p->slot[i]->domid == domid)
			return true;
	return false;
}

/* Whether the domain of that number is the one that was attached, not a later one. */
static bool same_domain(struct pvback *p, uint16_t domid, const char *back)
{
	char path[PVBACK_PATH + 8], vm[32];
	char *was, *is;
	bool same;

	snprintf(path, sizeof path, "%s/vm", back);
	snprintf(vm, sizeof vm, "/local/domain/%u/vm", domid);
	was = p->lib->ops->read(p->lib, path);
	is = p->lib->ops->read(p->lib, vm);
	same = was && is && !strcmp(was, is);
	free(was);
	free(is);
	return same && p->lib->ops->lives(p->lib, domid);
}

char *hv_pvback_kept(struct hv *hv, unsigned int *at)
{
	static const char root[] = "/local/domain/0/" XEN_PV_BACK;
	struct pvback *p = pvback_of(hv);
	char *name, *text, path[PVBACK_PATH], keep[PVBACK_PATH + 8];

	while ((name = p->lib->ops->entry(p->lib, root, *at))) {
		unsigned long domid = strtoul(name, NULL, 10);

		free(name);
		snprintf(path, sizeof path, "%s/%lu/0", root, domid);
		if (domid > UINT16_MAX || is_guest(p, (uint16_t)domid)) {
			++*at;
			continue;
		}
		if (!same_domain(p, (uint16_t)domid, path)) {
			/* Nothing was told to forget it: its mediator was away when it ended. */
			snprintf(path, sizeof path, "%s/%lu", root, domid);
			p->lib->ops->remove(p->lib, path);
			name = p->lib->ops->entry(p->lib, root, *at);
			/* Still there: not ours to remove; on to the next. */
			*at += name && strtoul(name, NULL, 10) == domid;
			free(name);
			continue;
		}
		++*at;
		snprintf(keep, sizeof keep, "%s/keep", path);
		text = p->lib->ops->read(p->lib, keep);
		if (text)
			return text;
	}
	return NULL;
}

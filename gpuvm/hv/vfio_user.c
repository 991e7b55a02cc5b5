// SPDX-License-Identifier: MIT
/*
 * The vfio-user port: one epoll descriptor over the guests' sockets, and turns.
 *
 * 1. epoll is level-triggered: what the kernel still holds is seen again.
 *    What a turn left in a guest's own buffer is remembered in `more`.
 * 2. A turn serves at most HV_QUANTUM messages, and the guest served goes last next
 *    time.  A message of many writes counts as many.
 * 3. Guests are freed only at the end of dispatch(), never below an upcall.
 */
#include <assert.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/turns.h"
#include "gpuvm/hv/vfio_impl.h"

/*
 * How long the client may wait for memory that the card still uses; it gives up
 * after 5 s by itself, and a guest whose monitor has given up is lost anyway.
 */
#define UNMAP_NS 4000000000ull

/* Asks the core again; true when the guest can be served. */
static bool unmap_again(struct vfio_guest *g)
{
	int err = vfio_dma_unmap(g, &g->unmap.req);

	if (err == -EBUSY) {
		g->stats.waits++;
		if (clock_ns() - g->unmap.since > UNMAP_NS)
			vfio_guest_kill(&g->g, "its GPU does not let go of memory that was taken away");
		return false;
	}
	g->unmap.waits = false;
	memcpy(vfio_stream_body(&g->s), &g->unmap.req, sizeof g->unmap.req);
	err = err ? vfio_stream_error(&g->s, &g->unmap.hdr, err) :
		    vfio_stream_reply(&g->s, &g->unmap.hdr, sizeof g->unmap.req);
	if (err)
		vfio_guest_kill(&g->g, "its client does not take replies");
	return !err;
}

static const char *why(int err)
{
	switch (err) {
	case -ENOTCONN:
	case -ECONNRESET: return "its client is gone";
	case -EPIPE: return "its client does not take replies";
	default: return "its client does not keep to the protocol";
	}
}

static unsigned int turn(struct hv_guest *hg, unsigned int most)
{
	struct vfio_guest *g = vfio_guest_of(hg);
	unsigned int n = 0;
	struct vfio_msg m;
	int got = 0;

	if (!g->more || g->dying)
		return 0;
	g->more = false;
	if (g->unmap.waits && !unmap_again(g)) {
		g->more = !g->dying;
		return 0;
	}
	while (n < most && !g->dying && !g->unmap.waits) {
		got = vfio_stream_next(&g->s, &m);
		if (got > 0) {
			got = vfio_request(g, &m, &n);
			vfio_msg_done(&m);
		} else if (!got) {
			return n;
		}
		if (got < 0)
			vfio_guest_kill(&g->g, why(got));
	}
	g->more = !g->dying;
	return n;
}

static int events(struct vfio *p)
{
	struct epoll_event e[VFIO_GUESTS];
	int n = epoll_wait(p->epoll, e, VFIO_GUESTS, 0);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct vfio_guest *g = p->slot[e[i].data.u64 % VFIO_GUESTS];

		if (!g || g->dying)
			continue;
		if (g->listen_fd >= 0)
			vfio_guest_accept(g);
		g->more = true;
	}
	return 0;
}

static void reap(struct vfio *p)
{
	struct hv_guest *hg, *tmp;

	if (!p->nr_dying)
		return;
	list_for_each_safe(hg, tmp, &p->guests, node)
		if (vfio_guest_of(hg)->dying)
			vfio_guest_reap(vfio_guest_of(hg));
}

static int vfio_dispatch(struct hv *hv, unsigned int budget)
{
	struct vfio *p = vfio_of(hv);
	unsigned int n;
	int err;

	if (list_empty(&p->guests))
		return 0;
	assert(!p->dispatching);
	p->dispatching = true;
	err = events(p);
	n = hv_rounds(&p->guests, budget, turn);
	reap(p);
	p->dispatching = false;
	return err ? err : (int)n;
}

static bool vfio_arm(struct hv *hv)
{
	struct vfio *p = vfio_of(hv);
	struct hv_guest *hg;

	if (p->nr_dying)
		return true;
	list_for_each(hg, &p->guests, node)
		if (vfio_guest_of(hg)->more)
			return true;
	return false;
}

static int vfio_poll_fd(struct hv *hv)
{
	return vfio_of(hv)->epoll;
}

static void vfio_close(struct hv *hv)
{
	struct vfio *p = vfio_of(hv);
	struct hv_guest *hg, *tmp;

	list_for_each_safe(hg, tmp, &p->guests, node) {
		vfio_guest_kill(hg, "the mediator stops");
		vfio_guest_reap(vfio_guest_of(hg));
	}
	close(p->epoll);
	mem_free(p);
}

static const struct hv_ops vfio_ops = {
	.name = "vfio-user",
	.caps = HV_CAP_PIN | HV_CAP_RAM,
	.close = vfio_close,
	.poll_fd = vfio_poll_fd,
	.dispatch = vfio_dispatch,
	.arm = vfio_arm,
	.read = vfio_ram_read,
	.write = vfio_ram_write,
	.irq = vfio_irq_raise,
	.kill = vfio_guest_kill,
	.pin = vfio_ram_pin,
	.unpin = vfio_ram_unpin,
	.ram = vfio_ram_range,
};

int hv_vfio_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out)
{
	struct vfio *p = mem_new(struct vfio);

	if (!p)
		return -ENOMEM;
	p->hv = (struct hv){ .ops = &vfio_ops, .up = up, .core = core, .log = log };
	list_init(&p->guests);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0) {
		int err = -errno;

		mem_free(p);
		return err;
	}
	*out = &p->hv;
	return 0;
}

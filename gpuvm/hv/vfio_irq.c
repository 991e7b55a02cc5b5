// SPDX-License-Identifier: MIT
/*
 * INTx and MSI by eventfd.
 *
 * 1. Only eventfds are taken: a write of ours to anything else could block or
 *    land in a file.  One whose counter is full is an interrupt that waits already.
 * 2. INTx is a level: raising it masks it, and on unmask the core is asked
 *    whether the line is still up.  MSI is a message for each call.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/hv/vfio_impl.h"

int vfio_irq_info(uint32_t index, struct vfio_irq_info *out)
{
	if (index >= VFIO_IRQS)
		return -EINVAL;
	*out = (struct vfio_irq_info){ .argsz = sizeof *out, .index = index };
	if (index > VFIO_MSI)
		return 0;
	out->count = 1;
	out->flags = VFIO_IRQ_EVENTFD;
	out->flags |= index == VFIO_INTX ? VFIO_IRQ_MASKABLE | VFIO_IRQ_AUTOMASKED : VFIO_IRQ_NORESIZE;
	return 0;
}

static bool is_eventfd(int fd)
{
	char path[40], what[32];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	n = readlink(path, what, sizeof what - 1);
	if (n < 0)
		return false;
	what[n] = '\0';
	return !strcmp(what, "anon_inode:[eventfd]");
}

static int fire(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t one = 1;

	if (poll(&p, 1, 0) == 1 && p.revents & POLLOUT && write(fd, &one, sizeof one) < 0)
		return errno == EAGAIN ? 0 : -errno;
	return 0;
}

static void set_fd(struct vfio_guest *g, uint32_t index, int fd)
{
	if (g->irq_fd[index] >= 0)
		close(g->irq_fd[index]);
	g->irq_fd[index] = fd;
}

static int trigger(struct vfio_guest *g, const struct vfio_irq_set *q, struct vfio_msg *m)
{
	int fd;

	if (q->flags & VFIO_SET_NONE) {
		if (!q->count)
			set_fd(g, q->index, -1);
		/* A count is a test of the interrupt from the client's side. */
		return q->count ? vfio_irq_raise(&g->g, 0) : 0;
	}
	if (!(q->flags & VFIO_SET_EVENTFD) || m->nr_fds > 1)
		return -EINVAL;
	fd = m->nr_fds ? m->fds[0] : -1;
	if (fd >= 0 && (!is_eventfd(fd) || fcntl(fd, F_SETFL, O_NONBLOCK)))
		return -EINVAL;
	if (fd >= 0)
		m->fds[0] = -1;
	set_fd(g, q->index, fd);
	g->intx_masked &= q->index != VFIO_INTX;
	return 0;
}

static int unmask(struct vfio_guest *g)
{
	struct hv *h = g->g.hv;

	g->intx_masked = false;
	return h->up->line(h->core, &g->g) ? vfio_irq_raise(&g->g, 0) : 0;
}

int vfio_irq_set(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_irq_set q;
	uint32_t action, data;

	if (m->len < sizeof q)
		return -EINVAL;
	memcpy(&q, m->data, sizeof q);
	action = q.flags & (VFIO_SET_MASK | VFIO_SET_UNMASK | VFIO_SET_TRIGGER);
	data = q.flags & (VFIO_SET_NONE | VFIO_SET_BOOL | VFIO_SET_EVENTFD);
	if (q.index >= VFIO_IRQS || q.flags != (action | data) || (data & (data - 1)) || !data)
		return -EINVAL;
	if (q.index > VFIO_MSI)
		return q.count ? -EINVAL : 0;
	if (q.start || q.count > 1)
		return -EINVAL;
	if (action == VFIO_SET_TRIGGER)
		return trigger(g, &q, m);
	if (q.index != VFIO_INTX || data != VFIO_SET_NONE || !q.count)
		return -EINVAL;
	if (action == VFIO_SET_UNMASK)
		return unmask(g);
	if (action != VFIO_SET_MASK)
		return -EINVAL;
	g->intx_masked = true;
	return 0;
}

int vfio_irq_raise(struct hv_guest *hg, unsigned int vector)
{
	struct vfio_guest *g = vfio_guest_of(hg);

	(void)vector;
	g->stats.irqs++;
	vfio_log_event(g->log, VFIO_LOG_IRQ);
	if (g->irq_fd[VFIO_MSI] >= 0)
		return fire(g->irq_fd[VFIO_MSI]);
	if (g->irq_fd[VFIO_INTX] < 0 || g->intx_masked)
		return 0;
	g->intx_masked = true;
	return fire(g->irq_fd[VFIO_INTX]);
}

void vfio_irq_fini(struct vfio_guest *g)
{
	set_fd(g, VFIO_INTX, -1);
	set_fd(g, VFIO_MSI, -1);
}

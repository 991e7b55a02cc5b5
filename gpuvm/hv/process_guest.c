// SPDX-License-Identifier: MIT
/*
 * Birth, death and memory of a process guest.
 *
 * 1. Both memfds are sealed against resizing before the guest sees them, so no
 *    access of ours can run off their end; a hole punched by the guest reads
 *    as zeroes.
 * 2. We never do anything that can block on a descriptor whose other end is
 *    the guest's: sends carry MSG_DONTWAIT, kick is never read.
 * 3. A guest that is dying is on no run list and is not served; reap detaches
 *    it outside of any upcall.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/process_impl.h"

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A memfd of len bytes that nobody can resize, mapped here. */
static int proc_shm(const char *name, uint64_t len, int *fd, void **mem)
{
	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return -errno;
	if (ftruncate(*fd, (off_t)len) ||
	    fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	*mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
	if (*mem == MAP_FAILED) {
		*mem = NULL;
		return -errno;
	}
	return 0;
}

static int proc_pair(int *ours, int *theirs)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -errno;
	*ours = sv[0];
	*theirs = sv[1];
	return 0;
}

static int proc_channels(struct proc_guest *g, struct hv_process_fds *fds)
{
	int one = 1, err;

	err = proc_pair(&g->irq, &fds->irq);
	if (!err)
		err = proc_pair(&g->life, &fds->life);
	if (err)
		return err;
	/* A guest that never drains its interrupts holds a few, not a buffer full (the kernel rounds 1 up). */
	setsockopt(g->irq, SOL_SOCKET, SO_SNDBUF, &one, sizeof one);
	/* Nor does one that asks for files and does not take them. */
	setsockopt(g->life, SOL_SOCKET, SO_SNDBUF, &one, sizeof one);
	fds->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fds->kick < 0)
		return -errno;
	g->kick = fcntl(fds->kick, F_DUPFD_CLOEXEC, 0);
	return g->kick < 0 ? -errno : 0;
}

/* data.u64 of an event: the slot, and which of the two descriptors. */
static int proc_listen(struct process *p, struct proc_guest *g)
{
	struct epoll_event kick = { .events = EPOLLIN | EPOLLET, .data.u64 = g->g.id * 2 };
	struct epoll_event life = { .events = EPOLLRDHUP, .data.u64 = g->g.id * 2 + 1 };

	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, g->kick, &kick) ||
	    epoll_ctl(p->epoll, EPOLL_CTL_ADD, g->life, &life))
		return -errno;
	return 0;
}

static void proc_ring_orders(struct proc_guest *g, const struct hv_process_cfg *c)
{
	for (unsigned int i = 0; i < PROC_ORDERED; i++)
		g->ring->ordered[i] = (struct proc_ordered){ .space = c->ordered[i].space,
							     .off = c->ordered[i].off,
							     .len = c->ordered[i].len };
}

static void proc_guest_free(struct proc_guest *g)
{
	struct process *p;

	if (!g)
		return;
	p = process_of(g->g.hv);
	list_del(&g->run);
	list_del(&g->g.node);
	p->nr_dying -= g->dying;
	p->slot[g->g.id] = NULL;
	/* The guest may hold duplicates of kick: closing ours would leave it in the epoll set. */
	if (g->kick >= 0)
		epoll_ctl(p->epoll, EPOLL_CTL_DEL, g->kick, NULL);
	fd_close(&g->irq);
	fd_close(&g->kick);
	fd_close(&g->life);
	fd_close(&g->ram_fd);
	proc_windows_fini(g);
	if (g->ring)
		munmap(g->ring, g->ring_len);
	if (g->ram)
		munmap(g->ram, g->g.ram_len);
	proc_pins_fini(&g->pins);
	mem_free(g);
}

void proc_guest_reap(struct proc_guest *g)
{
	struct hv *h = g->g.hv;

	/* A guest cut off from outside must not wait for answers that never come. */
	if (!__atomic_load_n(&g->ring->dead, __ATOMIC_RELAXED))
		proc_ring_dead(g, "detached");
	if (g->attached)
		h->up->detach(h->core, &g->g);
	g->g.vgpu = NULL;
	proc_guest_free(g);
}

static int proc_cfg_check(const struct hv_process_cfg *c)
{
	if (!c->ram_len || c->ram_len > PROC_RAM_MAX || !is_aligned(c->ram_len, PROC_PAGE))
		return -EINVAL;
	for (unsigned int i = 0; i < ARRAY_SIZE(c->bar_len); i++)
		if (c->bar_len[i] > 1ull << 32 || !is_aligned(c->bar_len[i], PROC_PAGE))
			return -EINVAL;
	return 0;
}

static int proc_slot_find(const struct process *p, uint32_t *slot)
{
	for (*slot = 0; *slot < PROC_GUESTS; ++*slot)
		if (!p->slot[*slot])
			return 0;
	return -ENOSPC;
}

static int proc_guest_init(struct proc_guest *g, const struct hv_process_cfg *c,
			   struct hv_process_fds *fds)
{
	struct process *p = process_of(g->g.hv);
	void *ring = NULL;
	int err = proc_shm("gpuvm-ring", g->ring_len, &fds->ring, &ring);

	if (err)
		return err;
	g->ring = ring;
	err = proc_shm("gpuvm-ram", g->g.ram_len, &fds->ram, &g->ram);
	if (err)
		return err;
	g->ram_fd = fcntl(fds->ram, F_DUPFD_CLOEXEC, 0);
	if (g->ram_fd < 0)
		return -errno;
	proc_ring_init(g);
	proc_ring_orders(g, c);
	err = proc_channels(g, fds);
	if (err)
		return err;
	err = proc_listen(p, g);
	if (err)
		return err;
	g->g.cfg = c->cfg;
	err = p->hv.up->attach(p->hv.core, &g->g);
	g->g.cfg = NULL;
	if (err < 0)
		return err;
	g->attached = true;
	return 0;
}

int hv_process_guest_new(struct hv *hv, const struct hv_process_cfg *c, struct hv_guest **out,
			 struct hv_process_fds *fds)
{
	struct process *p = process_of(hv);
	struct proc_guest *g;
	uint32_t slot;
	int err;

	*fds = (struct hv_process_fds){ -1, -1, -1, -1, -1 };
	err = proc_cfg_check(c);
	if (!err)
		err = proc_slot_find(p, &slot);
	if (err)
		return err;
	g = mem_new(struct proc_guest);
	if (!g)
		return -ENOMEM;
	g->g = (struct hv_guest){ .hv = hv, .id = slot, .ram_len = c->ram_len };
	log_clean(g->g.name, sizeof g->g.name, c->name);
	g->irq = g->kick = g->life = g->ram_fd = -1;
	g->posted = c->posted;
	memcpy(g->bar_len, c->bar_len, sizeof g->bar_len);
	g->ring_len = proc_ring_len(g->bar_len);
	p->slot[slot] = g;
	list_add_tail(&p->guests, &g->g.node);
	list_add_tail(&p->run, &g->run);
	err = proc_guest_init(g, c, fds);
	if (err)
		goto err;
	*out = &g->g;
	return 0;
err:
	proc_guest_free(g);
	fd_close(&fds->ring);
	fd_close(&fds->ram);
	fd_close(&fds->irq);
	fd_close(&fds->kick);
	fd_close(&fds->life);
	return err;
}

void hv_process_guest_drop(struct hv_guest *hg, const char *why)
{
	struct proc_guest *g = proc_guest_of(hg);

	proc_guest_kill(hg, why);
	if (!process_of(hg->hv)->dispatching)
		proc_guest_reap(g);
}

void hv_process_guest_stats(const struct hv_guest *hg, struct hv_process_stats *out)
{
	const struct proc_guest *g = proc_guest_of(hg);

	*out = g->stats;
	out->pins = g->pins.total;
}

int proc_guest_read(struct hv_guest *hg, gpa_t src, void *buf, size_t len)
{
	if (!range_ok(gpa_x(src), len, hg->ram_len))
		return -EFAULT;
	memcpy(buf, (char *)proc_guest_of(hg)->ram + gpa_x(src), len);
	return 0;
}

int proc_guest_write(struct hv_guest *hg, gpa_t dst, const void *buf, size_t len)
{
	if (!range_ok(gpa_x(dst), len, hg->ram_len))
		return -EFAULT;
	memcpy((char *)proc_guest_of(hg)->ram + gpa_x(dst), buf, len);
	return 0;
}

int proc_guest_irq(struct hv_guest *hg, unsigned int vector)
{
	struct proc_guest *g = proc_guest_of(hg);
	uint8_t byte = (uint8_t)vector;

	if (g->dying)
		return -ENODEV;
	if (send(g->irq, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		return 0;
	/* A full socket is an interrupt that is already pending. */
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -ENODEV;
}

void proc_guest_kill(struct hv_guest *hg, const char *why)
{
	struct proc_guest *g = proc_guest_of(hg);

	if (g->dying)
		return;
	g->dying = true;
	process_of(hg->hv)->nr_dying++;
	list_del(&g->run);
	log_info(hg->hv->log, "guest %s ended: %s", hg->name, why);
	proc_ring_dead(g, why);
}

int proc_guest_pin(struct hv_guest *hg, gpa_t page, dma_t *out)
{
	struct proc_guest *g = proc_guest_of(hg);
	uint64_t at = gpa_x(page);
	int err;

	if (!is_aligned(at, PROC_PAGE) || !range_ok(at, PROC_PAGE, hg->ram_len))
		return -EFAULT;
	err = proc_pin(&g->pins, at / PROC_PAGE, hg->ram_len / PROC_PAGE);
	if (!err)
		*out = dma((uint64_t)(hg->id + 1) << 32 | at);
	return err;
}

void proc_guest_unpin(struct hv_guest *hg, gpa_t page)
{
	proc_unpin(&proc_guest_of(hg)->pins, gpa_x(page) / PROC_PAGE);
}

int proc_guest_ram(struct hv_guest *hg, unsigned int i, struct hv_ram *out)
{
	if (i)
		return -ENOENT;
	*out = (struct hv_ram){ .gpa = gpa(0),
				.dma = dma((uint64_t)(hg->id + 1) << 32),
				.mem = proc_guest_of(hg)->ram,
				.len = hg->ram_len,
				.fd = proc_guest_of(hg)->ram_fd };
	return 0;
}

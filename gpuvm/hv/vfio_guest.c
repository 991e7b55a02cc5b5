// SPDX-License-Identifier: MIT
/*
 * Birth and death of a vfio-user guest.
 *
 * 1. A guest has its GPU from hv_vfio_guest_new() on, before a client comes:
 *    what does not fit is refused there, not in the middle of a boot.
 * 2. One client per guest and life; its hang-up is the guest's death.
 * 3. A dying guest is not served; reap detaches it outside of any upcall.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/vfio_impl.h"

static int watch(struct vfio_guest *g, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = g->g.id };

	return epoll_ctl(vfio_of(g->g.hv)->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int listen_at(struct vfio_guest *g, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t old;
	int err;

	if (strlen(path) >= sizeof a.sun_path)
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	g->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->listen_fd < 0)
		return -errno;
	/* A path that exists is somebody's: never replaced. */
	old = umask(0177);
	err = bind(g->listen_fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
	umask(old);
	if (err)
		return err;
	g->path = mem_strdup(path);
	if (!g->path) {
		unlink(path);
		return -ENOMEM;
	}
	return listen(g->listen_fd, 1) ? -errno : watch(g, g->listen_fd);
}

void vfio_guest_accept(struct vfio_guest *g)
{
	int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	close(g->listen_fd);
	g->listen_fd = -1;
	g->s.fd = fd;
	if (watch(g, fd))
		vfio_guest_kill(&g->g, "its client cannot be served");
}

static void guest_free(struct vfio_guest *g)
{
	struct vfio *p;

	if (!g)
		return;
	p = vfio_of(g->g.hv);
	list_del(&g->g.node);
	p->nr_dying -= g->dying;
	p->slot[g->g.id] = NULL;
	vfio_dma_fini(g);
	vfio_irq_fini(g);
	vfio_stream_fini(&g->s);
	vfio_log_free(g->log);
	if (g->listen_fd >= 0)
		close(g->listen_fd);
	if (g->path)
		unlink(g->path);
	mem_free(g->path);
	mem_free(g->range);
	mem_free(g->rom);
	mem_free(g);
}

void vfio_guest_reap(struct vfio_guest *g)
{
	struct hv *h = g->g.hv;

	if (g->attached)
		h->up->detach(h->core, &g->g);
	g->g.vgpu = NULL;
	guest_free(g);
}

void vfio_guest_kill(struct hv_guest *hg, const char *why)
{
	struct vfio_guest *g = vfio_guest_of(hg);

	if (g->dying)
		return;
	g->dying = true;
	vfio_of(hg->hv)->nr_dying++;
	log_info(hg->hv->log, "guest %s ended: %s", hg->name, why);
}

static int rom_copy(struct vfio_guest *g, const struct hv_vfio_cfg *c)
{
	if (!c->rom_len)
		return 0;
	g->rom = mem_calloc(1, c->rom_len);
	if (!g->rom)
		return -ENOMEM;
	memcpy(g->rom, c->rom, c->rom_len);
	g->rom_len = c->rom_len;
	return 0;
}

static int guest_init(struct vfio_guest *g, const struct hv_vfio_cfg *c)
{
	struct hv *h = g->g.hv;
	int err = rom_copy(g, c);

	g->range = mem_calloc(VFIO_RANGES, sizeof *g->range);
	if (!err)
		err = g->range ? vfio_stream_init(&g->s) : -ENOMEM;
	if (!err && c->access_log)
		err = vfio_log_new(c->access_log, &g->log);
	if (!err)
		err = c->path ? listen_at(g, c->path) : watch(g, c->fd);
	if (err)
		return err;
	g->g.cfg = c->cfg;
	err = h->up->attach(h->core, &g->g);
	g->g.cfg = NULL;
	if (err < 0)
		return err;
	g->attached = true;
	if (!c->path)
		g->s.fd = c->fd;
	return 0;
}

static int slot_find(const struct vfio *p, uint32_t *slot)
{
	for (*slot = 0; *slot < VFIO_GUESTS; ++*slot)
		if (!p->slot[*slot])
			return 0;
	return -ENOSPC;
}

int hv_vfio_guest_new(struct hv *hv, const struct hv_vfio_cfg *c, struct hv_guest **out)
{
	struct vfio *p = vfio_of(hv);
	struct vfio_guest *g;
	uint32_t slot;
	int err = slot_find(p, &slot);

	if (err)
		return err;
	if (c->rom_len & (c->rom_len - 1))
		return -EINVAL;
	for (unsigned int i = 0; i < ARRAY_SIZE(c->bar_len); i++)
		if (c->bar_len[i] > 1ull << 32 || !is_aligned(c->bar_len[i], VFIO_PAGE))
			return -EINVAL;
	g = mem_new(struct vfio_guest);
	if (!g)
		return -ENOMEM;
	g->g = (struct hv_guest){ .hv = hv, .id = slot };
	log_clean(g->g.name, sizeof g->g.name, c->name);
	g->listen_fd = g->s.fd = g->irq_fd[VFIO_INTX] = g->irq_fd[VFIO_MSI] = -1;
	memcpy(g->bar_len, c->bar_len, sizeof g->bar_len);
	p->slot[slot] = g;
	list_add_tail(&p->guests, &g->g.node);
	err = guest_init(g, c);
	if (err) {
		if (!c->path)
			epoll_ctl(p->epoll, EPOLL_CTL_DEL, c->fd, NULL);
		guest_free(g);
		return err;
	}
	*out = &g->g;
	return 0;
}

void hv_vfio_guest_drop(struct hv_guest *hg, const char *why)
{
	vfio_guest_kill(hg, why);
	if (!vfio_of(hg->hv)->dispatching)
		vfio_guest_reap(vfio_guest_of(hg));
}

void hv_vfio_guest_stats(const struct hv_guest *hg, struct hv_vfio_stats *out)
{
	*out = vfio_guest_of(hg)->stats;
}

/* SPDX-License-Identifier: MIT */
/* Domain 0's library on the Xen of fakexen.h: what gpuvm/hv/pvback*.c stand on in tests. */
#ifndef TESTS_UNIT_HV_FAKEXEN_BACK_H
#define TESTS_UNIT_HV_FAKEXEN_BACK_H

#include "tests/unit/hv/fakexen.h"

static void fxb_close(struct pvback_lib *l)
{
	fx_of(l)->open = false;
}

static int fxb_poll_fd(struct pvback_lib *l)
{
	return fx_of(l)->back_fd;
}

static char *fxb_read(struct pvback_lib *l, const char *path)
{
	const char *text = fx_fails(fx_of(l)) ? NULL : fx_get(fx_of(l), path);

	return text ? strdup(text) : NULL;
}

static int fxb_write(struct pvback_lib *l, const char *path, const char *text)
{
	return fx_fails(fx_of(l)) ? -EIO : fx_set(fx_of(l), path, text);
}

static int fxb_folder(struct pvback_lib *l, const char *path, uint16_t owner, uint16_t reader)
{
	(void)owner;
	(void)reader;
	return fx_fails(fx_of(l)) ? -EIO : fx_set(fx_of(l), path, "");
}

static void fxb_remove(struct pvback_lib *l, const char *path)
{
	fx_remove(fx_of(l), path);
}

/* Of folders, only the one with the domains is ever listed. */
static char *fxb_entry(struct pvback_lib *l, const char *path, unsigned int i)
{
	(void)path;
	return !i && fx_get(fx_of(l), FX_BACK "/keep") ? strdup("7") : NULL;
}

static int fxb_watch(struct pvback_lib *l, const char *path, bool on)
{
	(void)path;
	(void)on;
	return fx_fails(fx_of(l)) ? -EIO : 0;
}

static bool fxb_changed(struct pvback_lib *l)
{
	struct fx *x = fx_of(l);
	bool was = x->changed;

	x->changed = false;
	fx_lower(x->back_fd);
	return was;
}

static bool fxb_lives(struct pvback_lib *l, uint16_t domid)
{
	return domid == FX_DOM && fx_of(l)->alive;
}

static int fxb_bind(struct pvback_lib *l, uint16_t domid, uint32_t remote)
{
	struct fx *x = fx_of(l);

	if (fx_fails(x) || domid != FX_DOM || !remote || remote > x->nr_ports || x->bound[remote])
		return -EINVAL;
	x->bound[remote] = true;
	return (int)(FX_LOCAL + remote);
}

static void fxb_unbind(struct pvback_lib *l, uint32_t port)
{
	fx_of(l)->bound[port - FX_LOCAL] = false;
}

static void fxb_notify(struct pvback_lib *l, uint32_t port)
{
	struct fx *x = fx_of(l);

	if (!x->bound[port - FX_LOCAL])
		return;
	x->front_events++;
	fx_raise(x->front_fd);
}

static int fxb_pending(struct pvback_lib *l)
{
	struct fx *x = fx_of(l);

	for (uint32_t i = 1; i < FX_PORTS; i++) {
		if (!x->to_back[i] || !x->bound[i])
			continue;
		x->to_back[i] = false;
		return (int)(FX_LOCAL + i);
	}
	return -EAGAIN;
}

static struct fx_map *fx_slot(struct fx *x, const void *mem)
{
	for (int i = 0; i < FX_MAPS; i++)
		if (x->map[i].mem == mem)
			return &x->map[i];
	return NULL;
}

static void *fxb_map(struct pvback_lib *l, uint16_t domid, const uint32_t *refs, uint32_t n)
{
	struct fx *x = fx_of(l);
	struct fx_map *m = fx_slot(x, NULL);
	uint8_t *mem;

	if (fx_fails(x) || !m || domid != FX_DOM)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		if (refs[i] >= FX_PAGES || x->page[refs[i]].fd < 0)
			return NULL;
	mem = mmap(NULL, n * 4096ul, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		const struct fx_page *p = &x->page[refs[i]];

		if (mmap(mem + i * 4096ul, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, p->fd,
			 (off_t)p->page * 4096) == MAP_FAILED)
			abort();
	}
	*m = (struct fx_map){ .mem = mem, .n = n };
	x->mapped += n;
	return mem;
}

static void *fxb_map_notify(struct pvback_lib *l, uint16_t domid, uint32_t ref, uint32_t off,
			    uint32_t port)
{
	void *mem = fxb_map(l, domid, &ref, 1);
	struct fx_map *m = mem ? fx_slot(fx_of(l), mem) : NULL;

	if (m) {
		m->tell = true;
		m->off = off;
		m->port = port;
	}
	return mem;
}

static void fxb_unmap(struct pvback_lib *l, void *mem, uint32_t n)
{
	struct fx *x = fx_of(l);
	struct fx_map *m = fx_slot(x, mem);

	/* Of what is not mapped, or of a part: a bug of the port's. */
	if (!m || m->n != n)
		abort();
	if (m->tell) {
		m->mem[m->off] = 0;
		fxb_notify(l, m->port);
	}
	munmap(mem, n * 4096ul);
	*m = (struct fx_map){ 0 };
	x->mapped -= n;
}

static const struct pvback_lib_ops fxb_ops = {
	.close = fxb_close,
	.poll_fd = fxb_poll_fd,
	.read = fxb_read,
	.write = fxb_write,
	.folder = fxb_folder,
	.remove = fxb_remove,
	.entry = fxb_entry,
	.watch = fxb_watch,
	.changed = fxb_changed,
	.lives = fxb_lives,
	.bind = fxb_bind,
	.unbind = fxb_unbind,
	.notify = fxb_notify,
	.pending = fxb_pending,
	.map = fxb_map,
	.map_notify = fxb_map_notify,
	.unmap = fxb_unmap,
};

/* A mediator's process that was killed: its kernel lets go of everything. */
static inline void fx_kill_back(struct fx *x)
{
	for (int i = 0; i < FX_MAPS; i++)
		if (x->map[i].mem)
			fxb_unmap(&x->back, x->map[i].mem, x->map[i].n);
	memset(x->bound, 0, sizeof x->bound);
}

static inline void fx_open(struct fx *x)
{
	memset(x, 0, sizeof *x);
	x->back.ops = &fxb_ops;
	x->next_ref = 8;
	x->alive = x->open = true;
	for (uint32_t i = 0; i < FX_PAGES; i++)
		x->page[i].fd = -1;
	x->back_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	x->front_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fx_set(x, "/local/domain/7/vm", "/vm/1111");
}

#endif

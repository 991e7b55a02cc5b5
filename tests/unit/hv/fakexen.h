/* SPDX-License-Identifier: MIT */
/*
 * A Xen for tests: a store of nodes, event channels, and pages by grant
 * reference, as domain 0's library (pvback_lib) and a domain's (front_lib) see
 * them.  One domain, FX_DOM.  Nothing is lost silently: a page mapped and never
 * unmapped, or a node left behind, is there to be counted.
 */
#ifndef TESTS_UNIT_HV_FAKEXEN_H
#define TESTS_UNIT_HV_FAKEXEN_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/hv/pvback_lib.h"
#include "pv-driver/xen_abi.h"

#define FX_DOM 7u
#define FX_NODES 64
#define FX_PAGES 16384u
#define FX_MAPS 64
#define FX_FRONT "/local/domain/7/device/gpuvm/0"
#define FX_BACK "/local/domain/0/backend/gpuvm/7/0"
/* The domain's ports; domain 0's are these and FX_LOCAL. */
#define FX_PORTS 8u
#define FX_LOCAL 100u

struct fx_page {
	int fd; /* -1: not granted */
	uint32_t page;
};
struct fx_map {
	uint8_t *mem; /* NULL: free */
	uint32_t n, off, port;
	bool tell;
};

struct fx {
	struct pvback_lib back;
	struct { char path[256], *text; } node[FX_NODES];
	struct fx_page page[FX_PAGES]; /* by reference */
	struct fx_map map[FX_MAPS];
	uint32_t next_ref, mapped; /* mapped: pages, now */
	bool alive, changed, bound[FX_PORTS], open;
	uint32_t nr_ports;
	bool to_back[FX_PORTS]; /* events that wait */
	int back_fd, front_fd;  /* readable while something waits */
	unsigned int fail_at;   /* this call of domain 0's from now on fails, that one only; 0: none */
	unsigned int front_events;
};

static inline struct fx *fx_of(struct pvback_lib *l)
{
	return container_of(l, struct fx, back);
}

static inline bool fx_fails(struct fx *x)
{
	return x->fail_at && !--x->fail_at;
}

static inline void fx_raise(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof one);

	(void)n;
}

static inline void fx_lower(int fd)
{
	uint64_t n;
	ssize_t r = read(fd, &n, sizeof n);

	(void)r;
}

/* ---- the store ------------------------------------------------------------------ */

static inline int fx_index(struct fx *x, const char *path)
{
	for (int i = 0; i < FX_NODES; i++)
		if (x->node[i].text && !strcmp(x->node[i].path, path))
			return i;
	return -1;
}

static inline const char *fx_get(struct fx *x, const char *path)
{
	int i = fx_index(x, path);

	return i < 0 ? NULL : x->node[i].text;
}

static inline int fx_set(struct fx *x, const char *path, const char *text)
{
	int i = fx_index(x, path);

	for (int k = 0; i < 0 && k < FX_NODES; k++)
		if (!x->node[k].text)
			i = k;
	if (i < 0)
		return -ENOSPC;
	snprintf(x->node[i].path, sizeof x->node[i].path, "%s", path);
	free(x->node[i].text);
	x->node[i].text = strdup(text);
	x->changed = true;
	fx_raise(x->back_fd);
	return 0;
}

static inline void fx_remove(struct fx *x, const char *path)
{
	size_t n = strlen(path);

	for (int i = 0; i < FX_NODES; i++) {
		if (!x->node[i].text || strncmp(x->node[i].path, path, n) ||
		    (x->node[i].path[n] && x->node[i].path[n] != '/'))
			continue;
		free(x->node[i].text);
		x->node[i].text = NULL;
	}
}

static inline unsigned int fx_state(struct fx *x, const char *folder)
{
	char path[120];
	const char *text;

	snprintf(path, sizeof path, "%s/state", folder);
	text = fx_get(x, path);
	return text ? (unsigned int)atoi(text) : 0;
}

static inline void fx_say(struct fx *x, const char *name, const char *text)
{
	char path[120];

	snprintf(path, sizeof path, FX_FRONT "/%s", name);
	fx_set(x, path, text);
}

static inline void fx_say_n(struct fx *x, const char *name, unsigned long v)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", v);
	fx_say(x, name, text);
}

/* ---- domain 0's library ------------------------------------------------------------ */

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

/* ---- the domain ------------------------------------------------------------------------ */

/* n pages that domain 0 may map, as a file. */
static inline int fx_grant(struct fx *x, uint32_t n, uint32_t *refs, int *fd)
{
	*fd = memfd_create("pages", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)n * 4096) || x->next_ref + n > FX_PAGES)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		refs[i] = x->next_ref++;
		x->page[refs[i]] = (struct fx_page){ .fd = *fd, .page = i };
	}
	return 0;
}

static inline uint32_t fx_port(struct fx *x)
{
	return x->nr_ports < FX_PORTS - 1 ? ++x->nr_ports : 0;
}

/* An event of the domain's. */
static inline void fx_kick(struct fx *x, uint32_t port)
{
	x->to_back[port] = true;
	fx_raise(x->back_fd);
}

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

static inline void fx_close(struct fx *x)
{
	fx_remove(x, "/local");
	for (int i = 0; i < FX_NODES; i++)
		free(x->node[i].text);
	close(x->back_fd);
	close(x->front_fd);
}

#endif

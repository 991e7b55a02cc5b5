// SPDX-License-Identifier: MIT
/*
 * Buffers of the guest's GPU in this process.
 *
 *  1. A buffer in system memory is mapped from the file its pages lie in, as
 *     where the GPU is driven.
 *  2. A buffer in VRAM is an address range without access rights, in an area
 *     that is made when the first one is mapped: each load and store traps and
 *     becomes a call.  The area stays.
 *  3. The service keeps a buffer while anything of a mapping of it is left.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drm/remote_private.h"

/* ---- VRAM ------------------------------------------------------------------------------ */

/* In a signal handler, whose thread cannot be interrupted again while it holds the lock. */
static int area_call(struct remote *r, struct wire_req *q, struct wire_rep *rep)
{
	struct remote_area *a = &r->area;
	int err = 0;

	while (__atomic_exchange_n(&a->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	if (a->fd < 0)
		a->fd = remote_connect(r);
	err = a->fd < 0 ? a->fd : remote_call_on(a->fd, q, NULL, rep);
	__atomic_store_n(&a->lock, 0, __ATOMIC_RELEASE);
	return err;
}

/* The window that off lies in and where; false: nothing is mapped there. */
static bool area_find(struct remote_area *a, uint32_t off, struct wire_req *q)
{
	for (int i = 0; i < REMOTE_WINDOWS; i++) {
		struct remote_window *w = &a->window[i];

		q->id = __atomic_load_n(&w->id, __ATOMIC_ACQUIRE);
		if (!q->id || off - w->first >= w->len)
			continue;
		q->a = off - w->first;
		return true;
	}
	return false;
}

/* What is not there reads as ones, as it does behind a BAR. */
static uint64_t area_load(struct trap_sink *s, uint32_t space, uint32_t off, uint8_t size)
{
	struct remote *r = container_of(s, struct remote, area.sink);
	struct wire_req q = { .op = WIRE_RD, .b = size };
	struct wire_rep rep;

	(void)space;
	if (!area_find(&r->area, off, &q) || area_call(r, &q, &rep))
		return size == 8 ? ~0ull : (1ull << size * 8) - 1;
	return rep.a;
}

static void area_store(struct trap_sink *s, uint32_t space, uint32_t off, uint8_t size, uint64_t val)
{
	struct remote *r = container_of(s, struct remote, area.sink);
	struct wire_req q = { .op = WIRE_WR, .b = size, .c = val };
	struct wire_rep rep;

	(void)space;
	if (area_find(&r->area, off, &q))
		area_call(r, &q, &rep);
}

/* lock held. */
static int area_init(struct remote *r)
{
	struct remote_area *a = &r->area;
	struct trap_range range = { .len = REMOTE_AREA_LEN, .space = REMOTE_SPACE };
	void *p;
	int err;

	if (a->base)
		return 0;
	p = mmap(NULL, REMOTE_AREA_LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	range.base = p;
	a->sink = (struct trap_sink){ .load = area_load, .store = area_store };
	err = trap_install(&range, 1, &a->sink, &a->trap);
	/* Not by a name that the preloaded library stands before: it would come back here. */
	if (err)
		syscall(SYS_munmap, p, REMOTE_AREA_LEN);
	else
		a->base = p;
	return err;
}

static bool area_free(const struct remote_area *a, uint64_t first, uint64_t len)
{
	if (first + len > REMOTE_AREA_LEN)
		return false;
	for (int i = 0; i < REMOTE_WINDOWS; i++) {
		const struct remote_window *w = &a->window[i];

		if (w->id && first < (uint64_t)w->first + w->len && w->first < first + len)
			return false;
	}
	return true;
}

/* lock held.  Free space begins at 0 or behind a window. */
static int area_map(struct remote *r, uint64_t id, uint64_t len, void **out)
{
	struct remote_area *a = &r->area;
	struct remote_window *w = NULL;
	int err = area_init(r);
	uint64_t first = 0;

	for (int i = 0; i < REMOTE_WINDOWS && !w; i++)
		w = a->window[i].id ? NULL : &a->window[i];
	if (err || !w)
		return err ? err : -ENOMEM;
	for (int i = 0; i < REMOTE_WINDOWS && !area_free(a, first, len); i++)
		first = a->window[i].id ? (uint64_t)a->window[i].first + a->window[i].len : first;
	if (!area_free(a, first, len))
		return -ENOMEM;
	w->first = (uint32_t)first;
	w->len = (uint32_t)len;
	__atomic_store_n(&w->id, id, __ATOMIC_RELEASE);
	*out = a->base + first;
	return 0;
}

static void area_unmap(struct remote *r, uint64_t id)
{
	for (int i = 0; i < REMOTE_WINDOWS; i++)
		if (r->area.window[i].id == id)
			__atomic_store_n(&r->area.window[i].id, 0, __ATOMIC_RELEASE);
}

/* ---- mappings ----------------------------------------------------------------------------- */

static void unmap_call(struct remote *r, uint64_t id)
{
	struct wire_req q = { .op = WIRE_UNMAP, .id = id };
	struct wire_rep rep;

	remote_call(r, &q, NULL, &rep);
}

/* What the service maps, in this process; fd -1: VRAM. */
static int map_here(struct remote *r, struct remote_map *m, const struct nvdrm_mmap_args *a, int fd,
		    uint64_t off)
{
	void *p;
	int err;

	m->traps = fd < 0;
	if (m->traps) {
		pthread_mutex_lock(&r->lock);
		err = area_map(r, m->id, m->len, &p);
		pthread_mutex_unlock(&r->lock);
		if (err)
			return err;
	} else {
		p = mmap(a->addr, a->len, a->prot, a->flags, fd, (off_t)off);
		if (p == MAP_FAILED)
			return -errno;
	}
	m->at = p;
	return 0;
}

int remote_mmap(struct remote *r, uint64_t file, const struct nvdrm_mmap_args *a, void **out)
{
	struct wire_req q = { .op = WIRE_MAP, .id = file, .a = a->len, .b = a->off,
			      .c = (uint64_t)(uint32_t)a->flags << 32 | (uint32_t)a->prot };
	struct remote_rest rest = { .fd_out = -1, .fd_in = -1 };
	struct remote_map *m = mem_new(struct remote_map);
	struct wire_rep rep;
	int err;

	if (!m)
		return -ENOMEM;
	err = remote_call(r, &q, &rest, &rep);
	if (err) {
		mem_free(m);
		return err;
	}
	m->id = rep.a;
	m->len = m->left = align_up(a->len, DRM_PAGE);
	err = map_here(r, m, a, rest.fd_in, rep.b);
	if (rest.fd_in >= 0)
		wire_close(rest.fd_in);
	if (err) {
		unmap_call(r, m->id);
		mem_free(m);
		return err;
	}
	pthread_mutex_lock(&r->lock);
	list_add_tail(&r->maps, &m->node);
	pthread_mutex_unlock(&r->lock);
	*out = m->at;
	return 0;
}

/* lock held; what lies in [at, end) leaves one mapping after the other. */
static bool trim(struct remote *r, uint8_t *at, uint8_t *end, struct list *gone)
{
	struct remote_map *m, *tmp;
	uint8_t *lo, *hi;
	bool traps = false;

	list_for_each_safe(m, tmp, &r->maps, node) {
		lo = at > m->at ? at : m->at;
		hi = end < m->at + m->len ? end : m->at + m->len;
		if (lo >= hi)
			continue;
		traps |= m->traps;
		m->left -= (uint64_t)(hi - lo) < m->left ? (uint64_t)(hi - lo) : m->left;
		if (m->left)
			continue;
		if (m->traps)
			area_unmap(r, m->id);
		list_del(&m->node);
		list_add_tail(gone, &m->node);
	}
	return traps;
}

bool remote_munmap(struct remote *r, void *addr, uint64_t len)
{
	struct remote_map *m;
	struct list gone;
	bool traps;

	list_init(&gone);
	pthread_mutex_lock(&r->lock);
	traps = trim(r, addr, (uint8_t *)addr + align_up(len, DRM_PAGE), &gone);
	pthread_mutex_unlock(&r->lock);
	while ((m = list_first(&gone, struct remote_map, node))) {
		unmap_call(r, m->id);
		list_del(&m->node);
		mem_free(m);
	}
	return traps;
}

// SPDX-License-Identifier: MIT
/*
 * The processes that use the GPU, and the buffers they have mapped.
 *
 *  1. A mapping keeps its buffer until the process unmaps it or is gone; a
 *     copy of the process (fork) has mappings of its own, of the same numbers.
 *  2. Numbers of files and mappings are never used again.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/drm/serve/private.h"

bool serve_proc_knows(const struct serve_proc *p, uint64_t file)
{
	for (uint32_t i = 0; i < p->nr_knows; i++)
		if (p->knows[i] == file)
			return true;
	return false;
}

int serve_proc_learn(struct serve_proc *p, uint64_t file)
{
	uint32_t room = p->room_knows ? p->room_knows * 2 : 8;
	uint64_t *more;

	if (serve_proc_knows(p, file))
		return 0;
	if (p->nr_knows == p->room_knows) {
		more = mem_realloc(p->knows, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		p->knows = more;
		p->room_knows = room;
	}
	p->knows[p->nr_knows++] = file;
	return 0;
}

void serve_procs_forget(struct serve *s, uint64_t file)
{
	struct serve_proc *p;

	list_for_each(p, &s->procs, node) {
		for (uint32_t i = 0; i < p->nr_knows; i++) {
			if (p->knows[i] != file)
				continue;
			p->knows[i] = p->knows[p->nr_knows - 1];
			p->nr_knows--;
			break;
		}
	}
}

struct serve_proc *serve_proc_by_token(struct serve *s, const struct wire_token *t)
{
	struct serve_proc *p;

	list_for_each(p, &s->procs, node) {
		if (p->fd >= 0 && !memcmp(&p->token, t, sizeof(*t)))
			return p;
	}
	return NULL;
}

/* ---- mappings ------------------------------------------------------------------------- */

/* The caller holds neither lock. */
static void map_free(struct serve *s, struct serve_map *m)
{
	pthread_mutex_lock(&s->drm->lock);
	nvdrm_bo_put(m->bo);
	pthread_mutex_unlock(&s->drm->lock);
	mem_free(m);
}

int serve_map_new(struct serve *s, struct serve_proc *p, const struct serve_map *like, uint64_t *id)
{
	struct serve_map *m = mem_new(struct serve_map);
	int err = 0;

	if (!m)
		return -ENOMEM;
	*m = *like;
	list_init(&m->node);
	pthread_mutex_lock(&s->lock);
	if (p->fd < 0 || p->nr_maps == SERVE_MAPS) {
		err = -ENOMEM;
	} else {
		*id = m->id = s->next_id++;
		p->nr_maps++;
		list_add_tail(&p->maps, &m->node);
	}
	pthread_mutex_unlock(&s->lock);
	if (err)
		mem_free(m);
	return err;
}

static struct serve_map *map_find(struct serve_proc *p, uint64_t id)
{
	struct serve_map *m;

	list_for_each(m, &p->maps, node) {
		if (m->id == id)
			return m;
	}
	return NULL;
}

struct serve_map *serve_map_get(struct serve *s, struct serve_proc *p, uint64_t id)
{
	struct serve_map *m;

	pthread_mutex_lock(&s->lock);
	m = map_find(p, id);
	if (m)
		m->busy++;
	pthread_mutex_unlock(&s->lock);
	return m;
}

void serve_map_put(struct serve *s, struct serve_map *m)
{
	bool last;

	pthread_mutex_lock(&s->lock);
	last = !--m->busy && m->gone;
	pthread_mutex_unlock(&s->lock);
	if (last)
		map_free(s, m);
}

/* lock held; true: the caller frees it once it has let go of the lock. */
static bool map_take(struct serve_proc *p, struct serve_map *m)
{
	list_del(&m->node);
	p->nr_maps--;
	m->gone = true;
	return !m->busy;
}

int serve_map_drop(struct serve *s, struct serve_proc *p, uint64_t id)
{
	struct serve_map *m;
	bool last = false;

	pthread_mutex_lock(&s->lock);
	m = map_find(p, id);
	if (m)
		last = map_take(p, m);
	pthread_mutex_unlock(&s->lock);
	if (last)
		map_free(s, m);
	return m ? 0 : -EINVAL;
}

static void maps_drop(struct serve *s, struct serve_proc *p)
{
	struct serve_map *m;
	bool last;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		m = list_first(&p->maps, struct serve_map, node);
		last = m && map_take(p, m);
		pthread_mutex_unlock(&s->lock);
		if (!m)
			return;
		if (last)
			map_free(s, m);
	}
}

/* What a forked process has of its parent's. */
static int copy_maps(struct serve *s, struct serve_proc *p, const struct serve_proc *like)
{
	struct serve_map *m, *n;
	int err = 0;

	/* The buffers' counts are drm.lock's, the list is lock's: in this order. */
	pthread_mutex_lock(&s->drm->lock);
	pthread_mutex_lock(&s->lock);
	list_for_each(m, &like->maps, node) {
		n = mem_new(struct serve_map);
		if (!n) {
			err = -ENOMEM;
			break;
		}
		*n = *m;
		n->busy = 0;
		n->bo->refs++;
		list_init(&n->node);
		list_add_tail(&p->maps, &n->node);
		p->nr_maps++;
	}
	pthread_mutex_unlock(&s->lock);
	pthread_mutex_unlock(&s->drm->lock);
	return err;
}

static int copy_knows(struct serve *s, struct serve_proc *p, const struct serve_proc *like)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < like->nr_knows && !err; i++)
		err = serve_proc_learn(p, like->knows[i]);
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* ---- processes -------------------------------------------------------------------------- */

static void proc_free(struct serve_proc *p)
{
	mem_free(p->knows);
	mem_free(p);
}

int serve_proc_new(struct serve *s, int fd, const struct serve_proc *like, struct wire_token *token)
{
	struct serve_proc *p = mem_new(struct serve_proc);
	int err = 0;

	if (!p)
		return -ENOMEM;
	list_init(&p->node);
	list_init(&p->maps);
	list_init(&p->conns);
	if (getrandom(&p->token, sizeof(p->token), 0) != sizeof(p->token))
		err = -EIO;
	if (!err && like)
		err = copy_knows(s, p, like);
	if (!err && like && s->drm)
		err = copy_maps(s, p, like);
	*token = p->token;
	p->fd = fd;
	if (!err) {
		pthread_mutex_lock(&s->lock);
		p->id = s->next_id++;
		list_add_tail(&s->procs, &p->node);
		pthread_mutex_unlock(&s->lock);
		err = serve_watch(s, fd, p->id);
	}
	if (err) {
		maps_drop(s, p);
		pthread_mutex_lock(&s->lock);
		list_del(&p->node);
		pthread_mutex_unlock(&s->lock);
		proc_free(p);
	}
	return err;
}

void serve_proc_put(struct serve *s, struct serve_proc *p)
{
	if (!p->left || !list_empty(&p->conns))
		return;
	list_del(&p->node);
	proc_free(p);
	pthread_cond_broadcast(&s->quiet);
	serve_wake(s);
}

void serve_proc_gone(struct serve *s, struct serve_proc *p)
{
	struct serve_conn *c;

	pthread_mutex_lock(&s->lock);
	/* Copies of the descriptor would leave it in the set. */
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, p->fd, NULL);
	close(p->fd);
	p->fd = -1;
	list_for_each(c, &p->conns, node)
		shutdown(c->fd, SHUT_RDWR);
	pthread_cond_broadcast(&s->quiet);
	pthread_mutex_unlock(&s->lock);
	maps_drop(s, p);
	pthread_mutex_lock(&s->lock);
	p->left = true;
	serve_proc_put(s, p);
	pthread_mutex_unlock(&s->lock);
}

// SPDX-License-Identifier: MIT
/*
 * Descriptors that programs hold: open nodes and exported buffers.  Each is one
 * end of a pair of sockets; nothing is ever sent there, but ours hangs up
 * when the last copy of theirs is closed, wherever it went.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/drm/serve/private.h"

/* A file whose end for the program is *fd; on no list yet. */
static int file_new(enum wire_kind kind, struct serve_file **out, int *fd, struct stat *st)
{
	struct serve_file *f = mem_new(struct serve_file);
	int sv[2], err;

	if (!f)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv)) {
		err = -errno;
		mem_free(f);
		return err;
	}
	fstat(sv[1], st);
	list_init(&f->node);
	f->kind = kind;
	f->fd = sv[0];
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	*fd = sv[1];
	*out = f;
	return 0;
}

static int file_add(struct serve *s, struct serve_file *f)
{
	pthread_mutex_lock(&s->lock);
	f->id = s->next_id++;
	list_add_tail(&s->files, &f->node);
	pthread_mutex_unlock(&s->lock);
	return serve_watch(s, f->fd, f->id);
}

static void file_free(struct serve *s, struct serve_file *f)
{
	pthread_mutex_lock(&s->lock);
	list_del(&f->node);
	pthread_mutex_unlock(&s->lock);
	if (f->fd >= 0)
		close(f->fd);
	mem_free(f);
}

struct serve_file *serve_file_by_id(struct serve *s, uint64_t id)
{
	struct serve_file *f;

	list_for_each(f, &s->files, node) {
		if (f->id == id && f->fd >= 0)
			return f;
	}
	return NULL;
}

struct serve_file *serve_file_get(struct serve *s, struct serve_proc *p, uint64_t id)
{
	struct serve_file *f = NULL;

	pthread_mutex_lock(&s->lock);
	if (serve_proc_knows(p, id))
		f = serve_file_by_id(s, id);
	if (f)
		f->busy++;
	pthread_mutex_unlock(&s->lock);
	return f;
}

/* lock held. */
static bool going(struct serve *s, uint64_t id)
{
	struct pollfd p = { .events = 0 };
	struct serve_file *f;

	list_for_each(f, &s->files, node) {
		if (f->id != id)
			continue;
		p.fd = f->fd;
		return f->fd < 0 || (poll(&p, 1, 0) == 1 && p.revents & POLLHUP);
	}
	return false;
}

/* As close(2) of a kernel's descriptor, which comes back when everything behind it is released. */
int serve_file_settle(struct serve *s, const struct serve_proc *p, uint64_t id)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	if (!serve_proc_knows(p, id))
		err = -EBADF;
	while (!err && !s->stop && p->fd >= 0 && going(s, id))
		pthread_cond_wait(&s->quiet, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return err;
}

int serve_file_know(struct serve *s, struct serve_proc *p, int fd, struct wire_rep *r)
{
	struct serve_file *f;
	struct stat st;
	int err = -EINVAL;

	if (fstat(fd, &st))
		return -EBADF;
	pthread_mutex_lock(&s->lock);
	list_for_each(f, &s->files, node) {
		if (f->fd < 0 || f->dev != st.st_dev || f->ino != st.st_ino)
			continue;
		err = serve_proc_learn(p, f->id);
		r->a = f->id;
		r->b = f->kind;
		r->c = f->len;
		break;
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* ---- the GPU ------------------------------------------------------------------------------ */

static int started(struct serve *s, struct nvdrm **out)
{
	struct nvdrm *d = NULL;
	int err = 0;

	pthread_mutex_lock(&s->start_lock);
	if (!s->drm) {
		err = s->cfg.start(s->cfg.arg, &d);
		if (!err) {
			d->export_file = serve_export_new;
			d->export_arg = s;
			__atomic_store_n(&s->drm, d, __ATOMIC_RELEASE);
		}
	}
	*out = s->drm;
	pthread_mutex_unlock(&s->start_lock);
	return err;
}

static bool node_take(struct serve *s)
{
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = s->nr_nodes < SERVE_NODES;
	s->nr_nodes += ok;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static void node_give(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	s->nr_nodes--;
	pthread_mutex_unlock(&s->lock);
}

static int node_build(struct serve *s, struct serve_proc *p, struct serve_file *f)
{
	struct nvdrm *d;
	int err = started(s, &d);

	if (!err)
		err = nvdrm_client_new(d, &f->client);
	if (err)
		return err;
	f->client->hurry = &f->hurry;
	err = file_add(s, f);
	if (err)
		return err;
	pthread_mutex_lock(&s->lock);
	err = serve_proc_learn(p, f->id);
	pthread_mutex_unlock(&s->lock);
	return err;
}

int serve_node_new(struct serve *s, struct serve_proc *p, uint64_t *id)
{
	struct serve_file *f;
	struct stat st;
	int fd, err;

	if (!node_take(s))
		return -EMFILE;
	err = file_new(WIRE_NODE, &f, &fd, &st);
	if (!err) {
		err = node_build(s, p, f);
		*id = f->id;
		if (!err)
			return fd;
		nvdrm_client_free(f->client);
		file_free(s, f);
		close(fd);
	}
	node_give(s);
	return err;
}

int serve_export_new(void *arg, const struct nvdrm_export *e, uint32_t flags, struct stat *st)
{
	struct serve *s = arg;
	struct serve_file *f;
	int fd, err = file_new(WIRE_EXPORT, &f, &fd, st);

	(void)flags; /* the program's descriptor is made where the program is */
	if (err)
		return err;
	f->len = e->bo->len;
	err = file_add(s, f);
	if (!err)
		return fd;
	file_free(s, f);
	close(fd);
	return err;
}

/* ---- closing ------------------------------------------------------------------------------- */

static void leave(struct serve *s, struct serve_file *f)
{
	if (f->kind == WIRE_NODE)
		nvdrm_client_free(f->client);
	else
		nvdrm_export_drop(s->drm, f->dev, f->ino);
	pthread_mutex_lock(&s->lock);
	list_del(&f->node);
	serve_procs_forget(s, f->id);
	s->nr_nodes -= f->kind == WIRE_NODE;
	s->nr_leaving--;
	pthread_cond_broadcast(&s->quiet);
	serve_wake(s);
	pthread_mutex_unlock(&s->lock);
	mem_free(f);
}

struct leaving {
	struct serve *serve;
	struct serve_file *file;
};

static void *leave_main(void *arg)
{
	struct leaving l = *(struct leaving *)arg;

	mem_free(arg);
	leave(l.serve, l.file);
	return NULL;
}

/* Its work may take a while to end, and nobody else waits for that. */
static void start_leaving(struct serve *s, struct serve_file *f)
{
	struct leaving *l = mem_new(struct leaving);
	pthread_t t;

	if (l) {
		*l = (struct leaving){ s, f };
		if (!pthread_create(&t, NULL, leave_main, l)) {
			pthread_detach(t);
			return;
		}
		mem_free(l);
	}
	leave(s, f);
}

void serve_file_put(struct serve *s, struct serve_file *f)
{
	bool last;

	pthread_mutex_lock(&s->lock);
	last = !--f->busy && f->fd < 0;
	s->nr_leaving += last;
	pthread_mutex_unlock(&s->lock);
	if (last)
		start_leaving(s, f);
}

void serve_file_closed(struct serve *s, struct serve_file *f)
{
	pthread_mutex_lock(&s->lock);
	close(f->fd);
	f->fd = -1;
	f->busy++;
	pthread_mutex_unlock(&s->lock);
	serve_file_put(s, f);
}

static bool wanted(struct serve *s, const struct serve_file *f)
{
	struct serve_proc *p;

	list_for_each(p, &s->procs, node) {
		if (p->fd >= 0 && serve_proc_knows(p, f->id))
			return true;
	}
	return false;
}

/*
 * Finds a node that hung up and that nobody is left to know, and says so to who waits for its work.
 * *inside: it has calls in it, to be ended, and was made to wait for serve_file_put().  lock held.
 */
static bool abandoned(struct serve *s, struct serve_file **inside)
{
	struct serve_file *f;

	list_for_each(f, &s->files, node) {
		if (f->kind != WIRE_NODE || f->fd >= 0 || f->hurry || wanted(s, f))
			continue;
		__atomic_store_n(&f->hurry, true, __ATOMIC_RELEASE);
		*inside = f->busy ? f : NULL;
		f->busy += f->busy != 0;
		return true;
	}
	return false;
}

void serve_files_hurry(struct serve *s)
{
	struct serve_file *inside;
	bool any;

	do {
		inside = NULL;
		pthread_mutex_lock(&s->lock);
		any = abandoned(s, &inside);
		pthread_mutex_unlock(&s->lock);
		if (inside) {
			nvdrm_client_stop(inside->client);
			serve_file_put(s, inside);
		}
	} while (any);
}

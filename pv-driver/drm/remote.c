// SPDX-License-Identifier: MIT
/*
 * Calls to the process that drives the guest's GPU.
 *
 *  1. A connection carries one call at a time; those not in use wait on a list.
 *  2. The process's first connection carries no calls: it says that the process
 *     lives, and brings news.
 *  3. A forked child uses none of its parent's connections: before the fork the
 *     parent gets it a first one of its own, which has the parent's mappings.
 */
#include "pv-driver/drm/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libdrm/drm.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drm/remote_private.h"

/* ---- calls --------------------------------------------------------------------------- */

int remote_call_on(int conn, struct wire_req *q, struct remote_rest *rest, struct wire_rep *rep)
{
	struct iovec out[4] = { { q, sizeof(*q) } }, in[2] = { { rep, sizeof(*rep) } };
	int nr = 1, err, fd = -1;
	ssize_t n;

	q->len = 0;
	for (int i = 0; rest && i < rest->nr; i++) {
		q->len += (uint32_t)rest->out[i].iov_len;
		out[nr++] = rest->out[i];
	}
	err = wire_send(conn, out, nr, rest ? rest->fd_out : -1);
	/* The program's own pointer, or descriptor: nothing was sent. */
	*rep = (struct wire_rep){ .err = err };
	if (err == -EFAULT || err == -EBADF)
		return err;
	if (err)
		rep->len = REMOTE_NO_ANSWER;
	if (err)
		return -ENODEV;
	if (rest)
		in[1] = (struct iovec){ rest->in, rest->room };
	n = wire_recv(conn, in, rest ? 2 : 1, &fd);
	if (n >= (ssize_t)sizeof(*rep)) {
		if (rest) {
			rest->got = (size_t)n - sizeof(*rep);
			rest->fd_in = fd;
		} else if (fd >= 0) {
			wire_close(fd);
		}
		return rep->err;
	}
	if (fd >= 0)
		wire_close(fd);
	*rep = (struct wire_rep){ .err = -ENODEV, .len = REMOTE_NO_ANSWER };
	return -ENODEV;
}

int remote_connect(struct remote *r)
{
	struct wire_req q = { .op = WIRE_JOIN, .token = r->token };
	struct iovec v = { &q, sizeof(q) };
	int fd = r->first < 0 ? -ENODEV : wire_connect(r->name), err;

	if (fd < 0)
		return -ENODEV;
	err = wire_send(fd, &v, 1, -1);
	if (!err)
		return fd;
	wire_close(fd);
	return -ENODEV;
}

/* lock held.  A connection that nobody uses; -errno. */
static int conn_take(struct remote *r)
{
	int fd;

	while (!r->nr_idle && r->nr_all == REMOTE_CONNS)
		pthread_cond_wait(&r->room, &r->lock);
	if (r->nr_idle)
		return r->idle[--r->nr_idle];
	fd = remote_connect(r);
	if (fd >= 0)
		r->all[r->nr_all++] = fd;
	return fd;
}

/* lock held. */
static void conn_put(struct remote *r, int fd, bool broken)
{
	if (!broken) {
		r->idle[r->nr_idle++] = fd;
	} else {
		for (uint32_t i = 0; i < r->nr_all; i++)
			if (r->all[i] == fd)
				r->all[i--] = r->all[--r->nr_all];
		wire_close(fd);
	}
	pthread_cond_signal(&r->room);
}

/* lock held, and let go of meanwhile unless keep. */
static int call(struct remote *r, struct wire_req *q, struct remote_rest *rest,
		struct wire_rep *rep, bool keep)
{
	int fd = conn_take(r), err;

	if (fd < 0)
		return fd;
	if (!keep)
		pthread_mutex_unlock(&r->lock);
	err = remote_call_on(fd, q, rest, rep);
	if (!keep)
		pthread_mutex_lock(&r->lock);
	conn_put(r, fd, rep->len == REMOTE_NO_ANSWER);
	return err;
}

int remote_call(struct remote *r, struct wire_req *q, struct remote_rest *rest, struct wire_rep *rep)
{
	int err;

	pthread_mutex_lock(&r->lock);
	err = call(r, q, rest, rep, false);
	pthread_mutex_unlock(&r->lock);
	return err;
}

/* ---- descriptors ---------------------------------------------------------------------- */

/* lock held. */
static struct remote_file *find(struct remote *r, uint64_t dev, uint64_t ino)
{
	for (uint32_t i = 0; i < REMOTE_FILES; i++)
		if (r->file[i].id && r->file[i].dev == dev && r->file[i].ino == ino)
			return &r->file[i];
	return NULL;
}

/* Inode numbers of sockets do not come again for a long time, so what is closed may stay. */
static void remember(struct remote *r, const struct remote_file *f)
{
	pthread_mutex_lock(&r->lock);
	if (!find(r, f->dev, f->ino))
		r->file[r->next_file++ % REMOTE_FILES] = *f;
	pthread_mutex_unlock(&r->lock);
}

bool remote_known(struct remote *r, uint64_t dev, uint64_t ino, struct remote_file *out)
{
	struct remote_file *f;

	pthread_mutex_lock(&r->lock);
	f = find(r, dev, ino);
	if (f)
		*out = *f;
	pthread_mutex_unlock(&r->lock);
	return f;
}

void remote_closed(struct remote *r, uint64_t file)
{
	struct wire_req q = { .op = WIRE_CLOSED, .id = file };
	struct wire_rep rep;

	remote_call(r, &q, NULL, &rep);
}

bool remote_know(struct remote *r, int fd, uint64_t dev, uint64_t ino, struct remote_file *out)
{
	struct wire_req q = { .op = WIRE_KNOW };
	struct remote_rest rest = { .fd_out = fd, .fd_in = -1 };
	struct wire_rep rep;

	if (remote_known(r, dev, ino, out))
		return true;
	if (remote_call(r, &q, &rest, &rep))
		return false;
	*out = (struct remote_file){ .dev = dev, .ino = ino, .id = rep.a, .len = rep.c,
				     .kind = rep.b == WIRE_NODE ? WIRE_NODE : WIRE_EXPORT };
	remember(r, out);
	return true;
}

static void keep_over_exec(int fd, bool keep)
{
	if (keep)
		fcntl(fd, F_SETFD, 0);
}

int remote_open(struct remote *r, int flags)
{
	struct wire_req q = { .op = WIRE_OPEN, .a = (uint32_t)flags };
	struct remote_rest rest = { .fd_out = -1, .fd_in = -1 };
	struct wire_rep rep;
	int err = remote_call(r, &q, &rest, &rep);

	if (err)
		return err;
	if (rest.fd_in < 0)
		return -EPROTO;
	keep_over_exec(rest.fd_in, !(flags & O_CLOEXEC));
	return rest.fd_in;
}

/* ---- ioctl ------------------------------------------------------------------------------ */

/* The arrays go out from where the program has them: the kernel finds bad pointers. */
static void add_arrays(const struct drm_nouveau_gem_pushbuf *p, struct remote_rest *rest)
{
	if (p->nr_buffers > NOUVEAU_GEM_MAX_BUFFERS || p->nr_push > NOUVEAU_GEM_MAX_PUSH || !p->nr_push)
		return;
	rest->out[1] = (struct iovec){ (void *)(uintptr_t)p->buffers,
				       p->nr_buffers * sizeof(struct drm_nouveau_gem_pushbuf_bo) };
	rest->out[2] = (struct iovec){ (void *)(uintptr_t)p->push,
				       p->nr_push * sizeof(struct drm_nouveau_gem_pushbuf_push) };
	rest->nr = 3;
}

static int exported(struct drm_prime_handle *p, int fd)
{
	if (fd < 0)
		return -EPROTO;
	keep_over_exec(fd, !(p->flags & DRM_CLOEXEC));
	p->fd = fd;
	return 0;
}

static int ask(struct remote *r, uint64_t node, unsigned long request, void *arg, size_t size)
{
	struct drm_prime_handle *p = arg;
	struct wire_req q = { .op = WIRE_IOCTL, .id = node, .a = request };
	struct remote_rest rest = { .out = { { arg, size } }, .nr = 1, .in = arg, .room = size,
				    .fd_out = -1, .fd_in = -1 };
	uint32_t nr = _IOC_NR(request);
	struct wire_rep rep;
	int fd = p->fd, err;

	if (nr == _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE)) {
		if (fd < 0)
			return -EBADF;
		rest.fd_out = fd;
	}
	if (nr == DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_PUSHBUF)
		add_arrays(arg, &rest);
	err = remote_call(r, &q, &rest, &rep);
	if (!err && nr == _IOC_NR(DRM_IOCTL_PRIME_HANDLE_TO_FD))
		return exported(p, rest.fd_in);
	if (rest.fd_in >= 0)
		wire_close(rest.fd_in);
	if (nr == _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE))
		p->fd = fd;
	return err;
}

int remote_ioctl(struct remote *r, uint64_t node, unsigned long request, void *arg)
{
	uint64_t buf[NVDRM_ARG_MAX / 8];
	struct nvdrm_shape s;
	int err = nvdrm_shape(request, &s), out;

	if (err)
		return err;
	if (s.constant)
		return nvdrm_ioctl(NULL, request, arg);
	memset(buf, 0, s.size < NVDRM_ARG_MIN ? NVDRM_ARG_MIN : s.size);
	if (s.in)
		err = nvdrm_copy_in(buf, (uintptr_t)arg, s.size);
	if (err)
		return err;
	err = ask(r, node, request, buf, s.size);
	out = s.out ? nvdrm_copy_out((uintptr_t)arg, buf, s.size) : 0;
	return err ? err : out;
}

/* ---- life ----------------------------------------------------------------------------------- */

int remote_new(const char *name, struct remote **out)
{
	struct wire_req q = { .op = WIRE_HELLO };
	struct remote *r = mem_new(struct remote);
	struct remote_rest rest = { .fd_out = -1, .fd_in = -1 };
	struct wire_rep rep;
	int err = 0;

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->room, NULL);
	list_init(&r->maps);
	r->area.fd = r->child = -1;
	rest.in = &r->token;
	rest.room = sizeof(r->token);
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->first = wire_connect(name);
	if (r->first >= 0)
		err = remote_call_on(r->first, &q, &rest, &rep);
	else
		err = r->first;
	if (!err && rest.got != sizeof(r->token))
		err = -EPROTO;
	if (err)
		remote_free(r);
	else
		*out = r;
	return err;
}

static void drop_conns(struct remote *r)
{
	for (uint32_t i = 0; i < r->nr_all; i++)
		wire_close(r->all[i]);
	r->nr_all = r->nr_idle = 0;
	if (r->area.fd >= 0)
		wire_close(r->area.fd);
	r->area.fd = -1;
	if (r->first >= 0)
		wire_close(r->first);
	r->first = -1;
}

void remote_free(struct remote *r)
{
	struct remote_map *m;

	if (!r)
		return;
	while ((m = list_first(&r->maps, struct remote_map, node))) {
		list_del(&m->node);
		mem_free(m);
	}
	drop_conns(r);
	trap_remove(r->area.trap);
	if (r->area.base)
		munmap(r->area.base, REMOTE_AREA_LEN);
	pthread_cond_destroy(&r->room);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

int remote_news(struct remote *r, char *why, size_t n)
{
	struct wire_news news;
	struct iovec v = { &news, sizeof(news) };
	ssize_t got = r->first < 0 ? -1 : wire_recv(r->first, &v, 1, NULL);

	if (got != (ssize_t)sizeof(news))
		return -ENODEV;
	snprintf(why, n, "%.*s", (int)sizeof(news.why), news.why);
	return 0;
}

void remote_fork_prepare(struct remote *r)
{
	struct wire_req q = { .op = WIRE_FORK };
	struct remote_rest rest = { .in = &r->child_token, .room = sizeof(r->child_token),
				    .fd_out = -1, .fd_in = -1 };
	struct wire_rep rep;

	pthread_mutex_lock(&r->lock);
	/* Without one the child has no GPU, which is no reason not to fork. */
	r->child = call(r, &q, &rest, &rep, true) ? -1 : rest.fd_in;
}

void remote_fork_parent(struct remote *r)
{
	if (r->child >= 0)
		wire_close(r->child);
	r->child = -1;
	pthread_mutex_unlock(&r->lock);
}

void remote_fork_child(struct remote *r)
{
	drop_conns(r);
	r->first = r->child;
	r->token = r->child_token;
	r->child = -1;
	r->area.lock = 0;
	pthread_cond_init(&r->room, NULL);
	pthread_mutex_unlock(&r->lock);
}

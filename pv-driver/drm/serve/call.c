// SPDX-License-Identifier: MIT
/*
 * A connection's thread: a request, its answer, the next request.
 *
 *  1. A message is received whole into memory of ours; what it says is checked
 *     against its length, and only there.
 *  2. Whoever waits here, for the GPU or for a lock, keeps nobody else's
 *     connection waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <libdrm/nouveau_drm.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/drm/serve/private.h"
#include "pv-driver/drv.h"

struct call {
	struct serve *s;
	struct serve_proc *proc;
	struct wire_req req;
	int fd; /* came along; owned; -1 */
	struct wire_rep rep;
	int rep_fd;	  /* goes along; -1 */
	bool rep_fd_ours; /* borrowed: not to be closed */
	uint8_t *rest;	  /* req.len bytes of WIRE_REST_MAX; the answer's too */
};

/* ---- ioctl ------------------------------------------------------------------------------- */

/* The arrays lie behind the argument, in full: pointers to them, as nvdrm wants them. */
static int pushbuf_arrays(struct call *c, struct drm_nouveau_gem_pushbuf *p, size_t arg_len)
{
	const size_t bo = sizeof(struct drm_nouveau_gem_pushbuf_bo);
	const size_t push = sizeof(struct drm_nouveau_gem_pushbuf_push);

	p->relocs = p->buffers = p->push = 0;
	/* Refused before they are looked at, and so nothing came. */
	if (p->nr_buffers > NOUVEAU_GEM_MAX_BUFFERS || p->nr_push > NOUVEAU_GEM_MAX_PUSH || !p->nr_push)
		return 0;
	if (c->req.len != arg_len + p->nr_buffers * bo + p->nr_push * push)
		return -EINVAL;
	p->buffers = (uintptr_t)(c->rest + arg_len);
	p->push = (uintptr_t)(c->rest + arg_len + p->nr_buffers * bo);
	return 0;
}

static int pushbuf(struct call *c, struct nvdrm_client *client, void *arg, size_t arg_len)
{
	struct drm_nouveau_gem_pushbuf *p = arg;
	const struct drm_nouveau_gem_pushbuf was = *p;
	int err = pushbuf_arrays(c, p, arg_len);

	if (!err)
		err = nvdrm_answer(client, (unsigned long)c->req.a, p);
	p->relocs = was.relocs;
	p->buffers = was.buffers;
	p->push = was.push;
	return err;
}

/* Descriptors are numbers where the program is: they come and go beside the message. */
static int prime(struct call *c, struct nvdrm_client *client, struct drm_prime_handle *p, bool export)
{
	int err;

	if (!export && c->fd < 0)
		return -EBADF;
	p->fd = c->fd;
	err = nvdrm_answer(client, (unsigned long)c->req.a, p);
	if (!err && export)
		c->rep_fd = p->fd;
	p->fd = -1;
	return err;
}

static int answer(struct call *c, struct nvdrm_client *client)
{
	unsigned long request = (unsigned long)c->req.a;
	uint64_t arg[NVDRM_ARG_MAX / 8] = { 0 };
	struct nvdrm_shape shape;
	int err = nvdrm_shape(request, &shape);

	if (err)
		return err;
	if (shape.constant || c->req.len < shape.size)
		return -EINVAL;
	memcpy(arg, c->rest, shape.size);
	switch (_IOC_NR(request)) {
	case _IOC_NR(DRM_IOCTL_PRIME_HANDLE_TO_FD):
		err = prime(c, client, (void *)arg, true);
		break;
	case _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE):
		err = prime(c, client, (void *)arg, false);
		break;
	case DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_PUSHBUF:
		err = pushbuf(c, client, arg, shape.size);
		break;
	default:
		err = nvdrm_answer(client, request, arg);
	}
	memcpy(c->rest, arg, shape.size);
	c->rep.len = shape.size;
	return err;
}

static int do_ioctl(struct call *c)
{
	struct serve_file *f = serve_file_get(c->s, c->proc, c->req.id);
	int err = -EBADF;

	if (!f)
		return err;
	if (f->kind == WIRE_NODE)
		err = answer(c, f->client);
	serve_file_put(c->s, f);
	/* Who is about to learn by an errno that its work is lost has the reason first. */
	if (err == -ENODEV)
		serve_tell(c->s);
	return err;
}

/* ---- memory -------------------------------------------------------------------------------- */

/* The buffer at a node's offset, or an export's, counted; a->off becomes the offset in it. */
static struct nvdrm_bo *buffer(struct call *c, const struct serve_file *f, struct nvdrm_mmap_args *a)
{
	struct nvdrm *d = c->s->drm;
	struct nvdrm_bo *bo;

	if (f->kind == WIRE_EXPORT)
		return nvdrm_export_find(d, f->dev, f->ino);
	pthread_mutex_lock(&d->lock);
	bo = nvdrm_map_find(f->client, a->off, &a->off);
	pthread_mutex_unlock(&d->lock);
	return bo;
}

static int map_bo(struct call *c, struct nvdrm_bo *bo, const struct nvdrm_mmap_args *a)
{
	struct serve_map m = { .bo = bo, .at = a->off, .len = align_up(a->len, DRM_PAGE) };
	uint64_t at = 0;
	int err = nvdrm_map_check(bo, a), fd;

	if (err)
		return err;
	fd = bo->vram ? -1 : drv_bo_file(bo->bo, &at);
	if (!bo->vram && fd < 0)
		return fd;
	err = serve_map_new(c->s, c->proc, &m, &c->rep.a);
	if (err)
		return err;
	c->rep.b = at + a->off;
	c->rep_fd = fd;
	c->rep_fd_ours = true;
	return 0;
}

static int do_map(struct call *c)
{
	struct serve_file *f = serve_file_get(c->s, c->proc, c->req.id);
	struct nvdrm_mmap_args a = { .len = c->req.a, .off = c->req.b, .prot = (int)(uint32_t)c->req.c,
				     .flags = (int)(c->req.c >> 32) };
	struct nvdrm_bo *bo = f ? buffer(c, f, &a) : NULL;
	int err = !f ? -EBADF : !bo ? -EINVAL : map_bo(c, bo, &a);

	if (err && bo) {
		pthread_mutex_lock(&c->s->drm->lock);
		nvdrm_bo_put(bo);
		pthread_mutex_unlock(&c->s->drm->lock);
	}
	if (f)
		serve_file_put(c->s, f);
	return err;
}

static int do_access(struct call *c)
{
	struct serve_map *m = serve_map_get(c->s, c->proc, c->req.id);
	uint64_t at = c->req.a, n = c->req.b;
	int err = -EINVAL;

	if (!m)
		return err;
	if (n && n <= sizeof(c->rep.a) && range_ok(at, n, m->len))
		err = c->req.op == WIRE_RD ? drv_bo_rd(m->bo->bo, m->at + at, &c->rep.a, n) :
					     drv_bo_wr(m->bo->bo, m->at + at, &c->req.c, n);
	serve_map_put(c->s, m);
	return err;
}

/* ---- processes and nodes --------------------------------------------------------------------- */

static int do_fork(struct call *c)
{
	struct wire_token token;
	int sv[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -errno;
	err = serve_proc_new(c->s, sv[0], c->proc, &token);
	if (err) {
		close(sv[0]);
		close(sv[1]);
		return err;
	}
	c->rep_fd = sv[1];
	memcpy(c->rest, &token, sizeof(token));
	c->rep.len = sizeof(token);
	return 0;
}

static int do_open(struct call *c)
{
	int fd = serve_node_new(c->s, c->proc, &c->rep.a);

	if (fd < 0)
		return fd;
	c->rep_fd = fd;
	return 0;
}

static int do_call(struct call *c)
{
	switch ((enum wire_op)c->req.op) {
	case WIRE_FORK: return do_fork(c);
	case WIRE_OPEN: return do_open(c);
	case WIRE_KNOW: return c->fd < 0 ? -EBADF : serve_file_know(c->s, c->proc, c->fd, &c->rep);
	case WIRE_CLOSED: return serve_file_settle(c->s, c->proc, c->req.id);
	case WIRE_IOCTL: return do_ioctl(c);
	case WIRE_MAP: return do_map(c);
	case WIRE_UNMAP: return serve_map_drop(c->s, c->proc, c->req.id);
	case WIRE_RD:
	case WIRE_WR: return do_access(c);
	case WIRE_HELLO:
	case WIRE_JOIN:
	case WIRE_OP_END: break;
	}
	return -EPROTO;
}

/* ---- connections -------------------------------------------------------------------------------- */

/* One request; false: nobody is there, or it is nobody of ours. */
static bool receive(int fd, struct call *c)
{
	struct iovec v[2] = { { &c->req, sizeof(c->req) }, { c->rest, WIRE_REST_MAX } };
	ssize_t n = wire_recv(fd, v, 2, &c->fd);

	if (n >= (ssize_t)sizeof(c->req) && c->req.len == (uint64_t)n - sizeof(c->req))
		return true;
	if (c->fd >= 0)
		close(c->fd);
	return false;
}

static int reply(int fd, struct call *c)
{
	struct iovec v[2] = { { &c->rep, sizeof(c->rep) }, { c->rest, c->rep.len } };

	return wire_send(fd, v, 2, c->rep_fd);
}

/* The process is gone already: its calls end with it. */
static bool join(struct serve_conn *conn, const struct wire_token *t)
{
	struct serve *s = conn->serve;

	pthread_mutex_lock(&s->lock);
	conn->proc = serve_proc_by_token(s, t);
	if (conn->proc)
		list_add_tail(&conn->proc->conns, &conn->node);
	pthread_mutex_unlock(&s->lock);
	return conn->proc;
}

/* The first message says what the connection is; true: calls follow. */
static bool greet(struct serve_conn *conn, struct call *c)
{
	struct wire_token token;
	int fd;

	if (!receive(conn->fd, c))
		return false;
	if (c->fd >= 0)
		close(c->fd);
	if (c->req.op == WIRE_JOIN)
		return join(conn, &c->req.token);
	/* The service's own thread closes the process's when that hangs up. */
	fd = c->req.op == WIRE_HELLO ? fcntl(conn->fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd < 0)
		return false;
	if (serve_proc_new(c->s, fd, NULL, &token)) {
		close(fd);
		return false;
	}
	memcpy(c->rest, &token, sizeof(token));
	c->rep.len = sizeof(token);
	reply(conn->fd, c);
	return false;
}

static void serve_calls(struct serve_conn *conn, struct call *c)
{
	int err;

	do {
		if (!receive(conn->fd, c))
			return;
		c->proc = conn->proc;
		c->rep = (struct wire_rep){ 0 };
		c->rep_fd = -1;
		c->rep_fd_ours = false;
		c->rep.err = do_call(c);
		err = reply(conn->fd, c);
		if (c->fd >= 0)
			close(c->fd);
		if (c->rep_fd >= 0 && !c->rep_fd_ours)
			close(c->rep_fd);
	} while (!err);
}

static void conn_free(struct serve_conn *conn)
{
	struct serve *s = conn->serve;

	pthread_mutex_lock(&s->lock);
	list_del(&conn->node);
	if (conn->fd >= 0)
		close(conn->fd);
	if (conn->proc)
		serve_proc_put(s, conn->proc);
	s->nr_conns--;
	pthread_cond_broadcast(&s->quiet);
	serve_wake(s);
	pthread_mutex_unlock(&s->lock);
	mem_free(conn);
}

void *serve_conn_main(void *arg)
{
	struct serve_conn *conn = arg;
	struct call c = { .s = conn->serve, .rep_fd = -1 };

	c.rest = mem_calloc(1, WIRE_REST_MAX);
	if (c.rest && greet(conn, &c))
		serve_calls(conn, &c);
	mem_free(c.rest);
	conn_free(conn);
	return NULL;
}

// SPDX-License-Identifier: MIT
/*
 * Messages out of a byte stream, and replies into it.
 *
 * 1. Nothing blocks.  A client that does not take its replies is cut off: a
 *    part of a message in the stream would be the end of it anyway.
 * 2. Descriptors belong to the message that carries the byte they were sent
 *    with.  The kernel ends a read behind such a byte, so at most one batch is
 *    waiting; a second for the same message is an error.
 * 3. Every descriptor that was received is closed, or taken by a handler.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/hv/vfio_impl.h"

int vfio_stream_init(struct vfio_stream *s)
{
	s->in = mem_calloc(1, VFIO_MSG_MAX);
	s->out = mem_calloc(1, VFIO_MSG_MAX);
	return s->in && s->out ? 0 : -ENOMEM;
}

static void close_fds(int *fds, uint32_t *nr)
{
	for (uint32_t i = 0; i < *nr; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*nr = 0;
}

void vfio_stream_fini(struct vfio_stream *s)
{
	close_fds(s->fds, &s->nr_fds);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	mem_free(s->in);
	mem_free(s->out);
	s->in = s->out = NULL;
}

/* Takes what came along; -EPROTO if there is more than a message may carry. */
static int take_fds(struct vfio_stream *s, struct msghdr *m)
{
	int err = m->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
	bool first = !s->nr_fds;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t nr;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (first && s->nr_fds < VFIO_MSG_FDS) {
				s->fds[s->nr_fds++] = fd;
			} else {
				close(fd);
				err = -EPROTO;
			}
		}
	}
	return err;
}

/* Reads once.  1: something came, 0: nothing there. */
static int fill(struct vfio_stream *s)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * VFIO_MSG_FDS)];
	} ctl;
	struct iovec iov;
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof ctl.buf };
	ssize_t n;
	int err;

	if (s->head) {
		memmove(s->in, s->in + s->head, s->tail - s->head);
		s->fd_at -= s->nr_fds ? s->head : 0;
		s->tail -= s->head;
		s->head = 0;
	}
	iov = (struct iovec){ s->in + s->tail, VFIO_MSG_MAX - s->tail };
	n = recvmsg(s->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
	err = take_fds(s, &m);
	if (!n || err)
		return err ? err : -ENOTCONN;
	s->tail += (uint32_t)n;
	if (m.msg_controllen && s->nr_fds)
		s->fd_at = s->tail;
	return 1;
}

/* The size of the message at head: 0 while its header is incomplete, -EPROTO if none can have it. */
static int message_size(const struct vfio_stream *s, uint32_t *size)
{
	struct vfio_hdr h;

	*size = 0;
	if (s->tail - s->head < sizeof h)
		return 0;
	memcpy(&h, s->in + s->head, sizeof h);
	if (h.size < sizeof h || h.size > VFIO_MSG_MAX)
		return -EPROTO;
	*size = h.size;
	return 0;
}

bool vfio_stream_ready(const struct vfio_stream *s)
{
	uint32_t size;

	return message_size(s, &size) || (size && s->tail - s->head >= size);
}

int vfio_stream_next(struct vfio_stream *s, struct vfio_msg *m)
{
	uint32_t size;
	int err;

	if (s->fd < 0)
		return 0;
	while (!vfio_stream_ready(s)) {
		err = fill(s);
		if (err <= 0)
			return err;
	}
	err = message_size(s, &size);
	if (err)
		return err;
	memset(m, 0, sizeof *m);
	memcpy(&m->hdr, s->in + s->head, sizeof m->hdr);
	m->data = s->in + s->head + sizeof m->hdr;
	m->len = size - (uint32_t)sizeof m->hdr;
	s->head += size;
	if (s->nr_fds && s->fd_at <= s->head) {
		memcpy(m->fds, s->fds, sizeof m->fds);
		m->nr_fds = s->nr_fds;
		s->nr_fds = 0;
	}
	return 1;
}

void vfio_msg_done(struct vfio_msg *m)
{
	close_fds(m->fds, &m->nr_fds);
}

uint8_t *vfio_stream_body(struct vfio_stream *s)
{
	return s->out + sizeof(struct vfio_hdr);
}

static int put(struct vfio_stream *s, struct vfio_hdr *h)
{
	memcpy(s->out, h, sizeof *h);
	if (send(s->fd, s->out, h->size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)h->size)
		return -EPIPE;
	return 0;
}

int vfio_stream_reply(struct vfio_stream *s, const struct vfio_hdr *q, uint32_t len)
{
	struct vfio_hdr h = { q->id, q->cmd, (uint32_t)sizeof h + len, VFIO_HDR_REPLY, 0 };

	return q->flags & VFIO_HDR_NO_REPLY ? 0 : put(s, &h);
}

int vfio_stream_error(struct vfio_stream *s, const struct vfio_hdr *q, int err)
{
	struct vfio_hdr h = { q->id, q->cmd, sizeof h, VFIO_HDR_REPLY | VFIO_HDR_ERROR,
			      (uint32_t)-err };

	return q->flags & VFIO_HDR_NO_REPLY ? 0 : put(s, &h);
}

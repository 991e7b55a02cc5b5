// SPDX-License-Identifier: MIT
/* Messages between a guest's programs and their GPU's service, and the sockets for them. */
#include "pv-driver/drm/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX 4 /* taken out of one message at most; the kernel drops others */

void wire_close(int fd)
{
	syscall(SYS_close, fd);
}

union ctl {
	struct cmsghdr align;
	char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int wire_send(int sock, const struct iovec *v, int n, int fd)
{
	union ctl ctl = { .buf = { 0 } };
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)n };
	ssize_t r;

	if (fd >= 0) {
		m.msg_control = ctl.buf;
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		ctl.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					      .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&ctl.align), &fd, sizeof(fd));
	}
	do
		r = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* The first descriptor of a message; others are closed. */
static int take_fd(struct msghdr *m)
{
	int fd, first = -1;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t k = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < k; i++) {
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (first < 0)
				first = fd;
			else
				wire_close(fd);
		}
	}
	return first;
}

ssize_t wire_recv(int sock, struct iovec *v, int n, int *fd)
{
	union ctl ctl;
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)n, .msg_control = ctl.buf,
			    .msg_controllen = sizeof(ctl.buf) };
	ssize_t r;
	int got;

	do
		r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (fd)
		*fd = -1;
	if (r < 0)
		return errno == ECONNRESET ? 0 : -errno;
	got = take_fd(&m);
	if (fd)
		*fd = got;
	else if (got >= 0)
		wire_close(got);
	return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : r;
}

/* Nothing in the file system: the name goes with the socket. */
static int address(const char *name, struct sockaddr_un *a, socklen_t *len)
{
	size_t n = strlen(name);

	if (!n || n >= sizeof(a->sun_path))
		return -EINVAL;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path + 1, name, n);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	return 0;
}

static int open_socket(const char *name, int (*join)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un a;
	socklen_t len;
	int fd, err = address(name, &a, &len);

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do
		err = join(fd, (struct sockaddr *)&a, len) ? -errno : 0;
	while (err == -EINTR);
	if (!err)
		return fd;
	wire_close(fd);
	return err;
}

int wire_connect(const char *name)
{
	return open_socket(name, connect);
}

int wire_listen(const char *name)
{
	int fd = open_socket(name, bind), err;

	if (fd < 0 || !listen(fd, SOMAXCONN))
		return fd;
	err = -errno;
	wire_close(fd);
	return err;
}

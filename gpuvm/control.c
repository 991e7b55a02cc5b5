// SPDX-License-Identifier: MIT
/*
 * The control socket: connections and messages.  What a request means is in
 * control_ops.c.
 */
#include "gpuvm/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/control_domains.h"
#include "gpuvm/control_pv.h"
#include "gpuvm/domains.h"
#include "gpuvm/gpuvm.h"

struct control {
	struct control_env env;
	char *path; /* owned; NULL: no listening socket */
	int listen_fd;
	int client[CONTROL_MAX_CLIENTS];
	unsigned int nr_clients;
	char *buf; /* one message in, CONTROL_MSG_MAX + 1 */
};

static int unix_addr(const char *path, struct sockaddr_un *a)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof a->sun_path)
		return -ENAMETOOLONG;
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

/* Whether somebody answers at addr. */
static bool is_alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return false;
	alive = connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0;
	close(fd);
	return alive;
}

static int listen_at(struct control *c, const char *path, char *msg, size_t n)
{
	struct sockaddr_un a;
	struct stat st;
	mode_t old;
	int err;

	err = unix_addr(path, &a);
	if (err) {
		snprintf(msg, n, "socket %s: path is too long", path);
		return err;
	}
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			snprintf(msg, n, "socket %s: exists and is not a socket", path);
			return -EEXIST;
		}
		if (is_alive(&a)) {
			snprintf(msg, n, "socket %s: in use by a running gpuvmd", path);
			return -EADDRINUSE;
		}
		unlink(path);
	}
	c->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0)
		return -errno;
	old = umask(0177);
	err = bind(c->listen_fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
	umask(old);
	if (err || listen(c->listen_fd, 16)) {
		err = err ? err : -errno;
		snprintf(msg, n, "socket %s: %s", path, strerror(-err));
		return err;
	}
	c->path = mem_strdup(path);
	if (!c->path) {
		unlink(path);
		return -ENOMEM;
	}
	return 0;
}

static void add_client(struct control *c, int fd)
{
	int size = CONTROL_MSG_MAX;

	/* Best effort: with a smaller buffer a long answer is refused, never cut. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	c->client[c->nr_clients++] = fd;
}

int control_new(struct gpuvm *g, struct hv *process_port, const struct control_cfg *cfg,
		struct control **out, char *msg, size_t n)
{
	struct control *c = mem_new(struct control);
	int err = -ENOMEM;

	snprintf(msg, n, "control socket: out of memory");
	if (!c)
		return err;
	c->env.g = g;
	c->env.port = process_port;
	c->env.vm_port = cfg->vm_port;
	c->env.xen_port = cfg->xen_port;
	c->env.pv_port = cfg->pv_port;
	c->listen_fd = -1;
	c->buf = mem_calloc(1, CONTROL_MSG_MAX + 1);
	if (!c->buf)
		goto err;
	if (cfg->path) {
		err = listen_at(c, cfg->path, msg, n);
		if (err)
			goto err;
	}
	control_pv_again(&c->env);
	if (cfg->domains) {
		err = control_domains_open(&c->env, cfg->domains, msg, n);
		if (err)
			goto err;
	}
	if (cfg->fd >= 0)
		add_client(c, cfg->fd);
	*out = c;
	return 0;
err:
	control_free(c);
	return err;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < c->nr_clients; i++)
		close(c->client[i]);
	if (c->listen_fd >= 0)
		close(c->listen_fd);
	if (c->path)
		unlink(c->path);
	domains_free(c->env.domains);
	mem_free(c->path);
	mem_free(c->buf);
	mem_free(c);
}

unsigned int control_fds(struct control *c, struct pollfd *fds)
{
	unsigned int k = 0;

	if (c->listen_fd >= 0 && c->nr_clients < CONTROL_MAX_CLIENTS)
		fds[k++] = (struct pollfd){ .fd = c->listen_fd, .events = POLLIN };
	for (unsigned int i = 0; i < c->nr_clients; i++)
		fds[k++] = (struct pollfd){ .fd = c->client[i], .events = POLLIN };
	return k;
}

static bool may_speak(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void accept_clients(struct control *c)
{
	while (c->listen_fd >= 0 && c->nr_clients < CONTROL_MAX_CLIENTS) {
		int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (!may_speak(fd)) {
			close(fd);
			continue;
		}
		add_client(c, fd);
	}
}

static int answer(int fd, const struct control_answer *a)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * CONTROL_MAX_FDS)];
	} ctl;
	struct iovec iov = { .iov_base = a->text, .iov_len = strlen(a->text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(&ctl, 0, sizeof ctl);
	if (a->nr_fds) {
		struct cmsghdr *h;

		m.msg_control = ctl.buf;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * a->nr_fds);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * a->nr_fds);
		memcpy(CMSG_DATA(h), a->fds, sizeof(int) * a->nr_fds);
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* One message of one client; negative when the client is to be dropped. */
static int serve_one(struct control *c, int fd)
{
	static const char too_long[] = "{\"ok\": false, \"error\": \"answer does not fit a message\"}";
	ssize_t len = recv(fd, c->buf, CONTROL_MSG_MAX, MSG_DONTWAIT | MSG_TRUNC);
	struct control_answer a;
	int err;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (len == 0)
		return -ENOTCONN;
	if (len > CONTROL_MSG_MAX)
		return -EMSGSIZE;
	c->buf[len] = '\0';
	err = control_handle(&c->env, c->buf, &a);
	if (err)
		return err;
	err = answer(fd, &a);
	if (err == -EMSGSIZE)
		err = send(fd, too_long, sizeof too_long - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ?
			      -errno :
			      0;
	control_answer_free(&a);
	return err;
}

void control_serve(struct control *c)
{
	accept_clients(c);
	for (unsigned int i = 0; i < c->nr_clients;) {
		if (serve_one(c, c->client[i]) < 0) {
			close(c->client[i]);
			c->client[i] = c->client[--c->nr_clients];
			continue;
		}
		i++;
	}
}

unsigned int control_nr_clients(const struct control *c)
{
	return c->nr_clients;
}

void control_domains(struct control *c)
{
	if (c->env.domains)
		domains_serve(c->env.domains);
}

void control_domains_reload(struct control *c)
{
	json_decref(control_reload(&c->env));
}

bool control_stop_asked(const struct control *c)
{
	return c->env.stop;
}

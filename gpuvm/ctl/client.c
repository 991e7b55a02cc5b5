// SPDX-License-Identifier: MIT
/* One connection to a daemon: a request out, its answer and file descriptors in. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gpuvm/control.h"
#include "gpuvm/control_ops.h"
#include "gpuvm/ctl/ctl.h"

#define SYSTEM_DIR "/run"

const char *client_default_path(char *buf, size_t n)
{
	const char *env = getenv("GPUVM_SOCKET"), *dir = getenv("XDG_RUNTIME_DIR");

	if (env && *env)
		return env;
	snprintf(buf, n, "%s/gpuvm.sock", dir && *dir ? dir : SYSTEM_DIR);
	/* An administrator's session has a folder of its own; the service's socket is not in it. */
	if (access(buf, F_OK) && !access(SYSTEM_DIR "/gpuvm.sock", R_OK | W_OK))
		snprintf(buf, n, SYSTEM_DIR "/gpuvm.sock");
	return buf;
}

int client_connect(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof a.sun_path)
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void take_fds(struct msghdr *m, int *fds, unsigned int *nr)
{
	unsigned int room = nr ? *nr : 0, have = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		unsigned int k;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		k = (unsigned int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned int i = 0; i < k; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
			if (have < room)
				fds[have++] = fd;
			else
				close(fd);
		}
	}
	if (nr)
		*nr = have;
}

static json_t *receive(int fd, int *fds, unsigned int *nr_fds, char *msg, size_t n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * CONTROL_MAX_FDS)];
	} ctl;
	char *text = malloc(CONTROL_MSG_MAX + 1);
	struct iovec iov = { .iov_base = text, .iov_len = CONTROL_MSG_MAX };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof ctl.buf };
	json_error_t je;
	json_t *r = NULL;
	ssize_t len;

	if (!text)
		return NULL;
	do
		len = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len > 0) {
		take_fds(&m, fds, nr_fds);
		text[len] = '\0';
		r = json_loads(text, 0, &je);
	}
	if (!r)
		snprintf(msg, n, "the daemon gave no answer");
	free(text);
	return r;
}

json_t *client_call(int fd, json_t *req, int *fds, unsigned int *nr_fds, char *msg, size_t n)
{
	char *text = req ? json_dumps(req, JSON_COMPACT) : NULL;
	json_t *r = NULL;

	json_decref(req);
	snprintf(msg, n, "the daemon cannot be reached");
	if (text && send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0)
		r = receive(fd, fds, nr_fds, msg, n);
	free(text);
	if (r && !json_is_true(json_object_get(r, "ok"))) {
		const char *why = json_string_value(json_object_get(r, "error"));

		snprintf(msg, n, "%s", why ? why : "the daemon refused");
		json_decref(r);
		return NULL;
	}
	return r;
}

/* 0, or an exit code after a line was printed; -1 for help. */
static int parse_simple(int argc, char **argv, struct client_args *a, const char **socket)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			*socket = optarg;
		else if (c == 'j')
			a->json = true;
		else
			return ctl_bad("see gpuvm --help");
	}
	if (optind < argc && a->name_allowed)
		a->name = argv[optind++];
	if (optind < argc)
		return ctl_bad("%s: unexpected argument %s", a->op, argv[optind]);
	if (a->name_required && !a->name)
		return ctl_bad("%s: the guest's NAME is missing", a->op);
	return 0;
}

json_t *client_simple(int argc, char **argv, struct client_args *a, int *code)
{
	char buf[108], msg[300];
	const char *path = NULL;
	json_t *req, *r;
	int fd;

	*code = parse_simple(argc, argv, a, &path);
	if (*code)
		return NULL;
	if (!path)
		path = client_default_path(buf, sizeof buf);
	fd = client_connect(path);
	if (fd < 0) {
		*code = ctl_bad("no daemon at %s: %s", path, strerror(-fd));
		return NULL;
	}
	req = json_pack("{s:s}", "op", a->op);
	if (req && a->name)
		json_object_set_new(req, "name", json_string(a->name));
	r = client_call(fd, req, NULL, NULL, msg, sizeof msg);
	close(fd);
	if (!r)
		*code = ctl_failed("%s", msg);
	return r;
}

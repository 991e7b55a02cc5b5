// SPDX-License-Identifier: MIT
/*
 * The service manager's notification socket (sd_notify(3): one datagram of
 * KEY=value lines each time).
 *
 * A send never blocks and its failure is nobody's error: the manager decides by
 * what it heard.
 */
#include "gpuvm/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int address(struct notify *n, const char *path)
{
	size_t len = strlen(path);

	if ((*path != '/' && *path != '@') || len < 2 || len >= sizeof n->to.sun_path)
		return -EINVAL;
	n->to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(n->to.sun_path, path, len);
	/* An abstract name starts with a zero, and has no other to end it. */
	if (*path == '@')
		n->to.sun_path[0] = '\0';
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*path == '/'));
	return 0;
}

/* An environment variable's number; -EINVAL if it is none. */
static int number(const char *name, uint64_t *out)
{
	const char *s = getenv(name);
	char *end;

	*out = 0;
	if (!s)
		return 0;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return *s < '0' || *s > '9' || *end || errno ? -EINVAL : 0;
}

static int watchdog(struct notify *n)
{
	uint64_t us, pid;

	if (number("WATCHDOG_USEC", &us) || number("WATCHDOG_PID", &pid) || us > UINT64_MAX / 1000)
		return -EINVAL;
	if (us && (!pid || pid == (uint64_t)getpid()))
		n->every_ns = us * 1000 / 2;
	return 0;
}

int notify_open(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int err;

	*n = (struct notify){ .fd = -1 };
	if (!path || !*path)
		return 0;
	err = address(n, path);
	if (!err)
		err = watchdog(n);
	if (err)
		return err;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return n->fd < 0 ? -errno : 0;
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

void notify_say(const struct notify *n, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int len;

	if (n->fd < 0)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (len > 0 && len < (int)sizeof text)
		sendto(n->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL,
		       (const struct sockaddr *)&n->to, n->to_len);
}

uint64_t notify_alive(struct notify *n, uint64_t now_ns)
{
	if (n->fd < 0 || !n->every_ns)
		return NOTIFY_NEVER;
	if (now_ns >= n->next_ns) {
		notify_say(n, "WATCHDOG=1");
		n->next_ns = now_ns + n->every_ns;
	}
	return n->next_ns - now_ns;
}

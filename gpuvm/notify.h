/* SPDX-License-Identifier: MIT */
/*
 * What the daemon tells the service manager that started it: the datagrams of
 * sd_notify(3), without its library.  Without a manager nothing is sent.
 */
#ifndef GPUVM_NOTIFY_H
#define GPUVM_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un to;
	socklen_t to_len;
	uint64_t every_ns; /* the manager's watchdog is told twice as often as it asks; 0: it does not ask */
	uint64_t next_ns;
};

#define NOTIFY_NEVER UINT64_MAX

/*
 * By NOTIFY_SOCKET (a path, or @ and an abstract name), WATCHDOG_USEC and WATCHDOG_PID.
 * -EINVAL: set, but none of that.  What was not opened can be closed and told things.
 */
int notify_open(struct notify *);
void notify_close(struct notify *);
/* Lines of KEY=value.  Best effort: a manager that does not listen is not waited for. */
void notify_say(const struct notify *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Tells the watchdog when it is time to; answers in how many ns it will be again. */
uint64_t notify_alive(struct notify *, uint64_t now_ns);

#endif

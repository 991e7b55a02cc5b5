// SPDX-License-Identifier: MIT
/* What a service manager hears: a socket of ours stands for it. */
#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gpuvm/notify.h"

struct manager {
	int fd;
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct manager *m = calloc(1, sizeof *m);

	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	strcpy(m->dir, "/tmp/gpuvm-notify-XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	snprintf(m->path, sizeof m->path, "%s/socket", m->dir);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("NOTIFY_SOCKET");
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct manager *m = *state;

	close(m->fd);
	unlink(m->path);
	rmdir(m->dir);
	free(m);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

static void listen_at(struct manager *m, const char *path, socklen_t len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, path, len);
	assert_int_equal(bind(m->fd, (struct sockaddr *)&a, (socklen_t)sizeof a.sun_family + len), 0);
}

/* The next datagram is this text; NULL: there is none. */
static void heard(struct manager *m, const char *text)
{
	char buf[600];
	ssize_t len = recv(m->fd, buf, sizeof buf - 1, 0);

	if (!text) {
		assert_int_equal(len, -1);
		assert_int_equal(errno, EAGAIN);
		return;
	}
	assert_true(len >= 0);
	buf[len] = '\0';
	assert_string_equal(buf, text);
}

static void a_path(void **state)
{
	struct manager *m = *state;
	struct notify n;

	listen_at(m, m->path, (socklen_t)strlen(m->path) + 1);
	setenv("NOTIFY_SOCKET", m->path, 1);
	assert_int_equal(notify_open(&n), 0);
	notify_say(&n, "READY=1\nSTATUS=%u guests", 3u);
	notify_say(&n, "STOPPING=1");
	heard(m, "READY=1\nSTATUS=3 guests");
	heard(m, "STOPPING=1");
	heard(m, NULL);
	/* Nobody asked for signs of life. */
	assert_true(notify_alive(&n, 5) == NOTIFY_NEVER);
	heard(m, NULL);
	notify_close(&n);
	notify_say(&n, "after");
	heard(m, NULL);
}

static void an_abstract_name(void **state)
{
	struct manager *m = *state;
	char env[64], name[64] = "";
	struct notify n;

	snprintf(env, sizeof env, "@gpuvm-notify-%d", (int)getpid());
	memcpy(name + 1, env + 1, strlen(env) - 1);
	listen_at(m, name, (socklen_t)strlen(env));
	setenv("NOTIFY_SOCKET", env, 1);
	assert_int_equal(notify_open(&n), 0);
	notify_say(&n, "READY=1");
	heard(m, "READY=1");
	notify_close(&n);
}

static void nobody(void **state)
{
	struct manager *m = *state;
	struct notify n;

	setenv("WATCHDOG_USEC", "1000", 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.fd, -1);
	notify_say(&n, "READY=1");
	assert_true(notify_alive(&n, 5) == NOTIFY_NEVER);
	notify_close(&n);
	/* A manager that went away is nobody's error either. */
	setenv("NOTIFY_SOCKET", m->path, 1);
	assert_int_equal(notify_open(&n), 0);
	notify_say(&n, "READY=1");
	notify_close(&n);
}

static void watchdog(void **state)
{
	struct manager *m = *state;
	struct notify n;
	char pid[16];

	listen_at(m, m->path, (socklen_t)strlen(m->path) + 1);
	setenv("NOTIFY_SOCKET", m->path, 1);
	setenv("WATCHDOG_USEC", "2000", 1);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(notify_alive(&n, 10), 1000000);
	heard(m, "WATCHDOG=1");
	assert_int_equal(notify_alive(&n, 400010), 600000);
	heard(m, NULL);
	assert_int_equal(notify_alive(&n, 1000010), 1000000);
	heard(m, "WATCHDOG=1");
	notify_close(&n);
	/* Another process's watchdog is not ours. */
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_open(&n), 0);
	assert_true(notify_alive(&n, 10) == NOTIFY_NEVER);
	notify_close(&n);
}

static void bad_environment(void **state)
{
	static const char *const sockets[] = { "relative", "@", "/", "vsock:2:1" };
	static const char *const numbers[] = { "", "x", "-1", "1s", "99999999999999999999", "18446744073709551615" };
	struct manager *m = *state;
	char longer[200];
	struct notify n;

	for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
		setenv("NOTIFY_SOCKET", sockets[i], 1);
		assert_int_equal(notify_open(&n), -EINVAL);
		notify_close(&n);
	}
	memset(longer, 'x', sizeof longer - 1);
	longer[0] = '/';
	longer[sizeof longer - 1] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	assert_int_equal(notify_open(&n), -EINVAL);
	setenv("NOTIFY_SOCKET", m->path, 1);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		setenv("WATCHDOG_USEC", numbers[i], 1);
		assert_int_equal(notify_open(&n), -EINVAL);
	}
	/* An empty one is as none. */
	unsetenv("WATCHDOG_USEC");
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_path, setup, teardown),
		cmocka_unit_test_setup_teardown(an_abstract_name, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(watchdog, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_environment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

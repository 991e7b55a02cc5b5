// SPDX-License-Identifier: MIT
/*
 * A GPU that another process drives for all processes of the guest
 * (gpuvm run --shared; drm/serve/).
 *
 *  1. A descriptor is the GPU's if its service says so, whichever way it came
 *     here: opened, inherited over fork or exec, received.  Only sockets are asked
 *     about.
 *  2. A process that has opened or used a node has a thread that waits for the
 *     news that its work is lost, or that the GPU is.
 *  3. A child of vfork or of a bare clone has no part in it: it runs on its
 *     parent's memory, or without our fork handlers.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "pv-driver/drm/preload/preload.h"
#include "pv-driver/drm/remote.h"

/* As in node.c: a library whose functions are called by name starts from here. */
static struct {
	pthread_mutex_t lock; /* held while the connection is made */
	struct remote *remote; /* atomic */
	pid_t pid;   /* whose it is */
	bool failed; /* said so already */
	bool news;   /* the thread runs */
	struct remote *forking; /* between fork's prepare and its end */
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Its service's socket; constant from before main() on. */
static char service[108];

bool shared_on(void)
{
	return service[0];
}

struct remote *shared_remote(void)
{
	struct remote *r = __atomic_load_n(&shared.remote, __ATOMIC_ACQUIRE);

	return r && shared.pid == getpid() ? r : NULL;
}

bool shared_started(void)
{
	return __atomic_load_n(&shared.news, __ATOMIC_ACQUIRE);
}

/* lock held. */
static int start(void)
{
	const struct log log = { stderr, LOG_WARN, "gpuvm" };
	struct remote *r = shared.remote;
	int err;

	if (r)
		return shared.pid == getpid() ? 0 : -ENODEV;
	err = remote_new(service, &r);
	if (err && !shared.failed)
		log_error(&log, "no GPU: this guest's is gone: %s", strerror(-err));
	shared.failed = err;
	if (err)
		return -ENODEV;
	shared.pid = getpid();
	__atomic_store_n(&shared.remote, r, __ATOMIC_RELEASE);
	return 0;
}

static void *news_main(void *arg)
{
	char why[160];

	if (remote_news(arg, why, sizeof(why)))
		snprintf(why, sizeof(why), "this guest's GPU is gone");
	node_lost(why);
	return NULL;
}

/* lock held.  The thread has none of the program's signals. */
static int start_news(void)
{
	sigset_t all, old;
	pthread_t t;
	int err;

	if (shared.news)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&t, NULL, news_main, shared.remote);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return err;
	pthread_detach(t);
	__atomic_store_n(&shared.news, true, __ATOMIC_RELEASE);
	return 0;
}

static int begin(bool news)
{
	int err;

	pthread_mutex_lock(&shared.lock);
	err = start();
	if (!err && news)
		err = start_news();
	pthread_mutex_unlock(&shared.lock);
	return err;
}

int shared_open(int flags)
{
	int err = begin(true);

	return err ? err : remote_open(shared.remote, flags);
}

bool shared_file(int fd, struct remote_file *f)
{
	struct stat st;
	int saved = errno;
	bool ours = !syscall(SYS_fstat, fd, &st) && S_ISSOCK(st.st_mode) && !begin(false) &&
		    remote_know(shared.remote, fd, st.st_dev, st.st_ino, f);

	if (ours && f->kind == WIRE_NODE && !shared_started())
		begin(true);
	errno = saved;
	return ours;
}

bool shared_known(int fd, struct remote_file *f)
{
	struct remote *r = shared_remote();
	struct stat st;
	int saved = errno;
	bool known = r && !syscall(SYS_fstat, fd, &st) && S_ISSOCK(st.st_mode) &&
		     remote_known(r, st.st_dev, st.st_ino, f);

	errno = saved;
	return known;
}

/* ---- fork ------------------------------------------------------------------------------ */

static void fork_prepare(void)
{
	pthread_mutex_lock(&shared.lock);
	shared.forking = shared_remote();
	if (shared.forking)
		remote_fork_prepare(shared.forking);
}

static void fork_parent(void)
{
	if (shared.forking)
		remote_fork_parent(shared.forking);
	pthread_mutex_unlock(&shared.lock);
}

static void fork_child(void)
{
	if (shared.forking) {
		remote_fork_child(shared.forking);
		shared.pid = getpid();
		shared.news = false;
	}
	pthread_mutex_unlock(&shared.lock);
}

__attribute__((constructor)) static void shared_init(void)
{
	const char *name = getenv(WIRE_ENV);

	if (!name || !*name || strlen(name) >= sizeof(service))
		return;
	strcpy(service, name);
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

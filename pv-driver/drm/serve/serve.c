// SPDX-License-Identifier: MIT
/*
 * The service's own thread: who connects, who has hung up, who is to be told.
 */
#include "pv-driver/drm/serve/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/drm/serve/private.h"

enum { ID_LISTEN = 1, ID_WAKE, ID_END };

#define EVENTS_MAX 32

int serve_watch(struct serve *s, int fd, uint64_t id)
{
	struct epoll_event e = { .events = id < SERVE_FIRST_ID && id != ID_END ? EPOLLIN : 0,
				 .data.u64 = id };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

void serve_wake(struct serve *s)
{
	const uint64_t one = 1;
	ssize_t r = write(s->wake, &one, sizeof(one));

	/* It only fails when it is readable anyway. */
	(void)r;
}

/* ---- lost work -------------------------------------------------------------------------- */

void serve_lost(struct serve *s, struct drv_chan *chan, const char *why)
{
	pthread_mutex_lock(&s->note_lock);
	if (s->nr_notes < SERVE_NOTES) {
		struct serve_note *n = &s->note[s->nr_notes++];

		n->chan = chan;
		snprintf(n->why, sizeof(n->why), "%s", why);
	}
	pthread_mutex_unlock(&s->note_lock);
	serve_wake(s);
}

static bool note_take(struct serve *s, struct serve_note *out)
{
	bool any;

	pthread_mutex_lock(&s->note_lock);
	any = s->nr_notes;
	if (any) {
		*out = s->note[0];
		s->nr_notes--;
		memmove(s->note, s->note + 1, s->nr_notes * sizeof(s->note[0]));
	}
	pthread_mutex_unlock(&s->note_lock);
	return any;
}

/* A process that does not read its news has itself to blame: nobody waits for it. */
static void tell_users(struct serve *s, const struct nvdrm_client *c, const struct wire_news *news)
{
	struct serve_file *f;
	struct serve_proc *p;

	pthread_mutex_lock(&s->lock);
	list_for_each(f, &s->files, node) {
		if (f->client != c)
			continue;
		list_for_each(p, &s->procs, node)
			if (p->fd >= 0 && serve_proc_knows(p, f->id))
				send(p->fd, news, sizeof(*news), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	pthread_mutex_unlock(&s->lock);
}

void serve_tell(struct serve *s)
{
	struct nvdrm *d = __atomic_load_n(&s->drm, __ATOMIC_ACQUIRE);
	struct nvdrm_client *c;
	struct serve_note note;
	struct wire_news news;

	pthread_mutex_lock(&s->tell_lock);
	while (d && note_take(s, &note)) {
		pthread_mutex_lock(&d->lock);
		c = nvdrm_client_of(d, note.chan);
		pthread_mutex_unlock(&d->lock);
		memcpy(news.why, note.why, sizeof(news.why));
		if (c)
			tell_users(s, c, &news);
	}
	pthread_mutex_unlock(&s->tell_lock);
}

/* ---- events ------------------------------------------------------------------------------ */

/* Other users of the machine have no business with this guest. */
static bool welcome(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) &&
	       (who.uid == geteuid() || !who.uid);
}

static void connected(struct serve *s)
{
	int fd = accept4(s->listen, NULL, NULL, SOCK_CLOEXEC);
	struct serve_conn *c = fd < 0 ? NULL : mem_new(struct serve_conn);
	pthread_t t;
	bool room;

	if (!c) {
		if (fd >= 0)
			close(fd);
		return;
	}
	c->serve = s;
	c->fd = fd;
	list_init(&c->node);
	pthread_mutex_lock(&s->lock);
	room = s->nr_conns < SERVE_CONNS && welcome(fd);
	s->nr_conns += room;
	pthread_mutex_unlock(&s->lock);
	if (room && !pthread_create(&t, NULL, serve_conn_main, c)) {
		pthread_detach(t);
		return;
	}
	pthread_mutex_lock(&s->lock);
	s->nr_conns -= room;
	pthread_mutex_unlock(&s->lock);
	close(fd);
	mem_free(c);
}

static void hung_up(struct serve *s, uint64_t id)
{
	struct serve_proc *p, *proc = NULL;
	struct serve_file *f;

	pthread_mutex_lock(&s->lock);
	list_for_each(p, &s->procs, node)
		if (p->id == id && p->fd >= 0)
			proc = p;
	f = proc ? NULL : serve_file_by_id(s, id);
	pthread_mutex_unlock(&s->lock);
	if (proc)
		serve_proc_gone(s, proc);
	if (f)
		serve_file_closed(s, f);
	serve_files_hurry(s);
}

static void event(struct serve *s, uint64_t id)
{
	uint64_t n;
	ssize_t r;

	switch (id) {
	case ID_LISTEN:
		connected(s);
		return;
	case ID_WAKE:
		r = read(s->wake, &n, sizeof(n));
		(void)r;
		serve_tell(s);
		return;
	case ID_END:
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->cfg.end_fd, NULL);
		s->ended = true;
		return;
	default:
		hung_up(s, id);
	}
}

static bool over(struct serve *s)
{
	bool over;

	pthread_mutex_lock(&s->lock);
	over = s->stop || (s->ended && list_empty(&s->procs) && list_empty(&s->files) && !s->nr_conns);
	pthread_mutex_unlock(&s->lock);
	return over;
}

int serve_run(struct serve *s)
{
	struct epoll_event e[EVENTS_MAX];
	int n;

	while (!over(s)) {
		n = epoll_wait(s->epoll, e, EVENTS_MAX, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			event(s, e[i].data.u64);
	}
	return 0;
}

void serve_stop(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->quiet);
	pthread_mutex_unlock(&s->lock);
	serve_wake(s);
}

/* ---- life --------------------------------------------------------------------------------- */

int serve_new(const struct serve_cfg *cfg, struct serve **out)
{
	struct serve *s = mem_new(struct serve);
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->cfg = *cfg;
	s->next_id = SERVE_FIRST_ID;
	list_init(&s->procs);
	list_init(&s->files);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->start_lock, NULL);
	pthread_mutex_init(&s->tell_lock, NULL);
	pthread_mutex_init(&s->note_lock, NULL);
	pthread_cond_init(&s->quiet, NULL);
	s->listen = wire_listen(cfg->name);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->listen < 0)
		err = s->listen;
	else if (s->wake < 0 || s->epoll < 0)
		err = -errno;
	if (!err)
		err = serve_watch(s, s->listen, ID_LISTEN);
	if (!err)
		err = serve_watch(s, s->wake, ID_WAKE);
	if (!err && cfg->end_fd >= 0)
		err = serve_watch(s, cfg->end_fd, ID_END);
	if (err)
		serve_free(s);
	else
		*out = s;
	return err;
}

static void cut_off(struct serve *s)
{
	struct serve_proc *p;
	struct serve_file *f;

	pthread_mutex_lock(&s->lock);
	while (!list_empty(&s->procs) || s->nr_conns || s->nr_leaving || !list_empty(&s->files)) {
		struct serve_proc *proc = NULL;
		struct serve_file *file = NULL;

		list_for_each(p, &s->procs, node)
			proc = p->fd >= 0 ? p : proc;
		list_for_each(f, &s->files, node)
			file = f->fd >= 0 ? f : file;
		if (!proc && !file) {
			pthread_cond_wait(&s->quiet, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		if (proc)
			serve_proc_gone(s, proc);
		if (file)
			serve_file_closed(s, file);
		serve_files_hurry(s);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
}

void serve_free(struct serve *s)
{
	if (!s)
		return;
	if (s->listen >= 0)
		close(s->listen);
	cut_off(s);
	if (s->wake >= 0)
		close(s->wake);
	if (s->epoll >= 0)
		close(s->epoll);
	pthread_cond_destroy(&s->quiet);
	pthread_mutex_destroy(&s->note_lock);
	pthread_mutex_destroy(&s->tell_lock);
	pthread_mutex_destroy(&s->start_lock);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

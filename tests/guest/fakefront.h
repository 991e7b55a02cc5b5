/* SPDX-License-Identifier: MIT */
/* The domain's library on the Xen of tests/unit/hv/fakexen.h: what pv-driver/xen_front.c stands on in tests. */
#ifndef TESTS_GUEST_FAKEFRONT_H
#define TESTS_GUEST_FAKEFRONT_H

#include "pv-driver/xen_front.h"
#include "tests/unit/hv/fakexen.h"

struct ff {
	struct front_lib lib;
	struct fx *x;
	/* Domain 0 works while the domain looks at the store. */
	void (*work)(void *);
	void *arg;
	unsigned int fail_at; /* this call from now on fails; 0: none */
	bool open;
	/* What its kernel does when it ends. */
	uint8_t *gone;
	uint32_t gone_off, gone_port;
};

static inline struct ff *ff_of(struct front_lib *l)
{
	return container_of(l, struct ff, lib);
}

static inline bool ff_fails(struct ff *f)
{
	return f->fail_at && !--f->fail_at;
}

static void ff_close(struct front_lib *l)
{
	struct ff *f = ff_of(l);

	f->open = false;
	if (!f->gone)
		return;
	f->gone[f->gone_off] = 0;
	munmap(f->gone, 4096);
	f->gone = NULL;
	fx_kick(f->x, f->gone_port);
}

static const char *ff_path(const char *path, char *buf, size_t n)
{
	if (path[0] == '/')
		return path;
	snprintf(buf, n, "/local/domain/7/%s", path);
	return buf;
}

static char *ff_read(struct front_lib *l, const char *path)
{
	struct ff *f = ff_of(l);
	char buf[200];
	const char *text;

	if (f->work)
		f->work(f->arg);
	text = ff_fails(f) ? NULL : fx_get(f->x, ff_path(path, buf, sizeof buf));
	return text ? strdup(text) : NULL;
}

static int ff_write(struct front_lib *l, const char *path, const char *text)
{
	char buf[200];

	return ff_fails(ff_of(l)) ? -EIO : fx_set(ff_of(l)->x, ff_path(path, buf, sizeof buf), text);
}

static int ff_watch(struct front_lib *l, const char *path)
{
	(void)path;
	return ff_fails(ff_of(l)) ? -EIO : 0;
}

/* Always worth a look: domain 0 works in this thread. */
static int ff_store_fd(struct front_lib *l)
{
	return ff_of(l)->x->back_fd;
}

static void ff_changed(struct front_lib *l)
{
	(void)l;
}

static int ff_grant(struct front_lib *l, uint32_t n, uint32_t *refs, int *fd)
{
	return ff_fails(ff_of(l)) ? -ENOSPC : fx_grant(ff_of(l)->x, n, refs, fd);
}

static int ff_notify_gone(struct front_lib *l, int fd, uint32_t off, uint32_t port)
{
	struct ff *f = ff_of(l);
	void *p = ff_fails(f) ? MAP_FAILED :
				mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -EIO;
	f->gone = p;
	f->gone_off = off;
	f->gone_port = port;
	return 0;
}

static int ff_port(struct front_lib *l, uint32_t *port, int *fd)
{
	if (ff_fails(ff_of(l)))
		return -ENOSPC;
	*port = fx_port(ff_of(l)->x);
	*fd = ff_of(l)->x->front_fd;
	return *port ? 0 : -ENOSPC;
}

static void ff_take(struct front_lib *l)
{
	fx_lower(ff_of(l)->x->front_fd);
}

static const struct front_lib_ops ff_ops = {
	.close = ff_close,
	.read = ff_read,
	.write = ff_write,
	.watch = ff_watch,
	.store_fd = ff_store_fd,
	.changed = ff_changed,
	.grant = ff_grant,
	.notify_gone = ff_notify_gone,
	.port = ff_port,
	.take = ff_take,
};

static inline void ff_init(struct ff *f, struct fx *x, void (*work)(void *), void *arg)
{
	*f = (struct ff){ .lib = { &ff_ops }, .x = x, .work = work, .arg = arg, .open = true };
}

#endif

// SPDX-License-Identifier: MIT
/*
 * Which domains are to have a GPU, and which of them do.
 *
 * 1. There is one entry for each name, sorted by name.
 * 2. settled means: the domain of that number has had its GPU.  Taking the GPU
 *    away by hand does not bring it back; the domain's next life, which has another
 *    number, does.
 * 3. A refusal is logged once for each of its texts, and tried again when
 *    domains come or go, or the folder is read again.
 */
#include "gpuvm/domains.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"

#define SAID 200
#define PATH_LEN 512

struct entry {
	struct domain_conf conf;
	uint16_t domid;
	bool there, seen, settled;
	char said[SAID]; /* the last refusal */
};

struct table {
	struct entry *v; /* owned */
	unsigned int nr, room;
};

struct domains {
	char *dir; /* owned */
	const struct domains_ops *ops;
	void *ctx;
	const struct log *log;
	struct table t;
	uint64_t changes; /* what ops->changes said when the domains were looked at */
	bool again;
};

int domains_new(const char *dir, const struct domains_ops *ops, void *ctx, const struct log *log,
		struct domains **out)
{
	struct domains *d = mem_new(struct domains);

	if (!d)
		return -ENOMEM;
	*d = (struct domains){ .ops = ops, .ctx = ctx, .log = log, .again = true };
	d->dir = mem_strdup(dir);
	if (!d->dir) {
		mem_free(d);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

void domains_free(struct domains *d)
{
	if (!d)
		return;
	mem_free(d->t.v);
	mem_free(d->dir);
	mem_free(d);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->conf.name, ((const struct entry *)b)->conf.name);
}

/* The table is sorted. */
static struct entry *find(const struct table *t, const char *name)
{
	struct entry key;

	if (!t->nr || strlen(name) >= sizeof key.conf.name)
		return NULL;
	strcpy(key.conf.name, name);
	return bsearch(&key, t->v, t->nr, sizeof *t->v, by_name);
}

/* ---- reading the folder -------------------------------------------------------------- */

static int add(struct table *t, const struct entry *e)
{
	if (t->nr == t->room) {
		unsigned int room = t->room * 2 + 8;
		struct entry *v = mem_realloc(t->v, room * sizeof *v);

		if (!v)
			return -ENOMEM;
		t->v = v;
		t->room = room;
	}
	t->v[t->nr++] = *e;
	return 0;
}

struct reading {
	struct domains *d;
	struct table t; /* what is to be */
	unsigned int wrong;
	char *msg; /* the first line about a file that is wrong */
	size_t n;
};

static void complain(struct reading *r, const char *line)
{
	log_error(r->d->log, "%s", line);
	if (!r->wrong++)
		snprintf(r->msg, r->n, "%s", line);
}

/* -ENOMEM only: what is wrong with a file is that file's matter. */
static int read_entry(struct reading *r, const char *file)
{
	char path[PATH_LEN], line[PATH_LEN + 200], name[32];
	struct entry e = { 0 }, *old;
	int err = domain_conf_name(file, name);

	if (err == -ENOENT)
		return 0;
	if (snprintf(path, sizeof path, "%s/%s", r->d->dir, file) >= (int)sizeof path)
		err = -ENAMETOOLONG;
	if (err) {
		snprintf(line, sizeof line, "%.300s/%.64s: not a domain's name: 1 to 31 letters, digits, '.', "
			 "'_' or '-', then .conf", r->d->dir, file);
		complain(r, line);
		return 0;
	}
	old = find(&r->d->t, name);
	if (old)
		e = *old;
	err = domain_conf_read(path, &e.conf, line, sizeof line);
	if (err)
		complain(r, line);
	if (err && !old)
		return 0;
	if (err)
		e = *old;
	strcpy(e.conf.name, name);
	e.said[0] = '\0';
	return add(&r->t, &e);
}

int domains_reload(struct domains *d, struct domains_count *out, char *msg, size_t n)
{
	struct reading r = { .d = d, .msg = msg, .n = n };
	struct dirent *e;
	DIR *dir = opendir(d->dir);
	int err = dir ? 0 : -errno;

	*out = (struct domains_count){ 0 };
	if (n)
		*msg = '\0';
	while (!err && (e = readdir(dir)))
		err = read_entry(&r, e->d_name);
	if (dir)
		closedir(dir);
	if (err) {
		snprintf(msg, n, "%s: %s", d->dir, strerror(-err));
		mem_free(r.t.v);
		return err;
	}
	if (r.t.nr)
		qsort(r.t.v, r.t.nr, sizeof *r.t.v, by_name);
	mem_free(d->t.v);
	d->t = r.t;
	d->again = true;
	*out = (struct domains_count){ .configured = d->t.nr, .files_wrong = r.wrong };
	return 0;
}

/* ---- domains that come and go -------------------------------------------------------- */

static void meet(void *arg, uint16_t domid, const char *name)
{
	struct domains *d = arg;
	struct entry *e = find(&d->t, name);

	if (!e)
		return;
	if (!e->there || e->domid != domid) {
		e->settled = false;
		e->said[0] = '\0';
	}
	e->there = e->seen = true;
	e->domid = domid;
}

static void settle(struct domains *d, struct entry *e)
{
	char msg[SAID] = "";
	int err = d->ops->attach(d->ctx, &e->conf, e->domid, msg, sizeof msg);

	e->settled = !err;
	if (!err) {
		log_info(d->log, "domain %u (%s) has its GPU", e->domid, e->conf.name);
	} else if (strcmp(msg, e->said)) {
		log_error(d->log, "domain %u (%s/%s.conf): %s", e->domid, d->dir, e->conf.name, msg);
		strcpy(e->said, msg);
	}
}

void domains_serve(struct domains *d)
{
	uint64_t now = d->ops->changes(d->ctx);

	if (now == d->changes && !d->again)
		return;
	/* Before the look: what changes meanwhile is another look. */
	d->changes = now;
	d->again = false;
	/* Asking who is there is talk with another process. */
	if (!d->t.nr)
		return;
	for (unsigned int i = 0; i < d->t.nr; i++)
		d->t.v[i].seen = false;
	d->ops->each(d->ctx, meet, d);
	for (unsigned int i = 0; i < d->t.nr; i++) {
		struct entry *e = &d->t.v[i];

		e->there = e->seen;
		if (e->there && !e->settled)
			settle(d, e);
	}
}

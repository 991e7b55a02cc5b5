// SPDX-License-Identifier: MIT
#include "bench/files.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int larger_first(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? 1 : -1;
	return strcmp(x->path, y->path);
}

/* Keeps the list at most full by dropping the smaller half now and then. */
static void make_room(struct file_list *l)
{
	qsort(l->f, l->nr, sizeof l->f[0], larger_first);
	while (l->nr > FILES_MAX / 2)
		free(l->f[--l->nr].path);
}

int files_find(const char *dir, struct file_list *out)
{
	char *roots[2] = { (char *)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	FTSENT *e;

	out->nr = 0;
	if (!fts)
		return -errno;
	while ((e = fts_read(fts)) != NULL) {
		if (e->fts_info != FTS_F || e->fts_statp->st_size <= 0 || access(e->fts_path, R_OK))
			continue;
		if (out->nr == FILES_MAX)
			make_room(out);
		out->f[out->nr].path = strdup(e->fts_path);
		out->f[out->nr].len = (uint64_t)e->fts_statp->st_size;
		if (out->f[out->nr].path)
			out->nr++;
	}
	fts_close(fts);
	qsort(out->f, out->nr, sizeof out->f[0], larger_first);
	return 0;
}

void files_free(struct file_list *l)
{
	while (l->nr)
		free(l->f[--l->nr].path);
}

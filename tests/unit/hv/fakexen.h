/* SPDX-License-Identifier: MIT */
/*
 * A Xen for tests: a store of nodes, event channels, and pages by grant
 * reference, as domain 0's library (pvback_lib) and a domain's (front_lib) see
 * them.  One domain, FX_DOM.  Nothing is lost silently: a page mapped and never
 * unmapped, or a node left behind, is there to be counted.
 */
#ifndef TESTS_UNIT_HV_FAKEXEN_H
#define TESTS_UNIT_HV_FAKEXEN_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/hv/pvback_lib.h"
#include "pv-driver/xen_abi.h"

#define FX_DOM 7u
#define FX_NODES 64
#define FX_PAGES 16384u
#define FX_MAPS 64
#define FX_FRONT "/local/domain/7/device/gpuvm/0"
#define FX_BACK "/local/domain/0/backend/gpuvm/7/0"
/* The domain's ports; domain 0's are these and FX_LOCAL. */
#define FX_PORTS 8u
#define FX_LOCAL 100u

struct fx_page {
	int fd; /* -1: not granted */
	uint32_t page;
};
struct fx_map {
	uint8_t *mem; /* NULL: free */
	uint32_t n, off, port;
	bool tell;
};

struct fx {
	struct pvback_lib back;
	struct { char path[256], *text; } node[FX_NODES];
	struct fx_page page[FX_PAGES]; /* by reference */
	struct fx_map map[FX_MAPS];
	uint32_t next_ref, mapped; /* mapped: pages, now */
	bool alive, changed, bound[FX_PORTS], open;
	uint32_t nr_ports;
	bool to_back[FX_PORTS]; /* events that wait */
	int back_fd, front_fd;  /* readable while something waits */
	unsigned int fail_at;   /* this call of domain 0's from now on fails, that one only; 0: none */
	unsigned int front_events;
};

static inline struct fx *fx_of(struct pvback_lib *l)
{
	return container_of(l, struct fx, back);
}

static inline bool fx_fails(struct fx *x)
{
	return x->fail_at && !--x->fail_at;
}

static inline void fx_raise(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof one);

	(void)n;
}

static inline void fx_lower(int fd)
{
	uint64_t n;
	ssize_t r = read(fd, &n, sizeof n);

	(void)r;
}

/* ---- the store ------------------------------------------------------------------ */

static inline int fx_index(struct fx *x, const char *path)
{
	for (int i = 0; i < FX_NODES; i++)
		if (x->node[i].text && !strcmp(x->node[i].path, path))
			return i;
	return -1;
}

static inline const char *fx_get(struct fx *x, const char *path)
{
	int i = fx_index(x, path);

	return i < 0 ? NULL : x->node[i].text;
}

static inline int fx_set(struct fx *x, const char *path, const char *text)
{
	int i = fx_index(x, path);

	for (int k = 0; i < 0 && k < FX_NODES; k++)
		if (!x->node[k].text)
			i = k;
	if (i < 0)
		return -ENOSPC;
	snprintf(x->node[i].path, sizeof x->node[i].path, "%s", path);
	free(x->node[i].text);
	x->node[i].text = strdup(text);
	x->changed = true;
	fx_raise(x->back_fd);
	return 0;
}

static inline void fx_remove(struct fx *x, const char *path)
{
	size_t n = strlen(path);

	for (int i = 0; i < FX_NODES; i++) {
		if (!x->node[i].text || strncmp(x->node[i].path, path, n) ||
		    (x->node[i].path[n] && x->node[i].path[n] != '/'))
			continue;
		free(x->node[i].text);
		x->node[i].text = NULL;
	}
}

static inline unsigned int fx_state(struct fx *x, const char *folder)
{
	char path[120];
	const char *text;

	snprintf(path, sizeof path, "%s/state", folder);
	text = fx_get(x, path);
	return text ? (unsigned int)atoi(text) : 0;
}

static inline void fx_say(struct fx *x, const char *name, const char *text)
{
	char path[120];

	snprintf(path, sizeof path, FX_FRONT "/%s", name);
	fx_set(x, path, text);
}

static inline void fx_say_n(struct fx *x, const char *name, unsigned long v)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", v);
	fx_say(x, name, text);
}

/* ---- the domain ------------------------------------------------------------------------ */

/* n pages that domain 0 may map, as a file. */
static inline int fx_grant(struct fx *x, uint32_t n, uint32_t *refs, int *fd)
{
	*fd = memfd_create("pages", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)n * 4096) || x->next_ref + n > FX_PAGES)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		refs[i] = x->next_ref++;
		x->page[refs[i]] = (struct fx_page){ .fd = *fd, .page = i };
	}
	return 0;
}

static inline uint32_t fx_port(struct fx *x)
{
	return x->nr_ports < FX_PORTS - 1 ? ++x->nr_ports : 0;
}

/* An event of the domain's. */
static inline void fx_kick(struct fx *x, uint32_t port)
{
	x->to_back[port] = true;
	fx_raise(x->back_fd);
}

static inline void fx_close(struct fx *x)
{
	fx_remove(x, "/local");
	for (int i = 0; i < FX_NODES; i++)
		free(x->node[i].text);
	close(x->back_fd);
	close(x->front_fd);
}

#endif

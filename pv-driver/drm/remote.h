/* SPDX-License-Identifier: MIT */
/*
 * The program's end of a GPU that another process drives (wire.h, serve/).
 *
 * Calls come from any thread; each that is under way has a connection of its
 * own, so none waits for another.  Everything here answers -ENODEV once the
 * service is gone.
 */
#ifndef PV_DRIVER_DRM_REMOTE_H
#define PV_DRIVER_DRM_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-driver/drm/wire.h"

struct nvdrm_mmap_args;
struct remote;

struct remote_file { /* a descriptor, as the service knows it */
	uint64_t dev, ino, id;
	uint64_t len; /* of an export */
	enum wire_kind kind;
};

/* name: the service's socket; copied. */
int remote_new(const char *name, struct remote **out);
/* Nothing may be mapped any more.  Accepts NULL. */
void remote_free(struct remote *);
/*
 * Waits for bad news: the reason why work of this process is lost, in why (n bytes).  -ENODEV: the
 * service is gone.  One thread at a time.
 */
int remote_news(struct remote *, char *why, size_t n);

/* A new node's descriptor; flags as for open(). */
int remote_open(struct remote *, int flags);
/* Whether fd (of that identity) is the service's. */
bool remote_know(struct remote *, int fd, uint64_t dev, uint64_t ino, struct remote_file *);
/* What fd is, if it is known already: nobody is asked. */
bool remote_known(struct remote *, uint64_t dev, uint64_t ino, struct remote_file *);
/* A descriptor of that file was closed: what went with the last one is gone when it returns. */
void remote_closed(struct remote *, uint64_t file);
/* As ioctl(2) on a node: 0 or -errno. */
int remote_ioctl(struct remote *, uint64_t node, unsigned long request, void *arg);

/* ---- remote_map.c: as in nvdrm.h ------------------------------------------------- */
int remote_mmap(struct remote *, uint64_t file, const struct nvdrm_mmap_args *, void **out);
bool remote_munmap(struct remote *, void *addr, uint64_t len);

/* ---- fork: before it, and after it in the parent and in the child ------------------ */
void remote_fork_prepare(struct remote *);
void remote_fork_parent(struct remote *);
void remote_fork_child(struct remote *);

#endif

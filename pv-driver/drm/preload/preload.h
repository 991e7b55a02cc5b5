/* SPDX-License-Identifier: MIT */
/*
 * The preloaded library: makes a program believe in /dev/dri/renderD128.
 *
 * Always true:
 *  1. Without GPUVM_GUEST, GPUVM_NATIVE or GPUVM_SHARED in the environment, or
 *     without the tree of files beside the library, every call goes straight through.
 *  2. Nothing of the GPU is touched before the node is opened for the first
 *     time.
 *  3. A wrapper that has nothing to say leaves the call, and errno, to the
 *     next library's function of that name.
 *  4. An open node is an empty memory file, or a socket where the GPU is shared;
 *     its inode says whose it is, so a duplicate of the descriptor needs no help.
 *  5. A program that polls memory for the end of work whose channel died is
 *     ended with PROC_EXIT_DEAD and a line on stderr.
 *  6. After fork the child of a program that drives its own GPU has none: its
 *     copies of descriptors answer -ENODEV, opening the node starts a GPU of its
 *     own if it can have one.  Where the GPU is shared they are as good as the
 *     parent's.
 */
#ifndef PV_DRIVER_DRM_PRELOAD_PRELOAD_H
#define PV_DRIVER_DRM_PRELOAD_PRELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct nvdrm;
struct nvdrm_bo;
struct nvdrm_client;
struct nvdrm_mmap_args;
struct remote;
struct remote_file;

#define DRM_MAJOR 226
#define DRM_RENDER_MINOR 128
#define EXPORT __attribute__((visibility("default")))

/*
 * The function that would be called without us.  *slot keeps the answer; it is
 * a word that every thread would fill alike.
 */
void *real_sym(void **slot, const char *name);

/* ---- paths.c ------------------------------------------------------------------ */
#define PATH_LEN 4096
/*
 * What to use instead of path (as seen from dirfd): path itself, or buf
 * (PATH_LEN bytes) with the name in the tree.  *node: it is the render node.
 */
const char *path_map(int dirfd, const char *path, char *buf, bool *node);
/* A name in the tree as the program knows it, in place. */
void path_unmap(char *path);
bool paths_on(void);

/* ---- node.c --------------------------------------------------------------------- */
/* A new client's descriptor; flags as for open().  -errno. */
int node_open(int flags);
/*
 * The client behind fd, which stays until node_put().  NULL: fd is no node.  With *stale set:
 * it is one, of a process we were forked from.
 */
struct nvdrm_client *node_get(int fd, bool *stale);
void node_put(struct nvdrm_client *);
bool node_is(int fd);
/* The buffer that fd exports, counted, or NULL. */
struct nvdrm_bo *node_export(int fd);
void node_export_put(struct nvdrm_bo *);
/* Whether fd is a node or an export; then *id must be given to node_closed() after closing fd. */
struct node_id {
	uint64_t dev, ino;
};
bool node_closing(int fd, struct node_id *id);
void node_closed(const struct node_id *id);
/* The process's own GPU if it has been started; NULL. */
struct nvdrm *node_drm(void);
/* Whether the process uses a GPU. */
bool node_started(void);
/* Ends the program: nothing else could tell it. */
__attribute__((noreturn)) void node_lost(const char *why);

/* ---- shared.c: a GPU that another process drives for all of the guest ------------------ */
/* Whether this guest has one of that kind. */
bool shared_on(void);
bool shared_started(void);
/* As node_open(). */
int shared_open(int flags);
/* Whether fd is a node or a buffer of that GPU. */
bool shared_file(int fd, struct remote_file *);
/* As shared_file(), without asking anybody. */
bool shared_known(int fd, struct remote_file *);
/* For files that shared_file() told of; NULL: in a process that has no part in it (vfork, clone). */
struct remote *shared_remote(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Inside the service: serve.c (events, life), proc.c (processes and what they
 * have mapped), file.c (open nodes, exported buffers), call.c (requests).
 *
 * Always true:
 *  1. serve.lock guards every list and count here.  It may be taken with
 *     drm.lock held, never the other way round, and nobody waits under it.
 *  2. A process is gone when its first connection hangs up; its calls then end by
 *     themselves, the last to end frees it.
 *  3. A node's client goes when the node's socket has hung up and no call is
 *     inside it; work that nobody is left to want does not hold it up.
 *  4. Nothing a program says is a pointer here: arrays are copied into the
 *     message, and what points at them is written by call.c.
 */
#ifndef PV_DRIVER_DRM_SERVE_PRIVATE_H
#define PV_DRIVER_DRM_SERVE_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gpuvm/base/list.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drm/serve/serve.h"
#include "pv-driver/drm/wire.h"

#define SERVE_NODES 256	  /* open at a time; as many as a program alone can have */
#define SERVE_CONNS 1024  /* each has a thread */
#define SERVE_MAPS 65536u /* of one process */
#define SERVE_NOTES 128	  /* one a channel: GF100 has as many */
#define SERVE_FIRST_ID 16 /* below: the service's own descriptors */

struct serve_map { /* a buffer that a process has mapped */
	struct list node; /* serve_proc.maps */
	uint64_t id;
	struct nvdrm_bo *bo; /* counted */
	uint64_t at, len;    /* where in it */
	uint32_t busy;	     /* accesses under way */
	bool gone;
};

struct serve_proc {
	struct list node; /* serve.procs */
	uint64_t id;
	int fd; /* first connection; -1: gone */
	struct wire_token token;
	struct list maps, conns;
	uint64_t *knows; /* owned: files it has shown that it has */
	uint32_t nr_knows, room_knows, nr_maps;
	bool left; /* nothing but calls is left of it */
};
struct serve_conn {
	struct list node; /* serve_proc.conns */
	struct serve *serve;
	struct serve_proc *proc; /* NULL until it has said whose it is */
	int fd;
};
struct serve_file {
	struct list node; /* serve.files */
	uint64_t id;
	enum wire_kind kind;
	int fd;		     /* our end; -1: hung up */
	uint64_t dev, ino;   /* of theirs */
	uint64_t len;	     /* export */
	struct nvdrm_client *client; /* node; owned */
	uint32_t busy;
	bool hurry; /* atomic; node: nobody is left who knows it */
};
struct serve_note {
	const struct drv_chan *chan;
	char why[sizeof(((struct wire_news *)0)->why)];
};

struct serve {
	struct serve_cfg cfg;
	pthread_mutex_t lock, start_lock, tell_lock, note_lock;
	pthread_cond_t quiet; /* a thread ended */
	struct nvdrm *drm; /* borrowed; NULL before the first open.  Atomic */
	int epoll, listen, wake;
	struct list procs, files;
	uint64_t next_id;
	uint32_t nr_conns, nr_nodes, nr_leaving;
	bool ended, stop;
	struct serve_note note[SERVE_NOTES];
	uint32_t nr_notes; /* note_lock */
};

/* ---- serve.c ------------------------------------------------------------------------ */
/* Hang-ups of fd come as the id's. */
int serve_watch(struct serve *, int fd, uint64_t id);
void serve_wake(struct serve *);
/* Bad news that are waiting are with their processes when it returns. */
void serve_tell(struct serve *);

/* ---- proc.c ------------------------------------------------------------------------- */
/* fd is taken if it succeeds. */
int serve_proc_new(struct serve *, int fd, const struct serve_proc *like, struct wire_token *);
/* lock held. */
struct serve_proc *serve_proc_by_token(struct serve *, const struct wire_token *);
bool serve_proc_knows(const struct serve_proc *, uint64_t file);
int serve_proc_learn(struct serve_proc *, uint64_t file);
/* lock held; the file is gone. */
void serve_procs_forget(struct serve *, uint64_t file);
/* lock held; frees it if nothing of it is left. */
void serve_proc_put(struct serve *, struct serve_proc *);
/* Its first connection hung up. */
void serve_proc_gone(struct serve *, struct serve_proc *);
/* bo's reference is taken if it succeeds. */
int serve_map_new(struct serve *, struct serve_proc *, const struct serve_map *like, uint64_t *id);
struct serve_map *serve_map_get(struct serve *, struct serve_proc *, uint64_t id);
void serve_map_put(struct serve *, struct serve_map *);
int serve_map_drop(struct serve *, struct serve_proc *, uint64_t id);

/* ---- file.c ------------------------------------------------------------------------- */
/* The program's end of a new node. */
int serve_node_new(struct serve *, struct serve_proc *, uint64_t *id);
/* nvdrm.export_file */
int serve_export_new(void *serve, const struct nvdrm_export *, uint32_t flags, struct stat *);
/* The file that fd is, now known to the process; -EINVAL. */
int serve_file_know(struct serve *, struct serve_proc *, int fd, struct wire_rep *);
/* A file that the process knows, not to go until serve_file_put(); NULL. */
struct serve_file *serve_file_get(struct serve *, struct serve_proc *, uint64_t id);
void serve_file_put(struct serve *, struct serve_file *);
/* If the last copy of its descriptor is closed: waits until all of it is gone. */
int serve_file_settle(struct serve *, const struct serve_proc *, uint64_t id);
/* lock held. */
struct serve_file *serve_file_by_id(struct serve *, uint64_t id);
void serve_file_closed(struct serve *, struct serve_file *);
/* Who is closing and wanted by nobody loses its work. */
void serve_files_hurry(struct serve *);

/* ---- call.c ------------------------------------------------------------------------- */
/* A connection's thread; arg: struct serve_conn, counted in nr_conns. */
void *serve_conn_main(void *arg);

#endif

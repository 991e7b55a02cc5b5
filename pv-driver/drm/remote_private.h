/* SPDX-License-Identifier: MIT */
/* Inside the program's end: remote.c (calls, nodes, fork), remote_map.c (memory). */
#ifndef PV_DRIVER_DRM_REMOTE_PRIVATE_H
#define PV_DRIVER_DRM_REMOTE_PRIVATE_H

#include <pthread.h>

#include "gpuvm/base/list.h"
#include "pv-driver/drm/remote.h"
#include "pv-driver/trap.h"

#define REMOTE_CONNS 64	  /* calls under way at a time; more wait */
#define REMOTE_FILES 256  /* descriptors remembered; others are asked for again */
#define REMOTE_WINDOWS 64 /* VRAM buffers mapped at a time, in so many bytes of addresses */
#define REMOTE_AREA_LEN (1ull << 30)
#define REMOTE_SPACE 2u /* BAR1's, in what a fault says */

struct remote_map {
	struct list node; /* remote.maps */
	uint64_t id;
	uint8_t *at;
	uint64_t len, left; /* left: bytes not unmapped yet */
	bool traps;
};

/* VRAM buffers, where each access traps and becomes a call. */
struct remote_window {
	uint64_t id;	     /* atomic, of the mapping; 0: none */
	uint32_t first, len; /* in the area */
};
struct remote_area {
	struct trap_sink sink;
	struct trap *trap; /* owned */
	uint8_t *base;	   /* PROT_NONE; NULL: there is none yet */
	uint32_t lock;	   /* of fd: taken in a signal handler */
	int fd;		   /* connection; -1: none yet */
	struct remote_window window[REMOTE_WINDOWS];
};

struct remote {
	char name[108];
	int first; /* connection that stands for the process; -1: the service is not to be had */
	struct wire_token token;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t room;
	int idle[REMOTE_CONNS], all[REMOTE_CONNS];
	uint32_t nr_idle, nr_all;
	struct remote_file file[REMOTE_FILES];
	uint32_t next_file;
	struct list maps; /* struct remote_map */
	struct remote_area area;
	/* Between fork's prepare and its end: the child's. */
	int child;
	struct wire_token child_token;
};

struct remote_rest { /* what follows a message, in up to three pieces; what came back, in one */
	struct iovec out[3];
	int nr;
	void *in;
	size_t room, got;
	int fd_out, fd_in; /* -1: none */
};
/* A call; rest may be NULL.  -errno. */
int remote_call(struct remote *, struct wire_req *, struct remote_rest *, struct wire_rep *);
/* A connection for calls; -errno.  Async-signal-safe. */
int remote_connect(struct remote *);
/* One call on a connection, which is of no more use if rep->len says so.  Async-signal-safe. */
#define REMOTE_NO_ANSWER UINT32_MAX
int remote_call_on(int conn, struct wire_req *, struct remote_rest *, struct wire_rep *);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The domain's end of the connection to a mediator in domain 0 (xen_abi.h):
 * grants the ring and the RAM, publishes them, and makes of both what a process
 * guest's program finds (proc_abi.h), with struct proc_far beside it.
 *
 * One agent (gpuvm-guest) holds it while its program runs: it turns events
 * into wake-ups and interrupts.  User space only; no driver of a GPU is in the
 * domain's kernel.
 */
#ifndef PV_DRIVER_XEN_FRONT_H
#define PV_DRIVER_XEN_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-driver/proc_abi.h"
#include "pv-driver/xen_abi.h"

struct front_lib;

/* What it needs of the domain's kernel.  xen_front_lib.c; tests have their own. */
struct front_lib_ops {
	void (*close)(struct front_lib *);
	/* Nodes by absolute path, or below the domain's own folder.  Free the text; NULL: none. */
	char *(*read)(struct front_lib *, const char *path);
	int (*write)(struct front_lib *, const char *path, const char *text);
	int (*watch)(struct front_lib *, const char *path);
	/* Readable while a watch waits; changed() takes what waits. */
	int (*store_fd)(struct front_lib *);
	void (*changed)(struct front_lib *);
	/*
	 * n zeroed pages that domain 0 may map, their references in refs; *fd (the caller's) shows
	 * them from offset 0 on.
	 */
	int (*grant)(struct front_lib *, uint32_t n, uint32_t *refs, int *fd);
	/* When the last mapping of fd's first page goes, clear its byte at off and send an event to port. */
	int (*notify_gone)(struct front_lib *, int fd, uint32_t off, uint32_t port);
	/* A port that domain 0 may bind; its descriptor (the library's) is readable while an event waits. */
	int (*port)(struct front_lib *, uint32_t *port, int *fd);
	/* Takes the event that waits, if one does. */
	void (*take)(struct front_lib *);
};

/* Embedded as first member. */
struct front_lib {
	const struct front_lib_ops *ops;
};

/* -ENODEV, -EACCES: not in a domain, or a device of Xen's is missing; msg says which. */
int xen_front_lib_open(struct front_lib **out, char *msg, size_t n);

struct xen_front_cfg {
	const char *mode;   /* what the mediator has to offer, options or not; NULL: whatever it does */
	uint64_t ram_len;   /* bytes, page-aligned */
	uint64_t wait_ns;   /* for a mediator, and for it to connect */
};

struct xen_front {
	struct front_lib *lib; /* owned */
	char *back;	       /* owned: the mediator's folder */
	char mode[48];	       /* as the mediator named it */
	struct xen_pv_index *index;
	struct proc_ring *ring;
	struct proc_far *far;
	uint64_t ring_len, ram_len;
	int index_fd, ring_fd, ram_fd, far_fd; /* owned */
	int port_fd;			       /* the library's */
	uint32_t port;
	uint32_t irqs; /* seen so far */
	bool dead;     /* atomic: the connection has ended, and everybody here knows */
};

/*
 * Connects.  Takes over lib, also on errors.  -ENODEV: the domain was given no
 * GPU.  -ETIMEDOUT: no mediator.  -EPROTO: it refuses, or offers another mode.
 * msg (n bytes) gets one line on any error.
 */
int xen_front_open(struct front_lib *lib, const struct xen_front_cfg *, struct xen_front **out,
		   char *msg, size_t n);
/* Ends the connection, waiting a while for the mediator to let go.  Accepts NULL. */
void xen_front_close(struct xen_front *);
/*
 * An event, or a watch (each from one thread, not the same one): wakes who waits.  Answers true if an interrupt was
 * raised.  dead is set once the mediator has gone; programs are told in the ring.
 */
bool xen_front_event(struct xen_front *);
void xen_front_look(struct xen_front *);

#endif

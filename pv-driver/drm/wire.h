/* SPDX-License-Identifier: MIT */
/*
 * Between the programs of a guest and the process that drives their GPU
 * (serve/): messages on local sockets, a request and its answer at a time.
 * The two ends are built together; nothing of it is an interface to anybody else.
 *
 * A process connects to the socket that WIRE_ENV names, in the abstract name
 * space.  Its first connection (WIRE_HELLO) stands for the process: what it holds
 * goes when that hangs up, and bad news comes by it.  Each further one
 * (WIRE_JOIN, with the token that the first was given) carries its calls.
 *
 * An open node, and a buffer exported, is a socket whose other end the service
 * has: it sees for itself when the last copy of the descriptor is closed, in
 * whatever process that is.  Such a descriptor is shown to the service once
 * (WIRE_KNOW), which answers the number that calls name it by.
 */
#ifndef PV_DRIVER_DRM_WIRE_H
#define PV_DRIVER_DRM_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <libdrm/nouveau_drm.h>

#define WIRE_ENV "GPUVM_SHARED"

enum wire_op {
	WIRE_HELLO = 1, /* answers the token, in what follows */
	WIRE_JOIN,	/* token */
	WIRE_FORK,	/* a descriptor: the first connection of a copy of this process; token follows */
	WIRE_OPEN,	/* a: as open(2)'s flags; a descriptor, a: its number */
	WIRE_KNOW,	/* a descriptor; a: its number, b: enum wire_kind, c: an export's length */
	/* node or export id, a descriptor of which was just closed: what went with the last one is gone */
	WIRE_CLOSED,
	/* node id, a: request; the argument follows, then the arrays of a submission */
	WIRE_IOCTL,
	/*
	 * node or export id; a: length, b: offset, c: protection and flags (high half).  a: the mapping's
	 * number, b: offset in the descriptor that came along, or none came: WIRE_RD and WIRE_WR.
	 */
	WIRE_MAP,
	WIRE_UNMAP, /* mapping id; an error if it is none, otherwise as said */
	WIRE_RD,    /* mapping id, a: where, b: 1, 2, 4 or 8 bytes; a: the value */
	WIRE_WR,    /* the same, c: the value */
	WIRE_OP_END
};
enum wire_kind { WIRE_NODE = 1, WIRE_EXPORT };

struct wire_token {
	uint8_t byte[16];
};
struct wire_req {
	uint32_t op, len; /* len: of what follows */
	uint64_t id, a, b, c;
	struct wire_token token;
};
struct wire_rep {
	int32_t err; /* 0 or a negative errno */
	uint32_t len;
	uint64_t a, b, c;
};
/* Comes by the first connection, unasked for: work of the process is lost. */
struct wire_news {
	char why[128];
};

#define WIRE_REST_MAX                                                                              \
	(4096u + NOUVEAU_GEM_MAX_BUFFERS * sizeof(struct drm_nouveau_gem_pushbuf_bo) +             \
	 NOUVEAU_GEM_MAX_PUSH * sizeof(struct drm_nouveau_gem_pushbuf_push))

/* One message of the n pieces; fd goes along unless it is -1.  0 or -errno. */
int wire_send(int sock, const struct iovec *v, int n, int fd);
/*
 * One message into the n pieces, its length; 0: nobody is there any more.  *fd (fd may be NULL) is
 * the first descriptor that came along or -1; what else came is closed.
 */
ssize_t wire_recv(int sock, struct iovec *v, int n, int *fd);
/* A connection to the service of that name; -errno. */
int wire_connect(const char *name);
/* The service's own end; -errno. */
int wire_listen(const char *name);
/* As close(2), by no name that the preloaded library stands before. */
void wire_close(int fd);

#endif

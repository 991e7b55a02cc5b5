/* SPDX-License-Identifier: MIT */
/*
 * The control socket: a Unix SOCK_SEQPACKET socket on which each message is
 * one JSON object (at most CONTROL_MSG_MAX bytes) and each request gets one
 * answer.  docs/control.md lists the operations.  Only root and the daemon's
 * own user may speak (peer credentials); the socket's mode is 0600.
 *
 * Served on the core's thread; a client that does not read its answers is
 * disconnected, never waited for.
 */
#ifndef GPUVM_CONTROL_H
#define GPUVM_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct control;
struct gpuvm;
struct hv;

#define CONTROL_MSG_MAX (192u << 10) /* a full dump of 64 guests fits; SO_SNDBUF is raised to match */
#define CONTROL_MAX_CLIENTS 64

struct control_cfg {
	const char *path; /* socket to create; NULL: none */
	int fd;		  /* an already connected client, taken over; -1: none */
	struct hv *vm_port; /* for guests that are virtual machines (vfio-user); NULL: none */
	struct hv *xen_port; /* for domains of Xen; NULL: none */
	const char *domains; /* folder of domains' configurations; NULL: none */
	struct hv *pv_port;  /* for domains of Xen without traps; NULL: none */
};

/*
 * -EADDRINUSE if a live daemon answers at path; a stale socket file is
 * replaced.  One line in msg on error.
 */
int control_new(struct gpuvm *, struct hv *process_port, const struct control_cfg *,
		struct control **out, char *msg, size_t n);
/* Removes the socket file.  Accepts NULL. */
void control_free(struct control *);
/* What to poll; at most CONTROL_MAX_CLIENTS + 1.  Answers how many. */
unsigned int control_fds(struct control *, struct pollfd *fds);
/* Accepts, reads, answers; never blocks. */
void control_serve(struct control *);
unsigned int control_nr_clients(const struct control *);
/* Gives GPUs to configured domains that came. */
void control_domains(struct control *);
/* Reads the folder of domains again; what is wrong is logged. */
void control_domains_reload(struct control *);
/* A client asked the daemon to end. */
bool control_stop_asked(const struct control *);

#endif

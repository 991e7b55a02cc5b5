/* SPDX-License-Identifier: MIT */
/* What control requests mean; docs/control.md describes them for people. */
#ifndef GPUVM_CONTROL_OPS_H
#define GPUVM_CONTROL_OPS_H

#include <stdbool.h>

struct domains;
struct gpuvm;
struct hv;

#define CONTROL_MAX_FDS 5

struct control_env {
	struct gpuvm *g;  /* borrowed */
	struct hv *port;  /* borrowed: the process port */
	struct hv *vm_port; /* borrowed: the vfio-user port; NULL: none */
	struct hv *xen_port; /* borrowed: the Xen port; NULL: none */
	struct domains *domains; /* owned by control.c; NULL: no folder of domains */
	struct hv *pv_port;  /* borrowed: its port for domains without traps; NULL: none */
	bool stop;	  /* set by the operation "stop" */
};

struct control_answer {
	char *text; /* owned: JSON */
	int fds[CONTROL_MAX_FDS];
	unsigned int nr_fds; /* owned until control_answer_free */
};

/*
 * Carries out one request (JSON text).  A request that is wrong gets an
 * answer saying so; a negative result means there was no memory to answer.
 */
int control_handle(struct control_env *, const char *request, struct control_answer *out);
void control_answer_free(struct control_answer *);

#endif

/* SPDX-License-Identifier: MIT */
/* Domains of Xen whose GPU needs no traps: attaching them, also again after a restart of the daemon. */
#ifndef GPUVM_CONTROL_PV_H
#define GPUVM_CONTROL_PV_H

#include <stdint.h>

#include <jansson.h>

struct control_env;
struct hv_guest;
struct vgpu_cfg;

/* req is the request, which is kept for control_pv_again(); the answer, as control_handle() gives it. */
json_t *control_pv_attach(struct control_env *, json_t *req, const char *name, uint16_t domid,
			  const struct vgpu_cfg *);
/* Attaches what an earlier daemon had attached and whose domains still live. */
void control_pv_again(struct control_env *);
/* Which domain a guest of that port is, and what the port counts of it, into its description. */
void control_pv_describe(struct control_env *, const struct hv_guest *, json_t *into);

#endif

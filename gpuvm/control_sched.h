/* SPDX-License-Identifier: MIT */
/* Control requests about scheduling, and the refusal that all requests share. */
#ifndef GPUVM_CONTROL_SCHED_H
#define GPUVM_CONTROL_SCHED_H

#include <jansson.h>

#include "gpuvm/control_ops.h"

struct vgpu;

/* An answer with "ok" false and one line. */
json_t *control_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* {"op": "policy", "policy": SPEC}: changes it if there is a SPEC; answers which is in force. */
json_t *control_policy(struct control_env *, json_t *req);
/* {"op": "set", "set": {"weight": "300", ...}}: all of it or nothing. */
json_t *control_set(struct vgpu *, json_t *req);

#endif

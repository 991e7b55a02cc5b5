/* SPDX-License-Identifier: MIT */
/*
 * Every counter as JSON: what `gpuvm show --json` prints.  docs/control.md
 * lists the keys.
 */
#ifndef GPUVM_METRICS_H
#define GPUVM_METRICS_H

#include <jansson.h>

struct gpuvm;
struct vgpu;

/* Guests that left whose last counters are kept. */
#define METRICS_DEPARTED 64

/* The caller owns *out.  -ENOMEM. */
int metrics_json(struct gpuvm *, json_t **out);
/* v is about to be freed: keeps its last counters.  Out of memory, they are not kept. */
void metrics_depart(struct vgpu *);
/* Frees what metrics_depart() kept. */
void metrics_free(struct gpuvm *);

#endif

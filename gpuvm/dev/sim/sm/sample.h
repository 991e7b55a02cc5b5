/* SPDX-License-Identifier: MIT */
/* Filtering: from coordinates to the value a sampler gives. */
#ifndef GPUVM_DEV_SIM_SM_SAMPLE_H
#define GPUVM_DEV_SIM_SM_SAMPLE_H

#include "gpuvm/dev/sim/sm/tic.h"

struct sample {
	struct worker *wk;
	const struct tic *t;
	const struct tsc *s;
	float c[3];	    /* coordinates; of a cube: on its face */
	uint32_t layer;
	int32_t off[3];	    /* texels */
	bool compare;	    /* with ref; the result is a share of lanes that pass */
	float ref;
};

/* A direction onto a cube's face: its number; c becomes 0..1 and 0. */
uint32_t sample_face(float c[3]);
/* Onto a given face. */
void sample_project(uint32_t face, float c[3]);
/* Level of detail of changes in texels per pixel; -inf for none. */
float sample_lod(const float dx[3], const float dy[3]);
/* After the sampler's bias and limits. */
float sample_clamp(const struct tsc *, float lod);
/* false after a fault. */
bool sample_filter(const struct sample *, float lod, uint32_t v[4]);
/* Component comp of the four texels that linear filtering would take. */
bool sample_gather(const struct sample *, uint32_t comp, uint32_t v[4]);
/* The first of those four. */
bool sample_corner(const struct sample *, uint32_t comp, uint32_t *v);

#endif

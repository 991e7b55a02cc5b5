/* SPDX-License-Identifier: MIT */
/*
 * What the shadow benchmarks stand on: the software GPU, one guest of the null
 * hypervisor without a mediator around it, and one channel.
 */
#ifndef BENCH_SHADOW_RIG_H
#define BENCH_SHADOW_RIG_H

#include "gpuvm/dev/dev.h"
#include "shadow/shadow.h"

/* Where the guest keeps things in its VRAM. */
#define G_INST 0x100000u
#define G_PD 0x110000u
#define G_PT 0x140000u
#define G_VRAM (192ull << 20)

struct shadow_rig {
	struct dev *dev;
	struct hv *hv;
	struct hv_guest *guest;
	struct vheap *heap;
	struct part_pool *pool;
	struct part *part;
	struct shadow *shadow;
	struct shadow_guest *sg;
	struct shadow_chan *chan;
};

/* Everything but the channel; shadow_rig_close() also after an error. */
int shadow_rig_open(struct shadow_rig *, uint32_t opts);
/* The channel, on the directory at G_PD. */
int shadow_rig_bind(struct shadow_rig *);
void shadow_rig_close(struct shadow_rig *);

#endif

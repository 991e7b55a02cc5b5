/* SPDX-License-Identifier: MIT */
/* Every limit of the mediator, with its reason. */
#ifndef GPUVM_LIMITS_H
#define GPUVM_LIMITS_H

/* Channels one vGPU may hold: half the card's, so that no guest can take them all by itself. */
#define LIMIT_VGPU_CHANS 64
/* A submission may run this long; as long as nouveau waits before it calls a channel hung, halved. */
#define LIMIT_SUBMIT_MS 5000
/* Accesses served per step over all guests: bounds how long an interrupt waits behind a flood. */
#define LIMIT_STEP_ACCESSES 512
/* Log lines a second that one guest can cause. */
#define LIMIT_GUEST_LOG_LINES 5
/* Mediator VRAM one guest's shadows may take: 16 full small tables and as many directories. */
#define LIMIT_SHADOW_BYTES (24ull << 20)
/* The mediator's own VRAM: one sixteenth of the card, within these bounds. */
#define LIMIT_HOST_VRAM_MIN (16ull << 20)
#define LIMIT_HOST_VRAM_MAX (512ull << 20)

#endif

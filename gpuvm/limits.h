/* SPDX-License-Identifier: MIT */
/* Every limit of the mediator, with its reason. */
#ifndef GPUVM_LIMITS_H
#define GPUVM_LIMITS_H

/* Channels one vGPU may hold: half the card's, so that no guest can take them all by itself. */
#define LIMIT_VGPU_CHANS 64
/* Channels that every guest can count on, whatever the others take: one to work with, one for its kernel. */
#define LIMIT_CHANS_PROMISED 2
/* So that the promise can be kept on a card of 128 channels. */
#define LIMIT_VGPUS 64
/* A submission may run this long; as long as nouveau waits before it calls a channel hung, halved. */
#define LIMIT_SUBMIT_MS 5000
/* Accesses served per step over all guests: bounds how long an interrupt waits behind a flood. */
#define LIMIT_STEP_ACCESSES 512
/* A policy's slice is this much longer while nobody else waits: the gaps between runs fall below a hundredth. */
#define LIMIT_ALONE_SLICES 4
/* Ring entries of unlike lengths in one run: a kernel and the fences around it. */
#define LIMIT_MIXED_ENTRIES 8
/* Submissions of one channel on the device at a time; beyond it doorbells wait for one to end. */
#define LIMIT_CHAN_RUNNING 64
/* How long a PBDMA may stand on a guest's error before the guest's channel is stopped: others wait behind it. */
#define LIMIT_PBDMA_STALL_NS 100000000ull
/* How long a kick may take before the engine is reset; the model needs microseconds, a busy host a few ms. */
#define LIMIT_KICK_NS 50000000ull
/* Events of one kind served per interrupt: a storm must not keep guests from being served. */
#define LIMIT_IRQ_EVENTS 16
/* Running work is looked at this often, in ns: at first, and at the most after it ran long. */
#define LIMIT_POLL_MIN_NS 20000ull
#define LIMIT_POLL_MAX_NS 1000000ull
/* The least of mediator VRAM that a guest's shadows need: one full directory and a few tables. */
#define LIMIT_SHADOW_BYTES_MIN (512ull << 10)
/* Log lines a second that one guest can cause. */
#define LIMIT_GUEST_LOG_LINES 5
/* Mediator VRAM one guest's shadows may take: 16 full small tables and as many directories. */
#define LIMIT_SHADOW_BYTES (24ull << 20)
/* The mediator's own VRAM: one sixteenth of the card, within these bounds. */
#define LIMIT_HOST_VRAM_MIN (16ull << 20)
#define LIMIT_HOST_VRAM_MAX (512ull << 20)

/* An hp-pv guest's requests in one step, in units of some 100 ns (hp_op_cost): about half a millisecond. */
#define LIMIT_HP_WORK 4096u
/* Address spaces and objects of one hp-pv guest: what its processes open, and what keeps the tables small. */
#define LIMIT_HP_VASES 64u
#define LIMIT_HP_OBJECTS 32768u
/* System memory in one object: its page-table entries are written at one go, some milliseconds. */
#define LIMIT_HP_SYS_BYTES (1ull << 30)

#endif

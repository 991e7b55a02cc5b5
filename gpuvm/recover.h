/* SPDX-License-Identifier: MIT */
/* Getting a channel off the card, whatever it takes.  Private to the core. */
#ifndef GPUVM_RECOVER_H
#define GPUVM_RECOVER_H

#include "gpuvm/gpuvm.h"

/* Kicks a channel off its engine; false if it did not leave in LIMIT_KICK_NS. */
bool recover_kick(struct gpuvm *, struct vgpu_chan *);
/*
 * An engine complained about it: off the engines until its guest's handler acknowledged, so that
 * what comes after the error waits for the handler, as on a card of one's own.
 */
void vgpu_chan_pause(struct vgpu_chan *, uint32_t engine);
/* The guest's channels that were paused for that engine go on. */
void vgpu_chans_resume(struct vgpu *, uint32_t engine);
/* PBDMA p goes on after an error, whosever it was. */
void recover_unstall(struct gpuvm *, uint32_t p);
/* The channel off the card for good, by an engine reset if nothing else helps; PFIFO_CHAN_INST is 0 afterwards. */
void recover_off(struct gpuvm *, struct vgpu_chan *);
/* Engines in mask (bit per enum fermi_engine) are reset and freed of their fault; chan, if any, is stopped. */
void recover_engines(struct gpuvm *, struct vgpu_chan *, uint32_t mask);
/* Stops the channel whose submission is over its guest's time limit, if there is one. */
void recover_watchdog(struct gpuvm *, uint64_t now);
/* Stops channels whose guest leaves a PBDMA standing on an error.  Answers when to look again. */
uint64_t recover_stalls(struct gpuvm *, uint64_t now);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Submissions: from a guest's doorbell through the scheduler to the card and
 * to its end.  Private to the core.
 */
#ifndef GPUVM_SUBMIT_H
#define GPUVM_SUBMIT_H

#include "gpuvm/gpuvm.h"

/* One piece of a channel's ring between two values of GP_PUT. */
struct submission {
	struct list node; /* on chan->running once started */
	struct vgpu_chan *chan;
	struct sched_work *work; /* the scheduler's */
	uint32_t put;		 /* where it ends; set when it starts */
	uint32_t entries;	 /* of the ring, in it */
	uint64_t start;		 /* when the channel could begin with it */
};

extern const struct sched_backend submit_backend; /* core argument: struct gpuvm */

/* Whether the card may run the channel: bound, runnable, in its guest's runlist. */
bool submit_offered(const struct vgpu_chan *);
/* Hands what the guest has stored to GP_PUT to the scheduler, if there is anything and the channel is offered. */
void submit_ring(struct vgpu_chan *);
/* The channel's runnable bit or runlist membership may have changed. */
void submit_offer_changed(struct vgpu_chan *);
/* Looks whether running submissions have ended; answers how many did. */
unsigned int submit_check(struct vgpu_chan *, uint64_t now);
/*
 * What the channel's oldest submission, which can have worked since then, used of the card so far, ns: the
 * device's own time where the device knows it (DEV_CAP_BUSY), else all that passed.
 */
uint64_t submit_used(const struct vgpu_chan *, uint64_t since, uint64_t now);
/* Ends all of the channel's submissions, queued and running: they are charged for what they used. */
void submit_abort(struct vgpu_chan *, uint64_t now);
/* Starts what the policy allows. */
void submit_pump(struct gpuvm *, uint64_t now);

#endif

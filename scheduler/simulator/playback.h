/* SPDX-License-Identifier: MIT */
/* A recording (mix_open_trace) measured as it was, with the simulator's figures. */
#ifndef SCHEDULER_SIMULATOR_PLAYBACK_H
#define SCHEDULER_SIMULATOR_PLAYBACK_H

#include "scheduler/simulator/virt.h"

/* 0 or -ENOMEM.  timeline may be NULL. */
int playback_run(const struct mix *, struct timeline *, struct virt_result *out);

#endif

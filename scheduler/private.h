/* SPDX-License-Identifier: MIT */
/* Between core.c and ready.c. */
#ifndef SCHEDULER_PRIVATE_H
#define SCHEDULER_PRIVATE_H

#include "scheduler/sched.h"

/* The scheduler's own time for the caller's: never goes back. */
uint64_t sched_clock(struct sched *, uint64_t now);

/* ---- ready.c ----------------------------------------------------------------------- */
void ready_init(struct sched_ent *, uint64_t now);
/* Brings ent's readiness on engine up to date with its queue, its running works and its cap. */
void ready_update(struct sched_ent *, unsigned int engine, uint64_t now);
/* It used ran_ns of the engine. */
void ready_charge(struct sched_ent *, unsigned int engine, uint64_t ran_ns, uint64_t now);
/* Ents whose cap lets them go on become ready; answers when the next one will. */
uint64_t ready_release(struct sched *, unsigned int engine, uint64_t now);
/* Its cap may be another now. */
void ready_changed(struct sched_ent *, uint64_t now);

#endif

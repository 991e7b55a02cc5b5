/* SPDX-License-Identifier: MIT */
/* `gpuvm-bench sched`: policies live. */
#ifndef BENCH_SCHED_H
#define BENCH_SCHED_H

/* The guest half: BYTES SECONDS; prints JSON. */
int bench_sched_probe(int argc, char **argv);

#endif

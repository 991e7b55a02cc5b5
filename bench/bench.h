/* SPDX-License-Identifier: MIT */
/*
 * gpuvm-bench: one question per file.  A result is a ratio of what we
 * measured to a floor measured in the same run, with the target beside it;
 * nothing here asserts on time.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct bench {
	json_t *rows;	  /* owned: what bench_row() collected */
	json_t *report;	  /* owned: what is written to json instead of the rows; NULL: those */
	bool quick;	  /* fewer repetitions */
	const char *json; /* file to write, or NULL */
	const char *policies;	 /* of the suite sched: NAME,NAME...; NULL: the usual ones */
	unsigned int guests;	 /* of the suite sched; 0: two */
	unsigned int seconds;	 /* of the suite sched; 0: its own idea */
	const char *shape;	 /* of the suite sched: one of them; NULL: all */
	const char *works;	 /* of the suite modes: NAME,NAME...; NULL: its own idea */
	const char *out;	 /* folder for plots and recordings; NULL: none */
	char bin[4096];	  /* folder of this program; the others are beside it */
};

/* target_kind '<' at most, '>' at least, ' ' none. */
struct bench_result {
	const char *name, *unit;
	double value, floor;
	const char *floor_name;
	double ratio, target;
	char target_kind;
	const char *options; /* optimisation bits in force */
};
void bench_row(struct bench *, const struct bench_result *);

/* Sorts v; the middle value. */
double bench_median(double *v, size_t n);

/* Each measures one thing; 0, or 1 after a line on stderr. */
int bench_trap(struct bench *);
int bench_shadow(struct bench *);
int bench_track(struct bench *);
int bench_copy(struct bench *);
int bench_idle(struct bench *);
int bench_doorbell(struct bench *);
int bench_compute(struct bench *);
int bench_share(struct bench *);
int bench_modes(struct bench *);
int bench_pv(struct bench *);
int bench_sched_decision(struct bench *);
int bench_sched(struct bench *);
int bench_sched_overhead(struct bench *);
/* The guest half of bench_doorbell: prints JSON. */
int bench_doorbell_probe(void);
/* The guest halves of bench_pv, likewise. */
int bench_pv_probe(void);
int bench_pv_map_probe(void);
/* The guest half of bench_trap, likewise. */
int bench_trap_probe(void);

/* ---- child.c: running the project's programs ------------------------------------- */
#include <sys/types.h>

struct child {
	pid_t pid;
	int out; /* its standard output, or -1 */
};
/* argv[0] without '/' is looked up beside this program.  capture: read its standard output through out. */
int child_start(const struct bench *, char *const argv[], bool capture, struct child *);
/* Waits; its exit code (128 + signal), and its whole output in *text (owned by the caller) if captured. */
int child_wait(struct child *, char **text);
/* A daemon of a bench's own, with guests that gpuvm run --socket attaches. */
struct bench_daemon {
	char socket[64];
	struct child child;
};
/* extra: further arguments, up to NULL, or NULL.  0 when it is ready; -1 after a line on stderr. */
int bench_daemon_start(const struct bench *, const char *gpu, char *const extra[], struct bench_daemon *);
/* Asks for the isolation audit and ends it.  0, or -1 after a line if the audit found something. */
int bench_daemon_stop(const struct bench *, struct bench_daemon *);
/* gpuvm run [options] -- program...; parsed JSON of its output, or NULL. */
json_t *child_json(const struct bench *, char *const argv[], int *code);

#endif

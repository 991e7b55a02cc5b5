/* SPDX-License-Identifier: MIT */
/*
 * The GPU of a guest for all of its programs: what the kernel is to a real
 * guest's, a process is to those under gpuvm run --shared.  It drives the GPU, and
 * answers the nouveau interface to whoever connects (drm/wire.h).
 */
#ifndef PV_DRIVER_DRM_SERVE_SERVE_H
#define PV_DRIVER_DRM_SERVE_SERVE_H

#include <stddef.h>

struct drv_chan;
struct log;
struct nvdrm;
struct serve;

struct serve_cfg {
	const char *name; /* of the socket, in the abstract name space */
	int end_fd;	  /* borrowed; hangs up when no more programs are started.  -1: never */
	/* Brings the GPU up: at the first open, and again at the next one if it failed. */
	int (*start)(void *arg, struct nvdrm **out);
	void *arg;
	const struct log *log; /* borrowed; may be NULL */
};
int serve_new(const struct serve_cfg *, struct serve **out);
/* Serves until end_fd has hung up and nobody is left, or serve_stop().  0 or -errno. */
int serve_run(struct serve *);
/* From any thread: serve_run() ends. */
void serve_stop(struct serve *);
/* Everybody is cut off; what they had goes.  serve_run() has ended.  The GPU stays.  Accepts NULL. */
void serve_free(struct serve *);
/* drv_cfg.lost. */
void serve_lost(struct serve *, struct drv_chan *, const char *why);

#endif

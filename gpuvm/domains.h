/* SPDX-License-Identifier: MIT */
/*
 * The folder of domains' files, and the GPUs that follow from it: a domain that
 * comes under a configured name gets its virtual GPU, once in each of its
 * lives.  Knows no Xen: who the domains are, and how one gets a GPU, is told
 * by its owner.
 */
#ifndef GPUVM_DOMAINS_H
#define GPUVM_DOMAINS_H

#include <stddef.h>
#include <stdint.h>

#include "gpuvm/domain_conf.h"

struct domains;
struct log;

typedef void (*domains_fn)(void *arg, uint16_t domid, const char *name);

struct domains_ops {
	/* Another number than before when domains may have come or gone. */
	uint64_t (*changes)(void *ctx);
	/* Calls fn for each domain that is there. */
	void (*each)(void *ctx, domains_fn fn, void *arg);
	/* Negative, with why in msg: asked again at the next change. */
	int (*attach)(void *ctx, const struct domain_conf *, uint16_t domid, char *msg, size_t n);
};

/* dir is copied; ops, ctx and log borrowed.  Nothing is read yet. */
int domains_new(const char *dir, const struct domains_ops *ops, void *ctx, const struct log *log,
		struct domains **out);
void domains_free(struct domains *); /* accepts NULL */

struct domains_count {
	unsigned int configured, files_wrong;
};
/*
 * Reads the folder again.  A file that is wrong leaves what it said before; each
 * such is logged, and the first one's line is in msg.  Guests that run
 * stay as they are.  Negative (and msg): the folder cannot be read, nothing changed.
 */
int domains_reload(struct domains *, struct domains_count *out, char *msg, size_t n);
/* Gives GPUs to domains that came; costs nothing when none did. */
void domains_serve(struct domains *);

#endif

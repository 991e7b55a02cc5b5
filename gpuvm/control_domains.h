/* SPDX-License-Identifier: MIT */
/* Domains of Xen that get their GPU from the folder of configurations, by the daemon's own attach requests. */
#ifndef GPUVM_CONTROL_DOMAINS_H
#define GPUVM_CONTROL_DOMAINS_H

#include <jansson.h>

#include "gpuvm/control_ops.h"

/* Reads the folder the first time; files that are wrong are logged.  Negative, and a line: no such folder. */
int control_domains_open(struct control_env *, const char *dir, char *msg, size_t n);
/* The answer to a request to read the folder again. */
json_t *control_reload(struct control_env *);

#endif

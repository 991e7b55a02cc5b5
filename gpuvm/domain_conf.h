/* SPDX-License-Identifier: MIT */
/*
 * What a domain of Xen is to get, as its administrator wrote it: the text of a
 * file NAME.conf of lines "key = value".  docs/xen.md lists the keys.
 */
#ifndef GPUVM_DOMAIN_CONF_H
#define GPUVM_DOMAIN_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "gpuvm/gpuvm.h"

#define DOMAIN_CONF_MAX (64u << 10) /* bytes of a file: more is the wrong file */

struct domain_conf {
	char name[32]; /* the domain's */
	enum vgpu_mode mode;
	char options[64]; /* of mode full, as a list; empty: none */
	uint64_t vram;
	uint32_t weight, cap_pct, latency_us, timeout_ms; /* 0: default */
	uint32_t multicall;				   /* of mode naive-pv; 0: none */
	uint8_t slot;					   /* 0: default */
};

/* The NAME of a file's name ("web.conf" -> "web").  -ENOENT: not named so; -EINVAL: no name of a domain. */
int domain_conf_name(const char *file, char name[32]);
/* Everything but the name.  -EINVAL with "path:line: what is wrong" in msg. */
int domain_conf_parse(const char *text, size_t len, const char *path, struct domain_conf *out, char *msg,
		      size_t n);
/* The whole file; also -errno with "path: why". */
int domain_conf_read(const char *path, struct domain_conf *out, char *msg, size_t n);

#endif

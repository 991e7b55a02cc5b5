/* SPDX-License-Identifier: MIT */
/* The argument of gpuvm run --mode. */
#ifndef GPUVM_CTL_MODE_H
#define GPUVM_CTL_MODE_H

#include <stdint.h>

struct run_mode {
	const char *name;   /* static: as the daemon knows it, or "native" */
	char options[64];   /* full: as the daemon reads them; empty: none given */
	uint32_t multicall; /* naive-pv: operations per call; 0: not given, one */
};
/* NAME[,OPTION...]; -EINVAL for an unknown name, or an option that mode has not. */
int mode_parse(const char *arg, struct run_mode *);

#endif

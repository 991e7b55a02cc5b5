// SPDX-License-Identifier: MIT
/*
 * The environment of a program that uses the GPU through libdrm and Mesa: the
 * preloaded library, and the switches that make Mesa's OpenCL take the card.
 *
 * A variable that is set already is left alone: it is the user's word.  Only
 * LD_PRELOAD is added to.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/ctl/ctl.h"

#define LIBRARY "libgpuvm-drm.so"

static const struct {
	const char *name, *value, *why;
} vars[] = {
	{ "OCL_ICD_VENDORS", "rusticl.icd", "OpenCL is Mesa's" },
	{ "RUSTICL_ENABLE", "nouveau", "it lists this card only if told to" },
	{ "RUSTICL_FEATURES", "fp64", "doubles, from Mesa 23.1 on" },
	{ "NOUVEAU_LIBDRM_VRAM_LIMIT_PERCENT", "400", "what VRAM cannot hold lives in memory" },
	{ "MESA_SHADER_CACHE_DISABLE", "true", "a guest leaves no files behind, a run depends on none" },
};

/* ../lib from this program, in the build folder as when installed. */
static int find_library(char *buf, size_t n)
{
	char exe[4096], *slash;
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[len > 0 ? len : 0] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	if ((size_t)snprintf(buf, n, "%s/lib/" LIBRARY, exe) >= n || access(buf, R_OK))
		return -ENOENT;
	return 0;
}

static int preload(const char *lib, bool verbose)
{
	const char *old = getenv("LD_PRELOAD");
	char *list = NULL;
	int err;

	if (asprintf(&list, "%s%s%s", lib, old && *old ? ":" : "", old ? old : "") < 0)
		return -ENOMEM;
	err = setenv("LD_PRELOAD", list, 1) ? -ENOMEM : 0;
	if (!err && verbose)
		fprintf(stderr, "gpuvm: LD_PRELOAD=%s\n", list);
	free(list);
	return err;
}

int drm_environment(bool verbose)
{
	char lib[4200];
	int err;

	if (find_library(lib, sizeof(lib))) {
		if (verbose)
			fprintf(stderr, "gpuvm: " LIBRARY " is not there: no /dev/dri for the program\n");
		return 0;
	}
	err = preload(lib, verbose);
	for (size_t i = 0; !err && i < ARRAY_SIZE(vars); i++) {
		if (getenv(vars[i].name)) {
			if (verbose)
				fprintf(stderr, "gpuvm: %s=%s stays\n", vars[i].name, getenv(vars[i].name));
			continue;
		}
		err = setenv(vars[i].name, vars[i].value, 1) ? -ENOMEM : 0;
		if (!err && verbose)
			fprintf(stderr, "gpuvm: %s=%s (%s)\n", vars[i].name, vars[i].value, vars[i].why);
	}
	return err;
}

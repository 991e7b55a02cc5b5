// SPDX-License-Identifier: MIT
/*
 * Which names are ours.  The tree of small files that stands for the device in
 * /dev/dri and /sys lies at ../share/gpuvm/drm from the library; a name of ours
 * is looked up there.
 *
 * The PCI domain 4750 exists on no machine, so that no real device is hidden;
 * of /dev/dri and the character devices of DRM all is.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pv-driver/drm/preload/preload.h"

#define NODE "/dev/dri/renderD128"

/* Set once, before main(); constant afterwards. */
static char root[PATH_LEN];
static size_t root_len;

static const char *const ours[] = { "/dev/dri", "/sys/dev/char/226:", "/sys/class/drm",
				    "/sys/devices/pci4750:00", "/sys/bus/pci/devices/4750:" };

/* The last prefix character may be a separator by itself. */
static bool has_prefix(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(path, prefix, n) &&
	       (prefix[n - 1] == ':' || path[n] == '\0' || path[n] == '/');
}

static bool is_ours(const char *path)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (has_prefix(path, ours[i]))
			return true;
	return false;
}

/* No wrapped function is called here: they look at what this sets. */
__attribute__((constructor)) static void paths_init(void)
{
	char path[PATH_LEN];
	Dl_info info;
	char *slash;

	if ((!getenv("GPUVM_GUEST") && !getenv("GPUVM_NATIVE") && !getenv("GPUVM_SHARED")) ||
	    !dladdr((void *)(uintptr_t)paths_init, &info) || strlen(info.dli_fname) > PATH_LEN / 2)
		return;
	strcpy(path, info.dli_fname);
	slash = strrchr(path, '/');
	if (!slash)
		return;
	strcpy(slash, "/../share/gpuvm/drm");
	if (syscall(SYS_access, path, R_OK))
		return;
	strcpy(root, path);
	__atomic_store_n(&root_len, strlen(root), __ATOMIC_RELEASE);
}

bool paths_on(void)
{
	return __atomic_load_n(&root_len, __ATOMIC_ACQUIRE);
}

/* A name relative to a folder of the tree that the program has open. */
static const char *map_at(int dirfd, const char *path, char *buf)
{
	char link[64], dir[PATH_LEN];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = syscall(SYS_readlink, link, dir, sizeof(dir) - 1);
	if (n <= 0)
		return path;
	dir[n] = '\0';
	path_unmap(dir);
	if (!is_ours(dir))
		return path;
	snprintf(buf, PATH_LEN, "%.2000s/%.2000s", dir, path);
	return buf;
}

const char *path_map(int dirfd, const char *path, char *buf, bool *node)
{
	char at[PATH_LEN];

	*node = false;
	if (!path || !paths_on())
		return path;
	if (path[0] != '/' && path[0] && dirfd != AT_FDCWD) {
		const char *whole = map_at(dirfd, path, at);

		if (whole == path)
			return path;
		*node = !strcmp(whole, NODE);
		snprintf(buf, PATH_LEN, "%.2000s%.2000s", root, whole);
		return buf;
	}
	if (!is_ours(path) || strlen(path) > PATH_LEN / 2 - 1)
		return path;
	*node = !strcmp(path, NODE);
	snprintf(buf, PATH_LEN, "%.2000s%s", root, path);
	return buf;
}

void path_unmap(char *path)
{
	char real[PATH_LEN];
	size_t n;

	/* Both names of the root: as we made it, and with its links and dots resolved. */
	if (!paths_on())
		return;
	if (!strncmp(path, root, root_len) && path[root_len] == '/') {
		memmove(path, path + root_len, strlen(path + root_len) + 1);
		return;
	}
	n = strlen(path);
	for (size_t i = 0; i < n; i++) {
		const char *tail = path + i;

		if (*tail != '/' || !is_ours(tail))
			continue;
		/* What stands before must be the root, whatever it is called. */
		struct stat a, b;

		memcpy(real, path, i);
		real[i] = '\0';
		if (i && !syscall(SYS_stat, real, &a) && !syscall(SYS_stat, root, &b) &&
		    a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			memmove(path, tail, strlen(tail) + 1);
		return;
	}
}

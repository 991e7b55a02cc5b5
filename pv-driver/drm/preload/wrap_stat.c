// SPDX-License-Identifier: MIT
/*
 * The stat family: the node is a character device, by name and by descriptor.
 * struct stat and struct stat64 are the same on 64-bit machines.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pv-driver/drm/preload/preload.h"

typedef int stat_fn(const char *, struct stat *);
typedef int fstat_fn(int, struct stat *);
typedef int fstatat_fn(int, const char *, struct stat *, int);
typedef int xstat_fn(int, const char *, struct stat *);
typedef int fxstat_fn(int, int, struct stat *);
typedef int fxstatat_fn(int, int, const char *, struct stat *, int);
typedef int statx_fn(int, const char *, int, unsigned int, struct statx *);

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one kind of struct stat");

/* By name and by descriptor it is the same file. */
#define NODE_INO 128

static void node_stat(struct stat *st)
{
	st->st_ino = NODE_INO;
	st->st_mode = S_IFCHR | 0666;
	st->st_rdev = makedev(DRM_MAJOR, DRM_RENDER_MINOR);
	st->st_size = 0;
	st->st_blocks = 0;
	st->st_nlink = 1;
	st->st_dev = makedev(0, 5);
}

EXPORT int stat(const char *restrict path, struct stat *restrict st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((stat_fn *)real_sym(&slot, "stat"))(to, st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

EXPORT int lstat(const char *restrict path, struct stat *restrict st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((stat_fn *)real_sym(&slot, "lstat"))(to, st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

EXPORT int fstat(int fd, struct stat *st)
{
	static void *slot;
	int r = ((fstat_fn *)real_sym(&slot, "fstat"))(fd, st);

	if (!r && node_is(fd))
		node_stat(st);
	return r;
}

EXPORT int fstatat(int dirfd, const char *restrict path, struct stat *restrict st, int flags)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(dirfd, path, buf, &node);
	int r = ((fstatat_fn *)real_sym(&slot, "fstatat"))(dirfd, to, st, flags);

	if (!r && (node || (flags & AT_EMPTY_PATH && !*path && node_is(dirfd))))
		node_stat(st);
	return r;
}

EXPORT int stat64(const char *restrict path, struct stat64 *restrict st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((stat_fn *)real_sym(&slot, "stat64"))(to, (struct stat *)st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

EXPORT int lstat64(const char *restrict path, struct stat64 *restrict st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((stat_fn *)real_sym(&slot, "lstat64"))(to, (struct stat *)st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

EXPORT int fstat64(int fd, struct stat64 *st)
{
	static void *slot;
	int r = ((fstat_fn *)real_sym(&slot, "fstat64"))(fd, (struct stat *)st);

	if (!r && node_is(fd))
		node_stat((struct stat *)st);
	return r;
}

EXPORT int fstatat64(int dirfd, const char *restrict path, struct stat64 *restrict st, int flags)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(dirfd, path, buf, &node);
	int r = ((fstatat_fn *)real_sym(&slot, "fstatat64"))(dirfd, to, (struct stat *)st, flags);

	if (!r && (node || (flags & AT_EMPTY_PATH && !*path && node_is(dirfd))))
		node_stat((struct stat *)st);
	return r;
}

/* What programs built against old C libraries call. */
int __xstat(int ver, const char *path, struct stat *st);
EXPORT int __xstat(int ver, const char *path, struct stat *st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((xstat_fn *)real_sym(&slot, "__xstat"))(ver, to, st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

int __lxstat(int ver, const char *path, struct stat *st);
EXPORT int __lxstat(int ver, const char *path, struct stat *st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((xstat_fn *)real_sym(&slot, "__lxstat"))(ver, to, st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

int __fxstat(int ver, int fd, struct stat *st);
EXPORT int __fxstat(int ver, int fd, struct stat *st)
{
	static void *slot;
	int r = ((fxstat_fn *)real_sym(&slot, "__fxstat"))(ver, fd, st);

	if (!r && node_is(fd))
		node_stat(st);
	return r;
}

int __fxstatat(int ver, int dirfd, const char *path, struct stat *st, int flags);
EXPORT int __fxstatat(int ver, int dirfd, const char *path, struct stat *st, int flags)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(dirfd, path, buf, &node);
	int r = ((fxstatat_fn *)real_sym(&slot, "__fxstatat"))(ver, dirfd, to, st, flags);

	if (!r && node)
		node_stat(st);
	return r;
}

int __xstat64(int ver, const char *path, struct stat64 *st);
EXPORT int __xstat64(int ver, const char *path, struct stat64 *st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((xstat_fn *)real_sym(&slot, "__xstat64"))(ver, to, (struct stat *)st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

int __lxstat64(int ver, const char *path, struct stat64 *st);
EXPORT int __lxstat64(int ver, const char *path, struct stat64 *st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	int r = ((xstat_fn *)real_sym(&slot, "__lxstat64"))(ver, to, (struct stat *)st);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

int __fxstat64(int ver, int fd, struct stat64 *st);
EXPORT int __fxstat64(int ver, int fd, struct stat64 *st)
{
	static void *slot;
	int r = ((fxstat_fn *)real_sym(&slot, "__fxstat64"))(ver, fd, (struct stat *)st);

	if (!r && node_is(fd))
		node_stat((struct stat *)st);
	return r;
}

int __fxstatat64(int ver, int dirfd, const char *path, struct stat64 *st, int flags);
EXPORT int __fxstatat64(int ver, int dirfd, const char *path, struct stat64 *st, int flags)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(dirfd, path, buf, &node);
	int r = ((fxstatat_fn *)real_sym(&slot, "__fxstatat64"))(ver, dirfd, to, (struct stat *)st, flags);

	if (!r && node)
		node_stat((struct stat *)st);
	return r;
}

EXPORT int statx(int dirfd, const char *restrict path, int flags, unsigned int mask,
		 struct statx *restrict st)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(dirfd, path, buf, &node);
	int r = ((statx_fn *)real_sym(&slot, "statx"))(dirfd, to, flags, mask, st);

	if (r || !(node || (flags & AT_EMPTY_PATH && !*path && node_is(dirfd))))
		return r;
	st->stx_mode = S_IFCHR | 0666;
	st->stx_rdev_major = DRM_MAJOR;
	st->stx_rdev_minor = DRM_RENDER_MINOR;
	st->stx_ino = NODE_INO;
	st->stx_size = 0;
	st->stx_blocks = 0;
	st->stx_dev_major = 0;
	st->stx_dev_minor = 5;
	return 0;
}

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
#include "pv-driver/drm/remote.h"

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

/* A buffer is a file of its length. */
static void shared_stat(int fd, struct stat *st)
{
	struct remote_file f;

	if (!shared_file(fd, &f))
		return;
	if (f.kind == WIRE_NODE) {
		node_stat(st);
		return;
	}
	st->st_mode = S_IFREG | 0600;
	st->st_size = (off_t)f.len;
}

/* By name: stat, lstat; ver is what the old forms take first. */
struct by_name {
	void **slot;
	const char *name;
	bool versioned;
	int ver;
};

static int stat_name(const struct by_name *f, const char *path, struct stat *st)
{
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);
	void *real = real_sym(f->slot, f->name);
	int r = f->versioned ? ((xstat_fn *)real)(f->ver, to, st) : ((stat_fn *)real)(to, st);

	if (!r && node)
		node_stat(st);
	return r;
}

/* By name from a folder, or by descriptor. */
static int stat_at(const struct by_name *f, int dirfd, const char *path, struct stat *st, int flags)
{
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(dirfd, path, buf, &node);
	void *real = real_sym(f->slot, f->name);
	int r = f->versioned ? ((fxstatat_fn *)real)(f->ver, dirfd, to, st, flags) :
			       ((fstatat_fn *)real)(dirfd, to, st, flags);

	if (!r && (node || (flags & AT_EMPTY_PATH && !*path && node_is(dirfd))))
		node_stat(st);
	return r;
}

static int stat_fd(const struct by_name *f, int fd, struct stat *st)
{
	void *real = real_sym(f->slot, f->name);
	int r = f->versioned ? ((fxstat_fn *)real)(f->ver, fd, st) : ((fstat_fn *)real)(fd, st);

	if (!r && shared_on())
		shared_stat(fd, st);
	else if (!r && node_is(fd))
		node_stat(st);
	return r;
}

EXPORT int stat(const char *restrict path, struct stat *restrict st)
{
	static void *slot;

	return stat_name(&(struct by_name){ .slot = &slot, .name = "stat" }, path, st);
}

EXPORT int lstat(const char *restrict path, struct stat *restrict st)
{
	static void *slot;

	return stat_name(&(struct by_name){ .slot = &slot, .name = "lstat" }, path, st);
}

EXPORT int fstat(int fd, struct stat *st)
{
	static void *slot;

	return stat_fd(&(struct by_name){ .slot = &slot, .name = "fstat" }, fd, st);
}

EXPORT int fstatat(int dirfd, const char *restrict path, struct stat *restrict st, int flags)
{
	static void *slot;

	return stat_at(&(struct by_name){ .slot = &slot, .name = "fstatat" }, dirfd, path, st, flags);
}

EXPORT int stat64(const char *restrict path, struct stat64 *restrict st)
{
	static void *slot;

	return stat_name(&(struct by_name){ .slot = &slot, .name = "stat64" }, path, (struct stat *)st);
}

EXPORT int lstat64(const char *restrict path, struct stat64 *restrict st)
{
	static void *slot;

	return stat_name(&(struct by_name){ .slot = &slot, .name = "lstat64" }, path, (struct stat *)st);
}

EXPORT int fstat64(int fd, struct stat64 *st)
{
	static void *slot;

	return stat_fd(&(struct by_name){ .slot = &slot, .name = "fstat64" }, fd, (struct stat *)st);
}

EXPORT int fstatat64(int dirfd, const char *restrict path, struct stat64 *restrict st, int flags)
{
	static void *slot;

	return stat_at(&(struct by_name){ .slot = &slot, .name = "fstatat64" }, dirfd, path,
		       (struct stat *)st, flags);
}

/* What programs built against old C libraries call. */
int __xstat(int ver, const char *path, struct stat *st);
int __lxstat(int ver, const char *path, struct stat *st);
int __fxstat(int ver, int fd, struct stat *st);
int __fxstatat(int ver, int dirfd, const char *path, struct stat *st, int flags);
int __xstat64(int ver, const char *path, struct stat64 *st);
int __lxstat64(int ver, const char *path, struct stat64 *st);
int __fxstat64(int ver, int fd, struct stat64 *st);
int __fxstatat64(int ver, int dirfd, const char *path, struct stat64 *st, int flags);

EXPORT int __xstat(int ver, const char *path, struct stat *st)
{
	static void *slot;

	return stat_name(&(struct by_name){ &slot, "__xstat", true, ver }, path, st);
}

EXPORT int __lxstat(int ver, const char *path, struct stat *st)
{
	static void *slot;

	return stat_name(&(struct by_name){ &slot, "__lxstat", true, ver }, path, st);
}

EXPORT int __fxstat(int ver, int fd, struct stat *st)
{
	static void *slot;

	return stat_fd(&(struct by_name){ &slot, "__fxstat", true, ver }, fd, st);
}

EXPORT int __fxstatat(int ver, int dirfd, const char *path, struct stat *st, int flags)
{
	static void *slot;

	return stat_at(&(struct by_name){ &slot, "__fxstatat", true, ver }, dirfd, path, st, flags);
}

EXPORT int __xstat64(int ver, const char *path, struct stat64 *st)
{
	static void *slot;

	return stat_name(&(struct by_name){ &slot, "__xstat64", true, ver }, path, (struct stat *)st);
}

EXPORT int __lxstat64(int ver, const char *path, struct stat64 *st)
{
	static void *slot;

	return stat_name(&(struct by_name){ &slot, "__lxstat64", true, ver }, path, (struct stat *)st);
}

EXPORT int __fxstat64(int ver, int fd, struct stat64 *st)
{
	static void *slot;

	return stat_fd(&(struct by_name){ &slot, "__fxstat64", true, ver }, fd, (struct stat *)st);
}

EXPORT int __fxstatat64(int ver, int dirfd, const char *path, struct stat64 *st, int flags)
{
	static void *slot;

	return stat_at(&(struct by_name){ &slot, "__fxstatat64", true, ver }, dirfd, path, (struct stat *)st, flags);
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

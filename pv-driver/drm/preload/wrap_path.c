// SPDX-License-Identifier: MIT
/*
 * Calls that take a name: opening, reading links, asking for access.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pv-driver/drm/preload/preload.h"

typedef int open_fn(const char *, int, ...);
typedef int openat_fn(int, const char *, int, ...);
typedef int open_2_fn(const char *, int);
typedef int openat_2_fn(int, const char *, int);
typedef FILE *fopen_fn(const char *, const char *);
typedef int access_fn(const char *, int);
typedef int faccessat_fn(int, const char *, int, int);
typedef ssize_t readlink_fn(const char *, char *, size_t);
typedef ssize_t readlinkat_fn(int, const char *, char *, size_t);
typedef ssize_t readlink_chk_fn(const char *, char *, size_t, size_t);
typedef char *realpath_fn(const char *, char *);
typedef DIR *opendir_fn(const char *);
typedef int filter_fn(const struct dirent *);
typedef int order_fn(const struct dirent **, const struct dirent **);
typedef int scandir_fn(const char *, struct dirent ***, filter_fn *, order_fn *);

struct opening {
	void **slot;
	const char *name; /* of the function: as openat() if it has a folder, else as open() */
	bool at;
	int dirfd;
	const char *path;
	int flags;
};

static int open_any(const struct opening *o, va_list *ap)
{
	char buf[PATH_LEN];
	bool node, creates = o->flags & O_CREAT || (o->flags & O_TMPFILE) == O_TMPFILE;
	const char *to = path_map(o->dirfd, o->path, buf, &node);
	mode_t mode = creates ? va_arg(*ap, mode_t) : 0;
	void *real;
	int fd;

	if (!node) {
		real = real_sym(o->slot, o->name);
		return o->at ? ((openat_fn *)real)(o->dirfd, to, o->flags, mode) :
			       ((open_fn *)real)(to, o->flags, mode);
	}
	fd = node_open(o->flags);
	if (fd >= 0)
		return fd;
	errno = -fd;
	return -1;
}

EXPORT int open(const char *path, int flags, ...)
{
	static void *slot;
	const struct opening o = { &slot, "open", false, AT_FDCWD, path, flags };
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_any(&o, &ap);
	va_end(ap);
	return fd;
}

EXPORT int open64(const char *path, int flags, ...)
{
	static void *slot;
	const struct opening o = { &slot, "open64", false, AT_FDCWD, path, flags };
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_any(&o, &ap);
	va_end(ap);
	return fd;
}

EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
	static void *slot;
	const struct opening o = { &slot, "openat", true, dirfd, path, flags };
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_any(&o, &ap);
	va_end(ap);
	return fd;
}

EXPORT int openat64(int dirfd, const char *path, int flags, ...)
{
	static void *slot;
	const struct opening o = { &slot, "openat64", true, dirfd, path, flags };
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_any(&o, &ap);
	va_end(ap);
	return fd;
}

/* What a fortified build calls for open() without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

EXPORT int __open_2(const char *path, int flags)
{
	return open(path, flags, 0);
}

EXPORT int __open64_2(const char *path, int flags)
{
	return open64(path, flags, 0);
}

EXPORT int __openat_2(int dirfd, const char *path, int flags)
{
	return openat(dirfd, path, flags, 0);
}

EXPORT int __openat64_2(int dirfd, const char *path, int flags)
{
	return openat64(dirfd, path, flags, 0);
}

static FILE *fopen_any(void **slot, const char *name, const char *path, const char *mode)
{
	char buf[PATH_LEN];
	bool node;

	return ((fopen_fn *)real_sym(slot, name))(path_map(AT_FDCWD, path, buf, &node), mode);
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	static void *slot;

	return fopen_any(&slot, "fopen", path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	static void *slot;

	return fopen_any(&slot, "fopen64", path, mode);
}

EXPORT int access(const char *path, int how)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(AT_FDCWD, path, buf, &node);

	return ((access_fn *)real_sym(&slot, "access"))(to, node ? how & R_OK : how);
}

EXPORT int faccessat(int dirfd, const char *path, int how, int flags)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *to = path_map(dirfd, path, buf, &node);

	return ((faccessat_fn *)real_sym(&slot, "faccessat"))(dirfd, to, node ? how & R_OK : how,
							      flags);
}

EXPORT ssize_t readlink(const char *path, char *to, size_t n)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;

	return ((readlink_fn *)real_sym(&slot, "readlink"))(path_map(AT_FDCWD, path, buf, &node),
							    to, n);
}

EXPORT ssize_t readlinkat(int dirfd, const char *path, char *to, size_t n)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;

	return ((readlinkat_fn *)real_sym(&slot, "readlinkat"))(
		dirfd, path_map(dirfd, path, buf, &node), to, n);
}

ssize_t __readlink_chk(const char *path, char *to, size_t n, size_t room);
EXPORT ssize_t __readlink_chk(const char *path, char *to, size_t n, size_t room)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;

	return ((readlink_chk_fn *)real_sym(&slot, "__readlink_chk"))(
		path_map(AT_FDCWD, path, buf, &node), to, n, room);
}

EXPORT char *realpath(const char *path, char *to)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;
	const char *from = path_map(AT_FDCWD, path, buf, &node);
	char *p = ((realpath_fn *)real_sym(&slot, "realpath"))(from, to);

	if (p && from != path)
		path_unmap(p);
	return p;
}

/* The room is checked by who was compiled so; PATH_MAX is what realpath() wants anyway. */
char *__realpath_chk(const char *path, char *to, size_t room);
EXPORT char *__realpath_chk(const char *path, char *to, size_t room)
{
	if (room < PATH_MAX)
		abort();
	return realpath(path, to);
}

EXPORT char *canonicalize_file_name(const char *path)
{
	return realpath(path, NULL);
}

EXPORT DIR *opendir(const char *path)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;

	return ((opendir_fn *)real_sym(&slot, "opendir"))(path_map(AT_FDCWD, path, buf, &node));
}

EXPORT int scandir(const char *path, struct dirent ***list, filter_fn *filter, order_fn *order)
{
	static void *slot;
	char buf[PATH_LEN];
	bool node;

	return ((scandir_fn *)real_sym(&slot, "scandir"))(path_map(AT_FDCWD, path, buf, &node), list,
							  filter, order);
}

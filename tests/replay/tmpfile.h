/* SPDX-License-Identifier: MIT */
/* A folder of a test's own for recordings. */
#ifndef TESTS_REPLAY_TMPFILE_H
#define TESTS_REPLAY_TMPFILE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tmpdir {
	char dir[64], file[80];
};

static inline int tmpdir_make(struct tmpdir *t)
{
	snprintf(t->dir, sizeof(t->dir), "/tmp/gpuvm-replay-XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	snprintf(t->file, sizeof(t->file), "%s/run.log", t->dir);
	return 0;
}

static inline void tmpdir_drop(struct tmpdir *t)
{
	unlink(t->file);
	rmdir(t->dir);
}

#endif

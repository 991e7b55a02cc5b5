/* SPDX-License-Identifier: MIT */
/* Real data to move: the largest regular files under a folder. */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <stdint.h>

#define FILES_MAX 4096

struct file_list {
	struct file {
		char *path; /* owned */
		uint64_t len;
	} f[FILES_MAX];
	unsigned int nr;
};

/*
 * The FILES_MAX largest readable regular files below dir, largest first;
 * symbolic links and other file systems are not followed.  0 or negative errno.
 */
int files_find(const char *dir, struct file_list *out);
void files_free(struct file_list *);

#endif

// SPDX-License-Identifier: MIT
/*
 * What the shader cores executed, in a file for whoever measures (count=PATH):
 * three 64-bit numbers, of launches that ended, and of instructions by warps
 * and by lanes.  Always true: numbers only grow, each added in one piece.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvm/dev/sim/sm/tally.h"

int tally_open(const char *path, uint64_t **out)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), err = 0;
	void *p;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, TALLY_LEN))
		err = -errno;
	p = err ? MAP_FAILED : mmap(NULL, TALLY_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!err && p == MAP_FAILED)
		err = -errno;
	close(fd);
	if (!err)
		*out = p;
	return err;
}

void tally_close(uint64_t *t)
{
	if (t)
		munmap(t, TALLY_LEN);
}

void tally_add(uint64_t *t, const struct sm_count *c)
{
	if (!t)
		return;
	__atomic_add_fetch(&t[TALLY_WARPS], c->warps, __ATOMIC_RELAXED);
	__atomic_add_fetch(&t[TALLY_LANES], c->lanes, __ATOMIC_RELAXED);
	__atomic_add_fetch(&t[TALLY_LAUNCHES], 1, __ATOMIC_RELEASE);
}

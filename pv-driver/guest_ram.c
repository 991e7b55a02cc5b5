// SPDX-License-Identifier: MIT
/*
 * Pages of a process guest's RAM.
 *
 * 1. Bit n of the map is set while page n is handed out; bit 0 always.
 * 2. Map and lock are in memory that fork shares.  The lock is robust: a child
 *    killed inside leaves at worst pages marked that nobody has.
 */
#include "pv-driver/guest_ram.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"

#define PAGE 4096ull

struct ram_map {
	pthread_mutex_t lock;
	uint64_t next; /* page at which the next search starts */
	uint64_t used; /* pages */
	uint64_t bit[]; /* one per page */
};

struct guest_ram {
	int fd; /* borrowed */
	uint8_t *mem;
	uint64_t len, nr;
	struct ram_map *map;
	size_t map_len;
};

/* False: the memory is no file, and pages cannot be given back one by one. */
static bool ram_punch(struct guest_ram *r, uint64_t gpa, uint64_t len, int *err)
{
	*err = fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)gpa, (off_t)len) ?
		       -errno :
		       0;
	return *err != -ENODEV && *err != -ESPIPE;
}

static void ram_lock(struct guest_ram *r)
{
	if (pthread_mutex_lock(&r->map->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&r->map->lock);
}

static void ram_unlock(struct guest_ram *r)
{
	pthread_mutex_unlock(&r->map->lock);
}

static bool ram_taken(const struct guest_ram *r, uint64_t page)
{
	return r->map->bit[page / 64] >> page % 64 & 1;
}

static void ram_mark(struct guest_ram *r, uint64_t page, uint64_t n, bool taken)
{
	for (uint64_t i = page; i < page + n; i++) {
		if (taken)
			r->map->bit[i / 64] |= 1ull << i % 64;
		else
			r->map->bit[i / 64] &= ~(1ull << i % 64);
	}
}

/* First run of n free pages that starts in [from, to); 0 if there is none (page 0 is never free). */
static uint64_t ram_find(const struct guest_ram *r, uint64_t from, uint64_t to, uint64_t n)
{
	uint64_t run = 0;

	for (uint64_t i = from; i < r->nr && i - run < to; i++) {
		if (i % 64 == 0 && r->map->bit[i / 64] == ~0ull) {
			run = 0;
			i += 63;
			continue;
		}
		run = ram_taken(r, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return 0;
}

int guest_ram_new(int fd, uint64_t len, struct guest_ram **out)
{
	struct guest_ram *r = mem_new(struct guest_ram);
	pthread_mutexattr_t a;

	if (!r)
		return -ENOMEM;
	r->fd = fd;
	r->len = len;
	r->nr = len / PAGE;
	r->map_len = sizeof *r->map + (r->nr + 63) / 64 * 8;
	r->map = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r->mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (r->map == MAP_FAILED || r->mem == MAP_FAILED) {
		guest_ram_free(r);
		return -ENOMEM;
	}
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&r->map->lock, &a);
	pthread_mutexattr_destroy(&a);
	ram_mark(r, 0, 1, true);
	/* Bits past the end are never free. */
	for (uint64_t i = r->nr; i % 64; i++)
		ram_mark(r, i, 1, true);
	r->map->next = 1;
	*out = r;
	return 0;
}

void guest_ram_free(struct guest_ram *r)
{
	if (!r)
		return;
	if (r->map && r->map != MAP_FAILED)
		munmap(r->map, r->map_len);
	if (r->mem && r->mem != MAP_FAILED)
		munmap(r->mem, r->len);
	mem_free(r);
}

int guest_ram_alloc(struct guest_ram *r, uint64_t len, uint64_t *gpa)
{
	uint64_t n, page;
	int err;

	if (!len || len > r->len)
		return len ? -ENOMEM : -EINVAL;
	n = align_up(len, PAGE) / PAGE;
	ram_lock(r);
	page = ram_find(r, r->map->next, r->nr, n);
	if (!page)
		page = ram_find(r, 1, r->map->next, n);
	if (page) {
		ram_mark(r, page, n, true);
		r->map->next = page + n < r->nr ? page + n : 1;
		r->map->used += n;
	}
	ram_unlock(r);
	if (!page)
		return -ENOMEM;
	/* An earlier process of the guest may have left something here: a hole reads as zeroes. */
	if (!ram_punch(r, page * PAGE, n * PAGE, &err)) {
		memset(r->mem + page * PAGE, 0, n * PAGE);
	} else if (err) {
		guest_ram_put(r, page * PAGE, n * PAGE);
		return err;
	}
	*gpa = page * PAGE;
	return 0;
}

void guest_ram_put(struct guest_ram *r, uint64_t gpa, uint64_t len)
{
	uint64_t page = gpa / PAGE, n = align_up(len, PAGE) / PAGE;
	int err;

	assert(gpa && is_aligned(gpa, PAGE) && range_ok(gpa, len, r->len) && ram_taken(r, page));
	/* Before the pages can be somebody else's. */
	ram_punch(r, gpa, n * PAGE, &err);
	ram_lock(r);
	ram_mark(r, page, n, false);
	r->map->used -= n;
	ram_unlock(r);
}

void *guest_ram_cpu(struct guest_ram *r, uint64_t gpa)
{
	return r->mem + gpa;
}

uint64_t guest_ram_used(struct guest_ram *r)
{
	uint64_t n;

	ram_lock(r);
	n = r->map->used;
	ram_unlock(r);
	return n * PAGE;
}

/* SPDX-License-Identifier: MIT */
/*
 * Allocator of a process guest's RAM: pages of the RAM memfd, first fit from
 * where the last search ended.
 *
 * Its state is shared memory, so processes forked from the one that opened it
 * allocate from the same pool.  Page 0 is never handed out: a zeroed page-table
 * entry must not name somebody's data.
 */
#ifndef PV_DRIVER_GUEST_RAM_H
#define PV_DRIVER_GUEST_RAM_H

#include <stdint.h>

struct guest_ram;

/* fd is borrowed; len is its size, page-aligned. */
int guest_ram_new(int fd, uint64_t len, struct guest_ram **out);
/* Accepts NULL.  Memory still allocated goes away with the mapping. */
void guest_ram_free(struct guest_ram *);

/* len rounded up to pages; zeroed.  -ENOMEM, -EINVAL for 0. */
int guest_ram_alloc(struct guest_ram *, uint64_t len, uint64_t *gpa);
/* The range must be one that alloc answered.  The pages go back to the kernel. */
void guest_ram_put(struct guest_ram *, uint64_t gpa, uint64_t len);
void *guest_ram_cpu(struct guest_ram *, uint64_t gpa);
uint64_t guest_ram_used(struct guest_ram *); /* bytes handed out */

#endif

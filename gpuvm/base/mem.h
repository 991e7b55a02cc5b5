/* SPDX-License-Identifier: MIT */
/*
 * Allocation with a fault hook.
 *
 * Every heap allocation of the product goes through here, so that a test can
 * make the n-th one fail for every n.  The hook is the project's only writable
 * process-wide variable; it is NULL outside tests and exists because an
 * allocator cannot take a context from each of its callers.
 */
#ifndef GPUVM_BASE_MEM_H
#define GPUVM_BASE_MEM_H

#include <stddef.h>

/* Zeroed memory for n objects of size bytes; NULL on overflow or exhaustion. */
void *mem_calloc(size_t n, size_t size);
/* Like realloc; new bytes are not cleared. */
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);
/* Accepts NULL. */
void mem_free(void *p);

#define mem_new(type) ((type *)mem_calloc(1, sizeof(type)))

/* Tests only: called before each allocation; non-zero makes that allocation fail. */
extern int (*mem_fault_hook)(void);

#endif

// SPDX-License-Identifier: MIT
#include "gpuvm/base/mem.h"

#include <stdlib.h>
#include <string.h>

int (*mem_fault_hook)(void);

void *mem_calloc(size_t n, size_t size)
{
	size_t bytes;

	if (mem_fault_hook && mem_fault_hook())
		return NULL;
	/* calloc would see it too, but a sanitizer's calloc ends the program there. */
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return calloc(n, size);
}

void *mem_realloc(void *p, size_t size)
{
	if (mem_fault_hook && mem_fault_hook())
		return NULL;
	return realloc(p, size);
}

char *mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *d = mem_calloc(1, n);

	if (d)
		memcpy(d, s, n);
	return d;
}

void mem_free(void *p)
{
	free(p);
}

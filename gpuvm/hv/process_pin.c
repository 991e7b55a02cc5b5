// SPDX-License-Identifier: MIT
/*
 * Pin counts per 4 KiB page of a process guest, in a two-level table made on
 * demand: a guest that pins nothing costs nothing.
 *
 * 1. leaf[i]->used is the number of its counts above 0; an empty leaf is freed.
 * 2. total is the sum of all counts.
 */
#include <assert.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/hv/process_impl.h"

int proc_pin(struct proc_pins *p, uint64_t page_nr, uint64_t nr_pages)
{
	uint32_t i = page_nr / PROC_PIN_LEAF, j = page_nr % PROC_PIN_LEAF;

	if (!p->leaf) {
		uint32_t nr = (nr_pages + PROC_PIN_LEAF - 1) / PROC_PIN_LEAF;

		p->leaf = mem_calloc(nr, sizeof(struct proc_pin_leaf *));
		if (!p->leaf)
			return -ENOMEM;
		p->nr = nr;
	}
	assert(i < p->nr);
	if (!p->leaf[i])
		p->leaf[i] = mem_new(struct proc_pin_leaf);
	if (!p->leaf[i])
		return -ENOMEM;
	/* A guest chooses how often a page is named: the count must not wrap to "not pinned". */
	if (p->leaf[i]->count[j] == UINT32_MAX)
		return -EOVERFLOW;
	if (!p->leaf[i]->count[j]++)
		p->leaf[i]->used++;
	p->total++;
	return 0;
}

void proc_unpin(struct proc_pins *p, uint64_t page_nr)
{
	uint32_t i = page_nr / PROC_PIN_LEAF, j = page_nr % PROC_PIN_LEAF;

	/* An unpin without its pin is a bug of the core, never a guest's doing. */
	assert(p->leaf && i < p->nr && p->leaf[i] && p->leaf[i]->count[j]);
	p->total--;
	if (--p->leaf[i]->count[j] || --p->leaf[i]->used)
		return;
	mem_free(p->leaf[i]);
	p->leaf[i] = NULL;
}

void proc_pins_fini(struct proc_pins *p)
{
	for (uint32_t i = 0; i < p->nr; i++)
		mem_free(p->leaf[i]);
	mem_free(p->leaf);
	*p = (struct proc_pins){ 0 };
}

// SPDX-License-Identifier: MIT
/*
 * The classes a channel can bind.  Slot i of a channel's objects belongs to
 * classes[i]; a class that shares another's state has that one's slot.
 */
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/fifo.h"
#include "gpuvm/fermi/methods.h"

static const struct engine_class *const classes[FIFO_NR_CLASSES] = {
	&m2mf_class, &twod_class, &threed_class, &compute_class, &copy0_class, &copy1_class,
};

uint32_t object_slot(const struct engine_class *k)
{
	uint32_t i = 0;

	k = k->shares ? k->shares : k;
	while (classes[i] != k)
		i++;
	return i;
}

const struct engine_class *object_class(uint32_t e, uint32_t class_id, uint32_t *slot)
{
	for (uint32_t i = 0; i < FIFO_NR_CLASSES; i++) {
		/* The copy engines' microcode takes any class [nvkm/engine/ce/fuc/com.fuc]. */
		if (classes[i]->engine != e || (e == ENGINE_GR && classes[i]->class_id != class_id))
			continue;
		*slot = object_slot(classes[i]);
		return classes[i];
	}
	return NULL;
}

void object_free(uint32_t slot, void *state)
{
	if (state && classes[slot]->fini)
		classes[slot]->fini(state);
	mem_free(state);
}

// SPDX-License-Identifier: MIT
/*
 * The fluid engine.  v advances by passed / (sum of weights of the busy
 * flows); a flow that has work at v is done with it when v reaches its finish.
 */
#include "scheduler/simulator/fluid.h"

#include "gpuvm/base/bits.h"

/* Heap keys are whole numbers: a 64th of a nanosecond at weight 1 is beyond what is measured. */
#define KEY_STEPS 64.0

static void advance(struct fluid *f, uint64_t now)
{
	double left = (double)(now - f->at);
	struct sched_heap_node *n;

	f->at = now;
	while (left > 0 && (n = sched_heap_first(&f->busy))) {
		struct fluid_flow *w = container_of(n, struct fluid_flow, node);
		double need = (w->finish - f->v) * f->weights;

		if (need > left) {
			f->v += left / f->weights;
			return;
		}
		f->v = w->finish;
		left -= need > 0 ? need : 0;
		sched_heap_del(&f->busy, n);
		f->weights -= w->weight;
	}
	if (!f->busy.nr)
		f->weights = 0; /* what rounding left */
}

void fluid_arrive(struct fluid *f, struct fluid_flow *w, uint64_t size, uint64_t now)
{
	advance(f, now);
	if (!w->node.in) {
		w->finish = f->v;
		f->weights += w->weight;
	}
	w->arrived += (double)size;
	w->finish += (double)size / w->weight;
	sched_heap_del(&f->busy, &w->node);
	sched_heap_add(&f->busy, &w->node, (uint64_t)(w->finish * KEY_STEPS), 0);
}

double fluid_served(struct fluid *f, const struct fluid_flow *w, uint64_t now)
{
	advance(f, now);
	return w->node.in ? w->arrived - (w->finish - f->v) * w->weight : w->arrived;
}

// SPDX-License-Identifier: MIT
/*
 * The fluid engine.  Serving a flow moves the mean by ns / (sum of weights);
 * a flow that joins does so at the mean and so does not move it; one that
 * leaves takes its part of the sum along.
 */
#include "scheduler/simulator/fluid.h"

#include "gpuvm/base/bits.h"

/* Heap keys are whole numbers: a 64th of a nanosecond at weight 1 is beyond what is measured. */
#define KEY_STEPS 64.0

static void leave(struct fluid *f, struct fluid_flow *w)
{
	double rest = f->weights - w->weight;

	w->counts = false;
	f->v = rest > 0.5 ? (f->v * f->weights - w->v * w->weight) / rest : w->v;
	f->weights = rest > 0.5 ? rest : 0; /* weights are whole: less is what rounding left */
}

static void catch_up(struct fluid *f)
{
	struct sched_heap_node *n;

	while ((n = sched_heap_first(&f->ahead))) {
		struct fluid_flow *w = container_of(n, struct fluid_flow, ahead);

		if (w->v > f->v)
			return;
		sched_heap_del(&f->ahead, n);
		leave(f, w);
	}
}

void fluid_work(struct fluid *f, struct fluid_flow *w, bool has_work)
{
	w->has_work = has_work;
	if (has_work) {
		sched_heap_del(&f->ahead, &w->ahead);
		if (!w->counts) {
			w->v = f->v;
			f->weights += w->weight;
			w->counts = true;
		}
		return;
	}
	if (w->counts && w->v > f->v)
		sched_heap_add(&f->ahead, &w->ahead, (uint64_t)(w->v * KEY_STEPS), 0);
	else if (w->counts)
		leave(f, w);
	catch_up(f);
}

void fluid_serve(struct fluid *f, struct fluid_flow *w, double ns)
{
	w->v += ns / w->weight;
	f->v += ns / f->weights;
	catch_up(f);
}

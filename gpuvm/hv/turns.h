/* SPDX-License-Identifier: MIT */
/* Fair service of a port's guests: what dispatch() of the ports with sockets or event channels has in common. */
#ifndef GPUVM_HV_TURNS_H
#define GPUVM_HV_TURNS_H

#include "gpuvm/hv/hv.h"

/* Accesses that a guest gets before the next one's turn. */
#define HV_QUANTUM 64u

/* Serves a guest at most so many accesses; 0 at once if it wants none.  Answers how many. */
typedef unsigned int (*hv_turn_fn)(struct hv_guest *, unsigned int most);

/* Each guest one turn at most; who was served goes last. */
static inline unsigned int hv_round(struct list *guests, unsigned int budget, hv_turn_fn turn)
{
	unsigned int n = 0, turns = 0;
	struct list *l;

	for (l = guests->next; l != guests; l = l->next)
		turns++;
	while (turns-- && n < budget) {
		struct hv_guest *g = list_first(guests, struct hv_guest, node);

		list_del(&g->node);
		list_add_tail(guests, &g->node);
		n += turn(g, budget - n < HV_QUANTUM ? budget - n : HV_QUANTUM);
	}
	return n;
}

/* Rounds until nobody wants more or the budget is used up. */
static inline unsigned int hv_rounds(struct list *guests, unsigned int budget, hv_turn_fn turn)
{
	unsigned int n = 0, more;

	do {
		more = hv_round(guests, budget - n, turn);
		n += more;
	} while (more && n < budget);
	return n;
}

#endif

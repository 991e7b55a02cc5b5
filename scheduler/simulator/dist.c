// SPDX-License-Identifier: MIT
/*
 * Random lengths.  Each guest has a stream of its own, so that one guest's
 * draws do not depend on what the others do or which policy runs.
 */
#include <math.h>

#include "scheduler/simulator/mix.h"

/* splitmix64: one add and three xor-multiplies; passes BigCrush [Steele, Lea, Flood, OOPSLA 2014]. */
static uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed, uint64_t stream)
{
	r->s = seed * 0x2545f4914f6cdd1dull + stream;
	rng_next(r);
	r->s ^= rng_next(r) + stream;
}

/* In (0, 1]. */
static double rng_unit(struct rng *r)
{
	return ((double)(rng_next(r) >> 11) + 1) / 9007199254740992.0;
}

uint64_t dist_draw(const struct dist *d, struct rng *r)
{
	double v = d->a;

	switch (d->kind) {
	case DIST_CONST: break;
	case DIST_UNIFORM: v = d->a + (d->b - d->a) * rng_unit(r); break;
	case DIST_EXP: v = -d->a * log(rng_unit(r)); break;
	case DIST_PARETO:
		v = d->a / pow(rng_unit(r), 1 / d->b);
		v = v < d->c ? v : d->c;
		break;
	}
	return v < 1 ? 1 : (uint64_t)v;
}

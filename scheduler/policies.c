// SPDX-License-Identifier: MIT
/* The built-in policies by name.  A new policy is a file of its own and one row here. */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "scheduler/sched.h"

static const struct sched_policy *const policies[] = {
	&sched_null, &sched_fifo, &sched_rr,  &sched_credit, &sched_band,
	&sched_fixed, &sched_equal, &sched_wfq, &sched_dfq,    &sched_edf,
};

const struct sched_policy *sched_policy_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (!strcmp(policies[i]->name, name))
			return policies[i];
	return NULL;
}

const struct sched_policy *sched_policy_at(unsigned int i)
{
	return i < ARRAY_SIZE(policies) ? policies[i] : NULL;
}

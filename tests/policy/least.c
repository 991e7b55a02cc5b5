// SPDX-License-Identifier: MIT
/* A policy of one's own: who has had the least engine time by weight goes next.  docs/policies.md explains it. */
#include "scheduler/sched.h"

static int least_init(struct sched *s, uint64_t now)
{
	(void)s;
	(void)now;
	return 0;
}

static void least_fini(struct sched *s)
{
	(void)s;
}

static int least_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)ent;
	(void)now;
	return 0;
}

static void least_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)ent;
	(void)now;
}

static struct sched_ent *least_pick(struct sched *s, unsigned int engine, uint64_t now, uint64_t *again)
{
	struct sched_ent *ent, *best = NULL;
	uint64_t had, least = UINT64_MAX;

	(void)now;
	(void)again;
	if (s->nr_running[engine])
		return NULL;
	list_for_each(ent, &s->ents, node) {
		had = ent->stats.ran_ns[engine] / ent->weight;
		if (sched_ready(ent, engine) && had < least) {
			least = had;
			best = ent;
		}
	}
	best->slice_ns = s->param[0];
	return best;
}

static const struct sched_policy_param least_params[] = {
	{ "slice", 1000000, 10000, 1000000000, true, "how long one may run before it is decided anew" },
	{ NULL, 0, 0, 0, false, NULL },
};

extern const struct sched_policy sched_policy_plugin;
const struct sched_policy sched_policy_plugin = {
	.abi = SCHED_POLICY_ABI,
	.name = "least",
	.help = "least engine time by weight",
	.promises = SCHED_CONSERVING,
	.params = least_params,
	.init = least_init,
	.fini = least_fini,
	.add = least_add,
	.del = least_del,
	.pick = least_pick,
};

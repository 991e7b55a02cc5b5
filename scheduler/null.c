// SPDX-License-Identifier: MIT
/*
 * The null policy: nothing is held.  Whatever is queued goes to its engine at
 * once, oldest first; the engine's own order decides the rest, as on a card
 * that nobody schedules.  It is the worked example of a policy: it keeps no
 * state, needs no wake, no charge and no tick.
 */
#include "scheduler/sched.h"

#include "scheduler/oldest.h"

static int null_init(struct sched *s, uint64_t now)
{
	(void)s;
	(void)now;
	return 0;
}

static void null_fini(struct sched *s)
{
	(void)s;
}

static int null_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)ent;
	(void)now;
	return 0;
}

static void null_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)ent;
	(void)now;
}

static struct sched_ent *null_pick(struct sched *s, unsigned int engine, uint64_t now,
				   uint64_t *again)
{
	(void)now;
	(void)again;
	return sched_oldest(s, engine);
}

const struct sched_policy sched_null = {
	.abi = SCHED_POLICY_ABI,
	.name = "null",
	.help = "nothing is held",
	.promises = SCHED_CONSERVING | SCHED_NO_STARVATION,
	.init = null_init,
	.fini = null_fini,
	.add = null_add,
	.del = null_del,
	.pick = null_pick,
};

// SPDX-License-Identifier: MIT
/*
 * The FIFO policy: arrival order over all ents, one work an engine at a time.
 *
 * The next work starts when the one before it has ended, so the engine never
 * chooses and a work waits for everything that came before it: fair in turns,
 * not in time.  The state is all in the core's queues: an engine is busy while
 * its running list is not empty.
 */
#include "scheduler/sched.h"

#include "scheduler/oldest.h"

static int fifo_init(struct sched *s, uint64_t now)
{
	(void)s;
	(void)now;
	return 0;
}

static void fifo_fini(struct sched *s)
{
	(void)s;
}

static int fifo_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)ent;
	(void)now;
	return 0;
}

static void fifo_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)ent;
	(void)now;
}

static struct sched_ent *fifo_pick(struct sched *s, unsigned int engine, uint64_t now,
				   uint64_t *again)
{
	struct sched_ent *ent = s->nr_running[engine] ? NULL : sched_oldest(s, engine);

	(void)now;
	(void)again;
	/* *again stays "never": the pump after a sched_done or sched_cancel asks anyway. */
	if (ent)
		ent->slice_ns = sched_no_slice(s, engine);
	return ent;
}

const struct sched_policy sched_fifo = {
	.abi = SCHED_POLICY_ABI,
	.name = "fifo",
	.help = "arrival order, one work an engine",
	.promises = SCHED_CONSERVING | SCHED_NO_STARVATION,
	.init = fifo_init,
	.fini = fifo_fini,
	.add = fifo_add,
	.del = fifo_del,
	.pick = fifo_pick,
};

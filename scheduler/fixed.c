// SPDX-License-Identifier: MIT
/*
 * Fixed share: everybody has a slot in turn, longer by weight, whether there
 * is work or not; nobody else uses it.  What one guest gets does not depend on
 * what the others do, at the price of idle slots.  A slot that was overrun
 * begins the next one late; the overrun is paid back out of the owner's later
 * slots as in equal.c.
 *
 * Always true: cur is an ent of the sched or NULL; slots only pass while
 * nothing runs.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "scheduler/sched.h"

enum { SLICE, FACTOR };

static const struct sched_policy_param fixed_params[] = {
	{ "slice", 0, 0, 1000000000, true, "length of a slot; 0: 2 ms up to 8 ents, else 1 ms" },
	{ "factor", 33, 1, 60, false, "slots over which an overrun is paid back" },
	{ NULL, 0, 0, 0, false, NULL },
};

struct fixed_ent {
	uint64_t debt[SCHED_MAX_ENGINES];
};

struct fixed {
	struct fixed_engine {
		struct sched_ent *cur;
		uint64_t end; /* of cur's slot */
	} e[SCHED_MAX_ENGINES];
};

static int fixed_init(struct sched *s, uint64_t now)
{
	struct fixed *x = mem_new(struct fixed);

	s->policy_data = x;
	if (!x)
		return -ENOMEM;
	for (unsigned int e = 0; e < SCHED_MAX_ENGINES; e++)
		x->e[e].end = now;
	return 0;
}

static void fixed_fini(struct sched *s)
{
	mem_free(s->policy_data);
	s->policy_data = NULL;
}

static int fixed_add(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	(void)s;
	(void)now;
	ent->policy = mem_new(struct fixed_ent);
	return ent->policy ? 0 : -ENOMEM;
}

/* Whose slot comes after ent's (the first's for NULL). */
static struct sched_ent *next_ent(struct sched *s, struct sched_ent *ent)
{
	struct list *n = ent ? ent->node.next : s->ents.next;

	if (n == &s->ents)
		n = n->next;
	return n == &s->ents ? NULL : list_entry(n, struct sched_ent, node);
}

static void fixed_del(struct sched *s, struct sched_ent *ent, uint64_t now)
{
	struct fixed *x = s->policy_data;

	for (unsigned int e = 0; x && e < s->nr_engines; e++) {
		struct sched_ent *next = next_ent(s, ent);

		if (x->e[e].cur != ent)
			continue;
		/* What is left of the slot is the next one's gift. */
		x->e[e].cur = next == ent ? NULL : next;
		x->e[e].end = x->e[e].end > now ? x->e[e].end : now;
	}
	mem_free(ent->policy);
	ent->policy = NULL;
}

static uint64_t slice_of(const struct sched *s, const struct sched_ent *ent)
{
	uint64_t ns = s->param[SLICE] ? s->param[SLICE] : s->nr_ents <= 8 ? 2000000 : 1000000;

	ns = ns * ent->weight / SCHED_WEIGHT_DEFAULT;
	return ns ? ns : 1;
}

static uint64_t slot_len(struct sched *s, struct sched_ent *ent, unsigned int engine)
{
	struct fixed_ent *t = ent->policy;
	uint64_t len = slice_of(s, ent), debt = t->debt[engine];
	uint64_t pay = debt / s->param[FACTOR] + (debt % s->param[FACTOR] != 0);

	pay = pay < len ? pay : len;
	t->debt[engine] -= pay;
	return len - pay;
}

/* Steps to the slot that holds `now`; after a long sleep the cycle starts where it stood. */
static void advance(struct sched *s, struct fixed_engine *xe, unsigned int engine, uint64_t now)
{
	uint32_t steps = 2 * s->nr_ents + 2;

	while (!xe->cur || now >= xe->end) {
		if (!steps--) {
			xe->end = now + 1;
			break;
		}
		xe->cur = next_ent(s, xe->cur);
		xe->end += slot_len(s, xe->cur, engine);
	}
}

static struct sched_ent *fixed_pick(struct sched *s, unsigned int engine, uint64_t now,
				    uint64_t *again)
{
	struct fixed *x = s->policy_data;
	struct fixed_engine *xe = &x->e[engine];

	if (s->nr_running[engine])
		return NULL;
	advance(s, xe, engine, now);
	if (sched_ready(xe->cur, engine)) {
		xe->cur->slice_ns = xe->end - now;
		return xe->cur;
	}
	*again = xe->end;
	return NULL;
}

static void fixed_charge(struct sched *s, struct sched_ent *ent, unsigned int engine,
			 uint64_t ran_ns, uint64_t now)
{
	struct fixed *x = s->policy_data;
	struct fixed_engine *xe = &x->e[engine];
	struct fixed_ent *t = ent->policy;
	uint64_t over;

	if (xe->cur != ent || now <= xe->end)
		return;
	/* The clock may have jumped: no more than the work itself took. */
	over = now - xe->end < ran_ns ? now - xe->end : ran_ns;
	t->debt[engine] += over;
	xe->end = now;
}

const struct sched_policy sched_fixed = {
	.abi = SCHED_POLICY_ABI,
	.name = "fixed",
	.help = "a slot for everybody, used or not, overrun paid back",
	.promises = SCHED_NO_STARVATION | SCHED_WEIGHTED,
	.params = fixed_params,
	.init = fixed_init,
	.fini = fixed_fini,
	.add = fixed_add,
	.del = fixed_del,
	.pick = fixed_pick,
	.charge = fixed_charge,
};

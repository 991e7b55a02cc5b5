// SPDX-License-Identifier: MIT
/*
 * Writing a recording.  One line for each work that ended, through a buffer:
 * the scheduler's thread pays one formatted write a work, and a disk that is
 * full is told at the end, never in between.
 */
#include "scheduler/record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "gpuvm/base/mem.h"

struct sched_record {
	FILE *f;
	struct sched *s; /* borrowed */
	uint64_t start;
};

static void write_guest(struct sched_record *r, const struct sched_ent *ent)
{
	fprintf(r->f, "guest %s %u %u %u %u\n", ent->name, ent->weight, ent->cap_pct, ent->latency_us,
		ent->budget_pct);
}

static void ended(void *arg, const struct sched_work *w, uint64_t ran_ns, uint64_t now)
{
	struct sched_record *r = arg;

	/* Cheaper than to remember who was named: once in a while is enough for who reads. */
	if (w->ent->stats.done % 1024 == 1)
		write_guest(r, w->ent);
	fprintf(r->f, "work %s %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", w->ent->name, w->engine,
		w->queued_ns > r->start ? w->queued_ns - r->start : 0,
		w->started_ns > r->start ? w->started_ns - r->start : 0, ran_ns,
		now > r->start ? now - r->start : 0);
}

int sched_record_open(const char *path, struct sched *s, uint64_t now, struct sched_record **out)
{
	struct sched_record *r = mem_new(struct sched_record);
	struct sched_ent *ent;

	if (!r)
		return -ENOMEM;
	r->f = fopen(path, "we");
	if (!r->f) {
		int err = -errno;

		mem_free(r);
		return err;
	}
	r->s = s;
	r->start = now;
	fprintf(r->f, SCHED_RECORD_HEAD "\n");
	list_for_each(ent, &s->ents, node)
		write_guest(r, ent);
	sched_set_watch(s, &(struct sched_watch){ ended, r });
	*out = r;
	return 0;
}

int sched_record_close(struct sched_record *r)
{
	int err;

	if (!r)
		return 0;
	sched_set_watch(r->s, NULL);
	err = ferror(r->f);
	err |= fclose(r->f);
	mem_free(r);
	return err ? -EIO : 0;
}

// SPDX-License-Identifier: MIT
/*
 * The timeline file.  It is cut after EVENTS_MAX events, and says so in itself:
 * viewers take minutes for more.
 */
#include "scheduler/simulator/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpuvm/base/mem.h"

#define EVENTS_MAX 300000u
#define PID_ENGINES 1
#define PID_GUESTS 2

struct timeline {
	FILE *f;
	unsigned int nr;
	uint64_t rows, engines; /* bits of rows that were named already, for the first 64 */
};

int timeline_open(const char *path, struct timeline **out)
{
	struct timeline *t = mem_new(struct timeline);

	if (!t)
		return -ENOMEM;
	t->f = fopen(path, "we");
	if (!t->f) {
		int err = -errno;

		mem_free(t);
		return err;
	}
	fprintf(t->f, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n"
		      "{\"ph\": \"M\", \"pid\": 1, \"name\": \"process_name\", "
		      "\"args\": {\"name\": \"engines\"}},\n"
		      "{\"ph\": \"M\", \"pid\": 2, \"name\": \"process_name\", "
		      "\"args\": {\"name\": \"guests, held\"}}");
	*out = t;
	return 0;
}

static void name_row(struct timeline *t, uint64_t *named, int pid, uint32_t row, const char *what)
{
	if (row >= 64 || *named & 1ull << row)
		return;
	*named |= 1ull << row;
	fprintf(t->f,
		",\n{\"ph\": \"M\", \"pid\": %d, \"tid\": %u, \"name\": \"thread_name\", \"args\": {\"name\": \"%s\"}}",
		pid, row, what);
}

static void event(struct timeline *t, int pid, uint32_t row, const char *name, uint64_t from, uint64_t to)
{
	if (t->nr == EVENTS_MAX)
		fprintf(t->f,
			",\n{\"ph\": \"i\", \"s\": \"g\", \"pid\": 1, \"tid\": 0, \"ts\": %.3f, "
			"\"name\": \"cut here\"}",
			(double)from / 1000);
	if (t->nr++ >= EVENTS_MAX)
		return;
	fprintf(t->f, ",\n{\"ph\": \"X\", \"pid\": %d, \"tid\": %u, \"ts\": %.3f, \"dur\": %.3f, \"name\": \"%s\"}",
		pid, row, (double)from / 1000, (double)(to - from) / 1000, name);
}

void timeline_ran(struct timeline *t, unsigned int engine, const char *guest, uint64_t from, uint64_t to)
{
	char name[24];

	snprintf(name, sizeof(name), "engine %u", engine);
	name_row(t, &t->engines, PID_ENGINES, engine, name);
	event(t, PID_ENGINES, engine, guest, from, to);
}

void timeline_waited(struct timeline *t, uint32_t row, const char *guest, uint64_t from, uint64_t to)
{
	if (from == to)
		return;
	name_row(t, &t->rows, PID_GUESTS, row, guest);
	event(t, PID_GUESTS, row, "held", from, to);
}

int timeline_close(struct timeline *t)
{
	int err;

	if (!t)
		return 0;
	fprintf(t->f, "\n]}\n");
	err = ferror(t->f);
	err |= fclose(t->f);
	mem_free(t);
	return err ? -EIO : 0;
}

// SPDX-License-Identifier: MIT
/*
 * The trace ring.
 *
 * Always true: the writer raises `claimed` before it touches a slot and
 * `filled` after.  A reader copies event n only if n < filled, and keeps the
 * copy only if afterwards claimed <= n + size of the ring, that is, nobody had
 * begun to overwrite it.  The fields are relaxed atomics: a torn copy is
 * thrown away, but must not be a data race.
 */
#include "gpuvm/base/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "gpuvm/base/mem.h"

#define MAX_EVENTS (1u << 24) /* 640 MiB: more than anybody can read */

int trace_new(uint32_t nr, struct trace **out)
{
	struct trace *t;
	uint64_t size = 1;

	if (!nr || nr > MAX_EVENTS)
		return -EINVAL;
	while (size < nr)
		size <<= 1;
	t = mem_new(struct trace);
	if (!t)
		return -ENOMEM;
	t->mask = size - 1;
	t->ring = mem_calloc(size, sizeof(*t->ring));
	if (!t->ring) {
		trace_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	mem_free(t->ring);
	mem_free(t);
}

/* Names go into JSON and onto terminals as they are. */
static bool name_ok(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

int trace_register(struct trace *t, const struct trace_kind *kinds, uint32_t nr, uint32_t *base)
{
	if (!nr || nr > UINT32_MAX - t->nr_kinds)
		return -EINVAL;
	for (uint32_t i = 0; i < nr; i++) {
		const struct trace_kind *k = &kinds[i];

		if (!k->name || !name_ok(k->name) || (k->a && !name_ok(k->a)) ||
		    (k->b && !name_ok(k->b)) || (k->c && !name_ok(k->c)))
			return -EINVAL;
	}
	if (t->nr_owners == TRACE_MAX_OWNERS)
		return -ENOSPC;
	t->owner[t->nr_owners].kinds = kinds;
	t->owner[t->nr_owners++].nr = nr;
	*base = t->nr_kinds;
	t->nr_kinds += nr;
	return 0;
}

void trace_enable(struct trace *t, bool on)
{
	t->on = on;
}

void trace_store(struct trace *t, uint64_t time, uint32_t kind, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t n = t->claimed;
	struct trace_event *e = &t->ring[n & t->mask];

	__atomic_store_n(&t->claimed, n + 1, __ATOMIC_RELAXED);
	/* No store to the slot may become visible before the claim. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&e->time, time, __ATOMIC_RELAXED);
	__atomic_store_n(&e->kind, kind, __ATOMIC_RELAXED);
	__atomic_store_n(&e->a, a, __ATOMIC_RELAXED);
	__atomic_store_n(&e->b, b, __ATOMIC_RELAXED);
	__atomic_store_n(&e->c, c, __ATOMIC_RELAXED);
	__atomic_store_n(&t->filled, n + 1, __ATOMIC_RELEASE);
}

uint64_t trace_count(const struct trace *t)
{
	return __atomic_load_n(&t->filled, __ATOMIC_ACQUIRE);
}

bool trace_next(const struct trace *t, uint64_t *at, struct trace_event *out)
{
	uint64_t n = *at;

	for (;;) {
		uint64_t filled = trace_count(t), claimed;
		const struct trace_event *e;

		if (n >= filled)
			return false;
		if (filled - n > t->mask + 1)
			n = filled - (t->mask + 1);
		e = &t->ring[n & t->mask];
		out->time = __atomic_load_n(&e->time, __ATOMIC_RELAXED);
		out->kind = __atomic_load_n(&e->kind, __ATOMIC_RELAXED);
		out->a = __atomic_load_n(&e->a, __ATOMIC_RELAXED);
		out->b = __atomic_load_n(&e->b, __ATOMIC_RELAXED);
		out->c = __atomic_load_n(&e->c, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		claimed = __atomic_load_n(&t->claimed, __ATOMIC_RELAXED);
		if (claimed - n <= t->mask + 1) {
			*at = n + 1;
			return true;
		}
		/* Overwritten meanwhile: on to the oldest one that may still be whole. */
		n = claimed - (t->mask + 1);
	}
}

const struct trace_kind *trace_kind_of(const struct trace *t, uint64_t kind)
{
	for (uint32_t i = 0; i < t->nr_owners; i++) {
		if (kind < t->owner[i].nr)
			return &t->owner[i].kinds[kind];
		kind -= t->owner[i].nr;
	}
	return NULL;
}

/* An event in words: names, and the three values beside them. */
struct words {
	char name[40];
	const char *arg[3];
	uint64_t val[3];
};

static void words_of(const struct trace *t, const struct trace_event *e, struct words *w)
{
	/* What nobody registered is shown by number: it still tells something. */
	static const struct trace_kind unnamed = { NULL, "a", "b", "c" };
	const struct trace_kind *k = trace_kind_of(t, e->kind);

	if (k)
		snprintf(w->name, sizeof(w->name), "%s", k->name);
	else
		snprintf(w->name, sizeof(w->name), "kind_%" PRIu64, e->kind);
	if (!k)
		k = &unnamed;
	w->arg[0] = k->a;
	w->arg[1] = k->b;
	w->arg[2] = k->c;
	w->val[0] = e->a;
	w->val[1] = e->b;
	w->val[2] = e->c;
}

void trace_dump(const struct trace *t, FILE *f)
{
	struct trace_event e;
	struct words w;
	uint64_t at = 0;

	while (trace_next(t, &at, &e)) {
		words_of(t, &e, &w);
		fprintf(f, "%" PRIu64 ".%09" PRIu64 " %s", e.time / 1000000000u,
			e.time % 1000000000u, w.name);
		for (int i = 0; i < 3; i++)
			if (w.arg[i])
				fprintf(f, " %s=0x%" PRIx64, w.arg[i], w.val[i]);
		fputc('\n', f);
	}
}

void trace_dump_json(const struct trace *t, FILE *f)
{
	struct trace_event e;
	struct words w;
	uint64_t at = 0;

	while (trace_next(t, &at, &e)) {
		words_of(t, &e, &w);
		fprintf(f, "{\"t\":%" PRIu64 ",\"kind\":\"%s\"", e.time, w.name);
		for (int i = 0; i < 3; i++)
			if (w.arg[i])
				fprintf(f, ",\"%s\":%" PRIu64, w.arg[i], w.val[i]);
		fprintf(f, "}\n");
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The attacker's other processor, made to happen each time: a port that
 * rewrites a range of guest RAM in the middle of every look the mediator takes
 * at it, and again after it.
 *
 * Always true: no two looks at a word that follow each other see the same of its
 * values (there are four or more of them), and a look that is longer than a word is torn, now here, now there,
 * also within an entry.
 */
#ifndef TESTS_ATTACK_FLIP_H
#define TESTS_ATTACK_FLIP_H

#include "tests/t.h"

#include "gpuvm/hv/null.h"

struct flip {
	struct hv_ops ops;
	const struct hv_ops *real; /* borrowed: the port's */
	struct hv_guest *guest;
	uint64_t at;		   /* in its RAM: n entries */
	unsigned int n;
	const uint64_t *values;	   /* good and bad ones */
	unsigned int nr_values;
	unsigned int step;	   /* from one turn to the next: 1, or n where values are whole images */
	unsigned int looks, turn;
};

static inline void flip_turn(struct flip *f, unsigned int by)
{
	uint8_t *ram = hv_null_ram(f->guest);
	uint64_t *word = (uint64_t *)(ram + f->at);

	f->turn += by;
	for (unsigned int i = 0; i < f->n; i++)
		word[i] = f->values[(f->turn * f->step + i) % f->nr_values];
}

static int flip_read(struct hv_guest *g, gpa_t src, void *buf, size_t len)
{
	struct flip *f = container_of(g->hv->ops, struct flip, ops);
	/* Dwords, so that an entry can be half of one and half of another. */
	size_t cut = len >= 8 ? f->turn * 4u % len : 0;
	int err;

	if (g != f->guest || gpa_x(src) >= f->at + f->n * 8ull || gpa_x(src) + len <= f->at)
		return f->real->read(g, src, buf, len);
	err = f->real->read(g, src, buf, cut);
	flip_turn(f, 1);
	if (!err)
		err = f->real->read(g, gpa(gpa_x(src) + cut), (uint8_t *)buf + cut, len - cut);
	/* Not by the same each time, or one that looks as often each time would see a few of them only. */
	flip_turn(f, 1 + f->looks++ % 3);
	return err;
}

/* From now on, until flip_end(). */
static inline void flip_start(struct flip *f, struct hv_guest *g)
{
	f->guest = g;
	f->real = g->hv->ops;
	f->ops = *f->real;
	f->ops.read = flip_read;
	g->hv->ops = &f->ops;
	flip_turn(f, 1);
}

static inline void flip_end(struct flip *f)
{
	f->guest->hv->ops = f->real;
}

#endif

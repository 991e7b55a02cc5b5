// SPDX-License-Identifier: MIT
/*
 * Decoded code of one channel, by code offset, in pages of 64 instructions.
 *
 * Always true: a page that is in the table does not change and does not go away
 * before sm_code_flush(), which is called only between launches (or when none
 * will go on); so a worker may keep pointers to pages as long as a launch runs,
 * and forgets them when it takes up another one.  As on the chip, code that
 * memory no longer holds runs until it is flushed.
 */
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/sm/core.h"
#include "gpuvm/dev/sim/sm/pool.h"
#include "gpuvm/dev/sim/sm/space.h"

#define CODE_HASH 64
/* Decoded code is about forty times as large as code. */
#define CODE_PAGES_MAX 4096

struct sm_code {
	pthread_mutex_t lock;
	struct code_page *hash[CODE_HASH];
	uint32_t nr;
	uint64_t base; /* of the launch that filled it */
};

struct sm_code *sm_code_new(void)
{
	struct sm_code *c = mem_new(struct sm_code);

	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void sm_code_flush(struct sm_code *c)
{
	for (uint32_t i = 0; c && i < CODE_HASH; i++)
		while (c->hash[i]) {
			struct code_page *p = c->hash[i];

			c->hash[i] = p->next;
			mem_free(p);
		}
	if (c)
		c->nr = 0;
}

void sm_code_free(struct sm_code *c)
{
	sm_code_flush(c);
	if (c)
		pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

void sm_code_begin(struct sm_code *c, uint64_t base)
{
	if (c->base != base || c->nr > CODE_PAGES_MAX)
		sm_code_flush(c);
	c->base = base;
}

static void fill(struct worker *wk, struct code_page *p)
{
	uint64_t raw[CODE_NR];
	uint64_t va = wk->launch->g.code + p->pc;
	bool have[2];

	/* Code ends where its buffer ends, which need not be the end of our page. */
	for (int h = 0; h < 2; h++)
		have[h] = space_peek(wk, va + h * (CODE_LEN / 2), raw + h * (CODE_NR / 2),
				     CODE_LEN / 2);
	for (uint32_t i = 0; i < CODE_NR; i++) {
		struct uop *u = &p->u[i];

		if (have[i / (CODE_NR / 2)]) {
			translate(wk->sm->isa, u, raw[i], p->pc + i * SM20_INSN_BYTES);
			continue;
		}
		*u = (struct uop){ .fn = uop_unfetched, .pred = SM20_PRED_TRUE, .ends = true,
				   .weight = 1 };
		u->in.pc = p->pc + i * SM20_INSN_BYTES;
	}
	p->u[CODE_NR] = (struct uop){ .fn = uop_next_page, .pred = SM20_PRED_TRUE, .ends = true,
				      .weight = 0 };
	p->u[CODE_NR].in.pc = p->pc + CODE_LEN;
}

static struct code_page *find(struct worker *wk, uint32_t pc)
{
	struct sm_code *c = wk->launch->code;
	struct code_page **head = &c->hash[pc / CODE_LEN % CODE_HASH], *p;

	pthread_mutex_lock(&c->lock);
	for (p = *head; p && p->pc != pc; p = p->next)
		;
	if (!p) {
		p = mem_new(struct code_page);
		if (p) {
			p->pc = pc;
			fill(wk, p);
			p->next = *head;
			*head = p;
			c->nr++;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return p;
}

const struct uop *code_at(struct worker *wk, uint32_t pc)
{
	uint32_t first = pc & ~(CODE_LEN - 1);
	struct code_page **slot = &wk->code[first / CODE_LEN % CODE_SLOTS];

	if (pc & (SM20_INSN_BYTES - 1))
		return &wk->odd;
	if (!*slot || (*slot)->pc != first) {
		struct code_page *p = find(wk, first);

		if (!p)
			return &wk->odd;
		*slot = p;
	}
	return &(*slot)->u[(pc - first) / SM20_INSN_BYTES];
}

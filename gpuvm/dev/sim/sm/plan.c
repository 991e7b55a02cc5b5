// SPDX-License-Identifier: MIT
/*
 * Making a plan: finding the program from its entry on, and laying out its straight runs.
 *
 * Always true: every instruction that a lane can come to has a node, or there is no plan; a run
 * begins at each place that lanes can be sent to.  Runs go on through the beginnings of others,
 * so instructions may be there several times.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/sm/isa.h"
#include "gpuvm/dev/sim/sm/plan_code.h"
#include "gpuvm/dev/sim/sm/pool.h"

#define PAGES_MAX 48
#define NODES_MAX (PAGES_MAX * CODE_NR)
/* Runs together may be as long as this many times the program. */
#define LAYOUT_MAX 8
/* A smaller grid is over before its plan would be made. */
#define WARPS_MIN 64

/* Where a run begins, by place in a page of code; 0: nowhere, else one more than in uop[]. */
struct plan_page {
	uint32_t pc;
	uint32_t at[CODE_NR];
};

struct plan {
	struct plan_page page[PAGES_MAX];
	uint32_t nr_pages;
	struct uop *uop;
	uint32_t nr, room;
	struct uop *low; /* what uop[].low points to */
	uint32_t nr_low;
};

/* ---- what instructions are ------------------------------------------------------------------- */

enum effect effect_of(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_LDC:
		return in->src[0].reg == SM20_REG_ZERO && in->ldcmode == SM20_LDC_PLAIN &&
				       in->bank < SM_NR_BANKS && !(in->offset & 3) ?
			       EFFECT_NONE :
			       EFFECT_SOME;
	case SM20_LD: case SM20_LDU: case SM20_ST: case SM20_MEMBAR: case SM20_NOP: case SM20_BAR:
	case SM20_BRA: case SM20_EXIT: case SM20_KIL: case SM20_JOINAT: case SM20_PREBRK:
	case SM20_PRECONT: case SM20_PRERET: case SM20_PRELONGJMP: case SM20_BRK: case SM20_CONT:
	case SM20_RET: case SM20_LONGJMP:
		return EFFECT_SOME;
	case SM20_QUADOP: case SM20_P2R: case SM20_R2P: case SM20_BARRD: case SM20_LEPC:
		return EFFECT_WILD;
	default:
		return in->op >= SM20_FMNMX && in->op <= SM20_VOTE ? EFFECT_NONE : EFFECT_WILD;
	}
}

bool pushes(const struct sm20_insn *in, enum flow_kind *kind)
{
	switch (in->op) {
	case SM20_JOINAT: *kind = FLOW_JOIN; return true;
	case SM20_PREBRK: *kind = FLOW_BRK; return true;
	case SM20_PRECONT: *kind = FLOW_CONT; return true;
	case SM20_PRERET: *kind = FLOW_RET; return true;
	case SM20_PRELONGJMP: *kind = FLOW_LONGJMP; return true;
	default: return false;
	}
}

bool leaves(const struct sm20_insn *in, enum flow_kind *kind)
{
	switch (in->op) {
	case SM20_BRK: *kind = FLOW_BRK; return true;
	case SM20_CONT: *kind = FLOW_CONT; return true;
	case SM20_RET: *kind = FLOW_RET; return true;
	case SM20_LONGJMP: *kind = FLOW_LONGJMP; return true;
	default: *kind = FLOW_JOIN; return in->join;
	}
}

bool unconditional(const struct sm20_insn *in)
{
	return in->pred == SM20_PRED_TRUE && !in->pred_not && in->cct == SM20_CCT_TRUE;
}

/* Whether lanes can be behind an instruction, at the next one. */
static bool falls_through(const struct node *n)
{
	const struct sm20_insn *in = &n->u.in;
	enum flow_kind kind;

	if (n->stop)
		return false;
	if (in->op != SM20_BRA && in->op != SM20_EXIT && in->op != SM20_KIL && !leaves(in, &kind))
		return true;
	return !unconditional(in);
}

/* Those whose flow is not followed here. */
static bool is_tangled(const struct sm20_insn *in)
{
	switch (in->op) {
	case SM20_BRX: case SM20_CALL: case SM20_QUADON: case SM20_QUADPOP: case SM20_BPT:
	case SM20_RTT:
		return true;
	default:
		return in->tkind == SM20_TARGET_REG || in->tkind == SM20_TARGET_CONST;
	}
}

/* ---- finding the program ---------------------------------------------------------------------- */

/* Nodes by place: as plan_page, of node[]. */
struct atlas {
	struct code *c;
	struct plan *p;
	uint32_t todo[NODES_MAX]; /* places to go on at */
	uint32_t nr_todo;
	bool failed;
};

static uint32_t *place(struct plan *p, uint32_t pc, bool make)
{
	uint32_t first = pc & ~(CODE_LEN - 1), i;

	for (i = 0; i < p->nr_pages && p->page[i].pc != first; i++)
		;
	if (i == p->nr_pages) {
		if (!make || i == PAGES_MAX)
			return NULL;
		p->page[p->nr_pages++].pc = first;
	}
	return &p->page[i].at[(pc - first) / SM20_INSN_BYTES];
}

static uint32_t node_at(struct plan *p, uint32_t pc)
{
	uint32_t *at = place(p, pc, false);

	return at && *at ? *at - 1 : NOBODY;
}

static struct node *node_new(struct atlas *a, uint32_t pc)
{
	struct code *c = a->c;
	uint32_t *at = pc & (SM20_INSN_BYTES - 1) ? NULL : place(a->p, pc, true);
	const struct uop *u = code_at(c->wk, pc);

	if (!at || u == &c->wk->odd || (u->fn != uop_trap && is_tangled(&u->in)))
		return NULL;
	if (c->nr == c->room) {
		uint32_t room = c->room ? 2 * c->room : 256;
		struct node *n = mem_realloc(c->node, room * sizeof(*n));

		if (!n)
			return NULL;
		c->node = n;
		c->room = room;
	}
	c->node[c->nr] = (struct node){ .u = *u, .next = NOBODY, .to = NOBODY,
				       .land = NOBODY, .under = NOBODY,
				       .stop = u->fn == uop_trap || u->fn == uop_unfetched };
	*at = ++c->nr;
	return &c->node[c->nr - 1];
}

static void later(struct atlas *a, uint32_t pc)
{
	if (a->nr_todo == NODES_MAX)
		a->failed = true;
	else
		a->todo[a->nr_todo++] = pc;
}

/* From pc until somebody was there already. */
static void follow(struct atlas *a, uint32_t pc)
{
	enum flow_kind kind;

	while (!a->failed && node_at(a->p, pc) == NOBODY) {
		struct node *n = node_new(a, pc);
		const struct sm20_insn *in = n ? &n->u.in : NULL;

		if (!n) {
			a->failed = true;
			return;
		}
		if (!n->stop && (in->op == SM20_BRA || pushes(in, &kind)))
			later(a, in->target);
		if (!falls_through(n))
			return;
		pc += SM20_INSN_BYTES;
	}
}

/* Edges between nodes, and where blocks begin. */
static void connect(struct code *c, struct plan *p)
{
	enum flow_kind kind;

	c->node[0].leader = true;
	for (uint32_t i = 0; i < c->nr; i++) {
		struct node *n = &c->node[i];
		const struct sm20_insn *in = &n->u.in;

		if (falls_through(n))
			n->next = node_at(p, in->pc + SM20_INSN_BYTES);
		if (n->stop)
			continue;
		if (in->op == SM20_BRA || pushes(in, &kind)) {
			n->to = node_at(p, in->target);
			c->node[n->to].leader = true;
		}
		if (pushes(in, &kind))
			n->u.ends = false; /* it changes neither lanes nor place */
		if (n->next != NOBODY && (n->u.ends || n->next != i + 1))
			c->node[n->next].leader = true;
	}
}

static int find_blocks(struct code *c)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < c->nr; i++)
		nr += c->node[i].leader || !i || c->node[i - 1].next != i;
	c->block = mem_calloc(nr, sizeof(*c->block));
	c->block_of = mem_calloc(c->nr, sizeof(*c->block_of));
	if (!c->block || !c->block_of)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->nr; i++) {
		if (c->node[i].leader || !i || c->node[i - 1].next != i)
			c->block[c->nr_blocks++].first = i;
		c->block[c->nr_blocks - 1].nr++;
		c->block_of[i] = c->nr_blocks - 1;
	}
	return 0;
}

uint32_t block_after(const struct code *c, const struct block *b, uint32_t after[AFTER_MAX])
{
	const struct node *last = &c->node[b->first + b->nr - 1];
	uint32_t n = 0;

	if (last->next != NOBODY)
		after[n++] = last->next;
	if (last->to != NOBODY && last->u.in.op == SM20_BRA)
		after[n++] = last->to;
	if (last->land != NOBODY)
		after[n++] = last->land;
	return n;
}

/* ---- where lanes go that leave ------------------------------------------------------------------ */

/* Lanes come to a node with a push on top of theirs. */
static void arrive(struct code *c, uint32_t node, uint32_t top)
{
	struct block *b = &c->block[c->block_of[node]];

	if (b->stacked && (b->top == top || b->top == ANYBODY))
		return;
	b->top = b->stacked ? ANYBODY : top;
	b->stacked = b->changed = true;
}

/* The push of the entry of a kind that is nearest; NOBODY: leaving is a trap; ANYBODY: one of several. */
static uint32_t nearest(const struct code *c, uint32_t top, enum flow_kind kind)
{
	enum flow_kind k;

	for (; top != NOBODY && top != ANYBODY; top = c->node[top].under)
		if (pushes(&c->node[top].u.in, &k) && k == kind)
			return top;
	return top;
}

static void set_under(struct code *c, struct node *n, uint32_t top)
{
	if (n->under == top)
		return;
	n->under = top;
	for (uint32_t i = 0; i < c->nr_blocks; i++)
		c->block[i].changed |= c->block[i].stacked;
}

/* False: where lanes go that leave at its end is not known. */
static bool stack_block(struct code *c, const struct block *b)
{
	struct node *n = NULL;
	uint32_t top = b->top, entry;
	enum flow_kind kind;

	for (uint32_t k = 0; k < b->nr; k++) {
		n = &c->node[b->first + k];
		if (n->stop)
			return true;
		if (pushes(&n->u.in, &kind)) {
			set_under(c, n, top);
			top = b->first + k;
		}
	}
	if (leaves(&n->u.in, &kind)) {
		entry = nearest(c, top, kind);
		if (entry == ANYBODY)
			return false;
		if (entry != NOBODY) {
			n->land = c->node[entry].to;
			arrive(c, n->land, c->node[entry].under);
		}
	}
	if (n->u.in.op == SM20_BRA)
		arrive(c, n->to, top);
	if (n->next != NOBODY)
		arrive(c, n->next, top);
	return true;
}

/*
 * A lane that leaves waits in the nearest entry of its kind that it is in itself.  Where all ways
 * to a place have pushed the same, which one that is is known beforehand.
 */
static bool find_landings(struct code *c)
{
	bool more = true;

	arrive(c, 0, NOBODY);
	while (more) {
		more = false;
		for (uint32_t i = 0; i < c->nr_blocks; i++) {
			if (!c->block[i].changed)
				continue;
			c->block[i].changed = false;
			more = true;
			if (!stack_block(c, &c->block[i]))
				return false;
		}
	}
	return true;
}

/* -E2BIG: not all of the program can be found, or it is too long. */
static int find(struct code *c, struct plan *p)
{
	struct atlas *a = mem_new(struct atlas);
	int err;

	if (!a)
		return -ENOMEM;
	a->c = c;
	a->p = p;
	later(a, c->l->g.entry);
	while (a->nr_todo && !a->failed)
		follow(a, a->todo[--a->nr_todo]);
	err = a->failed ? -E2BIG : 0;
	if (!err)
		connect(c, p);
	if (!err)
		err = find_blocks(c);
	if (!err && !find_landings(c))
		err = -E2BIG;
	mem_free(a);
	return err;
}

/* ---- laying it out -------------------------------------------------------------------------------- */

/* Handlers for what the instructions are now. */
static int settle(struct plan *p, struct code *c)
{
	enum sm_isa isa = c->wk->sm->isa;
	uint32_t lows = 0;

	for (uint32_t i = 0; i < c->nr; i++)
		lows += c->node[i].low != NULL;
	p->low = mem_calloc(lows + 1, sizeof(*p->low));
	if (!p->low)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->nr; i++) {
		struct node *n = &c->node[i];
		struct uop was = n->u;

		if (was.ends || n->gone)
			continue;
		translate_decoded(isa, &n->u);
		n->u.ends = false; /* also where a push is one */
		n->u.top_one = was.top_one;
		n->u.top = was.top;
		if (!n->low)
			continue;
		n->u.low = &p->low[p->nr_low++];
		p->low[p->nr_low - 1].in = n->low->u.in;
		translate_decoded(isa, &p->low[p->nr_low - 1]);
		n->u.fn = lanes_add_pair(isa);
	}
	return 0;
}

static int make_room(struct plan *p)
{
	uint32_t room = p->room + p->room / 2 + 64;
	struct uop *u;

	if (p->nr < p->room)
		return 0;
	u = mem_realloc(p->uop, room * sizeof(*u));
	if (!u)
		return -ENOMEM;
	p->uop = u;
	p->room = room;
	return 0;
}

/* The run that begins with a node. */
static int lay(struct plan *p, struct code *c, uint32_t at)
{
	uint32_t weight = 0;

	for (;; at = c->node[at].next) {
		const struct node *n = &c->node[at];

		weight += 1;
		if (n->gone)
			continue;
		if (make_room(p))
			return -ENOMEM;
		p->uop[p->nr] = n->u;
		p->uop[p->nr++].weight = weight;
		weight = 0;
		if (n->u.ends)
			return p->nr > LAYOUT_MAX * c->nr ? -E2BIG : 0;
	}
}

static int lay_all(struct plan *p, struct code *c)
{
	int err = settle(p, c);

	memset(p->page, 0, sizeof(p->page));
	p->nr_pages = 0;
	for (uint32_t i = 0; i < c->nr && !err; i++) {
		uint32_t *at;

		/* Lanes come to where runs end and where they are sent, not to what only follows. */
		if (!c->node[i].leader)
			continue;
		at = place(p, c->node[i].u.in.pc, true);
		*at = p->nr + 1;
		err = lay(p, c, i);
	}
	return err;
}

static void code_done(struct code *c)
{
	mem_free(c->node);
	mem_free(c->block);
	mem_free(c->block_of);
}

int plan_new(struct worker *wk, const struct sm_launch *l, struct plan **out)
{
	uint32_t opts = wk->sim->cfg.sm_opts;
	struct code c = { .wk = wk, .l = l };
	struct plan *p;
	int err;

	*out = NULL;
	/* A bank that is not all there makes reading a constant an act. */
	if (!(opts & SM_OPT_PLAN) || l->any_bad ||
	    (!(opts & SM_OPT_PLAN_ALL) && l->nr_blocks * l->warps_per_block < WARPS_MIN))
		return 0;
	p = mem_new(struct plan);
	if (!p)
		return -ENOMEM;
	err = find(&c, p);
	if (!err) {
		facts_find(&c);
		facts_use(&c);
		live_use(&c);
		err = lay_all(p, &c);
	}
	code_done(&c);
	if (err)
		plan_free(p);
	else
		*out = p;
	return err == -E2BIG ? 0 : err;
}

void plan_free(struct plan *p)
{
	if (p) {
		mem_free(p->uop);
		mem_free(p->low);
	}
	mem_free(p);
}

const struct uop *plan_at(const struct plan *p, uint32_t pc)
{
	uint32_t first = pc & ~(CODE_LEN - 1);

	for (uint32_t i = 0; i < p->nr_pages; i++)
		if (p->page[i].pc == first)
			return p->page[i].at[(pc - first) / SM20_INSN_BYTES] ?
				       &p->uop[p->page[i].at[(pc - first) / SM20_INSN_BYTES] - 1] :
				       NULL;
	return NULL;
}

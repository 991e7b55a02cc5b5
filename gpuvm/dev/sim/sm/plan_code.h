/* SPDX-License-Identifier: MIT */
/* Inside a plan: the program's instructions, its blocks, and what is known of them. */
#ifndef GPUVM_DEV_SIM_SM_PLAN_CODE_H
#define GPUVM_DEV_SIM_SM_PLAN_CODE_H

#include "gpuvm/dev/sim/sm/plan.h"

#define NOBODY UINT32_MAX
#define ANYBODY (UINT32_MAX - 1)

/* What is known of a register or an operand: a number from lo to hi, without sign. */
struct range {
	uint32_t lo, hi;
};

/* What may be: bit 0 false, bit 1 true. */
enum maybe { MAYBE_NOT = 1, MAYBE_YES = 2, MAYBE_ANY = 3 };

/* What holds for every lane that comes to a place. */
struct facts {
	struct range r[SM20_REG_ZERO + 1];
	uint8_t p[8];	 /* enum maybe */
	uint8_t carry;	 /* enum maybe */
	uint64_t tid;	 /* registers that hold the packed thread id */
};

/* What is read later, on some path. */
struct live {
	uint64_t regs;
	uint8_t preds;
	bool flags;
};

/* An instruction. */
struct node {
	struct uop u;
	/* Nodes behind it: the next one; a branch's or a push's target; where lanes leave for. */
	uint32_t next, to, land; /* NOBODY: none */
	uint32_t under;	    /* of a push: block.top before it */
	bool leader;	    /* begins a block */
	bool known;	    /* its one result is value; it has no other but flags */
	bool gone;	    /* left out */
	bool stop;	    /* a trap or a fault: its fields mean nothing */
	struct node *low;   /* the sum of low words that this one goes on with */
	uint32_t value;
};

/* Instructions that always follow each other. */
struct block {
	uint32_t first, nr; /* nodes */
	uint32_t visits;
	struct facts in;
	struct live live;    /* before it */
	bool reached, changed;
	bool stacked;	     /* top is known */
	/* The node that pushed the topmost entry before it; NOBODY: none; ANYBODY: one or another. */
	uint32_t top;
};

struct code {
	struct worker *wk;
	const struct sm_launch *l;
	struct node *node;
	uint32_t nr, room;
	struct block *block;
	uint32_t nr_blocks;
	uint32_t *block_of; /* of a leader's node */
};

/*
 * NONE: an instruction only writes its results, SOME: and does more; WILD: it may read and write
 * any register.
 */
enum effect { EFFECT_NONE, EFFECT_SOME, EFFECT_WILD };
enum effect effect_of(const struct sm20_insn *);
/* The kind of entry an instruction pushes or leaves for; false: it does not. */
bool pushes(const struct sm20_insn *, enum flow_kind *);
bool leaves(const struct sm20_insn *, enum flow_kind *);
/* For all lanes of a warp that run it. */
bool unconditional(const struct sm20_insn *);

/* The nodes that may come after a block; how many. */
#define AFTER_MAX 3
uint32_t block_after(const struct code *, const struct block *, uint32_t after[AFTER_MAX]);

/* ---- plan_fact.c -------------------------------------------------------------------- */
/* Works out what holds at the beginning of each block. */
void facts_find(struct code *);
/* What holds after an instruction. */
void facts_step(const struct code *, struct facts *, const struct sm20_insn *);
/* An operand's value; everything if it is no integer. */
struct range facts_operand(const struct code *, const struct facts *, const struct sm20_insn *, int j);
/* What a predicate operand may be; whether lanes run an instruction. */
uint8_t facts_predicate(const struct facts *, const struct sm20_src *);
uint8_t facts_taken(const struct facts *, const struct sm20_insn *);

/* ---- plan_use.c ---------------------------------------------------------------------- */
/* Puts what is known into the instructions. */
void facts_use(struct code *);

/* ---- plan_live.c -------------------------------------------------------------------- */
/* Marks what is read by nobody as gone, drops flags, and joins the halves of long sums. */
void live_use(struct code *);

#endif

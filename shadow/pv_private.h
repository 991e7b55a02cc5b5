/* SPDX-License-Identifier: MIT */
/*
 * Inside the shadow room: the books of a paravirtual guest's table pages.
 *
 * A directory is a struct vas with pv set: slots and tables are as everywhere,
 * there is just no guest directory to scan.  A table that no directory names
 * is an orphan: its changes need no TLB flush, and `limbo` stands in for the
 * address space it has not.
 */
#ifndef SHADOW_PV_PRIVATE_H
#define SHADOW_PV_PRIVATE_H

#include <stdio.h>

#include "shadow/private.h"
#include "shadow/pv.h"

struct pv_page {
	bool used;
	enum shadow_pv_kind kind;
	struct vas *dir; /* DIR: owned; refs is 1 for the id and 1 for each channel and BAR */
	struct spt *t;	 /* else: owned */
	struct vas *in;	 /* the directory that names t, or NULL */
	uint32_t slot;	 /* where in it */
};

struct pv {
	struct pv_page page[SHADOW_PV_IDS + 1]; /* by id; 0 is never used */
	uint32_t top;				/* ids above were never used */
	uint32_t chan_dir[GF100_NR_CHAN];	/* id, each with a reference on the directory; 0: none */
	uint32_t bar_dir[2];			/* the same for BAR1, BAR3 */
	struct vas limbo;
	struct shadow_pv_stats stats;
};

/* The directory of channel id with a reference more, as vas_get(); -EFAULT if it has none. */
int pv_chan_vas(struct shadow_guest *, gchan_t id, struct vas **out);
/* Stands for the guest's directory address where a channel's changes are noticed. */
uint64_t pv_chan_key(const struct shadow_guest *, gchan_t id);
/* The entry for va in BAR i (0: BAR1, 1: BAR3) and its page size; false if there is none. */
bool pv_bar_entry(const struct shadow_guest *, uint32_t i, uint64_t va, uint64_t *e,
		  uint32_t *page_shift);
/* As spt_revoke() for the tables no directory names. */
int pv_revoke(struct shadow_guest *, uint64_t start, uint64_t len);
/* Frees everything of a guest whose channels are gone. */
void pv_fini(struct shadow_guest *);
/* Whether the table is in the books and no directory names it. */
static inline const struct spt *pv_orphan(const struct pv *pv, uint32_t id)
{
	const struct pv_page *p = &pv->page[id];

	return p->used && p->t && !p->in ? p->t : NULL;
}
/* Types, counts and ownership against each other; the number of violations. */
unsigned int pv_audit(struct shadow_guest *, FILE *out);

#endif

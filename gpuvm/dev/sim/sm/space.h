/* SPDX-License-Identifier: MIT */
/* A worker's ways to g[], and to l[] and s[] behind g[]'s windows; space.c says what is always true. */
#ifndef GPUVM_DEV_SIM_SM_SPACE_H
#define GPUVM_DEV_SIM_SM_SPACE_H

#include "gpuvm/dev/sim/sm/core.h"

/* dma_lock was taken for reading: forgets the pages that may not be used any more. */
void space_hold(struct worker *);
/* The page around va, or NULL after launch_fault(). */
const struct page *space_page(struct worker *, uint64_t va, bool write);
/* Makes the page around va known if there is one; what is wrong with it is for the access to say. */
void space_touch(struct worker *, uint64_t va, bool write);
/* The same when it is known already. */
static inline const struct page *space_known(const struct worker *wk, uint64_t va, bool write)
{
	const struct page *p = &wk->large[va >> 17 & ((1u << PAGES_SHIFT) - 1)];

	if (va >= p->first && va <= p->last && (!write || p->write))
		return p;
	p = &wk->small[va >> 12 & ((1u << PAGES_SHIFT) - 1)];
	return va >= p->first && va <= p->last && (!write || p->write) ? p : NULL;
}
/*
 * The pages around va that follow each other in host memory too, and space_widen() to make them
 * known if they are there.
 */
void space_widen(struct worker *, uint64_t va, bool write);
static inline const struct page *space_wide(const struct worker *wk, uint64_t va, bool write)
{
	const struct page *p = &wk->wide[va >> WIDE_SHIFT & (WIDE_SLOTS - 1)];

	return va >= p->first && va <= p->last && (!write || p->write) ? p : NULL;
}
/* len bytes of g[] at va that may cross pages; false after launch_fault(). */
bool space_rd(struct worker *, uint64_t va, void *buf, uint32_t len);
bool space_wr(struct worker *, uint64_t va, const void *buf, uint32_t len);
/* As space_rd(), but a fault is only answered, not reported. */
bool space_peek(struct worker *, uint64_t va, void *buf, uint32_t len);
/* One lane's len bytes (1, 2, 4; 8 in g[] only) of generic memory; NULL after a fault or a trap. */
uint8_t *space_lane(struct worker *, struct warp *, const struct uop *, uint64_t va, uint32_t lane,
		    uint32_t len, bool write);
/* Loads and stores lane by lane, for lanes m. */
void space_load(struct worker *, struct warp *, const struct uop *, const uint64_t *va, uint32_t m);
void space_store(struct worker *, struct warp *, const struct uop *, const uint64_t *va,
		 uint32_t m);
void space_local(struct worker *, struct warp *, const struct uop *, const uint32_t *a, uint32_t m,
		 bool write);
/* Addresses of g[] as the instruction means them. */
void space_addresses(const struct warp *, const struct uop *, uint64_t va[LANES]);

#endif

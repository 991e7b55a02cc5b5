// SPDX-License-Identifier: MIT
/*
 * The blocks one worker has under way: starting them, choosing who runs next,
 * running gangs.
 *
 * Always true: crew.pc[slot] is the pc of a warp that can run, else PC_NONE.
 * The warps furthest behind run first, all that stand at the same place
 * together, so that warps which went apart meet again; every FAIR_TURN-th choice
 * is by turn instead, so that a warp which spins for another cannot starve it.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/sm/core.h"
#include "gpuvm/dev/sim/sm/plan.h"
#include "gpuvm/dev/sim/sm/pool.h"
#include "gpuvm/dev/sim/sm/space.h"

#define FAIR_TURN 16

/* ---- blocks ------------------------------------------------------------------------ */

static void warp_start(struct worker *wk, struct warp *w, struct cta *c, uint32_t index)
{
	const struct sm_grid *g = &wk->launch->g;
	uint32_t threads = g->block[0] * g->block[1] * g->block[2], slot = w->slot;
	uint32_t *local = w->local, left = threads - index * LANES;

	/* Registers keep what an earlier block of this grid left, as on the chip. */
	memset(w->p, 0, offsetof(struct warp, stack) - offsetof(struct warp, p));
	w->slot = slot;
	w->local = local;
	w->cta = c;
	w->index = index;
	w->p[SM20_PRED_TRUE] = ~0u;
	w->active = w->live = left >= LANES ? ~0u : (1u << left) - 1;
	w->pc = g->entry;
	w->state = WARP_RUN;
	w->tid = wk->launch->tid[index];
	wk->crew->pc[slot] = w->pc;
}

/* Takes the next block of the grid into free slots from first on; false: none is left. */
static bool cta_start(struct worker *wk, uint32_t at)
{
	struct sm_launch *l = wk->launch;
	struct crew *crew = wk->crew;
	struct cta *c = crew->cta[at];
	uint64_t n = __atomic_fetch_add(&l->next_block, 1, __ATOMIC_RELAXED);

	if (n >= l->nr_blocks) {
		__atomic_store_n(&l->next_block, l->nr_blocks, __ATOMIC_RELAXED);
		return false;
	}
	memset(c, 0, sizeof(*c));
	c->id[0] = (uint32_t)(n % l->g.grid[0]);
	c->id[1] = (uint32_t)(n / l->g.grid[0] % l->g.grid[1]);
	c->id[2] = (uint32_t)(n / l->g.grid[0] / l->g.grid[1]);
	c->nr_warps = c->live_warps = l->warps_per_block;
	c->shared = l->g.shared_len ? crew->shared + (size_t)at * l->g.shared_len : NULL;
	if (c->shared)
		memset(c->shared, 0, l->g.shared_len);
	for (uint32_t i = 0; i < NR_BARRIERS; i++)
		c->barrier[i].all = ~0u;
	for (uint32_t i = 0; i < c->nr_warps; i++) {
		c->warp[i] = crew->warp[at * l->warps_per_block + i];
		warp_start(wk, c->warp[i], c, i);
	}
	crew->busy++;
	return true;
}

void crew_warp_moved(struct worker *wk, struct warp *w)
{
	struct cta *c = w->cta;

	wk->crew->pc[w->slot] = PC_NONE;
	if (!--c->live_warps) {
		wk->crew->busy--;
		return;
	}
	/* Who waits for the whole block now waits for one less. */
	for (uint32_t i = 0; i < NR_BARRIERS && c->waiting; i++)
		flow_barrier_check(wk, c, i);
}

static void refill(struct worker *wk)
{
	struct sm_launch *l = wk->launch;

	for (uint32_t i = 0; i < l->blocks_at_once; i++) {
		if (__atomic_load_n(&l->next_block, __ATOMIC_RELAXED) >= l->nr_blocks)
			return;
		if (!wk->crew->cta[i]->live_warps && !cta_start(wk, i))
			return;
	}
}

/* ---- running ------------------------------------------------------------------------ */

/* Who runs next; false: nobody can. */
static bool pick(struct worker *wk, struct gang *g)
{
	struct crew *crew = wk->crew;
	uint32_t nr = crew->nr_warps, pc = PC_NONE;

	if (++crew->turn % FAIR_TURN == 0)
		for (uint32_t i = 0; i < nr && pc == PC_NONE; i++)
			pc = crew->pc[(crew->turn / FAIR_TURN + i) % nr];
	else
		for (uint32_t i = 0; i < nr; i++)
			pc = crew->pc[i] < pc ? crew->pc[i] : pc;
	if (pc == PC_NONE)
		return false;
	g->n = 0;
	for (uint32_t i = 0; i < nr && g->n < GANG_MAX; i++)
		if (crew->pc[i] == pc)
			g->w[g->n++] = crew->warp[i];
	return true;
}

/* Whether a gang is still the one to run: pick() would find no other. */
static bool goes_on(struct worker *wk, const struct gang *g)
{
	struct crew *crew = wk->crew;
	uint32_t here = 0;

	if (g->next == PC_NONE || (crew->turn + 1) % FAIR_TURN == 0)
		return false;
	for (uint32_t i = 0; i < crew->nr_warps; i++)
		here += crew->pc[i] <= g->next;
	crew->turn += here == g->n;
	return here == g->n;
}

/* All active lanes; how many there are. */
static uint32_t masks_all(struct gang *g)
{
	uint32_t lanes = 0;

	for (uint32_t k = 0; k < g->n; k++) {
		g->m[k] = g->w[k]->active;
		lanes += g->m[k] == ~0u ? LANES : (uint32_t)__builtin_popcount(g->m[k]);
	}
	return lanes;
}

/* Lanes a predicated instruction is for; 0: none. */
static inline uint32_t masks(struct gang *g, const struct uop *u)
{
	uint32_t any = 0;

	for (uint32_t k = 0; k < g->n; k++) {
		const struct warp *w = g->w[k];

		g->m[k] = w->active & (u->pred_not ? ~w->p[u->pred] : w->p[u->pred]);
		any |= g->m[k];
	}
	return any;
}

static const struct uop *start_of(struct worker *wk, uint32_t pc)
{
	const struct uop *u = wk->launch->plan ? plan_at(wk->launch->plan, pc) : NULL;

	return u ? u : code_at(wk, pc);
}

/* One straight run of a gang, and where each warp is afterwards. */
static void run(struct worker *wk, struct gang *g)
{
	uint32_t first = wk->crew->pc[g->w[0]->slot], n = 0, lanes = masks_all(g);
	const struct uop *u = start_of(wk, first);
	bool all = true; /* g->m is what masks_all() made it: nobody's lanes change in a run */

	for (;; u++) {
		uint32_t any = 1;

		if (u->pred != SM20_PRED_TRUE || u->pred_not) {
			any = masks(g, u);
			all = false;
		} else if (!all) {
			masks_all(g);
			all = true;
		}
		n += u->weight;
		if (any || u->ends)
			u->fn(g, u);
		/* A stop waits for the end of the run: half of one could not go on. */
		if (u->ends)
			break;
	}
	for (uint32_t k = 0; k < g->n; k++) {
		struct warp *w = g->w[k];
		uint32_t pc = w->state == WARP_RUN ? w->pc : PC_NONE;

		wk->crew->pc[w->slot] = pc;
		g->next = !k || pc == g->next ? pc : PC_NONE;
	}
	wk->count.warps += (uint64_t)n * g->n;
	wk->count.lanes += (uint64_t)n * lanes;
	wk->budget -= (int64_t)n * g->n;
}

/* Lets dma_unmap and TLB flushes through, and looks at stop. */
static void breathe(struct worker *wk)
{
	wk->budget = SLICE;
	pthread_rwlock_unlock(&wk->sim->dma_lock);
	if (__atomic_load_n(wk->ctx->stop, __ATOMIC_RELAXED))
		__atomic_store_n(&wk->launch->halt, true, __ATOMIC_RELAXED);
	pthread_rwlock_rdlock(&wk->sim->dma_lock);
	space_hold(wk);
}

void crew_run(struct worker *wk)
{
	struct gang g = { .wk = wk, .next = PC_NONE };

	wk->budget = SLICE;
	while (!launch_halted(wk->launch)) {
		refill(wk);
		if (!wk->crew->busy)
			return;
		if (!goes_on(wk, &g) && !pick(wk, &g)) {
			launch_trap(wk, NULL, "every warp waits at a barrier");
			return;
		}
		run(wk, &g);
		if (wk->budget < 0)
			breathe(wk);
	}
}

/* ---- memory -------------------------------------------------------------------------- */

void crew_free(struct crew *c)
{
	for (uint32_t i = 0; c && i < CREW_MAX; i++)
		mem_free(c->cta[i]);
	if (c) {
		mem_free(c->warp_mem);
		mem_free(c->shared);
		mem_free(c->local);
	}
	mem_free(c);
}

/* At least len zeroed bytes in *p. */
static bool room(void **p, size_t *have, size_t len)
{
	if (*have < len) {
		mem_free(*p);
		*have = 0;
		*p = mem_calloc(1, len);
		if (!*p)
			return false;
		*have = len;
		return true;
	}
	if (len)
		memset(*p, 0, len);
	return true;
}

/* Rows of lanes want whole cache lines. */
static struct crew *crew_new(void)
{
	struct crew *c = mem_new(struct crew);
	uintptr_t at;

	if (!c)
		return NULL;
	c->warp_mem = mem_calloc(CREW_MAX + 1, sizeof(struct warp));
	if (!c->warp_mem) {
		mem_free(c);
		return NULL;
	}
	at = align_up((uintptr_t)c->warp_mem, 64);
	for (uint32_t i = 0; i < CREW_MAX; i++)
		c->warp[i] = (struct warp *)at + i;
	return c;
}

struct crew *crew_prepare(struct crew *c, const struct sm_launch *l)
{
	size_t local = ((size_t)l->g.local_pos + l->g.local_neg) * LANES;
	uint32_t nr = l->warps_per_block * l->blocks_at_once;
	void *shared, *loc;
	bool ok;

	if (!c)
		c = crew_new();
	if (!c)
		return NULL;
	shared = c->shared;
	loc = c->local;
	ok = room(&shared, &c->shared_len, (size_t)l->g.shared_len * l->blocks_at_once +
						       (l->g.shared_len ? SHARED_SLACK : 0));
	ok = room(&loc, &c->local_len, local * nr) && ok;
	c->shared = shared;
	c->local = loc;
	for (uint32_t i = 0; i < nr; i++) {
		if (!c->cta[i])
			c->cta[i] = mem_new(struct cta);
		ok = ok && c->cta[i];
		c->pc[i] = PC_NONE;
		if (!ok)
			continue;
		c->cta[i]->live_warps = 0;
		/* No register shows what another program left. */
		memset(c->warp[i]->r, 0, sizeof(c->warp[i]->r));
		c->warp[i]->slot = i;
		c->warp[i]->local = c->local ? c->local + i * (local / 4) : NULL;
	}
	c->nr_warps = nr;
	c->busy = c->turn = 0;
	if (ok)
		return c;
	crew_free(c);
	return NULL;
}

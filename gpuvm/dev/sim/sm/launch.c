// SPDX-License-Identifier: MIT
/*
 * A grid under way: checking it, its snapshot of the constant buffers, how it
 * ends.
 *
 * Always true: the first fault or trap is the one that is reported, before a
 * stop; halt is set with it, and no new straight run begins after that.
 * Constants are read once, at the launch: the chip's constant caches do not see
 * stores of the running grid either.
 */
#include <stdio.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/sm/core.h"
#include "gpuvm/dev/sim/sm/plan.h"
#include "gpuvm/dev/sim/sm/pool.h"
#include "gpuvm/dev/sim/sm/space.h"

/* l[] of all threads a worker has at once; more is not worth the memory. */
#define LOCAL_MAX (256ull << 20)

static bool grid_ok(const struct sm_grid *g)
{
	uint64_t threads = (uint64_t)g->block[0] * g->block[1] * g->block[2];

	if (!threads || threads > MAX_THREADS || g->shared_len > MAX_SHARED)
		return false;
	for (int i = 0; i < 3; i++)
		if (!g->block[i] || g->block[i] > MAX_THREADS || g->grid[i] > 0xffff)
			return false;
	return (uint64_t)g->local_pos + g->local_neg <= 0x100000 &&
	       align_up(threads, LANES) * ((uint64_t)g->local_pos + g->local_neg) <= LOCAL_MAX;
}

static bool is_identity(const struct sm_grid *g)
{
	for (uint32_t i = 0; i < 256; i++)
		if (g->remap[i] != (SM_REMAP_READ | SM_REMAP_WRITE | i))
			return false;
	return true;
}

static void fill_tid(struct sm_launch *l)
{
	const struct sm_grid *g = &l->g;

	for (uint32_t t = 0; t < l->warps_per_block * LANES; t++) {
		uint32_t (*row)[LANES] = l->tid[t / LANES];

		row[0][t % LANES] = t % g->block[0];
		row[1][t % LANES] = t / g->block[0] % g->block[1];
		row[2][t % LANES] = t / g->block[0] / g->block[1];
		row[3][t % LANES] = row[0][t % LANES] | row[1][t % LANES] << 16 |
				    row[2][t % LANES] << 26;
	}
}

int sm_launch_new(struct sm *sm, const struct sm_grid *g, struct sm_code *code,
		  struct sm_launch **out)
{
	uint32_t threads = g->block[0] * g->block[1] * g->block[2];
	struct sm_launch *l;
	uint64_t each;

	if (!grid_ok(g))
		return -EINVAL;
	l = mem_new(struct sm_launch);
	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	l->sm = sm;
	l->g = *g;
	l->g.shared_len = (uint32_t)align_up(g->shared_len, 16);
	l->g.local_pos = (uint32_t)align_up(g->local_pos, 16);
	l->g.local_neg = (uint32_t)align_up(g->local_neg, 16);
	l->code = code;
	for (uint32_t i = 0; i < 256; i++)
		l->g.remap[i] &= SM_REMAP_READ | SM_REMAP_WRITE | 0xff;
	l->remap_identity = is_identity(&l->g);
	l->wide = l->remap_identity && sm->sim->cfg.sm_opts & SM_OPT_WIDE;
	l->halves = l->remap_identity && sm->sim->cfg.sm_opts & SM_OPT_HALVES;
	l->nr_blocks = (uint64_t)g->grid[0] * g->grid[1] * g->grid[2];
	l->warps_per_block = (threads + LANES - 1) / LANES;
	/* Each worker shall find something to do. */
	each = (l->nr_blocks + sm->nr - 1) / sm->nr;
	l->blocks_at_once = CREW_WARPS / l->warps_per_block;
	if (l->blocks_at_once > each)
		l->blocks_at_once = (uint32_t)each;
	if (!l->blocks_at_once)
		l->blocks_at_once = 1;
	l->crew = mem_calloc(sm->nr, sizeof(*l->crew));
	l->zero_bank = mem_calloc(1, SM_BANK_LEN + 16);
	l->tid = mem_calloc(l->warps_per_block, sizeof(*l->tid));
	for (uint32_t i = 0; i < SM_NR_BANKS; i++)
		l->bank[i] = l->zero_bank;
	if (!l->crew || !l->zero_bank || !l->tid) {
		sm_launch_free(l);
		return -ENOMEM;
	}
	fill_tid(l);
	*out = l;
	return 0;
}

void sm_launch_free(struct sm_launch *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; l->crew && i < l->sm->nr; i++)
		crew_free(l->crew[i]);
	for (uint32_t i = 0; i < SM_NR_BANKS; i++)
		if (l->bank[i] != l->zero_bank)
			mem_free(l->bank[i]);
	plan_free(l->plan);
	mem_free(l->zero_bank);
	mem_free(l->tid);
	mem_free(l->crew);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

/* Pages of a bank that are not there are remembered, not faulted: who reads them faults. */
int launch_snap(struct worker *wk, struct sm_launch *l)
{
	for (uint32_t i = 0; i < SM_NR_BANKS; i++) {
		const struct sm_bank *b = &l->g.bank[i];
		uint32_t n;

		l->bank_bad[i] = UINT32_MAX;
		if (!b->len)
			continue;
		if (l->bank[i] == l->zero_bank)
			l->bank[i] = mem_calloc(1, SM_BANK_LEN + 16);
		if (!l->bank[i]) {
			l->bank[i] = l->zero_bank;
			return -ENOMEM;
		}
		for (uint32_t at = 0; at < b->len && l->bank_bad[i] == UINT32_MAX; at += n) {
			n = 0x1000 - (uint32_t)((b->va + at) & 0xfff);
			n = n < b->len - at ? n : b->len - at;
			if (!space_peek(wk, b->va + at, l->bank[i] + at, n)) {
				l->bank_bad[i] = at;
				l->any_bad = true;
			}
		}
	}
	l->snapped = true;
	return 0;
}

uint32_t bank_checked(struct worker *wk, const struct sm_launch *l, uint32_t bank, uint32_t off)
{
	uint32_t v;

	if (off >= l->bank_bad[bank] && off < l->g.bank[bank].len)
		space_rd(wk, l->g.bank[bank].va + off, &v, sizeof(v));
	return bank_word(l, bank, off);
}

/* ---- how it ends ---------------------------------------------------------------------------- */

static bool end(struct sm_launch *l, enum engine_result r)
{
	bool first;

	pthread_mutex_lock(&l->lock);
	first = l->result == ENGINE_OK;
	if (first)
		l->result = r;
	__atomic_store_n(&l->halt, true, __ATOMIC_RELAXED);
	return first; /* with the lock */
}

void launch_fault(struct worker *wk, enum fault_reason why, uint64_t va, bool write)
{
	struct sm_launch *l = wk->launch;

	if (end(l, ENGINE_FAULT))
		l->err = (struct engine_error){ .reason = why, .va = va, .write = write,
						.core = true };
	pthread_mutex_unlock(&l->lock);
}

void launch_trap(struct worker *wk, const struct uop *u, const char *why)
{
	struct sm_launch *l = wk->launch;
	struct sm20_insn in;
	char text[160] = "";

	/* As the program has it: a plan changes instructions. */
	if (u && u->in.op && !sm20_decode(u->in.raw, u->in.pc, &in))
		sm20_disasm(&in, text, sizeof(text));
	if (end(l, ENGINE_TRAP)) {
		if (u)
			snprintf(l->text, sizeof(l->text), "%s at 0x%x: %08x %08x %s", why, u->in.pc,
				 (uint32_t)u->in.raw, (uint32_t)(u->in.raw >> 32), text);
		else
			snprintf(l->text, sizeof(l->text), "%s", why);
	}
	pthread_mutex_unlock(&l->lock);
}

bool launch_failed(struct sm_launch *l)
{
	return launch_halted(l) && __atomic_load_n(&l->result, __ATOMIC_RELAXED) != ENGINE_OK;
}

const char *sm_launch_text(const struct sm_launch *l)
{
	return l->text;
}

struct sm_count sm_launch_count(const struct sm_launch *l)
{
	return l->count;
}

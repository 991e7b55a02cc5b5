// SPDX-License-Identifier: MIT
/*
 * The workers.  Worker 0 is whoever calls sm_run(); the others are threads that
 * sleep between launches.  A launch of one block wakes nobody.
 */
#include <stdio.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/sm/core.h"
#include "gpuvm/dev/sim/sm/plan.h"
#include "gpuvm/dev/sim/sm/pool.h"
#include "gpuvm/dev/sim/sm/space.h"
#include "gpuvm/dev/sim/sm/tally.h"

/* What a worker's time adds to the engine's, beside what the caller of sm_run() counts as its own. */
static int64_t worker_beside(const struct worker *wk)
{
	int64_t ns = (int64_t)(clock_read(wk->shift.cpu) - wk->shift.from);

	return ns / wk->sm->share - (wk->id ? 0 : ns);
}

int64_t sm_beside(struct sm *sm, bool take)
{
	int64_t ns;

	pthread_mutex_lock(&sm->lock);
	ns = sm->beside;
	for (uint32_t i = 0; i < sm->nr; i++)
		if (sm->worker[i]->shift.on)
			ns += worker_beside(sm->worker[i]);
	if (take)
		sm->beside = 0;
	pthread_mutex_unlock(&sm->lock);
	return ns;
}

static void work_begins(struct worker *wk)
{
	pthread_mutex_lock(&wk->sm->lock);
	wk->shift.on = !pthread_getcpuclockid(pthread_self(), &wk->shift.cpu);
	wk->shift.from = wk->shift.on ? clock_read(wk->shift.cpu) : 0;
	pthread_mutex_unlock(&wk->sm->lock);
}

static void work_ends(struct worker *wk)
{
	pthread_mutex_lock(&wk->sm->lock);
	if (wk->shift.on)
		wk->sm->beside += worker_beside(wk);
	wk->shift.on = false;
	pthread_mutex_unlock(&wk->sm->lock);
}

/* What was decoded for an earlier launch may be gone. */
static void code_start(struct worker *wk)
{
	memset(wk->code, 0, sizeof(wk->code));
	wk->odd = (struct uop){ .fn = uop_trap, .pred = SM20_PRED_TRUE, .ends = true, .weight = 1 };
}

static void work(struct worker *wk, struct sm_launch *l, const struct engine_ctx *ctx)
{
	struct sm *sm = wk->sm;

	work_begins(wk);
	wk->launch = l;
	wk->ctx = ctx;
	wk->count = (struct sm_count){ 0 };
	code_start(wk);
	if (!l->crew[wk->id]) {
		l->crew[wk->id] = crew_prepare(wk->spare, l);
		wk->spare = NULL;
	}
	wk->crew = l->crew[wk->id];
	pthread_rwlock_rdlock(&sm->sim->dma_lock);
	space_hold(wk);
	if (!wk->crew)
		launch_trap(wk, NULL, "out of host memory");
	else
		crew_run(wk);
	pthread_rwlock_unlock(&sm->sim->dma_lock);
	if (wk->crew && !wk->crew->busy) {
		wk->spare = wk->crew;
		l->crew[wk->id] = NULL;
	}
	wk->crew = NULL;
	pthread_mutex_lock(&l->lock);
	l->count.warps += wk->count.warps;
	l->count.lanes += wk->count.lanes;
	pthread_mutex_unlock(&l->lock);
	work_ends(wk);
}

static void *worker_main(void *arg)
{
	struct worker *wk = arg;
	struct sm *sm = wk->sm;
	uint64_t turn = 0;

	pthread_mutex_lock(&sm->lock);
	for (;;) {
		while (!sm->quit && sm->turn == turn)
			pthread_cond_wait(&sm->go, &sm->lock);
		if (sm->quit)
			break;
		turn = sm->turn;
		pthread_mutex_unlock(&sm->lock);
		work(wk, sm->launch, sm->ctx);
		pthread_mutex_lock(&sm->lock);
		if (!--sm->running)
			pthread_cond_signal(&sm->done);
	}
	pthread_mutex_unlock(&sm->lock);
	return NULL;
}

static struct worker *worker_new(struct sm *sm, uint32_t id)
{
	struct worker *wk = mem_new(struct worker);

	if (!wk)
		return NULL;
	wk->sm = sm;
	wk->sim = sm->sim;
	wk->id = id;
	return wk;
}

int sm_new(struct sim *s, uint32_t nr)
{
	struct sm *sm = mem_new(struct sm);

	if (!sm)
		return -ENOMEM;
	s->sm = sm;
	sm->sim = s;
	sm->isa = sm_isa_best(s->cfg.sm_opts);
	pthread_mutex_init(&sm->lock, NULL);
	pthread_cond_init(&sm->go, NULL);
	pthread_cond_init(&sm->done, NULL);
	if (s->cfg.count[0]) {
		int err = tally_open(s->cfg.count, &sm->tally);

		if (err)
			return err;
	}
	sm->worker = mem_calloc(nr, sizeof(*sm->worker));
	if (!sm->worker)
		return -ENOMEM;
	for (sm->nr = 0; sm->nr < nr; sm->nr++) {
		sm->worker[sm->nr] = worker_new(sm, sm->nr);
		if (!sm->worker[sm->nr])
			return -ENOMEM;
	}
	return 0;
}

/* Threads start with the first grid that wants help: most devices of a test never run one. */
static void start_threads(struct sm *sm)
{
	for (uint32_t i = 1; i < sm->nr; i++) {
		struct worker *wk = sm->worker[i];

		if (!wk->started)
			wk->started = !pthread_create(&wk->thread, NULL, worker_main, wk);
		if (!wk->started)
			return;
		sm->running++;
	}
}

void sm_free(struct sim *s)
{
	struct sm *sm = s->sm;

	if (!sm)
		return;
	pthread_mutex_lock(&sm->lock);
	sm->quit = true;
	pthread_cond_broadcast(&sm->go);
	pthread_mutex_unlock(&sm->lock);
	for (uint32_t i = 0; sm->worker && i < sm->nr; i++) {
		struct worker *wk = sm->worker[i];

		if (wk->started)
			pthread_join(wk->thread, NULL);
		crew_free(wk->spare);
		mem_free(wk);
	}
	mem_free(sm->worker);
	tally_close(sm->tally);
	pthread_cond_destroy(&sm->done);
	pthread_cond_destroy(&sm->go);
	pthread_mutex_destroy(&sm->lock);
	mem_free(sm);
	s->sm = NULL;
}

/* Constants first, by one; then everybody. */
static void run_all(struct sm *sm, struct sm_launch *l, const struct engine_ctx *ctx)
{
	uint64_t pieces = (l->nr_blocks + l->blocks_at_once - 1) / l->blocks_at_once;

	pthread_mutex_lock(&sm->lock);
	sm->share = pieces < sm->nr ? (uint32_t)pieces : sm->nr;
	pthread_mutex_unlock(&sm->lock);
	if ((l->nr_blocks > 1 || l->resumed) && sm->nr > 1) {
		pthread_mutex_lock(&sm->lock);
		sm->launch = l;
		sm->ctx = ctx;
		sm->turn++;
		sm->running = 0;
		start_threads(sm);
		pthread_cond_broadcast(&sm->go);
		pthread_mutex_unlock(&sm->lock);
	}
	work(sm->worker[0], l, ctx);
	pthread_mutex_lock(&sm->lock);
	while (sm->running)
		pthread_cond_wait(&sm->done, &sm->lock);
	pthread_mutex_unlock(&sm->lock);
}

static int snap(struct sm *sm, struct sm_launch *l, const struct engine_ctx *ctx)
{
	struct worker *wk = sm->worker[0];
	int err;

	if (l->snapped)
		return 0;
	wk->launch = l;
	wk->ctx = ctx;
	pthread_rwlock_rdlock(&sm->sim->dma_lock);
	space_hold(wk);
	err = launch_snap(wk, l);
	pthread_rwlock_unlock(&sm->sim->dma_lock);
	return err;
}

/* A launch without one runs as well. */
static void make_plan(struct sm *sm, struct sm_launch *l, const struct engine_ctx *ctx)
{
	struct worker *wk = sm->worker[0];

	if (l->resumed)
		return;
	wk->launch = l;
	wk->ctx = ctx;
	code_start(wk);
	pthread_rwlock_rdlock(&sm->sim->dma_lock);
	space_hold(wk);
	plan_new(wk, l, &l->plan);
	pthread_rwlock_unlock(&sm->sim->dma_lock);
}

enum engine_result sm_run(struct sm *sm, struct sm_launch *l, const struct engine_ctx *ctx,
			  struct engine_error *err)
{
	if (!l->nr_blocks)
		return ENGINE_OK;
	if (snap(sm, l, ctx)) {
		snprintf(l->text, sizeof(l->text), "out of host memory");
		return ENGINE_TRAP;
	}
	sm_code_begin(l->code, l->g.code);
	make_plan(sm, l, ctx);
	l->halt = false;
	run_all(sm, l, ctx);
	l->resumed = true;
	if (l->result != ENGINE_OK || !l->halt)
		tally_add(sm->tally, &l->count);
	if (l->result != ENGINE_OK) {
		*err = l->err;
		return l->result;
	}
	return l->halt ? ENGINE_STOPPED : ENGINE_OK;
}

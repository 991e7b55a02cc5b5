// SPDX-License-Identifier: MIT
/*
 * The runlist: which channels may run, and who runs next.
 *
 * Channels take turns in runlist order; each PBDMA remembers where it stopped.
 * A commit takes effect at once for what is not loaded; it is reported as done
 * when every channel that left the list has left its PBDMA.  Everything here
 * runs with sim.lock held.
 */
#include <string.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/dev/sim/fifo.h"

struct chan *runlist_pick(struct pfifo *f, struct pbdma *p, uint64_t now)
{
	for (uint32_t i = 0; i < f->listed; i++) {
		uint32_t at = (p->next + i) % f->listed;
		struct chan *c = &f->chan[f->list[at]];

		if (chan_ready(f, c, p, now)) {
			p->next = at + 1;
			return c;
		}
	}
	return NULL;
}

/*
 * p gets its next channel, and the engine that one most likely wants with it:
 * so engines, too, go round in runlist order.
 */
static void assign(struct pfifo *f, struct pbdma *p, uint64_t now)
{
	struct chan *c;

	if (f->quit || p->chan || !pbdma_usable(p))
		return;
	c = runlist_pick(f, p, now);
	if (!c)
		return;
	c->on = p;
	c->busy = true; /* until it leaves with nothing left */
	p->chan = c;
	if (c->wait == WAIT_ENGINE)
		engine_take(p, c->wait_engine);
	else if (c->wait == WAIT_NONE && c->cur_engine != ENGINE_SW)
		engine_take(p, c->cur_engine);
	pthread_cond_signal(&p->cond);
}

void runlist_next(struct pfifo *f, struct pbdma *p)
{
	assign(f, p, clock_ns());
}

void runlist_dispatch(struct pfifo *f)
{
	uint64_t now = 0;

	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++) {
		if (f->pbdma[i].chan || !f->listed)
			continue;
		if (!now)
			now = clock_ns();
		assign(f, &f->pbdma[i], now);
	}
}

uint64_t runlist_next_retry(struct pfifo *f)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < f->listed; i++) {
		const struct chan *c = &f->chan[f->list[i]];

		if (c->wait == WAIT_SEM && !c->on && (!at || c->retry_at < at))
			at = c->retry_at;
	}
	return at;
}

void runlist_check(struct pfifo *f)
{
	if (!f->commit_pending)
		return;
	for (uint32_t i = 0; i < GF100_NR_PBDMA; i++)
		if (f->pbdma[i].chan && !f->pbdma[i].chan->listed)
			return;
	f->commit_pending = false;
	sim_reg_store(f->sim, NV_PFIFO_RUNLIST_INTR,
		      sim_reg_load(f->sim, NV_PFIFO_RUNLIST_INTR) | RUNLIST_INTR_DONE);
	pfifo_intr_update(f->sim);
}

static void sched_error(struct sim *s, uint32_t code)
{
	sim_reg_store(s, NV_PFIFO_SCHED_INTR, code);
	sim_reg_store(s, NV_PFIFO_INTR, sim_reg_load(s, NV_PFIFO_INTR) | PFIFO_INTR_SCHED);
	pfifo_intr_update(s);
}

static void runlist_read(struct sim *s, uint32_t submit)
{
	struct pfifo *f = s->pfifo;
	uint32_t where = sim_reg_load(s, NV_PFIFO_RUNLIST_ADDR);
	uint32_t entry[64][RUNLIST_ENTRY_LEN / 4], left = RUNLIST_COUNT(submit);
	uint64_t at = RUNLIST_ADDR(where);

	f->listed = 0;
	while (left) {
		uint32_t n = left < 64 ? left : 64;

		if (mem_rd(s, RUNLIST_TARGET(where), at, entry, n * RUNLIST_ENTRY_LEN)) {
			sched_error(s, SCHED_INACTIVE_CHANNEL);
			return;
		}
		for (uint32_t i = 0; i < n; i++) {
			uint32_t id = entry[i][0];

			if (id >= GF100_NR_CHAN) {
				sched_error(s, SCHED_INACTIVE_CHANNEL);
			} else if (!f->chan[id].listed) {
				f->chan[id].listed = true;
				f->list[f->listed++] = (uint8_t)id;
			}
		}
		at += n * RUNLIST_ENTRY_LEN;
		left -= n;
	}
}

void runlist_commit(struct sim *s, uint32_t submit)
{
	struct pfifo *f = s->pfifo;
	uint32_t faulted = sim_reg_load(s, NV_PFIFO_ENG_FAULT);
	bool was[GF100_NR_CHAN];

	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		was[i] = f->chan[i].listed;
		f->chan[i].listed = false;
	}
	runlist_read(s, submit);
	sim_reg_store(s, NV_PFIFO_RUNLIST_SUBMIT, submit);
	sim_reg_store(s, NV_PFIFO_RUNLIST_CUR, sim_reg_load(s, NV_PFIFO_RUNLIST_ADDR));
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++) {
		struct chan *c = &f->chan[i];
		bool was_off = c->off;

		if (!c->listed)
			chan_stop(c);
		if (c->off && (c->off_engine == ENGINE_SW || !(faulted & 1u << c->off_engine)))
			c->off = false;
		/* Its doorbell may have rung before it was listed. */
		if (c->listed && (!was[i] || was_off) && (c->inst_reg & CHAN_INST_VALID) &&
		    (c->state_reg & CHAN_STATE_RUNNABLE))
			c->work = true;
	}
	f->commit_pending = true;
	runlist_check(f);
	runlist_dispatch(f);
}

// SPDX-License-Identifier: MIT
/*
 * The process port: one epoll descriptor and a round over the guests' rings.
 *
 * 1. A guest is on `run` and polled, or it is asleep (its ring says so) and
 *    comes back by its kick.  Either way its next access is seen: sleeping
 *    checks the ring once more after saying so.
 * 2. Within one dispatch each guest is served at most QUANTUM accesses before
 *    the next one's turn, and the guest after the last one served goes first next
 *    time: who floods waits as long as everybody else.
 * 3. Guests are freed only at the end of dispatch(), never below an upcall.
 */
#include <assert.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/process_impl.h"

#define QUANTUM 32u	/* accesses in a row for one guest: a page fill by 8-byte stores is 16 turns */
#define IDLE_POLLS 8192u /* empty polls before a guest must kick: some 100 us of a spinning mediator */
/* Dispatches between looks at the descriptors: one system call in 16.  With nobody to poll, every one looks. */
#define EVENTS_EVERY 16u
#define EVENTS_MAX 64

static void process_event(struct process *p, const struct epoll_event *e, uint64_t now_ns)
{
	uint64_t slot = e->data.u64 / 2;
	struct proc_guest *g = slot < PROC_GUESTS ? p->slot[slot] : NULL;

	if (!g || g->dying)
		return;
	if (e->data.u64 & 1) {
		proc_guest_kill(&g->g, "its last process is gone");
		return;
	}
	proc_ring_mend(g, now_ns);
	g->idle = 0;
	if (list_empty(&g->run)) {
		proc_ring_awake(g);
		list_add_tail(&p->run, &g->run);
		g->stats.wakes++;
	}
}

static int process_events(struct process *p)
{
	struct epoll_event e[EVENTS_MAX];
	int n = epoll_wait(p->epoll, e, EVENTS_MAX, 0);
	uint64_t now_ns;

	p->quiet = 0;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (!n)
		return 0;
	now_ns = clock_ns();
	for (int i = 0; i < n; i++)
		process_event(p, &e[i], now_ns);
	return 0;
}

static void process_serve(struct process *p, struct proc_guest *g, struct hv_access *acc, int got)
{
	g->stats.served++;
	if (acc->write)
		g->stats.writes++;
	else
		g->stats.reads++;
	if (got == PROC_RING_FILE) {
		acc->val = proc_file_send(g, acc->off);
	} else if (got < 0) {
		g->stats.bad++;
		acc->val = ~0ull;
	} else {
		p->hv.up->access(p->hv.core, &g->g, acc);
	}
	/* Killed by its own access: the waiter was told, and would take this for an answer. */
	if (!g->dying)
		proc_ring_put(g, acc->write, acc->val);
}

static unsigned int process_turn(struct process *p, struct proc_guest *g, unsigned int most)
{
	struct hv_access acc;
	unsigned int n = 0;
	int got;

	while (n < most && !g->dying) {
		got = proc_ring_get(g, &acc);
		if (!got)
			break;
		process_serve(p, g, &acc, got);
		n++;
	}
	if (n || g->dying) {
		g->idle = 0;
	} else if (++g->idle > IDLE_POLLS && !proc_ring_sleep(g)) {
		list_del(&g->run);
		g->idle = 0;
	}
	return n;
}

/* One turn for each guest that is on the run list now; each goes to its end. */
static unsigned int process_round(struct process *p, unsigned int budget)
{
	unsigned int n = 0, turns = 0;
	struct proc_guest *g;
	struct list *l;

	for (l = p->run.next; l != &p->run; l = l->next)
		turns++;
	while (turns-- && n < budget) {
		g = list_first(&p->run, struct proc_guest, run);
		if (!g)
			break;
		list_del(&g->run);
		list_add_tail(&p->run, &g->run);
		n += process_turn(p, g, budget - n < QUANTUM ? budget - n : QUANTUM);
	}
	return n;
}

static void process_reap(struct process *p)
{
	struct proc_guest *g, *tmp;

	if (!p->nr_dying)
		return;
	list_for_each_safe(g, tmp, &p->guests, g.node)
		if (g->dying)
			proc_guest_reap(g);
}

static int process_dispatch(struct hv *hv, unsigned int budget)
{
	struct process *p = process_of(hv);
	unsigned int n = 0, more;
	int err = 0;

	assert(!p->dispatching);
	p->dispatching = true;
	if (++p->quiet >= EVENTS_EVERY || list_empty(&p->run))
		err = process_events(p);
	do {
		more = process_round(p, budget - n);
		n += more;
	} while (more && n < budget);
	process_reap(p);
	p->dispatching = false;
	return err ? err : (int)n;
}

static bool process_arm(struct hv *hv)
{
	struct process *p = process_of(hv);
	struct proc_guest *g, *tmp;

	if (p->nr_dying)
		return true;
	list_for_each_safe(g, tmp, &p->run, run) {
		if (proc_ring_sleep(g))
			return true;
		list_del(&g->run);
	}
	return false;
}

static int process_poll_fd(struct hv *hv)
{
	return process_of(hv)->epoll;
}

static void process_close(struct hv *hv)
{
	struct process *p = process_of(hv);
	struct proc_guest *g, *tmp;

	list_for_each_safe(g, tmp, &p->guests, g.node) {
		proc_guest_kill(&g->g, "the mediator stops");
		proc_guest_reap(g);
	}
	close(p->epoll);
	mem_free(p);
}

static const struct hv_ops process_ops = {
	.name = "process",
	.caps = HV_CAP_MAP | HV_CAP_PIN | HV_CAP_RAM,
	.close = process_close,
	.poll_fd = process_poll_fd,
	.dispatch = process_dispatch,
	.arm = process_arm,
	.read = proc_guest_read,
	.write = proc_guest_write,
	.irq = proc_guest_irq,
	.kill = proc_guest_kill,
	.map = proc_map,
	.unmap = proc_unmap,
	.unmapped = proc_unmapped,
	.pin = proc_guest_pin,
	.unpin = proc_guest_unpin,
	.ram = proc_guest_ram,
};

int hv_process_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out)
{
	struct process *p = mem_new(struct process);

	if (!p)
		return -ENOMEM;
	p->hv = (struct hv){ .ops = &process_ops, .up = up, .core = core, .log = log };
	list_init(&p->guests);
	list_init(&p->run);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0) {
		int err = -errno;

		mem_free(p);
		return err;
	}
	*out = &p->hv;
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * The mediator of one GPU: build and tear down, the upcalls, one round of the loop.
 *
 * VRAM of the card, from the bottom:
 *
 *   0 .. 256 KiB             left alone (the VBIOS's)
 *   chunk-aligned ...        guests (part_pool), in chunks of 2 MiB
 *   heap                     the mediator's own (vheap)
 *   last 1 MiB               left alone (the VBIOS's)
 */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/host.h"
#include "gpuvm/hp.h"
#include "gpuvm/metrics.h"
#include "gpuvm/submit.h"
#include "scheduler/record.h"

#define PAGE 4096ull
/* What stock nouveau leaves alone at both ends of VRAM [nvkm/subdev/fb/ramgf100.c]. */
#define VRAM_HEAD (256ull << 10)
#define VRAM_TAIL (1ull << 20)
/* Below this the mediator's own tables do not fit. */
#define HEAP_LEAST (2ull << 20)

/* ---- build --------------------------------------------------------------------------------- */

static uint64_t heap_len(const struct gpuvm *g, const struct gpuvm_cfg *cfg)
{
	uint64_t len = g->dev->info.vram_len / 16;

	if (cfg->host_vram_len)
		return align_up(cfg->host_vram_len, PAGE);
	len = len < LIMIT_HOST_VRAM_MIN ? LIMIT_HOST_VRAM_MIN : len;
	return align_down(len > LIMIT_HOST_VRAM_MAX ? LIMIT_HOST_VRAM_MAX : len, PAGE);
}

static int lay_out(struct gpuvm *g, const struct gpuvm_cfg *cfg, char *msg, size_t n)
{
	uint64_t vram = g->dev->info.vram_len, heap = heap_len(g, cfg);
	uint64_t base = align_up(VRAM_HEAD, PART_CHUNK_LEN), at;
	int r;

	if (heap < HEAP_LEAST || vram < VRAM_TAIL + base + PART_CHUNK_LEN ||
	    heap > (vram - VRAM_TAIL - base - PART_CHUNK_LEN)) {
		snprintf(msg, n,
			 "the card has %" PRIu64 " MiB of VRAM; with %" PRIu64
			 " MiB for the mediator (at least 2) none is left for guests",
			 vram >> 20, heap >> 20);
		return -EINVAL;
	}
	at = align_down(vram - VRAM_TAIL - heap, PAGE);
	g->pool_len = align_down(at, PART_CHUNK_LEN) - base;
	r = vheap_new(hvram(at), heap, &g->heap);
	if (!r)
		r = part_pool_new(hvram(base), g->pool_len, g->dev->info.nr_chan, &g->pool);
	if (r)
		snprintf(msg, n, "cannot lay out VRAM: %s", strerror(-r));
	return r;
}

static int sched_start(struct gpuvm *g, const struct gpuvm_cfg *cfg, char *msg, size_t n)
{
	struct sched_choice c;
	int r = sched_choice_open(cfg->policy ? cfg->policy : "fifo", &c, msg, n);

	if (r)
		return r;
	r = sched_new(&sched_fifo, &submit_backend, g, NR_GPUVM_ENGINES, dev_now(g->dev), &g->sched);
	if (!r)
		r = sched_use(g->sched, &c, dev_now(g->dev));
	sched_choice_close(&c);
	if (r)
		snprintf(msg, n, "the scheduler does not start: %s", strerror(-r));
	if (!r && cfg->sched_trace) {
		r = sched_record_open(cfg->sched_trace, g->sched, dev_now(g->dev), &g->record);
		if (r)
			snprintf(msg, n, "--sched-trace %s: %s", cfg->sched_trace, strerror(-r));
	}
	return r;
}

int gpuvm_new(struct dev *dev, const struct gpuvm_cfg *cfg, struct gpuvm **out, char *msg, size_t n)
{
	struct gpuvm *g = mem_new(struct gpuvm);
	int r;

	if (!g) {
		dev_close(dev);
		snprintf(msg, n, "out of memory");
		return -ENOMEM;
	}
	g->dev = dev;
	g->log = cfg->log;
	g->audit_each_flush = cfg->audit_each_flush;
	g->poll_next = g->sched_next = SCHED_NEVER;
	g->poll_every = LIMIT_POLL_MIN_NS;
	list_init(&g->vgpus);
	list_init(&g->busy);
	r = mmio_table_check(msg, n);
	if (!r)
		r = lay_out(g, cfg, msg, n);
	if (!r)
		r = sched_start(g, cfg, msg, n);
	if (!r)
		r = host_start(g, msg, n);
	if (r) {
		gpuvm_free(g);
		return r;
	}
	g->shadow_avail = vheap_size(g->heap) - vheap_used(g->heap);
	*out = g;
	return 0;
}

void gpuvm_free(struct gpuvm *g)
{
	struct vgpu *v, *tmp;

	if (!g)
		return;
	/* Detaches every guest that came through one. */
	for (unsigned int i = 0; i < ARRAY_SIZE(g->port); i++)
		hv_close(g->port[i]);
	list_for_each_safe(v, tmp, &g->vgpus, node)
		vgpu_free(v);
	metrics_free(g);
	if (sched_record_close(g->record))
		log_error(g->log, "the scheduler's recording could not be written");
	sched_free(g->sched);
	host_stop(g);
	mem_free(g->host);
	part_pool_free(g->pool);
	vheap_free(g->heap);
	dev_close(g->dev);
	mem_free(g);
}

void gpuvm_set_hv(struct gpuvm *g, struct hv *hv)
{
	unsigned int i = 0;

	while (g->port[i])
		i++;
	assert(i < ARRAY_SIZE(g->port));
	g->port[i] = hv;
}

/* ---- upcalls --------------------------------------------------------------------------------- */

static int up_attach(void *core, struct hv_guest *guest)
{
	struct vgpu *v;
	int r;

	if (!guest->cfg)
		return -EINVAL;
	r = vgpu_new(core, guest, guest->cfg, &v);
	if (r)
		return r;
	guest->vgpu = v;
	return 0;
}

static void up_detach(void *core, struct hv_guest *guest)
{
	struct gpuvm *g = core;
	struct vgpu *v = guest->vgpu;

	guest->vgpu = NULL;
	vgpu_free(v);
	/* What it held on an engine is free for others. */
	submit_pump(g, dev_now(g->dev));
}

static int up_access(void *core, struct hv_guest *guest, struct hv_access *a)
{
	(void)core;
	return vgpu_access(guest->vgpu, a);
}

static void up_written(void *core, struct hv_guest *guest, gpa_t page)
{
	/* No page is watched through the port yet: see hv_watch. */
	(void)core;
	(void)guest;
	(void)page;
}

static int up_revoke(void *core, struct hv_guest *guest, gpa_t start, uint64_t len)
{
	(void)core;
	return vgpu_revoke(guest->vgpu, start, len);
}

static void up_reset(void *core, struct hv_guest *guest)
{
	(void)core;
	vgpu_reset(guest->vgpu);
}

static int up_grant(void *core, struct hv_guest *guest, const struct hv_ram *ram)
{
	(void)core;
	return vgpu_grant(guest->vgpu, ram);
}

static bool up_line(void *core, struct hv_guest *guest)
{
	(void)core;
	return vgpu_line(guest->vgpu);
}

const struct hv_up gpuvm_up = {
	.attach = up_attach,
	.detach = up_detach,
	.access = up_access,
	.written = up_written,
	.revoke = up_revoke,
	.reset = up_reset,
	.grant = up_grant,
	.line = up_line,
};

/* ---- the loop --------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Whether the card has raised its interrupt since the last call. */
static bool irq_raised(struct gpuvm *g)
{
	uint64_t count;

	if (dev_has(g->dev, DEV_CAP_IRQ_FD)) {
		uint32_t seq = dev_irq_seq(g->dev);

		if (!(seq & 1) && seq == g->irq_seq)
			return false;
		g->irq_seq = seq;
		return read(dev_irq_fd(g->dev), &count, sizeof count) == (ssize_t)sizeof count;
	}
	return (dev_rd32(g->dev, NV_PMC_INTR) | dev_rd32(g->dev, NV_PMC_INTR_NONSTALL)) != 0;
}

static bool serve_irq(struct gpuvm *g, uint64_t now)
{
	if (!irq_raised(g))
		return false;
	if (g->passthrough) {
		g->passthrough->stats.irqs++;
		hv_irq(g->passthrough->guest, 0);
	} else if (g->shadow) {
		gpuvm_irq(g, now);
		/* Whatever it was, something may have ended. */
		g->poll_next = now;
	}
	return true;
}

static uint64_t serve_alarms(struct gpuvm *g, uint64_t now)
{
	uint64_t next = SCHED_NEVER;
	struct vgpu *v;

	if (g->passthrough)
		return next;
	list_for_each(v, &g->vgpus, node) {
		if (vgpu_next_alarm(v) <= now)
			vgpu_alarm_tick(v, now);
		next = earlier(next, vgpu_next_alarm(v));
	}
	return next;
}

/* How many accesses were served; an error of one port is none. */
static int serve_ports(struct gpuvm *g)
{
	int all = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(g->port) && g->port[i]; i++) {
		int n = hv_dispatch(g->port[i], LIMIT_STEP_ACCESSES);

		all += n > 0 ? n : 0;
	}
	return all;
}

/* After the ports: what their guests just asked for, or the card just told.  True if some is left. */
/* Whether there is more; *did: whether requests were taken. */
static bool serve_hp(struct gpuvm *g, bool *did)
{
	bool more = false;
	struct vgpu *v;

	list_for_each(v, &g->vgpus, node) {
		uint64_t before = v->hp ? vgpu_hp_stats(v)->requests : 0;

		if (!v->hp)
			continue;
		more |= vgpu_hp_step(v);
		*did |= vgpu_hp_stats(v)->requests != before;
	}
	return more;
}

bool gpuvm_step(struct gpuvm *g, uint64_t now, uint64_t *next)
{
	bool did = serve_irq(g, now);
	int served = serve_ports(g);
	bool taken = served > 0, more = serve_hp(g, &taken);

	g->stats.steps++;
	did |= taken;
	if (taken)
		now = dev_now(g->dev);
	*next = serve_alarms(g, now);
	if (now >= g->poll_next)
		gpuvm_poll_work(g, now);
	if (now >= g->sched_next)
		submit_pump(g, now);
	*next = earlier(*next, earlier(g->poll_next, g->sched_next));
	if (more)
		*next = now;
	/* Without an interrupt to wait for, the card is looked at on a tick. */
	if (!dev_has(g->dev, DEV_CAP_IRQ_FD))
		*next = earlier(*next, now + LIMIT_POLL_MAX_NS);
	return did;
}

unsigned int gpuvm_fds(struct gpuvm *g, int fds[GPUVM_FDS])
{
	unsigned int n = 0;
	int fd = dev_irq_fd(g->dev);

	if (fd >= 0)
		fds[n++] = fd;
	for (unsigned int i = 0; i < ARRAY_SIZE(g->port) && g->port[i]; i++) {
		fd = hv_poll_fd(g->port[i]);
		if (fd >= 0)
			fds[n++] = fd;
	}
	return n;
}

bool gpuvm_arm(struct gpuvm *g)
{
	struct vgpu *v;
	bool work = false;

	for (unsigned int i = 0; i < ARRAY_SIZE(g->port) && g->port[i]; i++)
		work |= hv_arm(g->port[i]);
	list_for_each(v, &g->vgpus, node)
		work |= v->hp && vgpu_hp_arm(v);
	return work;
}

bool gpuvm_name_ok(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > 31)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return true;
}

struct vgpu *gpuvm_find(struct gpuvm *g, const char *name)
{
	struct vgpu *v;

	list_for_each(v, &g->vgpus, node)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

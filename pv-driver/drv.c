// SPDX-License-Identifier: MIT
/*
 * Bring-up and shut-down of the GPU, waiting for registers.
 *
 * The order is nouveau's: who are you, all units on, interrupts off, timer,
 * memory size, instance memory through PRAMIN, BAR3, BAR1, then PFIFO and the
 * engines, interrupts on.  drv_close() runs it backwards and accepts whatever
 * a failed drv_open() left.
 */
#include "pv-driver/drv.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/hp_drv.h"
#include "pv-driver/private.h"
#include "pv-driver/pv_call.h"

#define DEFAULT_TIMEOUT_NS 2000000000ull
#define DEFAULT_RING 1024u
#define DEFAULT_PUSH 0x10000u
#define CHIPSET(boot0) (((boot0) & 0x1ff00000u) >> 20)
#define CHIPSET_GF100 0x0c0u

struct wait wait_begin(uint64_t ns)
{
	return (struct wait){ clock_ns() + ns, 0 };
}

int wait_more(struct wait *w)
{
	struct timespec t = { 0, 20000 };

	if (w->spins++ < 64)
		return 0;
	if (clock_ns() >= w->until)
		return -ETIMEDOUT;
	if (w->spins < 256)
		sched_yield();
	else
		nanosleep(&t, NULL);
	return 0;
}

int wait_reg(struct drv *d, uint32_t reg, uint32_t mask, bool set, const char *what)
{
	struct wait w = wait_begin(d->cfg.timeout_ns);
	uint32_t v;

	while (v = rd32(d, reg), !!(v & mask) != set) {
		if (wait_more(&w)) {
			log_error(d->cfg.log, "gave up waiting for %s (register %06x is %08x)",
				  what, reg, v);
			return -ETIMEDOUT;
		}
	}
	return 0;
}

void flush_bar(struct drv *d)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wr32(d, NV_FLUSH_BAR, 1);
	wait_reg(d, NV_FLUSH_BAR, 2, false, "the BAR flush");
}

static int identify(struct drv *d, char *msg, size_t n)
{
	wr32(d, NV_PMC_BOOT_1, 0);
	d->info.boot0 = rd32(d, NV_PMC_BOOT_0);
	if (CHIPSET(d->info.boot0) == CHIPSET_GF100)
		return 0;
	snprintf(msg, n, "the GPU (BOOT_0 %08x) is not a GF100", d->info.boot0);
	return -ENODEV;
}

static void units_on(struct drv *d)
{
	uint32_t engines =
		PMC_ENABLE_PFIFO | PMC_ENABLE_PGRAPH | PMC_ENABLE_CE0 | PMC_ENABLE_CE1;

	wr32(d, NV_PMC_INTR_EN, 0);
	wr32(d, NV_PMC_ENABLE, ~engines);
	wr32(d, NV_PMC_ENABLE, ~0u);
	wr32(d, NV_PBUS_INTR, ~0u);
	wr32(d, NV_PBUS_INTR_EN, 0xe);
}

/*
 * PTIMER counts nanoseconds of the clock we use ourselves [nvkm/subdev/timer/nv04.c];
 * a virtual one stays with its card's.
 */
static void timer_init(struct drv *d)
{
	uint64_t now = clock_ns();

	wr32(d, NV_PTIMER_INTR_EN, 0);
	wr32(d, NV_PTIMER_INTR, ~0u);
	wr32(d, NV_PTIMER_TIME_HI, hi32(now));
	wr32(d, NV_PTIMER_TIME_LO, lo32(now));
}

/* Partitions that are not fused off, each of its own size [nvkm/subdev/fb/ramgf100.c]. */
static int vram_init(struct drv *d, char *msg, size_t n)
{
	uint32_t parts = rd32(d, NV_FBP_COUNT), off = rd32(d, NV_FBP_OFF_MASK);
	uint64_t len = 0;

	for (uint32_t i = 0; i < parts && i < reg_rows[REGID_FBP_MIB].count; i++) {
		if (!(off & 1u << i))
			len += (uint64_t)rd32(d, reg_at(REGID_FBP_MIB, i)) << 20;
	}
	d->info.vram_len = len;
	if (len <= VRAM_RESERVED_LOW + VRAM_RESERVED_TOP + (1u << 20) ||
	    len > 1ull << FERMI_PHYS_BITS) {
		snprintf(msg, n, "the GPU says it has %llu bytes of VRAM", (unsigned long long)len);
		return -ENODEV;
	}
	return heap_add(&d->vram, VRAM_RESERVED_LOW, len - VRAM_RESERVED_LOW - VRAM_RESERVED_TOP);
}

/* A page the GPU may write to when it flushes towards system memory [nvkm/subdev/fb/gf100.c]. */
static int sysflush_init(struct drv *d)
{
	int err = bo_new(d, PAGE, DRV_BO_SYS, &d->sysflush);

	if (!err)
		wr32(d, NV_PFB_SYSMEM_FLUSH, (uint32_t)(d->sysflush->addr >> 8));
	return err;
}

static int engines_init(struct drv *d)
{
	uint32_t fuses = rd32(d, NV_DISABLE_FUSES);
	int err = gr_init(d);

	for (unsigned int n = 0; !err && n < 2; n++)
		err = fuses & 1u << (8 + n) ? 0 : ce_start(d, n);
	return err;
}

static int fence_page(struct drv *d)
{
	uint32_t flags = d->cfg.fence_vram ? DRV_BO_VRAM | DRV_BO_BAR1 : DRV_BO_SYS;

	return bo_new(d, GF100_NR_CHAN * FENCE_STRIDE, flags, &d->fence);
}

static int bring_up(struct drv *d, char *msg, size_t n)
{
	static const struct {
		const char *what;
		int (*init)(struct drv *);
	} steps[] = {
		{ "paravirtual page tables", pv_open },
		{ "system memory flush page", sysflush_init }, { "BAR3", bar3_init },
		{ "BAR1", bar1_init },			       { "PFIFO", fifo_init },
		{ "the engines", engines_init },	       { "the fence page", fence_page },
	};
	int err;

	if (hp_offered(d))
		return hp_open(d, msg, n);
	if (!d->bus->ops->bar_len(d->bus, 0)) {
		snprintf(msg, n, "there is no GPU: no registers, and nobody takes requests");
		return -ENODEV;
	}
	err = identify(d, msg, n);
	if (err)
		return err;
	units_on(d);
	timer_init(d);
	err = vram_init(d, msg, n);
	for (size_t i = 0; !err && i < ARRAY_SIZE(steps); i++) {
		err = steps[i].init(d);
		if (err)
			snprintf(msg, n, "cannot bring up %s: %s", steps[i].what, strerror(-err));
	}
	return err;
}

static int cfg_take(struct drv *d, const struct drv_cfg *cfg, char *msg, size_t n)
{
	struct drv_cfg *c = &d->cfg;

	if (cfg)
		*c = *cfg;
	if (!c->timeout_ns)
		c->timeout_ns = DEFAULT_TIMEOUT_NS;
	if (!c->ring_entries)
		c->ring_entries = DEFAULT_RING;
	if (!c->push_len)
		c->push_len = DEFAULT_PUSH;
	if (c->ring_entries >= 8 && c->ring_entries <= 4096 &&
	    !(c->ring_entries & (c->ring_entries - 1)) && c->push_len <= 16u << 20 &&
	    is_aligned(c->push_len, PAGE) && (!c->push_vram || d->bus->ops->vram_wr))
		return 0;
	snprintf(msg, n, "a ring of %u entries with %u bytes of push buffer is not possible",
		 c->ring_entries, c->push_len);
	return -EINVAL;
}

int drv_open(struct bus *bus, const struct drv_cfg *cfg, struct drv **out, char *msg, size_t n)
{
	struct drv *d = mem_new(struct drv);
	int err;

	if (n)
		msg[0] = '\0';
	if (!d) {
		snprintf(msg, n, "out of memory");
		return -ENOMEM;
	}
	d->bus = bus;
	d->backend = &vas_native;
	d->pramin_base = ~0u;
	d->window_at = ~0ull;
	irq_prepare(d);
	heap_init(&d->vram);
	heap_init(&d->bar3_va);
	list_init(&d->imems);
	list_init(&d->vases);
	list_init(&d->bos);
	list_init(&d->kept);
	pthread_mutex_init(&d->lock, NULL);
	err = cfg_take(d, cfg, msg, n);
	if (!err) {
		pthread_mutex_lock(&d->lock);
		err = bring_up(d, msg, n);
		pthread_mutex_unlock(&d->lock);
	}
	if (!err)
		err = irq_init(d);
	if (err) {
		if (n && !msg[0])
			snprintf(msg, n, "cannot bring up the GPU: %s", strerror(-err));
		drv_close(d);
		return err;
	}
	*out = d;
	return 0;
}

static void free_all(struct drv *d)
{
	struct drv_vas *v, *vt;
	struct drv_bo *b, *bt;

	for (uint32_t c = 0; c < GF100_NR_CHAN; c++)
		chan_free(d->fifo.chan[c]);
	list_for_each_safe(b, bt, &d->bos, node)
		bo_free(b);
	list_for_each_safe(v, vt, &d->vases, node) {
		if (!v->bar)
			vas_free(v);
	}
}

void drv_close(struct drv *d)
{
	if (!d)
		return;
	irq_fini(d);
	pthread_mutex_lock(&d->lock);
	free_all(d);
	gr_fini(d);
	fifo_fini(d);
	bar_fini(d);
	pv_close(d);
	hp_close(d);
	heap_fini(&d->bar3_va);
	heap_fini(&d->vram);
	pthread_mutex_unlock(&d->lock);
	pthread_mutex_destroy(&d->lock);
	mem_free(d);
}

const struct drv_info *drv_info(const struct drv *d)
{
	return &d->info;
}

uint64_t drv_time(struct drv *d)
{
	uint32_t hi, lo;
	uint64_t far;

	pthread_mutex_lock(&d->lock);
	if (d->hp) {
		far = hp_time(d);
		pthread_mutex_unlock(&d->lock);
		return far;
	}
	do {
		hi = rd32(d, NV_PTIMER_TIME_HI);
		lo = rd32(d, NV_PTIMER_TIME_LO);
	} while (hi != rd32(d, NV_PTIMER_TIME_HI));
	pthread_mutex_unlock(&d->lock);
	return (uint64_t)hi << 32 | lo;
}

void drv_stats(struct drv *d, struct drv_stats *out)
{
	pthread_mutex_lock(&d->lock);
	*out = d->stats;
	out->vram_free = d->hp ? hp_vram_free(d) : heap_avail(&d->vram);
	pthread_mutex_unlock(&d->lock);
}

void drv_knob_tlb_flush(struct drv *d, bool on)
{
	pthread_mutex_lock(&d->lock);
	d->no_flush = !on;
	pthread_mutex_unlock(&d->lock);
}

static void dump_vas(const struct drv_vas *v, FILE *f)
{
	const struct vas_map *m;

	fprintf(f, "vas pd %010llx limit %010llx%s\n", (unsigned long long)drv_vas_pdb(v),
		(unsigned long long)v->limit, v->bar ? " (BAR)" : "");
	list_for_each(m, &v->maps, node)
		fprintf(f, "  %010llx +%llx page 2^%u%s\n", (unsigned long long)map_va(m),
			(unsigned long long)m->va->len, m->page_shift, m->bo ? "" : " internal");
}

void drv_dump(struct drv *d, FILE *f)
{
	const struct drv_chan *ch;
	const struct drv_vas *v;

	pthread_mutex_lock(&d->lock);
	fprintf(f, "drv boot0 %08x vram %llu MiB, %llu KiB free, %u PBDMAs, engines %x\n",
		d->info.boot0, (unsigned long long)d->info.vram_len >> 20,
		(unsigned long long)heap_avail(&d->vram) >> 10, d->info.nr_pbdma, d->info.engines);
	list_for_each(v, &d->vases, node)
		dump_vas(v, f);
	for (uint32_t c = 0; c < GF100_NR_CHAN; c++) {
		ch = d->fifo.chan[c];
		if (ch)
			fprintf(f, "chan %u inst %010llx engines %x fence %u%s%s\n", c,
				(unsigned long long)drv_chan_inst(ch), ch->engines, fence_read(ch),
				ch->dead ? " dead: " : "", ch->dead ? ch->why : "");
	}
	pthread_mutex_unlock(&d->lock);
}

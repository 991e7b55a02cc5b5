// SPDX-License-Identifier: MIT
/*
 * The software Fermi as a device: birth, death, reset, time, register dispatch
 * and the interrupt line.
 *
 * Always true: every BAR0 offset below GF100_MMIO_LEN has storage; a unit, if
 * one claims the offset, decides what an access does, and falls back on the
 * register's row in regs.def, so a register is never described twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/impl.h"
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/dev/sim/sm/sm.h"

static struct sim *sim_of(struct dev *d)
{
	return container_of(d, struct sim, dev);
}

/* ---- register storage and dispatch ----------------------------------------- */

uint32_t sim_reg_load(struct sim *s, uint32_t off)
{
	return s->regs[off / 4];
}

void sim_reg_store(struct sim *s, uint32_t off, uint32_t val)
{
	s->regs[off / 4] = val;
}

uint32_t sim_reg_rd(struct sim *s, uint32_t off)
{
	uint32_t i;
	enum reg_id r = reg_find(off, &i);

	if (r != NR_REGS && (reg_rows[r].access == REG_WO || reg_rows[r].access == REG_TRIG))
		return 0;
	return sim_reg_load(s, off);
}

void sim_reg_wr(struct sim *s, uint32_t off, uint32_t val)
{
	uint32_t i;
	enum reg_id r = reg_find(off, &i);

	if (r == NR_REGS || reg_rows[r].access == REG_RW)
		sim_reg_store(s, off, val);
	else if (reg_rows[r].access == REG_W1C)
		sim_reg_store(s, off, sim_reg_load(s, off) & ~val);
}

void sim_reg_clear(struct sim *s, uint32_t first, uint32_t last)
{
	memset(s->regs + first / 4, 0, last - first + 4);
}

void sim_preset(struct sim *s, const struct sim_preset *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sim_reg_store(s, p[i].off, p[i].val);
}

static const struct sim_unit *unit_at(const struct sim *s, uint32_t off)
{
	unsigned int lo = 0, hi = s->nr_units;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (s->unit[mid]->last < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->nr_units && s->unit[lo]->first <= off ? s->unit[lo] : NULL;
}

uint32_t sim_rd(struct sim *s, uint32_t off)
{
	const struct sim_unit *u;

	if (off >= GF100_MMIO_LEN || off % 4) {
		pbus_bad_access(s, off, 0, false);
		return 0xbad0da00; /* what a GF100 answers for nobody home */
	}
	u = unit_at(s, off);
	return u && u->rd ? u->rd(s, off) : sim_reg_rd(s, off);
}

void sim_wr(struct sim *s, uint32_t off, uint32_t val)
{
	const struct sim_unit *u;

	if (off >= GF100_MMIO_LEN || off % 4) {
		pbus_bad_access(s, off, val, true);
		return;
	}
	u = unit_at(s, off);
	if (u && u->wr)
		u->wr(s, off, val);
	else
		sim_reg_wr(s, off, val);
}

static int by_first(const void *a, const void *b)
{
	const struct sim_unit *const *x = a, *const *y = b;

	return (*x)->first < (*y)->first ? -1 : 1;
}

static int collect_units(struct sim *s)
{
	const struct sim_unit *const lists[] = { pmc_units,	pbus_units,   pfifo_units,
						 ptimer_units,	ppci_units,   pfb_units,
						 falcon_units,	prom_units,   pgraph_units };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (const struct sim_unit *u = lists[i]; u->name; u++) {
			if (s->nr_units == SIM_MAX_UNITS)
				return -ENOSPC;
			s->unit[s->nr_units++] = u;
		}
	qsort(s->unit, s->nr_units, sizeof(s->unit[0]), by_first);
	for (unsigned int i = 1; i < s->nr_units; i++)
		if (s->unit[i]->first <= s->unit[i - 1]->last)
			return -EINVAL;
	return 0;
}

/* ---- interrupt line -------------------------------------------------------- */

/* irq_seq is odd from before the file is readable until after. */
static void signal_irq(struct sim *s)
{
	uint64_t one = 1;
	ssize_t n;

	__atomic_add_fetch(&s->irq_seq, 1, __ATOMIC_SEQ_CST);
	/* A full counter means the owner has more wake-ups waiting than it could miss. */
	n = write(s->irq_fd, &one, sizeof(one));
	(void)n;
	__atomic_add_fetch(&s->irq_seq, 1, __ATOMIC_SEQ_CST);
}

void sim_intr_update(struct sim *s)
{
	/* No unit of this model drives the non-stall tree, so its enable raises nothing. */
	bool line = sim_reg_load(s, NV_PMC_INTR_EN) & 1 &&
		    s->intr_pending & sim_reg_load(s, NV_PMC_INTR_MASK);

	if (line && !s->irq_line)
		signal_irq(s);
	s->irq_line = line;
}

void sim_intr(struct sim *s, uint32_t pmc_bit, bool level)
{
	s->intr_pending = level ? s->intr_pending | pmc_bit : s->intr_pending & ~pmc_bit;
	sim_intr_update(s);
}

void sim_intr_rearm(struct sim *s)
{
	if (s->irq_line)
		signal_irq(s);
}

/* ---- time ------------------------------------------------------------------ */

uint64_t sim_now(struct sim *s)
{
	return s->cfg.manual_clock ? __atomic_load_n(&s->clock, __ATOMIC_ACQUIRE) : clock_ns();
}

uint64_t sim_ptimer(struct sim *s)
{
	return sim_now(s) + __atomic_load_n(&s->ptimer_offset, __ATOMIC_ACQUIRE);
}

/* ---- the port -------------------------------------------------------------- */

static uint32_t sim_dev_rd32(struct dev *d, uint32_t reg)
{
	struct sim *s = sim_of(d);
	uint32_t v;

	pthread_mutex_lock(&s->lock);
	v = sim_rd(s, reg);
	pthread_mutex_unlock(&s->lock);
	return v;
}

static void sim_dev_wr32(struct dev *d, uint32_t reg, uint32_t val)
{
	struct sim *s = sim_of(d);

	pthread_mutex_lock(&s->lock);
	sim_wr(s, reg, val);
	pthread_mutex_unlock(&s->lock);
}

static int sim_vram_rd(struct dev *d, hvram_t at, void *buf, size_t len)
{
	struct sim *s = sim_of(d);

	if (!range_ok(hvram_x(at), len, s->cfg.vram_len))
		return -ERANGE;
	return mem_rd(s, 0, hvram_x(at), buf, len);
}

static int sim_vram_wr(struct dev *d, hvram_t at, const void *buf, size_t len)
{
	struct sim *s = sim_of(d);

	if (!range_ok(hvram_x(at), len, s->cfg.vram_len))
		return -ERANGE;
	return mem_wr(s, 0, hvram_x(at), buf, len);
}

static int sim_vram_zero(struct dev *d, hvram_t at, uint64_t len)
{
	return mem_zero(sim_of(d), hvram_x(at), len);
}

static uint64_t sim_bar_rd(struct dev *d, int bar, uint64_t off, int size)
{
	return bar_rd(sim_of(d), bar, off, size);
}

static void sim_bar_wr(struct dev *d, int bar, uint64_t off, int size, uint64_t val)
{
	bar_wr(sim_of(d), bar, off, size, val);
}

/* Power-on values everywhere; sim.lock held.  The engines are at rest. */
static void preset_all(struct sim *s)
{
	madvise(s->regs, GF100_MMIO_LEN, MADV_DONTNEED);
	s->bar1 = s->bar3 = (struct bar_space){ 0 };
	mmu_reset(s);
	pmc_reset(s);
	strap_reset(s);
	ptimer_reset(s);
	ppci_reset(s);
	pfb_reset(s);
	falcon_reset(s);
	pgraph_reset(s);
	s->intr_pending = 0;
	sim_intr_update(s);
}

static int sim_reset(struct dev *d)
{
	static const enum fermi_engine engines[] = { ENGINE_GR, ENGINE_CE0, ENGINE_CE1 };
	struct sim *s = sim_of(d);

	pthread_mutex_lock(&s->lock);
	/* Engines first: nobody may work from channels and tables that vanish below them. */
	pfifo_reset(s);
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		pfifo_engine_reset(s, engines[i]);
	preset_all(s);
	pfifo_reset(s);
	pthread_mutex_unlock(&s->lock);
	return mem_zero(s, 0, s->cfg.vram_len);
}

static uint64_t sim_dev_now(struct dev *d)
{
	return sim_now(sim_of(d));
}

static int sim_irq_fd(struct dev *d)
{
	return sim_of(d)->irq_fd;
}

static uint32_t sim_irq_seq(struct dev *d)
{
	return __atomic_load_n(&sim_of(d)->irq_seq, __ATOMIC_ACQUIRE);
}

static int sim_advance(struct dev *d, uint64_t ns)
{
	struct sim *s = sim_of(d);

	__atomic_fetch_add(&s->clock, ns, __ATOMIC_ACQ_REL);
	pthread_mutex_lock(&s->lock);
	ptimer_check(s);
	pthread_mutex_unlock(&s->lock);
	pfifo_settle(s);
	return 0;
}

static int sim_dma_map(struct dev *d, dma_t at, void *mem, size_t len)
{
	return mem_dma_map(sim_of(d), dma_x(at), mem, len);
}

static int sim_dma_unmap(struct dev *d, dma_t at, size_t len)
{
	return mem_dma_unmap(sim_of(d), dma_x(at), len);
}

static int sim_vram_fd(struct dev *d, hvram_t at, uint64_t len, int *fd)
{
	return mem_vram_fd(sim_of(d), hvram_x(at), len, fd);
}

static int sim_vram_join(struct dev *d, hvram_t at, uint64_t len)
{
	return mem_vram_join(sim_of(d), hvram_x(at), len);
}

static int sim_busy(struct dev *d, uint32_t chid, uint64_t *ns)
{
	struct sim *s = sim_of(d);

	if (chid >= GF100_NR_CHAN)
		return -EINVAL;
	pthread_mutex_lock(&s->lock);
	*ns = busy_of(s, chid);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void sim_close(struct dev *d)
{
	struct sim *s = sim_of(d);

	ptimer_stop(s);
	pfifo_free(s);
	sm_free(s);
	falcon_free(s);
	mmu_free(s);
	mem_fini(s);
	if (s->regs)
		munmap(s->regs, GF100_MMIO_LEN);
	if (s->irq_fd >= 0)
		close(s->irq_fd);
	pthread_rwlock_destroy(&s->dma_lock);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

static const struct dev_io sim_io = {
	.rd32 = sim_dev_rd32,
	.wr32 = sim_dev_wr32,
	.vram_rd = sim_vram_rd,
	.vram_wr = sim_vram_wr,
	.vram_zero = sim_vram_zero,
	.bar_rd = sim_bar_rd,
	.bar_wr = sim_bar_wr,
};

#define SIM_OPS(with_caps)                                                                         \
	{                                                                                          \
		.name = "sim", .caps = (with_caps), .close = sim_close, .reset = sim_reset,        \
		.now = sim_dev_now, .irq_fd = sim_irq_fd, .irq_seq = sim_irq_seq,                  \
		.advance = sim_advance, .dma_map = sim_dma_map, .dma_unmap = sim_dma_unmap,        \
		.vram_fd = sim_vram_fd, .vram_join = sim_vram_join, .busy = sim_busy               \
	}
#define SIM_CAPS (DEV_CAP_IRQ_FD | DEV_CAP_DMA_MAP | DEV_CAP_VRAM_FD)

/* A clock moved by hand and the time of host threads do not go together. */
static const struct dev_ops sim_ops = SIM_OPS(SIM_CAPS | DEV_CAP_BUSY);
static const struct dev_ops sim_manual_ops = SIM_OPS(SIM_CAPS | DEV_CAP_CLOCK);

/* ---- birth ----------------------------------------------------------------- */

static void init_locks(struct sim *s)
{
	pthread_rwlockattr_t attr;

	pthread_mutex_init(&s->lock, NULL);
	pthread_rwlockattr_init(&attr);
	/* Engines read all the time: dma_unmap and TLB flushes must not starve behind them. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&s->dma_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

static void init_dev(struct sim *s, const struct log *log)
{
	static const struct vbios_id id = { GF100_PCI_VENDOR,
					    GF100_PCI_DEVICE,
					    { 0x70, 0, 1, 0, 0 } };

	s->dev.ops = s->cfg.manual_clock ? &sim_manual_ops : &sim_ops;
	s->dev.io = &sim_io;
	s->dev.log = log;
	s->dev.info = (struct dev_info){
		.boot0 = GF100_BOOT_0,
		.vram_len = s->cfg.vram_len,
		.bar_len = { GF100_BAR0_LEN, GF100_BAR1_LEN, 0, GF100_BAR3_LEN },
		.nr_chan = GF100_NR_CHAN,
		.nr_pbdma = GF100_NR_PBDMA,
	};
	vbios_build(s->prom, &id);
}

static int build(struct sim *s)
{
	void *m;
	int err;

	s->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->irq_fd < 0)
		return -errno;
	m = mmap(NULL, GF100_MMIO_LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m == MAP_FAILED)
		return -errno;
	s->regs = m;
	err = collect_units(s);
	if (!err)
		err = mem_init(s);
	if (!err)
		err = mmu_new(s);
	if (!err)
		err = falcon_new(s);
	if (!err)
		err = sm_new(s, s->cfg.nr_sm);
	if (err)
		return err;
	pthread_mutex_lock(&s->lock);
	preset_all(s);
	pthread_mutex_unlock(&s->lock);
	err = pfifo_new(s);
	return err ? err : ptimer_start(s);
}

int sim_open(const char *arg, const struct log *log, struct dev **out, char *msg, size_t n)
{
	struct sim_cfg cfg;
	struct sim *s;
	int err = sim_cfg_parse(&cfg, arg, msg, n);

	if (err)
		return err;
	s = mem_new(struct sim);
	if (!s) {
		snprintf(msg, n, "sim: out of memory");
		return -ENOMEM;
	}
	s->cfg = cfg;
	s->irq_fd = -1;
	init_locks(s);
	init_dev(s, log);
	err = build(s);
	if (err) {
		snprintf(msg, n, "sim: %s", strerror(-err));
		sim_close(&s->dev);
		return err;
	}
	*out = &s->dev;
	return 0;
}

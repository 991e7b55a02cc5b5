// SPDX-License-Identifier: MIT
/*
 * Life of the shadows of one mediator and of one guest, and the few things
 * they ask of the device: write our VRAM, flush, wait.
 *
 * A wait for the device is always bounded, in polls and in time, so that a
 * dead device cannot hang the mediator; a wait that ran out is counted and
 * shows in the audit from then on.
 */
#include <assert.h>
#include <sched.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "shadow/pv_private.h"
#include "shadow/window.h"

/*
 * Time, and polls where the clock is moved by hand: nouveau gives a TLB flush
 * 2 s, but nothing of ours may take that long.  A software device answers when
 * its engine threads get a processor, which on a busy machine takes a while.
 */
#define WAIT_POLLS (1u << 20)
#define WAIT_NS 500000000ull
#define INST_PAGE 4096

/* PFB_MMU_CTRL. */
#define MMU_CTRL_64K (1u << 0)
#define MMU_CTRL_QUEUED (1u << 15)
#define MMU_CTRL_SLOTS 0x00ff0000u
/* FLUSH_BAR. */
#define FLUSH_BAR_BUSY (1u << 1)

static const char *const fault_names[NR_SHADOW_FAULTS] = {
	[SHADOW_FAULT_PDE] = "page directory entry",
	[SHADOW_FAULT_PTE_VRAM] = "page outside VRAM",
	[SHADOW_FAULT_PTE_SYS] = "page outside RAM",
	[SHADOW_FAULT_PTE_TARGET] = "reserved page target",
	[SHADOW_FAULT_INST] = "instance block",
	[SHADOW_FAULT_PDB] = "page directory",
	[SHADOW_FAULT_RUNLIST] = "runlist",
	[SHADOW_FAULT_BAR] = "BAR access",
	[SHADOW_FAULT_QUOTA] = "shadow table quota",
};

const char *shadow_fault_name(enum shadow_fault f)
{
	return (unsigned int)f < NR_SHADOW_FAULTS ? fault_names[f] : "UNK";
}

void sg_fault(struct shadow_guest *sg, enum shadow_fault f, uint64_t where)
{
	sg->stats.faults[f]++;
	if (sg->cfg.fault)
		sg->cfg.fault(sg->cfg.arg, f, where);
}

int sg_heap_get(struct shadow_guest *sg, uint64_t len, hvram_t *out)
{
	struct shadow *s = sg->s;
	hvram_t at;
	int err;

	/* What the heap gives, not what was asked for: a small table takes a page, too. */
	len = align_up(len, INST_PAGE);
	if (len > sg->cfg.table_quota || sg->stats.table_bytes > sg->cfg.table_quota - len)
		return -EDQUOT;
	err = vheap_alloc(s->heap, len, INST_PAGE, &at);
	if (err)
		return err;
	err = dev_vram_zero(s->dev, at, len);
	if (err) {
		s->dev_errors++;
		vheap_release(s->heap, at, len);
		return err;
	}
	sg->stats.table_bytes += len;
	*out = at;
	return 0;
}

void sg_heap_put(struct shadow_guest *sg, hvram_t at, uint64_t len)
{
	len = align_up(len, INST_PAGE);
	/* Scrubbed on release as well: what a guest mapped is nobody else's to find. */
	if (dev_vram_zero(sg->s->dev, at, len))
		sg->s->dev_errors++;
	vheap_release(sg->s->heap, at, len);
	sg->stats.table_bytes -= len;
}

int vram_put(struct shadow *s, hvram_t at, const void *buf, size_t len)
{
	int err = dev_vram_wr(s->dev, at, buf, len);

	if (err) {
		s->dev_errors++;
		log_error(s->log, "device refused a write of %zu bytes at VRAM 0x%llx: %s", len,
			  (unsigned long long)hvram_x(at), strerror(-err));
	}
	return err;
}

int hw_wait(struct shadow *s, uint32_t reg, uint32_t mask, bool nonzero)
{
	uint64_t start = 0;

	for (uint32_t i = 0; i < WAIT_POLLS; i++) {
		if (((dev_rd32(s->dev, reg) & mask) != 0) == nonzero)
			return 0;
		/* The clock is read seldom: it may cost as much as the poll. */
		if (i == 0)
			start = dev_now(s->dev);
		else if (i % 64 == 0 && dev_now(s->dev) - start > WAIT_NS)
			break;
		/* A software device's engines need a processor to answer on. */
		if (i % 16 == 15)
			sched_yield();
	}
	s->timeouts++;
	log_error(s->log, "device did not answer: register 0x%06x, mask 0x%08x", reg, mask);
	return -ETIMEDOUT;
}

int hw_flush_writes(struct shadow *s)
{
	dev_wr32(s->dev, NV_FLUSH_BAR, 1);
	return hw_wait(s, NV_FLUSH_BAR, FLUSH_BAR_BUSY, false);
}

int hw_flush_tlb(struct shadow *s, hvram_t pd)
{
	int err = hw_flush_writes(s), e;

	e = hw_wait(s, NV_PFB_MMU_CTRL, MMU_CTRL_SLOTS, true);
	err = err ? err : e;
	/*
	 * All pages and all units whatever the guest asked for: pages of which
	 * the guest says nothing may just have lost their pin.
	 */
	dev_wr32(s->dev, NV_PFB_TLB_PDB, (uint32_t)(hvram_x(pd) >> 12 << 4) | PTE_VRAM);
	dev_wr32(s->dev, NV_PFB_TLB_FLUSH, TLB_FLUSH_GO | TLB_FLUSH_ALL_PAGES);
	e = hw_wait(s, NV_PFB_MMU_CTRL, MMU_CTRL_QUEUED, true);
	return err ? err : e;
}

static int zeroed_alloc(struct shadow *s, uint64_t len, hvram_t *out)
{
	int err = vheap_alloc(s->heap, len, INST_PAGE, out);

	if (err)
		return err;
	err = dev_vram_zero(s->dev, *out, len);
	if (err)
		vheap_release(s->heap, *out, len);
	return err;
}

int shadow_new(struct dev *dev, struct vheap *heap, const struct log *log, struct shadow **out)
{
	struct shadow *s = mem_new(struct shadow);
	int err;

	if (!s)
		return -ENOMEM;
	s->dev = dev;
	s->heap = heap;
	s->log = log;
	list_init(&s->guests);
	err = zeroed_alloc(s, PD_LEN, &s->empty_pd);
	if (err)
		goto err;
	s->has_empty = true;
	for (; s->nr_rl < ARRAY_SIZE(s->rl); s->nr_rl++) {
		err = zeroed_alloc(s, INST_PAGE, &s->rl[s->nr_rl]);
		if (err)
			goto err;
	}
	dev_wr32(dev, NV_PFB_MMU_CTRL, dev_rd32(dev, NV_PFB_MMU_CTRL) & ~MMU_CTRL_64K);
	*out = s;
	return 0;
err:
	shadow_free(s);
	return err;
}

void shadow_free(struct shadow *s)
{
	if (!s)
		return;
	assert(list_empty(&s->guests));
	if (s->has_empty)
		vheap_release(s->heap, s->empty_pd, PD_LEN);
	while (s->nr_rl)
		vheap_release(s->heap, s->rl[--s->nr_rl], INST_PAGE);
	mem_free(s);
}

int shadow_guest_new(struct shadow *s, const struct shadow_guest_cfg *cfg,
		     struct shadow_guest **out)
{
	struct shadow_guest *sg = mem_new(struct shadow_guest);
	int err;

	if (!sg)
		return -ENOMEM;
	sg->s = s;
	sg->cfg = *cfg;
	list_init(&sg->vas);
	list_init(&sg->chans);
	list_init(&sg->dead);
	list_add_tail(&s->guests, &sg->node);
	err = sg->cfg.opts & SHADOW_OPT_TRACK ? track_on(sg) : 0;
	if (!err && sg->cfg.opts & SHADOW_OPT_REMAP)
		err = window_on(sg);
	if (err) {
		shadow_guest_free(sg);
		return err;
	}
	*out = sg;
	return 0;
}

void shadow_guest_free(struct shadow_guest *sg)
{
	struct shadow_chan *ch;
	bool listed = false;

	if (!sg)
		return;
	/* One commit for all of its channels, not one each. */
	sg->nr_list = 0;
	list_for_each(ch, &sg->chans, node)
		listed |= ch->committed;
	if (listed)
		shadow_runlist_commit(sg->s);
	while ((ch = list_first(&sg->chans, struct shadow_chan, node)))
		shadow_chan_unbind(ch);
	pv_fini(sg);
	sg_settle(sg, true);
	assert(list_empty(&sg->vas) && sg->stats.pins == 0 && sg->stats.table_bytes == 0);
	barmap_fini(sg);
	window_free(sg);
	track_off(sg);
	list_del(&sg->node);
	mem_free(sg);
}

int shadow_guest_set_opts(struct shadow_guest *sg, uint32_t opts)
{
	uint32_t off = sg->cfg.opts & ~opts;
	int err = 0, e;

	sg->cfg.opts = opts;
	if (opts & SHADOW_OPT_TRACK)
		err = track_on(sg);
	else
		track_off(sg);
	if (err)
		sg->cfg.opts &= ~SHADOW_OPT_TRACK;
	/* Table pages are windows or not, as tracking likes. */
	window_recheck(sg);
	e = opts & SHADOW_OPT_REMAP ? window_on(sg) : window_off(sg);
	if (!sg->win)
		sg->cfg.opts &= ~SHADOW_OPT_REMAP;
	else
		sg->cfg.opts |= SHADOW_OPT_REMAP;
	err = err ? err : e;
	return (off & SHADOW_OPT_LAZY ? vas_catch_up(sg) : 0) ?: err;
}

const struct shadow_stats *shadow_guest_stats(const struct shadow_guest *sg)
{
	return &sg->stats;
}

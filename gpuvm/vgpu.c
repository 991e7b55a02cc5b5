// SPDX-License-Identifier: MIT
/*
 * One guest's GPU: birth, accesses, faults, death.
 *
 * Always true:
 *  1. VRAM is zeroed before a guest gets it and again before it goes back to
 *     the pool: nobody reads what another left, even if one of the two fails.
 *  2. Nothing of a guest's is given back before its channels are off the card.
 *  3. vgpu_free() takes what vgpu_new() has got so far, in reverse order.
 *  4. The sum of all guests' shadow quotas fits into the mediator's heap, so
 *     that none can starve another of shadow tables.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/inst.h"
#include "gpuvm/host.h"
#include "gpuvm/hp.h"
#include "gpuvm/lend.h"
#include "gpuvm/metrics.h"
#include "gpuvm/passthrough.h"
#include "gpuvm/units.h"
#include "gpuvm/pv.h"
#include "shadow/pv.h"

#define PAGE 4096ull

static const char *const mode_names[] = { [VGPU_PASSTHROUGH] = "passthrough", [VGPU_FULL] = "full",
					  [VGPU_NAIVE_PV] = "naive-pv", [VGPU_HP_PV] = "hp-pv" };

const char *vgpu_mode_name(enum vgpu_mode m)
{
	return (unsigned int)m < ARRAY_SIZE(mode_names) ? mode_names[m] : "UNK";
}

int vgpu_mode_parse(const char *s, enum vgpu_mode *out)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(mode_names); i++)
		if (!strcmp(s, mode_names[i])) {
			*out = (enum vgpu_mode)i;
			return 0;
		}
	return -EINVAL;
}

enum fermi_engine gpuvm_engine_fermi(enum gpuvm_engine e)
{
	static const enum fermi_engine f[NR_GPUVM_ENGINES] = { ENGINE_GR, ENGINE_CE0, ENGINE_CE1 };

	return f[e];
}

/* ---- guest faults -------------------------------------------------------------------------- */

void vgpu_fault(struct vgpu *v, const char *fmt, ...)
{
	char line[200];
	va_list ap;

	v->stats.guest_faults++;
	if (!log_limit_ok(&v->fault_log, dev_now(v->g->dev), LIMIT_GUEST_LOG_LINES))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (v->fault_log.suppressed)
		log_warn(v->g->log, "guest %s: %s (%" PRIu64 " more since)", v->name, line,
			 v->fault_log.suppressed);
	else
		log_warn(v->g->log, "guest %s: %s", v->name, line);
	v->fault_log.suppressed = 0;
}

static void shadow_complains(void *arg, enum shadow_fault f, uint64_t where)
{
	vgpu_fault(arg, "%s at 0x%" PRIx64, shadow_fault_name(f), where);
}

/* ---- what a guest gets ---------------------------------------------------------------------- */

static int scrub(struct vgpu *v)
{
	uint32_t nr, n;
	const hvram_t *chunk = part_chunks(v->part, &nr);

	for (uint32_t i = 0; i < nr; i += n) {
		int r;

		for (n = 1; i + n < nr && hvram_x(chunk[i + n]) ==
						  hvram_x(chunk[i]) + n * PART_CHUNK_LEN;)
			n++;
		r = dev_vram_zero(v->g->dev, chunk[i], n * PART_CHUNK_LEN);
		if (r < 0)
			return r;
	}
	return 0;
}

static int part_take(struct vgpu *v)
{
	struct gpuvm *g = v->g;
	int r = part_new(g->pool, v->cfg.vram_len, v->cfg.max_chan, &v->part);

	if (r == -ENOSPC)
		log_error(g->log, "guest %s: wants %" PRIu64 " MiB of VRAM, %" PRIu64 " MiB are free",
			  v->name, v->cfg.vram_len >> 20, part_pool_free_vram(g->pool) >> 20);
	else if (r < 0)
		log_error(g->log, "guest %s: no VRAM: %s", v->name, strerror(-r));
	if (r < 0)
		return r;
	r = scrub(v);
	if (r < 0)
		log_error(g->log, "guest %s: its VRAM cannot be cleared: %s", v->name, strerror(-r));
	return r;
}

/* The heap is shared out as VRAM is: who has a tenth of the card may use a tenth of it for shadows. */
static int quota_take(struct vgpu *v)
{
	struct gpuvm *g = v->g;
	uint64_t share = g->shadow_avail / (g->pool_len >> PART_CHUNK_SHIFT) *
			 (part_vram_len(v->part) >> PART_CHUNK_SHIFT);

	share = share < LIMIT_SHADOW_BYTES_MIN ? LIMIT_SHADOW_BYTES_MIN : share;
	share = share > LIMIT_SHADOW_BYTES ? LIMIT_SHADOW_BYTES : align_down(share, PAGE);
	if (share > g->shadow_avail - g->shadow_reserved) {
		log_error(g->log, "guest %s: too many guests: the mediator's VRAM has no room for its shadows",
			  v->name);
		return -ENOSPC;
	}
	v->shadow_quota = share;
	g->shadow_reserved += share;
	return 0;
}

static int vram_file(void *arg, gvram_t at, uint64_t len, int *fd, uint64_t *fd_at, uint64_t *run)
{
	return lend_find(arg, gvram_x(at), len, fd, fd_at, run);
}

/* The options as this guest can have them, with what they need made ready. */
static int able_opts(struct vgpu *v, uint32_t *opts)
{
	bool able = v->cfg.mode == VGPU_FULL && dev_has(v->g->dev, DEV_CAP_VRAM_FD) &&
		    hv_has(v->guest->hv, HV_CAP_MAP);

	if (*opts & SHADOW_OPT_REMAP && !able) {
		if (!(*opts & SHADOW_OPT_IF_ABLE))
			return -EOPNOTSUPP;
		*opts &= ~SHADOW_OPT_REMAP;
	}
	*opts &= ~SHADOW_OPT_IF_ABLE;
	return *opts & SHADOW_OPT_REMAP ? lend_start(v) : 0;
}

int vgpu_set_opts(struct vgpu *v, uint32_t opts)
{
	int err = able_opts(v, &opts);

	if (err)
		return err;
	err = shadow_guest_set_opts(v->shadow, opts);
	if (err)
		shadow_guest_set_opts(v->shadow, v->cfg.shadow_opts);
	else
		v->cfg.shadow_opts = opts;
	return err;
}

static int opts_take(struct vgpu *v)
{
	int r = able_opts(v, &v->cfg.shadow_opts);

	if (r == -EOPNOTSUPP)
		log_error(v->g->log, "guest %s: bar-remap: its hypervisor or the device cannot", v->name);
	else if (r < 0)
		log_error(v->g->log, "guest %s: bar-remap: %s", v->name, strerror(-r));
	return r;
}

static int shadow_take(struct vgpu *v)
{
	struct shadow_guest_cfg cfg = {
		.part = v->part,
		.guest = v->guest,
		.opts = v->cfg.shadow_opts,
		.table_quota = v->shadow_quota,
		.fault = shadow_complains,
		.vram_file = vram_file,
		.arg = v,
	};

	return shadow_guest_new(v->g->shadow, &cfg, &v->shadow);
}

static int sched_take(struct vgpu *v)
{
	struct sched_ent_cfg cfg = { .name = v->name,
				     .weight = v->cfg.weight,
				     .cap_pct = v->cfg.cap_pct,
				     .latency_us = v->cfg.latency_us,
				     .budget_pct = v->cfg.budget_pct };

	return sched_ent_new(v->g->sched, &cfg, dev_now(v->g->dev), &v->ent);
}

/* ---- guest RAM on the device's bus ----------------------------------------------------------- */

static int ram_add(struct vgpu *v, const struct vgpu_ram *r)
{
	struct vgpu_ram *more = mem_realloc(v->ram, (v->nr_ram + 1) * sizeof *more);
	int err;

	if (!more)
		return -ENOMEM;
	v->ram = more;
	err = dev_dma_map(v->g->dev, r->dma, r->mem, r->len);
	if (!err)
		v->ram[v->nr_ram++] = *r;
	return err;
}

/* A passthrough guest's bus addresses are its own physical ones: it writes the card's tables itself. */
int vgpu_grant(struct vgpu *v, const struct hv_ram *r)
{
	bool direct = v->cfg.mode == VGPU_PASSTHROUGH;
	struct vgpu_ram m = { r->gpa, direct ? dma(gpa_x(r->gpa)) : r->dma, r->mem, r->len };

	/* Without the capability the bus is the machine's and needs no telling. */
	return dev_has(v->g->dev, DEV_CAP_DMA_MAP) ? ram_add(v, &m) : 0;
}

static int ram_map(struct vgpu *v)
{
	struct hv_ram r;
	int err = 0;

	if (!hv_has(v->guest->hv, HV_CAP_RAM))
		return 0;
	for (unsigned int i = 0; !err; i++) {
		err = hv_ram(v->guest, i, &r);
		if (!err)
			err = vgpu_grant(v, &r);
	}
	if (err == -ENOENT)
		return 0;
	log_error(v->g->log, "guest %s: its RAM cannot be given to the device: %s", v->name,
		  strerror(-err));
	return err;
}

static void ram_unmap(struct vgpu *v)
{
	while (v->nr_ram) {
		struct vgpu_ram *r = &v->ram[--v->nr_ram];

		dev_dma_unmap(v->g->dev, r->dma, r->len);
	}
	mem_free(v->ram);
	v->ram = NULL;
}

static bool works(const struct vgpu *v)
{
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		if (v->chan[i] && v->chan[i]->nr_running)
			return true;
	return false;
}

/* Range i loses [at, end): what is left of it on either side is told to the device anew. */
static int ram_cut(struct vgpu *v, uint32_t i, uint64_t at, uint64_t end)
{
	struct vgpu_ram r = v->ram[i], left = r, right = r;
	uint64_t first = gpa_x(r.gpa);
	int err;

	err = dev_dma_unmap(v->g->dev, r.dma, r.len);
	if (err < 0)
		return err;
	v->ram[i] = v->ram[--v->nr_ram];
	left.len = at - first;
	if (left.len)
		err = ram_add(v, &left);
	right.gpa = gpa(end);
	right.dma = dma(dma_x(r.dma) + (end - first));
	right.mem += end - first;
	right.len = first + r.len - end;
	if (!err && right.len)
		err = ram_add(v, &right);
	return err;
}

int vgpu_revoke(struct vgpu *v, gpa_t start, uint64_t len)
{
	uint64_t at = gpa_x(start), end = at + len;
	int err = 0;

	if (works(v))
		return -EBUSY;
	if (v->hp)
		vgpu_hp_revoke(v, at, len);
	/* The card of a passthrough guest may still name the memory, but no longer reaches it. */
	if (v->cfg.mode != VGPU_PASSTHROUGH)
		err = shadow_revoke(v->shadow, start, len);
	for (uint32_t i = 0; !err && i < v->nr_ram;) {
		uint64_t a = gpa_x(v->ram[i].gpa), b = a + v->ram[i].len;

		if (a >= end || b <= at) {
			i++;
			continue;
		}
		err = ram_cut(v, i, at > a ? at : a, end < b ? end : b);
		i = 0;
	}
	return err;
}

/* ---- birth and death --------------------------------------------------------------------------- */

static int check_room(struct gpuvm *g, const char *name, enum vgpu_mode mode)
{
	if (g->passthrough) {
		log_error(g->log, "guest %s: %s has the whole card", name, g->passthrough->name);
		return -EBUSY;
	}
	if (mode == VGPU_PASSTHROUGH && g->nr_vgpus) {
		log_error(g->log, "guest %s: passthrough needs the whole card, and it has %u guests",
			  name, g->nr_vgpus);
		return -EBUSY;
	}
	if (g->nr_vgpus >= LIMIT_VGPUS) {
		log_error(g->log, "guest %s: too many guests, the limit is %d", name, LIMIT_VGPUS);
		return -ENOSPC;
	}
	if (!g->shadow) {
		log_error(g->log, "guest %s: the card did not come up again after its last guest", name);
		return -EIO;
	}
	return 0;
}

static int full_build(struct vgpu *v)
{
	int r = part_take(v);

	if (!r)
		r = quota_take(v);
	if (!r)
		r = ram_map(v);
	if (!r)
		r = opts_take(v);
	if (!r)
		r = shadow_take(v);
	if (!r && v->cfg.mode == VGPU_NAIVE_PV)
		r = vgpu_pv_new(v, v->cfg.pv_ops);
	if (!r && v->cfg.mode == VGPU_HP_PV) {
		r = shadow_pv_new(v->shadow);
		if (!r)
			r = vgpu_hp_new(v);
	}
	if (!r)
		r = sched_take(v);
	return r ? r : vgpu_units_new(v);
}

static int passthrough_build(struct vgpu *v)
{
	int r = vgpu_units_new(v);

	if (!r)
		r = passthrough_begin(v);
	return r ? r : ram_map(v);
}

int vgpu_new(struct gpuvm *g, struct hv_guest *guest, const struct vgpu_cfg *cfg, struct vgpu **out)
{
	struct vgpu *v;
	char name[32];
	int r;

	log_clean(name, sizeof name, guest->name);
	r = check_room(g, name, cfg->mode);
	if (r)
		return r;
	v = mem_new(struct vgpu);
	if (!v)
		return -ENOMEM;
	v->g = g;
	v->guest = guest;
	v->cfg = *cfg;
	memcpy(v->name, name, sizeof name);
	if (!v->cfg.max_chan)
		v->cfg.max_chan = LIMIT_VGPU_CHANS;
	if (!v->cfg.timeout_ms)
		v->cfg.timeout_ms = LIMIT_SUBMIT_MS;
	list_add_tail(&g->vgpus, &v->node);
	g->nr_vgpus++;
	r = cfg->mode == VGPU_PASSTHROUGH ? passthrough_build(v) : full_build(v);
	if (r) {
		vgpu_free(v);
		return r;
	}
	log_info(g->log, "guest %s: %s, %" PRIu64 " MiB of VRAM", v->name, vgpu_mode_name(cfg->mode),
		 v->part ? part_vram_len(v->part) >> 20 : g->dev->info.vram_len >> 20);
	*out = v;
	return 0;
}

static void unbind_all(struct vgpu *v)
{
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		vgpu_chan_release(v, gchan(i));
}

void vgpu_free(struct vgpu *v)
{
	struct gpuvm *g;

	if (!v)
		return;
	g = v->g;
	unbind_all(v);
	if (v->units)
		metrics_depart(v);
	vgpu_hp_free(v);
	sched_ent_free(v->ent, dev_now(g->dev));
	vgpu_pv_free(v);
	shadow_guest_free(v->shadow);
	v->shadow = NULL;
	ram_unmap(v);
	vgpu_units_free(v);
	if (v->part && scrub(v) < 0)
		log_error(g->log, "guest %s: its VRAM could not be cleared", v->name);
	lend_free(v);
	part_free(v->part);
	g->shadow_reserved -= v->shadow_quota;
	passthrough_end(v);
	list_del(&v->node);
	g->nr_vgpus--;
	mem_free(v);
}

void vgpu_reset(struct vgpu *v)
{
	if (v->cfg.mode == VGPU_PASSTHROUGH) {
		dev_reset(v->g->dev);
	} else {
		unbind_all(v);
		shadow_runlist_submit(v->shadow, 0, 0);
		vgpu_pv_reset(v);
		vgpu_hp_reset(v);
	}
	v->failed = false;
	v->failed_why = NULL;
	vgpu_units_reset(v);
}

void vgpu_fail(struct vgpu *v, const char *why)
{
	if (v->failed)
		return;
	log_error(v->g->log, "guest %s: its GPU is switched off: %s", v->name, why);
	unbind_all(v);
	v->failed = true;
	v->failed_why = why;
	if (v->hp)
		vgpu_hp_stopped(v);
	pcicfg_moved(v);
}

bool vgpu_line(struct vgpu *v)
{
	struct dev *d = v->g->dev;

	if (v->cfg.mode != VGPU_PASSTHROUGH)
		return v->units->irq_line;
	return dev_rd32(d, NV_PMC_INTR_EN) & 1 &&
	       dev_rd32(d, NV_PMC_INTR) & dev_rd32(d, NV_PMC_INTR_MASK);
}

/* ---- accesses -------------------------------------------------------------------------------------- */

/* An hp-pv guest has its call page, and objects in BAR1; a GPU's registers are not for it. */
static int route_hp(struct vgpu *v, struct hv_access *a)
{
	if (a->space == HV_BAR_PV)
		return a->write ? vgpu_hp_wr(v, a->off, a->size, a->val) :
				  vgpu_hp_rd(v, a->off, a->size, &a->val);
	if (a->space == HV_BAR1 && !hp_window_access(v, a))
		return 0;
	v->stats.denied++;
	vgpu_fault(v, "access to BAR space %d, which it has not", (int)a->space);
	return -EPERM;
}

static int route(struct vgpu *v, struct hv_access *a)
{
	if (v->hp && a->space != HV_CFG)
		return route_hp(v, a);
	switch (a->space) {
	case HV_CFG:
		return a->write ? vgpu_cfg_wr(v, a->off, a->size, a->val) :
				  vgpu_cfg_rd(v, a->off, a->size, &a->val);
	case HV_BAR0:
		return a->write ? vgpu_mmio_wr(v, a->off, a->size, a->val) :
				  vgpu_mmio_rd(v, a->off, a->size, &a->val);
	case HV_BAR1:
		return a->write ? vgpu_bar1_wr(v, a->off, a->size, a->val) :
				  vgpu_bar1_rd(v, a->off, a->size, &a->val);
	case HV_BAR3:
		return a->write ? vgpu_bar3_wr(v, a->off, a->size, a->val) :
				  vgpu_bar3_rd(v, a->off, a->size, &a->val);
	case HV_BAR_PV:
		if (v->pv)
			return a->write ? vgpu_pv_wr(v, a->off, a->size, a->val) :
					  vgpu_pv_rd(v, a->off, a->size, &a->val);
		/* fall through */
	default:
		vgpu_fault(v, "access to BAR space %d, which it has not", (int)a->space);
		return -EINVAL;
	}
}

int vgpu_access(struct vgpu *v, struct hv_access *a)
{
	if (!a->write)
		a->val = ~0ull >> (64 - 8 * (a->size >= 1 && a->size <= 8 ? a->size : 8));
	if ((unsigned int)a->space < NR_HV_SPACES) {
		if (a->write)
			v->stats.writes[a->space]++;
		else
			v->stats.reads[a->space]++;
	}
	if (v->failed)
		return 0;
	return v->cfg.mode == VGPU_PASSTHROUGH ? passthrough_access(v, a) : route(v, a);
}

// SPDX-License-Identifier: MIT
/*
 * Address spaces: the guest's directory, and the shadow directory that the GPU
 * walks in its place.
 *
 * A scan reads the guest's directory in blocks and visits only the entries
 * that ask for a table or have one, so an empty directory costs its own size
 * in memory reads and nothing else.  A shadow directory entry is one 8-byte
 * store, made when the tables behind it are complete; what it pointed at
 * before is freed after the TLB flush that ends the scan.
 */
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "shadow/pv_private.h"
#include "shadow/window.h"

static const struct fermi_geom *geom(const struct vas *v)
{
	return &fermi_geom[v->g64k];
}

/* Guest directory entries per slot of ours. */
static uint32_t per_slot(const struct vas *v)
{
	return geom(v)->nr_pde / NR_SLOTS;
}

static uint64_t slot_va(uint32_t i)
{
	return (uint64_t)i << HOST_GEOM->pde_shift;
}

uint64_t vas_pde(const struct vas_slot *sl)
{
	const struct spt *s = sl->t[SPT_SMALL], *l = sl->t[SPT_LARGE];
	uint64_t e = 0;

	if (s)
		e |= pde_pack_small(PDE_VRAM, hvram_x(s->at)) | bits_put(spt_size_shift(s), 3, 2);
	if (l)
		e |= pde_pack_large(PDE_VRAM, hvram_x(l->at)) | bits_put(spt_size_shift(l), 3, 2);
	return e;
}

/*
 * The guest's table of kind k behind directory entry j.  In RAM the reads
 * themselves tell whether it is the guest's; in VRAM the whole length must be.
 */
static bool guest_table(struct vas *v, uint32_t j, enum spt_kind k, bool fault, struct gtable *out)
{
	uint64_t e = v->gpde[j];
	uint32_t target = k == SPT_SMALL ? pde_small_target(e) : pde_large_target(e);
	uint32_t nr = k == SPT_SMALL ? geom(v)->nr_small : geom(v)->nr_large;

	*out = (struct gtable){ 0 };
	if (target == PDE_NONE)
		return true;
	nr >>= pde_size_shift(e);
	out->target = target == PDE_VRAM ? PTE_VRAM : target;
	out->addr = k == SPT_SMALL ? pde_small_addr(e) : pde_large_addr(e);
	if (out->target == PTE_VRAM &&
	    !range_ok(out->addr, nr * 8ull, part_vram_len(v->sg->cfg.part))) {
		if (fault)
			sg_fault(v->sg, SHADOW_FAULT_PDE, (uint64_t)j << geom(v)->pde_shift);
		return false;
	}
	out->nr = nr;
	return true;
}

uint32_t vas_src(struct vas *v, uint32_t i, enum spt_kind k, bool fault, struct spt_src *out)
{
	bool any = false;

	*out = (struct spt_src){ .merge = v->g64k };
	if (!v->g64k) {
		guest_table(v, i, k, fault, &out->direct);
		return out->direct.nr;
	}
	if (k == SPT_LARGE)
		return 0;
	for (uint32_t h = 0; h < 2; h++) {
		guest_table(v, 2 * i + h, SPT_SMALL, fault, &out->small[h]);
		guest_table(v, 2 * i + h, SPT_LARGE, fault, &out->large[h]);
		any |= out->small[h].nr || out->large[h].nr;
	}
	return any ? HOST_GEOM->nr_small : 0;
}

/* Brings table k of slot i up to date; what leaves the slot goes to *gone. */
static int table_sync(struct vas *v, uint32_t i, enum spt_kind k, struct spt **gone)
{
	struct spt **p = &v->slot[i].t[k];
	struct spt_src src;
	uint32_t nr = vas_src(v, i, k, true, &src);
	int err = 0;

	*gone = NULL;
	if (*p && (*p)->nr != nr) {
		*gone = *p;
		*p = NULL;
	}
	if (!nr)
		return 0;
	if (!*p)
		err = spt_new(v->sg, k == SPT_SMALL ? FERMI_SMALL_SHIFT : HOST_GEOM->large_shift,
			      nr, p);
	if (err) {
		if (err != -EDQUOT && err != -ENOSPC)
			return err;
		sg_fault(v->sg, SHADOW_FAULT_QUOTA, slot_va(i));
		return 0;
	}
	err = spt_sync(v, *p, &src, slot_va(i));
	if (err != -EFAULT)
		return err;
	sg_fault(v->sg, SHADOW_FAULT_PDE, slot_va(i));
	/*
	 * There is no second one to go: a table that was just made has replaced nothing the device
	 * knows.
	 */
	if (*gone)
		spt_bury(v->sg, *p);
	else
		*gone = *p;
	*p = NULL;
	return 0;
}

/* Writes slot i's directory entry if it is not old any more; then lets go of what left the slot. */
static int slot_commit(struct vas *v, uint32_t i, uint64_t old,
		       struct spt *const gone[NR_SPT_KINDS])
{
	uint64_t e = vas_pde(&v->slot[i]);
	int err = 0;

	if (e != old) {
		err = vram_put(v->sg->s, hvram(hvram_x(v->pd) + i * 8ull), &e, sizeof(e));
		v->tlb = true;
	}
	for (uint32_t k = 0; k < NR_SPT_KINDS; k++)
		if (gone[k])
			spt_bury(v->sg, gone[k]);
	return err;
}

static void slot_live(struct vas *v, uint32_t i)
{
	uint64_t bit = 1ull << (i % 64);
	bool live = v->slot[i].t[SPT_SMALL] || v->slot[i].t[SPT_LARGE];

	for (uint32_t j = 0; j < per_slot(v); j++) {
		uint64_t e = v->gpde[i * per_slot(v) + j];

		live |= pde_small_target(e) != PDE_NONE || pde_large_target(e) != PDE_NONE;
	}
	v->live[i / 64] = live ? v->live[i / 64] | bit : v->live[i / 64] & ~bit;
}

static int slot_sync(struct vas *v, uint32_t i)
{
	uint64_t old = vas_pde(&v->slot[i]);
	struct spt *gone[NR_SPT_KINDS];
	int err = 0;

	for (uint32_t k = 0; k < NR_SPT_KINDS; k++) {
		int e = table_sync(v, i, k, &gone[k]);

		err = err ? err : e;
	}
	return slot_commit(v, i, old, gone) ?: err;
}

/* Takes every table out of the shadow directory. */
static void drop_tables(struct vas *v)
{
	for (uint32_t i = 0; i < NR_SLOTS; i++) {
		struct vas_slot *sl = &v->slot[i];
		struct spt *gone[NR_SPT_KINDS] = { sl->t[SPT_SMALL], sl->t[SPT_LARGE] };
		uint64_t old = vas_pde(sl);

		if (!old)
			continue;
		sl->t[SPT_SMALL] = sl->t[SPT_LARGE] = NULL;
		slot_commit(v, i, old, gone);
	}
	memset(v->live, 0, sizeof(v->live));
	memset(v->gpde, 0, geom(v)->nr_pde * 8ull);
	v->seen = 0;
}

/* The guest went to the other large page size: nothing read under the old one holds. */
static int regeometry(struct vas *v)
{
	uint64_t *gpde;

	if (v->g64k == v->sg->large_64k)
		return 0;
	gpde = mem_calloc(fermi_geom[v->sg->large_64k].nr_pde, 8);
	if (!gpde)
		return -ENOMEM;
	drop_tables(v);
	mem_free(v->gpde);
	v->gpde = gpde;
	v->g64k = v->sg->large_64k;
	return 0;
}

/* Slots [first, first+n), whose part of v->gpde was just read; same: and is as it was. */
static int slots_sync(struct vas *v, uint32_t first, uint32_t n, bool same)
{
	int err = 0;

	for (uint32_t i = first; i < first + n; i++) {
		int e;

		if (i % 64 == 0 && same && !v->live[i / 64]) {
			i += 63;
			continue;
		}
		if (!same)
			slot_live(v, i);
		if (!(v->live[i / 64] & 1ull << (i % 64)))
			continue;
		e = slot_sync(v, i);
		slot_live(v, i);
		err = err ? err : e;
	}
	return err;
}

/* SPT_BLOCK of the guest's directory entries from j on into v->gpde; *same: as they were. */
static int pdes_read(struct vas *v, uint32_t j, uint64_t seen, uint64_t *buf, bool *same)
{
	uint64_t len = SPT_BLOCK * 8;
	int err;

	*same = track_clean(v->sg, v->target, v->addr + j * 8ull, len, seen);
	if (*same)
		return 0;
	err = shadow_gmem_rd(v->sg, v->target, v->addr + j * 8ull, buf, len);
	if (err)
		return err;
	v->sg->stats.pdes_scanned += SPT_BLOCK;
	*same = memcmp(v->gpde + j, buf, len) == 0;
	track_read(v->sg, v->target, v->addr + j * 8ull, len, *same);
	if (!*same)
		memcpy(v->gpde + j, buf, len);
	return 0;
}

static int scan(struct vas *v)
{
	uint64_t buf[SPT_BLOCK], seen, now;
	int err = regeometry(v);

	if (err)
		return err;
	track_acked(v->sg);
	seen = v->seen;
	now = track_now(v->sg);
	v->seen = 0;
	track_table(v->sg, v->target, v->addr, geom(v)->nr_pde * 8ull);
	for (uint32_t j = 0; j < geom(v)->nr_pde; j += SPT_BLOCK) {
		bool same;
		int e = pdes_read(v, j, seen, buf, &same);

		if (e)
			return e;
		e = slots_sync(v, j / per_slot(v), SPT_BLOCK / per_slot(v), same);
		err = err ? err : e;
	}
	if (!err)
		v->seen = now;
	return err;
}

int vas_sync(struct vas *v)
{
	struct shadow_guest *sg = v->sg;
	uint64_t start;
	int err;

	if (v->pv)
		return 0;
	start = dev_now(sg->s->dev);
	err = scan(v);
	if (err == -EFAULT) {
		sg_fault(sg, SHADOW_FAULT_PDB, v->addr);
		drop_tables(v);
	}
	v->stale = err != 0;
	sg_settle(sg, true);
	sg->stats.shadowings++;
	sg->stats.shadowing_ns += dev_now(sg->s->dev) - start;
	return err;
}

static struct vas *vas_find(struct shadow_guest *sg, uint32_t target, uint64_t addr)
{
	struct vas *v;

	list_for_each(v, &sg->vas, node)
		if (v->target == target && v->addr == addr)
			return v;
	return NULL;
}

static int vas_new(struct shadow_guest *sg, uint32_t target, uint64_t addr, struct vas **out)
{
	struct vas *v = mem_new(struct vas);
	int err = -ENOMEM;

	if (!v)
		return -ENOMEM;
	v->sg = sg;
	v->target = target;
	v->addr = addr;
	v->g64k = sg->large_64k;
	v->refs = 1;
	v->gpde = mem_calloc(geom(v)->nr_pde, 8);
	v->slot = mem_calloc(NR_SLOTS, sizeof(v->slot[0]));
	if (!v->gpde || !v->slot)
		goto err;
	err = sg_heap_get(sg, PD_LEN, &v->pd);
	if (err)
		goto err;
	list_add_tail(&sg->vas, &v->node);
	*out = v;
	return 0;
err:
	mem_free(v->gpde);
	mem_free(v->slot);
	mem_free(v);
	return err;
}

int vas_get(struct shadow_guest *sg, uint32_t target, uint64_t addr, struct vas **out)
{
	struct vas *v = vas_find(sg, target, addr);
	int err;

	if (v) {
		v->refs++;
		*out = v;
		return 0;
	}
	if (target == 1 || addr >> FERMI_PHYS_BITS ||
	    (target == PTE_VRAM && !range_ok(addr, fermi_geom[sg->large_64k].nr_pde * 8ull,
					     part_vram_len(sg->cfg.part)))) {
		sg_fault(sg, SHADOW_FAULT_PDB, addr);
		return -EFAULT;
	}
	err = vas_new(sg, target, addr, &v);
	if (err) {
		if (err == -EDQUOT || err == -ENOSPC)
			sg_fault(sg, SHADOW_FAULT_QUOTA, addr);
		return err;
	}
	err = vas_sync(v);
	if (err) {
		vas_put(v);
		return err;
	}
	*out = v;
	return 0;
}

void vas_put(struct vas *v)
{
	struct shadow_guest *sg;

	if (!v || --v->refs)
		return;
	sg = v->sg;
	drop_tables(v);
	/*
	 * The device may have cached the directory even if it had no tables: it is about to be
	 * reused.
	 */
	v->tlb = true;
	sg_settle(sg, true);
	list_del(&v->node);
	sg_heap_put(sg, v->pd, PD_LEN);
	mem_free(v->gpde);
	mem_free(v->slot);
	mem_free(v);
}

/* Whether v can wait for its next use. */
static bool put_off(struct vas *v)
{
	const struct shadow_chan *ch;

	if (!(v->sg->cfg.opts & SHADOW_OPT_LAZY) || v->pv)
		return false;
	list_for_each(ch, &v->sg->chans, node)
		if (chan_uses(ch, v))
			return false;
	v->stale = true;
	v->sg->stats.deferred++;
	return true;
}

int vas_catch_up(struct shadow_guest *sg)
{
	struct vas *v;
	int err = 0;

	list_for_each(v, &sg->vas, node) {
		int e = v->stale ? vas_sync(v) : 0;

		if (e && e != -EFAULT)
			err = err ? err : e;
	}
	return err;
}

int shadow_flush(struct shadow_guest *sg, uint32_t pdb, uint32_t trigger)
{
	bool all = trigger & TLB_FLUSH_ALL_PDBS;
	uint32_t target = TLB_PDB_TARGET(pdb);
	uint64_t addr = tlb_pdb_addr(pdb);
	struct vas *v;
	int err = 0;

	if (!(trigger & TLB_FLUSH_GO))
		return 0;
	sg->stats.flushes++;
	bar_drop(sg, all, target, addr);
	list_for_each(v, &sg->vas, node) {
		int e;

		if (!all && (v->target != target || v->addr != addr))
			continue;
		e = put_off(v) ? 0 : vas_sync(v);
		/* A directory that cannot be read is the guest's fault, and counted as that. */
		if (e && e != -EFAULT)
			err = err ? err : e;
	}
	return window_flush(sg, all, target, addr) ?: err;
}

int shadow_set_large_64k(struct shadow_guest *sg, bool on)
{
	if (sg->large_64k == on)
		return 0;
	bar_drop(sg, true, 0, 0);
	sg->large_64k = on;
	return window_all(sg);
}

int shadow_revoke(struct shadow_guest *sg, gpa_t start, uint64_t len)
{
	struct vas *v;

	bar_drop(sg, true, 0, 0);
	list_for_each(v, &sg->vas, node)
		for (uint32_t i = 0; i < NR_SLOTS; i++)
			for (uint32_t k = 0; k < NR_SPT_KINDS; k++) {
				struct spt *t = v->slot[i].t[k];

				if (t && spt_revoke(v, t, gpa_x(start), len))
					return -EBUSY;
			}
	if (pv_revoke(sg, gpa_x(start), len) || window_revoke(sg, gpa_x(start), len))
		return -EBUSY;
	return sg_settle(sg, false);
}

// SPDX-License-Identifier: MIT
/*
 * The n-th allocation fails, the n-th call into the hypervisor port fails, for
 * every n that one life of two guests has.  Whatever fails: the audit stays
 * clean, nothing leaks, and when the trouble is over one sync makes it right.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

#define RAM_DIR 0x180000ull

static unsigned int countdown; /* 0: off */
static unsigned int allocations;

static int nth_fails(void)
{
	allocations++;
	return countdown && !--countdown;
}

static void furnish(struct rig *r, struct guest *g)
{
	for (uint32_t i = 0; i < 700; i++)
		guest_wr64(r, g, PTE_VRAM, G_SMALL + i * 8ull,
			   pte_pack(i % 3 ? PTE_SYS : PTE_VRAM, i % 64 * 4096ull, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_LARGE + 7 * 8, pte_pack(PTE_SYS, 0x40000, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_DIR,
		   pde_pack_small(PDE_VRAM, G_SMALL) | pde_pack_large(PDE_VRAM, G_LARGE));
	guest_wr64(r, g, PTE_SYS, RAM_DIR, pde_pack_small(PDE_SYS, 0x200000));
	guest_wr64(r, g, PTE_SYS, 0x200000 + 24, pte_pack(PTE_SYS, 0x5000, PTE_PRESENT));
	guest_inst(r, g, G_INST, G_DIR);
	guest_inst(r, g, 0x20000, RAM_DIR | PTE_SYS);
	guest_wr32(r, g, G_RUNLIST, 0);
	guest_wr32(r, g, G_RUNLIST + 8, 1);
}

/* A whole life; any call may fail, none may be followed by what needs it. */
static void life(struct rig *r, struct guest *g, struct shadow_chan *ch[2])
{
	struct shadow_loc l;
	hchan_t h;

	ch[0] = ch[1] = NULL;
	part_chan_get(g->part, gchan(0), &h);
	part_chan_get(g->part, gchan(1), &h);
	shadow_bar_bind(g->sg, 1, 1u << 31 | G_INST >> 12);
	shadow_bar_xlate(g->sg, 1, 0x1000, false, &l);
	shadow_chan_bind(g->sg, gchan(0), gvram(G_INST), g->userd, &ch[0]);
	shadow_chan_bind(g->sg, gchan(1), gvram(0x20000), g->userd, &ch[1]);
	shadow_runlist_submit(g->sg, G_RUNLIST >> 12, 2);
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 5 * 8, pte_pack(PTE_SYS, 0x30000, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_DIR + 16, pde_pack_small(PDE_SYS, 0x200000));
	guest_flush(g, G_DIR);
	guest_wr64(r, g, PTE_SYS, 0x200000 + 24, pte_pack(PTE_SYS, 0x6000, PTE_PRESENT));
	shadow_flush(g->sg, 0, TLB_FLUSH_GO | TLB_FLUSH_ALL_PDBS);
	shadow_set_large_64k(g->sg, true);
	guest_flush(g, RAM_DIR | PTE_SYS);
	shadow_set_large_64k(g->sg, false);
	shadow_revoke(g->sg, gpa(0x5000), 0x2000);
	guest_wr64(r, g, PTE_VRAM, G_INST + INST_PDB_LO, RAM_DIR | PTE_SYS);
	shadow_written(g->sg, gvram(G_INST + INST_PDB_LO), 8);
	shadow_flush(g->sg, 0, TLB_FLUSH_GO | TLB_FLUSH_ALL_PDBS);
	if (ch[1])
		shadow_chan_sync(ch[1]);
}

/* With all well again: what the guest wrote is what the device has. */
static void mended(struct rig *r, struct guest *g, struct shadow_chan *ch[2])
{
	uint32_t shift;

	assert_int_equal(shadow_flush(g->sg, 0, TLB_FLUSH_GO | TLB_FLUSH_ALL_PDBS), 0);
	for (int i = 0; i < 2; i++) {
		if (!ch[i])
			continue;
		assert_int_equal(shadow_chan_sync(ch[i]), 0);
		assert_int_equal(pte_addr(dev_walk(r, shadow_chan_inst(ch[i]), 0x3000, &shift)),
				 bus_of(g, 0x6000));
		assert_false(ch[i]->vas->stale);
	}
	rig_clean(r);
}

static void one(uint32_t opts, unsigned int alloc_n, unsigned int port_n, int err)
{
	struct rig *r = rig_new(opts);
	struct shadow_chan *ch[2], *other[2];

	furnish(r, &r->g[0]);
	furnish(r, &r->g[1]);
	life(r, &r->g[1], other);
	allocations = 0;
	countdown = alloc_n;
	mem_fault_hook = nth_fails;
	hv_null_fail_after(r->hv, port_n, err);
	life(r, &r->g[0], ch);
	mem_fault_hook = NULL;
	countdown = 0;
	hv_null_fail_after(r->hv, 0, 0);
	/* The other guest and the rules do not notice. */
	rig_clean(r);
	mended(r, &r->g[1], other);
	mended(r, &r->g[0], ch);
	rig_free(r);
}

static void nth_allocation(void **st)
{
	unsigned int total;

	(void)st;
	for (uint32_t opts = 0; opts < 2; opts++) {
		one(opts, 0, 0, 0);
		total = allocations;
		assert_true(total > 10);
		for (unsigned int n = 1; n <= total; n++)
			one(opts, n, 0, 0);
	}
}

static void nth_port_call(void **st)
{
	static const int errs[] = { -EIO, -EFAULT, -ENOMEM };

	(void)st;
	/* Thousands of calls, most of them alike: all of the first ones, then every 37th. */
	for (unsigned int n = 1; n < 6000; n += n < 40 ? 1 : 37)
		one(n % 2, 0, n, errs[n % 3]);
}

/* Both at once, and the device deaf in between: bounded, counted, and still nothing leaks. */
static void deaf_device(void **st)
{
	struct rig *r = rig_new(0);
	struct shadow_chan *ch[2];

	(void)st;
	furnish(r, &r->g[0]);
	r->f.deaf = true;
	life(r, &r->g[0], ch);
	assert_true(r->s->timeouts > 0);
	r->f.deaf = false;
	assert_int_equal(shadow_flush(r->g[0].sg, 0, TLB_FLUSH_GO | TLB_FLUSH_ALL_PDBS), 0);
	assert_int_equal(shadow_audit(r->s, NULL), 1);
	assert_int_equal(hv_null_pins(r->g[0].hv), shadow_guest_stats(r->g[0].sg)->pins);
	rig_free(r);
}

static void half_built(void **st)
{
	struct rig *r = rig_new(0);
	struct shadow *s = NULL;
	struct shadow_guest *sg = NULL;
	struct shadow_guest_cfg cfg = rig_cfg(&r->g[0], 0, RIG_QUOTA);
	struct vheap *tiny;

	(void)st;
	shadow_free(NULL);
	shadow_guest_free(NULL);
	allocations = 0;
	mem_fault_hook = nth_fails;
	countdown = 1;
	assert_int_equal(shadow_new(&r->f.dev, r->heap, NULL, &s), -ENOMEM);
	countdown = 1;
	assert_int_equal(shadow_guest_new(r->s, &cfg, &sg), -ENOMEM);
	mem_fault_hook = NULL;
	countdown = 0;
	assert_null(s);
	assert_null(sg);
	/* A heap with room for some of it. */
	for (uint64_t len = 4096; len < PD_LEN + 2 * 4096; len += 4096) {
		assert_int_equal(vheap_new(hvram(RIG_VRAM - 4 * MIB), len, &tiny), 0);
		assert_int_equal(shadow_new(&r->f.dev, tiny, NULL, &s), -ENOSPC);
		assert_int_equal(vheap_used(tiny), 0);
		vheap_free(tiny);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(nth_allocation),
		cmocka_unit_test(nth_port_call),
		cmocka_unit_test(deaf_device),
		cmocka_unit_test(half_built),
	};

	return cmocka_run_group_tests_name("shadow faults", t, NULL, NULL);
}

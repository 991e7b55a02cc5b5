// SPDX-License-Identifier: MIT
/*
 * Address spaces: who shares one, when it is scanned, what a directory entry
 * may name, quota, page sizes, and RAM that goes away.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

static uint64_t seen(struct rig *r, struct shadow_chan *ch, uint64_t va)
{
	uint32_t shift;

	return dev_walk(r, shadow_chan_inst(ch), va, &shift);
}

static void shared_and_freed(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *a = guest_chan(r, g, 0), *b = guest_chan(r, g, 1);
	uint64_t used = vheap_used(r->heap);

	(void)st;
	assert_int_equal(dev_rd64(r, hvram_x(shadow_chan_inst(a)) + INST_PDB_LO),
			 dev_rd64(r, hvram_x(shadow_chan_inst(b)) + INST_PDB_LO));
	assert_int_equal(shadow_guest_stats(g->sg)->shadowings, 1);
	shadow_chan_unbind(a);
	assert_int_equal(vheap_used(r->heap), used - 4096);
	rig_clean(r);
	shadow_chan_unbind(b);
	assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, 0);
	rig_clean(r);
	rig_free(r);
}

/* A directory that never had a table may still be cached; its memory is about to be something else.
 */
static void forgotten_before_reuse(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch;
	unsigned int flushes;
	uint64_t pd;

	(void)st;
	guest_inst(r, g, G_INST, G_DIR);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(0), gvram(G_INST), g->userd, &ch), 0);
	pd = dev_rd64(r, hvram_x(shadow_chan_inst(ch)) + INST_PDB_LO);
	flushes = r->f.tlb_flushes;
	shadow_chan_unbind(ch);
	assert_int_equal(r->f.tlb_flushes, flushes + 1);
	assert_int_equal(r->f.last_pdb, pd >> 8);
	rig_free(r);
}

static void flush_by_directory(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, pte_pack(PTE_VRAM, 0x5000, PTE_PRESENT));
	/* Not its directory; not its target; no go bit. */
	assert_int_equal(guest_flush(g, G_DIR + 0x1000), 0);
	assert_int_equal(guest_flush(g, G_DIR | PTE_SYS), 0);
	assert_int_equal(shadow_flush(g->sg, G_DIR >> 8, 1), 0);
	assert_int_equal(seen(r, ch, 0x1000), 0);
	assert_int_equal(shadow_guest_stats(g->sg)->flushes, 2);
	/* The same numbers of the other guest are another directory. */
	assert_int_equal(guest_flush(&r->g[1], G_DIR), 0);
	assert_int_equal(seen(r, ch, 0x1000), 0);
	assert_int_equal(shadow_flush(g->sg, 0x1230, TLB_FLUSH_GO | TLB_FLUSH_ALL_PDBS), 0);
	assert_int_equal(pte_addr(seen(r, ch, 0x1000)), host_of(g, 0x5000));
	assert_int_equal(r->f.last_pdb,
			 dev_rd64(r, hvram_x(shadow_chan_inst(ch)) + INST_PDB_LO) >> 8);
	rig_clean(r);
	rig_free(r);
}

static void bad_directory_entries(void **st)
{
	const uint64_t bad[] = {
		pde_pack_small(PDE_VRAM, RIG_PART),
		pde_pack_small(PDE_VRAM, RIG_PART - 0x3f000), /* its end is outside */
		pde_pack_large(PDE_VRAM, RIG_PART - 0x1000),
		pde_pack_small(PDE_SYS, RIG_RAM - 0x1000),
		pde_pack_large(PDE_SYS_NC, RIG_RAM),
		pde_pack_large(PDE_SYS, (1ull << 40) - 4096),
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rig *r = rig_new(SHADOW_OPT_KEEP);
		struct guest *g = &r->g[0];
		struct shadow_chan *ch = guest_chan(r, g, 0);

		/* Slot 3, and once more over a good table in slot 0. */
		guest_wr64(r, g, PTE_VRAM, G_DIR + 3 * 8, bad[i]);
		assert_int_equal(guest_flush(g, G_DIR), 0);
		assert_int_equal(g->faults[SHADOW_FAULT_PDE], 1);
		assert_int_equal(g->last_where, 3ull << 27);
		assert_int_equal(seen(r, ch, 3ull << 27), 0);
		guest_wr64(r, g, PTE_VRAM, G_DIR, bad[i]);
		assert_int_equal(guest_flush(g, G_DIR), 0);
		assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, 4096 + 65536);
		rig_clean(r);
		rig_free(r);
	}
}

/* Tables and directory in RAM; a directory that names itself as table; two slots with one table. */
static void odd_places(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[1];
	struct shadow_chan *ch;
	const uint64_t dir = 0x200000, tab = 0x300000;

	(void)st;
	guest_inst(r, g, G_INST, dir | PTE_SYS | 4);
	guest_wr64(r, g, PTE_SYS, dir, pde_pack_small(PDE_SYS, tab));
	guest_wr64(r, g, PTE_SYS, dir + 5 * 8, pde_pack_small(PDE_SYS_NC, tab));
	guest_wr64(r, g, PTE_SYS, dir + 6 * 8, pde_pack_large(PDE_SYS, dir));
	guest_wr64(r, g, PTE_SYS, tab + 2 * 8,
		   pte_pack(PTE_SYS, tab, PTE_PRESENT)); /* maps the table itself */
	assert_int_equal(shadow_chan_bind(g->sg, gchan(9), gvram(G_INST), g->userd, &ch), 0);
	assert_int_equal(pte_addr(seen(r, ch, 0x2000)), bus_of(g, tab));
	assert_int_equal(pte_addr(seen(r, ch, (5ull << 27) + 0x2000)), bus_of(g, tab));
	assert_int_equal(hv_null_pins(g->hv), 2); /* two shadows of one guest table */
	rig_clean(r);
	/* The GPU would write there now; what it sees changes only by a flush. */
	guest_wr64(r, g, PTE_SYS, tab + 2 * 8, pte_pack(PTE_VRAM, 0, PTE_PRESENT));
	assert_int_equal(pte_addr(seen(r, ch, 0x2000)), bus_of(g, tab));
	assert_int_equal(guest_flush(g, dir | PTE_SYS), 0);
	assert_int_equal(pte_addr(seen(r, ch, 0x2000)), host_of(g, 0));
	rig_clean(r);
	rig_free(r);
}

static void quota(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_guest_cfg cfg = rig_cfg(g, SHADOW_OPT_KEEP, 4096 + 65536 + 3 * 262144);
	struct shadow_chan *ch, *extra;

	(void)st;
	shadow_guest_free(g->sg);
	assert_int_equal(shadow_guest_new(r->s, &cfg, &g->sg), 0);
	for (uint32_t i = 0; i < 8; i++)
		guest_wr64(r, g, PTE_VRAM, G_DIR + i * 8, pde_pack_small(PDE_VRAM, G_SMALL));
	guest_wr64(r, g, PTE_VRAM, G_SMALL, pte_pack(PTE_VRAM, 0, PTE_PRESENT));
	guest_inst(r, g, G_INST, G_DIR);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(0), gvram(G_INST), g->userd, &ch), 0);
	assert_int_equal(g->faults[SHADOW_FAULT_QUOTA], 5);
	assert_int_not_equal(seen(r, ch, 2ull << 27), 0);
	assert_int_equal(seen(r, ch, 3ull << 27), 0);
	assert_int_equal(shadow_guest_stats(g->sg)->table_bytes, cfg.table_quota);
	rig_clean(r);
	/* Not even an instance block more. */
	assert_int_equal(shadow_chan_bind(g->sg, gchan(1), gvram(G_INST), g->userd, &extra),
			 -EDQUOT);
	/* What is given back can be had by another slot, in the same scan order. */
	for (uint32_t i = 0; i < 3; i++)
		guest_wr64(r, g, PTE_VRAM, G_DIR + i * 8, 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_not_equal(seen(r, ch, 3ull << 27), 0);
	assert_int_equal(seen(r, ch, 6ull << 27), 0);
	rig_clean(r);
	rig_free(r);
}

/* A guest of 64 KiB pages on a card that walks 128 KiB ones. */
static void other_page_size(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	const uint64_t half = 1ull << 26;

	(void)st;
	shadow_set_large_64k(g->sg, true);
	guest_wr64(r, g, PTE_VRAM, G_DIR + 8,
		   pde_pack_small(PDE_VRAM, G_SMALL + 0x40000) |
			   pde_pack_large(PDE_VRAM, G_LARGE + 0x40000));
	guest_wr64(r, g, PTE_VRAM, G_LARGE + 2 * 8,
		   pte_pack(PTE_VRAM, 0x410000, PTE_PRESENT | PTE_RO));
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 33 * 8, pte_pack(PTE_SYS, 0x6000, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_LARGE + 0x40000 + 8, pte_pack(PTE_SYS, 0x10000, PTE_PRESENT));
	guest_wr64(r, g, PTE_VRAM, G_LARGE + 0x40000 + 16,
		   pte_pack(PTE_VRAM, 0x411000, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	/* Large page 2 covers 0x20000..0x2ffff, but page 0x21 is a small one. */
	assert_int_equal(seen(r, ch, 0x20000),
			 pte_pack(PTE_VRAM, host_of(g, 0x410000), PTE_PRESENT | PTE_RO));
	assert_int_equal(pte_addr(seen(r, ch, 0x2f000)), host_of(g, 0x41f000));
	assert_int_equal(pte_addr(seen(r, ch, 0x21000)), bus_of(g, 0x6000));
	assert_int_equal(seen(r, ch, 0x30000), 0);
	assert_int_equal(pte_addr(seen(r, ch, half + 0x1f000)), bus_of(g, 0x1f000));
	assert_int_equal(seen(r, ch, half + 0x20000), 0); /* does not start on its size */
	assert_int_equal(g->faults[SHADOW_FAULT_PTE_TARGET], 16);
	assert_int_equal(hv_null_pins(g->hv), 1 + 16);
	rig_clean(r);
	shadow_set_large_64k(g->sg, false);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(pte_addr(seen(r, ch, 0x21000)), bus_of(g, 0x6000));
	assert_int_equal(seen(r, ch, half + 0x1f000), 0);
	rig_clean(r);
	rig_free(r);
}

static void ram_goes_away(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	for (uint32_t i = 0; i < 512; i++)
		guest_wr64(r, g, PTE_VRAM, G_SMALL + i * 8ull,
			   pte_pack(PTE_SYS, i % 256 * 4096ull, PTE_PRESENT));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	/* The device does not confirm: the pages stay pinned, and the answer is "ask again". */
	r->f.deaf = true;
	assert_int_equal(hv_null_revoke(g->hv, gpa(0x10000), 0x10000), -EBUSY);
	assert_int_equal(hv_null_pins(g->hv), 512);
	assert_int_equal(seen(r, ch, 0x10000), 0);
	r->f.deaf = false;
	assert_int_equal(hv_null_revoke(g->hv, gpa(0x10000), 0x10000), 0);
	for (uint32_t i = 0; i < 16; i++)
		g->gone[16 + i] = true;
	assert_int_equal(hv_null_pins(g->hv), 512 - 32);
	assert_int_equal(seen(r, ch, 0x10000), 0);
	assert_int_equal(seen(r, ch, 0x110000), 0);
	assert_int_not_equal(seen(r, ch, 0xf000), 0);
	assert_int_not_equal(seen(r, ch, 0x20000), 0);
	assert_int_equal(guest_flush(g, G_DIR), 0);
	assert_int_equal(g->faults[SHADOW_FAULT_PTE_SYS], 32);
	assert_int_equal(hv_null_pins(g->hv), 512 - 32);
	/* A device that once did not answer leaves doubt, and the audit says so. */
	assert_int_equal(shadow_audit(r->s, NULL), 1);
	rig_free(r);
}

static void directory_goes_away(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_KEEP);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch;
	const uint64_t dir = 0x200000;

	(void)st;
	guest_inst(r, g, G_INST, dir | PTE_SYS);
	guest_wr64(r, g, PTE_SYS, dir, pde_pack_small(PDE_VRAM, G_SMALL));
	guest_wr64(r, g, PTE_VRAM, G_SMALL, pte_pack(PTE_SYS, 0x1000, PTE_PRESENT));
	assert_int_equal(shadow_chan_bind(g->sg, gchan(0), gvram(G_INST), g->userd, &ch), 0);
	assert_int_not_equal(seen(r, ch, 0), 0);
	assert_int_equal(hv_null_revoke(g->hv, gpa(dir + 0x8000), 4096), 0);
	assert_int_equal(guest_flush(g, dir | PTE_SYS), 0);
	assert_int_equal(g->faults[SHADOW_FAULT_PDB], 1);
	assert_int_equal(seen(r, ch, 0), 0);
	assert_int_equal(hv_null_pins(g->hv), 0);
	rig_clean(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(shared_and_freed),    cmocka_unit_test(forgotten_before_reuse),
		cmocka_unit_test(flush_by_directory),  cmocka_unit_test(bad_directory_entries),
		cmocka_unit_test(odd_places),	       cmocka_unit_test(quota),
		cmocka_unit_test(other_page_size),     cmocka_unit_test(ram_goes_away),
		cmocka_unit_test(directory_goes_away),
	};

	return cmocka_run_group_tests_name("shadow vas", t, NULL, NULL);
}

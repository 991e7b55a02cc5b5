// SPDX-License-Identifier: MIT
/*
 * What tracking may leave unread, and what it must not: every way by which a
 * guest can change a table is tried, and the device must see the change after
 * the flush.
 */
#include "tests/unit/shadow/rig.h"
#include "tests/unit/shadow/seen.h"

#define TABLE2 0x280000ull /* another small table */
#define WINDOW 100	   /* entry that maps the table itself for the GPU */

/* A store that traps. */
static void store(struct rig *r, struct guest *g, uint64_t at, uint64_t e)
{
	guest_wr64(r, g, PTE_VRAM, at, e);
	shadow_written(g->sg, gvram(at), 8);
}

static uint64_t page(uint64_t at, uint64_t flags)
{
	return pte_pack(PTE_VRAM, at, PTE_PRESENT | flags);
}

static uint64_t seen(struct rig *r, struct shadow_chan *ch, uint64_t va)
{
	uint32_t shift;

	return dev_walk(r, shadow_chan_inst(ch), va, &shift);
}

static uint64_t scanned(struct guest *g)
{
	return shadow_guest_stats(g->sg)->ptes_scanned + shadow_guest_stats(g->sg)->pdes_scanned;
}

/* Entries read by a flush. */
static uint64_t flush_cost(struct guest *g)
{
	uint64_t before = scanned(g);

	assert_int_equal(guest_flush(g, G_DIR), 0);
	return scanned(g) - before;
}

static void unwritten_is_not_read(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	uint64_t trusted = shadow_guest_stats(g->sg)->ptes_trusted;

	(void)st;
	assert_int_equal(flush_cost(g), 0);
	assert_true(shadow_guest_stats(g->sg)->ptes_trusted > trusted);
	store(r, g, G_SMALL + 8, page(0x800000, 0));
	/* The block of that entry, and no more. */
	assert_int_equal(flush_cost(g), SPT_BLOCK);
	assert_true(seen(r, ch, 0x1000) == pte_pack(PTE_VRAM, host_of(g, 0x800000), PTE_PRESENT));
	assert_int_equal(flush_cost(g), 0);
	/* A new directory entry. */
	store(r, g, G_DIR + 8, pde_pack_small(PDE_VRAM, TABLE2));
	assert_int_equal(flush_cost(g), SPT_BLOCK + 32768);
	assert_int_equal(flush_cost(g), 0);
	rig_clean(r);
	rig_free(r);
}

/* The table mapped for the GPU: its stores are found, until the mapping is gone. */
static void gpu_stores_are_seen(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	store(r, g, G_SMALL + WINDOW * 8, page(G_SMALL, 0));
	assert_true(flush_cost(g) > 0);
	for (uint64_t n = 0; n < 3; n++) {
		guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, page(0x800000 + n * 4096, 0));
		assert_int_equal(flush_cost(g), SPT_BLOCK);
		assert_true(seen(r, ch, 0x1000) ==
			    pte_pack(PTE_VRAM, host_of(g, 0x800000 + n * 4096), PTE_PRESENT));
	}
	/* The last store the GPU can make comes after the read that takes its mapping away. */
	store(r, g, G_SMALL + WINDOW * 8, 0);
	assert_true(flush_cost(g) > 0);
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, page(0x900000, 0));
	assert_true(flush_cost(g) > 0);
	assert_true(seen(r, ch, 0x1000) == pte_pack(PTE_VRAM, host_of(g, 0x900000), PTE_PRESENT));
	assert_int_equal(flush_cost(g), 0);
	rig_clean(r);
	rig_free(r);
}

/* However many pages lose their last mapping in one flush: each is read once more, and then no more. */
static void many_close_at_once(void **st)
{
	static const uint32_t many[] = { 1, 63, 64, 65, 300 };
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	for (size_t k = 0; k < ARRAY_SIZE(many); k++) {
		const uint64_t to = 0x800000 + k * 4096;

		/* The table's own pages first. */
		for (uint32_t i = 0; i < many[k]; i++)
			store(r, g, G_SMALL + (WINDOW + i) * 8, page(G_SMALL + i * 4096ull, 0));
		assert_true(flush_cost(g) > 0);
		assert_true(flush_cost(g) > 0);
		for (uint32_t i = 0; i < many[k]; i++)
			store(r, g, G_SMALL + (WINDOW + i) * 8, 0);
		assert_true(flush_cost(g) > 0);
		guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, page(to, 0));
		assert_true(flush_cost(g) > 0);
		assert_true(seen(r, ch, 0x1000) == pte_pack(PTE_VRAM, host_of(g, to), PTE_PRESENT));
		assert_int_equal(flush_cost(g), 0);
	}
	rig_clean(r);
	rig_free(r);
}

/* By a large page, from another address space of the guest. */
static void gpu_stores_by_another_space(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0), *b;
	const uint64_t dir2 = G_DIR + 0x20000, large2 = 0x340000, inst2 = G_INST + 0x10000;

	(void)st;
	store(r, g, dir2, pde_pack_large(PDE_VRAM, large2));
	store(r, g, large2, page(align_down(G_SMALL, 1 << 17), 0));
	guest_inst(r, g, inst2, dir2);
	assert_int_equal(shadow_chan_bind(g->sg, gchan(1), gvram(inst2), g->userd, &b), 0);
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, page(0x800000, 0));
	assert_true(flush_cost(g) > 0);
	assert_true(seen(r, ch, 0x1000) == pte_pack(PTE_VRAM, host_of(g, 0x800000), PTE_PRESENT));
	/* The other one goes away with all it had; what it wrote last is read once more. */
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, 0);
	shadow_chan_unbind(b);
	assert_true(flush_cost(g) > 0);
	assert_int_equal(seen(r, ch, 0x1000), 0);
	assert_int_equal(flush_cost(g), 0);
	rig_clean(r);
	rig_free(r);
}

static void read_only_does_not_open(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];

	(void)st;
	guest_chan(r, g, 0);
	store(r, g, G_SMALL + WINDOW * 8, page(G_SMALL, PTE_RO));
	assert_int_equal(flush_cost(g), SPT_BLOCK);
	assert_int_equal(flush_cost(g), 0);
	rig_free(r);
}

static void tables_in_ram_are_compared(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	store(r, g, G_DIR + 8, pde_pack_small(PDE_SYS, 0x100000));
	assert_true(flush_cost(g) > 0);
	for (uint64_t n = 0; n < 3; n++) {
		guest_wr64(r, g, PTE_SYS, 0x100000 + 8, page(0x800000 + n * 4096, 0));
		assert_int_equal(flush_cost(g), 32768);
		assert_true(seen(r, ch, (1 << 27) + 0x1000) ==
			    pte_pack(PTE_VRAM, host_of(g, 0x800000 + n * 4096), PTE_PRESENT));
	}
	rig_free(r);
}

/* Two slots with one table: both follow it. */
static void shared_table(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);
	uint64_t want = pte_pack(PTE_VRAM, host_of(g, 0x800000), PTE_PRESENT);

	(void)st;
	store(r, g, G_DIR + 8, pde_pack_small(PDE_VRAM, G_SMALL));
	assert_true(flush_cost(g) > 0);
	store(r, g, G_SMALL + 8, page(0x800000, 0));
	assert_int_equal(flush_cost(g), 2 * SPT_BLOCK);
	assert_true(seen(r, ch, 0x1000) == want);
	assert_true(seen(r, ch, (1 << 27) + 0x1000) == want);
	/* The slot goes to another table of the same size, which was never written. */
	store(r, g, G_DIR + 8, pde_pack_small(PDE_VRAM, TABLE2));
	assert_true(flush_cost(g) > 0);
	assert_int_equal(seen(r, ch, (1 << 27) + 0x1000), 0);
	assert_true(seen(r, ch, 0x1000) == want);
	rig_free(r);
}

/* An entry that was refused is tried at each flush, as without tracking. */
static void refused_is_tried_again(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];
	unsigned int n;

	(void)st;
	guest_chan(r, g, 0);
	store(r, g, G_SMALL + 8, page(RIG_PART, 0));
	assert_true(flush_cost(g) > 0);
	n = g->faults[SHADOW_FAULT_PTE_VRAM];
	assert_true(flush_cost(g) > 0);
	assert_int_equal(g->faults[SHADOW_FAULT_PTE_VRAM], n + 1);
	/* A page of RAM that is taken away: the guest's entry stays, and is refused from now on. */
	store(r, g, G_SMALL + 8, pte_pack(PTE_SYS, 0x7000, PTE_PRESENT));
	assert_true(flush_cost(g) > 0);
	assert_int_equal(flush_cost(g), 0);
	assert_int_equal(hv_null_revoke(g->hv, gpa(0x7000), 4096), 0);
	g->gone[7] = true;
	assert_true(flush_cost(g) > 0);
	assert_int_equal(g->faults[SHADOW_FAULT_PTE_SYS], 1);
	rig_clean(r);
	rig_free(r);
}

/* Switched on late, it knows what the GPU can write already. */
static void switched_on_late(void **st)
{
	struct rig *r = rig_new(0);
	struct guest *g = &r->g[0];
	struct shadow_chan *ch = guest_chan(r, g, 0);

	(void)st;
	store(r, g, G_SMALL + WINDOW * 8, page(G_SMALL, 0));
	assert_int_equal(guest_flush(g, G_DIR), 0);
	for (uint64_t n = 0; n < 4; n++) {
		guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, page(0x800000 + n * 4096, 0));
		assert_int_equal(shadow_guest_set_opts(g->sg, n % 2 ? 0 : SHADOW_OPT_TRACK), 0);
		assert_int_equal(guest_flush(g, G_DIR), 0);
		guest_wr64(r, g, PTE_VRAM, G_SMALL + 16, page(0x800000 + n * 4096, 0));
		assert_int_equal(guest_flush(g, G_DIR), 0);
		for (uint64_t va = 0x1000; va < 0x3000; va += 0x1000)
			assert_true(seen(r, ch, va) == pte_pack(PTE_VRAM,
								host_of(g, 0x800000 + n * 4096),
								PTE_PRESENT));
		rig_clean(r);
	}
	rig_free(r);
}

/* The audit finds a change in a page that is trusted: the proof that it looks. */
static void audit_looks_behind(void **st)
{
	struct rig *r = rig_new(SHADOW_OPT_TRACK);
	struct guest *g = &r->g[0];

	(void)st;
	guest_chan(r, g, 0);
	store(r, g, G_SMALL + 8, page(0x800000, 0));
	assert_true(flush_cost(g) > 0);
	assert_int_equal(shadow_audit(r->s, NULL), 0);
	guest_wr64(r, g, PTE_VRAM, G_SMALL + 8, 0); /* nothing that is allowed does this */
	assert_int_equal(shadow_audit(r->s, NULL), 1);
	store(r, g, G_SMALL + 8, 0);
	assert_int_equal(shadow_audit(r->s, NULL), 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(unwritten_is_not_read),
		cmocka_unit_test(gpu_stores_are_seen),
		cmocka_unit_test(gpu_stores_by_another_space),
		cmocka_unit_test(many_close_at_once),
		cmocka_unit_test(read_only_does_not_open),
		cmocka_unit_test(tables_in_ram_are_compared),
		cmocka_unit_test(shared_table),
		cmocka_unit_test(refused_is_tried_again),
		cmocka_unit_test(switched_on_late),
		cmocka_unit_test(audit_looks_behind),
	};

	return cmocka_run_group_tests_name("shadow track", t, NULL, NULL);
}
